// Goal: documents behave as CouchDB's: who may change what, what becomes of conflicts, tombstones
// and old revisions. Method: the cases captured from CouchDB 3.5, and one store on disk.
#include <algorithm>
#include <map>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/store.h"
#include "unit/store_tools.h"

namespace atelier::test {
namespace {

using ::testing::ElementsAre;

class StoreDocuments : public StoreTest {};

TEST_F(StoreDocuments, WhatWasWrittenComesBackWithItsNumbersUntouched) {
  const RevId first = put("a", R"( {"x": 1.0, "big":1e300, "n":-0.10, "s":"\u00e9"} )");
  const auto document = store_->get("a");
  ASSERT_TRUE(document);
  EXPECT_EQ(document->body, "{\"x\":1.0,\"big\":1e300,\"n\":-0.10,\"s\":\"\xc3\xa9\"}");
  EXPECT_EQ(document->rev, first);
  EXPECT_EQ(document->rev.generation(), 1u);
  EXPECT_EQ(document->sequence, 1u);
}

TEST_F(StoreDocuments, AnEditNeedsTheCurrentRevision) {
  const RevId first = put("a", R"({"v":1})");
  const auto without = store_->write_one(edit("a", R"({"v":2})"));
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error().code, ErrorCode::kConflict);
  EXPECT_EQ(without.error().message, "Document update conflict.");
  EXPECT_FALSE(store_->write_one(edit("a", R"({"v":2})", r("1-0"))));
  EXPECT_FALSE(store_->write_one(edit("a", R"({"v":2})", r("7-0"))));
  const RevId second = put("a", R"({"v":2})", first);
  EXPECT_EQ(second.generation(), 2u);
  EXPECT_FALSE(store_->write_one(edit("a", R"({"v":3})", first)));
  EXPECT_EQ(body("a"), R"({"v":2})");
}

TEST_F(StoreDocuments, AnEditOfAnUnknownDocumentStandsOnTheRevisionItNames) {
  EXPECT_EQ(put("never", "{}", r("1-0")).generation(), 2u);
  GetOptions with_history;
  with_history.history = true;
  EXPECT_EQ(store_->get("never", with_history)->history.back(), r("1-0"));
  EXPECT_EQ(body("never", r("1-0")), "missing");
}

TEST_F(StoreDocuments, ReCreationContinuesTheGenerationsOfTheTombstone) {
  const RevId first = put("a", R"({"v":1})");
  const auto deleted = store_->write_one(tombstone("a", first));
  ASSERT_TRUE(deleted);
  EXPECT_EQ(store_->get("a").error().message, "deleted");
  EXPECT_EQ(store_->get("never").error().message, "missing");
  GetOptions by_rev;
  by_rev.rev = *deleted;
  EXPECT_TRUE(store_->get("a", by_rev)->deleted);
  EXPECT_EQ(store_->info().doc_del_count, 1u);
  const RevId again = put("a", R"({"v":1})");
  EXPECT_EQ(again.generation(), 3u);
  EXPECT_EQ(store_->info().doc_count, 1u);
  EXPECT_EQ(store_->info().doc_del_count, 0u);
  // An edit that names the tombstone does the same.
  const auto gone = store_->write_one(tombstone("a", again));
  EXPECT_EQ(put("a", R"({"v":2})", *gone).generation(), 5u);
}

TEST_F(StoreDocuments, TheSameIdTwiceInOneWriteConflictsTheSecondTime) {
  const auto results = store_->write({edit("d", R"({"v":1})"), edit("d", R"({"v":2})")}, {});
  ASSERT_TRUE(results[0].rev);
  ASSERT_FALSE(results[1].rev);
  EXPECT_EQ(results[1].rev.error().code, ErrorCode::kConflict);
  EXPECT_EQ(results[1].sequence, 0u);
  EXPECT_EQ(body("d"), R"({"v":1})");
}

TEST_F(StoreDocuments, ReplicatedConflictsAreKeptAndTheWinnerIsCouchDbs) {
  replicate("n", {r("2-b"), r("1-a")}, R"({"v":"b"})");
  replicate("n", {r("2-c"), r("1-a")}, R"({"v":"c"})");
  GetOptions all;
  all.conflicts = all.history = true;
  auto document = store_->get("n", all);
  EXPECT_EQ(document->rev, r("2-c"));
  EXPECT_THAT(document->history, ElementsAre(r("2-c"), r("1-a")));
  EXPECT_THAT(document->conflicts, ElementsAre(r("2-b")));
  // The same revision with another body changes nothing, and has no sequence.
  const auto again = store_->write({replicated("n", {r("2-c"), r("1-a")}, R"({"v":"X"})")}, {});
  EXPECT_TRUE(again[0].rev);
  EXPECT_EQ(again[0].sequence, 0u);
  EXPECT_EQ(body("n"), R"({"v":"c"})");
  // Deleted leaves lose against live ones, however long.
  replicate("n", {r("3-d"), r("2-c"), r("1-a")}, "{}", true);
  document = store_->get("n", all);
  EXPECT_EQ(document->rev, r("2-b"));
  EXPECT_EQ(document->body, R"({"v":"b"})");
  EXPECT_THAT(document->deleted_conflicts, ElementsAre(r("3-d")));
  EXPECT_EQ(body("n", r("2-c")), R"({"v":"c"})");
  EXPECT_EQ(store_->info().doc_count, 1u);
}

TEST_F(StoreDocuments, DeletingTheLosingLeafNamesItAsTheParent) {
  replicate("cf", {r("2-b"), r("1-a")}, R"({"v":1})");
  replicate("cf", {r("2-c"), r("1-a")}, R"({"v":2})");
  ASSERT_TRUE(store_->write_one(tombstone("cf", r("2-b"))));
  EXPECT_EQ(store_->get("cf")->rev, r("2-c"));
  EXPECT_EQ(store_->tree("cf")->deleted_conflicts().size(), 1u);
  EXPECT_TRUE(store_->tree("cf")->conflicts().empty());
}

TEST_F(StoreDocuments, OpenRevsGivesLeavesOrTheRevisionsNamed) {
  replicate("cf", {r("2-b"), r("1-a")}, R"({"v":1})");
  replicate("cf", {r("2-c"), r("1-a")}, R"({"v":2})");
  const auto all = store_->open_revs("cf", {}, false);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_THAT(all[0]->history, ElementsAre(r("2-c"), r("1-a")));
  const std::vector<RevId> named = {r("2-b"), r("9-f")};
  const auto some = store_->open_revs("cf", named, false);
  ASSERT_EQ(some.size(), 2u);
  EXPECT_EQ(some[0]->body, R"({"v":1})");
  EXPECT_EQ(some[1].error().code, ErrorCode::kNotFound);
  const std::vector<RevId> root = {r("1-a")};
  EXPECT_EQ(store_->open_revs("cf", root, true).size(), 2u);
  EXPECT_EQ(store_->open_revs("cf", root, false)[0].error().message, "missing");
  EXPECT_TRUE(store_->open_revs("nodoc", {}, false).empty());
  EXPECT_EQ(store_->open_revs("nodoc", root, false)[0].error().code, ErrorCode::kNotFound);
  GetOptions latest;
  latest.rev = r("1-a");
  latest.latest = true;
  EXPECT_EQ(store_->get("cf", latest)->rev, r("2-c"));
}

TEST_F(StoreDocuments, OldBodiesAreThereUntilCompactionAndLeavesBehindIt) {
  const RevId first = put("a", R"({"v":1})");
  const RevId second = put("a", R"({"v":2})", first);
  replicate("a", {r("2-0"), first}, R"({"v":"other"})");
  EXPECT_EQ(body("a", first), R"({"v":1})");
  ASSERT_TRUE(store_->compact());
  EXPECT_EQ(body("a", first), "missing");
  EXPECT_EQ(body("a", second), R"({"v":2})");
  EXPECT_EQ(body("a", r("2-0")), R"({"v":"other"})");
  EXPECT_EQ(store_->last_sequence(), 3u);  // compaction is no change
}

TEST_F(StoreDocuments, RevsLimitCutsHistoriesAndNeverStartsAgainAtOne) {
  ASSERT_TRUE(store_->set_revs_limit(3));
  EXPECT_FALSE(store_->set_revs_limit(0));
  RevId parent = put("a", R"({"v":0})");
  for (int i = 1; i < 10; ++i) parent = put("a", "{\"v\":" + std::to_string(i) + "}", parent);
  GetOptions with_history;
  with_history.history = true;
  const auto document = store_->get("a", with_history);
  EXPECT_EQ(document->rev.generation(), 10u);
  EXPECT_EQ(document->history.size(), 3u);
  EXPECT_EQ(store_->tree("a")->nodes().size(), 3u);
  open();
  EXPECT_EQ(store_->revs_limit(), 3u);
  EXPECT_EQ(put("a", "{}", parent).generation(), 11u);
}

TEST_F(StoreDocuments, PurgeTakesARevisionAwayAsIfItHadNeverBeen) {
  replicate("a", {r("2-c"), r("1-a")}, R"({"v":"c"})");
  replicate("a", {r("2-b"), r("1-a")}, R"({"v":"b"})");
  const std::vector<RevId> winner = {r("2-c"), r("1-a")};
  EXPECT_THAT(*store_->purge("a", winner), ElementsAre(r("2-c")));
  EXPECT_EQ(store_->get("a")->rev, r("2-b"));
  EXPECT_EQ(body("a"), R"({"v":"b"})");
  EXPECT_EQ(store_->info().purge_sequence, 1u);
  const std::vector<RevId> last = {r("2-b")};
  EXPECT_EQ(store_->purge("a", last)->size(), 1u);
  EXPECT_EQ(store_->get("a").error().message, "missing");
  EXPECT_TRUE(changes(*store_).empty());
  EXPECT_EQ(store_->info().doc_count, 0u);
  EXPECT_TRUE(store_->purge("never", last)->empty());
  EXPECT_EQ(put("a", "{}").generation(), 1u);
}

TEST_F(StoreDocuments, EachDocumentHasOneRowInTheFeedItsLatestChange) {
  const RevId a = put("a", R"({"v":1})");
  put("b", "{}");
  put("a", R"({"v":2})", a);
  replicate("c", {r("2-b"), r("1-a")}, "{}");
  replicate("c", {r("2-c"), r("1-a")}, "{}", true);
  const auto rows = changes(*store_);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].id, "b");
  EXPECT_EQ(rows[1].id, "a");
  EXPECT_EQ(rows[1].sequence, 3u);
  EXPECT_EQ(rows[2].id, "c");
  EXPECT_THAT(rows[2].leaves, ElementsAre(r("2-b"), r("2-c")));
  EXPECT_FALSE(rows[2].deleted);
  EXPECT_EQ(changes(*store_, 3).size(), 1u);
  EXPECT_TRUE(changes(*store_, 5).empty());
  std::vector<std::string> backwards;
  ASSERT_TRUE(store_->changes_descending(2, [&](const ChangeRow& row) {
    backwards.push_back(row.id);
    return true;
  }));
  EXPECT_THAT(backwards, ElementsAre("c", "a"));
}

