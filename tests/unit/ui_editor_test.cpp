// The editor as a hand and other people meet it: input events in, caret and text out, without a
// window. Random work is compared with a plain string.
#include <algorithm>
#include <random>

#include <gtest/gtest.h>
#include <imgui_internal.h>
#include <utf8proc.h>

#include "base/limits.h"
#include "ui/editor.h"
#include "ui/state.h"
#include "ui/string_model.h"

namespace atelier::ui {
namespace {

constexpr float kPad = 14;  // TextEditorOptions::padding
const std::string kFamily = "\U0001F469\u200D\U0001F469\u200D\U0001F467\u200D\U0001F466";
const std::string kFlag = "\U0001F1E9\U0001F1EA";
const std::string kHebrew = "\u05E9\u05DC\u05D5\u05DD";
const std::string kArabic = "\u0645\u0631\u062D\u0628\u0627";

/// Counts what an editor reads.
class CountingModel : public StringModel {
 public:
  using StringModel::StringModel;
  std::string slice(std::size_t position, std::size_t count) const override {
    read += count;
    return StringModel::slice(position, count);
  }
  mutable std::size_t read = 0;
};

class EditorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    context_ = ImGui::CreateContext();
    ImGuiIO& io = ImGui::GetIO();
    io.DisplaySize = {1000, 800};
    io.DeltaTime = 1.0f / 60;
    io.BackendFlags |= ImGuiBackendFlags_RendererHasTextures;
    const Status started = start({false, 1, true});
    ASSERT_TRUE(started) << started.error().message;
    frame();
  }
  void TearDown() override {
    for (ImTextureData* texture : ImGui::GetPlatformIO().Textures)
      texture->SetStatus(ImTextureStatus_Destroyed);
    ImGui::DestroyContext(context_);
    stop();
  }

  virtual void draw_content() { editor_.draw("Text", model_, size_, options_); }
  void frame() {
    ImGui::NewFrame();
    begin_frame();
    ImGui::SetNextWindowPos({0, 0});
    ImGui::SetNextWindowSize(ImGui::GetIO().DisplaySize);
    ImGui::Begin("window", nullptr, ImGuiWindowFlags_NoDecoration);
    draw_content();
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
  /// Until ImGui has given out all events.
  void frames() {
    do frame();
    while (context_->InputEventsQueue.Size > 0);
  }

  void show(std::string_view text, bool focused = true) {
    model_.set(text);
    editor_.reset();
    if (focused) editor_.focus();
    frames();
    frames();
    caret_to(0);
  }
  void caret_to(std::size_t position) {
    editor_.select(position, position);
    frames();
  }
  void type(std::string_view text) {
    ImGui::GetIO().AddInputCharactersUTF8(std::string(text).c_str());
    frames();
  }
  void key(ImGuiKey key, int modifiers = 0) {
    ImGuiIO& io = ImGui::GetIO();
    const auto hold = [&](bool down) {
      for (const auto modifier : {ImGuiMod_Ctrl, ImGuiMod_Shift, ImGuiMod_Alt})
        if (modifiers & modifier) io.AddKeyEvent(modifier, down);
    };
    hold(true);
    io.AddKeyEvent(key, true);
    frames();
    io.AddKeyEvent(key, false);
    hold(false);
    frames();
  }
  void keys(int times, ImGuiKey which, int modifiers = 0) {
    for (int i = 0; i < times; ++i) key(which, modifiers);
  }
  void pause() {  // so long that clicks are apart, and edits are steps of their own
    ImGui::GetIO().DeltaTime = 2;
    frame();
    ImGui::GetIO().DeltaTime = 1.0f / 60;
  }
  void pointer(ImVec2 at) {
    ImGui::GetIO().AddMousePosEvent(at.x, at.y);
    frames();
  }
  void button(bool down) {
    ImGui::GetIO().AddMouseButtonEvent(0, down);
    frames();
  }
  void click(ImVec2 at, int times = 1) {
    pause();
    pointer(at);
    for (int i = 0; i < times; ++i) {
      button(true);
      button(false);
    }
  }
  /// The middle of the visual line, a little right of where the caret would stand.
  ImVec2 at(std::size_t position, float right = 1) {
    const EditorSpot spot = editor_.text().spot_of({position, false});
    const float height = editor_.text().metrics().line_height;
    return {kPad + spot.x + right, kPad + static_cast<float>(spot.block.top) +
                                       height * (static_cast<float>(spot.line) + 0.5f)};
  }
  std::pair<std::size_t, std::size_t> selection() const {
    return {std::min(editor_.anchor(), editor_.caret()),
            std::max(editor_.anchor(), editor_.caret())};
  }
  std::string selected() {
    const auto [begin, end] = selection();
    return model_.slice(begin, end - begin);
  }
  std::size_t caret() { return editor_.caret(); }

  void remote(std::size_t position, std::size_t erased, std::string_view text) {
    std::u32string now = to_points(model_.text());
    now.replace(position, erased, to_points(text));
    quiet_ = true;
    model_.set(to_utf8(now));
    quiet_ = false;
    editor_.patched(position, erased, to_points(text).size(), false);
  }

  /// Invariants of blocks and layouts.
  void expect_whole() {
    EditorText& text = editor_.text();
    std::u32string all;
    auto at = text.blocks().first();
    do {
      const auto& block = text.blocks()[at];
      const BlockLayout& laid = text.layout(at);
      ASSERT_EQ(block.points, laid.text.size() + (block.ends_line ? 1 : 0));
      all += laid.text;
      if (block.ends_line) all += U'\n';
      std::vector<std::pair<std::uint32_t, std::uint32_t>> cells;
      std::uint32_t line_end = 0;
      for (const auto& line : laid.layout.lines) {
        ASSERT_EQ(line.begin, line_end);
        line_end = line.end;
        for (auto i = line.first_cell; i < line.first_cell + line.cells; ++i) {
          const auto& cell = laid.layout.cells[i];
          ASSERT_GE(cell.begin, line.begin);
          ASSERT_LE(cell.end, line.end);
          ASSERT_LE(cell.left, cell.right + 0.01f);
          cells.emplace_back(cell.begin, cell.end);
        }
      }
      ASSERT_EQ(line_end, laid.text.size());
      std::sort(cells.begin(), cells.end());
      std::uint32_t end = 0;
      for (const auto& [from, to] : cells) {
        ASSERT_EQ(from, end);
        end = to;
      }
      ASSERT_EQ(end, laid.text.size());
    } while (text.blocks().next(at));
    ASSERT_TRUE(all == to_points(model_.text()));
  }
  bool is_between_clusters(std::size_t position) {
    const std::u32string text = to_points(model_.text());
    if (position > text.size()) return false;
    // A "\n" ends its line by itself: what an "\r" before it is drawn as can be stepped over.
    if (position < text.size() && text[position] == U'\n') return true;
    std::size_t begin = position == 0 ? text.npos : text.rfind(U'\n', position - 1);
    begin = begin == text.npos ? 0 : begin + 1;
    utf8proc_int32_t state = 0;
    bool between = true;
    for (std::size_t i = begin + 1; i <= position && i < text.size(); ++i)
      between = utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(text[i - 1]),
                                                 static_cast<utf8proc_int32_t>(text[i]), &state);
    return between || position == begin || position == text.size();
  }

