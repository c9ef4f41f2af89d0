// Goal: accounts are CouchDB's: documents of `_users`, sessions, `_security` with names and roles,
// tokens of others. Method: exchanges over a real socket; imported password hashes are made here
// with few rounds.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/clock.h"
#include "server/passwords.h"
#include "server/sessions.h"
#include "server/tokens.h"
#include "server/users.h"
#include "server_exchanges.h"

namespace atelier::server_test {
namespace {

HeaderList basic(const std::string& name, const std::string& password) {
  return {{"Authorization", "Basic " + base64(name + ":" + password)}};
}

/// A user's document as CouchDB keeps it.
std::string imported_user(const std::string& name, const std::string& password,
                          const std::string& roles = "[]") {
  const std::string salt = "a1b2c3";
  unsigned char key[32];
  PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                    reinterpret_cast<const unsigned char*>(salt.data()),
                    static_cast<int>(salt.size()), 10, EVP_sha256(), sizeof key, key);
  return R"({"type":"user","name":")" + name + R"(","roles":)" + roles +
         R"(,"password_scheme":"pbkdf2","pbkdf2_prf":"sha256","iterations":10,"salt":")" + salt +
         R"(","derived_key":")" + hex(std::string(reinterpret_cast<char*>(key), sizeof key)) +
         "\"}";
}

class Accounts : public Conformance {
 protected:
  void add(const std::string& name, const std::string& roles = "[]") {
    ASSERT_EQ(
        admin("PUT", "/_users/org.couchdb.user:" + name, imported_user(name, "pw", roles)).status,
        201);
  }
  void secure(const std::string& security) {
    ASSERT_EQ(admin("PUT", "/db/_security", security).status, 200);
  }
  std::string sign_in(const std::string& name) {
    const Reply reply =
        anonymous("POST", "/_session", R"({"name":")" + name + R"(","password":"pw"})");
    EXPECT_EQ(reply.status, 200) << reply.body;
    const std::string cookie = reply.header("Set-Cookie");
    return cookie.substr(0, cookie.find(';'));
  }
};

TEST_F(Accounts, ADocumentOfUsersHasCouchsShapeAndNoPassword) {
  run({
      {"GET", "/_users", "", 200, ""},
      {"PUT", "/_users/org.couchdb.user:ada",
       R"({"name":"ada","password":"secret","roles":[],"type":"user"})", 201,
       R"({"ok":true,"id":"org.couchdb.user:ada","rev":"*"})"},
      {"GET", "/_users/org.couchdb.user:ada", "", 200,
       R"({"_id":"org.couchdb.user:ada","_rev":"*","name":"ada","roles":[],"type":"user",
           "password_scheme":"argon2id","derived_key":"*"})"},
      {"PUT", "/_users/org.couchdb.user:eve",
       R"({"name":"other","password":"x","roles":[],"type":"user"})", 403,
       REASON("forbidden", "Doc ID must be of the form org.couchdb.user:name")},
      {"PUT", "/_users/org.couchdb.user:eve", R"({"name":"eve","password":"x","type":"user"})", 403,
       REASON("forbidden", "doc.roles must exist")},
      {"PUT", "/_users/org.couchdb.user:eve", R"({"name":"eve","password":"x","roles":[]})", 403,
       REASON("forbidden", "doc.type must be user")},
      {"PUT", "/_users/org.couchdb.user:eve", R"({"name":"eve","roles":["_admin"],"type":"user"})",
       403, REASON("forbidden", "No system roles (starting with underscore) in users db.")},
      {"POST", "/_users/_bulk_docs",
       R"({"docs":[{"_id":"org.couchdb.user:bob","name":"bob","roles":[],"type":"user"},
                   {"_id":"x","name":"bob","roles":[],"type":"user"}]})",
       201,
       R"([{"ok":true,"id":"org.couchdb.user:bob","rev":"*"},
           {"id":"x","error":"forbidden","reason":"*"}])"},
      {"DELETE", "/_users/org.couchdb.user:bob?rev={org.couchdb.user:bob}", "", 200, ""},
  });
  EXPECT_EQ(
      anonymous("GET", "/_session", "", basic("ada", "secret")).json().at("userCtx").at("name"),
      "ada");
  EXPECT_EQ(anonymous("GET", "/_session", "", basic("ada", "wrong")).status, 401);
}

