#include "revtree/rev_tree.h"

#include <algorithm>
#include <limits>

#include "base/limits.h"
#include "revtree/varint.h"

namespace atelier {
namespace {

// One byte opens each node of an encoded tree.
enum NodeFlag : std::uint8_t {
  kDeleted = 1,
  kHasChildren = 2,
  kTextHash = 4,
  kHasBody = 8,
  kHasSequence = 16,
  kParentIsPrevious = 32,  // the usual case, and then its generation follows from the parent's
  kHasParent = 64,         // somewhere else: its distance follows
  kAllFlags = 127,
};

std::size_t index_of(std::int32_t node) {
  return static_cast<std::size_t>(node);
}

void encode_node(std::string& out, const std::vector<RevNode>& nodes, std::int32_t index) {
  const RevNode& node = nodes[index_of(index)];
  const bool previous = node.parent != RevTree::kNoParent && node.parent == index - 1;
  const bool elsewhere = node.parent != RevTree::kNoParent && !previous;
  out.push_back(
      static_cast<char>((node.deleted ? kDeleted : 0) | (node.has_children ? kHasChildren : 0) |
                        (node.rev.is_digest() ? 0 : kTextHash) | (node.body ? kHasBody : 0) |
                        (node.sequence ? kHasSequence : 0) | (previous ? kParentIsPrevious : 0) |
                        (elsewhere ? kHasParent : 0)));
  if (elsewhere) bytes::put_varint(out, static_cast<std::uint64_t>(index - node.parent));
  if (node.parent == RevTree::kNoParent) bytes::put_varint(out, node.rev.generation());
  if (node.rev.is_digest()) {
    out.append(reinterpret_cast<const char*>(node.rev.digest().data()), node.rev.digest().size());
  } else {
    bytes::put_text(out, node.rev.hash());
  }
  if (node.body) bytes::put_varint(out, node.body);
  if (node.sequence) bytes::put_varint(out, node.sequence);
}

// Reads the parent's index; returns false when it points nowhere.
bool decode_parent(bytes::Reader& in, std::uint8_t flags, std::int32_t index, RevNode& node) {
  if ((flags & kParentIsPrevious) && (flags & kHasParent)) return false;
  std::uint64_t back = (flags & kParentIsPrevious) ? 1 : 0;
  if (flags & kHasParent) {
    back = in.varint();
    if (back < 2) return false;
  }
  if (back > static_cast<std::uint64_t>(index)) return false;
  node.parent = back == 0 ? RevTree::kNoParent : index - static_cast<std::int32_t>(back);
  return true;
}

bool decode_rev(bytes::Reader& in, std::uint8_t flags, std::uint64_t generation, RevNode& node) {
  if (generation == 0 || !in.ok()) return false;
  if (flags & kTextHash) {
    auto rev = RevId::from_parts(generation, in.text());
    if (!rev || rev->is_digest()) return false;
    node.rev = std::move(*rev);
    return true;
  }
  const std::string_view raw = in.take(RevId::Digest{}.size());
  if (!in.ok()) return false;
  RevId::Digest digest;
  std::copy(raw.begin(), raw.end(), digest.begin());
  node.rev = RevId(generation, digest);
  return true;
}

bool decode_node(bytes::Reader& in, std::vector<RevNode>& nodes) {
  const auto index = static_cast<std::int32_t>(nodes.size());
  RevNode node;
  const std::uint8_t flags = in.byte();
  if (!in.ok() || (flags & ~kAllFlags) || !decode_parent(in, flags, index, node)) return false;
  const std::uint64_t generation = node.parent == RevTree::kNoParent
                                       ? in.varint()
                                       : nodes[index_of(node.parent)].rev.generation() + 1;
  if (!decode_rev(in, flags, generation, node)) return false;
  node.deleted = flags & kDeleted;
  node.has_children = flags & kHasChildren;
  if (flags & kHasBody) node.body = in.varint();
  if (flags & kHasSequence) node.sequence = in.varint();
  if (!in.ok() || ((flags & kHasBody) && node.body == 0) ||
      ((flags & kHasSequence) && node.sequence == 0)) {
    return false;
  }
  if (!nodes.empty() && !(nodes.back().rev < node.rev)) return false;
  if (node.parent != RevTree::kNoParent && !nodes[index_of(node.parent)].has_children) return false;
  nodes.push_back(std::move(node));
  return true;
}

Error corrupt_tree() {
  return {ErrorCode::kCorrupt, "a revision tree is damaged"};
}

Status check_path(std::span<const RevId> path) {
  if (path.empty()) return invalid("a history needs at least one revision");
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i].generation() == 0) return invalid("Invalid rev format");
    if (i > 0 && path[i].generation() + 1 != path[i - 1].generation()) {
      return invalid("the generations of a history must fall by one: " + path[i - 1].to_string() +
                     " after " + path[i].to_string());
    }
  }
  return ok();
}

}  // namespace

