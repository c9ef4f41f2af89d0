// Goal: a client finds the others through our server, comes back by itself when the server went and
// came, never outpaces the limits, and says why when there is nothing to find. Method: our server
// on a port that the kernel chose; a listener of the test's own for servers that misbehave.
#include <arpa/inet.h>
#include <condition_variable>
#include <future>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "http/presence_client.h"
#include "http/web_socket.h"
#include "server/server.h"
#include "store/catalog.h"
#include "unit/replication_tools.h"

namespace atelier::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using web_socket::Opcode;
using web_socket::Reader;

// --- frames

std::string server_frame(int first, std::string_view payload) {
  std::string frame(1, static_cast<char>(first));
  frame += static_cast<char>(payload.size());
  return frame.append(payload);
}

TEST(WebSocketTest, FramesOfOursAreMaskedAndReadBackEqual) {
  for (const std::size_t size : {0u, 1u, 125u, 126u, 65'535u, 65'536u}) {
    const std::string payload(size, 'x');
    const std::string frame = web_socket::encode(Opcode::kText, payload);
    EXPECT_EQ(static_cast<unsigned char>(frame[0]), 0x81);
    EXPECT_NE(static_cast<unsigned char>(frame[1]) & 0x80, 0);
    const std::size_t head = size < 126 ? 2 : size < 65'536 ? 4 : 10;
    ASSERT_EQ(frame.size(), head + 4 + size);
    for (std::size_t i = 0; i < size; ++i)
      ASSERT_EQ(static_cast<char>(frame[head + 4 + i] ^ frame[head + i % 4]), 'x');
  }
}

TEST(WebSocketTest, AcceptIsThatOfTheStandard) {
  EXPECT_EQ(web_socket::accept_for("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebSocketTest, FragmentsAreOneMessageHoweverTheBytesCome) {
  const std::string bytes = server_frame(0x01, "Hel") + server_frame(0x89, "ping") +
                            server_frame(0x00, "l") + server_frame(0x80, "o") +
                            server_frame(0x81, "next");
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    Reader reader(100);
    std::vector<std::pair<Opcode, std::string>> read;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      reader.add(std::string_view(bytes).substr(at, step));
      for (auto next = reader.next(); next && *next; next = reader.next())
        read.emplace_back((*next)->opcode, (*next)->payload);
    }
    const std::vector<std::pair<Opcode, std::string>> expected = {
        {Opcode::kPing, "ping"}, {Opcode::kText, "Hello"}, {Opcode::kText, "next"}};
    EXPECT_EQ(read, expected) << step;
  }
}

TEST(WebSocketTest, WhatTheStandardForbidsIsRefused) {
  const std::vector<std::string> bad = {
      server_frame(0xc1, "compressed"),             // a reserved bit
      server_frame(0x83, "unknown"),                // an unknown kind
      std::string("\x81\x81\x00\x00\x00\x00x", 7),  // masked by a server
      server_frame(0x09, "ping in pieces"),
      server_frame(0x80, "nothing begun"),
      server_frame(0x01, "begun") + server_frame(0x81, "and another"),
      std::string("\x89\x7e\x00\xff", 4),                           // a long ping
      std::string("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 10),  // longer than anything
      server_frame(0x81, std::string(101, 'x')),
      server_frame(0x01, std::string(60, 'x')) + server_frame(0x80, std::string(60, 'x')),
  };
  for (const std::string& bytes : bad) {
    Reader reader(100);
    reader.add(bytes);
    EXPECT_FALSE(reader.next()) << bytes.substr(2, 20);
  }
}

// --- clients

/// A client with what it has seen, and waiting for more.
class Seer {
 public:
  explicit Seer(const std::string& name, const PresenceClientOptions& options = {})
      : client_(std::make_unique<PresenceClient>(name, options)) {
    client_->set_wake([this] {
      const std::scoped_lock lock(mutex_);
      woken_ = true;
      wake_.notify_all();
    });
  }
  PresenceClient* operator->() { return client_.get(); }
  void leave() { client_.reset(); }

  /// Sleeps until woken, until `done` holds. False after ten seconds.
  bool until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + seconds(10);
    while (true) {
      for (auto& update : client_->take()) {
        ++updates;
        if (!update.person) left.push_back(update.key);
        if (update.person)
          people[update.key] = *update.person;
        else
          people.erase(update.key);
      }
      if (done()) return true;
      std::unique_lock lock(mutex_);
      if (!wake_.wait_until(lock, end, [this] { return woken_; })) return false;
      woken_ = false;
    }
  }
  bool until_state(PresenceState state) {
    return until([&] { return client_->status().state == state; });
  }
  const PresenceClient::Person* named(const std::string& name) const {
    for (const auto& [key, person] : people)
      if (person.name == name) return &person;
    return nullptr;
  }
  /// What somebody shows under a topic; "" for nothing.
  std::string state(const std::string& name, const std::string& topic) const {
    const auto* person = named(name);
    const auto found = person ? person->topics.find(topic) : decltype(person->topics.end())();
    return person && found != person->topics.end() ? found->second : "";
  }

  std::map<std::string, PresenceClient::Person> people;
  std::vector<std::string> left;  // keys
  int updates = 0;

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;  // guarded by mutex_
  std::unique_ptr<PresenceClient> client_;
};

