// The transient CRDT of the event graph walker: exists only while concurrent operations are merged.
// Source: "Collaborative Text Editing with Eg-walker: Better, Faster, Smaller" (arXiv 2409.14252);
// concurrent insertions are ordered as by Fugue ("The Art of the Fugue: Minimizing Interleaving in
// Collaborative Text Editing", arXiv 2305.00583), exactly as in the walker's published conformance
// cases.
// Thread rule: one thread at a time.
//
// It starts at a critical boundary, where the text is a row of characters without history (the
// base), and is fed the operations that follow in local order. Each is applied as its author saw
// the text: the tracker first takes back what that author had not seen and brings back what had
// been taken back. What comes out are the same operations in positions of the text that has all of
// them.
//
// Invariants
//  1. A piece is a row of characters with consecutive ids that are in one state. Ids of inserted
//     characters are their Lv; the character n of the base has kBaseId + n.
//  2. Pieces lie in the leaves of a B-tree in the order of the text, erased ones too. Each leaf and
//     node knows how many characters of it are visible in the version applied last (now), in the
//     text that has everything (final), and are of the base.
//  3. slots_[lv - begin] is the piece of an insertion, or the id that an erasure erased.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/event_graph.h"
#include "text/op_log.h"

namespace atelier::text_crdt {

/// A change of the text that has everything before it. Erases first, then inserts.
struct Change {
  std::uint32_t position = 0;
  std::uint32_t erased = 0;    // code points
  std::uint32_t inserted = 0;  // code points
  std::string_view content;    // into the log: valid until that changes
};

class Tracker {
 public:
  /// Begins anew at a critical boundary. How long the text was there need not be known yet: the
  /// base is longer than any text, and set_text_points() says where it really ends.
  void start(const EventGraph& graph, Lv begin);
  /// Says how long the text is that has all that was fed so far. From then on no operation may
  /// reach beyond what its author can have seen. False when that contradicts what was fed.
  bool set_text_points(std::size_t points);
  /// How long it is after more was fed.
  std::size_t text_points() const { return final_total_ - surplus_; }
  Lv begin() const { return begin_; }
  Lv end() const { return end_; }

  /// Feeds the operations from end() up to `end`. Those from `emit_from` on add to `changes` what
  /// they do to the text. False when a position lies outside of what its author can have seen;
  /// `failed_at` is the operation, and the tracker must be started anew.
  bool feed(const EventGraph& graph, const OpLog& log, Lv end, Lv emit_from,
            std::vector<Change>& changes, Lv& failed_at);

  /// Where a position of `version` is in the text that has everything. Left of it means: of what
  /// was inserted at that very place, all is behind the result. `version` must not reach before
  /// begin().
  std::uint32_t final_position(const EventGraph& graph, const OpLog& log,
                               std::span<const Lv> version, std::uint32_t position);

  std::size_t memory() const;
  void release();

 private:
  using Id = std::uint32_t;
  using Index = std::uint32_t;
  static constexpr Id kBaseId = 0x8000'0000;
  static constexpr std::uint32_t kBasePoints = 0x4000'0000;  // longer than any text
  static constexpr Id kNone = 0xffff'ffff;  // to the left: the begin; to the right: the end
  static constexpr std::size_t kLeafPieces = 32;
  static constexpr std::size_t kFanout = 16;
  static constexpr std::size_t kDepthMax = 12;

