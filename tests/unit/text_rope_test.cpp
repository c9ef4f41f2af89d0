// The rope against a plain array of code points: random edits of every size, in texts of one to
// four bytes a character, and all conversions after them.
#include <algorithm>
#include <chrono>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "text/rope.h"

namespace atelier {
namespace {

std::string utf8_of(std::u32string_view points) {
  std::string out;
  for (const char32_t point : points) append_utf8(out, point);
  return out;
}

std::u32string random_text(std::mt19937& random, std::size_t length) {
  constexpr char32_t kAlphabet[] = U"abcdefgh \n\néß€漢字\U0001F600\U0001F680";
  constexpr std::size_t kLetters = std::size(kAlphabet) - 1;
  std::u32string text;
  // Long stretches of ASCII as well, since those take other ways.
  const std::size_t letters = random() % 2 == 0 ? 10 : kLetters;
  for (std::size_t i = 0; i < length; ++i) text.push_back(kAlphabet[random() % letters]);
  return text;
}

std::size_t units_of(std::u32string_view text) {
  std::size_t units = 0;
  for (const char32_t point : text) units += point >= 0x10000 ? 2 : 1;
  return units;
}

void expect_conversions(const Rope& rope, const std::u32string& model, std::size_t point) {
  const std::u32string_view before = std::u32string_view(model).substr(0, point);
  const std::size_t bytes = utf8_of(before).size();
  const std::size_t units = units_of(before);
  const auto lines = static_cast<std::size_t>(std::count(before.begin(), before.end(), U'\n'));
  ASSERT_EQ(rope.byte_of(point), bytes);
  ASSERT_EQ(rope.unit_of(point), units);
  ASSERT_EQ(rope.line_of(point), lines);
  ASSERT_EQ(rope.point_of_byte(bytes), point);
  ASSERT_EQ(rope.point_of_unit(units), point);
  const std::size_t line_begin = before.rfind(U'\n') + 1;  // npos + 1 is 0
  ASSERT_EQ(rope.point_of_line(lines), line_begin);
  if (point < model.size()) {
    ASSERT_EQ(rope.at(point), model[point]);
    if (model[point] >= 0x10000) {
      ASSERT_EQ(rope.point_of_unit(units + 1), point);
    }
    if (model[point] >= 0x80) {
      ASSERT_EQ(rope.point_of_byte(bytes + 1), point);
    }
  }
}

void run_random_edits(unsigned seed, int steps, std::size_t length_max) {
  std::mt19937 random(seed);
  Rope rope;
  std::u32string model;
  for (int step = 0; step < steps; ++step) {
    const std::size_t at = random() % (model.size() + 1);
    const bool grow = model.size() < length_max && random() % 5 < 3;
    if (grow) {
      const std::size_t length = random() % 10 == 0 ? random() % 3000 : random() % 5;
      const std::u32string text = random_text(random, length);
      rope.insert(at, utf8_of(text));
      model.insert(at, text);
    } else {
      std::size_t length = random() % 10 == 0 ? random() % 4000 : random() % 5;
      length = std::min(length, model.size() - at);
      rope.erase(at, length);
      model.erase(at, length);
    }
    ASSERT_EQ(rope.points(), model.size());
    if (step % 16 == 0) {
      ASSERT_NO_FATAL_FAILURE(expect_conversions(rope, model, random() % (model.size() + 1)));
    }
    if (step % 64 == 0) {
      ASSERT_TRUE(rope.is_sound());
      const std::size_t from = random() % (model.size() + 1);
      const std::size_t count = random() % 2000;
      ASSERT_EQ(rope.slice(from, count), utf8_of(std::u32string_view(model).substr(from, count)));
    }
  }
  ASSERT_EQ(rope.text(), utf8_of(model));
  rope.erase(0, rope.points());
  ASSERT_TRUE(rope.is_sound());
  ASSERT_EQ(rope.text(), "");
}

TEST(TextRope, RandomEditsLikeAnArrayOfCodePoints) {
  for (unsigned seed = 0; seed < 6; ++seed) {
    ASSERT_NO_FATAL_FAILURE(run_random_edits(seed, 2'000, 3'000 + 20'000 * (seed % 3)))
        << "seed " << seed;
  }
}

TEST(TextRope, TypingAndBackspaceAtOnePlace) {
  Rope rope(std::string(5'000, 'x'));
  std::string model(5'000, 'x');
  std::size_t at = 2'500;
  for (int i = 0; i < 20'000; ++i) {
    if (i % 7 == 6) {
      --at;
      rope.erase(at, 1);
      model.erase(at, 1);
    } else {
      rope.insert(at, "y");
      model.insert(at, 1, 'y');
      ++at;
    }
  }
  EXPECT_EQ(rope.text(), model);
  EXPECT_TRUE(rope.is_sound());
}

TEST(TextRope, LineStartsOfAnEmptyTextAndOfOneThatEndsInANewline) {
  Rope rope;
  EXPECT_EQ(rope.lines(), 1U);
  EXPECT_EQ(rope.point_of_line(0), 0U);
  EXPECT_EQ(rope.point_of_line(3), 0U);
  rope.insert(0, "a\nb\n");
  EXPECT_EQ(rope.lines(), 3U);
  EXPECT_EQ(rope.point_of_line(1), 2U);
  EXPECT_EQ(rope.point_of_line(2), 4U);
  EXPECT_EQ(rope.line_of(4), 2U);
}

TEST(TextRope, EditsInTheMiddleOfAMegabyteDoNotCostItsLength) {
  std::string text;
  while (text.size() < (1 << 20)) text += "forty bytes of text that make up a line\n";
  Rope rope(text);
  const auto begin = std::chrono::steady_clock::now();
  constexpr int kEdits = 20'000;
  for (int i = 0; i < kEdits; ++i) {
    rope.insert(rope.points() / 2 + static_cast<std::size_t>(i % 2) * 400'000, "z");
    rope.erase(rope.points() / 3, 1);
  }
  const auto taken = std::chrono::steady_clock::now() - begin;
  // A copy of the megabyte for each of them would take seconds.
  EXPECT_LT(std::chrono::duration<double>(taken).count(), 1.0);
  EXPECT_TRUE(rope.is_sound());
}

TEST(TextRope, AMegabyteTakenApartInRandomPiecesStaysSound) {
  std::mt19937 random(5);
  std::string model;
  while (model.size() < (1 << 20)) model.push_back(static_cast<char>('a' + random() % 26));
  Rope rope(model);
  while (!model.empty()) {
    const std::size_t at = random() % model.size();
    const std::size_t count = std::min<std::size_t>(model.size() - at, random() % 9'000);
    rope.erase(at, count);
    model.erase(at, count);
    if (random() % 4 == 0) {
      rope.insert(at, "between");
      model.insert(at, "between");
    }
    if (model.size() < 5'000) break;
    if (random() % 16 == 0) {
      ASSERT_TRUE(rope.is_sound());
    }
  }
  EXPECT_TRUE(rope.is_sound());
  EXPECT_EQ(rope.text(), model);
}

TEST(TextUtf8, RefusesWhatUnicodeDoes) {
  for (const std::string_view good : {"", "a", "é", "€", "\U0001F600", "\xed\x9f\xbf",
                                      "\xee\x80\x80", "\xf4\x8f\xbf\xbf", "12345678€"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const std::string_view bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "12345678\xff", "a\xe2"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

}  // namespace
}  // namespace atelier
