// Goal: who may do what. Hosts, origins, credentials, the administrator's routes, closed databases,
// static files. Method: each rule from the outside, over a socket, as anonymous and as
// administrator.
#include "server/server.h"
#include "server_tools.h"

namespace atelier::server_test {
namespace {

namespace fs = std::filesystem;

TEST_F(ServerTest, RefusesToStartWithoutToken) {
  ServerOptions options = default_options();
  options.admin_token.clear();
  const auto started = Server::start(options, catalog_);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kInvalid);
}

TEST_F(ServerTest, SaysThatTheAddressIsTaken) {
  start();
  ServerOptions options = default_options();
  options.port = server_->port();
  const auto second = Server::start(options, catalog_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kExists);
}

TEST_F(ServerTest, ListensOnIpv6AndAnswersToThatAddress) {
  ServerOptions options = default_options();
  options.address = "::1";
  auto started = Server::start(options, catalog_);
  // What the kernel says where IPv6 is switched off.
  if (!started && started.error().message.find("assign requested address") != std::string::npos)
    GTEST_SKIP() << started.error().message;
  ASSERT_TRUE(started) << started.error().message;
  server_ = std::move(*started);
  EXPECT_EQ(server_->url(), "http://[::1]:" + std::to_string(server_->port()));
  Client connection = Client::over_ipv6(server_->port());
  const Reply made = connection.request("PUT", "/six", "", as_admin());
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(made.header("Location"), server_->url() + "/six");
  EXPECT_EQ(connection.request("GET", "/_up", "", {{"Host", "[::1]"}}).status, 200);
  EXPECT_EQ(connection.request("GET", "/_up", "", {{"Host", "[::2]"}}).status, 421);
}

TEST_F(ServerTest, PortIsFreeAtOnceAfterTheServerStopped) {
  start();
  ServerOptions options = default_options();
  options.port = server_->port();
  Client open_one = client();
  ASSERT_EQ(open_one.request("GET", "/").status, 200);
  server_.reset();
  start(options);
  EXPECT_EQ(server_->port(), options.port);
  EXPECT_EQ(anonymous("GET", "/").status, 200);
}

TEST_F(ServerTest, AnswersOnlyToNamesOnTheHostList) {
  ServerOptions options = default_options();
  options.allowed_hosts = {"studio.example"};
  start(options);
  const std::string port = ":" + std::to_string(server_->port());
  for (const std::string& host :
       std::vector<std::string>{"127.0.0.1" + port, "localhost" + port, "LOCALHOST", "[::1]" + port,
                                "studio.example", "studio.example:80"})
    EXPECT_EQ(anonymous("GET", "/", "", {{"Host", host}}).status, 200) << host;
  for (const std::string& host :
       std::vector<std::string>{"evil.example", "evil.example" + port, "127.0.0.1.evil.example",
                                "localhost.evil.example", "xlocalhost", "studio.example.evil", "0"})
    EXPECT_EQ(anonymous("GET", "/", "", {{"Host", host}}).status, 421) << host;
  EXPECT_EQ(anonymous("GET", "/", "", {{"Host", "-"}}).status, 400) << "no Host at all";
  EXPECT_EQ(anonymous("GET", "http://evil.example/").status, 421) << "absolute form";
  EXPECT_EQ(anonymous("GET", "/", "", {{"Host", "localhost"}, {"Host", "evil.example"}}).status,
            400);
}

TEST_F(ServerTest, HostListHoldsForTheAdministratorToo) {
  start();
  EXPECT_EQ(admin("PUT", "/db", "", {{"Host", "evil.example"}}).status, 421);
  EXPECT_FALSE(catalog_->exists("db"));
}

TEST_F(ServerTest, PagesOfForeignOriginsMayOnlyRead) {
  ServerOptions options = default_options();
  options.allowed_origins = {"http://localhost:8080"};
  start(options);
  make_database("db");
  for (const std::string& origin :
       std::vector<std::string>{"http://evil.example", "null", "http://localhost:8081",
                                "https://localhost:8080", "http://localhost:8080.evil.example"}) {
    const HeaderList from = {{"Origin", origin}};
    EXPECT_EQ(anonymous("PUT", "/db/x", "{}", from).status, 403) << origin;
    EXPECT_EQ(anonymous("POST", "/db", "{}", from).status, 403) << origin;
    EXPECT_EQ(anonymous("POST", "/db/_bulk_docs", R"({"docs":[{"_id":"x"}]})", from).status, 403);
    EXPECT_EQ(admin("DELETE", "/db", "", from).status, 403) << origin;
    const Reply read = anonymous("GET", "/db", "", from);
    EXPECT_EQ(read.status, 200);
    EXPECT_EQ(read.header("Access-Control-Allow-Origin"), "") << origin;
  }
  EXPECT_EQ(anonymous("GET", "/db/x").status, 404);
  const std::string own = "http://127.0.0.1:" + std::to_string(server_->port());
  for (const std::string& origin : {std::string("http://localhost:8080"), own}) {
    const Reply written = anonymous("POST", "/db", "{}", {{"Origin", origin}});
    EXPECT_EQ(written.status, 201) << origin;
    EXPECT_EQ(written.header("Access-Control-Allow-Origin"), origin);
    EXPECT_EQ(written.header("Access-Control-Allow-Credentials"), "true");
    EXPECT_NE(written.header("Access-Control-Expose-Headers"), "");
    EXPECT_EQ(written.header("Vary"), "Origin");
  }
}

TEST_F(ServerTest, PreflightTellsWhatAnAllowedPageMaySend) {
  ServerOptions options = default_options();
  options.allowed_origins = {"http://page.example"};
  start(options);
  const HeaderList good = {{"Origin", "http://page.example"},
                           {"Access-Control-Request-Method", "PUT"},
                           {"Access-Control-Request-Headers", "content-type, x-evil"}};
  const Reply allowed = anonymous("OPTIONS", "/db/a", "", good);
  EXPECT_EQ(allowed.status, 204);
  EXPECT_EQ(allowed.header("Access-Control-Allow-Origin"), "http://page.example");
  EXPECT_EQ(allowed.header("Access-Control-Allow-Headers"), "content-type");
  EXPECT_NE(allowed.header("Access-Control-Allow-Methods").find("PUT"), std::string::npos);
  const Reply refused =
      anonymous("OPTIONS", "/db/a", "",
                {{"Origin", "http://evil.example"}, {"Access-Control-Request-Method", "PUT"}});
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.header("Access-Control-Allow-Origin"), "");
}

