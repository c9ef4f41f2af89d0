// Goal: _find, _index, _explain and filter=_selector answer as CouchDB 3.5 does, over whole
// databases and within a partition. Method: tables of exchanges (server_exchanges.h).
#include "server/find_index.h"
#include "server_exchanges.h"

namespace atelier::server_test {
namespace {

constexpr const char* kNoIndex = "No matching index found, create an index to optimize query time.";

class Find : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    std::string docs;
    for (int i = 0; i < 8; ++i) {
      const std::string n = std::to_string(i), s = i % 2 == 0 ? "a" : "b";
      docs += (i == 0 ? "" : ",") + ("{\"_id\":\"d" + n + "\",\"n\":" + n + ",\"s\":\"" + s +
                                     "\",\"o\":{\"x\":" + std::to_string(2 * i) + "}}");
    }
    ASSERT_EQ(admin("POST", "/db/_bulk_docs", "{\"docs\":[" + docs + "]}").status, 201);
  }

  Reply find(const std::string& body) { return admin("POST", "/db/_find", body); }

  /// "d6 d7": the ids of an answer.
  static std::string ids(const Reply& reply) {
    std::string out;
    const auto answer = reply.json();
    if (!answer.as_object().contains("docs")) return reply.body;
    for (const auto& doc : answer.at("docs").as_array())
      out += (out.empty() ? "" : " ") + std::string(doc.at("_id").as_string());
    return out;
  }
};

TEST_F(Find, AScanAnswersInTheOrderOfIdsAndWarns) {
  const Reply reply = find(R"({"selector":{"n":{"$gte":6}}})");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(ids(reply), "d6 d7");
  EXPECT_EQ(reply.text("warning"), kNoIndex);
  const Reply fields = find(R"({"selector":{"s":"a"},"fields":["_id","o.x","none"],"limit":2})");
  EXPECT_EQ(fields.json().at("docs"),
            boost::json::parse(R"([{"_id":"d0","o":{"x":0}},{"_id":"d2","o":{"x":4}}])"));
  EXPECT_EQ(ids(find(R"({"selector":{"_id":{"$gt":"d5"}},"skip":1})")), "d7");
  EXPECT_EQ(ids(find(R"({"selector":{},"sort":[{"_id":"desc"}],"limit":3})")), "d7 d6 d5");
  EXPECT_EQ(find(R"({"selector":{"n":99}})").text("bookmark"), "nil");
}

// What an index of the store answers is what reading all documents answers, page by page.
TEST_F(Find, AnIndexThatIsReadyAnswersAsAScanDoesAndReadsWhatIsAskedFor) {
  const char* const kQueries[] = {
      R"("selector":{"n":{"$gte":2},"s":"a"})",
      R"("selector":{"n":{"$gte":2}},"sort":[{"n":"desc"}])",
      R"("selector":{"n":{"$gt":1,"$lt":6},"s":{"$in":["a","c"]}},"fields":["_id"])",
      R"("selector":{"o.x":{"$gte":0},"n":{"$exists":true}},"sort":["o.x"],"skip":1)"};
  const auto pages = [&](const std::string& query) {
    std::string bookmark = "nil", all;
    for (int page = 0; page < 6; ++page) {
      const Reply reply = find("{" + query + R"(,"limit":2,"bookmark":")" + bookmark + "\"}");
      all += ids(reply) + "|";
      bookmark = reply.text("bookmark");
    }
    return all;
  };
  const auto examined = [&] {
    const Reply reply = find(R"({"selector":{"n":5},"execution_stats":true})");
    EXPECT_EQ(ids(reply), "d5");
    return reply.json().at("execution_stats").at("total_docs_examined").as_int64();
  };
  EXPECT_EQ(examined(), 8);
  std::vector<std::string> scanned;
  for (const char* query : {kQueries[0], kQueries[2]}) scanned.push_back(pages(query));
  ASSERT_EQ(admin("POST", "/db/_index", R"({"index":{"fields":["n"]},"ddoc":"n","name":"by-n"})").status,
            200);
  ASSERT_EQ(admin("POST", "/db/_index", R"({"index":{"fields":["o.x"]},"name":"x"})").status, 200);
  for (int i = 0; i < 500 && examined() != 1; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(examined(), 1);
  EXPECT_EQ(pages(kQueries[0]), scanned[0]);
  EXPECT_EQ(pages(kQueries[1]), "d7 d6|d5 d4|d3 d2||||");
  EXPECT_EQ(pages(kQueries[2]), scanned[1]);
  EXPECT_EQ(pages(kQueries[3]).substr(0, 6), "d1 d2|");
  for (const char* bad : {"s", "sAAAA", "i00", "x"}) {
    EXPECT_EQ(find(std::string(R"({"selector":{"n":5},"bookmark":")") + bad + "\"}").status, 400)
        << bad;
  }
  // What is deleted with its design document is not kept up any more.
  ASSERT_EQ(admin("DELETE", "/db/_index/n/json/by-n").status, 200);
  EXPECT_EQ(examined(), 8);
}

