#include "core/tiles.h"

#include <algorithm>

namespace atelier::board {
namespace {

double units_of(int level) {
  return kTilePixels / std::ldexp(1, level);
}

std::int32_t tile_number(double at, double units) {
  return static_cast<std::int32_t>(std::clamp(std::floor(at / units), -2e9, 2e9));
}

}  // namespace

int tile_level(double zoom) {
  if (!(zoom > 0)) return kTileLevelMin;
  // A zoom of 1.0000001 is one that came to 1 by many small steps.
  return static_cast<int>(
      std::clamp<double>(std::ceil(std::log2(zoom) - 1e-6), kTileLevelMin, kTileLevelMax));
}

Box tile_box(TileKey key) {
  const double units = units_of(key.level);
  return {{key.x * units, key.y * units}, {(key.x + 1.0) * units, (key.y + 1.0) * units}};
}

TileRange tiles_touching(const Box& box, int level) {
  if (box.empty()) return {level};
  const double units = units_of(level);
  return {level, tile_number(box.min.x, units), tile_number(box.min.y, units),
          tile_number(box.max.x, units), tile_number(box.max.y, units)};
}

std::vector<TileKey> TileCache::needed(const Box& view, double zoom) {
  TileRange range = tiles_touching(view, tile_level(zoom));
  while (range.count() > kTilesMax / 2.0 && range.level > kTileLevelMin)  // a very large screen
    range = tiles_touching(view, range.level - 1);
  std::vector<TileKey> keys;
  if (range.count() > kTilesMax / 2.0) return keys;
  for (std::int32_t y = range.min_y; y <= range.max_y; ++y)
    for (std::int32_t x = range.min_x; x <= range.max_x; ++x) keys.push_back({range.level, x, y});
  std::stable_sort(keys.begin(), keys.end(), [&](TileKey a, TileKey b) {
    return distance(tile_box(a).center(), view.center()) <
           distance(tile_box(b).center(), view.center());
  });
  return keys;
}

std::size_t TileCache::KeyHash::operator()(TileKey key) const {
  std::uint64_t mixed = (static_cast<std::uint64_t>(static_cast<std::uint32_t>(key.x)) << 32) |
                        static_cast<std::uint32_t>(key.y);
  mixed = (mixed + static_cast<std::uint64_t>(key.level + 64)) * 0x9E3779B97F4A7C15u;
  return static_cast<std::size_t>(mixed ^ (mixed >> 29));
}

bool TileCache::has(TileKey key) {
  const auto entry = entries_.find(key);
  if (entry == entries_.end()) return false;
  by_age_.splice(by_age_.begin(), by_age_, entry->second.age);
  return true;
}

bool TileCache::stale(TileKey key) const {
  const auto entry = entries_.find(key);
  return entry == entries_.end() || entry->second.stale;
}

void TileCache::painted(TileKey key) {
  if (has(key)) {
    entries_[key].stale = false;
    return;
  }
  by_age_.push_front(key);
  entries_[key] = {false, by_age_.begin()};
  while (entries_.size() > tiles_max_) {
    const TileKey oldest = by_age_.back();
    by_age_.pop_back();
    entries_.erase(oldest);
    if (drop_) drop_(oldest);
  }
}

void TileCache::invalidate(const Box& box) {
  if (box.empty()) return;
  for (int level = kTileLevelMin; level <= kTileLevelMax; ++level) {
    // A pixel more on each side: edges are smoothed into their neighbours.
    const TileRange range = tiles_touching(box.grown(std::ldexp(1, -level)), level);
    if (range.count() <= 16) {
      for (std::int32_t y = range.min_y; y <= range.max_y; ++y)
        for (std::int32_t x = range.min_x; x <= range.max_x; ++x)
          if (const auto entry = entries_.find({level, x, y}); entry != entries_.end())
            entry->second.stale = true;
      continue;
    }
    for (auto& [key, entry] : entries_)
      if (range.contains(key)) entry.stale = true;
  }
}

void TileCache::clear() {
  if (drop_)
    for (const TileKey key : by_age_) drop_(key);
  entries_.clear();
  by_age_.clear();
}

}  // namespace atelier::board
