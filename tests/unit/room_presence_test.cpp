// Goal: what a plugin sees of others and shows of itself. Method: rooms joined by a transport in
// memory, which the test can cut; no server.
#include <algorithm>
#include <atomic>

#include "atelier/presence.h"
#include "base/limits.h"
#include "unit/room_tools.h"

namespace atelier::testing {

struct Cursor {
  double x = 0, y = 0;
};
BOOST_DESCRIBE_STRUCT(Cursor, (), (x, y))

namespace {

/// What a server does, without one: everybody who is on it gets everybody else's states.
class Meeting {
 public:
  class Line;
  std::unique_ptr<Line> join(const std::string& key, const std::string& name);
  void tell(const std::string& key);

  std::map<std::string, Line*> lines;  // by key
};

class Meeting::Line final : public PresenceTransport {
 public:
  Line(Meeting& meeting, std::string key, std::string name)
      : meeting_(meeting), key_(std::move(key)) {
    self.name = std::move(name);
  }
  ~Line() override {
    meeting_.lines.erase(key_);
    for (const auto& [key, line] : meeting_.lines) line->hear({key_, std::nullopt});
  }
  void publish(const std::string& topic, std::optional<std::string> state) override {
    ++published;
    if (state)
      self.topics[topic] = *state;
    else
      self.topics.erase(topic);
    meeting_.tell(key_);
  }
  std::vector<Update> take() override { return std::exchange(inbox_, {}); }
  PresenceStatus status() const override { return standing; }
  void set_wake(std::function<void()> wake) override { wake_ = std::move(wake); }
  void hear(Update update) {
    inbox_.push_back(std::move(update));
    if (wake_) wake_();
  }

  Peer self;
  PresenceStatus standing{PresenceState::kLive, ""};
  int published = 0;

 private:
  Meeting& meeting_;
  const std::string key_;
  std::vector<Update> inbox_;
  std::function<void()> wake_;
};

void Meeting::tell(const std::string& key) {
  for (const auto& [other, line] : lines)
    if (other != key) line->hear({key, lines.at(key)->self});
}

std::unique_ptr<Meeting::Line> Meeting::join(const std::string& key, const std::string& name) {
  auto line = std::make_unique<Line>(*this, key, name);
  lines[key] = line.get();
  tell(key);
  for (const auto& [other, one] : lines)
    if (other != key) line->hear({other, one->self});
  return line;
}

class RoomPresenceTest : public ::testing::Test {
 protected:
  RoomPresenceTest() {
    ada_->attach_presence(meeting_.join("k1", "ada"));
    bob_->attach_presence(meeting_.join("k2", "bob"));
    pump();
  }
  void pump() {
    while (ada_->pump() || bob_->pump()) {
    }
  }
  static std::vector<std::string> names(const Room& room) {
    std::vector<std::string> names;
    for (const auto& person : room.people()) names.push_back(person.name);
    return names;
  }

