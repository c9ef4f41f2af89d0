// Goal: who is in a database is told to all who are, at once, bounded, and to nobody who may not
// read it. Method: WebSockets written out by hand over a plain socket; the room alone, with members
// of the test's own, where time and slow readers are to be played.
#include <chrono>
#include <set>
#include <thread>

#include "base/limits.h"
#include "server/presence.h"
#include "server_web.h"

namespace atelier::server_test {
namespace {

using server::PresenceEnd;
using server::PresenceFrame;
using server::PresenceMember;
using server::PresenceRoom;
using std::chrono::milliseconds;

std::string whole(const std::string& key, const std::string& name, const std::string& topics) {
  return R"({"key":")" + key + R"(","name":")" + name + R"(","topics":)" + topics +
         R"(,"whole":true})";
}
std::string patch(const std::string& key, const std::string& name, const std::string& topics) {
  return R"({"key":")" + key + R"(","name":")" + name + R"(","topics":)" + topics + "}";
}
std::string gone(const std::string& key) {
  return R"({"key":")" + key + R"(","gone":true})";
}

class ServerPresenceTest : public ServerTest {
 protected:
  void begin() { begin(default_options()); }
  void begin(const ServerOptions& options) {
    start(options);
    make_database("db");
  }
};

TEST_F(ServerPresenceTest, TwoClientsSeeEachOtherAndNotThemselves) {
  begin();
  Web ada(client()), bob(client());
  ASSERT_EQ(ada.reply().status, 101);
  EXPECT_EQ(ada.reply().header("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(ada.reply().header("X-Atelier-Store").empty(), false);
  const std::string a = ada.key(), b = bob.key();
  EXPECT_NE(a, b);
  ada.say("Ada", R"({"board": {"x": 1.50, "y":2}})");
  EXPECT_EQ(bob.must(), whole(a, "Ada", R"({"board":{"x":1.50,"y":2}})"));
  bob.say("Bob");
  EXPECT_EQ(ada.must(), whole(b, "Bob", "{}")) << "and nothing of itself before";
}

TEST_F(ServerPresenceTest, NewcomerIsToldWhoIsThere) {
  begin();
  Web ada(client()), bob(client());
  const std::string a = ada.key(), b = bob.key();
  ada.say("Ada", R"({"board":1})");
  bob.must();
  bob.say("Bob", R"({"board":2})");
  ada.must();
  Web late(client());
  late.key();
  const std::set<std::string> both = {late.must(), late.must()};
  EXPECT_EQ(both, (std::set<std::string>{whole(a, "Ada", R"({"board":1})"),
                                         whole(b, "Bob", R"({"board":2})")}));
}

TEST_F(ServerPresenceTest, OnlyWhatChangedIsPassedOn) {
  begin();
  Web ada(client()), bob(client());
  const std::string a = ada.key();
  bob.key();
  ada.say("Ada", R"({"board":{"stroke":[1,2,3]},"text/a":5})");
  bob.must();
  ada.send(R"({"topics":{"text/a":6}})");
  EXPECT_EQ(bob.must(), patch(a, "Ada", R"({"text/a":6})"));
  ada.send(R"({"topics":{"text/a":6}})");  // the same is no news
  ada.send(R"({"topics":{"text/a":null}})");
  EXPECT_EQ(bob.must(), patch(a, "Ada", R"({"text/a":null})"));
  ada.send(R"({"name":"Ada L."})");
  EXPECT_EQ(bob.must(), patch(a, "Ada L.", "{}"));
  ada.send(R"({"whole":true,"topics":{"new":1}})");
  EXPECT_EQ(bob.must(), patch(a, "Ada L.", R"({"board":null,"new":1})"));
}

TEST_F(ServerPresenceTest, RoomsDoNotMix) {
  begin();
  make_database("other");
  Web ada(client()), bob(client()), eve(client(), "/other/_presence");
  ada.key(), bob.key(), eve.key();
  ada.say("Ada");
  bob.must();
  Web mallory(client(), "/other/_presence");
  const std::string m = mallory.key();
  mallory.say("M");
  EXPECT_EQ(eve.must(), whole(m, "M", "{}"));
}

TEST_F(ServerPresenceTest, WhoOnlyListensIsNobody) {
  begin();
  Web ada(client()), listener(client());
  ada.key(), listener.key();
  { Web another(client()); }
  Web bob(client());
  const std::string b = bob.key();
  bob.say("Bob");
  EXPECT_EQ(ada.must(), whole(b, "Bob", "{}")) << "nothing of the others";
}

// A reader's socket is full, while the server answers its pings and goes on telling it.
TEST_F(ServerPresenceTest, PingsAreAnsweredBetweenWholeMessages) {
  // A socket file's buffer is small, and does not grow.
  ServerOptions options = default_options();
  options.unix_socket = folder_ / "socket";
  begin(options);
  Web slow{Client(options.unix_socket)};
  slow.key();
  constexpr int kPeople = 20, kMoves = 10;
  const std::string stroke(kPresenceStateBytesMax - 100, 's');
  std::vector<std::unique_ptr<Web>> people;
  for (int i = 0; i < kPeople; ++i) people.push_back(std::make_unique<Web>(client()));
  for (int move = 1; move <= kMoves; ++move) {
    for (const auto& person : people)
      ASSERT_TRUE(person->say("P", "{\"s\":\"" + stroke + std::to_string(move) + "\"}"));
    ASSERT_TRUE(slow.send("ping " + std::to_string(move), 9));
  }
  EXPECT_EQ(anonymous("GET", "/_up").status, 200);
  for (int i = 0; i < kMoves; ++i) ASSERT_TRUE(slow.send("once more", 9));
  EXPECT_EQ(anonymous("GET", "/_up").status, 200);
  std::set<std::string> done;
  for (const std::string end = stroke + std::to_string(kMoves) + "\""; done.size() < kPeople;) {
    const std::string text = slow.must();
    ASSERT_TRUE(text.starts_with(R"({"key":")") && text.ends_with("}")) << text.substr(0, 100);
    if (text.find(end) != std::string::npos) done.insert(text.substr(8, 16));
  }
  // What it says is read in order: the goodbye behind the pings.
  ASSERT_TRUE(slow.send(std::string("\x03\xe8", 2), 8));
  EXPECT_EQ(slow.end_code(), 1000);
  EXPECT_EQ(slow.pongs(), 2 * kMoves);
}

TEST_F(ServerPresenceTest, LeavingIsSeenAtOnce) {
  begin();
  Web ada(client());
  ada.key();
  std::string b;
  for (const bool orderly : {true, false}) {
    Web bob(client());
    b = bob.key();
    bob.say("Bob");
    EXPECT_EQ(ada.must(), whole(b, "Bob", "{}"));
    const auto begun = std::chrono::steady_clock::now();
    if (orderly)
      bob.send("\x03\xe8", 8);
    else
      bob.client() = client();  // the socket closes without a word
    EXPECT_EQ(ada.must(), gone(b));
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(2));
  }
}

TEST_F(ServerPresenceTest, SilentClientIsGoneAfterItsTimeAndOneThatAnswersStays) {
  ServerOptions options = default_options();
  options.presence_silence_ms = 300;
  begin(options);
  Web ada(client()), stopped(client());
  ada.key();
  const std::string s = stopped.key();
  stopped.say("Stopped");
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(ada.must(), whole(s, "Stopped", "{}"));
  EXPECT_EQ(ada.must(), gone(s));  // ada answers the pings meanwhile; the other reads nothing
  EXPECT_GE(std::chrono::steady_clock::now() - begun, milliseconds(100));
  Web bob(client());
  const std::string b = bob.key();
  bob.say("Bob");
  EXPECT_EQ(ada.must(), whole(b, "Bob", "{}"));
}

TEST_F(ServerPresenceTest, WhoSpeaksTooFastIsCoalescedAndTheLastStateArrives) {
  begin();
  Web ada(client()), bob(client());
  const std::string a = ada.key();
  bob.key();
  constexpr int kStates = 100;
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 1; i <= kStates; ++i) ada.say("Ada", "{\"n\":" + std::to_string(i) + "}");
  int count = 0;
  std::string last;
  while (last.find(":100}") == std::string::npos && count <= kStates) last = bob.must(), ++count;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  EXPECT_EQ(last, patch(a, "Ada", R"({"n":100})"));
  EXPECT_LE(count, kPresenceBurst + 2 + took.count() * kPresencePerSecondMax);
}

TEST_F(ServerPresenceTest, BadMessagesEndTheConnectionWithAReason) {
  begin();
  std::string topics;
  for (std::size_t i = 0; i <= kPresenceTopicsMax; ++i)
    topics += (i == 0 ? "\"t" : ",\"t") + std::to_string(i) + "\":1";
  const std::vector<std::pair<std::string, int>> cases = {
      {"{", 1007},
      {"", 1007},
      {R"({"topics":{"a":1e400}})", 1007},
      {"\xff", 1007},
      {"[]", 1008},
      {"null", 1008},
      {R"({"name":5})", 1008},
      {R"({"topics":[]})", 1008},
      {R"({"topics":{"":1}})", 1008},
      {R"({"topics":{")" + std::string(kPresenceTopicBytesMax + 1, 't') + R"(":1}})", 1008},
      {"{\"topics\":{" + topics + "}}", 1008},
      {R"({"name":")" + std::string(kNicknameBytesMax + 1, 'n') + "\"}", 1008},
      {R"({"topics":{"a":")" + std::string(kPresenceStateBytesMax, 'x') + "\"}}", 1009},
      {std::string(kPresenceFrameBytesMax + 1, ' '), 1009},
  };
  for (const auto& [text, code] : cases) {
    Web web(client());
    web.key();
    web.send(text);
    EXPECT_EQ(web.end_code(), code) << text.substr(0, 60);
  }
  Web binary(client());
  binary.key();
  binary.send("{}", 2);
  EXPECT_EQ(binary.end_code(), 1003);
  Web ada(client());
  ada.key();
  ada.say("Ada", R"({"a":")" + std::string(kPresenceStateBytesMax - 2, 'x') + "\"}");
  Web bob(client());
  bob.key();
  EXPECT_GT(bob.must().size(), kPresenceStateBytesMax) << "what just fits";
}