TEST_F(Accounts, SecurityLetsNamesAndRolesIn) {
  add("bob");
  add("eve", R"(["writer"])");
  secure(R"({"admins":{"names":["boss"]},"members":{"names":["bob"],"roles":["writer"]}})");
  for (const char* name : {"bob", "eve"}) {
    EXPECT_EQ(anonymous("PUT", std::string("/db/") + name, "{}", basic(name, "pw")).status, 201);
    EXPECT_EQ(anonymous("GET", "/db/_changes", "", basic(name, "pw")).status, 200);
  }
  EXPECT_EQ(anonymous("GET", "/db").status, 401);
  add("mallory");
  run_as(basic("mallory", "pw"),
         {{"GET", "/db", "", 403, REASON("forbidden", "You are not allowed to access this db.")},
          {"GET", "/db/none", "", 403,
           REASON("forbidden", "You are not allowed to access this db.")}});
  run_as(basic("bob", "pw"),
         {{"PUT", "/db/_design/x", "{}", 403,
           REASON("forbidden", "You are not a db or server admin.")},
          {"POST", "/db/_bulk_docs", R"({"docs":[{"_id":"_design/x"},{"_id":"ok"}]})", 201,
           R"([{"id":"_design/x","error":"forbidden","reason":"You are not a db or server admin."},
               {"ok":true,"id":"ok","rev":"*"}])"},
          {"PUT", "/db/_security", "{}", 403,
           REASON("forbidden", "You are not a db or server admin.")},
          {"POST", "/db/_compact", "{}", 401,
           REASON("unauthorized", "You are not a server or db admin.")},
          {"POST", "/db/_purge", "{}", 401, REASON("unauthorized", "You are not a server admin.")},
          {"DELETE", "/db", "", 401, REASON("unauthorized", "You are not a server admin.")},
          {"PUT", "/fresh", "", 401, REASON("unauthorized", "You are not a server admin.")},
          {"GET", "/_all_dbs", "", 401, REASON("unauthorized", "You are not a server admin.")},
          {"GET", "/db/_security", "", 200, ""}});
}

TEST_F(Accounts, AnAdministratorOfADatabaseConfiguresItAndNothingElse) {
  add("boss");
  secure(R"({"admins":{"names":["boss"]},"members":{"names":["nobody"]}})");
  run_as(basic("boss", "pw"),
         {{"PUT", "/db/_design/x", "{}", 201, ""},
          {"PUT", "/db/_revs_limit", "10", 200, ""},
          {"PUT", "/db/_security", R"({"admins":{"names":["boss"]}})", 200, ""},
          {"POST", "/db/_index", R"({"index":{"fields":["a"]}})", 200, ""},
          {"DELETE", "/db", "", 401, ""},
          {"GET", "/parts/p:x", "", 404, ""}});
}