class HttpPresenceTest : public ::testing::Test {
 protected:
  HttpPresenceTest() : catalog_(std::make_shared<Catalog>(folder_.path(), "the test")) {
    EXPECT_TRUE(catalog_->create("lobby"));
    listen(0);
  }
  void listen(std::uint16_t port) {
    ServerOptions options;
    options.port = port;
    options.admin_token = "the-admin-token-of-this-test";
    options.uuid = random_uuid();
    options.presence_silence_ms = silence_ms_;
    auto started = Server::start(options, catalog_);
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
  }
  DatabaseUrl url(const std::string& database = "lobby") const {
    return *DatabaseUrl::parse(server_->url() + "/" + database);
  }
  static PresenceClientOptions quick() {
    PresenceClientOptions options;
    options.retry_first_ms = 20;
    options.retry_max_ms = 100;
    return options;
  }

  TempFolder folder_;
  std::shared_ptr<Catalog> catalog_;
  int silence_ms_ = kPresenceSilenceMs;
  std::unique_ptr<Server> server_;
};

TEST_F(HttpPresenceTest, TwoClientsSeeEachOtherUntilOneLeaves) {
  Seer ada("Ada"), bob("Bob");
  EXPECT_EQ(ada->status().state, PresenceState::kNone);
  ada->publish("board", R"({"x":1})");
  ada->set_url(url());
  bob->set_url(url());
  ASSERT_TRUE(bob.until([&] { return bob.state("Ada", "board") == R"({"x":1})"; }));
  ASSERT_TRUE(ada.until([&] { return ada.named("Bob") != nullptr; }));
  EXPECT_EQ(ada.people.size(), 1u) << "oneself is not among the others";
  EXPECT_EQ(ada->status(), (PresenceStatus{PresenceState::kLive, ""}));
  ada->publish("text", "[1]");
  ada->publish("board", std::nullopt);
  ASSERT_TRUE(bob.until([&] { return bob.state("Ada", "text") == "[1]"; }));
  ASSERT_TRUE(bob.until([&] { return bob.state("Ada", "board").empty(); }));
  ada.leave();
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(bob.until([&] { return bob.people.empty(); }));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, milliseconds(kPresenceKeepMs));
}

TEST_F(HttpPresenceTest, ThroughTheControlSocketAsWell) {
  ServerOptions options;
  options.listen_tcp = false;
  options.unix_socket = folder_.path() / "socket";
  options.admin_token = "another";
  options.uuid = random_uuid();
  auto control = Server::start(options, catalog_);
  ASSERT_TRUE(control);
  const auto where = DatabaseUrl::parse("unix:" + options.unix_socket.string() + ":/lobby");
  Seer ada("Ada"), bob("Bob");
  ada->set_url(*where);
  bob->set_url(*where);
  ASSERT_TRUE(bob.until([&] { return bob.named("Ada") != nullptr; }));
}

TEST_F(HttpPresenceTest, EveryoneComesBackAfterARestartAndNobodyFlickers) {
  const std::uint16_t port = server_->port();
  Seer ada("Ada", quick()), bob("Bob", quick());
  ada->publish("board", "1");
  ada->set_url(url());
  bob->set_url(url());
  ASSERT_TRUE(bob.until([&] { return bob.state("Ada", "board") == "1"; }));
  ASSERT_TRUE(ada.until([&] { return ada.named("Bob") != nullptr; }));
  server_.reset();
  ASSERT_TRUE(bob.until_state(PresenceState::kConnecting));
  ASSERT_TRUE(ada.until_state(PresenceState::kConnecting));
  EXPECT_EQ(bob.state("Ada", "board"), "1") << "still shown";
  ada->publish("board", "2");
  listen(port);
  ASSERT_TRUE(bob.until([&] { return bob.state("Ada", "board") == "2"; }));
  ASSERT_TRUE(ada.until_state(PresenceState::kLive));
  EXPECT_TRUE(bob.left.empty()) << "nobody was gone in between";
  EXPECT_EQ(bob.people.size(), 1u) << "and nobody is there twice";
}

