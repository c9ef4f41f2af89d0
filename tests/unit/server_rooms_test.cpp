// Goal: a room's people, mode and rules hold, are told to those who are there, and end with whoever
// loses them. Method: people with accounts over a real socket; two of them read along.
#include <chrono>
#include <set>

#include "base/clock.h"
#include "server/room_end.h"
#include "server_rooms_tools.h"
#include "server_web.h"

namespace atelier::server_test {
namespace {

using server::empty_room;
using server::room_end;

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr const char* kPeople =
    R"({"members":{"names":["ada","bob"]},"readers":{"names":["rhea"]},"moderators":{"names":["mo"]}})";

class Room : public Rooms {
 protected:
  void SetUp() override {
    Rooms::SetUp();
    for (const char* name : {"ada", "bob", "rhea", "mo", "eve"}) add(name);
    secure(kPeople);
  }
  static DocumentWrite test_edit(const std::string& id) {
    DocumentWrite write;
    write.id = id;
    return write;
  }
  std::string reason(const Reply& reply) {
    EXPECT_EQ(reply.status, 403) << reply.body;
    return reply.text("reason");
  }
};

// --- people

TEST_F(Room, EachRoleMayWhatItSays) {
  const struct {
    const char* name;
    int read, write, moderate, configure;
  } rows[] = {{"", 401, 401, 401, 401},     {"eve", 403, 403, 403, 403},
              {"rhea", 200, 403, 403, 403}, {"ada", 200, 201, 403, 403},
              {"mo", 200, 201, 201, 403}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(get(row.name, "/db").status, row.read);
    EXPECT_EQ(put(row.name, std::string("message:") + row.name, "{}").status, row.write);
    EXPECT_EQ(put(row.name, std::string("access:x-") + row.name, "{}").status, row.moderate);
    EXPECT_EQ(anonymous("PUT", "/db/_security", kPeople, as(row.name)).status, row.configure);
    EXPECT_EQ(put(row.name, "_design/x", "{}").status, row.configure);
  }
  EXPECT_EQ(reason(put("rhea", "a", "{}")), "You may read this room and not write to it.");
  const Reply bulk = anonymous("POST", "/db/_bulk_docs",
                               R"({"new_edits":false,"docs":[{"_id":"a","_rev":"1-a"}]})", as("rhea"));
  EXPECT_EQ(bulk.status, 201);
  EXPECT_EQ(bulk.body, "[{\"id\":\"a\",\"rev\":\"1-a\",\"error\":\"forbidden\",\"reason\":\"You may "
                       "read this room and not write to it.\"}]\n");
  // A replicator of a reader keeps its checkpoints.
  EXPECT_EQ(anonymous("PUT", "/db/_local/x", "{}", as("rhea")).status, 201);
  HeaderList text = as("rhea");
  text.emplace_back("Content-Type", "text/plain");
  EXPECT_EQ(anonymous("PUT", "/db/a/file", "x", text).status, 403);
  EXPECT_EQ(get("ada", "/db/a").status, 404);
}

TEST_F(Room, AnonymousPeopleAreLetInWhereThatIsSwitchedOn) {
  std::string open = kPeople;
  open.back() = ',';
  secure(open + R"("anonymous":"reader"})");
  EXPECT_EQ(get("", "/db").status, 200);
  EXPECT_EQ(put("", "a", "{}").status, 403);
  secure(open + R"("anonymous":"writer"})");
  EXPECT_EQ(put("", "a", "{}").status, 201);
  EXPECT_EQ(put("rhea", "b", "{}").status, 403) << "a reader reads, whatever is open";
  secure(R"({"anonymous":"none"})");
  EXPECT_EQ(get("", "/db").status, 401);
  for (const char* bad : {R"({"anonymous":"all"})", R"({"anonymous":1})", R"({"readers":[]})",
                          R"({"moderators":{"names":"mo"}})", R"({"readers":{"roles":[1]}})"})
    EXPECT_EQ(admin("PUT", "/db/_security", bad).status, 400) << bad;
  EXPECT_EQ(get("", "/db").status, 401) << "what was refused changed nothing";
}

TEST_F(Room, OfMembersGivenTwiceTheLastIsKeptBeforeAnybodyLooks) {
  ASSERT_EQ(admin("PUT", "/_users/_security", "{}").status, 200);
  const std::string twice =
      R"({"type":"user","name":"twice","password":"pw","roles":["_admin","writer"],"roles":[]})";
  ASSERT_EQ(anonymous("PUT", "/_users/org.couchdb.user:twice", twice).status, 201);
  EXPECT_EQ(get("twice", "/_session").json().at("userCtx").at("roles").as_array().size(), 0u);
  const std::string other =
      R"({"type":"user","name":"other","password":"pw","roles":[],"roles":["_admin"]})";
  EXPECT_EQ(anonymous("PUT", "/_users/org.couchdb.user:other", other).status, 403);
}

// --- modes

TEST_F(Room, AModeSaysWhoWritesNow) {
  EXPECT_EQ(put("ada", "access:mode", R"({"mode":"watch"})").status, 403);
  mode("watch");
  EXPECT_EQ(reason(put("ada", "a", "{}")),
            "Everyone watches this room now: its moderators alone write to it.");
  EXPECT_EQ(put("mo", "a", "{}").status, 201);
  const Reply bulk = anonymous("POST", "/db/_bulk_docs", R"({"docs":[{"_id":"b"}]})", as("ada"));
  EXPECT_NE(bulk.body.find("Everyone watches this room now"), std::string::npos) << bulk.body;
  secure(R"({"anonymous":"writer","members":{"names":["ada"]},"moderators":{"names":["mo"]}})");
  mode("named", R"(,"names":["eve"])");
  EXPECT_EQ(put("ada", "c", "{}").status, 201);
  EXPECT_EQ(put("eve", "d", "{}").status, 201);
  EXPECT_EQ(reason(put("bob", "e", "{}")), "Only people who are named write to this room now.");
  EXPECT_EQ(reason(put("", "e", "{}")), "Only people who are named write to this room now.");
  mode("everyone");
  EXPECT_EQ(put("", "f", "{}").status, 201);
}

TEST_F(Room, AModeThatIsNoneIsRefusedAndOneThatCannotBeReadClosesTheRoom) {
  for (const char* bad : {"{}", R"({"mode":"quiet"})", R"({"mode":1})",
                          R"({"mode":"named","names":"ada"})", R"({"mode":"named","names":[1]})"})
    EXPECT_EQ(put("mo", "access:mode", bad).status, 400) << bad;
  EXPECT_EQ(put("ada", "a", "{}").status, 201);
  DocumentWrite broken;  // as an older program may have left it
  broken.id = "access:mode";
  broken.body = R"({"mode":"quiet"})";
  ASSERT_TRUE(store("db")->write_one(broken));
  ASSERT_EQ(admin("PUT", "/db/access:x", "{}").status, 201);  // and reads it
  EXPECT_EQ(put("ada", "b", "{}").status, 403);
  EXPECT_EQ(put("mo", "b", "{}").status, 201);
}

TEST_F(Room, AModeIsToldToFeedsAndPresenceWithinASecond) {
  Client feed = client();
  feed.send_request("GET", "/db/_changes?feed=continuous&since=now&include_docs=true", "", as("rhea"));
  ASSERT_EQ(feed.read_head().status, 200);
  Web here(client(), "/db/_presence", as("ada"));
  here.key();
  const auto began = steady_clock::now();
  ASSERT_EQ(put("mo", "access:mode", R"({"mode":"watch"})").status, 201);
  const auto line = feed.read_line();
  ASSERT_TRUE(line);
  EXPECT_NE(line->find(R"("mode":"watch")"), std::string::npos) << *line;
  EXPECT_EQ(here.must(), R"({"mode":"watch"})");
  EXPECT_LT(steady_clock::now() - began, milliseconds(1000));
  Web later(client(), "/db/_presence", as("bob"));
  later.key();
  EXPECT_EQ(later.must(), R"({"mode":"watch"})");
}

// --- rules

constexpr const char* kChat = R"({"message":{"create":["user"],"change":["author"],
  "delete":["author","role:moderator"],"author":"by","fields":{"text":{"type":"string"}}}})";

