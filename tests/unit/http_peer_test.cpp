// Goal: a database behind HTTP is a Peer like any other.
// Method: our server on a port that the kernel chose, over a temporary folder; a second one takes
// over its port.
#include "http/http_peer.h"

#include <thread>

#include <gtest/gtest.h>

#include "server/server.h"
#include "store/catalog.h"
#include "unit/replication_tools.h"

namespace atelier::testing {
namespace {

constexpr const char* kToken = "the-admin-token-of-this-test";

/// A host: its databases, and the server over them.
class Host {
 public:
  explicit Host(std::uint16_t port = 0)
      : catalog(std::make_shared<Catalog>(folder.path(), "the test")) {
    lobby = *catalog->create("lobby");
    listen(port);
  }

  void listen(std::uint16_t port) {
    ServerOptions options;
    options.port = port;
    options.admin_token = kToken;
    options.uuid = random_uuid();
    auto started = Server::start(options, catalog);
    ASSERT_TRUE(started) << started.error().message;
    server = std::move(*started);
  }

  DatabaseUrl url(const std::string& database = "lobby") const {
    DatabaseUrl where;
    where.host = "127.0.0.1";
    where.port = server->port();
    where.database = database;
    return where;
  }

  TempFolder folder;
  std::shared_ptr<Catalog> catalog;
  std::shared_ptr<Store> lobby;
  std::unique_ptr<Server> server;
};

class HttpPeerTest : public ::testing::Test {
 protected:
  HttpPeerTest() : mine(open_store(folder.path() / "mine")) {}

  std::unique_ptr<Peer> remote(const DatabaseUrl& url, HttpPeerOptions options = {}) {
    auto peer = make_http_peer(url, options);
    EXPECT_TRUE(peer);
    return std::move(*peer);
  }

  void replicate(Peer& source, Peer& target) {
    Replication replication(source, target, {.id = "test"});
    const auto report = replicate_once(replication);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(report->rejected.empty())
        << (report->rejected.empty() ? "" : report->rejected[0].error.message);
  }

  void attach(Store& store, const std::string& id, const std::string& bytes) {
    auto writer = store.begin_blob();
    ASSERT_TRUE(writer);
    ASSERT_TRUE((*writer)->append(bytes));
    const auto blob = (*writer)->finish();
    DocumentWrite write;
    write.id = id;
    write.body = "{\"title\":\"sea\"}";
    AttachmentWrite attachment;
    attachment.name = "sea \"one\".jpg";
    attachment.content_type = "image/jpeg";
    attachment.blob = blob->blob;
    attachment.digest = blob->digest;
    attachment.length = blob->length;
    write.attachments = {attachment};
    const auto rev = store.write_one(std::move(write));
    ASSERT_TRUE(rev) << rev.error().message;
  }

  /// Everything that a document can be.
  void fill(Store& store) {
    for (int i = 0; i < 700; ++i) {
      edit(store, "message:" + std::to_string(i), "{\"text\":\"h\u00e9llo\",\"n\":1.0}");
    }
    plant(store, "message:conflict", {"2-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", kRoot}, "{\"v\":1}");
    plant(store, "message:conflict", {"2-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", kRoot}, "{\"v\":2}");
    plant(store, "message:half", {"2-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", kRoot}, "{\"v\":1}");
    plant(store, "message:half", {"2-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", kRoot}, "{\"why\":1}",
          true);
    edit(store, "message:gone", "{}");
    edit(store, "message:gone", "{\"reason\":\"spam\"}", true);
    edit(store, "message:1", "{\"text\":\"edited\",\"big\":12345678901234567890}");
    edit(store, "odd id/with+all:of%20it \u00fc", "{}");
    attach(store, "photo:small", "just a few bytes");
    attach(store, "photo:big", std::string(1'500'000, 'x') + "end");
  }

