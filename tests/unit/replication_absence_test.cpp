// Goal: a device that was away for longer than deletions are remembered learns what was deleted,
// is told so, and keeps what it had not sent; a server of an old backup likewise. Method: two or
// three stores, whose clock the test turns; no socket.
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "replication/replicator.h"
#include "replication/sync_notice.h"
#include "replication_tools.h"

namespace atelier::testing {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;

using Remote = CountingPeer;  // names itself, and is far away

class ReplicationAbsence : public ::testing::Test {
 protected:
  std::shared_ptr<Store> open(const char* name) {
    StoreOptions store;
    store.map_bytes = std::size_t{64} << 20;
    store.clock = &clock;
    auto opened = Store::open(folder.path() / name, store);
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().message);
    return *opened;
  }
  void SetUp() override {
    server = open("server");
    device = open("device");
  }

  /// Pull and push, as a device does.
  struct Exchange {
    StepReport pulled, pushed;
  };
  Exchange exchange(const std::shared_ptr<Store>& client, const std::shared_ptr<Store>& host,
                    ReplicationFilter filter = {}) {
    Exchange both;
    for (const bool push : {false, true}) {
      const auto local = make_local_peer(client);
      Remote remote(host);
      ReplicationOptions options;
      options.filter = filter;
      options.ends_at_source = true;
      options.id = replication_id(client->info().uuid, host->info().uuid, push, options);
      Peer& source = push ? *local : static_cast<Peer&>(remote);
      Peer& target = push ? static_cast<Peer&>(remote) : *local;
      Replication replication(source, target, options, clock);
      auto report = replicate_once(replication);
      EXPECT_TRUE(report) << (report ? "" : report.error().message);
      if (report) (push ? both.pushed : both.pulled) = std::move(*report);
      questions = remote.revs_diffs;
    }
    return both;
  }

  /// Everything deleted until now is forgotten.
  void forget(Store& store) {
    ASSERT_TRUE(store.set_retention({.tombstones_ms = kHourMs}));
    clock.advance(2 * kHourMs);
    ASSERT_TRUE(store.forget_tombstones());  // its age is known from now on at the latest
    clock.advance(2 * kHourMs);
    const auto forgotten = store.forget_tombstones();
    ASSERT_TRUE(forgotten);
    ASSERT_GT(*forgotten, 0u);
  }
  static bool is_live(Store& store, const std::string& id) { return store.get(id).has_value(); }

  TestClock clock;
  TempFolder folder;
  std::shared_ptr<Store> server, device;
  std::size_t questions = 0;
};

TEST_F(ReplicationAbsence, WhatWasDeletedMeanwhileGoesAndWhatWasNotSentStays) {
  edit(*server, "message:1", R"({"n":1})");
  edit(*server, "message:2", R"({"n":2})");
  edit(*server, "message:3", R"({"n":3})");
  exchange(device, server);
  edit(*server, "message:1", "{}", true);
  edit(*server, "message:2", "{}", true);
  forget(*server);
  edit(*device, "message:2", R"({"edited":"offline"})");
  edit(*device, "message:4", R"({"new":"offline"})");

  const Exchange both = exchange(device, server);
  EXPECT_TRUE(both.pulled.compared_anew);
  EXPECT_EQ(both.pulled.ended, 1u);
  EXPECT_NE(absence_in_words(both.pulled, false).find("one document"), std::string::npos);
  EXPECT_FALSE(is_live(*device, "message:1"));
  EXPECT_EQ(device->get("message:2")->body, R"({"edited":"offline"})");
  exchange(device, server);
  EXPECT_FALSE(is_live(*server, "message:1"));
  EXPECT_EQ(server->get("message:2")->body, R"({"edited":"offline"})");
  EXPECT_TRUE(is_live(*server, "message:3"));
  EXPECT_TRUE(is_live(*server, "message:4"));

  EXPECT_FALSE(exchange(device, server).pulled.compared_anew) << "once is enough";
}

TEST_F(ReplicationAbsence, WhoWasNotAwayIsAskedNothing) {
  edit(*server, "message:1", R"({"n":1})");
  edit(*server, "message:2", R"({"n":2})");
  exchange(device, server);
  edit(*server, "message:1", "{}", true);
  exchange(device, server);
  forget(*server);
  edit(*server, "message:3", "{}");
  const Exchange both = exchange(device, server);
  EXPECT_FALSE(both.pulled.compared_anew);
  EXPECT_EQ(both.pulled.ended, 0u);
  EXPECT_EQ(absence_in_words(both.pulled, false), "");
  EXPECT_TRUE(is_live(*device, "message:2"));
}