/// Each route that creates, deletes or configures.
const struct AdminRoute {
  const char* method;
  const char* target;
  const char* body;
} kAdminRoutes[] = {
    {"PUT", "/fresh", ""},
    {"DELETE", "/db", ""},
    {"GET", "/_all_dbs", ""},
    {"POST", "/_dbs_info", R"({"keys":["db"]})"},
    {"GET", "/_active_tasks", ""},
    {"GET", "/_membership", ""},
    {"GET", "/_db_updates", ""},
    {"GET", "/_scheduler/jobs", ""},
    {"GET", "/_scheduler/docs", ""},
    {"GET", "/_node/_local/_config", ""},
    {"GET", "/_node/_local/_stats", ""},
    {"GET", "/_node/_local/_prometheus", ""},
    {"POST", "/db/_index", R"({"index":{"fields":["n"]}})"},
    {"DELETE", "/db/_index/_design/x/json/n", ""},
    {"POST", "/db/_index/_bulk_delete", R"({"docids":["x"]})"},
    {"POST", "/_replicate", R"({"source":"db","target":"db2"})"},
    {"PUT", "/db/_security", "{}"},
    {"PUT", "/db/_revs_limit", "5"},
    {"POST", "/db/_compact", "{}"},
    {"POST", "/db/_view_cleanup", "{}"},
    {"POST", "/db/_purge", R"({"a":["1-a"]})"},
    {"PUT", "/db/_design/x", R"({"a":1})"},
    {"POST", "/db", R"({"_id":"_design/x","a":1})"},
    {"PUT", "/db/_design/x/att", "bytes"},
};

