// Goal: a client's text is taken or refused as CouchDB 3.5 does, with its words. Method: the
// captured requests and answers.
#include <string>

#include <gtest/gtest.h>

#include "store/document.h"
#include "unit/store_tools.h"

namespace atelier::test {
namespace {

std::string reason(const std::string& text) {
  const auto parsed = parse_document(text);
  return parsed ? "" : parsed.error().message;
}

TEST(ParseDocument, SpecialMembersAreTakenApartFromTheBody) {
  const auto parsed = parse_document(
      R"({"_id":"a","_rev":"2-abc","x": 1.0,"_deleted":true,"_conflicts":["1-a"],"_revs_info":[],)"
      R"("_local_seq":3,"_deleted_conflicts":[],"y":"z"})");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->write.id, "a");
  EXPECT_TRUE(parsed->write.deleted);
  EXPECT_EQ(parsed->write.body, R"({"x":1.0,"y":"z"})");
  EXPECT_TRUE(parsed->write.body_is_normal);
  EXPECT_EQ(parsed->rev, rev("2-abc"));
  EXPECT_TRUE(parsed->revisions.empty());
}

TEST(ParseDocument, RevisionsAreNewestFirst) {
  const auto parsed = parse_document(R"({"_revisions":{"start":3,"ids":["c","b","a"]}})");
  ASSERT_TRUE(parsed);
  ASSERT_EQ(parsed->revisions.size(), 3u);
  EXPECT_EQ(parsed->revisions[0], rev("3-c"));
  EXPECT_EQ(parsed->revisions[2], rev("1-a"));
}

TEST(ParseDocument, AttachmentsAreStubsOrBytesOrFollow) {
  const auto parsed = parse_document(
      R"({"_attachments":{"s":{"stub":true,"digest":"md5-x","revpos":2},)"
      R"("d":{"content_type":"text/plain","data":"aGVsbG8=","digest":"md5-wrong"},)"
      R"("f":{"follows":true,"length":21,"content_type":"text/plain"},"e":{"data":""}}})");
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->write.attachments.size(), 1u);
  EXPECT_EQ(parsed->write.attachments[0].name, "s");
  EXPECT_EQ(parsed->write.attachments[0].digest, "md5-x");
  EXPECT_EQ(parsed->write.attachments[0].revpos, 2u);
  ASSERT_EQ(parsed->inline_attachments.size(), 3u);
  EXPECT_EQ(parsed->inline_attachments[0].data, "hello");
  EXPECT_EQ(parsed->inline_attachments[0].attachment.digest, "");
  EXPECT_TRUE(parsed->inline_attachments[1].follows);
  EXPECT_EQ(parsed->inline_attachments[1].attachment.length, 21u);
  EXPECT_EQ(parsed->inline_attachments[2].attachment.content_type, "application/octet-stream");
}

TEST(ParseDocument, RefusalsHaveCouchDbsReasons) {
  EXPECT_EQ(reason("{not json"), "invalid UTF-8 JSON");
  EXPECT_EQ(reason(""), "invalid UTF-8 JSON");
  EXPECT_EQ(reason(R"({"x":1e400})"), "invalid UTF-8 JSON");
  EXPECT_EQ(reason(R"({"a":"\ud83d"})"), "invalid UTF-8 JSON");
  for (const char* text : {"[1]", "\"s\"", "null"}) {
    EXPECT_EQ(reason(text), "Document must be a JSON object");
  }
  EXPECT_EQ(reason(R"({"_id":5})"), "Document id must be a string");
  EXPECT_EQ(reason(R"({"_id":""})"), "Document id must not be empty");
  EXPECT_EQ(reason(R"({"_id":"_x"})"), "Only reserved document ids may start with underscore.");
  for (const char* rev : {"1", "null", "\"\"", "\"abc\"", "{}"}) {
    EXPECT_EQ(reason(std::string("{\"_rev\":") + rev + "}"), "Invalid rev format") << rev;
  }
  EXPECT_EQ(reason(R"({"_foo":1})"), "Bad special document member: _foo");
  EXPECT_EQ(reason(R"({"_deleted":"yes"})"), "Bad special document member: _deleted");
  EXPECT_EQ(reason(R"({"_attachments":[1]})"), "Bad special document member: _attachments");
  EXPECT_EQ(reason(R"({"_attachments":{"a":1}})"), "Bad special document member: _attachments");
  EXPECT_EQ(reason(R"({"_revisions":{"start":"x","ids":[]}})"),
            "_revisions.start isn't an integer.");
  EXPECT_EQ(reason(R"({"_revisions":{"start":1,"ids":5}})"), "_revisions.ids isn't a array.");
  EXPECT_EQ(reason(R"({"_revisions":{"start":1,"ids":[5]}})"), "RevId isn't a string");
  EXPECT_NE(reason(R"({"_revisions":{"start":1,"ids":["b","a"]}})"), "");
  EXPECT_EQ(reason(R"({"_attachments":{"zz":{"data":"!!!"}}})"), "Invalid attachment data for zz");
  EXPECT_EQ(reason(R"({"_attachments":{"zz":{"content_type":"a/b"}}})"),
            "Invalid attachment data for zz");
  EXPECT_EQ(reason(R"({"_attachments":{"_zz":{"data":"eA=="}}})"),
            "Attachment name '_zz' starts with prohibited character '_'");
}

TEST(ParseDocument, TooLargeNamesTheDocument) {
  const auto parsed =
      parse_document("{\"_id\":\"big\",\"a\":\"" + std::string(8'500'000, 'x') + "\"}");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(parsed.error().message, "big");
}

}  // namespace
}  // namespace atelier::test
