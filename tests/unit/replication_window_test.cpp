// Goal: a device keeps what its window says, loses nothing that only it has, and does not pull
// again what it let go. Method: stores, no socket; ids carry the time that the test's clock says.
#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "base/id.h"
#include "replication/replicator.h"
#include "replication/window.h"
#include "replication_tools.h"

namespace atelier::testing {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;

TEST(KeepWindow, IsReadAsItIsSaid) {
  const auto window = parse_window("30d,1GB");
  ASSERT_TRUE(window);
  EXPECT_EQ(window->age_ms, 30 * kDayMs);
  EXPECT_EQ(window->bytes, 1'000'000'000u);
  EXPECT_EQ(window_text(*window), "30d,1GB");
  EXPECT_EQ(parse_window("12h")->age_ms, kDayMs / 2);
  EXPECT_EQ(parse_window("2w")->age_ms, 14 * kDayMs);
  EXPECT_EQ(parse_window("500kB")->bytes, 500'000u);
  EXPECT_EQ(window_text(*parse_window("36h,1500MB")), "36h,1500MB");
  EXPECT_EQ(window_text({}), "");
  for (const char* bad : {"", "30", "d", "0d", "-1d", "1.5GB", "30d,", "30d,40d", "1GB,2MB", "1gb",
                          "99999999999999999999d", "9007199254740993TB", "30d 1GB"}) {
    const auto parsed = parse_window(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalid);
  }
}

class ReplicationWindow : public ::testing::Test {
 protected:
  /// One document a day, the last one today.
  std::vector<std::string> add_days(Store& store, const std::string& prefix, int days) {
    std::vector<std::string> made;
    for (int day = 0; day < days; ++day) {
      clock.advance(kDayMs);
      made.push_back(ids.make(prefix));
      edit(store, made.back(), R"({"text":")" + std::string(1'000, 'x') + "\"}");
    }
    return made;
  }
  static std::size_t here(Store& store) {
    std::size_t count = 0;
    EXPECT_TRUE(store.scan({.bodies = false}, [&](const DocumentView& view) {
      count += view.evicted ? 0 : 1;
      return true;
    }));
    return count;
  }
  std::uint64_t keep(Store& store, const KeepWindow& window, std::uint64_t sent = UINT64_MAX) {
    const auto evicted = keep_window(store, window, sent, clock.wall_ms());
    EXPECT_TRUE(evicted) << (evicted ? "" : evicted.error().message);
    return evicted ? *evicted : 0;
  }

  TestClock clock;
  IdMaker ids{clock, "node0001"};
  TempFolder folder;
  std::shared_ptr<Store> device = open_store(folder.path() / "device");
};

TEST_F(ReplicationWindow, OldOnesGoAndStayKnown) {
  const auto made = add_days(*device, "message", 40);
  EXPECT_EQ(keep(*device, {.age_ms = 30 * kDayMs}), 9u);
  EXPECT_EQ(device->get(made[8]).error().code, ErrorCode::kEvicted);
  EXPECT_TRUE(device->get(made[9]));
  EXPECT_EQ(device->info().doc_count, 40u);
  EXPECT_EQ(keep(*device, {.age_ms = 30 * kDayMs}), 0u);
}

TEST_F(ReplicationWindow, NewestStayUntilTheirSizeIsReached) {
  const auto made = add_days(*device, "message", 40);
  EXPECT_EQ(keep(*device, {.bytes = 10'500}), 30u);
  EXPECT_FALSE(device->get(made[29]));
  EXPECT_TRUE(device->get(made[30]));
  EXPECT_EQ(keep(*device, {.bytes = 10'500}), 0u) << "what is gone takes no room";
}

TEST_F(ReplicationWindow, AttachmentsCount) {
  const auto made = add_days(*device, "message", 3);
  auto writer = device->begin_blob();
  ASSERT_TRUE((*writer)->append(std::string(100'000, 'p')));
  DocumentWrite write;
  write.id = made[1];
  write.parent = device->get(made[1])->rev;
  write.attachments.push_back({.name = "picture", .blob = (*writer)->finish()->blob});
  ASSERT_TRUE(device->write_one(std::move(write)));
  EXPECT_EQ(keep(*device, {.bytes = 50'000}), 2u);
  EXPECT_TRUE(device->get(made[2]));
}

TEST_F(ReplicationWindow, EachCollectionHasItsOwn) {
  add_days(*device, "message", 10);
  add_days(*device, "note", 10);
  edit(*device, "_design/d", "{}");
  edit(*device, "message;", "{}");  // no collection's
  EXPECT_EQ(keep(*device, {.prefixes = {"message"}, .age_ms = 12 * kDayMs}), 7u);
  EXPECT_EQ(here(*device), 15u);
  EXPECT_EQ(keep(*device, {.prefixes = {"message", "note"}, .bytes = 2'100}), 1u + 8u);
  EXPECT_TRUE(device->get("_design/d"));
  EXPECT_EQ(keep(*device, {.bytes = 1}), 5u) << "the room as a whole, but no design";
  EXPECT_TRUE(device->get("_design/d"));
}

TEST_F(ReplicationWindow, WhatNobodyElseHasStays) {
  const auto made = add_days(*device, "message", 40);
  const std::uint64_t sent = device->get(made[4])->sequence;
  EXPECT_EQ(keep(*device, {.age_ms = kDayMs}, sent), 5u);
  EXPECT_EQ(keep(*device, {.age_ms = kDayMs, .kept_ids = {made[7]}}), 32u);
  EXPECT_TRUE(device->get(made[7]));
}

TEST_F(ReplicationWindow, IdsWithoutATimeHaveNoAge) {
  edit(*device, "message:bob-1", "{}");
  clock.advance(400 * kDayMs);
  EXPECT_EQ(keep(*device, {.age_ms = kDayMs}), 0u);
  EXPECT_EQ(keep(*device, {.bytes = 1}), 1u);
}

TEST_F(ReplicationWindow, MoreThanOnePageIsWalked) {
  std::vector<DocumentWrite> writes;
  for (std::size_t i = 0; i < 2 * kWindowPageDocs + 10; ++i) {
    DocumentWrite write;
    write.id = ids.make("message");
    writes.push_back(std::move(write));
  }
  device->write(std::move(writes));
  clock.advance(2 * kDayMs);
  EXPECT_EQ(keep(*device, {.prefixes = {"message"}, .age_ms = kDayMs}), 2 * kWindowPageDocs + 10);
}

TEST_F(ReplicationWindow, WhatWasLetGoIsNeitherDeletedElsewhereNorPulledAgain) {
  const auto server = open_store(folder.path() / "server");
  const auto made = add_days(*server, "message", 20);
  CountingPeer remote(server);
  const auto local = make_local_peer(device);
  const auto move = [&](bool push, const std::string& id) {
    ReplicationOptions options;
    options.id = id;
    Replication replication(push ? *local : static_cast<Peer&>(remote),
                            push ? static_cast<Peer&>(remote) : *local, options);
    ASSERT_TRUE(replicate_once(replication));
  };
  move(false, "pull");
  EXPECT_EQ(keep(*device, {.age_ms = 10 * kDayMs}), 9u);
  remote.written = remote.fetched = 0;
  move(true, "push");
  move(false, "pull from the beginning, as after a lost checkpoint");
  EXPECT_EQ(server->info().doc_count, 20u);
  EXPECT_EQ(remote.written + remote.fetched, 0u);
  EXPECT_EQ(here(*device), 11u);
  // Somebody changes an old one: it comes, whole.
  edit(*server, made[0], R"({"text":"new"})");
  move(false, "pull");
  EXPECT_EQ(device->get(made[0])->body, R"({"text":"new"})");
}

class ServerFactory : public PeerFactory {
 public:
  explicit ServerFactory(std::shared_ptr<Store> store) : store_(std::move(store)) {}
  Result<std::unique_ptr<Peer>> connect() override {
    if (down) return Error(ErrorCode::kUnavailable, "down");
    return std::unique_ptr<Peer>(std::make_unique<CountingPeer>(store_));
  }
  std::string display_name() const override { return "http://example/room"; }
  std::string stable_name() const override { return "http://example/room"; }
  std::atomic<bool> down{false};

 private:
  const std::shared_ptr<Store> store_;
};

// While live, and only what has been sent: nothing while the other side is away.
TEST_F(ReplicationWindow, LiveSyncLetsGoWhatIsOldAndSent) {
  const auto await = [](auto happened) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!happened()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      std::this_thread::yield();
    }
  };
  const auto server = open_store(folder.path() / "server");
  const auto made = add_days(*device, "message", 10);
  const auto factory = std::make_shared<ServerFactory>(server);
  factory->down = true;
  LiveSyncOptions options;
  options.network = [] { return std::string("one"); };
  options.window.age_ms = 4 * kDayMs;
  LiveSync sync(device, factory, options, {}, clock);
  await([&] { return sync.status().state == SyncState::kOffline; });
  EXPECT_EQ(here(*device), 10u);
  factory->down = false;
  sync.sync_now();
  await([&] { return here(*device) == 5; });
  EXPECT_EQ(server->info().doc_count, 10u);
  EXPECT_TRUE(server->get(made.front()));
  EXPECT_TRUE(device->get(made.back()));
}

}  // namespace
}  // namespace atelier::testing
