// Rooms with people, rules and modes, over a real socket. Thread rule: one thread a test.
#pragma once

#include <string>

#include "server_exchanges.h"

namespace atelier::server_test {

inline HeaderList basic(const std::string& name, const std::string& password) {
  return {{"Authorization", "Basic " + base64(name + ":" + password)}};
}
inline HeaderList as(const std::string& name) {
  return name.empty() ? HeaderList{} : basic(name, "pw");
}

/// CouchDB 1.x's scheme, which is quick to compare: sha1("pw" "salt").
inline std::string account(const std::string& name, const std::string& roles = "[]",
                           const std::string& more = {}) {
  return R"({"type":"user","name":")" + name + R"(","roles":)" + roles + more +
         R"(,"salt":"salt","password_sha":"2bfa821dd4f3af5adfb5734457839bed7b324819"})";
}

/// An upstream that says what a test puts in. Set up before requests are made.
class FakeEdge final : public EdgeService {
 public:
  std::string upstream() const override { return "http://upstream.example:5984"; }
  std::vector<std::string> prefixes() const override { return {"message"}; }
  std::vector<std::string> rooms() const override {
    std::vector<std::string> names;
    for (const auto& [name, room] : rooms_) names.push_back(name);
    return names;
  }
  std::optional<SyncState> state(const std::string& database) const override {
    const auto found = rooms_.find(database);
    return found == rooms_.end() ? std::nullopt : std::optional(found->second.status.state);
  }
  std::optional<Room> room(const std::string& database, bool documents) const override {
    const auto found = rooms_.find(database);
    if (found == rooms_.end()) return std::nullopt;
    Room room = found->second;
    for (Refused& one : room.quarantine)
      if (!documents) one.document.clear();
    return room;
  }
  Status retry(const std::string& database) override {
    retried_.push_back(database);
    return rooms_.contains(database) ? ok() : Status(not_found("no such room"));
  }

  std::map<std::string, Room> rooms_;
  std::vector<std::string> retried_;
};

/// A server with a database `db`.
class Rooms : public Conformance {
 protected:
  /// Begins anew, as an edge.
  void start_edge(std::shared_ptr<EdgeService> edge) {
    ServerOptions options = default_options();
    options.edge = std::move(edge);
    server_.reset();
    start(options);
  }
  void add(const std::string& name, const std::string& roles = "[]",
           const std::string& more = {}) {
    ASSERT_EQ(admin("PUT", "/_users/org.couchdb.user:" + name, account(name, roles, more)).status,
              201);
  }
  void secure(const std::string& security, const std::string& database = "db") {
    const Reply reply = admin("PUT", "/" + database + "/_security", security);
    ASSERT_EQ(reply.status, 200) << reply.body;
  }
  Reply put(const std::string& who, const std::string& id, const std::string& body,
            const std::string& database = "db") {
    return anonymous("PUT", "/" + database + "/" + id, body, as(who));
  }
  Reply get(const std::string& who, const std::string& target) {
    return anonymous("GET", target, "", as(who));
  }
  /// Makes the document or changes it, whatever is there.
  void set(const std::string& id, std::string body, const std::string& database = "db") {
    const Reply old = admin("GET", "/" + database + "/" + id);
    if (old.status == 200)
      body.insert(1, "\"_rev\":\"" + old.text("_rev") + (body == "{}" ? "\"" : "\","));
    const Reply reply = admin("PUT", "/" + database + "/" + id, body);
    ASSERT_EQ(reply.status, 201) << reply.body;
  }
  void rules(const std::string& prefixes, const std::string& database = "db") {
    set("access:rules", R"({"version":1,"prefixes":)" + prefixes + "}", database);
  }
  void mode(const std::string& word, const std::string& names = {}) {
    set("access:mode", R"({"mode":")" + word + '"' + names + "}");
  }
};

}  // namespace atelier::server_test
