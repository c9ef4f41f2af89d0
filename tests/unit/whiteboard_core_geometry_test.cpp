#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "core/freehand.h"
#include "core/geometry.h"
#include "core/hit.h"
#include "core/spatial_index.h"

namespace atelier::board {
namespace {

Shape box_shape(Kind kind, Box box) {
  Shape shape;
  shape.kind = kind;
  shape.x = box.min.x;
  shape.y = box.min.y;
  shape.w = box.width();
  shape.h = box.height();
  shape.width = 4;
  return shape;
}

Ink wave(std::size_t count) {
  Ink ink;
  for (std::size_t i = 0; i < count; ++i) {
    const double t = static_cast<double>(i);
    ink.points.push_back({{t * 5, 40 * std::sin(t * 0.3)}, 0.5});
  }
  return ink;
}

TEST(Geometry, DistancesToSegments) {
  EXPECT_DOUBLE_EQ(distance_to_segment({5, 3}, {0, 0}, {10, 0}), 3);
  EXPECT_DOUBLE_EQ(distance_to_segment({-3, 4}, {0, 0}, {10, 0}), 5);
  EXPECT_DOUBLE_EQ(distance_to_segment({3, 4}, {0, 0}, {0, 0}), 5);
  EXPECT_DOUBLE_EQ(segment_distance({0, 0}, {10, 10}, {0, 10}, {10, 0}), 0);
  EXPECT_DOUBLE_EQ(segment_distance({0, 0}, {10, 0}, {0, 5}, {10, 5}), 5);
}

TEST(Geometry, InsideAPolygonGoesByTheNonZeroRule) {
  const Points twice{{0, 0}, {10, 0}, {10, 10}, {0, 10}, {0, 0}, {10, 0}, {10, 10}, {0, 10}};
  EXPECT_TRUE(inside_polygon({5, 5}, twice));
  EXPECT_FALSE(inside_polygon({15, 5}, twice));
}

TEST(Geometry, ASimplifiedLineStaysWithinItsTolerance) {
  Points line;
  for (const InkPoint& point : wave(400).points) line.push_back(point.at);
  for (const double tolerance : {0.1, 1.0, 10.0, 100.0}) {
    const auto kept = simplify(line, tolerance);
    Points fewer;
    for (const std::size_t i : kept) fewer.push_back(line[i]);
    EXPECT_EQ(kept.front(), 0u);
    EXPECT_EQ(kept.back(), line.size() - 1);
    for (const Vec p : line) ASSERT_LE(distance_to_line(p, fewer), tolerance + 1e-9);
  }
  EXPECT_LT(simplify(line, 10).size(), line.size() / 2);
}

TEST(Geometry, AFlattenedEllipseStaysWithinItsTolerance) {
  const Box box{{0, 0}, {200, 200}};
  for (const Vec p : ellipse_polygon(box, 0.1)) ASSERT_NEAR(distance(p, {100, 100}), 100, 1e-9);
  const Points polygon = ellipse_polygon(box, 0.1);
  for (std::size_t i = 1; i < polygon.size(); ++i)
    ASSERT_GE(distance(lerp(polygon[i - 1], polygon[i], 0.5), {100, 100}), 99.9);
}

TEST(Geometry, ACurveBeginsAndEndsWithItsControls) {
  const Points controls{{0, 0}, {10, 20}, {30, -5}, {50, 0}};
  const Points line = flatten_curve(controls, false, 0.05);
  EXPECT_EQ(line.front(), controls.front());
  EXPECT_EQ(line.back(), controls.back());
  EXPECT_GT(line.size(), 8u);
}

TEST(Freehand, TheOutlineHoldsTheLineAndKeepsItsWidth) {
  for (const bool pressure : {false, true}) {
    Ink ink = wave(120);
    ink.has_pressure = pressure;
    PenStyle style;
    style.width = 8;
    const auto ribs = pen_ribs(ink, style);
    const Points outline = flatten_curve(pen_outline(ribs, style), true, 0.05);
    Points middle;
    for (const Rib& rib : ribs) middle.push_back(rib.at);
    for (std::size_t i = 1; i + 1 < middle.size(); ++i)
      ASSERT_TRUE(inside_polygon(middle[i], outline)) << i;
    for (const Vec p : outline) ASSERT_LE(distance_to_line(p, middle), 0.75 * style.width + 0.1);
    EXPECT_EQ(ribs.back().at, ink.points.back().at);
  }
}

TEST(Freehand, PressureWidensAndSpeedThins) {
  Ink ink = wave(30);
  ink.has_pressure = true;
  for (std::size_t i = 0; i < ink.points.size(); ++i) ink.points[i].pressure = i < 15 ? 0.1 : 0.9;
  const auto pressed = pen_ribs(ink, {});
  EXPECT_LT(pressed[3].radius * 1.5, pressed[pressed.size() - 3].radius);
  Ink slow, fast;
  for (int i = 0; i < 40; ++i) {
    slow.points.push_back({{i * 0.5, 0}, 0.5});
    fast.points.push_back({{i * 20.0, 0}, 0.5});
  }
  EXPECT_GT(pen_ribs(slow, {}).back().radius, pen_ribs(fast, {}).back().radius);
}

TEST(Freehand, DotsTurnsAndRepeatedPointsHaveAnOutline) {
  for (const Points& points : std::vector<Points>{{{5, 5}},
                                                  {{5, 5}, {5, 5}, {5, 5}},
                                                  {{0, 0}, {50, 0}, {0, 0}, {50, 0}},
                                                  {{0, 0}, {1e-9, 0}},
                                                  {{1e7, 1e7}, {-1e7, 1e7}}}) {
    Ink ink;
    for (const Vec p : points) ink.points.push_back({p, 0.5});
    const Points outline = pen_outline(pen_ribs(ink, {}), {});
    ASSERT_GE(outline.size(), 8u);
    for (const Vec p : outline) ASSERT_TRUE(std::isfinite(p.x) && std::isfinite(p.y));
  }
  EXPECT_TRUE(pen_outline(pen_ribs({}, {}), {}).empty());
}

TEST(Hit, AnEmptyFrameIsHitAtItsLineAndAFilledOneInside) {
  Shape frame = box_shape(Kind::kRectangle, {{0, 0}, {100, 60}});
  EXPECT_TRUE(hits_point(skeleton_of(frame), {50, 1}, 2));
  EXPECT_FALSE(hits_point(skeleton_of(frame), {50, 30}, 2));
  frame.fill = Colour{255, 0, 0, 255};
  EXPECT_TRUE(hits_point(skeleton_of(frame), {50, 30}, 2));
  frame.kind = Kind::kEllipse;
  EXPECT_FALSE(hits_point(skeleton_of(frame), {2, 2}, 1));
  EXPECT_TRUE(hits_point(skeleton_of(frame), {50, 30}, 1));
}

TEST(Hit, ATurnedShapeIsHitWhereItIsSeen) {
  Shape frame = box_shape(Kind::kNote, {{0, 0}, {100, 10}});
  frame.rotation = 90;
  EXPECT_TRUE(hits_point(skeleton_of(frame), {50, 40}, 0));
  EXPECT_FALSE(hits_point(skeleton_of(frame), {5, 5}, 0));
  EXPECT_TRUE(painted_box(frame).contains(Vec{50, 50}));
}

TEST(Hit, AnEraserTouchesALineThatItCrosses) {
  const Shape line = box_shape(Kind::kLine, {{0, 0}, {100, 100}});
  EXPECT_TRUE(hits_segment(skeleton_of(line), {0, 100}, {100, 0}, 1));
  EXPECT_FALSE(hits_segment(skeleton_of(line), {60, 0}, {100, 30}, 1));
}

TEST(Hit, ABoxTouchesAndALassoHolds) {
  const Shape line = box_shape(Kind::kLine, {{0, 0}, {100, 100}});
  EXPECT_TRUE(touches_box(skeleton_of(line), {{40, 40}, {60, 60}}));
  EXPECT_TRUE(touches_box(skeleton_of(line), {{49, 0}, {51, 200}}));
  EXPECT_FALSE(touches_box(skeleton_of(line), {{60, 0}, {90, 30}}));
  const Points around{{-10, -10}, {120, -10}, {120, 120}, {-10, 120}},
      half{{-10, -10}, {50, -10}, {50, 120}, {-10, 120}};
  EXPECT_TRUE(inside_lasso(skeleton_of(line), around));
  EXPECT_FALSE(inside_lasso(skeleton_of(line), half));
}

// Method: random puts, moves and removals beside a plain list.
TEST(SpatialIndex, FindsWhatAPlainSearchFinds) {
  std::mt19937 random(2);
  const auto number = [&](double max) {
    return static_cast<double>(random() % 100'000) / 100'000 * max;
  };
  const auto box = [&](double world) {
    const Vec at{number(2 * world) - world, number(2 * world) - world};
    const double size = std::pow(10, number(5) - 1);
    return Box{at, at + Vec{number(size), number(size)}};
  };
  SpatialIndex index;
  std::vector<Box> boxes(500);
  for (int step = 0; step < 6'000; ++step) {
    const std::size_t at = random() % boxes.size();
    boxes[at] = random() % 4 == 0 ? Box{} : box(step % 2 ? 1'000 : 9e6);
    index.put(static_cast<SpatialIndex::Handle>(at), boxes[at]);
    if (step % 10 != 0) continue;
    const Box view = box(step % 20 ? 1'000 : 9e6).grown(number(500));
    std::vector<SpatialIndex::Handle> found, expected;
    index.query(view, found);
    for (std::size_t i = 0; i < boxes.size(); ++i)
      if (!boxes[i].empty() && boxes[i].touches(view))
        expected.push_back(static_cast<SpatialIndex::Handle>(i));
    std::sort(found.begin(), found.end());
    ASSERT_EQ(found, expected);
  }
}

TEST(SpatialIndex, RemovingTwiceAndBoxesBeyondTheBoardDoNoHarm) {
  SpatialIndex index;
  index.remove(7);
  index.put(3, {{-1e300, -1e300}, {1e300, 1e300}});
  index.put(4, {{1e12, 1e12}, {1e12, 1e12}});
  std::vector<SpatialIndex::Handle> found;
  index.query({{1e12, 1e12}, {2e12, 2e12}}, found);
  EXPECT_EQ(index.size(), 2u);
  index.remove(3);
  index.remove(3);
  index.remove(4);
  EXPECT_EQ(index.size(), 0u);
  EXPECT_TRUE(index.bounds().empty());
}

}  // namespace
}  // namespace atelier::board
