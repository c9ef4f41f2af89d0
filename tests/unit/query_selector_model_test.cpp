// Random selectors on random documents, against the slow evaluator; their canonical text, and the
// bounds that an index planner goes by.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "query/selector.h"
#include "query_reference.h"
#include "query_tools.h"

namespace atelier::query {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;

// Few names and values, so that conditions often hold.
class RandomSelectors {
 public:
  explicit RandomSelectors(unsigned seed) : random_(seed) {}

  std::string scalar() {
    static const char* kScalars[] = {"null",   "true",    "false",  "0",        "1",     "1.0",
                                     "2",      "-1",      "1.5",    "1e1",      "10",    R"("")",
                                     R"("a")", R"("ab")", R"("b")", R"("é\n")", R"("0")"};
    return kScalars[random_.below(std::size(kScalars))];
  }
  std::string value(int depth) {
    const std::size_t kind = random_.below(depth > 0 ? 6 : 4);
    if (kind < 4) return scalar();
    json::Writer out;
    if (kind == 4) {
      out.begin_array();
      for (std::size_t n = random_.below(4); n > 0; --n) out.raw(value(depth - 1));
      out.end_array();
      return out.take();
    }
    return object(depth - 1);
  }
  std::string object(int depth) {
    json::Writer out;
    out.begin_object();
    for (std::size_t n = random_.below(4); n > 0; --n) out.key(name()).raw(value(depth));
    out.end_object();
    return json::normalize(out.take()).value();
  }
  const char* name() {
    static const char* kNames[] = {"a", "b", "c", "a.b", "0"};
    return kNames[random_.below(std::size(kNames))];
  }
  const char* field() {
    static const char* kFields[] = {"a", "b", "c", "a.b", "a\\\\.b", "a.0", "b.a", "_id", "c.b.0"};
    return kFields[random_.below(std::size(kFields))];
  }
  std::string condition(int depth, bool in_elements) {
    static const char* kComparisons[] = {"$eq", "$ne", "$gt", "$gte", "$lt", "$lte"};
    const auto one = [](std::string_view op, std::string_view argument) {
      return "{\"" + std::string(op) + "\":" + std::string(argument) + "}";
    };
    const auto list = [&] { return "[" + value(1) + "," + scalar() + "]"; };
    switch (random_.below(depth > 0 ? 16 : 12)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return one(kComparisons[random_.below(6)], value(2));
      case 4:
        return one(random_.below(2) != 0 ? "$in" : "$nin", random_.below(5) != 0 ? list() : "[]");
      case 5:
        return one("$exists", random_.below(2) != 0 ? "true" : "false");
      case 6: {
        static const char* kTypes[] = {"null",  "boolean", "number", "string",
                                       "array", "object",  "x"};
        return one("$type", "\"" + std::string(kTypes[random_.below(7)]) + "\"");
      }
      case 7:
        return one("$all", random_.below(4) == 0 ? "[" + value(1) + "]" : list());
      case 8:
        return one("$size", std::to_string(random_.below(3)));
      case 9:
        return one("$mod", random_.below(2) != 0 ? "[2,1]" : "[3,-1]");
      case 10:
        return one("$beginsWith", random_.below(2) != 0 ? R"("a")" : R"("")");
      case 11:
        return one("$regex", random_.below(2) != 0 ? R"("^a")" : R"("b$|0")");
      case 12:
        return one("$not", condition(depth - 1, in_elements));
      case 13:
        return "{\"$gte\":" + value(1) + ",\"$lt\":" + value(1) + "}";
      default: {
        static const char* kElements[] = {"$elemMatch", "$allMatch", "$keyMapMatch"};
        return one(kElements[random_.below(3)],
                   random_.below(2) != 0 ? condition(depth - 1, true) : selector(depth - 1, true));
      }
    }
  }
  std::string selector(int depth, bool in_elements = false) {
    const std::size_t kind = random_.below(depth > 0 ? 10 : 5);
    const auto member = [&] {
      return "\"" + std::string(field()) +
             "\":" + (random_.below(3) == 0 ? value(2) : condition(depth, in_elements));
    };
    if (kind < 4) return "{" + member() + "}";
    if (kind == 4) return "{" + member() + ",\"b\":" + scalar() + "}";
    if (kind == 5) return R"({"$not":)" + selector(depth - 1, in_elements) + "}";
    static const char* kCombinations[] = {"$and", "$or", "$nor"};
    std::string parts;
    for (std::size_t n = random_.below(4); n > 0; --n)
      parts += (parts.empty() ? "" : ",") + selector(depth - 1, in_elements);
    return "{\"" + std::string(kCombinations[random_.below(3)]) + "\":[" + parts + "]}";
  }

