// Goal: nothing a client sends crashes the server, hangs it or keeps the next client from being
// served. Method: hostile bytes on one connection, then an ordinary request on another.
#include <thread>

#include "server/gzip.h"
#include "server/server.h"
#include "server_tools.h"

namespace atelier::server_test {
namespace {

class HostileTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    start();
    make_database("db");
  }
  void TearDown() override {
    EXPECT_EQ(anonymous("GET", "/db").status, 200) << "the next client is served";
    ServerTest::TearDown();
  }
  /// What the server answers to these bytes, and that it closes after it.
  int status_of(const std::string& bytes) {
    Client hostile = client();
    hostile.send(bytes);
    const int status = hostile.read_reply().status;
    EXPECT_TRUE(hostile.closed()) << bytes.substr(0, 60);
    return status;
  }
};

TEST_F(HostileTest, GarbageIsRefused) {
  EXPECT_EQ(status_of("GARBAGE\r\n\r\n"), 400);
  EXPECT_EQ(status_of(std::string("\x16\x03\x01\x02\x00\x01\x00\x01", 8) + "\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/9.9\r\nHost: localhost\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET /\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nNo colon here\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost : localhost\r\n\r\n"), 400);
  EXPECT_EQ(status_of(std::string("GET /a") + '\0' + "b HTTP/1.1\r\nHost: localhost\r\n\r\n"), 400);
}

