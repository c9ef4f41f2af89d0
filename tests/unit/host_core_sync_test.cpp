// Goal: commands find secrets where they should and show none; a running synchronisation can be asked
// about and pushed from another process. Method: real profiles in a folder of the test's own; the
// remote is another profile's server on a port that the kernel chose.
#include "sync_service.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/digest.h"
#include "base/json_text.h"
#include "commands.h"
#include "node.h"
#include "progress.h"
#include "secrets.h"

namespace atelier::host {
namespace {

namespace fs = std::filesystem;

class SyncTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("atelier-sync-" + random_uuid());
    fs::create_directories(folder_ / "run");
    ::setenv("XDG_RUNTIME_DIR", (folder_ / "run").c_str(), 1);
    context_.data = folder_ / "data";
  }
  void TearDown() override {
    for (const char* name : {"ATELIER_PASSWORD", "ATELIER_TOKEN", "ATELIER_API_KEY"}) ::unsetenv(name);
    fs::remove_all(folder_);
  }

  std::unique_ptr<Node> open_node(const std::string& profile, bool serve) {
    NodeOptions options;
    options.data = context_.data;
    options.profile = profile;
    options.share = false;
    if (serve) options.port = 0;
    auto node = Node::open(std::move(options));
    EXPECT_TRUE(node) << (node ? "" : node.error().message);
    return node ? std::move(*node) : nullptr;
  }
  static void put(Store& store, const std::string& id) {
    DocumentWrite write;
    write.id = id;
    ASSERT_TRUE(store.write_one(std::move(write)));
  }
  std::string file(const std::string& text) {
    const fs::path path = folder_ / "secret";
    std::ofstream(path) << text;
    return path.string();
  }

  fs::path folder_;
  CommandContext context_;
  std::ostringstream out_, err_;
};

Credentials complete(const char* address, SecretOptions options) {
  const auto url = with_credentials(*DatabaseUrl::parse(address), options);
  EXPECT_TRUE(url) << (url ? "" : url.error().message);
  return url ? url->credentials : Credentials();
}

TEST_F(SyncTest, SecretComesFromTheFileThenTheAddressThenTheEnvironment) {
  ::setenv("ATELIER_PASSWORD", "of the environment", 1);
  ::setenv("ATELIER_TOKEN", "a token", 1);
  ::setenv("ATELIER_API_KEY", "a key", 1);
  const auto basic = complete("http://ann:mine@host/db", {});
  EXPECT_EQ(basic.kind, Credentials::Kind::kBasic);
  EXPECT_EQ(basic.secret, "mine");
  EXPECT_EQ(complete("http://ann@host/db", {}).secret, "of the environment");
  EXPECT_EQ(complete("http://ann:mine@host/db", {"cookie", file("of the file\nmore"), false, ""}).secret,
            "of the file");
  const auto bearer = complete("http://host/db", {"bearer", "", false, ""});
  EXPECT_EQ(bearer.kind, Credentials::Kind::kBearer);
  EXPECT_EQ(bearer.secret, "a token");
  const auto iam = complete("http://host/db", {"iam", "", false, "http://127.0.0.1:1/token"});
  EXPECT_EQ(iam.secret, "a key");
  EXPECT_EQ(iam.token_url, "http://127.0.0.1:1/token");
  EXPECT_EQ(complete("http://host/db", {}).kind, Credentials::Kind::kNone);
}

TEST_F(SyncTest, WhatIsMissingIsSaid) {
  const auto fails = [](const char* address, SecretOptions options, const char* word) {
    const auto url = with_credentials(*DatabaseUrl::parse(address), options);
    ASSERT_FALSE(url);
    EXPECT_NE(url.error().message.find(word), std::string::npos) << url.error().message;
  };
  fails("http://host/db", {"iam", "", false, ""}, "ATELIER_API_KEY");
  fails("http://host/db", {"bearer", "", false, ""}, "ATELIER_TOKEN");
  fails("http://host/db", {"cookie", "", false, ""}, "user");
  fails("http://host/db", {"magic", "", false, ""}, "magic");
  fails("http://ann@host/db", {"", (folder_ / "none").string(), false, ""}, "none");
}

TEST_F(SyncTest, KeyringIsAskedThroughItsProgram) {
  const fs::path programs = folder_ / "bin";
  fs::create_directories(programs);
  std::ofstream(programs / "secret-tool")
      << "#!/bin/sh\ntest \"$*\" = 'lookup service atelier server http://host:5984 user ann' || exit 1\n"
         "echo of the keyring\n";
  fs::permissions(programs / "secret-tool", fs::perms::owner_all);
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", (programs.string() + ":" + path).c_str(), 1);
  EXPECT_EQ(complete("http://ann@host:5984/db", {"", "", true, ""}).secret, "of the keyring");
  const auto none = with_credentials(*DatabaseUrl::parse("http://ann@other/db"), {"", "", true, ""});
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("http://other"), std::string::npos) << none.error().message;
  ::setenv("PATH", folder_.c_str(), 1);
  const auto absent = with_credentials(*DatabaseUrl::parse("http://ann@host/db"), {"", "", true, ""});
  ASSERT_FALSE(absent);
  EXPECT_NE(absent.error().message.find("libsecret-tools"), std::string::npos);
  ::setenv("PATH", path.c_str(), 1);
}

