// Texts in rooms: everyone keeps every word, whatever comes late, twice, never or from someone who
// means harm; what was typed is on disk within two seconds. Method: rooms over stores in this
// process, replicated without a socket; documents that were made by hand.
#include <atomic>
#include <random>
#include <sys/wait.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "base/limits.h"
#include "replication/local_peer.h"
#include "room/shared_text_impl.h"
#include "text/utf8.h"
#include "unit/room_tools.h"

namespace atelier {
namespace {

using ::testing::HasSubstr;
using testing::TempFolder;
using testing::TestRoom;

constexpr const char* kPrefix = "coedit-text";

std::unique_ptr<SharedText> open_text(Room& room, const std::string& key = "notes") {
  auto text = room.open_text(kPrefix, key);
  if (!text) throw std::runtime_error(text.error().message);
  return std::move(*text);
}

std::string all(const SharedText& text) {
  return text.slice(0, text.size());
}

std::size_t documents(const Store& store) {
  return static_cast<std::size_t>(store.info().doc_count);
}

std::vector<std::pair<std::string, std::string>> documents_of(const Store& store) {
  std::vector<std::pair<std::string, std::string>> found;
  (void)store.scan({}, [&](const DocumentView& view) {
    found.emplace_back(view.id, view.body);
    return true;
  });
  return found;
}

// A batch as the document that a room writes.
std::pair<std::string, std::string> document_of(const TextBatch& batch,
                                                const std::string& key = "notes") {
  return {text_document_id(std::string(kPrefix) + ":" + key + ":",
                           {batch.agent, batch.sequence, batch.sequence + batch.operations}),
          text_document_body(batch.bytes)};
}

class StoreFactory : public PeerFactory {
 public:
  explicit StoreFactory(std::shared_ptr<Store> store) : store_(std::move(store)) {}
  Result<std::unique_ptr<Peer>> connect() override { return make_local_peer(store_); }
  std::string display_name() const override { return "the other room"; }
  std::string stable_name() const override { return "test:" + store_->info().uuid; }