TEST_F(ServerPresenceTest, WhoMayNotWriteIsNotLetIn) {
  ServerOptions options = default_options();
  options.shared = [](const std::string& name) { return name != "closed"; };
  options.allowed_origins = {"http://localhost:8080"};
  begin(options);
  make_database("closed");
  const auto status = [&](const std::string& target, const HeaderList& headers) {
    return Web(client(), target, headers).reply().status;
  };
  EXPECT_EQ(status("/db/_presence", {{"Origin", "http://evil.example"}}), 403);
  EXPECT_EQ(status("/db/_presence", {{"Origin", "null"}}), 403);
  EXPECT_EQ(status("/db/_presence", {{"Origin", "http://localhost:8080"}}), 101);
  EXPECT_EQ(status("/db/_presence", {{"Host", "evil.example"}}), 421);
  EXPECT_EQ(status("/db/_presence", {{"Authorization", "Basic " + base64("admin:wrong")}}), 401);
  EXPECT_EQ(status("/missing/_presence", {}), 404);
  EXPECT_EQ(status("/closed/_presence", {}), 401);
  EXPECT_EQ(status("/closed/_presence", as_admin()), 101);
  EXPECT_EQ(status("/db/_presence", as_admin({{"Origin", "http://evil.example"}})), 403);
  EXPECT_EQ(status("/db/_presence?resume=" + std::string(65, 'x'), {}), 400);
}

