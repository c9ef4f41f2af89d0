// Takes the bytes of an attachment in, chunk by chunk, through the writer. Memory stays flat: at
// most kBlobChunksQueuedMax chunks wait. Thread rule: a BlobWriter belongs to one thread.
#include <condition_variable>
#include <mutex>

#include "base/digest.h"
#include "store/blob_table.h"
#include "store/store_impl.h"

namespace atelier {
namespace {

using lmdb::value_of;

// What the jobs of one blob share with it; they may outlive it.
struct Progress {
  std::mutex mutex;
  std::condition_variable moved;
  // Guarded by mutex.
  std::size_t queued = 0;
  Status failed = ok();

  // The writer's thread alone.
  std::uint64_t number = 0;
};

std::string md5_text(const Md5& sum) {
  return "md5-" + base64({reinterpret_cast<const char*>(sum.data()), sum.size()});
}

Status put_chunk(WriteContext& context, Progress& progress, std::uint32_t index,
                 const std::string& bytes) {
  if (index == 0) {
    // Anew when the first job runs again: its transaction was thrown away.
    progress.number = context.state.next_blob++;
    mark_writing(context, progress.number, true);
  }
  const std::string key = chunk_key(progress.number, index);
  const std::string row = record::encode_checked(key, bytes);
  context.txn.put(context.tables.chunks, value_of(std::string_view(key)),
                  value_of(std::string_view(row)));
  return ok();
}

Status put_finished(WriteContext& context, Progress& progress,
                    const BlobWriter::Finished& finished) {
  mark_writing(context, progress.number, false);
  ATELIER_TRY(known, find_blob(context.txn.get(), context.tables, finished.blob));
  if (known) {
    erase_chunks(context, progress.number);
    if (known->references == 0) mark_orphan(context, finished.blob, true);  // a new minute
    return ok();
  }
  const record::BlobRow row{progress.number, finished.length, 0, finished.digest};
  const std::string encoded = record::encode_blob(finished.blob, row);
  const std::string_view key(reinterpret_cast<const char*>(finished.blob.data()),
                             finished.blob.size());
  context.txn.put(context.tables.blobs, value_of(key), value_of(std::string_view(encoded)));
  mark_orphan(context, finished.blob, true);
  return ok();
}

}  // namespace

class BlobWriterImpl : public BlobWriter {
 public:
  explicit BlobWriterImpl(std::shared_ptr<StoreImpl> store) : store_(std::move(store)) {}

  ~BlobWriterImpl() override {
    if (finished_ || next_index_ == 0) return;
    Writer::Job job;
    job.run = [progress = progress_](WriteContext& context) -> Status {
      if (progress->number == 0) return ok();
      erase_chunks(context, progress->number);
      mark_writing(context, progress->number, false);
      return ok();
    };
    store_->writer_->enqueue(std::move(job));
  }

  Status append(std::string_view bytes) override {
    return guard([&]() -> Status {
      if (finished_) return invalid("the blob is finished");
      hasher_.update(bytes);
      length_ += bytes.size();
      while (!bytes.empty()) {
        const std::size_t part = std::min(bytes.size(), kBlobChunkBytes - buffer_.size());
        buffer_.append(bytes.substr(0, part));
        bytes.remove_prefix(part);
        if (buffer_.size() == kBlobChunkBytes) ATELIER_CHECK(queue_chunk());
      }
      return ok();
    });
  }

  Result<Finished> finish() override {
    return guard([&]() -> Result<Finished> {
      if (finished_) return invalid("the blob is finished");
      ATELIER_CHECK(store_->check_usable(true));
      const auto [sha, sum] = hasher_.finish();
      Finished finished{sha, md5_text(sum), length_};
      const bool tail = !buffer_.empty();
      // The last chunk and the row of the blob in one job: a small attachment is one commit.
      const Status done = store_->writer_->run(
          [&](WriteContext& context) -> Status {
            {
              const std::lock_guard lock(progress_->mutex);
              ATELIER_CHECK(progress_->failed);
            }
            if (next_index_ == 0 && !tail) progress_->number = context.state.next_blob++;
            if (next_index_ > 0 && progress_->number == 0) {
              return Error(ErrorCode::kInternal, "a blob lost its first chunk");
            }
            if (tail) ATELIER_CHECK(put_chunk(context, *progress_, next_index_, buffer_));
            return put_finished(context, *progress_, finished);
          },
          buffer_.size());
      finished_ = done.has_value();
      ATELIER_CHECK(done);
      return finished;
    });
  }

 private:
  Status queue_chunk() {
    ATELIER_CHECK(store_->check_usable(true));
    {
      std::unique_lock lock(progress_->mutex);
      progress_->moved.wait(lock, [&] { return progress_->queued < kBlobChunksQueuedMax; });
      ATELIER_CHECK(progress_->failed);
      ++progress_->queued;
    }
    Writer::Job job;
    job.bytes = buffer_.size();
    job.run = [progress = progress_, index = next_index_,
               bytes = std::make_shared<const std::string>(std::move(buffer_))](
                  WriteContext& context) -> Status {
      return put_chunk(context, *progress, index, *bytes);
    };
    job.done = [progress = progress_, index = next_index_](const Status& status) {
      const std::lock_guard lock(progress->mutex);
      // Its number went with its transaction and may be another blob's by now.
      if (!status && index == 0) progress->number = 0;
      --progress->queued;
      if (!status && progress->failed) progress->failed = status;
      progress->moved.notify_one();
    };
    buffer_.clear();
    ++next_index_;
    store_->writer_->enqueue(std::move(job));
    return ok();
  }

  const std::shared_ptr<StoreImpl> store_;
  const std::shared_ptr<Progress> progress_ = std::make_shared<Progress>();
  BlobHasher hasher_;
  std::string buffer_;
  std::uint64_t length_ = 0;
  std::uint32_t next_index_ = 0;
  bool finished_ = false;
};

Result<std::unique_ptr<BlobWriter>> StoreImpl::begin_blob() {
  return guard([&]() -> Result<std::unique_ptr<BlobWriter>> {
    ATELIER_CHECK(check_usable(true));
    return std::unique_ptr<BlobWriter>(std::make_unique<BlobWriterImpl>(shared_from_this()));
  });
}

}  // namespace atelier
