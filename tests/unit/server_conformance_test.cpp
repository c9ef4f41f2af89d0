// Goal: the server answers as CouchDB 3.5 does: status, error, reason, headers, shape of the body.
// Method: tables of exchanges over a real socket, each group on databases of its own. In texts,
// "{x}" is the last revision of document x in this group; in expected bodies "*" matches anything.
#include "server/server.h"
#include "server_tools.h"

namespace atelier::server_test {
namespace {

struct Exchange {
  const char* method;
  const char* target;
  const char* body;
  int status;
  const char* answer = "";  // expected JSON; empty: not looked at
  HeaderList send = {};
  HeaderList receive = {};  // "*": only that it is there; "-": that it is not
};

class Conformance : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    start();
    ASSERT_EQ(admin("PUT", "/db").status, 201);
    ASSERT_EQ(admin("PUT", "/parts?partitioned=true").status, 201);
  }

  std::string fill_in(std::string text) const {
    for (const auto& [id, rev] : revs_) {
      const std::string mark = "{" + id + "}";
      for (std::size_t at; (at = text.find(mark)) != std::string::npos;)
        text.replace(at, mark.size(), rev);
    }
    return text;
  }

  void learn(const boost::json::value& value) {
    if (value.is_array()) {
      for (const auto& element : value.as_array()) learn(element);
      return;
    }
    if (!value.is_object()) return;
    const auto& object = value.as_object();
    if (object.contains("id") && object.contains("rev") && object.at("rev").is_string())
      revs_[std::string(object.at("id").as_string())] = object.at("rev").as_string();
  }

  static bool matches(const boost::json::value& wanted, const boost::json::value& got) {
    if (wanted.is_string() && wanted.as_string() == "*") return true;
    if (wanted.kind() != got.kind()) return wanted.is_number() && got.is_number() && wanted == got;
    if (wanted.is_array()) {
      const auto &a = wanted.as_array(), &b = got.as_array();
      return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), matches);
    }
    if (!wanted.is_object()) return wanted == got;
    const auto &a = wanted.as_object(), &b = got.as_object();
    return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const auto& member) {
             const auto* found = b.if_contains(member.key());
             return found != nullptr && matches(member.value(), *found);
           });
  }

  void run(const std::vector<Exchange>& exchanges, bool with_admin = true) {
    Client connection = client();
    for (const Exchange& one : exchanges) {
      SCOPED_TRACE(std::string(one.method) + " " + one.target + " " + one.body);
      HeaderList headers = with_admin ? as_admin() : HeaderList{};
      for (const auto& [name, value] : one.send) headers.emplace_back(name, fill_in(value));
      const Reply reply =
          connection.request(one.method, fill_in(one.target), fill_in(one.body), headers);
      EXPECT_EQ(reply.status, one.status) << reply.body;
      const std::string wanted = fill_in(one.answer);
      if (!wanted.empty()) {
        EXPECT_TRUE(matches(boost::json::parse(wanted), reply.json()))
            << "wanted " << wanted << "\ngot    " << reply.body;
      }
      check_headers(one, reply);
      boost::system::error_code failed;
      const auto value = boost::json::parse(reply.body, failed);
      if (!failed && reply.status < 300) learn(value);
      if (reply.header("connection") == "close") connection = client();
    }
  }

  void check_headers(const Exchange& one, const Reply& reply) const {
    for (const auto& [name, value] : one.receive) {
      if (value == "*")
        EXPECT_NE(reply.header(name), "") << name;
      else
        EXPECT_EQ(reply.header(name), value == "-" ? "" : fill_in(value)) << name;
    }
  }

  std::map<std::string, std::string> revs_;
};

#define REASON(error, reason) R"({"error":")" error R"(","reason":")" reason R"("})"

TEST_F(Conformance, ServerRoutes) {
  run({
      {"GET",
       "/",
       "",
       200,
       R"({"couchdb":"Welcome","version":"3.5.0","uuid":"00000000000000000000000000000042",
           "features":["partitioned"],"vendor":{"name":"Atelier","version":"*"}})",
       {},
       {{"Content-Type", "application/json"},
        {"Cache-Control", "must-revalidate"},
        {"Server", "*"},
        {"Date", "*"}}},
      {"HEAD", "/", "", 200},
      {"POST",
       "/",
       "{}",
       405,
       REASON("method_not_allowed", "Only GET,HEAD allowed"),
       {},
       {{"Allow", "GET,HEAD"}}},
      {"GET", "/_up", "", 200, R"({"status":"ok","seeds":{}})"},
      {"GET", "/_all_dbs", "", 200, R"(["db","parts"])"},
      {"GET", "/_uuids?count=2", "", 200, R"({"uuids":["*","*"]})"},
      {"GET", "/_uuids?count=-1", "", 400,
       REASON("bad_request", "count must be a positive integer")},
      {"GET", "/_uuids?count=100000", "", 400, REASON("bad_request", "count parameter too large")},
      {"GET", "/_active_tasks", "", 200, "[]"},
      {"POST", "/_dbs_info", R"({"keys":["db","nope"]})", 200,
       R"([{"key":"db","info":"*"},{"key":"nope","error":"not_found"}])"},
      {"GET", "/_nope", "", 404, REASON("not_found", "Database does not exist.")},
      {"PUT", "/_nope", "", 400, R"({"error":"illegal_database_name","reason":"*"})"},
      {"GET", "/_session", "", 200,
       R"({"ok":true,"userCtx":{"name":"admin","roles":["_admin"]},
           "info":{"authentication_handlers":["cookie","default"],"authenticated":"default"}})"},
      {"PUT", "/_session", "{}", 405,
       REASON("method_not_allowed", "Only GET,HEAD,POST,DELETE allowed")},
  });
}

