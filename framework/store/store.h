// A room's documents on disk: one LMDB environment, one writer thread, readers that never block.
//
// Thread rule: every function may be called from any thread. Functions named write, put_, remove_,
// compact and purge wait for the writer; all others read and never wait.
//
// Invariants (the long list, with the tables, is docs/formats/store.md)
//   1. What was reported as committed survives a kill and a power cut.
//   2. Each document has exactly one row in the sequence index: its latest change.
//   3. Sequences grow; one becomes visible to readers only when its commit is durable.
//   4. No callback runs under the writer; a subscriber is poked after the commit and then pulls.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "atelier/subscription.h"
#include "base/clock.h"
#include "base/limits.h"
#include "query/selector.h"
#include "revtree/rev_tree.h"
#include "store/document.h"
#include "store/index.h"
#include "store/retention.h"
#include "store/validator.h"

namespace atelier {

struct StoreOptions {
  std::size_t map_bytes = kMapBytesDefault;
  bool create = true;  // false: kNotFound when there is none
  bool read_only = false;
  bool partitioned = false;  // of a new store: every id but _design/ needs `<partition>:<key>`
  /// false: commits are not synced. A kill loses nothing, a power cut may lose or tear everything:
  /// for simulations and tests alone.
  bool sync = true;
  Clock* clock = nullptr;  // outlives the store; null: the machine's
  std::string holder;      // words for whoever finds the store held: "atelier, profile bob"
};

enum class Durability {
  kCommitted,  // done() runs after the synced commit
  kQueued,     // done() runs when the write was accepted in order; it commits soon after
};

struct WriteOptions {
  Durability durability = Durability::kCommitted;
  /// All documents or none: one refused document refuses all (the others then get kCancelled).
  bool all_or_nothing = false;
  /// On whose behalf: what the validator is told. Null: this program's own user.
  std::shared_ptr<const WriteUser> user;
};

struct GetOptions {
  std::optional<RevId> rev;  // default: the winner
  bool latest = false;       // with rev: the best leaf that descends from it
  bool history = false;
  bool conflicts = false;
};

/// A document as scans see it: without a copy of the body. Valid only inside the callback.
struct DocumentView {
  std::string_view id;
  const RevId& rev;
  bool deleted;
  std::uint64_t sequence;
  std::string_view body;  // normal form
  bool has_attachments;
  bool has_conflicts;    // more than one leaf
  bool evicted = false;  // the body is not here (and the view's is empty); the document is
  bool winner = true;    // false: another leaf, see ScanOptions::all_leaves
};

struct ScanOptions {
  std::optional<std::string> start;  // inclusive
  std::optional<std::string> end;
  bool inclusive_end = true;
  bool descending = false;            // start is then the upper bound, as in CouchDB
  std::optional<std::string> prefix;  // of ids, beside `start` and `end`
  std::size_t skip = 0;               // views, not documents
  std::size_t limit = SIZE_MAX;
  bool deleted = false;  // deleted winners too
  bool bodies = true;    // false: the view's body is empty, and large ones are not read
  /// Every leaf of a document and not the winner alone, best first in both directions. `deleted`
  /// then decides on each leaf, and `skip` and `limit` count leaves.
  bool all_leaves = false;
};

struct ChangeRow {
  std::uint64_t sequence = 0;
  std::string id;
  bool deleted = false;       // of the winner
  std::vector<RevId> leaves;  // best first
};

/// Which changes are wanted. What is named more than once must hold together.
struct ChangeFilter {
  std::uint64_t since = 0;
  std::size_t limit = SIZE_MAX;  // rows given
  std::optional<std::string> prefix;
  std::optional<std::vector<std::string>> ids;
  /// Asked of the winner. A winner whose body was evicted is given: the feed cannot tell.
  std::optional<query::Selector> selector;
  std::size_t examined_max = kChangesExaminedMax;  // bounds the work of one call
};

/// One read of the feed: values, behind which no transaction is open.
struct ChangeBatch {
  std::vector<ChangeRow> rows;  // oldest first
  std::uint64_t reached = 0;    // every wanted change up to here was given: the next `since`
  bool more = false;            // there are changes behind `reached`, wanted or not
};

/// What expire() may do.
struct ExpireOptions {
  /// Whether this node deletes that document; empty: any. Runs on the writer's thread.
  std::function<bool(std::string_view id)> may_delete;
  /// What another clock says now (a server's `Date`), when one is known: further than
  /// kClockSkewMaxMs off, nothing is deleted.
  std::optional<std::int64_t> trusted_ms;
};

struct ExpireResult {
  std::uint64_t deleted = 0;            // documents that have a new tombstone
  std::optional<std::int64_t> next_ms;  // when the next one expires
};

enum class EvictWhat { kBodiesAndBlobs, kBlobs };

struct RevsDiff {
  std::vector<RevId> missing;             // sorted
  std::vector<RevId> possible_ancestors;  // sorted, of all that are missing
  std::vector<RevId> forgotten;           // sorted: known by their hashes alone, deleted long ago
};

struct StoreInfo {
  std::string uuid;             // of this store; a copy made by hand keeps it
  std::uint64_t doc_count = 0;  // winners that are not deleted, design documents included
  std::uint64_t doc_del_count = 0;
  std::uint64_t last_sequence = 0;
  std::uint64_t purge_sequence = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t live_bytes = 0;  // pages in use
  bool partitioned = false;
  std::int64_t created_ms = 0;
  /// Tombstones up to this sequence, and written before this time, may have been forgotten: who
  /// read the feed no further knows documents as live that are deleted here. 0: none were.
  std::uint64_t forgotten_sequence = 0;
  std::int64_t forgotten_ms = 0;
};

/// Takes the bytes of one blob in; dropped without finish(), it leaves nothing behind.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  /// Errors: kFull, kDisk.
  virtual Status append(std::string_view bytes) = 0;
  struct Finished {
    Sha256 blob;
    std::string digest;  // "md5-…"
    std::uint64_t length = 0;
  };
  /// The blob stays for at least a minute without a reference, so that a document may take it.
  virtual Result<Finished> finish() = 0;
};

