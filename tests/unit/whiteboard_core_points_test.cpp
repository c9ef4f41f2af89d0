#include <cmath>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "core/board_limits.h"
#include "core/points.h"

namespace atelier::board {
namespace {

/// A pen that goes round: what a hand makes at 60 points a second.
Ink curl(std::size_t count, bool pressure) {
  Ink ink;
  ink.has_pressure = pressure;
  for (std::size_t i = 0; i < count; ++i) {
    const double t = static_cast<double>(i) * 0.11;
    ink.points.push_back({{300 + 180 * std::cos(t) + 20 * t, 200 + 120 * std::sin(1.7 * t)},
                          pressure ? 0.5 + 0.4 * std::sin(t / 3) : 0.5});
  }
  return ink;
}

TEST(Points, TheDocumentedExampleIsWhatIsWritten) {
  Ink ink;
  for (const Vec at : {Vec{0, 0}, Vec{10, 0}, Vec{20, 1}}) ink.points.push_back({at, 0.5});
  EXPECT_EQ(encode_ink(ink, 0), "100AAUAUC");
  EXPECT_EQ(decode_ink("100AAUAUC")->points, ink.points);
}

TEST(Points, AStrokeComesBackWithinItsPrecision) {
  for (const bool pressure : {false, true}) {
    for (int bits = 0; bits <= kPointScaleBitsMax; ++bits) {
      const Ink ink = curl(200, pressure);
      const auto back = decode_ink(encode_ink(ink, bits));
      ASSERT_TRUE(back) << back.error().message;
      ASSERT_EQ(back->points.size(), ink.points.size());
      EXPECT_EQ(back->has_pressure, pressure);
      for (std::size_t i = 0; i < ink.points.size(); ++i) {
        ASSERT_LE(std::abs(back->points[i].at.x - ink.points[i].at.x), std::ldexp(0.5001, -bits));
        ASSERT_LE(std::abs(back->points[i].at.y - ink.points[i].at.y), std::ldexp(0.5001, -bits));
        if (pressure) {
          ASSERT_NEAR(back->points[i].pressure, ink.points[i].pressure, 0.5 / 63);
        }
      }
    }
  }
}

TEST(Points, APointTakesAtMostSixBytesWithPressure) {
  const std::string text = encode_ink(curl(1'000, true), 3);
  EXPECT_LE(text.size(), 6'000u);
  RecordProperty("bytes_a_point", std::to_string(static_cast<double>(text.size()) / 1'000));
  EXPECT_LE(encode_ink(curl(1'000, false), 3).size(), 5'000u);
}

TEST(Points, HostileTextsAreRefusedWithTheirByte) {
  for (const char* text : {"", "1", "10", "200", "1-0", "1D0", "1:0", "104", "10/", "100A", "100A!",
                           "100A\xC3", "101AA", "101AA!", "100gggggggggA", "100______fAA"}) {
    const auto ink = decode_ink(text);
    ASSERT_FALSE(ink) << text;
    EXPECT_EQ(ink.error().code, ErrorCode::kInvalid) << text;
  }
  EXPECT_TRUE(decode_ink("100"));
  EXPECT_EQ(decode_ink("100" + std::string(2 * kStrokePointsMax + 2, 'A')).error().code,
            ErrorCode::kTooLarge);
  EXPECT_EQ(decode_ink(std::string(kPointsBytesMax + 1, '1')).error().code, ErrorCode::kTooLarge);
}

TEST(Points, AccumulatedCoordinatesBeyondTheLimitAreRefused) {
  std::string text = "102";
  for (int i = 0; i < 6'000; ++i) text += "_-_fA";  // the steps add up, and so do their sums
  EXPECT_FALSE(decode_ink(text));
}

TEST(Points, RandomTextsNeverDoHarm) {
  std::mt19937 random(1);
  const std::string alphabet = "ABCgz019-_!\"\\";
  for (int i = 0; i < 20'000; ++i) {
    std::string text = "1" + std::to_string(random() % 10) + std::to_string(random() % 4);
    for (std::size_t k = random() % 40; k > 0; --k) text += alphabet[random() % alphabet.size()];
    const auto ink = decode_ink(text);
    ASSERT_EQ(static_cast<bool>(ink), static_cast<bool>(check_ink(text)));
    if (ink && !ink->points.empty()) {
      ASSERT_TRUE(check_ink(text)->contains(ink->points.front().at));
    }
  }
}

}  // namespace
}  // namespace atelier::board