TEST_F(Conformance, Databases) {
  run({
      {"PUT", "/cap", "", 201, R"({"ok":true})", {}, {{"Location", "*"}}},
      {"PUT", "/cap", "", 412,
       REASON("file_exists", "The database could not be created, the file already exists.")},
      {"PUT", "/Cap", "", 400,
       REASON("illegal_database_name",
              "Name: 'Cap'. Only lowercase characters (a-z), digits (0-9), and any of the "
              "characters _, $, (, ), +, -, and / are allowed. Must begin with a letter.")},
      {"PUT", "/1cap", "", 400, R"({"error":"illegal_database_name","reason":"*"})"},
      {"PUT", "/cap%2Fsub", "", 201, R"({"ok":true})"},
      {"GET", "/cap%2Fsub", "", 200, ""},
      {"PUT", "/capbadq?q=abc", "", 400,
       REASON("bad_request", "The `q` value should be a positive integer.")},
      {"PUT", "/capbadq?q=0", "", 400,
       REASON("bad_request", "The `q` value should be a positive integer.")},
      {"PUT", "/capx2?partitioned=yes", "", 400,
       REASON("bad_request", "Invalid `partitioned` parameter")},
      {"GET",
       "/cap",
       "",
       200,
       R"({"instance_start_time":"*","db_name":"cap","purge_seq":"*","update_seq":"*",
           "sizes":{"file":"*","external":"*","active":"*"},"props":{},"doc_del_count":0,
           "doc_count":0,"disk_format_version":8,"compact_running":false,
           "cluster":{"q":1,"n":1,"w":1,"r":1}})",
       {},
       {{"X-Atelier-Store", "*"}}},
      {"GET", "/parts/", "", 200, ""},
      {"HEAD", "/cap", "", 200},
      {"HEAD", "/capnope", "", 404},
      {"GET", "/capnope", "", 404, REASON("not_found", "Database does not exist.")},
      {"DELETE", "/capnope", "", 404, REASON("not_found", "Database does not exist.")},
      {"DELETE", "/cap?rev=1-abc", "", 400,
       REASON("bad_request",
              "You tried to DELETE a database with a ?=rev parameter. Did you mean "
              "to DELETE a document instead?")},
      {"PATCH", "/cap", "{}", 405,
       REASON("method_not_allowed", "Only DELETE,GET,HEAD,POST allowed")},
      {"GET", "/cap/_revs_limit", "", 200, "1000"},
      {"PUT", "/cap/_revs_limit", "500", 200, R"({"ok":true})"},
      {"GET", "/cap/_revs_limit", "", 200, "500"},
      {"PUT", "/cap/_revs_limit", "-1", 400, R"({"error":"bad_request","reason":"*"})"},
      {"PUT", "/cap/_revs_limit", "\"x\"", 400, R"({"error":"bad_request","reason":"*"})"},
      {"PUT", "/cap/_security", R"({"admins":{"names":["a"],"roles":[]},"members":{"names":[]}})",
       200, R"({"ok":true})"},
      {"GET", "/cap/_security", "", 200,
       R"({"admins":{"names":["a"],"roles":[]},"members":{"names":[]}})"},
      {"PUT", "/cap/_security", "{bad", 400, REASON("bad_request", "invalid UTF-8 JSON")},
      {"PUT", "/cap/_security", "[]", 400, R"({"error":"bad_request","reason":"*"})"},
      {"PUT", "/cap/_security", R"({"admins":{"names":"x"}})", 400,
       R"({"error":"bad_request","reason":"*"})"},
      {"PUT", "/cap/_security", "{}", 200, R"({"ok":true})"},
      {"GET", "/cap/_security", "", 200, "{}"},
      {"POST",
       "/cap/_ensure_full_commit",
       "",
       201,
       R"({"ok":true,"instance_start_time":"*"})",
       {{"Content-Type", "application/json"}}},
      {"POST", "/cap/_ensure_full_commit", "", 415,
       REASON("bad_content_type", "Content-Type must be application/json")},
      {"POST", "/cap/_compact", "", 202, R"({"ok":true})", {{"Content-Type", "application/json"}}},
      {"GET", "/cap/_compact", "", 405, REASON("method_not_allowed", "Only POST allowed")},
      {"POST",
       "/cap/_view_cleanup",
       "",
       202,
       R"({"ok":true})",
       {{"Content-Type", "application/json"}}},
      {"GET", "/cap/_nope", "", 404, REASON("not_found", "missing")},
      {"DELETE", "/cap", "", 200, R"({"ok":true})"},
      {"DELETE", "/cap", "", 404, REASON("not_found", "Database does not exist.")},
  });
}

TEST_F(Conformance, DocumentsWritten) {
  run({
      {"PUT",
       "/db/a",
       R"({"v":1})",
       201,
       R"({"ok":true,"id":"a","rev":"*"})",
       {},
       {{"ETag", "*"},
        {"Location", "http://127.0.0.1:" + std::to_string(server_->port()) + "/db/a"}}},
      {"PUT", "/db/a", R"({"v":2})", 409, REASON("conflict", "Document update conflict.")},
      {"PUT", "/db/a", R"({"_rev":"7-00000000000000000000000000000000"})", 409,
       REASON("conflict", "Document update conflict.")},
      {"PUT", "/db/never", R"({"_rev":"1-00000000000000000000000000000000"})", 201, ""},
      {"PUT", "/db/a", R"({"_rev":"abc"})", 400, REASON("bad_request", "Invalid rev format")},
      {"PUT", "/db/a", R"({"_rev":"1-zz"})", 409, REASON("conflict", "Document update conflict.")},
      {"PUT", "/db/a", R"({"_rev":1})", 400, REASON("bad_request", "Invalid rev format")},
      {"PUT", "/db/a", R"({"_rev":null})", 400, REASON("bad_request", "Invalid rev format")},
      {"PUT", "/db/a", R"({"_rev":"{a}","v":2})", 201, ""},
      {"PUT", "/db/a?rev={a}", R"({"v":3})", 201, ""},
      {"PUT", "/db/a", R"({"v":4})", 201, "", {{"If-Match", "\"{a}\""}}},
      {"PUT", "/db/a?rev={a}", R"({"_rev":"1-00000000000000000000000000000000"})", 400,
       REASON("bad_request",
              "Document rev from request body and query string have different values")},
      {"PUT",
       "/db/a?rev={a}",
       "{}",
       400,
       REASON("bad_request", "Document rev and etag have different values"),
       {{"If-Match", "\"1-00000000000000000000000000000000\""}}},
      {"PUT", "/db/bad", "{not json", 400, REASON("bad_request", "invalid UTF-8 JSON")},
      {"PUT", "/db/bad", R"({"a":1} x)", 400, REASON("bad_request", "invalid UTF-8 JSON")},
      {"PUT", "/db/bad", "", 400, REASON("bad_request", "invalid UTF-8 JSON")},
      {"PUT", "/db/bad", "[1]", 400, REASON("bad_request", "Document must be a JSON object")},
      {"PUT", "/db/bad", "null", 400, REASON("bad_request", "Document must be a JSON object")},
      {"PUT", "/db/textct", R"({"a":1})", 201, "", {{"Content-Type", "text/plain"}}},
      {"PUT", "/db/uf", R"({"_foo":1})", 400,
       REASON("doc_validation", "Bad special document member: _foo")},
      {"PUT", "/db/idm", R"({"_id":"other","a":1})", 201, R"({"ok":true,"id":"idm","rev":"*"})"},
      {"PUT", "/db/_bad", R"({"a":1})", 400,
       REASON("illegal_docid", "Only reserved document ids may start with underscore.")},
      {"GET", "/db/_bad", "", 404, REASON("not_found", "missing")},
      {"PUT", "/db/delnb", R"({"_deleted":"yes"})", 400,
       REASON("doc_validation", "Bad special document member: _deleted")},
      {"PUT", "/db/dead", R"({"_deleted":true,"why":"x"})", 200, ""},
      {"GET", "/db/dead", "", 404, REASON("not_found", "deleted")},
      {"PUT", "/db/attbad", R"({"_attachments":[1]})", 400,
       REASON("doc_validation", "Bad special document member: _attachments")},
      {"PUT", "/db/revbad", R"({"_revisions":{"start":"x","ids":[]}})", 400,
       REASON("doc_validation", "_revisions.start isn't an integer.")},
      {"PUT", "/db/a%2Fb", R"({"a":1})", 201, R"({"ok":true,"id":"a/b","rev":"*"})"},
      {"GET", "/db/a/b", "", 404, REASON("not_found", "Document is missing attachment")},
      {"PUT", "/db/a+b", R"({"a":1})", 201, R"({"ok":true,"id":"a b","rev":"*"})"},
      {"PUT", "/db/a%20b", R"({"a":1})", 409, REASON("conflict", "Document update conflict.")},
      {"PUT", "/db/numbad", R"({"x":1e400})", 400, REASON("bad_request", "invalid UTF-8 JSON")},
      {"PUT", "/db/surr", R"({"a":"\ud83d"})", 400, REASON("bad_request", "invalid UTF-8 JSON")},
      {"PUT", "/db/batch?batch=ok", R"({"a":1})", 202, R"({"ok":true,"id":"batch"})"},
      {"PUT", "/nope/x", "{}", 404, REASON("not_found", "Database does not exist.")},
      {"POST", "/db", R"({"_id":"posted","a":1})", 201, R"({"ok":true,"id":"posted","rev":"*"})"},
      {"POST", "/db", R"({"a":1})", 201, ""},
      {"POST", "/db", R"({"_id":"posted"})", 409, REASON("conflict", "Document update conflict.")},
      {"POST",
       "/db",
       R"({"a":1})",
       415,
       REASON("bad_content_type", "Content-Type must be application/json"),
       {{"Content-Type", "text/plain"}}},
      {"POST", "/db", R"({"a":1})", 201, "", {{"Content-Type", "application/json; charset=utf-8"}}},
      {"POST", "/db", R"({"_id":5})", 400, REASON("illegal_docid", "Document id must be a string")},
      {"POST", "/db", R"({"_id":""})", 400,
       REASON("illegal_docid", "Document id must not be empty")},
      {"POST", "/db", R"({"_id":"_x"})", 400,
       REASON("illegal_docid", "Only reserved document ids may start with underscore.")},
      {"POST", "/db", "[]", 400, REASON("bad_request", "Document must be a JSON object")},
      {"POST", "/db/posted", "{}", 400, REASON("bad_request", "Referer header required.")},
  });
}

