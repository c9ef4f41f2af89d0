#include "core/geometry.h"

#include <numbers>

namespace atelier::board {
namespace {

// How many straight pieces a quadratic Bézier needs: its distance to them falls with their square.
int pieces_of(Vec a, Vec control, Vec b, double tolerance) {
  const double bend = length(a - control * 2 + b);
  const double pieces = std::sqrt(bend / (4 * std::max(tolerance, 1e-9)));
  return static_cast<int>(std::clamp(std::ceil(pieces), 1.0, 32.0));
}

void append_quadratic(Points& out, Vec a, Vec control, Vec b, double tolerance) {
  const int pieces = pieces_of(a, control, b, tolerance);
  for (int i = 1; i <= pieces; ++i) {
    const double t = static_cast<double>(i) / pieces;
    out.push_back(lerp(lerp(a, control, t), lerp(control, b, t), t));
  }
}

}  // namespace

double distance_to_segment(Vec p, Vec a, Vec b) {
  const Vec along = b - a;
  const double size = dot(along, along);
  if (size <= 0) return distance(p, a);
  return distance(p, a + along * std::clamp(dot(p - a, along) / size, 0.0, 1.0));
}

bool segments_cross(Vec a, Vec b, Vec c, Vec d) {
  const double c_side = cross(b - a, c - a), d_side = cross(b - a, d - a);
  const double a_side = cross(d - c, a - c), b_side = cross(d - c, b - c);
  return ((c_side > 0) != (d_side > 0)) && ((a_side > 0) != (b_side > 0));
}

double segment_distance(Vec a, Vec b, Vec c, Vec d) {
  if (segments_cross(a, b, c, d)) return 0;
  return std::min({distance_to_segment(a, c, d), distance_to_segment(b, c, d),
                   distance_to_segment(c, a, b), distance_to_segment(d, a, b)});
}

double distance_to_line(Vec p, std::span<const Vec> line) {
  double nearest = std::numeric_limits<double>::infinity();
  if (line.size() == 1) return distance(p, line[0]);
  for (std::size_t i = 1; i < line.size(); ++i)
    nearest = std::min(nearest, distance_to_segment(p, line[i - 1], line[i]));
  return nearest;
}

bool inside_polygon(Vec p, std::span<const Vec> polygon) {
  int winding = 0;
  for (std::size_t i = 0; i < polygon.size(); ++i) {
    const Vec a = polygon[i], b = polygon[(i + 1) % polygon.size()];
    if ((a.y <= p.y) == (b.y <= p.y)) continue;
    const double side = cross(b - a, p - a);
    if (a.y <= p.y && side > 0) ++winding;
    if (a.y > p.y && side < 0) --winding;
  }
  return winding != 0;
}

bool line_touches_box(std::span<const Vec> line, const Box& box) {
  for (const Vec p : line)
    if (box.contains(p)) return true;
  const auto edge = corners(box);
  for (std::size_t i = 1; i < line.size(); ++i) {
    if (!Box::around(line[i - 1], line[i]).touches(box)) continue;
    if (segments_cross(line[i - 1], line[i], edge[0], edge[2]) ||
        segments_cross(line[i - 1], line[i], edge[1], edge[3]))
      return true;
  }
  return false;
}

Vec rotated(Vec p, Vec around, double degrees) {
  if (degrees == 0) return p;
  const double angle = degrees * std::numbers::pi / 180;
  const Vec d = p - around;
  return around + Vec{d.x * std::cos(angle) - d.y * std::sin(angle),
                      d.x * std::sin(angle) + d.y * std::cos(angle)};
}

std::array<Vec, 4> corners(const Box& box) {
  return {box.min, {box.max.x, box.min.y}, box.max, {box.min.x, box.max.y}};
}

std::vector<std::size_t> simplify(std::span<const Vec> line, double tolerance) {
  std::vector<std::size_t> kept;
  if (line.empty()) return kept;
  std::vector<bool> keep(line.size(), false);
  keep.front() = keep.back() = true;
  std::vector<std::pair<std::size_t, std::size_t>> open{{0, line.size() - 1}};
  while (!open.empty()) {
    const auto [first, last] = open.back();
    open.pop_back();
    std::size_t farthest = first;
    double size = tolerance;
    for (std::size_t i = first + 1; i < last; ++i) {
      const double off = distance_to_segment(line[i], line[first], line[last]);
      if (off <= size) continue;
      size = off;
      farthest = i;
    }
    if (farthest == first) continue;
    keep[farthest] = true;
    open.emplace_back(first, farthest);
    open.emplace_back(farthest, last);
  }
  for (std::size_t i = 0; i < line.size(); ++i)
    if (keep[i]) kept.push_back(i);
  return kept;
}

Points ellipse_polygon(const Box& box, double tolerance) {
  const double radius = std::max(box.width(), box.height()) / 2;
  const double ratio = std::clamp(1 - tolerance / std::max(radius, 1e-9), -1.0, 1.0);
  const double step = std::max(2 * std::acos(ratio), 1e-9);
  const int count =
      static_cast<int>(std::clamp(std::ceil(2 * std::numbers::pi / step), 8.0, 720.0));
  Points polygon;
  for (int i = 0; i < count; ++i) {
    const double angle = 2 * std::numbers::pi * i / count;
    polygon.push_back(box.center() +
                      Vec{box.width() / 2 * std::cos(angle), box.height() / 2 * std::sin(angle)});
  }
  return polygon;
}

Points flatten_curve(std::span<const Vec> controls, bool closed, double tolerance) {
  const std::size_t count = controls.size();
  if (count < 3) return {controls.begin(), controls.end()};
  Points out;
  if (closed) {
    Vec at = lerp(controls[count - 1], controls[0], 0.5);
    for (std::size_t i = 0; i < count; ++i) {
      const Vec to = lerp(controls[i], controls[(i + 1) % count], 0.5);
      append_quadratic(out, at, controls[i], to, tolerance);
      at = to;
    }
    return out;
  }
  out.push_back(controls.front());
  for (std::size_t i = 1; i + 1 < count; ++i) {
    const Vec to = i + 2 == count ? controls[i + 1] : lerp(controls[i], controls[i + 1], 0.5);
    append_quadratic(out, out.back(), controls[i], to, tolerance);
  }
  return out;
}

ArrowHead arrow_head(Vec from, Vec to, double width) {
  const double shaft = distance(from, to);
  const double size = std::min(8 + 3 * width, shaft);
  const Vec along = unit(to - from);
  const Vec base = to - along * size;
  const Vec side = turned(along) * (size * 0.45);
  return {to, base - side, base + side, to - along * (size * 0.8)};
}

}  // namespace atelier::board
