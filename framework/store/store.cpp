#include "store/store.h"

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <system_error>
#include <thread>
#include <unordered_map>

#include "base/digest.h"
#include "base/json_text.h"
#include "base/os/disk.h"
#include "revtree/varint.h"
#include "store/blob_table.h"
#include "store/care.h"
#include "store/format.h"
#include "store/store_impl.h"

namespace atelier {
namespace {

using lmdb::value_of;

// Rows of the table `meta`, beside "state".
constexpr std::string_view kFormatKey = "format";
constexpr std::string_view kUuidKey = "uuid";
constexpr std::string_view kCreatedKey = "created";
constexpr std::string_view kPartitionedKey = "partitioned";

struct TableName {
  MDB_dbi* table;
  const char* name;
  unsigned flags;
};

std::vector<TableName> table_names(Tables& tables) {
  return {{&tables.meta, "meta", 0},
          {&tables.docs.ids, "docs", 0},
          {&tables.docs.fragments, "fragments", 0},
          {&tables.sequences, "sequences", MDB_INTEGERKEY},
          {&tables.bodies, "bodies", MDB_INTEGERKEY},
          {&tables.blobs, "blobs", 0},
          {&tables.chunks, "chunks", 0},
          {&tables.staging, "staging", 0},
          {&tables.locals, "locals", 0},
          {&tables.properties, "properties", 0},
          {&tables.lineages, "lineages", MDB_INTEGERKEY},
          {&tables.indexes, "indexes", 0},
          {&tables.values.ids, "values", 0},
          {&tables.values.fragments, "value-fragments", 0},
          {&tables.words, "words", 0},
          {&tables.segments, "segments", 0},
          {&tables.expiries, "expiries", 0},
          {&tables.times, "times", MDB_INTEGERKEY},
          {&tables.forgotten, "forgotten", 0}};
}

Error removed_error() {
  return not_found("Database does not exist.");
}

Result<std::string> meta_value(MDB_txn* txn, MDB_dbi meta, std::string_view key) {
  std::string_view value;
  Error error;
  const auto found = lmdb::get(txn, meta, value_of(key), &value, &error);
  if (found == lmdb::Lookup::kFailed) return error;
  if (found == lmdb::Lookup::kMissing) {
    return Error(ErrorCode::kCorrupt,
                 "this is not a store of Atelier: it has no '" + std::string(key) + "'");
  }
  return std::string(value);
}

}  // namespace

// --- Pokes

Subscription Pokes::add(std::function<void()> poke) {
  auto entry = std::make_shared<Entry>();
  entry->poke = std::move(poke);
  const std::lock_guard lock(mutex_);
  const std::uint64_t number = next_++;
  entries_[number] = entry;
  return Subscription([list = weak_from_this(), entry, number] {
    if (const auto pokes = list.lock()) {
      const std::lock_guard list_lock(pokes->mutex_);
      pokes->entries_.erase(number);
    }
    std::function<void()> ended;  // destroyed behind the lock
    const std::lock_guard entry_lock(entry->mutex);
    ended.swap(entry->poke);
  });
}

void Pokes::run() {
  std::vector<std::shared_ptr<Entry>> entries;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, entry] : entries_) entries.push_back(entry);
  }
  for (const auto& entry : entries) {
    const std::lock_guard lock(entry->mutex);
    const auto poke = entry->poke;  // it may end itself
    if (poke) poke();
  }
}

// --- opening

Result<std::shared_ptr<Store>> Store::open(const std::filesystem::path& path,
                                           const StoreOptions& options) {
  return guard([&] { return StoreImpl::open(path, options); });
}

Result<std::shared_ptr<Store>> StoreImpl::open(const std::filesystem::path& path,
                                               const StoreOptions& options) {
  std::unique_ptr<StoreImpl> opened(new StoreImpl(path, options));
  ATELIER_CHECK(opened->open_files(options));
  ATELIER_CHECK(opened->open_tables(options));
  opened->start_writer();
  // The last user may be a callback on the writer's own thread, which cannot wait for itself.
  std::shared_ptr<StoreImpl> shared(opened.release(), [](StoreImpl* store) {
    if (store->writer_ && store->writer_->on_this_thread()) {
      std::thread([store] { delete store; }).detach();
    } else {
      delete store;
    }
  });
  return std::shared_ptr<Store>(std::move(shared));
}

