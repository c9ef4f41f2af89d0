// Store over LMDB. store.cpp opens and writes, store_read.cpp reads, store_care.cpp compacts and
// purges, blob_writer.cpp takes attachments in.
//
// Thread rule: as Store. Reads share nothing but the environment and counters that are atomic; each
// write is a job of the writer.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/os/disk.h"
#include "base/os/os.h"
#include "store/crew.h"
#include "store/document_edit.h"
#include "store/lmdb.h"
#include "store/sequence_names.h"
#include "store/store.h"
#include "store/writer.h"

namespace atelier {

/// Who is poked after commits. Thread rule: safe from any thread; a poke runs without the list's
/// lock, under a lock of its own entry, so that ending a subscription waits for a poke that runs.
class Pokes : public std::enable_shared_from_this<Pokes> {
 public:
  Subscription add(std::function<void()> poke);
  void run();

 private:
  struct Entry {
    std::recursive_mutex mutex;  // a poke may end its own subscription
    std::function<void()> poke;  // guarded by mutex
  };
  std::mutex mutex_;
  std::uint64_t next_ = 0;                                   // guarded by mutex_
  std::map<std::uint64_t, std::shared_ptr<Entry>> entries_;  // guarded by mutex_
};

/// Documents that one thread prepares sooner (some 2 us each) than another one wakes to help.
inline constexpr std::size_t kPrepareAloneMax = 64;

class StoreImpl : public Store, public std::enable_shared_from_this<StoreImpl> {
 public:
  static Result<std::shared_ptr<Store>> open(const std::filesystem::path& path,
                                             const StoreOptions& options);
  ~StoreImpl() override;

  void write_async(std::vector<DocumentWrite> documents, const WriteOptions& options,
                   Done done) override;
  std::vector<WriteResult> write(std::vector<DocumentWrite> documents,
                                 const WriteOptions& options) override;
  Result<std::unique_ptr<BlobWriter>> begin_blob() override;

  Result<Document> get(std::string_view id, const GetOptions& options) const override;
  std::vector<Result<Document>> open_revs(std::string_view id, std::span<const RevId> revs,
                                          bool latest) const override;
  Result<RevTree> tree(std::string_view id) const override;
  Result<RevsDiff> revs_diff(std::string_view id, std::span<const RevId> revs) const override;
  Status scan(const ScanOptions& options,
              const std::function<bool(const DocumentView&)>& fn) const override;
  Result<std::uint64_t> count(const ScanOptions& options) const override;
  Status read_blob(const Sha256& blob, std::uint64_t offset, std::uint64_t length,
                   const std::function<bool(std::string_view)>& fn) const override;

  Status changes(std::uint64_t since, std::size_t limit,
                 const std::function<bool(const ChangeRow&)>& fn) const override;
  Status changes_descending(std::size_t limit,
                            const std::function<bool(const ChangeRow&)>& fn) const override;
  Result<ChangeBatch> read_changes(const ChangeFilter& filter) const override;
  std::uint64_t last_sequence() const override { return last_sequence_.load(); }
  Subscription subscribe(std::function<void()> poke) override;
  std::string sequence_text(std::uint64_t sequence) const override;
  Result<std::uint64_t> parse_sequence(std::string_view text) const override;

  Result<LocalDocument> get_local(std::string_view id) const override;
  Result<std::uint64_t> put_local(std::string_view id, std::string_view body,
                                  std::uint64_t parent_rev) override;
  Status remove_local(std::string_view id) override;
  std::vector<LocalDocument> list_locals() const override;

  Result<std::string> get_property(std::string_view name) const override;
  Status put_property(std::string_view name, std::string_view value) override;

  StoreInfo info() const override;
  std::uint32_t revs_limit() const override { return revs_limit_.load(); }
  Status set_revs_limit(std::uint32_t limit) override;
  Result<std::vector<RevId>> purge(std::string_view id, std::span<const RevId> revs) override;
  Status compact() override;
  Retention retention() const override { return *current_retention(); }
  Status set_retention(Retention retention) override;
  Result<ExpireResult> expire(const ExpireOptions& options) override;
  Result<std::uint64_t> forget_tombstones() override;
  Result<std::uint64_t> evict(std::span<const std::string> ids, EvictWhat what) override;
  void set_validator(Validator validator) override;
  Status flush() override;
  const std::filesystem::path& path() const override { return path_; }
  Result<bool> create_index(const IndexDefinition& definition) override;
  Status drop_index(std::string_view name) override;
  std::vector<IndexStatus> indexes() const override;
  Result<FindAnswer> find(const FindQuery& query,
                          const std::function<bool(Document&)>& fn) const override;
  Result<FindAnswer> count_matches(const FindQuery& query) const override;
  Result<FindPlan> explain(const FindQuery& query) const override;
  Result<SearchAnswer> search(const SearchQuery& query) const override;

  void retire(const std::filesystem::path& path) override;
  bool retired() const override { return retired_.load(); }

