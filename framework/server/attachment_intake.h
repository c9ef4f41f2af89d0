// The bytes of one attachment on their way into the store. Text is packed on the way, as CouchDB
// does it (gzip at level 8, of the same types): length and digest that a reader is shown are then
// the ones that CouchDB shows. Thread rule: one thread at a time; may wait for the disk.
#pragma once

#include <memory>
#include <string_view>

#include "server/gzip.h"
#include "store/store.h"

namespace atelier::server {

/// Whether attachments of this content type are stored packed.
bool is_compressible(std::string_view content_type);

class AttachmentIntake {
 public:
  /// `attachment` says name, type and whether its bytes come packed already (`encoding`). `store`
  /// outlives this object.
  AttachmentIntake(Store& store, AttachmentWrite attachment);

  /// Errors: kFull, kDisk.
  Status append(std::string_view bytes);
  /// The attachment as it goes into the write of its document. Called once. Errors: kFull, kDisk.
  Result<AttachmentWrite> finish();

 private:
  Status write(std::string_view stored);

  Store& store_;
  AttachmentWrite attachment_;
  std::unique_ptr<BlobWriter> writer_;
  std::unique_ptr<Gzip> packer_;   // of text that comes plain
  std::uint64_t plain_bytes_ = 0;  // with packer_
};

}  // namespace atelier::server