TEST_F(ReplicationAbsence, AFirstPullFromAForgetfulServerIsNoNews) {
  edit(*server, "message:1", "{}");
  edit(*server, "message:2", "{}");
  edit(*server, "message:1", "{}", true);
  forget(*server);
  edit(*device, "message:9", "{}");
  const Exchange both = exchange(device, server);
  EXPECT_FALSE(both.pulled.compared_anew);
  EXPECT_EQ(both.pulled.ended, 0u);
  EXPECT_EQ(contents(*server), contents(*device));
}

TEST_F(ReplicationAbsence, ADocumentMadeAnewIsNoConflictWithItsForgottenPast) {
  edit(*server, "message:1", R"({"n":1})");
  exchange(device, server);
  edit(*server, "message:1", "{}", true);
  forget(*server);
  edit(*server, "message:1", R"({"again":true})");
  exchange(device, server);
  exchange(device, server);
  const auto winner = device->get("message:1", {.conflicts = true});
  ASSERT_TRUE(winner);
  EXPECT_EQ(winner->body, R"({"again":true})");
  EXPECT_TRUE(winner->conflicts.empty());
}

TEST_F(ReplicationAbsence, OnlyWhatAFilterCarriesIsCompared) {
  for (const char* id : {"message:1", "note:1"}) edit(*server, id, "{}");
  exchange(device, server);
  for (const char* id : {"message:1", "note:1"}) edit(*server, id, "{}", true);
  forget(*server);
  exchange(device, server, {.prefixes = {"message"}});
  EXPECT_FALSE(is_live(*device, "message:1"));
  EXPECT_TRUE(is_live(*device, "note:1"));
  exchange(device, server);
  EXPECT_FALSE(is_live(*device, "note:1"));
}

TEST_F(ReplicationAbsence, ServerOfAnOldBackupDoesNotBringBackWhatTheDeviceForgot) {
  edit(*device, "message:1", "{}");
  edit(*device, "message:2", "{}");
  exchange(device, server);
  ASSERT_TRUE(server->flush());
  const auto backup = folder.path() / "backup";
  std::filesystem::create_directories(backup);
  std::filesystem::copy_file(folder.path() / "server" / "data.mdb", backup / "data.mdb");
  edit(*device, "message:1", "{}", true);
  exchange(device, server);
  forget(*device);
  server = open("backup");
  ASSERT_TRUE(is_live(*server, "message:1"));

  const Exchange both = exchange(device, server);
  EXPECT_TRUE(both.pushed.compared_anew);
  EXPECT_NE(absence_in_words(both.pushed, true).find("other side"), std::string::npos);
  EXPECT_FALSE(is_live(*server, "message:1"));
  EXPECT_TRUE(is_live(*server, "message:2"));
  exchange(device, server);
  EXPECT_FALSE(is_live(*device, "message:1"));
}

TEST_F(ReplicationAbsence, WhatAThirdOneBringsIsNotRevived) {
  const auto third = open("third");
  edit(*server, "message:1", "{}");
  exchange(device, server);
  exchange(third, device);
  edit(*server, "message:1", "{}", true);
  exchange(device, server);
  forget(*server);
  // The device loses it with a purge, and gets it from the third, who knows of no deletion.
  const auto leaves = device->open_revs("message:1", {}, false);
  ASSERT_TRUE(device->purge("message:1", std::vector<RevId>{leaves.front()->rev}));
  exchange(third, device);
  plant(*device, "message:1", {third->get("message:1")->rev.to_string()}, "{}");
  ASSERT_TRUE(is_live(*device, "message:1"));
  const Exchange both = exchange(device, server);
  EXPECT_EQ(both.pushed.ended + both.pulled.ended, 1u);
  EXPECT_FALSE(is_live(*device, "message:1"));
  EXPECT_FALSE(is_live(*server, "message:1"));
}

// A document in its first revision crosses unasked while live: the answer to the write tells.
TEST_F(ReplicationAbsence, WhatWasSentUnaskedAndIsForgottenThereEndsHere) {
  const RevId first = edit(*server, "message:1", "{}");
  edit(*server, "message:1", "{}", true);
  forget(*server);
  const auto local = make_local_peer(device);
  Remote remote(server);
  ReplicationOptions options;
  options.id = "push";
  options.ends_at_source = true;
  Replication push(*local, remote, options, clock);
  ASSERT_TRUE(push.step());
  plant(*device, "message:1", {first.to_string()}, "{}");
  remote.revs_diffs = 0;
  const auto report = push.step();
  ASSERT_TRUE(report);
  EXPECT_EQ(remote.revs_diffs, 0u);
  EXPECT_TRUE(report->rejected.empty()) << "nothing is wrong with it";
  EXPECT_EQ(report->ended, 1u);
  EXPECT_FALSE(is_live(*device, "message:1"));
}

