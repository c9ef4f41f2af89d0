// The window as a person meets it: played by scripts over a node that is made up, without a
// display.
#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include <gtest/gtest.h>

#include "atelier/ui.h"
#include "window/window.h"

namespace atelier::host {
namespace {

namespace fs = std::filesystem;

class TestRoom : public Room {
 public:
  TestRoom(std::string title, std::string name)
      : title_(std::move(title)), user_{std::move(name)} {}
  const std::string& title() const override { return title_; }
  const User& user() const override { return user_; }
  std::shared_ptr<RawCollection> raw_collection(const std::string&,
                                                const CollectionOptions&) override {
    return nullptr;
  }
  Result<std::unique_ptr<SharedText>> open_text(const std::string&, const std::string&) override {
    return not_found("no texts here");
  }
  std::vector<Person> people() const override {
    std::vector<Person> all{{"me", user_.name, true}};
    for (const auto& name : others) all.push_back({"key of " + name, name, false});
    return all;
  }
  PresenceStatus presence_status() const override { return {}; }
  std::shared_ptr<RawPresence> raw_presence(const std::string&) override { return nullptr; }
  bool pump(int) override { return false; }
  void set_wake(std::function<void()>) override {}
  bool idle() const override { return true; }
  SyncStatus sync_status() const override { return status; }
  void sync_now() override { ++retries; }
  std::vector<Problem> problems() const override { return problem_list; }

  SyncStatus status;
  int retries = 0;
  std::vector<Problem> problem_list;
  std::vector<std::string> others;

 private:
  const std::string title_;
  const User user_;
};

/// What the tests look at and set.
struct World {
  std::vector<std::string> opened, deleted, others;
  SyncStatus status;
  std::vector<Problem> problems;
  ErrorCode open_code = ErrorCode::kInvalid;
  std::string open_error, recovery_error;
  std::vector<std::string> recovered;
  std::optional<Error> blocked;
  int reloads = 0;
  int retries = 0;
};

class TestOpenRoom : public OpenRoom {
 public:
  TestOpenRoom(World& world, std::string title, std::string name)
      : world_(world), room_(std::move(title), std::move(name)) {
    room_.status = world.status;
    room_.problem_list = world.problems;
    room_.others = world.others;
  }
  ~TestOpenRoom() override { world_.retries += room_.retries; }
  void update() override {}
  Room& room() override { return room_; }
  std::vector<Tab> tabs() const override { return tabs_; }
  Status open_plugin(const std::string& id) override {
    if (id == "broken") return invalid("is no plugin");
    tabs_.push_back({id, id == "pad" ? "Pad" : "Quill"});
    return ok();
  }
  void close_plugin(const std::string& id) override {
    std::erase_if(tabs_, [&](const Tab& tab) { return tab.plugin_id == id; });
  }
  std::optional<std::string> draw_plugin(const std::string& id) override {
    if (id == "quill") {
      ui::text("A feather");
      return std::nullopt;
    }
    if (thrown_) return "out of paper";
    ImGui::BeginChild("left open by a throw");
    if (ui::button("Throw")) {
      thrown_ = true;
      return "out of paper";  // as after an exception: the child is still open
    }
    ui::text("A page of " + room_.user().name);
    ImGui::EndChild();
    return std::nullopt;
  }
  Status reload_plugin(const std::string&) override {
    ++world_.reloads;
    thrown_ = false;
    return ok();
  }
  std::string address() const override { return "http://127.0.0.1:17984"; }
  bool serving() const override { return room_.status.state == SyncState::kNone; }

