#include "server/metrics.h"

#include <chrono>
#include <cmath>
#include <cstdio>

#include "base/json_text.h"
#include "server/http_message.h"

namespace atelier::server {

namespace {

constexpr std::size_t kLoggedBytesMax = 2'048;  // of a path, or of the names of a query

std::string number(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) {
    char text[32];
    std::snprintf(text, sizeof text, "%.0f", value);
    return text;
  }
  std::string out;
  json::append_double(out, value);
  return out;
}

/// As it may stand in a line of JSON: a client may send any bytes.
std::string told(std::string_view text) {
  std::string out(text.substr(0, kLoggedBytesMax));
  return json::is_utf8(out) ? out : url_encode(out, "/%:");
}

/// "2026-11-28T13:40:00.123Z"
std::string iso_time(std::int64_t wall_ms) {
  using namespace std::chrono;
  const sys_time<milliseconds> at{milliseconds(wall_ms)};
  const auto day = floor<days>(at);
  const year_month_day date(day);
  const hh_mm_ss<milliseconds> time(at - day);
  char text[40];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()),
                static_cast<int>(time.subseconds().count()));
  return text;
}

}  // namespace

void RequestCounts::count(int status, std::optional<double> seconds_taken) {
  const auto digit = static_cast<std::size_t>(status / 100);
  if (digit < by_class.size()) ++by_class[digit];
  if (!seconds_taken) return;
  std::size_t at = 0;
  while (at < kSecondsUpTo.size() && *seconds_taken > kSecondsUpTo[at]) ++at;
  ++by_duration[at];
  seconds += *seconds_taken;
}

std::uint64_t RequestCounts::timed() const {
  std::uint64_t all = 0;
  for (const std::uint64_t one : by_duration) all += one;
  return all;
}

void MetricsText::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  out_ += "# HELP " + name_ + ' ' + std::string(help) + "\n# TYPE " + name_ + ' ' + std::string(type) + '\n';
}

void MetricsText::add(double value, std::string_view labels, std::string_view suffix) {
  out_ += name_;
  out_ += suffix;
  if (!labels.empty()) {
    out_ += '{';
    out_ += labels;
    out_ += '}';
  }
  out_ += ' ' + number(value) + '\n';
}

std::string MetricsText::label(std::string_view name, std::string_view value) {
  std::string out(name);
  out += "=\"";
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out + '"';
}

std::string request_line_json(const RequestLine& line, std::int64_t wall_ms) {
  json::Writer out;
  out.begin_object().key("time").string(iso_time(wall_ms)).key("id").string(line.id);
  if (!line.address.empty()) out.key("from").string(line.address);
  if (!line.user.empty()) out.key("user").string(told(line.user));
  out.key("method").string(told(line.method)).key("path").string(told(line.path));
  out.key("query").begin_array();
  std::size_t bytes = 0;
  for (const std::string_view part : split_list(line.query, '&')) {
    const std::string_view name = part.substr(0, part.find('='));
    bytes += name.size();
    if (bytes > kLoggedBytesMax) break;
    out.string(told(name));
  }
  out.end_array().key("status").integer(line.status);
  out.key("first_ms").number(std::round(line.first_ms * 1e3) / 1e3);
  out.key("ms").number(std::round(line.total_ms * 1e3) / 1e3);
  out.key("bytes").integer(static_cast<std::int64_t>(line.bytes)).key("whole").boolean(line.whole);
  return out.end_object().take();
}

}  // namespace atelier::server
