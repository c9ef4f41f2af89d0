// Searches for words: what is found, in which order, where; and that the index follows every write.
#include <algorithm>
#include <map>
#include <random>

#include "base/json_text.h"
#include "base/limits.h"
#include "query/words.h"
#include "unit/store_index_tools.h"

namespace atelier::test {
namespace {

using Ids = std::vector<std::string>;

class SearchTest : public IndexTest {
 protected:
  void say(const std::string& id, const std::string& text) {
    const auto known = store_->get(id);
    put(id, "{\"text\":" + json::quoted(text) + "}",
        known ? std::optional(known->rev) : std::nullopt);
  }
};

TEST_F(SearchTest, AllWordsMustBeThereTheLastOneMayBeABeginning) {
  create(words_of("text", {"text"}, "m"));
  say("m:1", "The quick brown fox");
  say("m:2", "A quick Café");
  say("m:3", "quicker than the fox");
  say("n:1", "the quick fox of another collection");
  EXPECT_EQ(search("quick", "m"), (Ids{"m:3", "m:2", "m:1"}));
  EXPECT_EQ(search("QUICK fo", "m"), Ids{"m:1"});
  EXPECT_EQ(search("fox qui", "m"), (Ids{"m:3", "m:1"}));
  EXPECT_EQ(search("cafe", "m"), Ids{"m:2"});
  EXPECT_EQ(search("CAFÉ quick", "m"), Ids{"m:2"});
  EXPECT_TRUE(search("slow", "m").empty());
  EXPECT_TRUE(search("quick slow fox", "m").empty());
}

TEST_F(SearchTest, TheIndexFollowsEdits) {
  create(words_of("text", {"text"}));
  say("1", "alpha beta");
  say("2", "alpha gamma");
  say("1", "delta beta");
  EXPECT_EQ(search("alpha "), Ids{"2"});
  EXPECT_EQ(search("beta"), Ids{"1"});
  say("2", "alpha gamma again");
  EXPECT_EQ(search("gamma"), Ids{"2"});
  ASSERT_TRUE(store_->write_one(tombstone("2", store_->get("2")->rev)));
  EXPECT_TRUE(search("alpha").empty());
  replicate("1", {r("5-f")}, R"({"text":"epsilon"})");  // a conflict that wins
  EXPECT_EQ(search("epsilon"), Ids{"1"});
  EXPECT_TRUE(search("delta").empty());
  ASSERT_TRUE(store_->purge("1", std::vector<RevId>{r("5-f")}));
  EXPECT_EQ(search("delta"), Ids{"1"});
  EXPECT_TRUE(search("epsilon").empty());
}

TEST_F(SearchTest, PlacesAreBytesOfTheFieldsText) {
  create(words_of("all", {"title", "author.name"}));
  put("1", R"({"title":"Über \"Café\" und cafe","author":{"name":"Cafeteria"}})");
  SearchQuery query;
  query.words = "cafe";
  const auto answer = store_->search(query);
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->hits.size(), 1u);
  const std::string title = "Über \"Café\" und cafe";
  const auto& places = answer->hits[0].highlights;
  ASSERT_EQ(places.size(), 3u);
  EXPECT_EQ(title.substr(places[0].begin, places[0].end - places[0].begin), "Café");
  EXPECT_EQ(title.substr(places[1].begin, places[1].end - places[1].begin), "cafe");
  EXPECT_EQ(places[2].field, 1u);
  EXPECT_EQ(places[2].begin, 0u);
  EXPECT_GE(places[2].end, 4u);
}

TEST_F(SearchTest, WhatChangedLastComesFirstAndPagesGoOn) {
  create(words_of("text", {"text"}));
  for (int i = 0; i < 25; ++i) say("m:" + std::to_string(100 + i), "hello");
  say("m:105", "hello again");
  Ids all;
  SearchQuery query;
  query.words = "hello";
  query.limit = 7;
  bool more = true;
  while (more) {
    const auto answer = store_->search(query);
    ASSERT_TRUE(answer);
    for (const SearchHit& hit : answer->hits) all.push_back(hit.document.id);
    more = answer->more && !answer->hits.empty();
    if (more) query.before = answer->hits.back().document.sequence;
  }
  ASSERT_EQ(all.size(), 25u);
  EXPECT_EQ(all[0], "m:105");
  EXPECT_EQ(all[1], "m:124");
  EXPECT_EQ(all[24], "m:100");
}

TEST_F(SearchTest, ByRelevanceRareAndFrequentWordsCountMore) {
  create(words_of("text", {"text"}));
  say("often", "tea tea tea and a biscuit");
  say("once", "tea and a biscuit with milk");
  say("long", "tea " + std::string(400, 'x') + " one two three four five six seven eight nine ten");
  say("none", "coffee");
  SearchQuery query;
  query.words = "tea ";
  query.rank = SearchQuery::Rank::kRelevance;
  EXPECT_EQ(hits_of(query), (Ids{"often", "once", "long"}));
  query.limit = 1;
  EXPECT_EQ(hits_of(query), Ids{"often"});
}

