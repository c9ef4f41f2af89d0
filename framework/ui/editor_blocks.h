// The parts that an editor lays out one by one: a line of the text, or a piece of a line that is
// too long to be laid out at once.
//
// Invariants: 1. The blocks cover the text exactly once, in order. 2. A block that ends a line ends
// with "\n"; the last block never does, and may be empty. 3. Sums of groups of blocks are right, so
// that finding a block by position or by height looks at groups first.
// Thread rule: none; each object for one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace atelier::ui {

struct BlockLayout;  // editor_layout.h

/// Where words were found in a block, in code points from its beginning.
struct BlockMatch {
  std::uint32_t begin, length;
};

struct EditorBlock {
  EditorBlock();
  EditorBlock(std::uint32_t count, bool with_line_end);
  EditorBlock(EditorBlock&&) noexcept;
  EditorBlock& operator=(EditorBlock&&) noexcept;
  ~EditorBlock();

  std::uint32_t points = 0;  // with the "\n"
  float height = 0;          // pixels; an estimate while there is no layout and !measured
  float width = 0;           // pixels, of its longest line; once measured
  bool ends_line = false;
  bool stale = false;     // the text changed: to be read and cut into blocks again
  bool measured = false;  // height is exact, width known
  bool searched = false;
  std::unique_ptr<BlockLayout> layout;
  std::unique_ptr<std::vector<BlockMatch>> matches;  // null: none

  std::size_t match_count() const { return matches ? matches->size() : 0; }
};

class EditorBlocks {
 public:
  /// Valid until replace() or reset().
  struct Place {
    std::size_t group = 0, index = 0;
    bool operator==(const Place&) const = default;
  };
  struct Found {
    Place place;
    std::size_t begin = 0;  // position of its first code point
    double top = 0;         // height of what is above it
  };

  EditorBlocks() { reset(0); }
  /// One stale block.
  void reset(std::size_t points);

  std::size_t points() const { return total_.points; }
  double height() const { return total_.height; }
  std::size_t matches() const { return total_.matches; }
  std::size_t unsearched() const { return total_.unsearched; }
  std::size_t stale() const { return total_.stale; }
  std::size_t count() const { return total_.blocks; }

  const EditorBlock& operator[](Place at) const { return groups_[at.group].blocks[at.index]; }
  Place first() const { return {}; }
  Place last() const;
  bool next(Place& at) const;  // false: it was the last
  bool previous(Place& at) const;

  /// The last block that begins at or before `point`.
  Found at_point(std::size_t point) const;
  /// The block that covers `y`, counted from the top of the text.
  Found at_height(double y) const;
  Found found(Place at) const;
  std::size_t matches_before(Place at) const;
  /// The first stale or unsearched block; only when there is one.
  Place first_stale() const;
  Place first_unsearched() const;

  /// Changes a block and keeps the sums; `change` gets EditorBlock&.
  template <typename Change>
  void update(Place at, Change&& change) {
    EditorBlock& block = groups_[at.group].blocks[at.index];
    count(at.group, block, -1);
    change(block);
    count(at.group, block, 1);
  }
  /// The blocks from `from` to `to`, both included, become `with` (at least one).
  void replace(Place from, Place to, std::vector<EditorBlock> with);
  template <typename Change>
  void update_all(Change&& change) {
    for (std::size_t group = 0; group < groups_.size(); ++group)
      for (std::size_t index = 0; index < groups_[group].blocks.size(); ++index)
        update({group, index}, change);
  }

 private:
  struct Sums {
    std::size_t points = 0, matches = 0, unsearched = 0, stale = 0, blocks = 0;
    double height = 0;
  };
  struct Group {
    std::vector<EditorBlock> blocks;
    Sums sums;
  };
  void count(std::size_t group, const EditorBlock& block, int sign);
  static void add(Sums& sums, const EditorBlock& block, int sign);
  static void add(Sums& sums, const Sums& other, int sign);

  std::vector<Group> groups_;
  Sums total_;
};

}  // namespace atelier::ui
