// Goal: a store opens, or says clearly why not; damage is never a wrong answer. Method: files of
// others, cut and flipped files, a second holder, folders without rights.
#include <fstream>
#include <random>
#include <sys/wait.h>

#include <gtest/gtest.h>
#include <unistd.h>

#include "store/lmdb.h"
#include "store/verify.h"
#include "unit/store_tools.h"

namespace atelier::test {
namespace {

using std::filesystem::perms;

/// A table of a closed store in one write transaction of LMDB's, beside all that the store would do.
class Raw {
 public:
  Raw(const std::filesystem::path& folder, const char* name) {
    EXPECT_EQ(mdb_env_create(&env_), 0);
    mdb_env_set_maxdbs(env_, 16);
    EXPECT_EQ(mdb_env_open(env_, folder.c_str(), 0, 0600), 0);
    EXPECT_EQ(mdb_txn_begin(env_, nullptr, 0, &txn_), 0);
    EXPECT_EQ(mdb_dbi_open(txn_, name, 0, &table_), 0);
  }
  Raw(const Raw&) = delete;
  ~Raw() { mdb_env_close(env_); }

  void put(std::string_view key, std::string_view value) {
    MDB_val row = lmdb::value_of(value);
    MDB_val name = lmdb::value_of(key);
    EXPECT_EQ(mdb_put(txn_, table_, &name, &row, 0), 0);
  }
  void erase(std::string_view key) {
    MDB_val name = lmdb::value_of(key);
    EXPECT_EQ(mdb_del(txn_, table_, &name, nullptr), 0);
  }
  /// The last page that the file counts then.
  std::size_t commit() {
    EXPECT_EQ(mdb_txn_commit(txn_), 0);
    MDB_envinfo info;
    EXPECT_EQ(mdb_env_info(env_, &info), 0);
    return info.me_last_pgno;
  }

