// Goal: what a command or a host chooses to move, to leave and to keep is what happens. Method:
// real profiles in a folder of the test's own; the remote is another profile's server on a port
// that the kernel chose.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>

#include "base/digest.h"
#include "base/id.h"
#include "base/json_text.h"
#include "base/os/os.h"
#include "commands.h"
#include "host_node.h"
#include "node.h"
#include "progress.h"
#include "replication/sync_notice.h"
#include "sync_service.h"

namespace atelier::host {
namespace {

namespace fs = std::filesystem;
constexpr auto kPatience = std::chrono::seconds(30);  // for an event on a busy machine
constexpr int kManyDocuments = 3'000;                 // some pages

class SyncChoices : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("atelier-choices-" + random_uuid());
    fs::create_directories(folder_ / "run");
    ::setenv("XDG_RUNTIME_DIR", (folder_ / "run").c_str(), 1);
    context_.data = folder_ / "data";
    remote_ = open_node("remote", true);
    auto there = remote_->open_store("room");
    ASSERT_TRUE(there);
    there_ = *there;
  }
  void TearDown() override {
    there_.reset();
    remote_.reset();
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
  static void put(Store& store, const std::string& id, const std::string& body = "{}",
                  const std::string& photo = "") {
    DocumentWrite write;
    write.id = id;
    write.body = body;
    if (!photo.empty()) {
      auto writer = store.begin_blob();
      ASSERT_TRUE(writer && (*writer)->append(photo));
      AttachmentWrite attachment;
      attachment.name = "photo";
      attachment.content_type = "image/png";
      attachment.blob = (*writer)->finish()->blob;
      write.attachments.push_back(std::move(attachment));
    }
    ASSERT_TRUE(store.write_one(std::move(write)));
  }
  SyncCommandOptions sync() const {
    SyncCommandOptions options;
    options.room = "lobby";
    options.url = remote_->url() + "/room";
    return options;
  }
  /// What is in the room afterwards.
  std::vector<std::string> ids_here() {
    const auto node = open_node("default", false);
    std::vector<std::string> ids;
    EXPECT_TRUE((*node->open_store("lobby"))->scan({}, [&](const DocumentView& view) {
      ids.emplace_back(view.id);
      return true;
    }));
    return ids;
  }
  template <class Fn>
  static void await(Fn happened) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!happened()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      std::this_thread::yield();
    }
  }

  fs::path folder_;
  CommandContext context_;
  std::unique_ptr<Node> remote_;
  std::shared_ptr<Store> there_;
  std::ostringstream out_, err_;
};