TEST_F(Room, TheServerNamesTheAuthorAndNobodySpeaksForAnother) {
  rules(kChat);
  ASSERT_EQ(put("ada", "message:1", R"({"text":"hi"})").status, 201);
  EXPECT_EQ(get("bob", "/db/message:1").text("by"), "ada");
  const std::string rev = get("bob", "/db/message:1").text("_rev");
  EXPECT_EQ(reason(put("bob", "message:2", R"({"text":"x","by":"ada"})")),
            "rule message.author: field by must be the user's own name");
  EXPECT_EQ(reason(put("bob", "message:1", R"({"_rev":")" + rev + R"(","text":"forged"})")),
            "rule message.change: this user may not do that");
  EXPECT_EQ(put("ada", "message:1", R"({"_rev":")" + rev + R"(","text":"better"})").status, 201);
  EXPECT_EQ(get("bob", "/db/message:1").text("by"), "ada") << "a change keeps it";
  // Attachments, copies, batches and POST are the server's revisions as well.
  HeaderList text = as("ada");
  text.emplace_back("Content-Type", "text/plain");
  EXPECT_EQ(anonymous("PUT", "/db/message:3/f", "x", text).status, 201);
  EXPECT_EQ(get("bob", "/db/message:3").text("by"), "ada");
  HeaderList copy = as("bob");
  copy.emplace_back("Destination", "message:4");
  EXPECT_EQ(anonymous("COPY", "/db/message:1", "", copy).status, 201);
  EXPECT_EQ(get("ada", "/db/message:4").text("by"), "bob") << "whoever copies speaks for themselves";
  EXPECT_EQ(anonymous("POST", "/db", R"({"_id":"message:5","text":"x"})", as("bob")).status, 201);
  EXPECT_EQ(get("ada", "/db/message:5").text("by"), "bob");
  EXPECT_EQ(put("ada", "message:6", R"({"text":5})").status, 403) << "fields are checked";
  // A tombstone keeps its author.
  const std::string last = get("ada", "/db/message:4").text("_rev");
  EXPECT_EQ(anonymous("DELETE", "/db/message:4?rev=" + last, "", as("ada")).status, 403);
  const Reply gone = anonymous("DELETE", "/db/message:4?rev=" + last, "", as("mo"));
  ASSERT_EQ(gone.status, 200) << gone.body;
  EXPECT_EQ(get("ada", "/db/message:4?rev=" + gone.text("rev")).text("by"), "bob");
}