class Store {
 public:
  /// Opens the store in folder `path`. Errors: kBusy with the holder's words, kNotFound, kCorrupt,
  /// kUnsupported for a newer format, kDisk.
  static Result<std::shared_ptr<Store>> open(const std::filesystem::path& path,
                                             const StoreOptions& options = {});
  virtual ~Store() = default;

  // --- writing
  using Done = std::function<void(std::vector<WriteResult>)>;
  /// Queues documents; `done` runs on the writer thread and may only hand the result on.
  virtual void write_async(std::vector<DocumentWrite> documents, const WriteOptions& options,
                           Done done) = 0;
  /// Waits. One result per document, in order.
  virtual std::vector<WriteResult> write(std::vector<DocumentWrite> documents,
                                         const WriteOptions& options = {}) = 0;
  Result<RevId> write_one(DocumentWrite document, const WriteOptions& options = {});
  virtual Result<std::unique_ptr<BlobWriter>> begin_blob() = 0;

  // --- reading documents
  /// The winner, or what the options say. A deleted winner is kNotFound with the message "deleted"
  /// unless `rev` names it; a document that never was is kNotFound with "missing".
  virtual Result<Document> get(std::string_view id, const GetOptions& options = {}) const = 0;
  /// Each leaf (`revs` empty), or the revisions named; with `latest` the leaves that descend from
  /// them. A revision that is not kept gives kNotFound in its place; a document that never was
  /// gives that for each of `revs`, and nothing when `revs` is empty. Histories are filled in.
  virtual std::vector<Result<Document>> open_revs(std::string_view id, std::span<const RevId> revs,
                                                  bool latest) const = 0;
  virtual Result<RevTree> tree(std::string_view id) const = 0;
  /// `_revs_diff` of one document: which of `revs` are neither here nor forgotten.
  virtual Result<RevsDiff> revs_diff(std::string_view id, std::span<const RevId> revs) const = 0;
  /// Calls `fn` with each winner in the order of the ids' bytes until it returns false. The
  /// callback runs inside a read transaction: it must be short and must not call the store.
  virtual Status scan(const ScanOptions& options,
                      const std::function<bool(const DocumentView&)>& fn) const = 0;
  /// Number of winners that scan() would give (with `end` and without inclusive_end: the `offset`
  /// of CouchDB's views).
  virtual Result<std::uint64_t> count(const ScanOptions& options) const = 0;
  /// Feeds the blob in chunks; `fn` returns false to stop. `offset`/`length` in bytes.
  virtual Status read_blob(const Sha256& blob, std::uint64_t offset, std::uint64_t length,
                           const std::function<bool(std::string_view)>& fn) const = 0;