StoreImpl::StoreImpl(std::filesystem::path path, const StoreOptions& options)
    : path_(std::move(path)),
      read_only_(options.read_only),
      clock_(options.clock ? options.clock : &system_clock()) {}

StoreImpl::~StoreImpl() {
  if (writer_) writer_->stop();
  writer_.reset();
  environment_.reset();
  // Here nobody reads or writes any more. What does not work out leaves the file as it was.
  const bool stays = delete_at_end_.empty() && lock_ && !read_only_;
  if (stays && erasing(path_) == Erasing::kCopy)
    (void)erase_free_pages(path_);
  else if (stays && compact_at_end_)
    (void)compact_file(path_, true, false);
  lock_.reset();
  if (!delete_at_end_.empty()) {
    std::error_code ignored;  // the catalog sweeps at its next start
    std::filesystem::remove_all(delete_at_end_, ignored);
  }
}

Status StoreImpl::open_files(const StoreOptions& options) {
  std::error_code error;
  const bool there = std::filesystem::exists(path_ / "data.mdb", error);
  if (error) return Error(ErrorCode::kForbidden, "'" + path_.string() + "': " + error.message());
  if (!there && (!options.create || read_only_)) {
    return not_found("there is no store in '" + path_.string() + "'");
  }
  if (there && std::filesystem::exists(damage_marker(path_), error)) {
    return Error(ErrorCode::kCorrupt,
                 "the store '" + path_.string() +
                     "' was found damaged when it was last used: it must be verified, salvaged, "
                     "restored from a backup, or begun anew");
  }
  if (!there) ATELIER_CHECK(make_folder());
  auto lock = os::FileLock::acquire(path_ / "holder.lock",
                                    options.holder.empty() ? "Atelier" : options.holder);
  // A folder that nobody can write to needs no lock.
  const bool no_lock = !lock && read_only_ && lock.error().code != ErrorCode::kBusy;
  if (!lock && !no_lock) return lock.error();
  if (lock) lock_ = std::move(*lock);
  if (lock_ && !read_only_) remove_unfinished(path_);
  // After a kill. What fails here is tried again when the store is closed.
  if (lock_ && !read_only_ && there) (void)erase_free_pages(path_);
  lmdb::EnvironmentOptions wanted;
  wanted.map_bytes = options.map_bytes;
  wanted.tables_max = kTablesMax;
  wanted.read_only = read_only_;
  wanted.sync = options.sync;
  wanted.no_lock = no_lock;
  ATELIER_TRY(environment, lmdb::Environment::open(path_, wanted));
  environment_ = std::move(environment);
  ATELIER_TRY(file, os::FileReader::open(path_ / "data.mdb"));
  file_ = std::move(file);
  return ok();
}

// A power cut must not take the name of a file whose content it left.
Status StoreImpl::make_folder() {
  std::error_code error;
  std::vector<std::filesystem::path> made;
  for (auto at = std::filesystem::absolute(path_); !std::filesystem::exists(at, error);
       at = at.parent_path()) {
    made.push_back(at);
    if (at == at.parent_path()) break;
  }
  ATELIER_CHECK(os::make_private_dir(path_));
  for (const auto& folder : made) ATELIER_CHECK(os::sync_folder(folder.parent_path()));
  return ok();
}

Status StoreImpl::open_tables(const StoreOptions& options) {
  MDB_txn* txn = nullptr;
  const int code = mdb_txn_begin(environment_->get(), nullptr, MDB_RDONLY, &txn);
  if (code) return lmdb::error_of(code, "opening '" + path_.string() + "'");
  const auto meta = environment_->table(txn, "meta", 0, false);
  MDB_envinfo info;
  mdb_env_info(environment_->get(), &info);
  if (!meta && info.me_last_txnid == 0) {
    mdb_txn_abort(txn);
    if (read_only_) return not_found("there is no store in '" + path_.string() + "'");
    return create_tables(options);
  }
  bool older = false;
  Status opened = meta ? open_old_tables(txn, &older)
                       : Status(Error(ErrorCode::kCorrupt, "this is not a store of Atelier"));
  // Handles of tables live on only when the transaction that opened them ends well.
  if (opened && !older) {
    mdb_txn_commit(txn);
    return ok();
  }
  mdb_txn_abort(txn);
  if (opened) opened = migrate_tables();
  if (opened) return ok();
  Error failed = opened.error();
  failed.message = "'" + path_.string() + "': " + failed.message;
  return failed;
}