TEST_F(Room, AReplicatedRevisionIsJudgedByWhatItWouldOutrankAndKeepsItsBody) {
  rules(kChat);
  ASSERT_EQ(put("ada", "message:1", R"({"text":"hi"})").status, 201);
  const auto replicate = [&](const std::string& who, const std::string& document) {
    return anonymous("POST", "/db/_bulk_docs", R"({"new_edits":false,"docs":[)" + document + "]}",
                     as(who))
        .body;
  };
  const std::string ghost = R"({"_id":"message:1","text":"forged","by":"bob","_rev":"9-ffff",
      "_revisions":{"start":9,"ids":["ffff","eeee"]}})";
  EXPECT_NE(replicate("bob", ghost).find("rule message.change"), std::string::npos)
      << "a history of his own does not make it his";
  EXPECT_NE(replicate("bob", R"({"_id":"message:1","_rev":"9-fff","_deleted":true})")
                .find("rule message.delete"),
            std::string::npos);
  EXPECT_NE(replicate("bob", R"({"_id":"message:7","_rev":"1-a","text":"x","by":"ada"})")
                .find("rule message.author"),
            std::string::npos);
  EXPECT_NE(replicate("bob", R"({"_id":"message:7","_rev":"1-a","text":"x"})").find("rule message.author"),
            std::string::npos)
      << "under a given revision nothing is filled in";
  EXPECT_EQ(replicate("bob", R"({"_id":"message:8","_rev":"1-a","text":"x","by":"bob"})"), "[]\n");
  EXPECT_EQ(get("ada", "/db/message:1").text("text"), "hi");
  // A known revision cannot be given another body.
  EXPECT_EQ(replicate("bob", R"({"_id":"message:8","_rev":"1-a","text":"other","by":"bob"})"), "[]\n");
  EXPECT_EQ(get("ada", "/db/message:8").text("text"), "x");
}

TEST_F(Room, AnEdgeCarriesTheDocumentsOfManyAuthorsAndNothingThatFieldsForbid) {
  add("south", R"(["edge"])");
  secure(R"({"members":{"names":["ada","south"]}})");
  rules(kChat);
  const auto carried = [&](const std::string& document) {
    return anonymous("POST", "/db/_bulk_docs", R"({"new_edits":false,"docs":[)" + document + "]}",
                     as("south"))
        .body;
  };
  EXPECT_EQ(carried(R"({"_id":"message:1","_rev":"1-a","text":"x","by":"ada"})"), "[]\n");
  EXPECT_NE(carried(R"({"_id":"message:2","_rev":"1-a","text":1,"by":"ada"})").find("fields.text.type"),
            std::string::npos);
  secure(R"({"readers":{"names":["south"]}})");
  EXPECT_NE(carried(R"({"_id":"message:3","_rev":"1-a","text":"x","by":"ada"})").find("forbidden"),
            std::string::npos);
  EXPECT_NE(carried(R"({"_id":"access:mode","_rev":"1-a","mode":"watch"})").find("forbidden"),
            std::string::npos);
}