  // --- the sequence feed
  /// Up to `limit` changes after `since`, oldest first. `fn` as in scan().
  virtual Status changes(std::uint64_t since, std::size_t limit,
                         const std::function<bool(const ChangeRow&)>& fn) const = 0;
  virtual Status changes_descending(std::size_t limit,
                                    const std::function<bool(const ChangeRow&)>& fn) const = 0;
  /// The feed filtered in the store. The transaction ends before the call returns, and is never
  /// open for longer than `examined_max` rows take: a consumer may be as slow as it likes. A set of
  /// ids is looked up where that is less work than a walk.
  virtual Result<ChangeBatch> read_changes(const ChangeFilter& filter) const = 0;
  virtual std::uint64_t last_sequence() const = 0;
  /// `poke` runs after each commit on the writer thread: it may only set a flag or post a task.
  [[nodiscard]] virtual Subscription subscribe(std::function<void()> poke) = 0;

  /// `<n>-<opaque>`, and back: the last sequence that the reader of the text and this store have in
  /// common. That is n; less when the store was restored from an older copy in between; and 0 when
  /// the text belongs to another store or to an epoch of fewer rights. (The opaque part names the
  /// run of the process that made the sequence, see docs/formats/store.md.) "0" and "" are 0; "now"
  /// is the last one. Errors: kInvalid for text that no server of this protocol makes (a bare
  /// number other than 0 among them), with CouchDB's reason.
  virtual std::string sequence_text(std::uint64_t sequence) const = 0;
  virtual Result<std::uint64_t> parse_sequence(std::string_view text) const = 0;

  // --- documents that do not replicate
  struct LocalDocument {
    std::string id;         // without `_local/`
    std::uint64_t rev = 0;  // shown as `0-<rev>`
    std::string body;
  };
  virtual Result<LocalDocument> get_local(std::string_view id) const = 0;
  /// As CouchDB: `parent_rev` is not checked, only counted on; the new one is returned. The body is
  /// any JSON object.
  virtual Result<std::uint64_t> put_local(std::string_view id, std::string_view body,
                                          std::uint64_t parent_rev = 0) = 0;
  virtual Status remove_local(std::string_view id) = 0;
  virtual std::vector<LocalDocument> list_locals() const = 0;

  // --- small named values of the database itself: "security", "title". A new value of "security"
  // begins a new epoch of rights: sequences made before are then answered from 0.
  virtual Result<std::string> get_property(std::string_view name) const = 0;
  virtual Status put_property(std::string_view name, std::string_view value) = 0;

  // --- indexes (index.h)
  /// Declares an index; documents that are there are read in the background, and the index is used
  /// once that is done. false: it was declared before, in the same way. Errors: kInvalid and
  /// kTooLarge for what cannot be one, kExists when the name is another's.
  virtual Result<bool> create_index(const IndexDefinition& definition) = 0;
  /// Nobody uses it from now on; its rows go in the background. Also ends its being built. Errors:
  /// kNotFound.
  virtual Status drop_index(std::string_view name) = 0;
  /// Those that are being dropped included, in the order of their making.
  virtual std::vector<IndexStatus> indexes() const = 0;