TEST_F(StoreDocuments, ScansTakeRangesBothWays) {
  for (const char* id : {"b", "d", "a", "c", "e"}) put(id, "{}");
  ASSERT_TRUE(store_->write_one(tombstone("c", store_->get("c")->rev)));
  ScanOptions options;
  EXPECT_THAT(ids(*store_), ElementsAre("a", "b", "d", "e"));
  options.deleted = true;
  EXPECT_THAT(ids(*store_, options), ElementsAre("a", "b", "c", "d", "e"));
  options.deleted = false;
  options.start = "b";
  options.end = "d";
  EXPECT_THAT(ids(*store_, options), ElementsAre("b", "d"));
  EXPECT_EQ(*store_->count(options), 2u);
  options.inclusive_end = false;
  EXPECT_THAT(ids(*store_, options), ElementsAre("b"));
  options.descending = true;
  options.start = "dd";
  options.end = "b";
  EXPECT_THAT(ids(*store_, options), ElementsAre("d"));
  options.inclusive_end = true;
  EXPECT_THAT(ids(*store_, options), ElementsAre("d", "b"));
  options.skip = 1;
  options.limit = 1;
  EXPECT_THAT(ids(*store_, options), ElementsAre("b"));
  options.start = "zzz";
  options.end.reset();
  options.skip = 0;
  EXPECT_THAT(ids(*store_, options), ElementsAre("e"));
  EXPECT_EQ(*store_->count({}), 4u);
}