  ImGuiContext* context_ = nullptr;
  EditorCore editor_;
  bool quiet_ = false;
  CountingModel model_{
      [this](std::size_t position, std::size_t erased, std::size_t inserted, bool own) {
        if (!quiet_) editor_.patched(position, erased, inserted, own);
      }};
  ImVec2 size_{420, 300};
  TextEditorOptions options_;
};

// --- Typing and erasing

TEST_F(EditorTest, WhatIsTypedStandsAtTheCaret) {
  show("");
  type("Hello");
  keys(2, ImGuiKey_LeftArrow);
  type("p!");
  EXPECT_EQ(model_.text(), "Help!lo");
  EXPECT_EQ(caret(), 5u);
}

TEST_F(EditorTest, WithoutFocusNothingIsTyped) {
  show("a", false);
  type("b");
  EXPECT_EQ(model_.text(), "a");
  EXPECT_FALSE(editor_.focused());
}

TEST_F(EditorTest, ControlCharactersAreNotTyped) {
  show("");
  type(
      "a\x01\x7f\u0085"
      "b");
  EXPECT_EQ(model_.text(), "ab");
}

TEST_F(EditorTest, EnterAndTabAreWrittenInATextOfManyLines) {
  show("ab");
  caret_to(1);
  key(ImGuiKey_Enter);
  key(ImGuiKey_Tab);
  EXPECT_EQ(model_.text(), "a\n\tb");
  EXPECT_TRUE(editor_.focused());
}

TEST_F(EditorTest, BackspaceAndDeleteTakeWholeCharacters) {
  for (const std::string& one :
       {std::string("x"), kFamily, kFlag, std::string("e\u0301"),
        std::string("\U0001F44D\U0001F3FD"), std::string("\u65E5"), std::string("\u0E01\u0E33")}) {
    show("a" + one + "b");
    keys(2, ImGuiKey_RightArrow);
    key(ImGuiKey_Backspace);
    EXPECT_EQ(model_.text(), "ab") << one;
    show("a" + one + "b");
    key(ImGuiKey_RightArrow);
    key(ImGuiKey_Delete);
    EXPECT_EQ(model_.text(), "ab") << one;
  }
}

TEST_F(EditorTest, BackspaceAtALinesBeginJoinsLines) {
  show("one\ntwo");
  caret_to(4);
  key(ImGuiKey_Backspace);
  EXPECT_EQ(model_.text(), "onetwo");
  EXPECT_EQ(caret(), 3u);
  expect_whole();
}

TEST_F(EditorTest, ErasingByWordTakesWordAndSpace) {
  show("one two  three");
  caret_to(7);
  key(ImGuiKey_Backspace, ImGuiMod_Ctrl);
  EXPECT_EQ(model_.text(), "one   three");
  caret_to(0);
  key(ImGuiKey_Delete, ImGuiMod_Ctrl);
  EXPECT_EQ(model_.text(), "three");
}

TEST_F(EditorTest, TypingReplacesWhatIsSelected) {
  show("one two");
  editor_.select(0, 3);
  type("1");
  EXPECT_EQ(model_.text(), "1 two");
  editor_.select(5, 1);
  key(ImGuiKey_Delete);
  EXPECT_EQ(model_.text(), "1");
}

TEST_F(EditorTest, AReadOnlyTextIsOnlySelectedAndCopied) {
  options_.read_only = true;
  show("fixed");
  type("x");
  key(ImGuiKey_Delete);
  key(ImGuiKey_Enter);
  key(ImGuiKey_A, ImGuiMod_Ctrl);
  key(ImGuiKey_X, ImGuiMod_Ctrl);
  key(ImGuiKey_V, ImGuiMod_Ctrl);
  EXPECT_EQ(model_.text(), "fixed");
  EXPECT_STREQ(ImGui::GetClipboardText(), "fixed");
}

