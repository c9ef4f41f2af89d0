// The chat messages that bench_store writes everywhere, and the raw LMDB and SQLite beside which
// the store is measured. Thread rule: each object belongs to one thread.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include <lmdb.h>
#include <sqlite3.h>

#include "bench/report.h"

namespace atelier::bench {

inline constexpr std::size_t kBodyBytes = 250;

struct Sample {
  std::string id;    // 30 bytes, in the order of time (base/id.h)
  std::string body;  // kBodyBytes, in normal form
};

inline std::string base36(std::uint64_t value, std::size_t digits) {
  std::string text(digits, '0');
  for (std::size_t i = digits; i-- > 0; value /= 36)
    text[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[value % 36];
  return text;
}

inline std::string sample_id(std::uint64_t number) {
  return "message:" + base36(1'764'316'800'000'000 + number * 1'000, 11) + "benchrun000";
}

inline Sample sample(std::uint64_t number) {
  static constexpr std::array kNames = {"Ada", "Grace", "Barbara", "Edsger", "Niklaus"};
  Sample made;
  made.id = sample_id(number);
  made.body = R"({"author":")" + std::string(kNames[number % kNames.size()]) +
              R"(","channel":"general","text":"message )" + std::to_string(number) + ' ';
  const std::string end = R"(","time":)" + std::to_string(1'764'316'800'000 + number) + '}';
  while (made.body.size() + end.size() < kBodyBytes)
    made.body += static_cast<char>('a' + (number + made.body.size()) % 26);
  made.body += end;
  return made;
}

// What a reader does with a body: look at its first word, or at all of them.
inline std::uint64_t word_of(std::string_view bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data(), std::min(bytes.size(), sizeof word));
  return word;
}
inline std::uint64_t all_words_of(std::string_view bytes) {
  std::uint64_t sum = 0;
  std::size_t at = 0;
  for (; at + sizeof sum <= bytes.size(); at += sizeof sum) sum += word_of(bytes.substr(at));
  return sum + (at < bytes.size() ? word_of(bytes.substr(at)) : 0);
}

/// LMDB and nothing else: the store's two rows for a first revision, by key and size, with the
/// flags that are best for keys in order.
class RawLmdb {
 public:
  explicit RawLmdb(const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    check(mdb_env_create(&env_));
    check(mdb_env_set_mapsize(env_, std::size_t{16} << 30));
    check(mdb_env_set_maxdbs(env_, 4));
    check(mdb_env_open(env_, folder.c_str(), MDB_NOTLS, 0600));
    MDB_txn* txn = begin(0);
    check(mdb_dbi_open(txn, "docs", MDB_CREATE, &docs_));
    check(mdb_dbi_open(txn, "sequences", MDB_CREATE | MDB_INTEGERKEY, &sequences_));
    check(mdb_txn_commit(txn));
    read_ = begin(MDB_RDONLY);
    mdb_txn_reset(read_);
  }
  RawLmdb(const RawLmdb&) = delete;
  ~RawLmdb() {
    mdb_txn_abort(read_);
    mdb_env_close(env_);
  }

  /// One transaction, synced.
  void write(std::span<const Sample> samples) {
    MDB_txn* txn = begin(0);
    for (const Sample& one : samples) {
      row_.assign(kHeadBytes, '\1');
      row_ += one.body;
      put(txn, docs_, {one.id.size(), const_cast<char*>(one.id.data())});
      row_.assign(kSequenceHeadBytes, '\1');
      row_ += one.id;
      ++sequence_;
      put(txn, sequences_, {sizeof sequence_, &sequence_});
    }
    check(mdb_txn_commit(txn));
  }

  /// Begins and ends a read transaction, as a lone question must.
  void get(std::string_view id, std::string& body) {
    check(mdb_txn_renew(read_));
    get_here(id, body);
    mdb_txn_reset(read_);
  }
  void begin_read() { check(mdb_txn_renew(read_)); }
  void end_read() { mdb_txn_reset(read_); }
  void get_here(std::string_view id, std::string& body) {
    MDB_val key{id.size(), const_cast<char*>(id.data())}, value{};
    check(mdb_get(read_, docs_, &key, &value));
    body.assign(view(value).substr(kHeadBytes));
  }

  template <class Read>
  std::uint64_t scan(const Read& read) {
    return walk(docs_, [&](std::string_view key, std::string_view value) {
      return key.size() + read(value.substr(kHeadBytes));
    });
  }
  std::uint64_t changes() {
    return walk(sequences_, [](std::string_view key, std::string_view value) {
      return word_of(key) + word_of(value.substr(kSequenceHeadBytes));
    });
  }

 private:
  // What the store's rows have in front: checksum, flags, sequence, generation, hash.
  static constexpr std::size_t kHeadBytes = 4 + 1 + 3 + 1 + 16;
  static constexpr std::size_t kSequenceHeadBytes = 4 + 1 + 1 + 16;