TEST_F(HttpPresenceTest, OthersAreForgottenWhenTheServerStaysAway) {
  auto options = quick();
  options.keep_ms = 150;
  Seer ada("Ada"), bob("Bob", options);
  ada->set_url(url());
  bob->set_url(url());
  ASSERT_TRUE(bob.until([&] { return bob.named("Ada") != nullptr; }));
  server_.reset();
  ASSERT_TRUE(bob.until([&] { return bob.people.empty(); }));
  EXPECT_EQ(bob->status().state, PresenceState::kConnecting);
  EXPECT_NE(bob->status().reason, "");
  bob->set_url(std::nullopt, "nobody serves");
  ASSERT_TRUE(bob.until_state(PresenceState::kNone));
  EXPECT_EQ(bob->status().reason, "nobody serves");
}

TEST_F(HttpPresenceTest, MovesToAnotherServer) {
  TempFolder elsewhere;
  auto catalog = std::make_shared<Catalog>(elsewhere.path(), "another");
  ASSERT_TRUE(catalog->create("lobby"));
  ServerOptions options;
  options.admin_token = "another";
  options.uuid = random_uuid();
  auto second = Server::start(options, catalog);
  ASSERT_TRUE(second);
  Seer ada("Ada"), bob("Bob");
  ada->set_url(url());
  bob->set_url(url());
  ASSERT_TRUE(bob.until([&] { return bob.named("Ada") != nullptr; }));
  const std::string key = bob.people.begin()->first;
  const auto there = DatabaseUrl::parse((*second)->url() + "/lobby");
  bob->set_url(*there);
  ada->set_url(*there);
  server_.reset();
  ASSERT_TRUE(ada.until_state(PresenceState::kLive));
  ada->publish("board", "3");
  ASSERT_TRUE(bob.until([&] { return bob.state("Ada", "board") == "3"; }));
  EXPECT_EQ(bob.people.begin()->first, key) << "the key is kept";
}

TEST_F(HttpPresenceTest, WaitsForARoomThatIsNotThereYet) {
  Seer ada("Ada", quick());
  ada->set_url(url("later"));
  ASSERT_TRUE(ada.until([&] { return ada->status().reason.find("yet") != std::string::npos; }));
  EXPECT_EQ(ada->status().state, PresenceState::kConnecting);
  ASSERT_TRUE(catalog_->create("later"));
  ASSERT_TRUE(ada.until_state(PresenceState::kLive));
}

TEST_F(HttpPresenceTest, LastOfManyStatesArrivesAndTheyAreHeldBack) {
  Seer ada("Ada"), bob("Bob");
  ada->set_url(url());
  bob->set_url(url());
  ASSERT_TRUE(bob.until([&] { return bob.named("Ada") != nullptr; }));
  const int before = bob.updates;
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 1; i <= 5'000; ++i) ada->publish("board", std::to_string(i));
  ASSERT_TRUE(bob.until([&] { return bob.state("Ada", "board") == "5000"; }));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  EXPECT_LE(bob.updates - before, 2 + took.count() * kPresencePerSecondMax);
}

TEST_F(HttpPresenceTest, LongNameIsShortenedToWhatTheServerTakes) {
  std::string name;
  while (name.size() <= kNicknameBytesMax) name += "é";
  Seer ada(name), bob("Bob");
  ada->set_url(url());
  bob->set_url(url());
  ASSERT_TRUE(bob.until([&] { return !bob.people.empty(); }));
  EXPECT_EQ(bob.people.begin()->second.name, name.substr(0, kNicknameBytesMax));
}

// --- servers that are not ours

/// Answers each connection with the same bytes, then keeps it open and says no more.
class Stranger {
 public:
  explicit Stranger(std::string answer, bool is_web_socket = false)
      : answer_(std::move(answer)), is_web_socket_(is_web_socket) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Stranger() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  DatabaseUrl url() const {
    return *DatabaseUrl::parse("http://127.0.0.1:" + std::to_string(port_) + "/lobby");
  }
  int connections() const {
    const std::scoped_lock lock(mutex_);
    return connections_;
  }
  bool wait_for_connections(int count) {
    std::unique_lock lock(mutex_);
    return accepted_.wait_for(lock, seconds(10), [&] { return connections_ >= count; });
  }

