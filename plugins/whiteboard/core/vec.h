// Points and boxes in board units: one unit is one pixel at zoom 1, x to the right, y down.
// Thread rule: values.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace atelier::board {

struct Vec {
  double x = 0, y = 0;

  friend Vec operator+(Vec a, Vec b) { return {a.x + b.x, a.y + b.y}; }
  friend Vec operator-(Vec a, Vec b) { return {a.x - b.x, a.y - b.y}; }
  friend Vec operator*(Vec a, double k) { return {a.x * k, a.y * k}; }
  friend bool operator==(Vec a, Vec b) = default;
};

inline double dot(Vec a, Vec b) {
  return a.x * b.x + a.y * b.y;
}
inline double cross(Vec a, Vec b) {
  return a.x * b.y - a.y * b.x;
}
inline double length(Vec a) {
  return std::sqrt(dot(a, a));
}
inline double distance(Vec a, Vec b) {
  return length(b - a);
}
inline Vec lerp(Vec a, Vec b, double t) {
  return a + (b - a) * t;
}
/// A quarter turn, clockwise as seen on the screen.
inline Vec turned(Vec a) {
  return {-a.y, a.x};
}
/// Of length 1; of nothing, nothing.
inline Vec unit(Vec a) {
  const double size = length(a);
  return size > 0 ? a * (1 / size) : Vec{};
}

/// Both corners belong to it. A box that holds nothing is empty().
struct Box {
  Vec min{std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  Vec max{-std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};

  static Box around(Vec a, Vec b) {
    return {{std::min(a.x, b.x), std::min(a.y, b.y)}, {std::max(a.x, b.x), std::max(a.y, b.y)}};
  }
  bool empty() const { return !(min.x <= max.x && min.y <= max.y); }
  double width() const { return empty() ? 0 : max.x - min.x; }
  double height() const { return empty() ? 0 : max.y - min.y; }
  Vec center() const { return (min + max) * 0.5; }
  void add(Vec p) {
    min = {std::min(min.x, p.x), std::min(min.y, p.y)};
    max = {std::max(max.x, p.x), std::max(max.y, p.y)};
  }
  void add(const Box& other) {
    if (other.empty()) return;
    add(other.min);
    add(other.max);
  }
  Box grown(double by) const {
    return empty() ? *this : Box{{min.x - by, min.y - by}, {max.x + by, max.y + by}};
  }
  bool contains(Vec p) const {
    return p.x >= min.x && p.x <= max.x && p.y >= min.y && p.y <= max.y;
  }
  bool contains(const Box& other) const { return contains(other.min) && contains(other.max); }
  bool touches(const Box& other) const {
    return min.x <= other.max.x && other.min.x <= max.x && min.y <= other.max.y &&
           other.min.y <= max.y;
  }
  friend bool operator==(const Box&, const Box&) = default;
};

using Points = std::vector<Vec>;

inline Box bounds_of(const Points& points) {
  Box box;
  for (const Vec p : points) box.add(p);
  return box;
}

}  // namespace atelier::board