// --- Moving

TEST_F(EditorTest, ArrowsStepOverWholeCharacters) {
  show("a" + kFamily + "e\u0301" + kFlag);
  std::vector<std::size_t> seen;
  for (int i = 0; i < 4; ++i) {
    key(ImGuiKey_RightArrow);
    seen.push_back(caret());
  }
  EXPECT_EQ(seen, (std::vector<std::size_t>{1, 8, 10, 12}));
  keys(3, ImGuiKey_LeftArrow);
  EXPECT_EQ(caret(), 1u);
}

TEST_F(EditorTest, InRightToLeftTextArrowsFollowTheScreen) {
  show(kHebrew);
  key(ImGuiKey_LeftArrow);
  EXPECT_EQ(caret(), 1u);  // on, to the left
  keys(3, ImGuiKey_LeftArrow);
  EXPECT_EQ(caret(), 4u);
  key(ImGuiKey_RightArrow);
  EXPECT_EQ(caret(), 3u);
}

TEST_F(EditorTest, AcrossMixedDirectionsEachStepMovesOnTheScreenAndNoneIsLost) {
  show("ab " + kHebrew + " cd");
  EditorCaret caret;
  float x = 0;
  for (int i = 0; i < 10; ++i) {
    caret = editor_.text().step(caret, true);
    const float next = editor_.text().spot_of(caret).x;
    EXPECT_GT(next, x) << i;
    x = next;
  }
  EXPECT_EQ(caret.position, model_.size());
  for (int i = 0; i < 10; ++i) {
    caret = editor_.text().step(caret, false);
    const float next = editor_.text().spot_of(caret).x;
    EXPECT_LT(next, x) << i;
    x = next;
  }
  EXPECT_EQ(caret.position, 0u);
  EXPECT_EQ(x, 0);
}

TEST_F(EditorTest, ArrowsCrossLines) {
  show("a\nb");
  keys(2, ImGuiKey_RightArrow);
  EXPECT_EQ(caret(), 2u);
  key(ImGuiKey_LeftArrow);
  EXPECT_EQ(caret(), 1u);
  keys(5, ImGuiKey_RightArrow);
  EXPECT_EQ(caret(), 3u);
}

TEST_F(EditorTest, ByWordTheCaretStopsAtWordBegins) {
  show("one, two\nthree");
  std::vector<std::size_t> right, left;
  for (int i = 0; i < 5; ++i) {
    key(ImGuiKey_RightArrow, ImGuiMod_Ctrl);
    right.push_back(caret());
  }
  EXPECT_EQ(right, (std::vector<std::size_t>{3, 5, 8, 9, 14}));
  for (int i = 0; i < 5; ++i) {
    key(ImGuiKey_LeftArrow, ImGuiMod_Ctrl);
    left.push_back(caret());
  }
  EXPECT_EQ(left, (std::vector<std::size_t>{9, 8, 5, 3, 0}));
}

TEST_F(EditorTest, UpAndDownKeepTheirPlaceAcrossShorterLines) {
  show("a long first line\nb\nanother long line");
  caret_to(10);
  const float x = editor_.text().spot_of({10, false}).x;
  key(ImGuiKey_DownArrow);
  EXPECT_EQ(caret(), 19u);
  key(ImGuiKey_DownArrow);
  EXPECT_NEAR(editor_.text().spot_of({caret(), false}).x, x, 6);
  keys(2, ImGuiKey_UpArrow);
  EXPECT_EQ(caret(), 10u);
  keys(2, ImGuiKey_UpArrow);
  EXPECT_EQ(caret(), 0u);  // beyond the first line: its begin
}

TEST_F(EditorTest, HomeAndEndAreOfTheVisualLine) {
  std::string words;
  for (int i = 0; i < 40; ++i) words += "word ";
  show(words);
  key(ImGuiKey_End);
  const std::size_t end = caret();
  EXPECT_GT(end, 20u);
  EXPECT_LT(end, 100u);
  key(ImGuiKey_Home);
  EXPECT_EQ(caret(), 0u);
  key(ImGuiKey_End);
  key(ImGuiKey_DownArrow);
  key(ImGuiKey_Home);
  EXPECT_EQ(caret(), end);  // where a line is broken, its end is the next one's begin
  key(ImGuiKey_End, ImGuiMod_Ctrl);
  EXPECT_EQ(caret(), model_.size());
  key(ImGuiKey_Home, ImGuiMod_Ctrl);
  EXPECT_EQ(caret(), 0u);
}

TEST_F(EditorTest, PageDownAndPageUpMoveByWhatIsVisible) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "line " + std::to_string(i) + "\n";
  show(text);
  key(ImGuiKey_PageDown);
  const std::size_t line = model_.line_of(caret());
  EXPECT_GT(line, 5u);
  EXPECT_LT(line, 20u);
  key(ImGuiKey_PageDown);
  EXPECT_EQ(model_.line_of(caret()), 2 * line);
  keys(2, ImGuiKey_PageUp);
  EXPECT_EQ(caret(), 0u);
}