// Sets `older`, with nothing opened, when the file's format is behind.
Status StoreImpl::open_old_tables(MDB_txn* txn, bool* older) {
  ATELIER_TRY(meta, environment_->table(txn, "meta", 0, false));
  ATELIER_TRY(text, meta_value(txn, meta, kFormatKey));
  ATELIER_TRY(version, format::version_of(text));
  *older = version < format::kFormatVersion;
  if (*older) return ok();
  for (const TableName& one : table_names(tables_)) {
    ATELIER_TRY(table, environment_->table(txn, one.name, one.flags, false));
    *one.table = table;
  }
  return read_meta(txn);
}

// One transaction: a kill leaves the old file or the new one.
Status StoreImpl::migrate_tables() {
  if (read_only_) {
    return Error(ErrorCode::kUnsupported,
                 "the store was made by an older Atelier and must be opened for writing once");
  }
  ATELIER_TRY(begun, environment_->begin_write());
  lmdb::WriteTxn txn(begun);
  for (const TableName& one : table_names(tables_)) {
    ATELIER_TRY(table, environment_->table(txn.get(), one.name, one.flags, true));
    *one.table = table;
  }
  ATELIER_TRY(text, meta_value(txn.get(), tables_.meta, kFormatKey));
  ATELIER_TRY(version, format::version_of(text));
  ATELIER_CHECK(format::migrate(txn, tables_, version, format::migrations()));
  ATELIER_CHECK(read_meta(txn.get()));
  return txn.commit();
}

Status StoreImpl::create_tables(const StoreOptions& options) {
  ATELIER_TRY(begun, environment_->begin_write());
  lmdb::WriteTxn txn(begun);
  for (const TableName& one : table_names(tables_)) {
    ATELIER_TRY(table, environment_->table(txn.get(), one.name, one.flags, true));
    *one.table = table;
  }
  record::State state;
  state.revs_limit = kRevsLimitDefault;
  const std::uint64_t first = 0;
  const std::string uuid = random_uuid();
  const auto put = [&](std::string_view key, const std::string& value) {
    txn.put(tables_.meta, value_of(key), value_of(std::string_view(value)));
  };
  put(kFormatKey, format::label(format::kFormatVersion));
  put(kUuidKey, uuid);
  put(kCreatedKey, std::to_string(clock_->wall_ms()));
  put(kPartitionedKey, options.partitioned ? "1" : "0");
  put("state", record::encode_state(state));
  txn.put(tables_.lineages, value_of(first), value_of(std::string_view(uuid)));
  if (txn.failed()) return txn.error();
  ATELIER_CHECK(read_meta(txn.get()));
  ATELIER_CHECK(txn.commit());
  return options.sync ? os::sync_folder(path_) : ok();
}

Status StoreImpl::read_meta(MDB_txn* txn) {
  ATELIER_TRY(uuid, meta_value(txn, tables_.meta, kUuidKey));
  ATELIER_TRY(created, meta_value(txn, tables_.meta, kCreatedKey));
  ATELIER_TRY(partitioned, meta_value(txn, tables_.meta, kPartitionedKey));
  ATELIER_TRY(encoded, meta_value(txn, tables_.meta, "state"));
  ATELIER_TRY(state, record::decode_state(encoded));
  uuid_ = uuid;
  created_ms_ = std::atoll(created.c_str());
  partitioned_ = partitioned == "1";
  first_state_ = state;
  last_sequence_ = state.last_sequence;
  revs_limit_ = static_cast<std::uint32_t>(state.revs_limit);
  std::vector<SequenceNames::Lineage> lineages;
  lmdb::Cursor cursor(txn, tables_.lineages);
  for (bool more = cursor.move(MDB_FIRST); more; more = cursor.move(MDB_NEXT)) {
    lineages.push_back({cursor.number(), std::string(cursor.value())});
  }
  ATELIER_CHECK(cursor.status());
  if (lineages.empty()) return Error(ErrorCode::kCorrupt, "the store has no lineage");
  if (lineages.size() > kLineagesMax) {
    lineages.erase(lineages.begin(), lineages.end() - static_cast<std::ptrdiff_t>(kLineagesMax));
  }
  names_.reset(std::move(lineages), state.rights_epoch);
  ATELIER_CHECK(read_indexes(txn));
  return read_retention(txn);
}