  /// Gives the winners that match, in order, until `fn` returns false; it may take its time and
  /// call the store. Evicted, deleted and design documents match nothing. A long answer is read in
  /// several transactions: each document matched at some moment of the call; one that is written
  /// meanwhile may be given at its old place, at its new one, at both or at none. Errors: kInvalid
  /// for selector, sort and bookmark, with CouchDB's reasons; see is_no_usable_index(); kCorrupt.
  virtual Result<FindAnswer> find(const FindQuery& query,
                                  const std::function<bool(Document&)>& fn) const = 0;
  /// How many find() would give, as `results`, without reading documents where an index covers the
  /// selector.
  virtual Result<FindAnswer> count_matches(const FindQuery& query) const = 0;
  virtual Result<FindPlan> explain(const FindQuery& query) const = 0;
  /// Errors: kNotFound when no index of words that is ready fits; kInvalid for words without any.
  virtual Result<SearchAnswer> search(const SearchQuery& query) const = 0;

  // --- care
  virtual StoreInfo info() const = 0;
  virtual std::uint32_t revs_limit() const = 0;
  virtual Status set_revs_limit(std::uint32_t limit) = 0;
  virtual Result<std::vector<RevId>> purge(std::string_view id, std::span<const RevId> revs) = 0;
  /// Drops bodies of revisions that are not leaves, and blobs without references. Later writes use
  /// the room; it goes back to the disk when the store is closed, by a copy of the file, where that
  /// is worth it.
  virtual Status compact() = 0;
  /// How long documents live and tombstones are remembered; kept in the store. A lifetime counts
  /// from when a document was last written here; of what is there already, from this call.
  virtual Retention retention() const = 0;
  virtual Status set_retention(Retention retention) = 0;
  /// Turns documents whose time is over into tombstones that are the same on every node. Errors:
  /// kUnavailable when the clock is too far off.
  virtual Result<ExpireResult> expire(const ExpireOptions& options) = 0;
  /// Lets tombstones go that are older than `retention().tombstones_ms`, but for 16 bytes of each
  /// of their revisions: a peer that offers one of those is told that it is known here. Returns how
  /// many documents. Nothing when the age is 0.
  virtual Result<std::uint64_t> forget_tombstones() = 0;
  /// Drops bytes that can be had again from elsewhere. The documents stay: their ids, leaves and
  /// sequences; reading one gives kEvicted. The same revision written by replication brings it
  /// back. Returns how many documents changed.
  virtual Result<std::uint64_t> evict(std::span<const std::string> ids, EvictWhat what) = 0;
  /// Asked on the writer's thread of each new revision, local or replicated; empty: nothing is
  /// refused. Not asked of expire(), purge() and evict().
  virtual void set_validator(Validator validator) = 0;
  /// Waits until everything queued is committed and synced.
  virtual Status flush() = 0;
  virtual const std::filesystem::path& path() const = 0;

  /// For the catalog: the database was removed and its folder is now `path`. Every later call fails
  /// with kNotFound, subscribers are poked, and the folder goes when the last user has let go.
  virtual void retire(const std::filesystem::path& path) = 0;
  virtual bool retired() const = 0;
};

/// Checks a client's document text: an object, legal `_` members, id rules. Shared by server,
/// command line and room. `text` need not be in normal form. Errors: kInvalid with CouchDB's reason
/// where it has one ("Document must be a JSON object", …), kTooLarge.
struct ParsedDocument {
  DocumentWrite write;           // id, deleted, normal body, attachments that are stubs
  std::optional<RevId> rev;      // `_rev`
  std::vector<RevId> revisions;  // `_revisions`, newest first
  struct InlineAttachment {
    AttachmentWrite attachment;
    std::string data;      // decoded bytes
    bool follows = false;  // in a later part of a multipart body
  };
  std::vector<InlineAttachment> inline_attachments;
};
Result<ParsedDocument> parse_document(std::string_view text);

/// Errors: kInvalid with CouchDB's reason ("Only reserved document ids may start with
/// underscore.").
Status check_document_id(std::string_view id, bool partitioned);

}  // namespace atelier
