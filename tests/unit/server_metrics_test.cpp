// Goal: a monitoring system is told what happened, and a log each request, without secrets. Method: what
// the server says after requests that are known, read by a parser of the test's own.
#include "server/metrics.h"

#include <mutex>
#include <thread>

#include "server_rooms_tools.h"

namespace atelier::server_test {
namespace {

using server::MetricsText;
using server::RequestCounts;
using server::RequestLine;

TEST(Metrics, DurationsFallIntoTheClassWhoseEndTheyDoNotPass) {
  RequestCounts counts;
  counts.count(200, 0.0005);
  counts.count(201, 0.001);
  counts.count(404, 0.0011);
  counts.count(500, 60);
  counts.count(400, std::nullopt);
  EXPECT_EQ(counts.by_class, (std::array<std::uint64_t, 6>{0, 0, 2, 0, 2, 1}));
  EXPECT_EQ(counts.by_duration[0], 2u);
  EXPECT_EQ(counts.by_duration[1], 1u);
  EXPECT_EQ(counts.by_duration.back(), 1u);
  EXPECT_EQ(counts.timed(), 4u);
  EXPECT_DOUBLE_EQ(counts.seconds, 60.0026);
}

TEST(Metrics, TextIsEscapedAndNumbersAreWhole) {
  MetricsText text;
  text.family("a_total", "counter", "What it is.");
  text.add(3, MetricsText::label("db", "a\"b\\c\nd"));
  text.add(0.25);
  text.add(12345678901234.0, {}, "_sum");
  EXPECT_EQ(text.take(),
            "# HELP a_total What it is.\n# TYPE a_total counter\n"
            "a_total{db=\"a\\\"b\\\\c\\nd\"} 3\na_total 0.25\na_total_sum 12345678901234\n");
}

TEST(Metrics, LineOfTheLogHasNamesOfTheQueryAlone) {
  RequestLine line;
  line.id = "00ff";
  line.method = "GET";
  line.path = "/db/\xff\"x";
  line.query = "token=hunter2&feed=longpoll&&alone";
  line.status = 200;
  line.first_ms = 0.12345;
  line.total_ms = 7;
  line.bytes = 12;
  EXPECT_EQ(server::request_line_json(line, 1'795'873'200'123),
            R"({"time":"2026-11-28T13:40:00.123Z","id":"00ff","method":"GET","path":"/db/%FF%22x",)"
            R"("query":["token","feed","alone"],"status":200,"first_ms":0.123,"ms":7,"bytes":12,"whole":true})");
}

class MetricsRoute : public Rooms {
 protected:
  std::map<std::string, double> metrics() {
    const Reply reply = admin("GET", "/_metrics");
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    std::map<std::string, double> out;
    std::string family;
    for (std::size_t at = 0; at < reply.body.size();) {
      const std::size_t end = reply.body.find('\n', at);
      const std::string row = reply.body.substr(at, end - at);
      at = end + 1;
      if (row.starts_with("# TYPE ")) family = row.substr(7, row.find(' ', 7) - 7);
      if (row.starts_with('#')) continue;
      EXPECT_TRUE(row.starts_with(family)) << row << " is not of " << family;
      const std::size_t space = row.rfind(' ');
      EXPECT_TRUE(out.emplace(row.substr(0, space), std::stod(row.substr(space + 1))).second) << row;
    }
    return out;
  }
};

TEST_F(MetricsRoute, CountsWhatHappens) {
  auto before = metrics();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(anonymous("GET", "/none/x").status, 404);
  ASSERT_EQ(admin("PUT", "/db/a", "{}").status, 201);
  Client feed = client();
  feed.send_request("GET", "/db/_changes?feed=continuous&since=now");
  ASSERT_EQ(feed.read_head().status, 200);
  auto after = metrics();
  const auto grew = [&](const std::string& name) { return after.at(name) - before.at(name); };
  EXPECT_EQ(grew("atelier_http_requests_total{class=\"4xx\"}"), 3);
  EXPECT_EQ(grew("atelier_http_requests_total{class=\"2xx\"}"), 3);  // with the first of these
  EXPECT_EQ(grew("atelier_http_request_duration_seconds_count"), 6);
  EXPECT_GT(grew("atelier_http_request_duration_seconds_sum"), 0);
  EXPECT_EQ(after.at("atelier_http_request_duration_seconds_bucket{le=\"+Inf\"}"),
            after.at("atelier_http_request_duration_seconds_count"));
  EXPECT_GE(after.at("atelier_http_request_duration_seconds_bucket{le=\"10\"}"),
            after.at("atelier_http_request_duration_seconds_bucket{le=\"0.001\"}"));
  EXPECT_EQ(grew("atelier_feeds"), 1);
  EXPECT_GE(after.at("atelier_http_connections"), 2);
  EXPECT_EQ(grew("atelier_store_documents{db=\"db\"}"), 1);
  EXPECT_EQ(grew("atelier_store_last_sequence{db=\"db\"}"), 1);
  EXPECT_GT(after.at("atelier_store_file_bytes{db=\"db\"}"), 0);
  EXPECT_EQ(after.count("atelier_edge_waiting{db=\"db\"}"), 0u);
}

TEST_F(MetricsRoute, TellsOfTheUpstream) {
  const auto edge = std::make_shared<FakeEdge>();
  edge->rooms_["db"].status.state = SyncState::kOffline;
  edge->rooms_["db"].status.waiting = 7;
  edge->rooms_["db"].quarantine.push_back({"x", "1-a", "forbidden", "reason", 1, ""});
  ServerOptions options = default_options();
  options.edge = edge;
  server_.reset();
  start(options);
  auto now = metrics();
  EXPECT_EQ(now.at("atelier_edge_live{db=\"db\"}"), 0);
  EXPECT_EQ(now.at("atelier_edge_waiting{db=\"db\"}"), 7);
  EXPECT_EQ(now.at("atelier_edge_quarantine{db=\"db\"}"), 1);
  edge->rooms_["db"].status.state = SyncState::kLive;
  EXPECT_EQ(metrics().at("atelier_edge_live{db=\"db\"}"), 1);
}

TEST_F(MetricsRoute, AreTheAdministrators) {
  EXPECT_EQ(anonymous("GET", "/_metrics").status, 401);
  EXPECT_EQ(admin("GET", "/_metrics/x").status, 404);
  EXPECT_EQ(admin("POST", "/_metrics", "{}").status, 405);
}

TEST_F(MetricsRoute, StandWhereCouchDbHasThemToo) {
  const Reply there = admin("GET", "/_node/_local/_prometheus");
  EXPECT_EQ(there.status, 200);
  EXPECT_EQ(there.header("Content-Type"), admin("GET", "/_metrics").header("Content-Type"));
  EXPECT_NE(there.body.find("\natelier_started_seconds "), std::string::npos);
  EXPECT_EQ(anonymous("GET", "/_node/_local/_prometheus").status, 401);
  EXPECT_EQ(admin("GET", "/_node/_local/_prometheus/x").status, 404);
}

class RequestLog : public Rooms {
 protected:
  void SetUp() override {
    Rooms::SetUp();
    ServerOptions options = default_options();
    options.log = [this](std::string line) {
      const std::lock_guard lock(mutex_);
      lines_.push_back(std::move(line));
    };
    server_.reset();
    start(options);
  }
  void TearDown() override {
    server_.reset();
    Rooms::TearDown();
  }
  /// The line of an answer, which comes when all of it was sent.
  boost::json::object line_of(const Reply& reply) {
    const std::string id = reply.header("x-couch-request-id");
    for (int i = 0; i < 4'000; ++i) {
      {
        const std::lock_guard lock(mutex_);
        for (const std::string& line : lines_) {
          auto object = boost::json::parse(line).as_object();
          if (object.at("id").as_string() == id) return object;
        }
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ADD_FAILURE() << "no line for " << id;
    return {};
  }
  std::string all() {
    const std::lock_guard lock(mutex_);
    std::string out;
    for (const std::string& line : lines_) out += line + '\n';
    return out;
  }

  std::mutex mutex_;
  std::vector<std::string> lines_;  // guarded by mutex_
};

TEST_F(RequestLog, EachRequestHasALineUnderItsOwnId) {
  add("ada");
  Client connection = client();
  const Reply one = connection.request("GET", "/db/_all_docs?limit=3&token=hunter2", "", as("ada"));
  const Reply two = connection.request("GET", "/db/none");
  EXPECT_NE(one.header("x-couch-request-id"), two.header("x-couch-request-id"));
  const auto first = line_of(one), second = line_of(two);
  EXPECT_EQ(first.at("user"), "ada");
  EXPECT_EQ(first.at("from"), "127.0.0.1");
  EXPECT_EQ(first.at("path"), "/db/_all_docs");
  EXPECT_EQ(boost::json::serialize(first.at("query")), R"(["limit","token"])");
  EXPECT_EQ(first.at("status"), 200);
  EXPECT_GE(first.at("bytes").as_int64(), static_cast<std::int64_t>(one.body.size()));
  EXPECT_EQ(second.at("status"), 404);
  EXPECT_FALSE(second.contains("user"));
  EXPECT_EQ(second.at("whole"), true);
}

TEST_F(RequestLog, AnswersThatOverlapKeepTheirIds) {
  Client feed = client();
  feed.send_request("GET", "/db/_changes?feed=longpoll&since=now");
  // The feed is open when the next ones are answered; it ends with the document.
  for (int i = 0; admin("GET", "/_metrics").body.find("\natelier_feeds 1\n") == std::string::npos; ++i)
    ASSERT_LT(i, 2'000);
  const Reply between = anonymous("GET", "/_up");
  ASSERT_EQ(admin("PUT", "/db/a", "{}").status, 201);
  const Reply ended = feed.read_reply();
  EXPECT_NE(ended.header("x-couch-request-id"), between.header("x-couch-request-id"));
  EXPECT_EQ(line_of(ended).at("path"), "/db/_changes");
  EXPECT_EQ(line_of(between).at("path"), "/_up");
}

TEST_F(RequestLog, WhatIsCutOrRefusedHasALineToo) {
  Client feed = client();
  feed.send_request("GET", "/db/_changes?feed=continuous&since=now");
  const Reply head = feed.read_head();
  { const Client gone = std::move(feed); }
  EXPECT_EQ(line_of(head).at("whole"), false);
  Client garbage = client();
  ASSERT_TRUE(garbage.send("NO SUCH\r\n\r\n"));
  const Reply refused = garbage.read_reply();
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(line_of(refused).at("status"), 400);
  const Reply wrong = anonymous("GET", "/db", "", basic("ada", "hunter2"));
  EXPECT_EQ(line_of(wrong).at("status"), 401);
}

TEST_F(RequestLog, HoldsNoSecret) {
  add("ada");
  const Reply in = anonymous("POST", "/_session", R"({"name":"ada","password":"pw"})");
  ASSERT_EQ(in.status, 200);
  const std::string cookie = in.header("set-cookie").substr(0, in.header("set-cookie").find(';'));
  ASSERT_EQ(anonymous("GET", "/_session", "", {{"Cookie", cookie}}).status, 200);
  const Reply last = anonymous("GET", "/_session?password=hunter2", "", basic("ada", "hunter2"));
  line_of(last);
  for (const std::string& secret : {std::string("hunter2"), std::string(kToken), cookie.substr(12), base64("ada:hunter2")})
    EXPECT_EQ(all().find(secret), std::string::npos) << all();
}

}  // namespace
}  // namespace atelier::server_test
