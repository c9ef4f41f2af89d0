// Goal: rules and roles hold on every route, and what may not be read is not told by any. Method: two
// rooms that differ in hidden documents alone. Each request is made in both, as nobody, as another
// user, as reader and as writer: the answers must be the same. A route without a row fails the test.
#include <regex>
#include <set>

#include "server/route_names.h"
#include "server_rooms_tools.h"

namespace atelier::server_test {
namespace {

struct Row {
  const char* route;  // as route_names() has it
  const char* method;
  const char* target;  // "{db}" is the room
  const char* body;
  int nobody, other, reader, writer;  // statuses; 0: only that both rooms answer alike
};

constexpr const char* kBulkHidden =
    R"({"docs":[{"_id":"secret:h","x":1},{"_id":"secret:new","x":1},{"_id":"open:bulk"}]})";
constexpr const char* kReplicated = R"({"new_edits":false,"docs":[
    {"_id":"secret:h","_rev":"9-f","x":1},{"_id":"secret:new","_rev":"9-f","x":1}]})";
constexpr const char* kRevs = R"({"secret:h":["1-a","{h}"],"secret:new":["1-a","{h}"]})";

const Row kRows[] = {
    // --- above the databases
    {"/", "GET", "/", "", 200, 200, 200, 200},
    {"/_up", "GET", "/_up", "", 200, 200, 200, 200},
    {"/_uuids", "GET", "/_uuids?count=0", "", 200, 200, 200, 200},
    {"/_session", "GET", "/_session", "", 200, 200, 200, 200},
    {"/_all_dbs", "GET", "/_all_dbs", "", 401, 401, 401, 401},
    {"/_dbs_info", "POST", "/_dbs_info", R"({"keys":["{db}"]})", 401, 401, 401, 401},
    {"/_active_tasks", "GET", "/_active_tasks", "", 401, 401, 401, 401},
    {"/_membership", "GET", "/_membership", "", 401, 401, 401, 401},
    {"/_db_updates", "GET", "/_db_updates", "", 401, 401, 401, 401},
    {"/_scheduler", "GET", "/_scheduler/jobs", "", 401, 401, 401, 401},
    {"/_node", "GET", "/_node/_local/_config", "", 401, 401, 401, 401},
    {"/_node", "PUT", "/_node/_local/_config/a/b", "\"x\"", 405, 405, 405, 405},
    {"/_cluster_setup", "GET", "/_cluster_setup", "", 401, 401, 401, 401},
    {"/_replicate", "POST", "/_replicate", R"({"source":"{db}","target":"x"})", 401, 401, 401, 401},
    {"/_atelier", "POST", "/_atelier/raise", "{}", 404, 404, 404, 404},
    {"/_www", "GET", "/_www/x", "", 404, 404, 404, 404},
    {"/_metrics", "GET", "/_metrics", "", 401, 401, 401, 401},
    {"/_edge", "GET", "/_edge", "", 401, 401, 200, 200},
    {"/_edge", "GET", "/_edge/x", "", 404, 404, 404, 404},
    {"/_edge", "POST", "/_edge", "{}", 405, 405, 405, 405},
    // --- a database
    {"/{db}", "GET", "/{db}", "", 401, 403, 200, 200},
    {"/{db}", "HEAD", "/{db}", "", 401, 403, 200, 200},
    {"/{db}", "PUT", "/{db}", "", 401, 401, 401, 401},
    {"/{db}", "DELETE", "/{db}", "", 401, 401, 401, 401},
    {"/{db}", "POST", "/{db}", R"({"_id":"open:post"})", 401, 403, 403, 201},
    {"/{db}", "POST", "/{db}", R"({"_id":"secret:h"})", 401, 403, 403, 403},
    {"/{db}/_security", "GET", "/{db}/_security", "", 401, 403, 200, 200},
    {"/{db}/_security", "PUT", "/{db}/_security", "{}", 401, 403, 403, 403},
    {"/{db}/_revs_limit", "GET", "/{db}/_revs_limit", "", 401, 403, 200, 200},
    {"/{db}/_revs_limit", "PUT", "/{db}/_revs_limit", "5", 401, 403, 403, 403},
    {"/{db}/_purged_infos_limit", "GET", "/{db}/_purged_infos_limit", "", 401, 403, 200, 200},
    {"/{db}/_compact", "POST", "/{db}/_compact", "{}", 401, 403, 401, 401},
    {"/{db}/_view_cleanup", "POST", "/{db}/_view_cleanup", "{}", 401, 403, 401, 401},
    {"/{db}/_purge", "POST", "/{db}/_purge", R"({"secret:h":["{h}"]})", 401, 403, 401, 401},
    {"/{db}/_sync_shards", "POST", "/{db}/_sync_shards", "{}", 401, 403, 401, 401},
    {"/{db}/_shards", "GET", "/{db}/_shards/secret:h", "", 401, 403, 200, 200},
    {"/{db}/_ensure_full_commit", "POST", "/{db}/_ensure_full_commit", "{}", 401, 403, 201, 201},
    {"/{db}/_presence", "GET", "/{db}/_presence", "", 401, 403, 426, 426},
    {"/{db}/_edge", "GET", "/{db}/_edge", "", 401, 403, 200, 200},
    {"/{db}/_edge", "GET", "/{db}/_edge?include_docs=true", "", 401, 403, 200, 200},
    {"/{db}/_edge", "POST", "/{db}/_edge", "{}", 401, 403, 403, 403},
    // --- documents
    {"/{db}/{id}", "GET", "/{db}/open:1", "", 401, 403, 200, 200},
    {"/{db}/{id}", "GET", "/{db}/secret:h", "", 401, 403, 404, 404},
    {"/{db}/{id}", "HEAD", "/{db}/secret:h", "", 401, 403, 404, 404},
    {"/{db}/{id}", "GET", "/{db}/secret:h?rev={h}", "", 401, 403, 404, 404},
    {"/{db}/{id}", "GET", "/{db}/secret:h?conflicts=true&revs_info=true&meta=true", "", 401, 403, 404, 404},
    {"/{db}/{id}", "GET", "/{db}/secret:h?open_revs=all", "", 401, 403, 404, 404},
    {"/{db}/{id}", "GET", "/{db}/secret:h?open_revs=[\"{h}\"]", "", 401, 403, 200, 200},
    {"/{db}/{id}", "GET", "/{db}/secret:h?open_revs=[\"{h}\"]&latest=true", "", 401, 403, 200, 200},
    {"/{db}/{id}", "GET", "/{db}/secret:gone", "", 401, 403, 404, 404},
    {"/{db}/{id}", "GET", "/{db}/diary:ada", "", 401, 403, 404, 404},
    {"/{db}/{id}", "GET", "/{db}/diary:ada?rev={d}", "", 401, 403, 404, 404},
    {"/{db}/{id}", "GET", "/{db}/diary:bob?revs=true&local_seq=true", "", 401, 403, 404, 200},
    {"/{db}/{id}", "PUT", "/{db}/open:put", "{}", 401, 403, 403, 201},
    {"/{db}/{id}", "PUT", "/{db}/secret:h", "{}", 401, 403, 403, 403},
    {"/{db}/{id}", "PUT", "/{db}/secret:new", "{}", 401, 403, 403, 403},
    {"/{db}/{id}", "PUT", "/{db}/secret:h", R"({"_rev":"{h}"})", 401, 403, 403, 409},
    {"/{db}/{id}", "PUT", "/{db}/secret:h?new_edits=false", R"({"_rev":"8-a"})", 401, 403, 403, 403},
    {"/{db}/{id}", "DELETE", "/{db}/secret:h", "", 401, 403, 403, 404},
    {"/{db}/{id}", "DELETE", "/{db}/secret:h?rev={h}", "", 401, 403, 403, 404},
    {"/{db}/{id}", "DELETE", "/{db}/diary:ada?rev={d}", "", 401, 403, 403, 404},
    {"/{db}/{id}", "COPY", "/{db}/secret:h", "", 401, 403, 403, 404},
    {"/{db}/_design/{name}", "GET", "/{db}/_design/none", "", 401, 403, 404, 404},
    {"/{db}/_design/{name}", "PUT", "/{db}/_design/none", "{}", 401, 403, 403, 403},
    {"/{db}/_design/{name}/{function}", "GET", "/{db}/_design/d/_info", "", 401, 403, 200, 200},
    {"/{db}/_design/{name}/{function}", "GET", "/{db}/_design/d/_view/v", "", 401, 403, 501, 501},
    {"/{db}/{id}/{attachment}", "GET", "/{db}/open:1/file", "", 401, 403, 404, 404},
    {"/{db}/{id}/{attachment}", "GET", "/{db}/secret:h/file", "", 401, 403, 404, 404},
    {"/{db}/{id}/{attachment}", "HEAD", "/{db}/secret:h/file?rev={h}", "", 401, 403, 404, 404},
    {"/{db}/{id}/{attachment}", "PUT", "/{db}/secret:h/file", "x", 401, 403, 403, 403},
    {"/{db}/{id}/{attachment}", "PUT", "/{db}/secret:h/file?rev={h}", "x", 401, 403, 403, 409},
    {"/{db}/{id}/{attachment}", "DELETE", "/{db}/secret:h/file?rev={h}", "", 401, 403, 403, 409},
    {"/{db}/_local/{id}", "PUT", "/{db}/_local/mine", R"({"a":1})", 401, 403, 201, 201},
    {"/{db}/_local/{id}", "GET", "/{db}/_local/mine", "", 401, 403, 200, 200},
    {"/{db}/_local/{id}", "GET", "/{db}/_local/adas", "", 401, 403, 404, 404},
    {"/{db}/_local/{id}", "DELETE", "/{db}/_local/adas", "", 401, 403, 0, 0},
    // --- many documents
    {"/{db}/_bulk_docs", "POST", "/{db}/_bulk_docs", kBulkHidden, 401, 403, 201, 201},
    {"/{db}/_bulk_docs", "POST", "/{db}/_bulk_docs", kReplicated, 401, 403, 201, 201},
    {"/{db}/_bulk_get", "POST", "/{db}/_bulk_get?revs=true",
     R"({"docs":[{"id":"secret:h"},{"id":"secret:h","rev":"{h}"},{"id":"diary:ada"},{"id":"open:1"},
                 {"id":"secret:gone"}]})",
     401, 403, 200, 200},
    {"/{db}/_revs_diff", "POST", "/{db}/_revs_diff", kRevs, 401, 403, 200, 200},
    {"/{db}/_missing_revs", "POST", "/{db}/_missing_revs", kRevs, 401, 403, 200, 200},
    // --- lists
    {"/{db}/_all_docs", "GET", "/{db}/_all_docs?include_docs=true&conflicts=true&update_seq=true", "",
     401, 403, 200, 200},
    {"/{db}/_all_docs", "GET", "/{db}/_all_docs?descending=true&skip=1&limit=2", "", 401, 403, 200, 200},
    {"/{db}/_all_docs", "GET", "/{db}/_all_docs?startkey=\"secret:\"", "", 401, 403, 200, 200},
    {"/{db}/_all_docs", "POST", "/{db}/_all_docs?include_docs=true",
     R"({"keys":["secret:h","secret:gone","diary:ada","open:1","none:1"]})", 401, 403, 200, 200},
    {"/{db}/_all_docs", "POST", "/{db}/_all_docs/queries",
     R"({"queries":[{"keys":["secret:h"]},{"start_key":"s"}]})", 401, 403, 200, 200},
    {"/{db}/_design_docs", "GET", "/{db}/_design_docs", "", 401, 403, 200, 200},
    {"/{db}/_local_docs", "GET", "/{db}/_local_docs?include_docs=true", "", 401, 403, 200, 200},
    {"/{db}/_local_docs", "POST", "/{db}/_local_docs", R"({"keys":["_local/adas"]})", 401, 403, 200, 200},
    // --- changes
    {"/{db}/_changes", "GET", "/{db}/_changes?style=all_docs&include_docs=true&conflicts=true", "", 401,
     403, 200, 200},
    {"/{db}/_changes", "GET", "/{db}/_changes?descending=true", "", 401, 403, 200, 200},
    {"/{db}/_changes", "GET", "/{db}/_changes?limit=2", "", 401, 403, 200, 200},
    {"/{db}/_changes", "GET", "/{db}/_changes?since=now", "", 401, 403, 200, 200},
    {"/{db}/_changes", "GET", "/{db}/_changes?feed=longpoll&timeout=50", "", 401, 403, 200, 200},
    {"/{db}/_changes", "GET", "/{db}/_changes?feed=continuous&timeout=50", "", 401, 403, 200, 200},
    {"/{db}/_changes", "GET", "/{db}/_changes?feed=eventsource&timeout=50", "", 401, 403, 200, 200},
    {"/{db}/_changes", "GET", "/{db}/_changes?filter=_design", "", 401, 403, 200, 200},
    {"/{db}/_changes", "GET", "/{db}/_changes?filter=_prefix&prefixes=[\"secret\",\"diary\"]", "", 401,
     403, 200, 200},
    {"/{db}/_changes", "POST", "/{db}/_changes?filter=_doc_ids",
     R"({"doc_ids":["secret:h","diary:ada","open:1"]})", 401, 403, 200, 200},
    {"/{db}/_changes", "POST", "/{db}/_changes?filter=_selector", R"({"selector":{"x":{"$exists":true}}})",
     401, 403, 200, 200},
    // --- queries
    {"/{db}/_index", "GET", "/{db}/_index", "", 401, 403, 200, 200},
    {"/{db}/_index", "POST", "/{db}/_index", R"({"index":{"fields":["x"]}})", 401, 403, 403, 403},
    {"/{db}/_index", "DELETE", "/{db}/_index/_design/x/json/x", "", 401, 403, 403, 403},
    {"/{db}/_find", "POST", "/{db}/_find", R"({"selector":{"x":{"$exists":true}}})", 401, 403, 200, 200},
    {"/{db}/_find", "POST", "/{db}/_find", R"({"selector":{"_id":"secret:h"}})", 401, 403, 200, 200},
    {"/{db}/_find", "POST", "/{db}/_find",
     R"({"selector":{"_id":{"$gt":null}},"limit":2,"skip":1,"execution_stats":true})", 401, 403, 200, 200},
    {"/{db}/_explain", "POST", "/{db}/_explain", R"({"selector":{"_id":"secret:h"}})", 401, 403, 200, 200},
    // --- partitions
    {"/{db}/_partition/{name}", "GET", "/{db}/_partition/secret", "", 401, 403, 200, 200},
    {"/{db}/_partition/{name}", "GET", "/{db}/_partition/diary", "", 401, 403, 200, 200},
    {"/{db}/_partition/{name}/_all_docs", "GET", "/{db}/_partition/secret/_all_docs", "", 401, 403, 200,
     200},
    {"/{db}/_partition/{name}/_find", "POST", "/{db}/_partition/secret/_find",
     R"({"selector":{"x":{"$exists":true}}})", 401, 403, 200, 200},
    {"/{db}/_partition/{name}/_explain", "POST", "/{db}/_partition/secret/_explain",
     R"({"selector":{"x":1}})", 401, 403, 200, 200},
};

