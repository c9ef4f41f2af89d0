// What a server counts of its requests, for GET /_metrics and for the lines of its log.
// Thread rule: the server's thread; a copy belongs to whoever has it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace atelier::server {

struct RequestCounts {
  /// Upper ends of the classes of durations, in seconds; longer ones have a class of their own.
  static constexpr std::array<double, 12> kSecondsUpTo = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                          0.1,   0.25,   0.5,   1,    2.5,   10};
  std::array<std::uint64_t, 6> by_class{};  // by the status' first digit
  std::array<std::uint64_t, kSecondsUpTo.size() + 1> by_duration{};
  double seconds = 0;  // of all in by_duration

  /// `seconds`: from the head of the request to the beginning of the answer; nullopt for what was no
  /// request.
  void count(int status, std::optional<double> seconds_taken);
  std::uint64_t timed() const;
};

/// What the connections of a server hold at one moment.
struct ConnectionCounts {
  std::size_t open = 0, presence = 0;  // `open`: of HTTP
  std::size_t feeds = 0;
  std::size_t body_bytes = 0;  // of request bodies in memory
};

/// Prometheus' text format, version 0.0.4.
class MetricsText {
 public:
  /// Begins a family: what follows with add() belongs to it. `type`: counter, gauge, histogram.
  void family(std::string_view name, std::string_view type, std::string_view help);
  /// A sample of the family; `suffix` is put behind its name, `labels` are from label().
  void add(double value, std::string_view labels = {}, std::string_view suffix = {});
  /// name="value", escaped.
  static std::string label(std::string_view name, std::string_view value);
  std::string take() { return std::move(out_); }

 private:
  std::string out_, name_;
};

/// A request as the log tells it. No values of the query: some are secrets elsewhere.
struct RequestLine {
  std::string id;       // as in X-Couch-Request-ID
  std::string address;  // empty on the Unix socket
  std::string user;     // empty: nobody signed in
  std::string method, path;
  std::string query;  // as sent; its names are told
  int status = 0;
  double first_ms = 0, total_ms = 0;  // to the beginning of the answer, to its end
  std::uint64_t bytes = 0;            // sent
  bool whole = true;                  // false: the connection ended first
};
/// One JSON object, without a line's end. `wall_ms`: when it ended, since 1970.
std::string request_line_json(const RequestLine& line, std::int64_t wall_ms);

}  // namespace atelier::server
