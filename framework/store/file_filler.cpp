#include "store/file_filler.h"

#include "base/os/disk.h"

namespace atelier {
namespace {

constexpr std::size_t kPartBytes = std::size_t{16} << 20;  // of one transaction: memory
constexpr unsigned kTablesInFileMax = 256;
constexpr std::uint64_t kProgressRows = 10'000;

}  // namespace

Result<std::unique_ptr<FileFiller>> FileFiller::open(const std::filesystem::path& file,
                                                     std::uint64_t bytes_max) {
  const std::string what = "writing '" + file.string() + "'";
  MDB_env* env = nullptr;
  if (const int code = mdb_env_create(&env)) return lmdb::error_of(code, what);
  std::unique_ptr<FileFiller> filler(new FileFiller(env, file));
  mdb_env_set_maxdbs(env, kTablesInFileMax);
  mdb_env_set_mapsize(env, static_cast<std::size_t>(bytes_max));
  // Synced once, at the end: before that nobody knows the file.
  const unsigned flags = MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC | MDB_NOTLS;
  if (const int code = mdb_env_open(env, file.c_str(), flags, 0600)) {
    return lmdb::error_of(code, what);
  }
  ATELIER_CHECK(filler->begin());
  return filler;
}

FileFiller::~FileFiller() {
  txn_.reset();
  mdb_env_close(env_);
}

Status FileFiller::begin() {
  MDB_txn* txn = nullptr;
  if (const int code = mdb_txn_begin(env_, nullptr, 0, &txn)) {
    return lmdb::error_of(code, "writing '" + file_.string() + "'");
  }
  txn_.emplace(txn);
  waiting_bytes_ = 0;
  return ok();
}

Status FileFiller::commit() {
  if (failed_) failed_ = txn_->commit();
  txn_.reset();
  return failed_;
}

Result<MDB_dbi> FileFiller::table(const std::string& name, unsigned flags) {
  ATELIER_CHECK(failed_);
  MDB_dbi table = 0;
  if (const int code = mdb_dbi_open(txn_->get(), name.c_str(), flags | MDB_CREATE, &table)) {
    return lmdb::error_of(code, "making the table '" + name + "'");
  }
  return table;
}

void FileFiller::put(MDB_dbi table, std::string_view key, std::string_view value, unsigned flags) {
  if (!failed_) return;
  txn_->put(table, lmdb::value_of(key), lmdb::value_of(value), flags);
  waiting_bytes_ += key.size() + value.size();
  if (waiting_bytes_ < kPartBytes) return;
  if (commit()) failed_ = begin();
}

void FileFiller::erase(MDB_dbi table, std::string_view key) {
  if (failed_) txn_->erase(table, lmdb::value_of(key));
}

std::optional<std::string_view> FileFiller::get(MDB_dbi table, std::string_view key) {
  std::string_view value;
  Error error;
  if (!failed_) return std::nullopt;
  const auto found = lmdb::get(txn_->get(), table, lmdb::value_of(key), &value, &error);
  if (found == lmdb::Lookup::kFailed) failed_ = error;
  return found == lmdb::Lookup::kFound ? std::optional(value) : std::nullopt;
}

Status FileFiller::each(MDB_dbi table, const pages::PageFile::Row& row) {
  ATELIER_CHECK(failed_);
  lmdb::Cursor cursor(txn_->get(), table);
  for (bool more = cursor.move(MDB_FIRST); more; more = cursor.move(MDB_NEXT)) {
    if (!row(cursor.key(), cursor.value())) break;
  }
  return cursor.status();
}

Status FileFiller::finish() {
  ATELIER_CHECK(commit());
  if (const int code = mdb_env_sync(env_, 1)) {
    return lmdb::error_of(code, "writing '" + file_.string() + "'");
  }
  return os::sync_file(file_);
}

Status copy_rows(const pages::PageFile& from, FileFiller& to, const CareProgress& progress) {
  Status failed = ok();
  const auto problem = [&](const std::string& words) {
    if (failed) failed = Error(ErrorCode::kCorrupt, "the store is damaged: " + words);
  };
  const auto tables = from.tables(problem);
  std::uint64_t done = 0, total = 0;
  for (const pages::Table& table : tables) total += table.tree.entries;
  for (const pages::Table& table : tables) {
    ATELIER_TRY(target, to.table(table.name, table.tree.flags));
    std::uint64_t rows = 0;
    const auto row = [&](std::string_view key, std::string_view value) {
      to.put(target, key, value, MDB_APPEND);
      ++rows;
      if (++done % kProgressRows == 0 && progress) progress(done, total);
      return failed.has_value();
    };
    from.walk(table.tree, {}, row, problem);
    ATELIER_CHECK(failed);
    if (rows != table.tree.entries) {
      return Error(ErrorCode::kCorrupt, "the store is damaged: the table '" + table.name +
                                            "' has not as many rows as it says");
    }
  }
  ATELIER_CHECK(failed);
  if (progress) progress(total, total);
  return ok();
}

}  // namespace atelier
