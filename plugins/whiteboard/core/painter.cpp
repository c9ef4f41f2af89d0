#include "core/painter.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "core/board_limits.h"
#include "core/geometry.h"

namespace atelier::board {
namespace {

Colour faded(Colour colour, int alpha) {
  colour.a = static_cast<std::uint8_t>((colour.a * alpha + 127) / 255);
  return colour;
}

std::size_t bytes_of(const DrawList& list) {
  std::size_t bytes = 128;
  for (const DrawCommand& command : list)
    bytes += sizeof(DrawCommand) + command.points.size() * sizeof(Vec) + command.text.size();
  return bytes;
}

// Half a circle around `center`, clockwise from `from`, without its first and last point.
void append_half_circle(Points& out, Vec center, Vec from, double tolerance) {
  const double radius = distance(center, from);
  const double ratio = std::clamp(1 - tolerance / std::max(radius, 1e-9), 0.0, 1.0);
  const int pieces = static_cast<int>(
      std::clamp(std::ceil(std::numbers::pi / std::max(2 * std::acos(ratio), 1e-3)), 2.0, 180.0));
  for (int i = 1; i < pieces; ++i) out.push_back(rotated(from, center, 180.0 * i / pieces));
}

// To the left and right of a line's point: along the mean of both directions, and at a sharp turn
// at a right angle to each.
void append_side(Points& out, Vec before, Vec at, Vec after, double reach) {
  const Vec in = unit(at - before), next = unit(after - at);
  const Vec mean = unit(in + next);
  const double lean = dot(mean, in);
  if (lean < 0.5) {
    out.push_back(at + turned(in) * reach);
    out.push_back(at + turned(next) * reach);
    return;
  }
  out.push_back(at + turned(mean) * (reach / lean));
}

Points without_repeats(const Points& line) {
  Points out;
  for (const Vec p : line)
    if (out.empty() || !(out.back() == p)) out.push_back(p);
  return out;
}

}  // namespace

PixelRect Window::pixels(const Box& box, const Bitmap& within) const {
  if (box.empty()) return {};
  const Vec min = to_pixel(box.min), max = to_pixel(box.max);
  const auto clamped = [](double at, int size) {
    return static_cast<int>(std::clamp(at, 0.0, static_cast<double>(size)));
  };
  return {
      clamped(std::floor(min.x) - 2, within.width), clamped(std::floor(min.y) - 2, within.height),
      clamped(std::ceil(max.x) + 2, within.width), clamped(std::ceil(max.y) + 2, within.height)};
}

Points line_polygon(const Points& points, double width, double tolerance) {
  const Points line = without_repeats(points);
  if (line.empty()) return {};
  const double reach = width / 2;
  if (line.size() == 1) return ellipse_polygon(Box{line[0], line[0]}.grown(reach), tolerance);
  Points out;
  const std::size_t last = line.size() - 1;
  const Vec side = turned(unit(line[1] - line[0])) * reach;
  out.push_back(line[0] + side);
  append_half_circle(out, line[0], line[0] + side, tolerance);
  out.push_back(line[0] - side);
  for (std::size_t i = 1; i < last; ++i)
    append_side(out, line[i - 1], line[i], line[i + 1], -reach);
  const Vec end_side = turned(unit(line[last] - line[last - 1])) * reach;
  out.push_back(line[last] - end_side);
  append_half_circle(out, line[last], line[last] - end_side, tolerance);
  out.push_back(line[last] + end_side);
  for (std::size_t i = last; i-- > 1;) append_side(out, line[i + 1], line[i], line[i - 1], -reach);
  return out;
}

Painter::Painter(MeasureText measure, PaintLetters letters)
    : measure_(std::move(measure)), letters_(std::move(letters)) {}

std::size_t Painter::KeyHash::operator()(const Key& key) const {
  const std::uint64_t mixed = (key.revision ^ (key.zoom >> 40)) * 0x9E3779B97F4A7C15u;
  return static_cast<std::size_t>(mixed ^ (mixed >> 29));
}

const DrawList& Painter::commands_of(const Item& item, double zoom) {
  const Key key{item.revision, std::bit_cast<std::uint64_t>(zoom)};
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    kept_.splice(kept_.begin(), kept_, found->second);
    return found->second->list;
  }
  DrawList list;
  draw_shape(item.shape, {zoom, measure_}, list);
  for (DrawCommand& command : list) {
    if (!command.curved) continue;
    command.points = command_polygon(command, kFlattenPixels / zoom);
    command.curved = false;
  }
  const std::size_t bytes = bytes_of(list);
  kept_.push_front({key, std::move(list), bytes});
  by_key_[key] = kept_.begin();
  kept_bytes_ += bytes;
  while (kept_bytes_ > kOutlineBytesMax && kept_.size() > 1) {
    kept_bytes_ -= kept_.back().bytes;
    by_key_.erase(kept_.back().key);
    kept_.pop_back();
  }
  return kept_.front().list;
}

