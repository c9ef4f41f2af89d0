// Which pieces of the board are painted at which zoom, and which of them are stale: panning shows
// tiles that are there, a change paints again only the tiles that it touches.
//
// Tile (level, x, y) shows, at 2^level pixels a unit, kTilePixels times kTilePixels pixels: the
// units from (x, y) * kTilePixels / 2^level on. Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <unordered_map>
#include <vector>

#include "core/board_limits.h"
#include "core/vec.h"

namespace atelier::board {

struct TileKey {
  int level = 0;
  std::int32_t x = 0, y = 0;
  friend bool operator==(TileKey, TileKey) = default;
};

/// The tiles from `min` to `max`, both included, of one level.
struct TileRange {
  int level = 0;
  std::int32_t min_x = 0, min_y = 0, max_x = -1, max_y = -1;
  bool contains(TileKey key) const {
    return key.level == level && key.x >= min_x && key.x <= max_x && key.y >= min_y &&
           key.y <= max_y;
  }
  double count() const {
    return (static_cast<double>(max_x) - min_x + 1) * (static_cast<double>(max_y) - min_y + 1);
  }
};

/// The level to show at a zoom: the next larger one, so that tiles are only ever scaled down.
int tile_level(double zoom);
Box tile_box(TileKey key);
TileRange tiles_touching(const Box& box, int level);

/// Remembers which tiles exist and forgets those that were not looked at for longest.
class TileCache {
 public:
  /// `drop` is told of each tile that goes, to free its pixels.
  explicit TileCache(std::size_t tiles_max = kTilesMax, std::function<void(TileKey)> drop = {})
      : tiles_max_(tiles_max), drop_(std::move(drop)) {}

  /// The tiles of a view, nearest to its centre first; of a coarser level where they would be too
  /// many. At most half of kTilesMax; none for a view wider than the smallest zoom shows on any
  /// screen.
  static std::vector<TileKey> needed(const Box& view, double zoom);

  /// Whether its pixels are there, current or not; counts as looked at.
  bool has(TileKey key);
  /// Whether it must be painted before it shows what the board holds.
  bool stale(TileKey key) const;
  /// Its pixels show the board as of now.
  void painted(TileKey key);
  /// Something changed there: tiles of all levels that touch the box are stale. Costs no more than
  /// the number of tiles that exist.
  void invalidate(const Box& box);
  void clear();
  std::size_t size() const { return entries_.size(); }

 private:
  struct KeyHash {
    std::size_t operator()(TileKey key) const;
  };
  struct Entry {
    bool stale = false;
    std::list<TileKey>::iterator age;
  };

  std::size_t tiles_max_;
  std::function<void(TileKey)> drop_;
  std::unordered_map<TileKey, Entry, KeyHash> entries_;
  std::list<TileKey> by_age_;  // the front was looked at last
};

}  // namespace atelier::board