TEST_F(ServerTest, AdministratorsRoutesRefuseEverybodyElse) {
  start();
  make_database("db");
  ASSERT_EQ(admin("PUT", "/db/a", "{}").status, 201);
  const std::string wrong = "Basic " + base64("admin:wrong");
  const std::string other = "Basic " + base64(std::string("bob:") + kToken);
  EXPECT_EQ(anonymous("GET", "/_all_dbs", "", {{"Authorization", other}}).status, 401);
  for (const AdminRoute& route : kAdminRoutes) {
    SCOPED_TRACE(std::string(route.method) + " " + route.target);
    EXPECT_EQ(anonymous(route.method, route.target, route.body).status, 401);
    for (const std::string& credentials : {wrong, std::string("Bearer wrong")})
      EXPECT_EQ(anonymous(route.method, route.target, route.body, {{"Authorization", credentials}})
                    .status,
                401);
  }
  const Reply copied = anonymous("COPY", "/db/a", "", {{"Destination", "_design/x"}});
  EXPECT_EQ(copied.status, 401);
  const auto bulk =
      anonymous("POST", "/db/_bulk_docs", R"({"docs":[{"_id":"_design/x"},{"_id":"ok"}]})").json();
  EXPECT_EQ(bulk.at(0).at("error"), "unauthorized");
  EXPECT_TRUE(bulk.at(1).as_object().contains("ok"));
  EXPECT_EQ(admin("GET", "/db/_design/x").status, 404);
  EXPECT_EQ(catalog_->list(), std::vector<std::string>{"db"});
}

TEST_F(ServerTest, TokenWorksAsBearerAndAsBasicPassword) {
  start();
  EXPECT_EQ(anonymous("GET", "/_all_dbs", "", {{"Authorization", std::string("Bearer ") + kToken}})
                .status,
            200);
  EXPECT_EQ(admin("GET", "/_all_dbs").status, 200);
  EXPECT_EQ(anonymous("GET", "/", "", {{"Authorization", "Basic " + base64("admin:x")}}).status,
            401);
  EXPECT_EQ(anonymous("GET", "/", "", {{"Authorization", "Basic !!!"}}).status, 400);
  const Reply plain =
      anonymous("GET", "/_all_dbs", "", {{"Authorization", "Basic " + base64("nocolon")}});
  EXPECT_EQ(plain.status, 401);
  EXPECT_EQ(plain.text("reason"), "You are not a server admin.");
}

TEST_F(ServerTest, SessionCookieSignsInAndOut) {
  start();
  const std::string form = std::string("name=admin&password=") + kToken;
  const HeaderList form_type = {{"Content-Type", "application/x-www-form-urlencoded"}};
  const Reply signed_in = anonymous("POST", "/_session", form, form_type);
  EXPECT_EQ(signed_in.status, 200);
  EXPECT_EQ(signed_in.text("name"), "admin");
  const std::string set_cookie = signed_in.header("Set-Cookie");
  EXPECT_NE(set_cookie.find("HttpOnly"), std::string::npos);
  EXPECT_NE(set_cookie.find("SameSite=Strict"), std::string::npos);
  const std::string cookie = set_cookie.substr(0, set_cookie.find(';'));
  EXPECT_EQ(anonymous("GET", "/_all_dbs", "", {{"Cookie", cookie}}).status, 200);
  EXPECT_EQ(
      anonymous("GET", "/_session", "", {{"Cookie", cookie}}).json().at("info").at("authenticated"),
      "cookie");
  std::string forged = cookie;
  forged.back() = forged.back() == 'A' ? 'B' : 'A';
  forged[forged.size() - 5] = forged[forged.size() - 5] == 'A' ? 'B' : 'A';
  EXPECT_EQ(anonymous("GET", "/_all_dbs", "", {{"Cookie", forged}}).status, 401);
  EXPECT_EQ(anonymous("GET", "/_session", "", {{"Cookie", "AuthSession=xx"}}).status, 400);
  EXPECT_EQ(anonymous("GET", "/_session", "", {{"Cookie", "AuthSession="}}).status, 200);
  EXPECT_EQ(anonymous("POST", "/_session", "name=admin&password=wrong", form_type).status, 401);
  EXPECT_EQ(anonymous("POST", "/_session", "{}").status, 400);
  EXPECT_EQ(anonymous("POST", "/_session", "x", {{"Content-Type", "-"}}).status, 415);
  const Reply out = anonymous("DELETE", "/_session", "", {{"Cookie", cookie}});
  EXPECT_EQ(out.header("Set-Cookie").substr(0, 13), "AuthSession=;");
}

