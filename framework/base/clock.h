// Time as an interface, so that a simulation can turn it. Thread rule: implementations are safe
// from any thread.
#pragma once

#include <cstdint>

namespace atelier {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Milliseconds since 1970-01-01 UTC; may jump.
  virtual std::int64_t wall_ms() const = 0;
  /// Milliseconds that never go back; the origin means nothing.
  virtual std::int64_t monotonic_ms() const = 0;
};

/// The machine's own clock. Lives as long as the process.
Clock& system_clock();

}  // namespace atelier
