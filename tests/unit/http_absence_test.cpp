// Goal: over HTTP too, deletions that only our server remembers reach whoever was away, and bytes
// that are elsewhere are neither missed nor made up. Method: our server on a port that the kernel
// chose, over stores that the test filled before with a clock of its own.
#include <gtest/gtest.h>

#include "base/json_text.h"
#include "http/http_peer.h"
#include "replication/left_behind.h"
#include "server/server.h"
#include "store/catalog.h"
#include "unit/replication_tools.h"

namespace atelier::testing {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;

class HttpAbsence : public ::testing::Test {
 protected:
  std::shared_ptr<Store> open(const std::filesystem::path& path) {
    StoreOptions options;
    options.map_bytes = std::size_t{64} << 20;
    options.clock = &clock;
    auto store = Store::open(path, options);
    EXPECT_TRUE(store) << (store ? "" : store.error().message);
    return *store;
  }
  /// A server that has deleted and forgotten "message:1", which this device has.
  void deleted_long_ago() {
    auto lobby = open(database_folder(folder.path(), "lobby"));
    rev = edit(*lobby, "message:1", R"({"n":1})");
    plant(*mine, "message:1", {rev.to_string()}, R"({"n":1})");
    edit(*lobby, "message:2", R"({"n":2})");
    edit(*lobby, "message:1", "{}", true);
    ASSERT_TRUE(lobby->set_retention({.tombstones_ms = kHourMs}));
    clock.advance(2 * kHourMs);
    ASSERT_TRUE(lobby->forget_tombstones());  // its age is known from now on at the latest
    clock.advance(2 * kHourMs);
    ASSERT_EQ(*lobby->forget_tombstones(), 1u);
  }
  void serve() {
    catalog = std::make_shared<Catalog>(folder.path(), "the test");
    ServerOptions options;
    options.port = 0;
    options.admin_token = "a token of this test";
    options.uuid = random_uuid();
    auto started = Server::start(options, catalog);
    ASSERT_TRUE(started) << started.error().message;
    server = std::move(*started);
  }
  DatabaseUrl url() const {
    DatabaseUrl where;
    where.host = "127.0.0.1";
    where.port = server->port();
    where.database = "lobby";
    return where;
  }
  std::unique_ptr<Peer> remote() {
    auto peer = make_http_peer(url(), {});
    EXPECT_TRUE(peer);
    return std::move(*peer);
  }
  HttpReply ask(const std::string& method, const std::string& path, const std::string& body = {}) {
    HttpRequest request;
    request.method = method;
    request.path = "/lobby" + path;
    request.body = body;
    const auto reply = http_request(url(), request);
    EXPECT_TRUE(reply) << (reply ? "" : reply.error().message);
    return reply ? *reply : HttpReply();
  }
  StepReport move(Peer& from, Peer& to) {
    ReplicationOptions options;
    options.id = to.is_local() ? "pull" : "push";
    options.ends_at_source = true;
    Replication replication(from, to, options);
    auto report = replicate_once(replication);
    EXPECT_TRUE(report) << (report ? "" : report.error().message);
    return report ? std::move(*report) : StepReport();
  }
  static void attach(Store& store, const std::string& id, const std::string& bytes) {
    auto writer = store.begin_blob();
    ASSERT_TRUE(writer && (*writer)->append(bytes));
    DocumentWrite write;
    write.id = id;
    AttachmentWrite attachment;
    attachment.name = "photo";
    attachment.content_type = "image/png";
    attachment.blob = (*writer)->finish()->blob;
    write.attachments.push_back(std::move(attachment));
    ASSERT_TRUE(store.write_one(std::move(write)));
  }
  static std::string bytes_of(Store& store, const std::string& id) {
    std::string bytes;
    const Attachment photo = store.get(id)->attachments.front();
    EXPECT_TRUE(store.read_blob(photo.blob, 0, photo.length, [&](std::string_view chunk) {
      bytes += chunk;
      return true;
    }));
    return bytes;
  }