 private:
  friend class BlobWriterImpl;
  struct Batch;
  struct DocRead;

  StoreImpl(std::filesystem::path path, const StoreOptions& options);
  Status make_folder();
  Status open_files(const StoreOptions& options);
  Status open_tables(const StoreOptions& options);
  Status open_old_tables(MDB_txn* txn, bool* older);
  Status migrate_tables();
  Status create_tables(const StoreOptions& options);
  Status read_meta(MDB_txn* txn);
  void start_writer();

  Status check_usable(bool writing) const;
  Status run(std::function<Status(WriteContext&)> job, std::size_t bytes = 0);
  void prepare(PreparedWrite& prepared) const;
  Status run_job(WriteContext& context, Batch& batch) const;
  std::optional<Writer::Job> job_of(std::vector<DocumentWrite> documents,
                                    const WriteOptions& options, Done done);
  static Status run_batch(WriteContext& context, Batch& batch);
  static Status run_together(WriteContext& context, Batch& batch);

  Result<bool> find_doc(MDB_txn* txn, std::string_view id, std::vector<char>* copy,
                        record::DocRow* row, bool confirm = true) const;
  Result<Document> read_revision(MDB_txn* txn, std::string_view id, const record::DocRow& row,
                                 const RevTree& tree, std::int32_t node) const;
  template <class Fn>
  Result<bool> each_leaf(MDB_txn* txn, const ScanOptions& options, std::string_view id,
                         const record::DocRow& row, const Fn& fn) const;
  Result<bool> matches(MDB_txn* txn, const ChangeFilter& filter,
                       const record::SequenceRow& row) const;
  Result<bool> walk_filtered(MDB_txn* txn, const ChangeFilter& filter, std::uint64_t last,
                             const std::function<bool(std::string_view)>& has_id,
                             ChangeBatch* batch) const;
  Status look_up_changes(MDB_txn* txn, const ChangeFilter& filter, std::uint64_t last,
                         std::span<const std::string> ids, ChangeBatch* batch) const;
  /// For cursors of transactions that only read.
  std::unique_ptr<lmdb::Follower> follow(MDB_txn* txn, const char* table) const;
  Status walk_changes(MDB_txn* txn, const lmdb::Cursor& cursor, record::SequenceRow* row,
                      ChangeRow* change) const;
  Status compact_documents();
  std::shared_ptr<const Retention> current_retention() const;
  Status read_retention(MDB_txn* txn);
  Status renew_lifetimes(const Retention& before);
  using Part = std::function<Status(WriteContext&, std::string& position, std::uint64_t& count)>;
  Result<std::uint64_t> each_part(const Part& part);

  class FindRun;
  class SearchRun;
  Result<FindAnswer> run_find(const FindQuery& query, bool rows,
                              const std::function<bool(Document&)>& fn) const;

  // index_build.cpp
  Status read_indexes(MDB_txn* txn);
  void go_on_indexing();
  /// Whether the transaction sees the index ready: it may be dropped while a query goes on.
  Status check_index(MDB_txn* txn, const Index& index) const;
  static Status index_step(WriteContext& context, IndexRegistry& registry, bool* more);

  // Constant after open.
  const std::filesystem::path path_;
  const bool read_only_;
  const Clock* const clock_;
  bool partitioned_ = false;
  std::string uuid_;
  std::int64_t created_ms_ = 0;
  record::State first_state_;  // as it was at open
  Tables tables_;
  std::optional<os::FileLock> lock_;
  std::unique_ptr<lmdb::Environment> environment_;
  std::optional<os::FileReader> file_;  // data.mdb, read beside the map (missing.h)

  // Safe from any thread.
  SequenceNames names_;
  std::atomic<std::uint64_t> last_sequence_{0};
  std::atomic<std::uint32_t> revs_limit_{0};
  std::atomic<bool> retired_{false};
  mutable IndexRegistry indexes_;
  Crew crew_{kPrepareAloneMax};              // prepares large batches beside their caller
  std::atomic<bool> indexing_{false};        // a step of the background work is queued
  std::atomic<bool> compact_at_end_{false};  // the file, when the last user has let go
  const std::shared_ptr<Pokes> pokes_ = std::make_shared<Pokes>();

  mutable std::mutex mutex_;
  std::filesystem::path delete_at_end_;  // guarded by mutex_
  std::shared_ptr<const Retention> retention_ = std::make_shared<const Retention>();  // likewise
  std::shared_ptr<const Validator> validator_;                                        // likewise

  std::unique_ptr<Writer> writer_;  // last: its jobs use everything above
};

/// Runs `fn` and turns what the standard library throws into an error: no exception leaves.
template <class Fn>
auto guard(const Fn& fn) -> decltype(fn()) {
  try {
    return fn();
  } catch (const std::exception& error) {
    return Error(ErrorCode::kInternal, std::string("in the store: ") + error.what());
  }
}

}  // namespace atelier