  static constexpr const char* kRoot = "1-cccccccccccccccccccccccccccccccc";
  TempFolder folder;
  std::shared_ptr<Store> mine;
};

TEST_F(HttpPeerTest, PullBringsEveryLeaf) {
  Host host;
  fill(*host.lobby);
  const auto peer = remote(host.url());
  const auto local = make_local_peer(mine);
  replicate(*peer, *local);
  EXPECT_EQ(contents(*mine), contents(*host.lobby));
}

TEST_F(HttpPeerTest, PushBringsEveryLeaf) {
  Host host;
  fill(*mine);
  const auto peer = remote(host.url());
  const auto local = make_local_peer(mine);
  replicate(*local, *peer);
  EXPECT_EQ(contents(*mine), contents(*host.lobby));
}

TEST_F(HttpPeerTest, SeveralAttachmentsOfADocumentCrossWhole) {
  Host host;
  DocumentWrite write;
  write.id = "photo:many";
  const std::string boundary_like = "\r\n--\r\n--x--\r\n";
  for (const std::string& bytes :
       {std::string(), boundary_like, std::string(600'000, 'y'), std::string("last")}) {
    auto writer = host.lobby->begin_blob();
    ASSERT_TRUE(writer && (*writer)->append(bytes));
    const auto blob = (*writer)->finish();
    AttachmentWrite attachment;
    attachment.name = "part " + std::to_string(write.attachments.size()) + " \"q\".bin";
    attachment.content_type = "application/octet-stream";
    attachment.blob = blob->blob;
    attachment.digest = blob->digest;
    attachment.length = blob->length;
    write.attachments.push_back(attachment);
  }
  ASSERT_TRUE(host.lobby->write_one(std::move(write)));
  replicate(*remote(host.url()), *make_local_peer(mine));
  EXPECT_EQ(contents(*mine), contents(*host.lobby));
}

TEST_F(HttpPeerTest, ServerAppliesAPrefixFilter) {
  Host host;
  for (const char* id : {"message:1", "board:1", "messages:1", "message:2", "message:"}) {
    edit(*host.lobby, id, "{}");
  }
  ChangesQuery query;
  query.filter.prefixes = {"message"};
  query.limit = 2;
  const auto peer = remote(host.url());
  ASSERT_TRUE(peer->info());
  const auto page = peer->changes(query);
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->changes.size(), 2u);  // the limit counts wanted rows alone
  EXPECT_EQ(page->changes[0].id, "message:1");
  EXPECT_EQ(page->changes[1].id, "message:2");
  for (const char* bad :
       {"&prefixes=7", "&prefixes=[]", "&prefixes=[7]", "&prefixes=%5B%22%22%5D", ""}) {
    HttpRequest request;
    request.path = std::string("/lobby/_changes?filter=_prefix") + bad;
    const auto reply = http_request(host.url(), request);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 400) << bad;
  }
}

TEST_F(HttpPeerTest, NewestOfACollectionAreToldInOneRequest) {
  Host host;
  for (const char* id : {"a:1", "message:1", "message:2", "message:3", "zoo:1"}) {
    edit(*host.lobby, id, "{}");
  }
  const auto newest = remote(host.url())->newest({"message", 2, ""});
  ASSERT_TRUE(newest) << newest.error().message;
  ASSERT_EQ(newest->size(), 2u);
  EXPECT_EQ((*newest)[0].id, "message:3");
  EXPECT_EQ((*newest)[1].id, "message:2");
  EXPECT_EQ((*newest)[0].revs, std::vector<RevId>{host.lobby->get("message:3")->rev});
}

TEST_F(HttpPeerTest, PageReadAheadIsThePageThatWasAskedFor) {
  Host host;
  for (int i = 0; i < 6; ++i) edit(*host.lobby, "message:" + std::to_string(i), "{}");
  const auto peer = remote(host.url());
  ASSERT_TRUE(peer->info());
  ChangesQuery query;
  query.limit = 3;
  const auto first = peer->changes(query);
  ASSERT_TRUE(first);
  query.since = first->last_seq;
  peer->read_ahead(query);
  const auto second = peer->changes(query);
  ASSERT_TRUE(second);
  ASSERT_EQ(second->changes.size(), 3u);
  EXPECT_EQ(second->changes[0].id, "message:3");
  EXPECT_FALSE(second->more);
  peer->read_ahead(query);  // announced, and then something else is asked
  const auto other = peer->changes({.since = "", .limit = 1});
  ASSERT_TRUE(other);
  EXPECT_EQ(other->changes[0].id, "message:0");
}

TEST_F(HttpPeerTest, PageBehindIsFetchedUnaskedOnceThePagesHaveTheirSize) {
  Host host;
  for (int i = 0; i < 9; ++i) edit(*host.lobby, "message:" + std::to_string(i), "{}");
  const auto peer = remote(host.url());
  ASSERT_TRUE(peer->info());
  ChangesQuery query;
  query.limit = 3;
  auto page = peer->changes(query);
  ASSERT_TRUE(page);
  peer->known_identity();  // waits for what is fetched
  // What changes now is behind the page that is here already.
  edit(*host.lobby, "message:3", "{\"again\":true}");
  query.since = page->last_seq;
  query.limit = 5;  // still growing: what is here is taken, and nothing fetched behind it
  page = peer->changes(query);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->changes.size(), 3u);
  EXPECT_EQ(page->changes[0].id, "message:3");
  EXPECT_TRUE(page->more);
  peer->known_identity();
  edit(*host.lobby, "message:6", "{\"again\":true}");
  query.since = page->last_seq;
  page = peer->changes(query);
  ASSERT_TRUE(page);
  std::vector<std::string> ids;
  for (const PeerChange& change : page->changes) ids.push_back(change.id);
  EXPECT_EQ(ids, (std::vector<std::string>{"message:7", "message:8", "message:3", "message:6"}));
  EXPECT_FALSE(page->more);
}

TEST_F(HttpPeerTest, PageThatWouldBeTooLargeIsNotTaken) {
  Host host;
  for (int i = 0; i < 9; ++i) edit(*host.lobby, "message:" + std::to_string(i), "{}");
  const auto peer = remote(host.url());
  ChangesQuery query;
  query.limit = 4;
  auto page = peer->changes(query);
  ASSERT_TRUE(page);
  query.since = page->last_seq;
  query.limit = 2;
  page = peer->changes(query);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->changes.size(), 2u);
  EXPECT_EQ(page->changes[0].id, "message:4");
}