TEST_F(ServerPresenceTest, WhatIsNoWebSocketIsToldSo) {
  begin();
  const Reply plain = anonymous("GET", "/db/_presence");
  EXPECT_EQ(plain.status, 426);
  EXPECT_EQ(plain.text("error"), "upgrade_required");
  EXPECT_EQ(plain.header("Upgrade"), "websocket");
  EXPECT_EQ(anonymous("POST", "/db/_presence", "{}").status, 405);
  EXPECT_EQ(anonymous("PUT", "/db/_presence", "{}").status, 405);
  Client early = client();
  early.send_request("GET", "/db/_presence", "", Web::upgrade_headers());
  EXPECT_EQ(early.read_head().status, 101);
  Client pushy = client();
  std::string head = "GET /db/_presence HTTP/1.1\r\nHost: " + pushy.host() + "\r\n";
  for (const auto& [name, value] : Web::upgrade_headers()) head += name + ": " + value + "\r\n";
  pushy.send(head + "\r\nGET / HTTP/1.1\r\n");  // a second request, or a frame, before the answer
  EXPECT_EQ(pushy.read_head().status, 400);
  Client old = client();
  old.send_request("GET", "/db/_presence", "",
                   {{"Upgrade", "websocket"},
                    {"Connection", "Upgrade"},
                    {"Sec-WebSocket-Version", "8"},
                    {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}});
  EXPECT_EQ(old.read_head().status / 100, 4);
}

