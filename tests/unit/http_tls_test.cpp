// Goal: a pinned server is believed by its certificate alone, any other by authorities alone, for
// requests and for presence; whoever is refused is told why in words, and was sent nothing. Method:
// our server with certificates of the test's own.
#include <chrono>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>

#include "base/digest.h"
#include "http/http_client.h"
#include "http/presence_client.h"
#include "server/server.h"
#include "store/catalog.h"
#include "unit/replication_tools.h"

namespace atelier::testing {
namespace {

using std::chrono::milliseconds;

constexpr const char* kToken = "the-admin-token-of-this-test";

class HttpTlsTest : public ::testing::Test {
 protected:
  HttpTlsTest() : catalog_(std::make_shared<Catalog>(folder_.path(), "the test")) {
    EXPECT_TRUE(catalog_->create("lobby"));
  }
  void write(const char* name, const std::string& text) const {
    std::ofstream(folder_.path() / name, std::ios::binary | std::ios::trunc) << text;
  }
  /// A server with a new certificate for `names`.
  void listen(const std::vector<std::string>& names = {"127.0.0.1"}, int days = 30,
              std::uint16_t port = 0) {
    const auto made = make_self_signed(names, days);
    ASSERT_TRUE(made) << made.error().message;
    write("cert.pem", made->certificate);
    write("key.pem", made->key);
    ServerOptions options;
    options.port = port;
    options.admin_token = kToken;
    options.uuid = random_uuid();
    options.tls_certificate = folder_.path() / "cert.pem";
    options.tls_key = folder_.path() / "key.pem";
    auto started = Server::start(options, catalog_);
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
  }
  std::string pin() const { return server_->certificate()->sha256; }
  std::string ca_file() const { return (folder_.path() / "cert.pem").string(); }
  /// The administrator's, pinned to `sha256` unless that is empty.
  DatabaseUrl url(const std::string& sha256, const std::string& host = "127.0.0.1") const {
    const std::string text = "https://admin:" + std::string(kToken) + "@" + host + ":" +
                             std::to_string(server_->port()) + "/lobby";
    return *DatabaseUrl::parse(text + (sha256.empty() ? "" : "#sha256=" + sha256));
  }
  /// What comes of a request that would be seen at the server.
  Result<HttpReply> put(const DatabaseUrl& where, const std::string& trusted = {}) const {
    HttpTransport transport;
    transport.ca_file = trusted;
    HttpClient::Request request;
    request.method = "PUT";
    request.path = "/lobby/_local/mark";
    request.body = "{}";
    request.headers["Authorization"] = "Bearer " + std::string(kToken);
    return make_http_client(where, transport)->send(request);
  }
  void expect_refused(const DatabaseUrl& where, const std::string& words,
                      const std::string& trusted = {}) const {
    const auto reply = put(where, trusted);
    ASSERT_FALSE(reply) << reply->status;
    EXPECT_EQ(reply.error().code, ErrorCode::kUnavailable);
    EXPECT_NE(reply.error().message.find(words), std::string::npos) << reply.error().message;
    EXPECT_EQ(reply.error().message.find(kToken), std::string::npos);
    EXPECT_FALSE((*catalog_->open("lobby", false))->get_local("mark"));
  }
  static std::string other_than(std::string sha256) {
    sha256[10] = sha256[10] == '0' ? '1' : '0';
    return sha256;
  }
  /// How far a client's presence gets: waits until it is live or says why not.
  static PresenceStatus presence(const DatabaseUrl& where, const std::string& trusted = {}) {
    PresenceClientOptions options;
    options.ca_file = trusted;
    PresenceClient client("Ada", options);
    client.set_url(where);
    return settled(client);
  }
  static PresenceStatus settled(const PresenceClient& client) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < end) {
      const PresenceStatus status = client.status();
      if (status.state == PresenceState::kLive) return status;
      if (status.state != PresenceState::kNone &&
          status.reason.find("connecting to") == std::string::npos)
        return status;
      std::this_thread::sleep_for(milliseconds(5));
    }
    return client.status();
  }

  TempFolder folder_;
  std::shared_ptr<Catalog> catalog_;
  std::unique_ptr<Server> server_;
};

TEST_F(HttpTlsTest, ThePinnedCertificateIsBelievedWithoutAnyAuthority) {
  listen();
  const auto reply = put(url(pin()));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 201);
  EXPECT_TRUE((*catalog_->open("lobby", false))->get_local("mark"));
  EXPECT_EQ(presence(url(pin())).state, PresenceState::kLive) << presence(url(pin())).reason;
}

TEST_F(HttpTlsTest, AnotherOneIsNotAndNothingWasSent) {
  listen();
  expect_refused(url(other_than(pin())), "is not the one that the link names");
  const PresenceStatus status = presence(url(other_than(pin())));
  EXPECT_EQ(status.state, PresenceState::kConnecting);
  EXPECT_NE(status.reason.find("is not the one that the link names"), std::string::npos)
      << status.reason;
}