TEST_F(Room, AnEditOfALosingLeafDoesNotTakeAStrangersPlace) {
  ASSERT_EQ(admin("POST", "/db/_bulk_docs", R"({"new_edits":false,"docs":[
      {"_id":"message:1","_rev":"1-a","text":"bob's","by":"bob"},
      {"_id":"message:1","_rev":"1-b","text":"ada's","by":"ada"}]})").body, "[]\n");
  rules(kChat);
  EXPECT_EQ(get("rhea", "/db/message:1").text("by"), "ada");
  EXPECT_EQ(put("bob", "message:1", R"({"_rev":"1-a","text":"mine now","by":"bob"})").status, 403);
  EXPECT_EQ(get("rhea", "/db/message:1").text("by"), "ada");
}

TEST_F(Room, RulesThatAreNoneAreRefusedAndRulesThatCannotBeReadCloseTheRoom) {
  const Reply refused = put("mo", "access:rules", R"({"version":1,"prefixes":{"a":{"raed":[]}}})");
  EXPECT_EQ(refused.status, 400);
  EXPECT_NE(refused.text("reason").find("/prefixes/a/raed: unknown key"), std::string::npos);
  ASSERT_EQ(put("ada", "a", "{}").status, 201);
  DocumentWrite broken;
  broken.id = "access:rules";
  broken.body = R"({"version":2})";
  ASSERT_TRUE(store("db")->write_one(broken));
  ASSERT_EQ(admin("PUT", "/db/access:x", "{}").status, 201);
  EXPECT_EQ(put("ada", "b", "{}").status, 403);
  EXPECT_EQ(get("ada", "/db/a").status, 404);
  EXPECT_EQ(get("ada", "/db/access:rules").status, 200) << "why is not hidden";
  EXPECT_EQ(admin("GET", "/db/a").status, 200);
  EXPECT_EQ(put("mo", "access:rules", R"({"_rev":")" + get("mo", "/db/access:rules").text("_rev") +
                                          R"(","version":1,"prefixes":{}})")
                .status,
            201);
  EXPECT_EQ(get("ada", "/db/a").status, 200);
}

class ServerRules : public Rooms {
 protected:
  void SetUp() override { ServerTest::SetUp(); }
  void start_with(const std::string& toml) {
    ServerOptions options = default_options();
    auto gates = make_room_gates(toml, "rules.toml", "secret");
    ASSERT_TRUE(gates) << gates.error().message;
    options.gates = *gates;
    start(options);
    make_database("db");
  }
};

TEST_F(ServerRules, HoldInEveryRoomBesideThoseOfTheRoom) {
  start_with("[prefixes.log]\nappend_only = true\n[prefixes.secret]\nread = []\n");
  rules(R"({"log":{"create":["user"]}})");
  add("ada");
  EXPECT_EQ(put("", "log:1", "{}").status, 401) << "the room's";
  ASSERT_EQ(put("ada", "log:1", "{}").status, 201);
  const std::string rev = get("ada", "/db/log:1").text("_rev");
  EXPECT_EQ(put("ada", "log:1", R"({"_rev":")" + rev + "\",\"x\":1}").status, 403) << "the server's";
  EXPECT_EQ(put("ada", "secret:1", "{}").status, 201);
  EXPECT_EQ(get("ada", "/db/secret:1").status, 404);
}

TEST(RoomGates, AFileOfRulesThatIsWrongSaysInWhichLine) {
  const auto gates = make_room_gates("[prefixes.a]\nread = []\nwrite = []\n", "my.toml", "secret");
  ASSERT_FALSE(gates);
  EXPECT_TRUE(gates.error().message.starts_with("my.toml:3:")) << gates.error().message;
  EXPECT_FALSE(make_room_gates("not toml", "my.toml", "secret"));
}

// --- sequences and rights

constexpr const char* kSecrets =
    R"({"secret":{"read":["name:ada"]},"diary":{"create":["user"],"read":["author"],"author":"by"}})";