TEST_F(EditorTest, ShiftSelects) {
  show("one two");
  keys(2, ImGuiKey_RightArrow, ImGuiMod_Shift);
  EXPECT_EQ(selected(), "on");
  key(ImGuiKey_RightArrow, ImGuiMod_Shift | ImGuiMod_Ctrl);
  EXPECT_EQ(selected(), "one ");
  key(ImGuiKey_End, ImGuiMod_Shift);
  EXPECT_EQ(selected(), "one two");
  key(ImGuiKey_LeftArrow);
  EXPECT_EQ(caret(), 0u);
  EXPECT_EQ(selected(), "");
  key(ImGuiKey_A, ImGuiMod_Ctrl);
  EXPECT_EQ(selected(), "one two");
  key(ImGuiKey_RightArrow);
  EXPECT_EQ(caret(), 7u);
}

TEST_F(EditorTest, EachMovementCountsAsARevisionOfTheCaret) {
  show("ab");
  const auto before = editor_.caret_revision();
  key(ImGuiKey_RightArrow);
  EXPECT_GT(editor_.caret_revision(), before);
  const auto after = editor_.caret_revision();
  frames();
  EXPECT_EQ(editor_.caret_revision(), after);
}

// --- Pointer

TEST_F(EditorTest, AClickPutsTheCaretBetweenLetters) {
  show("hello\nworld", false);
  click(at(8));
  EXPECT_TRUE(editor_.focused());
  EXPECT_EQ(caret(), 8u);
  click(at(2));
  EXPECT_EQ(caret(), 2u);
  click({kPad + 300, kPad + 5});
  EXPECT_EQ(caret(), 5u);  // right of a line: its end
  click({kPad + 300, 280});
  EXPECT_EQ(caret(), 11u);  // below the text: the end
}

TEST_F(EditorTest, AClickElsewhereTakesTheFocusAway) {
  show("hello");
  EXPECT_TRUE(editor_.focused());
  click({700, 500});
  EXPECT_FALSE(editor_.focused());
}

TEST_F(EditorTest, DraggingSelects) {
  show("hello world", false);
  pause();
  pointer(at(2));
  button(true);
  pointer(at(9));
  EXPECT_EQ(selected(), "llo wor");
  pointer(at(0));
  EXPECT_EQ(selected(), "he");
  button(false);
  pointer(at(7));
  EXPECT_EQ(selected(), "he");
}

TEST_F(EditorTest, ShiftClickSelectsFromTheCaret) {
  show("hello world");
  click(at(2));
  ImGui::GetIO().AddKeyEvent(ImGuiMod_Shift, true);
  click(at(7));
  ImGui::GetIO().AddKeyEvent(ImGuiMod_Shift, false);
  frames();
  EXPECT_EQ(selected(), "llo w");
}

TEST_F(EditorTest, TwoClicksTakeAWordAndThreeAParagraph) {
  show("first line\nthe second one\nlast", false);
  click(at(16, 2), 2);
  EXPECT_EQ(selected(), "second");
  click(at(20, 4), 2);  // the right half of the last letter
  EXPECT_EQ(selected(), "second");
  click(at(16, 2), 3);
  EXPECT_EQ(selected(), "the second one\n");
}

TEST_F(EditorTest, DraggingAfterTwoClicksTakesWholeWords) {
  show("one two three four", false);
  pause();
  pointer(at(5));
  button(true);
  button(false);
  button(true);
  pointer(at(10));
  EXPECT_EQ(selected(), "two three");
  pointer(at(1));
  EXPECT_EQ(selected(), "one two");
  button(false);
}

TEST_F(EditorTest, DraggingBelowTheEdgeScrolls) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "line " + std::to_string(i) + "\n";
  show(text, false);
  pause();
  pointer(at(2));
  button(true);
  pointer({100, 500});
  for (int i = 0; i < 60; ++i) frame();
  EXPECT_GT(model_.line_of(caret()), 40u);
  button(false);
  EXPECT_GT(selected().size(), 200u);
}

TEST_F(EditorTest, TheWheelScrollsAndTheCaretStays) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "line " + std::to_string(i) + "\n";
  show(text);
  pointer({100, 100});
  ImGui::GetIO().AddMouseWheelEvent(0, -10);
  frames();
  EXPECT_EQ(caret(), 0u);
  bool seen = false;
  for (const auto& item : shown()) seen = seen || item.words == "line 0";
  EXPECT_FALSE(seen);
  type("x");  // and typing shows it again
  seen = false;
  for (const auto& item : shown()) seen = seen || item.words == "xline 0";
  EXPECT_TRUE(seen);
}