TEST_F(ServerPresenceTest, WhoComesAgainHasTheSameKeyAndDoesNotFlicker) {
  begin();
  Web ada(client());
  ada.key();
  Web before(client(), "/db/_presence?resume=secret");
  const std::string b = before.key();
  before.say("Bob", R"({"board":1,"old":1})");
  EXPECT_EQ(ada.must(), whole(b, "Bob", R"({"board":1,"old":1})"));
  Web after(client(), "/db/_presence?resume=secret");
  EXPECT_EQ(after.key(), b);
  EXPECT_EQ(before.end_code(), 4001);
  after.send(R"({"name":"Bob","whole":true,"topics":{"board":2}})");
  EXPECT_EQ(ada.must(), patch(b, "Bob", R"({"board":2,"old":null})")) << "never gone";
  after.client() = client();
  EXPECT_EQ(ada.must(), gone(b));
  Web other(client(), "/db/_presence?resume=" + b);
  EXPECT_NE(other.key(), b) << "knowing somebody's key does not give it";
}

TEST_F(ServerPresenceTest, ClosedAndDeletedDatabasesEndIt) {
  begin();
  Web anyone(client()), chief(client(), "/db/_presence", as_admin());
  anyone.key(), chief.key();
  ASSERT_EQ(admin("PUT", "/db/_security", R"({"members":{"names":["ada"],"roles":[]}})").status,
            200);
  EXPECT_EQ(anyone.end_code(), 1008);
  chief.say("Chief");
  ASSERT_EQ(admin("DELETE", "/db").status, 200);
  EXPECT_EQ(chief.end_code(), 1001);
}

TEST_F(ServerPresenceTest, StoppingServerSaysGoodbyeAndDoesNotWaitForWhoIsStopped) {
  begin();
  Web ada(client()), stopped(client());
  ada.key(), stopped.key();
  const auto begun = std::chrono::steady_clock::now();
  std::thread stop([this] { server_.reset(); });
  EXPECT_EQ(ada.end_code(), 1001);
  stop.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, milliseconds(kServerStopMs + 1000));
}

TEST_F(ServerPresenceTest, FiftyPeopleAllSeeEachOther) {
  begin();
  constexpr std::size_t kPeople = 50;
  std::vector<std::unique_ptr<Web>> webs;
  for (std::size_t i = 0; i < kPeople; ++i) {
    webs.push_back(std::make_unique<Web>(client()));
    webs.back()->key();
    webs.back()->say("P" + std::to_string(i), "{\"n\":" + std::to_string(i) + "}");
  }
  for (std::size_t i = 0; i < kPeople; ++i) {
    std::set<std::string> seen;
    while (seen.size() < kPeople - 1) {
      const std::string text = webs[i]->must();
      const std::size_t name = text.find("\"P");
      ASSERT_NE(name, std::string::npos) << text;
      seen.insert(text.substr(name, text.find('"', name + 1) - name));
    }
    EXPECT_FALSE(seen.contains("\"P" + std::to_string(i)));
  }
}

// --- the room alone

class FakeMember final : public PresenceMember {
 public:
  bool may_stay() const override { return true; }
  void poke() override { ++pokes; }
  void tell_in(milliseconds wait) override { asked_in = wait; }
  void end(PresenceEnd code, std::string) override { ended = code; }