  Meeting meeting_;  // outlives the rooms
  TestRoom ada_{"ada"}, bob_{"bob"};
};

using Names = std::vector<std::string>;

TEST(RoomPresenceAloneTest, WithoutAServerOneIsAlone) {
  TestRoom room("ada");
  ASSERT_EQ(room->people().size(), 1u);
  EXPECT_TRUE(room->people()[0].self);
  EXPECT_EQ(room->people()[0].name, "ada");
  EXPECT_EQ(room->presence_status().state, PresenceState::kNone);
  auto cursors = room->presence<Cursor>("board");
  EXPECT_TRUE(cursors.set({1, 2}));
  EXPECT_TRUE(cursors.others().empty());
  Presence<Cursor> nothing;
  EXPECT_TRUE(nothing.set({1, 2}));
  EXPECT_TRUE(nothing.others().empty());
}

TEST_F(RoomPresenceTest, TwoRoomsSeeEachOther) {
  EXPECT_EQ(names(*ada_), (Names{"ada", "bob"}));
  EXPECT_EQ(names(*bob_), (Names{"bob", "ada"})) << "oneself first";
  EXPECT_EQ(ada_->presence_status().state, PresenceState::kLive);
  auto mine = ada_->presence<Cursor>("board");
  auto theirs = bob_->presence<Cursor>("board");
  const std::int64_t before = now_ms();
  ASSERT_TRUE(mine.set({3, 4}));
  EXPECT_TRUE(theirs.others().empty()) << "nothing changes but in pump()";
  pump();
  ASSERT_EQ(theirs.others().size(), 1u);
  EXPECT_EQ(theirs.others()[0].name, "ada");
  EXPECT_EQ(theirs.others()[0].key, "k1");
  EXPECT_EQ(theirs.others()[0].state.y, 4);
  EXPECT_GE(theirs.others()[0].since_ms, before);
  EXPECT_TRUE(mine.others().empty()) << "oneself is not among them";
  mine.clear();
  pump();
  EXPECT_TRUE(theirs.others().empty());
}

TEST_F(RoomPresenceTest, RevisionTellsWhetherATopicChanged) {
  auto board = bob_->raw_presence("board");
  auto text = bob_->raw_presence("text");
  const auto board_before = board->revision(), text_before = text->revision();
  auto mine = ada_->raw_presence("board");
  ASSERT_TRUE(mine->set("1"));
  pump();
  EXPECT_NE(board->revision(), board_before);
  EXPECT_EQ(text->revision(), text_before);
  const auto after = board->revision();
  ASSERT_TRUE(mine->set(" 1 "));  // the same
  ASSERT_TRUE(ada_->raw_presence("other")->set("1"));
  pump();
  EXPECT_EQ(board->revision(), after);
  EXPECT_EQ(meeting_.lines.at("k1")->published, 2);
}

TEST_F(RoomPresenceTest, WhoAsksLaterSeesWhatIsThere) {
  ASSERT_TRUE(ada_->raw_presence("board")->set("7"));
  pump();
  const auto late = bob_->raw_presence("board");
  ASSERT_EQ(late->others().size(), 1u);
  EXPECT_EQ(late->others()[0].state, "7");
}

TEST_F(RoomPresenceTest, OthersAreInTheOrderOfTheirKeysAndPeopleByName) {
  auto zoe = meeting_.join("k0", "zoe");
  auto bob = meeting_.join("k9", "bob");
  zoe->publish("board", "0");
  bob->publish("board", "9");
  ASSERT_TRUE(bob_->raw_presence("board")->set("2"));
  const auto board = ada_->raw_presence("board");
  pump();
  std::vector<std::string> keys;
  for (const auto& other : board->others()) keys.push_back(other.key);
  EXPECT_EQ(keys, (Names{"k0", "k2", "k9"}));
  EXPECT_EQ(names(*ada_), (Names{"ada", "bob", "bob", "zoe"}));
  bob.reset();
  pump();
  EXPECT_EQ(names(*ada_), (Names{"ada", "bob", "zoe"}));
  EXPECT_EQ(board->others().size(), 2u);
}

TEST_F(RoomPresenceTest, ChangedNameIsSeenBesideTheState) {
  const auto board = ada_->raw_presence("board");
  ASSERT_TRUE(bob_->raw_presence("board")->set("2"));
  pump();
  meeting_.lines.at("k2")->self.name = "Robert";
  meeting_.tell("k2");
  pump();
  EXPECT_EQ(board->others()[0].name, "Robert");
  EXPECT_EQ(names(*ada_), (Names{"ada", "Robert"}));
}

TEST_F(RoomPresenceTest, BadStatesAreRefusedAndTheLastGoodOneStands) {
  auto mine = ada_->raw_presence("board");
  const auto seen = bob_->raw_presence("board");
  ASSERT_TRUE(mine->set("[1]"));
  EXPECT_EQ(mine->set("[1").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(mine->set("").error().code, ErrorCode::kInvalid);
  const std::string text(kPresenceStateBytesMax / 2, 'x');
  ASSERT_TRUE(ada_->raw_presence("text")->set(json::quoted(text)));
  EXPECT_EQ(mine->set(json::quoted(text)).error().code, ErrorCode::kTooLarge)
      << "all topics together";
  pump();
  ASSERT_EQ(seen->others().size(), 1u);
  EXPECT_EQ(seen->others()[0].state, "[1]");
  ASSERT_TRUE(mine->set("null"));
  pump();
  EXPECT_TRUE(seen->others().empty()) << "null shows nothing";
  for (std::size_t i = 0; i + 1 < kPresenceTopicsMax; ++i)
    ASSERT_TRUE(ada_->raw_presence("t/" + std::to_string(i))->set("1"));
  EXPECT_EQ(mine->set("1").error().code, ErrorCode::kTooLarge) << "too many topics";
}

TEST_F(RoomPresenceTest, StateThatIsNoCursorIsNotAmongTheCursors) {
  auto cursors = bob_->presence<Cursor>("board");
  ASSERT_TRUE(ada_->raw_presence("board")->set(R"("not a cursor")"));
  pump();
  EXPECT_TRUE(cursors.others().empty());
  ASSERT_TRUE(ada_->raw_presence("board")->set(R"({"x":1,"more":true})"));
  pump();
  ASSERT_EQ(cursors.others().size(), 1u);
  EXPECT_EQ(cursors.others()[0].state.x, 1);
}

TEST_F(RoomPresenceTest, TopicsOfAPluginGoWithItAndWhatItKeptIsHarmless) {
  auto plugin = ada_->for_plugin({"board"});
  EXPECT_THROW(plugin->raw_presence("text"), std::logic_error);
  EXPECT_THROW(plugin->raw_presence("text/board"), std::logic_error);
  auto kept = plugin->raw_presence("board/cursor");
  ASSERT_TRUE(kept->set("1"));
  ASSERT_TRUE(ada_->raw_presence("host")->set("2"));
  const auto seen = bob_->raw_presence("board/cursor");
  const auto host = bob_->raw_presence("host");
  ASSERT_TRUE(bob_->raw_presence("board/cursor")->set("3"));
  pump();
  ASSERT_EQ(seen->others().size(), 1u);
  ASSERT_EQ(kept->others().size(), 1u);
  const auto before = kept->revision();
  plugin.reset();
  pump();
  EXPECT_TRUE(seen->others().empty());
  EXPECT_EQ(host->others().size(), 1u);
  EXPECT_TRUE(kept->set("4"));
  kept->clear();
  EXPECT_TRUE(kept->others().empty());
  EXPECT_NE(kept->revision(), before) << "its end is a change";
  pump();
  EXPECT_TRUE(seen->others().empty());
  ada_.close();
  EXPECT_TRUE(kept->set("5"));
  EXPECT_TRUE(kept->others().empty());
}

TEST_F(RoomPresenceTest, TopicOfTwoOwnersIsWhatWasSetLast) {
  auto first = ada_->for_plugin({"shared"}), second = ada_->for_plugin({"shared"});
  ASSERT_TRUE(first->raw_presence("shared")->set("1"));
  ASSERT_TRUE(second->raw_presence("shared")->set("2"));
  first->raw_presence("shared")->clear();  // no longer its own
  first.reset();
  const auto seen = bob_->raw_presence("shared");
  pump();
  ASSERT_EQ(seen->others().size(), 1u);
  EXPECT_EQ(seen->others()[0].state, "2");
}

TEST_F(RoomPresenceTest, ClosedRoomIsGoneForTheOthers) {
  ASSERT_TRUE(ada_->raw_presence("board")->set("1"));
  const auto seen = bob_->raw_presence("board");
  pump();
  ASSERT_EQ(seen->others().size(), 1u);
  ada_.close();
  ASSERT_TRUE(bob_.pump_until([&] { return seen->others().empty(); })) << "and it wakes the loop";
  EXPECT_EQ(names(*bob_), (Names{"bob"}));
}

TEST_F(RoomPresenceTest, DetachedRoomIsAloneAndShowsItsStatesWhenItComesBack) {
  const auto seen = bob_->raw_presence("board");
  ASSERT_TRUE(ada_->raw_presence("board")->set("1"));
  pump();
  ada_->detach_presence();
  EXPECT_EQ(names(*ada_), (Names{"ada", "bob"})) << "nothing changes but in pump()";
  EXPECT_TRUE(ada_->pump());
  EXPECT_EQ(names(*ada_), (Names{"ada"}));
  EXPECT_EQ(ada_->presence_status().state, PresenceState::kNone);
  ASSERT_TRUE(ada_->raw_presence("board")->set("2"));
  pump();
  EXPECT_TRUE(seen->others().empty());
  ada_->attach_presence(meeting_.join("k1", "ada"));
  pump();
  ASSERT_EQ(seen->others().size(), 1u);
  EXPECT_EQ(seen->others()[0].state, "2");
}

TEST_F(RoomPresenceTest, StatusIsWhatThePumpFound) {
  meeting_.lines.at("k1")->standing = {PresenceState::kUnsupported, "documents alone"};
  EXPECT_EQ(ada_->presence_status().state, PresenceState::kLive);
  EXPECT_TRUE(ada_->pump());
  EXPECT_EQ(ada_->presence_status().reason, "documents alone");
  EXPECT_FALSE(ada_->pump());
}

}  // namespace
}  // namespace atelier::testing
