#include "server/attachment_intake.h"

#include "server/http_message.h"

namespace atelier::server {

namespace {
constexpr int kLevel = 8;  // CouchDB's [attachments] compression_level
}  // namespace

bool is_compressible(std::string_view content_type) {
  const std::string type = media_type(content_type);
  if (type.starts_with("text/")) return true;
  for (std::string_view known : {"application/javascript", "application/json", "application/xml"})
    if (type == known) return true;
  return false;
}

AttachmentIntake::AttachmentIntake(Store& store, AttachmentWrite attachment)
    : store_(store), attachment_(std::move(attachment)) {
  if (attachment_.encoding.empty() && is_compressible(attachment_.content_type)) {
    packer_ = std::make_unique<Gzip>(kLevel);
    attachment_.encoding = "gzip";
  }
}

Status AttachmentIntake::write(std::string_view stored) {
  if (!writer_) {
    ATELIER_TRY(begun, store_.begin_blob());
    writer_ = std::move(begun);
  }
  return stored.empty() ? ok() : writer_->append(stored);
}

Status AttachmentIntake::append(std::string_view bytes) {
  if (!packer_) return write(bytes);
  plain_bytes_ += bytes.size();
  return write(packer_->append(bytes));
}

Result<AttachmentWrite> AttachmentIntake::finish() {
  ATELIER_CHECK(write(packer_ ? packer_->finish() : std::string()));
  ATELIER_TRY(finished, writer_->finish());
  attachment_.stub = false;
  attachment_.blob = finished.blob;
  attachment_.digest = finished.digest;
  if (attachment_.encoding.empty()) {
    attachment_.length = finished.length;
  } else {
    attachment_.encoded_length = finished.length;
    if (packer_) attachment_.length = plain_bytes_;
    // Nobody knows how long it is unpacked: CouchDB shows the packed length.
    if (attachment_.length == 0 && !packer_) attachment_.length = finished.length;
  }
  return std::move(attachment_);
}

}  // namespace atelier::server
