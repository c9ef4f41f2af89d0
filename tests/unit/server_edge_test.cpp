// Goal: what comes from upstream passes the rules of the room or waits beside it, is told to those whom
// it concerns, and is never lost or shown to others. Method: an UpstreamStore as a pull writes to it,
// and the routes over a service that says what a test puts in.
#include "server/upstream_store.h"

#include "base/limits.h"

#include "server_rooms_tools.h"

namespace atelier::server_test {
namespace {

using server::Quarantine;
using server::UpstreamStore;

constexpr const char* kRules = R"([prefixes.message]
author = "by"
create = ["user"]
delete = []
[prefixes.message.fields.text]
length_max = 5
immutable = true
[prefixes.log]
append_only = true
)";

RevId rev(const std::string& text) { return *RevId::parse(text); }

DocumentWrite from_upstream(std::string id, std::vector<std::string> history, std::string body,
                            bool deleted = false) {
  DocumentWrite write;
  write.id = std::move(id);
  write.body = std::move(body);
  write.body_is_normal = true;
  write.deleted = deleted;
  for (const std::string& one : history) write.history.push_back(rev(one));
  return write;
}

class Upstream : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("atelier-edge-" + random_uuid());
    std::filesystem::create_directories(folder_);
    open(kRules);
  }
  void TearDown() override {
    close();
    std::filesystem::remove_all(folder_);
  }
  void open(const char* rules) {
    auto store = Store::open(folder_ / "room");
    ASSERT_TRUE(store) << store.error().message;
    store_ = *store;
    auto gates = make_room_gates(rules, "rules.toml", "secret");
    ASSERT_TRUE(gates) << gates.error().message;
    gates_ = *gates;
    quarantine_ = std::make_shared<Quarantine>(store_);
    view_ = std::make_shared<UpstreamStore>(store_, gates_->of(store_), quarantine_);
  }
  void close() {
    view_.reset();
    quarantine_.reset();
    gates_.reset();
    store_.reset();
  }
  Result<RevId> write(DocumentWrite document) {
    std::vector<DocumentWrite> one;
    one.push_back(std::move(document));
    return view_->write(std::move(one), {}).front().rev;
  }
  std::string kept() const {
    std::string out;
    for (const Quarantine::Entry& entry : quarantine_->list())
      out += entry.id + '@' + entry.rev.to_string() + ' ';
    return out;
  }

  std::filesystem::path folder_;
  std::shared_ptr<Store> store_;
  std::shared_ptr<RoomGates> gates_;
  std::shared_ptr<Quarantine> quarantine_;
  std::shared_ptr<UpstreamStore> view_;
};

