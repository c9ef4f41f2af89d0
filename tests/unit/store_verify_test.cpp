// Goal: verify finds what is wrong with a store, says it in words, and finds nothing in a store
// that is whole, also while somebody writes. Method: rows changed behind the store's back, one
// invariant at a time; flipped bytes; a child that writes meanwhile.
#include <fstream>
#include <random>
#include <sys/wait.h>

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "store/lmdb.h"
#include "store/page_file.h"
#include "store/record.h"
#include "store/tables.h"
#include "store/verify.h"
#include "unit/store_sample.h"

namespace atelier::test {
namespace {

class StoreVerify : public StoreTest {
 protected:
  void SetUp() override {
    open();
    fill_sample(*store_);
    ASSERT_TRUE(store_->flush());
    store_.reset();
  }
  std::filesystem::path folder() const { return dir_.path() / "store"; }
  std::filesystem::path file() const { return folder() / "data.mdb"; }

  // Changes rows without the store.
  void edit_rows(
      const std::function<void(MDB_txn*, const std::function<MDB_dbi(const char*)>&)>& fn) {
    MDB_env* env = nullptr;
    ASSERT_EQ(mdb_env_create(&env), 0);
    mdb_env_set_maxdbs(env, kTablesMax);
    ASSERT_EQ(mdb_env_open(env, folder().c_str(), 0, 0600), 0);
    MDB_txn* txn = nullptr;
    ASSERT_EQ(mdb_txn_begin(env, nullptr, 0, &txn), 0);
    fn(txn, [&](const char* name) {
      MDB_dbi table = 0;
      EXPECT_EQ(mdb_dbi_open(txn, name, 0, &table), 0) << name;
      return table;
    });
    ASSERT_EQ(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
  }
  void erase(const char* table, std::string key) {
    edit_rows([&](MDB_txn* txn, const auto& open_table) {
      MDB_val at = lmdb::value_of(std::string_view(key));
      EXPECT_EQ(mdb_del(txn, open_table(table), &at, nullptr), 0);
    });
  }
  void put_row(const char* table, std::string key, std::string value) {
    edit_rows([&](MDB_txn* txn, const auto& open_table) {
      MDB_val at = lmdb::value_of(std::string_view(key));
      MDB_val bytes = lmdb::value_of(std::string_view(value));
      EXPECT_EQ(mdb_put(txn, open_table(table), &at, &bytes, 0), 0);
    });
  }
  // The first row of a table.
  std::pair<std::string, std::string> first(const char* table) {
    std::pair<std::string, std::string> row;
    edit_rows([&](MDB_txn* txn, const auto& open_table) {
      lmdb::Cursor cursor(txn, open_table(table));
      EXPECT_TRUE(cursor.move(MDB_FIRST)) << table;
      row = {std::string(cursor.key()), std::string(cursor.value())};
    });
    return row;
  }
  static std::string number(std::uint64_t value) {
    return std::string(lmdb::view_of(lmdb::value_of(value)));
  }
  std::string findings() {
    const auto report = verify_store(folder());
    EXPECT_TRUE(report) << report.error().message;
    std::string all;
    if (report) {
      EXPECT_EQ(report->clean(), report->words.empty());
      for (const std::string& words : report->words) all += words + "\n";
    }
    return all;
  }
};

TEST_F(StoreVerify, AWholeStoreIsCleanAndItsRowsAreCounted) {
  const auto report = verify_store(folder());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(findings(), "");
  std::map<std::string, std::uint64_t> rows;
  for (const auto& table : report->tables) rows[table.name] = table.rows;
  EXPECT_EQ(rows["sequences"], 9u);
  EXPECT_EQ(rows["blobs"], 1u);
  EXPECT_EQ(rows["chunks"], 1u);
  EXPECT_EQ(rows["locals"], 1u);
  EXPECT_EQ(rows["bodies"], 4u);
  EXPECT_FALSE(report->in_use);
  EXPECT_EQ(report->file_bytes, std::filesystem::file_size(file()));
  EXPECT_GT(report->pages, 10u);
}

TEST_F(StoreVerify, AttachmentsWhoseBytesAreElsewhereAreCountedAndAreNoFinding) {
  EXPECT_EQ(verify_store(folder())->left_behind, 0u);
  open();
  DocumentWrite write = replicated("left", {r("1-a")}, "{}");
  for (const char* name : {"one", "two"}) {
    AttachmentWrite attachment;
    attachment.name = name;
    attachment.digest = "md5-1B2M2Y8AsgTpgAmY7PhCfg==";
    attachment.length = 7;
    attachment.left_behind = true;
    write.attachments.push_back(std::move(attachment));
  }
  ASSERT_TRUE(store_->write_one(std::move(write)));
  ASSERT_TRUE(store_->flush());
  store_.reset();
  const auto report = verify_store(folder());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(findings(), "");
  EXPECT_EQ(report->left_behind, 2u);
}

TEST_F(StoreVerify, WhatIsNoStoreIsAnError) {
  EXPECT_EQ(verify_store(dir_.path() / "none").error().code, ErrorCode::kNotFound);
  std::ofstream(file(), std::ios::trunc) << "a diary";
  EXPECT_NE(findings().find("head pages"), std::string::npos);
  std::ofstream(file(), std::ios::trunc).flush();
  EXPECT_NE(findings(), "");
}

TEST_F(StoreVerify, EachInvariantThatIsBrokenIsNamed) {
  const auto whole = dir_.path() / "whole.mdb";
  std::filesystem::copy_file(file(), whole);
  const auto sequence = first("sequences");
  const auto body = first("bodies");
  const auto blob = first("blobs");
  const auto chunk = first("chunks");
  const auto fragment = first("fragments");
  const auto lineage = first("lineages");
  Sha256 sha;
  std::copy(blob.first.begin(), blob.first.end(), sha.begin());
  auto blob_row = record::decode_blob(sha, blob.second).value();
  blob_row.references = 7;
  const std::string counted_wrong = record::encode_blob(sha, blob_row);
  const auto damaged = [](std::string bytes) {
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    return bytes;
  };
  struct Case {
    std::function<void()> damage;
    const char* expected;
  };
  const std::vector<Case> cases = {
      {[&] { erase("meta", "format"); }, "meta: the row 'format' is missing"},
      {[&] { put_row("meta", "format", "other 1"); }, "meta: this is not a store"},
      {[&] { put_row("meta", "uuid", "x"); }, "meta: the store's name"},
      {[&] { put_row("meta", "state", damaged(first("meta").second)); }, "meta: a row"},
      {[&] { put_row("properties", "title", "xxxxLobby"); }, "properties: the value of 'title'"},
      {[&] { put_row("locals", "checkpoint", "xxxx"); }, "locals: the row of 'checkpoint'"},
      {[&] { put_row("lineages", number(99'999), "x"); }, "lineages: a run begins behind"},
      {[&] { erase("docs", "message:1"); }, "docs: 7 documents and 1 deleted ones"},
      {[&] { put_row("docs", "message:1", damaged(first("docs").second)); },
       "of 'message:1' is damaged"},
      {[&] { put_row("docs", std::string(480, 'z'), "short"); },
       "bucket of long ids has no number"},
      {[&] { put_row("docs", std::string(480, 'z'), std::string(7, 0) + "\1"); },
       "stands in two rows"},
      {[&] { put_row("docs", std::string(480, 'z'), std::string(7, 0) + "\11"); }, "bucket 9 is empty"},
      {[&] { erase("fragments", fragment.first); }, "fragments: bucket"},
      {[&] { put_row("fragments", std::string(7, 0) + "\7row", "x"); }, "rows, but ids lead to"},
      {[&] { erase("sequences", sequence.first); }, "has no row"},
      {[&] { put_row("sequences", sequence.first, damaged(sequence.second)); },
       "sequences: the sequence row"},
      {[&] { put_row("sequences", number(5'000), sequence.second); }, "5000 is behind the last"},
      {[&] { erase("bodies", body.first); }, "is missing"},
      {[&] { put_row("bodies", body.first, damaged(body.second)); }, "is damaged"},
      {[&] { put_row("bodies", number(77), body.second); }, "bodies: 77 belongs to no revision"},
      {[&] { erase("blobs", blob.first); }, "attachments are that"},
      {[&] { put_row("blobs", blob.first, counted_wrong); }, "counts 7 references of 1"},
      {[&] { erase("chunks", chunk.first); }, "chunks: those of"},
      {[&] { put_row("chunks", chunk.first, damaged(chunk.second)); }, "chunks: part 0 of number"},
      {[&] {
         put_row("chunks", chunk.first,
                 record::encode_checked(chunk.first, "bytes of an attachmenT"));
       },
       "other bytes than its digest"},
      {[&] {
         put_row("chunks", std::string(7, 0) + "\7" + std::string(4, 0),
                 record::encode_checked("x", "y"));
       },
       "belongs to no blob"},
      {[&] { put_row("staging", "x", "y"); }, "staging: a row is of neither kind"},
      {[&] { put_row("staging", "o" + std::string(32, 'x'), std::string(8, 0)); }, "is no blob"},
  };
  for (const Case& one : cases) {
    std::filesystem::copy_file(whole, file(), std::filesystem::copy_options::overwrite_existing);
    ASSERT_EQ(findings(), "");
    one.damage();
    EXPECT_NE(findings().find(one.expected), std::string::npos) << one.expected << "\n"
                                                                << findings();
  }
}

TEST_F(StoreVerify, AFlippedByteOfAPageInUseIsFoundAndNothingElseIsTold) {
  std::string bytes;
  {
    std::ifstream in(file(), std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  std::mt19937 random(7);
  int found = 0;
  constexpr int kFlips = 60;
  for (int i = 0; i < kFlips; ++i) {
    std::string flipped = bytes;
    const std::size_t at = random() % flipped.size();
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << random() % 8));
    std::ofstream(file(), std::ios::binary | std::ios::trunc) << flipped;
    const auto report = verify_store(folder());
    ASSERT_TRUE(report);
    found += !report->clean();
    for (const std::string& words : report->words) {
      EXPECT_EQ(words.find("was ended by signal"), std::string::npos) << at << " " << words;
    }
  }
  EXPECT_GT(found, 0);  // most bytes of so small a file are of no page in use
}

TEST_F(StoreVerify, AStoreThatAnotherProcessWritesToIsCheckedMeanwhile) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    StoreOptions options;
    options.sync = false;
    const auto store = Store::open(folder(), options);
    constexpr int kMost = 20'000;  // on a busy machine it would outgrow those who check it
    for (int i = 0; store && i < kMost; ++i) {
      (*store)->write_one(edit("busy:" + std::to_string(i), "{\"n\":" + std::to_string(i) + "}"));
      const char byte = 'x';
      if (i == 10 && write(ready[1], &byte, 1) != 1) _exit(1);
    }
    while (store) pause();  // until it is killed, with the store open
    _exit(1);
  }
  // Also when something below fails: a child that waits would keep the test's output open for ever.
  const std::shared_ptr<void> end(nullptr, [child](void*) {
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
  });
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  for (int i = 0; i < 10; ++i) {
    const auto report = verify_store(folder());
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(report->in_use);
    EXPECT_TRUE(report->clean()) << report->words.front();
  }
  close(ready[0]);
  close(ready[1]);
}

}  // namespace
}  // namespace atelier::test
