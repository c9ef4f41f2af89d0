// Goal: answers are read as CouchDB 3.5, PouchDB and older servers give them, and garbage is
// noticed.
#include "http/http_answers.h"

#include <gtest/gtest.h>

namespace atelier {
namespace {

TEST(HttpAnswers, SequencesStayOpaque) {
  EXPECT_EQ(seq_text("\"3-g1AAAA\""), "3-g1AAAA");
  EXPECT_EQ(seq_text("12"), "12");
  EXPECT_EQ(seq_text("[5,\"x\"]"), "[5,\"x\"]");
  EXPECT_EQ(seq_text("null"), "");
}

TEST(HttpAnswers, FirstGenerationComesWholeAndNothingElseDoes) {
  const auto whole = parse_change(
      R"({"seq":"1-x","id":"m:1","changes":[{"rev":"1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}],)"
      R"("doc":{"_id":"m:1","_rev":"1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","n":1.0}})");
  ASSERT_TRUE(whole && whole->document);
  EXPECT_EQ(whole->document->body, R"({"n":1.0})");
  EXPECT_EQ(whole->document->history, std::vector<RevId>{whole->document->rev});
  for (const char* row :
       {R"({"id":"m","changes":[{"rev":"2-a"}],"doc":{"_id":"m","_rev":"2-a"}})",
        R"({"id":"m","changes":[{"rev":"1-a"},{"rev":"1-b"}],"doc":{"_id":"m","_rev":"1-a"}})",
        R"({"id":"m","changes":[{"rev":"1-a"}],"doc":{"_id":"m","_rev":"1-b"}})",
        R"({"id":"m","changes":[{"rev":"1-a"}],"doc":{"_id":"other","_rev":"1-a"}})",
        R"({"id":"m","changes":[{"rev":"1-a"}],"doc":null})",
        R"({"id":"m","changes":[{"rev":"1-a"}],"doc":{"_id":"m","_rev":"1-a",)"
        R"("_attachments":{"x":{"stub":true}}}})"}) {
    const auto change = parse_change(row);
    ASSERT_TRUE(change) << row;
    EXPECT_FALSE(change->document) << row;
  }
}

TEST(HttpAnswers, GarbageIsNoAnswer) {
  for (const char* row : {"7", "{}", R"({"id":7,"changes":[]})", R"({"id":"m","changes":7})",
                          R"({"id":"m","changes":[{"rev":"nonsense"}]})"}) {
    EXPECT_FALSE(parse_change(row)) << row;
  }
  std::vector<std::string> ids;
  for (const char* body : {"7", "{}", R"({"results":7})", R"({"results":[{"id":"m"}]})",
                           R"({"results":[{"id":"m","docs":[{"ok":7}]}]})"}) {
    EXPECT_FALSE(parse_bulk_get(body, ids)) << body;
  }
  for (const char* body : {"7", R"({"m":7})", R"({"m":{}})", R"({"m":{"missing":7}})",
                           R"({"m":{"missing":[],"forgotten":["x"]}})"}) {
    EXPECT_FALSE(parse_revs_diff(body)) << body;
  }
  bool busy = false;
  EXPECT_FALSE(parse_bulk_docs("{}", {}, busy));
}

TEST(HttpAnswers, MissingRevisionIsToleratedAndABusyServerIsNot) {
  std::vector<std::string> ids;
  const auto documents = parse_bulk_get(
      R"({"results":[{"id":"a","docs":[{"error":{"rev":"1-a","reason":"missing","id":"a",)"
      R"("error":"not_found"}}]},{"id":"b","docs":[{"ok":{"_id":"b","_rev":"1-b"}}]}]})",
      ids);
  ASSERT_TRUE(documents);
  ASSERT_EQ(documents->size(), 1u);
  EXPECT_EQ((*documents)[0].id, "b");
  EXPECT_EQ(ids, (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(parse_bulk_get(
      R"({"results":[{"id":"a","docs":[{"error":{"id":"a","error":"timeout"}}]}]})", ids));
}

TEST(HttpAnswers, EachRowOfBulkDocsIsLookedAt) {
  std::vector<WireDocument> documents(2);
  documents[0].id = "_design/x";
  documents[0].rev = *RevId::parse("1-a");
  documents[1].id = "ok";
  documents[1].rev = *RevId::parse("1-b");
  const std::vector<const WireDocument*> sent = {&documents[0], &documents[1]};
  bool busy = false;
  const auto none = parse_bulk_docs("[]", sent, busy);
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->empty());
  const auto one = parse_bulk_docs(
      R"([{"id":"_design/x","error":"forbidden","reason":"You are not a db or server admin."},)"
      R"({"ok":true,"id":"ok","rev":"1-b"}])",
      sent, busy);
  ASSERT_TRUE(one);
  ASSERT_EQ(one->size(), 1u);
  EXPECT_EQ((*one)[0].id, "_design/x");
  EXPECT_EQ((*one)[0].error.code, ErrorCode::kForbidden);
  EXPECT_EQ((*one)[0].error.message, "You are not a db or server admin.");
  EXPECT_FALSE(busy);
  ASSERT_TRUE(parse_bulk_docs(R"([{"id":"ok","error":"internal_server_error"}])", sent, busy));
  EXPECT_TRUE(busy);
}

}  // namespace
}  // namespace atelier