  TestClock clock;
  TempFolder folder;
  RevId rev;
  std::shared_ptr<Store> mine = open(folder.path() / "mine");
  std::shared_ptr<Catalog> catalog;
  std::unique_ptr<Server> server;
};

TEST_F(HttpAbsence, WhatTheServerForgotEndsHere) {
  deleted_long_ago();
  serve();
  edit(*mine, "message:3", R"({"unsent":true})");
  const auto peer = remote();
  const auto local = make_local_peer(mine);
  const StepReport report = move(*peer, *local);
  EXPECT_TRUE(report.compared_anew);
  EXPECT_EQ(report.ended, 1u);
  EXPECT_FALSE(mine->get("message:1"));
  EXPECT_TRUE(mine->get("message:2"));
  move(*local, *peer);
  const auto lobby = *catalog->open("lobby", false);
  EXPECT_TRUE(lobby->get("message:3"));
  EXPECT_FALSE(lobby->get("message:1"));
}

TEST_F(HttpAbsence, APushOfWhatTheServerForgotEndsAtItsSource) {
  deleted_long_ago();
  serve();
  const auto local = make_local_peer(mine);
  EXPECT_EQ(move(*local, *remote()).ended, 1u);
  EXPECT_FALSE(mine->get("message:1"));
}

TEST_F(HttpAbsence, AWriteThatWasNotAskedForIsAnsweredWithTheTruth) {
  deleted_long_ago();
  serve();
  const auto peer = remote();
  ASSERT_TRUE(peer->info());
  WireDocument document;
  document.id = "message:1";
  document.rev = rev;
  document.history = {rev};
  document.body = R"({"n":1})";
  const auto rejected = peer->write({&document, 1}, *make_local_peer(mine));
  ASSERT_TRUE(rejected);
  ASSERT_EQ(rejected->size(), 1u);
  EXPECT_TRUE(rejected->front().forgotten);
}

// Other programs know nothing of these members, and get none.
TEST_F(HttpAbsence, OtherClientsAreAnsweredAsByCouchDb) {
  deleted_long_ago();
  serve();
  const std::string offered = R"({"message:1":[")" + rev.to_string() + "\"]}";
  EXPECT_EQ(ask("POST", "/_revs_diff", offered).body, "{}\n");
  EXPECT_EQ(ask("POST", "/_revs_diff?forgotten=true", offered).body,
            R"({"message:1":{"missing":[],"forgotten":[")" + rev.to_string() + "\"]}}\n");
  const std::string write = R"({"new_edits":false,"docs":[{"_id":"message:1","_rev":")" +
                            rev.to_string() + R"(","n":1}]})";
  EXPECT_EQ(ask("POST", "/_bulk_docs", write).body, "[]\n");
  EXPECT_NE(ask("POST", "/_bulk_docs?forgotten=true", write).body.find("\"forgotten\""),
            std::string::npos);
  EXPECT_NE(ask("GET", "/_changes?since=0").body.find("\"forgotten\""), std::string::npos);
  EXPECT_EQ(ask("GET", "/_changes?since=now").body.find("\"forgotten\""), std::string::npos);
}