  static void check(int code) { require(code == 0, mdb_strerror(code)); }
  static std::string_view view(const MDB_val& value) {
    return {static_cast<const char*>(value.mv_data), value.mv_size};
  }
  MDB_txn* begin(unsigned flags) {
    MDB_txn* txn = nullptr;
    check(mdb_txn_begin(env_, nullptr, flags, &txn));
    return txn;
  }
  void put(MDB_txn* txn, MDB_dbi table, MDB_val key) {
    MDB_val value{row_.size(), row_.data()};
    check(mdb_put(txn, table, &key, &value, MDB_APPEND));
  }
  template <class Each>
  std::uint64_t walk(MDB_dbi table, const Each& each) {
    begin_read();
    MDB_cursor* cursor = nullptr;
    check(mdb_cursor_open(read_, table, &cursor));
    MDB_val key{}, value{};
    std::uint64_t sum = 0;
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) sum += each(view(key), view(value));
    mdb_cursor_close(cursor);
    end_read();
    return sum;
  }

  MDB_env* env_ = nullptr;
  MDB_dbi docs_ = 0, sequences_ = 0;
  MDB_txn* read_ = nullptr;
  std::uint64_t sequence_ = 0;
  std::string row_;
};

/// SQLite with the same two rows, as durable: WAL, synchronous=FULL, statements prepared once.
class RawSqlite {
 public:
  explicit RawSqlite(const std::filesystem::path& file) {
    require(sqlite3_open(file.c_str(), &database_) == SQLITE_OK, "SQLite did not open");
    run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536;"
        "PRAGMA mmap_size=4294967296;"
        "CREATE TABLE docs(id TEXT PRIMARY KEY, head BLOB, body TEXT) WITHOUT ROWID;"
        "CREATE TABLE sequences(number INTEGER PRIMARY KEY, head BLOB, id TEXT);");
    put_ = prepare("INSERT INTO docs VALUES(?1, zeroblob(25), ?2)");
    change_ = prepare("INSERT INTO sequences VALUES(?1, zeroblob(22), ?2)");
    get_ = prepare("SELECT body FROM docs WHERE id = ?1");
    scan_ = prepare("SELECT id, body FROM docs ORDER BY id");
    changes_ = prepare("SELECT number, id FROM sequences ORDER BY number");
  }
  RawSqlite(const RawSqlite&) = delete;
  ~RawSqlite() {
    for (sqlite3_stmt* one : {put_, change_, get_, scan_, changes_}) sqlite3_finalize(one);
    sqlite3_close(database_);
  }

  void write(std::span<const Sample> samples) {
    run("BEGIN IMMEDIATE");
    for (const Sample& one : samples) {
      bind(put_, 1, one.id);
      bind(put_, 2, one.body);
      step_once(put_);
      sqlite3_bind_int64(change_, 1, ++sequence_);
      bind(change_, 2, one.id);
      step_once(change_);
    }
    run("COMMIT");
  }
  void get(std::string_view id, std::string& body) {
    bind(get_, 1, id);
    require(sqlite3_step(get_) == SQLITE_ROW, "SQLite lost a document");
    body.assign(text(get_, 0));
    sqlite3_reset(get_);
  }
  template <class Read>
  std::uint64_t scan(const Read& read) {
    std::uint64_t sum = 0;
    while (sqlite3_step(scan_) == SQLITE_ROW) sum += text(scan_, 0).size() + read(text(scan_, 1));
    sqlite3_reset(scan_);
    return sum;
  }
  std::uint64_t changes() {
    std::uint64_t sum = 0;
    while (sqlite3_step(changes_) == SQLITE_ROW) {
      sum += static_cast<std::uint64_t>(sqlite3_column_int64(changes_, 0));
      sum += word_of(text(changes_, 1));
    }
    sqlite3_reset(changes_);
    return sum;
  }
  /// So that the file has what was written.
  void checkpoint() { run("PRAGMA wal_checkpoint(TRUNCATE)"); }

 private:
  void run(const char* sql) {
    require(sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) == SQLITE_OK,
            sqlite3_errmsg(database_));
  }
  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt* made = nullptr;
    require(sqlite3_prepare_v2(database_, sql, -1, &made, nullptr) == SQLITE_OK,
            sqlite3_errmsg(database_));
    return made;
  }
  static void bind(sqlite3_stmt* statement, int place, std::string_view value) {
    sqlite3_bind_text(statement, place, value.data(), static_cast<int>(value.size()),
                      SQLITE_STATIC);
  }
  void step_once(sqlite3_stmt* statement) {
    require(sqlite3_step(statement) == SQLITE_DONE, sqlite3_errmsg(database_));
    sqlite3_reset(statement);
  }
  static std::string_view text(sqlite3_stmt* statement, int column) {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
    return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement, column))};
  }

  sqlite3* database_ = nullptr;
  sqlite3_stmt *put_ = nullptr, *change_ = nullptr, *get_ = nullptr, *scan_ = nullptr,
               *changes_ = nullptr;
  std::int64_t sequence_ = 0;
};

}  // namespace atelier::bench
