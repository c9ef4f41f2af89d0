#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "ui/layout.h"

namespace atelier::ui {
namespace {

class LayoutTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = FontStack::open();
    ASSERT_TRUE(opened) << opened.error().message;
    fonts_ = std::move(*opened);
  }
  Layout lay_out(std::string_view text, float wrap = 0, int lines_max = 0) {
    return layout_text(*fonts_, text, {16, false, wrap, lines_max});
  }
  float width_of(std::string_view text) { return lay_out(text).width; }

  std::unique_ptr<FontStack> fonts_;
};

TEST_F(LayoutTest, EmptyTextIsOneEmptyLine) {
  const Layout layout = lay_out("");
  ASSERT_EQ(layout.lines.size(), 1u);
  EXPECT_EQ(layout.width, 0);
  EXPECT_TRUE(layout.glyphs.empty());
}

TEST_F(LayoutTest, LineFeedsEndLinesAlsoAtTheEnd) {
  EXPECT_EQ(lay_out("a\nb").lines.size(), 2u);
  EXPECT_EQ(lay_out("a\n\nb\n").lines.size(), 4u);
  EXPECT_EQ(lay_out("a\r\nb").lines.size(), 2u);
}

TEST_F(LayoutTest, LinesBreakAtSpacesAndNoneIsWiderThanTheWrap) {
  const std::string text = "the quick brown fox jumps over the lazy dog";
  const Layout layout = lay_out(text, 100);
  ASSERT_GT(layout.lines.size(), 2u);
  std::uint32_t at = 0;
  for (const auto& line : layout.lines) {
    EXPECT_EQ(line.begin, at);  // nothing is lost between lines
    EXPECT_LE(line.width, 100.5f);
    if (line.begin > 0) {
      EXPECT_EQ(text[line.begin - 1], ' ');
    }
    at = line.end;
  }
  EXPECT_EQ(at, text.size());
}

TEST_F(LayoutTest, AWordLongerThanALineIsBrokenWithin) {
  const Layout layout = lay_out(std::string(200, 'm'), 120);
  EXPECT_GT(layout.lines.size(), 5u);
  for (const auto& line : layout.lines) EXPECT_LE(line.width, 120.5f);
}

TEST_F(LayoutTest, ALineNarrowerThanOneLetterStillAdvances) {
  EXPECT_EQ(lay_out("abc", 1).lines.size(), 3u);
}

TEST_F(LayoutTest, ChineseBreaksBetweenCharactersButNotBeforeAFullStop) {
  const std::string text =
      "\u4eca\u5929\u5929\u6c14\u5f88\u597d\u3002";  // ends in an ideographic full stop
  const Layout layout = lay_out(text, width_of(text.substr(0, 18)) + 1);  // six characters fit
  ASSERT_EQ(layout.lines.size(), 2u);
  EXPECT_EQ(layout.lines[1].begin, 15u);  // the full stop took the sixth character along
}

TEST_F(LayoutTest, AddressesDoNotBreakInTheirDoubleSlash) {
  const std::string text = "see http://127.0.0.1";
  for (float wrap = 30; wrap < 200; wrap += 7)
    for (const auto& line : lay_out(text, wrap).lines)
      if (wrap > width_of("http://127.0.0.1")) {
        EXPECT_NE(line.begin, text.find("//") + 1);
      }
}

TEST_F(LayoutTest, ArabicLettersAreJoined) {
  // Joined letters are other glyphs than the same letters apart.
  const Layout joined = lay_out("\u0628\u0628\u0628"), apart = lay_out("\u0628 \u0628 \u0628");
  ASSERT_GE(joined.glyphs.size(), 3u);
  EXPECT_LT(joined.width, apart.width);
  std::set<std::uint32_t> glyphs;
  for (const auto& glyph : joined.glyphs) glyphs.insert(glyph.glyph);
  EXPECT_GE(glyphs.size(), 3u);  // initial, medial, final
}

TEST_F(LayoutTest, HebrewRunsRightToLeftAndNumbersInItDoNot) {
  // alef bet 12 : on screen "12 bet alef" from the left
  const Layout layout = lay_out("\u05d0\u05d1 12");
  const Layout alone = lay_out("12"), alef = lay_out("\u05d0");
  ASSERT_GE(layout.glyphs.size(), 5u);
  EXPECT_EQ(layout.glyphs[0].glyph, alone.glyphs[0].glyph);
  EXPECT_EQ(layout.glyphs[1].glyph, alone.glyphs[1].glyph);
  EXPECT_EQ(layout.glyphs.back().glyph, alef.glyphs[0].glyph);
}

TEST_F(LayoutTest, LinesThatRunRightToLeftEndAtTheRight) {
  const Layout layout = lay_out("\u05d0\u05d1\u05d2\u05d3\u05d4\u05d5\n\u05d0");
  ASSERT_EQ(layout.lines.size(), 2u);
  EXPECT_FLOAT_EQ(layout.lines[1].x + layout.lines[1].width, layout.width);
  EXPECT_GT(layout.lines[1].x, 0);
}

