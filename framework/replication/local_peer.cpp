#include "replication/local_peer.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <utility>

#include "base/limits.h"
#include "replication/wire_document.h"
#include "store/equal_leaves.h"

namespace atelier {
namespace {

/// Errors that say something about the document and not about the disk, the network or the moment.
bool concerns_document(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
    case ErrorCode::kForbidden:
    case ErrorCode::kTooLarge:
    case ErrorCode::kConflict:
    case ErrorCode::kNotFound:
    case ErrorCode::kUnsupported:
    case ErrorCode::kEvicted:
      return true;
    default:
      return false;
  }
}

std::uint64_t stored_bytes(const AttachmentWrite& attachment) {
  return attachment.encoding.empty() ? attachment.length : attachment.encoded_length;
}

Error forgotten_here() {
  return {ErrorCode::kConflict, "it was deleted here long ago"};
}

class LocalPeer final : public Peer {
 public:
  LocalPeer(std::shared_ptr<Store> store, const LocalPeerOptions& options)
      : store_(std::move(store)), options_(options) {
    subscription_ = store_->subscribe([this] { poke(); });
  }

  Result<PeerInfo> info() override;
  Result<ChangesPage> changes(const ChangesQuery& query) override;
  Result<std::vector<RevisionRequest>> newest(const NewestQuery& query) override;
  Result<DiffAnswer> revs_diff(std::span<const RevisionRequest> offered) override;
  Result<std::vector<WireDocument>> fetch(std::span<const RevisionRequest> wanted) override;
  Result<std::vector<Rejection>> write(std::span<const WireDocument> documents,
                                       Peer& source) override;
  Status read_attachment(const std::string& id, const RevId& rev, const std::string& name,
                         const std::function<bool(std::string_view)>& fn) override;
  Result<std::optional<std::string>> get_local(const std::string& id) override;
  Status put_local(const std::string& id, const std::string& json) override;
  void cancel() override;
  bool is_local() const override { return true; }

 private:
  struct Rows {
    std::vector<ChangeRow> wanted;
    std::size_t read = 0;
    std::uint64_t last = 0;
  };

  void poke();
  Status check_cancelled() const;
  Result<Rows> read_rows(std::uint64_t since, const ChangesQuery& query);
  void wait_for_commit(int wait_ms);
  std::string forgotten_behind(std::uint64_t since) const;
  ChangesPage make_page(Rows rows, const ChangesQuery& query);
  std::optional<WireDocument> first_generation(const ChangeRow& row);

  Status take_attachments(DocumentWrite& write, const WireDocument& wire, Peer& source);
  Status pull_blobs(const std::vector<AttachmentWrite*>& attachments, const WireDocument& wire,
                    Peer& source);
  static void take_blob(AttachmentWrite& attachment, const BlobWriter::Finished& blob);
  static void leave_behind(AttachmentWrite& attachment);
  Status pull_blob(AttachmentWrite& attachment, const WireDocument& wire, Peer& source);
  void merge_equal_leaves(const std::string& id);
  Status write_batch(std::vector<DocumentWrite> writes, std::vector<Rejection>& rejected);

  const std::shared_ptr<Store> store_;
  const LocalPeerOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool poked_ = false;      // guarded by mutex_
  bool cancelled_ = false;  // guarded by mutex_

  Subscription subscription_;  // last: its end comes first
};

void LocalPeer::poke() {
  std::lock_guard lock(mutex_);
  poked_ = true;
  changed_.notify_all();
}

void LocalPeer::cancel() {
  std::lock_guard lock(mutex_);
  cancelled_ = true;
  changed_.notify_all();
}

Status LocalPeer::check_cancelled() const {
  std::lock_guard lock(mutex_);
  if (cancelled_) return Error(ErrorCode::kCancelled, "replication was stopped");
  return ok();
}

Result<PeerInfo> LocalPeer::info() {
  ATELIER_CHECK(check_cancelled());
  const StoreInfo info = store_->info();
  PeerInfo peer;
  peer.name = "this device";
  peer.update_seq = store_->sequence_text(info.last_sequence);
  peer.identity = info.uuid;
  peer.doc_count = info.doc_count;
  return peer;
}

Result<LocalPeer::Rows> LocalPeer::read_rows(std::uint64_t since, const ChangesQuery& query) {
  Rows rows;
  rows.last = since;
  ATELIER_CHECK(store_->changes(since, query.limit, [&](const ChangeRow& row) {
    ++rows.read;
    rows.last = row.sequence;
    if (query.filter.wants_id(row.id)) rows.wanted.push_back(row);
    return true;
  }));
  return rows;
}

void LocalPeer::wait_for_commit(int wait_ms) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(wait_ms), [&] { return poked_ || cancelled_; });
}

