// Words of many scripts: where they are, how they fold, what a search asks for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json_text.h"
#include "query/words.h"
#include "query_tools.h"

namespace atelier::query {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  for (WordReader reader(text); reader.next();) out.emplace_back(reader.word().text);
  return out;
}

std::string marked(std::string_view text, std::string_view typed) {
  std::string out;
  std::size_t done = 0;
  for (const auto& [begin, end] : highlights(text, search_terms(typed).value())) {
    out += std::string(text.substr(done, begin - done)) + "[" +
           std::string(text.substr(begin, end - begin)) + "]";
    done = end;
  }
  return out + std::string(text.substr(done));
}

TEST(Words, AreSplitAtWhatIsNoLetterAndFolded) {
  EXPECT_THAT(words("Hello, World! it's 42nd_street"),
              ElementsAre("hello", "world", "it", "s", "42nd", "street"));
  EXPECT_THAT(words("  "), IsEmpty());
  EXPECT_THAT(words(""), IsEmpty());
  EXPECT_THAT(words("\u2014a\u2014"), ElementsAre("a"));
}

TEST(Words, CaseAndAccentsDoNotMatter) {
  EXPECT_THAT(words("Ça \u00C9tait d\u00E9j\u00E0 l\u00E0"),
              ElementsAre("ca", "etait", "deja", "la"));
  EXPECT_EQ(words("e\u0301te\u0301"), words("\u00E9t\u00E9"));
  EXPECT_THAT(words("Stra\u00DFe STRASSE"), ElementsAre("strasse", "strasse"));
  EXPECT_THAT(words("\u0130stanbul \u0131\u015F\u0131k"), ElementsAre("istanbul", "isik"));
  EXPECT_THAT(words("\u0141\u00F3d\u017A \u00D8re C\u0153ur \u00C6on"),
              ElementsAre("lodz", "ore", "coeur", "aeon"));
  EXPECT_THAT(words("\u03A3\u03AF\u03C3\u03C5\u03C6\u03BF\u03C2"),
              ElementsAre("\u03C3\u03B9\u03C3\u03C5\u03C6\u03BF\u03C3"));
  EXPECT_EQ(words("\u0401\u043B\u043A\u0430"), words("\u0435\u043B\u043A\u0430"));
  EXPECT_THAT(words("\uFB01n \uFF21\uFF22\uFF23"), ElementsAre("fin", "abc"));
  EXPECT_EQ(words("\u05E9\u05B8\u05C1\u05DC\u05D5\u05B9\u05DD"), words("\u05E9\u05DC\u05D5\u05DD"));
  EXPECT_EQ(words("\u0645\u064F\u062D\u064E\u0645\u0651\u064E\u062F"),
            words("\u0645\u062D\u0645\u062F"));
}

TEST(Words, MarksThatMakeALetterStay) {
  EXPECT_NE(words("\u0915\u093F"), words("\u0915\u093E"));  // ki, kaa
  EXPECT_NE(words("\u304B"), words("\u304C"));              // ka, ga
  EXPECT_EQ(words("\u304B\u3099"), words("\u304C"));        // ga in two code points
  EXPECT_EQ(words("\uFF76\uFF9E"), words("\u30AC"));        // half width
  EXPECT_EQ(words("\u1112\u1161\u11AB\uAE00"),
            words("\uD55C\uAE00"));  // Hangul, taken apart or not
  EXPECT_THAT(words("\uD55C\uAE00 \uAC80\uC0C9"), ElementsAre("\uD55C\uAE00", "\uAC80\uC0C9"));
}

TEST(Words, ScriptsWithoutSpacesGivePairs) {
  EXPECT_THAT(words("日本語"), ElementsAre("日本", "本語", "語"));
  EXPECT_THAT(words("語"), ElementsAre("語"));
  EXPECT_THAT(words("iPhone手机!"), ElementsAre("iphone", "手机", "机"));
  EXPECT_THAT(words("カタカナ"), ElementsAre("カタ", "タカ", "カナ", "ナ"));
  EXPECT_THAT(words("日本 語"), ElementsAre("日本", "本", "語"));
  EXPECT_EQ(words("ที่นี่").size(), 2u);  // two letters with their marks: a pair and its tail
}

TEST(Words, PlacesAreBytesOfTheText) {
  const std::string text = "\u00C9t\u00E9, 日本 x";
  std::vector<std::string> slices;
  for (WordReader reader(text); reader.next();)
    slices.push_back(text.substr(reader.word().begin, reader.word().end - reader.word().begin));
  EXPECT_THAT(slices, ElementsAre("\u00C9t\u00E9", "日本", "本", "x"));
}

