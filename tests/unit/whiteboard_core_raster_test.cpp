#include <cmath>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "core/geometry.h"
#include "core/painter.h"
#include "core/png.h"
#include "core/raster.h"

namespace atelier::board {
namespace {

const Colour kBlack{0, 0, 0, 255};
const Colour kWhite{255, 255, 255, 255};

Picture white(int width, int height) {
  Picture picture(width, height);
  fill_rect(picture.bitmap(), {0, 0, width, height}, kWhite);
  return picture;
}

void fill(Picture& picture, const Points& polygon, Colour colour = kBlack) {
  Raster raster;
  raster.add(polygon);
  raster.paint(picture.bitmap(), colour);
}

// How many pixels are covered, from the alpha of a transparent ground.
double area(Picture& picture) {
  double sum = 0;
  for (int y = 0; y < picture.height(); ++y)
    for (int x = 0; x < picture.width(); ++x) sum += picture.bitmap().at(x, y)[3] / 255.0;
  return sum;
}

double area_of(const Points& polygon) {
  double twice = 0;
  for (std::size_t i = 0; i < polygon.size(); ++i)
    twice += cross(polygon[i], polygon[(i + 1) % polygon.size()]);
  return std::abs(twice) / 2;
}

// One letter a pixel: '.' nothing, '#' all, digits tenths.
std::string in_letters(Picture& picture) {
  std::string out;
  for (int y = 0; y < picture.height(); ++y) {
    for (int x = 0; x < picture.width(); ++x) {
      const int alpha = picture.bitmap().at(x, y)[3];
      out += alpha == 0 ? '.' : alpha == 255 ? '#' : static_cast<char>('0' + alpha * 10 / 256);
    }
    out += '\n';
  }
  return out;
}

TEST(Raster, EdgesBetweenPixelsAreCoveredByTheirShare) {
  Picture picture(6, 4);
  fill(picture, {{1, 1}, {4.5, 1}, {4.5, 2.25}, {1, 2.25}});
  EXPECT_EQ(in_letters(picture),
            "......\n"
            ".###5.\n"
            ".2221.\n"
            "......\n");
  Picture triangle(5, 4);
  fill(triangle, {{0, 0}, {4, 0}, {0, 4}});
  EXPECT_EQ(in_letters(triangle),
            "###5.\n"
            "##5..\n"
            "#5...\n"
            "5....\n");
}

TEST(Raster, TheSumOfCoverageIsTheArea) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> at(2, 62);
  for (int round = 0; round < 200; ++round) {
    const Points triangle{
        {at(random), at(random)}, {at(random), at(random)}, {at(random), at(random)}};
    Picture picture(64, 64);
    fill(picture, triangle);
    // Each pixel is rounded to 1/255, and a thin corner may lose its last one.
    EXPECT_NEAR(area(picture), area_of(triangle), 1.0);
  }
}

TEST(Raster, OverlapsOfOneDirectionCountOnceAndHolesWindTheOtherWay) {
  const Points outer{{0, 0}, {8, 0}, {8, 8}, {0, 8}};
  const Points inner{{2, 2}, {6, 2}, {6, 6}, {2, 6}};
  Picture twice(8, 8);
  Raster raster;
  raster.add(outer);
  raster.add(inner);
  raster.paint(twice.bitmap(), {0, 0, 0, 128});
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 8; ++x) EXPECT_EQ(twice.bitmap().at(x, y)[3], 128);
  Picture ring(8, 8);
  raster.add(outer);
  raster.add(Points(inner.rbegin(), inner.rend()));
  raster.paint(ring.bitmap(), kBlack);
  EXPECT_EQ(ring.bitmap().at(4, 4)[3], 0);
  EXPECT_EQ(ring.bitmap().at(1, 4)[3], 255);
  EXPECT_EQ(ring.bitmap().at(7, 7)[3], 255);
}

TEST(Raster, APolygonThatReachesBeyondTheBitmapIsAsItsPartWithin) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> at(-300, 364);
  for (int round = 0; round < 100; ++round) {
    Points polygon;
    for (int i = 0; i < 7; ++i) polygon.push_back({at(random), at(random)});
    Picture small(64, 64), large(704, 704);
    fill(small, polygon);
    for (Vec& p : polygon) p = p + Vec{320, 320};
    fill(large, polygon);
    for (int y = 0; y < 64; ++y)
      for (int x = 0; x < 64; ++x)
        // Where an edge is cut at the border its slope is rounded anew: a step of a pixel's 256.
        ASSERT_NEAR(small.bitmap().at(x, y)[3], large.bitmap().at(x + 320, y + 320)[3], 8)
            << round << " " << x << " " << y;
  }
}

TEST(Raster, HostileNumbersDoNoHarm) {
  Picture picture = white(16, 16);
  const double huge = 1e300, nan = std::nan(""), inf = INFINITY;
  fill(picture, {{nan, 1}, {2, 2}, {3, 9}});
  fill(picture, {{inf, 1}, {2, -inf}, {3, 9}});
  EXPECT_EQ(picture.pixel(4, 4), 0xFFFFFFFFu);
  fill(picture, {{-huge, -huge}, {huge, -huge}, {huge, huge}, {-huge, huge}});
  fill(picture, {{-1e9, -1e9}, {1e9, -1e9}, {1e9, 1e9}, {-1e9, 1e9}}, {9, 9, 9, 255});
  EXPECT_EQ(picture.pixel(4, 4), 0x090909FFu);
  fill(picture, {});
  fill(picture, {{1, 1}});
  fill(picture, {{1, 1}, {1, 1}, {1, 1}});
  EXPECT_EQ(picture.pixel(15, 15), 0x090909FFu);
}

