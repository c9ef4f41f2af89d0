#include <vector>

#include <gtest/gtest.h>

#include "core/tiles.h"

namespace atelier::board {
namespace {

TEST(Tiles, AZoomIsShownByTheNextLargerLevel) {
  EXPECT_EQ(tile_level(1), 0);
  EXPECT_EQ(tile_level(1.0000001), 0);
  EXPECT_EQ(tile_level(1.1), 1);
  EXPECT_EQ(tile_level(0.5), -1);
  EXPECT_EQ(tile_level(0.05), -4);
  EXPECT_EQ(tile_level(1e9), kTileLevelMax);
  EXPECT_EQ(tile_level(0), kTileLevelMin);
  EXPECT_EQ(tile_level(-1), kTileLevelMin);
}

TEST(Tiles, NeededTilesCoverTheViewAndBeginInItsMiddle) {
  const Box view{{-700, -300}, {900, 650}};
  for (const double zoom : {0.05, 0.3, 1.0, 1.7, 8.0}) {
    const auto keys = TileCache::needed(view, zoom);
    ASSERT_FALSE(keys.empty());
    Box covered;
    for (const TileKey key : keys) covered.add(tile_box(key));
    EXPECT_TRUE(covered.contains(view));
    EXPECT_TRUE(tile_box(keys.front()).contains(view.center()));
    EXPECT_LE(keys.size(), kTilesMax / 2);
  }
  EXPECT_FALSE(TileCache::needed({{0, 0}, {1e5, 1e5}}, 64).empty());  // coarser, not missing
}

TEST(Tiles, AChangeMakesStaleWhatItTouchesAndNothingElse) {
  TileCache cache(400);
  for (int level = -2; level <= 2; ++level)
    for (int x = -3; x <= 3; ++x)
      for (int y = -3; y <= 3; ++y) cache.painted({level, x, y});
  const Box change{{100, 100}, {140, 700}};
  cache.invalidate(change);
  for (int level = -2; level <= 2; ++level)
    for (int x = -3; x <= 3; ++x)
      for (int y = -3; y <= 3; ++y) {
        const TileKey key{level, x, y};
        EXPECT_EQ(cache.stale(key), tile_box(key).touches(change.grown(0.5)))
            << level << " " << x << " " << y;
        EXPECT_TRUE(cache.has(key));
      }
  cache.painted({0, 0, 0});
  EXPECT_FALSE(cache.stale({0, 0, 0}));
  cache.invalidate(Box{});
  EXPECT_FALSE(cache.stale({0, 0, 0}));
}

TEST(Tiles, TheOnesLookedAtLongestAgoGo) {
  std::vector<TileKey> dropped;
  TileCache cache(3, [&](TileKey key) { dropped.push_back(key); });
  for (int x = 0; x < 3; ++x) cache.painted({0, x, 0});
  EXPECT_TRUE(cache.has({0, 0, 0}));
  cache.painted({0, 3, 0});
  EXPECT_EQ(dropped, (std::vector<TileKey>{{0, 1, 0}}));
  EXPECT_EQ(cache.size(), 3u);
  cache.clear();
  EXPECT_EQ(dropped.size(), 4u);
  EXPECT_TRUE(cache.stale({0, 0, 0}));
}

TEST(Tiles, AChangeOfTheWholeBoardCostsNoMoreThanTheTilesThatExist) {
  TileCache cache;
  cache.painted({6, 1'000'000, 1'000'000});
  cache.invalidate({{-1e7, -1e7}, {1e7, 1e7}});
  EXPECT_TRUE(cache.stale({6, 1'000'000, 1'000'000}));
}

}  // namespace
}  // namespace atelier::board
