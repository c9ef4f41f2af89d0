// LMDB as this store uses it: move-only handles, errors as values, nothing of <lmdb.h> above.
//
// Thread rule: Environment is safe from any thread; a transaction and its cursors belong to one
// thread at a time (the environment is opened with MDB_NOTLS, so that thread may change).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <lmdb.h>

#include "base/error.h"
#include "base/os/map_fault.h"

namespace atelier::lmdb {

/// kFull for a full map or disk, kCorrupt for damaged pages, kDisk for the rest; `what` says during
/// which work, in words.
Error error_of(int code, std::string_view what);

inline MDB_val value_of(std::string_view bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};
}
inline std::string_view view_of(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}
/// Keys of integer tables, which lie in the file as the machine has them.
inline MDB_val value_of(const std::uint64_t& number) {
  return {sizeof number, const_cast<std::uint64_t*>(&number)};
}
std::uint64_t number_of(const MDB_val& value);  // 0 when it has another size

class Environment;

/// A read transaction; ended by the destructor, its slot is kept for the next one.
class ReadTxn {
 public:
  ReadTxn(ReadTxn&& other) noexcept;
  ReadTxn& operator=(ReadTxn&&) = delete;
  ~ReadTxn();
  MDB_txn* get() const { return txn_; }

 private:
  friend class Environment;
  ReadTxn(const Environment* environment, MDB_txn* txn) : environment_(environment), txn_(txn) {}
  const Environment* environment_;
  MDB_txn* txn_;
};

/// The write transaction; aborted by the destructor unless committed. Remembers the first error of
/// any call, after which nothing more is done and commit() fails: callers may check once.
class WriteTxn {
 public:
  explicit WriteTxn(MDB_txn* txn) : txn_(txn) {}
  WriteTxn(const WriteTxn&) = delete;
  WriteTxn& operator=(const WriteTxn&) = delete;
  ~WriteTxn();

  MDB_txn* get() const { return txn_; }
  void put(MDB_dbi table, MDB_val key, MDB_val value, unsigned flags = 0);
  /// Room for `size` bytes under `key`, to be filled before the next call; null after an error.
  char* reserve(MDB_dbi table, MDB_val key, std::size_t size, unsigned flags = 0);
  void erase(MDB_dbi table, MDB_val key);  // what is not there may stay so
  void fail(int code, std::string_view what);
  void fail(Error error);

  bool failed() const { return failed_; }
  const Error& error() const { return error_; }
  /// Returns when the data is on the disk.
  Status commit();

 private:
  MDB_txn* txn_;
  bool failed_ = false;
  Error error_;
};

/// A cursor; close before its transaction ends.
/// Is told of a cursor's moves, and may stop it.
class Follower {
 public:
  virtual ~Follower() = default;
  /// `wanted` is what MDB_SET_RANGE looked for. `leaf` is the page that the cursor stands on now;
  /// null: there was nothing. Moves by one row within a page are not told.
  virtual Status moved(MDB_cursor_op operation, std::string_view wanted, const void* leaf) = 0;
};

class Cursor {
 public:
  /// `follower` is for transactions that only read.
  Cursor(MDB_txn* txn, MDB_dbi table, std::unique_ptr<Follower> follower = {});
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  ~Cursor();

  /// Moves; false at the end or after an error (see status()).
  bool move(MDB_cursor_op operation);
  bool seek(std::string_view key);      // to the first key that is not smaller
  bool seek_number(std::uint64_t key);  // same, of an integer table
  std::string_view key() const { return view_of(key_); }
  std::uint64_t number() const { return number_of(key_); }
  std::string_view value() const { return view_of(value_); }
  Status status() const;

 private:
  bool seek(MDB_val wanted);
  bool note(int code);
  bool follow(MDB_cursor_op operation, std::string_view wanted, bool found);
  const void* page() const;  // of the key
  const os::MapWatch* watch_;
  const std::unique_ptr<Follower> follower_;
  std::uintptr_t page_mask_ = 0;
  MDB_cursor* cursor_ = nullptr;
  MDB_val key_{}, value_{};
  const void* page_ = nullptr;  // that the follower was told last
  int error_ = 0;
  Status stopped_ = ok();
};

/// nullopt-like: found, not found or an error.
enum class Lookup { kFound, kMissing, kFailed };
Lookup get(MDB_txn* txn, MDB_dbi table, MDB_val key, std::string_view* value, Error* error);

struct EnvironmentOptions {
  std::size_t map_bytes = 0;
  unsigned tables_max = 0;
  bool read_only = false;
  bool sync = true;
  bool no_lock = false;  // a read-only folder, where no lock file can be made
};

class Environment {
 public:
  /// Opens `<folder>/data.mdb`. A file that is shorter than its newest meta page says, or that is
  /// none of LMDB's, is kCorrupt: reading it would end the process with SIGBUS.
  static Result<std::unique_ptr<Environment>> open(const std::filesystem::path& folder,
                                                   const EnvironmentOptions& options);
  Environment(const Environment&) = delete;
  ~Environment();

  Result<MDB_dbi> table(MDB_txn* txn, const char* name, unsigned flags, bool create);
  Result<ReadTxn> read() const;
  Result<MDB_txn*> begin_write();
  MDB_env* get() const { return env_; }
  /// Bytes of the file that are in use by the tables of `txn`'s snapshot.
  std::uint64_t live_bytes(MDB_txn* txn, const std::vector<MDB_dbi>& tables) const;

 private:
  friend class ReadTxn;
  explicit Environment(MDB_env* env) : env_(env) {}
  void give_back(MDB_txn* txn) const;
  void watch(const std::filesystem::path& folder);

  MDB_env* const env_;
  std::unique_ptr<os::MapWatch> watch_;  // constant after open()
  mutable std::mutex mutex_;
  mutable std::vector<MDB_txn*> idle_;  // reset read transactions; guarded by mutex_
};

}  // namespace atelier::lmdb
