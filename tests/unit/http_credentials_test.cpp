// Goal: sessions and tokens are made when needed, renewed in time and shared; secrets stay secret.
// Method: a client that answers by script instead of a network, and a clock that the test turns.
#include <deque>

#include <gtest/gtest.h>

#include "http/credentials.h"
#include "http/http_client.h"
#include "replication_tools.h"

namespace atelier::testing {
namespace {

HttpReply reply(int status, std::string body, std::string cookie = "") {
  HttpReply made;
  made.status = status;
  made.body = std::move(body);
  if (!cookie.empty()) made.headers.emplace("set-cookie", std::move(cookie));
  return made;
}

class ScriptedClient : public HttpClient {
 public:
  Result<HttpReply> send(const Request& request) override {
    requests.push_back(request);
    if (replies.empty()) return Error(ErrorCode::kUnavailable, "nobody answers");
    Result<HttpReply> next = std::move(replies.front());
    replies.pop_front();
    return next;
  }
  void cancel() override {}
  std::uint64_t connections() const override { return 0; }

  std::deque<Result<HttpReply>> replies;
  std::vector<Request> requests;
};

class AuthenticatorTest : public ::testing::Test {
 protected:
  Authenticator& make(Credentials credentials) {
    who = std::make_unique<Authenticator>(std::move(credentials), "/base", clock);
    return *who;
  }
  Result<Authenticator::Header> header() {
    return who->header(server, [this](const std::string& url) -> Result<HttpClient*> {
      exchanged_at = url;
      return &exchange;
    });
  }
  std::string value() {
    const auto made = header();
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return made ? made->value : "";
  }
  static Credentials iam() {
    Credentials key;
    key.kind = Credentials::Kind::kIamKey;
    key.secret = "the api+key";
    return key;
  }
  static Credentials cookie() {
    Credentials user;
    user.kind = Credentials::Kind::kCookie;
    user.user = "ada";
    user.secret = "sesame&more";
    return user;
  }