TEST_F(Upstream, DocumentsOfManyAuthorsComeInAndWhatTheyMustBeIsChecked) {
  EXPECT_TRUE(write(from_upstream("message:1", {"1-a"}, R"({"by":"ada","text":"short"})")));
  EXPECT_TRUE(write(from_upstream("message:2", {"1-a"}, R"({"by":"bob","text":"short"})")));
  const auto refused = write(from_upstream("message:3", {"1-a"}, R"({"by":"bob","text":"longer"})"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kForbidden);
  EXPECT_FALSE(store_->get("message:3"));
  EXPECT_EQ(kept(), "message:3@1-a ");
  const Quarantine::Entry entry = quarantine_->list().front();
  EXPECT_NE(entry.reason.find("message.fields.text.length_max"), std::string::npos);
  EXPECT_EQ(entry.reason.find("longer\""), std::string::npos);
  EXPECT_GT(entry.since_ms, 0);
}

TEST_F(Upstream, RefusedAmongOthersConcernsItselfAlone) {
  std::vector<DocumentWrite> batch;
  batch.push_back(from_upstream("log:1", {"1-a"}, "{}"));
  batch.push_back(from_upstream("message:1", {"1-a"}, R"({"by":"ada","text":"too long"})"));
  batch.push_back(from_upstream("log:2", {"1-a"}, "{}"));
  const auto results = view_->write(std::move(batch), {});
  EXPECT_TRUE(results[0].rev && !results[1].rev && results[2].rev);
  EXPECT_TRUE(store_->get("log:1") && store_->get("log:2"));
}

TEST_F(Upstream, WhatFollowsOnARefusedRevisionTakesItsPlace) {
  EXPECT_TRUE(write(from_upstream("log:1", {"1-a"}, R"({"n":1})")));
  EXPECT_FALSE(write(from_upstream("log:1", {"2-b", "1-a"}, R"({"n":2})")));
  EXPECT_FALSE(write(from_upstream("log:1", {"3-c", "2-b", "1-a"}, R"({"n":3})")));
  EXPECT_EQ(kept(), "log:1@3-c ");
  EXPECT_FALSE(write(from_upstream("log:1", {"2-f", "1-a"}, R"({"n":4})")));  // a conflict beside it
  EXPECT_EQ(kept(), "log:1@2-f log:1@3-c ");
  EXPECT_EQ(store_->get("log:1")->rev, rev("1-a"));

  EXPECT_FALSE(write(from_upstream("message:1", {"1-a"}, R"({"by":"ada","text":"longer"})")));
  EXPECT_TRUE(write(from_upstream("message:1", {"2-b", "1-a"}, R"({"by":"ada","text":"ok"})")));
  EXPECT_EQ(kept(), "log:1@2-f log:1@3-c ");
}

TEST_F(Upstream, DeletionsAreJudgedToo) {
  EXPECT_TRUE(write(from_upstream("log:1", {"1-a"}, "{}")));
  EXPECT_FALSE(write(from_upstream("log:1", {"2-b", "1-a"}, "{}", true)));
  EXPECT_TRUE(store_->get("log:1"));
  EXPECT_EQ(kept(), "log:1@2-b ");
  EXPECT_TRUE(quarantine_->document("log:1", rev("2-b"))->deleted);
  // Who may delete is a question of people, which upstream has answered.
  EXPECT_TRUE(write(from_upstream("message:1", {"1-a"}, R"({"by":"ada","text":"ok"})")));
  EXPECT_TRUE(write(from_upstream("message:1", {"2-b", "1-a"}, "{}", true)));
}

TEST_F(Upstream, WhatIsKeptIsWholeAndOutlivesTheProcess) {
  const std::string body = R"({"by":"ada","n":12345678901234567890,"text":"\u0000 longer"})";
  EXPECT_FALSE(write(from_upstream("message:1", {"3-c", "2-b", "1-a"}, body)));
  const std::int64_t since_ms = quarantine_->list().front().since_ms;
  close();
  open(kRules);
  EXPECT_EQ(kept(), "message:1@3-c ");
  EXPECT_EQ(quarantine_->list().front().since_ms, since_ms);
  auto document = quarantine_->document("message:1", rev("3-c"));
  ASSERT_TRUE(document) << document.error().message;
  EXPECT_EQ(document->body, body);
  EXPECT_EQ(document->history, (std::vector<RevId>{rev("3-c"), rev("2-b"), rev("1-a")}));
  // Refused again it is the same one; allowed it is a document like any other.
  EXPECT_FALSE(write(*document));
  EXPECT_EQ(quarantine_->list().front().since_ms, since_ms);
  close();
  open("[prefixes.message]\n");
  EXPECT_TRUE(write(*document));
  EXPECT_EQ(store_->get("message:1")->body, body);
  EXPECT_EQ(kept(), "");
  close();
  open(kRules);
  EXPECT_EQ(kept(), "");
}

TEST_F(Upstream, MoreThanCanBeAnAccidentStopsTheExchange) {
  quarantine_ = std::make_shared<Quarantine>(store_, 2);
  view_ = std::make_shared<UpstreamStore>(store_, gates_->of(store_), quarantine_);
  const auto bad = [&](const std::string& id) {
    return write(from_upstream(id, {"1-a"}, R"({"by":"a","text":"longer"})")).error().code;
  };
  EXPECT_EQ(bad("message:1"), ErrorCode::kForbidden);
  EXPECT_EQ(bad("message:2"), ErrorCode::kForbidden);
  // No error of the document: a replicator would pass it over.
  EXPECT_EQ(bad("message:3"), ErrorCode::kFull);
  EXPECT_EQ(bad("message:2"), ErrorCode::kForbidden);
  EXPECT_EQ(kept(), "message:1@1-a message:2@1-a ");
}

TEST_F(Upstream, BodyThatFillsADocumentStaysUpstream) {
  const std::string body = R"({"by":"a","text":")" + std::string(kDocumentBytesMax - 30, 'x') + "\"}";
  EXPECT_EQ(write(from_upstream("message:1", {"1-a"}, body)).error().code, ErrorCode::kForbidden);
  EXPECT_TRUE(quarantine_->list().front().away);
  EXPECT_EQ(quarantine_->document("message:1", rev("1-a")).error().code, ErrorCode::kNotFound);
  close();
  open(kRules);
  EXPECT_TRUE(quarantine_->list().front().away);
}

TEST_F(Upstream, ModeAndRulesComeAlongWhenTheyCanBeRead) {
  EXPECT_TRUE(write(from_upstream("access:mode", {"1-a"}, R"({"mode":"watch"})")));
  EXPECT_EQ(gates_->of(store_)->terms()->mode, server::RoomMode::kWatch);  // already
  EXPECT_TRUE(write(from_upstream("message:1", {"1-a"}, R"({"by":"ada"})")));
  EXPECT_FALSE(write(from_upstream("access:rules", {"1-a"}, R"({"version":1,"prefixes":7})")));
  EXPECT_EQ(kept(), "access:rules@1-a ");
}