TEST_F(EditorTest, TheScrollbarReachesTheEnd) {
  std::string text;
  for (int i = 0; i < 2'000; ++i) text += "line " + std::to_string(i) + "\n";
  show(text, false);
  pointer({size_.x - 5, 20});
  button(true);
  pointer({size_.x - 5, 600});
  button(false);
  bool seen = false;
  for (const auto& item : shown()) seen = seen || item.words == "line 1999";
  EXPECT_TRUE(seen);
}

// --- Clipboard

TEST_F(EditorTest, CutCopyAndPaste) {
  show("one two");
  editor_.select(0, 3);
  key(ImGuiKey_X, ImGuiMod_Ctrl);
  EXPECT_EQ(model_.text(), " two");
  key(ImGuiKey_End);
  key(ImGuiKey_V, ImGuiMod_Ctrl);
  EXPECT_EQ(model_.text(), " twoone");
  editor_.select(0, 4);
  key(ImGuiKey_Insert, ImGuiMod_Ctrl);
  caret_to(7);
  key(ImGuiKey_Insert, ImGuiMod_Shift);
  EXPECT_EQ(model_.text(), " twoone two");
  editor_.select(0, 4);
  key(ImGuiKey_Delete, ImGuiMod_Shift);
  EXPECT_EQ(model_.text(), "one two");
}

TEST_F(EditorTest, PastedLineEndsBecomeOurs) {
  show("");
  ImGui::SetClipboardText("a\r\nb\rc\x02\n");
  key(ImGuiKey_V, ImGuiMod_Ctrl);
  EXPECT_EQ(model_.text(), "a\nb\nc\n");
}

TEST_F(EditorTest, InOneLinePastedLineEndsBecomeSpaces) {
  options_.single_line = true;
  size_.y = 40;
  show("");
  ImGui::SetClipboardText("a\r\nb\n");
  key(ImGuiKey_V, ImGuiMod_Ctrl);
  EXPECT_EQ(model_.text(), "a b");
}

// --- Undo

TEST_F(EditorTest, UndoTakesBackWordsAndRedoBringsThem) {
  show("");
  type("one");
  type(" ");
  type("two");
  key(ImGuiKey_Z, ImGuiMod_Ctrl);
  EXPECT_EQ(model_.text(), "one ");
  EXPECT_EQ(caret(), 4u);
  key(ImGuiKey_Z, ImGuiMod_Ctrl);
  EXPECT_EQ(model_.text(), "");
  key(ImGuiKey_Y, ImGuiMod_Ctrl);
  key(ImGuiKey_Z, ImGuiMod_Ctrl | ImGuiMod_Shift);
  EXPECT_EQ(model_.text(), "one two");
}

TEST_F(EditorTest, APauseAMovementAndAPasteAreStepsOfTheirOwn) {
  show("");
  type("a");
  pause();
  type("b");
  key(ImGuiKey_LeftArrow);
  type("c");
  EXPECT_EQ(model_.text(), "acb");
  key(ImGuiKey_Z, ImGuiMod_Ctrl);
  EXPECT_EQ(model_.text(), "ab");
  key(ImGuiKey_Z, ImGuiMod_Ctrl);
  EXPECT_EQ(model_.text(), "a");
}

// --- One line, and fields that submit

TEST_F(EditorTest, EnterSubmitsOneLine) {
  options_.single_line = true;
  size_.y = 40;
  show("name");
  EXPECT_FALSE(editor_.submitted());
  key(ImGuiKey_Enter);
  EXPECT_EQ(model_.text(), "name");
  EXPECT_TRUE(editor_.submitted());
  EXPECT_FALSE(editor_.submitted());
}

TEST_F(EditorTest, ALongLineScrollsSideways) {
  options_.single_line = true;
  size_.y = 40;
  show(std::string(200, 'm') + "end");
  key(ImGuiKey_End);
  click({size_.x - kPad - 3, 20});
  EXPECT_GT(caret(), 195u);
  key(ImGuiKey_Home);
  click({kPad + 1, 20});
  EXPECT_EQ(caret(), 0u);
}

TEST_F(EditorTest, WithEnterSubmitsShiftEnterBeginsALine) {
  options_.enter_submits = true;
  show("a");
  key(ImGuiKey_End);
  key(ImGuiKey_Enter, ImGuiMod_Shift);
  EXPECT_EQ(model_.text(), "a\n");
  EXPECT_FALSE(editor_.submitted());
  key(ImGuiKey_Enter);
  EXPECT_EQ(model_.text(), "a\n");
  EXPECT_TRUE(editor_.submitted());
}

// --- Others' edits

TEST_F(EditorTest, WhatOthersWriteBeforeTheCaretMovesItAndAtOrBehindItDoesNot) {
  show("0123456789");
  caret_to(5);
  remote(2, 0, "ab");
  frames();
  EXPECT_EQ(caret(), 7u);
  remote(7, 0, "cd");
  frames();
  EXPECT_EQ(caret(), 7u);
  remote(9, 1, "");
  frames();
  EXPECT_EQ(caret(), 7u);
  remote(5, 4, "X");
  frames();
  EXPECT_EQ(caret(), 5u);
  expect_whole();
}

TEST_F(EditorTest, AMarkThatOthersPutOnTheLetterBeforeTheCaretTakesTheCaretAlong) {
  show("abc");
  caret_to(1);
  remote(1, 0, "\u0301");
  frames();
  EXPECT_EQ(caret(), 2u);
}

TEST_F(EditorTest, WhatIsVisibleStaysWhenOthersWriteAbove) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "line " + std::to_string(i) + "\n";
  show(text);
  caret_to(model_.line_begin(150));
  const auto visible = [&] {
    std::vector<std::pair<std::string, float>> lines;
    for (const auto& item : shown())
      if (item.words.starts_with("line")) lines.emplace_back(item.words, item.min.y);
    return lines;
  };
  const auto before = visible();
  ASSERT_GT(before.size(), 5u);
  remote(0, 0, "one more\nand another\n");
  frames();
  EXPECT_EQ(visible(), before);
  remote(model_.line_begin(50), model_.line_begin(60) - model_.line_begin(50), "");
  frames();
  EXPECT_EQ(visible(), before);
  EXPECT_EQ(model_.line_of(caret()), 142u);
}

TEST_F(EditorTest, WithinTheFirstParagraphWhatIsVisibleStaysWhenOthersWriteAboveIt) {
  std::string words;
  for (int i = 0; i < 400; ++i) words += "word" + std::to_string(i) + " ";
  show(words);
  pointer({100, 100});
  ImGui::GetIO().AddMouseWheelEvent(0, -5);
  frames();
  const std::size_t top = (click({kPad + 1, kPad + 4}), caret());
  ASSERT_GT(top, 20u);
  remote(0, 0, "a line above\n");
  frames();
  click({kPad + 1, kPad + 4});
  EXPECT_EQ(caret(), top + 13);
}

