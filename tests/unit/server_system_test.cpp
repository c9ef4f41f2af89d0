// Goal: what stands above the databases: _db_updates, _scheduler, _node, _dbs_info, the database
// `_replicator`, packed answers. Method: exchanges over a real socket; replications are those of a
// service of the test, which ends each when the test says so.
#include <condition_variable>
#include <mutex>

#include "server/db_updates.h"
#include "server/gzip.h"
#include "server_exchanges.h"

namespace atelier::server_test {
namespace {

/// Keeps what it is asked for.
class HeldReplications : public ReplicationService {
 public:
  void replicate(Request request, std::function<void(Result<std::string>)> done) override {
    const std::lock_guard lock(mutex_);
    if (request.continuous) done(std::string(R"({"ok":true,"_local_id":"x+continuous"})"));
    asked_.push_back({std::move(request), std::move(done)});
    changed_.notify_all();
  }
  std::vector<Job> jobs() override {
    const std::lock_guard lock(mutex_);
    std::vector<Job> out;
    for (const auto& [request, done] : asked_) {
      Job job;
      job.id = "job";
      job.source = request.source;
      job.target = request.target;
      job.doc_id = request.doc_id;
      job.continuous = request.continuous;
      job.checked = 5;
      out.push_back(job);
    }
    return out;
  }
  void cancel_document(const std::string& id) override {
    const std::lock_guard lock(mutex_);
    cancelled_.push_back(id);
    std::erase_if(asked_, [&](const auto& one) { return one.first.doc_id == id; });
    changed_.notify_all();
  }

  Request wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return asked_.size() >= count; });
    return asked_.back().first;
  }
  void wait_until_cancelled(const std::string& id) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] {
      return std::find(cancelled_.begin(), cancelled_.end(), id) != cancelled_.end() &&
             asked_.empty();
    });
  }
  void finish(Result<std::string> result) {
    std::function<void(Result<std::string>)> done;
    {
      const std::lock_guard lock(mutex_);
      done = asked_.back().second;
      asked_.pop_back();
    }
    done(std::move(result));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<Request, std::function<void(Result<std::string>)>>> asked_;
  std::vector<std::string> cancelled_;
};

constexpr const char* kDone =
    R"({"ok":true,"history":[{"missing_checked":5,"docs_written":5,"recorded_seq":"5-x"}]})";

class Replicator : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    service_ = std::make_shared<HeldReplications>();
    start(default_options(), service_);
  }
  void put(const std::string& id, const std::string& body) {
    const Reply reply = admin("PUT", "/_replicator/" + id, body);
    ASSERT_EQ(reply.status, 201) << reply.body;
  }
  /// What the scheduler says of a document. The service is called on the server's thread, so that
  /// it is true as soon as a test heard of the call.
  boost::json::value doc_in_state(const std::string& id, const std::string& state) {
    const Reply reply = admin("GET", "/_scheduler/docs/_replicator/" + id);
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.text("state"), state) << reply.body;
    return reply.json();
  }
  /// How it ended is on disk.
  void wait_until_kept(const std::string& id) {
    while (admin("GET", "/_replicator/_local/atelier-replication-" + id).status != 200) {
    }
  }
  std::shared_ptr<HeldReplications> service_;
};