 private:
  World& world_;
  TestRoom room_;
  bool thrown_ = false;
  std::vector<Tab> tabs_{{"pad", "Pad"}};
};

class TestNode : public NodeView {
 public:
  explicit TestNode(World& world) : world_(world) {}
  std::vector<PluginChoice> plugins() override {
    return {{"pad", "Pad", "A pad of paper", "/plugins/pad.so", "", ""},
            {"quill", "Quill", "A feather to write with", "/plugins/quill.so", "",
             "#2a8c82 ground;#ffffff line 2 5 19 19 5"},
            {"", "", "", "/plugins/broken.so", "is no plugin", ""}};
  }
  std::vector<RecentRoom> recent_rooms() override { return {{"Caf\u00e9"}}; }
  std::string nickname() override { return "Ada"; }
  Result<std::unique_ptr<OpenRoom>> open(const std::string& plugin, const std::string& room,
                                         const std::string& nickname) override {
    if (!world_.open_error.empty()) return Error(world_.open_code, world_.open_error);
    world_.opened.push_back(plugin + "/" + room + "/" + nickname);
    return std::unique_ptr<OpenRoom>(std::make_unique<TestOpenRoom>(world_, room, nickname));
  }
  Result<std::string> recover_room(const std::string& title, Recovery how) override {
    world_.recovered.push_back(title + (how == Recovery::kAnew ? " anew" : ""));
    if (!std::exchange(world_.recovery_error, std::string()).empty())
      return Error(ErrorCode::kDisk, "no room");
    world_.open_error.clear();
    return std::string("All 7 documents");
  }
  Status delete_room(const std::string& title) override {
    world_.deleted.push_back(title);
    return ok();
  }
  std::optional<Error> blocked() override { return std::exchange(world_.blocked, std::nullopt); }