TEST_F(HttpTlsTest, AnAuthorityDoesNotHelpAgainstThePin) {
  listen();
  expect_refused(url(other_than(pin())), "is not the one that the link names", ca_file());
  EXPECT_EQ(presence(url(other_than(pin())), ca_file()).state, PresenceState::kConnecting);
}

TEST_F(HttpTlsTest, NameAndTimeOfThePinnedOneDoNotMatter) {
  listen({"other.example"}, -1);
  EXPECT_TRUE(put(url(pin())));
  EXPECT_EQ(presence(url(pin())).state, PresenceState::kLive);
}

TEST_F(HttpTlsTest, WithoutAPinAuthoritiesDecide) {
  listen();
  expect_refused(url(""), "is not to be trusted");
  EXPECT_NE(presence(url("")).reason.find("is not to be trusted"), std::string::npos);
  EXPECT_TRUE(put(url(""), ca_file()));
  EXPECT_EQ(presence(url(""), ca_file()).state, PresenceState::kLive);
}

TEST_F(HttpTlsTest, WithoutAPinNameAndTimeMatter) {
  listen({"other.example"});
  expect_refused(url(""), "is not to be trusted", ca_file());
  EXPECT_EQ(presence(url(""), ca_file()).state, PresenceState::kConnecting);
  server_.reset();
  listen({"127.0.0.1"}, -1);
  expect_refused(url(""), "is not to be trusted", ca_file());
  EXPECT_EQ(presence(url(""), ca_file()).state, PresenceState::kConnecting);
}

TEST_F(HttpTlsTest, ACertificateThatIsReplacedIsNotBelievedAtTheNextConnection) {
  listen();
  const DatabaseUrl where = url(pin());
  HttpTransport transport;
  const auto client = make_http_client(where, transport);
  HttpClient::Request request;
  request.path = "/";
  ASSERT_TRUE(client->send(request));
  PresenceClientOptions quick;
  quick.retry_first_ms = 10;
  quick.retry_max_ms = 20;
  PresenceClient person("Ada", quick);
  person.set_url(where);
  ASSERT_EQ(settled(person).state, PresenceState::kLive);
  const std::uint16_t port = server_->port();
  server_.reset();
  listen({"127.0.0.1"}, 30, port);
  const auto refused = client->send(request);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("is not the one that the link names"), std::string::npos)
      << refused.error().message;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (person.status().reason.find("is not the one that the link names") == std::string::npos) {
    ASSERT_LT(std::chrono::steady_clock::now(), end) << person.status().reason;
    std::this_thread::sleep_for(milliseconds(5));
  }
}

TEST_F(HttpTlsTest, APeerReplicatesWithItsPinAndSaysWhyItDoesNot) {
  listen();
  const auto peer = make_http_peer(url(pin()), {});
  ASSERT_TRUE(peer);
  const auto info = (*peer)->info();
  ASSERT_TRUE(info) << info.error().message;
  const auto other = make_http_peer(url(other_than(pin())), {});
  ASSERT_TRUE(other);
  const auto refused = (*other)->info();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("is not the one that the link names"), std::string::npos);
}

TEST(HttpUrlPin, IsTakenAndKeptAndNotShown) {
  const std::string sha256(64, 'a');
  const auto url = DatabaseUrl::parse("https://ann:pw@example.org/lobby#sha256=" + sha256);
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->certificate_sha256, sha256);
  EXPECT_EQ(url->database, "lobby");
  EXPECT_EQ(url->display(), "https://example.org/lobby");
  EXPECT_EQ(url->address(), "https://example.org/lobby#sha256=" + sha256);
  EXPECT_EQ(DatabaseUrl::parse(url->address())->certificate_sha256, sha256);
  EXPECT_EQ(DatabaseUrl::parse("https://h/d#sha256=" + std::string(64, 'A'))->certificate_sha256,
            sha256);
  EXPECT_EQ(DatabaseUrl::parse("https://h/d")->address(), "https://h/d");
}

TEST(HttpUrlPin, ThatIsNoneIsRefused) {
  const std::string sha256(64, 'a');
  for (const std::string& bad :
       {"http://h/d#sha256=" + sha256, "https://h/d#sha256=" + sha256.substr(1),
        "https://h/d#sha256=" + sha256 + "0", std::string("https://h/d#sha256="),
        "https://h/d#sha256=" + std::string(64, 'g'), "https://h/d#sha1=" + sha256,
        "https://h/d#" + sha256, "https://h/d#sha256=" + sha256 + "#sha256=" + sha256,
        "https://h/d?x#sha256=" + sha256}) {
    const auto url = DatabaseUrl::parse(bad);
    ASSERT_FALSE(url) << bad;
    EXPECT_EQ(url.error().code, ErrorCode::kInvalid);
  }
}

}  // namespace
}  // namespace atelier::testing