TEST_F(Find, ABookmarkGoesOnWhereTheLastAnswerEnded) {
  ASSERT_EQ(admin("POST", "/db/_index", R"({"index":{"fields":["n"]},"name":"by-n"})").status, 200);
  for (const char* query : {R"("selector":{"s":"a"})", R"("selector":{"n":{"$gte":0},"s":"a"})",
                            R"("selector":{"n":{"$gte":0},"s":"a"},"sort":[{"n":"desc"}])"}) {
    std::string bookmark = "nil", all;
    for (int page = 0; page < 4; ++page) {
      const Reply reply =
          find(std::string("{") + query + R"(,"limit":2,"bookmark":")" + bookmark + "\"}");
      all += ids(reply) + "|";
      bookmark = reply.text("bookmark");
    }
    const bool down = std::string(query).find("desc") != std::string::npos;
    EXPECT_EQ(all, down ? "d6 d4|d2 d0|||" : "d0 d2|d4 d6|||") << query;
  }
  for (const char* bad : {"i", "zz", "k00", "igg"})
    EXPECT_EQ(
        find(std::string(R"({"selector":{"s":"a"},"bookmark":")") + bad + "\"}").text("error"),
        std::string(bad) == "i" ? "<none>" : "invalid_bookmark")
        << bad;
}

TEST_F(Find, IndexesAreMadeListedAndRemoved) {
  run({
      {"POST", "/db/_find", R"({"selector":{"n":{"$gt":1}},"sort":["n"]})", 400,
       REASON("no_usable_index",
              "No index exists for this sort, try indexing by the sort fields.")},
      {"POST", "/db/_index", R"({"index":{"fields":["n"]},"name":"by-n","ddoc":"i","type":"json"})",
       200, R"({"result":"created","id":"_design/i","name":"by-n"})"},
      {"POST", "/db/_index", R"({"index":{"fields":["n"]},"name":"by-n","ddoc":"i","type":"json"})",
       200, R"({"result":"exists","id":"_design/i","name":"by-n"})"},
      {"POST", "/db/_index", R"({"index":{"fields":["s","n"]},"name":"by-s","ddoc":"_design/i"})",
       200, R"({"result":"created","id":"_design/i","name":"by-s"})"},
      {"GET", "/db/_index", "", 200,
       R"({"total_rows":3,"indexes":[
           {"ddoc":null,"name":"_all_docs","type":"special","def":{"fields":[{"_id":"asc"}]}},
           {"ddoc":"_design/i","name":"by-n","type":"json","partitioned":false,
            "def":{"fields":[{"n":"asc"}]}},
           {"ddoc":"_design/i","name":"by-s","type":"json","partitioned":false,
            "def":{"fields":[{"s":"asc"},{"n":"asc"}]}}]})"},
      {"GET", "/db/_design/i", "", 200, R"({"_id":"_design/i","_rev":"*","language":"query",
           "views":"*","options":{"partitioned":false}})"},
      {"POST", "/db/_index", R"({"index":{"fields":[]}})", 200,
       R"({"result":"created","id":"*","name":"*"})"},
      {"POST", "/db/_index", R"({"index":{"fields":[{"a":"asc"},{"b":"desc"}]}})", 400,
       R"({"error":"unsupported_mixed_sort","reason":"*"})"},
      {"POST", "/db/_index", "{}", 400,
       REASON("missing_required_key", "Missing required key: index")},
      {"POST", "/db/_index", R"({"index":5})", 400,
       R"({"error":"invalid_index_json","reason":"*"})"},
      {"DELETE", "/db/_index/_design/i/json/by-n", "", 200, R"({"ok":true})"},
      {"DELETE", "/db/_index/_design/i/json/by-n", "", 404, REASON("not_found", "missing")},
      {"DELETE", "/db/_index/i/json/by-s", "", 200, R"({"ok":true})"},
      {"GET", "/db/_design/i", "", 404, ""},
      {"POST", "/db/_index/_bulk_delete", R"({"docids":["_design/none"]})", 200,
       R"({"success":[],"fail":[{"id":"_design/none","error":"missing"}]})"},
  });
}

