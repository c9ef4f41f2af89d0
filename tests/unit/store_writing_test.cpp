// Goal: many callers' writes share a commit, each caller keeps its own result, and subscribers see
// only what is committed. Method: threads, subscriptions, and stores too small for what comes.
#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/writer.h"
#include "unit/store_tools.h"

namespace atelier::test {
namespace {

class StoreWriting : public StoreTest {};

TEST_F(StoreWriting, ManyThreadsWritesAllArriveOnceAndInOneFeed) {
  constexpr int kThreads = 8, kEach = 100;
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const std::string id = std::to_string(t) + ":" + std::to_string(i);
        if (!store_->write_one(edit(id, "{}"))) ++failures;
        if (!store_->get(id)) ++failures;  // what was reported can be read
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  const auto rows = changes(*store_);
  EXPECT_EQ(rows.size(), static_cast<std::size_t>(kThreads * kEach));
  EXPECT_EQ(rows.back().sequence, store_->last_sequence());
}

TEST_F(StoreWriting, OneCallersRefusalLeavesTheOthersOfTheSameCommitAlone) {
  // Queued behind each other while the writer is held, so that they share one transaction.
  std::promise<void> hold;
  std::shared_future<void> held = hold.get_future().share();
  store_->write_async({edit("first", "{}")}, {}, [held](auto) { held.wait(); });
  std::vector<std::future<bool>> outcomes;
  for (int i = 0; i < 10; ++i) {
    auto outcome = std::make_shared<std::promise<bool>>();
    outcomes.push_back(outcome->get_future());
    const std::string id = i % 2 ? "first" : "new" + std::to_string(i);  // odd ones conflict
    store_->write_async({edit(id, "{}")}, {}, [outcome](std::vector<WriteResult> results) {
      outcome->set_value(results[0].rev.has_value());
    });
  }
  hold.set_value();
  for (std::size_t i = 0; i < outcomes.size(); ++i) EXPECT_EQ(outcomes[i].get(), i % 2 == 0) << i;
  EXPECT_EQ(store_->info().doc_count, 6u);
}

TEST_F(StoreWriting, AllOrNothingWritesAllOrNothing) {
  put("there", "{}");
  WriteOptions together;
  together.all_or_nothing = true;
  const auto refused =
      store_->write({edit("a", "{}"), edit("there", "{}"), edit("b", "{}")}, together);
  EXPECT_EQ(refused[0].rev.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(refused[1].rev.error().code, ErrorCode::kConflict);
  EXPECT_EQ(refused[2].rev.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(ids(*store_), std::vector<std::string>{"there"});
  EXPECT_EQ(store_->last_sequence(), 1u);
  // Within one such write a document may change twice.
  const RevId first = make_revision({false, {}, R"({"v":1})", {}});
  const auto done = store_->write(
      {edit("a", R"({"v":1})"), edit("a", R"({"v":2})", first), edit("b", "{}")}, together);
  for (const WriteResult& one : done) EXPECT_TRUE(one.rev);
  EXPECT_EQ(store_->get("a")->rev.generation(), 2u);
  EXPECT_EQ(body("a", first), R"({"v":1})");
  EXPECT_EQ(changes(*store_).size(), 3u);
}

TEST_F(StoreWriting, SubscribersArePokedAfterTheCommitAndNotAfterTheEnd) {
  std::mutex mutex;
  std::condition_variable moved;
  int pokes = 0;
  std::uint64_t seen = 0;
  Subscription subscription = store_->subscribe([&] {
    const std::lock_guard lock(mutex);
    ++pokes;
    seen = store_->last_sequence();
    moved.notify_all();
  });
  put("a", "{}");
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(moved.wait_for(lock, std::chrono::seconds(20), [&] { return seen == 1; }));
  }
  ASSERT_TRUE(store_->flush());
  const int before = pokes;
  EXPECT_FALSE(store_->write_one(edit("a", "{}")));  // a refusal is no change
  ASSERT_TRUE(store_->put_local("l", "{}"));
  ASSERT_TRUE(store_->flush());
  EXPECT_EQ(pokes, before);
  subscription.reset();
  put("b", "{}");
  ASSERT_TRUE(store_->flush());
  EXPECT_EQ(pokes, before);
}

TEST_F(StoreWriting, PokesComeFromOneThreadAndNeverFromACallers) {
  // Lone writes are committed on the caller's thread.
  std::mutex mutex;
  std::set<std::thread::id> poked_on;
  std::uint64_t seen = 0;
  const Subscription subscription = store_->subscribe([&] {
    const std::lock_guard lock(mutex);
    poked_on.insert(std::this_thread::get_id());
    seen = store_->last_sequence();
  });
  for (int i = 0; i < 50; ++i) put("l" + std::to_string(i), "{}");
  ASSERT_TRUE(store_->flush());  // behind it, every commit before was told of
  const std::lock_guard lock(mutex);
  EXPECT_EQ(seen, 50u);
  EXPECT_EQ(poked_on.size(), 1u);
  EXPECT_EQ(poked_on.count(std::this_thread::get_id()), 0u);
}

TEST_F(StoreWriting, WhoWaitsStandsBehindWhatIsQueued) {
  for (int round = 0; round < 20; ++round) {
    const std::string id = "order" + std::to_string(round);
    std::promise<std::uint64_t> queued;
    store_->write_async({edit(id, "{}")}, {}, [&](std::vector<WriteResult> results) {
      queued.set_value(results[0].sequence);
    });
    const auto later = store_->write({edit(id + "x", "{}")});
    EXPECT_LT(queued.get_future().get(), later[0].sequence);
  }
}

TEST_F(StoreWriting, WritesOfAllKindsFromManyThreadsGetOneSequenceEach) {
  constexpr int kThreads = 6, kEach = 40;
  std::atomic<int> failures{0}, answered{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const std::string id = std::to_string(t) + ":" + std::to_string(i);
        WriteOptions options;
        if (i % 4 == 1) options.durability = Durability::kQueued;
        if (i % 4 == 2) {
          store_->write_async({edit(id, "{}")}, options, [&](auto) { ++answered; });
        } else if (!store_->write_one(edit(id, "{}"), options)) {
          ++failures;
        }
        if (i % 10 == 9 && !store_->put_local("local" + id, "{}")) ++failures;
        if (i % 20 == 19 && !store_->flush()) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(store_->flush());
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(answered, kThreads * kEach / 4);
  const auto rows = changes(*store_);
  ASSERT_EQ(rows.size(), static_cast<std::size_t>(kThreads * kEach));
  EXPECT_EQ(rows.back().sequence, rows.size());  // none twice, none left out
}

TEST_F(StoreWriting, AQueuedWriteIsReportedInOrderAndCommittedByTheNextFlush) {
  WriteOptions queued;
  queued.durability = Durability::kQueued;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(store_->write_one(edit("q" + std::to_string(i), "{}"), queued));
  }
  EXPECT_FALSE(store_->write_one(edit("q0", "{}"), queued));
  ASSERT_TRUE(store_->flush());
  EXPECT_EQ(ids(*store_).size(), 100u);
}

TEST_F(StoreWriting, ClosingFinishesWhatIsQueued) {
  std::atomic<int> done{0};
  for (int i = 0; i < 200; ++i) {
    store_->write_async({edit("c" + std::to_string(i), "{}")}, {}, [&](auto results) {
      if (results[0].rev) ++done;
    });
  }
  open();
  EXPECT_EQ(done, 200);
  EXPECT_EQ(ids(*store_).size(), 200u);
}

TEST_F(StoreWriting, TheLastUserMayLetGoOnTheWritersOwnThread) {
  std::promise<void> let_go;
  auto store = std::make_shared<std::shared_ptr<Store>>(std::move(store_));
  (*store)->write_async({edit("a", "{}")}, {}, [store, &let_go](auto) {
    store->reset();
    let_go.set_value();
  });
  let_go.get_future().wait();
  // Its end runs on a thread of its own; the lock tells when it is over.
  StoreOptions options;
  Result<std::shared_ptr<Store>> again = Error();
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  do {
    again = Store::open(dir_.path() / "store", options);
  } while (!again && std::chrono::steady_clock::now() < until);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE((*again)->get("a"));
}

TEST_F(StoreWriting, AFullMapRefusesWhatDoesNotFitAndKeepsTheRest) {
  StoreOptions small;
  small.map_bytes = 1 << 20;
  TempDir dir;
  small.sync = false;
  const auto opened = Store::open(dir.path() / "small", small);
  ASSERT_TRUE(opened);
  Store& store = **opened;
  const std::string large = "{\"t\":\"" + std::string(100'000, 'x') + "\"}";
  std::size_t written = 0;
  Result<RevId> last = RevId();
  for (; written < 100; ++written) {
    last = store.write_one(edit("d" + std::to_string(written), large));
    if (!last) break;
  }
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code, ErrorCode::kFull);
  EXPECT_GT(written, 3u);
  // A small one in the same commit as one that does not fit.
  std::promise<bool> small_done, large_done;
  std::promise<void> hold;
  std::shared_future<void> held = hold.get_future().share();
  store.write_async({edit("s0", "{}")}, {}, [held](auto) { held.wait(); });
  store.write_async({edit("s1", "{}")}, {},
                    [&](auto results) { small_done.set_value(results[0].rev.has_value()); });
  store.write_async({edit("d999", large)}, {},
                    [&](auto results) { large_done.set_value(results[0].rev.has_value()); });
  hold.set_value();
  EXPECT_TRUE(small_done.get_future().get());
  EXPECT_FALSE(large_done.get_future().get());
  EXPECT_EQ(ids(store).size(), written + 2);
  EXPECT_EQ(store.get("d0")->body, large);
}

TEST_F(StoreWriting, SequencesAreNamedForTheirRunAndUnderstoodByIt) {
  put("a", "{}");
  put("b", "{}");
  const std::string one = store_->sequence_text(1);
  EXPECT_TRUE(one.starts_with("1-"));
  EXPECT_EQ(*store_->parse_sequence(one), 1u);
  EXPECT_EQ(*store_->parse_sequence("\"" + one + "\""), 1u);
  EXPECT_EQ(*store_->parse_sequence(""), 0u);
  EXPECT_EQ(*store_->parse_sequence("0"), 0u);
  EXPECT_EQ(*store_->parse_sequence("now"), 2u);
  EXPECT_EQ(*store_->parse_sequence("2-0123456789abcdef"), 0u);  // somebody else's
  for (const char* bad : {"5", "xyz", "9999", "1-", "-1", "1", "[1,2]", "1.5-a"}) {
    const auto parsed = store_->parse_sequence(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().message, "Malformed sequence supplied in 'since' parameter.");
  }
  const std::string two = store_->sequence_text(2);
  open();
  EXPECT_EQ(*store_->parse_sequence(two), 2u);  // a restart is no new store
  put("c", "{}");
  EXPECT_EQ(*store_->parse_sequence(two), 2u);
  EXPECT_EQ(*store_->parse_sequence(store_->sequence_text(3)), 3u);
}

TEST_F(StoreWriting, AReaderOfARestoredStoreContinuesWhereBothAgree) {
  put("a", "{}");
  const std::string uuid = store_->info().uuid;
  store_.reset();
  std::filesystem::copy(dir_.path() / "store", dir_.path() / "backup");
  open();
  put("lost1", "{}");
  put("lost2", "{}");
  const std::string common = store_->sequence_text(1), lost = store_->sequence_text(3);
  store_.reset();
  std::filesystem::remove_all(dir_.path() / "store");
  std::filesystem::rename(dir_.path() / "backup", dir_.path() / "store");
  open();
  EXPECT_EQ(store_->info().uuid, uuid);
  for (int i = 0; i < 5; ++i) put("new" + std::to_string(i), "{}");
  EXPECT_EQ(*store_->parse_sequence(common), 1u);
  // Sequence 3 is another document here: what the reader has of it counts for nothing.
  EXPECT_EQ(*store_->parse_sequence(lost), 0u);
}

TEST_F(StoreWriting, WidenedRightsBeginANewEpochOfSequences) {
  put("a", "{}");
  const std::string before = store_->sequence_text(1);
  ASSERT_TRUE(store_->put_property("security", R"({"members":{}})"));
  EXPECT_EQ(*store_->parse_sequence(before), 0u);
  const std::string after = store_->sequence_text(1);
  ASSERT_TRUE(store_->put_property("security", R"({"members":{}})"));  // no change
  EXPECT_EQ(*store_->parse_sequence(after), 1u);
  open();
  EXPECT_EQ(*store_->parse_sequence(after), 1u);
  EXPECT_EQ(*store_->parse_sequence(before), 0u);
}

}  // namespace
}  // namespace atelier::test