TEST_F(HttpPeerTest, CatchingUpAfterOneDocumentAsksForNoMoreThanItMust) {
  Host host;
  edit(*host.lobby, "message:1", "{}");
  const auto local = make_local_peer(mine);
  replicate(*remote(host.url()), *local);
  edit(*host.lobby, "message:2", "{}");
  // A new connection that finds its checkpoint by memory never asks who answers.
  class NoInfo : public PeerWrapper {
   public:
    using PeerWrapper::PeerWrapper;
    Result<PeerInfo> info() override {
      ++infos;
      return PeerWrapper::info();
    }
    std::string known_identity() const override { return inner_->known_identity(); }
    int infos = 0;
  };
  NoInfo counted(remote(host.url()));
  replicate(counted, *local);
  EXPECT_EQ(contents(*mine), contents(*host.lobby));
  EXPECT_EQ(counted.infos, 0);
}

TEST_F(HttpPeerTest, ServerNamesItsStoreAndMissingDatabaseIsAValue) {
  Host host;
  const auto info = remote(host.url())->info();
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_FALSE(info->identity.empty());
  const auto missing = remote(host.url("nowhere"))->info();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
}

TEST_F(HttpPeerTest, DatabaseIsCreatedOnDemandByAnAdministrator) {
  Host host;
  DatabaseUrl url = host.url("fresh");
  url.credentials = {Credentials::Kind::kBearer, "", kToken};
  const auto info = remote(url, {.create_database = true})->info();
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_TRUE(host.catalog->exists("fresh"));
}

TEST_F(HttpPeerTest, AnotherStoreBehindTheAddressIsNoticedByTheFirstAnswer) {
  auto first = std::make_unique<Host>();
  const std::uint16_t port = first->server->port();
  const auto peer = remote(first->url());
  ASSERT_TRUE(peer->info());
  ASSERT_TRUE(peer->changes({}));
  first->server.reset();
  Host second(port);
  const auto page = peer->changes({});
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, ErrorCode::kPeerChanged);
  const auto again = peer->info();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(peer->changes({}));
}

