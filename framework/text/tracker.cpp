#include "text/tracker.h"

#include <algorithm>
#include <cassert>

namespace atelier::text_crdt {

void add_change(std::vector<Change>& changes, const Change& change) {
  if (!changes.empty()) {
    Change& last = changes.back();
    if (change.erased == 0 && change.position == last.position + last.inserted &&
        (last.inserted == 0 ||
         last.content.data() + last.content.size() == change.content.data())) {
      if (last.inserted == 0) {
        last.content = change.content;
      } else {
        last.content = {last.content.data(), last.content.size() + change.content.size()};
      }
      last.inserted += change.inserted;
      return;
    }
    if (change.inserted == 0 && last.inserted == 0) {
      if (change.position == last.position) {
        last.erased += change.erased;
        return;
      }
      if (change.position + change.erased == last.position) {
        last.position = change.position;
        last.erased += change.erased;
        return;
      }
    }
  }
  changes.push_back(change);
}

// ---- Life ------------------------------------------------------------------------------------

void Tracker::start(const EventGraph& graph, Lv begin) {
  begin_ = end_ = begin;
  version_ = begin < graph.end() ? graph.parents_of(begin) : graph.frontier();
  pieces_.clear();
  leaves_.clear();
  nodes_.clear();
  slots_.clear();
  pending_leaf_ = kNone;
  pending_ = {};
  root_ = 0;
  depth_ = 0;
  surplus_ = 0;
  now_total_ = final_total_ = kBasePoints;
  pieces_.push_back({kBaseId, kBasePoints, kNone, kNone, 0, 1, false});
  Leaf& leaf = leaves_.emplace_back();
  leaf.piece[0] = 0;
  leaf.now[0] = leaf.final[0] = kBasePoints;
  leaf.count = 1;
}

bool Tracker::set_text_points(std::size_t points) {
  if (points > final_total_ || final_total_ - points > kBasePoints) return false;
  surplus_ = final_total_ - static_cast<std::uint32_t>(points);
  return true;
}

std::size_t Tracker::memory() const {
  return pieces_.capacity() * sizeof(Piece) + leaves_.capacity() * sizeof(Leaf) +
         nodes_.capacity() * sizeof(Node) + slots_.capacity() * sizeof(std::uint32_t);
}

void Tracker::release() {
  *this = Tracker();
}

// ---- Tree ------------------------------------------------------------------------------------

std::uint32_t Tracker::child_slot(const Node& node, Index child) const {
  std::uint32_t i = 0;
  while (node.child[i] != child) ++i;
  return i;
}

// The sums above a leaf are brought up to date when another leaf changes.
void Tracker::add_sums(Index leaf, const Sums& delta) {
  if (leaf != pending_leaf_) {
    flush();
    pending_leaf_ = leaf;
  }
  pending_.now += delta.now;
  pending_.final += delta.final;
  pending_.base += delta.base;
}

void Tracker::flush() {
  if (pending_leaf_ == kNone) return;
  Index child = pending_leaf_;
  Index parent = leaves_[child].parent;
  while (parent != kNone) {
    Node& node = nodes_[parent];
    Sums& sums = node.sums[child_slot(node, child)];
    sums.now += pending_.now;
    sums.final += pending_.final;
    sums.base += pending_.base;
    child = parent;
    parent = node.parent;
  }
  pending_leaf_ = kNone;
  pending_ = {};
}

Tracker::Place Tracker::place_of(Index piece) const {
  const Index leaf = pieces_[piece].leaf;
  std::uint32_t slot = 0;
  while (leaves_[leaf].piece[slot] != piece) ++slot;
  return {leaf, slot};
}

// A place behind a leaf's last piece becomes the one before the next leaf's first, if there is one.
void Tracker::settle_forward(Place& place) const {
  while (at_end(place) && leaves_[place.leaf].next != kNone) {
    place = {leaves_[place.leaf].next, 0};
  }
}

void Tracker::step(Place& place) const {
  ++place.slot;
  settle_forward(place);
}

// The visible character number `position` of the version applied last. Sums must be flushed.
bool Tracker::find_now(std::uint32_t position, Place& place, std::uint32_t& offset) const {
  Index at = root_;
  for (std::size_t level = depth_; level > 0; --level) {
    const Node& node = nodes_[at];
    std::uint32_t i = 0;
    while (i < node.count && node.sums[i].now <= position) position -= node.sums[i++].now;
    if (i == node.count) return false;
    at = node.child[i];
  }
  const Leaf& leaf = leaves_[at];
  std::uint32_t i = 0;
  while (i < leaf.count && leaf.now[i] <= position) position -= leaf.now[i++];
  if (i == leaf.count) return false;
  place = {at, i};
  offset = position;
  return true;
}

// The pieces of the base keep their order, so that their sums find them.
Tracker::Index Tracker::find_base(Id id) {
  flush();
  std::uint32_t position = id - kBaseId;
  Index at = root_;
  for (std::size_t level = depth_; level > 0; --level) {
    const Node& node = nodes_[at];
    std::uint32_t i = 0;
    while (i + 1 < node.count && node.sums[i].base <= position) position -= node.sums[i++].base;
    at = node.child[i];
  }
  const Leaf& leaf = leaves_[at];
  std::uint32_t i = 0;
  while (i + 1 < leaf.count) {
    const Piece& piece = pieces_[leaf.piece[i]];
    if (piece.id >= kBaseId && id - piece.id < piece.length) break;
    ++i;
  }
  return leaf.piece[i];
}

std::uint32_t Tracker::final_before(Place place) const {
  std::uint32_t sum = 0;
  const Leaf& leaf = leaves_[place.leaf];
  for (std::uint32_t i = 0; i < place.slot; ++i) sum += leaf.final[i];
  Index child = place.leaf;
  Index parent = leaf.parent;
  while (parent != kNone) {
    const Node& node = nodes_[parent];
    for (std::uint32_t i = 0; node.child[i] != child; ++i) sum += node.sums[i].final;
    child = parent;
    parent = node.parent;
  }
  return sum;
}

// Negative, zero or positive, as `a` stands before, at or behind `b`.
int Tracker::compare(Place a, Place b) const {
  if (a.leaf == b.leaf) return static_cast<int>(a.slot) - static_cast<int>(b.slot);
  Index child_a = a.leaf;
  Index child_b = b.leaf;
  Index parent_a = leaves_[child_a].parent;
  Index parent_b = leaves_[child_b].parent;
  while (parent_a != parent_b) {
    child_a = parent_a;
    child_b = parent_b;
    parent_a = nodes_[child_a].parent;
    parent_b = nodes_[child_b].parent;
  }
  const Node& node = nodes_[parent_a];
  return static_cast<int>(child_slot(node, child_a)) - static_cast<int>(child_slot(node, child_b));
}

Tracker::Sums Tracker::leaf_sums(const Leaf& leaf) const {
  Sums sums;
  for (std::uint32_t i = 0; i < leaf.count; ++i) {
    sums.now += leaf.now[i];
    sums.final += leaf.final[i];
    sums.base += base_of(pieces_[leaf.piece[i]]);
  }
  return sums;
}

Tracker::Sums Tracker::node_sums(const Node& node) const {
  Sums sums;
  for (std::uint32_t i = 0; i < node.count; ++i) {
    sums.now += node.sums[i].now;
    sums.final += node.sums[i].final;
    sums.base += node.sums[i].base;
  }
  return sums;
}

void Tracker::insert_piece(Place place, Index piece) {
  if (leaves_[place.leaf].count == kLeafPieces) {
    split_leaf(place.leaf);
    if (place.slot > leaves_[place.leaf].count) {
      place.slot -= leaves_[place.leaf].count;
      place.leaf = leaves_[place.leaf].next;
    }
  }
  Leaf& leaf = leaves_[place.leaf];
  for (std::uint32_t i = leaf.count; i > place.slot; --i) {
    leaf.piece[i] = leaf.piece[i - 1];
    leaf.now[i] = leaf.now[i - 1];
    leaf.final[i] = leaf.final[i - 1];
  }
  Piece& added = pieces_[piece];
  added.leaf = place.leaf;
  leaf.piece[place.slot] = piece;
  leaf.now[place.slot] = now_of(added);
  leaf.final[place.slot] = final_of(added);
  ++leaf.count;
  add_sums(place.leaf, {now_of(added), final_of(added), base_of(added)});
}

void Tracker::split_leaf(Index index) {
  flush();
  const auto right_index = static_cast<Index>(leaves_.size());
  leaves_.emplace_back();
  Leaf& left = leaves_[index];
  Leaf& right = leaves_[right_index];
  const std::uint32_t half = kLeafPieces / 2;
  for (std::uint32_t i = half; i < kLeafPieces; ++i) {
    right.piece[i - half] = left.piece[i];
    right.now[i - half] = left.now[i];
    right.final[i - half] = left.final[i];
    pieces_[left.piece[i]].leaf = right_index;
  }
  right.count = kLeafPieces - half;
  left.count = half;
  right.next = left.next;
  left.next = right_index;
  attach(left.parent, index, right_index, true, leaf_sums(right), leaf_sums(left));
}

// Puts `child` behind `after` under `parent`, which is split when it is full; without a parent both
// get a new root.
void Tracker::attach(Index parent, Index after, Index child, bool child_is_leaf,
                     const Sums& child_sums, const Sums& after_sums) {
  const auto set_parent = [&](Index of, Index to) {
    (child_is_leaf ? leaves_[of].parent : nodes_[of].parent) = to;
  };
  if (parent == kNone) {
    parent = static_cast<Index>(nodes_.size());
    Node& root = nodes_.emplace_back();
    root.child[0] = after;
    root.sums[0] = after_sums;
    root.count = 1;
    set_parent(after, parent);
    root_ = parent;
    ++depth_;
  } else if (nodes_[parent].count == kFanout) {
    split_node(parent);
    parent = child_is_leaf ? leaves_[after].parent : nodes_[after].parent;
  }
  Node& node = nodes_[parent];
  const std::uint32_t at = child_slot(node, after) + 1;
  for (std::uint32_t i = node.count; i > at; --i) {
    node.child[i] = node.child[i - 1];
    node.sums[i] = node.sums[i - 1];
  }
  node.sums[at - 1] = after_sums;
  node.child[at] = child;
  node.sums[at] = child_sums;
  ++node.count;
  set_parent(child, parent);
}

void Tracker::split_node(Index index) {
  const auto right_index = static_cast<Index>(nodes_.size());
  nodes_.emplace_back();
  Node& left = nodes_[index];
  Node& right = nodes_[right_index];
  std::size_t height = 1;
  for (Index up = left.parent; up != kNone; up = nodes_[up].parent) ++height;
  const bool above_leaves = height == depth_;
  const std::uint32_t half = kFanout / 2;
  for (std::uint32_t i = half; i < kFanout; ++i) {
    right.child[i - half] = left.child[i];
    right.sums[i - half] = left.sums[i];
    (above_leaves ? leaves_[left.child[i]].parent : nodes_[left.child[i]].parent) = right_index;
  }
  right.count = kFanout - half;
  left.count = half;
  attach(left.parent, index, right_index, false, node_sums(right), node_sums(left));
}

// ---- Pieces ----------------------------------------------------------------------------------

Tracker::Index Tracker::piece_of(Id id) {
  return id >= kBaseId ? find_base(id) : slots_[id - begin_];
}

void Tracker::set_slots(const Piece& piece, Index index) {
  if (piece.id >= kBaseId) return;
  std::fill_n(slots_.begin() + (piece.id - begin_), piece.length, index);
}

// Cuts a piece in two. The longer half keeps its index and with it its slots, so that a long piece
// that is cut often costs no more than its length times the logarithm of it.
Tracker::Halves Tracker::split_piece(Index index, std::uint32_t offset) {
  const auto added = static_cast<Index>(pieces_.size());
  const Piece whole = pieces_[index];
  Piece first = whole;
  Piece second = whole;
  first.length = offset;
  second.id += offset;
  second.length -= offset;
  second.left = second.id - 1;
  second.right = kNone;  // nothing else had that left when it was inserted
  const bool keep_first = first.length >= second.length;
  pieces_[index] = keep_first ? first : second;
  pieces_.push_back(keep_first ? second : first);
  set_slots(pieces_[added], added);

  const Place place = place_of(index);
  Leaf& leaf = leaves_[place.leaf];
  leaf.now[place.slot] = now_of(pieces_[index]);
  leaf.final[place.slot] = final_of(pieces_[index]);
  const Piece& moved = pieces_[added];
  add_sums(place.leaf, {0U - now_of(moved), 0U - final_of(moved), 0U - base_of(moved)});
  insert_piece({place.leaf, place.slot + (keep_first ? 1 : 0)}, added);
  return keep_first ? Halves{index, added} : Halves{added, index};
}

// The piece that begins with `begin` and is at most so long, cut out where it must be.
Tracker::Index Tracker::isolate(Id begin, std::uint32_t length_max) {
  Index index = piece_of(begin);
  if (pieces_[index].id < begin) index = split_piece(index, begin - pieces_[index].id).second;
  if (pieces_[index].length > length_max) index = split_piece(index, length_max).first;
  return index;
}

void Tracker::change_state(Index index, int by) {
  Piece& piece = pieces_[index];
  const std::uint32_t before = now_of(piece);
  piece.state += static_cast<std::uint32_t>(by);
  const std::uint32_t after = now_of(piece);
  if (before == after) return;
  const Place place = place_of(index);
  leaves_[place.leaf].now[place.slot] = after;
  now_total_ += after - before;
  add_sums(place.leaf, {after - before, 0, 0});
}

// Orders two characters of the text, or its end.
int Tracker::compare_ids(Id a, Id b) {
  if (a == b) return 0;
  if (a == kNone || b == kNone) return a == kNone ? 1 : -1;
  const Index piece_a = piece_of(a);
  const Index piece_b = piece_of(b);
  if (piece_a == piece_b) return a < b ? -1 : 1;
  return compare(place_of(piece_a), place_of(piece_b));
}

// ---- Operations ------------------------------------------------------------------------------

bool Tracker::feed(const EventGraph& graph, const OpLog& log, Lv end, Lv emit_from,
                   std::vector<Change>& changes, Lv& failed_at) {
  slots_.resize(end - begin_);
  const auto apply_ops = [&](Lv from, Lv to, bool emit) {
    return log.each(from, to, [&](const Op& op) {
      failed_at = op.lv;
      return apply(graph, op, emit, changes);
    });
  };
  const bool fed = graph.each_stretch(end_, end, [&](const Stretch& stretch) {
    move_to(graph, log, stretch.parents);
    const Lv silent = std::clamp(emit_from, stretch.begin, stretch.end);
    if (!apply_ops(stretch.begin, silent, false)) return false;
    if (!apply_ops(silent, stretch.end, true)) return false;
    version_.assign(1, stretch.end - 1);
    return true;
  });
  if (fed) end_ = end;
  return fed;
}

void Tracker::move_to(const EventGraph& graph, const OpLog& log, std::span<const Lv> version) {
  if (version_.size() == version.size() &&
      std::equal(version.begin(), version.end(), version_.begin())) {
    return;
  }
  graph.difference(version_, version, difference_);
  for (const LvRange& range : difference_.only_a) change_range(log, range, -1);
  for (const LvRange& range : difference_.only_b) change_range(log, range, +1);
  version_.assign(version.begin(), version.end());
}

void Tracker::change_range(const OpLog& log, LvRange range, int by) {
  log.each(range.begin, range.end, [&](const Op& op) {
    if (op.kind == OpKind::kInsert) {
      change_ids(op.lv, op.length, by);
    } else {
      change_erased(op.lv, op.lv + op.length, by);
    }
    return true;
  });
}

void Tracker::change_ids(Id begin, std::uint32_t length, int by) {
  while (length > 0) {
    const Index piece = isolate(begin, length);
    change_state(piece, by);
    begin += pieces_[piece].length;
    length -= pieces_[piece].length;
  }
}

// Takes back or brings back what the operations begin to end - 1 did, which erased one character
// each: mostly characters in a row, in one of the two directions.
void Tracker::change_erased(Lv begin, Lv end, int by) {
  while (begin < end) {
    const Id first = slots_[begin - begin_];
    Lv stop = begin + 1;
    while (stop < end && slots_[stop - begin_] == first + (stop - begin)) ++stop;
    Id lowest = first;
    if (stop == begin + 1) {
      while (stop < end && slots_[stop - begin_] == first - (stop - begin)) ++stop;
      lowest = first - (stop - begin - 1);
    }
    change_ids(lowest, stop - begin, by);
    begin = stop;
  }
}

bool Tracker::apply(const EventGraph& graph, const Op& op, bool emit,
                    std::vector<Change>& changes) {
  flush();
  const std::uint32_t seen = now_total_ - surplus_;
  if (op.position > seen) return false;
  if (op.kind == OpKind::kInsert) return apply_insert(graph, op, emit, changes);
  return op.length <= seen - op.position && apply_erase(op, emit, changes);
}

bool Tracker::apply_insert(const EventGraph& graph, const Op& op, bool emit,
                           std::vector<Change>& changes) {
  Piece piece{op.lv, op.length, kNone, kNone, 0, 1, false};
  Place place;
  if (op.position == 0) {
    place = {root_, 0};
    for (std::size_t level = depth_; level > 0; --level) place.leaf = nodes_[place.leaf].child[0];
  } else {
    std::uint32_t offset = 0;
    if (!find_now(op.position - 1, place, offset)) return false;
    Index before = piece_at(place);
    piece.left = pieces_[before].id + offset;
    if (offset + 1 < pieces_[before].length) before = split_piece(before, offset + 1).first;
    place = place_of(before);
    step(place);
  }
  Place next = place;
  while (!at_end(next) && pieces_[piece_at(next)].state == 0) step(next);
  if (!at_end(next) && pieces_[piece_at(next)].left == piece.left) {
    piece.right = pieces_[piece_at(next)].id;
  }
  if (!(next == place)) place = integrate(graph, piece, place);

  const auto index = static_cast<Index>(pieces_.size());
  pieces_.push_back(piece);
  insert_piece(place, index);
  set_slots(piece, index);
  now_total_ += op.length;
  final_total_ += op.length;
  if (emit) {
    flush();
    add_change(changes, {final_before(place_of(index)), 0, op.length, op.content});
  }
  return true;
}

// Finds where an insertion belongs among those at the same place that its author had not seen.
Tracker::Place Tracker::integrate(const EventGraph& graph, const Piece& piece, Place place) {
  Place at = place;
  Place kept = place;
  bool scanning = false;  // past insertions that may turn out to belong behind this one
  for (; !at_end(at); step(at)) {
    const Piece& other = pieces_[piece_at(at)];
    if (other.state != 0) break;
    if (other.left == piece.left) {
      if (other.right == piece.right) {
        if (graph.is_before(piece.id, other.id)) break;
        scanning = false;
      } else if (compare_ids(other.right, piece.right) < 0) {
        if (!scanning) kept = at;
        scanning = true;
      } else {
        scanning = false;
      }
    } else if (other.left == kNone ||
               (piece.left != kNone && compare_ids(other.left, piece.left) < 0)) {
      break;
    }
  }
  return scanning ? kept : at;
}

bool Tracker::apply_erase(const Op& op, bool emit, std::vector<Change>& changes) {
  std::uint32_t done = 0;
  while (done < op.length) {
    flush();
    Place place;
    std::uint32_t offset = 0;
    if (!find_now(op.position, place, offset)) return false;
    const Index index = isolate(pieces_[piece_at(place)].id + offset, op.length - done);
    const Piece& piece = pieces_[index];
    for (std::uint32_t i = 0; i < piece.length; ++i) {
      // A backward run erases its highest character first.
      const std::uint32_t nth = op.kind == OpKind::kErase ? done + i : op.length - 1 - done - i;
      slots_[op.lv + nth - begin_] = piece.id + i;
    }
    change_state(index, +1);
    if (!piece.ever_erased) erase_finally(index, emit, changes);
    done += piece.length;
  }
  return true;
}

void Tracker::erase_finally(Index index, bool emit, std::vector<Change>& changes) {
  Piece& piece = pieces_[index];
  const Place place = place_of(index);
  if (emit) {
    flush();
    add_change(changes, {final_before(place), piece.length, 0, {}});
  }
  piece.ever_erased = true;
  leaves_[place.leaf].final[place.slot] = 0;
  final_total_ -= piece.length;
  add_sums(place.leaf, {0, 0U - piece.length, 0});
}

std::uint32_t Tracker::final_position(const EventGraph& graph, const OpLog& log,
                                      std::span<const Lv> version, std::uint32_t position) {
  move_to(graph, log, version);
  flush();
  position = std::min(position, now_total_ - surplus_);
  if (position == 0) return 0;
  Place place;
  std::uint32_t offset = 0;
  find_now(position - 1, place, offset);
  const std::uint32_t before = final_before(place);
  return pieces_[piece_at(place)].ever_erased ? before : before + offset + 1;
}

}  // namespace atelier::text_crdt