Result<ChangesPage> LocalPeer::changes(const ChangesQuery& query) {
  ATELIER_TRY(since, store_->parse_sequence(query.since));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(query.wait_ms);
  for (;;) {
    ATELIER_CHECK(check_cancelled());
    {
      std::lock_guard lock(mutex_);
      poked_ = false;
    }
    ATELIER_TRY(rows, read_rows(since, query));
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (rows.read > 0 || left.count() <= 0) {
      ChangesPage page = make_page(std::move(rows), query);
      page.forgotten = forgotten_behind(since);
      return page;
    }
    wait_for_commit(static_cast<int>(left.count()));
  }
}

/// Asked after the rows were read: what was forgotten until then may be missing among them.
std::string LocalPeer::forgotten_behind(std::uint64_t since) const {
  const StoreInfo info = store_->info();
  return since < info.forgotten_sequence ? store_->sequence_text(info.forgotten_sequence) : "";
}

ChangesPage LocalPeer::make_page(Rows rows, const ChangesQuery& query) {
  ChangesPage page;
  page.last_seq = store_->sequence_text(rows.last);
  page.more = rows.read >= query.limit && rows.read > 0;
  const std::uint64_t last = store_->last_sequence();
  page.pending = page.more && last > rows.last ? last - rows.last : 0;
  page.changes.reserve(rows.wanted.size());
  page.selected = query.filter.selector.empty();
  for (ChangeRow& row : rows.wanted) {
    PeerChange change;
    if (query.inline_documents && page.bytes < kBatchBytesMax) {
      change.document = first_generation(row);
      if (change.document) page.bytes += change.document->bytes();
    }
    change.id = std::move(row.id);
    change.leaves = std::move(row.leaves);
    change.deleted = row.deleted;
    page.changes.push_back(std::move(change));
  }
  return page;
}

std::optional<WireDocument> LocalPeer::first_generation(const ChangeRow& row) {
  if (row.leaves.size() != 1 || row.leaves[0].generation() != 1) return std::nullopt;
  // The store answers the question for a winner without reading the tree.
  GetOptions options;
  if (row.deleted) options.rev = row.leaves[0];
  auto document = store_->get(row.id, options);
  if (!document || document->rev != row.leaves[0] || !document->attachments.empty()) {
    return std::nullopt;
  }
  document->history = {document->rev};
  return wire_document(std::move(*document));
}

Result<std::vector<RevisionRequest>> LocalPeer::newest(const NewestQuery& query) {
  ATELIER_CHECK(check_cancelled());
  ScanOptions options;
  options.start = query.prefix + ";";  // the byte after ':'
  options.end = query.prefix + ":";
  options.descending = true;
  options.limit = query.count;
  options.bodies = false;
  std::vector<RevisionRequest> found;
  ATELIER_CHECK(store_->scan(options, [&](const DocumentView& view) {
    found.push_back({std::string(view.id), {view.rev}});
    return true;
  }));
  return found;
}

Result<DiffAnswer> LocalPeer::revs_diff(std::span<const RevisionRequest> offered) {
  ATELIER_CHECK(check_cancelled());
  DiffAnswer answer;
  for (const RevisionRequest& request : offered) {
    ATELIER_TRY(diff, store_->revs_diff(request.id, request.revs));
    if (!diff.missing.empty()) answer.missing.push_back({request.id, std::move(diff.missing)});
    if (!diff.forgotten.empty()) {
      answer.forgotten.push_back({request.id, std::move(diff.forgotten)});
    }
  }
  return answer;
}

