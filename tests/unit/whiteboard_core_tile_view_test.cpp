#include <map>
#include <random>
#include <tuple>

#include <gtest/gtest.h>

#include "core/tile_view.h"

namespace atelier::board {
namespace {

struct Store : TileStore {
  struct Less {
    bool operator()(TileKey a, TileKey b) const {
      return std::tie(a.level, a.x, a.y) < std::tie(b.level, b.x, b.y);
    }
  };
  Bitmap open(TileKey key) override {
    return pictures.try_emplace(key, kTilePixels, kTilePixels).first->second.bitmap();
  }
  void changed(TileKey, PixelRect rect) override {
    pixels_changed += static_cast<std::int64_t>(rect.x1 - rect.x0) * (rect.y1 - rect.y0);
  }
  void drop(TileKey key) override { pictures.erase(key); }

  std::map<TileKey, Picture, Less> pictures;
  std::int64_t pixels_changed = 0;
};

/// A board on a screen of 900 by 700 pixels.
struct Screen {
  Board board;
  Painter painter{rough_text_width, {}};
  Store store;
  TileView view{board, painter, store};
  Camera camera{{-50, -50}, 1, {900, 700}};

  void put(const std::string& id, const Shape& shape) {
    const bool is_new = board.find(id) == nullptr;
    const Dirty dirty = board.put(id, encode_shape(shape));
    if (is_new)
      view.added(*board.find(id));
    else
      view.changed(dirty);
  }
  void settle() {
    view.look(camera);
    while (view.paint([] { return true; })) {
    }
  }
  // What a person sees.
  std::vector<std::vector<std::uint8_t>> seen() {
    settle();
    std::vector<std::vector<std::uint8_t>> out;
    for (const TileKey key : TileCache::needed(camera.view(), camera.zoom))
      out.push_back(store.pictures.at(key).bytes());
    return out;
  }
};

Shape random_shape(std::mt19937& random, int number) {
  std::uniform_real_distribution<double> at(0, 600);
  Shape shape;
  shape.kind = static_cast<Kind>(number % 4);
  if (shape.kind == Kind::kStroke) {
    Ink ink;
    Vec pen{at(random), at(random)};
    for (int i = 0; i < 30; ++i) {
      pen = pen + Vec{at(random) / 40 - 7, at(random) / 40 - 7};
      ink.points.push_back({pen});
    }
    shape = make_strokes(ink, 1, shape, "")[0];
  } else {
    shape.x = at(random);
    shape.y = at(random);
    shape.w = at(random) / 3;
    shape.h = at(random) / 3;
  }
  shape.colour = {static_cast<std::uint8_t>(number * 37), 90,
                  static_cast<std::uint8_t>(number * 11),
                  static_cast<std::uint8_t>(number % 3 == 0 ? 120 : 255)};
  if (shape.kind == Kind::kRectangle) shape.fill = Colour{200, 220, 20, 100};
  Jitter jitter(static_cast<std::uint64_t>(number));
  shape.order = order_between("A", "z", jitter);
  return shape;
}

TEST(TileView, PixelsDoNotDependOnTheOrderInWhichDocumentsCame) {
  std::mt19937 random(5);
  std::vector<Shape> shapes;
  for (int i = 0; i < 40; ++i) shapes.push_back(random_shape(random, i));
  const auto id = [](std::size_t i) { return "board:" + std::to_string(i); };
  Screen at_once, one_by_one, backwards;
  for (std::size_t i = 0; i < shapes.size(); ++i) at_once.put(id(i), shapes[i]);
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    one_by_one.put(id(i), shapes[i]);
    one_by_one.settle();
  }
  for (std::size_t i = shapes.size(); i-- > 0;) {
    Shape elsewhere = shapes[i];
    elsewhere.x += 100;
    backwards.put(id(i), elsewhere);
    backwards.settle();
    backwards.put(id(i), shapes[i]);
  }
  const auto seen = at_once.seen();
  EXPECT_EQ(one_by_one.seen(), seen);
  EXPECT_EQ(backwards.seen(), seen);
}

TEST(TileView, AShapeOnTopIsPaintedOverWhatIsThereAndComesToTheSame) {
  std::mt19937 random(9);
  Screen painted_over, painted_anew;
  std::string order = "B";
  Jitter jitter(1);
  for (int i = 0; i < 20; ++i) {
    Shape shape = random_shape(random, i);
    order = shape.order = order_after(order, jitter);
    painted_over.settle();
    const std::int64_t before = painted_over.store.pixels_changed;
    painted_over.put("board:" + std::to_string(100 + i), shape);
    EXPECT_TRUE(painted_over.view.fresh());
    if (i > 0) {
      EXPECT_LT(painted_over.store.pixels_changed - before, 4 * 512 * 512);
    }
    painted_anew.put("board:" + std::to_string(100 + i), shape);
  }
  EXPECT_EQ(painted_over.seen(), painted_anew.seen());
}

TEST(TileView, PaintingInSmallStepsComesToTheSameAndStopsInTime) {
  std::mt19937 random(2);
  Screen at_once, in_steps;
  for (int i = 0; i < 30; ++i) {
    const Shape shape = random_shape(random, i);
    at_once.put("board:" + std::to_string(i), shape);
    in_steps.put("board:" + std::to_string(i), shape);
  }
  in_steps.view.look(in_steps.camera);
  int steps = 0;
  while (in_steps.view.paint([] { return false; })) ASSERT_LT(++steps, 10'000);
  EXPECT_GT(steps, 30);
  EXPECT_TRUE(in_steps.view.fresh());
  EXPECT_EQ(in_steps.seen(), at_once.seen());
}

TEST(TileView, AChangeWhileATileIsPaintedIsNotLost) {
  std::mt19937 random(4);
  Screen screen, calm;
  std::vector<Shape> shapes;
  for (int i = 0; i < 30; ++i) shapes.push_back(random_shape(random, i));
  for (std::size_t i = 0; i < shapes.size(); ++i)
    screen.put("board:" + std::to_string(i), shapes[i]);
  screen.view.look(screen.camera);
  for (std::size_t i = 0; i < shapes.size(); i += 2) {
    (void)screen.view.paint([] { return false; });
    if (i % 4 == 0) {
      screen.view.changed(screen.board.remove("board:" + std::to_string(i)));
    } else {
      shapes[i].x += 31;
      screen.put("board:" + std::to_string(i), shapes[i]);
    }
  }
  for (std::size_t i = 0; i < shapes.size(); ++i)
    if (i % 4 != 0) calm.put("board:" + std::to_string(i), shapes[i]);
  EXPECT_EQ(screen.seen(), calm.seen());
}

TEST(TileView, WhatIsHiddenIsNotPaintedUntilItIsShownAgain) {
  std::mt19937 random(6);
  Screen screen, without;
  for (int i = 0; i < 8; ++i) {
    const Shape shape = random_shape(random, i);
    screen.put("board:" + std::to_string(i), shape);
    if (i != 3) without.put("board:" + std::to_string(i), shape);
  }
  const auto all = screen.seen();
  screen.view.hide({"board:3"});
  EXPECT_EQ(screen.seen(), without.seen());
  screen.view.hide({});
  EXPECT_EQ(screen.seen(), all);
}

TEST(TileView, AnOlderOrCoarserPictureIsShownUntilTheRightOneIsPainted) {
  Screen screen;
  std::mt19937 random(1);
  screen.put("board:a", random_shape(random, 2));
  screen.settle();
  // Nearer: the tiles of that zoom are not there, the coarser ones are.
  screen.camera.zoom = 4;
  screen.view.look(screen.camera);
  EXPECT_FALSE(screen.view.fresh());
  const auto covered = [&] {
    std::vector<bool> pixels(900 * 700, false);
    for (const auto& piece : screen.view.pieces())
      for (int y = std::max(0, piece.on_screen.y0); y < std::min(700, piece.on_screen.y1); ++y)
        for (int x = std::max(0, piece.on_screen.x0); x < std::min(900, piece.on_screen.x1); ++x)
          pixels[static_cast<std::size_t>(y) * 900 + static_cast<std::size_t>(x)] = true;
    return std::count(pixels.begin(), pixels.end(), true);
  };
  EXPECT_EQ(covered(), 900 * 700);
  screen.settle();
  EXPECT_TRUE(screen.view.fresh());
  EXPECT_EQ(covered(), 900 * 700);
  // Farther away: the finer ones are shown where they are.
  screen.camera = {{-50, -50}, 2, {900, 700}};
  screen.view.look(screen.camera);
  EXPECT_EQ(covered(), 900 * 700);
}

TEST(TileView, NoMoreTilesAreKeptThanTheLimit) {
  Screen screen;
  for (int i = 0; i < 60; ++i) {
    screen.camera.corner = {i * 900.0, i * 350.0};
    screen.settle();
  }
  EXPECT_LE(screen.view.tiles(), kTilesMax);
  EXPECT_EQ(screen.store.pictures.size(), screen.view.tiles());
}

TEST(Camera, ThePointUnderThePointerStaysWhileZooming) {
  CameraMan man;
  man.set_view({900, 700}, 1);
  man.fit({});
  const Vec pixel{300, 200};
  const Vec point = man.now().to_board(pixel);
  man.zoom_at(pixel, 3);
  int steps = 0;
  while (man.step(0.016)) {
    EXPECT_LT(distance(man.now().to_screen(point), pixel), 0.01);
    ASSERT_LT(++steps, 100);
  }
  EXPECT_GT(steps, 3);
  EXPECT_NEAR(man.now().zoom, 3, 1e-9);
  EXPECT_LT(distance(man.now().to_screen(point), pixel), 1);  // at rest on whole pixels
}

TEST(Camera, ZoomIsBoundedAndFitShowsAll) {
  CameraMan man;
  man.set_view({900, 700}, 2);
  man.zoom_at({1, 1}, 1e9);
  man.jump();
  EXPECT_EQ(man.now().zoom, kZoomMax * 2);
  man.zoom_at({1, 1}, 1e-9);
  man.jump();
  EXPECT_EQ(man.now().zoom, kZoomMin * 2);
  const Box box{{-3000, 100}, {5000, 900}};
  man.fit(box);
  EXPECT_TRUE(man.now().view().contains(box));
  man.fit({{0, 0}, {10, 10}});
  EXPECT_EQ(man.percent(), 1);
  man.pan({10.4, 0});
  const Vec pixels = man.now().corner * man.now().zoom;
  EXPECT_NEAR(pixels.x, std::round(pixels.x), 1e-6);
}

}  // namespace
}  // namespace atelier::board
