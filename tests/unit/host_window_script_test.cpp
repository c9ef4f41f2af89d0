#include <gtest/gtest.h>

#include "window/script.h"

namespace atelier::host {
namespace {

using Kind = ScriptStep::Kind;

TEST(Script, ReadsEveryKindOfStep) {
  const auto steps = parse_script(
      "# a comment\n"
      "size 800 600\r\n"
      "\n"
      "click \"Enter\"  # the button\n"
      "click text \"lobby\"\n"
      "type \"say \\\"hi\\\"\\n\"\n"
      "key Ctrl+Shift+A\n"
      "scroll -5\n"
      "move 3 4\n"
      "wait text \"hello\" within 5s\n"
      "wait gone \"text\" within 250ms\n"
      "screenshot shot.png\n"
      "print \"ready\"\n"
      "quit");
  ASSERT_TRUE(steps) << steps.error().message;
  ASSERT_EQ(steps->size(), 12u);
  const auto& s = *steps;
  EXPECT_EQ(s[0].kind, Kind::kSize);
  EXPECT_EQ(s[0].x, 800);
  EXPECT_EQ(s[0].y, 600);
  EXPECT_EQ(s[0].line, 2);
  EXPECT_EQ(s[1].kind, Kind::kClick);
  EXPECT_EQ(s[1].text, "Enter");
  EXPECT_EQ(s[2].kind, Kind::kClickText);
  EXPECT_EQ(s[3].text, "say \"hi\"\n");
  EXPECT_EQ(s[4].kind, Kind::kKey);
  EXPECT_EQ(s[4].text, "A");
  EXPECT_TRUE(s[4].ctrl && s[4].shift && !s[4].alt);
  EXPECT_EQ(s[5].y, -5);
  EXPECT_EQ(s[6].x, 3);
  EXPECT_EQ(s[7].kind, Kind::kWait);
  EXPECT_EQ(s[7].within_ms, 5'000);
  EXPECT_EQ(s[8].kind, Kind::kWaitGone);
  EXPECT_EQ(s[8].text, "text");
  EXPECT_EQ(s[8].within_ms, 250);
  EXPECT_EQ(s[9].text, "shot.png");
  EXPECT_EQ(s[10].text, "ready");
  EXPECT_EQ(s[11].kind, Kind::kQuit);
}

TEST(Script, ADragIsTheStepsOfAHand) {
  const auto steps = parse_script("drag Shift+ 1 2 3 4 5 6");
  ASSERT_TRUE(steps) << steps.error().message;
  std::vector<Kind> kinds;
  for (const auto& step : *steps) kinds.push_back(step.kind);
  EXPECT_EQ(kinds, (std::vector<Kind>{Kind::kHold, Kind::kMove, Kind::kPress, Kind::kMove,
                                      Kind::kMove, Kind::kRelease, Kind::kLetGo}));
  EXPECT_TRUE(steps->front().shift);
  EXPECT_EQ(steps->at(4).x, 5);
  EXPECT_EQ(steps->at(4).y, 6);

  const auto right = parse_script("drag right 1 2\ndoubleclick at 7 8\nclick at 1 1");
  ASSERT_TRUE(right) << right.error().message;
  EXPECT_EQ(right->at(1).kind, Kind::kPress);
  EXPECT_EQ(right->at(1).text, "right");
  EXPECT_EQ(right->size(), 3u + 5u + 3u);
}

TEST(Script, AColourIsNoComment) {
  const auto steps = parse_script("#a comment\nwait pixel 10 20 #e03131 within 2s # red\n");
  ASSERT_TRUE(steps) << steps.error().message;
  ASSERT_EQ(steps->size(), 1u);
  EXPECT_EQ(steps->front().kind, Kind::kWaitPixel);
  EXPECT_EQ(steps->front().text, "#e03131");
  EXPECT_EQ(steps->front().y, 20);
  EXPECT_EQ(steps->front().within_ms, 2'000);
}

TEST(Script, AMistakeNamesItsLineAndWhatWasExpected) {
  const std::pair<const char*, const char*> cases[] = {
      {"quit\nclack \"x\"", "line 2: unknown step \"clack\""},
      {"click Enter", "line 1: words in quotes"},
      {"click \"Enter", "line 1: the closing quote"},
      {"type \"a\\q\"", "line 1: unknown escape \\q"},
      {"size 800", "line 1: size needs two whole numbers"},
      {"drag", "line 1: drag needs pairs"},
      {"drag 1 2 3", "line 1: drag needs pairs"},
      {"drag Hyper+ 1 2", "line 1: \"Hyper+\" is no key to hold"},
      {"click at 1", "line 1: click at needs two"},
      {"wait pixel 1 2 red", "line 1: a colour such as"},
      {"wait pixel 1", "line 1: wait pixel needs two"},
      {"wait \"x\" within soon", "line 1: after \"within\""},
      {"wait \"x\" please", "line 1: \"please\" was not expected"},
      {"key Ctrl+", "line 1: key needs"},
      {"scroll up", "line 1: scroll needs"},
      {"screenshot", "line 1: screenshot needs"},
      {"frames", "line 1: frames needs on or off"},
      {"frames on now", "line 1: \"now\" was not expected"},
  };
  for (const auto& [text, expected] : cases) {
    const auto steps = parse_script(text);
    ASSERT_FALSE(steps) << text;
    EXPECT_EQ(steps.error().code, ErrorCode::kInvalid);
    EXPECT_NE(steps.error().message.find(expected), std::string::npos) << steps.error().message;
  }
}

}  // namespace
}  // namespace atelier::host
