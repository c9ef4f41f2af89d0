// What the commands about people and `serve` make of their arguments. The commands themselves run in
// tests/peers/access.test.mjs.
#include "people_commands.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/digest.h"
#include "base/os/os.h"
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
