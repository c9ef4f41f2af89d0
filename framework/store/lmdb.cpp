#include "store/lmdb.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/os/disk.h"
#include "base/os/disk_room.h"
#include "store/page_file.h"

namespace atelier::lmdb {
namespace {

// What LMDB 0.9 writes at the start of each of its two meta pages (its struct MDB_meta behind a
// page header of 16 bytes), read here without it: see Environment::open.
constexpr std::size_t kPageHeaderBytes = 16;
constexpr std::size_t kMetaBytes = 152;
constexpr std::uint32_t kMetaMagic = 0xBEEFC0DE;
constexpr std::uint32_t kMetaVersion = 1;

struct Meta {
  std::uint32_t page_bytes = 0;
  std::uint64_t last_page = 0;
  std::uint64_t txn = 0;
};

template <class T>
T load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Offsets within MDB_meta: magic 0, version 4, address 8, map size 16, two MDB_db of 48 bytes at 24
// (the first one's first word is the page size), last page 120, transaction 128.
bool read_meta(std::ifstream& file, std::uint64_t offset, Meta* meta) {
  std::array<char, kPageHeaderBytes + kMetaBytes> raw;
  file.clear();
  file.seekg(static_cast<std::streamoff>(offset));
  if (!file.read(raw.data(), raw.size())) return false;
  const char* at = raw.data() + kPageHeaderBytes;
  if (load<std::uint32_t>(at) != kMetaMagic) return false;
  if (load<std::uint32_t>(at + 4) != kMetaVersion) return false;
  meta->page_bytes = load<std::uint32_t>(at + 24);
  meta->last_page = load<std::uint64_t>(at + 120);
  meta->txn = load<std::uint64_t>(at + 128);
  const bool power_of_two = (meta->page_bytes & (meta->page_bytes - 1)) == 0;
  return meta->page_bytes >= 256 && meta->page_bytes <= 65536 && power_of_two;
}

Error foreign(const std::filesystem::path& file) {
  return {ErrorCode::kCorrupt, "'" + file.string() + "' is not a store of Atelier"};
}

struct Heads {
  Meta first, second;
};

// Commit n goes to page n modulo 2, so in a whole file the two follow each other. A number that is
// damaged would pass the older one off as the newest.
bool follow_each_other(const Heads& heads) {
  const std::uint64_t first = heads.first.txn, second = heads.second.txn;
  if (first == second) return true;
  return first > second ? first - second == 1 && first % 2 == 0 : second - first == 1 && first % 2 == 0;
}

// Both head pages. Who writes meanwhile may overtake who reads them; two looks that find the same
// tell damage from haste.
Result<Heads> read_heads(const std::filesystem::path& file) {
  constexpr int kLooksMax = 1'000;
  std::optional<Heads> before;
  for (int look = 0; look < kLooksMax; ++look) {
    std::ifstream in(file, std::ios::binary);
    Heads heads;
    if (!read_meta(in, 0, &heads.first)) return foreign(file);
    if (!read_meta(in, heads.first.page_bytes, &heads.second)) {
      return Error(ErrorCode::kCorrupt, "'" + file.string() + "' is cut short or damaged");
    }
    if (follow_each_other(heads)) return heads;
    if (before && before->first.txn == heads.first.txn && before->second.txn == heads.second.txn) {
      break;
    }
    before = heads;
  }
  return Error(ErrorCode::kCorrupt, "the head pages of '" + file.string() + "' are damaged");
}

// Whether all pages from `first` on are free: a transaction took them, gave them back, and so never
// wrote them. What lies in none of the tables can be missing.
bool are_free_from(const std::filesystem::path& file, std::uint64_t first, const Meta& newest) {
  auto source = pages::open_file(file.string());
  if (!source) return false;
  const auto pages = pages::PageFile::open(std::move(*source), newest.txn);
  if (!pages) return false;
  bool whole = true;
  std::vector<std::uint64_t> free =
      pages->free_pages([&](const std::string&) { whole = false; });
  std::erase_if(free, [&](std::uint64_t page) { return page < first || page > newest.last_page; });
  std::sort(free.begin(), free.end());
  free.erase(std::unique(free.begin(), free.end()), free.end());
  return whole && free.size() == newest.last_page + 1 - first;
}

// Whether the file has all that its newest head page counts, but for what nobody reads.
Status check_length(const std::filesystem::path& file, bool read_only) {
  std::error_code error;
  std::uint64_t length = std::filesystem::file_size(file, error);
  if (error || length == 0) return ok();  // LMDB makes it, or says why it cannot
  if (!std::ifstream(file, std::ios::binary)) return ok();
  std::uint64_t needed = 0;
  for (std::optional<std::uint64_t> looked_at;;) {
    ATELIER_TRY(heads, read_heads(file));
    const Meta& newest = heads.second.txn > heads.first.txn ? heads.second : heads.first;
    // Behind the head pages, which are written last: who writes meanwhile only makes it longer.
    length = std::filesystem::file_size(file, error);
    if (error) return ok();
    needed = (newest.last_page + 1) * newest.page_bytes;
    if (length >= needed) return ok();
    if (are_free_from(file, length / newest.page_bytes, newest)) return ok();
    if (needed - length <= kUnwrittenPagesMax * newest.page_bytes) {
      // Perhaps lost to LMDB and in no table. As zeros they are a damaged page to whoever comes to
      // them, and no fault of the map; a disk that has no room for that is no reason to stay shut.
      if (!read_only) (void)os::grow_file(file, needed);
      return ok();
    }
    if (looked_at == newest.txn) break;  // nobody writes meanwhile
    looked_at = newest.txn;
  }
  return Error(ErrorCode::kCorrupt, "'" + file.string() +
                                        "' is cut short: " + std::to_string(length) + " of " +
                                        std::to_string(needed) + " bytes are there");
}

// Inside of LMDB, what the file says is followed: a fault there is the file's (see watch()).
const os::MapWatch* watch_of(MDB_txn* txn) {
  return static_cast<const os::MapWatch*>(mdb_env_get_userctx(mdb_txn_env(txn)));
}

int open_with_map(MDB_env* env, const std::string& folder, unsigned flags, std::size_t map_bytes) {
  int code = mdb_env_set_mapsize(env, map_bytes);
  if (code == 0) code = mdb_env_open(env, folder.c_str(), flags, 0600);
  return code;
}

}  // namespace

Error error_of(int code, std::string_view what) {
  ErrorCode kind = ErrorCode::kDisk;
  switch (code) {
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      kind = ErrorCode::kFull;
      break;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
    case MDB_NOTFOUND:
      kind = ErrorCode::kCorrupt;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      kind = ErrorCode::kForbidden;
      break;
    default:
      break;
  }
  return {kind, std::string(what) + ": " + mdb_strerror(code)};
}

std::uint64_t number_of(const MDB_val& value) {
  return value.mv_size == sizeof(std::uint64_t)
             ? load<std::uint64_t>(static_cast<const char*>(value.mv_data))
             : 0;
}

// --- transactions

ReadTxn::ReadTxn(ReadTxn&& other) noexcept
    : environment_(other.environment_), txn_(std::exchange(other.txn_, nullptr)) {}

ReadTxn::~ReadTxn() {
  if (txn_) environment_->give_back(txn_);
}

WriteTxn::~WriteTxn() {
  if (txn_) mdb_txn_abort(txn_);
}

void WriteTxn::fail(int code, std::string_view what) {
  fail(error_of(code, what));
}

void WriteTxn::fail(Error error) {
  if (failed_) return;
  failed_ = true;
  error_ = std::move(error);
}

void WriteTxn::put(MDB_dbi table, MDB_val key, MDB_val value, unsigned flags) {
  if (failed_) return;
  const os::MapWatch::Use use(watch_of(txn_));
  if (const int code = mdb_put(txn_, table, &key, &value, flags))
    fail(code, "writing to the store");
}

char* WriteTxn::reserve(MDB_dbi table, MDB_val key, std::size_t size, unsigned flags) {
  if (failed_) return nullptr;
  MDB_val value{size, nullptr};
  const os::MapWatch::Use use(watch_of(txn_));
  if (const int code = mdb_put(txn_, table, &key, &value, flags | MDB_RESERVE)) {
    fail(code, "writing to the store");
    return nullptr;
  }
  return static_cast<char*>(value.mv_data);
}

void WriteTxn::erase(MDB_dbi table, MDB_val key) {
  if (failed_) return;
  const os::MapWatch::Use use(watch_of(txn_));
  const int code = mdb_del(txn_, table, &key, nullptr);
  if (code && code != MDB_NOTFOUND) fail(code, "deleting from the store");
}

Status WriteTxn::commit() {
  if (failed_) return error_;
  const os::MapWatch::Use use(watch_of(txn_));
  MDB_env* const env = mdb_txn_env(txn_);
  int code = mdb_txn_commit(std::exchange(txn_, nullptr));
  if (code == 0) return ok();
  // Of a write that ended short, LMDB says no more than that it did.
  const char* folder = nullptr;
  if (code == EIO && mdb_env_get_path(env, &folder) == 0 &&
      os::lacks_room(std::filesystem::path(folder) / "data.mdb", kCommitBytesMax)) {
    code = ENOSPC;
  }
  return error_of(code, "committing to the store");
}

// --- cursors

Cursor::Cursor(MDB_txn* txn, MDB_dbi table, std::unique_ptr<Follower> follower)
    : watch_(watch_of(txn)), follower_(std::move(follower)) {
  error_ = mdb_cursor_open(txn, table, &cursor_);
  MDB_stat stat{};
  if (follower_ && !error_) error_ = mdb_stat(txn, table, &stat);
  page_mask_ = ~(static_cast<std::uintptr_t>(stat.ms_psize) - 1);
}

Cursor::~Cursor() {
  if (cursor_) mdb_cursor_close(cursor_);
}

bool Cursor::note(int code) {
  if (code && code != MDB_NOTFOUND) error_ = code;
  return code == 0;
}

const void* Cursor::page() const {
  return reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(key_.mv_data) & page_mask_);
}

