// Indexes as a caller of the store sees them: declared, listed, built, dropped; what they refuse;
// and what queries through them promise.
#include "base/json_text.h"
#include "base/limits.h"
#include "store/index.h"
#include "unit/store_index_tools.h"

namespace atelier::test {
namespace {

using State = IndexStatus::State;

FindQuery query_of(std::string selector, std::vector<SortField> sort = {}) {
  FindQuery query;
  query.selector = std::move(selector);
  query.sort = std::move(sort);
  return query;
}

TEST_F(IndexTest, ADeclaredIndexIsUsedAndOutlivesTheStore) {
  for (int i = 0; i < 20; ++i) put("m:" + std::to_string(i), "{\"n\":" + std::to_string(i) + "}");
  create(values_of("by n", {"n"}));
  finish_indexes();
  open();
  FindAnswer answer;
  EXPECT_EQ(find(query_of(R"({"n":{"$gte":5,"$lt":8}})"), &answer),
            (std::vector<std::string>{"m:5", "m:6", "m:7"}));
  EXPECT_EQ(answer.plan.way, FindPlan::Way::kIndex);
  EXPECT_EQ(answer.plan.index->name, "by n");
  EXPECT_TRUE(answer.plan.covered);
  EXPECT_EQ(answer.plan.low, "[5]");
  EXPECT_EQ(answer.plan.high, "[8]");
  EXPECT_EQ(answer.keys_examined, 3u);
  EXPECT_EQ(answer.docs_examined, 3u);
  EXPECT_EQ(find(query_of(R"({"n":{"$gt":16}})", {{"n", true}})),
            (std::vector<std::string>{"m:19", "m:18", "m:17"}));
}

TEST_F(IndexTest, CountingReadsNoDocumentWhereTheIndexSaysAll) {
  for (int i = 0; i < 50; ++i)
    put("m:" + std::to_string(i), "{\"n\":" + std::to_string(i % 5) + "}");
  create(values_of("by n", {"n"}));
  finish_indexes();
  const auto counted = store_->count_matches(query_of(R"({"n":3})"));
  ASSERT_TRUE(counted);
  EXPECT_EQ(counted->results, 10u);
  EXPECT_EQ(counted->docs_examined, 0u);
}

TEST_F(IndexTest, DeclaringTheSameAgainDoesNothingAndAnotherUnderItsNameIsRefused) {
  const auto definition = values_of("x", {"a", "b.c"}, "message", R"({"a":{"$gt":1}})");
  EXPECT_EQ(store_->create_index(definition).value(), true);
  EXPECT_EQ(store_->create_index(definition).value(), false);
  auto same = definition;
  same.filter = R"({ "$and": [ { "a": { "$gt": 1.0 } } ] })";
  EXPECT_EQ(store_->create_index(same).value(), false);
  auto other = definition;
  other.fields = {"b"};
  EXPECT_EQ(store_->create_index(other).error().code, ErrorCode::kExists);
  EXPECT_EQ(store_->indexes().size(), 1u);
}

TEST_F(IndexTest, DefinitionsThatCannotBeAreRefused) {
  const auto refused = [&](IndexDefinition definition) {
    const auto created = store_->create_index(definition);
    EXPECT_FALSE(created);
    return created ? ErrorCode::kInternal : created.error().code;
  };
  const auto kInvalid = ErrorCode::kInvalid;
  EXPECT_EQ(refused(values_of("", {"a"})), kInvalid);
  EXPECT_EQ(refused(values_of(std::string(256, 'n'), {"a"})), kInvalid);
  EXPECT_EQ(refused(values_of("\xff", {"a"})), kInvalid);
  EXPECT_EQ(refused(values_of("x", {})), kInvalid);
  EXPECT_EQ(refused(values_of("x", {"a", "a"})), kInvalid);
  EXPECT_EQ(refused(values_of("x", {"_rev"})), kInvalid);
  EXPECT_EQ(refused(values_of("x", {"a..b"})), kInvalid);
  EXPECT_EQ(refused(values_of("x", {""})), kInvalid);
  EXPECT_EQ(refused(values_of("x", {std::string(kFieldPathBytesMax + 1, 'f')})),
            ErrorCode::kTooLarge);
  EXPECT_EQ(refused(values_of("x", std::vector<std::string>(kIndexFieldsMax + 1, "a"))),
            ErrorCode::kTooLarge);
  EXPECT_EQ(refused(values_of("x", {"a"}, "a:b")), kInvalid);
  EXPECT_EQ(refused(values_of("x", {"a"}, "_design")), kInvalid);
  EXPECT_EQ(refused(values_of("x", {"a"}, "", "{")), kInvalid);
  EXPECT_EQ(refused(values_of("x", {"a"}, "", R"({"a":{"$nope":1}})")), kInvalid);
  EXPECT_EQ(refused(values_of("x", {"a"}, "", R"({"_rev":"1-a"})")), kInvalid);
  EXPECT_EQ(refused(words_of("x", {"_id"})), kInvalid);
  EXPECT_TRUE(store_->indexes().empty());
  for (std::size_t i = 0; i < kIndexesMax; ++i) create(values_of(std::to_string(i), {"a"}));
  EXPECT_EQ(refused(values_of("one more", {"a"})), ErrorCode::kTooLarge);
}

TEST_F(IndexTest, ADroppedIndexIsNotUsedAndItsRowsGo) {
  for (int i = 0; i < 100; ++i) put("m:" + std::to_string(i), R"({"n":1,"t":"some words"})");
  const auto empty = store_->info().live_bytes;
  create(values_of("by n", {"n"}));
  create(words_of("t", {"t"}));
  finish_indexes();
  EXPECT_GT(store_->info().live_bytes, empty);
  ASSERT_TRUE(store_->drop_index("by n"));
  ASSERT_TRUE(store_->drop_index("t"));
  FindAnswer answer;
  EXPECT_EQ(find(query_of(R"({"n":1})"), &answer).size(), 100u);
  EXPECT_EQ(answer.plan.way, FindPlan::Way::kScan);
  EXPECT_FALSE(answer.plan.warning.empty());
  EXPECT_EQ(store_->drop_index("by n").error().code, ErrorCode::kNotFound);
  create(values_of("by n", {"n"}));  // while the old one's rows are on their way out
  finish_indexes();
  EXPECT_EQ(find(query_of(R"({"n":1})"), &answer).size(), 100u);
  EXPECT_EQ(answer.plan.way, FindPlan::Way::kIndex);
  ASSERT_TRUE(store_->drop_index("by n"));
  finish_indexes();
  EXPECT_TRUE(store_->indexes().empty());
  // The page of a table that is empty again is given back; what is left is the free list's.
  EXPECT_LE(store_->info().live_bytes, empty);
}

TEST_F(IndexTest, BuildingTakesSeveralStepsIsToldAndGoesOnAfterAClose) {
  std::vector<DocumentWrite> documents;
  for (std::size_t i = 0; i < 3 * kIndexBuildDocs; ++i) {
    documents.push_back(edit("m:" + std::to_string(i), "{\"n\":" + std::to_string(i) + "}"));
  }
  store_->write(std::move(documents), {});
  create(values_of("by n", {"n"}));
  open();  // the step that is queued still runs, the rest does not
  const auto all = store_->indexes();
  const IndexStatus* status = status_of(all, "by n");
  ASSERT_TRUE(status);
  EXPECT_LE(status->built, status->to_build);
  put("m:new", R"({"n":-1})");
  finish_indexes();
  FindAnswer answer;
  EXPECT_EQ(find(query_of(R"({"n":{"$lt":2}})"), &answer),
            (std::vector<std::string>{"m:new", "m:0", "m:1"}));
  EXPECT_EQ(answer.plan.way, FindPlan::Way::kIndex);
  EXPECT_EQ(store_->count_matches(query_of(R"({"n":{"$exists":true}})"))->results,
            3 * kIndexBuildDocs + 1);
}

TEST_F(IndexTest, AnIndexOfOneCollectionAnswersForThatOneAlone) {
  create(values_of("by n", {"n"}, "a"));
  put("a:1", R"({"n":1})");
  put("ab:1", R"({"n":1})");
  put("b:1", R"({"n":1})");
  FindQuery query = query_of(R"({"n":1})");
  FindAnswer answer;
  EXPECT_EQ(find(query, &answer).size(), 3u);
  EXPECT_EQ(answer.plan.way, FindPlan::Way::kScan);
  query.prefix = "a";
  EXPECT_EQ(find(query, &answer), std::vector<std::string>{"a:1"});
  EXPECT_EQ(answer.plan.way, FindPlan::Way::kIndex);
  EXPECT_EQ(find(query_of(R"({"n":1,"_id":{"$gte":"a:","$lt":"a;"}})"), &answer),
            std::vector<std::string>{"a:1"});
  EXPECT_EQ(answer.plan.way, FindPlan::Way::kIndex);
}

TEST_F(IndexTest, APartialIndexIsUsedWhereItIsNamed) {
  create(values_of("open", {"n"}, "", R"({"state":"open"})"));
  put("a", R"({"n":1,"state":"open"})");
  put("b", R"({"n":2,"state":"done"})");
  FindQuery query = query_of(R"({"n":{"$gt":0}})");
  EXPECT_EQ(find(query).size(), 2u);
  query.use_index = "open";
  FindAnswer answer;
  EXPECT_EQ(find(query, &answer), std::vector<std::string>{"a"});
  EXPECT_TRUE(answer.plan.warning.empty());
  put("a", R"({"n":1,"state":"done"})", store_->get("a")->rev);
  EXPECT_TRUE(find(query).empty());
  query.use_index = "nope";
  EXPECT_EQ(find(query, &answer).size(), 2u);
  EXPECT_EQ(answer.plan.warning,
            "nope was not used because it does not contain a valid index for this query.");
}

TEST_F(IndexTest, WithoutAnIndexForTheOrderAQueryIsRefused) {
  put("a", R"({"n":1})");
  const auto refused = store_->explain(query_of(R"({"n":1})", {{"m", false}}));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(is_no_usable_index(refused.error()));
  EXPECT_EQ(refused.error().message,
            "No index exists for this sort, try indexing by the sort fields.");
  EXPECT_FALSE(store_->explain(query_of("{}", {{"a", true}, {"b", false}})));
  EXPECT_FALSE(store_->explain(query_of(R"({"n":{"$foo":1}})")));
}

TEST_F(IndexTest, ABookmarkGoesOnWhereTheLastAnswerEnded) {
  for (int i = 0; i < 30; ++i)
    put("m:" + std::to_string(100 + i), "{\"n\":" + std::to_string(i / 7) + "}");
  create(values_of("by n", {"n"}));
  finish_indexes();
  for (const bool descending : {false, true}) {
    for (const char* field : {"n", "_id"}) {
      FindQuery query = query_of(R"({"n":{"$gte":0}})", {{field, descending}});
      const auto all = find(query);
      query.limit = 4;
      std::vector<std::string> pages;
      FindAnswer answer;
      for (auto page = find(query, &answer); !page.empty(); page = find(query, &answer)) {
        pages.insert(pages.end(), page.begin(), page.end());
        query.bookmark = answer.bookmark;
      }
      EXPECT_EQ(pages, all);
      EXPECT_EQ(all.size(), 30u);
      query.sort = {{field, !descending}};
      query.bookmark = "AAAA";
      EXPECT_FALSE(store_->find(query, [](Document&) { return true; }));
    }
  }
}

TEST_F(IndexTest, ACallbackMayStopAndMayWrite) {
  for (int i = 0; i < 10; ++i) put("m:" + std::to_string(i), "{\"n\":1}");
  create(values_of("by n", {"n"}));
  finish_indexes();
  int seen = 0;
  const auto answer = store_->find(query_of(R"({"n":1})"), [&](Document& document) {
    put(document.id, R"({"n":2})", document.rev);
    return ++seen < 3;
  });
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->results, 3u);
  EXPECT_EQ(find(query_of(R"({"n":2})")).size(), 3u);
}

TEST_F(IndexTest, ALongQueryReadsInSeveralTransactions) {
  std::vector<DocumentWrite> documents;
  for (std::size_t i = 0; i < kFindDocsPerTxn + 500; ++i) {
    documents.push_back(
        edit("m:" + std::to_string(100'000 + i), "{\"n\":" + std::to_string(i % 2) + "}"));
  }
  const std::size_t count = documents.size();
  store_->write(std::move(documents), {});
  EXPECT_EQ(find(query_of(R"({"n":1})")).size(), count / 2);
  EXPECT_EQ(find(query_of(R"({"n":0})", {{"_id", true}})).size(), count / 2);
}

TEST_F(IndexTest, ValuesOfMegabytesAreIndexedExactly) {
  create(values_of("by s", {"s"}));
  const std::string long_text(1'000'000, 'x');
  put("m:3", "{\"s\":\"" + long_text + "c\"}");
  put("m:1", "{\"s\":\"" + long_text + "a\"}");
  put("m:2", "{\"s\":\"" + long_text + "b\"}");
  put("m:4", "{\"s\":\"" + long_text + "\"}");
  const FindQuery all = query_of(R"({"s":{"$exists":true}})", {{"s", false}});
  EXPECT_EQ(find(all), (std::vector<std::string>{"m:4", "m:1", "m:2", "m:3"}));
  EXPECT_EQ(find(query_of("{\"s\":\"" + long_text + "b\"}")), std::vector<std::string>{"m:2"});
  put("m:1", "{\"s\":1}", store_->get("m:1")->rev);
  EXPECT_EQ(find(all), (std::vector<std::string>{"m:1", "m:4", "m:2", "m:3"}));
  ASSERT_TRUE(store_->drop_index("by s"));
  finish_indexes();
}

TEST_F(IndexTest, TheIdMayBeAFieldAndDesignDocumentsAreInNoIndex) {
  create(values_of("by n and id", {"n", "_id"}));
  put("a", R"({"n":1})");
  put("b", R"({"n":1})");
  put("_design/x", R"({"n":1})");
  FindAnswer answer;
  EXPECT_EQ(find(query_of(R"({"n":1})", {{"n", true}, {"_id", true}}), &answer),
            (std::vector<std::string>{"b", "a"}));
  EXPECT_EQ(answer.plan.way, FindPlan::Way::kIndex);
  EXPECT_EQ(find(query_of(R"({"n":1,"_id":"b"})")), std::vector<std::string>{"b"});
  EXPECT_EQ(find(query_of("{}")), (std::vector<std::string>{"a", "b"}));
}

TEST_F(IndexTest, SelectorsMayAskForTheRevisionAndAttachments) {
  const RevId rev = put("a", R"({"n":1})");
  put("b", R"({"n":1})");
  create(values_of("by n", {"n"}));
  finish_indexes();
  // The same body makes the same revision of both.
  const std::string selector = R"({"n":1,"_rev":")" + rev.to_string() + "\"}";
  EXPECT_EQ(find(query_of(selector)), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(find(query_of(R"({"n":1,"_rev":"1-a"})")).empty());
  EXPECT_TRUE(find(query_of(R"({"_attachments":{"$exists":true}})")).empty());
}

}  // namespace
}  // namespace atelier::test
