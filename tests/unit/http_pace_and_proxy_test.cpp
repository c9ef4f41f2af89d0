// Goal: the pace follows a server's 429 answers for each class apart; the proxy of the environment
// is chosen by curl's rules. Method: pure functions and a number for the time.
#include <gtest/gtest.h>

#include "http/http_proxy.h"
#include "http/rate_pacer.h"

namespace atelier {
namespace {

TEST(RatePacer, NothingWaitsBeforeTheFirst429) {
  RatePacer pacer;
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(pacer.wait_ms(RequestClass::kRead, 5), 0);
  EXPECT_EQ(pacer.limit(RequestClass::kRead), 0);
}

TEST(RatePacer, HalvesAtA429AndGrowsByOneASecond) {
  RatePacer pacer;
  std::int64_t now = 10'000;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(pacer.wait_ms(RequestClass::kRead, now), 0);
  pacer.answered(RequestClass::kRead, true, now);
  EXPECT_EQ(pacer.limit(RequestClass::kRead), 10);
  pacer.answered(RequestClass::kRead, true, now + 10);  // of the same burst
  EXPECT_EQ(pacer.limit(RequestClass::kRead), 10);
  EXPECT_EQ(pacer.limit(RequestClass::kWrite), 0);  // each class for itself
  now += 1'000;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(pacer.wait_ms(RequestClass::kRead, now), 0);
  EXPECT_EQ(pacer.wait_ms(RequestClass::kRead, now + 400), 600);
  pacer.answered(RequestClass::kRead, false, now);
  pacer.answered(RequestClass::kRead, false, now + 10);
  EXPECT_EQ(pacer.limit(RequestClass::kRead), 11);
  pacer.answered(RequestClass::kRead, false, now + 1'000);
  EXPECT_EQ(pacer.limit(RequestClass::kRead), 12);
  for (int i = 0; i < 10; ++i) {
    now += 2'000;
    static_cast<void>(pacer.wait_ms(RequestClass::kRead, now));
    pacer.answered(RequestClass::kRead, true, now);
  }
  EXPECT_EQ(pacer.limit(RequestClass::kRead), 1);  // never to a standstill
}

TEST(RatePacer, RequestsAreOfTheClassThatCloudantCounts) {
  EXPECT_EQ(request_class("GET", "/db/_changes?since=0"), RequestClass::kQuery);
  EXPECT_EQ(request_class("POST", "/db/_find"), RequestClass::kQuery);
  EXPECT_EQ(request_class("GET", "/db/doc?rev=1-a"), RequestClass::kRead);
  EXPECT_EQ(request_class("POST", "/db/_bulk_get?revs=true"), RequestClass::kRead);
  EXPECT_EQ(request_class("POST", "/db/_revs_diff"), RequestClass::kRead);
  EXPECT_EQ(request_class("POST", "/db/_bulk_docs"), RequestClass::kWrite);
  EXPECT_EQ(request_class("PUT", "/db/_local/x"), RequestClass::kWrite);
}

class ProxyTest : public ::testing::Test {
 protected:
  Result<std::optional<HttpProxy>> choose(const char* address) {
    return proxy_for(*DatabaseUrl::parse(address),
                     [this](const char* name) -> std::optional<std::string> {
                       const auto found = variables.find(name);
                       if (found == variables.end()) return std::nullopt;
                       return found->second;
                     });
  }
  std::string host(const char* address) {
    const auto proxy = choose(address);
    EXPECT_TRUE(proxy);
    return proxy && *proxy ? (*proxy)->host + ":" + std::to_string((*proxy)->port) : "";
  }
  std::map<std::string, std::string> variables;
};

TEST_F(ProxyTest, IsChosenByTheScheme) {
  EXPECT_EQ(host("http://couch.example/db"), "");
  variables = {{"http_proxy", "http://one.example:3128/"}, {"HTTPS_PROXY", "two.example:8080"}};
  EXPECT_EQ(host("http://couch.example/db"), "one.example:3128");
  EXPECT_EQ(host("https://couch.example/db"), "two.example:8080");
  variables = {{"ALL_PROXY", "http://three.example"}};
  EXPECT_EQ(host("https://couch.example/db"), "three.example:80");
}

TEST_F(ProxyTest, LoopbackAndNamedHostsGoDirectly) {
  variables = {{"http_proxy", "http://one.example:3128"},
               {"no_proxy", "other.test, .example.org,exact.net:5984"}};
  EXPECT_EQ(host("http://127.0.0.1:5984/db"), "");
  EXPECT_EQ(host("http://localhost/db"), "");
  EXPECT_EQ(host("http://[::1]:5984/db"), "");
  EXPECT_EQ(host("unix:/run/x.sock:/db"), "");
  EXPECT_EQ(host("http://other.test/db"), "");
  EXPECT_EQ(host("http://sub.Example.org/db"), "");
  EXPECT_EQ(host("http://notexample.org/db"), "one.example:3128");
  EXPECT_EQ(host("http://exact.net:5984/db"), "");
  EXPECT_EQ(host("http://exact.net/db"), "one.example:3128");
  variables["no_proxy"] = "*";
  EXPECT_EQ(host("http://notexample.org/db"), "");
}

TEST_F(ProxyTest, CredentialsAreTakenAndNeverSaid) {
  variables = {{"http_proxy", "http://ada:se%40same@one.example:3128"}};
  const auto proxy = choose("http://couch.example/db");
  ASSERT_TRUE(proxy && *proxy);
  EXPECT_EQ((*proxy)->user, "ada");
  EXPECT_EQ((*proxy)->secret, "se@same");
  variables = {{"http_proxy", "socks5://ada:sesame@one.example:3128"}};
  const auto unknown = choose("http://couch.example/db");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message.find("sesame"), std::string::npos);
}

}  // namespace
}  // namespace atelier