constexpr const char* kRoomRules = R"({"version":1,"prefixes":{
    "secret":{"create":["name:ada"],"change":["name:ada"],"delete":["name:ada"],"read":["name:ada"]},
    "diary":{"create":["user"],"change":["author"],"delete":["author"],"read":["author"],"author":"by"}}})";

class Walk : public Rooms {
 protected:
  void SetUp() override {
    Rooms::SetUp();
    start_edge(edge_);
    for (const char* name : {"ada", "bob", "rhea", "eve"}) add(name);
    for (const std::string room : {"room-x", "room-y"}) {
      ASSERT_EQ(admin("PUT", "/" + room + "?partitioned=true").status, 201);
      secure(R"({"members":{"names":["ada","bob"]},"readers":{"names":["rhea"]}})", room);
      set("access:rules", kRoomRules, room);
      set("_design/d", R"({"views":{"v":{"map":"function(){}"}}})", room);
      const bool hides = room == "room-y";
      put_visible(room, "open:1", R"({"x":1})");
      if (hides) hide(room);
      put_visible(room, "open:2", R"({"x":2})");
      ASSERT_EQ(put("bob", "diary:bob", R"({"x":3})", room).status, 201);
      edge_->rooms_[room].status.state = SyncState::kLive;
      if (!hides) continue;
      const Reply diary = put("ada", "diary:ada", R"({"x":"hidden-body"})", room);
      ASSERT_EQ(diary.status, 201);
      revs_["d"] = diary.text("rev");
      tell_edge(room);
      ASSERT_EQ(anonymous("PUT", "/" + room + "/_local/adas", "{}", as("ada")).status, 201);
    }
  }
  /// What is hidden is refused on both sides; what upstream says is no visitor's to know either.
  void tell_edge(const std::string& room) {
    EdgeService::Room& told = edge_->rooms_[room];
    told.status.last_error = "hidden-body";
    told.status.waiting = 7;
    told.quarantine.push_back({"secret:q", "1-a", "forbidden", "hidden-body", 1, R"({"x":"hidden-body"})"});
    told.outbox.push_back({"secret:h", revs_["h"], "forbidden", "hidden-body", 0, ""});
    told.outbox.push_back({"diary:ada", revs_["d"], "forbidden", "hidden-body", 0, ""});
  }
  void put_visible(const std::string& room, const std::string& id, const std::string& body) {
    ASSERT_EQ(put("bob", id, body, room).status, 201);
  }
  /// With an attachment, a conflict and a tombstone beside it.
  void hide(const std::string& room) {
    ASSERT_EQ(put("ada", "secret:h", R"({"x":"hidden-body"})", room).status, 201);
    HeaderList text = as("ada");
    text.emplace_back("Content-Type", "text/plain");
    const std::string rev = get("ada", "/" + room + "/secret:h").text("_rev");
    const Reply file =
        anonymous("PUT", "/" + room + "/secret:h/file?rev=" + rev, "hidden-body", text);
    ASSERT_EQ(file.status, 201) << file.body;
    revs_["h"] = file.text("rev");
    ASSERT_EQ(anonymous("POST", "/" + room + "/_bulk_docs",
                        R"({"new_edits":false,"docs":[{"_id":"secret:h","_rev":"1-c","x":"hidden-body"}]})",
                        as("ada"))
                  .body,
              "[]\n");
    const std::string gone = put("ada", "secret:gone", "{}", room).text("rev");
    ASSERT_EQ(anonymous("DELETE", "/" + room + "/secret:gone?rev=" + gone, "", as("ada")).status, 200);
  }