TEST_F(Replicator, ADocumentRunsOnceAndShowsHowItEnded) {
  put("r1", R"({"source":"http://ada:pw@127.0.0.1:1/a","target":"b","create_target":true})");
  const auto asked = service_->wait_for(1);
  EXPECT_EQ(asked.doc_id, "r1");
  EXPECT_EQ(asked.user, "admin");
  EXPECT_TRUE(asked.create_target);
  EXPECT_EQ(doc_in_state("r1", "running").at("source"), "http://127.0.0.1:1/a/");
  service_->finish(std::string(kDone));
  EXPECT_EQ(doc_in_state("r1", "completed").at("info").at("docs_written"), 5);
  const auto doc = admin("GET", "/_replicator/r1").json();
  EXPECT_EQ(doc.at("_replication_state"), "completed");
  EXPECT_EQ(doc.at("owner"), "admin");
  // What is shown may come back: CouchDB's clients write the document that they read.
  EXPECT_EQ(admin("PUT", "/_replicator/r1", boost::json::serialize(doc)).status, 201);
  service_->wait_for(1);
}

TEST_F(Replicator, WhatIsOverIsNotRunAgainByTheNextServer) {
  put("r1", R"({"source":"a","target":"b"})");
  service_->wait_for(1);
  service_->finish(Error{ErrorCode::kForbidden, "no"});
  EXPECT_EQ(doc_in_state("r1", "failed").at("info").at("error"), "no");
  wait_until_kept("r1");
  put("r2", R"({"source":"a","target":"b","continuous":true,"doc_ids":["x"]})");
  EXPECT_EQ(service_->wait_for(1).doc_ids->at(0), "x");
  server_.reset();
  service_ = std::make_shared<HeldReplications>();
  start(default_options(), service_);
  EXPECT_EQ(service_->wait_for(1).doc_id, "r2");
  EXPECT_EQ(doc_in_state("r1", "failed").at("target"), "b");
  EXPECT_EQ(service_->jobs().size(), 1u);
}

TEST_F(Replicator, ADeletedDocumentIsCancelled) {
  put("r1", R"({"source":"a","target":"b","continuous":true})");
  service_->wait_for(1);
  EXPECT_EQ(admin("GET", "/_active_tasks").json().at(0).at("doc_id"), "r1");
  EXPECT_EQ(admin("GET", "/_scheduler/jobs").json().at("total_rows"), 1);
  const std::string rev = admin("GET", "/_replicator/r1").text("_rev");
  EXPECT_EQ(admin("DELETE", "/_replicator/r1?rev=" + rev).status, 200);
  service_->wait_until_cancelled("r1");
  EXPECT_EQ(admin("GET", "/_scheduler/docs/_replicator/r1").status, 404);
}

TEST_F(Replicator, WhatCannotRunIsRefusedAndOthersSeeNothing) {
  EXPECT_EQ(admin("PUT", "/_replicator/bad", R"({"source":5})").status, 403);
  EXPECT_EQ(
      admin("PUT", "/_replicator/bad", R"({"source":"a","target":"b","filter":"x/y"})").status,
      403);
  ASSERT_EQ(admin("PUT", "/_replicator/_security", "{}").status, 200);
  EXPECT_EQ(anonymous("GET", "/_replicator").status, 401);
  EXPECT_EQ(anonymous("PUT", "/_replicator/x", R"({"source":"a","target":"b"})").status, 401);
}

TEST_F(Conformance, NodeTellsItsNameItsCountsAndNoWayToChangeIt) {
  run({
      {"GET", "/_node/_local", "", 200, R"({"name":"atelier@localhost"})"},
      {"GET", "/_node/_local/_config/couchdb/single_node", "", 200, "\"true\""},
      {"GET", "/_node/_local/_config/capture/k", "", 404,
       REASON("not_found", "unknown_config_value")},
      {"PUT", "/_node/_local/_config/capture/k", "\"v\"", 405, ""},
      {"DELETE", "/_node/_local/_config/couchdb/single_node", "", 405, ""},
      {"GET", "/_node/_local/_stats/couchdb/open_databases", "", 200,
       R"({"value":"*","type":"counter","desc":"*"})"},
      {"GET", "/_node/_local/_system", "", 200, R"({"uptime":"*","internal_replication_jobs":0})"},
      {"GET", "/_node/other/_config", "", 404, ""},
      {"GET", "/_cluster_setup", "", 200, R"({"state":"single_node_enabled"})"},
      {"GET", "/_scheduler/jobs", "", 200, R"({"total_rows":0,"offset":0,"jobs":[]})"},
      {"GET", "/_scheduler/docs", "", 200, R"({"total_rows":0,"offset":0,"docs":[]})"},
      {"GET", "/_scheduler/docs/_replicator/none", "", 404, REASON("not_found", "missing")},
      {"GET", "/_dbs_info", "", 200, R"([{"key":"db","info":"*"},{"key":"parts","info":"*"}])"},
      {"GET", "/_all_dbs?limit=1&descending=true", "", 200, R"(["parts"])"},
      {"GET", "/_all_dbs?startkey=%22e%22", "", 200, R"(["parts"])"},
      {"GET", "/db/_shards", "", 200, R"({"shards":{"00000000-ffffffff":["atelier@localhost"]}})"},
      {"GET", "/db/_purged_infos_limit", "", 200, "1000"},
      {"POST", "/db/_sync_shards", "{}", 202, R"({"ok":true})"},
  });
}

TEST_F(Conformance, UpdatesOfAllDatabasesAreTold) {
  const auto first = admin("GET", "/_db_updates").json();
  ASSERT_EQ(first.at("results").as_array().size(), 2u);
  EXPECT_EQ(first.at("results").at(0).at("type"), "created");
  const std::string since(first.at("last_seq").as_string());
  Client feed = client();
  feed.send_request("GET", "/_db_updates?feed=continuous&heartbeat=true&since=" + since, "",
                    as_admin());
  ASSERT_EQ(feed.read_head().status, 200);
  const auto next = [&] {
    const auto row = boost::json::parse(feed.read_line().value());
    return std::string(row.at("db_name").as_string()) + " " +
           std::string(row.at("type").as_string());
  };
  ASSERT_EQ(admin("PUT", "/db/a", "{}").status, 201);
  EXPECT_EQ(next(), "db updated");
  ASSERT_EQ(admin("PUT", "/fresh").status, 201);
  EXPECT_EQ(next(), "fresh created");
  ASSERT_EQ(admin("DELETE", "/fresh").status, 200);
  EXPECT_EQ(next(), "fresh deleted");
  Client poll = client();
  poll.send_request("GET", "/_db_updates?feed=longpoll&since=now", "", as_admin());
  ASSERT_EQ(poll.read_head().status, 200);
  std::string polled = poll.read_chunk().value();  // its beginning: it waits from now on
  ASSERT_EQ(admin("PUT", "/db/b", "{}").status, 201);
  while (const auto chunk = poll.read_chunk()) polled += *chunk;
  EXPECT_NE(polled.find("\"updated\""), std::string::npos) << polled;
  EXPECT_EQ(admin("GET", "/_db_updates?since=7").status, 400);
  EXPECT_EQ(admin("GET", "/_db_updates?feed=nonsense").status, 400);
  EXPECT_EQ(admin("GET", "/_db_updates?limit=x").status, 400);
  EXPECT_EQ(admin("GET", "/_db_updates?heartbeat=0").status, 400);
}

TEST_F(Conformance, LargeAnswersArePackedForWhoTakesThem) {
  std::string docs;
  for (int i = 0; i < 3'000; ++i)
    docs += (i == 0 ? "{\"_id\":\"d" : ",{\"_id\":\"d") + std::to_string(i) + "\"}";
  ASSERT_EQ(admin("POST", "/db/_bulk_docs", "{\"docs\":[" + docs + "]}").status, 201);
  ASSERT_EQ(admin("PUT", "/db/long", R"({"text":")" + std::string(5'000, 'x') + "\"}").status, 201);
  for (const char* target : {"/db/_all_docs", "/db/long", "/db/_changes"}) {
    const Reply plain = admin("GET", target);
    const Reply packed = admin("GET", target, "", {{"Accept-Encoding", "gzip"}});
    EXPECT_EQ(plain.header("Content-Encoding"), "");
    ASSERT_EQ(packed.header("Content-Encoding"), "gzip") << target;
    EXPECT_EQ(packed.header("Vary"), "Accept-Encoding");
    EXPECT_LT(packed.body.size(), plain.body.size());
    const auto unpacked = server::gunzip(packed.body, std::size_t{64} << 20);
    ASSERT_TRUE(unpacked) << target;
    EXPECT_EQ(*unpacked, plain.body) << target;
  }
  EXPECT_EQ(admin("GET", "/db/d1", "", {{"Accept-Encoding", "gzip"}}).header("Content-Encoding"),
            "");
  Client feed = client();
  feed.send_request("GET", "/db/_changes?feed=continuous&since=now&timeout=1", "",
                    as_admin({{"Accept-Encoding", "gzip"}}));
  EXPECT_EQ(feed.read_head().header("Content-Encoding"), "");
}

}  // namespace
}  // namespace atelier::server_test