 private:
  World& world_;
};

class WindowTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        fs::temp_directory_path() / ("atelier-window-" + std::to_string(std::random_device()()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  int play(const std::string& script, WindowOptions options = {}) {
    std::ofstream(folder_ / "script") << script;
    options.headless = true;
    options.script = folder_ / "script";
    TestNode node(world_);
    auto window = Window::create(options, node);
    EXPECT_TRUE(window) << window.error().message;
    return window ? (*window)->run() : -1;
  }
  std::string bytes_of(const fs::path& file) {
    std::stringstream bytes;
    bytes << std::ifstream(file, std::ios::binary).rdbuf();
    return bytes.str();
  }

  World world_;
  fs::path folder_;
};

TEST_F(WindowTest, EnterOpensTheDefaultRoomUnderTheRememberedName) {
  EXPECT_EQ(play("wait \"Pad\"\nkey Enter\nwait \"A page of Ada\"\n"), 0);
  EXPECT_EQ(world_.opened, std::vector<std::string>{"pad/lobby/Ada"});
}

TEST_F(WindowTest, NicknameAndRoomAreTypedAndTrimmed) {
  EXPECT_EQ(
      play("click \"Nickname\"\nkey Ctrl+A\ntype \"\u5c71\u7530 \U0001F600\"\nclick \"Room\"\nkey "
           "Ctrl+A\n"
           "type \" studio \"\nclick \"Enter\"\nwait \"A page of \u5c71\u7530 \U0001F600\"\n"),
      0);
  EXPECT_EQ(world_.opened, std::vector<std::string>{"pad/studio/\u5c71\u7530 \U0001F600"});
}

TEST_F(WindowTest, WithoutANicknameNothingOpens) {
  EXPECT_EQ(play("click \"Nickname\"\nkey Ctrl+A\nkey Backspace\nkey Enter\nwait \"What others "
                 "call you\"\n"),
            0);
  EXPECT_TRUE(world_.opened.empty());
}

TEST_F(WindowTest, ARecentRoomOpensWithOneClick) {
  EXPECT_EQ(play("click \"Caf\u00e9\"\nwait \"A page of Ada\"\n"), 0);
  EXPECT_EQ(world_.opened, std::vector<std::string>{"pad/Caf\u00e9/Ada"});
}

TEST_F(WindowTest, ARoomThatDoesNotOpenSaysWhyAndTheWindowStays) {
  world_.open_error = "a room title may not be empty";
  EXPECT_EQ(play("click \"Enter\"\nwait \"That did not work\"\nwait \"may not be empty\"\nwait "
                 "\"Nickname\"\n"),
            0);
}

TEST_F(WindowTest, ADamagedRoomIsRecoveredAndOpened) {
  world_.open_code = ErrorCode::kCorrupt;
  world_.open_error = "page 7 is torn";
  EXPECT_EQ(play("click \"Enter\"\nwait \"is damaged\"\nwait \"page 7 is torn\"\n"
                 "click \"Recover what can be read\"\nwait \"All 7 documents\"\n"
                 "click \"Open the room\"\nwait \"A page of Ada\"\n"),
            0);
  EXPECT_EQ(world_.recovered, std::vector<std::string>{"lobby"});
}

TEST_F(WindowTest, ARecoveryThatFailsSaysWhyAndOffersTheOtherWay) {
  world_.open_code = ErrorCode::kCorrupt;
  world_.open_error = "page 7 is torn";
  world_.recovery_error = "once";
  EXPECT_EQ(play("click \"Enter\"\nclick \"Recover what can be read\"\nwait \"no room\"\n"
                 "click \"Begin empty\"\nwait \"All 7 documents\"\nclick \"Back\"\n"
                 "wait \"Nickname\"\n"),
            0);
  EXPECT_EQ(world_.recovered, (std::vector<std::string>{"lobby", "lobby anew"}));
}

TEST_F(WindowTest, ADamagedRoomMayBeLeftAsItIs) {
  world_.open_code = ErrorCode::kCorrupt;
  world_.open_error = "page 7 is torn";
  EXPECT_EQ(play("click \"Enter\"\nwait \"is damaged\"\nclick \"Back\"\nwait \"Nickname\"\n"), 0);
  EXPECT_TRUE(world_.recovered.empty());
}

TEST_F(WindowTest, LeavingLeadsBackToTheStartScreen) {
  EXPECT_EQ(play("click \"Enter\"\nclick \"Leave\"\nwait \"Nickname\"\nclick \"Enter\"\nwait \"A "
                 "page\"\n"),
            0);
  EXPECT_EQ(world_.opened.size(), 2u);
}

TEST_F(WindowTest, DeletingARoomAsksFirst) {
  const std::string ask =
      "click \"Enter\"\nclick \"Menu\"\nclick \"Delete this room from this computer\u2026\"\n"
      "wait \"will be removed from this computer\"\n";
  EXPECT_EQ(play(ask + "click \"Cancel\"\nwait gone \"will be removed\"\nwait \"A page of Ada\"\n"),
            0);
  EXPECT_TRUE(world_.deleted.empty());
  EXPECT_EQ(play(ask + "click \"Delete\"\nwait \"was deleted\"\nwait \"Nickname\"\n"), 0);
  EXPECT_EQ(world_.deleted, std::vector<std::string>{"lobby"});
}

TEST_F(WindowTest, APluginThatThrowsIsReplacedByAPanelAndReloaded) {
  EXPECT_EQ(play("click \"Enter\"\nclick \"Throw\"\nwait \"Pad stopped\"\nwait \"out of "
                 "paper\"\nclick \"Reload\"\n"
                 "wait \"A page of Ada\"\n"),
            0);
  EXPECT_EQ(world_.reloads, 1);
}

TEST_F(WindowTest, SeveralPluginsOfARoomAreTabs) {
  EXPECT_EQ(play("click \"Enter\"\nwait \"A page of Ada\"\n"
                 "click \"Add another view of this room\"\nclick \"Quill\"\nwait \"A feather\"\n"
                 "wait gone \"A page\"\nclick \"Pad\"\nwait \"A page of Ada\"\n"
                 "click \"Close Pad\"\nwait \"A feather\"\nwait gone \"Close Quill\"\n"),
            0);
}

TEST_F(WindowTest, APluginThatThrowsLeavesTheOtherTabsAlone) {
  EXPECT_EQ(play("click \"Enter\"\nclick \"Throw\"\nwait \"Pad stopped\"\n"
                 "click \"Add another view of this room\"\nclick \"Quill\"\nwait \"A feather\"\n"
                 "wait gone \"Pad stopped\"\nclick \"Pad\"\nwait \"Pad stopped\"\n"),
            0);
}

TEST_F(WindowTest, WhoIsHereIsListed) {
  world_.others = {"Bob", "Chandra", "Dora", "Emil", "Fatima"};
  EXPECT_EQ(play("click \"Enter\"\nwait \"+1\"\nclick \"People\"\nwait \"Ada (you)\"\n"
                 "wait \"Fatima\"\n"),
            0);
}

TEST_F(WindowTest, TheStatusIsInWordsAndItsDetailsOfferToRetry) {
  world_.status.state = SyncState::kOffline;
  world_.status.waiting = 3;
  world_.status.last_error = "connection refused";
  EXPECT_EQ(play("click \"Enter\"\nwait \"Offline: 3 changes waiting\"\nclick \"Status\"\nwait "
                 "\"connection refused\"\n"
                 "click \"Try now\"\nkey Escape\nwait gone \"Try now\"\n"),
            0);
  EXPECT_EQ(world_.retries, 1);
}

TEST_F(WindowTest, ProblemsOfTheRoomAppearAsToasts) {
  world_.problems = {{"message:1", "A document could not be read"}};
  EXPECT_EQ(play("click \"Enter\"\nwait \"A document could not be read\"\n"), 0);
}

TEST_F(WindowTest, AHeldDataFolderIsExplainedUntilItIsFree) {
  world_.blocked = Error(ErrorCode::kBusy, "held by process 4711");
  EXPECT_EQ(play("wait \"held by process 4711\"\nclick \"Try again\"\nwait \"Nickname\"\n"), 0);
}

TEST_F(WindowTest, TheSmallestWindowShowsEverythingThatIsNeeded) {
  WindowOptions small;
  small.width = 640;
  small.height = 480;
  EXPECT_EQ(play("wait \"Nickname\"\nwait \"Room\"\nwait \"Enter\"\nclick \"Enter\"\nwait "
                 "\"Leave\"\nwait \"Menu\"\n"
                 "wait \"Status\"\n",
                 small),
            0);
}

TEST_F(WindowTest, HeadlessPicturesAreTheSameEachTime) {
  const auto shot = [&](const char* name) {
    EXPECT_EQ(
        play("wait \"Pad\"\nclick \"Enter\"\nwait \"A page of Ada\"\nmove 5 700\nscreenshot " +
             (folder_ / name).string() + "\n"),
        0);
    return bytes_of(folder_ / name);
  };
  const std::string first = shot("1.png");
  EXPECT_GT(first.size(), 1'000u);
  EXPECT_EQ(first, shot("2.png"));
}

TEST_F(WindowTest, FramesAreTimedPartByPartWhileAScriptAsksForIt) {
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(play("frames off\nframes on\nclick \"Enter\"\nwait \"A page of Ada\"\nframes off\n"
                 "frames off\n"),
            0);
  const std::string out = ::testing::internal::GetCapturedStdout();
  // Nothing before, nothing after; in between some frames of five numbers each.
  const std::string none = "frames []\n";
  ASSERT_EQ(out.find(none), 0u) << out;
  EXPECT_EQ(out.rfind(none), out.size() - none.size()) << out;
  std::stringstream frames(out.substr(none.size() + std::string("frames [").size()));
  int count = 0;
  for (char comma = ','; comma == ','; ++count) {
    std::array<double, 5> parts{};
    char open = 0, close = 0, skip = 0;
    frames >> open;
    for (double& part : parts) frames >> part >> (&part == &parts.back() ? close : skip);
    ASSERT_TRUE(frames && open == '[' && close == ']') << out;
    for (const double part : parts) EXPECT_GE(part, 0);
    EXPECT_GT(parts[1] + parts[3], 0);
    frames >> comma;
  }
  EXPECT_GE(count, 3);
}

TEST_F(WindowTest, AStepThatDoesNotComeTrueFailsTheRun) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(play("wait \"what nobody wrote\" within 50ms\n"), 1);
  const std::string error = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(error.find("script line 1: not there: \"what nobody wrote\""), std::string::npos)
      << error;
}

TEST_F(WindowTest, ABadScriptIsRefusedBeforeAnythingOpens) {
  std::ofstream(folder_ / "bad") << "jump\n";
  WindowOptions options;
  options.headless = true;
  options.script = folder_ / "bad";
  TestNode node(world_);
  const auto window = Window::create(options, node);
  ASSERT_FALSE(window);
  EXPECT_EQ(window.error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace atelier::host