  int pokes = 0;
  std::optional<milliseconds> asked_in;
  std::optional<PresenceEnd> ended;
};

TEST(PresenceRoomTest, SlowReaderIsOwedOneThingAPerson) {
  PresenceRoom room;
  FakeMember ada, slow;
  const auto a = room.join(ada, "a"), s = room.join(slow, "s");
  ASSERT_TRUE(room.next(s)->starts_with(R"({"you")"));
  auto now = PresenceRoom::Clock::now();
  const auto say = [&](const std::string& topics) {
    now += milliseconds(100);
    ASSERT_FALSE(room.heard(a, R"({"name":"Ada","topics":)" + topics + "}", now));
  };
  say(R"({"board":0,"text":0})");
  const std::string first = *room.next(s);
  const std::string key = first.substr(8, 16);
  EXPECT_EQ(first, whole(key, "Ada", R"({"board":0,"text":0})"));
  EXPECT_EQ(room.next(s), nullptr);
  for (int i = 1; i <= 1000; ++i) say("{\"board\":" + std::to_string(i) + "}");
  EXPECT_EQ(*room.next(s), patch(key, "Ada", R"({"board":1000})"))
      << "of one topic: the last change";
  EXPECT_EQ(room.next(s), nullptr);
  say(R"({"board":1})");
  say(R"({"text":null})");
  say(R"({"board":2})");
  EXPECT_EQ(*room.next(s), whole(key, "Ada", R"({"board":2})")) << "of several: all there is";
  EXPECT_EQ(room.next(s), nullptr);
  say(R"({"board":3})");
  room.leave(a);
  EXPECT_EQ(*room.next(s), gone(key));
  EXPECT_EQ(room.next(s), nullptr);
}

TEST(PresenceRoomTest, ReadersAtDifferentPlacesAreToldWhatEachMissed) {
  PresenceRoom room;
  FakeMember ada, bob, quick, slow;
  const auto a = room.join(ada, ""), b = room.join(bob, "");
  const auto q = room.join(quick, ""), s = room.join(slow, "");
  room.next(q), room.next(s);
  auto now = PresenceRoom::Clock::now();
  const auto say = [&](const auto& seat, const std::string& topics) {
    now += milliseconds(100);
    ASSERT_FALSE(room.heard(seat, R"({"name":"P","topics":)" + topics + "}", now));
  };
  const auto key_in = [](const PresenceFrame& frame) { return frame->substr(8, 16); };
  say(a, R"({"x":1,"y":1})");
  say(b, R"({"x":1})");
  const std::string a_key = key_in(room.next(s)), b_key = key_in(room.next(s));
  room.next(q), room.next(q);
  say(a, R"({"x":2})");
  EXPECT_EQ(*room.next(q), patch(a_key, "P", R"({"x":2})"));
  say(b, R"({"x":2})");
  say(a, R"({"y":2})");
  EXPECT_EQ(*room.next(q), patch(b_key, "P", R"({"x":2})"));
  EXPECT_EQ(*room.next(q), patch(a_key, "P", R"({"y":2})")) << "it knows of x";
  EXPECT_EQ(room.next(q), nullptr);
  EXPECT_EQ(*room.next(s), patch(b_key, "P", R"({"x":2})"));
  // Moves behind the place where the slow one reads.
  say(a, R"({"y":3})");
  EXPECT_EQ(*room.next(s), whole(a_key, "P", R"({"x":2,"y":3})")) << "it missed x";
  EXPECT_EQ(room.next(s), nullptr);
  EXPECT_EQ(*room.next(q), patch(a_key, "P", R"({"y":3})"));
}