TEST_F(Conformance, NumbersGoOutAsTheyCameIn) {
  const std::string body =
      R"({"i":12345678901234567890123,"f":1.0,"e":1e3,"neg":-0.0,"small":1e-7,"t":0.1})";
  ASSERT_EQ(admin("PUT", "/db/num", body).status, 201);
  const Reply reply = admin("GET", "/db/num");
  EXPECT_NE(reply.body.find(body.substr(1)), std::string::npos) << reply.body;
  EXPECT_EQ(admin("GET", "/db/_all_docs?include_docs=true").body.find(body.substr(1)) ==
                std::string::npos,
            false);
}

TEST_F(Conformance, DocumentsRead) {
  run({
      {"PUT", "/db/a", R"({"v":1})", 201, ""},
      {"PUT", "/db/a", R"({"_rev":"{a}","v":2})", 201, ""},
      {"GET", "/db/a", "", 200, R"({"_id":"a","_rev":"{a}","v":2})", {}, {{"ETag", "\"{a}\""}}},
      {"HEAD", "/db/a", "", 200, "", {}, {{"ETag", "\"{a}\""}, {"Content-Length", "62"}}},
      {"GET", "/db/a", "", 304, "", {{"If-None-Match", "\"{a}\""}}, {{"ETag", "\"{a}\""}}},
      {"GET", "/db/a", "", 304, "", {{"If-None-Match", "W/\"{a}\""}}},
      {"GET", "/db/a", "", 200, "", {{"If-None-Match", "\"x\""}}},
      {"GET", "/db/a?rev={a}", "", 200, R"({"_id":"a","_rev":"{a}","v":2})"},
      {"GET", "/db/a?rev=1-00000000000000000000000000000000", "", 404,
       REASON("not_found", "missing")},
      {"GET", "/db/a?rev=xyz", "", 400, REASON("bad_request", "Invalid rev format")},
      {"GET", "/db/a?rev=", "", 400, REASON("bad_request", "Invalid rev format")},
      {"GET", "/db/a?revs=true", "", 200,
       R"({"_id":"a","_rev":"{a}","v":2,"_revisions":{"start":2,"ids":["*","*"]}})"},
      {"GET",
       "/db/a?revs_info=true",
       "",
       200,
       R"({"_id":"a","_rev":"{a}","v":2,"_revs_info":[{"rev":"{a}","status":"available"},
           {"rev":"*","status":"available"}]})",
       {},
       {{"ETag", "-"}}},
      {"GET", "/db/a?local_seq=true", "", 200,
       R"({"_id":"a","_rev":"{a}","v":2,"_local_seq":"*"})"},
      {"GET", "/db/a?revs=yes&foo=bar", "", 200, R"({"_id":"a","_rev":"{a}","v":2})"},
      {"GET", "/db/missing", "", 404, REASON("not_found", "missing")},
      {"HEAD", "/db/missing", "", 404},
      {"DELETE", "/db/a", "", 409, REASON("conflict", "Document update conflict.")},
      {"DELETE", "/db/a?rev=1-00000000000000000000000000000000", "", 409,
       REASON("conflict", "Document update conflict.")},
      {"DELETE", "/db/missing", "", 404, REASON("not_found", "missing")},
      {"DELETE",
       "/db/a?rev={a}",
       "",
       200,
       R"({"ok":true,"id":"a","rev":"*"})",
       {},
       {{"ETag", "*"}}},
      {"GET", "/db/a", "", 404, REASON("not_found", "deleted")},
      {"GET", "/db/a?rev={a}", "", 200, R"({"_id":"a","_rev":"{a}","_deleted":true})"},
      {"DELETE", "/db/a?rev={a}", "", 404, REASON("not_found", "deleted")},
      {"PUT", "/db/a", R"({"v":"again"})", 201, ""},
      {"GET", "/db/a?revs=true", "", 200,
       R"({"_id":"a","_rev":"{a}","v":"again","_revisions":{"start":4,"ids":["*","*","*","*"]}})"},
      {"COPY",
       "/db/a",
       "",
       201,
       R"({"ok":true,"id":"copied","rev":"*"})",
       {{"Destination", "copied"}}},
      {"COPY", "/db/a", "", 409, "", {{"Destination", "copied"}}},
      {"COPY", "/db/a", "", 201, "", {{"Destination", "copied?rev={copied}"}}},
      {"COPY", "/db/missing", "", 404, REASON("not_found", "missing"), {{"Destination", "c2"}}},
      {"COPY", "/db/a", "", 400,
       REASON("bad_request", "Destination header is mandatory for COPY.")},
      {"POST", "/db/_purge", R"({"copied":["{copied}"]})", 201,
       R"({"purge_seq":null,"purged":{"copied":["{copied}"]}})"},
      {"POST", "/db/_purge", R"({"a":"x"})", 400,
       REASON("bad_request", "Invalid list of revisions")},
      {"POST", "/db/_purge", R"({"nope":["1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]})", 201,
       R"({"purge_seq":null,"purged":{"nope":[]}})"},
  });
}