TEST_F(EditorTest, ADragGoesOnFromTheSameLettersWhenOthersEdit) {
  show("0123456789 abcdefghij");
  pause();
  pointer(at(12));
  button(true);
  pointer(at(15));
  EXPECT_EQ(selected(), "bcd");
  remote(0, 8, "");
  frames();
  pointer(at(8));
  EXPECT_EQ(selected(), "bcde");
  remote(0, model_.size(), "x");
  frames();
  pointer({kPad, kPad + 4});
  EXPECT_LE(selection().second, model_.size());
  button(false);
}

TEST_F(EditorTest, NamesStandAtRemoteCaretsMoveWithTheTextAndGoAfterSomeSeconds) {
  show("first line\nhello world");
  const auto flag = [&]() -> std::optional<ImVec2> {
    for (const auto& item : shown())
      if (item.words == "Bob") return item.min;
    return std::nullopt;
  };
  editor_.set_remote_carets({{"Bob", 17, 20}});
  frames();
  ASSERT_TRUE(flag());
  EXPECT_NEAR(flag()->x, at(17, 0).x, 2);
  EXPECT_LT(flag()->y, at(17, 0).y);
  remote(11, 0, ">> ");
  frames();
  EXPECT_NEAR(flag()->x, at(20, 0).x, 2);
  pause();
  pause();
  frames();
  EXPECT_FALSE(flag());
  pointer(at(20, 2));  // but near the pointer it is shown
  EXPECT_TRUE(flag());
  pointer({390, 250});
  EXPECT_FALSE(flag());
  editor_.set_remote_carets({{"Bob", 20, 23}});  // where it was
  frames();
  EXPECT_FALSE(flag());
  editor_.set_remote_carets({{"Bob", 5, 5}});
  frames();
  EXPECT_TRUE(flag());
  editor_.set_remote_carets({{"Bob", 5'000, 4'000}});  // of a text that is not here yet
  frames();
  EXPECT_EQ(caret(), 0u);
}

// --- Finding

TEST_F(EditorTest, FindsWithoutRegardToCaseAndToTheWayAnAccentIsWritten) {
  show("Caf\u00E9 cafe\u0301 CAF\u00C9 cafe stra\u00DFe STRASSE");
  editor_.find("caf\u00E9");
  EXPECT_EQ(editor_.found(model_).count, 3u);
  editor_.find("cafe");
  EXPECT_EQ(editor_.found(model_).count, 1u);
  editor_.find("strasse");
  EXPECT_EQ(editor_.found(model_).count, 2u);
  editor_.find("nowhere");
  EXPECT_EQ(editor_.found(model_).count, 0u);
  editor_.find("");
  EXPECT_EQ(editor_.found(model_).count, 0u);
}

TEST_F(EditorTest, FindNextGoesAroundInBothDirections) {
  show("a-b-a-b\na");
  editor_.find("A");
  EXPECT_EQ(editor_.found(model_).current, 0u);
  std::vector<std::size_t> seen;
  for (int i = 0; i < 4; ++i) {
    editor_.find_next(model_);
    frames();
    seen.push_back(editor_.found(model_).current);
  }
  EXPECT_EQ(seen, (std::vector<std::size_t>{1, 2, 3, 1}));
  editor_.find_next(model_, true);
  frames();
  EXPECT_EQ(editor_.found(model_).current, 3u);
  EXPECT_EQ(selected(), "a");
}

TEST_F(EditorTest, AnEditChangesWhatIsFound) {
  show("one two one");
  editor_.find("one");
  EXPECT_EQ(editor_.found(model_).count, 2u);
  type("one ");
  EXPECT_EQ(editor_.found(model_).count, 3u);
  remote(0, 2, "");
  frames();
  EXPECT_EQ(editor_.found(model_).count, 2u);
}

// --- Large texts