TEST_F(Room, AReaderOfLessIsNotToldThatMoreWasWritten) {
  rules(kSecrets);
  ASSERT_EQ(put("ada", "open:1", "{}").status, 201);
  const auto told = [&] {
    const auto feed = get("bob", "/db/_changes");
    const auto info = get("bob", "/db").json();
    return feed.body + feed.header("ETag") + boost::json::serialize(info) +
           get("bob", "/db/_changes?since=now").body + get("bob", "/db/_all_docs?update_seq=true").body;
  };
  const std::string before = told();
  for (int i = 0; i < 3; ++i)
    ASSERT_EQ(put("ada", "secret:" + std::to_string(i), R"({"x":"hidden"})").status, 201);
  ASSERT_EQ(put("ada", "diary:1", "{}").status, 201);
  EXPECT_EQ(told(), before);
  EXPECT_NE(get("ada", "/db/_changes").body.find("secret:2"), std::string::npos);
  ASSERT_EQ(put("bob", "open:2", "{}").status, 201);
  EXPECT_NE(told(), before);
}

TEST_F(Room, AFeedGivesWhatItsReaderSeesAndItsHiddenSequencesGoOn) {
  rules(kSecrets);
  ASSERT_EQ(put("ada", "open:1", "{}").status, 201);
  ASSERT_EQ(put("ada", "secret:1", "{}").status, 201);
  ASSERT_EQ(put("bob", "diary:b", "{}").status, 201);
  ASSERT_EQ(put("ada", "diary:a", "{}").status, 201);
  const auto ids = [](const Reply& reply) {
    std::set<std::string> out;
    const auto body = reply.json();
    for (const auto& row : body.at("results").as_array())
      out.insert(std::string(row.at("id").as_string()));
    return out;
  };
  const std::set<std::string> all = {"access:rules", "open:1", "diary:b"};
  const Reply first = get("bob", "/db/_changes?style=all_docs&include_docs=true");
  EXPECT_EQ(ids(first), all);
  EXPECT_EQ(get("bob", "/db/_changes?descending=true").json().at("results").as_array().size(), 3u);
  // One row at a time, each from where the last one ended.
  std::set<std::string> seen;
  std::string since = "0";
  for (int i = 0; i < 5; ++i) {
    const auto page = get("bob", "/db/_changes?limit=1&since=" + since);
    const auto rows = ids(page);
    seen.insert(rows.begin(), rows.end());
    since = page.text("last_seq");
  }
  EXPECT_EQ(seen, all);
  EXPECT_EQ(ids(get("bob", "/db/_changes?since=" + first.text("last_seq"))), std::set<std::string>());
  EXPECT_EQ(get("bob", "/db/_changes?since=garbage").status, 400);
  EXPECT_EQ(ids(get("bob", "/db/_changes?since=1-" + std::string(48, 'a'))), all) << "nobody made it";
  EXPECT_EQ(ids(get("mo", "/db/_changes?since=" + first.text("last_seq"))).size(), 2u)
      << "it is of another's view";
}

TEST_F(Room, AnAuthorsOwnTombstonesAreServedAlsoWhereTheyNameNobody) {
  rules(kSecrets);
  ASSERT_EQ(put("bob", "diary:b", "{}").status, 201);
  const std::string rev = get("bob", "/db/diary:b").text("_rev");
  EXPECT_EQ(anonymous("POST", "/db/_bulk_docs",
                      R"({"new_edits":false,"docs":[{"_id":"diary:b","_deleted":true,"_rev":"2-f",
                          "_revisions":{"start":2,"ids":["f",")" + rev.substr(2) + R"("]}}]})",
                      as("bob"))
                .body,
            "[]\n");
  EXPECT_NE(get("bob", "/db/_changes").body.find("diary:b"), std::string::npos);
  EXPECT_EQ(get("ada", "/db/_changes").body.find("diary:b"), std::string::npos);
  EXPECT_EQ(get("bob", "/db/diary:b").text("reason"), "deleted");
  EXPECT_EQ(get("ada", "/db/diary:b").text("reason"), "missing");
}

