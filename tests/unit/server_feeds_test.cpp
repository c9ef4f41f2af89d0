// Goal: live feeds tell every change once and in order, beat, time out and end as CouchDB's do.
// Method: feeds over sockets; a write, and what each feed reads next. Nothing sleeps: each read
// waits for its event.
#include <chrono>
#include <thread>

#include "server/server.h"
#include "server_tools.h"

namespace atelier::server_test {
namespace {

/// The id in one line of a continuous feed; heartbeats are passed over.
std::string next_id(Client& feed) {
  while (auto line = feed.read_line()) {
    if (line->empty()) continue;
    const auto value = boost::json::parse(*line);
    if (value.as_object().contains("last_seq")) return "<end>";
    return std::string(value.at("id").as_string());
  }
  return "<cut>";
}

class FeedsTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    start();
    make_database("db");
  }
  Client open_feed(const std::string& query) {
    Client feed = client();
    feed.send_request("GET", "/db/_changes?" + query);
    EXPECT_EQ(feed.read_head().status, 200);
    return feed;
  }
  void put(const std::string& id) { ASSERT_EQ(anonymous("PUT", "/db/" + id, "{}").status, 201); }
};

TEST_F(FeedsTest, TwoContinuousFeedsSeeTheSameWrites) {
  put("before");
  Client first = open_feed("feed=continuous&heartbeat=60000");
  Client second = open_feed("feed=continuous&heartbeat=60000&since=now");
  EXPECT_EQ(next_id(first), "before");
  for (const char* id : {"a", "b", "c"}) {
    put(id);
    EXPECT_EQ(next_id(first), id);
    EXPECT_EQ(next_id(second), id);
  }
}

TEST_F(FeedsTest, RowsThatWereToldOneByOneGoTogetherToWhoComesLater) {
  Client first = open_feed("feed=continuous&heartbeat=60000");
  for (const char* id : {"a", "b", "c"}) {
    put(id);
    EXPECT_EQ(next_id(first), id);
  }
  Client late = open_feed("feed=continuous&heartbeat=60000");
  const auto chunk = late.read_chunk();
  ASSERT_TRUE(chunk);
  EXPECT_EQ(std::count(chunk->begin(), chunk->end(), '\n'), 3) << *chunk;
  put("d");
  EXPECT_EQ(next_id(first), "d");
  EXPECT_EQ(next_id(late), "d");
}

TEST_F(FeedsTest, FeedsWithOtherOptionsDoNotShareRows) {
  Client plain = open_feed("feed=continuous&heartbeat=60000");
  Client bodies = open_feed("feed=continuous&heartbeat=60000&include_docs=true");
  Client events = open_feed("feed=eventsource&heartbeat=60000");
  Client filtered = open_feed("feed=continuous&heartbeat=60000&filter=_doc_ids&doc_ids=[%22b%22]");
  ASSERT_EQ(anonymous("PUT", "/db/a", R"({"v":1})").status, 201);
  put("b");
  const auto line = plain.read_line();
  ASSERT_TRUE(line);
  EXPECT_EQ(line->find("\"doc\""), std::string::npos);
  const auto with_body = bodies.read_line();
  ASSERT_TRUE(with_body);
  EXPECT_NE(with_body->find("\"v\":1"), std::string::npos);
  const auto event = events.read_line();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->substr(0, 6), "data: ");
  EXPECT_EQ(events.read_line()->substr(0, 5), "id: \"");
  EXPECT_EQ(*events.read_line(), "");
  EXPECT_EQ(next_id(filtered), "b");
}

TEST_F(FeedsTest, EveryFeedGetsEveryDocumentInOrderUnderLoad) {
  constexpr int kFeeds = 40, kDocuments = 300;
  std::vector<Client> feeds;
  for (int i = 0; i < kFeeds; ++i) feeds.push_back(open_feed("feed=continuous&heartbeat=60000"));
  std::thread writer([&] {
    Client connection = client();
    for (int i = 0; i < kDocuments; ++i)
      ASSERT_EQ(connection.request("PUT", "/db/d" + std::to_string(i), "{}").status, 201);
  });
  for (Client& feed : feeds)
    for (int i = 0; i < kDocuments; ++i) ASSERT_EQ(next_id(feed), "d" + std::to_string(i));
  writer.join();
}

TEST_F(FeedsTest, LongpollWaitsForAWriteAndAnswers) {
  Client poll = open_feed("feed=longpoll&since=now&heartbeat=60000");
  put("a");
  std::string body;
  while (auto chunk = poll.read_chunk()) body += *chunk;
  const auto value = boost::json::parse(body);
  ASSERT_EQ(value.at("results").as_array().size(), 1u);
  EXPECT_EQ(value.at("results").at(0).at("id"), "a");
  // The connection is ready for the next request.
  const std::string since(value.at("last_seq").as_string());
  poll.send_request("GET", "/db/_changes?feed=longpoll&timeout=1&since=" + since);
  EXPECT_EQ(poll.read_reply().json().at("results").as_array().size(), 0u);
}

TEST_F(FeedsTest, HeartbeatsKeepASilentFeedAlive) {
  Client feed = open_feed("feed=continuous&since=now&heartbeat=100");
  EXPECT_EQ(*feed.read_line(), "");
  EXPECT_EQ(*feed.read_line(), "");
  put("a");
  EXPECT_EQ(next_id(feed), "a");
  EXPECT_EQ(*feed.read_line(), "");
}