TEST_F(HttpAbsence, LargeAttachmentsStayAtTheServerUntilTheyAreRead) {
  const std::string large(200'000, 'x');
  {
    auto lobby = open(database_folder(folder.path(), "lobby"));
    attach(*lobby, "message:1", large);
    attach(*lobby, "message:2", "small");
  }
  serve();
  const auto peer = remote();
  move(*peer, *make_local_peer(mine, {.leave_blobs_above = 1'000}));
  EXPECT_TRUE(mine->get("message:1")->attachments.front().evicted());
  EXPECT_EQ(bytes_of(*mine, "message:2"), "small");
  std::uint64_t told = 0;
  const auto brought = bring_attachment(*mine, *peer, "message:1", "photo", [&](auto done, auto) {
    told = done;
    return true;
  });
  ASSERT_TRUE(brought) << brought.error().message;
  EXPECT_EQ(told, large.size());
  EXPECT_EQ(bytes_of(*mine, "message:1"), large);
}

// An edge that left bytes behind: nobody is given a document as whole that is not.
TEST_F(HttpAbsence, AnEdgeWithoutTheBytesSaysSo) {
  const std::vector<std::string> ids = {"message:1"};
  {
    auto lobby = open(database_folder(folder.path(), "lobby"));
    attach(*lobby, "message:1", "some bytes");
    rev = lobby->get("message:1")->rev;
    ASSERT_TRUE(lobby->evict(ids, EvictWhat::kBlobs));
  }
  serve();
  const auto peer = remote();
  const auto never = [](std::string_view) {
    ADD_FAILURE() << "there are no bytes";
    return true;
  };
  ASSERT_TRUE(peer->info());
  EXPECT_EQ(peer->read_attachment("message:1", rev, "photo", never).error().code,
            ErrorCode::kEvicted);
  EXPECT_TRUE(move(*peer, *make_local_peer(mine, {.takes_left_behind = true})).rejected.empty());
  ASSERT_TRUE(mine->get("message:1"));
  EXPECT_TRUE(mine->get("message:1")->attachments.front().evicted());

  EXPECT_EQ(ask("GET", "/message:1/photo").status, 503);
  EXPECT_EQ(ask("GET", "/message:1?attachments=true").status, 503);
  EXPECT_EQ(ask("GET", "/message:1?attachments=true&open_revs=all").status, 503);
  EXPECT_EQ(ask("GET", "/message:1").status, 200) << "a stub is what was asked for";
  const auto stub = ask("GET", "/message:1?attachments=true&left_behind=true");
  EXPECT_EQ(stub.status, 200);
  EXPECT_NE(stub.body.find("\"stub\":true"), std::string::npos);
  const std::string wanted = R"({"docs":[{"id":"message:1"}]})";
  EXPECT_NE(ask("POST", "/_bulk_get?attachments=true", wanted).body.find("service_unavailable"),
            std::string::npos);
  EXPECT_NE(ask("POST", "/_bulk_get", wanted).body.find("\"ok\""), std::string::npos);
}

TEST_F(HttpAbsence, APushOfAStubIsTakenByWhoHasTheBytesAndRefusedByOthers) {
  const std::string large(200'000, 'x');
  {
    auto lobby = open(database_folder(folder.path(), "lobby"));
    attach(*lobby, "message:1", large);
  }
  serve();
  const auto peer = remote();
  const auto local = make_local_peer(mine, {.leave_blobs_above = 1'000});
  move(*peer, *local);
  DocumentWrite write;
  write.id = "message:1";
  write.parent = mine->get("message:1")->rev;
  write.body = R"({"edited":true})";
  write.attachments.push_back({.name = "photo", .stub = true});
  ASSERT_TRUE(mine->write_one(std::move(write)));
  EXPECT_TRUE(move(*local, *peer).rejected.empty());
  const auto lobby = *catalog->open("lobby", false);
  EXPECT_EQ(lobby->get("message:1")->body, R"({"edited":true})");
  EXPECT_EQ(bytes_of(*lobby, "message:1"), large);

  ASSERT_TRUE(catalog->create("other"));
  DatabaseUrl other = url();
  other.database = "other";
  const auto elsewhere = make_http_peer(other, {});
  const StepReport report = move(*local, **elsewhere);
  ASSERT_EQ(report.rejected.size(), 1u);
  EXPECT_NE(report.rejected[0].error.message.find("stub"), std::string::npos);
  EXPECT_FALSE((*catalog->open("other", false))->get("message:1"));
}

}  // namespace
}  // namespace atelier::testing