TEST_F(Room, WhoseRightsWereWidenedIsServedFromTheBeginning) {
  rules(kSecrets);
  ASSERT_EQ(put("ada", "secret:1", "{}").status, 201);
  ASSERT_EQ(put("ada", "open:1", "{}").status, 201);
  const std::string since = get("bob", "/db/_changes").text("last_seq");
  Client feed = client();
  feed.send_request("GET", "/db/_changes?feed=continuous&heartbeat=10000&since=" + since, "", as("bob"));
  ASSERT_EQ(feed.read_head().status, 200);
  Client other = client();  // sees everything before and after
  other.send_request("GET", "/db/_changes?feed=continuous&since=now", "", as_admin());
  ASSERT_EQ(other.read_head().status, 200);
  const auto began = steady_clock::now();
  rules(R"({"secret":{"read":["name:ada","name:bob"]}})");
  const auto row = feed.read_line();
  ASSERT_TRUE(row);
  std::string last = *row;
  if (row->find("access:rules") != std::string::npos) last = feed.read_line().value_or("");
  EXPECT_NE(last.find("last_seq"), std::string::npos) << last;
  EXPECT_LT(steady_clock::now() - began, milliseconds(1000));
  const std::string ended(boost::json::parse(last).at("last_seq").as_string());
  EXPECT_NE(get("bob", "/db/_changes?since=" + ended).body.find("secret:1"), std::string::npos);
  EXPECT_NE(other.read_line().value_or("").find("access:rules"), std::string::npos);
  ASSERT_EQ(put("ada", "open:2", "{}").status, 201);
  EXPECT_NE(other.read_line().value_or("").find("open:2"), std::string::npos) << "it goes on";
}

// --- the end of a room

constexpr const char* kEnd = R"({"at":1764398916000,"by":"Olga"})";

TEST_F(Room, AnEndIsTheOwnersAloneAndMustBeOne) {
  for (const char* name : {"rhea", "ada", "mo"})
    EXPECT_EQ(put(name, "access:ended", kEnd).status, 403) << name;
  EXPECT_EQ(reason(put("mo", "access:ended", kEnd)), "Only administrators of this room may end it.");
  for (const char* bad :
       {"{}", R"({"at":1,"by":""})", R"({"at":"now","by":"Olga"})", R"({"at":-1,"by":"Olga"})",
        R"({"at":1,"by":7})", R"({"at":1,"by":"Olga","message":1})", R"({"at":1e3,"by":"Olga"})"})
    EXPECT_EQ(admin("PUT", "/db/access:ended", bad).status, 400) << bad;
  EXPECT_EQ(put("ada", "a", "{}").status, 201) << "what was refused ended nothing";
  secure(R"({"admins":{"names":["ada"]},"members":{"names":["bob"]}})");
  EXPECT_EQ(put("ada", "access:ended", kEnd).status, 201);
  EXPECT_EQ(put("bob", "b", "{}").status, 403);
}

TEST_F(Room, AnEndedRoomIsReadAndWrittenByAdministratorsAlone) {
  ASSERT_EQ(put("ada", "a", R"({"text":"secret words"})").status, 201);
  add("carrier", R"(["edge"])");
  secure(R"({"members":{"names":["ada","bob","carrier"]},"readers":{"names":["rhea"]},"moderators":{"names":["mo"]}})");
  const std::string before = get("ada", "/db/_changes").text("last_seq");
  ASSERT_EQ(admin("PUT", "/db/access:ended", kEnd).status, 201);
  for (const char* name : {"rhea", "ada", "mo", "carrier"}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(reason(put(name, std::string("new:") + name, "{}")), "This room was ended by its owner.");
    EXPECT_EQ(get(name, "/db/a").status, 404);
    EXPECT_EQ(get(name, "/db/access:ended").text("by"), "Olga");
    const Reply changes = get(name, "/db/_changes?include_docs=true&since=" + before);
    EXPECT_NE(changes.body.find("access:ended"), std::string::npos) << "whoever syncs learns of it";
    EXPECT_EQ(get(name, "/db/_all_docs?include_docs=true").body.find("secret words"), std::string::npos);
    EXPECT_EQ(get(name, "/db/_all_docs").json().at("rows").as_array().size(), 1u);
    EXPECT_EQ(anonymous("PUT", "/db/_local/x", "{}", as(name)).status, 201) << "checkpoints";
  }
  EXPECT_EQ(put("mo", "access:mode", R"({"mode":"everyone"})").status, 403);
  EXPECT_EQ(put("mo", "access:ended?rev=" + get("mo", "/db/access:ended").text("_rev"), kEnd).status, 403);
  EXPECT_EQ(admin("GET", "/db/a").status, 200);
  EXPECT_EQ(admin("PUT", "/db/b", "{}").status, 201);
  // Taken back by an administrator: everything is as it was.
  const std::string rev = admin("GET", "/db/access:ended").text("_rev");
  EXPECT_EQ(anonymous("DELETE", "/db/access:ended?rev=" + rev, "", as("mo")).status, 403);
  ASSERT_EQ(admin("DELETE", "/db/access:ended?rev=" + rev).status, 200);
  EXPECT_EQ(get("ada", "/db/a").status, 200);
  EXPECT_EQ(put("ada", "c", "{}").status, 201);
}