Result<std::vector<WireDocument>> LocalPeer::fetch(std::span<const RevisionRequest> wanted) {
  ATELIER_CHECK(check_cancelled());
  std::vector<WireDocument> documents;
  for (const RevisionRequest& request : wanted) {
    std::vector<RevId> seen;  // `latest` may answer two requests with one leaf
    for (const RevId& rev : request.revs) {
      auto document = store_->get(request.id, {.rev = rev, .latest = true, .history = true});
      // What was evicted here came from elsewhere and is had from there.
      if (!document && (document.error().code == ErrorCode::kNotFound ||
                        document.error().code == ErrorCode::kEvicted)) {
        continue;
      }
      if (!document) return document.error();
      if (std::find(seen.begin(), seen.end(), document->rev) != seen.end()) continue;
      seen.push_back(document->rev);
      documents.push_back(wire_document(std::move(*document)));
    }
  }
  return documents;
}

Result<std::vector<Rejection>> LocalPeer::write(std::span<const WireDocument> documents,
                                                Peer& source) {
  ATELIER_CHECK(check_cancelled());
  std::vector<Rejection> rejected;
  std::vector<DocumentWrite> writes;
  writes.reserve(documents.size());
  for (const WireDocument& wire : documents) {
    auto write = replicated_write(wire);
    if (!write) {
      rejected.push_back({wire.id, wire.rev, write.error()});
      continue;
    }
    if (write->attachments.empty()) {
      writes.push_back(std::move(*write));
      continue;
    }
    auto taken = take_attachments(*write, wire, source);
    if (!taken && !concerns_document(taken.error().code)) return taken.error();
    if (!taken) {
      rejected.push_back({wire.id, wire.rev, taken.error()});
      continue;
    }
    // At once: a blob without a reference is kept for a minute only.
    std::vector<DocumentWrite> alone;
    alone.push_back(std::move(*write));
    ATELIER_CHECK(write_batch(std::move(alone), rejected));
  }
  ATELIER_CHECK(write_batch(std::move(writes), rejected));
  return rejected;
}

Status LocalPeer::write_batch(std::vector<DocumentWrite> writes, std::vector<Rejection>& rejected) {
  if (writes.empty()) return ok();
  std::vector<std::pair<std::string, RevId>> names;
  names.reserve(writes.size());
  for (const DocumentWrite& write : writes) names.emplace_back(write.id, write.history.front());
  const std::vector<WriteResult> results = store_->write(std::move(writes));
  for (std::size_t i = 0; i < results.size() && i < names.size(); ++i) {
    if (results[i].conflicted) merge_equal_leaves(names[i].first);
    if (results[i].forgotten) {
      rejected.push_back({names[i].first, names[i].second, forgotten_here(), true});
    }
    if (results[i].rev) continue;
    const Error& error = results[i].rev.error();
    if (!concerns_document(error.code)) return error;
    rejected.push_back({names[i].first, names[i].second, error});
  }
  return ok();
}

/// Where two schemes of revision ids made two leaves of one edit. What is not merged now is seen by
/// somebody else, or at the document's next conflict.
void LocalPeer::merge_equal_leaves(const std::string& id) {
  std::vector<DocumentWrite> ends = ends_of_equal_leaves(*store_, id);
  if (!ends.empty()) static_cast<void>(store_->write(std::move(ends)));
}

Status LocalPeer::take_attachments(DocumentWrite& write, const WireDocument& wire, Peer& source) {
  std::vector<Attachment> held;  // by any leaf of this document: the same digest is the same bytes
  for (auto& leaf : store_->open_revs(write.id, {}, false)) {
    if (leaf) held.insert(held.end(), leaf->attachments.begin(), leaf->attachments.end());
  }
  std::vector<AttachmentWrite*> missing;
  for (AttachmentWrite& attachment : write.attachments) {
    const auto same = std::find_if(held.begin(), held.end(), [&](const Attachment& other) {
      return !other.evicted() && !attachment.digest.empty() && other.digest == attachment.digest &&
             other.length == attachment.length;
    });
    if (same == held.end() && !attachment.digest.empty() &&
        stored_bytes(attachment) > options_.leave_blobs_above) {
      leave_behind(attachment);
      continue;
    }
    if (same == held.end()) {
      missing.push_back(&attachment);
      continue;
    }
    attachment.stub = false;
    attachment.blob = same->blob;
    attachment.encoding = same->encoding;
    attachment.encoded_length = same->encoded_length;
  }
  // All of a document's in one request; where some are here, only the others.
  if (missing.size() > 1 && missing.size() == write.attachments.size()) {
    return pull_blobs(missing, wire, source);
  }
  for (AttachmentWrite* attachment : missing) ATELIER_CHECK(pull_blob(*attachment, wire, source));
  return ok();
}

