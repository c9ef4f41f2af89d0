// What the clocks of others say, so that a machine whose own clock is wrong can know it: servers
// write a `Date` into their answers, and our clients into their requests. One machine has one vote,
// and a stranger's word weighs no more than anybody's: what counts is the median.
// Thread rule: any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace atelier {

class PeerClocks {
 public:
  static constexpr std::int64_t kFreshMs = 3'600'000;  // a word is heard for an hour
  static constexpr std::size_t kPeersMax = 64;         // then the oldest word goes

  /// `clock`: our own.
  explicit PeerClocks(const Clock& clock) : clock_(clock) {}

  /// A message of `who` (an address) that has just come said this (IMF-fixdate). Anything else is
  /// ignored.
  void heard(std::string_view who, std::string_view date);

  /// The time by the clocks of others, in milliseconds since 1970, to a second or two; nullopt
  /// where nobody was heard lately.
  std::optional<std::int64_t> wall_ms() const;

 private:
  struct Word {
    std::int64_t ahead_ms;  // of our monotonic clock, which nobody sets
    std::int64_t at_ms;     // on it
  };
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Word, std::less<>> words_;  // guarded by mutex_
};

/// Of this process, beside system_clock().
PeerClocks& peer_clocks();

}  // namespace atelier
