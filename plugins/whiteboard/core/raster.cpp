#include "core/raster.h"

#include <algorithm>
#include <cmath>

namespace atelier::board {
namespace {

constexpr int kStepBits = 8;  // of a pixel, for coordinates
constexpr std::int64_t kStep = 1 << kStepBits;
constexpr std::int64_t kFull = 2 * kStep * kStep;  // the sum of a pixel that is inside as a whole

int times(int a, int b) {
  const int product = a * b + 128;
  return (product + (product >> 8)) >> 8;
}

std::uint8_t byte(int value) {
  return static_cast<std::uint8_t>(value);
}

std::int64_t fixed(double at) {
  return static_cast<std::int64_t>(std::floor(at * static_cast<double>(kStep) + 0.5));
}

// Rounds down, also below zero.
std::int64_t divided(std::int64_t a, std::int64_t b) {
  const std::int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

// How much of a pixel is inside, 0 to 255.
int coverage_of(std::uint32_t sum) {
  const auto winding = static_cast<std::int32_t>(sum);
  const std::int64_t size = winding < 0 ? -static_cast<std::int64_t>(winding) : winding;
  return static_cast<int>((std::min(size, kFull) * 255 + kFull / 2) / kFull);
}

}  // namespace

std::uint32_t Picture::pixel(int x, int y) const {
  const std::uint8_t* at =
      bytes_.data() + (static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) +
                       static_cast<std::size_t>(x)) *
                          4;
  return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 |
         at[3];
}

void PixelRect::add(const PixelRect& other) {
  if (other.empty()) return;
  if (empty()) {
    *this = other;
    return;
  }
  x0 = std::min(x0, other.x0);
  y0 = std::min(y0, other.y0);
  x1 = std::max(x1, other.x1);
  y1 = std::max(y1, other.y1);
}

void fill_rect(const Bitmap& target, PixelRect rect, Colour colour) {
  rect.x0 = std::max(rect.x0, 0);
  rect.y0 = std::max(rect.y0, 0);
  rect.x1 = std::min(rect.x1, target.width);
  rect.y1 = std::min(rect.y1, target.height);
  if (rect.empty()) return;
  for (int y = rect.y0; y < rect.y1; ++y) {
    std::uint8_t* pixel = target.at(rect.x0, y);
    for (int x = rect.x0; x < rect.x1; ++x, pixel += 4) {
      pixel[0] = colour.r;
      pixel[1] = colour.g;
      pixel[2] = colour.b;
      pixel[3] = colour.a;
    }
  }
}

void blend_pixel(std::uint8_t* pixel, Colour colour, int coverage) {
  const int alpha = times(colour.a, coverage);
  if (alpha == 0) return;
  const int source[3] = {colour.r, colour.g, colour.b};
  if (alpha == 255 || pixel[3] == 0) {
    for (int i = 0; i < 3; ++i) pixel[i] = byte(source[i]);
    pixel[3] = byte(alpha);
    return;
  }
  if (pixel[3] == 255) {
    for (int i = 0; i < 3; ++i)
      pixel[i] = byte(times(source[i], alpha) + times(pixel[i], 255 - alpha) > 255
                          ? 255
                          : times(source[i], alpha) + times(pixel[i], 255 - alpha));
    return;
  }
  const int below = times(pixel[3], 255 - alpha);
  const int sum = alpha + below;
  for (int i = 0; i < 3; ++i)
    pixel[i] = byte((source[i] * alpha + pixel[i] * below + sum / 2) / sum);
  pixel[3] = byte(sum);
}

void Raster::add(std::span<const Vec> contour) {
  if (contour.size() < 2) return;
  for (const Vec p : contour)  // hostile numbers
    if (!std::isfinite(p.x) || !std::isfinite(p.y)) return;
  points_.insert(points_.end(), contour.begin(), contour.end());
  ends_.push_back(points_.size());
}

void Raster::paint(const Bitmap& target, Colour colour) {
  Box box;
  for (const Vec p : points_) box.add(p);
  const Box canvas{{0, 0}, {static_cast<double>(target.width), static_cast<double>(target.height)}};
  if (colour.a > 0 && !box.empty() && box.touches(canvas)) {
    begin(target.width, target.height);
    std::size_t first = 0;
    for (const std::size_t end : ends_) {
      Vec before = points_[end - 1];
      for (std::size_t i = first; i < end; ++i) {
        edge(before, points_[i]);
        before = points_[i];
      }
      first = end;
    }
    const int top = static_cast<int>(std::max(0.0, std::floor(box.min.y)));
    const int bottom = static_cast<int>(std::min<double>(target.height, std::ceil(box.max.y) + 1));
    for (int row = top; row < bottom; ++row) paint_row(target, row, colour);
  }
  points_.clear();
  ends_.clear();
}

// The sums are all zero between two calls of paint(): each row is cleared as it is painted.
void Raster::begin(int width, int height) {
  if (width == width_ && height == height_) return;
  width_ = width;
  height_ = height;
  sums_.assign((static_cast<std::size_t>(width) + 2) * static_cast<std::size_t>(height), 0);
  rows_.assign(static_cast<std::size_t>(height), {width + 2, -1});
}

// Cuts off what is above, below and to the right; what is to the left counts at the left edge.
void Raster::edge(Vec a, Vec b) {
  const double bottom = height_, right = width_;
  if (a.y == b.y || (a.y <= 0 && b.y <= 0) || (a.y >= bottom && b.y >= bottom) ||
      (a.x >= right && b.x >= right))
    return;
  const auto at_y = [&](double y) { return Vec{a.x + (b.x - a.x) * ((y - a.y) / (b.y - a.y)), y}; };
  Vec from = a, to = b;
  for (Vec* end : {&from, &to}) {
    if (end->y < 0) *end = at_y(0);
    if (end->y > bottom) *end = at_y(bottom);
  }
  edge_inside(from, to);
}

void Raster::edge_inside(Vec a, Vec b) {
  const double right = width_;
  if (a.x <= 0 && b.x <= 0) return line(0, fixed(a.y), 0, fixed(b.y));
  const auto at_x = [&](double x) { return Vec{x, a.y + (b.y - a.y) * ((x - a.x) / (b.x - a.x))}; };
  Vec from = a, to = b;
  if (from.x < 0) {
    from = at_x(0);
    line(0, fixed(a.y), 0, fixed(from.y));
  }
  Vec tail = to;
  if (to.x < 0) to = at_x(0);
  const bool has_tail = tail.x < 0;
  if (from.x > right) from = at_x(right);
  if (to.x > right) to = at_x(right);
  line(fixed(from.x), fixed(from.y), fixed(to.x), fixed(to.y));
  if (has_tail) line(0, fixed(to.y), 0, fixed(tail.y));
}

// From row to row.
void Raster::line(std::int64_t x0, std::int64_t y0, std::int64_t x1, std::int64_t y1) {
  if (y0 == y1) return;
  const std::int64_t sign = y0 < y1 ? 1 : -1;
  if (sign < 0) {
    std::swap(x0, x1);
    std::swap(y0, y1);
  }
  std::int64_t x = x0, y = y0;
  while (y < y1) {
    const std::int64_t row = y >> kStepBits;
    const std::int64_t next_y = std::min(y1, (row + 1) << kStepBits);
    const std::int64_t next_x =
        next_y == y1 ? x1 : x0 + divided((x1 - x0) * (next_y - y0), y1 - y0);
    piece(static_cast<int>(row), x, next_x, sign * (next_y - y));
    x = next_x;
    y = next_y;
  }
}

// Within a row, from column to column.
void Raster::piece(int row, std::int64_t x0, std::int64_t x1, std::int64_t dy) {
  if (row < 0 || row >= height_) return;
  if (x0 > x1) std::swap(x0, x1);  // which way it leans is all the same for the area
  const std::int64_t first = x0 >> kStepBits, last = x1 >> kStepBits;
  if (first == last || x1 == (first + 1) << kStepBits)
    return cell(row, static_cast<int>(first), x0 + x1 - 2 * (first << kStepBits), dy);
  std::int64_t x = x0, done = 0;
  for (std::int64_t column = first; x < x1; ++column) {
    const std::int64_t next = std::min(x1, (column + 1) << kStepBits);
    const std::int64_t reached = next == x1 ? dy : divided(dy * (next - x0), x1 - x0);
    cell(row, static_cast<int>(column), x + next - 2 * (column << kStepBits), reached - done);
    x = next;
    done = reached;
  }
}

// `x_sum` is twice the mean distance from the pixel's left side.
void Raster::cell(int row, int column, std::int64_t x_sum, std::int64_t dy) {
  if (column < 0 || column > width_) return;
  const std::int64_t beside = dy * x_sum;
  std::uint32_t* at = sums_.data() +
                      static_cast<std::size_t>(row) * (static_cast<std::size_t>(width_) + 2) +
                      static_cast<std::size_t>(column);
  at[0] += static_cast<std::uint32_t>(dy * 2 * kStep - beside);
  at[1] += static_cast<std::uint32_t>(beside);
  Row& extent = rows_[static_cast<std::size_t>(row)];
  extent.first = std::min(extent.first, column);
  extent.last = std::max(extent.last, column + 1);
}

void Raster::paint_row(const Bitmap& target, int row, Colour colour) {
  Row& extent = rows_[static_cast<std::size_t>(row)];
  if (extent.first > extent.last) return;
  std::uint32_t* sums =
      sums_.data() + static_cast<std::size_t>(row) * (static_cast<std::size_t>(width_) + 2);
  std::uint32_t sum = 0;
  int coverage = 0;
  std::uint8_t* pixel = target.at(std::min(extent.first, width_ - 1), row);
  for (int x = extent.first; x <= extent.last; ++x, pixel += 4) {
    if (sums[x] != 0) {
      sum += sums[x];
      sums[x] = 0;
      coverage = coverage_of(sum);
    }
    if (coverage > 0 && x < width_) blend_pixel(pixel, colour, coverage);
  }
  // To the right of the last edge that is seen there may be more inside: its edge was cut off.
  for (int x = extent.last + 1; coverage > 0 && x < width_; ++x, pixel += 4)
    blend_pixel(pixel, colour, coverage);
  extent = {width_ + 2, -1};
}

}  // namespace atelier::board
