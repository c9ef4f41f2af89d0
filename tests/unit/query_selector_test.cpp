// Selectors: every operator, CouchDB's reasons for what is refused, and the canonical text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "query/selector.h"

namespace atelier::query {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

bool matches(std::string_view selector, std::string_view body) {
  const auto compiled = Selector::compile(selector);
  EXPECT_TRUE(compiled) << selector << ": " << compiled.error().message;
  DocumentView document;
  document.id = "message:1";
  document.rev = "1-abc";
  const std::string normal = json::normalize(body).value();
  document.body = normal;
  return compiled && compiled->matches(document);
}

std::string reason(std::string_view selector) {
  const auto compiled = Selector::compile(selector);
  if (compiled) return "compiled";
  return std::string(selector_error_name(compiled.error())) + ": " + compiled.error().message;
}

std::string canonical(std::string_view selector) {
  const auto compiled = Selector::compile(selector);
  return compiled ? compiled->canonical() : compiled.error().message;
}

TEST(Selector, ComparisonsFollowTheOrderOfKinds) {
  EXPECT_TRUE(matches(R"({"n":{"$gte":6}})", R"({"n":6})"));
  EXPECT_FALSE(matches(R"({"n":{"$gt":6}})", R"({"n":6.0})"));
  EXPECT_TRUE(matches(R"({"n":6})", R"({"n":6.0})"));
  EXPECT_TRUE(matches(R"({"n":{"$gt":null}})", R"({"n":"text"})"));
  EXPECT_TRUE(matches(R"({"n":{"$gt":"z"}})", R"({"n":[]})"));
  EXPECT_FALSE(matches(R"({"n":{"$lt":5}})", R"({"n":"4"})"));
  EXPECT_TRUE(matches(R"({"n":{"$ne":5}})", R"({"n":"5"})"));
  EXPECT_FALSE(matches(R"({"n":{"$ne":5}})", R"({})"));
  EXPECT_TRUE(matches(R"({"n":9007199254740993})", R"({"n":9007199254740993})"));
  EXPECT_FALSE(matches(R"({"n":9007199254740993})", R"({"n":9007199254740992})"));
}

TEST(Selector, SeveralConditionsAreAnded) {
  EXPECT_TRUE(matches(R"({"a":1,"b":{"$gt":1,"$lt":3}})", R"({"b":2,"a":1})"));
  EXPECT_FALSE(matches(R"({"a":1,"b":{"$gt":1,"$lt":3}})", R"({"b":3,"a":1})"));
  EXPECT_TRUE(matches("{}", "{}"));
  EXPECT_TRUE(Selector::compile(" { } ")->matches_everything());
}

TEST(Selector, NestedFieldsDotsAndEscapes) {
  EXPECT_TRUE(matches(R"({"author":{"name":"Ana"}})", R"({"author":{"name":"Ana","x":1}})"));
  EXPECT_TRUE(matches(R"({"author.name":"Ana"})", R"({"author":{"name":"Ana"}})"));
  EXPECT_TRUE(matches(R"({"a\\.b":1})", R"({"a.b":1})"));
  EXPECT_FALSE(matches(R"({"a.b":1})", R"({"a.b":1})"));
  EXPECT_TRUE(matches(R"({"list.1":"y"})", R"({"list":["x","y"]})"));
  EXPECT_TRUE(matches(R"({"a":{}})", R"({"a":{}})"));
  EXPECT_FALSE(matches(R"({"a":{}})", R"({"a":{"b":1}})"));
}

TEST(Selector, PseudoFieldsAreThere) {
  EXPECT_TRUE(matches(R"({"_id":"message:1"})", "{}"));
  EXPECT_TRUE(matches(R"({"_id":{"$gt":"message:","$lt":"message;"}})", "{}"));
  EXPECT_TRUE(matches(R"({"_rev":{"$beginsWith":"1-"}})", "{}"));
  EXPECT_TRUE(matches(R"({"_deleted":{"$exists":false}})", "{}"));
  EXPECT_FALSE(matches(R"({"_deleted":true})", "{}"));
  EXPECT_TRUE(matches(R"({"_attachments":{"$exists":false}})", "{}"));
  DocumentView deleted;
  deleted.id = "x";
  deleted.deleted = true;
  deleted.attachments = R"({"a.txt":{"length":3}})";
  EXPECT_TRUE(Selector::compile(R"({"_deleted":true})")->matches(deleted));
  EXPECT_TRUE(Selector::compile(R"({"_attachments.a\\.txt.length":3})")->matches(deleted));
}

TEST(Selector, InAsksTheElementsOfAnArray) {
  EXPECT_TRUE(matches(R"({"a":{"$in":[1,"x"]}})", R"({"a":"x"})"));
  EXPECT_TRUE(matches(R"({"a":{"$in":[1,"x"]}})", R"({"a":[2,1.0]})"));
  EXPECT_FALSE(matches(R"({"a":{"$in":[[1]]}})", R"({"a":[1]})"));
  EXPECT_FALSE(matches(R"({"a":{"$in":[]}})", R"({"a":1})"));
  EXPECT_TRUE(matches(R"({"a":{"$nin":[]}})", R"({"a":1})"));
  EXPECT_FALSE(matches(R"({"a":{"$nin":[1]}})", R"({"a":[1,2]})"));
  EXPECT_FALSE(matches(R"({"a":{"$nin":[1]}})", R"({})"));
  const std::string many = R"({"a":{"$in":[0,1,2,3,4,5,6,7,8,9,"x",null]}})";
  EXPECT_TRUE(matches(many, R"({"a":7.0})"));
  EXPECT_TRUE(matches(many, R"({"a":null})"));
  EXPECT_FALSE(matches(many, R"({"a":10})"));
}

TEST(Selector, ExistsIsTheOneConditionOnAMissingField) {
  EXPECT_TRUE(matches(R"({"a":{"$exists":false}})", "{}"));
  EXPECT_FALSE(matches(R"({"a":{"$exists":false}})", R"({"a":null})"));
  EXPECT_TRUE(matches(R"({"a":{"$exists":true}})", R"({"a":null})"));
  EXPECT_TRUE(matches(R"({"a.b":{"$exists":false}})", R"({"a":{}})"));
  EXPECT_FALSE(matches(R"({"a.b":{"$exists":false}})", R"({"a":5})"));  // CouchDB's bad path
}

TEST(Selector, NegationsNeedTheFieldAtTheTopAndNotInElements) {
  EXPECT_FALSE(matches(R"({"$not":{"a":{"$gt":1}}})", "{}"));
  EXPECT_TRUE(matches(R"({"$not":{"a":{"$gt":1}}})", R"({"a":1})"));
  EXPECT_TRUE(matches(R"({"$not":{"a":{"$exists":true}}})", "{}"));
  EXPECT_FALSE(matches(R"({"a":{"$not":{"$regex":"x"}}})", "{}"));
  EXPECT_TRUE(matches(R"({"a":{"$not":{"$regex":"x"}}})", R"({"a":"y"})"));
  EXPECT_TRUE(matches(R"({"a":{"$elemMatch":{"$not":{"b":1}}}})", R"({"a":[{}]})"));
  EXPECT_TRUE(matches(R"({"$nor":[{"a":1},{"b":2}]})", R"({"a":2,"b":1})"));
  EXPECT_FALSE(matches(R"({"$nor":[{"a":1},{"b":2}]})", R"({"a":2})"));
  EXPECT_TRUE(matches(R"({"a":{"$elemMatch":{"$nor":[{"b":1}]}}})", R"({"a":[{"b":2}]})"));
}

TEST(Selector, EmptyCombinationsAreTrue) {
  EXPECT_TRUE(matches(R"({"$or":[]})", "{}"));
  EXPECT_TRUE(matches(R"({"$and":[]})", "{}"));
  EXPECT_TRUE(matches(R"({"$nor":[]})", "{}"));
}

TEST(Selector, ArraysAndMaps) {
  EXPECT_TRUE(matches(R"({"a":{"$all":[1,2]}})", R"({"a":[2,3,1]})"));
  EXPECT_FALSE(matches(R"({"a":{"$all":[1,4]}})", R"({"a":[2,3,1]})"));
  EXPECT_TRUE(matches(R"({"a":{"$all":[[1,2]]}})", R"({"a":[1,2]})"));
  EXPECT_FALSE(matches(R"({"a":{"$all":[]}})", R"({"a":[]})"));
  EXPECT_TRUE(matches(R"({"a":{"$elemMatch":{"$gte":80,"$lt":85}}})", R"({"a":[70,82]})"));
  EXPECT_TRUE(matches(R"({"a":{"$elemMatch":{"b":1}}})", R"({"a":[5,{"b":1}]})"));
  EXPECT_FALSE(matches(R"({"a":{"$elemMatch":{"b":1}}})", R"({"a":{"b":1}})"));
  EXPECT_TRUE(matches(R"({"a":{"$allMatch":{"$gt":0}}})", R"({"a":[1,2]})"));
  EXPECT_FALSE(matches(R"({"a":{"$allMatch":{"$gt":1}}})", R"({"a":[1,2]})"));
  EXPECT_FALSE(matches(R"({"a":{"$allMatch":{"$gt":1}}})", R"({"a":[]})"));
  EXPECT_TRUE(matches(R"({"a":{"$keyMapMatch":{"$eq":"k\n"}}})", R"({"a":{"j":1,"k\n":2}})"));
  EXPECT_FALSE(matches(R"({"a":{"$keyMapMatch":{"$eq":"z"}}})", R"({"a":{"j":1}})"));
  EXPECT_TRUE(matches(R"({"a":{"$size":2}})", R"({"a":[[1,2],{}]})"));
  EXPECT_FALSE(matches(R"({"a":{"$size":2}})", R"({"a":"ab"})"));
}

TEST(Selector, KindsRemaindersPatternsAndBeginnings) {
  EXPECT_TRUE(matches(R"({"a":{"$type":"boolean"}})", R"({"a":false})"));
  EXPECT_FALSE(matches(R"({"a":{"$type":"nonsense"}})", R"({"a":false})"));
  EXPECT_TRUE(matches(R"({"a":{"$mod":[4,2]}})", R"({"a":10})"));
  EXPECT_TRUE(matches(R"({"a":{"$mod":[4,-2]}})", R"({"a":-10})"));
  EXPECT_FALSE(matches(R"({"a":{"$mod":[4,2]}})", R"({"a":10.0})"));
  EXPECT_TRUE(matches(R"({"a":{"$mod":[1000000007,363]}})",
                      R"({"a":1000000007000000007000000007000000069})"));
  EXPECT_TRUE(matches(R"({"a":{"$regex":"^\\d{3}$"}})", R"({"a":"123"})"));
  EXPECT_TRUE(matches(R"({"a":{"$regex":"(?i)ÄRGER"}})", R"({"a":"kein ärger"})"));
  EXPECT_FALSE(matches(R"({"a":{"$regex":"1"}})", R"({"a":1})"));
  EXPECT_TRUE(matches(R"({"a":{"$beginsWith":"日"}})", R"({"a":"日本"})"));
  EXPECT_FALSE(matches(R"({"a":{"$beginsWith":"日本語"}})", R"({"a":"日本"})"));
}

TEST(Selector, WhatIsRefusedCarriesCouchDbsReason) {
  EXPECT_EQ(reason(R"({"n":{"$foo":1}})"), "invalid_operator: Invalid operator: $foo");
  EXPECT_EQ(reason(R"({"$nope":1})"), "invalid_operator: Invalid operator: $nope");
  EXPECT_EQ(reason("5"), "invalid_selector_json: Selector must be a JSON object, not: 5");
  EXPECT_EQ(reason("[]"), "invalid_selector_json: Selector must be a JSON object, not: []");
  EXPECT_EQ(reason(R"({"$gt":5})"),
            "invalid_selector: One or more conditions is missing a field name.");
  EXPECT_EQ(reason(R"({"":5})"),
            "invalid_selector: One or more conditions is missing a field name.");
  EXPECT_EQ(reason(R"({"a":{"$in":5}})"), "bad_arg: Bad argument for operator $in: 5");
  EXPECT_EQ(reason(R"({"$and":{"a":"b"}})"),
            "bad_arg: Bad argument for operator $and: {[{<<97>>,<<98>>}]}");
  EXPECT_EQ(reason(R"({"a":{"$size":-1}})"), "bad_arg: Bad argument for operator $size: -1");
  EXPECT_EQ(reason(R"({"a":{"$exists":1}})"), "bad_arg: Bad argument for operator $exists: 1");
  EXPECT_EQ(reason(R"({"a":{"$type":null}})"), "bad_arg: Bad argument for operator $type: null");
  EXPECT_EQ(reason(R"({"a":{"$mod":[0,1]}})"), "bad_arg: Bad argument for operator $mod: [0,1]");
  EXPECT_EQ(reason(R"({"a":{"$mod":[1.5,1]}})"),
            "bad_arg: Bad argument for operator $mod: [1.5,1]");
  EXPECT_EQ(reason(R"({"a":{"$not":1}})"), "bad_arg: Bad argument for operator $not: 1");
  EXPECT_EQ(reason(R"({"a":{"$elemMatch":[]}})"),
            "bad_arg: Bad argument for operator $elemMatch: []");
  EXPECT_EQ(reason(R"({"a":{"$beginsWith":1}})"),
            "invalid_operator: Invalid operator: $beginsWith");
  EXPECT_EQ(reason(R"({"$where":"x"})"), "not_supported: Unsupported operator: $where");
  EXPECT_EQ(reason(R"({"a..b":1})"), "invalid_field_name: Invalid field name: a..b");
  EXPECT_THAT(reason(R"({"a":)"), HasSubstr("invalid JSON at byte "));
}

TEST(Selector, PatternsThatNoLinearEngineKnowsAreRefused) {
  for (const char* pattern : {"(a)\\\\1", "(?=a)", "(?<!a)b", "[a", "(", "a**", "a{2,1}"})
    EXPECT_THAT(reason(R"({"a":{"$regex":")" + std::string(pattern) + "\"}}"),
                HasSubstr("bad_arg: Bad argument for operator $regex: "));
  EXPECT_EQ(Selector::compile(R"({"a":{"$regex":"((a{1000}){1000}){1000}"}})").error().code,
            ErrorCode::kInvalid);
  EXPECT_EQ(Selector::compile(R"({"a":{"$regex":"(\\pL{50}){20}"}})").error().code,
            ErrorCode::kTooLarge);
  EXPECT_EQ(
      Selector::compile(R"({"a":{"$regex":")" + std::string(5'000, 'a') + "\"}}").error().code,
      ErrorCode::kTooLarge);
}

