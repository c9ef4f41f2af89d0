#include "retention_keeper.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "base/digest.h"
#include "base/http_date.h"

namespace atelier::host {
namespace {

constexpr int kNever = 3'600'000;  // the test runs the rounds itself

class Retention : public ::testing::Test {
 protected:
  Retention() : catalog_(std::make_shared<Catalog>(folder_, "a test")) {}
  ~Retention() override {
    catalog_.reset();
    std::filesystem::remove_all(folder_);
  }
  std::shared_ptr<Store> room(const std::string& name) {
    auto store = catalog_->open(name, true);
    EXPECT_TRUE(store);
    DocumentWrite expired;
    expired.id = "message:expired";
    expired.body = R"({"expires_at":1000})";
    DocumentWrite later;
    later.id = "message:later";
    later.body = R"({"expires_at":9007199254740991})";
    for (const auto& result : (*store)->write({expired, later})) EXPECT_TRUE(result.rev);
    return *store;
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("atelier-retention-" + random_uuid());
  std::shared_ptr<Catalog> catalog_;
};

TEST_F(Retention, WhatExpiredGoesWhereThisNodeDecides) {
  const auto ours = room("ours"), theirs = room("theirs");
  RetentionKeeper keeper(
      catalog_, [](const std::string& database) { return database == "ours"; }, kNever);
  keeper.run_once();
  EXPECT_FALSE(ours->get("message:expired"));
  EXPECT_TRUE(ours->get("message:later"));
  EXPECT_TRUE(theirs->get("message:expired"));
}

TEST_F(Retention, NothingGoesWhileTheClocksOfOthersSayThatOursIsWrong) {
  const auto ours = room("ours");
  PeerClocks others(system_clock());
  const RetentionKeeper::Decides always = [](const std::string&) { return true; };
  RetentionKeeper keeper(catalog_, always, kNever, others);
  others.heard("10.0.0.1", "Mon, 23 Nov 1970 04:01:04 GMT");
  keeper.run_once();
  EXPECT_TRUE(ours->get("message:expired"));
  others.heard("10.0.0.1", http_date(system_clock().wall_ms() / 1'000 + 60));
  keeper.run_once();
  EXPECT_FALSE(ours->get("message:expired"));
}

TEST_F(Retention, TheTimerRunsRoundsByItselfAndStopsAtOnce) {
  const auto ours = room("ours");
  std::mutex mutex;
  std::condition_variable changed;
  const auto heard = ours->subscribe([&] {
    const std::lock_guard lock(mutex);
    changed.notify_all();
  });
  {
    RetentionKeeper keeper(catalog_, [](const std::string&) { return true; }, 1);
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, std::chrono::seconds(20),
                                 [&] { return !ours->get("message:expired"); }));
  }
  EXPECT_FALSE(ours->get("message:expired"));
}

TEST_F(Retention, ARoomThatIsNotOpenStaysShut) {
  room("ours");
  catalog_ = std::make_shared<Catalog>(folder_, "a test");
  RetentionKeeper keeper(catalog_, [](const std::string&) { return true; }, kNever);
  keeper.run_once();
  EXPECT_TRUE(catalog_->opened().empty());
}

}  // namespace
}  // namespace atelier::host