// False when there is nothing, or what there is cannot be believed.
bool Cursor::follow(MDB_cursor_op operation, std::string_view wanted, bool found) {
  if (!follower_ || error_) return found;
  const void* now = found ? page() : nullptr;
  if (now && now == page_ && (operation == MDB_NEXT || operation == MDB_PREV)) return true;
  page_ = now;
  stopped_ = follower_->moved(operation, wanted, now);
  return found && stopped_.has_value();
}

bool Cursor::move(MDB_cursor_op operation) {
  const os::MapWatch::Use use(watch_);
  if (!cursor_ || !stopped_) return false;
  return follow(operation, {}, note(mdb_cursor_get(cursor_, &key_, &value_, operation)));
}

bool Cursor::seek(MDB_val wanted) {
  const os::MapWatch::Use use(watch_);
  if (!cursor_ || !stopped_) return false;
  const std::string_view key = view_of(wanted);
  const bool found = note(mdb_cursor_get(cursor_, &wanted, &value_, MDB_SET_RANGE));
  key_ = found ? wanted : MDB_val{};  // never the caller's bytes
  return follow(MDB_SET_RANGE, key, found);
}

bool Cursor::seek(std::string_view key) {
  return key.empty() ? move(MDB_FIRST) : seek(value_of(key));
}

