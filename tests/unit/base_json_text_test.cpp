// The normal form of JSON: what goes in unchanged, what is refused and where, and the readers over
// it.
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json_text.h"
#include "base/limits.h"

namespace atelier::json {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::string normal(std::string_view text) {
  const auto result = normalize(text);
  return result ? *result : "error: " + result.error().message;
}

TEST(JsonText, WhiteSpaceGoesAndOrderStays) {
  EXPECT_EQ(normal(" { \"b\" : [ 1 , true,\tnull ] ,\r\n\"a\":{ } } "),
            R"({"b":[1,true,null],"a":{}})");
  EXPECT_EQ(normal("[]"), "[]");
  EXPECT_EQ(normal(" \"x\" "), "\"x\"");
}

TEST(JsonText, NumbersKeepTheirText) {
  for (const char* number :
       {"0", "-0", "1.0", "1e3", "1E+3", "0.10", "-1.50e-7", "123456789012345678901234567890",
        "0.1000000000000000055511151231257827", "1e-400", "1.7976931348623157e308",
        "9007199254740993"}) {
    EXPECT_EQ(normal(number), number);
    EXPECT_EQ(normal("[" + std::string(number) + ",{\"n\":" + number + "}]"),
              "[" + std::string(number) + ",{\"n\":" + number + "}]");
  }
}

TEST(JsonText, NumbersThatNoDoubleHoldsAreRefused) {
  for (const char* number : {"1e400", "-1e400", "1e309", "123e99999999999999999999"})
    EXPECT_THAT(normal(number), HasSubstr("error: ")) << number;
  EXPECT_THAT(normal("{\"n\":1e400}"), HasSubstr("too large for a double"));
  EXPECT_THAT(normal(std::string(400, '9')), HasSubstr("error: "));
}

TEST(JsonText, MalformedTextsAreRefusedWithTheirOffset) {
  for (const char* text : {"",     " ",      "{",   "[1,]",     "{\"a\":}", "{\"a\" 1}", "{a:1}",
                           "01",   "1.",     ".5",  "+1",       "1e",       "--1",       "nul",
                           "True", "'a'",    "\"a", "\"\\x\"",  "\"\n\"",   "[1] 2",     "{}{}",
                           "[1}",  "//c\n1", "NaN", "Infinity", "\"\\u12\""})
    EXPECT_THAT(normal(text), HasSubstr("error: invalid JSON at byte ")) << text;
  EXPECT_THAT(normal(R"({"good":1,"bad":x})"), HasSubstr("at byte 16"));
}

TEST(JsonText, OnlyUnicodeIsText) {
  EXPECT_EQ(normal("\"\\u00e9\\ud83c\\udfa8\\/\\u0041\""), "\"é🎨/A\"");
  EXPECT_EQ(normal(R"("\u0000\u001f\u007f\b\f\n\r\t\"\\")"),
            "\"\\u0000\\u001f\x7f\\b\\f\\n\\r\\t\\\"\\\\\"");
  for (const char* text :
       {"\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800\\ud800\"", "{\"\\ud800\":1}",
        "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe2\x82\""})
    EXPECT_THAT(normal(text), HasSubstr("error: ")) << text;
}

TEST(JsonText, OfDuplicatesTheLastValueStandsAtTheFirstPlace) {
  EXPECT_EQ(normal(R"({"a":1,"b":2,"a":3})"), R"({"a":3,"b":2})");
  EXPECT_EQ(normal(R"([{"x":{"a":1,"\u0061":{"c":1,"c":[2]}}}])"), R"([{"x":{"a":{"c":[2]}}}])");
  EXPECT_EQ(normal(R"({"a":{"b":1},"c":{"b":2}})"), R"({"a":{"b":1},"c":{"b":2}})");
  EXPECT_EQ(normal(R"({"":1,"":2})"), R"({"":2})");
  std::string many = "{", expected = "{";
  for (int i = 0; i < 200; ++i) {
    many += "\"k" + std::to_string(i) + "\":0,";
    expected += (i ? ",\"k" : "\"k") + std::to_string(i) + "\":" + (i == 77 ? "1" : "0");
  }
  EXPECT_EQ(normal(many + "\"k77\":1}"), expected + "}");
}

TEST(JsonText, DepthIsLimitedAndSaidSo) {
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']');
  };
  EXPECT_EQ(normal(nested(kJsonDepthMax)), nested(kJsonDepthMax));
  const auto refused = normalize(nested(kJsonDepthMax + 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kTooLarge);
  EXPECT_FALSE(normalize(std::string(1'000'000, '[')));
}

