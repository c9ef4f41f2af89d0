#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/board.h"
#include "core/board_limits.h"
#include "core/shape.h"
#include <atelier/json.h>

namespace atelier::board {
namespace {

using testing::StartsWith;

constexpr const char* kNote =
    R"({"v":1,"kind":"note","x":10,"y":20.5,"w":200,"h":160,"colour":"#102030","fill":"#ffec9980",)"
    R"("size":18,"text":"h\u00e9llo","z":"V","author":"Ada","created":1700000000000,"later":{"a":[1.50]}})";

std::string note() {
  return *json::normalize(kNote);
}
std::string with(std::string_view name, std::string_view value) {
  return with_fields(note(), {{std::string(name), std::string(value)}});
}

TEST(Shape, ADocumentIsReadAsItIsPublished) {
  const auto shape = decode_shape(note());
  ASSERT_TRUE(shape) << shape.error().message;
  EXPECT_EQ(shape->kind, Kind::kNote);
  EXPECT_EQ(shape->y, 20.5);
  EXPECT_EQ(shape->fill, (Colour{255, 236, 153, 128}));
  EXPECT_EQ(shape->text, "héllo");
  EXPECT_EQ(shape->created_ms, 1'700'000'000'000);
}

TEST(Shape, EveryKindComesBackAsItWasWritten) {
  for (const Kind kind :
       {Kind::kLine, Kind::kArrow, Kind::kRectangle, Kind::kEllipse, Kind::kText, Kind::kNote}) {
    Shape shape;
    shape.kind = kind;
    shape.x = -12.125;
    shape.w = 30;
    shape.h = 40.25;
    shape.rotation = 30;
    shape.colour = {1, 2, 3, 4};
    shape.fill = Colour{9, 8, 7, 255};
    if (kind == Kind::kText || kind == Kind::kNote) shape.text = "a\n\"b\" \xF0\x9F\x8E\xA8";
    shape.order = "V";
    shape.author = "Bob";
    shape.group = "g";
    const auto back = decode_shape(encode_shape(shape));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, shape) << kind_name(kind);
  }
}

TEST(Shape, HostileDocumentsAreRefusedWithAPointer) {
  const std::vector<std::pair<std::string, std::string>> cases{{"v", ""},
                                                               {"v", "\"1\""},
                                                               {"v", "0"},
                                                               {"kind", ""},
                                                               {"kind", "7"},
                                                               {"kind", "\"sun\""},
                                                               {"x", ""},
                                                               {"x", "\"3\""},
                                                               {"x", "1e8"},
                                                               {"y", "null"},
                                                               {"w", "-1"},
                                                               {"h", "[]"},
                                                               {"rotation", "{}"},
                                                               {"rotation", "361"},
                                                               {"colour", "7"},
                                                               {"colour", "\"red\""},
                                                               {"colour", "\"#12\""},
                                                               {"fill", "\"#gggggg\""},
                                                               {"fill", "\"#+12345\""},
                                                               {"size", "0"},
                                                               {"size", "1e300"},
                                                               {"text", "[1]"},
                                                               {"z", ""},
                                                               {"z", "\"\""},
                                                               {"z", "\"V0\""},
                                                               {"z", "\"a b\""},
                                                               {"author", "{}"},
                                                               {"created", "\"now\""},
                                                               {"created", "1e300"},
                                                               {"group", "1"}};
  for (const auto& [name, value] : cases) {
    const auto shape = decode_shape(with(name, value));
    ASSERT_FALSE(shape) << name << " " << value;
    EXPECT_THAT(shape.error().message, StartsWith("/" + name + ": ")) << value;
  }
  for (const char* text : {"", "7", "[]", "null", "\"x\"", "{}"})
    EXPECT_FALSE(decode_shape(text)) << text;
  const std::string long_text = "\"" + std::string(kTextBytesMax + 1, 'x') + "\"";
  EXPECT_EQ(decode_shape(with("text", long_text)).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(
      decode_shape(with("later", "\"" + std::string(kDocumentBytesMax, 'x') + "\"")).error().code,
      ErrorCode::kTooLarge);
}

TEST(Shape, ADocumentOfANewerVersionSaysSo) {
  const auto shape = decode_shape(with("v", "2"));
  ASSERT_FALSE(shape);
  EXPECT_EQ(shape.error().code, ErrorCode::kUnsupported);
}

TEST(Shape, StrokesNeedPointsThatCanBeRead) {
  const std::string stroke = with_fields(note(), {{"kind", "\"stroke\""}});
  EXPECT_THAT(decode_shape(stroke).error().message, StartsWith("/points: "));
  for (const char* points : {"1", "\"\"", "\"100\"", "\"100A\"", "\"100!!\""})
    EXPECT_THAT(decode_shape(with_fields(stroke, {{"points", points}})).error().message,
                StartsWith("/points: "));
  EXPECT_TRUE(decode_shape(with_fields(stroke, {{"points", "\"100AA\""}})));
}

TEST(Shape, IntegersThatAServerPrintedAsFractionsAreRead) {
  const auto shape = decode_shape(with("created", "1700000000000.0"));
  ASSERT_TRUE(shape);
  EXPECT_EQ(shape->created_ms, 1'700'000'000'000);
}

TEST(Shape, AnEditKeepsUnknownFieldsAndTheTextOfOthers) {
  const std::string edited = with_fields(note(), {{"x", "11"}, {"fill", ""}, {"new", "true"}});
  EXPECT_EQ(field_text(edited, "x"), "11");
  EXPECT_EQ(field_text(edited, "fill"), "");
  EXPECT_EQ(field_text(edited, "later"), R"({"a":[1.50]})");
  EXPECT_TRUE(edited.ends_with(R"("new":true})"));
}

TEST(Shape, NumbersHaveThreeDecimalsAndNoExponent) {
  EXPECT_EQ(number_text(0), "0");
  EXPECT_EQ(number_text(-0.0001), "0");
  EXPECT_EQ(number_text(-0.5), "-0.5");
  EXPECT_EQ(number_text(1.0049), "1.005");
  EXPECT_EQ(number_text(10'000'000), "10000000");
  EXPECT_EQ(number_text(1.020), "1.02");
  EXPECT_EQ(number_text(std::nan("")), "0");
  EXPECT_EQ(number_text(HUGE_VAL), "0");
}

Ink spiral(std::size_t count) {
  Ink ink;
  ink.has_pressure = true;
  for (std::size_t i = 0; i < count; ++i) {
    const double t = static_cast<double>(i) * 0.05;
    ink.points.push_back({{-400 + t * std::cos(t), 99.9 + t * std::sin(t)}, 0.4});
  }
  return ink;
}

TEST(Shape, AStrokeLiesWhereItWasDrawn) {
  Shape style;
  style.order = "V";
  const auto strokes = make_strokes(spiral(300), 2, style, "g");
  ASSERT_EQ(strokes.size(), 1u);
  EXPECT_EQ(strokes[0].group, "");
  const auto shape = decode_shape(encode_shape(strokes[0]));
  ASSERT_TRUE(shape) << shape.error().message;
  const Ink ink = stroke_ink(*shape);
  const Ink drawn = spiral(300);
  ASSERT_EQ(ink.points.size(), drawn.points.size());
  for (std::size_t i = 0; i < drawn.points.size(); ++i)
    ASSERT_LE(distance(ink.points[i].at, drawn.points[i].at), 0.25);
}

TEST(Shape, MovingAndResizingAStrokeChangesNumbersOnly) {
  Shape style;
  style.order = "V";
  const std::string body = encode_shape(make_strokes(spiral(300), 1, style, "")[0]);
  const Shape shape = *decode_shape(body);
  const Box from = shape.box(), to{{0, 0}, {from.width() * 2, from.height() * 3}};
  const Shape resized = *decode_shape(with_fields(body, resize_fields(shape, from, to)));
  EXPECT_EQ(resized.points, shape.points);
  Box drawn;
  for (const InkPoint& point : stroke_ink(resized).points) drawn.add(point.at);
  EXPECT_NEAR(drawn.min.x, 0, 0.01);
  EXPECT_NEAR(drawn.max.x, to.max.x, 0.01);
  EXPECT_NEAR(drawn.max.y, to.max.y, 0.01);
  EXPECT_EQ(move_fields(shape, {3, 0}).size(), 1u);
}

TEST(Shape, ALongStrokeBecomesPartsThatMeetAndBelongTogether) {
  Shape style;
  style.order = "V";
  const auto parts = make_strokes(spiral(2 * kStrokePointsMax + 100), 64, style, "board:1");
  ASSERT_EQ(parts.size(), 3u);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    EXPECT_EQ(parts[i].group, "board:1");
    EXPECT_LE(encode_shape(parts[i]).size(), kDocumentBytesMax);
    ASSERT_TRUE(decode_shape(encode_shape(parts[i])));
    if (i > 0) {
      EXPECT_LE(distance(stroke_ink(parts[i - 1]).points.back().at,
                         stroke_ink(parts[i]).points.front().at),
                0.1);
    }
  }
  EXPECT_TRUE(make_strokes({}, 1, style, "g").empty());
}

// Method: a good document whose bytes, members and values are mutated at random.
TEST(Shape, MutatedDocumentsNeverDoHarm) {
  std::mt19937 random(3);
  Shape style;
  style.order = "V";
  const std::vector<std::string> values{"null",       "-1",        "1e300",    "1e-300",     "\"\"",
                                        "[]",         "{}",        "true",     "-0.0",       "1e7",
                                        "\"stroke\"", "\"arrow\"", "\"text\"", "\"101AAA\"", "0"};
  const std::vector<std::string> names{"v",        "kind",   "x",    "y",     "w",    "h",
                                       "rotation", "colour", "fill", "width", "size", "text",
                                       "points",   "z",      "~",    "group"};
  Board board;
  std::size_t drawn = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string body = i % 2 ? note() : encode_shape(make_strokes(spiral(20), 1, style, "")[0]);
    for (std::size_t k = random() % 4; k > 0; --k)
      body =
          with_fields(body, {{names[random() % names.size()], values[random() % values.size()]}});
    if (random() % 8 == 0) body[random() % body.size()] = static_cast<char>(random() % 128);
    const auto normal = json::normalize(body);
    if (!normal) continue;
    board.put("board:x", *normal);
    drawn += board.size();
    ASSERT_EQ(board.size() + board.malformed().size(), 1u);
    board.at({15, 25}, 3);
    board.touching_box({{0, 0}, {1e7, 1e7}});
  }
  EXPECT_GT(drawn, 1'000u);
}

}  // namespace
}  // namespace atelier::board
