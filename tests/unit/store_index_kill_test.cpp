// Goal: an index that is being built, dropped and written to survives kill -9 at any moment.
// Method: a child declares and drops indexes and writes; it is killed at a random point; the store
// is opened again, lets the work end, and every invariant of every table must hold.
#include <random>
#include <sys/wait.h>

#include <gtest/gtest.h>
#include <lmdb.h>
#include <signal.h>
#include <unistd.h>

#include "base/limits.h"
#include "store/verify.h"
#include "unit/store_index_tools.h"

namespace atelier::test {
namespace {

constexpr int kRounds = 6;

[[noreturn]] void work_for_ever(const std::filesystem::path& path, unsigned seed, int report) {
  StoreOptions options;
  options.sync = false;
  const auto store = Store::open(path, options);
  if (!store) _exit(2);
  std::mt19937 random(seed);
  const char ready = 'r';
  if (write(report, &ready, 1) != 1) _exit(4);
  for (int i = 0;; ++i) {
    const std::string id = "m:" + std::to_string(random() % 3'000);
    const auto known = (*store)->get(id);
    const std::string body = R"({"n":)" + std::to_string(random() % 50) +
                             R"(,"text":"some words )" + std::to_string(random() % 100) + "\"}";
    (void)(*store)->write_one(edit(id, body, known ? std::optional(known->rev) : std::nullopt));
    if (i % 15 == 7) {
      // Enough for segments of words that are joined in the background.
      std::vector<DocumentWrite> many;
      for (int n = 0; n < 300; ++n) {
        std::string text = "some words of";
        for (int w = 0; w < 12; ++w) text += " w" + std::to_string(random() % 900);
        many.push_back(edit("b:" + std::to_string(seed) + ":" + std::to_string(i * 300 + n),
                            R"({"n":1,"text":")" + text + "\"}"));
      }
      (void)(*store)->write(std::move(many), {});
    }
    if (i % 40 == 20) (void)(*store)->create_index(values_of("n", {"n"}));
    if (i % 40 == 25) (void)(*store)->create_index(words_of("text", {"text"}));
    if (i % 80 == 30) (void)(*store)->drop_index("n");
    if (i % 80 == 70) (void)(*store)->drop_index("text");
  }
}

class IndexKillTest : public IndexTest {};

TEST_F(IndexKillTest, IndexesSurviveKillsWhileTheyAreBuiltAndDropped) {
  std::vector<DocumentWrite> documents;
  for (int i = 0; i < 3'000; ++i) {
    documents.push_back(edit("m:" + std::to_string(i), R"({"n":1,"text":"words of old"})"));
  }
  store_->write(std::move(documents), {});
  std::mt19937 random(3);
  for (int round = 0; round < kRounds; ++round) {
    store_.reset();
    int report[2];
    ASSERT_EQ(pipe(report), 0);
    const pid_t child = fork();
    if (child == 0) work_for_ever(dir_.path() / "store", static_cast<unsigned>(round), report[1]);
    close(report[1]);
    char ready = 0;
    EXPECT_EQ(read(report[0], &ready, 1), 1);
    usleep(static_cast<useconds_t>(random() % 60'000));
    kill(child, SIGKILL);
    close(report[0]);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
    // As the kill left it: half built, half dropped.
    const auto left = verify_store(dir_.path() / "store");
    ASSERT_TRUE(left) << left.error().message;
    EXPECT_TRUE(left->clean()) << (left->words.empty() ? "" : left->words.front());
    open();
    create(values_of("n", {"n"}));
    create(words_of("text", {"text"}));
    finish_indexes();
    FindQuery query;
    query.selector = R"({"n":{"$exists":true}})";
    EXPECT_EQ(store_->count_matches(query)->results, store_->info().doc_count);
    EXPECT_EQ(search("words", "", kSearchLimitMax).size(),
              std::min<std::uint64_t>(store_->info().doc_count, kSearchLimitMax));
    store_.reset();
    const auto whole = verify_store(dir_.path() / "store");
    ASSERT_TRUE(whole) << whole.error().message;
    EXPECT_TRUE(whole->clean()) << (whole->words.empty() ? "" : whole->words.front());
  }
}

// Rows that are wrong although their checksums are right, as a fault of ours would leave them.
TEST_F(IndexKillTest, VerifyTellsOfAnIndexThatDoesNotFitItsDocuments) {
  put("m:1", R"({"n":1,"text":"some words"})");
  create(values_of("n", {"n"}));
  create(words_of("text", {"text"}));
  finish_indexes();
  store_.reset();
  const auto verified = [&] { return verify_store(dir_.path() / "store").value(); };
  EXPECT_TRUE(verified().clean());
  for (const char* table : {"values", "segments", "words", "indexes"}) {
    MDB_env* env = nullptr;
    MDB_txn* txn = nullptr;
    MDB_dbi dbi = 0;
    MDB_cursor* cursor = nullptr;
    MDB_val key, value;
    ASSERT_EQ(mdb_env_create(&env), 0);
    mdb_env_set_maxdbs(env, 64);
    mdb_env_set_mapsize(env, std::size_t{1} << 30);
    ASSERT_EQ(mdb_env_open(env, (dir_.path() / "store").c_str(), 0, 0600), 0);
    ASSERT_EQ(mdb_txn_begin(env, nullptr, 0, &txn), 0);
    ASSERT_EQ(mdb_dbi_open(txn, table, 0, &dbi), 0);
    ASSERT_EQ(mdb_cursor_open(txn, dbi, &cursor), 0);
    ASSERT_EQ(mdb_cursor_get(cursor, &key, &value, MDB_FIRST), 0);
    ASSERT_EQ(mdb_cursor_del(cursor, 0), 0);
    mdb_cursor_close(cursor);
    ASSERT_EQ(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    const VerifyReport report = verified();
    EXPECT_FALSE(report.clean()) << table;
  }
}

}  // namespace
}  // namespace atelier::test