TEST_F(HostileTest, SmuggledRequestsAreRefused) {
  const std::string head =
      "POST /db HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  EXPECT_EQ(status_of(head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            400);
  EXPECT_EQ(status_of(head + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
            400);
  EXPECT_EQ(status_of(head + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde"), 400);
  EXPECT_EQ(status_of(head + "Content-Length: -5\r\n\r\n"), 400);
  EXPECT_EQ(status_of(head + "Content-Length: 99999999999999999999999\r\n\r\n"), 400);
  EXPECT_EQ(status_of(head + "Transfer-Encoding: gzip\r\n\r\n"), 501);
  EXPECT_EQ(status_of(head + "Transfer-Encoding: chunked, gzip\r\n\r\n"), 501);
  EXPECT_EQ(status_of(head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"), 400);
  // Also where the two agree: somebody in between may read the other one.
  EXPECT_EQ(status_of(head + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"), 400);
  EXPECT_EQ(status_of(head + "Content-Length: 2, 2\r\n\r\n{}"), 400);
  for (const char* length : {"+2", "0x2", "2a", "", "1_0"})
    EXPECT_EQ(status_of(head + "Content-Length: " + length + "\r\n\r\n{}"), 400) << length;
  for (const char* encoding : {"xchunked", "identity", "\"chunked\"", "gzip, chunked"})
    EXPECT_EQ(status_of(head + "Transfer-Encoding: " + encoding + "\r\n\r\n0\r\n\r\n"), 501)
        << encoding;
  EXPECT_EQ(status_of(head + "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n"), 400);
  EXPECT_EQ(status_of(head + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"), 400);
  EXPECT_EQ(status_of(head + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"), 400);
}

TEST_F(HostileTest, HeadsThatOthersReadOtherwiseAreRefused) {
  const std::string host = "Host: localhost\r\n";
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n" + host + "X: a\r\n b\r\n\r\n"), 400) << "folded";
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n" + host + "X: a\r\n\tb\r\n\r\n"), 400) << "folded";
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n " + host + "\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\nHost: localhost\n\n"), 400) << "bare line feeds";
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n" + host + "X: a\nY: b\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n" + host + "X: a\rY: b\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n" + host + std::string("X: a\0b\r\n\r\n", 10)), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n" + host + ": a\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n" + host + "X y: a\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / http/1.1\r\n" + host + "\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/2.0\r\n" + host + "\r\n"), 400);
  EXPECT_EQ(status_of("GET  / HTTP/1.1\r\n" + host + "\r\n"), 400);
  EXPECT_EQ(status_of("GET\t/\tHTTP/1.1\r\n" + host + "\r\n"), 400);
  EXPECT_EQ(status_of("GE(T / HTTP/1.1\r\n" + host + "\r\n"), 400);
  const auto answer = [&](const std::string& line, const std::string& headers) {
    Client connection = client();
    connection.send(line + " HTTP/1.1\r\n" + headers + "\r\n");
    return connection.read_reply().status;
  };
  EXPECT_EQ(answer("GET /", ""), 400) << "no Host";
  EXPECT_EQ(answer("GET /", host + host), 400) << "two of them";
  EXPECT_EQ(answer("GET _up", host), 400);
  EXPECT_EQ(answer("GET http://localhost/_up", host), 200);
  EXPECT_EQ(answer("GET http://elsewhere/_up", host), 421);
  EXPECT_EQ(answer("OPTIONS *", host), 405);
  EXPECT_EQ(answer("CONNECT localhost:80", host), 400);
  EXPECT_EQ(answer("TRACE /_up", host), 405);
  EXPECT_EQ(answer("GET /../_up", host), 404);
}

TEST_F(HostileTest, ChunksAreReadStrictly) {
  const std::string head =
      "POST /db HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n";
  const auto answer = [&](const std::string& body) {
    Client connection = client();
    connection.send(head + body);
    return connection.read_reply().status;
  };
  EXPECT_EQ(answer("2\r\n{}\r\n0\r\n\r\n"), 201);
  EXPECT_EQ(answer("0000002\r\n{}\r\n0\r\n\r\n"), 201);
  EXPECT_EQ(answer("2;a=b;c=\"d;e\"\r\n{}\r\n0;f\r\n\r\n"), 201) << "extensions are passed over";
  EXPECT_EQ(answer("1\r\n{\r\n1\r\n}\r\n0\r\nX: y\r\n\r\n"), 201) << "so are trailers";
  for (const char* body : {"g\r\n{}\r\n0\r\n\r\n", "0x2\r\n{}\r\n0\r\n\r\n",
                           "-2\r\n{}\r\n0\r\n\r\n", " 2\r\n{}\r\n0\r\n\r\n", "2\r\n{}0\r\n\r\n",
                           "ffffffffffffffffff\r\n{}", "2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n"})
    EXPECT_EQ(status_of(head + body), 400) << body;
  EXPECT_EQ(status_of(head + "2;" + std::string(100'000, 'x')), 431) << "an extension without end";
}

TEST_F(HostileTest, LoneCarriageReturnIsRefused) {
  for (const char* end : {"\rX", "\r\r", "\r \r\n\r\n", "\rX: y\r\n\r\n"})
    EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: localhost\r\n" + std::string(end)), 400) << end;
}

TEST_F(HostileTest, ChunksMayComeByteByByte) {
  for (const std::string target : {"/db", "/db/_ensure_full_commit"}) {
    Client slow = client();
    slow.send("POST " + target + " HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n");
    const std::string chunk = target == "/db" ? "2\r\n{}\r\n" : "";
    for (const char byte : "Content-Type: application/json\r\n\r\n" + chunk + "0\r\n\r\n") {
      ASSERT_TRUE(slow.send({&byte, 1}));
      // So that each is a read of its own.
      EXPECT_EQ(anonymous("GET", "/_up").status, 200);
    }
    EXPECT_EQ(slow.read_reply().status, 201) << target;
  }
}

TEST_F(HostileTest, TrailersAddNoHeaders) {
  Client connection = client();
  connection.send(
      "PUT /db/trailed HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\n{}\r\n0\r\nContent-Encoding: gzip\r\nIf-Match: 1-a\r\n\r\n");
  EXPECT_EQ(connection.read_reply().status, 201);
  EXPECT_EQ(connection.request("GET", "/_up").status, 200);
}

TEST_F(HostileTest, AnUnknownEncodingIsRefusedAndADamagedOneSaysSo) {
  const Reply unknown = anonymous("PUT", "/db/d", "{}", {{"Content-Encoding", "deflate"}});
  EXPECT_EQ(unknown.status, 415);
  EXPECT_EQ(unknown.text("reason"), "deflate is not a supported content encoding.");
  EXPECT_EQ(anonymous("PUT", "/db/d", "{}", {{"Content-Encoding", "identity"}}).status, 201);
  const Reply damaged = anonymous("PUT", "/db/e", "{}", {{"Content-Encoding", "gzip"}});
  EXPECT_EQ(damaged.status, 400);
  EXPECT_EQ(damaged.text("reason"), "Request body is not properly gzipped.");
}

TEST_F(HostileTest, GiantHeadIsRefused) {
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(100'000, 'x')), 431);
  EXPECT_EQ(status_of("GET /" + std::string(100'000, 'x')), 431);
}

TEST_F(HostileTest, BodyAboveTheLimitIsRefusedBeforeItIsSent) {
  EXPECT_EQ(status_of("POST /db HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                      "Content-Length: 999999999999\r\n\r\n"),
            413);
  EXPECT_EQ(status_of("PUT /db/d/att HTTP/1.1\r\nHost: localhost\r\n"
                      "Content-Length: 999999999999\r\nExpect: 100-continue\r\n\r\n"),
            413);
}

TEST_F(HostileTest, DocumentAboveTheLimitIsTooLarge) {
  const Reply reply =
      anonymous("PUT", "/db/big", "{\"a\":\"" + std::string(8'500'000, 'x') + "\"}");
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(reply.text("error"), "document_too_large");
}

TEST_F(HostileTest, RefusedBodyIsReadSoThatTheConnectionGoesOn) {
  Client connection = client();
  EXPECT_EQ(connection.request("PUT", "/nope/x", std::string(100'000, ' ')).status, 404);
  const std::string body(100'000, ' ');
  EXPECT_EQ(connection.request("POST", "/db", body, {{"Origin", "http://evil.example"}}).status,
            403);
  EXPECT_EQ(connection.request("GET", "/db").status, 200);
}

TEST_F(HostileTest, ExpectContinueIsAnswered) {
  Client connection = client();
  connection.send(
      "PUT /db/ex HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\n"
      "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ(connection.read_head().status, 100);
  connection.send("{\"a\":1}");
  EXPECT_EQ(connection.read_reply().status, 201);
}

TEST_F(HostileTest, ExpectContinueIsAnsweredNeitherToOldClientsNorBeforeARefusal) {
  Client old = client();
  old.send(
      "PUT /db/ex HTTP/1.0\r\nHost: localhost\r\nContent-Length: 7\r\n"
      "Expect: 100-continue\r\n\r\n{\"a\":1}");
  EXPECT_EQ(old.read_head().status, 201);
  Client refused = client();
  refused.send(
      "PUT /db/ex HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000000\r\n"
      "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ(refused.read_head().status, 413);
}

TEST_F(HostileTest, GzipBodiesAreUnpackedWithinTheLimit) {
  const HeaderList packed = {{"Content-Encoding", "gzip"}};
  EXPECT_EQ(anonymous("PUT", "/db/gz", server::gzip("{\"a\":1}"), packed).status, 201);
  EXPECT_EQ(anonymous("GET", "/db/gz").json().at("a"), 1);
  EXPECT_EQ(anonymous("PUT", "/db/g2", "not gzip", packed).status, 400);
  const std::string half = server::gzip("{\"a\":1}");
  EXPECT_EQ(anonymous("PUT", "/db/g3", half.substr(0, half.size() - 9), packed).status, 400);
  const std::string bomb = server::gzip(std::string(80'000'000, ' '));
  EXPECT_EQ(anonymous("PUT", "/db/g4", bomb, packed).status, 413);
}

TEST_F(HostileTest, MalformedTextsAreRefusedWithAReason) {
  EXPECT_EQ(anonymous("PUT", "/db/deep", std::string(100'000, '[')).status / 100, 4);
  EXPECT_EQ(anonymous("PUT", "/db/deep",
                      "{\"a\":" + std::string(5'000, '[') + std::string(5'000, ']') + "}")
                    .status /
                100,
            4);
  EXPECT_EQ(anonymous("PUT", "/db/utf", "{\"a\":\"\xff\xfe\"}").status, 400);
  EXPECT_EQ(anonymous("PUT", "/db/%ff", "{}").status, 400);
  EXPECT_EQ(anonymous("GET", "/db/a%").status, 400);
  EXPECT_EQ(anonymous("GET", "/db/a?x=%g1").status, 400);
  EXPECT_EQ(anonymous("PUT", "/db/" + std::string(8'000, 'i'), "{}").status / 100, 4);
  EXPECT_EQ(anonymous("GET", "/db/a?open_revs=[5]").status, 400);
  EXPECT_EQ(anonymous("GET", "/db/a?atts_since=5&attachments=true").status, 400);
  EXPECT_EQ(anonymous("POST", "/db/_revs_diff", "{\"\":[\"1-a\"]}").status, 400);
  EXPECT_EQ(anonymous("POST", "/db/_bulk_get", "{\"docs\":[{\"id\":5}]}").status, 200);
}

TEST_F(HostileTest, TruncatedRequestsEndWithTheirConnection) {
  for (const char* text :
       {"GET / HT", "PUT /db/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{\"a\":1}",
        "PUT /db/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "PUT /db/x/att HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\nabc"}) {
    Client half = client();
    half.send(text);
    half.shutdown_send();
    EXPECT_TRUE(half.closed());
  }
  EXPECT_EQ(anonymous("GET", "/db/x").status, 404);
}

TEST_F(HostileTest, PipelinedRequestsAreAnsweredInOrder) {
  Client connection = client();
  std::string text;
  for (int i = 0; i < 2000; ++i)
    text += "GET /db/_local/n" + std::to_string(i) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  std::thread sender(
      [&] { connection.send(text + "GET /_up HTTP/1.1\r\nHost: localhost\r\n\r\nX X\r\n\r\n"); });
  for (int i = 0; i < 2000; ++i) ASSERT_EQ(connection.read_reply().status, 404);
  EXPECT_EQ(connection.read_reply().status, 200);
  EXPECT_EQ(connection.read_reply().status, 400);
  EXPECT_TRUE(connection.closed());
  sender.join();
}

TEST_F(HostileTest, Http10IsAnsweredWithoutChunks) {
  Client old = client();
  old.send("GET /db/_all_docs HTTP/1.0\r\nHost: localhost\r\n\r\n");
  const Reply reply = old.read_reply();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("Transfer-Encoding"), "");
  EXPECT_EQ(reply.json().at("total_rows"), 0);
}

TEST_F(HostileTest, ClientsThatVanishAreForgotten) {
  for (int i = 0; i < 200; ++i) {
    Client gone = client();
    gone.send_request("GET", "/db/_changes?feed=continuous&heartbeat=60000");
    if (i % 2 == 0) gone.read_head();
  }
  Client feed = client();
  feed.send_request("GET", "/db/_changes?feed=continuous&heartbeat=60000");
  feed.read_head();
  ASSERT_EQ(anonymous("PUT", "/db/a", "{}").status, 201);
  EXPECT_NE(feed.read_line()->find("\"a\""), std::string::npos);
}

}  // namespace
}  // namespace atelier::server_test
