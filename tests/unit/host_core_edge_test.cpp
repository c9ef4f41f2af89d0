// Goal: an edge carries the rooms that it should and no others, tries again what was refused when there
// is a reason, and tells no secret. Method: real profiles in a folder of the test's own; the upstream is
// another profile's server on a port that the kernel chose.
#include "edge.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "base/digest.h"
#include "base/json_text.h"
#include "base/os/os.h"
#include "node.h"
#include "serve_command.h"

namespace atelier::host {
namespace {

namespace fs = std::filesystem;
using Kind = Credentials::Kind;

TEST(EdgeCredentials, EachKindIsRead) {
  const auto basic = read_credentials(R"({"user":"edge","password":"pa:ss\u0041"})");
  ASSERT_TRUE(basic) << basic.error().message;
  EXPECT_EQ(basic->kind, Kind::kBasic);
  EXPECT_EQ(basic->user, "edge");
  EXPECT_EQ(basic->secret, "pa:ssA");
  EXPECT_EQ(read_credentials(R"({"user":"e","password":"p","auth":"cookie"})")->kind, Kind::kCookie);
  EXPECT_EQ(read_credentials(R"({"token":"t"})")->kind, Kind::kBearer);
  const auto key = read_credentials(R"({"api_key":"k","token_url":"http://127.0.0.1:1/token"})");
  EXPECT_EQ(key->kind, Kind::kIamKey);
  EXPECT_EQ(key->token_url, "http://127.0.0.1:1/token");
}

TEST(EdgeCredentials, WhatIsWrongIsSaidWithoutTheSecret) {
  for (const char* text :
       {"", "hunter2", "[\"hunter2\"]", R"({"user":"e"})", R"({"password":"hunter2"})",
        R"({"user":"e","password":["hunter2"]})", R"({"user":"e","password":""})",
        R"({"user":"e","hunter2":"x"})", R"({"user":"a:b","password":"hunter2"})",
        R"({"token":"hunter2","api_key":"hunter2"})", R"({"user":"e","password":"hunter2","token":"hunter2"})",
        R"({"token":"hunter2","auth":"basic"})", R"({"user":"e","password":"p","auth":"hunter2"})",
        R"({"user":"e","password":"hunter2"} x)"}) {
    const auto read = read_credentials(text);
    ASSERT_FALSE(read) << text;
    EXPECT_FALSE(read.error().message.empty());
    EXPECT_EQ(read.error().message.find("hunter2"), std::string::npos) << read.error().message;
  }
}

TEST(EdgeAddress, IsAServerWithoutADatabaseAndWithoutAPassword) {
  EXPECT_EQ(upstream_address("http://host:5984/")->server(), "http://host:5984");
  EXPECT_EQ(upstream_address("https://host/couch//")->server(), "https://host/couch");
  EXPECT_EQ(upstream_address("http://[::1]:5984")->server(), "http://[::1]:5984");
  const std::string pin(64, 'a');
  const auto pinned = upstream_address("https://host:6984/#sha256=" + pin);
  ASSERT_TRUE(pinned) << pinned.error().message;
  EXPECT_EQ(pinned->server(), "https://host:6984");
  EXPECT_EQ(pinned->certificate_sha256, pin);
  for (const char* text : {"", "host:5984", "ftp://host", "http://", "http:///", "http://host:0",
                           "http://host?x", "http://host#x", "https://host#sha256=aa", "http://e:hunter2@host", "http://e@host"}) {
    const auto address = upstream_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().message.find("hunter2"), std::string::npos) << address.error().message;
  }
}

class EdgeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("atelier-edge-" + random_uuid());
    fs::create_directories(folder_ / "run");
    ::setenv("XDG_RUNTIME_DIR", (folder_ / "run").c_str(), 1);
    upstream_ = open(options("upstream"));
  }
  void TearDown() override {
    edge_.reset();
    upstream_.reset();
    fs::remove_all(folder_);
  }
  NodeOptions options(const std::string& profile) const {
    NodeOptions options;
    options.data = folder_ / "data";
    options.profile = profile;
    options.share = false;
    options.port = 0;
    return options;
  }
  static std::unique_ptr<Node> open(NodeOptions options) {
    auto node = Node::open(std::move(options));
    EXPECT_TRUE(node) << (node ? "" : node.error().message);
    return node ? std::move(*node) : nullptr;
  }
  /// An edge of `upstream_` with these rooms; the administrator's token is its password there.
  void open_edge(std::vector<std::string> databases = {}, std::string rules = {},
                 std::vector<std::string> rooms = {"lobby"}) {
    NodeOptions node = options("edge");
    node.rules = std::move(rules);
    node.edge.emplace();
    node.edge->server = upstream_->url();
    node.edge->credentials.kind = Kind::kBasic;
    node.edge->credentials.user = "admin";
    node.edge->credentials.secret = token_ = *upstream_->profile().admin_token();
    node.edge->databases = std::move(databases);
    edge_ = open(std::move(node));
    ASSERT_TRUE(edge_);
    for (const std::string& room : rooms) ASSERT_TRUE(edge_->open_store(room));
  }
  /// As the administrator of the edge.
  std::string ask(const std::string& method, const std::string& path, const std::string& body = {}) {
    auto url = DatabaseUrl::parse(edge_->url() + "/x");
    HttpRequest request;
    request.method = method;
    request.path = path;
    request.body = body;
    request.headers["Authorization"] =
        "Basic " + base64("admin:" + *edge_->profile().admin_token());
    const auto reply = http_request(*url, request);
    return reply ? reply->body : reply.error().message;
  }
  std::string status() { return ask("GET", "/_edge"); }
  std::string room_status(const std::string& room, const char* member) {
    const std::string text = *json::normalize(status());
    const auto found = json::find(text, {"rooms", room, member});
    return std::string(found.value_or(""));
  }
  template <class Probe>
  static ::testing::AssertionResult eventually(Probe probe) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < end) {
      if (probe()) return ::testing::AssertionSuccess();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return ::testing::AssertionFailure() << "waited in vain";
  }
  static void put(Node& node, const std::string& room, const std::string& id,
                  const std::string& body = "{}") {
    const auto store = node.open_store(room);
    ASSERT_TRUE(store);
    DocumentWrite write;
    write.id = id;
    write.body = body;
    if (const auto old = (*store)->get(id)) write.parent = old->rev;
    const auto written = (*store)->write_one(std::move(write));
    ASSERT_TRUE(written) << written.error().message;
  }
  static bool has(Node& node, const std::string& room, const std::string& id) {
    const auto store = node.catalog()->open(room, false);
    return store && (*store)->get(id);
  }

  fs::path folder_;
  std::string token_;
  std::unique_ptr<Node> upstream_, edge_;
};