#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B32 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C32 "cccccccccccccccccccccccccccccccc"
#define D32 "dddddddddddddddddddddddddddddddd"
#define N32 "99999999999999999999999999999999"

TEST_F(Conformance, ConflictsAndOpenRevisions) {
  run({
      {"POST", "/db/_bulk_docs",
       R"({"new_edits":false,"docs":[
           {"_id":"cf","_rev":"2-)" B32 R"(","_revisions":{"start":2,"ids":[")" B32 "\",\"" A32
       R"("]},"v":1},
           {"_id":"cf","_rev":"2-)" C32 R"(","_revisions":{"start":2,"ids":[")" C32 "\",\"" A32
       R"("]},"v":2}]})",
       201, "[]"},
      {"GET", "/db/cf?conflicts=true&revs=true", "", 200,
       R"({"_id":"cf","_rev":"2-)" C32 R"(","v":2,"_revisions":{"start":2,"ids":[")" C32 "\",\"" A32
       R"("]},"_conflicts":["2-)" B32 "\"]}"},
      {"GET",
       "/db/cf?open_revs=all",
       "",
       200,
       R"([{"ok":{"_id":"cf","_rev":"2-)" B32 R"(","v":1}},{"ok":{"_id":"cf","_rev":"2-)" C32
       R"(","v":2}}])",
       {{"Accept", "application/json"}}},
      {"GET",
       "/db/cf?open_revs=[%222-" B32 "%22,%229-" N32 "%22]&revs=true",
       "",
       200,
       R"([{"ok":"*"},{"missing":"9-)" N32 "\"}]",
       {{"Accept", "application/json"}}},
      {"GET",
       "/db/cf?open_revs=[%221-" A32 "%22]&latest=true",
       "",
       200,
       R"([{"ok":{"_id":"cf","_rev":"2-)" B32 R"(","v":1}},{"ok":{"_id":"cf","_rev":"2-)" C32
       R"(","v":2}}])",
       {{"Accept", "application/json"}}},
      {"GET",
       "/db/nodoc?open_revs=[%221-" A32 "%22]",
       "",
       200,
       R"([{"missing":"1-)" A32 "\"}]",
       {{"Accept", "application/json"}}},
      {"GET", "/db/nodoc?open_revs=all", "", 404, REASON("not_found", "missing")},
      {"GET", "/db/cf?open_revs=xx", "", 400, REASON("bad_request", "invalid UTF-8 JSON")},
      {"GET", "/db/cf?meta=true", "", 200,
       R"({"_id":"cf","_rev":"2-)" C32 R"(","v":2,"_revs_info":[{"rev":"2-)" C32
       R"(","status":"available"},{"rev":"1-)" A32 R"(","status":"missing"}],"_conflicts":["2-)" B32
       "\"]}"},
      {"GET", "/db/cf?rev=1-" A32 "&latest=true", "", 200,
       R"({"_id":"cf","_rev":"2-)" C32 R"(","v":2})"},
      {"DELETE", "/db/cf?rev=2-" B32, "", 200, R"({"ok":true,"id":"cf","rev":"*"})"},
      {"GET", "/db/cf?deleted_conflicts=true&conflicts=true", "", 200,
       R"({"_id":"cf","_rev":"2-)" C32 R"(","v":2,"_deleted_conflicts":["{cf}"]})"},
      {"PUT", "/db/ne?new_edits=false",
       R"({"_rev":"3-)" D32 R"(","_revisions":{"start":3,"ids":[")" D32 "\",\"" B32 "\",\"" A32
       R"("]},"a":1})",
       201, R"({"ok":true,"id":"ne","rev":"3-)" D32 "\"}"},
      {"PUT", "/db/ne?new_edits=false", R"({"_rev":"3-)" D32 R"(","a":1})", 201, ""},
      {"PUT", "/db/ne2?new_edits=false", R"({"a":1})", 400,
       REASON("bad_request",
              "When `new_edits: false`, the document needs `_rev` or `_revisions` specified")},
      {"POST", "/db/_revs_diff",
       R"({"cf":["2-)" C32 "\",\"4-" D32 "\",\"2-" N32 R"("],"x":["1-)" A32 "\"]}", 200,
       R"({"cf":{"missing":["2-)" N32 "\",\"4-" D32
       R"("],"possible_ancestors":"*"},"x":{"missing":["1-)" A32 "\"]}}"},
      {"POST", "/db/_revs_diff", R"({"cf":["2-)" C32 R"("],"y":[]})", 200, "{}"},
      {"POST", "/db/_revs_diff", "[]", 400,
       REASON("bad_request", "Request body must be a JSON object")},
      {"POST", "/db/_revs_diff", R"({"d":"1-x"})", 400, R"({"error":"bad_request","reason":"*"})"},
      {"POST", "/db/_revs_diff", R"({"d":["xyz"]})", 400,
       REASON("bad_request", "Invalid rev format")},
      {"POST", "/db/_revs_diff", R"({"d":[1]})", 400, R"({"error":"bad_request","reason":"*"})"},
      {"GET", "/db/_revs_diff", "", 405, REASON("method_not_allowed", "Only POST allowed")},
      {"POST", "/db/_missing_revs", R"({"cf":["2-)" C32 "\",\"4-" D32 "\"]}", 200,
       R"({"missing_revs":{"cf":["4-)" D32 "\"]}}"},
  });
}

