#include "base/http_date.h"

#include <array>
#include <chrono>
#include <cstdio>

namespace atelier {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// The digits at `at`; -1 for anything else.
int number(std::string_view text, std::size_t at, std::size_t digits) {
  int value = 0;
  for (std::size_t i = at; i < at + digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

template <std::size_t Count>
int index_of(const std::array<std::string_view, Count>& names, std::string_view name) {
  for (std::size_t i = 0; i < Count; ++i)
    if (names[i] == name) return static_cast<int>(i);
  return -1;
}

}  // namespace

std::string http_date(std::int64_t seconds_since_1970) {
  const std::chrono::sys_seconds time{std::chrono::seconds(seconds_since_1970)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  char text[64];
  std::snprintf(text, sizeof text, "%s, %02u %s %04d %02d:%02d:%02d GMT",
                kDays[std::chrono::weekday(day).c_encoding()].data(),
                static_cast<unsigned>(date.day()),
                kMonths[static_cast<unsigned>(date.month()) - 1].data(),
                static_cast<int>(date.year()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

std::optional<std::int64_t> parse_http_date(std::string_view text) {
  constexpr std::string_view kForm = "Mon, 23 Nov 2026 04:01:04 GMT";
  if (text.size() != kForm.size()) return std::nullopt;
  for (const std::size_t i : {3, 4, 7, 11, 16, 19, 22, 25, 26, 27, 28})
    if (text[i] != kForm[i]) return std::nullopt;
  const int month = index_of(kMonths, text.substr(8, 3));
  const int day = number(text, 5, 2), year = number(text, 12, 4);
  const int hours = number(text, 17, 2), minutes = number(text, 20, 2),
            seconds = number(text, 23, 2);
  if (index_of(kDays, text.substr(0, 3)) < 0 || month < 0 || day < 0 || year < 0 || hours < 0 ||
      hours > 23 || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 60)
    return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month) + 1),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok()) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return std::int64_t{days} * 86'400 + hours * 3'600 + minutes * 60 + seconds;
}

}  // namespace atelier