TEST_F(EdgeTest, EveryRoomIsCarriedAlsoOneThatIsMadeLaterButNoneOfAnotherServers) {
  open_edge();
  auto other = edge_->open_store("elsewhere");
  ASSERT_TRUE(edge_->set_upstream(**other, "elsewhere", "http://another:5984/elsewhere"));
  put(*edge_, "elsewhere", "message:secret");
  put(*edge_, "lobby", "message:1");
  edge_->start_edge();
  EXPECT_TRUE(eventually([&] { return has(*upstream_, "lobby", "message:1"); }));
  put(*edge_, "later", "message:2");
  EXPECT_TRUE(eventually([&] { return has(*upstream_, "later", "message:2"); }));
  EXPECT_FALSE(upstream_->catalog()->exists("elsewhere"));
  EXPECT_NE(room_status("elsewhere", "status").find("another server"), std::string::npos) << status();
  EXPECT_EQ(status().find(token_), std::string::npos);
  EXPECT_FALSE(upstream_->catalog()->exists("_users"));
}

TEST_F(EdgeTest, RoomsThatAreNamedAreCarriedAlone) {
  open_edge({"lobby"}, "", {"lobby", "private"});
  put(*edge_, "private", "message:1");
  put(*edge_, "lobby", "message:1");
  edge_->start_edge();
  EXPECT_TRUE(eventually([&] { return has(*upstream_, "lobby", "message:1"); }));
  put(*edge_, "later", "message:1");
  put(*edge_, "lobby", "message:2");
  EXPECT_TRUE(eventually([&] { return has(*upstream_, "lobby", "message:2"); }));
  EXPECT_EQ(upstream_->catalog()->list(), std::vector<std::string>{"lobby"});
}

TEST_F(EdgeTest, RemovedDatabaseIsLetGoAndStaysUpstream) {
  open_edge();
  put(*edge_, "lobby", "message:1");
  edge_->start_edge();
  ASSERT_TRUE(eventually([&] { return has(*upstream_, "lobby", "message:1"); }));
  ASSERT_TRUE(edge_->catalog()->remove("lobby"));
  EXPECT_TRUE(eventually([&] { return json::find(*json::normalize(status()), {"rooms"}) == "{}"; }));
  EXPECT_FALSE(edge_->catalog()->exists("lobby"));  // nor is it made again
  EXPECT_TRUE(has(*upstream_, "lobby", "message:1"));
}