TEST_F(SearchTest, ABeginningOfVeryManyWordsIsFoundInTheDocuments) {
  create(words_of("text", {"text"}));
  std::vector<DocumentWrite> documents;
  for (std::size_t i = 0; i < kSearchMergedWords + 10; ++i) {
    documents.push_back(
        edit(std::to_string(10'000 + i), "{\"text\":\"w" + std::to_string(i) + " x\"}"));
  }
  const std::size_t count = documents.size();
  store_->write(std::move(documents), {});
  say("other", "nothing of that kind");
  EXPECT_EQ(search("w", "", kSearchLimitMax).size(), count);
  EXPECT_EQ(search("x w", "", 3).size(), 3u);
  SearchQuery query;
  query.words = "w";
  query.rank = SearchQuery::Rank::kRelevance;
  query.limit = 5;
  EXPECT_EQ(hits_of(query).size(), 5u);
}

TEST_F(SearchTest, SearchesThatCannotBeAreRefused) {
  SearchQuery query;
  query.words = "x";
  EXPECT_EQ(store_->search(query).error().code, ErrorCode::kNotFound);
  create(words_of("text", {"text"}));
  query.words = " ?! ";
  EXPECT_EQ(store_->search(query).error().code, ErrorCode::kInvalid);
  query.words = "x";
  query.limit = kSearchLimitMax + 1;
  EXPECT_EQ(store_->search(query).error().code, ErrorCode::kTooLarge);
}

// Random texts, edits, deletions, conflicts and purges, an index that is made in the middle and a
// store that is closed while it is built; against a look at every document.
TEST_F(SearchTest, SearchesFindWhatALookAtEveryDocumentFinds) {
  std::mt19937 random(11);
  const auto below = [&](std::size_t n) { return random() % n; };
  const auto text = [&] {
    static const char* kWords[] = {"a", "an", "and", "Ant", "bee", "été", "ETE", "日本語", "be"};
    std::string out;
    for (std::size_t n = below(12); n > 0; --n)
      out += std::string(kWords[below(std::size(kWords))]) + " ";
    return out + std::to_string(below(40));
  };
  const auto step = [&] {
    const std::string id = (below(2) == 0 ? "m:" : "n:") + std::to_string(below(120));
    const auto known = store_->get(id);
    switch (below(10)) {
      case 0:
        if (known) store_->write_one(tombstone(id, known->rev));
        break;
      case 1:
        replicate(id, {r(std::to_string(1 + below(3)) + "-" + "0123456789abcdef"[below(16)])},
                  "{\"text\":" + json::quoted(text()) + "}", below(4) == 0);
        break;
      case 2:
        if (known) store_->purge(id, std::vector<RevId>{known->rev});
        break;
      case 3:
        put(id, R"({"text":5})", known ? std::optional(known->rev) : std::nullopt);
        break;
      default:
        say(id, text());
    }
  };
  create(words_of("all", {"text"}));
  for (int i = 0; i < 300; ++i) step();
  create(words_of("m", {"text"}, "m"));
  open();
  for (int i = 0; i < 300; ++i) step();
  finish_indexes();
  ASSERT_TRUE(store_->compact());
  for (const char* typed :
       {"a", "an ", "an be", "ant", "été", "日本", "語", "1", "and 2", "bee ete a"}) {
    const auto terms = query::search_terms(typed);
    ASSERT_TRUE(terms);
    for (const std::string prefix : {"", "m"}) {
      std::vector<std::pair<std::uint64_t, std::string>> wanted;
      const Status scanned = store_->scan({}, [&](const DocumentView& view) {
        if (!prefix.empty() && !view.id.starts_with(prefix + ":")) return true;
        const auto body = json::string_member(view.body, "text");
        if (!body) return true;
        const bool all = std::all_of(terms->begin(), terms->end(), [&](const auto& term) {
          for (query::WordReader reader(*body); reader.next();) {
            if (query::is_meant(term, reader.word().text)) return true;
          }
          return false;
        });
        if (all) wanted.emplace_back(view.sequence, view.id);
        return true;
      });
      ASSERT_TRUE(scanned);
      std::sort(wanted.rbegin(), wanted.rend());
      Ids ids;
      for (const auto& [sequence, id] : wanted) ids.push_back(id);
      EXPECT_EQ(search(typed, prefix, 1'000), ids) << typed << " in '" << prefix << "'";
    }
  }
}

}  // namespace
}  // namespace atelier::test
