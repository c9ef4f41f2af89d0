#include <cmath>
#include <cstdlib>
#include <ctime>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "atelier/ui.h"
#include "ui/shell.h"

namespace atelier::ui {
namespace {

constexpr std::int64_t kMinute = 60'000, kHour = 60 * kMinute, kDay = 24 * kHour;
constexpr std::int64_t kNoon = 1'710'244'800'000;  // 2024-03-12 12:00 UTC, a Tuesday

class TimeWords : public ::testing::Test {
 protected:
  void SetUp() override {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }
};

TEST_F(TimeWords, RelativeTimesReadAsPeopleSayThem) {
  EXPECT_EQ(relative_time(kNoon - 20'000, kNoon), "now");
  EXPECT_EQ(relative_time(kNoon - 5 * kMinute, kNoon), "5 min ago");
  EXPECT_EQ(relative_time(kNoon - 3 * kHour, kNoon), "3 h ago");
  EXPECT_EQ(relative_time(kNoon - 20 * kHour, kNoon), "yesterday");
  EXPECT_EQ(relative_time(kNoon - 10 * kDay, kNoon), "2 Mar");
  EXPECT_EQ(relative_time(kNoon - 400 * kDay, kNoon), "6 Feb 2023");
}

TEST_F(TimeWords, ATimeAheadOfOurClockIsADate) {
  EXPECT_EQ(relative_time(kNoon + 30'000, kNoon), "now");
  EXPECT_EQ(relative_time(kNoon + 3 * kDay, kNoon), "15 Mar");
}

TEST_F(TimeWords, DaysHaveNames) {
  EXPECT_EQ(day_in_words(kNoon, kNoon), "Today");
  EXPECT_EQ(day_in_words(kNoon - kDay, kNoon), "Yesterday");
  EXPECT_EQ(day_in_words(kNoon - 3 * kDay, kNoon), "Saturday, 9 March");
  EXPECT_EQ(day_in_words(kNoon - 400 * kDay, kNoon), "6 February 2023");
}

TEST_F(TimeWords, ClockTimesHaveTwoDigits) {
  EXPECT_EQ(clock_time(kNoon - 3 * kHour + 5 * kMinute), "09:05");
}

TEST_F(TimeWords, NumbersThatNoCalendarHasDoNoHarm) {
  for (const std::int64_t time : {INT64_MAX, INT64_MIN, std::int64_t{-1}}) {
    EXPECT_EQ(clock_time(time).size(), 5u);
    EXPECT_FALSE(day_in_words(time, kNoon).empty());
    EXPECT_FALSE(relative_time(time / 2, kNoon).empty());
  }
}

TEST(Initials, AreTheFirstLettersOfTheFirstAndTheLastWord) {
  EXPECT_EQ(initials("Ada Lovelace"), "AL");
  EXPECT_EQ(initials("ada"), "A");
  EXPECT_EQ(initials("  jean-paul van dam "), "JD");
  EXPECT_EQ(initials("\u00e9mile zola"), "\u00c9Z");
  EXPECT_EQ(initials("\u5c71\u7530"), "\u5c71");
  EXPECT_EQ(initials(""), "?");
  EXPECT_EQ(initials(" - "), "?");
  EXPECT_EQ(initials("\xff"), "?");
}

double luminance(ImU32 colour) {
  const auto channel = [&](int shift) {
    const double v = ((colour >> shift) & 255) / 255.0;
    return v <= 0.03928 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * channel(IM_COL32_R_SHIFT) + 0.7152 * channel(IM_COL32_G_SHIFT) +
         0.0722 * channel(IM_COL32_B_SHIFT);
}

double contrast(ImU32 a, ImU32 b) {
  const double la = luminance(a), lb = luminance(b);
  return (std::max(la, lb) + 0.05) / (std::min(la, lb) + 0.05);
}

TEST(PersonColour, IsTheSameForAName) {
  EXPECT_EQ(person_colour("Ada"), person_colour("Ada"));
}

TEST(PersonColour, WhiteIsReadableOnEach) {
  std::set<ImU32> colours;
  for (int i = 0; i < 500; ++i) colours.insert(person_colour("name " + std::to_string(i)));
  EXPECT_GE(colours.size(), 10u);
  for (const ImU32 colour : colours)
    EXPECT_GE(contrast(colour, IM_COL32_WHITE), 4.5) << std::hex << colour;
}

class Themes : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    context_ = ImGui::CreateContext();
    const Status started = start({GetParam(), 1, false});
    ASSERT_TRUE(started) << started.error().message;
  }
  void TearDown() override {
    ImGui::DestroyContext(context_);
    stop();
  }
  ImGuiContext* context_ = nullptr;
};

TEST_P(Themes, TextIsReadableOnEveryGroundThatItStandsOn) {
  const Theme& t = theme();
  EXPECT_EQ(t.dark, GetParam());
  for (const ImU32 ground : {t.paper, t.surface, t.sunken, t.accent_soft}) {
    EXPECT_GE(contrast(t.ink, ground), 7.0);
    EXPECT_GE(contrast(t.ink_soft, ground), 4.5);
  }
  for (const ImU32 ground : {t.paper, t.surface})
    for (const ImU32 ink : {t.accent, t.good, t.warn, t.bad}) EXPECT_GE(contrast(ink, ground), 4.5);
  EXPECT_GE(contrast(t.on_accent, t.accent), 4.5);
  EXPECT_GE(contrast(t.on_accent, t.accent_hover), 4.5);
  EXPECT_GE(contrast(t.good, t.good_soft), 4.5);
  EXPECT_GE(contrast(t.warn, t.warn_soft), 4.5);
  EXPECT_GE(contrast(t.bad, t.bad_soft), 4.5);
}

INSTANTIATE_TEST_SUITE_P(LightAndDark, Themes, ::testing::Bool());

}  // namespace
}  // namespace atelier::ui