TEST_F(Conformance, BulkDocs) {
  run({
      {"POST", "/db/_bulk_docs", R"({"docs":[{"_id":"a","v":1},{"_id":"b","v":1},{"v":"noid"}]})",
       201, R"([{"ok":true,"id":"a","rev":"*"},{"ok":true,"id":"b","rev":"*"},
                {"ok":true,"id":"*","rev":"*"}])"},
      {"POST", "/db/_bulk_docs", R"({"docs":[{"_id":"a","v":2},{"_id":"b","_rev":"{b}","v":2}]})",
       201,
       R"([{"id":"a","error":"conflict","reason":"Document update conflict."},
           {"ok":true,"id":"b","rev":"*"}])"},
      {"POST", "/db/_bulk_docs", R"({"docs":[{"_id":"dup","v":1},{"_id":"dup","v":2}]})", 201,
       R"([{"ok":true,"id":"dup","rev":"*"},
           {"id":"dup","error":"conflict","reason":"Document update conflict."}])"},
      {"POST", "/db/_bulk_docs", R"({"docs":[]})", 201, "[]"},
      {"POST", "/db/_bulk_docs", R"({"foo":1})", 400,
       REASON("bad_request", "POST body must include `docs` parameter.")},
      {"POST", "/db/_bulk_docs", R"({"docs":"x"})", 400,
       REASON("bad_request", "`docs` parameter must be an array.")},
      {"POST", "/db/_bulk_docs", R"({"docs":[{"_id":"ok1"},5]})", 400,
       REASON("bad_request", "Document must be a JSON object")},
      {"GET", "/db/ok1", "", 404, REASON("not_found", "missing")},
      {"POST", "/db/_bulk_docs", "[]", 400,
       REASON("bad_request", "Request body must be a JSON object")},
      {"POST", "/db/_bulk_docs", "{bad", 400, REASON("bad_request", "invalid UTF-8 JSON")},
      {"POST", "/db/_bulk_docs", R"({"docs":[{"_id":"x1","_rev":"abc"},{"_id":"x2"}]})", 400,
       REASON("bad_request", "Invalid rev format")},
      {"GET", "/db/x2", "", 404, REASON("not_found", "missing")},
      {"POST", "/db/_bulk_docs", R"({"docs":[{"_id":"_x"}]})", 400,
       REASON("illegal_docid", "Only reserved document ids may start with underscore.")},
      {"POST", "/db/_bulk_docs", R"({"docs":[{"_id":"x4","_foo":1}]})", 400,
       REASON("doc_validation", "Bad special document member: _foo")},
      {"POST", "/db/_bulk_docs", R"({"all_or_nothing":true,"docs":[{"_id":"aon"}]})", 417,
       R"([{"id":"aon","rev":"0-","error":"not_implemented",
            "reason":"all_or_nothing is not supported"}])"},
      {"POST", "/db/_bulk_docs", R"({"new_edits":"x","docs":[{"_id":"neb"}]})", 400,
       R"({"error":"bad_request","reason":"*"})"},
      {"POST", "/db/_bulk_docs", R"({"new_edits":false,"docs":[{"_id":"nr","v":1}]})", 400,
       REASON("bad_request",
              "When `new_edits: false`, the document needs `_rev` or `_revisions` specified")},
      {"POST", "/db/_bulk_docs", R"({"new_edits":false,"docs":[{"_id":"nh","_rev":"1-hello"}]})",
       201, "[]"},
      {"GET", "/db/nh", "", 200, R"({"_id":"nh","_rev":"1-hello"})", {}, {{"ETag", "\"1-hello\""}}},
      {"POST", "/db/_bulk_docs", R"({"docs":[{"_id":"_local/foo2","v":1}]})", 201,
       R"([{"ok":true,"id":"_local/foo2","rev":"0-1"}])"},
      {"POST", "/db/_bulk_docs",
       R"({"docs":[{"_id":"att","_attachments":{"t":{"content_type":"text/plain","data":"aGVsbG8="}}}]})",
       201, R"([{"ok":true,"id":"att","rev":"*"}])"},
      {"POST", "/db/_bulk_docs",
       R"({"docs":[{"_id":"att2","_attachments":{"t":{"content_type":"text/plain","data":"***"}}}]})",
       400, REASON("bad_request", "Invalid attachment data for t")},
      {"GET", "/db/_bulk_docs", "", 405, REASON("method_not_allowed", "Only POST allowed")},
      {"POST", "/nope/_bulk_docs", R"({"docs":[]})", 404,
       REASON("not_found", "Database does not exist.")},
      {"POST",
       "/db/_bulk_docs",
       R"({"docs":[]})",
       415,
       REASON("bad_content_type", "Content-Type must be application/json"),
       {{"Content-Type", "text/plain"}}},
  });
}

TEST_F(Conformance, BulkGet) {
  run({
      {"PUT", "/db/a", R"({"v":1})", 201, ""},
      {"POST", "/db/_bulk_get", R"({"docs":[{"id":"a"},{"id":"a","rev":"{a}"},{"id":"nope"}]})",
       200,
       R"({"results":[{"id":"a","docs":[{"ok":{"_id":"a","_rev":"{a}","v":1}}]},
            {"id":"a","docs":[{"ok":{"_id":"a","_rev":"{a}","v":1}}]},
            {"id":"nope","docs":[{"error":{"rev":"undefined","reason":"missing","id":"nope",
                                           "error":"not_found"}}]}]})"},
      {"POST", "/db/_bulk_get?latest=true&revs=true&attachments=false",
       R"({"docs":[{"id":"a","rev":"{a}","atts_since":[]}]})", 200,
       R"({"results":[{"id":"a","docs":[{"ok":{"_id":"a","_rev":"{a}","v":1,
           "_revisions":{"start":1,"ids":["*"]}}}]}]})"},
      {"POST", "/db/_bulk_get", R"({"docs":[{"id":"a","rev":"9-)" A32 R"("}]})", 200,
       R"({"results":[{"id":"a","docs":[{"error":{"rev":"9-)" A32
       R"(","reason":"missing","id":"a","error":"not_found"}}]}]})"},
      {"POST", "/db/_bulk_get", R"({"docs":[{"id":"a","rev":"xyz"}]})", 200,
       R"({"results":[{"id":"a","docs":[{"error":{"rev":"xyz","reason":"Invalid rev format",
           "id":"a","error":"bad_request"}}]}]})"},
      {"POST", "/db/_bulk_get", R"({"docs":[{"rev":"1-a"}]})", 200,
       R"({"results":[{"id":null,"docs":[{"error":{"rev":null,"reason":"document id missed",
           "id":null,"error":"bad_request"}}]}]})"},
      {"POST", "/db/_bulk_get", R"({"docs":[{"id":"_bad"}]})", 200,
       R"({"results":[{"id":"_bad","docs":[{"error":{"rev":null,
           "reason":"Only reserved document ids may start with underscore.","id":"_bad",
           "error":"illegal_docid"}}]}]})"},
      {"POST", "/db/_bulk_get", R"({"docs":[5]})", 200,
       R"({"results":[{"id":null,"docs":[{"error":{"rev":null,
           "reason":"document must be a JSON object","id":null,"error":"bad_request"}}]}]})"},
      {"POST", "/db/_bulk_get", "{}", 400, REASON("bad_request", "Missing JSON list of 'docs'.")},
      {"POST", "/db/_bulk_get", R"({"docs":"x"})", 400,
       REASON("bad_request", "Missing JSON list of 'docs'.")},
      {"POST", "/db/_bulk_get", R"({"docs":[]})", 200, R"({"results":[]})"},
  });
}

