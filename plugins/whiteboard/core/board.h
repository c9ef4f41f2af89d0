// The scene: every shape of the board by id, in drawing order, and by place. Documents come in as
// they change, in any order; two boards that hold the same documents are the same.
//
// Invariants
//   1. A shape is in items_, order_, index_ and groups_, or in none.
//   2. Drawing order is (order, id): a total order that is the same everywhere.
//   3. What cannot be read is in malformed_ and not drawn; its document is never touched.
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/shape.h"
#include "core/spatial_index.h"
#include "core/text_layout.h"

namespace atelier::board {

struct Item {
  std::string id;
  std::string body;  // the document, with members that we do not know
  Shape shape;
  Box box;      // what a person takes for its edges: of text that does not wrap, its letters
  Box painted;  // what a change of it dirties
  std::uint64_t revision = 0;  // another one after each change that is seen
  SpatialIndex::Handle handle = 0;
};

/// What a change made stale on the screen. Both empty: nothing that is seen.
struct Dirty {
  Box before, after;
};

class Board {
 public:
  /// `measure` says how wide letters are, for what is hit and chosen of a text.
  explicit Board(MeasureText measure = rough_text_width) : measure_(std::move(measure)) {}
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;

  /// A document became visible or changed (normal form). O(log n) and the length of the document.
  Dirty put(const std::string& id, std::string_view body);
  /// A document was deleted.
  Dirty remove(std::string_view id);

  const Item* find(std::string_view id) const;
  std::size_t size() const { return items_.size(); }
  /// Grows with each change that is seen.
  std::uint64_t version() const { return version_; }
  /// Ids and reasons of documents that cannot be drawn.
  const std::map<std::string, std::string, std::less<>>& malformed() const { return malformed_; }
  /// The box around everything drawn; costs a walk over it.
  Box bounds() const { return index_.bounds(); }

  // --- By place, in drawing order (the last one is on top)

  std::vector<const Item*> within(const Box& box) const;
  std::vector<const Item*> all() const;
  /// The topmost shape at a point, or null. `tolerance` in board units.
  const Item* at(Vec p, double tolerance) const;
  std::vector<const Item*> touching_segment(Vec a, Vec b, double tolerance) const;
  std::vector<const Item*> touching_box(const Box& box) const;
  std::vector<const Item*> inside_lasso(std::span<const Vec> lasso) const;

  // --- By order

  const Item* top() const { return order_.empty() ? nullptr : *order_.rbegin(); }
  const Item* bottom() const { return order_.empty() ? nullptr : *order_.begin(); }
  /// The nearest one above (below) whose order differs, or null.
  const Item* above(const Item& item) const;
  const Item* below(const Item& item) const;

  /// The ids together with all of their groups, in drawing order.
  std::vector<const Item*> with_groups(const std::set<std::string>& ids) const;

 private:
  struct ByOrder {
    bool operator()(const Item* a, const Item* b) const;
  };

  void insert(const std::string& id, std::string_view body, Shape shape);
  void link(Item& item);
  void unlink(Item& item);

  std::unordered_map<std::string, std::unique_ptr<Item>> items_;
  std::set<const Item*, ByOrder> order_;
  SpatialIndex index_;
  std::vector<const Item*> by_handle_;
  std::vector<SpatialIndex::Handle> free_handles_;
  std::unordered_map<std::string, std::set<std::string>> groups_;
  std::map<std::string, std::string, std::less<>> malformed_;
  std::uint64_t version_ = 0;
  const MeasureText measure_;
};

/// What a person has chosen. Ids of shapes that went away leave it with prune().
class Selection {
 public:
  void set(const Board& board, const std::set<std::string>& ids);
  void add(const Board& board, const std::string& id);
  void toggle(const Board& board, const std::string& id);
  void clear() { ids_.clear(); }
  void prune(const Board& board);
  bool contains(const std::string& id) const { return ids_.contains(id); }
  bool empty() const { return ids_.empty(); }
  const std::set<std::string>& ids() const { return ids_; }
  /// The box around the shapes, without their lines' widths.
  Box box(const Board& board) const;

 private:
  std::set<std::string> ids_;
};

}  // namespace atelier::board
