#include "core/spatial_index.h"

#include <algorithm>

namespace atelier::board {
namespace {

constexpr int kLevelMin = -4;  // cells of 1/16 unit: finer does not separate what a person can see
constexpr int kLevelMax = 26;  // larger than the board

// Cells of far away places share the outermost one.
std::int32_t cell_number(double at, double size) {
  return static_cast<std::int32_t>(std::clamp(std::floor(at / size), -2e9, 2e9));
}

}  // namespace

std::size_t SpatialIndex::CellHash::operator()(CellKey key) const {
  std::uint64_t mixed = (static_cast<std::uint64_t>(static_cast<std::uint32_t>(key.x)) << 32) |
                        static_cast<std::uint32_t>(key.y);
  mixed *= 0x9E3779B97F4A7C15u;
  return static_cast<std::size_t>(mixed ^ (mixed >> 29));
}

int SpatialIndex::level_of(const Box& box) {
  const double size = std::max({box.width(), box.height(), 1e-9});
  return static_cast<int>(std::clamp<double>(std::ceil(std::log2(size)), kLevelMin, kLevelMax));
}

SpatialIndex::CellKey SpatialIndex::cell_of(Vec at, int level) {
  const double size = std::ldexp(1, level);
  return {cell_number(at.x, size), cell_number(at.y, size)};
}

void SpatialIndex::put(Handle handle, const Box& box) {
  if (box.empty()) return remove(handle);
  if (handle >= places_.size()) places_.resize(handle + 1);
  Place& place = places_[handle];
  const int level = level_of(box);
  const CellKey cell = cell_of(box.min, level);
  if (place.used && place.level == level && place.cell == cell) {
    for (Item& item : grids_[level][cell])
      if (item.handle == handle) item.box = box;
    return;
  }
  remove(handle);
  grids_[level][cell].push_back({box, handle});
  place = {true, level, cell};
  ++size_;
}

void SpatialIndex::remove(Handle handle) {
  if (handle >= places_.size() || !places_[handle].used) return;
  Place& place = places_[handle];
  const auto grid = grids_.find(place.level);
  const auto cell = grid->second.find(place.cell);
  auto& items = cell->second;
  const auto item = std::find_if(items.begin(), items.end(),
                                 [&](const Item& candidate) { return candidate.handle == handle; });
  *item = items.back();
  items.pop_back();
  if (items.empty()) grid->second.erase(cell);
  if (grid->second.empty()) grids_.erase(grid);
  place.used = false;
  --size_;
}

void SpatialIndex::collect(const Cell& cell, const Box& box, std::vector<Handle>& out) {
  for (const Item& item : cell)
    if (item.box.touches(box)) out.push_back(item.handle);
}

void SpatialIndex::query(const Box& box, std::vector<Handle>& out) const {
  if (box.empty()) return;
  for (const auto& [level, grid] : grids_) {
    const double size = std::ldexp(1, level);
    const CellKey from = cell_of({box.min.x - size, box.min.y - size}, level);
    const CellKey to = cell_of(box.max, level);
    const double cells =
        (static_cast<double>(to.x) - from.x + 1) * (static_cast<double>(to.y) - from.y + 1);
    if (cells > static_cast<double>(grid.size())) {  // a wide view: walk what is there
      for (const auto& [key, cell] : grid)
        if (key.x >= from.x && key.x <= to.x && key.y >= from.y && key.y <= to.y)
          collect(cell, box, out);
      continue;
    }
    for (std::int32_t y = from.y; y <= to.y; ++y) {
      for (std::int32_t x = from.x; x <= to.x; ++x)
        if (const auto cell = grid.find({x, y}); cell != grid.end())
          collect(cell->second, box, out);
    }
  }
}

Box SpatialIndex::bounds() const {
  Box all;
  for (const auto& [level, grid] : grids_) {
    for (const auto& [key, cell] : grid)
      for (const Item& item : cell) all.add(item.box);
  }
  return all;
}

}  // namespace atelier::board
