// The order of shapes as strings: between any two there is room for another, so that moving one
// shape changes one document.
//
//   order := 1 to kOrderBytesMax of 0-9 A-Z a-z, the last of them not "0"
//
// It is the digits (base 62) of a fraction between 0 and 1, and sorts by its bytes. A new string is
// picked at random within the gap, so that two people who insert at one place at once get different
// ones. In front and behind, a million insertions keep it at about eight bytes; n insertions at one
// place in the middle, each beside the last, take about n/5 bytes.
// Thread rule: pure functions; Jitter is a value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace atelier::board {

/// Random numbers (splitmix64). Two people's must start differently.
class Jitter {
 public:
  explicit Jitter(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  /// At least 0 and below 1.
  double fraction() { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

bool is_order(std::string_view order);

/// Strictly between `low` and `high`; empty means that there is no such neighbour. Both must be
/// is_order() and low < high, else what comes sorts after `low`.
std::string order_between(std::string_view low, std::string_view high, Jitter& jitter);

/// Above or below everything that sorts up to `order` (empty: there is nothing yet).
std::string order_after(std::string_view order, Jitter& jitter);
std::string order_before(std::string_view order, Jitter& jitter);

}  // namespace atelier::board