TEST_F(Accounts, UsersAreForAdministratorsUntilSecurityOpensThem) {
  add("bob");
  add("eve");
  const HeaderList bob = basic("bob", "pw");
  run_as(bob, {{"GET", "/_users/org.couchdb.user:bob", "", 403, ""},
               {"GET", "/_users/_all_docs", "", 401,
                REASON("unauthorized", "You are not a server admin.")}});
  EXPECT_EQ(anonymous("PUT", "/_users/org.couchdb.user:x",
                      R"({"name":"x","password":"x","roles":[],"type":"user"})")
                .status,
            401);
  ASSERT_EQ(admin("PUT", "/_users/_security", "{}").status, 200);
  run_as(bob,
         {{"GET", "/_users/org.couchdb.user:bob", "", 200, ""},
          {"GET", "/_users/org.couchdb.user:eve", "", 404, REASON("not_found", "missing")},
          {"GET", "/_users/org.couchdb.user:none", "", 404, REASON("not_found", "missing")},
          {"GET", "/_users/_all_docs", "", 401, ""},
          {"GET", "/_users/_changes", "", 401, ""},
          {"POST", "/_users/_find", R"({"selector":{}})", 401, ""},
          {"POST", "/_users/_bulk_get", R"({"docs":[{"id":"org.couchdb.user:eve"}]})", 401, ""},
          {"GET", "/_users/_local/x", "", 401, ""},
          {"DELETE", "/_users/org.couchdb.user:eve?rev=1-a", "", 404, ""}});
  const std::string rev = anonymous("GET", "/_users/org.couchdb.user:bob", "", bob).text("_rev");
  const std::string role =
      R"({"name":"bob","type":"user","roles":["writer"],"_rev":")" + rev + "\"}";
  EXPECT_EQ(anonymous("PUT", "/_users/org.couchdb.user:bob", role, bob).text("reason"),
            "Only _admin may edit roles");
  const std::string fresh =
      R"({"name":"bob","type":"user","roles":[],"password":"new","_rev":")" + rev + "\"}";
  EXPECT_EQ(anonymous("PUT", "/_users/org.couchdb.user:bob", fresh, bob).status, 201);
  EXPECT_EQ(anonymous("GET", "/", "", basic("bob", "pw")).status, 401);
  EXPECT_EQ(anonymous("GET", "/", "", basic("bob", "new")).status, 200);
  EXPECT_EQ(anonymous("PUT", "/_users/org.couchdb.user:new",
                      R"({"name":"new","password":"x","roles":[],"type":"user"})")
                .status,
            201);
  EXPECT_EQ(anonymous("PUT", "/_users/org.couchdb.user:new2",
                      R"({"name":"new2","password":"x","roles":["writer"],"type":"user"})")
                .text("reason"),
            "Only _admin may set roles");
}

TEST_F(Accounts, ASessionEndsWithItsSignOutItsPasswordAndItsAccount) {
  add("bob");
  const auto who = [&](const std::string& cookie) {
    const auto answer = anonymous("GET", "/_session", "", {{"Cookie", cookie}}).json();
    return boost::json::serialize(answer.at("userCtx").at("name"));
  };
  const std::string first = sign_in("bob"), second = sign_in("bob");
  EXPECT_NE(first, second);
  EXPECT_EQ(who(first), "\"bob\"");
  EXPECT_EQ(anonymous("DELETE", "/_session", "", {{"Cookie", first}}).status, 200);
  EXPECT_EQ(who(first), "null");
  EXPECT_EQ(who(second), "\"bob\"");
  const std::string rev = admin("GET", "/_users/org.couchdb.user:bob").text("_rev");
  std::string changed = imported_user("bob", "other");
  changed.insert(1, "\"_rev\":\"" + rev + "\",");
  ASSERT_EQ(admin("PUT", "/_users/org.couchdb.user:bob", changed).status, 201);
  EXPECT_EQ(who(second), "null");
}

TEST_F(Accounts, WrongPasswordsLockANameFromAnAddress) {
  add("bob");
  add("eve");
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(anonymous("GET", "/", "", basic("bob", "wrong")).status, 401);
  const Reply locked = anonymous("GET", "/", "", basic("bob", "pw"));
  EXPECT_EQ(locked.status, 403);
  EXPECT_EQ(locked.text("reason"),
            "Account is temporarily locked due to multiple authentication failures");
  EXPECT_EQ(anonymous("POST", "/_session", R"({"name":"bob","password":"pw"})").status, 403);
  EXPECT_EQ(anonymous("GET", "/", "", basic("eve", "pw")).status, 200);
}