TEST_F(EdgeTest, RefusedWithAttachmentComesWithItsBytesWhenRulesAllowIt) {
  auto store = *upstream_->open_store("lobby");
  auto blob = *store->begin_blob();
  ASSERT_TRUE(blob->append("bytes"));
  const auto finished = blob->finish();
  DocumentWrite write;
  write.id = "message:1";
  write.body = R"({"text":"too long"})";
  AttachmentWrite file;
  file.name = "file";
  file.content_type = "application/octet-stream";
  file.blob = finished->blob;
  file.digest = finished->digest;
  file.length = finished->length;
  write.attachments.push_back(file);
  ASSERT_TRUE(store->write_one(std::move(write)));
  put(*upstream_, "lobby", "message:2", R"({"text":"too long"})");
  open_edge({}, "");
  put(*edge_, "lobby", "access:rules",
      R"({"version":1,"prefixes":{"message":{"fields":{"text":{"length_max":3}}}}})");
  edge_->start_edge();
  ASSERT_TRUE(eventually([&] { return room_status("lobby", "quarantined") == "2"; })) << status();
  EXPECT_FALSE(has(*edge_, "lobby", "message:1") || has(*edge_, "lobby", "message:2"));
  const std::string rules = ask("GET", "/lobby/access:rules");
  ask("PUT", "/lobby/access:rules?rev=" + *json::string_member(*json::normalize(rules), "_rev"),
      R"({"version":1,"prefixes":{}})");
  EXPECT_TRUE(eventually([&] { return room_status("lobby", "quarantined") == "0"; })) << status();
  const auto here = (*edge_->open_store("lobby"))->get("message:1");
  ASSERT_TRUE(here && here->attachments.size() == 1);
  EXPECT_EQ(here->attachments[0].digest, finished->digest);
  EXPECT_TRUE(has(*edge_, "lobby", "message:2"));
}

TEST_F(EdgeTest, EndsAtOnceWhileUpstreamDoesNotAnswer) {
  open_edge();
  edge_->start_edge();
  ASSERT_TRUE(eventually([&] { return room_status("lobby", "status").find("\"live\"") != std::string::npos; }));
  upstream_.reset();
  const auto begun = std::chrono::steady_clock::now();
  edge_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(6));
}

TEST_F(EdgeTest, StatesAreToldOnceEach) {
  std::mutex mutex;
  std::vector<std::string> told;
  NodeOptions node = options("edge");
  node.edge.emplace();
  node.edge->server = upstream_->url();
  node.edge->credentials = {Kind::kBasic, "admin", "hunter2", "", {}};
  node.edge->on_state = [&](const std::string& database, const SyncStatus& status) {
    const std::scoped_lock lock(mutex);
    told.push_back(database + ' ' + sync_state_name(status.state));
    EXPECT_EQ(status.last_error.find("hunter2"), std::string::npos);
  };
  edge_ = open(std::move(node));
  put(*edge_, "lobby", "message:1");
  edge_->start_edge();
  EXPECT_TRUE(eventually([&] {
    const std::scoped_lock lock(mutex);
    return !told.empty();
  }));
  put(*edge_, "lobby", "message:2");
  ASSERT_TRUE(eventually([&] { return room_status("lobby", "status").find("\"waiting\":2") != std::string::npos; }))
      << status();
  edge_.reset();
  EXPECT_EQ(told, std::vector<std::string>{"lobby needs_auth"});
}

TEST_F(EdgeTest, OptionsBelongTogether) {
  ServeOptions options;
  options.prefixes = {"message"};
  EXPECT_FALSE(serve_node_options({}, options));
  options.upstream = "http://host:5984/";
  options.rooms = {"The Lobby"};
  const auto read = serve_node_options({}, options);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->edge->server, "http://host:5984");
  EXPECT_EQ(read->edge->prefixes, options.prefixes);
  ASSERT_EQ(read->edge->databases.size(), 1u);
  EXPECT_NE(read->edge->databases[0], "The Lobby");  // by its database's name
  options.credentials = folder_ / "none";
  EXPECT_FALSE(serve_node_options({}, options));
}

}  // namespace
}  // namespace atelier::host
