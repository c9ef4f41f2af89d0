#include "core/hit.h"

#include "core/geometry.h"
#include "core/text_layout.h"

namespace atelier::board {
namespace {

void close(Points& line) {
  if (!line.empty()) line.push_back(line.front());
}

Points box_line(const Box& box) {
  const auto four = corners(box);
  Points line(four.begin(), four.end());
  close(line);
  return line;
}

// Of text without a stated size. Fonts differ: half as much again.
Box text_box(const Shape& shape) {
  Box box = shape.box();
  const TextBlock block = layout_text(shape.text, shape.w, shape.font_size, rough_text_width);
  const double width = shape.w > 0 ? shape.w : 1.5 * block.width;
  const double height = kLineHeight * shape.font_size * static_cast<double>(block.lines.size());
  box.add(Vec{shape.x + width, shape.y + std::max(shape.h, 1.5 * height)});
  return box.grown(shape.font_size);
}

}  // namespace

Skeleton skeleton_of(const Shape& shape) {
  return skeleton_of(shape, visible_box(shape, rough_text_width));
}

Skeleton skeleton_of(const Shape& shape, const Box& edges) {
  Skeleton skeleton;
  skeleton.reach = shape.width / 2;
  const bool filled = shape.fill && shape.fill->a > 0;
  switch (shape.kind) {
    case Kind::kStroke:
      for (const InkPoint& point : stroke_ink(shape).points) skeleton.line.push_back(point.at);
      break;
    case Kind::kLine:
    case Kind::kArrow:
      skeleton.line = {{shape.x, shape.y}, {shape.x + shape.w, shape.y + shape.h}};
      break;
    case Kind::kRectangle:
      skeleton.line = box_line(shape.box());
      skeleton.solid = filled;
      break;
    case Kind::kEllipse:
      skeleton.line = ellipse_polygon(shape.box(), 0.25);
      close(skeleton.line);
      skeleton.solid = filled;
      break;
    case Kind::kText:
    case Kind::kNote:
      skeleton = {box_line(edges), true, 0};
      break;
  }
  for (Vec& p : skeleton.line) p = rotated(p, shape.box().center(), shape.rotation);
  return skeleton;
}

bool hits_point(const Skeleton& skeleton, Vec p, double tolerance) {
  return (skeleton.solid && inside_polygon(p, skeleton.line)) ||
         distance_to_line(p, skeleton.line) <= skeleton.reach + tolerance;
}

bool hits_segment(const Skeleton& skeleton, Vec a, Vec b, double tolerance) {
  if (hits_point(skeleton, a, tolerance) || hits_point(skeleton, b, tolerance)) return true;
  for (std::size_t i = 1; i < skeleton.line.size(); ++i)
    if (segment_distance(a, b, skeleton.line[i - 1], skeleton.line[i]) <=
        skeleton.reach + tolerance)
      return true;
  return false;
}

bool touches_box(const Skeleton& skeleton, const Box& box) {
  return line_touches_box(skeleton.line, box.grown(skeleton.reach)) ||
         (skeleton.solid && inside_polygon(box.min, skeleton.line));
}

bool inside_lasso(const Skeleton& skeleton, std::span<const Vec> lasso) {
  for (const Vec p : skeleton.line)
    if (!inside_polygon(p, lasso)) return false;
  return !skeleton.line.empty();
}

Box visible_box(const Shape& shape, const MeasureText& measure) {
  if (shape.kind != Kind::kText) return shape.box();
  const TextBlock block = layout_text(shape.text, shape.w, shape.font_size, measure);
  return {{shape.x, shape.y},
          {shape.x + (shape.w > 0 ? shape.w : block.width), shape.y + block.height}};
}

Box painted_box(const Shape& shape) {
  Box box = shape.box().grown(shape.width);
  if (shape.kind == Kind::kArrow) box = shape.box().grown(8 + 3 * shape.width);
  if (shape.kind == Kind::kText) box = text_box(shape);
  if (shape.kind == Kind::kNote) box = shape.box().grown(1);
  if (shape.rotation == 0) return box;
  Box turned_box;
  for (const Vec p : corners(box)) turned_box.add(rotated(p, shape.box().center(), shape.rotation));
  return turned_box;
}

}  // namespace atelier::board
