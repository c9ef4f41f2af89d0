#include "core/draw_list.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/board_limits.h"
#include "core/freehand.h"
#include "core/geometry.h"

namespace atelier::board {
namespace {

constexpr double kNotePadding = 12;
constexpr double kNoteRadius = 4;

double tolerance_of(double zoom) {
  return zoom > 0 ? kFlattenPixels / zoom : 0;
}

bool is_hair(double units, double zoom) {
  return zoom > 0 && units * zoom < kHairPixels;
}

// Points that the eye does not miss at this zoom.
void thin_out(std::vector<Rib>& ribs, double zoom) {
  if (zoom <= 0 || ribs.size() < 3) return;
  Points line;
  for (const Rib& rib : ribs) line.push_back(rib.at);
  std::vector<Rib> kept;
  for (const std::size_t i : simplify(line, tolerance_of(zoom))) kept.push_back(ribs[i]);
  ribs = std::move(kept);
}

DrawCommand dot(const Box& box, Colour colour) {
  DrawCommand command;
  command.kind = DrawCommand::Kind::kRectangle;
  command.points = {box.min, box.max};
  command.fill = colour;
  return command;
}

DrawCommand straight_line(Points points, const Shape& shape) {
  DrawCommand command;
  command.kind = DrawCommand::Kind::kLine;
  command.points = std::move(points);
  command.line = shape.colour;
  command.width = shape.width;
  return command;
}

void draw_line(const Shape& shape, DrawList& list) {
  const Vec center = shape.box().center();
  const Vec from = rotated({shape.x, shape.y}, center, shape.rotation);
  const Vec to = rotated({shape.x + shape.w, shape.y + shape.h}, center, shape.rotation);
  if (shape.kind == Kind::kLine) return list.push_back(straight_line({from, to}, shape));
  const ArrowHead head = arrow_head(from, to, shape.width);
  list.push_back(straight_line({from, head.neck}, shape));
  DrawCommand tip;
  tip.points = {head.tip, head.right, head.left};
  tip.fill = shape.colour;
  list.push_back(std::move(tip));
}

void draw_area(const Shape& shape, DrawList& list) {
  DrawCommand command;
  command.kind =
      shape.kind == Kind::kEllipse ? DrawCommand::Kind::kEllipse : DrawCommand::Kind::kRectangle;
  command.points = {shape.box().min, shape.box().max};
  command.fill = shape.fill.value_or(Colour{0, 0, 0, 0});
  command.line = shape.colour;
  command.width = shape.width;
  command.rotation = shape.rotation;
  command.pivot = shape.box().center();
  list.push_back(std::move(command));
}

// Letters too small to read: a bar for each line.
DrawCommand text_bar(const Shape& shape, Vec at, double width, double size) {
  Colour colour = shape.colour;
  colour.a = static_cast<std::uint8_t>(colour.a / 2);
  DrawCommand command = dot({{at.x, at.y - size * 0.6}, {at.x + width, at.y - size * 0.1}}, colour);
  command.rotation = shape.rotation;
  command.pivot = shape.box().center();
  return command;
}

void draw_lines(const Shape& shape, const TextBlock& block, Vec at, double size,
                const DrawOptions& options, DrawList& list) {
  const bool unreadable = options.zoom > 0 && size * options.zoom < kTextPixelsMin;
  for (std::size_t i = 0; i < block.lines.size(); ++i) {
    const TextBlock::Line& line = block.lines[i];
    if (line.text.empty()) continue;
    const Vec base{at.x, at.y + size * (kBaseline + kLineHeight * static_cast<double>(i))};
    if (unreadable) {
      list.push_back(text_bar(shape, base, line.width, size));
      continue;
    }
    DrawCommand command;
    command.kind = DrawCommand::Kind::kText;
    command.points = {base};
    command.fill = shape.colour;
    command.text = line.text;
    command.font_size = size;
    command.text_width = line.width;
    command.rotation = shape.rotation;
    command.pivot = shape.box().center();
    list.push_back(std::move(command));
  }
}

void draw_note(const Shape& shape, const DrawOptions& options, DrawList& list) {
  DrawCommand paper = dot(shape.box(), shape.fill.value_or(kNotePaper));
  paper.radius = std::min({kNoteRadius, shape.w / 2, shape.h / 2});
  paper.rotation = shape.rotation;
  paper.pivot = shape.box().center();
  list.push_back(std::move(paper));
  const double padding = std::min({kNotePadding, shape.w / 4, shape.h / 4});
  double size = shape.font_size;
  const TextBlock block = fit_text(shape.text, std::max(shape.w - 2 * padding, 1.0),
                                   shape.h - 2 * padding, size, options.measure);
  draw_lines(shape, block, {shape.x + padding, shape.y + padding}, size, options, list);
}

void draw_stroke(const Shape& shape, const DrawOptions& options, DrawList& list, const Ink* ink) {
  const Box box = shape.box();
  if (is_hair(std::max(box.width(), box.height()) + shape.width, options.zoom))
    return list.push_back(dot(box.grown(shape.width / 2), shape.colour));
  if (ink != nullptr && shape.rotation == 0)
    return draw_ink(*ink, shape.colour, shape.width, options.zoom, list);
  Ink own = ink != nullptr ? *ink : stroke_ink(shape);
  for (InkPoint& point : own.points) point.at = rotated(point.at, box.center(), shape.rotation);
  draw_ink(own, shape.colour, shape.width, options.zoom, list);
}

Points rounded_rectangle(const Box& box, double radius, double tolerance) {
  if (radius <= 0) {
    const auto four = corners(box);
    return {four.begin(), four.end()};
  }
  Points polygon;
  const Box inner = box.grown(-radius);
  const Vec centres[] = {
      inner.max, {inner.min.x, inner.max.y}, inner.min, {inner.max.x, inner.min.y}};
  const double ratio = std::clamp(1 - tolerance / radius, 0.0, 1.0);
  const double step = std::max(2 * std::acos(ratio), 1e-3);
  const int pieces =
      static_cast<int>(std::clamp(std::ceil(std::numbers::pi / 2 / step), 1.0, 90.0));
  for (int corner = 0; corner < 4; ++corner)
    for (int i = 0; i <= pieces; ++i)
      polygon.push_back(rotated(centres[corner] + Vec{radius, 0}, centres[corner],
                                90.0 * (corner + static_cast<double>(i) / pieces)));
  return polygon;
}

}  // namespace

void draw_ink(const Ink& ink, Colour colour, double width, double zoom, DrawList& list) {
  PenStyle style;
  style.width = width;
  std::vector<Rib> ribs = pen_ribs(ink, style);
  thin_out(ribs, zoom);
  DrawCommand command;
  if (ribs.size() > 1 && is_hair(width, zoom)) {
    command.kind = DrawCommand::Kind::kLine;
    for (const Rib& rib : ribs) command.points.push_back(rib.at);
    command.line = colour;
    command.width = width;
  } else {
    command.points = pen_outline(ribs, style);
    command.curved = true;
    command.fill = colour;
  }
  if (!command.points.empty()) list.push_back(std::move(command));
}

void draw_shape(const Shape& shape, const DrawOptions& options, DrawList& list, const Ink* ink) {
  switch (shape.kind) {
    case Kind::kStroke:
      return draw_stroke(shape, options, list, ink);
    case Kind::kLine:
    case Kind::kArrow:
      return draw_line(shape, list);
    case Kind::kRectangle:
    case Kind::kEllipse:
      return draw_area(shape, list);
    case Kind::kText:
      return draw_lines(shape, layout_text(shape.text, shape.w, shape.font_size, options.measure),
                        {shape.x, shape.y}, shape.font_size, options, list);
    case Kind::kNote:
      return draw_note(shape, options, list);
  }
}

DrawList draw_board(const Board& board, const Box& box, const DrawOptions& options) {
  DrawList list;
  for (const Item* item : board.within(box)) draw_shape(item->shape, options, list);
  return list;
}

Points command_polygon(const DrawCommand& command, double tolerance) {
  const double fine = tolerance > 0 ? tolerance : 0.01;
  if (command.kind == DrawCommand::Kind::kPolygon)
    return command.curved ? flatten_curve(command.points, true, fine) : command.points;
  if (command.points.size() != 2 || command.kind == DrawCommand::Kind::kLine) return {};
  const Box box = Box::around(command.points[0], command.points[1]);
  Points polygon = command.kind == DrawCommand::Kind::kEllipse
                       ? ellipse_polygon(box, fine)
                       : rounded_rectangle(box, command.radius, fine);
  for (Vec& p : polygon) p = rotated(p, command.pivot, command.rotation);
  return polygon;
}

}  // namespace atelier::board
