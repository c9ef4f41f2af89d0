// A pen's line of varying width as one filled outline, after the published method of
// perfect-freehand (github.com/steveruizok/perfect-freehand): the points are drawn together
// (streamline), pressure is measured or follows from the speed, and the outline runs along both
// sides at the distance that the pressure gives, with round ends. Thread rule: pure functions.
#pragma once

#include "core/points.h"
#include "core/vec.h"

namespace atelier::board {

struct PenStyle {
  double width = 4;         // at full pressure
  double thinning = 0.5;    // how much of it pressure takes away, 0 to 1
  double streamline = 0.5;  // how much each point is drawn to the one before, 0 to 1
  double smoothing = 0.5;   // outline points nearer than this times the width are left out, 0 to 1
};

/// One point of the line with half its width there.
struct Rib {
  Vec at;
  double radius = 0;
};

/// The smoothed line. A dot gives one.
std::vector<Rib> pen_ribs(const Ink& ink, const PenStyle& style);

/// The outline around the ribs: controls of a closed curve (flatten_curve), to be filled by the
/// non-zero rule, since a line that turns on itself crosses itself.
Points pen_outline(const std::vector<Rib>& ribs, const PenStyle& style);

}  // namespace atelier::board