  struct Piece {
    Id id;
    std::uint32_t length;
    // Of the first character; the others were inserted behind it, before the end.
    Id left;   // the character to its left when it was inserted
    Id right;  // the next one that existed for its author, if that has the same left; else the end
    Index leaf;
    std::uint32_t state;  // 0: not inserted yet, 1: inserted, n + 1: erased n times
    bool ever_erased;
  };
  struct Sums {
    std::uint32_t now = 0;
    std::uint32_t final = 0;
    std::uint32_t base = 0;
  };
  struct Leaf {
    std::array<Index, kLeafPieces> piece;
    std::array<std::uint32_t, kLeafPieces> now;
    std::array<std::uint32_t, kLeafPieces> final;
    std::uint32_t count = 0;
    Index parent = kNone;
    Index next = kNone;
  };
  struct Node {
    std::array<Index, kFanout> child;
    std::array<Sums, kFanout> sums;
    std::uint32_t count = 0;
    Index parent = kNone;
  };
  // Before piece `slot` of a leaf; slot may be the leaf's count.
  struct Place {
    Index leaf = 0;
    std::uint32_t slot = 0;
    bool operator==(const Place&) const = default;
  };
  struct Halves {
    Index first = 0;
    Index second = 0;
  };

  static std::uint32_t now_of(const Piece& piece) { return piece.state == 1 ? piece.length : 0; }
  static std::uint32_t final_of(const Piece& piece) { return piece.ever_erased ? 0 : piece.length; }
  static std::uint32_t base_of(const Piece& piece) {
    return piece.id >= kBaseId ? piece.length : 0;
  }

  // --- Tree
  std::uint32_t child_slot(const Node& node, Index child) const;
  void add_sums(Index leaf, const Sums& delta);
  void flush();
  Place place_of(Index piece) const;
  Index piece_at(Place place) const { return leaves_[place.leaf].piece[place.slot]; }
  bool at_end(Place place) const { return place.slot >= leaves_[place.leaf].count; }
  void settle_forward(Place& place) const;
  void step(Place& place) const;
  bool find_now(std::uint32_t position, Place& place, std::uint32_t& offset) const;
  Index find_base(Id id);
  std::uint32_t final_before(Place place) const;
  int compare(Place a, Place b) const;
  void insert_piece(Place place, Index piece);
  void split_leaf(Index leaf);
  void split_node(Index node);
  void attach(Index parent, Index after, Index child, bool child_is_leaf, const Sums& child_sums,
              const Sums& after_sums);
  Sums leaf_sums(const Leaf& leaf) const;
  Sums node_sums(const Node& node) const;

  // --- Pieces
  Index piece_of(Id id);
  Halves split_piece(Index piece, std::uint32_t offset);
  Index isolate(Id begin, std::uint32_t length_max);
  void set_slots(const Piece& piece, Index index);
  void change_state(Index piece, int by);
  int compare_ids(Id a, Id b);

  // --- Operations
  void move_to(const EventGraph& graph, const OpLog& log, std::span<const Lv> version);
  void change_range(const OpLog& log, LvRange range, int by);
  void change_ids(Id begin, std::uint32_t length, int by);
  void change_erased(Lv begin, Lv end, int by);
  bool apply(const EventGraph& graph, const Op& op, bool emit, std::vector<Change>& changes);
  bool apply_insert(const EventGraph& graph, const Op& op, bool emit, std::vector<Change>& changes);
  bool apply_erase(const Op& op, bool emit, std::vector<Change>& changes);
  void erase_finally(Index piece, bool emit, std::vector<Change>& changes);
  Place integrate(const EventGraph& graph, const Piece& piece, Place place);

  Lv begin_ = 0;
  Lv end_ = 0;
  Frontier version_;
  Index root_ = 0;
  std::size_t depth_ = 0;  // 0: the root is a leaf
  std::vector<Piece> pieces_;
  std::vector<Leaf> leaves_;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> slots_;
  EventGraph::Difference difference_;
  std::uint32_t now_total_ = 0;
  std::uint32_t final_total_ = 0;
  std::uint32_t surplus_ = 0;   // characters of the base that the text did not have
  Index pending_leaf_ = kNone;  // whose sums the nodes above it do not know yet
  Sums pending_;
};

/// Adds to the row, as part of the last change where it only goes on with it.
void add_change(std::vector<Change>& changes, const Change& change);

}  // namespace atelier::text_crdt