bool Cursor::seek_number(std::uint64_t key) {
  return seek(value_of(key));
}

Status Cursor::status() const {
  if (!stopped_) return stopped_;
  if (error_) return error_of(error_, "reading from the store");
  return ok();
}

Lookup get(MDB_txn* txn, MDB_dbi table, MDB_val key, std::string_view* value, Error* error) {
  MDB_val found{};
  const os::MapWatch::Use use(watch_of(txn));
  const int code = mdb_get(txn, table, &key, &found);
  if (code == MDB_NOTFOUND) return Lookup::kMissing;
  if (code) {
    *error = error_of(code, "reading from the store");
    return Lookup::kFailed;
  }
  *value = view_of(found);
  return Lookup::kFound;
}

// --- the environment

Result<std::unique_ptr<Environment>> Environment::open(const std::filesystem::path& folder,
                                                       const EnvironmentOptions& options) {
  const std::string what = "opening the store '" + folder.string() + "'";
  ATELIER_CHECK(check_length(folder / "data.mdb", options.read_only));
  const unsigned flags = MDB_NOTLS | (options.read_only ? MDB_RDONLY : 0) |
                         (options.no_lock ? MDB_NOLOCK : 0) | (options.sync ? 0 : MDB_NOSYNC);
  for (std::size_t map_bytes = options.map_bytes;; map_bytes /= 2) {
    MDB_env* env = nullptr;
    if (const int code = mdb_env_create(&env)) return error_of(code, what);
    std::unique_ptr<Environment> environment(new Environment(env));
    mdb_env_set_maxdbs(env, options.tables_max);
    mdb_env_set_maxreaders(env, kReadersMax);
    const int code = open_with_map(env, folder.string(), flags, map_bytes);
    if (code == 0) {
      environment->watch(folder);
      int dead = 0;
      mdb_reader_check(env, &dead);
      return environment;
    }
    // Address space may be limited (ulimit -v): a smaller map is better than none.
    if (code == ENOMEM && map_bytes / 2 >= kMapBytesMin) continue;
    if (code == MDB_INVALID || code == MDB_VERSION_MISMATCH) return foreign(folder / "data.mdb");
    return error_of(code, what);
  }
}