  const std::shared_ptr<FakeEdge> edge_ = std::make_shared<FakeEdge>();

  static std::string replaced(std::string text, const std::string& from, const std::string& to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
    return text;
  }

  /// Everything of an answer that a client can look at, without what no two requests have in common.
  static std::string seen(const Reply& reply, const std::string& room) {
    std::string out = std::to_string(reply.status) + '\n';
    for (const auto& [name, value] : reply.headers) {
      if (name == "date" || name == "x-atelier-store" || name == "x-couch-request-id") continue;
      if (name != "content-length") out += name + ": " + value + '\n';
    }
    out += reply.body;
    static const std::regex sequence("1-[0-9a-f]{48}"),
        started("\"instance_start_time\":\"[0-9]+\""), time("\"execution_time_ms\": ?[0-9.eE+-]+");
    static const std::regex boundary("(--|boundary=\")[0-9a-f]{32}");
    out = std::regex_replace(out, boundary, "$1BOUNDARY");
    out = std::regex_replace(out, sequence, "SEQUENCE");
    out = std::regex_replace(out, started, "STARTED");
    out = std::regex_replace(out, time, "TIME");
    return replaced(std::move(out), room, "ROOM");
  }

  Reply ask(const Row& row, const std::string& room, const HeaderList& who) {
    HeaderList headers = who;
    const std::string method = row.method;
    if (method == "COPY") headers.emplace_back("Destination", "open:copy");
    if (std::string(row.route) == "/{db}/{id}/{attachment}" && method == "PUT")
      headers.emplace_back("Content-Type", "text/plain");
    const auto meant = [&](const char* text) {
      return replaced(fill_in(text), "{db}", room);
    };
    std::string target = meant(row.target);
    for (const auto& [plain, code] : {std::pair("\"", "%22"), std::pair("[", "%5B"), std::pair("]", "%5D")})
      target = replaced(target, plain, code);
    return anonymous(method, target, meant(row.body), headers);
  }