// Puts a node in its place and moves the indexes of parents behind it.
std::int32_t RevTree::insert(const RevId& rev) {
  const auto place = std::lower_bound(nodes_.begin(), nodes_.end(), rev,
                                      [](const RevNode& n, const RevId& r) { return n.rev < r; });
  const auto index = static_cast<std::int32_t>(place - nodes_.begin());
  RevNode node;
  node.rev = rev;
  nodes_.insert(place, std::move(node));
  for (std::size_t i = index_of(index) + 1; i < nodes_.size(); ++i) {
    if (nodes_[i].parent >= index) ++nodes_[i].parent;
  }
  return index;
}

Result<RevTree::Merge> RevTree::merge(std::span<const RevId> path, bool deleted) {
  ATELIER_CHECK(check_path(path));
  Merge merged;
  const bool was_empty = nodes_.empty();
  const bool known = find(path[0]) >= 0;
  bool extends_leaf = false;
  // Oldest first, so that each parent is in its place before its child. What is there already is
  // walked to the root as well: it may have been known without its ancestors.
  std::int32_t parent = kNoParent;
  bool parent_was_leaf = false;
  for (std::size_t i = path.size(); i-- > 0;) {
    std::int32_t node = find(path[i]);
    const bool is_new = node < 0;
    if (is_new) node = insert(path[i]);  // behind its parent: the parent's index stays
    RevNode& entry = nodes_[index_of(node)];
    const bool was_leaf = !is_new && !entry.has_children;
    if (parent != kNoParent) {
      extends_leaf = extends_leaf || (is_new && parent_was_leaf);
      nodes_[index_of(parent)].has_children = true;
      if (entry.parent < parent) entry.parent = parent;  // kNoParent is the smallest
    }
    parent = node;
    parent_was_leaf = was_leaf;
  }
  merged.node = parent;
  RevNode& leaf = nodes_[index_of(merged.node)];
  if (!known || leaf.has_children) leaf.deleted = leaf.deleted || deleted;
  if (known) {
    merged.result = MergeResult::kKnown;
  } else {
    merged.result = was_empty || extends_leaf ? MergeResult::kNewLeaf : MergeResult::kNewBranch;
  }
  return merged;
}

bool RevTree::better(std::int32_t a, std::int32_t b) const {
  const RevNode& left = node(a);
  const RevNode& right = node(b);
  if (left.deleted != right.deleted) return !left.deleted;
  return right.rev < left.rev;
}

std::int32_t RevTree::winner() const {
  std::int32_t best = -1;
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(nodes_.size()); ++i) {
    if (is_leaf(i) && (best < 0 || better(i, best))) best = i;
  }
  return best;
}

std::vector<std::int32_t> RevTree::leaves() const {
  std::vector<std::int32_t> found;
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(nodes_.size()); ++i) {
    if (is_leaf(i)) found.push_back(i);
  }
  std::sort(found.begin(), found.end(),
            [this](std::int32_t a, std::int32_t b) { return better(a, b); });
  return found;
}

std::int32_t RevTree::find(const RevId& rev) const {
  const auto place = std::lower_bound(nodes_.begin(), nodes_.end(), rev,
                                      [](const RevNode& n, const RevId& r) { return n.rev < r; });
  if (place == nodes_.end() || place->rev != rev) return -1;
  return static_cast<std::int32_t>(place - nodes_.begin());
}

std::vector<RevId> RevTree::path(std::int32_t node_index) const {
  std::vector<RevId> found;
  for (std::int32_t i = node_index; i >= 0; i = node(i).parent) found.push_back(node(i).rev);
  return found;
}

std::vector<std::int32_t> RevTree::leaves_under(std::int32_t node_index) const {
  std::vector<std::int32_t> found = leaves();
  std::erase_if(found, [&](std::int32_t leaf) {
    std::int32_t i = leaf;
    while (i > node_index) i = node(i).parent;  // parents have smaller indexes
    return i != node_index;
  });
  return found;
}

std::vector<RevId> RevTree::conflicts() const {
  std::vector<RevId> found;
  const std::int32_t best = winner();
  for (const std::int32_t leaf : leaves()) {
    if (leaf != best && !node(leaf).deleted) found.push_back(node(leaf).rev);
  }
  return found;
}

std::vector<RevId> RevTree::deleted_conflicts() const {
  std::vector<RevId> found;
  const std::int32_t best = winner();
  for (const std::int32_t leaf : leaves()) {
    if (leaf != best && node(leaf).deleted) found.push_back(node(leaf).rev);
  }
  return found;
}