TEST_F(StoreDocuments, LongIdsKeepTheOrderOfTheirBytesInBothDirections) {
  // Ids around each length at which keys end, many of which share their first bytes.
  std::mt19937 random(7);
  std::vector<std::string> all;
  for (const std::size_t length : {1, 2, 478, 479, 480, 481, 959, 960, 961, 1440, 2000, 7168}) {
    for (const char last : {'a', 'b', 'm'}) {
      all.push_back(std::string(length - 1, 'k') + last);
      if (length > 600) {
        std::string other(length, 'k');
        other[random() % length] = 'l';
        all.push_back(other);
      }
    }
  }
  std::shuffle(all.begin(), all.end(), random);
  for (const std::string& id : all) {
    // Some of the random ones may be equal; then they are there already.
    (void)store_->write_one(edit(id, "{\"n\":" + std::to_string(id.size()) + "}"));
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  EXPECT_EQ(ids(*store_), all);
  ScanOptions backwards;
  backwards.descending = true;
  auto reversed = all;
  std::reverse(reversed.begin(), reversed.end());
  EXPECT_EQ(ids(*store_, backwards), reversed);
  for (const std::string& id : all) {
    EXPECT_EQ(body(id), "{\"n\":" + std::to_string(id.size()) + "}");
    ScanOptions from;
    from.start = id;
    EXPECT_EQ(ids(*store_, from).size(),
              static_cast<std::size_t>(all.end() - std::lower_bound(all.begin(), all.end(), id)));
    from.descending = true;
    EXPECT_EQ(ids(*store_, from).front(), id);
  }
  EXPECT_FALSE(store_->write_one(edit(std::string(7169, 'k'), "{}")));
  // Purged one by one, the buckets go as well.
  std::shuffle(all.begin(), all.end(), random);
  while (!all.empty()) {
    const std::string id = all.back();
    all.pop_back();
    const std::vector<RevId> only = {store_->get(id)->rev};
    ASSERT_EQ(store_->purge(id, only)->size(), 1u);
    if (all.size() % 10 != 0) continue;
    auto left = all;
    std::sort(left.begin(), left.end());
    ASSERT_EQ(ids(*store_), left);
  }
  put("after", "{}");
  EXPECT_THAT(ids(*store_), ElementsAre("after"));
}

TEST_F(StoreDocuments, BodiesOfAnySizeComeBackWhole) {
  for (const std::size_t size : {0, 1, 900, 1023, 1024, 1025, 2000, 4096, 100'000, 3'000'000}) {
    const std::string text = "{\"t\":\"" + std::string(size, 'y') + "\"}";
    const std::string id = "size" + std::to_string(size);
    const RevId first = put(id, text);
    EXPECT_EQ(body(id), text);
    put(id, "{}", first);
    EXPECT_EQ(body(id, first), text);
  }
  const auto too_large =
      store_->write_one(edit("big", "{\"t\":\"" + std::string(8'000'001, 'y') + "\"}"));
  ASSERT_FALSE(too_large);
  EXPECT_EQ(too_large.error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(too_large.error().message, "big");
}

TEST_F(StoreDocuments, BadInputIsRefusedWithCouchDbsReasons) {
  const auto reason = [&](const std::string& id, const std::string& text) {
    const auto written = store_->write_one(edit(id, text));
    return written ? "" : written.error().message;
  };
  EXPECT_EQ(reason("", "{}"), "Document id must not be empty");
  EXPECT_EQ(reason("_x", "{}"), "Only reserved document ids may start with underscore.");
  EXPECT_EQ(reason("\xff", "{}"), "Document id must be valid UTF-8");
  EXPECT_EQ(reason("a", "[1]"), "Document must be a JSON object");
  EXPECT_EQ(reason("a", R"({"_foo":1})"), "Bad special document member: _foo");
  EXPECT_NE(reason("a", R"({"x":1e400})"), "");
  EXPECT_NE(reason("a", "{not json"), "");
  EXPECT_NE(reason("_local/a", "{}"), "");
  EXPECT_EQ(reason("_design/a", "{}"), "");
  EXPECT_FALSE(store_->write_one(replicated("a", {r("3-c"), r("1-a")}, "{}")));
  EXPECT_FALSE(store_->write_one(replicated("a", {r("0-c")}, "{}")));
  EXPECT_EQ(store_->info().doc_count, 1u);
}

TEST_F(StoreDocuments, PartitionedStoresWantAPartitionInEachId) {
  TempDir dir;
  StoreOptions options;
  options.partitioned = true;
  for (int round = 0; round < 2; ++round) {  // remembered when opened again
    const auto opened = Store::open(dir.path() / "p", options);
    ASSERT_TRUE(opened);
    Store& store = **opened;
    options.partitioned = false;
    EXPECT_TRUE(store.info().partitioned);
    const auto reason = [&](const std::string& id) {
      const auto written = store.write_one(edit(id, "{}"));
      return written ? "" : written.error().message;
    };
    EXPECT_EQ(reason("nocolon"), "Doc id must be of form partition:id");
    EXPECT_EQ(reason(":a"), "Partition must not be empty");
    EXPECT_EQ(reason("p1:"), "Document id must not be empty");
    EXPECT_EQ(reason("_p:a"), "Only reserved document ids may start with underscore.");
    EXPECT_EQ(reason("p1:a:b" + std::to_string(round)), "");
    EXPECT_EQ(reason("_design/d" + std::to_string(round)), "");
  }
}

TEST_F(StoreDocuments, LocalDocumentsLiveApart) {
  EXPECT_EQ(store_->get_local("cp").error().message, "missing");
  EXPECT_EQ(*store_->put_local("cp", R"({"x": 1})"), 1u);
  EXPECT_EQ(*store_->put_local("cp", R"({"x":2})", 99), 100u);
  const std::string long_id(2000, 'l');
  EXPECT_EQ(*store_->put_local(long_id, "{}"), 1u);
  EXPECT_EQ(*store_->put_local(long_id + "2", "{}"), 1u);
  EXPECT_FALSE(store_->put_local("bad", "[1]"));
  EXPECT_FALSE(store_->put_local("", "{}"));
  EXPECT_EQ(store_->get_local("cp")->body, R"({"x":2})");
  EXPECT_EQ(store_->get_local("cp")->rev, 100u);
  EXPECT_EQ(store_->get_local(long_id)->id, long_id);
  const auto all = store_->list_locals();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].id, "cp");
  EXPECT_TRUE(changes(*store_).empty());
  EXPECT_TRUE(ids(*store_).empty());
  EXPECT_TRUE(store_->remove_local("cp"));
  EXPECT_EQ(store_->remove_local("cp").error().code, ErrorCode::kNotFound);
  open();
  EXPECT_EQ(store_->list_locals().size(), 2u);
}

TEST_F(StoreDocuments, PropertiesAreKept) {
  EXPECT_EQ(store_->get_property("title").error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(store_->put_property("title", "Caf\xc3\xa9"));
  open();
  EXPECT_EQ(*store_->get_property("title"), "Caf\xc3\xa9");
}

// A slow model of the whole: random edits and replicated revisions; afterwards every look at the
// store agrees with it.
TEST_F(StoreDocuments, RandomHistoriesAgreeWithASlowModel) {
  std::mt19937 random(11);
  std::map<std::string, RevTree> model;
  std::map<std::string, std::string> bodies;  // of id and revision
  for (int step = 0; step < 3000; ++step) {
    const std::string id = "doc" + std::to_string(random() % 20);
    RevTree& tree = model[id];
    const std::string text = "{\"step\":" + std::to_string(step) + "}";
    std::vector<RevId> path;
    if (!tree.empty() && random() % 4 != 0) {
      path = tree.path(static_cast<std::int32_t>(random() % tree.nodes().size()));
    }
    const bool deleted = random() % 5 == 0;
    if (random() % 2 == 0 && !path.empty()) {
      DocumentWrite write = edit(id, text, path.front());
      write.deleted = deleted;
      const bool allowed = tree.is_leaf(tree.find(path.front()));
      const auto written = store_->write_one(write);
      ASSERT_EQ(written.has_value(), allowed);
      if (!allowed) continue;
      path.insert(path.begin(), *written);
    } else {
      path.insert(path.begin(), *RevId::from_parts(path.size() + 1, random_uuid()));
      ASSERT_TRUE(store_->write_one(replicated(id, path, text, deleted)));
    }
    ASSERT_TRUE(tree.merge(path, deleted));
    bodies[id + path.front().to_string()] = text;
    if (step % 1000 == 999) open();
  }
  std::uint64_t live = 0;
  for (auto& [id, tree] : model) {
    const RevNode& winner = tree.node(tree.winner());
    live += winner.deleted ? 0 : 1;
    ASSERT_EQ(store_->get(id).has_value(), !winner.deleted);
    const auto leaves = store_->open_revs(id, {}, false);
    ASSERT_EQ(leaves.size(), tree.leaves().size());
    for (const RevNode& node : tree.nodes()) {
      ASSERT_EQ(body(id, node.rev), bodies[id + node.rev.to_string()]);
    }
  }
  EXPECT_EQ(store_->info().doc_count, live);
  EXPECT_EQ(store_->info().doc_count + store_->info().doc_del_count, model.size());
  EXPECT_EQ(changes(*store_).size(), model.size());
  for (const ChangeRow& row : changes(*store_)) {
    std::vector<RevId> expected;
    for (const auto leaf : model[row.id].leaves()) expected.push_back(model[row.id].node(leaf).rev);
    EXPECT_EQ(row.leaves, expected);
  }
  ASSERT_TRUE(store_->compact());
  for (auto& [id, tree] : model) {
    for (const RevNode& node : tree.nodes()) {
      ASSERT_EQ(body(id, node.rev),
                node.has_children ? "missing" : bodies[id + node.rev.to_string()]);
    }
  }
}

}  // namespace
}  // namespace atelier::test