TEST_F(Find, ASortGoesByTheIndexThatFitsIt) {
  ASSERT_EQ(admin("POST", "/db/_index", R"({"index":{"fields":["s","n"]},"ddoc":"i"})").status,
            200);
  EXPECT_EQ(ids(find(R"({"selector":{"s":"b","n":{"$gt":1}},"sort":[{"s":"desc"},{"n":"desc"}]})")),
            "d7 d5 d3");
  EXPECT_EQ(ids(find(R"({"selector":{"s":{"$gt":null}},"sort":["s","n"]})")),
            "d0 d2 d4 d6 d1 d3 d5 d7");
  const Reply stats = find(R"({"selector":{"s":"b","n":{"$gt":5}},"execution_stats":true})");
  EXPECT_EQ(ids(stats), "d7");
  EXPECT_EQ(stats.text("warning"), "<none>");
  EXPECT_EQ(stats.json().at("execution_stats").at("results_returned"), 1);
  EXPECT_EQ(find(R"({"selector":{"n":1},"use_index":"nope"})").text("warning"),
            "_design/nope was not used because it does not contain a valid index for this query.");
}

TEST_F(Find, APartialIndexIsUsedWhenItIsNamed) {
  const char* index =
      R"({"index":{"fields":["n"],"partial_filter_selector":{"s":"a"}},"ddoc":"part","name":"p"})";
  ASSERT_EQ(admin("POST", "/db/_index", index).status, 200);
  EXPECT_EQ(ids(find(R"({"selector":{"n":{"$gte":5}}})")), "d5 d6 d7");
  EXPECT_EQ(ids(find(R"({"selector":{"n":{"$gte":5}},"use_index":"part"})")), "d6");
}

TEST_F(Find, WhatIsWrongIsSaidInCouchsWords) {
  run({
      {"POST", "/db/_find", R"({"selector":{"n":{"$foo":1}}})", 400,
       REASON("invalid_operator", "Invalid operator: $foo")},
      {"POST", "/db/_find", "{}", 400,
       REASON("missing_required_key", "Missing required key: selector")},
      {"POST", "/db/_find", "{bad", 400, REASON("bad_request", "invalid UTF-8 JSON")},
      {"POST", "/db/_find", R"({"selector":5})", 400,
       REASON("invalid_selector_json", "Selector must be a JSON object, not: 5")},
      {"POST", "/db/_find", R"({"selector":{},"limit":"x"})", 400,
       REASON("invalid_non_neg_integer",
              "<<120>> is not an integer greater than or equal to zero")},
      {"POST", "/db/_find", R"({"selector":{},"skip":-1})", 400,
       REASON("invalid_non_neg_integer", "-1 is not an integer greater than or equal to zero")},
      {"POST", "/db/_find", R"({"selector":{},"conflicts":1})", 400,
       REASON("invalid_boolean", "1 is not a boolean")},
      {"POST", "/db/_find", R"({"selector":{},"sort":5})", 400,
       R"({"error":"invalid_sort_json","reason":"*"})"},
      {"POST", "/db/_find", R"({"selector":{},"fields":[5]})", 400,
       R"({"error":"invalid_fields_json","reason":"*"})"},
      {"POST", "/db/_find", R"({"selector":{},"nonsense":1})", 400,
       REASON("invalid_key", "Invalid key nonsense for this request.")},
      {"POST", "/db/_find", "", 415, ""},
      {"GET", "/db/_find", "", 405, REASON("method_not_allowed", "Only POST allowed")},
      {"POST", "/none/_find", R"({"selector":{}})", 404,
       REASON("not_found", "Database does not exist.")},
  });
}

