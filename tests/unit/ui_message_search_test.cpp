// The search over chat's messages (plugins/chat/message_search.h) as a hand meets it: keys in, what
// is on screen out, without a window and without a store.
#if __has_include("../../plugins/chat/message_search.h")
#include <gtest/gtest.h>
#include <imgui_internal.h>

#include "../../plugins/chat/message_search.h"
#include "ui/shell.h"

namespace atelier::ui {
namespace {

struct Message {
  std::int64_t timestamp = 0;
  std::string sender, text;
};
BOOST_DESCRIBE_STRUCT(Message, (), (timestamp, sender, text))

/// Answers searches with what a test says and counts them.
class Answers : public RawCollection {
 public:
  const std::string& prefix() const override { return prefix_; }
  std::string make_id() override { return "message:1"; }
  void write(const std::string&, ChangeBody) override {}
  void remove(const std::string&) override {}
  std::optional<RawDocument> get(std::string_view) const override { return std::nullopt; }
  std::size_t size() const override { return 0; }
  void for_each(const std::function<bool(const RawDocument&)>&) const override {}
  Result<std::vector<RawHit>> search(std::string_view words, std::size_t) const override {
    asked.emplace_back(words);
    return answer(words);
  }
  Result<std::vector<RawDocument>> find(const CollectionQuery&) const override {
    return std::vector<RawDocument>();
  }
  Subscription on_change(std::function<void(const RawChange&)>) override { return {}; }
  void report_malformed(const std::string&, const std::string&) override {}

  std::function<Result<std::vector<RawHit>>(std::string_view)> answer;
  mutable std::vector<std::string> asked;

 private:
  const std::string prefix_ = "message";
};

class MessageSearchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    context_ = ImGui::CreateContext();
    ImGuiIO& io = ImGui::GetIO();
    io.DisplaySize = {700, 500};
    io.DeltaTime = 1.0f / 60;
    io.BackendFlags |= ImGuiBackendFlags_RendererHasTextures;
    const Status started = start({false, 1, true});
    ASSERT_TRUE(started) << started.error().message;
    answers_->answer = [](std::string_view words) -> Result<std::vector<RawHit>> {
      if (words != "cafe") return std::vector<RawHit>();
      return std::vector<RawHit>{
          {{"message:1", R"({"timestamp":1,"sender":"Ann","text":"Let us meet in the Café"})",
            false},
           {{0, 19, 24}}}};
    };
    frames();
  }
  void TearDown() override {
    for (ImTextureData* texture : ImGui::GetPlatformIO().Textures)
      texture->SetStatus(ImTextureStatus_Destroyed);
    ImGui::DestroyContext(context_);
    stop();
  }

  void frame() {
    ImGui::NewFrame();
    begin_frame();
    ImGui::SetNextWindowPos({0, 0});
    ImGui::SetNextWindowSize(ImGui::GetIO().DisplaySize);
    ImGui::Begin("window", nullptr, ImGuiWindowFlags_NoDecoration);
    open_ = search_.draw(messages_, revision_, {600, 400});
    if (!open_) ImGui::Dummy({600, 400});
    text_field("Message", draft_, "Write a message", 300);
    ImGui::End();
    end_frame();
    ImGui::Render();
    for (ImTextureData* texture : ImGui::GetPlatformIO().Textures) {
      if (texture->Status == ImTextureStatus_WantDestroy) {
        texture->SetStatus(ImTextureStatus_Destroyed);
      } else if (texture->Status != ImTextureStatus_OK) {
        texture->SetTexID(1);
        texture->SetStatus(ImTextureStatus_OK);
      }
    }
  }
  /// Until ImGui has given out all events and the keyboard is where it was asked to be.
  void frames() {
    do frame();
    while (context_->InputEventsQueue.Size > 0);
    frame();
    frame();
  }
  void key(ImGuiKey key, bool control = false) {
    ImGuiIO& io = ImGui::GetIO();
    if (control) io.AddKeyEvent(ImGuiMod_Ctrl, true);
    io.AddKeyEvent(key, true);
    frames();
    io.AddKeyEvent(key, false);
    if (control) io.AddKeyEvent(ImGuiMod_Ctrl, false);
    frames();
  }
  void type(const char* text) {
    ImGui::GetIO().AddInputCharactersUTF8(text);
    frames();
  }
  bool shows(std::string_view words) const {
    for (const Shown& one : shown()) {
      if (one.words.find(words) != std::string::npos) return true;
    }
    return false;
  }

  ImGuiContext* context_ = nullptr;
  const std::shared_ptr<Answers> answers_ = std::make_shared<Answers>();
  Collection<Message> messages_{answers_};
  chat::MessageSearch<Message> search_;
  std::string draft_;
  std::uint64_t revision_ = 1;
  bool open_ = false;
};

TEST_F(MessageSearchTest, ControlFOpensAFieldThatFindsAndEscapeClosesIt) {
  EXPECT_FALSE(open_);
  key(ImGuiKey_F, true);
  ASSERT_TRUE(open_);
  EXPECT_TRUE(answers_->asked.empty()) << "nothing is asked before a word is there";
  type("cafe");
  EXPECT_EQ(draft_, "") << "the search has the keyboard";
  EXPECT_TRUE(shows("Let us meet in the Café"));
  EXPECT_TRUE(shows("Ann"));
  const std::size_t asked = answers_->asked.size();
  frames();
  EXPECT_EQ(answers_->asked.size(), asked) << "a frame without news asks nothing";
  type("x");
  EXPECT_TRUE(shows("Nothing found."));
  EXPECT_FALSE(shows("Let us meet"));
  key(ImGuiKey_Escape);
  EXPECT_FALSE(open_);
  type("hello");
  EXPECT_EQ(draft_, "hello") << "the keyboard is back at the message";
}

TEST_F(MessageSearchTest, NewMessagesAreFoundWhileTheSearchIsOpen) {
  key(ImGuiKey_F, true);
  type("later");
  EXPECT_TRUE(shows("Nothing found."));
  answers_->answer = [](std::string_view) -> Result<std::vector<RawHit>> {
    return std::vector<RawHit>{
        {{"message:2", R"({"sender":"Bob","text":"much later"})", false}, {{0, 5, 10}}}};
  };
  frames();
  EXPECT_FALSE(shows("much later"));
  ++revision_;
  frames();
  EXPECT_TRUE(shows("much later"));
}

TEST_F(MessageSearchTest, AnIndexThatIsNotReadyIsAskedAgain) {
  bool ready = false;
  answers_->answer = [&](std::string_view) -> Result<std::vector<RawHit>> {
    if (!ready) return Error(ErrorCode::kUnavailable, "not yet");
    return std::vector<RawHit>{{{"message:3", R"({"text":"here it is"})", false}, {}}};
  };
  key(ImGuiKey_F, true);
  type("it");
  EXPECT_TRUE(shows("Older messages are being read."));
  EXPECT_TRUE(next_redraw_ms().has_value());
  ready = true;
  frames();
  EXPECT_TRUE(shows("here it is"));
}

TEST_F(MessageSearchTest, PlacesThatLieOutsideOfTheTextHarmNothing) {
  answers_->answer = [](std::string_view) -> Result<std::vector<RawHit>> {
    return std::vector<RawHit>{{{"message:4", R"({"text":"short\nlines"})", false},
                                {{0, 900, 901}, {0, 4, 999}, {0, 2, 3}}}};
  };
  key(ImGuiKey_F, true);
  type("s");
  EXPECT_TRUE(shows("short lines"));
}

}  // namespace
}  // namespace atelier::ui
#endif