TEST_F(SyncTest, RequestGoesThroughTheControlSocketUnchanged) {
  SyncRequest request;
  request.database = "lobby";
  const std::string pin(64, 'a');
  request.url = *DatabaseUrl::parse("https://ann@host:6984/base/room#sha256=" + pin);
  request.url.credentials.kind = Credentials::Kind::kIamKey;
  request.url.credentials.secret = "k\"ey";
  request.url.credentials.token_url = "https://tokens/x";
  request.http.ca_file = "/ca.pem";
  request.live.filter.prefixes = {"message", "board"};
  const auto back = parse_sync_request(sync_request_json(request));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->database, "lobby");
  EXPECT_EQ(back->url.display(), request.url.display());
  EXPECT_EQ(back->url.credentials.kind, Credentials::Kind::kIamKey);
  EXPECT_EQ(back->url.credentials.user, "ann");
  EXPECT_EQ(back->url.credentials.secret, "k\"ey");
  EXPECT_EQ(back->url.credentials.token_url, "https://tokens/x");
  EXPECT_EQ(back->http.ca_file, "/ca.pem");
  EXPECT_EQ(back->url.certificate_sha256, pin);
  EXPECT_EQ(back->live.filter, request.live.filter);
  for (const char* bad : {"", "7", "[]", "{}", R"({"room":"x"})", R"({"room":"x","url":"nonsense"})"}) {
    EXPECT_FALSE(parse_sync_request(bad)) << bad;
  }
}

TEST_F(SyncTest, HolderOfTheProfileSyncsForACommandAndTellsHowItIs) {
  const auto remote = open_node("remote", true);
  const auto local = open_node("default", false);
  ASSERT_TRUE(remote && local);
  auto there = remote->open_store("room");
  auto here = local->open_store("lobby");
  ASSERT_TRUE(there && here);
  put(**there, "message:theirs");

  ASSERT_EQ(run_sync(context_, {.room = "lobby", .status = true}, out_, err_), kExitOk);
  EXPECT_NE(out_.str().find("not synchronised"), std::string::npos) << out_.str();

  SyncRequest request;
  request.database = "lobby";
  request.url = *DatabaseUrl::parse(remote->url() + "/room");
  const auto started = local->syncs().control("sync-start", sync_request_json(request));
  ASSERT_TRUE(started && *started) << started->error().message;
  const auto twice = local->syncs().control("sync-start", sync_request_json(request));
  ASSERT_TRUE(twice && !*twice);
  EXPECT_EQ(twice->error().code, ErrorCode::kExists);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!(*here)->get("message:theirs") || local->syncs().status("lobby")->state != SyncState::kLive) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    std::this_thread::yield();
  }
  out_.str("");
  CommandContext programs = context_;
  programs.json = true;
  ASSERT_EQ(run_sync(programs, {.room = "lobby", .status = true}, out_, err_), kExitOk);
  const auto row = json::normalize(out_.str());
  ASSERT_TRUE(row) << out_.str();
  EXPECT_EQ(json::string_member(*row, "room"), "lobby");
  EXPECT_EQ(json::string_member(*row, "state"), "live");

  out_.str("");
  EXPECT_EQ(run_outbox(context_, {.room = "lobby", .retry = true}, out_, err_), kExitOk) << err_.str();
  EXPECT_NE(out_.str().find("nothing is refused"), std::string::npos) << out_.str();
  ASSERT_TRUE(*local->syncs().control("sync-stop", R"({"room":"lobby"})"));
  EXPECT_FALSE(*local->syncs().control("sync-stop", R"({"room":"lobby"})"));
  EXPECT_EQ(run_outbox(context_, {.room = "lobby", .retry = true}, out_, err_), kExitFailed);
}

TEST_F(SyncTest, RefusedDocumentIsListedAfterAnExchange) {
  const auto remote = open_node("remote", true);
  auto there = remote->open_store("room");
  ASSERT_TRUE(there);
  {
    const auto local = open_node("default", false);
    auto here = local->open_store("lobby");
    ASSERT_TRUE(here);
    put(**here, "message:1");
    put(**here, "_design/mine");  // only administrators write these there
  }
  SyncCommandOptions sync;
  sync.room = "lobby";
  sync.url = remote->url() + "/room";
  EXPECT_EQ(run_sync(context_, sync, out_, err_), kExitOk) << err_.str();
  EXPECT_TRUE((*there)->get("message:1"));
  EXPECT_NE(out_.str().find("pushed 1"), std::string::npos) << out_.str();
}

TEST(ProgressWords, SayHowFarItIs) {
  SyncStatus status;
  status.state = SyncState::kCatchingUp;
  status.done = 12'300;
  status.total = 24'600;
  status.bytes = 3'100'000;
  status.per_second = 4'100;
  EXPECT_EQ(progress_words(status),
            "catching up [##########..........] 12,300 of 24,600, 4,100/s, 3.1 MB");
  status = {};
  status.state = SyncState::kOffline;
  status.waiting = 3;
  status.refused = 1;
  status.last_error = "cannot connect";
  EXPECT_EQ(progress_words(status), "offline, 3 to send, 1 refused: cannot connect");
}

}  // namespace
}  // namespace atelier::host