TEST_F(Upstream, RulesThatThisProgramWroteHoldAtOnce) {
  DocumentWrite room_rules;
  room_rules.id = "access:rules";
  room_rules.body = R"({"version":1,"prefixes":{"note":{"bytes_max":10}}})";
  ASSERT_TRUE(store_->write_one(room_rules));
  EXPECT_FALSE(write(from_upstream("note:1", {"1-a"}, R"({"text":"longer than that"})")));
  EXPECT_EQ(kept(), "note:1@1-a ");
}

TEST_F(Upstream, WhatThisProgramMakesItselfIsNotJudged) {
  EXPECT_TRUE(write(from_upstream("log:1", {"1-a"}, "{}")));
  DocumentWrite end;
  end.id = "log:1";
  end.deleted = true;
  end.parent = rev("1-a");
  EXPECT_TRUE(write(end));
  EXPECT_EQ(kept(), "");
}

// --- the routes

class EdgeRoutes : public Rooms {
 protected:
  void SetUp() override {
    Rooms::SetUp();
    start_edge(edge_);
    for (const char* name : {"ada", "bob", "owner"}) add(name);
    secure(R"({"members":{"names":["ada","bob"]},"admins":{"names":["owner"]}})");
    edge_->rooms_["db"].status.state = SyncState::kOffline;
    edge_->rooms_["db"].status.last_error = "no answer";
    edge_->rooms_["db"].quarantine.push_back({"m:q", "1-a", "forbidden", "a reason", 5, R"({"_id":"m:q"})"});
  }
  void refuse(const std::string& id, const std::string& rev) {
    edge_->rooms_["db"].outbox.push_back({id, rev, "forbidden", "not there", 0, ""});
  }
  std::string refused_of(const std::string& who) {
    std::string ids;
    const auto answer = get(who, "/db/_edge").json();
    for (const auto& one : answer.at("refused").as_array())
      ids += std::string(one.at("id").as_string()) + ' ';
    return ids;
  }
  const std::shared_ptr<FakeEdge> edge_ = std::make_shared<FakeEdge>();
};

TEST_F(EdgeRoutes, AdministratorsAreToldAllAndReadersTheState) {
  const auto all = admin("GET", "/_edge").json();
  EXPECT_EQ(all.at("upstream"), "http://upstream.example:5984");
  EXPECT_EQ(all.at("rooms").at("db").at("quarantined"), 1);
  EXPECT_EQ(all.at("rooms").at("db").at("status").at("last_error"), "no answer");
  EXPECT_FALSE(all.at("rooms").at("db").at("quarantine").at(0).as_object().contains("doc"));
  for (const Reply& reply : {admin("GET", "/db/_edge?include_docs=true"), get("owner", "/db/_edge?include_docs=true")})
    EXPECT_EQ(reply.json().at("quarantine").at(0).at("doc").at("_id"), "m:q") << reply.body;
  EXPECT_EQ(get("ada", "/db/_edge?include_docs=true").body, "{\"state\":\"offline\",\"refused\":[]}\n");
  EXPECT_EQ(get("ada", "/_edge").body, "{\"state\":\"offline\"}\n");
  EXPECT_EQ(get("owner", "/_edge").body, "{\"state\":\"offline\"}\n");
  EXPECT_EQ(admin("GET", "/db/_edge?include_docs=maybe").status, 400);
  EXPECT_EQ(admin("GET", "/parts/_edge").status, 404);
  EXPECT_EQ(admin("GET", "/none/_edge").status, 404);
}

TEST_F(EdgeRoutes, EveryAnswerTellsReadersTheStateAndStrangersNothing) {
  for (const char* path : {"/db", "/db/_changes", "/db/nothing"})
    EXPECT_EQ(get("ada", path).header("X-Atelier-Upstream"), "offline") << path;
  edge_->rooms_["db"].status.state = SyncState::kLive;
  EXPECT_EQ(get("ada", "/db").header("X-Atelier-Upstream"), "live");
  EXPECT_EQ(anonymous("GET", "/db").header("X-Atelier-Upstream"), "");
  add("eve");
  const Reply refused = get("eve", "/db/_changes");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.header("X-Atelier-Upstream"), "");
}

