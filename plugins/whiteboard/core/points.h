// A stroke's points as a short text of JSON-safe characters: about four bytes a point.
//
//   text   := "1" scale mode point*
//   scale  := one of 0-9 A-C, the number of bits (0 to 12): coordinates are in 1/2^scale of a unit
//   mode   := one digit, the sum of 1: each point ends in its pressure
//                                   2: numbers are differences of differences
//   point  := number number [pressure]        x and y, each the difference to the point before
//                                             (the first: to 0), or what that differs from the
//                                             difference before it (mode 2)
//   number := zigzag (0, -1, 1, -2, … are 0, 1, 2, 3, …) in groups of 5 bits, the lowest first; a
//             digit is 32 + group when more follow
//   digit  := one of A-Z a-z 0-9 - _ (0 to 63)
//   pressure := one digit: pressure times 63, rounded
//
// Example: (0,0) (10,0) (20,1) without pressure is "100" "AA" "UA" "UC".
// Thread rule: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/vec.h"
#include <atelier/error.h>

namespace atelier::board {

struct InkPoint {
  Vec at;
  double pressure = 0.5;  // 0 to 1
  friend bool operator==(const InkPoint&, const InkPoint&) = default;
};

struct Ink {
  std::vector<InkPoint> points;
  bool has_pressure = false;  // a pen told it; otherwise it follows from the speed
};

/// `scale_bits` says how exact: an error of at most 1/2^(scale_bits+1). The shorter mode is taken.
std::string encode_ink(const Ink& ink, int scale_bits);

/// Total over all texts. Errors: kInvalid with the byte's number; kTooLarge beyond
/// kStrokePointsMax.
Result<Ink> decode_ink(std::string_view text);

/// The box of the points and whether the text can be read, without keeping the points.
Result<Box> check_ink(std::string_view text);

}  // namespace atelier::board