TEST_F(LayoutTest, JoinedEmojiAreOneGlyphOfTheColourFont) {
  if (!fonts_->emoji_face()) GTEST_SKIP() << "Noto Color Emoji is not installed";
  for (const char* one : {"\U0001F1F3\U0001F1F1", "\U0001F44D\U0001F3FD",
                          "\U0001F3F3\uFE0F\u200D\U0001F308", "1\uFE0F\u20E3", "\u2764\uFE0F"}) {
    const Layout layout = lay_out(one);
    const auto inked =
        std::count_if(layout.glyphs.begin(), layout.glyphs.end(), [&](const PlacedGlyph& g) {
          return g.face == *fonts_->emoji_face() &&
                 fonts_->rasterize(g.face, g.glyph, 16, 0).width > 0;
        });
    EXPECT_EQ(inked, 1) << one;
  }
}

TEST_F(LayoutTest, DigitsAndLettersStayInTheTextFontBesideEmoji) {
  const Layout layout = lay_out("a1\U0001F600b2");
  EXPECT_EQ(layout.glyphs.front().face, lay_out("a").glyphs.front().face);
  EXPECT_EQ(layout.glyphs.back().face, lay_out("2").glyphs.back().face);
}

TEST_F(LayoutTest, EveryScriptOfNotoHasAGlyph) {
  for (const char* word :
       {"Latin", "\u0416\u0438", "\u03b1\u03b2", "\u0e2a\u0e27", "\u0928\u092e", "\u10d0\u10d1",
        "\u0561\u0562", "\u4f60\u597d", "\u3053\u3093", "\ud55c\uae00", "\u12a0\u121b",
        "\u1780\u1781", "\u2200\u2203", "\u2654", "\U00010330"}) {
    for (const auto& glyph : lay_out(word).glyphs) EXPECT_NE(glyph.glyph, 0u) << word;
  }
}

TEST_F(LayoutTest, WhatDoesNotFitEndsInAnEllipsisWithinTheWidth) {
  const Layout layout = lay_out("Bartholomew Featherstonehaugh-Cholmondeley", 120, 1);
  EXPECT_TRUE(layout.cut);
  ASSERT_EQ(layout.lines.size(), 1u);
  EXPECT_LE(layout.width, 120.5f);
  EXPECT_GT(layout.width, 80);
  EXPECT_EQ(layout.glyphs.back().glyph, lay_out("\u2026").glyphs.back().glyph);
}

TEST_F(LayoutTest, WhatFitsIsNotCut) {
  EXPECT_FALSE(lay_out("short", 200, 1).cut);
  const float exact = width_of("exact");
  EXPECT_FALSE(lay_out("exact", exact, 1).cut);
}

TEST_F(LayoutTest, SecondLineBecomesAnEllipsisWhereOneLineIsAllowed) {
  const Layout layout = lay_out("first\nsecond", 300, 1);
  EXPECT_TRUE(layout.cut);
  EXPECT_EQ(layout.lines.size(), 1u);
}

TEST_F(LayoutTest, InvalidUtf8IsShownAndNotObeyed) {
  const Layout layout = lay_out(
      "a\xff\xfe"
      "b\xc3");
  EXPECT_EQ(layout.lines.size(), 1u);
  EXPECT_EQ(layout.glyphs.size(), 5u);
}

TEST_F(LayoutTest, ControlCharactersAreBlank) {
  EXPECT_FLOAT_EQ(width_of(std::string("a\x01\x1b"
                                       "b",
                                       4)),
                  width_of("a  b"));
}

TEST_F(LayoutTest, TextBeyondTheLimitIsCutAndWhatIsBeforeItIsStillLaidOut) {
  const Layout layout = lay_out(std::string(kTextLayoutBytesMax * 2, 'x'));
  EXPECT_EQ(layout.glyphs.size(), kTextLayoutBytesMax - 3 + 1);
  EXPECT_EQ(layout.glyphs.back().glyph, lay_out("\u2026").glyphs.back().glyph);
}

TEST_F(LayoutTest, BoldIsWiderThanRegular) {
  EXPECT_GT(layout_text(*fonts_, "weight", {16, true, 0, 0}).width, width_of("weight"));
}

TEST(NextGrapheme, KeepsMarksFlagsAndFamiliesTogether) {
  const std::string text = "e\u0301\U0001F1F3\U0001F1F1x";
  EXPECT_EQ(next_grapheme(text, 0), 3u);
  EXPECT_EQ(next_grapheme(text, 3), 11u);
  EXPECT_EQ(next_grapheme(text, 11), 12u);
  EXPECT_EQ(next_grapheme(text, 12), 12u);
}

TEST(FontStackTest, WithoutAnyFontSaysWhatToInstall) {
  const auto opened = FontStack::open({"/nonexistent-folder-of-fonts"});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kNotFound);
  EXPECT_NE(opened.error().message.find("fonts-noto"), std::string::npos);
}

}  // namespace
}  // namespace atelier::ui