void StoreImpl::start_writer() {
  if (read_only_) return;
  Writer::Hooks hooks;
  hooks.committed = [this](const record::State& state) {
    last_sequence_ = state.last_sequence;
    revs_limit_ = static_cast<std::uint32_t>(state.revs_limit);
  };
  hooks.changed = [this] {
    pokes_->run();
    go_on_indexing();  // after an error: that write went through
  };
  hooks.retention = [this] { return current_retention(); };
  hooks.clock = clock_;
  hooks.index_work = [this] { go_on_indexing(); };
  hooks.new_lineage = [this](SequenceNames::Lineage lineage) { names_.add(std::move(lineage)); };
  writer_ =
      std::make_unique<Writer>(*environment_, tables_, first_state_, indexes_, std::move(hooks));
  // What a run that was killed left behind. Nobody waits for it.
  writer_->enqueue({[](WriteContext& context) { return sweep_blobs(context, true); }, {}});
  indexes_.set_join(true);  // a look is cheap
  go_on_indexing();
}

Status StoreImpl::check_usable(bool writing) const {
  if (retired_) return removed_error();
  if (writing && read_only_) {
    return Error(ErrorCode::kForbidden,
                 "the store '" + path_.string() + "' is open for reading only");
  }
  return ok();
}

void StoreImpl::retire(const std::filesystem::path& path) {
  {
    const std::lock_guard lock(mutex_);
    delete_at_end_ = path;
  }
  retired_ = true;
  pokes_->run();
}

// --- writing documents

struct StoreImpl::Batch {
  std::vector<PreparedWrite> writes;
  std::vector<WriteResult> results;
  bool together = false;
  std::shared_ptr<const WriteUser> user;

  void refuse_all(const Error& error) {
    results.assign(writes.size(), {});
    for (WriteResult& result : results) result.rev = error;
  }
};

void StoreImpl::prepare(PreparedWrite& prepared) const {
  DocumentWrite& doc = prepared.write;
  const auto check = [&]() -> Status {
    ATELIER_CHECK(check_document_id(doc.id, partitioned_));
    if (doc.id.starts_with("_local/")) {
      return invalid("'" + doc.id + "' is a local document and cannot be written among the others");
    }
    if (!doc.body_is_normal) {
      ATELIER_TRY(normal, json::normalize(doc.body));
      if (json::kind_of(normal) != json::Kind::kObject) {
        return invalid("Document must be a JSON object");
      }
      ATELIER_TRY(split, json::split_specials(normal));
      if (!split.specials.empty()) {
        return invalid("Bad special document member: " + split.specials.front().first);
      }
      doc.body = std::move(normal);
      doc.body_is_normal = true;
    }
    if (doc.body.size() > kDocumentBytesMax) return Error(ErrorCode::kTooLarge, doc.id);
    return ok();
  };
  prepared.refused = guard(check);
  // Hashing here keeps it off the writer's thread; it holds unless a tombstone turns out to be
  // there.
  if (prepared.refused && doc.history.empty() && doc.attachments.empty()) {
    prepared.rev = make_revision({doc.deleted, doc.parent.value_or(RevId()), doc.body, {}});
  }
}

// Each document for itself.
Status StoreImpl::run_batch(WriteContext& context, Batch& batch) {
  batch.results.assign(batch.writes.size(), {});
  for (std::size_t i = 0; i < batch.writes.size(); ++i) {
    WriteResult& result = batch.results[i];
    const PreparedWrite& write = batch.writes[i];
    if (!write.refused) {
      result.rev = write.refused.error();
      continue;
    }
    auto edit = DocumentEdit::load(context, write.write.id);
    if (!edit) {
      if (context.txn.failed()) return context.txn.error();
      result.rev = edit.error();  // this document is damaged; the others are not
      continue;
    }
    DocumentEdit::Applied applied;
    result.rev = edit->apply(context, write, &applied);
    const bool changed = applied.changed;
    result.forgotten = applied.forgotten;
    if (changed && edit->has_new_revision()) result.sequence = edit->store(context);
    if (changed && !edit->has_new_revision()) edit->store(context, true);
    context.poke = context.poke || changed;
    result.conflicted = changed && edit->has_live_conflict();
    if (context.txn.failed()) return context.txn.error();
  }
  return ok();
}

