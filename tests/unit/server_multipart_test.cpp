// Goal: a multipart body has one reading, and names come back as they were sent. Method: bodies as
// the replicator writes them, and some that it does not.
#include <gtest/gtest.h>

#include "server/multipart.h"

namespace atelier::server {
namespace {

TEST(ServerMultipart, LineThatBeginsAsTheBoundaryIsNoBoundary) {
  const std::string body = "--b1 \r\nA: x\r\n\r\none\r\n--b1\t\r\n\r\ntwo\r\n--b1--";
  const auto parts = parse_multipart(body, "b1");
  ASSERT_TRUE(parts);
  ASSERT_EQ(parts->size(), 2u);
  EXPECT_EQ((*parts)[0].headers.get("a"), "x");
  EXPECT_EQ((*parts)[1].body, "two");
  for (const char* bad :
       {"--b1x\r\n\r\none\r\n--b1--", "--b1\r\n\r\none\r\n--b12\r\n\r\ntwo\r\n--b1--",
        "--b1-\r\n\r\none\r\n--b1--"})
    EXPECT_FALSE(parse_multipart(bad, "b1")) << bad;
}

TEST(ServerMultipart, FileNamesComeBack) {
  const auto name = [](const std::string& disposition) {
    Headers headers;
    headers.add("Content-Disposition", disposition);
    return part_file_name(headers);
  };
  EXPECT_EQ(name("attachment; filename=\"a;b; c.txt\"; size=5"), "a;b; c.txt");
  EXPECT_EQ(name("attachment; x=\"\\\";\"; filename=\"\\\"q\\\";.bin\""), "\"q\";.bin");
  EXPECT_EQ(name("attachment; filename=\"\\\\\"; filename=b"), "\\");
  EXPECT_EQ(name("attachment; filename=plain.txt;"), "plain.txt");
  EXPECT_EQ(name("attachment"), "");
  EXPECT_EQ(name("attachment; filename=\"open;"), "\"open;");
}

TEST(ServerMultipart, SemicolonInQuotesEndsNoParameter) {
  EXPECT_EQ(media_parameter("a/b; x=\"1;boundary=no\"; boundary=\"y;es\"", "boundary"), "y;es");
  EXPECT_EQ(media_parameter("a/b;;boundary=c", "Boundary"), "c");
  EXPECT_EQ(media_parameter("boundary=c", "boundary"), std::nullopt) << "the type itself";
}

}  // namespace
}  // namespace atelier::server