  TestClock clock;
  ScriptedClient server, exchange;
  std::string exchanged_at;
  std::unique_ptr<Authenticator> who;
};

TEST_F(AuthenticatorTest, ApiKeyIsExchangedOnceAndRenewedFiveMinutesEarly) {
  make(iam());
  exchange.replies = {reply(200, R"({"access_token":"first","expires_in":3600})"),
                      reply(200, R"({"access_token":"second","expires_in":3600})")};
  EXPECT_EQ(value(), "Bearer first");
  EXPECT_EQ(exchanged_at, kIamTokenUrl);
  EXPECT_EQ(exchange.requests[0].path, "/identity/token");
  EXPECT_EQ(exchange.requests[0].body,
            "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey=the%20api%2Bkey");
  clock.advance(3'299'000);
  EXPECT_EQ(value(), "Bearer first");
  clock.advance(2'000);
  EXPECT_EQ(value(), "Bearer second");
  EXPECT_EQ(exchange.requests.size(), 2u);
}

TEST_F(AuthenticatorTest, TokenStaysInUseWhileItsRenewalFails) {
  make(iam());
  exchange.replies = {reply(200, R"({"access_token":"first","expires_in":3600})"),
                      reply(503, "busy"), Error(ErrorCode::kUnavailable, "gone"),
                      reply(503, "busy")};
  EXPECT_EQ(value(), "Bearer first");
  clock.advance(3'310'000);
  EXPECT_EQ(value(), "Bearer first");
  EXPECT_EQ(value(), "Bearer first");
  clock.advance(300'000);
  const auto late = header();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kUnavailable);
}

TEST_F(AuthenticatorTest, RefusedTokenIsExchangedAnewAndASecondRefusalIsFinal) {
  make(iam());
  exchange.replies = {reply(200, R"({"access_token":"first"})"),
                      reply(200, R"({"access_token":"second"})")};
  const auto first = header();
  ASSERT_TRUE(first);
  EXPECT_FALSE(who->may_renew(*first, 403));  // that one is about rights
  EXPECT_TRUE(who->may_renew(*first, 401));
  EXPECT_EQ(value(), "Bearer second");
  // Another connection still carried the first.
  EXPECT_TRUE(who->may_renew(*first, 401));
}

TEST_F(AuthenticatorTest, UnknownKeyIsSaidInTheServicesWordsAndWithoutTheKey) {
  make(iam());
  exchange.replies = {
      reply(400, R"({"errorCode":"BXNIM0415E","errorMessage":"Provided API key the api+key could )"
                 R"(not be found."})")};
  const auto refused = header();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnauthorized);
  const std::string words = who->scrub(refused.error().message);
  EXPECT_NE(words.find("could not be found"), std::string::npos) << words;
  EXPECT_EQ(words.find("the api+key"), std::string::npos) << words;
}

TEST_F(AuthenticatorTest, GarbageInsteadOfATokenIsNoToken) {
  make(iam());
  for (const char* body : {"", "7", "[]", "{}", R"({"access_token":7})", R"({"access_token":""})",
                           R"({"access_token":"a\r\nX: y"})"}) {
    exchange.replies = {reply(200, body)};
    const auto made = header();
    ASSERT_FALSE(made) << body;
    EXPECT_EQ(made.error().code, ErrorCode::kUnavailable) << body;
  }
}

TEST_F(AuthenticatorTest, SessionIsOpenedOnceAndRenewedWhenItExpired) {
  make(cookie());
  server.replies = {reply(200, "{}", "AuthSession=one; Version=1; Path=/; HttpOnly"),
                    reply(200, "{}", "AuthSession=two; Path=/")};
  const auto first = header();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->name, "Cookie");
  EXPECT_EQ(first->value, "AuthSession=one");
  EXPECT_EQ(server.requests[0].path, "/base/_session");
  EXPECT_EQ(server.requests[0].body, "name=ada&password=sesame%26more");
  EXPECT_FALSE(who->may_renew(*first, 403));  // too young to have expired
  clock.advance(601'000);
  EXPECT_TRUE(who->may_renew(*first, 403));
  EXPECT_EQ(value(), "AuthSession=two");
}

TEST_F(AuthenticatorTest, CookieThatTheServerRenewsIsTaken) {
  make(cookie());
  server.replies = {reply(200, "{}", "AuthSession=one; Path=/")};
  EXPECT_EQ(value(), "AuthSession=one");
  who->observe_cookie("Tracker=7");
  who->observe_cookie("AuthSession=; Max-Age=0");
  EXPECT_EQ(value(), "AuthSession=one");
  who->observe_cookie("AuthSession=fresh; Max-Age=600");
  EXPECT_EQ(value(), "AuthSession=fresh");
}

TEST_F(AuthenticatorTest, ServerWithoutSessionsGetsThePasswordEachTime) {
  make(cookie());
  server.replies = {reply(404, "{}")};
  EXPECT_EQ(value(), "Basic YWRhOnNlc2FtZSZtb3Jl");
  EXPECT_EQ(value(), "Basic YWRhOnNlc2FtZSZtb3Jl");
  EXPECT_EQ(server.requests.size(), 1u);
}

TEST_F(AuthenticatorTest, WrongPasswordIsUnauthorized) {
  make(cookie());
  server.replies = {reply(401, R"({"error":"unauthorized","reason":"no sesame&more"})")};
  const auto refused = header();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnauthorized);
  EXPECT_EQ(who->scrub(refused.error().message).find("sesame"), std::string::npos);
}

TEST_F(AuthenticatorTest, CallbackIsAskedAgainAfterARefusal) {
  Credentials callback;
  callback.kind = Credentials::Kind::kCallback;
  std::vector<bool> asked;
  callback.authorization = [&](bool renew) -> Result<std::string> {
    asked.push_back(renew);
    return "Bearer " + std::to_string(asked.size());
  };
  make(callback);
  const auto first = header();
  ASSERT_TRUE(first);
  EXPECT_EQ(value(), "Bearer 1");
  EXPECT_TRUE(who->may_renew(*first, 401));
  EXPECT_EQ(value(), "Bearer 2");
  EXPECT_EQ(asked, (std::vector<bool>{false, true}));
}

TEST_F(AuthenticatorTest, NoFormOfASecretIsLeftInWords) {
  make(cookie());
  server.replies = {reply(200, "{}", "AuthSession=c2Vzc2lvbg; Path=/")};
  EXPECT_EQ(value(), "AuthSession=c2Vzc2lvbg");
  const std::string words = who->scrub(
      "sesame&more sesame%26more YWRhOnNlc2FtZSZtb3Jl AuthSession=c2Vzc2lvbg c2Vzc2lvbg plain");
  EXPECT_EQ(words, "*** *** *** *** *** plain");
}

}  // namespace
}  // namespace atelier::testing
