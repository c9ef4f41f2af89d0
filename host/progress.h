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

class ProgressLine {
 public:
  /// Draws on `out` at most ten times a second, and nothing where `terminal` is false.
  ProgressLine(std::ostream& out, bool terminal) : out_(out), terminal_(terminal) {}
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;

  void show(const SyncStatus& status);
  /// Takes the line away, for other words.
  void clear();

 private:
  std::ostream& out_;
  const bool terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point drawn_at_{};
};

}  // namespace atelier::host