TEST_F(Room, AnEdgeBringsTheEndOfARoomAlong) {
  add("carrier", R"(["edge"])");
  secure(R"({"members":{"names":["ada","carrier"]}})");
  const std::string docs = std::string(R"({"new_edits":false,"docs":[{"_id":"access:ended","_rev":"1-a",)") +
                           std::string(kEnd).substr(1) + "]}";
  EXPECT_NE(anonymous("POST", "/db/_bulk_docs", docs, as("ada")).body.find("forbidden"), std::string::npos);
  EXPECT_EQ(anonymous("POST", "/db/_bulk_docs", docs, as("carrier")).body, "[]\n");
  EXPECT_EQ(put("ada", "a", "{}").status, 403);
}

TEST_F(Room, AnEndThatCannotBeReadClosesTheRoomAndRemovesNothing) {
  ASSERT_EQ(put("ada", "a", "{}").status, 201);
  DocumentWrite broken;  // as an older program may have left it
  broken.id = "access:ended";
  broken.body = R"({"when":"soon"})";
  ASSERT_TRUE(store("db")->write_one(broken));
  ASSERT_EQ(admin("PUT", "/db/access:x", "{}").status, 201);  // and reads it
  EXPECT_EQ(put("ada", "b", "{}").status, 403);
  EXPECT_EQ(get("ada", "/db/a").status, 404);
  EXPECT_EQ(admin("GET", "/db/a").status, 200);
  EXPECT_FALSE(room_end(*store("db"))) << "a device does not take it for one";
}

TEST_F(Room, AnEndIsToldToFeedsAndEndsPresenceWithinASecond) {
  Client feed = client();
  feed.send_request("GET", "/db/_changes?feed=continuous&since=now&heartbeat=20000", "", as("rhea"));
  ASSERT_EQ(feed.read_head().status, 200);
  Web here(client(), "/db/_presence", as("ada"));
  here.key();
  const auto began = steady_clock::now();
  ASSERT_EQ(admin("PUT", "/db/access:ended", kEnd).status, 201);
  std::string last = feed.read_line().value_or("<cut>");
  if (last.find("last_seq") == std::string::npos) last = feed.read_line().value_or("<cut>");
  ASSERT_NE(last.find("last_seq"), std::string::npos) << last;
  EXPECT_EQ(here.end_code(), 1008);
  EXPECT_LT(steady_clock::now() - began, milliseconds(1000));
  const std::string since(boost::json::parse(last).at("last_seq").as_string());
  EXPECT_NE(get("rhea", "/db/_changes?since=" + since).body.find("access:ended"), std::string::npos);
}

TEST_F(Room, EmptyingARoomLeavesItsAccessDocumentsAndNoTombstones) {
  for (int i = 0; i < 700; ++i) ASSERT_TRUE(store("db")->write_one(test_edit("doc:" + std::to_string(i))));
  ASSERT_EQ(admin("PUT", "/db/_design/x", "{}").status, 201);
  ASSERT_EQ(admin("DELETE", "/db/doc:0?rev=" + admin("GET", "/db/doc:0").text("_rev")).status, 200);
  mode("watch");
  ASSERT_TRUE(store("db")->write_one(test_edit("coedit-text:key:agent:0000000000-0000000009")));
  ASSERT_TRUE(store("db")->put_property("text-snapshot:coedit-text:key:", "what was written"));
  const std::uint64_t last = store("db")->last_sequence();
  std::uint64_t documents = 0;
  std::optional<std::string> from = "";
  for (int pages = 0; from; ++pages) {
    ASSERT_LT(pages, 10);
    const auto page = empty_room(*store("db"), *from);
    ASSERT_TRUE(page) << page.error().message;
    documents += page->documents;
    from = page->next;
  }
  EXPECT_EQ(documents, 702u);
  const auto snapshot = store("db")->get_property("text-snapshot:coedit-text:key:");
  EXPECT_TRUE(!snapshot || snapshot->empty()) << "the text itself goes too";
  EXPECT_EQ(admin("GET", "/db/_all_docs").json().at("rows").as_array().size(), 1u);
  EXPECT_EQ(admin("GET", "/db/_changes").json().at("results").as_array().size(), 1u) << "nothing replicates";
  EXPECT_EQ(store("db")->last_sequence(), last);
}

// --- revocation