TEST_F(EditorTest, AKeystrokeInALargeTextReadsOnlyItsParagraph) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += std::string(99, 'a' + i % 26) + "\n";
  show(text);
  caret_to(500'050);
  model_.read = 0;
  type("x");
  EXPECT_LT(model_.read, 1'000u);
  editor_.find("aaa");
  while (editor_.text().blocks().unsearched() > 0) editor_.found(model_);
  model_.read = 0;
  type("y");
  editor_.found(model_);
  EXPECT_LT(model_.read, 1'000u);
}

TEST_F(EditorTest, AMegabyteInOneLineIsCutIntoPieces) {
  std::string text;
  while (text.size() < 1'000'000) text += "word" + std::to_string(text.size()) + " ";
  show(text);
  caret_to(500'000);
  model_.read = 0;
  type("x");
  EXPECT_LT(model_.read, 20'000u);
  key(ImGuiKey_End, ImGuiMod_Ctrl);
  EXPECT_EQ(caret(), model_.size());
  keys(3, ImGuiKey_UpArrow);
  key(ImGuiKey_Backspace);
  expect_whole();
  editor_.select(10, model_.size() - 10);
  key(ImGuiKey_Delete);
  frames();
  EXPECT_EQ(model_.size(), 20u);
  EXPECT_EQ(editor_.text().blocks().count(), 1u);
  expect_whole();
}

TEST_F(EditorTest, ALongFieldOfOneLineIsLaidOutOnce) {
  options_.single_line = true;
  size_.y = 40;
  show(std::string(3 * kEditorLayoutsMax * kEditorBlockPointsMax / 2, 'i'));
  ASSERT_GT(editor_.text().blocks().count(), kEditorLayoutsMax);
  key(ImGuiKey_End);
  model_.read = 0;
  type("x");
  frames();
  EXPECT_LT(model_.read, 5 * kEditorBlockPointsMax);
  click({size_.x - kPad - 3, 20});
  EXPECT_GT(caret() + 10, model_.size());
}

TEST_F(EditorTest, ALineOfManyPiecesIsWalkedThroughWithoutLoss) {
  show(std::string(3 * kEditorBlockPointsMax, 'i'));
  ASSERT_GT(editor_.text().blocks().count(), 2u);
  EditorCaret caret;
  for (std::size_t i = 0; i < model_.size(); ++i) {
    caret = editor_.text().step(caret, true);
    ASSERT_EQ(caret.position, i + 1);
  }
  for (std::size_t i = model_.size(); i > 0; --i) {
    caret = editor_.text().step(caret, false);
    ASSERT_EQ(caret.position, i - 1);
  }
}

TEST_F(EditorTest, ContentHeightCountsWrappedLines) {
  show("one two three four five six seven eight nine ten eleven twelve thirteen fourteen");
  const float height = editor_.text().metrics().line_height;
  EXPECT_EQ(editor_.content_height(model_, 10'000), height);
  EXPECT_GT(editor_.content_height(model_, 120), 4 * height);
}

TEST_F(EditorTest, TabsReachTheSameStopOnEachLine) {
  show("a\tx\nabc\tx\n\tx");
  const float stop = editor_.text().spot_of({2, false}).x;
  EXPECT_GT(stop, 20);
  EXPECT_NEAR(editor_.text().spot_of({8, false}).x, stop, 0.1f);
  EXPECT_NEAR(editor_.text().spot_of({11, false}).x, stop, 0.1f);
}

TEST_F(EditorTest, ATabRightBeforeAStopIsSeenToo) {
  for (std::size_t before = 0; before < 24; ++before) {
    show(std::string(before, 'i') + "\tx");
    const float gap =
        editor_.text().spot_of({before + 1, false}).x - editor_.text().spot_of({before, false}).x;
    EXPECT_GT(gap, 0.25f * editor_.text().metrics().em) << before;
  }
}

// --- Input methods

TEST_F(EditorTest, AnInputMethodIsToldWhereTheCaretIs) {
  show("hello\nworld");
  caret_to(8);
  const ImGuiPlatformImeData& data = context_->PlatformImeData;
  EXPECT_TRUE(data.WantVisible);
  EXPECT_TRUE(ImGui::GetIO().WantTextInput);
  EXPECT_NEAR(data.InputPos.x, at(8, 0).x, 2);
  EXPECT_NEAR(data.InputPos.y, kPad + editor_.text().metrics().line_height, 2);
}

TEST_F(EditorTest, WhatIsComposedIsNoTextUntilItIsTyped) {
  show("ab");
  caret_to(1);
  set_composition("\u306B\u307B", 2);
  frames();
  EXPECT_EQ(model_.text(), "ab");
  type("\u65E5");
  EXPECT_EQ(model_.text(), "a\u65E5b");
  EXPECT_TRUE(state().composition.empty());
}

TEST_F(EditorTest, WhatIsComposedHasTheSizeOfTheText) {
  const auto composed_width = [&](float size) {
    options_.text_size = size;
    show("ab");
    set_composition("\u306B\u307B", 2);
    frames();
    for (const auto& item : shown())
      if (item.words == "\u306B\u307B") return item.max.x - item.min.x;
    return 0.0f;
  };
  const float small = composed_width(10);
  EXPECT_GT(small, 10);
  EXPECT_NEAR(composed_width(30), 3 * small, 3);
}

TEST_F(EditorTest, AStillEditorAsksForNoMoreFramesThanItsCaretNeeds) {
  state().options.record = false;
  show("ab");
  EXPECT_LE(next_redraw_ms().value_or(1'000'000), kEditorBlinkMs);
  ImGui::GetIO().DeltaTime = kEditorBlinkForMs / 1000.0f + 1;
  frame();
  EXPECT_FALSE(next_redraw_ms().has_value());
  ImGui::GetIO().DeltaTime = 1.0f / 60;
  type("c");
  EXPECT_TRUE(next_redraw_ms().has_value());
  click({700, 500});
  EXPECT_FALSE(next_redraw_ms().has_value());
}

// --- text_field() and text_area()

class FieldsTest : public EditorTest {
 protected:
  void draw_content() override {
    if (focus_) focus_next_field();
    focus_ = false;
    changed_ = text_field("First", first_, "a name", 200, &submitted_) || changed_;
    text_field("Second", second_, "", 200);
    sent_ = text_area("Area", area_, "a message", 200, 3) || sent_;
  }
  std::string first_, second_, area_;
  bool focus_ = false, changed_ = false, submitted_ = false, sent_ = false;
};

TEST_F(FieldsTest, TabGoesFromFieldToField) {
  focus_ = true;
  frames();
  type("one");
  EXPECT_TRUE(changed_);
  key(ImGuiKey_Tab);
  frames();
  type("two");
  key(ImGuiKey_Tab);
  frames();
  type("three");
  EXPECT_EQ(first_, "one");
  EXPECT_EQ(second_, "two");
  EXPECT_EQ(area_, "three");
  key(ImGuiKey_Tab, ImGuiMod_Shift);
  frames();
  type("2");  // what Tab reaches is selected
  EXPECT_EQ(second_, "2");
}

TEST_F(FieldsTest, AValueThatChangesElsewhereIsShownAndWrittenOn) {
  focus_ = true;
  frames();
  type("abcdef");
  first_.resize(3);
  frames();
  type("x");
  EXPECT_EQ(first_, "abcx");
  first_.clear();
  frames();
  type("y");
  EXPECT_EQ(first_, "y");
}

TEST_F(FieldsTest, AnAreaSendsWithEnterAndKeepsTheKeyboard) {
  frames();
  click({50, 100});
  type("hello");
  key(ImGuiKey_Enter, ImGuiMod_Shift);
  EXPECT_FALSE(sent_);
  type("you");
  key(ImGuiKey_Enter);
  EXPECT_TRUE(sent_);
  EXPECT_EQ(area_, "hello\nyou");
  area_.clear();
  frames();
  type("next");
  EXPECT_EQ(area_, "next");
}

TEST_F(FieldsTest, AnAreaGrowsWithWrappedLinesUpToItsMost) {
  const float line = line_height();
  const float one = text_area_height("", 3, 200);
  EXPECT_EQ(text_area_height("word", 3, 200), one);
  EXPECT_EQ(text_area_height("word\n", 3, 200), one + line);
  EXPECT_EQ(text_area_height("some words that do not fit into it", 3, 200), one + line);
  EXPECT_EQ(text_area_height(std::string(5'000, 'm'), 3, 200), one + 2 * line);
}

TEST_F(FieldsTest, BytesThatAreNoTextAreShownAndDoNoHarm) {
  first_ = "a\xff\xc3";
  focus_ = true;
  frames();
  EXPECT_EQ(first_, "a\xff\xc3");
  key(ImGuiKey_End);
  type("b");
  EXPECT_EQ(first_, "a\uFFFD\uFFFDb");
}

// --- Random work

class RandomWork : public EditorTest, public ::testing::WithParamInterface<int> {};

TEST_P(RandomWork, KeepsCaretAndLayoutRight) {
  std::mt19937 random(static_cast<unsigned>(GetParam()));
  const auto below = [&](std::size_t n) { return random() % n; };
  const std::vector<std::string> pieces = {
      "a",      "word ",  "\n",         "\t",    kFamily,
      kFlag,    "\u0301", kHebrew,      kArabic, "\u65E5\u672C\u8A9E",
      "\u200D", "12 ",    "\U0001F1E9", " ",     "(x)",
      "e\u0301"};
  // Nobody can type these, but others' texts may hold them.
  const std::vector<std::string> strange = {
      "\u2028", "\u2029",     "\u0085", "\r\n",  std::string(1, '\0'), "\x0B", "\u202E", "\u2066",
      "\u200F", "\U000E0041", "\uFDD0", "\uFEFF"};
  const std::vector<ImGuiKey> moves = {ImGuiKey_LeftArrow, ImGuiKey_RightArrow, ImGuiKey_UpArrow,
                                       ImGuiKey_DownArrow, ImGuiKey_Home,       ImGuiKey_End,
                                       ImGuiKey_PageUp,    ImGuiKey_PageDown};
  size_ = {160, 120};
  show("begin\n" + kHebrew + " mixed " + kArabic);
  for (int step = 0; step < 400; ++step) {
    const int modifiers = (below(2) ? ImGuiMod_Shift : 0) | (below(4) == 0 ? ImGuiMod_Ctrl : 0);
    switch (below(8)) {
      case 0:
      case 1: {
        std::u32string plain = to_points(model_.text());
        const auto [begin, end] = selection();
        const std::string& piece = pieces[below(pieces.size())];
        if (piece == "\n" || piece == "\t") {
          key(piece == "\n" ? ImGuiKey_Enter : ImGuiKey_Tab);
        } else {
          type(piece);
        }
        plain.replace(begin, end - begin, to_points(piece));
        ASSERT_EQ(model_.text(), to_utf8(plain));
        break;
      }
      case 2:
        key(moves[below(moves.size())], modifiers);
        break;
      case 3:
        key(below(2) ? ImGuiKey_Backspace : ImGuiKey_Delete, modifiers & ImGuiMod_Ctrl);
        break;
      case 4: {
        const std::size_t at = below(model_.size() + 1);
        const std::size_t which = below(pieces.size() + strange.size());
        remote(at, std::min(below(6), model_.size() - at),
               which < pieces.size() ? pieces[which] : strange[which - pieces.size()]);
        frames();
        break;
      }
      case 5:
        key(below(2) ? ImGuiKey_Z : ImGuiKey_Y, ImGuiMod_Ctrl);
        break;
      case 6:
        click({static_cast<float>(below(200)), static_cast<float>(below(120))},
              1 + static_cast<int>(below(3)));
        editor_.focus();
        frames();
        break;
      default:
        ImGui::SetClipboardText(pieces[below(pieces.size())].c_str());
        key(ImGuiKey_V, ImGuiMod_Ctrl);
    }
    ASSERT_LE(editor_.caret(), model_.size());
    ASSERT_LE(editor_.anchor(), model_.size());
    ASSERT_TRUE(is_between_clusters(editor_.caret())) << step;
    ASSERT_TRUE(is_between_clusters(editor_.anchor())) << step;
    ASSERT_NO_FATAL_FAILURE(expect_whole()) << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomWork, ::testing::Range(0, 24));

}  // namespace
}  // namespace atelier::ui
