// Names and times in words, and colours of names. Thread rule: pure functions.
#include <array>
#include <ctime>

#include <utf8proc.h>

#include "ui/layout.h"
#include "ui/shell.h"

namespace atelier::ui {
namespace {

constexpr std::int64_t kSecond = 1'000, kMinute = 60 * kSecond, kHour = 60 * kMinute;
constexpr std::array<const char*, 12> kMonthsShort = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<const char*, 12> kMonths = {"January",   "February", "March",    "April",
                                                 "May",       "June",     "July",     "August",
                                                 "September", "October",  "November", "December"};
constexpr std::array<const char*, 7> kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                              "Thursday", "Friday", "Saturday"};

std::tm local_time(std::int64_t time_ms) {
  std::int64_t seconds = time_ms / kSecond - (time_ms % kSecond < 0 ? 1 : 0);
  // Documents may carry any number: what no calendar has is shown as the beginning of time.
  constexpr std::int64_t kYear9999 = 253'402'300'799;
  if (seconds < -kYear9999 || seconds > kYear9999) seconds = 0;
  const auto time = static_cast<std::time_t>(seconds);
  std::tm result{};
#if defined(_WIN32)
  localtime_s(&result, &time);
#else
  localtime_r(&time, &result);
#endif
  return result;
}

// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
std::int64_t days_of_date(int year, int month, int day) {
  const int y = month <= 2 ? year - 1 : year;
  const int era = (y >= 0 ? y : y - 399) / 400;
  const int year_of_era = y - era * 400;
  const int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return std::int64_t{era} * 146'097 + day_of_era - 719'468;
}

std::string two_digits(int value) {
  std::string digits = std::to_string(value);
  return digits.size() < 2 ? "0" + digits : digits;
}

// The first grapheme of a word, upper case where there is one.
std::string first_letter(std::string_view word) {
  const std::string_view letter = word.substr(0, next_grapheme(word, 0));
  utf8proc_int32_t c = 0;
  const auto used = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(letter.data()),
                                     static_cast<utf8proc_ssize_t>(letter.size()), &c);
  if (used <= 0) return "?";
  std::array<utf8proc_uint8_t, 4> upper{};
  const auto length = utf8proc_encode_char(utf8proc_toupper(c), upper.data());
  return std::string(reinterpret_cast<const char*>(upper.data()), static_cast<std::size_t>(length))
      .append(letter.substr(static_cast<std::size_t>(used)));
}

}  // namespace

std::string initials(std::string_view name) {
  std::string first, last;
  for (std::size_t at = 0; at < name.size();) {
    const auto begin = name.find_first_not_of(" \t\n-_.", at);
    if (begin == std::string_view::npos) break;
    const auto end = std::min(name.find_first_of(" \t\n-_.", begin), name.size());
    (first.empty() ? first : last) = first_letter(name.substr(begin, end - begin));
    at = end;
  }
  return first.empty() ? "?" : first + last;
}

ImU32 person_colour(std::string_view name) {
  // White text on each keeps a contrast of 4.5.
  constexpr std::array<ImU32, 12> kColours = {
      IM_COL32(0xB4, 0x3F, 0x2B, 255), IM_COL32(0x96, 0x57, 0x12, 255),
      IM_COL32(0x6F, 0x68, 0x12, 255), IM_COL32(0x3F, 0x75, 0x2B, 255),
      IM_COL32(0x1F, 0x78, 0x5A, 255), IM_COL32(0x15, 0x74, 0x7C, 255),
      IM_COL32(0x2A, 0x6A, 0xA6, 255), IM_COL32(0x4B, 0x5C, 0xB8, 255),
      IM_COL32(0x71, 0x50, 0xB3, 255), IM_COL32(0x92, 0x46, 0x9C, 255),
      IM_COL32(0xAB, 0x3B, 0x75, 255), IM_COL32(0x6E, 0x5A, 0x4E, 255)};
  std::uint32_t hash = 2166136261u;  // FNV-1a: the same on every machine
  for (const char c : name) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619u;
  hash ^= hash >> 15;
  return kColours[hash % kColours.size()];
}

std::int64_t local_day(std::int64_t time_ms) {
  const std::tm t = local_time(time_ms);
  return days_of_date(t.tm_year + 1900, t.tm_mon + 1, t.tm_mday);
}

std::string clock_time(std::int64_t time_ms) {
  const std::tm t = local_time(time_ms);
  return two_digits(t.tm_hour) + ":" + two_digits(t.tm_min);
}

std::string relative_time(std::int64_t then_ms, std::int64_t now_ms) {
  const std::int64_t age = now_ms - then_ms;
  if (age < kMinute && age > -kMinute) return "now";
  if (age >= 0 && age < kHour) return std::to_string(age / kMinute) + " min ago";
  const std::int64_t days = local_day(now_ms) - local_day(then_ms);
  if (days == 0 && age > 0) return std::to_string(age / kHour) + " h ago";
  if (days == 1) return "yesterday";
  const std::tm then = local_time(then_ms), now = local_time(now_ms);
  std::string date =
      std::to_string(then.tm_mday) + " " + kMonthsShort[static_cast<std::size_t>(then.tm_mon)];
  if (then.tm_year != now.tm_year) date += " " + std::to_string(then.tm_year + 1900);
  return date;
}

std::string day_in_words(std::int64_t time_ms, std::int64_t now_ms) {
  const std::int64_t days = local_day(now_ms) - local_day(time_ms);
  if (days == 0) return "Today";
  if (days == 1) return "Yesterday";
  const std::tm then = local_time(time_ms), now = local_time(now_ms);
  std::string date =
      std::to_string(then.tm_mday) + " " + kMonths[static_cast<std::size_t>(then.tm_mon)];
  if (then.tm_year != now.tm_year) return date + " " + std::to_string(then.tm_year + 1900);
  return std::string(kDays[static_cast<std::size_t>(then.tm_wday)]) + ", " + date;
}

}  // namespace atelier::ui