TEST_F(ReplicationAbsence, WhoMayNotWriteAtTheSourceLeavesItAsItIs) {
  edit(*device, "message:1", "{}");
  exchange(device, server);
  edit(*server, "message:1", "{}", true);
  forget(*server);
  const auto local = make_local_peer(device);
  Remote remote(server);
  ReplicationOptions options;
  options.id = "one way";
  Replication push(*local, remote, options, clock);
  ASSERT_TRUE(replicate_once(push));
  EXPECT_TRUE(is_live(*device, "message:1"));
  EXPECT_FALSE(is_live(*server, "message:1"));
}

// What is not compared to its end is compared again, and the position waits for it.
TEST_F(ReplicationAbsence, ACutWhileComparingLosesNothing) {
  for (int i = 0; i < 20; ++i) edit(*server, "message:" + std::to_string(i), "{}");
  exchange(device, server);
  for (int i = 0; i < 20; ++i) edit(*server, "message:" + std::to_string(i), "{}", true);
  forget(*server);

  class Cut : public Remote {
   public:
    using Remote::Remote;
    Result<DiffAnswer> revs_diff(std::span<const RevisionRequest> offered) override {
      if (++asked == 2) return Error(ErrorCode::kUnavailable, "cut");
      return Remote::revs_diff(offered);
    }
    int asked = 0;
  };
  const auto local = make_local_peer(device);
  Cut remote(server);
  ReplicationOptions options;
  options.batch_docs = 5;
  options.id = replication_id(device->info().uuid, server->info().uuid, false, {});
  Replication pull(remote, *local, options, clock);
  EXPECT_FALSE(pull.step());
  EXPECT_TRUE(replicate_once(pull));
  EXPECT_EQ(device->info().doc_count, 0u);
}

class ServerFactory : public PeerFactory {
 public:
  explicit ServerFactory(std::shared_ptr<Store> store) : store_(std::move(store)) {}
  Result<std::unique_ptr<Peer>> connect() override {
    return std::unique_ptr<Peer>(std::make_unique<Remote>(store_));
  }
  std::string display_name() const override { return "http://example/room"; }
  std::string stable_name() const override { return "http://example/room"; }

 private:
  const std::shared_ptr<Store> store_;
};

template <class Fn>
void await(Fn happened) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!happened()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    std::this_thread::yield();
  }
}

TEST_F(ReplicationAbsence, LiveSyncTellsPeopleAlsoAfterAnotherStartForADay) {
  edit(*server, "message:1", "{}");
  const auto factory = std::make_shared<ServerFactory>(server);
  LiveSyncOptions options;
  options.network = [] { return std::string("one"); };
  {
    LiveSync sync(device, factory, options, {}, clock);
    await([&] { return is_live(*device, "message:1") && sync.status().state == SyncState::kLive; });
    EXPECT_EQ(sync.status().notice, "");
  }
  edit(*server, "message:1", "{}", true);
  forget(*server);
  {
    LiveSync sync(device, factory, options, {}, clock);
    await([&] { return !sync.status().notice.empty(); });
    EXPECT_FALSE(is_live(*device, "message:1"));
    EXPECT_NE(sync_status_json(sync.status()).find("away for longer"), std::string::npos);
  }
  LiveSync sync(device, factory, options, {}, clock);
  EXPECT_NE(sync.status().notice, "");
  clock.advance(kNoticeMs);
  EXPECT_EQ(sync.status().notice, "");
}

TEST_F(ReplicationAbsence, ANoticeIsKeptForWhoeverLooksLater) {
  EXPECT_EQ(load_sync_notice(*device, "there").first, "");
  ASSERT_TRUE(save_sync_notice(*device, "there", "a \"word\"", 7));
  EXPECT_EQ(load_sync_notice(*device, "there"),
            (std::pair<std::string, std::int64_t>("a \"word\"", 7)));
  EXPECT_EQ(load_sync_notice(*device, "elsewhere").first, "");
}

}  // namespace
}  // namespace atelier::testing
