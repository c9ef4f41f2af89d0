// The commands for scripts, over a real profile in a folder of the test's own.
#include "commands.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/digest.h"
#include "node.h"
#include "profile.h"

namespace atelier::host {
namespace {

class Commands : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("atelier-commands-" + random_uuid());
    std::filesystem::create_directories(folder_ / "run");
    ::setenv("XDG_RUNTIME_DIR", (folder_ / "run").c_str(), 1);
    context_.data = folder_ / "data";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  int put(const std::string& lines) {
    std::istringstream in(lines);
    out_.str("");
    err_.str("");
    return run_put(context_, {.room = "lobby"}, in, out_, err_);
  }
  int get(const std::string& id, const std::string& room = "lobby") {
    out_.str("");
    err_.str("");
    return run_get(context_, {.room = room, .id = id}, out_, err_);
  }

  std::filesystem::path folder_;
  CommandContext context_;
  std::ostringstream out_, err_;
};

TEST_F(Commands, PutThenGetGivesNumbersBackAsTheyWereWritten) {
  ASSERT_EQ(put("{\"_id\":\"message:1\", \"n\": 1.50, \"big\": 12345678901234567890}\n\n"), kExitOk);
  ASSERT_EQ(get("message:1"), kExitOk);
  EXPECT_NE(out_.str().find("\"n\":1.50,\"big\":12345678901234567890}"), std::string::npos) << out_.str();
}

TEST_F(Commands, PutNamesTheLineThatIsWrongAndKeepsWhatCameBefore) {
  EXPECT_EQ(put("{\"_id\":\"message:1\"}\n{\"_id\":\n"), kExitFailed);
  EXPECT_NE(err_.str().find("line 2"), std::string::npos) << err_.str();
  EXPECT_EQ(get("message:1"), kExitOk);
  EXPECT_EQ(put("[1]\n"), kExitFailed);
  EXPECT_NE(err_.str().find("line 1"), std::string::npos) << err_.str();
}

TEST_F(Commands, PutReportsAConflictAndStoresTheRest) {
  ASSERT_EQ(put("{\"_id\":\"message:1\"}\n"), kExitOk);
  EXPECT_EQ(put("{\"_id\":\"message:1\"}\n{\"_id\":\"message:2\"}\n"), kExitPartial);
  EXPECT_NE(out_.str().find("\"error\":\"conflict\""), std::string::npos) << out_.str();
  EXPECT_EQ(get("message:2"), kExitOk);
}

TEST_F(Commands, GetSaysWhatIsMissing) {
  ASSERT_EQ(put("{\"_id\":\"message:1\"}\n"), kExitOk);
  EXPECT_EQ(get("message:none"), kExitFailed);
  EXPECT_NE(err_.str().find("message:none: missing"), std::string::npos) << err_.str();
  EXPECT_EQ(get("message:1", "elsewhere"), kExitFailed);
  EXPECT_NE(err_.str().find("no room 'elsewhere'"), std::string::npos) << err_.str();
  EXPECT_EQ(get("message:1", ""), kExitFailed);
}

TEST_F(Commands, WorkThroughWhoeverHoldsTheProfile) {
  auto node = Node::open({.data = context_.data, .profile = "default", .www = {}, .share = false,
                          .port = std::nullopt, .address = "127.0.0.1", .allowed_origins = {}});
  ASSERT_TRUE(node) << node.error().message;
  ASSERT_EQ(put("{\"_id\":\"message:1\"}\n"), kExitOk) << err_.str();
  const auto store = (*node)->open_store("lobby");
  ASSERT_TRUE(store);
  EXPECT_TRUE((*store)->get("message:1"));

  const auto second = Node::open({.data = context_.data, .profile = "default", .www = {}, .share = false,
                                  .port = std::nullopt, .address = "127.0.0.1", .allowed_origins = {}});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
  EXPECT_NE(second.error().message.find("profile default"), std::string::npos);
}

TEST_F(Commands, ChangesPrintsOneJsonLineEach) {
  ASSERT_EQ(put("{\"_id\":\"message:1\"}\n{\"_id\":\"message:2\"}\n"), kExitOk);
  std::ostringstream out;
  ASSERT_EQ(run_changes(context_, {.room = "lobby"}, out, err_), kExitOk);
  std::istringstream lines(out.str());
  std::string line;
  int count = 0;
  while (std::getline(lines, line)) {
    ++count;
    EXPECT_TRUE(line.starts_with("{\"seq\":\"")) << line;
  }
  EXPECT_EQ(count, 2);
}

TEST_F(Commands, APasswordComesFromAFileOrTheEnvironmentAndNeverIntoAnError) {
  std::ofstream(folder_ / "password") << "geh/eim\nsecond line\n";
  const auto from_file = with_password("http://ann@host:5984/lobby", (folder_ / "password").string());
  ASSERT_TRUE(from_file);
  EXPECT_EQ(*from_file, "http://ann:geh%2Feim@host:5984/lobby");
  ::setenv("ATELIER_PASSWORD", "other", 1);
  EXPECT_EQ(*with_password("http://ann@host:5984/lobby", ""), "http://ann:other@host:5984/lobby");
  EXPECT_EQ(*with_password("http://ann:mine@host:5984/lobby", ""), "http://ann:mine@host:5984/lobby");
  const auto replaced = with_password("http://ann:ol@d@host:5984/lobby", (folder_ / "password").string());
  ASSERT_TRUE(replaced);
  EXPECT_EQ(*replaced, "http://ann:geh%2Feim@host:5984/lobby");
  const auto nobody = with_password("http://host:5984/lobby", "");
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().message.find("other"), std::string::npos);
  ::unsetenv("ATELIER_PASSWORD");
  EXPECT_EQ(*with_password("http://host:5984/lobby", ""), "http://host:5984/lobby");
  EXPECT_FALSE(with_password("http://ann@host/lobby", (folder_ / "missing").string()));
}

TEST_F(Commands, ARoomThatSyncsElsewhereIsNotServedToThisMachine) {
  auto node = Node::open({.data = context_.data, .profile = "default", .www = {}, .share = false,
                          .port = 0, .address = "127.0.0.1", .allowed_origins = {}});
  ASSERT_TRUE(node) << node.error().message;
  auto open = (*node)->open_store("open");
  auto secret = (*node)->open_store("secret");
  ASSERT_TRUE(open && secret);
  ASSERT_TRUE((*node)->set_upstream(**secret, "secret", "http://host:5984/secret"));
  const auto status_of = [&](const std::string& path) {
    const auto url = DatabaseUrl::parse((*node)->url() + "/-");
    HttpRequest request;
    request.path = path;
    const auto reply = http_request(*url, request);
    return reply ? reply->status : 0;
  };
  EXPECT_EQ(status_of("/open/_all_docs"), 200);
  EXPECT_EQ(status_of("/secret/_all_docs"), 401);
}

}  // namespace
}  // namespace atelier::host
