// Described values as JSON and back: everything that a student's struct may hold, what others may
// have written instead, and what must survive an edit untouched.
#include <gtest/gtest.h>

#include "atelier/describe_json.h"
#include "base/json_text.h"

namespace {

enum class Tone { plain, loud };
BOOST_DESCRIBE_ENUM(Tone, plain, loud)

struct Point {
  double x = 0, y = 0;
};
BOOST_DESCRIBE_STRUCT(Point, (), (x, y))

struct Base {
  std::string sender;
};
BOOST_DESCRIBE_STRUCT(Base, (), (sender))

struct Everything : Base {
  bool done = false;
  std::int64_t big = 0;
  std::uint64_t huge = 0;
  std::uint8_t small = 7;
  float ratio = 0.5F;
  double exact = 0;
  std::string text = "default";
  Tone tone = Tone::plain;
  std::optional<int> maybe;
  std::vector<Point> points;
  std::vector<bool> flags;
  std::map<std::string, int> votes;
  Point centre;
};
BOOST_DESCRIBE_STRUCT(Everything, (Base),
                      (done, big, huge, small, ratio, exact, text, tone, maybe, points, flags,
                       votes, centre))

using atelier::json::decode;
using atelier::json::encode;
using atelier::json::merged;
using atelier::json::normalize;

std::string error_of(std::string_view text) {
  const auto value = decode<Everything>(text);
  return value ? "no error" : value.error().message;
}

TEST(DescribeJson, EveryKindOfMemberComesBackAsItWas) {
  Everything value;
  value.sender = "Zoë 🎨 \"quoted\" \n \x01";
  value.done = true;
  value.big = INT64_MIN;
  value.huge = UINT64_MAX;
  value.small = 255;
  value.ratio = 0.1F;
  value.exact = 0.1 + 0.2;
  value.tone = Tone::loud;
  value.maybe = -3;
  value.points = {{1, 2}, {-0.5, 1e300}};
  value.flags = {true, false, true};
  value.votes = {{"", 1}, {"a/b~c", 2}};
  value.centre = {3, 4};
  const std::string text = encode(value);
  ASSERT_EQ(text, *normalize(text)) << "must be in normal form";

  const auto back = decode<Everything>(text);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(encode(*back), text);
  EXPECT_EQ(back->sender, value.sender);
  EXPECT_EQ(back->big, INT64_MIN);
  EXPECT_EQ(back->huge, UINT64_MAX);
  EXPECT_EQ(back->ratio, 0.1F);
  EXPECT_EQ(back->exact, 0.1 + 0.2);
  EXPECT_EQ(back->tone, Tone::loud);
  EXPECT_EQ(back->votes.at("a/b~c"), 2);
}

TEST(DescribeJson, FloatsAreWrittenAsPeopleWouldWriteThem) {
  Everything value;
  value.ratio = 0.1F;
  EXPECT_NE(encode(value).find("\"ratio\":0.1,"), std::string::npos);
}

TEST(DescribeJson, MissingMembersTakeTheirDefaults) {
  const auto value = decode<Everything>(R"({"done":true})");
  ASSERT_TRUE(value);
  EXPECT_EQ(value->text, "default");
  EXPECT_EQ(value->small, 7);
  EXPECT_FALSE(value->maybe);
}

TEST(DescribeJson, NumbersThatCouchdbReprintedAreStillIntegers) {
  EXPECT_EQ(decode<Everything>(R"({"big":1000.0})")->big, 1000);
  EXPECT_EQ(decode<Everything>(R"({"big":-1e3})")->big, -1000);
  EXPECT_EQ(decode<Everything>(R"({"big":12E+1})")->big, 120);
  EXPECT_EQ(decode<Everything>(R"({"huge":-0})")->huge, 0U);
  EXPECT_EQ(decode<Everything>(R"({"huge":18446744073709551615})")->huge, UINT64_MAX);
}

TEST(DescribeJson, WrongTypesAreNamedByTheirPointer) {
  EXPECT_EQ(error_of(R"({"big":"now"})"), "/big: expected an integer, found a string");
  EXPECT_EQ(error_of(R"({"big":1.5})"), "/big: expected an integer, found 1.5");
  EXPECT_EQ(error_of(R"({"small":256})"), "/small: 256 is out of range: 0 to 255");
  EXPECT_EQ(error_of(R"({"small":-1})"), "/small: -1 is out of range: 0 to 255");
  EXPECT_EQ(
      error_of(R"({"big":9223372036854775808})"),
      "/big: 9223372036854775808 is out of range: -9223372036854775808 to 9223372036854775807");
  EXPECT_EQ(error_of(R"({"text":null})"), "/text: expected a string, found null");
  EXPECT_EQ(error_of(R"({"points":[{"x":1},{"x":[]}]})"),
            "/points/1/x: expected a number, found an array");
  EXPECT_EQ(error_of(R"({"votes":{"a/b~c":{}}})"),
            "/votes/a~1b~0c: expected an integer, found an object");
  EXPECT_EQ(error_of(R"({"tone":"green"})"),
            "/tone: expected one of plain, loud, found another word");
  EXPECT_EQ(error_of(R"({"centre":7})"), "/centre: expected an object, found a number");
  EXPECT_EQ(error_of("[]"), "the document: expected an object, found an array");
}

TEST(DescribeJson, NotANumberIsWrittenAsNullAndReadBack) {
  Everything value;
  value.exact = std::numeric_limits<double>::quiet_NaN();
  const auto back = decode<Everything>(encode(value));
  ASSERT_TRUE(back);
  EXPECT_TRUE(std::isnan(back->exact));
}

TEST(DescribeJson, AnEditKeepsOrderUnknownMembersAndTheTextOfNumbers) {
  const std::string old =
      R"({"later":{"a":1.0},"big":1e3,"text":"old","exact":0.10,"centre":{"z":9.90,"y":2.0,"x":1}})";
  auto value = *decode<Everything>(old);
  EXPECT_EQ(merged(value, old), old);
  value.text = "new";
  value.centre.x = 5;
  EXPECT_EQ(
      merged(value, old),
      R"({"later":{"a":1.0},"big":1e3,"text":"new","exact":0.10,"centre":{"z":9.90,"y":2.0,"x":5}})");
}

TEST(DescribeJson, AnEditAddsOnlyWhatItSays) {
  const std::string old = R"({"text":"old"})";
  auto value = *decode<Everything>(old);
  value.big = 3;
  EXPECT_EQ(merged(value, old), R"({"text":"old","big":3})");
}

TEST(DescribeJson, AnOptionalWithoutValueLeavesTheText) {
  const std::string old = R"({"maybe":1,"text":"t"})";
  auto value = *decode<Everything>(old);
  value.maybe.reset();
  EXPECT_EQ(merged(value, old), R"({"text":"t"})");
  const std::string with_null = R"({"maybe":null,"text":"t"})";
  EXPECT_EQ(merged(*decode<Everything>(with_null), with_null), with_null);
}

TEST(DescribeJson, ElementsThatMovedKeepWhatIsUnknownOfThem) {
  const std::string old = R"({"points":[{"x":1.0,"y":2,"name":"a"},{"x":3,"y":4,"name":"b"}]})";
  auto value = *decode<Everything>(old);
  value.points.insert(value.points.begin(), Point{0, 0});
  EXPECT_EQ(merged(value, old),
            R"({"points":[{"x":0,"y":0},{"x":1.0,"y":2,"name":"a"},{"x":3,"y":4,"name":"b"}]})");
  value.points.erase(value.points.begin(), value.points.begin() + 2);
  EXPECT_EQ(merged(value, old), R"({"points":[{"x":3,"y":4,"name":"b"}]})");
}

TEST(DescribeJson, AnElementChangedInPlaceKeepsWhatIsUnknownOfIt) {
  const std::string old = R"({"points":[{"x":1,"y":2,"name":"a"}],"votes":{"b":1.0,"a":2}})";
  auto value = *decode<Everything>(old);
  value.points[0].y = 7;
  value.votes = {{"b", 1}, {"c", 3}};
  EXPECT_EQ(merged(value, old), R"({"points":[{"x":1,"y":7,"name":"a"}],"votes":{"b":1.0,"c":3}})");
}

}  // namespace