// All or none: everything is worked out in memory before the first row is touched.
Status StoreImpl::run_together(WriteContext& context, Batch& batch) {
  batch.results.assign(batch.writes.size(), {});
  std::vector<DocumentEdit> edits;
  std::unordered_map<std::string_view, std::size_t> edit_of;  // the same id twice: one edit
  std::vector<std::size_t> used(batch.writes.size(), 0);
  std::vector<bool> changes(batch.writes.size(), false), dirty;
  const auto refuse = [&](std::size_t culprit, const Error& error) -> Status {
    batch.refuse_all({ErrorCode::kCancelled, "another document of the same write was refused"});
    batch.results[culprit].rev = error;
    return error;
  };
  for (std::size_t i = 0; i < batch.writes.size(); ++i) {
    const PreparedWrite& write = batch.writes[i];
    if (!write.refused) return refuse(i, write.refused.error());
    const auto [entry, is_new] = edit_of.try_emplace(write.write.id, edits.size());
    if (is_new) {
      auto edit = DocumentEdit::load(context, write.write.id);
      if (!edit) return refuse(i, edit.error());
      edits.push_back(std::move(*edit));
      dirty.push_back(false);
    }
    used[i] = entry->second;
    DocumentEdit::Applied applied;
    batch.results[i].rev = edits[used[i]].apply(context, write, &applied);
    if (!batch.results[i].rev) return refuse(i, batch.results[i].rev.error());
    changes[i] = applied.changed;
    batch.results[i].forgotten = applied.forgotten;
    dirty[used[i]] = dirty[used[i]] || applied.changed;
  }
  std::vector<std::uint64_t> sequences(edits.size(), 0);
  for (std::size_t i = 0; i < edits.size(); ++i) {
    if (!dirty[i]) continue;
    const bool is_new = edits[i].has_new_revision();
    const std::uint64_t sequence = edits[i].store(context, !is_new);
    if (is_new) sequences[i] = sequence;
    context.poke = true;
  }
  for (std::size_t i = 0; i < batch.writes.size(); ++i) {
    if (changes[i]) batch.results[i].sequence = sequences[used[i]];
  }
  if (context.txn.failed()) return context.txn.error();
  return ok();
}

Status StoreImpl::run_job(WriteContext& context, Batch& batch) const {
  std::shared_ptr<const Validator> validator;
  {
    const std::lock_guard lock(mutex_);
    validator = validator_;
  }
  context.validator = validator.get();
  context.user = batch.user.get();
  const Status done = batch.together ? run_together(context, batch) : run_batch(context, batch);
  context.validator = nullptr;
  context.user = nullptr;
  return done;
}

void StoreImpl::set_validator(Validator validator) {
  const std::lock_guard lock(mutex_);
  validator_ = std::make_shared<const Validator>(std::move(validator));
}

// Nothing when the store may not be written to: then done() was called.
std::optional<Writer::Job> StoreImpl::job_of(std::vector<DocumentWrite> documents,
                                             const WriteOptions& options, Done done) {
  auto batch = std::make_shared<Batch>();
  batch->together = options.all_or_nothing;
  batch->user = options.user;
  Writer::Job job;
  job.docs = documents.size();
  batch->writes.reserve(documents.size());
  for (DocumentWrite& document : documents) {
    job.bytes += document.body.size() + document.id.size();
    batch->writes.push_back({.write = std::move(document)});
  }
  crew_.for_each(batch->writes.size(), [&](std::size_t i) { prepare(batch->writes[i]); });
  if (const Status usable = check_usable(true); !usable) {
    batch->refuse_all(usable.error());
    done(std::move(batch->results));
    return std::nullopt;
  }
  job.early = options.durability == Durability::kQueued;
  job.run = [this, batch](WriteContext& context) { return run_job(context, *batch); };
  job.done = [batch, done = std::move(done)](const Status& status) {
    // A refusal as a whole has its reasons in the results already; a failed commit has not.
    const bool explained = !batch->results.empty() && !batch->results.front().rev;
    if (!status && !(batch->together && explained)) batch->refuse_all(status.error());
    done(std::move(batch->results));
  };
  return job;
}