TEST_F(FeedsTest, TimeoutEndsAFeedWithLastSeq) {
  put("a");
  Client feed = open_feed("feed=continuous&timeout=50");
  EXPECT_EQ(next_id(feed), "a");
  EXPECT_EQ(next_id(feed), "<end>");
  EXPECT_FALSE(feed.read_line());
}

TEST_F(FeedsTest, LimitEndsAFeed) {
  put("a");
  put("b");
  Client feed = open_feed("feed=continuous&limit=1&heartbeat=60000");
  EXPECT_EQ(next_id(feed), "a");
  const auto last = feed.read_line();
  ASSERT_TRUE(last);
  EXPECT_EQ(boost::json::parse(*last).at("pending"), 1);
}

TEST_F(FeedsTest, RemovedDatabaseEndsItsFeeds) {
  put("a");
  Client feed = open_feed("feed=continuous&heartbeat=60000");
  Client poll = open_feed("feed=longpoll&since=now&heartbeat=60000");
  EXPECT_EQ(next_id(feed), "a");
  ASSERT_EQ(admin("DELETE", "/db").status, 200);
  EXPECT_EQ(next_id(feed), "<end>");
  std::string body;
  while (auto chunk = poll.read_chunk()) body += *chunk;
  EXPECT_TRUE(boost::json::parse(body).as_object().contains("last_seq")) << body;
}

TEST_F(FeedsTest, DatabaseMadeAgainIsAnother) {
  put("a");
  const Reply before = anonymous("GET", "/db/_changes");
  ASSERT_EQ(admin("DELETE", "/db").status, 200);
  make_database("db");
  put("b");
  const Reply after = anonymous("GET", "/db/_changes?since=" + before.text("last_seq"));
  ASSERT_EQ(after.json().at("results").as_array().size(), 1u) << "answered from 0";
  EXPECT_NE(before.header("X-Atelier-Store"), after.header("X-Atelier-Store"));
}

TEST_F(FeedsTest, StoppingServerEndsFeedsWithLastSeq) {
  put("a");
  Client feed = open_feed("feed=continuous&heartbeat=60000");
  EXPECT_EQ(next_id(feed), "a");
  std::thread stopper([&] { server_.reset(); });
  EXPECT_EQ(next_id(feed), "<end>");
  stopper.join();
}

TEST_F(FeedsTest, WhatIsWrittenJustBeforeTheServerStopsIsTold) {
  Client feed = open_feed("feed=continuous&heartbeat=60000&include_docs=true");
  Client idle = client();
  ASSERT_EQ(idle.request("GET", "/").status, 200);
  // Several chunks, and more than the buffers of a socket that is not read: the server stops in the
  // midst of them.
  std::vector<DocumentWrite> writes(500);
  for (std::size_t i = 0; i < writes.size(); ++i) {
    writes[i].id = "d" + std::to_string(i);
    writes[i].body = R"({"pad":")" + std::string(40'000, 'x') + R"("})";
  }
  ASSERT_EQ(store("db")->write(writes, {}).size(), writes.size());
  const std::jthread stopper([&] { server_.reset(); });
  EXPECT_FALSE(idle.read_line()) << "the server stops";
  for (const DocumentWrite& write : writes) ASSERT_EQ(next_id(feed), write.id);
  EXPECT_EQ(next_id(feed), "<end>");
}

TEST_F(FeedsTest, AStoppingServerWaitsForWhoIsBetweenTwoLongPolls) {
  put("before");
  Client follower = client();
  const Reply first = follower.request("GET", "/db/_changes?feed=longpoll");
  Client idle = client();
  ASSERT_EQ(idle.request("GET", "/").status, 200);
  put("last-words");
  const std::jthread stopper([&] { server_.reset(); });
  EXPECT_FALSE(idle.read_line()) << "the server stops";
  const Reply second =
      follower.request("GET", "/db/_changes?feed=longpoll&since=" + first.text("last_seq"));
  ASSERT_EQ(second.status, 200);
  ASSERT_EQ(second.json().at("results").as_array().size(), 1u);
  EXPECT_EQ(second.json().at("results").at(0).at("id"), "last-words");
  EXPECT_EQ(second.header("Connection"), "close");
}

TEST_F(FeedsTest, AStoppingServerWaitsForNoOneForLong) {
  put("a");
  Client follower = client();
  ASSERT_EQ(follower.request("GET", "/db/_changes?feed=longpoll").status, 200);
  // It stays connected and silent.
  const auto begun = std::chrono::steady_clock::now();
  server_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(2 * kServerStopMs));
  EXPECT_FALSE(follower.read_line());
}

TEST_F(FeedsTest, WritesOfOtherPartsOfTheProcessAreSeenToo) {
  Client feed = open_feed("feed=continuous&heartbeat=60000");
  DocumentWrite write;
  write.id = "local";
  ASSERT_TRUE(store("db")->write_one(write));
  EXPECT_EQ(next_id(feed), "local");
}

TEST_F(FeedsTest, SlowReaderCatchesUpWithoutLosingARow) {
  // Bodies larger than every socket buffer between us: the feed stops being read, the writes go on.
  Client feed = open_feed("feed=continuous&heartbeat=60000&include_docs=true");
  const std::string body = "{\"pad\":\"" + std::string(200'000, 'x') + "\"}";
  Client writer = client();
  for (int i = 0; i < 60; ++i)
    ASSERT_EQ(writer.request("PUT", "/db/d" + std::to_string(i), body).status, 201);
  for (int i = 0; i < 60; ++i) ASSERT_EQ(next_id(feed), "d" + std::to_string(i));
}

}  // namespace
}  // namespace atelier::server_test