TEST_F(Find, ExplainShowsIndexAndRange) {
  ASSERT_EQ(
      admin("POST", "/db/_index", R"({"index":{"fields":["n"]},"ddoc":"i","name":"by-n"})").status,
      200);
  run({
      {"POST", "/db/_explain", R"({"selector":{"n":{"$gt":1}}})", 200,
       R"({"dbname":"db","index":{"ddoc":"_design/i","name":"by-n","type":"json","partitioned":false,
           "def":{"fields":[{"n":"asc"}]}},"partitioned":false,"selector":{"n":{"$gt":1}},
           "opts":{"use_index":[],"bookmark":"nil","limit":25,"skip":0,"sort":{},"fields":[],
           "partition":"","r":1,"conflicts":false,"stale":false,"update":true,"stable":false,
           "execution_stats":false,"allow_fallback":true},"limit":25,"skip":0,"fields":[],
           "index_candidates":[{"index":"*","analysis":{"usable":true,
           "reasons":[{"name":"unfavored_type"}],"ranking":1,"covering":null}}],
           "selector_hints":[{"type":"json","indexable_fields":["n"],"unindexable_fields":[]}],
           "mrargs":{"include_docs":true,"view_type":"map","reduce":false,"partition":null,
           "start_key":"*","end_key":["<MAX>"],"direction":"fwd","stable":false,"update":true,
           "conflicts":"undefined"},"covering":false})"},
  });
}

TEST_F(Find, APartitionIsAskedByItself) {
  ASSERT_EQ(admin("POST", "/parts/_bulk_docs",
                  R"({"docs":[{"_id":"p0:a","n":1},{"_id":"p1:b","n":2},{"_id":"p1:c","n":3}]})")
                .status,
            201);
  const char* query = R"({"selector":{"n":{"$gt":0}}})";
  EXPECT_EQ(ids(admin("POST", "/parts/_partition/p1/_find", query)), "p1:b p1:c");
  ASSERT_EQ(admin("POST", "/parts/_index", R"({"index":{"fields":["n"]},"ddoc":"i"})").status, 200);
  const Reply inside = admin("POST", "/parts/_partition/p1/_find", query);
  EXPECT_EQ(ids(inside), "p1:b p1:c");
  EXPECT_EQ(inside.text("warning"), "<none>");
  const Reply global = admin("POST", "/parts/_find", query);
  EXPECT_EQ(ids(global), "p0:a p1:b p1:c");
  EXPECT_EQ(global.text("warning"), kNoIndex);
  EXPECT_EQ(admin("GET", "/parts/_partition/p1/_find").status, 405);
  EXPECT_EQ(admin("POST", "/parts/_partition/p1/_explain", query).text("partitioned"), "true");
}

TEST_F(Find, ChangesAreFilteredByASelector) {
  const Reply some =
      admin("POST", "/db/_changes?filter=_selector", R"({"selector":{"n":{"$lt":2}}})");
  EXPECT_EQ(some.status, 200);
  ASSERT_EQ(some.json().at("results").as_array().size(), 2u) << some.body;
  EXPECT_EQ(some.json().at("results").at(1).at("id"), "d1");
  const Reply limited = admin("POST", "/db/_changes?filter=_selector&limit=1&descending=true",
                              R"({"selector":{"s":"b"}})");
  ASSERT_EQ(limited.json().at("results").as_array().size(), 1u) << limited.body;
  EXPECT_EQ(limited.json().at("results").at(0).at("id"), "d7");
  EXPECT_EQ(admin("POST", "/db/_changes?filter=_selector", R"({"selector":{"n":{"$x":1}}})").status,
            400);
  EXPECT_EQ(admin("POST", "/db/_changes?filter=_selector", "{}").status, 400);
}

TEST_F(Find, OthersThanAdministratorsAskButMakeNoIndex) {
  EXPECT_EQ(ids(anonymous("POST", "/db/_find", R"({"selector":{"n":3}})")), "d3");
  EXPECT_EQ(anonymous("POST", "/db/_index", R"({"index":{"fields":["n"]}})").status, 401);
}

}  // namespace
}  // namespace atelier::server_test