TEST(Selector, CatastrophicPatternsAndLongStringsStayLinear) {
  const std::string body = R"({"a":")" + std::string(1'000'000, 'a') + "!\"}";
  EXPECT_FALSE(matches(R"({"a":{"$regex":"^(a+)+$"}})", body));
  EXPECT_FALSE(matches(R"({"a":{"$regex":"(a|aa)+$"}})", body));
  EXPECT_TRUE(matches(R"({"a":{"$gt":"aaa"}})", body));
  const std::string escapes = R"({"b":")" + std::string(1'000'000, '\\') + "\",\"a\":1}";
  EXPECT_TRUE(matches(R"({"a":1})", escapes));
}

std::string nested(std::string_view open, std::string_view close, int depth,
                   std::string_view inner) {
  std::string text;
  for (int i = 0; i < depth; ++i) text += open;
  text += inner;
  for (int i = 0; i < depth; ++i) text += close;
  return text;
}

TEST(Selector, SizeAndDepthAreBounded) {
  EXPECT_EQ(reason(nested(R"({"$not":)", "}", 60, R"({"a":1})")), "compiled");
  EXPECT_THAT(reason(nested(R"({"$not":)", "}", 100, R"({"a":1})")), HasSubstr("nested more than"));
  EXPECT_THAT(reason(nested(R"({"a":)", "}", 100, "1")), HasSubstr("nested more than"));
  EXPECT_THAT(reason(nested(R"({"a":{"$elemMatch":)", "}}", 100, R"({"a":1})")),
              HasSubstr("nested more than"));
  EXPECT_THAT(reason(nested("[", "]", 1'000, "")), HasSubstr("too deeply"));
  EXPECT_TRUE(matches(R"({"a":)" + nested("[", "]", 300, "1") + "}",
                      R"({"a":)" + nested("[", "]", 300, "1") + "}"));
  std::string many = R"({"$or":[{"a":1})";
  for (std::size_t i = 0; i < kSelectorConditionsMax; ++i) many += R"(,{"a":1})";
  EXPECT_THAT(reason(many + "]}"), HasSubstr("more than 10000 conditions"));
  EXPECT_THAT(reason(R"({"a":")" + std::string(kSelectorBytesMax, 'x') + "\"}"),
              HasSubstr("longer than"));
}

TEST(Selector, TheCanonicalTextForgetsOrderAndSpelling) {
  EXPECT_EQ(canonical(R"({"b":1.0,"a":{"$eq":"x"}})"), canonical(R"({ "a":"x", "b":{"$eq":1} })"));
  EXPECT_EQ(canonical(R"({"a":{"b":2}})"), R"({"a.b":{"$eq":2}})");
  EXPECT_EQ(canonical(R"({"a":{"$in":[3,1,1.0]}})"), R"({"a":{"$in":[1,3]}})");
  EXPECT_EQ(canonical(R"({"$not":{"a":{"$gt":1}}})"), R"({"a":{"$lte":1}})");
  EXPECT_EQ(canonical("{}"), "{}");
  EXPECT_EQ(canonical(R"({"\\$not":{"c":1}})"), R"({"\\$not.c":{"$eq":1}})");  // a field's name
  EXPECT_TRUE(matches(R"({"\\$not":{"c":1}})", R"({"$not":{"c":1}})"));
  EXPECT_NE(canonical(R"({"a":1})"), canonical(R"({"a":"1"})"));
  EXPECT_NE(canonical(R"({"a":{"$elemMatch":{"b":1}}})"),
            canonical(R"({"a":{"$allMatch":{"b":1}}})"));
}

TEST(Selector, FieldsAreListedOnce) {
  EXPECT_THAT(
      Selector::compile(R"({"b":1,"$or":[{"a.c":2},{"b":{"$elemMatch":{"z":1}}}]})")->fields(),
      ElementsAre("a.c", "b"));
}

}  // namespace
}  // namespace atelier::query
