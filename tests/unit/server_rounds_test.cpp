// Goal: feeds are told in rounds. Method: a database whose posted tasks the test runs itself.
#include <algorithm>
#include <deque>
#include <mutex>

#include <gtest/gtest.h>

#include "server/database.h"
#include "store_tools.h"

namespace atelier::server {
namespace {

constexpr int kFeeds = 1'200;  // more than are woken at a time

class Waiter : public Feed {
 public:
  explicit Waiter(std::shared_ptr<Database> database) : Feed(std::move(database)) {}
  State next(Chunk&) override {
    wait_for_changes();
    return State::kWait;
  }
};

class RoundsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto store = Store::open(folder_.path() / "db", {});
    ASSERT_TRUE(store);
    store_ = *store;
    database_ = std::make_shared<Database>("db", store_, [this](std::function<void()> task) {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    });
    database_->start();
    for (int i = 0; i < kFeeds; ++i) {
      feeds_.push_back(std::make_shared<Waiter>(database_));
      feeds_.back()->wake = [this, i] {
        woken_.push_back(i);
        BodySource::Chunk chunk;
        feeds_[static_cast<std::size_t>(i)]->next(chunk);
      };
      feeds_.back()->wake();
    }
    woken_.clear();
  }
  /// One document; its news stands behind what was posted before.
  void write() {
    DocumentWrite document;
    document.id = "m:" + std::to_string(++written_);
    ASSERT_TRUE(store_->write_one(std::move(document)));
    ASSERT_TRUE(store_->flush());
  }
  bool run_one() {
    std::function<void()> task;
    {
      const std::lock_guard lock(mutex_);
      if (tasks_.empty()) return false;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
    return true;
  }
  void run_all() {
    for (int i = 0; i < 1'000 && run_one(); ++i) {
    }
    EXPECT_TRUE(tasks_.empty());
  }
  /// How often each was woken since `from`, the fewest and the most.
  std::pair<int, int> wakes(std::size_t from) const {
    std::vector<int> counts(kFeeds);
    for (std::size_t i = from; i < woken_.size(); ++i)
      ++counts[static_cast<std::size_t>(woken_[i])];
    const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
    return {*least, *most};
  }

  test::TempDir folder_;
  std::mutex mutex_;
  std::deque<std::function<void()>> tasks_;
  std::shared_ptr<Store> store_;
  std::shared_ptr<Database> database_;
  std::vector<std::shared_ptr<Waiter>> feeds_;
  std::vector<int> woken_;
  int written_ = 0;
};

TEST_F(RoundsTest, OneCommitWakesEachFeedOnce) {
  write();
  run_all();
  EXPECT_EQ(wakes(0), std::pair(1, 1));
}

TEST_F(RoundsTest, WhatComesDuringARoundWaitsForTheNext) {
  write();
  ASSERT_TRUE(run_one());
  ASSERT_FALSE(woken_.empty());
  ASSERT_LT(woken_.size(), static_cast<std::size_t>(kFeeds));
  for (int i = 0; i < 3; ++i) write();
  while (woken_.size() < static_cast<std::size_t>(kFeeds)) ASSERT_TRUE(run_one());
  EXPECT_EQ(wakes(0), std::pair(1, 1)) << "somebody was told twice before all were told once";
  run_all();
  EXPECT_EQ(wakes(kFeeds), std::pair(1, 1)) << "three documents are one round more";
  write();
  run_all();
  EXPECT_EQ(wakes(2 * kFeeds), std::pair(1, 1)) << "rounds go on";
}

TEST_F(RoundsTest, DatabaseThatIsRemovedDuringARoundWakesAllOnceMore) {
  write();
  ASSERT_TRUE(run_one());
  const std::size_t told = woken_.size();
  database_->remove();
  run_all();
  EXPECT_EQ(wakes(told).first, 1);
}

TEST_F(RoundsTest, FeedsMayEndDuringARound) {
  write();
  ASSERT_TRUE(run_one());
  for (int i = 0; i < kFeeds; i += 2) feeds_[static_cast<std::size_t>(i)].reset();
  woken_.clear();
  run_all();
  write();
  woken_.clear();
  run_all();
  EXPECT_EQ(woken_.size(), static_cast<std::size_t>(kFeeds / 2));
}

}  // namespace
}  // namespace atelier::server
