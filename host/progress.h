// How far a synchronisation is, in one line that is drawn over on a terminal. Thread rule: one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>

#include "atelier/sync_status.h"

namespace atelier::host {

/// "catching up [#####.....] 12,300 of 24,600, 4,100/s, 3.1 MB".
std::string progress_words(const SyncStatus& status);

/// "fetching picture.png [#####.....] 1.2 MB of 2.4 MB".
std::string blob_progress_words(const std::string& name, std::uint64_t done, std::uint64_t total);

class ProgressLine {
 public:
  /// Draws on `out` at most ten times a second, and nothing where `terminal` is false.
  ProgressLine(std::ostream& out, bool terminal) : out_(out), terminal_(terminal) {}
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;

  void show(const SyncStatus& status);
  void show(const std::string& words);
  /// Takes the line away, for other words.
  void clear();

 private:
  std::ostream& out_;
  const bool terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point drawn_at_{};
};

}  // namespace atelier::host
