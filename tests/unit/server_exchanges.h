// Tables of exchanges over a real socket, each group on databases of its own. In texts, "{x}" is
// the last revision of document x in this group; in expected bodies "*" matches anything. Thread
// rule: one thread a test.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "server_tools.h"

namespace atelier::server_test {

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
    run_as(with_admin ? as_admin() : HeaderList{}, exchanges);
  }
  void run_as(const HeaderList& who, const std::vector<Exchange>& exchanges) {
    Client connection = client();
    for (const Exchange& one : exchanges) {
      SCOPED_TRACE(std::string(one.method) + " " + one.target + " " + one.body);
      HeaderList headers = who;
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

}  // namespace atelier::server_test
