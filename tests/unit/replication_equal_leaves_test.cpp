// Goal: the same edit made twice under two schemes of revision ids is one edit for people, on every
// node, and no node answers another's merge. Method: stores without sockets; revisions as
// CouchDB 3.5, PouchDB and we name them.
#include <gtest/gtest.h>

#include "replication/replicator.h"
#include "replication_tools.h"
#include "store/equal_leaves.h"

namespace atelier::testing {
namespace {

constexpr const char* kCouch = "1-967a00dff5e02add41819138abb3284d";  // wire/04-bulk_docs: {}
constexpr const char* kPouch = "1-0000c2ef6d8cf4ca0cd6f3d9a0b1c2d3";
constexpr const char* kOther = "1-ffffc2ef6d8cf4ca0cd6f3d9a0b1c2d3";

class EqualLeaves : public ::testing::Test {
 protected:
  /// Exchanges everything among all stores until nothing moves; how many documents moved at last.
  void settle() {
    for (int round = 0; round < 6; ++round) {
      std::size_t moved = 0;
      for (std::size_t a = 0; a < stores.size(); ++a) {
        for (std::size_t b = 0; b < stores.size(); ++b) {
          if (a != b) moved += copy(a, b);
        }
      }
      if (moved == 0) return;
    }
    FAIL() << "the stores go on answering each other";
  }

  std::size_t copy(std::size_t from, std::size_t to) {
    const auto source = make_local_peer(stores[from]);
    const auto target = make_local_peer(stores[to]);
    Replication replication(*source, *target,
                            {.id = std::to_string(from) + "-" + std::to_string(to)});
    const auto report = replicate_once(replication);
    EXPECT_TRUE(report);
    return report ? report->written : 0;
  }

  static std::size_t live_leaves(const Store& store, const std::string& id) {
    std::size_t live = 0;
    for (const auto& leaf : store.open_revs(id, {}, false)) live += leaf && !leaf->deleted ? 1 : 0;
    return live;
  }

  std::shared_ptr<Store> add_store() {
    stores.push_back(open_store(folder.path() / std::to_string(stores.size())));
    return stores.back();
  }

  TempFolder folder;
  std::vector<std::shared_ptr<Store>> stores;
};

TEST_F(EqualLeaves, SameEditInThreeSchemesBecomesOneOnEveryNode) {
  plant(*add_store(), "message:1", {kCouch}, R"({"n":1000.0,"text":"é"})");
  plant(*add_store(), "message:1", {kPouch}, R"({"n":1e3,"text":"é"})");
  edit(*add_store(), "message:1", R"({"n":1000,"text":"é"})");
  settle();
  for (const auto& store : stores) {
    EXPECT_EQ(contents(*store), contents(*stores[0]));
    EXPECT_EQ(live_leaves(*store, "message:1"), 1u);
  }
}

TEST_F(EqualLeaves, WhatDiffersStaysAConflict) {
  plant(*add_store(), "message:1", {kCouch}, R"({"n":9007199254740993})");
  plant(*add_store(), "message:1", {kPouch}, R"({"n":9007199254740992})");
  settle();
  EXPECT_EQ(live_leaves(*stores[0], "message:1"), 2u);
  EXPECT_EQ(contents(*stores[0]), contents(*stores[1]));
}

TEST_F(EqualLeaves, OneOfThreeLeavesMayDiffer) {
  plant(*add_store(), "message:1", {kCouch}, R"({"n":1})");
  plant(*add_store(), "message:1", {kPouch}, R"({"n":1.0})");
  plant(*add_store(), "message:1", {kOther}, R"({"n":2})");
  settle();
  for (const auto& store : stores) {
    EXPECT_EQ(contents(*store), contents(*stores[0]));
    EXPECT_EQ(live_leaves(*store, "message:1"), 2u);
  }
  EXPECT_EQ(stores[0]->get("message:1")->body, R"({"n":2})");
}

TEST_F(EqualLeaves, EditsOnTopOfAMergeCross) {
  plant(*add_store(), "message:1", {kCouch}, R"({"n":1})");
  plant(*add_store(), "message:1", {kPouch}, R"({"n":1.0})");
  settle();
  edit(*stores[0], "message:1", R"({"n":5})");
  settle();
  EXPECT_EQ(stores[1]->get("message:1")->body, R"({"n":5})");
  EXPECT_EQ(contents(*stores[0]), contents(*stores[1]));
}

TEST_F(EqualLeaves, DeletedTwinsAreNoConflict) {
  plant(*add_store(), "message:1", {"2-aa", kCouch}, "{}", true);
  plant(*add_store(), "message:1", {"2-bb", kPouch}, "{}", true);
  settle();
  EXPECT_TRUE(ends_of_equal_leaves(*stores[0], "message:1").empty());
  EXPECT_TRUE(ends_of_equal_leaves(*stores[0], "message:none").empty());
}

}  // namespace
}  // namespace atelier::testing