std::vector<RevId> RevTree::missing(std::span<const RevId> revs) const {
  std::vector<RevId> found;
  for (const RevId& rev : revs) {
    if (find(rev) < 0) found.push_back(rev);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<RevId> RevTree::possible_ancestors(const RevId& rev) const {
  std::vector<RevId> found;
  for (const RevNode& entry : nodes_) {
    if (!entry.has_children && entry.rev.generation() < rev.generation()) {
      found.push_back(entry.rev);
    }
  }
  return found;
}

std::vector<std::uint64_t> RevTree::keep_only(const std::vector<bool>& keep) {
  std::vector<std::uint64_t> freed;
  std::vector<std::int32_t> moved(nodes_.size(), kNoParent);
  std::vector<RevNode> kept;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    RevNode& entry = nodes_[i];
    if (!keep[i]) {
      if (entry.body) freed.push_back(entry.body);
      continue;
    }
    if (entry.parent != kNoParent) entry.parent = moved[index_of(entry.parent)];
    moved[i] = static_cast<std::int32_t>(kept.size());
    kept.push_back(std::move(entry));
  }
  nodes_ = std::move(kept);
  return freed;
}

std::vector<std::uint64_t> RevTree::stem(std::uint32_t revs_limit) {
  // The usual document is far from the limit, and then no branch can be longer than it.
  if (nodes_.size() <= revs_limit) return {};
  constexpr std::uint32_t kFar = std::numeric_limits<std::uint32_t>::max();
  const std::uint32_t limit = std::max<std::uint32_t>(revs_limit, 1);
  std::vector<bool> has_child_here(nodes_.size(), false);
  for (const RevNode& entry : nodes_) {
    if (entry.parent != kNoParent) has_child_here[index_of(entry.parent)] = true;
  }
  // Distance to the nearest end of a branch. Children come behind their parents, so one pass from
  // the back is enough.
  std::vector<std::uint32_t> distance(nodes_.size(), kFar);
  std::vector<bool> keep(nodes_.size(), false);
  bool all = true;
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    if (!has_child_here[i]) distance[i] = 0;
    keep[i] = distance[i] < limit;
    all = all && keep[i];
    if (nodes_[i].parent == kNoParent || distance[i] == kFar) continue;
    std::uint32_t& above = distance[index_of(nodes_[i].parent)];
    above = std::min(above, distance[i] + 1);
  }
  if (all) return {};
  return keep_only(keep);
}

std::vector<std::uint64_t> RevTree::purge(std::span<const RevId> revs, std::vector<RevId>* purged) {
  std::vector<bool> gone(nodes_.size(), false);
  std::vector<std::size_t> children(nodes_.size(), 0);
  for (const RevNode& entry : nodes_) {
    if (entry.parent != kNoParent) ++children[index_of(entry.parent)];
  }
  for (const RevId& rev : revs) {
    std::int32_t i = find(rev);
    if (i < 0 || !is_leaf(i) || gone[index_of(i)]) continue;
    if (purged) purged->push_back(rev);
    while (i != kNoParent && children[index_of(i)] == 0) {
      gone[index_of(i)] = true;
      i = node(i).parent;
      if (i != kNoParent) --children[index_of(i)];
    }
  }
  // Inner nodes without children that invariant 3 keeps are of no use without any leaf.
  bool leaf_left = false;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    leaf_left = leaf_left || (!gone[i] && !nodes_[i].has_children);
  }
  std::vector<bool> keep(nodes_.size());
  for (std::size_t i = 0; i < nodes_.size(); ++i) keep[i] = leaf_left && !gone[i];
  return keep_only(keep);
}

std::string RevTree::encode() const {
  std::string out;
  out.reserve(4 + nodes_.size() * 20);
  bytes::put_varint(out, nodes_.size());
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(nodes_.size()); ++i) {
    encode_node(out, nodes_, i);
  }
  return out;
}

Result<RevTree> RevTree::decode(std::string_view encoded) {
  bytes::Reader in(encoded);
  const std::uint64_t count = in.varint();
  if (!in.ok() || count > encoded.size()) return corrupt_tree();  // a node has over one byte
  RevTree tree;
  tree.nodes_.reserve(static_cast<std::size_t>(count));
  for (std::uint64_t i = 0; i < count; ++i) {
    if (!decode_node(in, tree.nodes_)) return corrupt_tree();
  }
  if (!in.at_end()) return corrupt_tree();
  if (!tree.empty() && tree.winner() < 0) return corrupt_tree();
  return tree;
}

}  // namespace atelier
