#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "core/board_limits.h"
#include "core/letters.h"
#include "core/live.h"
#include "core/tools.h"
#include <atelier/describe_json.h>

namespace atelier::board {
namespace {

/// A person with a pointer on a board: what is written is on the board at once.
struct Hand {
  Board board;
  std::vector<Write> written;
  int ids = 0;
  Tools tools{world()};

  ToolWorld world() {
    ToolWorld world;
    world.board = &board;
    world.write = [this](const Writes& writes) {
      for (const Write& write : writes) {
        apply(board, write);
        written.push_back(write);
      }
    };
    world.make_id = [this] { return "board:" + std::to_string(1000 + ids++); };
    world.now_ms = [] { return std::int64_t{1'700'000'000'000}; };
    world.author = "Ada";
    world.seed = 1;
    return world;
  }

  void drag(std::vector<Vec> points, bool shift = false, bool alt = false) {
    tools.press({points[0], shift, alt}, 1);
    for (std::size_t i = 1; i < points.size(); ++i) tools.drag({points[i], shift, alt}, 1);
    tools.release({points.back(), shift, alt}, 1);
  }
  void click(Vec at, bool shift = false) { drag({at}, shift); }
  const Shape& only() {
    EXPECT_EQ(board.size(), 1u);
    return board.all().front()->shape;
  }
  const Shape& top() { return board.top()->shape; }
  std::string top_id() { return board.top()->id; }
  void rectangle(double x, double y, double w, double h) {
    tools.choose(Tool::kRectangle);
    tools.set_fill(Colour{1, 2, 3});
    drag({{x, y}, {x + w, y + h}});
    tools.clear_selection();
  }
};

TEST(Tools, ThePenLeavesOneStrokeThroughAllPoints) {
  Hand hand;
  hand.tools.choose(Tool::kPen);
  hand.tools.set_colour({224, 49, 49});
  hand.tools.set_width(8);
  hand.tools.press({{10, 10}}, 1);
  hand.tools.drag({{20, 30}}, 1);
  hand.tools.drag({{20, 30}}, 1);  // the pointer rests
  EXPECT_EQ(hand.tools.doing().gesture, Tools::Gesture::kStroke);
  EXPECT_EQ(hand.tools.doing().ink.points.size(), 2u);
  EXPECT_EQ(hand.board.size(), 0u);
  hand.tools.release({{50, 35}}, 1);
  const Shape& stroke = hand.only();
  EXPECT_EQ(stroke.kind, Kind::kStroke);
  EXPECT_EQ(stroke.colour, (Colour{224, 49, 49}));
  EXPECT_EQ(stroke.width, 8);
  EXPECT_EQ(stroke.author, "Ada");
  const Ink ink = stroke_ink(stroke);
  ASSERT_EQ(ink.points.size(), 3u);
  EXPECT_LT(distance(ink.points[2].at, {50, 35}), 0.3);
  EXPECT_EQ(hand.tools.tool(), Tool::kPen);
  EXPECT_FALSE(hand.tools.busy());
}

TEST(Tools, AClickWithThePenIsADotAndAStrokeKeepsTheIdOfItsPreview) {
  Hand hand;
  hand.tools.choose(Tool::kPen);
  hand.tools.press({{5, 5}}, 1);
  const std::string id = hand.tools.doing().id;
  hand.tools.release({{5, 5}}, 1);
  EXPECT_EQ(hand.top_id(), id);
  EXPECT_EQ(stroke_ink(hand.only()).points.size(), 1u);
}

TEST(Tools, ALongStrokeIsSeveralDocumentsThatAreErasedAsOne) {
  Hand hand;
  hand.tools.choose(Tool::kPen);
  hand.tools.press({{0, 0}}, 1);
  for (int i = 1; i < 9'000; ++i) hand.tools.drag({{i * 0.1, std::sin(i * 0.1) * 50}}, 1);
  hand.tools.release({{900, 0}}, 1);
  EXPECT_EQ(hand.board.size(), 2u);
  hand.tools.choose(Tool::kEraser);
  hand.drag({{3, -100}, {3, 100}});
  EXPECT_EQ(hand.board.size(), 0u);
  hand.tools.undo();
  EXPECT_EQ(hand.board.size(), 2u);
}

TEST(Tools, LinesAndArrowsGoFromPressToReleaseAndKeepToDirectionsWithShift) {
  Hand hand;
  hand.tools.choose(Tool::kArrow);
  hand.drag({{10, 20}, {50, 30}, {110, 20}});
  EXPECT_EQ(hand.only().kind, Kind::kArrow);
  EXPECT_EQ(hand.only().w, 100);
  EXPECT_EQ(hand.only().h, 0);
  EXPECT_EQ(hand.tools.tool(), Tool::kSelect);
  EXPECT_TRUE(hand.tools.selection().contains(hand.top_id()));
  hand.tools.choose(Tool::kLine);
  hand.drag({{0, 0}, {100, 5}}, true);
  EXPECT_NEAR(hand.top().h, 0, 0.01);
  hand.tools.choose(Tool::kLine);
  hand.drag({{0, 0}, {-100, 97}}, true);
  EXPECT_NEAR(hand.top().w, -hand.top().h, 0.01);
}

TEST(Tools, RectanglesAndEllipsesHaveTheDraggedBoxAndASquareWithShift) {
  Hand hand;
  hand.tools.choose(Tool::kRectangle);
  hand.tools.set_fill(Colour{178, 242, 187});
  hand.drag({{100, 100}, {40, 60}});
  EXPECT_EQ(hand.only().box(), (Box{{40, 60}, {100, 100}}));
  EXPECT_EQ(hand.only().fill, (Colour{178, 242, 187}));
  hand.tools.choose(Tool::kEllipse);
  hand.drag({{0, 0}, {-30, 80}}, true);
  EXPECT_EQ(hand.top().kind, Kind::kEllipse);
  EXPECT_EQ(hand.top().box(), (Box{{-80, 0}, {0, 80}}));
}

TEST(Tools, AClickWithAShapeToolAndEscapeLeaveNothing) {
  Hand hand;
  for (const Tool tool : {Tool::kRectangle, Tool::kEllipse, Tool::kLine, Tool::kArrow}) {
    hand.tools.choose(tool);
    hand.click({5, 5});
  }
  hand.tools.choose(Tool::kPen);
  hand.tools.press({{0, 0}}, 1);
  hand.tools.drag({{10, 10}}, 1);
  hand.tools.cancel();
  hand.tools.release({{20, 20}}, 1);
  EXPECT_EQ(hand.board.size(), 0u);
  EXPECT_TRUE(hand.written.empty());
  EXPECT_FALSE(hand.tools.can_undo());
}

TEST(Tools, TheEraserTakesWhatItTouchedWhenItIsLiftedAndNothingAfterEscape) {
  Hand hand;
  hand.rectangle(0, 0, 50, 50);
  hand.rectangle(100, 0, 50, 50);
  hand.rectangle(300, 0, 50, 50);
  hand.tools.choose(Tool::kEraser);
  hand.tools.press({{-50, 25}}, 1);
  hand.tools.drag({{120, 25}}, 1);
  EXPECT_EQ(hand.tools.doing().erased.size(), 2u);
  EXPECT_EQ(hand.tools.hidden().size(), 2u);
  EXPECT_EQ(hand.board.size(), 3u);
  hand.tools.cancel();
  EXPECT_TRUE(hand.tools.hidden().empty());
  EXPECT_EQ(hand.board.size(), 3u);
  hand.drag({{-50, 25}, {120, 25}});
  EXPECT_EQ(hand.board.size(), 1u);
  hand.tools.undo();
  EXPECT_EQ(hand.board.size(), 3u);
}

TEST(Tools, AClickSelectsShiftAddsAndABoxTakesAllThatItTouches) {
  Hand hand;
  hand.rectangle(0, 0, 50, 50);
  hand.rectangle(100, 0, 50, 50);
  hand.rectangle(300, 300, 50, 50);
  hand.tools.choose(Tool::kSelect);
  hand.click({25, 25});
  EXPECT_EQ(hand.tools.selection().ids().size(), 1u);
  hand.click({125, 25}, true);
  EXPECT_EQ(hand.tools.selection().ids().size(), 2u);
  hand.click({125, 25}, true);
  EXPECT_EQ(hand.tools.selection().ids().size(), 1u);
  hand.click({500, 500});
  EXPECT_TRUE(hand.tools.selection().empty());
  hand.drag({{-20, -20}, {40, 40}, {110, 60}});
  EXPECT_EQ(hand.tools.selection().ids().size(), 2u);
  hand.tools.select_all();
  EXPECT_EQ(hand.tools.selection().ids().size(), 3u);
  hand.click({25, 25});  // of several, the one that was clicked
  EXPECT_EQ(hand.tools.selection().ids().size(), 1u);
}

TEST(Tools, DraggingMovesWhatIsSelectedAndOneUndoTakesItBack) {
  Hand hand;
  hand.rectangle(0, 0, 50, 50);
  hand.rectangle(100, 0, 50, 50);
  hand.tools.select_all();
  hand.tools.press({{25, 25}}, 1);
  hand.tools.drag({{26, 26}}, 1);  // a hand that clicks moves a little
  EXPECT_EQ(hand.tools.doing().gesture, Tools::Gesture::kPress);
  hand.tools.drag({{45, 55}}, 1);
  EXPECT_EQ(hand.tools.doing().moved_by, (Vec{20, 30}));
  EXPECT_EQ(hand.tools.hidden().size(), 2u);
  hand.tools.release({{45, 55}}, 1);
  for (const Item* item : hand.board.all()) EXPECT_EQ(item->shape.y, 30);
  hand.tools.undo();
  for (const Item* item : hand.board.all()) EXPECT_EQ(item->shape.y, 0);
  hand.tools.redo();
  for (const Item* item : hand.board.all()) EXPECT_EQ(item->shape.y, 30);
  hand.drag({{45, 55}, {145, 60}}, true);  // Shift: one axis
  for (const Item* item : hand.board.all()) EXPECT_EQ(item->shape.y, 30);
}

TEST(Tools, AltDragMakesCopiesAndCtrlDToo) {
  Hand hand;
  hand.rectangle(0, 0, 50, 50);
  hand.tools.choose(Tool::kSelect);
  hand.drag({{25, 25}, {225, 25}}, false, true);
  EXPECT_EQ(hand.board.size(), 2u);
  EXPECT_EQ(hand.top().x, 200);
  EXPECT_TRUE(hand.tools.selection().contains(hand.top_id()));
  hand.tools.duplicate();
  EXPECT_EQ(hand.board.size(), 3u);
  EXPECT_EQ(hand.top().x, 200 + kDuplicateOffset);
  hand.tools.undo();
  hand.tools.undo();
  EXPECT_EQ(hand.board.size(), 1u);
}

TEST(Tools, HandlesResizeAndShiftKeepsProportions) {
  Hand hand;
  hand.rectangle(0, 0, 100, 50);
  hand.tools.select_all();
  const Vec corner{106, 56};  // the frame stands a little outside
  ASSERT_EQ(hand.tools.handle_under(corner, 1), Handle::kSouthEast);
  hand.drag({corner, corner + Vec{100, 0}});
  EXPECT_EQ(hand.only().box(), (Box{{0, 0}, {200, 50}}));
  hand.tools.undo();
  hand.tools.press({corner}, 1);
  hand.tools.drag({corner + Vec{100, 0}, true}, 1);
  ASSERT_EQ(hand.tools.resized().size(), 1u);
  EXPECT_EQ(hand.tools.resized()[0].box(), (Box{{0, 0}, {200, 100}}));
  EXPECT_EQ(hand.only().box(), (Box{{0, 0}, {100, 50}}));
  hand.tools.release({corner + Vec{100, 0}, true}, 1);
  EXPECT_EQ(hand.only().box(), (Box{{0, 0}, {200, 100}}));
  hand.drag({{-6, 50}, {1000, 50}});  // a side cannot be dragged beyond the other
  EXPECT_GT(hand.only().w, 0);
  EXPECT_EQ(hand.only().x + hand.only().w, 200);
}

TEST(Tools, ATextGrowsAtItsCornersAndBreaksItsLinesAtItsSides) {
  Hand hand;
  hand.tools.finish_text({{}, {10, 10}}, "some words");
  const Box box = hand.board.top()->box;
  EXPECT_GT(box.width(), 50);
  hand.tools.select_all();
  const Vec east = handle_at(box.grown(6), Handle::kSouthEast);
  hand.drag({east, east + Vec{box.width(), box.height()}});
  EXPECT_NEAR(hand.only().font_size, 40, 0.5);
  EXPECT_EQ(hand.only().w, 0);
  const Box large = hand.board.top()->box;
  const Vec side = handle_at(large.grown(6), Handle::kEast);
  hand.drag({side, side - Vec{large.width() / 2, 0}});
  EXPECT_NEAR(hand.only().w, large.width() / 2, 1);
  EXPECT_GT(hand.board.top()->box.height(), large.height() * 1.5);
}

TEST(Tools, StylesChangeWhatIsSelectedWhereTheyMeanSomething) {
  Hand hand;
  hand.rectangle(0, 0, 50, 50);
  hand.tools.finish_text({{}, {100, 100}}, "words");
  hand.tools.select_all();
  hand.tools.set_colour({1, 2, 3});
  hand.tools.set_width(16);
  hand.tools.set_font_size(32);
  hand.tools.set_fill(std::nullopt);
  for (const Item* item : hand.board.all()) {
    EXPECT_EQ(item->shape.colour, (Colour{1, 2, 3}));
    if (item->shape.kind == Kind::kText) {
      EXPECT_EQ(item->shape.font_size, 32);
      EXPECT_TRUE(field_text(item->body, "width").empty());
    } else {
      EXPECT_EQ(item->shape.width, 16);
      EXPECT_FALSE(item->shape.fill && item->shape.fill->a > 0);
    }
  }
}

TEST(Tools, TextsAreMadeEditedAndGoWhenTheyAreEmpty) {
  Hand hand;
  hand.tools.choose(Tool::kText);
  hand.click({100, 100});
  auto request = hand.tools.take_text_request();
  ASSERT_TRUE(request);
  EXPECT_TRUE(request->id.empty());
  EXPECT_FALSE(hand.tools.take_text_request());
  hand.tools.finish_text(*request, " \n");
  EXPECT_EQ(hand.board.size(), 0u);
  hand.tools.finish_text(*request, "Grüße 👋");
  EXPECT_EQ(hand.only().text, "Grüße 👋");
  hand.tools.press({hand.board.top()->box.center(), false, false, true}, 1);
  request = hand.tools.take_text_request();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->id, hand.top_id());
  hand.tools.finish_text(*request, "other");
  EXPECT_EQ(hand.only().text, "other");
  hand.tools.undo();
  EXPECT_EQ(hand.only().text, "Grüße 👋");
  hand.tools.finish_text(*request, "");
  EXPECT_EQ(hand.board.size(), 0u);
  hand.tools.finish_text(*request, "gone meanwhile");  // somebody deleted it
  EXPECT_EQ(hand.board.size(), 0u);
}

TEST(Tools, ANoteIsPlacedByAClickAndStaysWhenItIsEmpty) {
  Hand hand;
  hand.tools.choose(Tool::kNote);
  hand.click({100, 100});
  EXPECT_EQ(hand.only().kind, Kind::kNote);
  EXPECT_TRUE(hand.only().box().contains(Vec{100, 100}));
  const auto request = hand.tools.take_text_request();
  ASSERT_TRUE(request);
  hand.tools.finish_text(*request, "");
  EXPECT_EQ(hand.board.size(), 1u);
  hand.tools.finish_text(*request, "remember");
  EXPECT_EQ(hand.only().text, "remember");
}

TEST(Tools, ADoubleClickOnEmptyBoardBeginsAText) {
  Hand hand;
  hand.tools.press({{300, 300}, false, false, true}, 1);
  const auto request = hand.tools.take_text_request();
  ASSERT_TRUE(request);
  EXPECT_TRUE(request->id.empty());
}

TEST(Tools, WhatOthersDeleteLeavesTheSelectionAndEndsADrag) {
  Hand hand;
  hand.rectangle(0, 0, 50, 50);
  hand.tools.choose(Tool::kSelect);
  hand.tools.press({{25, 25}}, 1);
  hand.tools.drag({{60, 60}}, 1);
  hand.board.remove(hand.top_id());
  hand.tools.board_changed();
  EXPECT_FALSE(hand.tools.busy());
  EXPECT_TRUE(hand.tools.selection().empty());
  hand.tools.release({{60, 60}}, 1);
  EXPECT_EQ(hand.board.size(), 0u);
}

TEST(Tools, ArrowKeysNudgeAndOrderKeysReorder) {
  Hand hand;
  hand.rectangle(0, 0, 50, 50);
  const std::string first = hand.top_id();
  hand.rectangle(10, 10, 50, 50);
  hand.tools.choose(Tool::kSelect);
  hand.click({0, 0});
  hand.tools.nudge({0, 10});
  EXPECT_EQ(hand.board.find(first)->shape.y, 10);
  hand.tools.bring_to_front();
  EXPECT_EQ(hand.top_id(), first);
  hand.tools.send_backward();
  EXPECT_NE(hand.top_id(), first);
  hand.tools.bring_forward();
  EXPECT_EQ(hand.top_id(), first);
  hand.tools.send_to_back();
  EXPECT_EQ(hand.board.bottom()->id, first);
}

// Any hand at all: the board's invariants hold, and undo leads back to the beginning.
TEST(Tools, RandomEventsAreAllTakenBack) {
  for (unsigned seed = 0; seed < 30; ++seed) {
    Hand hand;
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> at(0, 200);
    const auto pick = [&](int count) {
      return static_cast<int>(random() % static_cast<unsigned>(count));
    };
    for (int step = 0; step < 150; ++step) {
      const Pointer pointer{{at(random), at(random)}, pick(4) == 0, pick(6) == 0, pick(10) == 0};
      switch (pick(12)) {
        case 0:
          hand.tools.choose(static_cast<Tool>(pick(10)));
          break;
        case 1:
        case 2:
        case 3:
          hand.tools.press(pointer, 1);
          break;
        case 4:
        case 5:
          hand.tools.drag(pointer, 1);
          break;
        case 6:
        case 7:
          hand.tools.release(pointer, 1);
          break;
        case 8:
          pick(2) ? hand.tools.duplicate() : hand.tools.select_all();
          break;
        case 9:
          pick(2) ? hand.tools.bring_to_front() : hand.tools.nudge({3, 4});
          break;
        case 10:
          pick(3) ? hand.tools.undo() : hand.tools.redo();
          break;
        default:
          hand.tools.set_colour({static_cast<std::uint8_t>(pick(200)), 0, 0});
      }
      if (const auto request = hand.tools.take_text_request())
        hand.tools.finish_text(*request, pick(3) ? "words" : "");
      (void)hand.tools.resized();
      (void)hand.tools.hidden();
      ASSERT_TRUE(hand.board.malformed().empty());
    }
    while (hand.tools.can_undo()) hand.tools.undo();
    EXPECT_EQ(hand.board.size(), 0u) << seed;
  }
}

// --- What others see while one draws

TEST(Live, AStrokeIsPutTogetherFromWindowsOfItsPoints) {
  Hand hand;
  hand.tools.choose(Tool::kPen);
  hand.tools.press({{0, 0}}, 1);
  LiveStrokes others;
  for (int i = 1; i < 3'000; ++i) {
    hand.tools.drag({{i * 1.0, std::sin(i / 9.0) * 40}}, 1);
    if (i % 150 == 0) {
      const LiveState state = live_state(hand.tools, {i * 1.0, 0}, 1);
      EXPECT_LT(json::encode(state).size(), 6'000u);
      others.hear("bob", state, i);
    }
  }
  const auto& preview = others.previews().at("bob").front();
  const auto& ink = hand.tools.doing().ink;
  EXPECT_EQ(preview.id, hand.tools.doing().id);
  ASSERT_GT(preview.ink.points.size(), 2'800u);
  for (std::size_t i = 0; i < preview.ink.points.size(); ++i)
    ASSERT_LT(distance(preview.ink.points[i].at, ink.points[i].at), 0.2) << i;
}

TEST(Live, APreviewStaysUntilItsDocumentIsPaintedOrItWasGivenUp) {
  Hand hand;
  hand.tools.choose(Tool::kPen);
  hand.tools.press({{0, 0}}, 1);
  hand.tools.drag({{30, 0}}, 1);
  const LiveState drawing = live_state(hand.tools, {30, 0}, 1);
  LiveStrokes others;
  others.hear("ada", drawing, 0);
  hand.tools.release({{30, 0}}, 1);
  const LiveState done = live_state(hand.tools, {30, 0}, 1);
  EXPECT_TRUE(done.stroke.id.empty());
  // The state came before the document.
  others.hear("ada", done, 10);
  others.tidy({"ada"}, Board(), true, 20);
  EXPECT_EQ(others.previews().size(), 1u);
  EXPECT_GT(others.due_ms(), 0);
  // The document came and is not painted yet.
  others.tidy({"ada"}, hand.board, false, 30);
  EXPECT_EQ(others.previews().size(), 1u);
  others.tidy({"ada"}, hand.board, true, 40);
  EXPECT_TRUE(others.previews().empty());

  others.hear("ada", drawing, 50);
  LiveState gave_up = done;
  gave_up.stroke = given_up(drawing.stroke.id);
  others.hear("ada", gave_up, 60);
  others.tidy({"ada"}, Board(), true, 60);
  EXPECT_TRUE(others.previews().empty());

  // Somebody left in the middle of a stroke.
  others.hear("ada", drawing, 100);
  others.tidy({}, Board(), true, 200);
  EXPECT_EQ(others.previews().size(), 1u);
  others.tidy({}, Board(), true, 100 + kLiveLingerMs);
  EXPECT_TRUE(others.previews().empty());
  EXPECT_EQ(others.due_ms(), 0);
}

TEST(Live, HostileStatesDoNoHarmAndAreBounded) {
  LiveStrokes others;
  std::mt19937 random(8);
  const auto state = [](std::string id, std::int64_t from, std::string points) {
    LiveState out;
    out.stroke = {std::move(id), from, "red; DROP", std::nan(""), std::move(points)};
    out.x = INFINITY;
    return out;
  };
  others.hear("a", state("board:x", INT64_MAX, "100AAUAUC"), 0);
  others.hear("a", state("board:x", INT64_MIN, "100AA"), 0);
  others.hear("a", state("board:x", 0, "not points"), 0);
  others.hear("a", state(std::string(10'000, 'x'), 0, "100AA"), 0);
  others.hear("a", state("", 5, "100AA"), 0);
  for (int i = 0; i < 2'000; ++i) {
    std::string points = "100";
    for (int k = 0; k < 600; ++k) points += static_cast<char>('A' + random() % 26);
    others.hear("p" + std::to_string(i % 700),
                state("board:" + std::to_string(i % 40),
                      static_cast<std::int64_t>(random() % 9'000), points),
                0);
  }
  EXPECT_LE(others.previews().size(), kLivePeopleMax);
  for (const auto& [person, list] : others.previews()) {
    EXPECT_LE(list.size(), kLiveStrokesMax);
    for (const auto& preview : list) {
      EXPECT_LE(preview.ink.points.size(), kStrokePointsMax);
      EXPECT_TRUE(std::isfinite(preview.width));
    }
  }
}

// --- Letters

TEST(Letters, EditsCountCodePointsAndUndoTakesBackWhatWasTyped) {
  Letters letters("a€😀\nb");
  EXPECT_EQ(letters.size(), 5u);
  EXPECT_EQ(letters.line_count(), 2u);
  EXPECT_EQ(letters.line_begin(1), 4u);
  EXPECT_EQ(letters.line_of(3), 0u);
  EXPECT_EQ(letters.line_of(4), 1u);
  EXPECT_EQ(letters.slice(1, 2), "€😀");
  letters.replace(2, 1, "x");
  letters.replace(3, 0, "y");
  letters.replace(4, 0, "z");
  EXPECT_EQ(letters.text(), "a€xyz\nb");
  const LetterPatch patch = letters.undo();
  EXPECT_EQ(letters.text(), "a€😀\nb");
  EXPECT_EQ(patch.position, 2u);
  EXPECT_EQ(patch.erased, 3u);
  EXPECT_EQ(patch.inserted, 1u);
  letters.redo();
  EXPECT_EQ(letters.text(), "a€xyz\nb");
  letters.end_undo_step();
  letters.replace(5, 0, "!");
  letters.undo();
  EXPECT_EQ(letters.text(), "a€xyz\nb");
  EXPECT_EQ(letters.undo().inserted, 1u);
  EXPECT_EQ(letters.undo().inserted, 0u);
}

TEST(Letters, WhatIsTooLongForADocumentIsNotTaken) {
  Letters letters(std::string(kTextBytesMax - 2, 'a'));
  EXPECT_EQ(letters.replace(0, 0, "€").inserted, 0u);
  EXPECT_EQ(letters.replace(0, 1, "€").inserted, 1u);
  EXPECT_EQ(letters.text().size(), kTextBytesMax);
  EXPECT_EQ(letters.replace(99'999'999, 5, "x").inserted, 0u);
}

}  // namespace
}  // namespace atelier::board