 private:
  const std::shared_ptr<Store> store_;
};

// Several people's rooms; the first one's store is what the others sync with.
class People {
 public:
  explicit People(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      rooms_.push_back(std::make_unique<TestRoom>("person " + std::to_string(i)));
      listen(i);
    }
  }
  ~People() {
    for (auto& room : rooms_) (*room)->detach_sync();
  }
  TestRoom& operator[](std::size_t i) { return *rooms_[i]; }
  void listen(std::size_t i) {
    (*rooms_[i])->set_wake([this] {
      const std::scoped_lock lock(mutex_);
      woken_ = true;
      wake_.notify_all();
    });
  }
  void connect(std::size_t i) {
    (*rooms_[i])->attach_sync(std::make_shared<StoreFactory>(rooms_[0]->shared_store()));
  }
  void connect_all() {
    for (std::size_t i = 1; i < rooms_.size(); ++i) connect(i);
  }
  void pump() {
    for (auto& room : rooms_) {
      while ((*room)->pump()) {
      }
    }
  }
  bool pump_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (true) {
      pump();
      if (done()) return true;
      std::unique_lock lock(mutex_);
      if (!wake_.wait_until(lock, end, [this] { return woken_; })) return false;
      woken_ = false;
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;  // guarded by mutex_
  std::vector<std::unique_ptr<TestRoom>> rooms_;
};

// --- One person

TEST(SharedText, WhatIsTypedIsReadAtOnceAndSavesItself) {
  TestRoom room;
  auto text = open_text(*room);
  EXPECT_EQ(text->size(), 0U);
  EXPECT_EQ(text->line_count(), 1U);
  EXPECT_TRUE(text->saved());
  ASSERT_TRUE(text->replace(0, 0, "Hé\nworld"));
  ASSERT_TRUE(text->replace(3, 5, "du"));
  EXPECT_EQ(all(*text), "Hé\ndu");
  EXPECT_EQ(text->line_count(), 2U);
  EXPECT_EQ(text->line_begin(1), 3U);
  EXPECT_EQ(text->line_of(4), 1U);
  EXPECT_EQ(text->slice(1, 100), "é\ndu");
  EXPECT_EQ(text->revision(), 2U);
  EXPECT_FALSE(text->saved());
  EXPECT_FALSE(room->idle());
  EXPECT_EQ(documents(room.store()), 0U);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(room.pump_until([&] { return text->saved(); }));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(2'000));
  EXPECT_EQ(documents(room.store()), 1U) << "both edits go together";
  ASSERT_TRUE(room.pump_until_idle());
  EXPECT_EQ(all(*open_text(*room)), "Hé\ndu");
}

TEST(SharedText, EachOpeningHasAnAgentOfItsOwn) {
  TestRoom room;
  std::set<std::string> agents;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(open_text(*room)->replace(0, 0, "x"));
  ASSERT_TRUE(room.pump_until_idle());
  for (const auto& [id, body] : documents_of(room.store())) {
    const auto range =
        parse_text_document_id(std::string_view(id).substr(std::string(kPrefix).size() + 7));
    ASSERT_TRUE(range) << id;
    agents.insert(range->agent);
  }
  EXPECT_EQ(agents.size(), 3U);
}

TEST(SharedText, EditsThatCannotBeAreRefused) {
  TestRoom room;
  auto text = open_text(*room);
  ASSERT_TRUE(text->replace(0, 0, "abc"));
  EXPECT_EQ(text->replace(4, 0, "x").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(text->replace(0, 4, "x").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(text->replace(0, 0, "\xff").error().code, ErrorCode::kInvalid);
  EXPECT_TRUE(text->replace(0, 0, ""));
  EXPECT_EQ(text->revision(), 1U);
  EXPECT_EQ(all(*text), "abc");
  for (const std::string& key : {std::string(), std::string("a:b"), std::string(200, 'x')})
    EXPECT_EQ(room->open_text(kPrefix, key).error().code, ErrorCode::kInvalid);
}

TEST(SharedText, ALargePasteIsWrittenAtOnceInSeveralDocuments) {
  TestRoom room;
  auto text = open_text(*room);
  std::string paste;
  for (int i = 0; paste.size() < 1'000'000; ++i) paste += "line " + std::to_string(i) + "\n";
  ASSERT_TRUE(text->replace(0, 0, paste));
  EXPECT_FALSE(text->saved());
  ASSERT_TRUE((*room).flush(5'000));
  EXPECT_GE(documents(room.store()), 4U);
  for (const auto& [id, body] : documents_of(room.store())) EXPECT_LT(body.size(), 700'000U);
  text.reset();
  EXPECT_EQ(all(*open_text(*room)), paste);
}

TEST(SharedText, ClosingTheTextThePluginOrTheRoomSavesTheLastKeystroke) {
  TestRoom room;
  {
    auto text = open_text(*room, "text");
    ASSERT_TRUE(text->replace(0, 0, "one"));
  }
  {
    const auto plugin = room->for_plugin({kPrefix});
    auto text = open_text(*plugin, "plugin");
    ASSERT_TRUE(text->replace(0, 0, "two"));
    // A plugin that leaks its text.
    static SharedText* leaked = nullptr;
    leaked = plugin->open_text(kPrefix, "leak")->release();
    ASSERT_TRUE(leaked->replace(0, 0, "three"));
  }
  ASSERT_TRUE(open_text(*room, "room")->replace(0, 0, "four"));
  room.close();
  room.open();
  EXPECT_EQ(all(*open_text(*room, "text")), "one");
  EXPECT_EQ(all(*open_text(*room, "plugin")), "two");
  EXPECT_EQ(all(*open_text(*room, "leak")), "three");
  EXPECT_EQ(all(*open_text(*room, "room")), "four");
}

[[noreturn]] void type_until_killed(const std::filesystem::path& path, int report) {
  StoreOptions options;
  options.map_bytes = std::size_t{1} << 30;
  auto store = Store::open(path, options);
  if (!store) _exit(2);
  auto room = open_room({.store = *store, .title = "Test", .user = {"ada"}});
  auto text = open_text(*room);
  std::mutex mutex;
  std::condition_variable wake;
  bool woken = false;
  room->set_wake([&] {
    const std::scoped_lock lock(mutex);
    woken = true;
    wake.notify_all();
  });
  if (!text->replace(0, 0, "the last word")) _exit(3);
  if (write(report, "x", 1) != 1) _exit(4);
  while (true) {
    while (room->pump()) {
    }
    std::unique_lock lock(mutex);
    wake.wait(lock, [&] { return woken; });
    woken = false;
  }
}

// Goal: what was typed two seconds ago survives kill -9. Method: a child types words and says so;
// it is killed two seconds later.
TEST(SharedText, WhatWasTypedIsOnDiskWithinTwoSecondsThroughACrash) {
  TempFolder folder;
  int report[2];
  ASSERT_EQ(pipe(report), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) type_until_killed(folder.path() / "room", report[1]);
  close(report[1]);
  char typed = 0;
  ASSERT_EQ(read(report[0], &typed, 1), 1) << "the child came to nothing";
  // Until then nothing ends the child: the time that was promised is what is tested.
  ASSERT_EQ(usleep(2'000'000), 0);
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  close(report[0]);
  StoreOptions options;
  options.map_bytes = std::size_t{1} << 30;
  auto store = Store::open(folder.path() / "room", options);
  ASSERT_TRUE(store);
  const auto room = open_room({.store = *store, .title = "Test", .user = {"ada"}});
  EXPECT_EQ(all(*open_text(*room)), "the last word");
}

// --- Telling

// Keeps a copy of a text by its patches alone.
class Follower {
 public:
  explicit Follower(SharedText& text) : copy_(all(text)) {
    heard_ = text.on_patches([this](std::span<const TextPatch> patches, bool) {
      for (const TextPatch& patch : patches) {
        const std::size_t begin = byte_of_point(copy_, patch.position);
        const std::size_t end = byte_of_point(copy_, patch.position + patch.erased);
        copy_.replace(begin, end - begin, patch.inserted);
        EXPECT_EQ(count_points(patch.inserted), patch.inserted_points);
      }
    });
  }
  const std::string& copy() const { return copy_; }

 private:
  std::string copy_;
  Subscription heard_;
};

TEST(SharedText, PatchesTellEveryChangeAndEditsFromWithinAreRefused) {
  TestRoom room;
  auto text = open_text(*room);
  ErrorCode code = ErrorCode::kInternal;
  {
    Follower follower(*text);
    auto meddler = text->on_patches([&](std::span<const TextPatch>, bool own) {
      EXPECT_TRUE(own);
      const Status refused = text->replace(0, 0, "more");
      code = refused ? ErrorCode::kInternal : refused.error().code;
    });
    ASSERT_TRUE(text->replace(0, 0, "eins zwei"));
    EXPECT_EQ(code, ErrorCode::kBusy);
    meddler.reset();
    ASSERT_TRUE(text->replace(5, 4, "δύο"));
    text->end_undo_step();
    ASSERT_TRUE(text->replace(0, 4, ""));
    ASSERT_TRUE(text->undo());
    EXPECT_EQ(all(*text), "eins δύο");
    EXPECT_TRUE(text->can_redo());
    ASSERT_TRUE(text->redo());
    EXPECT_EQ(all(*text), " δύο");
    EXPECT_EQ(follower.copy(), all(*text));
  }
  ASSERT_TRUE(text->replace(0, 0, "nobody hears"));
}

// --- Several people

std::string word(std::mt19937& random) {
  static const char* const kWords[] = {"red ", "grün ", "bleu\n", "黄 ", "👩‍💻 "};
  return kWords[random() % 5];
}

void type_at_random(SharedText& text, std::mt19937& random) {
  const std::size_t size = text.size();
  const std::size_t at = random() % (size + 1);
  const std::size_t erased = random() % 3 == 0 ? std::min<std::size_t>(size - at, random() % 6) : 0;
  ASSERT_TRUE(text.replace(at, erased, random() % 4 == 0 ? "" : word(random)));
  if (random() % 5 == 0) text.end_undo_step();
  if (random() % 9 == 0) {
    ASSERT_TRUE(text.undo());
  }
}

TEST(SharedText, FiveWhoTypeAtOnceEndWithOneText) {
  People people(5);
  people.connect_all();
  std::vector<std::unique_ptr<SharedText>> texts;
  std::vector<std::unique_ptr<Follower>> followers;
  for (std::size_t i = 0; i < 5; ++i) {
    texts.push_back(open_text(*people[i]));
    followers.push_back(std::make_unique<Follower>(*texts[i]));
  }
  std::mt19937 random(11);
  for (int round = 0; round < 6; ++round) {
    for (int step = 0; step < 20; ++step) {
      for (auto& text : texts) type_at_random(*text, random);
      people.pump();
    }
    for (std::size_t i = 0; i < 5; ++i) ASSERT_TRUE(people[i]->idle() || (*people[i]).flush(2'000));
  }
  const auto same = [&] {
    return std::all_of(texts.begin(), texts.end(), [&](const auto& text) {
      return text->saved() && all(*text) == all(*texts[0]);
    });
  };
  // Equal for good: all have everything that any of them has.
  ASSERT_TRUE(people.pump_until([&] {
    if (!same()) return false;
    for (std::size_t i = 1; i < 5; ++i) {
      if (documents(people[i].store()) != documents(people[0].store())) return false;
    }
    return true;
  }));
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(followers[i]->copy(), all(*texts[i]));
    EXPECT_TRUE(people[i]->problems().empty());
  }
}

TEST(SharedText, TwoWhoWereApartForLongBothKeepEveryWord) {
  People people(2);
  auto adas = open_text(*people[0]), bobs = open_text(*people[1]);
  ASSERT_TRUE(adas->replace(0, 0, "The cat sat."));
  people.connect(1);
  ASSERT_TRUE(people.pump_until([&] { return all(*bobs) == "The cat sat."; }));
  people[1]->detach_sync();
  std::string bobs_words;
  for (int i = 0; i < 200; ++i) {
    const std::string bobs_word = " bob" + std::to_string(i);
    ASSERT_TRUE(bobs->replace(11 + bobs_words.size(), 0, bobs_word));
    bobs_words += bobs_word;
    ASSERT_TRUE(adas->replace(7, 0, "a" + std::to_string(i) + " "));
    if (i % 20 == 0) {
      ASSERT_TRUE((*people[0]).flush(2'000));
      ASSERT_TRUE((*people[1]).flush(2'000));
    }
  }
  people.connect(1);
  ASSERT_TRUE(people.pump_until([&] {
    return adas->saved() && bobs->saved() && all(*adas) == all(*bobs) &&
           documents(people[0].store()) == documents(people[1].store());
  }));
  EXPECT_THAT(all(*adas), HasSubstr(bobs_words)) << "whole: nothing of Ada's within";
  for (int i = 0; i < 200; ++i) EXPECT_THAT(all(*adas), HasSubstr("a" + std::to_string(i) + " "));
}

TEST(SharedText, UndoTakesBackOnesOwnAndNeverWhatAnotherWrote) {
  People people(2);
  people.connect(1);
  auto adas = open_text(*people[0]), bobs = open_text(*people[1]);
  ASSERT_TRUE(adas->replace(0, 0, "one two"));
  ASSERT_TRUE(people.pump_until([&] { return bobs->size() == 7; }));
  ASSERT_TRUE(bobs->replace(3, 0, " bob"));
  ASSERT_TRUE(people.pump_until([&] { return all(*adas) == "one bob two"; }));
  EXPECT_FALSE(bobs->can_redo());
  ASSERT_TRUE(adas->undo());
  EXPECT_EQ(all(*adas), " bob");
  EXPECT_FALSE(adas->can_undo());
  ASSERT_TRUE(people.pump_until([&] { return all(*bobs) == " bob"; }));
  ASSERT_TRUE(adas->redo());
  ASSERT_TRUE(people.pump_until([&] { return all(*bobs) == "one bob two"; }));
  ASSERT_TRUE(bobs->undo());
  EXPECT_EQ(all(*bobs), "one two");
}

// --- While it is typed

// Carries presence between rooms of this process, as a server does.
class Hub {
 public:
  class Link : public PresenceTransport {
   public:
    Link(std::shared_ptr<Hub> hub, std::string key) : hub_(std::move(hub)), key_(std::move(key)) {
      hub_->links_[key_] = this;
      for (const auto& [other, peer] : hub_->peers_) changed_.insert(other);
      hub_->peers_[key_].name = "name of " + key_;
      hub_->tell(key_);
    }
    ~Link() override {
      hub_->links_.erase(key_);
      hub_->peers_.erase(key_);
      hub_->tell(key_);
    }
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    void publish(const std::string& topic, std::optional<std::string> shown) override {
      auto& topics = hub_->peers_[key_].topics;
      if (shown)
        topics[topic] = *shown;
      else
        topics.erase(topic);
      hub_->tell(key_);
    }
    std::vector<Update> take() override {
      std::vector<Update> updates;
      for (const std::string& key : std::exchange(changed_, {})) {
        const auto peer = hub_->peers_.find(key);
        updates.push_back(
            {key, peer == hub_->peers_.end() ? std::nullopt : std::optional<Peer>(peer->second)});
      }
      return updates;
    }
    PresenceStatus status() const override { return {hub_->state, ""}; }
    void set_wake(std::function<void()> wake) override { wake_ = std::move(wake); }
    void poke(const std::string& key) {
      changed_.insert(key);
      if (wake_) wake_();
    }

   private:
    const std::shared_ptr<Hub> hub_;
    const std::string key_;
    std::set<std::string> changed_;
    std::function<void()> wake_;
  };

  static std::unique_ptr<PresenceTransport> link(const std::shared_ptr<Hub>& hub,
                                                 const std::string& key) {
    return std::make_unique<Link>(hub, key);
  }

  PresenceState state = PresenceState::kLive;

 private:
  void tell(const std::string& key) {
    for (const auto& [other, link] : links_) {
      if (other != key) link->poke(key);
    }
  }

  std::map<std::string, PresenceTransport::Peer> peers_;
  std::map<std::string, Link*> links_;
};

TEST(SharedText, AKeystrokeShowsWithoutADocument) {
  People people(2);
  const auto hub = std::make_shared<Hub>();
  for (std::size_t i = 0; i < 2; ++i)
    people[i]->attach_presence(Hub::link(hub, "p" + std::to_string(i)));
  people.pump();
  auto adas = open_text(*people[0]), bobs = open_text(*people[1]);
  Follower follower(*bobs);
  adas->show_caret(TextCaret{0, 0});
  ASSERT_TRUE(adas->replace(0, 0, "Hello"));
  people.pump();
  EXPECT_EQ(all(*bobs), "Hello");
  EXPECT_EQ(follower.copy(), "Hello");
  EXPECT_EQ(documents(people[0].store()), 0U);
  ASSERT_EQ(bobs->other_carets().size(), 1U);
  EXPECT_EQ(bobs->other_carets()[0].name, "name of p0");
  EXPECT_EQ(bobs->other_carets()[0].caret.position, 5U) << "behind what was typed";
  // What another showed is not ours to take back.
  EXPECT_FALSE(bobs->can_undo());
  // The caret stays with its place while the other side writes in front of it.
  ASSERT_TRUE(bobs->replace(0, 0, ">> "));
  EXPECT_EQ(bobs->other_carets()[0].caret.position, 8U);
  people.pump();
  EXPECT_EQ(all(*adas), ">> Hello");
  adas->show_caret(TextCaret{8, 3});
  people.pump();
  EXPECT_EQ(bobs->other_carets()[0].caret.anchor, 3U);
  const auto before = bobs->carets_revision();
  adas->show_caret(std::nullopt);
  people.pump();
  EXPECT_TRUE(bobs->other_carets().empty());
  EXPECT_GT(bobs->carets_revision(), before);
  adas->show_caret(TextCaret{1, 1});
  people.pump();
  EXPECT_EQ(bobs->other_carets().size(), 1U);
  adas.reset();
  people.pump();
  EXPECT_TRUE(bobs->other_carets().empty()) << "gone with the text";
}

TEST(SharedText, ACaretInAVersionThatHasNotComeKeepsItsPlaceUntilItHas) {
  People people(2);
  const auto hub = std::make_shared<Hub>();
  for (std::size_t i = 0; i < 2; ++i)
    people[i]->attach_presence(Hub::link(hub, "p" + std::to_string(i)));
  auto adas = open_text(*people[0]);
  auto bobs = open_text(*people[1]);
  ASSERT_TRUE(adas->replace(0, 0, "abc"));
  adas->show_caret(TextCaret{1, 1});
  people.pump();
  ASSERT_EQ(bobs->other_carets().size(), 1U);
  // Too much to be shown: it comes as documents, which have no way here yet.
  ASSERT_TRUE(adas->replace(1, 0, std::string(50'000, 'x')));
  people.pump();
  ASSERT_EQ(bobs->other_carets().size(), 1U);
  EXPECT_EQ(bobs->other_carets()[0].caret.position, 1U);
  people.connect(1);
  ASSERT_TRUE(people.pump_until([&] { return all(*bobs) == all(*adas); }));
  EXPECT_TRUE(people.pump_until([&] { return bobs->other_carets()[0].caret.position == 50'001U; }));
}

// Goal: nothing that is stored waits for ever for what its author could not store. Method: Ada's
// words are seen by presence alone, then her machine is gone; Bob goes on behind them.
TEST(SharedText, WordsOfSomebodyWhoCrashedAreWrittenByWhoeverSawThem) {
  TestRoom bob("bob"), cyd("cyd");
  const auto hub = std::make_shared<Hub>();
  std::string before;
  {
    TestRoom ada("ada");
    ada->attach_presence(Hub::link(hub, "ada"));
    bob->attach_presence(Hub::link(hub, "bob"));
    auto adas = open_text(*ada), bobs = open_text(*bob);
    ASSERT_TRUE(adas->replace(0, 0, "Ada's word. "));
    bob->pump();
    ASSERT_EQ(all(*bobs), "Ada's word. ");
    EXPECT_EQ(documents(bob.store()), 0U);
    ASSERT_TRUE(bobs->replace(12, 0, "Bob's word."));
    // Bob's document goes out with what it follows, within the second.
    ASSERT_TRUE(bob.pump_until([&] { return bobs->saved(); }));
    EXPECT_EQ(documents(bob.store()), 2U);
    // One who only watches writes, too, when nobody else does.
    bobs->end_undo_step();
    ASSERT_TRUE(adas->replace(0, 0, "Last: "));
    bob->pump();
    ASSERT_EQ(all(*bobs), "Last: Ada's word. Bob's word.");
    ada->detach_presence();  // her machine is gone
    ASSERT_TRUE(bob.pump_until([&] { return bobs->saved(); }));
    before = all(*bobs);
    bob.close();
  }
  bob.open("bob");
  EXPECT_EQ(all(*open_text(*bob)), before);
  cyd->attach_sync(std::make_shared<StoreFactory>(bob.shared_store()));
  auto cyds = open_text(*cyd);
  ASSERT_TRUE(cyd.pump_until([&] { return all(*cyds) == before; }));
  cyd->detach_sync();
}

TEST(SharedText, HostilePresenceChangesNothingAndBlocksNobody) {
  TestRoom bob("bob");
  const auto hub = std::make_shared<Hub>();
  bob->attach_presence(Hub::link(hub, "bob"));
  auto bobs = open_text(*bob);
  ASSERT_TRUE(bobs->replace(0, 0, "Bob"));
  ASSERT_TRUE(bob.pump_until_idle());
  const std::string topic = std::string(kPrefix) + "/notes";
  const auto eve = Hub::link(hub, "eve");
  const auto show = [&](const std::string& state) {
    eve->publish(topic, state);
    bob->pump();
  };
  for (const char* state :
       {"null", "[]", "1", "{}", R"({"caret":1,"tail":2})", R"({"caret":{"p":-1,"a":0,"v":[]}})",
        R"({"caret":{"p":1e30,"a":0,"v":[]}})", R"({"caret":{"p":0,"a":0,"v":[[]]}})",
        R"({"caret":{"p":0,"a":0,"v":[["x",-1]]}})", R"({"caret":{"p":0,"a":0,"v":[1,2]}})",
        R"({"tail":"%%%"})", R"({"tail":"AAAA"})", R"({"tail":""})"}) {
    show(state);
    EXPECT_EQ(all(*bobs), "Bob") << state;
    EXPECT_TRUE(bobs->other_carets().empty()) << state;
  }
  // Well-formed, in a version that nobody knows: no place yet.
  show(R"({"caret":{"p":1,"a":1,"v":[["nobody",7]]}})");
  EXPECT_TRUE(bobs->other_carets().empty());
  // Far beyond the text.
  show(R"({"caret":{"p":200000000,"a":200000000,"v":[]}})");
  for (const auto& other : bobs->other_carets()) EXPECT_LE(other.caret.position, 3U);
  // Words in the mouth of Bob's own agent, and of Ada's, who is here.
  const std::string id = documents_of(bob.store())[0].first;
  const auto own = parse_text_document_id(std::string_view(id).substr(18));
  TextDoc forger(own->agent), ada("ada"), false_ada("ada");
  ASSERT_TRUE(forger.insert(0, "Bob is a fool"));
  show(encode_text_presence({{}, {}, forger.take_batch()->bytes}));
  EXPECT_EQ(all(*bobs), "Bob");
  const auto adas_link = Hub::link(hub, "ada");
  ASSERT_TRUE(ada.insert(0, "I am Ada. "));
  const std::string adas_tail = ada.take_batch()->bytes;
  adas_link->publish(topic, encode_text_presence({{}, {}, adas_tail}));
  bob->pump();
  ASSERT_THAT(all(*bobs), HasSubstr("I am Ada. "));
  ASSERT_TRUE(false_ada.merge(adas_tail));
  ASSERT_TRUE(false_ada.insert(0, "Not! "));
  show(encode_text_presence({{}, {}, false_ada.batches_of("ada", 10, 15)->front().bytes}));
  EXPECT_EQ(all(*bobs).find("Not!"), std::string::npos);
  // What waits for something that never comes is not kept.
  TextDoc one("one"), two("two");
  ASSERT_TRUE(one.insert(0, "x"));
  ASSERT_TRUE(two.merge(one.take_batch()->bytes));
  ASSERT_TRUE(two.insert(1, "y"));
  show(encode_text_presence({{}, {}, two.take_batch()->bytes}));
  EXPECT_EQ(all(*bobs).find('y'), std::string::npos);
  EXPECT_TRUE(bob->problems().empty());
  ASSERT_TRUE(bobs->replace(0, 0, "Still "));
  ASSERT_TRUE(bob.pump_until_idle());
}

TEST(SharedText, WhereDocumentsAloneReachTheOthersTheyGoOutSooner) {
  TestRoom room;
  const auto hub = std::make_shared<Hub>();
  hub->state = PresenceState::kUnsupported;
  room->attach_presence(Hub::link(hub, "ada"));
  room->pump();
  auto text = open_text(*room);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(text->replace(0, 0, "soon"));
  ASSERT_TRUE(room.pump_until([&] { return text->saved(); }));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(kTextWriteMs));
}

// --- Documents that come late, twice, backwards, and wrong

// A text that several wrote, as documents in an order in which they could have been written.
struct History {
  std::vector<std::pair<std::string, std::string>> documents;
  std::string text;
};

History make_history(std::size_t count, unsigned seed, std::size_t people = 3) {
  std::mt19937 random(seed);
  std::vector<TextDoc> docs;
  for (std::size_t i = 0; i < people; ++i) docs.emplace_back(new_agent_id());
  std::vector<TextBatch> batches;
  std::vector<std::size_t> known(people, 0);
  const auto catch_up = [&](std::size_t who) {
    for (; known[who] < batches.size(); ++known[who])
      ASSERT_TRUE(docs[who].merge(batches[known[who]].bytes));
  };
  while (batches.size() < count) {
    const std::size_t who = random() % people;
    catch_up(who);
    const std::size_t size = docs[who].text().points();
    if (random() % 4 == 0 && size > 3) {
      EXPECT_TRUE(docs[who].erase(random() % (size - 2), 2));
    }
    EXPECT_TRUE(docs[who].insert(random() % (docs[who].text().points() + 1), word(random)));
    // Sometimes two write without having seen each other.
    const std::size_t other = (who + 1) % people;
    if (random() % 3 == 0) {
      EXPECT_TRUE(docs[other].insert(0, word(random)));
    }
    for (const std::size_t one : {who, other}) {
      while (auto batch = docs[one].take_batch()) batches.push_back(std::move(*batch));
    }
  }
  catch_up(0);
  History history;
  for (const TextBatch& batch : batches) history.documents.push_back(document_of(batch));
  history.text = docs[0].text().text();
  return history;
}

TEST(SharedText, DocumentsMayComeInAnyOrderAndAgain) {
  const History history = make_history(120, 3);
  std::mt19937 random(5);
  for (int round = 0; round < 4; ++round) {
    TestRoom room;
    auto text = open_text(*room);
    Follower follower(*text);
    auto order = history.documents;
    if (round == 0) std::reverse(order.begin(), order.end());
    if (round > 0) std::shuffle(order.begin(), order.end(), random);
    for (const auto& [id, body] : order) {
      room.write_foreign(id, body);
      if (random() % 4 == 0) room.write_foreign(id, body);
      if (random() % 3 == 0) room->pump();
    }
    ASSERT_TRUE(room.pump_until_idle());
    EXPECT_EQ(all(*text), history.text);
    EXPECT_EQ(follower.copy(), history.text);
    EXPECT_EQ(all(*open_text(*room)), history.text);
    EXPECT_EQ(documents(room.store()), history.documents.size()) << "nothing is written again";
    EXPECT_TRUE(room->problems().empty());
  }
}

TEST(SharedText, HostileDocumentsAreRefusedWithAReasonAndBlockNobody) {
  TestRoom room;
  const History history = make_history(10, 4);
  auto text = open_text(*room);
  TextDoc eve("eve");
  ASSERT_TRUE(eve.insert(0, "evil"));
  const TextBatch batch = *eve.take_batch();
  const std::string prefix = std::string(kPrefix) + ":notes:";
  const std::string body = text_document_body(batch.bytes);
  const std::vector<std::array<std::string, 3>> hostile{
      {"x", body, "agent and a range"},
      {"eve:0-4", body, "agent and a range"},
      {"eve:0000000000-00000000004", body, "agent and a range"},
      {":0000000000-0000000004", body, "agent and a range"},
      {std::string(65, 'e') + ":0000000000-0000000004", body, "agent and a range"},
      {"eve:0000000004-0000000004", body, "names no operations"},
      {"eve:0000000000-4294967295", body, "names no operations"},
      {"eve:0000000000-9999999999", body, "agent and a range"},
      {"eve:0000000000-0000000005", body, "other operations"},
      {"eva:0000000000-0000000004", body, "other operations"},
      {"eve:0000000001-0000000005", "{}", "/v: expected"},
      {"eve:0000000002-0000000005", R"({"v":2,"ops":""})", "newer version"},
      {"eve:0000000003-0000000005", R"({"v":1,"ops":5})", "/ops: expected a string"},
      {"eve:0000000004-0000000005", R"({"v":1,"ops":"%%"})", "base64"},
      {"eve:0000000005-0000000006", R"({"v":1,"ops":""})", "not a batch"},
      {"eve:0000000006-0000000007", R"({"v":1,"ops":"AQNldmU="})", "text batch"},
  };
  for (const auto& [rest, bad, reason] : hostile) room.write_foreign(prefix + rest, bad);
  // An edit behind the end of the text, well-formed in itself.
  TextDoc liar("liar");
  ASSERT_TRUE(liar.insert(0, std::string(50, 'x')));
  const auto far = liar.batches_of("liar", 0, 50);
  std::string cut = far->front().bytes;
  room.write_foreign(document_of(far->front()).first, text_document_body(cut.substr(0, 20)));
  for (const auto& [id, good] : history.documents) room.write_foreign(id, good);
  ASSERT_TRUE(room.pump_until_idle());
  EXPECT_EQ(all(*text), history.text);
  std::map<std::string, std::string> said;
  for (const Problem& problem : room->problems()) said[problem.id] = problem.text;
  for (const auto& [rest, bad, reason] : hostile)
    EXPECT_THAT(said[prefix + rest], HasSubstr(reason)) << rest;
  EXPECT_EQ(said.size(), hostile.size() + 1);
  ASSERT_TRUE(text->replace(0, 0, "still "));
  ASSERT_TRUE(room.pump_until_idle());
  EXPECT_EQ(all(*open_text(*room)), "still " + history.text);
}

TEST(SharedText, NobodyWritesInTheNameOfAnOpenText) {
  TestRoom room;
  auto text = open_text(*room);
  ASSERT_TRUE(text->replace(0, 0, "mine"));
  ASSERT_TRUE(room.pump_until_idle());
  const std::string id = documents_of(room.store())[0].first;
  const auto own = parse_text_document_id(std::string_view(id).substr(18));
  ASSERT_TRUE(own);
  TextDoc forger(own->agent);
  ASSERT_TRUE(forger.insert(0, "mine and more"));
  const auto forged = forger.batches_of(own->agent, 0, 13);
  const auto [forged_id, body] = document_of(forged->front());
  room.write_foreign(forged_id, body);
  ASSERT_TRUE(room.pump_until([&] { return !room->problems().empty(); }));
  EXPECT_THAT(room->problems()[0].text, HasSubstr("in the name of this open text"));
  ASSERT_TRUE(text->replace(4, 0, " too"));
  EXPECT_EQ(all(*text), "mine too");
}

TEST(SharedText, BatchesThatWaitForEverDoNotKeepOthersOut) {
  TestRoom room;
  const History history = make_history(60, 6);
  std::vector<DocumentWrite> writes;
  const auto add = [&](const std::pair<std::string, std::string>& document) {
    DocumentWrite write;
    write.id = document.first;
    write.body = document.second;
    writes.push_back(std::move(write));
  };
  // Each follows something that never comes.
  for (std::size_t i = 0; i < kTextWaitingBatchesMax + 500; ++i) {
    TextDoc first("a" + std::to_string(i)), second("b" + std::to_string(i));
    ASSERT_TRUE(first.insert(0, "x"));
    ASSERT_TRUE(second.merge(first.take_batch()->bytes));
    ASSERT_TRUE(second.insert(1, "y"));
    add(document_of(*second.take_batch()));
  }
  auto order = history.documents;
  std::reverse(order.begin(), order.end());
  for (const auto& document : order) add(document);
  for (const auto& result : room.store().write(std::move(writes))) ASSERT_TRUE(result.rev);
  auto text = open_text(*room);
  EXPECT_EQ(all(*text), history.text);
}

TEST(SharedText, HoweverManyDocumentsThereAreOpeningBringsThemIntoOrder) {
  TestRoom room;
  // Two who answer each other: by id one comes first as a whole.
  TextDoc ada("a"), bob("b");
  std::vector<DocumentWrite> writes;
  for (std::size_t i = 0; i < kTextWaitingBatchesMax + 1'000; ++i) {
    TextDoc& from = i % 2 == 0 ? ada : bob;
    TextDoc& to = i % 2 == 0 ? bob : ada;
    ASSERT_TRUE(from.insert(from.text().points(), i % 2 == 0 ? "ping " : "pong "));
    const TextBatch batch = *from.take_batch();
    ASSERT_TRUE(to.merge(batch.bytes));
    DocumentWrite write;
    std::tie(write.id, write.body) = document_of(batch);
    writes.push_back(std::move(write));
  }
  for (const auto& result : room.store().write(std::move(writes))) ASSERT_TRUE(result.rev);
  EXPECT_EQ(all(*open_text(*room)), ada.text().text());
  EXPECT_TRUE(room->problems().empty());
}

// --- Snapshots

const char* const kSnapshotName = "text-snapshot:coedit-text:notes:";

void write_history(TestRoom& room, const History& history) {
  std::vector<DocumentWrite> writes;
  for (const auto& [id, body] : history.documents) {
    DocumentWrite write;
    write.id = id;
    write.body = body;
    writes.push_back(std::move(write));
  }
  for (const auto& result : room.store().write(std::move(writes))) ASSERT_TRUE(result.rev);
}

// By itself when nothing has happened for a while.
bool make_snapshot(TestRoom& room) {
  auto text = open_text(*room);
  return room.pump_until([&] { return room.store().get_property(kSnapshotName).has_value(); });
}

TEST(SharedText, SnapshotAndWhatFollowedGiveTheSameTextAsAllDocuments) {
  TestRoom room;
  const History history = make_history(kTextSnapshotBatches + 40, 8);
  write_history(room, history);
  ASSERT_TRUE(make_snapshot(room));
  EXPECT_EQ(all(*open_text(*room)), history.text);
  // More, by somebody else and by oneself, some of it concurrent with what the snapshot has.
  TextDoc other("other");
  ASSERT_TRUE(other.insert(0, "from afar "));
  const auto [id, body] = document_of(*other.take_batch());
  room.write_foreign(id, body);
  std::string expected;
  {
    auto text = open_text(*room);
    ASSERT_TRUE(text->replace(text->size(), 0, " the end"));
    ASSERT_TRUE(room.pump_until_idle());
    expected = all(*text);
    EXPECT_THAT(expected, HasSubstr("from afar "));
  }
  const std::string with = all(*open_text(*room));
  EXPECT_EQ(with, expected);
  ASSERT_TRUE(room.store().put_property(kSnapshotName, ""));
  EXPECT_EQ(all(*open_text(*room)), expected);
}

TEST(SharedText, ASnapshotThatIsDamagedOrNotCoveredByDocumentsIsLeftAlone) {
  TestRoom room;
  const History history = make_history(30, 9);
  write_history(room, history);
  for (const std::string& bad :
       {std::string("junk"), std::string(1, '\x02'), std::string(500, 'x')}) {
    ASSERT_TRUE(room.store().put_property(kSnapshotName, bad));
    EXPECT_EQ(all(*open_text(*room)), history.text);
  }
  // A good one of another text.
  TextDoc stranger("stranger");
  ASSERT_TRUE(stranger.insert(0, "something else"));
  ASSERT_TRUE(
      room.store().put_property(kSnapshotName, *stranger.write_snapshot(TextDoc::History::kWith)));
  EXPECT_EQ(all(*open_text(*room)), history.text);
}

// --- Ids and ranges

TEST(SharedTextDocuments, IdsSayWhatTheyHold) {
  const TextRange range{"agent", 5, 47};
  const std::string id = text_document_id("p:key:", range);
  EXPECT_EQ(id, "p:key:agent:0000000005-0000000047");
  const auto back = parse_text_document_id(std::string_view(id).substr(6));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->agent, "agent");
  EXPECT_EQ(back->begin, 5U);
  EXPECT_EQ(back->end, 47U);
}

TEST(SharedTextDocuments, HeldRangesJoinAndSplit) {
  HeldOperations held;
  std::set<std::uint32_t> model;
  std::mt19937 random(1);
  for (int step = 0; step < 2'000; ++step) {
    const std::uint32_t begin = random() % 60, end = begin + random() % 12;
    if (random() % 3 != 0) {
      held.add({"a", begin, end});
      for (auto i = begin; i < end; ++i) model.insert(i);
    } else {
      held.remove({"a", begin, end});
      for (auto i = begin; i < end; ++i) model.erase(i);
    }
    std::set<std::uint32_t> missing;
    for (const TextRange& gap : held.missing("a", 80)) {
      EXPECT_LT(gap.begin, gap.end);
      for (auto i = gap.begin; i < gap.end; ++i) EXPECT_TRUE(missing.insert(i).second);
    }
    for (std::uint32_t i = 0; i < 80; ++i) ASSERT_EQ(missing.contains(i), !model.contains(i)) << i;
    const std::uint32_t from = random() % 70, to = from + 1 + random() % 5;
    bool whole = true;
    for (auto i = from; i < to; ++i) whole = whole && model.contains(i);
    EXPECT_EQ(held.holds({"a", from, to}), whole);
  }
  EXPECT_EQ(held.first_missing("b"), 0U);
}

}  // namespace
}  // namespace atelier