Status LocalPeer::pull_blobs(const std::vector<AttachmentWrite*>& attachments,
                             const WireDocument& wire, Peer& source) {
  std::map<std::string, AttachmentWrite*> left;
  std::vector<std::string> names;
  for (AttachmentWrite* attachment : attachments) {
    left[attachment->name] = attachment;
    names.push_back(attachment->name);
  }
  std::unique_ptr<BlobWriter> writer;
  Status taken = ok();
  const auto take = [&](const std::string& name, std::string_view chunk) -> Status {
    const auto attachment = left.find(name);
    if (attachment == left.end()) return ok();  // twice, or not asked for
    if (!writer) {
      ATELIER_TRY(begun, store_->begin_blob());
      writer = std::move(begun);
    }
    if (!chunk.empty()) return writer->append(chunk);
    ATELIER_TRY(blob, std::exchange(writer, nullptr)->finish());
    take_blob(*attachment->second, blob);
    left.erase(attachment);
    return ok();
  };
  const Status read = source.read_attachments(
      wire.id, wire.rev, names, [&](const std::string& name, std::string_view chunk) {
        taken = take(name, chunk);
        return static_cast<bool>(taken);
      });
  // One that the source has not is none of the others.
  if (!read && read.error().code != ErrorCode::kEvicted) return read.error();
  ATELIER_CHECK(std::move(taken));
  writer.reset();
  for (const auto& [name, attachment] : left) ATELIER_CHECK(pull_blob(*attachment, wire, source));
  return ok();
}

Status LocalPeer::pull_blob(AttachmentWrite& attachment, const WireDocument& wire, Peer& source) {
  ATELIER_TRY(writer, store_->begin_blob());
  Status appended = ok();
  const Status read =
      source.read_attachment(wire.id, wire.rev, attachment.name, [&](std::string_view chunk) {
        appended = writer->append(chunk);
        return static_cast<bool>(appended);
      });
  if (!read && read.error().code == ErrorCode::kEvicted && options_.takes_left_behind) {
    leave_behind(attachment);
    return ok();
  }
  ATELIER_CHECK(read);
  ATELIER_CHECK(std::move(appended));
  ATELIER_TRY(blob, writer->finish());
  take_blob(attachment, blob);
  return ok();
}

void LocalPeer::leave_behind(AttachmentWrite& attachment) {
  attachment.stub = false;
  attachment.left_behind = true;
}

void LocalPeer::take_blob(AttachmentWrite& attachment, const BlobWriter::Finished& blob) {
  attachment.stub = false;
  attachment.blob = blob.blob;
  attachment.digest = blob.digest;
  // Some servers store text packed and hand it out unpacked.
  if (blob.length != attachment.encoded_length) attachment.encoding.clear();
  if (attachment.encoding.empty()) {
    attachment.encoded_length = 0;
    attachment.length = blob.length;
  }
}

Status LocalPeer::read_attachment(const std::string& id, const RevId& rev, const std::string& name,
                                  const std::function<bool(std::string_view)>& fn) {
  ATELIER_CHECK(check_cancelled());
  ATELIER_TRY(document, store_->get(id, {.rev = rev}));
  for (const Attachment& attachment : document.attachments) {
    if (attachment.name != name) continue;
    const std::uint64_t bytes =
        attachment.encoding.empty() ? attachment.length : attachment.encoded_length;
    return store_->read_blob(attachment.blob, 0, bytes, fn);
  }
  return not_found("the document " + id + " has no attachment " + name);
}

Result<std::optional<std::string>> LocalPeer::get_local(const std::string& id) {
  ATELIER_CHECK(check_cancelled());
  auto document = store_->get_local(id);
  if (document) return std::optional<std::string>(std::move(document->body));
  if (document.error().code == ErrorCode::kNotFound) return std::optional<std::string>();
  return document.error();
}

Status LocalPeer::put_local(const std::string& id, const std::string& json) {
  ATELIER_CHECK(check_cancelled());
  ATELIER_CHECK(store_->put_local(id, json));
  return ok();
}

}  // namespace

std::unique_ptr<Peer> make_local_peer(std::shared_ptr<Store> store,
                                      const LocalPeerOptions& options) {
  return std::make_unique<LocalPeer>(std::move(store), options);
}

}  // namespace atelier
