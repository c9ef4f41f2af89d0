// What a click, an eraser, a box or a lasso touches, and what area a shape paints.
// Thread rule: pure functions.
#pragma once

#include <span>

#include "core/shape.h"
#include "core/text_layout.h"

namespace atelier::board {

/// A shape reduced to a line that has half a width, and maybe an inside.
struct Skeleton {
  Points line;         // closed: ends where it begins
  bool solid = false;  // the inside belongs to it
  double reach = 0;    // half the line's width
};
Skeleton skeleton_of(const Shape& shape);
/// The same where the edges of a text are known (visible_box()).
Skeleton skeleton_of(const Shape& shape, const Box& edges);

bool hits_point(const Skeleton& skeleton, Vec p, double tolerance);
/// What an eraser of radius `tolerance` touches on its way from a to b.
bool hits_segment(const Skeleton& skeleton, Vec a, Vec b, double tolerance);
bool touches_box(const Skeleton& skeleton, const Box& box);
/// Whether it lies within a closed line as a whole.
bool inside_lasso(const Skeleton& skeleton, std::span<const Vec> lasso);

/// The shape's box; of a text that does not wrap, the box around its lines.
Box visible_box(const Shape& shape, const MeasureText& measure);

/// A box around everything that is drawn: lines have a width, arrows a head, letters may run over.
Box painted_box(const Shape& shape);

}  // namespace atelier::board
