#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json_text.h"
#include "room/merge_fields.h"

namespace atelier {
namespace {

using testing::HasSubstr;

std::string stamp(std::string_view before, std::string_view after, std::uint64_t time,
                  std::string_view node) {
  auto stamped = stamp_edit(before, after, time, node);
  EXPECT_TRUE(stamped);
  return stamped ? *stamped : std::string();
}

std::string merge(std::vector<std::string> leaves) {
  auto merged = merge_fields(leaves);
  EXPECT_TRUE(merged);
  return merged ? *merged : std::string();
}

std::string field(std::string_view body, std::string_view name) {
  return std::string(json::member(body, name).value_or("absent"));
}

/// What a client does that knows nothing of stamps: sets a member, keeps the rest.
std::string set_plainly(std::string_view body, std::string_view name, std::string_view value) {
  json::Writer writer;
  writer.begin_object();
  bool found = false;
  json::for_each_member(body, [&](std::string_view key, std::string_view old) {
    found = found || key == name;
    if (key != name) writer.key(key).raw(old);
    if (key == name && !value.empty()) writer.key(key).raw(value);
    return true;
  });
  if (!found && !value.empty()) writer.key(name).raw(value);
  writer.end_object();
  return writer.take();
}

TEST(MergeFields, TwoPeopleWhoChangeDifferentFieldsBothKeepTheirChange) {
  const std::string made = stamp("", R"({"x":1,"y":1})", 100, "ada");
  const std::string a = stamp(made, R"({"x":2,"y":1})", 200, "ada");
  const std::string b = stamp(made, R"({"x":1,"y":5})", 150, "bob");
  const std::string merged = merge({a, b});
  EXPECT_EQ(field(merged, "x"), "2");
  EXPECT_EQ(field(merged, "y"), "5");
}

TEST(MergeFields, OfTwoChangesOfOneFieldTheLaterStands) {
  const std::string made = stamp("", R"({"x":1})", 100, "ada");
  const std::string a = stamp(made, R"({"x":2})", 300, "ada");
  const std::string b = stamp(made, R"({"x":3})", 200, "bob");
  EXPECT_EQ(field(merge({a, b}), "x"), "2");
  EXPECT_EQ(field(merge({b, a}), "x"), "2");
}

TEST(MergeFields, AnEditBeatsWhatItsWriterSawThoughItsClockIsBehind) {
  const std::string made = stamp("", R"({"x":1})", 1'000'000, "ada");
  const std::string a = stamp(made, R"({"x":2})", 2'000'000, "ada");
  const std::string b = stamp(a, R"({"x":3})", 5, "bob");
  EXPECT_EQ(field(merge({a, b}), "x"), "3");
}

TEST(MergeFields, RemovedFieldsStayRemovedAndOthersStay) {
  const std::string made = stamp("", R"({"fill":"red","x":1})", 100, "ada");
  const std::string removed = stamp(made, R"({"x":1})", 200, "ada");
  const std::string moved = stamp(made, R"({"fill":"red","x":9})", 300, "bob");
  const std::string merged = merge({removed, moved});
  EXPECT_EQ(field(merged, "fill"), "absent");
  EXPECT_EQ(field(merged, "x"), "9");
}

TEST(MergeFields, AChangeByAClientWithoutStampsIsKeptBesideAStampedOne) {
  const std::string made = stamp("", R"({"x":1,"y":1})", 100, "ada");
  const std::string plain = set_plainly(made, "x", "7");
  const std::string stamped = stamp(made, R"({"x":1,"y":5})", 200, "bob");
  const std::string merged = merge({plain, stamped});
  EXPECT_EQ(field(merged, "x"), "7");
  EXPECT_EQ(field(merged, "y"), "5");
}

TEST(MergeFields, AFieldRemovedByAClientWithoutStampsIsRemoved) {
  const std::string made = stamp("", R"({"x":1,"y":1})", 100, "ada");
  const std::string plain = set_plainly(made, "x", "");
  const std::string stamped = stamp(made, R"({"x":1,"y":5})", 200, "bob");
  EXPECT_EQ(field(merge({plain, stamped}), "x"), "absent");
}

TEST(MergeFields, ADocumentWrittenAnewLosesOnlyWhatSomebodyEdited) {
  const std::string made = stamp("", R"({"x":1,"y":1})", 100, "ada");
  const std::string edited = stamp(made, R"({"x":1,"y":5})", 200, "bob");
  const std::string merged = merge({R"({"x":9,"y":9})", edited});
  EXPECT_EQ(field(merged, "x"), "9");  // nobody had touched it since it was made
  EXPECT_EQ(field(merged, "y"), "5");
}

TEST(MergeFields, NumbersThatAServerPrintedInItsOwnWayAreNotChanges) {
  const std::string made = stamp("", R"({"x":1e3,"y":[1.50,2]})", 100, "ada");
  std::string printed = set_plainly(made, "x", "1000.0");
  printed = set_plainly(printed, "y", "[1.5,2]");
  const std::string edited = stamp(made, R"({"x":7,"y":[1.50,2]})", 200, "bob");
  EXPECT_EQ(field(merge({printed, edited}), "x"), "7");
  EXPECT_TRUE(same_fields(stamp(printed, R"({"x":1000,"y":[1.5,2.0]})", 300, "cy"), printed));
}

TEST(MergeFields, IntegersBeyondDoublesStayDifferent) {
  const std::string made = stamp("", R"({"n":9007199254740993})", 100, "ada");
  const std::string edited = stamp(made, R"({"n":9007199254740992})", 200, "ada");
  EXPECT_EQ(field(edited, "n"), "9007199254740992");
  EXPECT_EQ(field(merge({made, edited}), "n"), "9007199254740992");
}

TEST(MergeFields, NamesWithSpacesAndPercentAreTheirOwnFields) {
  const std::string made = stamp("", R"({"a b":1,"a%20b":1,"":1})", 100, "ada");
  const std::string a = stamp(made, R"({"a b":2,"a%20b":1,"":1})", 200, "ada");
  const std::string b = stamp(made, R"({"a b":1,"a%20b":3,"":4})", 200, "bob");
  const std::string merged = merge({a, b});
  EXPECT_EQ(field(merged, "a b"), "2");
  EXPECT_EQ(field(merged, "a%20b"), "3");
  EXPECT_EQ(field(merged, ""), "4");
}

TEST(MergeFields, StampsCostFewBytes) {
  const std::string body =
      R"({"author":"Ada","colour":"#102030","created":1700000000000,"h":1,"kind":"stroke","points":"A",)"
      R"("v":1,"w":1,"width":4,"x":1,"y":1,"z":"V"})";
  EXPECT_LE(stamp("", body, 1'700'000'000'000'000, "1x2a7c0p").size(), body.size() + 150);
}

TEST(MergeFields, UnreadableStampsCountAsNone) {
  const std::string edited = stamp(stamp("", R"({"x":1})", 100, "ada"), R"({"x":2})", 200, "bob");
  for (const char* hostile :
       {R"({"x":9,"~":null})", R"({"x":9,"~":[1]})", R"({"x":9,"~":{"":"AAAAx"}})",
        R"({"x":9,"~":{"zzzzzzzzzzz":"AAAAx"}})", R"({"x":9,"~":{"zzzzzzzzzzZa":"AAAAx"}})",
        R"({"x":9,"~":{"0000000000za":7}})", R"({"x":9,"~":{"0000000000za":"AA"}})",
        R"({"x":9,"~":{"0000000000za":"AA?Ax"}})", R"({"x":9,"~":{"0000000000za":"AAAA%2"}})",
        R"({"x":9,"~":{"0000000000zaaaaaaaaaaaaaaaaaaaaaaaaaaaa":"AAAAx"}})"})
    EXPECT_EQ(field(merge({hostile, edited}), "x"), "2") << hostile;
}

TEST(MergeFields, AStampAtTheEndOfTimeDoesNotStopEdits) {
  const std::string late = R"({"x":1,"~":{"zzzzzzzzzzzada":"AAAAx"}})";
  const std::string edited = stamp(late, R"({"x":2})", 5, "bob");
  EXPECT_EQ(field(edited, "x"), "2");
  EXPECT_THAT(edited, HasSubstr("zzzzzzzzzzzbob"));
}

TEST(MergeFields, WhatIsNoObjectIsRefused) {
  EXPECT_FALSE(merge_fields({}));
  EXPECT_FALSE(merge_fields(std::vector<std::string>{"{}", "[]"}));
  EXPECT_FALSE(stamp_edit("[]", "{}", 1, "a"));
  EXPECT_FALSE(stamp_edit("{}", "7", 1, "a"));
  EXPECT_FALSE(stamp_edit("{}", "{}", 1, ""));
  EXPECT_FALSE(stamp_edit("{}", "{}", 1, "Ada"));
}

TEST(MergeFields, AnEditThatChangesNothingKeepsAllStamps) {
  const std::string made = stamp("", R"({"x":1,"y":"a"})", 100, "ada");
  EXPECT_EQ(stamp(made, made, 900, "bob"), made);
  EXPECT_EQ(stamp(made, R"({"x":1,"y":"a"})", 900, "bob"), made);
}

// --- Properties. Method: bodies grow out of each other by stamped, plain and hostile edits.

class Bodies {
 public:
  explicit Bodies(unsigned seed) : random_(seed) {}

  std::vector<std::string> make(std::size_t count) {
    std::vector<std::string> all{stamp("", R"({"a":0,"b":0,"c":"x"})", 10, "n0")};
    while (all.size() < count) all.push_back(changed(all[pick(all.size())]));
    return all;
  }
  std::size_t pick(std::size_t count) { return random_() % count; }

 private:
  std::string changed(const std::string& body) {
    const std::string name(1, static_cast<char>('a' + pick(4)));
    const std::string value =
        pick(5) == 0 ? "" : std::vector<std::string>{"0", "1", "1.0", "\"x\"", "[1]"}[pick(5)];
    const std::string plain = set_plainly(body, name, value);
    switch (pick(8)) {
      case 0:
        return plain;
      case 1:
        return set_plainly(plain, kStampsMember, "");
      case 2:
        return set_plainly(plain, kStampsMember, hostile());
      default:
        return stamp(body, plain, pick(40), "n" + std::to_string(pick(3)));
    }
  }
  std::string hostile() {
    std::string time(11, '0');
    time.back() = static_cast<char>('a' + pick(4));
    return R"({")" + std::string(pick(2) ? "+" : "") + time + "n" + std::to_string(pick(2)) +
           R"(":"AAAAa ....b AAAAa AAAAd"})";
  }