  void walk(const std::string& who, int Row::* status) {
    for (const Row& row : kRows) {
      SCOPED_TRACE("as '" + who + "': " + row.method + " " + row.target + " " + row.body);
      const Reply without = ask(row, "room-x", as(who));
      const Reply with = ask(row, "room-y", as(who));
      EXPECT_EQ(seen(with, "room-y"), seen(without, "room-x"));
      if (status != nullptr && row.*status != 0) {
        EXPECT_EQ(with.status, row.*status) << with.body;
      }
      const std::string all = seen(with, "room-y");
      EXPECT_EQ(all.find("hidden-body"), std::string::npos) << all;
      const std::string target = fill_in(row.target), body = fill_in(row.body);
      if (const std::string& rev = revs_["h"];
          target.find(rev) == std::string::npos && body.find(rev) == std::string::npos) {
        EXPECT_EQ(all.find(rev.substr(2)), std::string::npos) << all;
      }
    }
  }
};

TEST_F(Walk, EachRouteHasARow) {
  std::set<std::string> walked;
  for (const Row& row : kRows) walked.insert(row.route);
  for (const std::string& route : server::route_names())
    EXPECT_TRUE(walked.contains(route)) << route << " is not walked";
  const auto names = server::route_names();
  for (const std::string& route : walked)
    EXPECT_NE(std::find(names.begin(), names.end(), route), names.end()) << route << " is no route";
}

