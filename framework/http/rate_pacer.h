// How many requests of a class a server takes a second, learnt from its 429 answers: halved at each
// (once a second), one more for every second without (additive increase, multiplicative decrease).
// Cloudant counts reads, writes and queries apart over a sliding second. Thread rule: any thread;
// one pacer for all connections to a server.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string_view>

namespace atelier {

enum class RequestClass { kRead, kWrite, kQuery };

/// What Cloudant would count it as.
RequestClass request_class(std::string_view method, std::string_view path);

class RatePacer {
 public:
  /// How long to wait before a request of that class may go at `now_ms` (monotonic). 0: now, and it
  /// is counted as sent.
  std::int64_t wait_ms(RequestClass kind, std::int64_t now_ms);
  /// The answer came. `limited`: it was 429.
  void answered(RequestClass kind, bool limited, std::int64_t now_ms);
  /// Requests a second that are allowed; 0: any number.
  int limit(RequestClass kind) const;

 private:
  struct Pace {
    std::deque<std::int64_t> sent_ms;  // within the last second
    int limit = 0;                     // 0: none was needed yet
    std::int64_t changed_ms = 0;
  };
  void forget_old(Pace& pace, std::int64_t now_ms) const;

  mutable std::mutex mutex_;
  std::array<Pace, 3> paces_;  // guarded by mutex_
};

}  // namespace atelier
