// Goal: the simulation finds what is broken. Method: peers that are wrong on purpose, in worlds
// without any other fault; and disasters by hand, whose outcome is known.
#include <gtest/gtest.h>

#include "replication_tools.h"
#include "simulation/world.h"

namespace atelier::simulation {
namespace {

using testing::PeerWrapper;

Options quiet(std::uint64_t seed) {
  Options options;
  options.seed = seed;
  options.faults = {.drop = 0,
                    .lose_answer = 0,
                    .repeat = 0,
                    .late_copy = 0,
                    .truncate = 0,
                    .reorder = 0,
                    .garbage = 0,
                    .status = 0,
                    .refuse = 0,
                    .attachment = 0,
                    .delay = 0};
  options.disasters = {.kill = 0,
                       .backup = 0,
                       .restore = 0,
                       .recreate = 0,
                       .clock = 0,
                       .evict = 0,
                       .expire = 0,
                       .forget = 0,
                       .hours = 0,
                       .read = 0,
                       .away = 0};
  return options;
}

/// Takes the last document of a write for written and forgets it.
class ForgetfulPeer : public PeerWrapper {
 public:
  using PeerWrapper::PeerWrapper;
  Result<std::vector<Rejection>> write(std::span<const WireDocument> documents,
                                       Peer& source) override {
    return PeerWrapper::write(documents.first(documents.size() - 1), source);
  }
};

/// Leaves rows out of its feed.
class SilentPeer : public PeerWrapper {
 public:
  using PeerWrapper::PeerWrapper;
  Result<ChangesPage> changes(const ChangesQuery& query) override {
    auto page = PeerWrapper::changes(query);
    if (page && page->changes.size() > 1) page->changes.pop_back();
    return page;
  }
};

/// Gives another body under a revision than it was asked for.
class LyingPeer : public PeerWrapper {
 public:
  using PeerWrapper::PeerWrapper;
  Result<ChangesPage> changes(const ChangesQuery& query) override {
    ChangesQuery without = query;
    without.inline_documents = false;
    return PeerWrapper::changes(without);
  }
  Result<std::vector<WireDocument>> fetch(std::span<const RevisionRequest> wanted) override {
    auto documents = PeerWrapper::fetch(wanted);
    if (documents && !documents->empty()) documents->front().body = "{\"forged\":true}";
    return documents;
  }
};

template <class Wrong>
std::string problem_with() {
  Options options = quiet(3);
  options.decorate = [](std::unique_ptr<Peer> inner) -> std::unique_ptr<Peer> {
    return std::make_unique<Wrong>(std::move(inner));
  };
  World world(std::move(options));
  const int hub = world.add_node("hub"), leaf = world.add_node("leaf");
  world.connect(leaf, hub);
  world.set_edits(World::random_edit);
  static_cast<void>(world.run(60));
  static_cast<void>(world.settle());
  return world.problem();
}

TEST(SimulationFaults, APeerThatPassesEverythingOnIsFine) {
  EXPECT_EQ(problem_with<PeerWrapper>(), "");
}

TEST(SimulationFaults, AWriteThatWasAnsweredAndForgottenIsFound) {
  EXPECT_NE(problem_with<ForgetfulPeer>(), "");
}

TEST(SimulationFaults, AFeedThatLeavesRowsOutIsFound) {
  EXPECT_NE(problem_with<SilentPeer>(), "");
}

TEST(SimulationFaults, AnotherBodyUnderARevisionIsFound) {
  EXPECT_NE(problem_with<LyingPeer>(), "");
}

/// A hub that does not name itself, as CouchDB, and one that does, as ours.
class SimulationDisasters : public ::testing::TestWithParam<bool> {
 protected:
  SimulationDisasters() : world_(quiet(5)) {
    hub_ = world_.add_node("hub", {.names_itself = GetParam()});
    leaf_ = world_.add_node("leaf");
    world_.connect(leaf_, hub_);
  }
  void write(int node, const std::string& id) {
    DocumentWrite document;
    document.id = id;
    ASSERT_TRUE(world_.store(node).write_one(document));
  }

  World world_;
  int hub_ = 0, leaf_ = 0;
};

TEST_P(SimulationDisasters, AServerOfAnOlderBackupGetsBackWhatItLost) {
  write(leaf_, "message:1");
  ASSERT_TRUE(world_.run(20)) << world_.problem();
  world_.backup(hub_);
  write(leaf_, "message:2");
  ASSERT_TRUE(world_.run(20)) << world_.problem();
  ASSERT_TRUE(world_.store(hub_).get("message:2"));
  world_.restore(hub_);
  ASSERT_FALSE(world_.store(hub_).get("message:2"));
  const Status settled = world_.settle();
  EXPECT_TRUE(settled) << settled.error().message;
  EXPECT_TRUE(world_.store(hub_).get("message:2"));
}

// The checkpoint that is due must not be written to a database that came back from a backup
// meanwhile: it would say that the backup holds what it does not.
TEST_P(SimulationDisasters, NoCheckpointIsWrittenOverAnOlderBackupUnasked) {
  write(leaf_, "message:1");
  ASSERT_TRUE(world_.run(40)) << world_.problem();
  write(leaf_, "message:2");
  world_.backup(hub_);
  ASSERT_TRUE(world_.run(4)) << world_.problem();
  world_.restore(hub_);
  world_.advance(60'000);  // every checkpoint is due
  ASSERT_TRUE(world_.run(10)) << world_.problem();
  const Status settled = world_.settle();
  EXPECT_TRUE(settled) << settled.error().message;
}

TEST_P(SimulationDisasters, ADatabaseMadeAnewIsFilledAgain) {
  write(leaf_, "message:1");
  ASSERT_TRUE(world_.run(20)) << world_.problem();
  world_.recreate(hub_);
  const Status settled = world_.settle();
  EXPECT_TRUE(settled) << settled.error().message;
  EXPECT_TRUE(world_.store(hub_).get("message:1"));
}

TEST_P(SimulationDisasters, WhatOnlyALostDatabaseHadIsExcused) {
  write(hub_, "message:1");
  static_cast<void>(world_.settle());
  write(hub_, "message:2");
  world_.recreate(hub_);
  const Status settled = world_.settle();
  EXPECT_TRUE(settled) << settled.error().message;
  EXPECT_TRUE(world_.store(hub_).get("message:1"));
  EXPECT_FALSE(world_.store(leaf_).get("message:2"));
}

INSTANTIATE_TEST_SUITE_P(NamedAndNameless, SimulationDisasters, ::testing::Bool());

}  // namespace
}  // namespace atelier::simulation