void Environment::watch(const std::filesystem::path& folder) {
  const std::string file = (folder / "data.mdb").string();
  watch_ = std::make_unique<os::MapWatch>(
      file, folder / "damaged.txt",
      "atelier: the store '" + file +
          "' is damaged or its disk fails: what it says cannot be followed. Nothing was written "
          "since; it can be salvaged, restored from a backup, or begun anew.");
  mdb_env_set_userctx(env_, watch_.get());
  mdb_env_set_assert(env_, [](MDB_env* env, const char*) {
    static_cast<const os::MapWatch*>(mdb_env_get_userctx(env))->fail();
  });
}

Environment::~Environment() {
  for (MDB_txn* txn : idle_) mdb_txn_abort(txn);
  mdb_env_close(env_);
}

Result<MDB_dbi> Environment::table(MDB_txn* txn, const char* name, unsigned flags, bool create) {
  MDB_dbi table = 0;
  const os::MapWatch::Use use(watch_.get());
  const int code = mdb_dbi_open(txn, name, flags | (create ? MDB_CREATE : 0), &table);
  if (code) return error_of(code, std::string("opening the table '") + name + "'");
  return table;
}

Result<ReadTxn> Environment::read() const {
  MDB_txn* txn = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      txn = idle_.back();
      idle_.pop_back();
    }
  }
  if (txn) {
    if (const int code = mdb_txn_renew(txn)) {
      mdb_txn_abort(txn);
      return error_of(code, "reading from the store");
    }
    return ReadTxn(this, txn);
  }
  if (const int code = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn)) {
    return error_of(code, "reading from the store");
  }
  return ReadTxn(this, txn);
}

void Environment::give_back(MDB_txn* txn) const {
  mdb_txn_reset(txn);
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kIdleReadersMax) {
    idle_.push_back(txn);
  } else {
    mdb_txn_abort(txn);
  }
}

Result<MDB_txn*> Environment::begin_write() {
  MDB_txn* txn = nullptr;
  if (const int code = mdb_txn_begin(env_, nullptr, 0, &txn)) {
    return error_of(code, "writing to the store");
  }
  return txn;
}

std::uint64_t Environment::live_bytes(MDB_txn* txn, const std::vector<MDB_dbi>& tables) const {
  std::uint64_t sum = 0;
  for (const MDB_dbi table : tables) {
    MDB_stat stat;
    if (mdb_stat(txn, table, &stat)) continue;
    sum += stat.ms_psize * (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages);
  }
  return sum;
}

}  // namespace atelier::lmdb