TEST_F(Conformance, AllDocs) {
  run({
      {"GET", "/db/_all_docs", "", 200, R"({"total_rows":0,"offset":0,"rows":[]})"},
      {"POST", "/db/_bulk_docs",
       R"({"docs":[{"_id":"10"},{"_id":"2"},{"_id":"B"},{"_id":"_design/x"},{"_id":"a","v":"a"},
                   {"_id":"b"},{"_id":"c"}]})",
       201, ""},
      {"DELETE", "/db/c?rev={c}", "", 200, ""},
      {"GET", "/db/_all_docs?startkey=%22a%22&endkey=%22b%22", "", 200,
       R"({"total_rows":6,"offset":4,"rows":[{"id":"a","key":"a","value":{"rev":"{a}"}},
           {"id":"b","key":"b","value":{"rev":"{b}"}}]})"},
      {"GET", "/db/_all_docs?startkey=%22a%22&endkey=%22b%22&inclusive_end=false", "", 200,
       R"({"total_rows":6,"offset":4,"rows":[{"id":"a","key":"a","value":{"rev":"{a}"}}]})"},
      {"GET", "/db/_all_docs?descending=true&limit=2&skip=1", "", 200,
       R"({"total_rows":6,"offset":1,"rows":[{"id":"a","key":"a","value":"*"},
           {"id":"_design/x","key":"_design/x","value":"*"}]})"},
      {"GET", "/db/_all_docs?descending=true&startkey=%22a%22&endkey=%22B%22", "", 200,
       R"({"total_rows":6,"offset":1,"rows":[{"id":"a","key":"a","value":"*"},
           {"id":"_design/x","key":"_design/x","value":"*"},{"id":"B","key":"B","value":"*"}]})"},
      {"GET", "/db/_all_docs?key=%22a%22&include_docs=true", "", 200,
       R"({"total_rows":6,"offset":4,"rows":[{"id":"a","key":"a","value":{"rev":"{a}"},
           "doc":{"_id":"a","_rev":"{a}","v":"a"}}]})"},
      {"GET", "/db/_all_docs?key=%22nope%22", "", 200,
       R"({"total_rows":6,"offset":"*","rows":[]})"},
      {"POST", "/db/_all_docs?include_docs=true", R"({"keys":["a","nope","c"]})", 200,
       R"({"total_rows":6,"offset":null,"rows":[
           {"id":"a","key":"a","value":{"rev":"{a}"},"doc":{"_id":"a","_rev":"{a}","v":"a"}},
           {"key":"nope","error":"not_found"},
           {"id":"c","key":"c","value":{"rev":"{c}","deleted":true},"doc":null}]})"},
      {"GET", "/db/_all_docs?keys=[%22a%22,%22nope%22]", "", 200,
       R"({"total_rows":6,"offset":null,"rows":[{"id":"a","key":"a","value":{"rev":"{a}"}},
           {"key":"nope","error":"not_found"}]})"},
      {"POST", "/db/_all_docs", R"({"keys":[1,null]})", 200,
       R"({"total_rows":6,"offset":null,"rows":[{"key":1,"error":"not_found"},
           {"key":null,"error":"not_found"}]})"},
      {"POST", "/db/_all_docs", R"({"keys":"a"})", 400,
       REASON("bad_request", "`keys` body member must be an array.")},
      {"POST", "/db/_all_docs", R"({"limit":1,"include_docs":true})", 200,
       R"({"total_rows":6,"offset":0,"rows":[{"id":"10","key":"10","value":"*","doc":"*"}]})"},
      {"GET", "/db/_all_docs?update_seq=true&limit=0", "", 200,
       R"({"total_rows":6,"offset":0,"update_seq":"*","rows":[]})"},
      {"GET", "/db/_all_docs?limit=-1", "", 400,
       REASON("query_parse_error", "Invalid value for positive integer: \\\"-1\\\"")},
      {"GET", "/db/_all_docs?limit=x", "", 400,
       REASON("query_parse_error", "Invalid value for integer: \\\"x\\\"")},
      {"GET", "/db/_all_docs?startkey=abc", "", 400, REASON("bad_request", "invalid UTF-8 JSON")},
      {"GET", "/db/_all_docs?startkey=%22b%22&endkey=%22a%22", "", 200,
       R"({"total_rows":6,"offset":"*","rows":[]})"},
      {"POST", "/db/_all_docs/queries", R"({"queries":[{"keys":["a"]},{"limit":1}]})", 200,
       R"({"results":[{"total_rows":6,"offset":"*","rows":[{"id":"a","key":"a","value":"*"}]},
           {"total_rows":6,"offset":0,"rows":[{"id":"10","key":"10","value":"*"}]}]})"},
      {"GET", "/db/_design_docs", "", 200,
       R"({"total_rows":1,"offset":"*","rows":[{"id":"_design/x","key":"_design/x","value":"*"}]})"},
      {"GET", "/nope/_all_docs", "", 404, REASON("not_found", "Database does not exist.")},
  });
}

TEST_F(Conformance, AllDocsOfManySlices) {
  std::string docs;
  for (int i = 0; i < 2500; ++i)
    docs += (i ? "," : "") + std::string("{\"_id\":\"k") + std::to_string(100000 + i) + "\"}";
  ASSERT_EQ(admin("POST", "/db/_bulk_docs", "{\"docs\":[" + docs + "]}").status, 201);
  const auto up = admin("GET", "/db/_all_docs").json();
  ASSERT_EQ(up.at("rows").as_array().size(), 2500u);
  EXPECT_EQ(up.at("rows").at(2499).at("id"), "k102499");
  const auto down = admin("GET", "/db/_all_docs?descending=true&skip=1200").json();
  ASSERT_EQ(down.at("rows").as_array().size(), 1300u);
  EXPECT_EQ(down.at("rows").at(0).at("id"), "k101299");
  EXPECT_EQ(down.at("rows").at(1299).at("id"), "k100000");
  const auto changes = admin("GET", "/db/_changes?descending=true").json();
  ASSERT_EQ(changes.at("results").as_array().size(), 2500u);
  EXPECT_EQ(changes.at("results").at(0).at("id"), "k102499");
}

