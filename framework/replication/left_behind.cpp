#include "replication/left_behind.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace atelier {
namespace {

std::uint64_t stored_bytes(const Attachment& attachment) {
  return attachment.encoding.empty() ? attachment.length : attachment.encoded_length;
}

/// Asks whoever waits whether to go on, also while the other side is silent: a connection that died
/// without a word would hold its thread until the last timeout.
class Watch {
 public:
  Watch(Peer& source, const BlobProgress& progress, std::uint64_t total)
      : source_(source), progress_(progress), total_(total) {
    if (progress_) thread_ = std::thread([this] { look(); });
  }
  Watch(const Watch&) = delete;
  ~Watch() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    ended_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

  /// Bytes came. False: stop.
  bool add(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    done_ += bytes;
    return ask();
  }
  bool stopped() {
    const std::lock_guard lock(mutex_);
    return stopped_;
  }

 private:
  bool ask() {
    stopped_ = stopped_ || (progress_ && !progress_(done_, total_));
    return !stopped_;
  }
  void look() {
    std::unique_lock lock(mutex_);
    while (!ended_.wait_for(lock, kAskEvery, [this] { return over_; })) {
      if (!ask()) return source_.cancel();
    }
  }

  static constexpr std::chrono::milliseconds kAskEvery{250};
  Peer& source_;
  const BlobProgress& progress_;
  const std::uint64_t total_;
  std::mutex mutex_;
  std::condition_variable ended_;
  // Guarded by mutex_.
  std::uint64_t done_ = 0;
  bool stopped_ = false, over_ = false;
  std::thread thread_;
};

Result<BlobWriter::Finished> fetch(Store& store, Peer& source, const Document& document,
                                   const Attachment& wanted, const BlobProgress& progress) {
  ATELIER_TRY(writer, store.begin_blob());
  Status appended = ok();
  Watch watch(source, progress, stored_bytes(wanted));
  const Status read =
      source.read_attachment(document.id, document.rev, wanted.name, [&](std::string_view chunk) {
        appended = writer->append(chunk);
        return static_cast<bool>(appended) && watch.add(chunk.size());
      });
  if (watch.stopped()) {
    return Error(ErrorCode::kCancelled, "fetching " + wanted.name + " was stopped");
  }
  ATELIER_CHECK(read);
  ATELIER_CHECK(std::move(appended));
  return writer->finish();
}

/// The very revision that is here, with the bytes that came and without those that are still away.
DocumentWrite same_revision(const Document& document, const Attachment& brought,
                            const BlobWriter::Finished& blob) {
  DocumentWrite write;
  write.id = document.id;
  write.body = document.body;
  write.body_is_normal = true;
  write.history = {document.rev};
  for (const Attachment& one : document.attachments) {
    AttachmentWrite attachment;
    attachment.name = one.name;
    attachment.content_type = one.content_type;
    attachment.revpos = one.revpos;
    attachment.digest = one.digest;
    attachment.encoding = one.encoding;
    attachment.length = one.length;
    attachment.encoded_length = one.encoded_length;
    if (one.name != brought.name) {
      attachment.left_behind = one.evicted();
      attachment.stub = !one.evicted();
    } else {
      attachment.blob = blob.blob;
      // Some servers store text packed and hand it out unpacked.
      if (blob.length != one.encoded_length) attachment.encoding.clear();
    }
    write.attachments.push_back(std::move(attachment));
  }
  return write;
}

/// CouchDB's digest of a text that it stores packed is of the packed bytes, and what it hands out
/// is not packed: then the length is all that can be compared.
bool is_what_was_promised(const Attachment& wanted, const BlobWriter::Finished& blob) {
  if (blob.digest == wanted.digest) return true;
  return !wanted.encoding.empty() && blob.length == wanted.length;
}

Result<Attachment> attachment_of(const Document& document, const std::string& name) {
  for (const Attachment& one : document.attachments) {
    if (one.name == name) return one;
  }
  return not_found("the document " + document.id + " has no attachment " + name);
}

}  // namespace

Result<Attachment> bring_attachment(Store& store, Peer& source, const std::string& id,
                                    const std::string& name, const BlobProgress& progress) {
  ATELIER_TRY(document, store.get(id));
  ATELIER_TRY(wanted, attachment_of(document, name));
  if (!wanted.evicted()) return wanted;
  ATELIER_TRY(blob, fetch(store, source, document, wanted, progress));
  if (!is_what_was_promised(wanted, blob)) {
    return invalid("the bytes of " + name + " are not those that " + id + " promises");
  }
  ATELIER_CHECK(store.write_one(same_revision(document, wanted, blob)));
  ATELIER_TRY(after, store.get(id, {.rev = document.rev}));
  return attachment_of(after, name);
}

}  // namespace atelier