class Revocation : public Room {
 protected:
  /// A feed and a presence socket of somebody, on connections of their own.
  struct Open {
    Client feed;
    Web here;
  };
  Open open(const HeaderList& who) {
    Client feed = client();
    feed.send_request("GET", "/db/_changes?feed=continuous&since=now&heartbeat=20000", "", who);
    EXPECT_EQ(feed.read_head().status, 200);
    Web here(client(), "/db/_presence", who);
    here.key();
    return {std::move(feed), std::move(here)};
  }
  void expect_ended(Open& open, steady_clock::time_point began) {
    EXPECT_NE(open.feed.read_line().value_or("<cut>").find("last_seq"), std::string::npos);
    EXPECT_EQ(open.here.end_code(), 1008);
    EXPECT_LT(steady_clock::now() - began, milliseconds(1000));
  }
  void expect_alive(Open& open, const std::string& id) {
    ASSERT_EQ(admin("PUT", "/db/" + id, "{}").status, 201);
    EXPECT_NE(open.feed.read_line().value_or("<cut>").find(id), std::string::npos);
    EXPECT_TRUE(open.here.say("still here"));
    Web sees(client(), "/db/_presence", as_admin());
    sees.key();
    EXPECT_NE(sees.must().find("still here"), std::string::npos);
  }
};

TEST_F(Revocation, AMembershipThatEndsEndsItsFeedsAndSocketsAlone) {
  Open bob = open(as("bob")), ada = open(as("ada"));
  const auto began = steady_clock::now();
  secure(R"({"members":{"names":["ada"]}})");
  expect_ended(bob, began);
  expect_alive(ada, "x");
}

TEST_F(Revocation, AnAccountThatEndsEndsItsFeedsAndSocketsAlone) {
  Open bob = open(as("bob")), ada = open(as("ada"));
  const std::string rev = admin("GET", "/_users/org.couchdb.user:bob").text("_rev");
  const auto began = steady_clock::now();
  ASSERT_EQ(admin("DELETE", "/_users/org.couchdb.user:bob?rev=" + rev).status, 200);
  expect_ended(bob, began);
  EXPECT_EQ(get("bob", "/db").status, 401);
  expect_alive(ada, "x");
}

TEST_F(Revocation, AnotherPasswordEndsWhatTheOldOneOpened) {
  Open bob = open(as("bob"));
  const std::string rev = admin("GET", "/_users/org.couchdb.user:bob").text("_rev");
  const auto began = steady_clock::now();
  std::string changed = account("bob");
  changed.replace(changed.find("2bfa"), 4, "3bfa");
  changed.insert(1, "\"_rev\":\"" + rev + "\",");
  ASSERT_EQ(admin("PUT", "/_users/org.couchdb.user:bob", changed).status, 201);
  expect_ended(bob, began);
}

TEST_F(Revocation, ASignOutEndsWhatItsSessionOpenedAlone) {
  const auto sign_in = [&] {
    const std::string cookie =
        anonymous("POST", "/_session", R"({"name":"bob","password":"pw"})").header("Set-Cookie");
    return HeaderList{{"Cookie", cookie.substr(0, cookie.find(';'))}};
  };
  const HeaderList first = sign_in(), second = sign_in();
  Open one = open(first), two = open(second);
  const auto began = steady_clock::now();
  ASSERT_EQ(anonymous("DELETE", "/_session", "", first).status, 200);
  expect_ended(one, began);
  expect_alive(two, "x");
}

TEST_F(Revocation, AnAccountHasATimeThatEnds) {
  const std::int64_t now = system_clock().wall_ms() / 1000;
  add("old", "[]", ",\"expires\":" + std::to_string(now - 1));
  add("fresh", "[]", ",\"expires\":" + std::to_string(now + 3600));
  add("odd", "[]", ",\"expires\":\"never\"");
  EXPECT_EQ(get("old", "/").status, 401);
  EXPECT_EQ(get("odd", "/").status, 401);
  EXPECT_EQ(get("fresh", "/").status, 200);
  // Nobody gives themselves more of it.
  ASSERT_EQ(admin("PUT", "/_users/_security", "{}").status, 200);
  const std::string rev = get("fresh", "/_users/org.couchdb.user:fresh").text("_rev");
  std::string more = account("fresh");
  more.insert(1, "\"_rev\":\"" + rev + "\",");
  const Reply refused = anonymous("PUT", "/_users/org.couchdb.user:fresh", more, as("fresh"));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.text("reason"), "Only _admin may edit expires");
}

}  // namespace
}  // namespace atelier::server_test