TEST(Raster, TransparentColoursMixOnPaperAndOnNothing) {
  Picture paper = white(2, 1), nothing(2, 1);
  const Points all{{0, 0}, {2, 0}, {2, 1}, {0, 1}};
  fill(paper, all, {255, 0, 0, 128});
  EXPECT_EQ(paper.pixel(0, 0), 0xFF7F7FFFu);
  fill(nothing, all, {255, 0, 0, 128});
  EXPECT_EQ(nothing.pixel(0, 0), 0xFF000080u);
  fill(nothing, all, {0, 0, 255, 128});
  const std::uint32_t mixed = nothing.pixel(1, 0);
  EXPECT_NEAR(mixed & 255, 192, 1);         // alpha
  EXPECT_NEAR((mixed >> 8) & 255, 170, 2);  // blue is on top
  EXPECT_NEAR(mixed >> 24, 85, 2);
}

TEST(Painter, ALineHasRoundEndsAndItsWidth) {
  const Points polygon = line_polygon({{10, 10}, {40, 10}}, 6, 0.01);
  Picture picture(50, 20);
  fill(picture, polygon);
  EXPECT_NEAR(area(picture), 30 * 6 + 9 * M_PI, 1);
  EXPECT_EQ(picture.bitmap().at(25, 10)[3], 255);
  EXPECT_EQ(picture.bitmap().at(25, 14)[3], 0);
  EXPECT_GT(picture.bitmap().at(8, 10)[3], 200);
  EXPECT_EQ(picture.bitmap().at(5, 10)[3], 0);
}

TEST(Painter, AFrameIsPaintedBetweenItsInsideAndItsOutside) {
  Board board;
  Shape frame;
  frame.kind = Kind::kRectangle;
  frame.x = frame.y = 10;
  frame.w = frame.h = 20;
  frame.width = 4;
  frame.order = "V";
  board.put("board:a", encode_shape(frame));
  Painter painter(rough_text_width, {});
  Picture picture(40, 40);
  painter.paint(picture.bitmap(), {{0, 0}, 1}, *board.find("board:a"));
  EXPECT_NEAR(area(picture), 24 * 24 - 16 * 16, 0.5);
  EXPECT_EQ(picture.bitmap().at(20, 20)[3], 0);
  EXPECT_EQ(picture.bitmap().at(8, 8)[3], 255);
  EXPECT_EQ(picture.bitmap().at(7, 8)[3], 0);
}

TEST(Painter, KeptOutlinesGiveTheSamePixelsAsNewOnes) {
  Board board;
  Ink ink;
  for (int i = 0; i < 60; ++i) ink.points.push_back({{i * 3.0, 40 + 30 * std::sin(i / 5.0)}});
  Shape stroke = make_strokes(ink, 1, {}, "g")[0];
  stroke.order = "V";
  board.put("board:a", encode_shape(stroke));
  Painter kept(rough_text_width, {});
  Picture first(200, 100), second(200, 100), fresh(200, 100);
  kept.paint(first.bitmap(), {{0, 0}, 1}, *board.find("board:a"));
  EXPECT_GT(kept.kept_bytes(), 0u);
  kept.paint(second.bitmap(), {{0, 0}, 1}, *board.find("board:a"));
  Painter(rough_text_width, {}).paint(fresh.bitmap(), {{0, 0}, 1}, *board.find("board:a"));
  EXPECT_EQ(first.bytes(), second.bytes());
  EXPECT_EQ(first.bytes(), fresh.bytes());
  EXPECT_GT(area(first), 100);
}

TEST(Png, AnExportedBoardIsBoundedAndHasItsPixels) {
  Board board;
  Shape shape;
  shape.kind = Kind::kRectangle;
  shape.fill = Colour{1, 2, 3};
  shape.order = "V";
  shape.w = shape.h = 100;
  board.put("board:a", encode_shape(shape));
  Painter painter(rough_text_width, {});
  const auto size_of = [](const std::string& png) {
    const auto u32 = [&](std::size_t at) {
      std::uint32_t value = 0;
      for (std::size_t i = 0; i < 4; ++i)
        value = value << 8 | static_cast<unsigned char>(png[at + i]);
      return value;
    };
    return std::pair(u32(16), u32(20));
  };
  const auto small = to_png(board, painter);
  ASSERT_TRUE(small);
  EXPECT_EQ(small->substr(0, 8), "\x89PNG\r\n\x1a\n");
  EXPECT_EQ(size_of(*small), (std::pair<std::uint32_t, std::uint32_t>(296, 296)));
  shape.x = 1e6;
  board.put("board:b", encode_shape(shape));
  const auto wide = to_png(board, painter);
  ASSERT_TRUE(wide);
  EXPECT_EQ(size_of(*wide).first, 8192u);
  EXPECT_EQ(*to_png(board, painter), *wide);
  EXPECT_TRUE(to_png(Board(), painter));
}

}  // namespace
}  // namespace atelier::board
