// Goal: attachments go in and come out as bytes, ranges, multipart and base64, as CouchDB's do.
// Method: exchanges over a socket, among them the bodies that CouchDB's replicator sends.
#include "server/gzip.h"
#include "server/server.h"
#include "server_tools.h"

namespace atelier::server_test {
namespace {

class AttachmentsTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    start();
    make_database("db");
  }
};

TEST_F(AttachmentsTest, PutGetRangeDelete) {
  const std::string bytes = "0123456789";
  const Reply put = anonymous("PUT", "/db/d/f.bin", bytes, {{"Content-Type", "image/png"}});
  ASSERT_EQ(put.status, 201);
  const Reply get = anonymous("GET", "/db/d/f.bin");
  EXPECT_EQ(get.body, bytes);
  EXPECT_EQ(get.header("Content-Type"), "image/png");
  EXPECT_EQ(get.header("Content-Security-Policy"), "sandbox");
  EXPECT_EQ(get.header("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(get.header("Accept-Ranges"), "bytes");
  const Md5 sum = md5(bytes);
  EXPECT_EQ(get.header("ETag"),
            "\"" + base64({reinterpret_cast<const char*>(sum.data()), sum.size()}) + "\"");
  EXPECT_EQ(anonymous("GET", "/db/d/f.bin", "", {{"If-None-Match", get.header("ETag")}}).status,
            304);
  EXPECT_EQ(anonymous("HEAD", "/db/d/f.bin").header("Content-Length"), "10");
  const Reply part = anonymous("GET", "/db/d/f.bin", "", {{"Range", "bytes=2-4"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, "234");
  EXPECT_EQ(part.header("Content-Range"), "bytes 2-4/10");
  EXPECT_EQ(anonymous("GET", "/db/d/f.bin", "", {{"Range", "bytes=-3"}}).body, "789");
  EXPECT_EQ(anonymous("GET", "/db/d/f.bin", "", {{"Range", "bytes=8-"}}).body, "89");
  EXPECT_EQ(anonymous("GET", "/db/d/f.bin", "", {{"Range", "bytes=50-60"}}).status, 416);
  EXPECT_EQ(anonymous("GET", "/db/d/f.bin", "", {{"Range", "bytes=x"}}).status, 200);
  const Reply two = anonymous("GET", "/db/d/f.bin", "", {{"Range", "bytes=0-1,4-5"}});
  EXPECT_EQ(two.status, 206);
  EXPECT_TRUE(two.header("Content-Type").starts_with("multipart/byteranges"));
  EXPECT_NE(two.body.find("\r\n\r\n45\r\n--"), std::string::npos);

  EXPECT_EQ(anonymous("PUT", "/db/d/f.bin", "x", {{"Content-Type", "image/png"}}).status, 409);
  EXPECT_EQ(anonymous("GET", "/db/d/nope").text("reason"), "Document is missing attachment");
  EXPECT_EQ(anonymous("GET", "/db/none/nope").text("reason"), "missing");
  EXPECT_EQ(anonymous("DELETE", "/db/d/f.bin").status, 409);
  const Reply deleted = anonymous("DELETE", "/db/d/f.bin?rev=" + put.text("rev"));
  EXPECT_EQ(deleted.status, 200);
  EXPECT_EQ(anonymous("DELETE", "/db/d/f.bin?rev=" + deleted.text("rev")).status, 404);
}

TEST_F(AttachmentsTest, LargeBodyIsStreamedAndOthersAreKept) {
  std::string bytes(3'000'000, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 + i / 977);
  const HeaderList type = {{"Content-Type", "application/octet-stream"}};
  const Reply first = anonymous("PUT", "/db/d/small", "s", type);
  const Reply second = anonymous("PUT", "/db/d/dir/big?rev=" + first.text("rev"), bytes, type);
  ASSERT_EQ(second.status, 201) << second.body;
  EXPECT_EQ(anonymous("GET", "/db/d/dir/big").body, bytes);
  EXPECT_EQ(anonymous("GET", "/db/d/small").body, "s");
  // Chunked, as a client sends what it does not know the length of.
  Client chunked = client();
  chunked.send(
      "PUT /db/e/f HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
      "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
  EXPECT_EQ(chunked.read_reply().status, 201);
  EXPECT_EQ(anonymous("GET", "/db/e/f").body, "hello world");
}

TEST_F(AttachmentsTest, InlineStubsAndBase64) {
  const Reply put = anonymous(
      "PUT", "/db/d", R"({"_attachments":{"t":{"content_type":"text/plain","data":"aGVsbG8="}}})");
  ASSERT_EQ(put.status, 201);
  const auto shown = anonymous("GET", "/db/d").json().at("_attachments").at("t");
  EXPECT_EQ(shown.at("stub"), true);
  EXPECT_EQ(shown.at("length"), 5);
  EXPECT_EQ(shown.at("revpos"), 1);
  const HeaderList as_json = {{"Accept", "application/json"}};
  EXPECT_EQ(anonymous("GET", "/db/d?attachments=true", "", as_json)
                .json()
                .at("_attachments")
                .at("t")
                .at("data"),
            "aGVsbG8=");
  const Reply again = anonymous(
      "PUT", "/db/d",
      R"({"_rev":")" + put.text("rev") + R"(","v":2,"_attachments":{"t":{"stub":true}}})");
  ASSERT_EQ(again.status, 201);
  EXPECT_EQ(anonymous("GET", "/db/d/t").body, "hello");
  const Reply bad = anonymous("PUT", "/db/x", R"({"_attachments":{"zz":{"stub":true}}})");
  EXPECT_EQ(bad.status, 412);
  EXPECT_EQ(bad.text("error"), "missing_stub");
  EXPECT_EQ(bad.text("reason"), "Invalid attachment stub in x for zz");
  EXPECT_EQ(anonymous("PUT", "/db/y", R"({"_attachments":{"zz":{"data":"!!!"}}})").text("reason"),
            "Invalid attachment data for zz");
  const auto changes = anonymous("GET", "/db/_changes?include_docs=true&attachments=true").json();
  EXPECT_EQ(changes.at("results").at(0).at("doc").at("_attachments").at("t").at("data"),
            "aGVsbG8=");
  const auto all = anonymous("GET", "/db/_all_docs?include_docs=true").json();
  EXPECT_EQ(all.at("rows").at(0).at("doc").at("_attachments").at("t").at("stub"), true);
}

constexpr const char* kRelated =
    "--abc123\r\nContent-Type: application/json\r\n\r\n"
    R"({"_id":"mp","_rev":"2-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","_revisions":{"start":2,"ids":)"
    R"(["bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]},"_attachments":)"
    R"({"foo.txt":{"follows":true,"content_type":"image/x-any","length":5,"revpos":2},)"
    R"("bar.txt":{"follows":true,"content_type":"text/plain","length":3,"revpos":2}}})"
    "\r\n--abc123\r\nContent-Disposition: attachment; filename=\"foo.txt\"\r\n\r\nhello"
    "\r\n--abc123\r\nContent-Disposition: attachment; "
    "filename=\"bar.txt\"\r\n\r\nbar\r\n--abc123--";

TEST_F(AttachmentsTest, MultipartAsTheReplicatorSendsAndReadsIt) {
  const HeaderList type = {{"Content-Type", "multipart/related; boundary=\"abc123\""}};
  const Reply put = anonymous("PUT", "/db/mp?new_edits=false", kRelated, type);
  ASSERT_EQ(put.status, 201) << put.body;
  EXPECT_EQ(anonymous("GET", "/db/mp/foo.txt").body, "hello");
  EXPECT_EQ(anonymous("GET", "/db/mp/bar.txt").body, "bar");

  const Reply related =
      anonymous("GET", "/db/mp?attachments=true&revs=true", "", {{"Accept", "multipart/related"}});
  EXPECT_TRUE(related.header("Content-Type").starts_with("multipart/related; boundary="));
  EXPECT_NE(related.body.find("\"follows\":true"), std::string::npos);
  EXPECT_NE(related.body.find("\r\nContent-Length: 5\r\n\r\nhello\r\n--"), std::string::npos);
  // Text goes packed, and says so.
  EXPECT_NE(
      related.body.find("\"length\":3,\"follows\":true,\"encoding\":\"gzip\",\"encoded_length\":"),
      std::string::npos);
  EXPECT_NE(related.body.find("\r\nContent-Encoding: gzip\r\n\r\n"), std::string::npos);

  const Reply mixed =
      anonymous("GET",
                "/db/mp?revs=true&latest=true&open_revs=[%222-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb%22,"
                "%229-99999999999999999999999999999999%22]",
                "", {{"Accept", "multipart/mixed"}});
  EXPECT_TRUE(mixed.header("Content-Type").starts_with("multipart/mixed; boundary="));
  EXPECT_NE(mixed.body.find("Content-Type: multipart/related; boundary="), std::string::npos);
  EXPECT_NE(mixed.body.find("error=\"true\"\r\n\r\n{\"missing\":\"9-9999"), std::string::npos);

  const Reply bulk =
      anonymous("POST", "/db/_bulk_get?revs=true&attachments=true",
                R"({"docs":[{"id":"mp"},{"id":"nope"}]})", {{"Accept", "multipart/mixed"}});
  EXPECT_TRUE(bulk.header("Content-Type").starts_with("multipart/mixed; boundary="));
  EXPECT_NE(bulk.body.find("X-Doc-Id: mp"), std::string::npos);
  EXPECT_NE(bulk.body.find("\"error\":\"not_found\""), std::string::npos);
}

TEST_F(AttachmentsTest, MultipartThatDoesNotAddUpIsRefused) {
  const HeaderList type = {{"Content-Type", "multipart/related; boundary=\"abc123\""}};
  auto with = [](std::string from, std::string to) {
    std::string text = kRelated;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  EXPECT_EQ(anonymous("PUT", "/db/mp?new_edits=false", with("\"length\":5", "\"length\":4"), type)
                .text("reason"),
            "attachment longer than expected");
  EXPECT_EQ(anonymous("PUT", "/db/mp?new_edits=false", with("\"length\":5", "\"length\":9"), type)
                .text("reason"),
            "attachment shorter than expected");
  EXPECT_EQ(anonymous("PUT", "/db/mp?new_edits=false", with("--abc123--", "--abc"), type).status,
            400);
  EXPECT_EQ(anonymous("PUT", "/db/mp?new_edits=false", "nothing", type).status, 400);
  EXPECT_EQ(anonymous("PUT", "/db/mp", kRelated, {{"Content-Type", "multipart/related"}}).status,
            400);
  EXPECT_EQ(anonymous("GET", "/db/mp").status, 404);
}

TEST_F(AttachmentsTest, GzipIsKeptAndUnpackedForWhoDoesNotTakeIt) {
  const std::string plain(5000, 'z');
  const std::string packed = server::gzip(plain);
  ASSERT_EQ(anonymous("PUT", "/db/d/z.txt", packed,
                      {{"Content-Type", "text/plain"}, {"Content-Encoding", "gzip"}})
                .status,
            201);
  const Reply unpacked = anonymous("GET", "/db/d/z.txt");
  EXPECT_EQ(unpacked.body, plain);
  EXPECT_EQ(unpacked.header("Content-Encoding"), "");
  const Reply kept = anonymous("GET", "/db/d/z.txt", "", {{"Accept-Encoding", "gzip, br"}});
  EXPECT_EQ(kept.body, packed);
  EXPECT_EQ(kept.header("Content-Encoding"), "gzip");
}

TEST_F(AttachmentsTest, ContentTypeOfAClientCannotAddHeaders) {
  ASSERT_EQ(
      anonymous("PUT", "/db/d",
                R"({"_attachments":{"t":{"content_type":"text/html\r\nX-Evil: 1","data":""}}})")
          .status,
      201);
  const Reply get = anonymous("GET", "/db/d/t");
  EXPECT_EQ(get.status, 200);
  EXPECT_EQ(get.header("X-Evil"), "");
}

}  // namespace
}  // namespace atelier::server_test
