// Which shapes are near: boxes in grids of many scales. A box lies in the one cell of the grid
// whose cells are just larger than it, so that adding, moving and removing touch one cell, and a
// query looks at few cells of each scale that is in use.
//
// Invariants
//   1. An item of level L is at most 2^L wide and high and lies in the cell of its upper left
//   corner,
//      so it reaches at most into the next cell to the right and below.
//   2. A cell that is empty is not there.
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include "core/vec.h"

namespace atelier::board {

class SpatialIndex {
 public:
  /// A small number that the caller chose, such as its place in an array.
  using Handle = std::uint32_t;

  /// Adds it or moves it. An empty box removes it.
  void put(Handle handle, const Box& box);
  void remove(Handle handle);

  /// Appends the handles of all boxes that touch `box`, in no particular order.
  void query(const Box& box, std::vector<Handle>& out) const;

  std::size_t size() const { return size_; }
  /// The box around all; costs a walk over them. Empty without items.
  Box bounds() const;

 private:
  struct Item {
    Box box;
    Handle handle;
  };
  using Cell = std::vector<Item>;
  struct CellKey {
    std::int32_t x, y;
    friend bool operator==(CellKey, CellKey) = default;
  };
  struct CellHash {
    std::size_t operator()(CellKey key) const;
  };
  using Grid = std::unordered_map<CellKey, Cell, CellHash>;
  struct Place {
    bool used = false;
    int level = 0;
    CellKey cell{};
  };

  static int level_of(const Box& box);
  static CellKey cell_of(Vec at, int level);
  static void collect(const Cell& cell, const Box& box, std::vector<Handle>& out);

  std::map<int, Grid> grids_;  // by level
  std::vector<Place> places_;  // by handle
  std::size_t size_ = 0;
};

}  // namespace atelier::board
