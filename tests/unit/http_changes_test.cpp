// Goal: what follows a page of changes is guessed from its end alone, and a strange end is no
// guess.
#include "http/http_changes.h"

#include <gtest/gtest.h>

namespace atelier {
namespace {

std::optional<std::string> since_behind(const std::string& body, const std::string& asked = "") {
  FetchedChanges page;
  page.query.since = asked;
  page.query.limit = 7;
  page.query.filter.prefixes = {"message"};
  page.body = body;
  const auto behind = query_behind(page);
  if (!behind) return std::nullopt;
  ChangesQuery same = *behind;
  same.since = asked;
  EXPECT_EQ(same, page.query) << "only the position may differ";
  return behind->since;
}

TEST(HttpChanges, EndOfAPageNamesTheNext) {
  EXPECT_EQ(
      since_behind(
          R"({"results":[{"seq":"1-a","id":"m","changes":[]}],"last_seq":"1-a","pending":3})"),
      "1-a");
  EXPECT_EQ(since_behind("{\"results\":[\n\n],\n\"last_seq\":\"9-g1AAAA\",\"pending\":1}\n"),
            "9-g1AAAA");
  EXPECT_EQ(since_behind(R"({"results":[],"last_seq":12,"pending":1})"), "12");
  EXPECT_EQ(since_behind(R"({"last_seq":"3-c","pending":1,"results":[]})"), "3-c");
  const std::string long_body = "{\"results\":[" + std::string(5'000, ' ') + "],";
  EXPECT_EQ(since_behind(long_body + R"("pending":2,"last_seq":"5-b"})"), std::nullopt);
  EXPECT_EQ(since_behind(long_body + R"("last_seq":"5-b","pending":2})"), "5-b");
}

TEST(HttpChanges, NoGuessWhereNothingIsBehindOrTheEndIsStrange) {
  for (const char* body :
       {"", "\"last_seq\"", "{}", R"({"results":[],"last_seq":"3-c","pending":0})",
        R"({"results":[],"last_seq":"3-c"})", R"({"results":[],"last_seq":"3-c","pending":-1})",
        R"({"results":[],"last_seq":null,"pending":1})",
        R"({"results":[],"last_seq":"3-c","pending":1)",
        R"({"last_seq":"3-c","pending":1,"results":[{"doc":{"last_seq":"4-d","pending":2}}]})",
        R"({"results":[{"doc":{"text":"\"last_seq\":\"4-d\",\"pending\":2}"}}]})"}) {
    EXPECT_EQ(since_behind(body), std::nullopt) << body;
  }
  EXPECT_EQ(since_behind(R"({"results":[],"last_seq":"3-c","pending":1})", "3-c"), std::nullopt);
}

}  // namespace
}  // namespace atelier