TEST_F(HttpPeerTest, CancelEndsALongPollAtOnce) {
  Host host;
  const auto peer = remote(host.url());
  const auto info = peer->info();
  ASSERT_TRUE(info);
  std::thread canceller;
  const auto begun = std::chrono::steady_clock::now();
  {
    // The server answers the first poll with nothing; the cancel comes during a later one.
    canceller = std::thread([&] {
      std::this_thread::yield();
      peer->cancel();
    });
    Result<ChangesPage> page = ChangesPage();
    while (page) page = peer->changes({.since = info->update_seq, .wait_ms = kLongPollMs});
    EXPECT_EQ(page.error().code, ErrorCode::kCancelled);
  }
  canceller.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
  EXPECT_EQ(peer->info().error().code, ErrorCode::kCancelled);
}

TEST_F(HttpPeerTest, LongPollReturnsWithTheChange) {
  Host host;
  const auto peer = remote(host.url());
  const auto info = peer->info();
  ASSERT_TRUE(info);
  std::thread writer([&] { edit(*host.lobby, "message:1", "{}"); });
  const auto page = peer->changes({.since = info->update_seq, .wait_ms = 20'000});
  writer.join();
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->changes.size(), 1u);
  EXPECT_TRUE(page->changes[0].document) << "a first revision comes along";
}

TEST_F(HttpPeerTest, LiveSyncSurvivesTheServersEndAndItsSuccessor) {
  auto first = std::make_unique<Host>();
  const std::uint16_t port = first->server->port();
  Host second;
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t pokes = 0;
  const auto poke = [&] {
    std::lock_guard lock(mutex);
    ++pokes;
    changed.notify_all();
  };
  const auto mine_poked = mine->subscribe(poke);
  const auto first_poked = first->lobby->subscribe(poke);
  const auto second_poked = second.lobby->subscribe(poke);
  LiveSync sync(mine, make_http_peer_factory(first->url(), {}), {}, poke);
  const auto awaits = [&](const std::function<bool()>& done) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < until) {
      std::unique_lock lock(mutex);
      const std::uint64_t seen = pokes;
      lock.unlock();
      if (done()) return true;
      lock.lock();
      changed.wait_for(lock, std::chrono::seconds(1), [&] { return pokes != seen; });
    }
    ADD_FAILURE() << sync_state_name(sync.status().state) << " " << sync.status().last_error;
    return false;
  };
  const auto has = [](Store& store, const char* id) { return static_cast<bool>(store.get(id)); };

  edit(*mine, "message:mine", "{}");
  edit(*first->lobby, "message:first", "{}");
  ASSERT_TRUE(awaits([&] { return has(*mine, "message:first"); }));
  ASSERT_TRUE(awaits([&] { return has(*first->lobby, "message:mine"); }));
  ASSERT_TRUE(awaits([&] { return sync.status().state == SyncState::kLive; }));

  first->server.reset();
  ASSERT_TRUE(awaits([&] { return sync.status().state == SyncState::kOffline; }));
  edit(*mine, "message:offline", "{}");
  EXPECT_TRUE(awaits([&] { return sync.status().waiting == 1; }));

  second.server.reset();
  second.listen(port);  // another store, the same address
  edit(*second.lobby, "message:second", "{}");
  EXPECT_TRUE(awaits([&] { return has(*second.lobby, "message:offline"); }));
  EXPECT_TRUE(awaits([&] { return has(*second.lobby, "message:mine"); }));
  EXPECT_TRUE(awaits([&] { return has(*second.lobby, "message:first"); }));
  EXPECT_TRUE(awaits([&] { return has(*mine, "message:second"); }));
}

TEST_F(HttpPeerTest, SingleRequestAnswersAnyStatus) {
  Host host;
  const auto welcome = http_request(host.url(), {});
  ASSERT_TRUE(welcome) << welcome.error().message;
  EXPECT_EQ(welcome->status, 200);
  EXPECT_NE(welcome->body.find("Welcome"), std::string::npos);
  const auto missing = http_request(host.url(), {.path = "/nowhere"});
  ASSERT_TRUE(missing);
  EXPECT_EQ(missing->status, 404);
}

TEST_F(HttpPeerTest, NobodyListeningIsUnavailable) {
  std::uint16_t port = 0;
  {
    Host host;
    port = host.server->port();
  }
  DatabaseUrl url;
  url.host = "127.0.0.1";
  url.port = port;
  url.database = "lobby";
  const auto info = remote(url)->info();
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace atelier::testing