TEST_F(ServerTest, SessionNeverRedirectsToAnotherHost) {
  start();
  const std::string form = std::string("name=admin&password=") + kToken;
  const HeaderList form_type = {{"Content-Type", "application/x-www-form-urlencoded"}};
  const Reply inside = anonymous("POST", "/_session?next=/db", form, form_type);
  EXPECT_EQ(inside.status, 302);
  EXPECT_TRUE(inside.header("Location").ends_with("/db"));
  for (const char* next :
       {"//evil.example", "http://evil.example", "/%5C%5Cevil.example", "/a%0d%0aX:1"})
    EXPECT_EQ(anonymous("POST", std::string("/_session?next=") + next, form, form_type).status,
              200);
}

TEST_F(ServerTest, DatabasesThatAreNotSharedAreClosed) {
  ServerOptions options = default_options();
  options.shared = [](const std::string& name) { return name == "open"; };
  start(options);
  make_database("open");
  make_database("mine");
  EXPECT_EQ(anonymous("PUT", "/open/x", "{}").status, 201);
  for (const char* target :
       {"/mine", "/mine/_all_docs", "/mine/_changes", "/mine/x", "/mine/_changes?feed=continuous",
        "/mine/_local/x", "/mine/_security"}) {
    const Reply refused = anonymous("GET", target);
    EXPECT_EQ(refused.status, 401) << target;
    EXPECT_EQ(refused.text("reason"), "You are not authorized to access this db.");
  }
  EXPECT_EQ(anonymous("PUT", "/mine/x", "{}").status, 401);
  EXPECT_EQ(anonymous("PUT", "/mine/x/att", "bytes").status, 401);
  EXPECT_EQ(admin("GET", "/mine").status, 200);
}

TEST_F(ServerTest, MembersCloseADatabaseAndEndAnonymousFeeds) {
  start();
  make_database("db");
  Client watcher = client();
  watcher.send_request("GET", "/db/_changes?feed=continuous&heartbeat=60000");
  ASSERT_EQ(watcher.read_head().status, 200);
  ASSERT_EQ(admin("PUT", "/db/_security", R"({"members":{"names":["bob"],"roles":[]}})").status,
            200);
  const auto last = watcher.read_line();
  ASSERT_TRUE(last);
  EXPECT_NE(last->find("last_seq"), std::string::npos);
  EXPECT_EQ(anonymous("GET", "/db").status, 401);
  EXPECT_EQ(admin("GET", "/db").status, 200);
  ASSERT_EQ(admin("PUT", "/db/_security", "{}").status, 200);
  EXPECT_EQ(anonymous("GET", "/db").status, 200);
}

TEST_F(ServerTest, ValidationFunctionThatIsNotRunClosesWritesInsteadOfOpeningThem) {
  start();
  make_database("db");
  const std::string design = R"({"validate_doc_update":"function(n){throw({forbidden:'no'})}"})";
  const Reply stored = admin("PUT", "/db/_design/v", design);
  ASSERT_EQ(stored.status, 201);
  EXPECT_EQ(anonymous("PUT", "/db/x", "{}").status, 501);
  EXPECT_EQ(anonymous("POST", "/db", "{}").status, 501);
  EXPECT_EQ(anonymous("POST", "/db/_bulk_docs", R"({"docs":[{"_id":"x"}]})").status, 501);
  EXPECT_EQ(anonymous("POST", "/db/_bulk_docs",
                      R"({"new_edits":false,"docs":[{"_id":"x","_rev":"1-a"}]})")
                .status,
            501);
  EXPECT_EQ(anonymous("PUT", "/db/x/att", "bytes").status, 501);
  EXPECT_EQ(anonymous("GET", "/db/_all_docs").status, 200);
  EXPECT_EQ(anonymous("PUT", "/db/_local/x", "{}").status, 201) << "checkpoints are not judged";
  EXPECT_EQ(admin("PUT", "/db/x", "{}").status, 201);
  ASSERT_EQ(admin("DELETE", "/db/_design/v?rev=" + stored.text("rev")).status, 200);
  EXPECT_EQ(anonymous("PUT", "/db/y", "{}").status, 201);
}

