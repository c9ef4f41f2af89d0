// What the commands about people and `serve` make of their arguments. The commands themselves run in
// tests/peers/access.test.mjs.
#include "people_commands.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/digest.h"
#include "base/os/os.h"
#include "node.h"
#include "own_certificate.h"
#include "serve_command.h"

namespace atelier::host {
namespace {

TEST(Links, ALinkBecomesAnAddressWithCredentials) {
  const auto address = address_of_link("http://studio.example:8080/couch/lobby#gus:0123abcd");
  ASSERT_TRUE(address) << address.error().message;
  EXPECT_EQ(*address, "http://gus:0123abcd@studio.example:8080/couch/lobby");
  EXPECT_EQ(*address_of_link("https://h/lobby#a.b-c_d:x%2F"), "https://a.b-c_d:x%252F@h/lobby");
}

TEST(Links, WhatIsNoLinkIsRefusedWithoutItsSecret) {
  for (const char* bad : {"", "sesame", "#a:sesame", "http://h/lobby", "http://h/lobby#", "http://h/lobby#a",
                          "http://h/lobby#a:", "http://h/lobby#:sesame", "http://h/#a:sesame", "h/lobby#a:sesame",
                          "http://u:sesame@h/lobby#a:sesame", "ftp://h/lobby#a:sesame"}) {
    const auto address = address_of_link(bad);
    ASSERT_FALSE(address) << bad;
    EXPECT_EQ(address.error().code, ErrorCode::kInvalid) << bad;
    EXPECT_EQ(address.error().message.find("sesame"), std::string::npos) << bad;
  }
}

TEST(Links, AFingerprintInALinkPinsTheCertificate) {
  const std::string sha256(64, 'a');
  const auto address = address_of_link("https://studio.example:8080/lobby#gus:0123abcd:sha256=" + sha256);
  ASSERT_TRUE(address) << address.error().message;
  EXPECT_EQ(*address, "https://gus:0123abcd@studio.example:8080/lobby#sha256=" + sha256);
  const auto url = address_or_link("https://studio.example:8080/lobby#gus:0123abcd:sha256=" + sha256);
  ASSERT_TRUE(url);
  EXPECT_EQ(url->certificate_sha256, sha256);
  EXPECT_EQ(url->credentials.user, "gus");
  EXPECT_EQ(url->credentials.secret, "0123abcd");
  EXPECT_EQ(address_or_link(*address)->certificate_sha256, sha256);
  EXPECT_EQ(address_or_link("http://h/d")->database, "d");
  // A pin that is not whole, or without TLS, is never left out in silence.
  for (const std::string& bad :
       {"https://h/lobby#gus:sesame:sha256=" + sha256.substr(1), "https://h/lobby#gus:sesame:sha256=" + sha256 + "0",
        "http://h/lobby#gus:sesame:sha256=" + sha256, std::string("https://h/lobby#gus:sesame:sha256="),
        "https://h/lobby#gus:sha256=" + sha256, "https://h/lobby#gus::sha256=" + sha256}) {
    const auto none = address_of_link(bad);
    ASSERT_FALSE(none) << bad;
    EXPECT_EQ(none.error().message.find("sesame"), std::string::npos) << bad;
    EXPECT_FALSE(address_or_link(bad)) << bad;
  }
}

TEST(Links, ATimeHasAUnit) {
  EXPECT_EQ(*parse_duration("30m"), 1'800);
  EXPECT_EQ(*parse_duration("12h"), 43'200);
  EXPECT_EQ(*parse_duration("7d"), 604'800);
  EXPECT_EQ(*parse_duration("never"), 0);
  for (const char* bad : {"", "7", "d", "0d", "-1d", "1.5h", "7w", "7dd", " 7d", "9999999d", "99999999999999999999d"})
    EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(People, ANameIsInOneGroupAtATimeAndTheRestStays) {
  const std::string before =
      R"({"members":{"names":["ada","gus"],"roles":["r"]},"anonymous":"none","cloudant":{"x":1}})";
  EXPECT_EQ(security_with(before, "readers", "gus"),
            R"({"members":{"names":["ada"],"roles":["r"]},"anonymous":"none","cloudant":{"x":1},"readers":{"names":["gus"]}})");
  EXPECT_EQ(security_with(before, "members", "eve"),
            R"({"members":{"names":["ada","gus","eve"],"roles":["r"]},"anonymous":"none","cloudant":{"x":1}})");
  EXPECT_EQ(security_with(before, "", "gus"),
            R"({"members":{"names":["ada"],"roles":["r"]},"anonymous":"none","cloudant":{"x":1}})");
  EXPECT_EQ(security_with("{}", "members", "gus"), R"({"members":{"names":["gus"]}})");
  EXPECT_EQ(security_with("{}", "", "gus"), "{}");
}

TEST(People, AreDescribedInWords) {
  EXPECT_EQ(describe_people("{}", true), "anybody without an account writes");
  EXPECT_EQ(describe_people("{}", false), "nobody without an account");
  EXPECT_EQ(describe_people(R"({"members":{"names":["ada"],"roles":["r"]},"readers":{"names":["gus"]}})", true),
            "ada, role r write; gus read; nobody without an account");
  EXPECT_EQ(describe_people(R"({"moderators":{"names":["mo"]},"anonymous":"reader"})", false),
            "mo moderate; anybody without an account reads");
}

TEST(ServeOptions, KeysComeFromAFile) {
  JwtOptions jwt;
  std::string secret;
  ASSERT_TRUE(read_auth(R"({"jwt":{"keys":{"hmac:_default":"c2VjcmV0","rsa:k":"PEM"},"required_claims":["exp","iss"],
                            "roles_claim":"roles","issuer":"me"},"proxy_secret":"s"})",
                        jwt, secret));
  EXPECT_EQ(jwt.keys.at("hmac:_default"), "c2VjcmV0");
  EXPECT_EQ(jwt.keys.size(), 2u);
  EXPECT_EQ(jwt.required_claims, (std::vector<std::string>{"exp", "iss"}));
  EXPECT_EQ(jwt.roles_claim, "roles");
  EXPECT_EQ(jwt.issuer, "me");
  EXPECT_EQ(secret, "s");
  for (const char* bad :
       {"", "[]", "sesame", R"({"jwt":"sesame"})", R"({"jwt":{"key":{}}})", R"({"jwt":{"keys":{"sesame":"x"}}})",
        R"({"jwt":{"keys":{"hmac:x":1}}})", R"({"jwt":{"keys":{"hmac:x":""}}})", R"({"jwt":{"required_claims":[1]}})",
        R"({"proxy_secret":""})", R"({"proxy_secret":1})", R"({"sesames":"sesame"})"}) {
    JwtOptions ignored;
    const Status read = read_auth(bad, ignored, secret);
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().message.find("\"sesame\""), std::string::npos) << read.error().message;
  }
}

/// A folder that ends with the test.
class OwnCertificate : public ::testing::Test {
 protected:
  ~OwnCertificate() override { std::filesystem::remove_all(folder_); }
  static std::string content(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  const std::filesystem::path folder_ = [] {
    auto made = std::filesystem::temp_directory_path() / ("atelier-own-" + random_uuid());
    std::filesystem::create_directories(made);
    return made;
  }();
};

TEST_F(OwnCertificate, IsMadeOnceAndForTheOwnerAlone) {
  const auto files = make_own_certificate(folder_, {"studio.example:8443", "[fd00::1]:8443", "192.168.1.2", "0.0.0.0", "::"});
  ASSERT_TRUE(files) << files.error().message;
  const std::string pem = content(files->certificate), key = content(files->key);
  const auto made = read_certificate(pem);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->names, (std::vector<std::string>{"studio.example", "fd00::1", "192.168.1.2", "localhost",
                                                   "127.0.0.1", "::1"}));
  for (const auto& file : {files->certificate, files->key})
    EXPECT_EQ(std::filesystem::status(file).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  ASSERT_TRUE(make_own_certificate(folder_, {"other.example"}));
  EXPECT_EQ(content(files->certificate), pem);
  EXPECT_EQ(content(files->key), key);
  // What is left of a start that was ended in the middle.
  std::filesystem::remove(files->certificate);
  ASSERT_TRUE(make_own_certificate(folder_, {}));
  EXPECT_NE(content(files->key), key);
  std::filesystem::remove_all(folder_);
  std::filesystem::create_directories(folder_);
  EXPECT_FALSE(make_own_certificate(folder_, {"no name at all"}));
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(OwnCertificate, ANodeServesWithItAndTellsInvitations) {
  NodeOptions options;
  options.data = folder_;
  options.port = 0;
  options.address = "0.0.0.0";
  options.allowed_hosts = {"studio.example"};
  options.accounts_only = true;
  options.own_certificate = true;
  const auto node = Node::open(options);
  ASSERT_TRUE(node) << node.error().message;
  ASSERT_TRUE((*node)->certificate());
  EXPECT_TRUE((*node)->certificate()->self_signed);
  EXPECT_TRUE((*node)->url().starts_with("https://studio.example:")) << (*node)->url();
  const auto control = DatabaseUrl::parse((*node)->control_url() + "/-");
  ASSERT_TRUE(control);
  HttpRequest ask;
  ask.method = "POST";
  ask.path = "/_atelier/address";
  ask.body = "{}";
  const auto answer = http_request(*control, ask);
  ASSERT_TRUE(answer);
  EXPECT_NE(answer->body.find((*node)->certificate()->sha256), std::string::npos) << answer->body;
}

TEST(ServeOptions, HostsLoseTheirPorts) {
  EXPECT_EQ(host_without_port("studio.example:8443"), "studio.example");
  EXPECT_EQ(host_without_port("studio.example"), "studio.example");
  EXPECT_EQ(host_without_port("[::1]:8443"), "::1");
  EXPECT_EQ(host_without_port("[::1]"), "::1");
  EXPECT_EQ(host_without_port("fd00::1"), "fd00::1");
}

TEST(ServeOptions, WithTlsAnAddressNeedsNoMoreThanAccounts) {
  const CommandContext context;
  ServeOptions options;
  options.listen = "0.0.0.0";
  options.hosts = {"studio.example"};
  options.tls = true;
  const auto made = serve_node_options(context, options);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(made->accounts_only);
  EXPECT_TRUE(made->own_certificate);
  EXPECT_TRUE(made->tls.certificate.empty());
  options.tls_cert = "cert.pem";
  EXPECT_EQ(serve_node_options(context, options).error().code, ErrorCode::kInvalid) << "without its key";
  options.tls_key = "key.pem";
  options.tls = false;
  ASSERT_TRUE(serve_node_options(context, options));
  EXPECT_FALSE(serve_node_options(context, options)->own_certificate);
  EXPECT_EQ(serve_node_options(context, options)->tls.key, "key.pem");
  options.plain_http = true;
  EXPECT_EQ(serve_node_options(context, options).error().code, ErrorCode::kInvalid) << "both at once";
  options = {};
  options.tls = true;
  ASSERT_TRUE(serve_node_options(context, options));
  EXPECT_TRUE(serve_node_options(context, options)->port) << "not the port that hosts without TLS share";
  EXPECT_FALSE(serve_node_options(context, options)->accounts_only);
}

TEST(ServeOptions, ElsewhereThanOnLoopbackItMustBeKnownWhatThatMeans) {
  const CommandContext context;
  ServeOptions options;
  options.port = 1234;
  const auto made = serve_node_options(context, options);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->address, "127.0.0.1");
  EXPECT_FALSE(made->accounts_only);
  for (const char* loopback : {"127.0.0.1", "127.1.2.3", "::1", "localhost"}) {
    options.listen = loopback;
    ASSERT_TRUE(serve_node_options(context, options)) << loopback;
    EXPECT_FALSE(serve_node_options(context, options)->accounts_only) << loopback;
  }
  for (const char* address : {"0.0.0.0", "::", "192.168.1.2", "12.7.0.1"}) {
    options.listen = address;
    options.plain_http = false;
    options.hosts = {"studio.example"};
    EXPECT_EQ(serve_node_options(context, options).error().code, ErrorCode::kForbidden) << address;
    options.plain_http = true;
    ASSERT_TRUE(serve_node_options(context, options)) << address;
    EXPECT_TRUE(serve_node_options(context, options)->accounts_only) << address;
  }
  options.hosts.clear();
  EXPECT_TRUE(serve_node_options(context, options)) << "an address of its own is a name";
  options.listen = "0.0.0.0";
  EXPECT_FALSE(serve_node_options(context, options));
}

TEST(ServeOptions, AFileOfRulesIsReadWhole) {
  const auto file = std::filesystem::temp_directory_path() / ("atelier-rules-" + random_uuid() + ".toml");
  ServeOptions options;
  options.rules = file;
  EXPECT_FALSE(serve_node_options({}, options)) << "it is not there";
  std::ofstream(file) << "";
  EXPECT_FALSE(serve_node_options({}, options)) << "it says nothing";
  std::ofstream(file) << "[prefixes.a]\n";
  const auto made = serve_node_options({}, options);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->rules, "[prefixes.a]\n");
  EXPECT_EQ(made->rules_file, file.filename().string());
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace atelier::host
