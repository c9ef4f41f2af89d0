// Lines written by a thread of their own, so that whoever says something never waits for a terminal or a
// full pipe. Thread rule: any thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iosfwd>
#include <mutex>
#include <string>
#include <thread>

namespace atelier::host {

class LineWriter {
 public:
  /// What waits when nobody reads: enough for a second of many requests, and a few megabytes.
  static constexpr std::size_t kLinesMax = 10'000;

  /// `out` is written by the thread alone until the end.
  explicit LineWriter(std::ostream& out, std::size_t lines_max = kLinesMax);
  /// Writes what waits, unless nobody reads it.
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;

  /// Never waits. What is too much is counted, and told as {"dropped":N} when there is room again.
  void write(std::string line);

 private:
  void run();

  std::ostream& out_;
  const std::size_t lines_max_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<std::string> lines_;
  std::uint64_t dropped_ = 0;
  bool stopping_ = false;

  std::thread thread_;
};

}  // namespace atelier::host