void Painter::paint(const Bitmap& target, const Window& window, const Item& item) {
  paint_commands(target, window, commands_of(item, window.scale));
}

void Painter::paint_faded(const Bitmap& target, const Window& window, const Item& item,
                          double detail, int alpha) {
  paint_commands(target, window, commands_of(item, detail), alpha);
}

void Painter::paint_shape(const Bitmap& target, const Window& window, const Shape& shape,
                          double detail, int alpha, const Ink* ink) {
  DrawList list;
  draw_shape(shape, {detail, measure_}, list, ink);
  paint_commands(target, window, list, alpha);
}

void Painter::paint_commands(const Bitmap& target, const Window& window, const DrawList& list,
                             int alpha) {
  for (const DrawCommand& command : list) paint_command(target, window, command, alpha);
}

void Painter::paint_command(const Bitmap& target, const Window& window, const DrawCommand& command,
                            int alpha) {
  if (command.kind == DrawCommand::Kind::kText)
    return paint_text(target, window, command, faded(command.fill, alpha));
  const double tolerance = kFlattenPixels / window.scale;
  if (command.fill.a > 0)
    paint_polygon(target, window, command_polygon(command, tolerance), faded(command.fill, alpha));
  if (command.line.a > 0 && command.width > 0)
    paint_edge(target, window, command, faded(command.line, alpha));
}

void Painter::paint_polygon(const Bitmap& target, const Window& window, const Points& polygon,
                            Colour colour) {
  pixels_.clear();
  for (const Vec p : polygon) pixels_.push_back(window.to_pixel(p));
  raster_.add(pixels_);
  raster_.paint(target, colour);
}

// A line, or the ring around a rectangle or ellipse: what is between a larger and a smaller one.
void Painter::paint_edge(const Bitmap& target, const Window& window, const DrawCommand& command,
                         Colour colour) {
  const double tolerance = kFlattenPixels / window.scale;
  if (command.kind == DrawCommand::Kind::kLine || command.kind == DrawCommand::Kind::kPolygon)
    return paint_polygon(target, window, line_polygon(command.points, command.width, tolerance),
                         colour);
  DrawCommand ring = command;
  const Box box = Box::around(command.points[0], command.points[1]);
  const Box outer = box.grown(command.width / 2), inner = box.grown(-command.width / 2);
  ring.points = {outer.min, outer.max};
  const Points outside = command_polygon(ring, tolerance);
  if (inner.empty() || inner.width() <= 0 || inner.height() <= 0)
    return paint_polygon(target, window, outside, colour);
  ring.points = {inner.min, inner.max};
  Points inside = command_polygon(ring, tolerance);
  std::reverse(inside.begin(), inside.end());
  for (const Points* contour : {&outside, static_cast<const Points*>(&inside)}) {
    pixels_.clear();
    for (const Vec p : *contour) pixels_.push_back(window.to_pixel(p));
    raster_.add(pixels_);
  }
  raster_.paint(target, colour);
}

// Letters stand upright: where a text was turned by a newer program, its lines begin where they
// should.
void Painter::paint_text(const Bitmap& target, const Window& window, const DrawCommand& command,
                         Colour colour) {
  if (!letters_ || colour.a == 0) return;
  const Vec at = window.to_pixel(rotated(command.points[0], command.pivot, command.rotation));
  const double em = command.font_size * window.scale;
  // Far outside there is nothing to paint, and numbers grow beyond what letters are placed with.
  if (at.y < -2 * em || at.y > target.height + 2 * em || at.x > target.width + em || at.x < -4e6 ||
      em > 1e6)
    return;
  letters_(target, at, command.text, em, colour);
}

}  // namespace atelier::board