TEST_F(EdgeRoutes, TheWorstStateOfTheRoomsThatOneMayReadIsTold) {
  edge_->rooms_["parts"].status.state = SyncState::kNeedsAuth;
  EXPECT_EQ(get("ada", "/_edge").text("state"), "needs_auth");  // open to everybody
  secure(R"({"members":{"names":["bob"]}})", "parts");
  EXPECT_EQ(get("ada", "/_edge").text("state"), "offline");
  EXPECT_EQ(get("bob", "/_edge").text("state"), "needs_auth");
  EXPECT_EQ(get("", "/_edge").status, 401);
}

TEST_F(EdgeRoutes, AuthorsAreToldWhatUpstreamRefusesOfTheirs) {
  rules(R"({"note":{"author":"by"},"own":{"author":"by","read":["author"]}})");
  refuse("note:1", put("ada", "note:1", R"({"x":1})").text("rev"));
  refuse("own:1", put("ada", "own:1", R"({"x":1})").text("rev"));
  refuse("free:1", put("bob", "free:1", R"({"x":1})").text("rev"));
  refuse("note:gone", "1-a");  // is not here any more
  const std::string rev = put("ada", "note:2", R"({"x":1})").text("rev");
  refuse("note:2", anonymous("DELETE", "/db/note:2?rev=" + rev, "", as("ada")).text("rev"));
  EXPECT_EQ(refused_of("ada"), "note:1 own:1 free:1 note:2 ");
  EXPECT_EQ(refused_of("bob"), "free:1 ");
  EXPECT_EQ(admin("GET", "/db/_edge").json().at("outbox").as_array().size(), 5u);
  secure(R"({"anonymous":"writer"})");
  EXPECT_EQ(refused_of(""), "free:1 ");
}

TEST_F(EdgeRoutes, AdministratorsAskForAnotherTry) {
  EXPECT_EQ(anonymous("POST", "/db/_edge", "{}", as("ada")).status, 403);
  EXPECT_TRUE(edge_->retried_.empty());
  EXPECT_EQ(admin("POST", "/db/_edge", "{}").status, 202);
  EXPECT_EQ(anonymous("POST", "/db/_edge", "{}", as("owner")).status, 202);
  EXPECT_EQ(edge_->retried_.size(), 2u);
  EXPECT_EQ(admin("POST", "/parts/_edge", "{}").status, 404);
  EXPECT_EQ(admin("PUT", "/db/_edge", "{}").status, 405);
  EXPECT_EQ(admin("POST", "/_edge", "{}").status, 405);
}

// An edge has a room's gate before anybody asks for the room.
TEST_F(EdgeRoutes, RulesWrittenBeforeAnybodyAskedForTheRoomHold) {
  server_.reset();
  auto gates = make_room_gates("", "", "secret");
  ASSERT_TRUE(gates);
  const auto gate = (*gates)->of(store("db"));
  DocumentWrite room_rules;
  room_rules.id = "access:rules";
  room_rules.body = R"({"version":1,"prefixes":{"note":{"create":[]}}})";
  ASSERT_TRUE(store("db")->write_one(room_rules));
  ServerOptions options = default_options();
  options.gates = *gates;
  start(options);
  EXPECT_EQ(put("ada", "note:1", "{}").status, 403);
}

TEST_F(EdgeRoutes, ServerWithoutUpstreamSaysSo) {
  server_.reset();
  start();
  for (const char* target : {"/_edge", "/db/_edge"}) EXPECT_EQ(admin("GET", target).status, 404) << target;
}

TEST_F(EdgeRoutes, LocalDocumentsOfTheProgramAreTheAdministrators) {
  ASSERT_TRUE(store("db")->put_local("atelier-outbox-x", R"({"refused":[{"id":"note:1"}]})"));
  for (const std::string who : {"ada", "owner"}) {
    const bool may = who == "owner";
    EXPECT_EQ(get(who, "/db/_local/atelier-outbox-x").status, may ? 200 : 404);
    EXPECT_EQ(get(who, "/db/_local_docs").body.find("atelier-outbox-x") != std::string::npos, may);
  }
  EXPECT_EQ(anonymous("PUT", "/db/_local/atelier-outbox-x", "{}", as("ada")).status, 403);
  EXPECT_EQ(anonymous("DELETE", "/db/_local/atelier-outbox-x", "", as("ada")).status, 404);
  EXPECT_NE(anonymous("POST", "/db/_bulk_docs", R"({"docs":[{"_id":"_local/atelier-new","x":1}]})", as("ada"))
                .body.find("forbidden"),
            std::string::npos);
  EXPECT_EQ(anonymous("PUT", "/db/_local/mine", "{}", as("ada")).status, 201);
  EXPECT_NE(admin("GET", "/db/_local/atelier-outbox-x").body.find("note:1"), std::string::npos);
}

}  // namespace
}  // namespace atelier::server_test
