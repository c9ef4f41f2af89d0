// Goal: revision ids read, compare and print as CouchDB's do. Method: texts captured from CouchDB,
// and orders that decide winners.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "revtree/revision.h"

namespace atelier {
namespace {

const std::string kDigits(32, 'a');

TEST(Revision, DigestsArePrintedInLowercaseHoweverTheyCame) {
  const auto rev = RevId::parse("1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
  ASSERT_TRUE(rev);
  EXPECT_TRUE(rev->is_digest());
  EXPECT_EQ(rev->to_string(), "1-" + kDigits);
  EXPECT_EQ(*rev, *RevId::parse("1-" + kDigits));
}

TEST(Revision, AnyOtherTextIsKeptAsItIs) {
  const std::vector<std::string> texts = {"1-abc",
                                          "3-hello",
                                          "2-x-y",
                                          "12-ABC",
                                          "0-1",
                                          "1-" + std::string(31, 'a'),
                                          "1-" + std::string(32, 'z')};
  for (const std::string& text : texts) {
    const auto rev = RevId::parse(text);
    ASSERT_TRUE(rev) << text;
    EXPECT_FALSE(rev->is_digest()) << text;
    EXPECT_EQ(rev->to_string(), text);
  }
}

TEST(Revision, WhatIsNoRevisionIsRefusedInCouchDbsWords) {
  const std::vector<std::string> texts = {"",       "abc",
                                          "-abc",   "1-",
                                          "1",      "x-abc",
                                          "1x-abc", " 1-a",
                                          "1.0-a",  "99999999999999999999-a",
                                          "-1-abc", "1-" + std::string(kRevisionBytesMax + 1, 'q')};
  for (const std::string& text : texts) {
    const auto rev = RevId::parse(text);
    ASSERT_FALSE(rev) << text;
    EXPECT_EQ(rev.error().code, ErrorCode::kInvalid);
    EXPECT_EQ(rev.error().message, "Invalid rev format");
  }
}

TEST(Revision, OrderIsByGenerationAsANumberThenByBytes) {
  const std::vector<std::string> sorted = {"1-" + std::string(32, '0'), "1-" + kDigits,
                                           "2-" + std::string(32, '0'), "9-" + kDigits,
                                           "10-" + std::string(32, '0')};
  for (std::size_t i = 0; i + 1 < sorted.size(); ++i) {
    EXPECT_LT(*RevId::parse(sorted[i]), *RevId::parse(sorted[i + 1])) << sorted[i];
  }
  // A digest is compared as the 16 bytes it is: 0xff... is greater than the letter z.
  EXPECT_LT(*RevId::parse("1-zzz"), *RevId::parse("1-" + std::string(32, 'f')));
  EXPECT_GT(*RevId::parse("1-zzz"), *RevId::parse("1-" + std::string(32, '0')));
}

TEST(Revision, TheSameEditMadeTwiceIsOneRevision) {
  const RevId parent = *RevId::parse("1-" + kDigits);
  const RevisionInput edit{false, parent, R"({"v":1})", {}};
  EXPECT_EQ(make_revision(edit), make_revision(edit));
  EXPECT_EQ(make_revision(edit).generation(), 2u);
}

TEST(Revision, EachPartOfAnEditChangesItsRevision) {
  const RevId parent = *RevId::parse("1-" + kDigits);
  const RevisionInput edit{false, parent, R"({"v":1})", "list"};
  const std::vector<RevisionInput> others = {{true, parent, R"({"v":1})", "list"},
                                             {false, {}, R"({"v":1})", "list"},
                                             {false, *RevId::parse("1-abc"), R"({"v":1})", "list"},
                                             {false, parent, R"({"v":2})", "list"},
                                             {false, parent, R"({"v":1}l)", "ist"},
                                             {false, parent, R"({"v":1})", ""}};
  for (const RevisionInput& other : others) EXPECT_NE(make_revision(edit), make_revision(other));
}

// The worked example of docs/formats/revision.md: other programs may compute it.
TEST(Revision, TheDocumentedExampleHolds) {
  EXPECT_EQ(make_revision({false, {}, R"({"v":1})", {}}).to_string(),
            "1-79b65370a463e3c5cf0580fd8721d199");
}

}  // namespace
}  // namespace atelier