  RandomJson random_;
};

struct Case {
  explicit Case(RandomSelectors& random) : body(random.object(3)), id(random.random_.text()) {}
  std::string whole() const {
    const std::string rest = body == "{}" ? "}" : "," + body.substr(1);
    return "{\"_id\":" + json::quoted(id) + rest;
  }
  DocumentView view() const {
    DocumentView view;
    view.id = id;
    view.body = body;
    return view;
  }
  std::string body, id;
};

TEST(SelectorModel, RandomSelectorsAnswerAsThePlainEvaluator) {
  RandomSelectors random(11);
  int matched = 0;
  for (int i = 0; i < 1'500; ++i) {
    const std::string text = random.selector(3);
    const auto selector = Selector::compile(text);
    ASSERT_TRUE(selector) << text << selector.error().message;
    const auto again = Selector::compile(selector->canonical());
    ASSERT_TRUE(again) << selector->canonical() << again.error().message;
    ASSERT_EQ(again->canonical(), selector->canonical()) << text;
    for (int j = 0; j < 8; ++j) {
      const Case document(random);
      const bool expected = reference::matches(text, document.whole());
      ASSERT_EQ(selector->matches(document.view()), expected) << text << "\n" << document.whole();
      ASSERT_EQ(again->matches(document.view()), expected) << again->canonical();
      matched += expected;
    }
  }
  EXPECT_GT(matched, 1'500);  // else the test asks nothing
  EXPECT_LT(matched, 10'500);
}

TEST(SelectorModel, WhatMatchesLiesWithinTheBoundsOfEveryField) {
  RandomSelectors random(12);
  int within = 0;
  int exact = 0;
  for (int i = 0; i < 2'000; ++i) {
    const std::string text = random.selector(2);
    const Selector selector = Selector::compile(text).value();
    for (const char* field : {"a", "b", "c", "a.b", "_id", "nobody"}) {
      const FieldBounds bounds = selector.bounds(field);
      for (int j = 0; j < 4; ++j) {
        const Case document(random);
        const std::string whole = document.whole();
        const auto value = FieldPath::parse(field)->find(JsonView(whole));
        const std::string key = value ? encode_key(value->text()) : "";
        const bool inside =
            value && !bounds.never && key >= bounds.lower && (!bounds.upper || key < *bounds.upper);
        if (selector.matches(document.view())) {
          ASSERT_FALSE(bounds.never) << text << "\n" << whole;
          ASSERT_TRUE(value || !bounds.required) << text << "\n" << whole;
          ASSERT_TRUE(!value || inside) << text << "\n" << field << "\n" << whole;
          if (bounds.equal && value) {
            ASSERT_TRUE(equal(*value, JsonView(*bounds.equal)));
          }
          if (bounds.keys && value && !value->is_array()) {
            ASSERT_TRUE(std::binary_search(bounds.keys->begin(), bounds.keys->end(), key)) << text;
          }
          within += bounds.is_range();
        } else if (bounds.exact && inside && !bounds.keys) {
          ADD_FAILURE() << text << "\n" << field << "\n" << whole;
        }
        exact += bounds.exact && inside;
      }
    }
  }
  EXPECT_GT(within, 50);
  EXPECT_GT(exact, 300);
}

TEST(SelectorModel, IdsThatMatchLieWithinTheBoundsOfIds) {
  RandomSelectors random(13);
  static const char* kOps[] = {"$eq", "$gt", "$gte", "$lt", "$lte", "$beginsWith"};
  int inside_count = 0;
  for (int i = 0; i < 2'000; ++i) {
    std::string text = R"({"_id":{")" + std::string(kOps[random.random_.below(6)]) +
                       "\":" + json::quoted(random.random_.text());
    if (random.random_.below(2) != 0)
      text += ",\"" + std::string(kOps[random.random_.below(6)]) + "\":" +
              (random.random_.below(6) != 0 ? json::quoted(random.random_.text()) : "\"5\"");
    text += "}}";
    const Selector selector = Selector::compile(text).value();
    const IdBounds bounds = selector.id_bounds();
    EXPECT_TRUE(bounds.exact) << text;
    for (int j = 0; j < 6; ++j) {
      const Case document(random);
      bool inside = !bounds.never && document.id >= bounds.lower &&
                    (!bounds.upper || document.id < *bounds.upper);
      if (inside && bounds.ids)
        inside = std::binary_search(bounds.ids->begin(), bounds.ids->end(), document.id);
      ASSERT_EQ(selector.matches(document.view()), inside)
          << text << " " << json::quoted(document.id);
      inside_count += inside;
    }
  }
  EXPECT_GT(inside_count, 400);
}

TEST(SelectorModel, BoundsSayWhatAPlannerAsks) {
  const auto selector =
      Selector::compile(R"({"type":"m","at":{"$gt":5,"$lte":9},"who":{"$in":["b","a"]}})").value();
  EXPECT_THAT(selector.bounds("type").equal, Optional(std::string("\"m\"")));
  EXPECT_FALSE(selector.bounds("type").exact);  // the selector says more
  EXPECT_EQ(selector.bounds("at").lower, encode_key("5") + "\xFF");
  EXPECT_THAT(selector.bounds("at").upper, Optional(encode_key("9") + "\xFF"));
  EXPECT_THAT(selector.bounds("who").keys,
              Optional(ElementsAre(encode_key("\"a\""), encode_key("\"b\""))));
  EXPECT_FALSE(selector.bounds("other").required);
  EXPECT_FALSE(selector.bounds("other").is_range());
  EXPECT_TRUE(Selector::compile(R"({"a":{"$gt":5,"$lt":5}})")->bounds("a").never);
  EXPECT_TRUE(Selector::compile(R"({"a":1,"$and":[{"a":2}]})")->bounds("b").never == false);
  const auto either =
      Selector::compile(R"({"$or":[{"a":1},{"a":{"$gt":5,"$lt":7}}]})")->bounds("a");
  EXPECT_TRUE(either.required);
  EXPECT_EQ(either.lower, encode_key("1"));
  EXPECT_THAT(either.upper, Optional(encode_key("7")));
  EXPECT_FALSE(Selector::compile(R"({"$or":[{"a":1},{"b":1}]})")->bounds("a").required);
}

TEST(SelectorModel, PrefixesOfIdsAreSeen) {
  const auto bounds = [](const char* text) { return Selector::compile(text)->id_bounds(); };
  EXPECT_THAT(bounds(R"({"_id":{"$beginsWith":"message:"}})").prefix,
              Optional(std::string("message:")));
  EXPECT_THAT(bounds(R"({"_id":{"$gte":"message:","$lt":"message;"}})").prefix,
              Optional(std::string("message:")));
  EXPECT_TRUE(bounds(R"({"_id":{"$beginsWith":"message:"}})").exact);
  EXPECT_FALSE(bounds(R"({"_id":{"$beginsWith":"message:"},"a":1})").exact);
  EXPECT_THAT(bounds(R"({"_id":{"$beginsWith":"message:"},"a":1})").prefix,
              Optional(std::string("message:")));
  EXPECT_THAT(bounds(R"({"_id":{"$in":["b",5,"a"]}})").ids, Optional(ElementsAre("a", "b")));
  EXPECT_THAT(bounds(R"({"_id":"x"})").ids, Optional(ElementsAre("x")));
  EXPECT_FALSE(bounds(R"({"a":1})").upper);
  EXPECT_TRUE(bounds(R"({"_id":5})").never);
  EXPECT_FALSE(bounds(R"({"_id":{"$gt":null}})").never);
  EXPECT_TRUE(bounds("{}").exact);
}

}  // namespace
}  // namespace atelier::query
