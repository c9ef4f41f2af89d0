// Rules per prefix: what is allowed to whom, and which field and rule a refusal names.
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "query/rules.h"

namespace atelier::query {
namespace {

using ::testing::HasSubstr;

class RulesTest : public ::testing::Test {
 protected:
  void use(std::string_view json) {
    auto rules = Rules::from_json(json);
    ASSERT_TRUE(rules) << rules.error().message;
    rules_ = std::move(*rules);
  }
  static DocumentView view(std::string_view body, bool deleted = false) {
    DocumentView document;
    document.id = "message:1";
    document.body = body;
    document.deleted = deleted;
    return document;
  }
  static RulesUser user(std::string_view name, const std::vector<std::string>& roles = kNone) {
    RulesUser user;
    user.name = name;
    user.roles = roles;
    return user;
  }
  std::string create(std::string_view body, const RulesUser& who = user("ana")) const {
    return said(rules_.check(nullptr, view(body), who));
  }
  std::string change(std::string_view before, std::string_view body,
                     const RulesUser& who = user("ana")) const {
    const DocumentView old = view(before);
    return said(rules_.check(&old, view(body), who));
  }
  std::string remove(std::string_view before, const RulesUser& who,
                     std::string_view body = "{}") const {
    const DocumentView old = view(before);
    return said(rules_.check(&old, view(body, true), who));
  }
  static std::string said(const Status& status) {
    if (status) return "ok";
    return std::string(error_code_name(status.error().code)) + " " + status.error().message;
  }