 private:
  void run() {
    std::vector<int> open;
    for (int fd; (fd = ::accept(listener_, nullptr, nullptr)) >= 0;) {
      open.push_back(fd);
      {
        const std::scoped_lock lock(mutex_);
        ++connections_;
      }
      accepted_.notify_all();
      std::string request;
      char bytes[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t size = ::recv(fd, bytes, sizeof bytes, 0);
        if (size <= 0) break;
        request.append(bytes, static_cast<std::size_t>(size));
      }
      std::string answer = answer_;
      if (is_web_socket_) {
        const std::size_t key = request.find("Sec-WebSocket-Key: ") + 19;
        answer =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
            "Sec-WebSocket-Accept: " +
            web_socket::accept_for(request.substr(key, request.find("\r\n", key) - key)) +
            "\r\n\r\n" + answer_;
      }
      (void)!::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
    for (const int fd : open) ::close(fd);
  }

  const std::string answer_;
  const bool is_web_socket_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable accepted_;
  int connections_ = 0;  // guarded by mutex_
  std::thread thread_;
};

std::string http_answer(const std::string& status, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

TEST(HttpPresenceStrangerTest, ServerWithoutPresenceIsUnsupportedInWords) {
  for (const std::string status : {"404 Not Found", "400 Bad Request", "405 Method Not Allowed",
                                   "200 OK", "426 Upgrade Required", "302 Found"}) {
    Stranger stranger(http_answer(status, R"({"error":"not_found","reason":"missing"})"));
    Seer ada("Ada");
    ada->set_url(stranger.url());
    ASSERT_TRUE(ada.until_state(PresenceState::kUnsupported)) << status;
    EXPECT_NE(ada->status().reason.find("127.0.0.1"), std::string::npos);
    EXPECT_EQ(stranger.connections(), 1) << "and not asked again at once";
  }
}

TEST(HttpPresenceStrangerTest, ServerThatIsFullOrNoHttpIsAskedAgain) {
  for (const std::string& answer :
       {http_answer("503 Service Unavailable", "{}"), std::string("SSH-2.0-OpenSSH\r\n\r\n"),
        http_answer("101 Switching Protocols", "")}) {
    Stranger stranger(answer);
    PresenceClientOptions options;
    options.retry_first_ms = options.retry_max_ms = 10;
    options.unsupported_retry_ms = 10;
    Seer ada("Ada", options);
    ada->set_url(stranger.url());
    ASSERT_TRUE(stranger.wait_for_connections(3)) << answer;
  }
}

TEST(HttpPresenceStrangerTest, ServerThatFellSilentIsLeft) {
  Stranger stranger(server_frame(0x81, R"({"you":"me"})") +
                        server_frame(0x81, R"({"key":"k","name":"Bob","topics":{"t":1}})"),
                    true);
  PresenceClientOptions options;
  options.silence_ms = 150;
  options.keep_ms = 50;
  options.retry_first_ms = options.retry_max_ms = 5'000;
  Seer ada("Ada", options);
  ada->set_url(stranger.url());
  ASSERT_TRUE(ada.until([&] { return ada.state("Bob", "t") == "1"; }));
  ASSERT_TRUE(ada.until_state(PresenceState::kConnecting));
  EXPECT_NE(ada->status().reason.find("does not answer any more"), std::string::npos);
  ASSERT_TRUE(ada.until([&] { return ada.people.empty(); }));
}

TEST(HttpPresenceStrangerTest, NonsenseOfAServerIsPassedOverOrEndsTheConnection) {
  std::string big = R"({"key":"big","topics":{)";
  for (std::size_t i = 0; i <= kPresenceTopicsMax; ++i)
    big += (i == 0 ? "\"t" : ",\"t") + std::to_string(i) + "\":1";
  big += "}}";
  std::string frame("\x81\x7e", 2);
  frame += static_cast<char>(big.size() >> 8);
  frame += static_cast<char>(big.size() & 0xff);
  Stranger stranger(server_frame(0x81, "[") + server_frame(0x81, "[]") + frame + big +
                        server_frame(0x81, R"({"key":5})") +
                        server_frame(0x81, R"({"key":"k","name":7,"topics":[]})") +
                        server_frame(0x81, R"({"you":"me"})") +
                        server_frame(0x81, R"({"key":"me","name":"Ada"})") +
                        server_frame(0x81, R"({"key":"k","gone":true})") +
                        server_frame(0xf1, "end"),
                    true);
  PresenceClientOptions options;
  options.retry_first_ms = options.retry_max_ms = 5'000;
  Seer ada("Ada", options);
  ada->set_url(stranger.url());
  ASSERT_TRUE(
      ada.until([&] { return ada->status().reason.find("nonsense") != std::string::npos; }));
  EXPECT_TRUE(ada.people.empty());
}

TEST(HttpPresenceStrangerTest, ClosingDoesNotWaitForAServerThatHangs) {
  Stranger stranger("");
  Seer ada("Ada");
  ada->set_url(stranger.url());
  ASSERT_TRUE(stranger.wait_for_connections(1));
  const auto begun = std::chrono::steady_clock::now();
  ada.leave();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, milliseconds(2 * kPresenceLeaveMs));
}

}  // namespace
}  // namespace atelier::testing