  std::mt19937 random_;
};

TEST(MergeFieldsProperties, OrderStepsAndRepetitionDoNotMatter) {
  for (unsigned seed = 0; seed < 400; ++seed) {
    Bodies bodies(seed);
    const std::vector<std::string> all = bodies.make(12);
    std::vector<std::string> leaves;
    for (int i = 0; i < 4; ++i) leaves.push_back(all[bodies.pick(all.size())]);
    const std::string expected = merge(leaves);
    std::sort(leaves.begin(), leaves.end());
    do {
      ASSERT_EQ(merge(leaves), expected) << seed;
      ASSERT_EQ(merge({merge({leaves[0], leaves[1]}), merge({leaves[2], leaves[3]})}), expected);
      ASSERT_EQ(merge({leaves[0], merge({leaves[1], merge({leaves[2], leaves[3]})})}), expected);
    } while (std::next_permutation(leaves.begin(), leaves.end()));
    ASSERT_EQ(merge({expected, expected, leaves[0]}), expected);
    ASSERT_TRUE(json::normalize(expected) && *json::normalize(expected) == expected);
  }
}

TEST(MergeFieldsProperties, AnEditMergedWithItsOriginIsTheEdit) {
  for (unsigned seed = 0; seed < 400; ++seed) {
    Bodies bodies(seed);
    const std::vector<std::string> all = bodies.make(8);
    const std::string& origin = all.back();
    const std::string edit =
        stamp(origin, set_plainly(origin, "b", std::to_string(seed + 2)), seed % 7, "zz");
    ASSERT_TRUE(same_fields(merge({origin, edit}), edit)) << origin << "\n" << edit;
  }
}

TEST(MergeFieldsProperties, ResolversThatSawDifferentLeavesEndWithOneText) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    Bodies bodies(seed);
    std::vector<std::string> leaves = bodies.make(6);
    const std::string end = merge(leaves);
    // Each resolver replaces some leaves by what it made of them, until all texts are the same.
    for (int step = 0; step < 200; ++step) {
      const std::size_t a = bodies.pick(leaves.size()), b = bodies.pick(leaves.size());
      leaves[a] = merge({leaves[a], leaves[b]});
      if (bodies.pick(2) == 0) leaves[b] = leaves[a];
    }
    ASSERT_EQ(merge(leaves), end);
  }
}

}  // namespace
}  // namespace atelier