TEST_F(Accounts, AnAttachmentIsTakenFromANameThatIsCheckedFirst) {
  add("bob");
  secure(R"({"members":{"names":["bob"]}})");
  const HeaderList text = {{"Content-Type", "text/plain"}};
  HeaderList bob = basic("bob", "pw");
  bob.push_back(text[0]);
  EXPECT_EQ(anonymous("PUT", "/db/a/f.txt", "hello", bob).status, 201);
  EXPECT_EQ(anonymous("GET", "/db/a/f.txt", "", basic("bob", "pw")).body, "hello");
  HeaderList wrong = basic("bob", "no");
  wrong.push_back(text[0]);
  EXPECT_EQ(anonymous("PUT", "/db/b/f.txt", "hello", wrong).status, 401);
  EXPECT_EQ(admin("GET", "/db/b").status, 404);
}

TEST_F(Accounts, AFeedEndsWhenItsReaderMayNotReadAnyMore) {
  add("bob");
  secure(R"({"members":{"names":["bob"]}})");
  Client feed = client();
  feed.send_request("GET", "/db/_changes?feed=continuous&heartbeat=10000", "", basic("bob", "pw"));
  ASSERT_EQ(feed.read_head().status, 200);
  secure(R"({"members":{"names":["eve"]}})");
  const auto last = feed.read_line();
  ASSERT_TRUE(last);
  EXPECT_NE(last->find("last_seq"), std::string::npos);
}

TEST_F(Accounts, AStoredValidationRefusesOthersUntilAnAdministratorWaivesIt) {
  ASSERT_EQ(admin("PUT", "/db/_design/v", R"({"validate_doc_update":"function(){}"})").status, 201);
  EXPECT_EQ(anonymous("PUT", "/db/a", "{}").status, 501);
  secure(R"({"ignore_validate_doc_update":true})");
  EXPECT_EQ(anonymous("PUT", "/db/a", "{}").status, 201);
  secure("{}");
  EXPECT_EQ(anonymous("PUT", "/db/b", "{}").status, 501);
}

TEST(Passwords, EachSchemeIsReadAndNothingElse) {
  using namespace server;
  EXPECT_TRUE(password_matches(imported_user("x", "pw"), "pw"));
  EXPECT_FALSE(password_matches(imported_user("x", "pw"), "pw2"));
  // sha1("pw" "salt"), CouchDB 1.x.
  EXPECT_TRUE(password_matches(
      R"({"salt":"salt","password_sha":"2bfa821dd4f3af5adfb5734457839bed7b324819"})", "pw"));
  for (const char* broken :
       {"{}", R"({"password_scheme":"none"})", R"({"password_scheme":"pbkdf2"})",
        R"({"password_scheme":"pbkdf2","derived_key":"","salt":"","iterations":1})",
        R"({"password_scheme":"pbkdf2","derived_key":"zz","salt":"","iterations":1})",
        R"({"password_scheme":"argon2id","derived_key":"$argon2id$"})",
        R"({"password_scheme":"simple","password_sha":""})"}) {
    EXPECT_FALSE(password_matches(broken, "")) << broken;
    EXPECT_FALSE(password_matches(broken, "pw")) << broken;
  }
}