TEST_F(SyncChoices, GoThroughTheControlSocketUnchanged) {
  SyncRequest request;
  request.database = "lobby";
  request.url = *DatabaseUrl::parse("http://host/room");
  request.live.filter = {{"message"}, {"message:1", "a,b"}, R"({"n":{"$gt":1}})"};
  request.live.newest = {{.prefix = "message"}};
  request.live.store.leave_blobs_above = 10'000'000;
  request.live.window = *parse_window("30d,1GB");
  request.live.window.prefixes = {"message"};
  const auto back = parse_sync_request(sync_request_json(request));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->live.filter, request.live.filter);
  ASSERT_EQ(back->live.newest.size(), 1u);
  EXPECT_EQ(back->live.newest[0].prefix, "message");
  EXPECT_EQ(back->live.store.leave_blobs_above, 10'000'000u);
  EXPECT_EQ(back->live.window, request.live.window);

  const auto plain = parse_sync_request(R"({"room":"lobby","url":"http://host/room"})");
  ASSERT_TRUE(plain);
  EXPECT_TRUE(plain->live.filter.empty() && plain->live.newest.empty());
  EXPECT_EQ(plain->live.store.leave_blobs_above, UINT64_MAX);
  EXPECT_TRUE(plain->live.window.empty());
  for (const char* bad : {R"("keep":"much")", R"("leave_blobs_above":-1)"}) {
    EXPECT_FALSE(
        parse_sync_request(R"({"room":"lobby","url":"http://host/room",)" + std::string(bad) + "}"))
        << bad;
  }
}

TEST_F(SyncChoices, IdsAndSelectorsFilterWhatMoves) {
  for (int i = 0; i < 5; ++i) {
    put(*there_, "message:" + std::to_string(i), "{\"n\":" + std::to_string(i) + "}");
  }
  put(*there_, "note:1", R"({"n":9})");
  SyncCommandOptions by_id = sync();
  by_id.ids = {"message:1", "message:3"};
  EXPECT_EQ(run_sync(context_, by_id, out_, err_), kExitOk) << err_.str();
  EXPECT_EQ(ids_here(), (std::vector<std::string>{"message:1", "message:3"}));
  SyncCommandOptions by_selector = sync();
  by_selector.selector = R"({ "n": {"$gte": 4} })";
  by_selector.prefixes = {"message"};
  EXPECT_EQ(run_sync(context_, by_selector, out_, err_), kExitOk) << err_.str();
  EXPECT_EQ(ids_here(), (std::vector<std::string>{"message:1", "message:3", "message:4"}));
}

TEST_F(SyncChoices, WhatMakesNoSenseIsAnErrorOfUse) {
  const auto refused = [&](SyncCommandOptions options, const char* word) {
    err_.str("");
    EXPECT_EQ(run_sync(context_, options, out_, err_), kExitUsage);
    EXPECT_NE(err_.str().find(word), std::string::npos) << err_.str();
  };
  SyncCommandOptions options = sync();
  options.selector = "{\"n\":";
  refused(options, "atelier:");
  options.selector = R"({"n":{"$nonsense":1}})";
  refused(options, "$nonsense");
  options = sync();
  options.newest_first = true;
  refused(options, "--prefix");
  options = sync();
  options.leave_blobs_above = "30d";
  refused(options, "--leave-blobs-above");
  options = sync();
  options.keep = "a lot";
  refused(options, "a lot");
}

TEST_F(SyncChoices, WhatWasLeftBehindIsFetchedByWhoeverReadsIt) {
  const std::string large(300'000, 'x');
  put(*there_, "message:1", "{}", large);
  put(*there_, "message:2", "{}", "small");
  SyncCommandOptions options = sync();
  options.leave_blobs_above = "100kB";
  ASSERT_EQ(run_sync(context_, options, out_, err_), kExitOk) << err_.str();
  {
    const auto node = open_node("default", false);
    const auto here = *node->open_store("lobby");
    EXPECT_TRUE(here->get("message:1")->attachments.front().evicted());
    EXPECT_FALSE(here->get("message:2")->attachments.front().evicted());
  }
  AttachmentOptions attachment;
  attachment.room = "lobby";
  attachment.id = "message:2";
  attachment.name = "photo";
  out_.str("");
  EXPECT_EQ(run_attachment(context_, attachment, out_, err_), kExitOk) << err_.str();
  EXPECT_EQ(out_.str(), "small");

  attachment.id = "message:1";
  attachment.output = (folder_ / "photo.png").string();
  err_.str("");
  EXPECT_EQ(run_attachment(context_, attachment, out_, err_), kExitFailed);
  EXPECT_NE(err_.str().find("--from"), std::string::npos) << err_.str();
  EXPECT_FALSE(fs::exists(attachment.output));
  attachment.url = remote_->url() + "/room";
  EXPECT_EQ(run_attachment(context_, attachment, out_, err_), kExitOk) << err_.str();
  std::ifstream file(attachment.output, std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), large);
  attachment.name = "none";
  EXPECT_EQ(run_attachment(context_, attachment, out_, err_), kExitFailed);
}

TEST_F(SyncChoices, AServerFetchesWhatItLeftBehindWhenItsOwnClientsAsk) {
  const std::string large(300'000, 'x');
  put(*there_, "message:1", R"({"text":"hello"})", large);
  put(*there_, "message:2", "{}", large + "2");
  NodeOptions options;
  options.data = context_.data;
  options.port = 0;
  const auto edge = Node::open(std::move(options));
  ASSERT_TRUE(edge) << edge.error().message;
  const auto here = *(*edge)->open_store("lobby");
  const auto url = DatabaseUrl::parse((*edge)->url() + "/lobby");
  const auto get = [&](const std::string& path) {
    HttpRequest request;
    request.path = "/lobby/" + path;
    request.headers["Accept"] = "application/json";
    const auto reply = http_request(*url, request);
    EXPECT_TRUE(reply) << reply.error().message;
    return reply ? *reply : HttpReply();
  };
  SyncRequest request;
  request.database = "lobby";
  request.url = *DatabaseUrl::parse(remote_->url() + "/room");
  request.live.store.leave_blobs_above = 1'000;
  ASSERT_TRUE((*edge)->syncs().start(request));
  await([&] { return here->get("message:2").has_value(); });
  ASSERT_TRUE(here->get("message:1")->attachments.front().evicted());

  const auto photo = get("message%3A1/photo");
  EXPECT_EQ(photo.status, 200);
  EXPECT_EQ(photo.body, large);
  EXPECT_FALSE(here->get("message:1")->attachments.front().evicted());
  const auto whole = get("message%3A2?attachments=true");
  EXPECT_EQ(whole.status, 200);
  EXPECT_NE(whole.body.find("\"data\""), std::string::npos);
  EXPECT_FALSE(here->get("message:2")->attachments.front().evicted());
  // Where it cannot be had it is still known, and not taken for missing.
  put(*there_, "message:3", "{}", large + "3");
  await([&] { return here->get("message:3").has_value(); });
  ASSERT_TRUE((*edge)->syncs().stop("lobby"));
  EXPECT_EQ(get("message%3A3/photo").status, 503);
  EXPECT_EQ(get("message%3A3").status, 200);
}

TEST_F(SyncChoices, TheHolderOfTheProfileFetchesForACommand) {
  const std::string large(300'000, 'x');
  put(*there_, "message:1", "{}", large);
  const auto local = open_node("default", false);
  const auto here = *local->open_store("lobby");
  SyncRequest request;
  request.database = "lobby";
  request.url = *DatabaseUrl::parse(remote_->url() + "/room");
  request.live.store.leave_blobs_above = 1'000;
  ASSERT_TRUE(local->syncs().start(request));
  await([&] { return here->get("message:1").has_value(); });
  EXPECT_TRUE(here->get("message:1")->attachments.front().evicted());
  AttachmentOptions attachment;
  attachment.room = "lobby";
  attachment.id = "message:1";
  attachment.name = "photo";
  ASSERT_EQ(run_attachment(context_, attachment, out_, err_), kExitOk) << err_.str();
  EXPECT_EQ(out_.str(), large);
  EXPECT_FALSE(here->get("message:1")->attachments.front().evicted());
  EXPECT_EQ(local->syncs().bring("elsewhere", "message:1", "photo").error().code,
            ErrorCode::kNotFound);

  SyncCommandOptions options = sync();
  options.keep = "30d";
  EXPECT_EQ(run_sync(context_, options, out_, err_), kExitFailed)
      << "one exchange by another program";
  EXPECT_NE(err_.str().find("--live"), std::string::npos) << err_.str();
}

TEST_F(SyncChoices, AWindowLeavesWhatIsNewAndLosesNothingThere) {
  class Past : public Clock {
   public:
    std::int64_t wall_ms() const override { return system_clock().wall_ms() - ago_ms; }
    std::int64_t monotonic_ms() const override { return system_clock().monotonic_ms(); }
    std::int64_t ago_ms = 0;
  } clock;
  IdMaker ids(clock);
  std::vector<std::string> made;
  for (int days = 40; days > 0; days -= 10) {
    clock.ago_ms = std::int64_t{days} * 86'400'000;
    made.push_back(ids.make("message"));
    put(*there_, made.back());
  }
  SyncCommandOptions options = sync();
  options.keep = "25d";
  ASSERT_EQ(run_sync(context_, options, out_, err_), kExitOk) << err_.str();
  out_.str("");
  ASSERT_EQ(run_sync(context_, options, out_, err_), kExitOk) << err_.str();
  EXPECT_NE(out_.str().find("pulled 0, pushed 0"), std::string::npos) << out_.str();
  const auto node = open_node("default", false);
  const auto here = *node->open_store("lobby");
  EXPECT_EQ(here->get(made[0]).error().code, ErrorCode::kEvicted);
  EXPECT_EQ(here->get(made[1]).error().code, ErrorCode::kEvicted);
  EXPECT_TRUE(here->get(made[2]));
  EXPECT_EQ(here->info().doc_count, 4u);
  for (const std::string& id : made) EXPECT_TRUE(there_->get(id));
}

TEST_F(SyncChoices, NewestOfACollectionComeFirst) {
  std::vector<DocumentWrite> writes;
  for (int i = 0; i < kManyDocuments; ++i) {
    DocumentWrite write;
    write.id = process_ids().make("message");
    writes.push_back(std::move(write));
  }
  const std::string oldest = writes.front().id, newest = writes.back().id;
  there_->write(std::move(writes));
  SyncCommandOptions options = sync();
  options.prefixes = {"message"};
  options.newest_first = true;
  ASSERT_EQ(run_sync(context_, options, out_, err_), kExitOk) << err_.str();
  const auto node = open_node("default", false);
  const auto here = *node->open_store("lobby");
  EXPECT_EQ(here->info().doc_count, static_cast<std::uint64_t>(kManyDocuments));
  EXPECT_LT(here->get(newest)->sequence, here->get(oldest)->sequence);
  EXPECT_EQ(here->info().last_sequence, static_cast<std::uint64_t>(kManyDocuments)) << "none twice";
}

// Who joins a room in a window or a terminal reads its end at once.
TEST_F(SyncChoices, AHostThatJoinsARoomBringsTheEndOfItsPluginsCollectionsFirst) {
  std::vector<DocumentWrite> writes;
  for (int i = 0; i < kManyDocuments; ++i) {
    DocumentWrite write;
    write.id = process_ids().make("note");
    write.body = R"({"number":1,"text":"one"})";
    writes.push_back(std::move(write));
  }
  const std::string oldest = writes.front().id, newest = writes.back().id;
  there_->write(std::move(writes));
  HostOptions options;
  options.node.data = context_.data;
  options.node.profile = "joining";
  options.node.share = false;
  options.plugin_folders = {os::program_dir() / "plugins"};
  options.nickname = "bob";
  options.sync_room = "lobby";
  options.sync_url = remote_->url() + "/room";
  HostNode host(std::move(options));
  ASSERT_TRUE(host.start());
  auto room = host.open("notes", "lobby", "bob");
  ASSERT_TRUE(room) << room.error().message;
  const auto here = *host.node()->open_store("lobby");
  await([&] {
    (*room)->update();
    while ((*room)->room().pump()) {
    }
    return here->info().doc_count == static_cast<std::uint64_t>(kManyDocuments);
  });
  EXPECT_LT(here->get(newest)->sequence, here->get(oldest)->sequence);
}

TEST_F(SyncChoices, ANoticeIsShownWithTheStatus) {
  const auto local = open_node("default", false);
  const auto here = *local->open_store("lobby");
  SyncRequest request;
  request.database = "lobby";
  request.url = *DatabaseUrl::parse(remote_->url() + "/room");
  const auto factory = make_http_peer_factory(request.url, request.http);
  ASSERT_TRUE(save_sync_notice(*here, factory->stable_name(), "this device was away",
                               system_clock().wall_ms()));
  ASSERT_TRUE(local->syncs().start(request));
  ASSERT_EQ(run_sync(context_, {.room = "lobby", .status = true}, out_, err_), kExitOk);
  EXPECT_NE(out_.str().find("this device was away"), std::string::npos) << out_.str();
  out_.str("");
  CommandContext programs = context_;
  programs.json = true;
  ASSERT_EQ(run_sync(programs, {.room = "lobby", .status = true}, out_, err_), kExitOk);
  EXPECT_NE(out_.str().find("\"notice\":\"this device was away\""), std::string::npos)
      << out_.str();
}

TEST(BlobProgressWords, SayHowFarItIs) {
  EXPECT_EQ(blob_progress_words("a.png", 1'200'000, 2'400'000),
            "fetching a.png [##########..........] 1.2 MB of 2.4 MB");
  EXPECT_EQ(blob_progress_words("a.png", 10, 0), "fetching a.png 0.0 kB");
}

}  // namespace
}  // namespace atelier::host
