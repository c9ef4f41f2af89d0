// A document's history: CouchDB's revision tree, without any I/O. Thread rule: a value.
//
// Invariants
//   1. Nodes are sorted by revision (generation, then hash) and each revision occurs once; a node's
//      parent index is therefore smaller than its own, or kNoParent for a root. Equal sets of
//      histories give equal vectors of nodes.
//   2. A child's generation is its parent's plus one.
//   3. What once had a child is never a leaf again. (A revision that two histories give different
//      parents keeps the greater parent; the other stays as an inner node without children.)
//   4. The winner depends on the set of leaves alone: not deleted before deleted, then the higher
//      generation, then the higher hash.
// Unstemmed merging is commutative, associative and idempotent, for any histories in which a
// revision is always deleted or never.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "revtree/revision.h"

namespace atelier {

struct RevNode {
  RevId rev;
  std::int32_t parent = -1;  // index into the tree's nodes; kNoParent for a root
  bool deleted = false;
  bool has_children = false;
  std::uint64_t body = 0;      // the store's handle of the body; 0 when it is not kept
  std::uint64_t sequence = 0;  // when this node was written here; 0 for an ancestor known by name
};

class RevTree {
 public:
  static constexpr std::int32_t kNoParent = -1;

  enum class MergeResult { kNewLeaf, kNewBranch, kKnown };

  struct Merge {
    MergeResult result = MergeResult::kKnown;
    std::int32_t node = -1;  // the node of path[0]
  };

  /// Adds a history, newest first (`path[0]` is the revision, `path[1]` its parent and so on), with
  /// the leaf's flags. kNewLeaf: extended a leaf or began a tree; kNewBranch: made or extended a
  /// conflict; kKnown: was there. Errors: kInvalid for an empty path or generations that do not
  /// fall by one.
  Result<Merge> merge(std::span<const RevId> path, bool deleted);

  /// Index of the winning leaf, -1 in an empty tree.
  std::int32_t winner() const;
  /// Leaves, best first (the winner is the first).
  std::vector<std::int32_t> leaves() const;
  /// The node of `rev`, or -1.
  std::int32_t find(const RevId& rev) const;
  bool is_leaf(std::int32_t node) const {
    return !nodes_[static_cast<std::size_t>(node)].has_children;
  }
  /// From `node` to its root, newest first.
  std::vector<RevId> path(std::int32_t node) const;
  /// The leaves that descend from `node` (itself, when it is one), best first.
  std::vector<std::int32_t> leaves_under(std::int32_t node) const;
  /// Live leaves other than the winner, best first; deleted ones likewise.
  std::vector<RevId> conflicts() const;
  std::vector<RevId> deleted_conflicts() const;

  /// Of `revs`, those that are not in the tree, sorted (as `_revs_diff` lists them).
  std::vector<RevId> missing(std::span<const RevId> revs) const;
  /// Leaves of ours that a missing one may descend from, sorted (`possible_ancestors` of
  /// `_revs_diff`).
  std::vector<RevId> possible_ancestors(const RevId& rev) const;

  /// Cuts each branch to the newest `revs_limit` nodes. No leaf is lost; generations stay.
  /// Returns the body handles that no node holds any more.
  std::vector<std::uint64_t> stem(std::uint32_t revs_limit);
  /// Takes leaves away with the ancestors that only they had (purge). What is no leaf stays.
  /// Returns freed body handles; `purged` gets the revisions that were leaves.
  std::vector<std::uint64_t> purge(std::span<const RevId> revs, std::vector<RevId>* purged);

  std::span<const RevNode> nodes() const { return nodes_; }
  RevNode& node(std::int32_t index) { return nodes_[static_cast<std::size_t>(index)]; }
  const RevNode& node(std::int32_t index) const { return nodes_[static_cast<std::size_t>(index)]; }
  bool empty() const { return nodes_.empty(); }

  /// Compact bytes for a record, and back. Errors: kCorrupt for anything encode() did not make.
  std::string encode() const;
  static Result<RevTree> decode(std::string_view bytes);

 private:
  std::int32_t insert(const RevId& rev);
  bool better(std::int32_t a, std::int32_t b) const;
  std::vector<std::uint64_t> keep_only(const std::vector<bool>& keep);

  std::vector<RevNode> nodes_;
};

}  // namespace atelier