void StoreImpl::write_async(std::vector<DocumentWrite> documents, const WriteOptions& options,
                            Done done) {
  auto job = job_of(std::move(documents), options, std::move(done));
  if (job) writer_->enqueue(std::move(*job));
}

std::vector<WriteResult> StoreImpl::write(std::vector<DocumentWrite> documents,
                                          const WriteOptions& options) {
  if (writer_ && writer_->on_this_thread()) {
    std::vector<WriteResult> refused(documents.size());
    for (WriteResult& one : refused) {
      one.rev = Error(ErrorCode::kInternal, "write() was called on the writer's thread");
    }
    return refused;
  }
  // Shared, so that the waiter can be woken without the lock that it needs next: it may be gone by
  // then.
  struct Answer {
    std::mutex mutex;
    std::condition_variable arrived;
    std::optional<std::vector<WriteResult>> results;
  };
  const auto answer = std::make_shared<Answer>();
  auto job = job_of(std::move(documents), options, [answer](std::vector<WriteResult> written) {
    {
      const std::lock_guard lock(answer->mutex);
      answer->results = std::move(written);
    }
    answer->arrived.notify_one();
  });
  if (job) writer_->run_or_enqueue(std::move(*job));
  std::unique_lock lock(answer->mutex);
  answer->arrived.wait(lock, [&] { return answer->results.has_value(); });
  return std::move(*answer->results);
}

Result<RevId> Store::write_one(DocumentWrite document, const WriteOptions& options) {
  std::vector<DocumentWrite> documents;
  documents.push_back(std::move(document));
  return std::move(write(std::move(documents), options).front().rev);
}

Status StoreImpl::run(std::function<Status(WriteContext&)> job, std::size_t bytes) {
  ATELIER_CHECK(check_usable(true));
  return writer_->run(std::move(job), bytes);
}

Status StoreImpl::flush() {
  ATELIER_CHECK(check_usable(false));
  if (read_only_) return ok();
  return writer_->flush();
}

// --- what does not replicate

namespace {

// Ids of local documents may be longer than a key: then the key ends with a digest, and the row
// begins with the whole id.
std::string local_key(std::string_view id) {
  if (id.size() < kFragmentBytes) return std::string(id);
  const Sha256 sum = sha256(id);
  std::string key(id.substr(0, kFragmentBytes - sum.size()));
  key.append(reinterpret_cast<const char*>(sum.data()), sum.size());
  return key;
}

Result<Store::LocalDocument> decode_local(std::string_view key, std::string_view bytes) {
  const auto row = record::decode_checked(key, bytes);
  if (!row) return row.error();
  bytes::Reader in(*row);
  Store::LocalDocument local;
  local.id = in.text();
  local.rev = in.varint();
  local.body = in.rest();
  if (!in.ok()) return Error(ErrorCode::kCorrupt, "a local document is damaged on the disk");
  return local;
}

Status check_local_id(std::string_view id) {
  if (id.empty()) return invalid("Invalid _local document id.");
  if (id.size() > kIdBytesMax) return Error(ErrorCode::kTooLarge, "Document id is too long");
  if (!json::is_utf8(id)) return invalid("Document id must be valid UTF-8");
  return ok();
}

Status check_property_name(std::string_view name) {
  if (name.empty() || name.size() >= kFragmentBytes) return invalid("not a name of a property");
  return ok();
}

}  // namespace

Result<Store::LocalDocument> StoreImpl::get_local(std::string_view id) const {
  return guard([&]() -> Result<LocalDocument> {
    ATELIER_CHECK(check_usable(false));
    ATELIER_CHECK(check_local_id(id));
    ATELIER_TRY(txn, environment_->read());
    const std::string key = local_key(id);
    std::string_view bytes;
    Error error;
    const auto found =
        lmdb::get(txn.get(), tables_.locals, value_of(std::string_view(key)), &bytes, &error);
    if (found == lmdb::Lookup::kFailed) return error;
    if (found == lmdb::Lookup::kMissing) return not_found("missing");
    return decode_local(key, bytes);
  });
}

