// A text as a B-tree of chunks: editing anywhere costs the logarithm of its length, and each
// subtree knows how many bytes, code points, UTF-16 units and newlines it holds. Thread rule: one
// thread at a time, also for reading (reading settles what the last edits left open).
//
// Invariants
//  1. Every chunk is valid UTF-8: no code point lies across two chunks.
//  2. All chunks are at the same depth; no chunk is empty unless it is the only one.
//  3. The sums of the nodes above the finger's chunk are behind by `behind_`, all others are exact.
//  4. A chunk is a gap buffer: its text is what lies before and after the gap.
//
// The finger is the way from the root to the chunk that was edited last. People type where they
// have typed: most edits touch that one chunk and nothing else.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "text/utf8.h"

namespace atelier {

class Rope {
 public:
  Rope();
  /// Takes valid UTF-8.
  explicit Rope(std::string_view text);
  ~Rope();
  Rope(Rope&& other) noexcept;
  Rope& operator=(Rope&& other) noexcept;

  const TextCounts& counts() const { return total_; }
  std::size_t points() const { return total_.points; }
  std::size_t bytes() const { return total_.bytes; }
  /// Lines are what newlines separate: an empty text has one.
  std::size_t lines() const { return std::size_t{total_.newlines} + 1; }

  /// Puts valid UTF-8 before code point `point` (0 to points()).
  void insert(std::size_t point, std::string_view text);
  /// Removes the code points from `point` on; `point + count` must not exceed points().
  void erase(std::size_t point, std::size_t count);
  void clear();

  std::string text() const { return slice(0, points()); }
  std::string slice(std::size_t point, std::size_t count) const;
  void append_slice(std::string& out, std::size_t point, std::size_t count) const;
  /// The code point at `point`, which must be below points().
  char32_t at(std::size_t point) const;

  // Conversions. What lies beyond the end is taken as the end; what lies within a code point is
  // taken as its begin.
  std::size_t byte_of(std::size_t point) const;
  std::size_t unit_of(std::size_t point) const;
  std::size_t line_of(std::size_t point) const;  // the first line is 0
  std::size_t point_of_byte(std::size_t byte) const;
  std::size_t point_of_unit(std::size_t unit) const;
  /// Where line `line` begins; points() when there are not so many.
  std::size_t point_of_line(std::size_t line) const;

  /// Memory held, in bytes.
  std::size_t memory() const;
  /// Checks the invariants; for tests.
  bool is_sound() const;

 private:
  struct Leaf;
  struct Node;
  enum Metric { kBytes, kPoints, kUnits, kNewlines };
  static constexpr std::size_t kDepthMax = 16;

  struct Step {
    Node* node = nullptr;
    std::uint32_t index = 0;
  };

  void reset();
  void destroy();
  void settle() const;
  void seek(Metric metric, std::size_t value, bool at_end_stay) const;
  bool finger_holds(std::size_t point, bool at_end_stay) const;
  Leaf* seek_point(std::size_t point, bool at_end_stay) const;
  TextCounts counts_before(Metric metric, std::size_t value) const;
  TextCounts counts_at(std::size_t point) const;
  void insert_piece(std::size_t point, std::string_view text);
  void make_room(std::size_t point, std::size_t bytes);
  void insert_leaf_after(Leaf* leaf);
  void split_node(std::size_t level);
  void remove_leaf();
  void shrink_leaf();
  void merge_nodes(std::size_t level);
  void collapse_root();
  void refresh_sums(std::size_t level);

  void* root_ = nullptr;  // a Leaf when depth_ is 0, else a Node
  std::size_t depth_ = 0;
  TextCounts total_;

  // The finger. Reading moves it.
  mutable std::array<Step, kDepthMax> path_{};
  mutable Leaf* leaf_ = nullptr;
  mutable TextCounts before_;  // what lies before leaf_
  mutable TextCounts behind_;  // what the nodes of path_ do not know yet
};

}  // namespace atelier