  static const std::vector<std::string> kNone, kModerator, kAdmin;
  Rules rules_;
};
const std::vector<std::string> RulesTest::kNone = {};
const std::vector<std::string> RulesTest::kModerator = {"moderator"};
const std::vector<std::string> RulesTest::kAdmin = {"_admin"};

std::string with_field(std::string_view rules) {
  return R"({"prefixes":{"message":{"fields":{"f":)" + std::string(rules) + "}}}}";
}

TEST_F(RulesTest, WithoutRulesEverythingIsAllowed) {
  EXPECT_EQ(create(R"({"x":1})"), "ok");
  EXPECT_FALSE(rules_.restrict_reading());
  use(R"({"prefixes":{"other":{"create":[]}}})");
  EXPECT_EQ(create(R"({"x":1})"), "ok");
}

TEST_F(RulesTest, RequiredTypesRangesAndEnumerations) {
  use(with_field(R"({"required":true,"type":["string","null"]})"));
  EXPECT_EQ(create("{}"), "forbidden rule message.fields.f.required: the field is missing");
  EXPECT_EQ(create(R"({"f":1})"),
            "forbidden rule message.fields.f.type: the field must be of type string or null");
  EXPECT_EQ(create(R"({"f":null})"), "ok");
  use(with_field(R"({"type":"integer","min":0,"max":1e3})"));
  EXPECT_EQ(create(R"({"f":1000.0})"), "ok");
  EXPECT_THAT(create(R"({"f":1.5})"), HasSubstr("f.type"));
  EXPECT_THAT(create(R"({"f":-1})"), HasSubstr("f.min"));
  EXPECT_THAT(create(R"({"f":1001})"), HasSubstr("f.max"));
  EXPECT_EQ(create("{}"), "ok");
  use(with_field(R"({"max":5})"));
  EXPECT_THAT(create(R"({"f":"text"})"), HasSubstr("f.max"));
  use(with_field(R"({"enum":["red",1]})"));
  EXPECT_EQ(create(R"({"f":1.0})"), "ok");
  EXPECT_THAT(create(R"({"f":"blue"})"), HasSubstr("f.enum"));
}

TEST_F(RulesTest, LengthsAreCodePointsAndElements) {
  use(with_field(R"({"length_min":1,"length_max":3})"));
  EXPECT_EQ(create(R"({"f":"日本語"})"), "ok");
  EXPECT_THAT(create(R"({"f":"日本語!"})"), HasSubstr("f.length_max"));
  EXPECT_THAT(create(R"({"f":""})"), HasSubstr("f.length_min"));
  EXPECT_EQ(create(R"({"f":[1,2,3]})"), "ok");
  EXPECT_THAT(create(R"({"f":[1,2,3,4]})"), HasSubstr("f.length_max"));
  EXPECT_THAT(create(R"({"f":7})"), HasSubstr("f.length_"));
  use(with_field(R"({"pattern":"^#[0-9a-f]{6}$"})"));
  EXPECT_EQ(create(R"({"f":"#00ff7f"})"), "ok");
  EXPECT_THAT(create(R"({"f":"red"})"), HasSubstr("f.pattern"));
}

TEST_F(RulesTest, ImmutableAndAppendOnlyFields) {
  use(with_field(R"({"immutable":true})"));
  EXPECT_EQ(change(R"({"f":1})", R"({"f":1.0,"x":2})"), "ok");
  EXPECT_EQ(change("{}", R"({"f":1})"), "ok");
  EXPECT_EQ(change(R"({"f":1})", R"({"f":2})"),
            "forbidden rule message.fields.f.immutable: the field cannot be changed");
  EXPECT_THAT(change(R"({"f":1})", "{}"), HasSubstr("f.immutable"));
  EXPECT_EQ(remove(R"({"f":1})", user("ana")), "ok");
  EXPECT_THAT(remove(R"({"f":1})", user("ana"), R"({"f":2})"), HasSubstr("f.immutable"));
  use(with_field(R"({"append_only":true})"));
  EXPECT_EQ(change(R"({"f":[1,2]})", R"({"f":[1,2,3]})"), "ok");
  EXPECT_THAT(change(R"({"f":[1,2]})", R"({"f":[1]})"), HasSubstr("f.append_only"));
  EXPECT_THAT(change(R"({"f":[1,2]})", R"({"f":[2,1]})"), HasSubstr("f.append_only"));
  EXPECT_EQ(change(R"({"f":"ab"})", R"({"f":"abc"})"), "ok");
  EXPECT_THAT(change(R"({"f":"ab"})", R"({"f":["ab"]})"), HasSubstr("f.append_only"));
}

TEST_F(RulesTest, NobodySpeaksForAnother) {
  use(R"({"prefixes":{"message":{"author":"author.name","change":["author"],
      "delete":["author","role:moderator"]}}})");
  const char* anas = R"({"author":{"name":"ana"}})";
  EXPECT_EQ(create(anas), "ok");
  EXPECT_EQ(create(anas, user("bo")),
            "forbidden rule message.author: field author.name must be the user's own name");
  EXPECT_EQ(create("{}"),
            "forbidden rule message.author: field author.name must hold the author's name");
  EXPECT_THAT(create(anas, user("")), HasSubstr("unauthorized"));
  EXPECT_EQ(change(anas, R"({"author":{"name":"ana"},"x":1})"), "ok");
  EXPECT_THAT(change(anas, R"({"author":{"name":"bo"}})"), HasSubstr("cannot be changed"));
  EXPECT_EQ(change(anas, anas, user("bo")),
            "forbidden rule message.change: this user may not do that");
  EXPECT_THAT(change(anas, R"({"author":{"name":"bo"}})", user("bo")), HasSubstr("message.change"));
  EXPECT_EQ(remove(anas, user("ana")), "ok");
  EXPECT_EQ(remove(anas, user("mo", kModerator)), "ok");
  EXPECT_THAT(remove(anas, user("bo")), HasSubstr("message.delete"));
  EXPECT_THAT(remove(anas, user("")), HasSubstr("unauthorized rule message.delete"));
  EXPECT_EQ(create(anas, user("root", kAdmin)), "ok");
  ASSERT_NE(rules_.author_field("message:9"), nullptr);
  EXPECT_EQ(rules_.author_field("message:9")->text(), "author.name");
  EXPECT_EQ(rules_.author_field("other:9"), nullptr);
}

TEST_F(RulesTest, ACarrierPassesWhoAndNotWhat) {
  use(R"({"prefixes":{"message":{"author":"author","create":[],"fields":{"text":{"required":true}}}}})");
  RulesUser edge = user("edge");
  edge.carries = true;
  EXPECT_EQ(create(R"({"author":"ana","text":"x"})", edge), "ok");
  EXPECT_THAT(create(R"({"author":"ana"})", edge), HasSubstr("text.required"));
  EXPECT_THAT(create(R"({"text":"x"})", edge), HasSubstr("message.author"));
  EXPECT_THAT(change(R"({"author":"ana","text":"x"})", R"({"author":"bo","text":"x"})", edge),
              HasSubstr("message.author"));
}

TEST_F(RulesTest, AppendOnlyPrefixesTakeNewDocumentsAlone) {
  use(R"({"prefixes":{"message":{"append_only":true}}})");
  EXPECT_EQ(create("{}"), "ok");
  EXPECT_THAT(change("{}", R"({"x":1})"), HasSubstr("message.append_only"));
  EXPECT_THAT(remove("{}", user("root", kAdmin)), HasSubstr("message.append_only"));
  const DocumentView tombstone = view("{}", true);
  EXPECT_TRUE(rules_.check(&tombstone, view("{}"), user("ana")));
}

TEST_F(RulesTest, SizesAndUndeclaredFields) {
  use(R"({"prefixes":{"message":{"bytes_max":20,"closed":true,"fields":{"a.b":{},"c":{}}}}})");
  EXPECT_EQ(create(R"({"a":{"b":1},"c":2})"), "ok");
  EXPECT_EQ(create(R"({"d":1})"), "forbidden rule message.closed: field d is not declared");
  EXPECT_THAT(create(R"({"c":"123456789012345"})"), HasSubstr("too_large rule message.bytes_max"));
}

TEST_F(RulesTest, AReplicatedWriteIsJudgedAgainstEveryLeafThatItOutranks) {
  use(R"({"prefixes":{"message":{"author":"author","change":["author"]}}})");
  const DocumentView anas = view(R"({"author":"ana"})");
  const DocumentView bos = view(R"({"author":"bo"})");
  const DocumentView gone = view("{}", true);
  const std::vector<DocumentView> both = {anas, bos};
  const std::vector<DocumentView> hers = {gone, anas};
  EXPECT_TRUE(rules_.check_replicated({}, anas, user("ana")));
  EXPECT_TRUE(rules_.check_replicated(hers, anas, user("ana")));
  EXPECT_FALSE(rules_.check_replicated(both, anas, user("ana")));
  EXPECT_FALSE(rules_.check_replicated(both, bos, user("bo")));
  EXPECT_FALSE(rules_.check_replicated(hers, bos, user("bo")));
}

TEST_F(RulesTest, ReadingMayBeForSomeAlone) {
  use(R"({"prefixes":{"message":{"author":"author","read":["author","name:eve"]},"*":{"read":["user"]}}})");
  const DocumentView anas = view(R"({"author":"ana"})");
  EXPECT_TRUE(rules_.may_read(anas, user("ana")));
  EXPECT_TRUE(rules_.may_read(anas, user("eve")));
  EXPECT_FALSE(rules_.may_read(anas, user("bo")));
  EXPECT_TRUE(rules_.restrict_reading());
  EXPECT_TRUE(rules_.reading_needs_body("message:1"));
  EXPECT_FALSE(rules_.reading_needs_body("x"));
  DocumentView other;
  other.id = "no-colon";
  EXPECT_FALSE(rules_.may_read(other, user("")));
  EXPECT_TRUE(rules_.may_read(other, user("bo")));
  other.id = "_design/x";
  EXPECT_TRUE(rules_.may_read(other, user("")));
}

TEST_F(RulesTest, ASpreadCollectionHasTheRulesOfItsPrefix) {
  use(R"({"prefixes":{"message":{"create":[]}}})");
  DocumentView document;
  document.id = "message~12:x";
  EXPECT_FALSE(rules_.check(nullptr, document, user("ana")));
  document.id = "messages:x";
  EXPECT_TRUE(rules_.check(nullptr, document, user("ana")));
}

std::string json_error(std::string_view text) {
  const auto rules = Rules::from_json(text);
  return rules ? "ok" : rules.error().message;
}

TEST_F(RulesTest, WrongRulesAreRefusedWithTheirPlace) {
  EXPECT_EQ(json_error("[]"), "rules: rules must be an object");
  EXPECT_EQ(json_error(R"({"prefix":{}})"), "/prefix: unknown key");
  EXPECT_EQ(json_error(R"({"version":2})"),
            "/version: this program knows version 1 of rules alone");
  EXPECT_EQ(json_error(with_field(R"({"requird":true})")),
            "/prefixes/message/fields/f/requird: unknown key");
  EXPECT_EQ(json_error(with_field(R"({"required":"yes"})")),
            "/prefixes/message/fields/f/required: must be true or false");
  EXPECT_THAT(json_error(with_field(R"({"type":"text"})")), HasSubstr("/f/type: types are"));
  EXPECT_THAT(json_error(with_field(R"({"min":2,"max":1})")), HasSubstr("min is above max"));
  EXPECT_THAT(json_error(with_field(R"({"pattern":"("})")), HasSubstr("/f/pattern: missing )"));
  EXPECT_THAT(json_error(with_field(R"({"length_max":-1})")), HasSubstr("whole number"));
  EXPECT_THAT(json_error(R"({"prefixes":{"a:b":{}}})"), HasSubstr("/prefixes/a:b: a prefix is"));
  EXPECT_THAT(json_error(R"({"prefixes":{"m":{"change":["autor"]}}})"),
              HasSubstr("/prefixes/m/change/0: people are"));
  EXPECT_THAT(json_error(R"({"prefixes":{"m":{"change":["author"]}}})"),
              HasSubstr("needs the key author"));
  EXPECT_THAT(json_error(R"({"prefixes":{"m":{"append_only":true,"delete":[]}}})"),
              HasSubstr("stands against"));
  EXPECT_THAT(json_error(R"({"prefixes":{"m":{"fields":{"a..b":{}}}}})"),
              HasSubstr("Invalid field name"));
  EXPECT_THAT(json_error(R"({"prefixes":{"m":{"fields":{"_id":{}}}}})"), HasSubstr("CouchDB's"));
  EXPECT_EQ(Rules::from_json(std::string(300'000, ' ')).error().code, ErrorCode::kTooLarge);
}

TEST_F(RulesTest, TomlSaysTheLine) {
  const auto error = [](std::string_view text) {
    const auto rules = Rules::from_toml(text, "my.toml");
    return rules ? "ok" : rules.error().message;
  };
  EXPECT_EQ(
      error("[prefixes.message]\n\n[prefixes.message.fields.text]\nrequired = true\nrequird = 1\n"),
      "my.toml:5: /prefixes/message/fields/text/requird: unknown key");
  EXPECT_EQ(error("[prefixes.m]\nbytes_max = -3\n"),
            "my.toml:2: /prefixes/m/bytes_max: must be a whole number of 0 or more");
  EXPECT_THAT(error("[prefixes.m]\nx = \n"), HasSubstr("my.toml:2: "));
  EXPECT_THAT(error("a = 1979-05-27\n"), HasSubstr("dates"));
  EXPECT_THAT(error("a = nan\n"), HasSubstr("nan"));
  EXPECT_THAT(error("[prefixes.m]\nread = [\"user\", \"role:\"]\n"),
              HasSubstr("my.toml:2: /prefixes/m/read/1"));
  EXPECT_THAT(error(std::string(5'000, '[')), HasSubstr("my.toml:1"));
}

// Cuts the example out of the documentation: the block that begins with ```toml.
std::string example_of_docs() {
  std::ifstream file(ATELIER_SOURCE_DIR "/docs/query.md");
  std::stringstream all;
  all << file.rdbuf();
  const std::string text = all.str();
  const std::size_t begin = text.find("```toml\n");
  const std::size_t end = text.find("```", begin + 8);
  return begin == std::string::npos ? "" : text.substr(begin + 8, end - begin - 8);
}

TEST_F(RulesTest, TheExampleOfTheDocumentationDoesWhatItSays) {
  auto loaded = Rules::from_toml(example_of_docs());
  ASSERT_TRUE(loaded) << loaded.error().message;
  rules_ = std::move(*loaded);
  const char* hello = R"({"author":"ana","text":"hello","timestamp":1,"kind":"text"})";
  EXPECT_EQ(create(hello), "ok");
  EXPECT_THAT(create(R"({"author":"ana","text":"","timestamp":1})"), HasSubstr("text.length_min"));
  EXPECT_THAT(create(hello, user("bo")), HasSubstr("message.author"));
  EXPECT_THAT(create(hello, user("")), HasSubstr("unauthorized"));
  EXPECT_THAT(change(hello, R"({"author":"ana","text":"x","timestamp":2})"),
              HasSubstr("timestamp.immutable"));
  EXPECT_THAT(remove(hello, user("bo")), HasSubstr("message.delete"));
  EXPECT_EQ(remove(hello, user("mo", kModerator)), "ok");
  DocumentView entry;
  entry.id = "log:1";
  EXPECT_TRUE(rules_.check(nullptr, entry, user("ana")));
  EXPECT_FALSE(rules_.check(&entry, entry, user("ana")));
}

}  // namespace
}  // namespace atelier::query