// Goal: normalize() is idempotent, and whatever it accepts the readers walk to the end of.
TEST(JsonText, RandomTextsNormalizeOnceAndForAll) {
  std::mt19937 random(7);
  const std::string alphabet = "{}[]\",:\\u0de1-.eE+ tn\xc3\xa9\x01/";
  const std::string_view words[] = {
      "\"a\":", "{\"k\":", "true", "null", "\"\\ud83c\\udfa8\"", "1.0", "[", "]", "}", ",", "\"\""};
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    const auto parts = random() % 10 + 1;
    for (unsigned k = 0; k < parts; ++k) {
      if (random() % 4 == 0)
        text += alphabet[random() % alphabet.size()];
      else
        text += words[random() % std::size(words)];
    }
    const auto once = normalize(text);
    if (!once) continue;
    ++accepted;
    EXPECT_EQ(normal(*once), *once) << text;
    std::size_t bytes = 2;
    bool any = false;
    for_each_element(*once, [&](std::string_view element) {
      bytes += element.size() + 1;
      return any = true;
    });
    if (kind_of(*once) != Kind::kArray) continue;
    EXPECT_EQ(bytes - (any ? 1 : 0), once->size());
  }
  EXPECT_GT(accepted, 100);
}

TEST(JsonText, ReadersFindMembersThroughEscapes) {
  const std::string text =
      normal(R"({"a\"b":{"c":[1,{"d":"}"}]},"e":"x\n","f":-12,"g":1.5,"h":true,"":null})");
  EXPECT_EQ(find(text, {"a\"b", "c"}), R"([1,{"d":"}"}])");
  EXPECT_EQ(find(text, {"a\"b", "x"}), std::nullopt);
  EXPECT_EQ(string_member(text, "e"), "x\n");
  EXPECT_EQ(int_member(text, "f"), -12);
  EXPECT_EQ(int_member(text, "g"), std::nullopt);
  EXPECT_EQ(int_member(text, "e"), std::nullopt);
  EXPECT_EQ(bool_member(text, "h"), true);
  EXPECT_EQ(member(text, ""), "null");
  std::vector<std::string> keys;
  for_each_member(text, [&](std::string_view key, std::string_view) {
    keys.emplace_back(key);
    return key != "f";
  });
  EXPECT_THAT(keys, ElementsAre("a\"b", "e", "f"));
  for_each_member("[1]", [](std::string_view, std::string_view) {
    ADD_FAILURE();
    return true;
  });
}

TEST(JsonText, DoublesAreReadExactlyAndWrittenShortest) {
  EXPECT_EQ(double_value("0.1"), 0.1);
  EXPECT_EQ(double_value("1e-400"), 0.0);
  EXPECT_EQ(double_value("5e-324"), 5e-324);
  EXPECT_EQ(double_value("\"1\""), std::nullopt);
  std::mt19937_64 random(3);
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t bits = random();
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    std::string text;
    append_double(text, value);
    EXPECT_EQ(normal(text), text);
    EXPECT_EQ(double_value(text), value);
  }
  std::string none;
  append_double(none, std::numeric_limits<double>::infinity());
  EXPECT_EQ(none, "null");
}

TEST(JsonText, IntegersFitOrAreNone) {
  EXPECT_EQ(int_value("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(int_value("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(int_value("9223372036854775808"), std::nullopt);
  EXPECT_EQ(int_value("1.0"), std::nullopt);
  EXPECT_EQ(int_value(""), std::nullopt);
}

TEST(JsonText, WriterMakesNormalForm) {
  Writer w;
  w.begin_object()
      .key("a\n")
      .begin_array()
      .integer(1)
      .number(0.5)
      .null()
      .begin_object()
      .end_object()
      .end_array();
  w.key("b").string("\xff\"").key("c").boolean(false).key("d").raw("[2]").end_object();
  EXPECT_EQ(w.text(),
            "{\"a\\n\":[1,0.5,null,{}],\"b\":\"\xEF\xBF\xBD\\\"\",\"c\":false,\"d\":[2]}");
  EXPECT_EQ(normal(w.text()), w.text());
}

TEST(JsonText, SpecialsAreSplitFromTheRest) {
  const auto split = split_specials(R"({"_id":"x","a":1,"_rev":"1-a","_":2,"b":{"_c":3}})");
  ASSERT_TRUE(split);
  EXPECT_EQ(split->rest, R"({"a":1,"b":{"_c":3}})");
  EXPECT_THAT(split->specials,
              ElementsAre(Pair("_id", "\"x\""), Pair("_rev", "\"1-a\""), Pair("_", "2")));
  EXPECT_FALSE(split_specials("[]"));
}

}  // namespace
}  // namespace atelier::json
