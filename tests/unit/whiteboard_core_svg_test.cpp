// Golden files: tests/golden/whiteboard. After a change on purpose run this test with
// ATELIER_WRITE_GOLDEN=1, look at the files in a browser, and keep them.
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/edits.h"
#include "core/geometry.h"
#include "core/svg.h"

namespace atelier::board {
namespace {

using testing::HasSubstr;
using testing::Not;

Shape shape_of(Kind kind, double x, double y, double w, double h, const char* order) {
  Shape shape;
  shape.kind = kind;
  shape.x = x;
  shape.y = y;
  shape.w = w;
  shape.h = h;
  shape.order = order;
  shape.author = "Ada & <Bob>";
  return shape;
}

Shape stroke(const char* order) {
  Ink ink;
  for (int i = 0; i < 40; ++i)
    ink.points.push_back({{20 + i * 7.0, 330 + 35 * std::sin(i * 0.45)}, 0.5});
  Shape style;
  style.order = order;
  style.width = 8;
  style.colour = {25, 113, 194, 255};
  style.author = "Ada";
  return make_strokes(ink, 1, style, "")[0];
}

void put(Board& board, const std::string& id, const Shape& shape) {
  board.put(id, encode_shape(shape));
}

void draw_shapes(Board& board) {
  Shape rectangle = shape_of(Kind::kRectangle, 20, 20, 120, 80, "A");
  rectangle.fill = Colour{178, 242, 187, 128};
  put(board, "rectangle", rectangle);
  Shape ellipse = shape_of(Kind::kEllipse, 110, 60, 120, 80, "B");
  ellipse.rotation = 20;
  put(board, "ellipse", ellipse);
  put(board, "line", shape_of(Kind::kLine, 20, 180, 100, -30, "C"));
  put(board, "arrow", shape_of(Kind::kArrow, 140, 180, 120, 40, "D"));
  put(board, "stroke", stroke("E"));
}

void write_texts(Board& board) {
  Shape text = shape_of(Kind::kText, 0, 0, 220, 0, "A");
  text.text =
      "Words & <tags> \"quoted\" that wrap at the width\n\xD8\xB3\xD9\x84\xD8\xA7\xD9\x85 "
      "\xE4\xBD\xA0\xE5\xA5\xBD \xF0\x9F\x8E\xA8";
  put(board, "text", text);
  Shape note = shape_of(Kind::kNote, 0, 140, 160, 120, "B");
  note.text =
      "A sticky note with more words than fit at this size, so that its letters shrink a little";
  put(board, "note", note);
  Shape full = shape_of(Kind::kNote, 180, 140, 60, 40, "C");
  full.text = "Far too long for such a small note, whatever the size of its letters may be";
  put(board, "full", full);
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void expect_golden(const std::string& name, const std::string& text) {
  const std::filesystem::path path = std::filesystem::path(ATELIER_WHITEBOARD_GOLDEN) / name;
  if (std::getenv("ATELIER_WRITE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << text;
  EXPECT_EQ(read_file(path), text) << path;
}

TEST(Svg, ShapesAreAsInTheGoldenFile) {
  Board board;
  draw_shapes(board);
  expect_golden("shapes.svg", to_svg(board, {"Shapes"}));
}

TEST(Svg, TextsAreAsInTheGoldenFile) {
  Board board;
  write_texts(board);
  expect_golden("texts.svg", to_svg(board, {"Texts"}));
}

TEST(Svg, AnEmptyBoardIsAFileAsWell) {
  expect_golden("empty.svg", to_svg(Board(), {"Empty"}));
}

TEST(Svg, WhatPeopleWroteNeverBecomesMarkup) {
  Board board;
  Shape text = shape_of(Kind::kText, 0, 0, 0, 0, "A");
  text.text = "</text><script>alert(1)</script>]]>\x01&#0;\xEF\xBF\xBF";
  text.author = "\"><script>";
  put(board, "text", text);
  const std::string svg = to_svg(board, {"<script>"});
  EXPECT_THAT(svg, Not(HasSubstr("<script")));
  EXPECT_THAT(svg, HasSubstr("&amp;#0;"));
  EXPECT_EQ(svg.find('\x01'), std::string::npos);
  EXPECT_THAT(svg, Not(HasSubstr("\xEF\xBF\xBF")));
}

TEST(Svg, ASelectionHoldsNothingElse) {
  Board board;
  draw_shapes(board);
  const std::set<std::string> only{"line"};
  SvgOptions options;
  options.only = &only;
  options.paper = false;
  const std::string svg = to_svg(board, options);
  EXPECT_THAT(svg, HasSubstr("line by"));
  EXPECT_THAT(svg, Not(HasSubstr("<rect")));
  EXPECT_THAT(svg, Not(HasSubstr("ellipse")));
}

TEST(DrawList, FarAwayThingsCostLittle) {
  Board board;
  draw_shapes(board);
  write_texts(board);
  DrawOptions far;
  far.zoom = 0.001;
  std::size_t points = 0;
  for (const DrawCommand& command : draw_board(board, board.bounds(), far)) {
    points += command.points.size();
    EXPECT_NE(command.kind, DrawCommand::Kind::kText);
  }
  EXPECT_LE(points, 40u);
}

TEST(DrawList, PolygonsOfCommandsLieWithinWhatAShapePaints) {
  Board board;
  draw_shapes(board);
  for (const Item* item : board.all()) {
    DrawList list;
    draw_shape(item->shape, {}, list);
    ASSERT_FALSE(list.empty());
    for (const DrawCommand& command : list) {
      for (const Vec p : command_polygon(command, 0.1))
        ASSERT_TRUE(item->painted.contains(p)) << item->id;
    }
  }
}

TEST(TextLayout, LinesFitAndNothingIsLost) {
  const std::string text =
      "some words of different lengths and averyveryverylongwordwithoutanyspace at last";
  for (const double width : {30.0, 80.0, 200.0, 2'000.0}) {
    const TextBlock block = layout_text(text, width, 20, rough_text_width);
    std::string joined;
    for (const auto& line : block.lines) {
      EXPECT_LE(line.width, width);
      joined += line.text;
    }
    std::string letters = text;
    std::erase(letters, ' ');
    std::erase(joined, ' ');
    EXPECT_EQ(joined, letters);
  }
}

TEST(TextLayout, MarksAndJoinedEmojiStayWithTheirCharacter) {
  const std::string family = "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7";
  const std::string accented = "e\xCC\x81";
  const TextBlock block = layout_text(family + accented + family, 1, 20, rough_text_width);
  ASSERT_EQ(block.lines.size(), 3u);
  EXPECT_EQ(block.lines[0].text, family);
  EXPECT_EQ(block.lines[1].text, accented);
}

TEST(TextLayout, EmptyLinesAndEndsCount) {
  EXPECT_EQ(layout_text("", 100, 20, rough_text_width).lines.size(), 1u);
  EXPECT_EQ(layout_text("a\n\nb\n", 100, 20, rough_text_width).lines.size(), 4u);
}

}  // namespace
}  // namespace atelier::board