TEST_F(Conformance, LocalDocuments) {
  run({
      {"GET", "/db/_local/cp", "", 404, REASON("not_found", "missing")},
      {"PUT", "/db/_local/cp", R"({"session_id":"s","history":[]})", 201,
       R"({"ok":true,"id":"_local/cp","rev":"0-1"})"},
      {"GET",
       "/db/_local/cp",
       "",
       200,
       R"({"_id":"_local/cp","_rev":"0-1","session_id":"s","history":[]})",
       {},
       {{"ETag", "*"}}},
      {"PUT", "/db/_local/cp", R"({"_rev":"0-99","x":1})", 201, ""},
      {"PUT", "/db/_local/cp", R"({"_rev":"abc","x":2})", 400,
       REASON("bad_request", "Invalid rev format")},
      {"GET", "/db/_local%2Fcp", "", 200, R"({"_id":"_local/cp","_rev":"*","x":1})"},
      {"PUT", "/db/_local/a/b", R"({"x":1})", 400,
       REASON("bad_request", "_local documents do not accept attachments.")},
      {"POST", "/db", R"({"_id":"_local/viapost","x":1})", 201,
       R"({"ok":true,"id":"_local/viapost","rev":"0-1"})"},
      {"GET", "/db/_local_docs", "", 200,
       R"({"total_rows":null,"offset":null,"rows":[
           {"id":"_local/cp","key":"_local/cp","value":{"rev":"*"}},
           {"id":"_local/viapost","key":"_local/viapost","value":{"rev":"0-1"}}]})"},
      {"GET", "/db/_local_docs?include_docs=true&limit=1", "", 200,
       R"({"total_rows":null,"offset":null,"rows":[
           {"id":"_local/cp","key":"_local/cp","value":{"rev":"*"},
            "doc":{"_id":"_local/cp","_rev":"*","x":1}}]})"},
      {"POST", "/db/_local_docs", R"({"keys":["_local/cp","_local/none"]})", 200,
       R"({"total_rows":null,"offset":null,"rows":[
           {"id":"_local/cp","key":"_local/cp","value":{"rev":"*"}},
           {"key":"_local/none","error":"not_found"}]})"},
      {"GET", "/db/_changes", "", 200, R"({"results":[],"last_seq":"*","pending":0})"},
      {"GET", "/db/_local/", "", 400, REASON("bad_request", "Invalid _local document id.")},
      {"DELETE", "/db/_local/cp", "", 200, R"({"ok":true,"id":"_local/cp","rev":"0-0"})"},
      {"DELETE", "/db/_local/cp", "", 404, REASON("not_found", "missing")},
  });
}

TEST_F(Conformance, Changes) {
  run({
      {"GET",
       "/db/_changes",
       "",
       200,
       R"({"results":[],"last_seq":"*","pending":0})",
       {},
       {{"ETag", "*"}}},
      {"PUT", "/db/d0", R"({"t":"x"})", 201, ""},
      {"PUT", "/db/d1", R"({"t":"y"})", 201, ""},
      {"DELETE", "/db/d1?rev={d1}", "", 200, ""},
      {"PUT", "/db/_design/f", R"({"filters":{"x":"function(){}"}})", 201, ""},
      {"GET", "/db/_changes?include_docs=true", "", 200,
       R"({"results":[
           {"seq":"*","id":"d0","changes":[{"rev":"{d0}"}],"doc":{"_id":"d0","_rev":"{d0}","t":"x"}},
           {"seq":"*","id":"d1","changes":[{"rev":"{d1}"}],"deleted":true,
            "doc":{"_id":"d1","_rev":"{d1}","_deleted":true}},
           {"seq":"*","id":"_design/f","changes":"*","doc":"*"}],"last_seq":"*","pending":0})"},
      {"GET", "/db/_changes?limit=1", "", 200,
       R"({"results":[{"seq":"*","id":"d0","changes":"*"}],"last_seq":"*","pending":2})"},
      {"GET", "/db/_changes?limit=0", "", 200, R"({"results":[],"last_seq":"*","pending":3})"},
      {"GET", "/db/_changes?since=now", "", 200, R"({"results":[],"last_seq":"*","pending":0})"},
      {"GET", "/db/_changes?descending=true&limit=1", "", 200,
       R"({"results":[{"seq":"*","id":"_design/f","changes":"*"}],"last_seq":"*","pending":"*"})"},
      {"GET", "/db/_changes?since=2", "", 400,
       REASON("bad_request", "Malformed sequence supplied in 'since' parameter.")},
      {"GET", "/db/_changes?since=xyz", "", 400,
       REASON("bad_request", "Malformed sequence supplied in 'since' parameter.")},
      {"GET", "/db/_changes?limit=x", "", 400, R"({"error":"bad_request","reason":"*"})"},
      {"GET", "/db/_changes?style=foo", "", 400, R"({"error":"bad_request","reason":"*"})"},
      {"GET", "/db/_changes?feed=foo", "", 400,
       REASON("bad_request",
              "Supported `feed` types: normal, continuous, live, longpoll, eventsource")},
      {"POST", "/db/_changes?filter=_doc_ids", R"({"doc_ids":["d0","nope"]})", 200,
       R"({"results":[{"seq":"*","id":"d0","changes":"*"}],"last_seq":"*","pending":"*"})"},
      {"GET", "/db/_changes?filter=_doc_ids&doc_ids=[%22d0%22]", "", 200,
       R"({"results":[{"seq":"*","id":"d0","changes":"*"}],"last_seq":"*","pending":"*"})"},
      {"POST", "/db/_changes?filter=_doc_ids", "{}", 400,
       REASON("bad_request", "`doc_ids` filter parameter is not a list of doc ids.")},
      {"GET", "/db/_changes?filter=_design", "", 200,
       R"({"results":[{"seq":"*","id":"_design/f","changes":"*"}],"last_seq":"*","pending":"*"})"},
      {"GET", "/db/_changes?filter=nope/x", "", 404, REASON("not_found", "missing")},
      {"GET", "/db/_changes?filter=f/nope", "", 404, REASON("not_found", "missing json key: nope")},
      {"GET", "/db/_changes?filter=f/x", "", 501, R"({"error":"not_implemented","reason":"*"})"},
      {"GET", "/db/_changes?filter=_nope", "", 400,
       REASON("bad_request", "unknown builtin filter name")},
      {"GET", "/db/_changes?feed=longpoll&since=now&heartbeat=abc", "", 400,
       REASON("bad_request",
              "Invalid heartbeat value. Expecting a positive integer value (in milliseconds).")},
      {"GET", "/db/_changes?feed=longpoll&since=now&heartbeat=0", "", 400,
       REASON("bad_request",
              "The heartbeat value should be a positive integer (in milliseconds).")},
      {"HEAD", "/db/_changes", "", 200},
      {"PUT", "/db/_changes", "{}", 405,
       REASON("method_not_allowed", "Only GET,POST,HEAD allowed")},
      {"POST", "/db/_changes", "{bad", 400, REASON("bad_request", "invalid UTF-8 JSON")},
      {"GET", "/nope/_changes", "", 404, REASON("not_found", "Database does not exist.")},
      {"GET", "/db/_changes?feed=longpoll&since=0", "", 200,
       R"({"results":["*","*","*"],"last_seq":"*","pending":0})"},
      {"GET", "/db/_changes?feed=longpoll&since=now&timeout=0", "", 200,
       R"({"results":[],"last_seq":"*","pending":0})"},
  });
}

