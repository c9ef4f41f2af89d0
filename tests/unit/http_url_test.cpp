// Goal: an address says where a database is, or says what is wrong with it; a password is shown
// nowhere.
#include <gtest/gtest.h>

#include "http/http_peer.h"

namespace atelier {
namespace {

TEST(HttpUrl, TakesAnAddressApart) {
  const auto url = DatabaseUrl::parse("http://ann:s%40cret%2F1@example.org:5984/couch/lobby%2Fa/");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->host, "example.org");
  EXPECT_EQ(url->port, 5984);
  EXPECT_EQ(url->base_path, "/couch");
  EXPECT_EQ(url->database, "lobby/a");
  EXPECT_EQ(url->credentials.kind, Credentials::Kind::kBasic);
  EXPECT_EQ(url->credentials.user, "ann");
  EXPECT_EQ(url->credentials.secret, "s@cret/1");
  EXPECT_EQ(url->display(), "http://example.org:5984/couch/lobby%2Fa");
  EXPECT_EQ(url->server(), "http://example.org:5984/couch");
}

TEST(HttpUrl, DefaultPortsAreNotShown) {
  const auto url = DatabaseUrl::parse("https://example.org/lobby");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->port, 443);
  EXPECT_EQ(url->display(), "https://example.org/lobby");
  EXPECT_EQ(DatabaseUrl::parse("http://example.org:80/lobby")->display(),
            "http://example.org/lobby");
}

TEST(HttpUrl, KnowsIpv6AndUnixSockets) {
  const auto six = DatabaseUrl::parse("http://[::1]:17984/lobby");
  ASSERT_TRUE(six);
  EXPECT_EQ(six->host, "::1");
  EXPECT_EQ(six->display(), "http://[::1]:17984/lobby");
  const auto local = DatabaseUrl::parse("unix:/run/user/1000/atelier/host.sock:/lobby");
  ASSERT_TRUE(local);
  EXPECT_EQ(local->socket_path, "/run/user/1000/atelier/host.sock");
  EXPECT_EQ(local->database, "lobby");
  EXPECT_TRUE(local->host.empty());
}

TEST(HttpUrl, PasswordWithAnAtSignIsReadToTheLastOne) {
  const auto url = DatabaseUrl::parse("http://ann:a@b@example.org/lobby");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->credentials.secret, "a@b");
  EXPECT_EQ(url->host, "example.org");
}

TEST(HttpUrl, RefusesWhatCannotBeOne) {
  for (const char* text : {"",
                           "lobby",
                           "ftp://h/d",
                           "http://",
                           "http:///d",
                           "http://h",
                           "http://h/",
                           "http://h:0/d",
                           "http://h:65536/d",
                           "http://h:port/d",
                           "http://h:/d",
                           "http://[::1/d",
                           "http://[::1]x/d",
                           "http://h/d?x=1",
                           "http://h/d#x",
                           "http://h/a b",
                           "http://h /d",
                           "http://h/%zz",
                           "http://h/%ff",
                           "http://h/%",
                           "http://:pw@h/d",
                           "http://u:%zz@h/d",
                           "unix:",
                           "unix:/sock",
                           "unix::/d",
                           "unix:/sock:/a/d",
                           "http://h/%00"}) {
    const auto url = DatabaseUrl::parse(text);
    EXPECT_FALSE(url) << text;
    EXPECT_EQ(url ? ErrorCode::kInternal : url.error().code, ErrorCode::kInvalid) << text;
  }
}

TEST(HttpUrl, NoMessageHoldsThePassword) {
  for (const char* text :
       {"http://ann:hunter2@h:port/d", "http://ann:hunter2@h/", "http://ann:hunter2%zz@h/d",
        "ftp://ann:hunter2@h/d", "http://ann:hunter2@/d"}) {
    const auto url = DatabaseUrl::parse(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().message.find("hunter2"), std::string::npos) << url.error().message;
  }
  const auto url = DatabaseUrl::parse("http://ann:hunter2@127.0.0.1:1/d");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->display().find("hunter2"), std::string::npos);
  const auto peer = make_http_peer(*url, {});
  ASSERT_TRUE(peer);
  const auto info = (*peer)->info();
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(info.error().message.find("hunter2"), std::string::npos) << info.error().message;
}

TEST(HttpUrl, EncodesEverythingThatIsNotUnreserved) {
  EXPECT_EQ(url_encode("message:1+2/3 é~"), "message%3A1%2B2%2F3%20%C3%A9~");
}

}  // namespace
}  // namespace atelier
