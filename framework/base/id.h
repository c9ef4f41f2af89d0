// Ids that sort by time: `<prefix>:<time><node><counter>`. Thread rule: IdMaker is safe from any
// thread.
//
//   time     11 digits of base 36, microseconds since 1970 (enough until the year 6140)
//   node      8 digits of base 36, random at each start of a process, so that a copied profile
//             never speaks with another's
//   counter   3 digits of base 36, for ids made within one microsecond
// Within one process the ids are strictly increasing even when the clock goes back.
// Example: message:0hfk3z9q1x2k7c0p1vd000
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace atelier {

class IdMaker {
 public:
  explicit IdMaker(Clock& clock = system_clock());
  /// For simulations: a node chosen by the caller (8 digits of base 36).
  IdMaker(Clock& clock, std::string node);

  std::string make(std::string_view prefix);
  const std::string& node() const { return node_; }

 private:
  Clock& clock_;
  const std::string node_;
  std::mutex mutex_;
  std::uint64_t last_us_ = 0;    // guarded by mutex_
  std::uint32_t counter_ = 0;    // guarded by mutex_
};

/// When an id of ours was made, in milliseconds since 1970: the time is the first 11 of 22 digits
/// behind the colon. nullopt for ids of any other form.
std::optional<std::int64_t> id_time_ms(std::string_view id);

/// The one of this process: ids of two rooms never meet, and the node is made once at its start.
IdMaker& process_ids();

}  // namespace atelier
