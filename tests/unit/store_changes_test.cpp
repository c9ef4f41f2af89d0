// Goal: the feed filtered in the store, and scans over leaves, prefixes and long ids.
#include <algorithm>
#include <random>

#include "unit/store_tools.h"

namespace atelier::test {
namespace {

class StoreChanges : public StoreTest {
 protected:
  std::vector<std::string> all(ChangeFilter filter, int* calls = nullptr) {
    std::vector<std::string> found;
    for (int i = 0; i < 10'000; ++i) {
      const auto batch = store_->read_changes(filter);
      EXPECT_TRUE(batch) << batch.error().message;
      if (!batch) return found;
      for (const ChangeRow& row : batch->rows) found.push_back(row.id);
      EXPECT_GE(batch->reached, filter.since);
      if (calls) ++*calls;
      if (!batch->more) return found;
      EXPECT_GT(batch->reached, filter.since) << "no progress";
      filter.since = batch->reached;
    }
    return found;
  }
  void fill(int count) {
    std::vector<DocumentWrite> writes;
    for (int i = 0; i < count; ++i) {
      const std::string id = (i % 2 ? "odd:" : "even:") + std::to_string(i);
      writes.push_back(edit(id, "{\"n\":" + std::to_string(i) + "}"));
    }
    for (const WriteResult& one : store_->write(std::move(writes))) ASSERT_TRUE(one.rev);
  }
};

TEST_F(StoreChanges, AWalkIsBoundedAndContinuesWhereItStood) {
  fill(100);
  int calls = 0;
  ChangeFilter filter;
  filter.prefix = "odd:";
  filter.examined_max = 10;
  EXPECT_EQ(all(filter, &calls).size(), 50u);
  EXPECT_GE(calls, 10);
  filter.examined_max = 1'000;
  filter.limit = 7;
  EXPECT_EQ(all(filter, &calls).size(), 50u);
  filter.prefix = "none:";
  const auto none = store_->read_changes(filter);
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->rows.empty());
  EXPECT_FALSE(none->more);
  EXPECT_EQ(none->reached, store_->last_sequence());
}

TEST_F(StoreChanges, IdsAreLookedUpInTheFeedsOrderAndNoRowsAreWalkedForThem) {
  fill(200);
  put("even:0", R"({"n":-1})", store_->get("even:0")->rev);
  ChangeFilter filter;
  filter.ids = {"even:0", "odd:3", "odd:1", "odd:1", "never", ""};
  filter.examined_max = 1;  // counts walked rows alone
  const auto batch = store_->read_changes(filter);
  ASSERT_TRUE(batch);
  ASSERT_EQ(batch->rows.size(), 3u);
  EXPECT_EQ(batch->rows[0].id, "odd:1");
  EXPECT_EQ(batch->rows[2].id, "even:0");
  EXPECT_FALSE(batch->more);
  filter.limit = 2;
  EXPECT_EQ(all(filter), (std::vector<std::string>{"odd:1", "odd:3", "even:0"}));
  filter.since = store_->last_sequence() - 2;  // few rows, more ids: walked
  filter.examined_max = 1;
  EXPECT_EQ(all(filter), std::vector<std::string>{"even:0"});
  filter.ids = std::vector<std::string>{};
  filter.since = 0;
  EXPECT_TRUE(all(filter).empty());
}

TEST_F(StoreChanges, ASelectorIsAskedOfWinnersAndOfTombstones) {
  fill(20);
  const RevId gone = store_->get("odd:19")->rev;
  DocumentWrite deletion = tombstone("odd:19", gone);
  deletion.body = R"({"n":19})";
  ASSERT_TRUE(store_->write_one(deletion));
  ChangeFilter filter;
  filter.selector = *query::Selector::compile(R"({"n":{"$gte":18}})");
  EXPECT_EQ(all(filter), (std::vector<std::string>{"even:18", "odd:19"}));
  filter.selector = *query::Selector::compile(R"({"_id":{"$in":["odd:1","even:2"]},"n":1})");
  EXPECT_EQ(all(filter), std::vector<std::string>{"odd:1"});
  filter.selector = *query::Selector::compile(R"({"_deleted":true})");
  EXPECT_EQ(all(filter), std::vector<std::string>{"odd:19"});
}

// A consumer that holds a batch and does nothing holds no snapshot: pages are used again, so the
// file does not grow with what is written meanwhile.
TEST_F(StoreChanges, AStalledConsumerKeepsNoOldPagesAlive) {
  fill(50);
  ChangeFilter filter;
  filter.limit = 5;
  const auto stalled = store_->read_changes(filter);
  ASSERT_TRUE(stalled);
  RevId last = put("x", "{}");
  std::uint64_t size_early = 0;
  for (int i = 0; i < 200; ++i) {
    last = put("x", "{\"i\":" + std::to_string(i) + ",\"t\":\"" + std::string(20'000, 'x') + "\"}",
               last);
    if (i % 20 == 0) {
      ASSERT_TRUE(store_->compact());
    }
    if (i == 60) size_early = store_->info().file_bytes;
  }
  EXPECT_LT(store_->info().file_bytes, size_early + (2u << 20)) << "200 bodies are 4 MB";
  filter.since = stalled->reached;
  filter.limit = SIZE_MAX;
  EXPECT_EQ(all(filter).size(), 46u);
}

TEST_F(StoreChanges, AScanOverLeavesGivesEveryLeafBestFirst) {
  replicate("a", {r("1-a")}, R"({"n":"a"})");
  replicate("b", {r("2-a"), r("1-a")}, R"({"n":"2a"})");
  replicate("b", {r("2-b"), r("1-a")}, R"({"n":"2b"})");
  replicate("b", {r("3-c"), r("2-c"), r("1-a")}, "{}", true);
  ScanOptions options;
  options.all_leaves = true;
  const auto read = [&] {
    std::vector<std::string> found;
    EXPECT_TRUE(store_->scan(options, [&](const DocumentView& view) {
      found.push_back(std::string(view.id) + " " + std::to_string(view.rev.generation()) +
                      std::string(view.body) + (view.winner ? "!" : ""));
      return true;
    }));
    return found;
  };
  using Strings = std::vector<std::string>;
  EXPECT_EQ(read(), (Strings{R"(a 1{"n":"a"}!)", R"(b 2{"n":"2b"}!)", R"(b 2{"n":"2a"})"}));
  EXPECT_EQ(*store_->count(options), 3u);
  options.deleted = true;
  options.descending = true;
  options.skip = 1;
  EXPECT_EQ(read(), (Strings{R"(b 2{"n":"2a"})", "b 3{}", R"(a 1{"n":"a"}!)"}));
  options.limit = 1;
  options.bodies = false;
  EXPECT_EQ(read(), (Strings{"b 2"}));
}

// Ids of every length with long common beginnings, any script, both directions, against a sorted
// vector.
TEST_F(StoreChanges, RangesOverLongIdsAgreeWithASortedVector) {
  std::mt19937 random(7);
  const std::vector<std::string> parts = {"a", "ä", "日本", "😀", std::string("\x7f", 1), " "};
  std::vector<std::string> names;
  for (int i = 0; i < 80; ++i) {
    std::string id(std::vector<std::size_t>{1, 479, 480, 481, 960, 1'440, 7'000}[random() % 7],
                   'k');
    for (int n = static_cast<int>(random() % 5); n >= 0; --n) id += parts[random() % parts.size()];
    names.push_back(std::move(id));
  }
  names.push_back(std::string(kIdBytesMax, 'k'));
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  for (const std::string& id : names) put(id, "{}");
  for (int round = 0; round < 300; ++round) {
    ScanOptions options;
    options.descending = round % 2;
    options.inclusive_end = random() % 2;
    options.skip = random() % 4;
    if (random() % 3) options.limit = 1 + random() % 20;
    if (random() % 3) options.start = names[random() % names.size()] + (random() % 3 ? "" : "k");
    if (random() % 3) options.end = names[random() % names.size()];
    if (random() % 3 == 0) {
      const std::string& id = names[random() % names.size()];
      options.prefix = id.substr(0, 1 + random() % id.size());
    }
    auto expected = names;
    if (options.descending) std::reverse(expected.begin(), expected.end());
    std::erase_if(expected, [&](const std::string& id) {
      const bool before =
          options.start && (options.descending ? id > *options.start : id < *options.start);
      const bool behind =
          options.end && (options.descending ? id < *options.end : id > *options.end);
      const bool at_end = options.end && !options.inclusive_end && id == *options.end;
      return before || behind || at_end || (options.prefix && !id.starts_with(*options.prefix));
    });
    expected.erase(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                            options.skip, expected.size())));
    if (expected.size() > options.limit) expected.resize(options.limit);
    ASSERT_EQ(ids(*store_, options), expected) << "round " << round;
    EXPECT_EQ(*store_->count(options), expected.size());
  }
}

}  // namespace
}  // namespace atelier::test
