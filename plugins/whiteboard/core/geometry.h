// Distances, what is hit, simpler lines, and curves as polygons. Board units.
// Thread rule: pure functions.
#pragma once

#include <array>
#include <span>

#include "core/vec.h"

namespace atelier::board {

double distance_to_segment(Vec p, Vec a, Vec b);
bool segments_cross(Vec a, Vec b, Vec c, Vec d);
/// Smallest distance of two segments; 0 when they cross.
double segment_distance(Vec a, Vec b, Vec c, Vec d);
/// Of a point to a line through the points. Infinity for none.
double distance_to_line(Vec p, std::span<const Vec> line);
/// Whether the point is inside a closed polygon, by the non-zero rule.
bool inside_polygon(Vec p, std::span<const Vec> polygon);
/// Whether a line touches a box.
bool line_touches_box(std::span<const Vec> line, const Box& box);

Vec rotated(Vec p, Vec around, double degrees);
std::array<Vec, 4> corners(const Box& box);

/// Fewer points, so that the line stays within `tolerance` of the old one (Douglas and Peucker,
/// "Algorithms for the reduction of the number of points required to represent a digitized line or
/// its caricature", 1973). Returns indexes; the first and the last stay.
std::vector<std::size_t> simplify(std::span<const Vec> line, double tolerance);

/// A closed polygon of an ellipse, within `tolerance`.
Points ellipse_polygon(const Box& box, double tolerance);

/// The curve through the midpoints of neighbours, with the points as controls of quadratic Béziers,
/// as a line within `tolerance`. Closed: the curve has no ends.
Points flatten_curve(std::span<const Vec> controls, bool closed, double tolerance);

/// An arrow's head at `to`: tip, left and right, and where its shaft ends.
struct ArrowHead {
  Vec tip, left, right, neck;
};
ArrowHead arrow_head(Vec from, Vec to, double width);

}  // namespace atelier::board