TEST(Sessions, ATokenIsRenewedInItsSecondHalfAndTheOldOneFades) {
  server::Sessions sessions;
  const std::string token = sessions.begin("bob", "digest", 1'000);
  ASSERT_NE(sessions.find(token, 1'000), nullptr);
  EXPECT_EQ(sessions.renew(token, 1'100), "");
  const std::string next = sessions.renew(token, 1'400);
  ASSERT_NE(next, "");
  EXPECT_EQ(sessions.find(next, 1'900)->name, "bob");
  EXPECT_NE(sessions.find(token, 1'405), nullptr);
  EXPECT_EQ(sessions.find(token, 1'411), nullptr);
  EXPECT_EQ(sessions.renew(token, 1'405), "");
  EXPECT_EQ(sessions.find(next, 2'001), nullptr);
}

// --- tokens

std::string base64url(std::string text) {
  text = base64(text);
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

std::string hs256(const std::string& header, const std::string& claims, const std::string& key) {
  const std::string text = base64url(header) + "." + base64url(claims);
  const Sha256 mac = hmac_sha256(key, text);
  return text + "." + base64url(std::string(reinterpret_cast<const char*>(mac.data()), mac.size()));
}

JwtOptions hmac_options() {
  JwtOptions options;
  options.keys["hmac:_default"] = base64("secret");
  return options;
}

constexpr const char* kHs = R"({"alg":"HS256","typ":"JWT"})";

TEST(Jwt, ARightTokenNamesItsBearer) {
  const auto who = server::principal_of_jwt(
      hmac_options(),
      hs256(kHs, R"({"sub":"ada","exp":2000,"_couchdb.roles":["writer"]})", "secret"), 1'000);
  ASSERT_TRUE(who) << who.error().message;
  EXPECT_EQ(who->name, "ada");
  EXPECT_TRUE(who->has_role("writer"));
  EXPECT_FALSE(who->admin);
}

TEST(Jwt, WhatDoesNotHoldIsRefusedWithAReason) {
  const std::string right = R"({"sub":"ada","exp":2000})";
  const struct {
    std::string token, reason;
  } cases[] = {
      {"a.b", "Malformed token"},
      {"!.!.!", "Malformed token"},
      {hs256(kHs, right, "other"), "Bad HMAC"},
      {hs256(R"({"typ":"JWT"})", right, "secret"), "Missing alg header parameter"},
      {hs256(R"({"alg":"none"})", right, "secret"), "Invalid alg header parameter"},
      {hs256(R"({"alg":"RS256"})", right, "secret"), "Unknown kid"},
      {hs256(R"({"alg":"HS256","kid":"x"})", right, "secret"), "Unknown kid"},
      {hs256(kHs, R"({"sub":"ada"})", "secret"), "Missing exp claim"},
      {hs256(kHs, R"({"sub":"ada","exp":900})", "secret"), "exp not in future"},
      {hs256(kHs, R"({"sub":"ada","exp":"soon"})", "secret"), "Invalid exp claim"},
      {hs256(kHs, R"({"sub":"ada","exp":2000,"nbf":1500})", "secret"), "nbf not in past"},
      {hs256(kHs, R"({"exp":2000})", "secret"), "Token missing sub claim."},
  };
  for (const auto& one : cases) {
    const auto who = server::principal_of_jwt(hmac_options(), one.token, 1'000);
    ASSERT_FALSE(who) << one.reason;
    EXPECT_EQ(who.error().message, one.reason);
  }
}

TEST_F(ServerTest, TokensAndAProxySignPeopleIn) {
  ServerOptions options = default_options();
  options.jwt = hmac_options();
  options.proxy_secret = "proxy-secret";
  start(options);
  const std::string end = std::to_string(system_clock().wall_ms() / 1000 + 100);
  const std::string token = hs256(kHs, R"({"sub":"ada","exp":)" + end + "}", "secret");
  const auto session =
      anonymous("GET", "/_session", "", {{"Authorization", "Bearer " + token}}).json();
  EXPECT_EQ(session.at("userCtx").at("name"), "ada");
  EXPECT_EQ(session.at("info").at("authenticated"), "jwt");
  EXPECT_EQ(anonymous("GET", "/", "", {{"Authorization", "Bearer " + token + "x"}}).status, 400);
  const std::string mac = hex(hmac_sha256("proxy-secret", "bob"));
  const auto proxied = anonymous("GET", "/_session", "",
                                 {{"X-Auth-CouchDB-UserName", "bob"},
                                  {"X-Auth-CouchDB-Roles", "a,b"},
                                  {"X-Auth-CouchDB-Token", mac}});
  EXPECT_EQ(proxied.json().at("userCtx").at("roles").as_array().size(), 2u);
  EXPECT_EQ(anonymous("GET", "/_session", "",
                      {{"X-Auth-CouchDB-UserName", "eve"}, {"X-Auth-CouchDB-Token", mac}})
                .status,
            401);
}

}  // namespace
}  // namespace atelier::server_test