TEST_F(Conformance, Partitions) {
  run({
      {"PUT", "/parts/p1:a", R"({"v":1})", 201, ""},
      {"PUT", "/parts/p1%3Aenc", "{}", 201, ""},
      {"PUT", "/parts/p2:x", "{}", 201, ""},
      {"PUT", "/parts/nocolon", "{}", 400,
       REASON("illegal_docid", "Doc id must be of form partition:id")},
      {"PUT", "/parts/:a", "{}", 400, REASON("illegal_partition", "Partition must not be empty")},
      {"PUT", "/parts/p1:", "{}", 400, REASON("illegal_docid", "Document id must not be empty")},
      {"POST", "/parts", "{}", 400, REASON("illegal_docid", "Doc id must be of form partition:id")},
      {"GET", "/parts/nocolon", "", 400,
       REASON("illegal_docid", "Doc id must be of form partition:id")},
      {"PUT", "/parts/nocolon/f.txt", "x", 400,
       REASON("illegal_docid", "Doc id must be of form partition:id")},
      {"POST", "/parts/_bulk_docs", R"({"docs":[{"_id":"p1:b"},{"_id":"bad"}]})", 400,
       REASON("illegal_docid", "Doc id must be of form partition:id")},
      {"GET", "/parts/p1:b", "", 404, REASON("not_found", "missing")},
      {"POST", "/parts/_revs_diff", R"({"nocolon":["1-)" A32 "\"]}", 400,
       REASON("illegal_docid", "Doc id must be of form partition:id")},
      {"GET", "/parts/_partition/p1", "", 200,
       R"({"db_name":"parts","sizes":{"active":"*","external":"*"},"partition":"p1","doc_count":2,
           "doc_del_count":0})"},
      {"GET", "/parts/_partition/none", "", 200, ""},
      {"GET", "/parts/_partition/_bad", "", 400,
       REASON("illegal_partition", "Partition must not start with an underscore")},
      {"GET", "/parts/_partition/p1/_all_docs", "", 200,
       R"({"total_rows":3,"offset":0,"rows":[{"id":"p1:a","key":"p1:a","value":"*"},
           {"id":"p1:enc","key":"p1:enc","value":"*"}]})"},
      {"GET", "/parts/_partition/p1/_all_docs?descending=true", "", 200,
       R"({"total_rows":3,"offset":"*","rows":[{"id":"p1:enc","key":"p1:enc","value":"*"},
           {"id":"p1:a","key":"p1:a","value":"*"}]})"},
      {"GET", "/parts/_partition/p1/_all_docs?startkey=%22p0:%22&endkey=%22p2:z%22", "", 200,
       R"({"total_rows":3,"offset":0,"rows":["*","*"]})"},
      {"GET", "/parts/_partition/p1/_all_docs?key=%22p2:x%22", "", 200,
       R"({"total_rows":3,"offset":"*","rows":[]})"},
      {"GET", "/parts/_partition/p1/_changes", "", 404, REASON("not_found", "missing")},
      {"GET", "/parts/_partition", "", 400, REASON("bad_request", "invalid_partition_req")},
      {"POST", "/parts/_partition/p1", "{}", 405, REASON("method_not_allowed", "Only GET allowed")},
      {"GET", "/db/_partition/p1", "", 400, REASON("bad_request", "database is not partitioned")},
  });
}

TEST_F(Conformance, WhatIsRefusedOnPurposeSaysSo) {
  run({
      {"PUT", "/db/_design/w", R"({"views":{"v":{"map":"function(d){emit(d._id)}"}}})", 201, ""},
      {"GET", "/db/_design/w", "", 200, ""},
      {"GET", "/db/_design%2Fw", "", 301, ""},
      {"GET", "/db/_design/w/_view/v", "", 501, R"({"error":"not_implemented","reason":"*"})"},
      {"POST", "/db/_find", R"({"selector":{}})", 501,
       R"({"error":"not_implemented","reason":"*"})"},
      {"POST", "/db/_index", "{}", 501, ""},
      {"POST", "/db/_explain", "{}", 501, ""},
      {"GET", "/db/_find", "", 405, REASON("method_not_allowed", "Only POST allowed")},
      {"POST", "/db/_changes?filter=_selector", R"({"selector":{}})", 501, ""},
      {"POST", "/_replicate", R"({"source":"a","target":"b"})", 501, ""},
  });
}

TEST_F(Conformance, HttpDetails) {
  run({
      {"PUT", "/db/a", R"({"v":1})", 201, ""},
      {"GET", "//db/a", "", 200, R"({"_id":"a","_rev":"{a}","v":1})"},
      {"GET", "/db/a/", "", 200, R"({"_id":"a","_rev":"{a}","v":1})"},
      {"GET", "/db/%zz", "", 400, REASON("bad_request", "invalid_url_encoding")},
      {"GET", "/db/%ff", "", 400, R"({"error":"*","reason":"*"})"},
      {"FOO", "/db", "", 405, REASON("method_not_allowed", "Only DELETE,GET,HEAD,POST allowed")},
      {"POST", "/db/mo", R"({"a":1})", 201, "", {{"X-HTTP-Method-Override", "PUT"}}},
      {"GET", "/db/a?callback=cb", "", 200, R"({"_id":"a","_rev":"{a}","v":1})"},
      {"POST", "/db", R"({"a":1})", 415, "", {{"Content-Type", "application/vnd.x+json"}}},
      {"GET", "/db/a", "", 200, "", {{"Connection", "close"}}, {{"Connection", "close"}}},
  });
}

}  // namespace
}  // namespace atelier::server_test