TEST_F(ServerTest, UnixSocketIsPrivateAndItsUserIsTheAdministrator) {
  ServerOptions options = default_options();
  options.unix_socket = folder_ / "control.sock";
  options.control = [](const std::string& command, const std::string& body) -> Result<std::string> {
    if (command != "raise") return not_found("no such command");
    return "{\"got\":\"" + body + "\"}";
  };
  start(options);
  EXPECT_EQ(fs::status(options.unix_socket).permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  Client local(options.unix_socket);
  EXPECT_EQ(local.request("PUT", "/db").status, 201);
  EXPECT_EQ(local.request("GET", "/_all_dbs", "", {{"Host", "anything"}}).body, "[\"db\"]\n");
  EXPECT_EQ(local.request("POST", "/_atelier/raise", "hello").text("got"), "hello");
  EXPECT_EQ(local.request("POST", "/_atelier/nope", "").status, 404);
  EXPECT_EQ(admin("POST", "/_atelier/raise", "hello").status, 404) << "not over TCP";
  server_.reset();
  EXPECT_FALSE(fs::exists(options.unix_socket));
}

TEST_F(ServerTest, StaleSocketFileIsReplacedAndALiveOneIsNot) {
  const fs::path path = folder_ / "control.sock";
  {
    // A socket file whose process died: bound, never listened to, left behind.
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.string().copy(address.sun_path, sizeof address.sun_path - 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::close(fd);
  }
  ServerOptions options = default_options();
  options.unix_socket = path;
  start(options);
  EXPECT_EQ(Client(path).request("GET", "/").status, 200);
  const auto second = Server::start(options, catalog_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kExists);
  EXPECT_EQ(Client(path).request("GET", "/").status, 200);
}

TEST_F(ServerTest, ProbeProvesKnowledgeOfTheSecret) {
  ServerOptions options = default_options();
  options.probe_secret = "the user's secret";
  start(options);
  const Reply proof = anonymous("GET", "/_atelier/probe?nonce=abc");
  EXPECT_EQ(proof.text("proof"), hex(hmac_sha256("the user's secret", "abc")));
  EXPECT_EQ(anonymous("GET", "/_atelier/probe").status, 400);
  EXPECT_EQ(anonymous("GET", "/_atelier/probe?nonce=" + std::string(300, 'a')).status, 400);
}

TEST_F(ServerTest, StaticFilesStayInTheirFolder) {
  const fs::path www = folder_ / "www";
  fs::create_directories(www / "sub");
  std::ofstream(www / "index.html") << "<h1>hi</h1>";
  std::ofstream(www / "sub" / "a.js") << "1";
  std::ofstream(www / ".secret") << "s";
  std::ofstream(folder_ / "outside.txt") << "o";
  fs::create_symlink(folder_ / "outside.txt", www / "link.txt");
  fs::create_directory_symlink(folder_, www / "up");
  ServerOptions options = default_options();
  options.www = www;
  start(options);
  const Reply page = anonymous("GET", "/_www/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.body, "<h1>hi</h1>");
  EXPECT_EQ(page.header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(page.header("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(anonymous("GET", "/_www/", "", {{"If-None-Match", page.header("ETag")}}).status, 304);
  EXPECT_EQ(anonymous("GET", "/_www/sub/a.js").header("Content-Type"),
            "text/javascript; charset=utf-8");
  EXPECT_EQ(anonymous("GET", "/_www").status, 301);
  for (const char* target :
       {"/_www/.secret", "/_www/link.txt", "/_www/up/outside.txt", "/_www/../outside.txt",
        "/_www/%2e%2e/outside.txt", "/_www/..%2foutside.txt", "/_www/sub/..%2f..%2foutside.txt",
        "/_www/%2fetc%2fpasswd", "/_www//etc/passwd", "/_www/index.html%00.js", "/_www/nope",
        "/_www/..%5coutside.txt"})
    EXPECT_EQ(anonymous("GET", target).status, 404) << target;
  EXPECT_EQ(anonymous("PUT", "/_www/x", "y").status, 405);
  EXPECT_EQ(anonymous("GET", "/").text("couchdb"), "Welcome");
}

TEST_F(ServerTest, DataFolderIsNeverServedAsFiles) {
  ServerOptions options = default_options();
  options.www = folder_;
  start(options);
  make_database("db");
  std::ofstream(folder_ / "data" / "token") << "secret";
  std::ofstream(folder_ / "fine.txt") << "fine";
  EXPECT_EQ(anonymous("GET", "/_www/data/token").status, 404);
  EXPECT_EQ(anonymous("GET", "/_www/fine.txt").status, 200);
}

}  // namespace
}  // namespace atelier::server_test