TEST(PresenceRoomTest, WhoTakesTheSeatOfOneWhoLeftIsTakenForNobodyElse) {
  PresenceRoom room;
  FakeMember members[4];
  const auto reader = room.join(members[0], "");
  room.next(reader);
  auto now = PresenceRoom::Clock::now();
  const auto first = room.join(members[1], "first");
  room.heard(first, R"({"name":"F","topics":{"x":1}})", now);
  const std::string first_key = room.next(reader)->substr(8, 16);
  room.leave(first);
  const auto second = room.join(members[2], "second");
  room.heard(second, R"({"name":"S","topics":{"x":1}})", now);
  room.heard(second, R"({"topics":{"x":2}})", now);
  EXPECT_EQ(*room.next(reader), gone(first_key));
  const PresenceFrame told = room.next(reader);
  ASSERT_NE(told, nullptr);
  EXPECT_EQ(*told, whole(told->substr(8, 16), "S", R"({"x":2})")) << "all of it, not the change";
  EXPECT_EQ(room.next(reader), nullptr);
  // Who was not there then hears of nobody who left; who comes back is not told to be gone.
  const auto late = room.join(members[3], "late");
  room.next(late);
  EXPECT_EQ(*room.next(late), *told);
  EXPECT_EQ(room.next(late), nullptr);
  room.leave(second);
  FakeMember again;
  const auto back = room.join(again, "second");
  room.heard(back, R"({"name":"S2"})", now);
  EXPECT_EQ(*room.next(late), whole(told->substr(8, 16), "S2", "{}"));
  EXPECT_EQ(room.next(late), nullptr);
}

TEST(PresenceRoomTest, FramesAreSharedByAllWhoGetThem) {
  PresenceRoom room;
  FakeMember members[3];
  const auto a = room.join(members[0], ""), b = room.join(members[1], "");
  const auto now = PresenceRoom::Clock::now();
  room.next(b);
  room.heard(a, R"({"name":"Ada","topics":{"t":1}})", now);
  const auto c = room.join(members[2], "");
  room.next(c);
  EXPECT_EQ(room.next(b), room.next(c)) << "the whole state";
  room.heard(a, R"({"topics":{"t":2}})", now);
  const auto to_b = room.next(b);
  ASSERT_NE(to_b, nullptr);
  EXPECT_EQ(to_b, room.next(c)) << "a change";
}

TEST(PresenceRoomTest, HeldBackStateIsToldWhenItIsTime) {
  PresenceRoom room;
  FakeMember ada, bob;
  const auto a = room.join(ada, ""), b = room.join(bob, "");
  room.next(b);
  auto now = PresenceRoom::Clock::now();
  for (int i = 0; i <= kPresenceBurst; ++i) {
    room.heard(a, "{\"topics\":{\"t\":" + std::to_string(i) + "}}", now);
    while (room.next(b)) {
    }
  }
  ASSERT_TRUE(ada.asked_in) << "after the burst";
  EXPECT_LE(*ada.asked_in, milliseconds(1000 / kPresencePerSecondMax + 1));
  room.heard(a, R"({"topics":{"t":"last"}})", now);
  EXPECT_EQ(room.next(b), nullptr);
  room.tell_due(a, now + *ada.asked_in);
  const auto told = room.next(b);
  ASSERT_NE(told, nullptr);
  EXPECT_NE(told->find(R"({"t":"last"})"), std::string::npos);
}

TEST(PresenceRoomTest, HasAPlaceForSoManyAndForWhoComesAgain) {
  PresenceRoom room;
  std::vector<std::unique_ptr<FakeMember>> members;
  for (std::size_t i = 0; i < kPresencePeopleMax; ++i) {
    ASSERT_FALSE(room.full(""));
    members.push_back(std::make_unique<FakeMember>());
    room.join(*members.back(), "person " + std::to_string(i));
  }
  EXPECT_TRUE(room.full(""));
  EXPECT_TRUE(room.full("somebody new"));
  EXPECT_FALSE(room.full("person 7"));
}

TEST(PresenceRoomTest, ReaderWhoMissesTooManyWhoCameAndWentIsCut) {
  PresenceRoom room;
  FakeMember slow;
  const auto s = room.join(slow, "");
  const auto now = PresenceRoom::Clock::now();
  for (std::size_t i = 0; i <= 4 * kPresencePeopleMax; ++i) {
    FakeMember guest;
    const auto seat = room.join(guest, "");
    room.heard(seat, R"({"name":"guest"})", now);
    room.leave(seat);
  }
  EXPECT_EQ(slow.ended, PresenceEnd::kPolicy);
}

}  // namespace
}  // namespace atelier::server_test