TEST_F(Walk, AsNobody) { walk("", &Row::nobody); }
TEST_F(Walk, AsAnother) { walk("eve", &Row::other); }
TEST_F(Walk, AsReader) { walk("rhea", &Row::reader); }
TEST_F(Walk, AsWriter) { walk("bob", &Row::writer); }

TEST_F(Walk, AsNobodyWhereEverybodyWrites) {
  for (const char* room : {"room-x", "room-y"})
    secure(R"({"anonymous":"writer","members":{"names":["ada"]}})", room);
  walk("", nullptr);
}

/// In a room that its owner ended, who saw the hidden documents before sees them no more.
class EndedWalk : public Walk {
 protected:
  void SetUp() override {
    Walk::SetUp();
    add("carrier", R"(["edge"])");
    // Her own checkpoint stays hers: it is in both.
    ASSERT_EQ(anonymous("PUT", "/room-x/_local/adas", "{}", as("ada")).status, 201);
    for (const char* room : {"room-x", "room-y"}) {
      secure(R"({"members":{"names":["ada","bob","carrier"]},"readers":{"names":["rhea"]}})", room);
      set("access:ended", R"({"at":1764398916000,"by":"Olga"})", room);
    }
  }
};
TEST_F(EndedWalk, AsReader) { walk("rhea", nullptr); }
TEST_F(EndedWalk, AsWriter) { walk("bob", nullptr); }
TEST_F(EndedWalk, AsTheirAuthor) { walk("ada", nullptr); }
TEST_F(EndedWalk, AsAnEdge) { walk("carrier", nullptr); }
TEST_F(EndedWalk, NobodyReadsWhatWasOpenAndTheAdministratorDoes) {
  for (const char* name : {"rhea", "bob", "ada", "carrier"}) {
    EXPECT_EQ(get(name, "/room-y/open:1").status, 404) << name;
    EXPECT_EQ(get(name, "/room-y").json().at("doc_count"), 2) << name << ": rules and end";
    EXPECT_EQ(get(name, "/room-y/access:ended").status, 200) << name;
  }
  EXPECT_EQ(admin("GET", "/room-y/secret:h/file").body, "hidden-body");
}

// The walk would also pass if nothing was hidden because nothing is there.
TEST_F(Walk, WhoMayReadItSeesTheDifference) {
  for (const char* target :
       {"/_all_docs", "/_changes", "/secret:h", "/secret:h/file", "/diary:ada", "/_edge"})
    EXPECT_NE(get("ada", std::string("/room-x") + target).body,
              get("ada", std::string("/room-y") + target).body)
        << target;
  EXPECT_EQ(get("ada", "/room-y/secret:h/file").body, "hidden-body");
  EXPECT_EQ(get("ada", "/room-y/_all_docs").json().at("total_rows"), 6);
  EXPECT_EQ(get("bob", "/room-y/_all_docs").json().at("total_rows"), 5);
  EXPECT_EQ(get("rhea", "/room-y").json().at("doc_count"), 4);
}

}  // namespace
}  // namespace atelier::server_test