TEST(Words, LongWordsAreKnownByTheirBeginning) {
  const std::string ascii(1'000'000, 'x');
  EXPECT_THAT(words(ascii), ElementsAre(std::string(kWordBytesMax, 'x')));
  std::string accented, hindi, marks = "e";
  for (int i = 0; i < 100'000; ++i) {
    accented += "\u00E9";
    hindi += "\u0915\u093F";
    marks += "\u0301";
  }
  EXPECT_THAT(words(accented), ElementsAre(std::string(kWordBytesMax, 'e')));
  ASSERT_EQ(words(hindi).size(), 1u);
  EXPECT_LE(words(hindi)[0].size(), kWordBytesMax);
  EXPECT_TRUE(json::is_utf8(words(hindi)[0]));
  EXPECT_THAT(words(marks), ElementsAre("e"));
  EXPECT_EQ(words("日" + marks.substr(1)), words("日"));
  std::string nuktas;  // marks of three bytes that stay
  for (int i = 0; i < 1'000; ++i) nuktas += "\u093C";
  ASSERT_EQ(words("日" + nuktas).size(), 1u);
  EXPECT_TRUE(json::is_utf8(words("日" + nuktas)[0]));
}

TEST(Words, ALetterFoldsAloneAsItDoesInAWordOfAnyScript) {
  int letters = 0;
  for (int code = 0x80; code < 0x600; ++code) {
    const std::string letter = {static_cast<char>(0xC0 | (code >> 6)),
                                static_cast<char>(0x80 | (code & 0x3F))};
    const auto alone = words(letter);
    if (alone.empty()) continue;
    ++letters;
    EXPECT_THAT(words(letter + "\u0915"), ElementsAre(alone[0] + "\u0915")) << std::hex << code;
    EXPECT_EQ(words(alone[0]), alone) << std::hex << code;
  }
  EXPECT_GT(letters, 900);
}

TEST(Words, InvalidUtf8Separates) {
  EXPECT_THAT(words("a\xFF\x62\xC3"), ElementsAre("a", "b"));
  EXPECT_THAT(words("\x80\xE6\x97"), IsEmpty());
}

TEST(Words, AnyTextHasSoundWords) {
  RandomJson random(21);
  for (int i = 0; i < 3'000; ++i) {
    std::string text;
    for (std::size_t n = random.below(12); n > 0; --n) {
      if (random.below(3) != 0)
        text += random.text();
      else if (random.below(2) != 0)
        text += static_cast<char>(random.below(256));
      else
        text += json::string_value("\"\\u" + std::string(1, "0123456789abcdef"[random.below(13)]) +
                                   std::string(1, "0123456789abcdef"[random.below(16)]) + "a" +
                                   std::string(1, "0123456789abcdef"[random.below(16)]) + "\"")
                    .value();
    }
    std::size_t last = 0;
    for (WordReader reader(text); reader.next();) {
      const Word& word = reader.word();
      ASSERT_TRUE(json::is_utf8(word.text));
      ASSERT_FALSE(word.text.empty());
      ASSERT_LE(word.text.size(), kWordBytesMax);
      ASSERT_GE(word.begin, last);
      ASSERT_LT(word.begin, word.end);
      ASSERT_LE(word.end, text.size());
      last = word.begin;
      const std::string again(word.text);
      ASSERT_TRUE(is_meant({again, true}, again));
    }
  }
}

TEST(Words, ASearchAsksForAllWordsAndTheLastAsABeginning) {
  EXPECT_THAT(search_terms("Hello wor").value(),
              ElementsAre(SearchTerm{"hello", false}, SearchTerm{"wor", true}));
  EXPECT_THAT(search_terms("a b a").value(),
              ElementsAre(SearchTerm{"b", false}, SearchTerm{"a", true}));
  EXPECT_THAT(search_terms("日本語").value(),
              ElementsAre(SearchTerm{"日本", false}, SearchTerm{"本語", false}));
  EXPECT_THAT(search_terms("語 x").value(),
              ElementsAre(SearchTerm{"語", true}, SearchTerm{"x", true}));
  EXPECT_THAT(search_terms(" ,. ").value(), IsEmpty());
  std::string many;
  for (int i = 0; i < 100; ++i) many += std::to_string(i) + " ";
  EXPECT_EQ(search_terms(many).error().code, ErrorCode::kTooLarge);
}

TEST(Words, HighlightsAreTheWordsThatWereMeant) {
  EXPECT_EQ(marked("The d\u00E9j\u00E0 vu of D\u00C9J\u00C0s", "deja"),
            "The [d\u00E9j\u00E0] vu of [D\u00C9J\u00C0s]");
  EXPECT_EQ(marked("hello helloo", "hello x"), "[hello] helloo");
  EXPECT_EQ(marked("私は日本語を話す", "日本語"), "私は[日本語]を話す");
  EXPECT_EQ(marked("日本語", "語"), "日本[語]");
  EXPECT_EQ(marked("nothing", ""), "nothing");
}

}  // namespace
}  // namespace atelier::query
