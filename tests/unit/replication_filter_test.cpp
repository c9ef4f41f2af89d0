// Goal: a filter moves what it names and nothing else, and each filter has a checkpoint of its own.
// Method: two stores, no socket.
#include <gtest/gtest.h>

#include "replication/filter.h"
#include "replication/replicator.h"
#include "replication_tools.h"

namespace atelier::testing {
namespace {

ReplicationFilter with_selector(std::string selector) {
  ReplicationFilter filter;
  filter.selector = std::move(selector);
  return filter;
}

class ReplicationFilterTest : public ::testing::Test {
 protected:
  std::vector<std::string> pull(const ReplicationFilter& filter, bool far = false) {
    const auto target = open_store(folder.path() / std::to_string(targets++));
    std::unique_ptr<Peer> from = make_local_peer(source);
    if (far) from = std::make_unique<CountingPeer>(source);
    const auto to = make_local_peer(target);
    ReplicationOptions options;
    options.id = "filtered";
    options.filter = filter;
    Replication replication(*from, *to, options);
    const auto report = replicate_once(replication);
    EXPECT_TRUE(report) << (report ? "" : report.error().message);
    std::vector<std::string> ids;
    EXPECT_TRUE(target->scan({.deleted = true}, [&](const DocumentView& view) {
      ids.emplace_back(view.id);
      return true;
    }));
    return ids;
  }

  TempFolder folder;
  std::shared_ptr<Store> source = open_store(folder.path() / "source");
  int targets = 0;
};

using Ids = std::vector<std::string>;

TEST_F(ReplicationFilterTest, PrefixesAndIdsAreBothToHold) {
  for (const char* id : {"board:1", "message:1", "message:2", "messages:1", "message"}) {
    edit(*source, id, "{}");
  }
  ReplicationFilter filter;
  filter.prefixes = {"message"};
  EXPECT_EQ(pull(filter), (Ids{"message:1", "message:2"}));
  filter.ids = {"message:2", "board:1"};
  EXPECT_EQ(pull(filter), (Ids{"message:2"}));
  filter.prefixes.clear();
  EXPECT_EQ(pull(filter), (Ids{"board:1", "message:2"}));
}

TEST_F(ReplicationFilterTest, SelectorIsAppliedHereWhereTheSourceDoesNot) {
  edit(*source, "message:1", R"({"kind":"a","n":1})");
  edit(*source, "message:2", R"({"kind":"b"})");
  edit(*source, "message:3", R"({"kind":"b"})");
  edit(*source, "message:3", R"({"kind":"a","n":3})");
  EXPECT_EQ(pull(with_selector(R"({"kind":"a"})")), (Ids{"message:1", "message:3"}));
  EXPECT_EQ(pull(with_selector(R"({"n":{"$gt":1}})"), true), (Ids{"message:3"}));
}

TEST_F(ReplicationFilterTest, BadSelectorIsAnErrorThatSaysSo) {
  edit(*source, "message:1", "{}");
  const auto target = open_store(folder.path() / "target");
  const auto from = make_local_peer(source);
  const auto to = make_local_peer(target);
  ReplicationOptions options;
  options.filter.selector = R"({"n":{"$nonsense":1}})";
  Replication replication(*from, *to, options);
  const auto step = replication.step();
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().code, ErrorCode::kInvalid);
  EXPECT_NE(step.error().message.find("$nonsense"), std::string::npos) << step.error().message;
}

TEST(ReplicationFilterText, SameFilterHasOneTextHoweverItWasWritten) {
  ReplicationFilter one;
  one.prefixes = {"b", "a"};
  one.ids = {"x", "y", "x"};
  one.selector = R"({"a":1,"b":{"$eq":2}})";
  ReplicationFilter two;
  two.prefixes = {"a", "b", "a"};
  two.ids = {"y", "x"};
  two.selector = R"({"b":2,"a":{"$eq":1.0}})";
  EXPECT_EQ(one.canonical(), two.canonical());
  two.ids = {"y"};
  EXPECT_NE(one.canonical(), two.canonical());
  EXPECT_EQ(ReplicationFilter().canonical(), "");
  EXPECT_NE(with_selector(R"({"a":1})").canonical(), with_selector(R"({"a":2})").canonical());
}

TEST(ReplicationFilterText, EachFilterNamesACheckpointOfItsOwn) {
  ReplicationOptions plain;
  ReplicationOptions filtered;
  filtered.filter.prefixes = {"a"};
  ReplicationOptions selected;
  selected.filter.selector = R"({"a":1})";
  const auto id = [](const ReplicationOptions& options) {
    return replication_id("me", "http://there/db", false, options);
  };
  EXPECT_NE(id(plain), id(filtered));
  EXPECT_NE(id(plain), id(selected));
  EXPECT_NE(id(filtered), id(selected));
}

}  // namespace
}  // namespace atelier::testing