Result<std::uint64_t> StoreImpl::put_local(std::string_view id, std::string_view body,
                                           std::uint64_t parent_rev) {
  return guard([&]() -> Result<std::uint64_t> {
    ATELIER_CHECK(check_local_id(id));
    ATELIER_TRY(normal, json::normalize(body));
    if (json::kind_of(normal) != json::Kind::kObject) {
      return invalid("Document must be a JSON object");
    }
    if (normal.size() > kDocumentBytesMax) return Error(ErrorCode::kTooLarge, std::string(id));
    const std::string key = local_key(id);
    std::string row;
    bytes::put_text(row, id);
    bytes::put_varint(row, parent_rev + 1);
    row.append(normal);
    const std::string checked = record::encode_checked(key, row);
    const auto put = [&](WriteContext& context) -> Status {
      context.txn.put(tables_.locals, value_of(std::string_view(key)),
                      value_of(std::string_view(checked)));
      return ok();
    };
    ATELIER_CHECK(run(put, row.size()));
    return parent_rev + 1;
  });
}

Status StoreImpl::remove_local(std::string_view id) {
  return guard([&]() -> Status {
    ATELIER_CHECK(check_local_id(id));
    const std::string key = local_key(id);
    return run([&](WriteContext& context) -> Status {
      std::string_view bytes;
      Error error;
      const auto found = lmdb::get(context.txn.get(), tables_.locals,
                                   value_of(std::string_view(key)), &bytes, &error);
      if (found == lmdb::Lookup::kMissing) return not_found("missing");
      context.txn.erase(tables_.locals, value_of(std::string_view(key)));
      return ok();
    });
  });
}

std::vector<Store::LocalDocument> StoreImpl::list_locals() const {
  std::vector<LocalDocument> found;
  if (!check_usable(false)) return found;
  auto txn = environment_->read();
  if (!txn) return found;
  lmdb::Cursor cursor(txn->get(), tables_.locals);
  for (bool more = cursor.move(MDB_FIRST); more; more = cursor.move(MDB_NEXT)) {
    if (auto local = decode_local(cursor.key(), cursor.value())) found.push_back(std::move(*local));
  }
  std::sort(found.begin(), found.end(),
            [](const LocalDocument& a, const LocalDocument& b) { return a.id < b.id; });
  return found;
}

Result<std::string> StoreImpl::get_property(std::string_view name) const {
  return guard([&]() -> Result<std::string> {
    ATELIER_CHECK(check_usable(false));
    ATELIER_CHECK(check_property_name(name));
    ATELIER_TRY(txn, environment_->read());
    std::string_view bytes;
    Error error;
    const auto found = lmdb::get(txn.get(), tables_.properties, value_of(name), &bytes, &error);
    if (found == lmdb::Lookup::kFailed) return error;
    if (found == lmdb::Lookup::kMissing) return not_found("missing");
    ATELIER_TRY(value, record::decode_checked(name, bytes));
    return std::string(value);
  });
}

Status StoreImpl::put_property(std::string_view name, std::string_view value) {
  return guard([&]() -> Status {
    ATELIER_CHECK(check_property_name(name));
    if (name == kRetentionProperty) {
      ATELIER_TRY(retention, decode_retention(value));
      return set_retention(std::move(retention));
    }
    const auto old = get_property(name);
    if (old && *old == value) return ok();
    const std::string checked = record::encode_checked(name, value);
    std::uint64_t epoch = 0;
    const bool rights = name == "security";
    ATELIER_CHECK(run([&](WriteContext& context) -> Status {
      context.txn.put(tables_.properties, value_of(name), value_of(std::string_view(checked)));
      if (rights) epoch = ++context.state.rights_epoch;
      return ok();
    }));
    if (rights) names_.set_epoch(epoch);
    return ok();
  });
}

Status StoreImpl::set_revs_limit(std::uint32_t limit) {
  if (limit == 0) return invalid("`_revs_limit` must be a positive integer");
  return guard([&] {
    return run([limit](WriteContext& context) -> Status {
      context.state.revs_limit = limit;
      return ok();
    });
  });
}

Subscription StoreImpl::subscribe(std::function<void()> poke) {
  return pokes_->add(std::move(poke));
}

std::string StoreImpl::sequence_text(std::uint64_t sequence) const {
  return names_.text(sequence);
}

Result<std::uint64_t> StoreImpl::parse_sequence(std::string_view text) const {
  return guard([&] { return names_.parse(text, last_sequence_); });
}

}  // namespace atelier