 private:
  MDB_env* env_ = nullptr;
  MDB_txn* txn_ = nullptr;
  MDB_dbi table_ = 0;
};

class StoreOpen : public StoreTest {
 protected:
  std::filesystem::path file() const { return dir_.path() / "store" / "data.mdb"; }
  Result<std::shared_ptr<Store>> again(StoreOptions options = {}) {
    return Store::open(dir_.path() / "store", options);
  }
};

TEST_F(StoreOpen, WhatIsNotThereIsNotFoundUnlessItMayBeMade) {
  StoreOptions options;
  options.create = false;
  const auto opened = Store::open(dir_.path() / "none", options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "none"));
}

TEST_F(StoreOpen, ASecondHolderIsToldWhoTheFirstIs) {
  StoreOptions options;
  options.holder = "atelier, profile bob";
  open(options);
  const auto second = again();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
  EXPECT_NE(second.error().message.find("atelier, profile bob"), std::string::npos);
  options.read_only = true;
  EXPECT_EQ(again(options).error().code, ErrorCode::kBusy);
}

TEST_F(StoreOpen, ASecondProcessIsToldWhoTheFirstIs) {
  store_.reset();
  int ready[2], end[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(end), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  char byte = 0;
  if (child == 0) {
    StoreOptions options;
    options.holder = "the child";
    const auto held = again(options);
    byte = held ? 'y' : 'n';
    if (write(ready[1], &byte, 1) != 1) _exit(1);
    close(end[1]);
    if (read(end[0], &byte, 1) < 0) _exit(1);  // until the parent closes it
    _exit(0);
  }
  close(end[0]);
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  const auto refused = again();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kBusy);
  EXPECT_NE(refused.error().message.find("the child"), std::string::npos);
  close(end[1]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(again());
  close(ready[0]);
  close(ready[1]);
}

TEST_F(StoreOpen, AFileOfAnotherProgramIsRefusedAndLeftAlone) {
  store_.reset();
  const std::string text = "this is a diary, not a database\n" + std::string(20'000, 'd');
  std::ofstream(file(), std::ios::trunc) << text;
  const auto opened = again();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(opened.error().message.find("data.mdb"), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(file()), text.size());
}

TEST_F(StoreOpen, AnotherProgramsLmdbFileIsRefused) {
  const auto folder = dir_.path() / "foreign";
  std::filesystem::create_directories(folder);
  MDB_env* env = nullptr;
  ASSERT_EQ(mdb_env_create(&env), 0);
  ASSERT_EQ(mdb_env_open(env, folder.c_str(), 0, 0600), 0);
  MDB_txn* txn = nullptr;
  MDB_dbi table = 0;
  ASSERT_EQ(mdb_txn_begin(env, nullptr, 0, &txn), 0);
  ASSERT_EQ(mdb_dbi_open(txn, nullptr, 0, &table), 0);
  MDB_val key = lmdb::value_of(std::string_view("meta")), value = key;
  ASSERT_EQ(mdb_put(txn, table, &key, &value, 0), 0);
  ASSERT_EQ(mdb_txn_commit(txn), 0);
  mdb_env_close(env);
  const auto opened = Store::open(folder, {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
}

TEST_F(StoreOpen, ANewerFormatIsRefusedByName) {
  store_.reset();
  {
    Raw raw(dir_.path() / "store", "meta");
    raw.put("format", "atelier-store 99");
    raw.commit();
  }
  const auto opened = again();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(opened.error().message.find("99"), std::string::npos);
}

TEST_F(StoreOpen, ATruncatedFileIsAnErrorAndNoCrash) {
  for (int i = 0; i < 50; ++i) {
    put("d" + std::to_string(i), "{\"t\":\"" + std::string(5000, 'x') + "\"}");
  }
  store_.reset();
  std::filesystem::resize_file(file(), std::filesystem::file_size(file()) / 2);
  const auto half = again();
  ASSERT_FALSE(half);
  EXPECT_EQ(half.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(half.error().message.find("cut short"), std::string::npos);
  std::filesystem::resize_file(file(), 100);
  EXPECT_EQ(again().error().code, ErrorCode::kCorrupt);
}

// LMDB counts pages that a transaction took and gave back, and never writes those at the end.
TEST_F(StoreOpen, AFileThatLacksFreePagesAloneIsWhole) {
  for (const char* id : {"a", "b", "c", "d", "e"}) put(id, "{}");  // leaves free pages to the next
  store_.reset();
  std::size_t last_page = 0;
  {
    Raw raw(dir_.path() / "store", "chunks");
    raw.put("large", std::string(400'000, 'x'));
    raw.erase("large");
    last_page = raw.commit();
  }
  const std::uintmax_t length = std::filesystem::file_size(file());
  ASSERT_LT(length, (last_page - 50) * 4'096);  // or this shows nothing
  const auto report = verify_store(dir_.path() / "store");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->clean()) << report->words.front();
  {
    const auto whole = again();
    ASSERT_TRUE(whole) << whole.error().message;
    EXPECT_EQ((*whole)->get("a")->body, "{}");
  }
  // Now some are missing that are in use.
  std::filesystem::resize_file(file(), length / 2);
  EXPECT_EQ(again().error().code, ErrorCode::kCorrupt);
}

TEST_F(StoreOpen, FlippedBytesOfABodyAreAnErrorAndNeverAWrongAnswer) {
  const std::string mark = "find-me-in-the-file";
  put("a", "{\"t\":\"" + mark + "\"}");
  put("b", "{\"t\":\"" + mark + std::string(3000, 'x') + "\"}");
  put("c", "{}");
  store_.reset();
  std::string bytes;
  {
    std::ifstream in(file(), std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  std::size_t flipped = 0;
  for (auto at = bytes.find(mark); at != std::string::npos; at = bytes.find(mark, at + 1)) {
    bytes[at + 3] ^= 4;
    ++flipped;
  }
  ASSERT_GE(flipped, 2u);
  std::ofstream(file(), std::ios::binary | std::ios::trunc) << bytes;
  open();
  EXPECT_EQ(store_->get("a").error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(store_->get("b").error().code, ErrorCode::kCorrupt);
  EXPECT_NE(store_->get("b").error().message.find("'b'"), std::string::npos);
  EXPECT_EQ(store_->get("c")->body, "{}");
  EXPECT_EQ(store_->scan({}, [](const DocumentView&) { return true; }).error().code,
            ErrorCode::kCorrupt);
  put("d", "{}");  // and the others can still be written
}

TEST_F(StoreOpen, AReadOnlyStoreReadsAndRefusesWrites) {
  put("a", "{}");
  StoreOptions options;
  options.read_only = true;
  open(options);
  EXPECT_TRUE(store_->get("a"));
  EXPECT_EQ(store_->write_one(edit("b", "{}")).error().code, ErrorCode::kForbidden);
  EXPECT_EQ(store_->put_local("b", "{}").error().code, ErrorCode::kForbidden);
  EXPECT_EQ(store_->compact().error().code, ErrorCode::kForbidden);
  EXPECT_FALSE(store_->begin_blob());
  EXPECT_TRUE(store_->flush());
}

// In a child that is nobody in particular, because an administrator may write everywhere.
TEST_F(StoreOpen, AFolderWithoutRightsIsAClearError) {
  store_.reset();
  const auto closed = dir_.path() / "closed";
  std::filesystem::create_directories(closed);
  std::filesystem::permissions(
      closed, perms::owner_read | perms::owner_exec | perms::others_read | perms::others_exec);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    if (geteuid() == 0 && seteuid(kNobody) != 0) _exit(1);
    const auto opened = Store::open(closed / "store", {});
    const bool clear = !opened && opened.error().message.find("closed") != std::string::npos;
    _exit(clear ? 0 : 2);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(StoreOpen, AFileInTheFoldersPlaceIsAClearError) {
  std::ofstream(dir_.path() / "file") << "x";
  const auto opened = Store::open(dir_.path() / "file", {});
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("file"), std::string::npos);
}

}  // namespace
}  // namespace atelier::test
