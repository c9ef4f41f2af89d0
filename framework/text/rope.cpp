#include "text/rope.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace atelier {
namespace {

constexpr std::size_t kLeafBytes = 1'000;  // a memmove of it costs less than going to another chunk
constexpr std::size_t kFanout = 16;
constexpr std::size_t kPieceBytes = 256;  // a longer insertion goes in by pieces

std::uint32_t metric_of(const TextCounts& counts, int metric) {
  switch (metric) {
    case 0:
      return counts.bytes;
    case 1:
      return counts.points;
    case 2:
      return counts.units;
    default:
      return counts.newlines;
  }
}

}  // namespace

// ---- Chunks ----------------------------------------------------------------------------------

struct Rope::Leaf {
  TextCounts counts;
  std::uint32_t gap = 0;  // where the gap begins
  char data[kLeafBytes];

  std::uint32_t gap_size() const { return static_cast<std::uint32_t>(kLeafBytes) - counts.bytes; }
  std::string_view front() const { return {data, gap}; }
  std::string_view back() const { return {data + gap + gap_size(), counts.bytes - gap}; }
  bool is_ascii() const { return counts.bytes == counts.points; }

  void move_gap(std::size_t to) {
    const std::size_t size = gap_size();
    if (to < gap) {
      std::memmove(data + to + size, data + to, gap - to);
    } else if (to > gap) {
      std::memmove(data + gap, data + gap + size, to - gap);
    }
    gap = static_cast<std::uint32_t>(to);
  }

  std::size_t byte_of(std::size_t point) const {
    if (is_ascii()) return point;
    if (point >= counts.points) return counts.bytes;
    const std::size_t in_front = count_points(front());
    if (point < in_front) return byte_of_point(front(), point);
    return gap + byte_of_point(back(), point - in_front);
  }

  // The counts of the first `byte` bytes.
  TextCounts counts_to(std::size_t byte) const {
    if (byte == counts.bytes) return counts;
    if (byte <= gap) return count_text({data, byte});
    TextCounts result = count_text(front());
    result += count_text(back().substr(0, byte - gap));
    return result;
  }

  char byte_at(std::size_t byte) const { return byte < gap ? data[byte] : data[byte + gap_size()]; }

  void insert(std::size_t byte, std::string_view text, const TextCounts& text_counts) {
    move_gap(byte);
    std::memcpy(data + gap, text.data(), text.size());
    gap += static_cast<std::uint32_t>(text.size());
    counts += text_counts;
  }

  TextCounts erase(std::size_t begin, std::size_t end) {
    move_gap(begin);
    const TextCounts gone = count_text(back().substr(0, end - begin));
    counts -= gone;
    return gone;
  }

  void append_to(std::string& out, std::size_t begin, std::size_t end) const {
    if (begin < gap) out.append(front().substr(begin, std::min<std::size_t>(end, gap) - begin));
    if (end > gap) {
      const std::size_t from = std::max<std::size_t>(begin, gap) - gap;
      out.append(back().substr(from, end - gap - from));
    }
  }

  // Moves what follows `byte` into `other`, which is empty.
  void split_into(Leaf& other, std::size_t byte) {
    move_gap(byte);
    const std::string_view tail = back();
    std::memcpy(other.data, tail.data(), tail.size());
    other.counts = count_text(tail);
    other.gap = other.counts.bytes;
    counts -= other.counts;
  }

  void append(const Leaf& other) {
    move_gap(counts.bytes);
    for (const std::string_view part : {other.front(), other.back()}) {
      std::memcpy(data + gap, part.data(), part.size());
      gap += static_cast<std::uint32_t>(part.size());
    }
    counts += other.counts;
  }

  // The end of the longest prefix whose `metric` is at most `value` (for newlines: just behind
  // newline number `value`).
  std::size_t byte_where(int metric, std::size_t value) const {
    if (metric == kPoints) return byte_of(value);
    if (metric == kBytes) {
      std::size_t byte = std::min<std::size_t>(value, counts.bytes);
      while (byte > 0 && byte < counts.bytes &&
             (static_cast<unsigned char>(byte_at(byte)) & 0xc0) == 0x80) {
        --byte;
      }
      return byte;
    }
    if (metric == kUnits && is_ascii()) return std::min<std::size_t>(value, counts.bytes);
    std::size_t seen = 0;
    std::size_t begin = 0;
    for (std::size_t byte = 0; byte < counts.bytes; ++byte) {
      const auto c = static_cast<unsigned char>(byte_at(byte));
      if (metric == kNewlines) {
        if (seen == value) return byte;
        seen += c == '\n';
      } else if ((c & 0xc0) != 0x80) {
        begin = byte;
        if (seen >= value) return byte;
        seen += c >= 0xf0 ? 2 : 1;
        if (seen > value) return begin;
      }
    }
    return counts.bytes;
  }
};

struct Rope::Node {
  std::uint32_t count = 0;
  std::array<std::array<std::uint32_t, kFanout>, 4> sums;
  std::array<void*, kFanout> child;

  TextCounts counts(std::size_t i) const {
    return {sums[0][i], sums[1][i], sums[2][i], sums[3][i]};
  }
  void set(std::size_t i, const TextCounts& counts) {
    for (int m = 0; m < 4; ++m) sums[m][i] = metric_of(counts, m);
  }
  TextCounts total() const {
    TextCounts result;
    for (std::size_t i = 0; i < count; ++i) result += counts(i);
    return result;
  }
  void add(std::size_t i, const TextCounts& delta) {
    for (int m = 0; m < 4; ++m) sums[m][i] += metric_of(delta, m);
  }
  void insert(std::size_t i, void* what, const TextCounts& counts) {
    for (std::size_t k = count; k > i; --k) copy(k, *this, k - 1);
    child[i] = what;
    set(i, counts);
    ++count;
  }
  void remove(std::size_t i) {
    --count;
    for (std::size_t k = i; k < count; ++k) copy(k, *this, k + 1);
  }
  void copy(std::size_t to, const Node& from, std::size_t i) {
    child[to] = from.child[i];
    for (int m = 0; m < 4; ++m) sums[m][to] = from.sums[m][i];
  }
};

// ---- Life ------------------------------------------------------------------------------------

Rope::Rope() {
  reset();
}

void Rope::reset() {
  leaf_ = new Leaf;
  root_ = leaf_;
  depth_ = 0;
  total_ = before_ = behind_ = {};
}

Rope::Rope(std::string_view text) {
  reset();
  insert(0, text);
}

Rope::~Rope() {
  destroy();
}

Rope::Rope(Rope&& other) noexcept {
  reset();
  *this = std::move(other);
}

Rope& Rope::operator=(Rope&& other) noexcept {
  std::swap(root_, other.root_);
  std::swap(depth_, other.depth_);
  std::swap(total_, other.total_);
  std::swap(path_, other.path_);
  std::swap(leaf_, other.leaf_);
  std::swap(before_, other.before_);
  std::swap(behind_, other.behind_);
  return *this;
}

void Rope::destroy() {
  const auto walk = [](auto&& self, void* what, std::size_t depth) -> void {
    if (depth == 0) {
      delete static_cast<Leaf*>(what);
      return;
    }
    auto* node = static_cast<Node*>(what);
    for (std::size_t i = 0; i < node->count; ++i) self(self, node->child[i], depth - 1);
    delete node;
  };
  walk(walk, root_, depth_);
  root_ = nullptr;
}

void Rope::clear() {
  destroy();
  reset();
}

// ---- The finger ------------------------------------------------------------------------------

void Rope::settle() const {
  if (behind_ == TextCounts{}) return;
  for (std::size_t level = 0; level < depth_; ++level) {
    path_[level].node->add(path_[level].index, behind_);
  }
  behind_ = {};
}

// Moves the finger to the chunk that holds `value`. On the border of two chunks it is the first one
// with `at_end_stay`, else the second.
void Rope::seek(Metric metric, std::size_t value, bool at_end_stay) const {
  settle();
  before_ = {};
  void* what = root_;
  for (std::size_t level = 0; level < depth_; ++level) {
    auto* node = static_cast<Node*>(what);
    const auto& sums = node->sums[metric];
    std::size_t seen = metric_of(before_, metric);
    std::size_t i = 0;
    while (i + 1 < node->count &&
           (at_end_stay ? seen + sums[i] < value : seen + sums[i] <= value)) {
      seen += sums[i];
      before_ += node->counts(i);
      ++i;
    }
    path_[level] = {node, static_cast<std::uint32_t>(i)};
    what = node->child[i];
  }
  leaf_ = static_cast<Leaf*>(what);
}

inline bool Rope::finger_holds(std::size_t point, bool at_end_stay) const {
  if (point < before_.points) return false;
  const std::size_t offset = point - before_.points;
  return at_end_stay ? offset <= leaf_->counts.points && (offset > 0 || before_.points == 0)
                     : offset < leaf_->counts.points;
}

inline Rope::Leaf* Rope::seek_point(std::size_t point, bool at_end_stay) const {
  if (!finger_holds(point, at_end_stay)) seek(kPoints, point, at_end_stay);
  return leaf_;
}

// ---- Insertion -------------------------------------------------------------------------------

void Rope::insert(std::size_t point, std::string_view text) {
  assert(point <= points());
  while (text.size() > kPieceBytes) {
    const std::string_view piece = text.substr(0, point_boundary(text, kPieceBytes));
    insert_piece(point, piece);
    point += count_points(piece);
    text.remove_prefix(piece.size());
  }
  if (!text.empty()) insert_piece(point, text);
}

void Rope::insert_piece(std::size_t point, std::string_view text) {
  seek_point(point, true);
  if (leaf_->counts.bytes + text.size() > kLeafBytes) make_room(point, text.size());
  const TextCounts counts = count_text(text);
  leaf_->insert(leaf_->byte_of(point - before_.points), text, counts);
  behind_ += counts;
  total_ += counts;
}

// Splits the finger's chunk, so that `bytes` fit in where the finger then is. Who writes on at a
// chunk's end leaves full chunks behind.
void Rope::make_room(std::size_t point, std::size_t bytes) {
  settle();
  const std::size_t at = leaf_->byte_of(point - before_.points);
  const bool at_end = at == leaf_->counts.bytes;
  std::size_t middle = at_end ? at : leaf_->counts.bytes / 2;
  while (middle > 0 && middle < leaf_->counts.bytes &&
         (static_cast<unsigned char>(leaf_->byte_at(middle)) & 0xc0) == 0x80) {
    --middle;
  }
  auto* right = new Leaf;
  leaf_->split_into(*right, middle);
  insert_leaf_after(right);
  if (at_end) {
    before_ += leaf_->counts;
    ++path_[depth_ - 1].index;
    leaf_ = right;
  } else {
    seek(kPoints, point, true);
  }
  assert(leaf_->counts.bytes + bytes <= kLeafBytes);
  (void)bytes;
}

void Rope::insert_leaf_after(Leaf* leaf) {
  if (depth_ == 0) {
    auto* node = new Node;
    node->insert(0, leaf_, leaf_->counts);
    node->insert(1, leaf, leaf->counts);
    root_ = node;
    depth_ = 1;
    path_[0] = {node, 0};
    return;
  }
  std::size_t level = depth_ - 1;
  if (path_[level].node->count == kFanout) {
    split_node(level);
    level = depth_ - 1;
  }
  const auto [node, index] = path_[level];
  node->set(index, leaf_->counts);
  node->insert(index + 1, leaf, leaf->counts);
}

// Splits the full node at `level` of the path; the path then leads to the same chunk as before.
void Rope::split_node(std::size_t level) {
  if (level > 0 && path_[level - 1].node->count == kFanout) {
    const std::size_t depth_before = depth_;
    split_node(level - 1);
    level += depth_ - depth_before;
  }
  Node* node = path_[level].node;
  auto* right = new Node;
  const std::size_t half = kFanout / 2;
  for (std::size_t i = half; i < kFanout; ++i) right->copy(i - half, *node, i);
  right->count = kFanout - half;
  node->count = half;
  if (level == 0) {
    auto* root = new Node;
    root->insert(0, node, node->total());
    root->insert(1, right, right->total());
    root_ = root;
    assert(depth_ + 1 < kDepthMax);
    for (std::size_t i = depth_; i > 0; --i) path_[i] = path_[i - 1];
    ++depth_;
    path_[0] = {root, 0};
    level = 1;
  } else {
    Step& above = path_[level - 1];
    above.node->set(above.index, node->total());
    above.node->insert(above.index + 1, right, right->total());
  }
  if (path_[level].index >= half) {
    path_[level] = {right, path_[level].index - static_cast<std::uint32_t>(half)};
    ++path_[level - 1].index;
  }
}

// ---- Removal ---------------------------------------------------------------------------------

void Rope::erase(std::size_t point, std::size_t count) {
  assert(point + count <= points());
  while (count > 0) {
    Leaf* leaf = seek_point(point, false);
    const std::size_t offset = point - before_.points;
    const std::size_t here = std::min<std::size_t>(count, leaf->counts.points - offset);
    count -= here;
    if (here == leaf->counts.points && depth_ > 0) {
      remove_leaf();
      continue;
    }
    const std::size_t begin = leaf->byte_of(offset);
    const std::size_t end = leaf->is_ascii() ? begin + here : leaf->byte_of(offset + here);
    const TextCounts gone = leaf->erase(begin, end);
    behind_ -= gone;
    total_ -= gone;
    if (leaf->counts.bytes < kLeafBytes / 4) shrink_leaf();
  }
}

// Takes the finger's chunk out of the tree.
void Rope::remove_leaf() {
  settle();
  total_ -= leaf_->counts;
  delete leaf_;
  std::size_t level = depth_;
  bool gone = true;
  while (level-- > 0) {
    const auto [node, index] = path_[level];
    if (gone) {
      node->remove(index);
      gone = node->count == 0;
      if (gone) {
        delete node;
      } else {
        merge_nodes(level);
      }
    } else {
      refresh_sums(level);
      merge_nodes(level);
    }
  }
  if (gone) {
    reset();
    return;
  }
  collapse_root();
  seek(kPoints, 0, true);
}

// A small chunk joins a neighbour under the same node, if they fit and leave room.
void Rope::shrink_leaf() {
  if (depth_ == 0) return;
  const auto [node, index] = path_[depth_ - 1];
  if (node->count < 2) return;
  const std::uint32_t left = index > 0 ? index - 1 : index;
  auto* first = static_cast<Leaf*>(node->child[left]);
  auto* second = static_cast<Leaf*>(node->child[left + 1]);
  if (first->counts.bytes + second->counts.bytes > kLeafBytes / 2) return;
  settle();
  const std::size_t point = before_.points;
  first->append(*second);
  delete second;
  node->remove(left + 1);
  node->set(left, first->counts);
  merge_nodes(depth_ - 1);
  for (std::size_t level = depth_ - 1; level-- > 0;) {
    refresh_sums(level);
    merge_nodes(level);
  }
  collapse_root();
  seek(kPoints, point, true);
}

// The node at `level` of the path joins its neighbour when both are small. Sums above are made
// right by the caller.
void Rope::merge_nodes(std::size_t level) {
  if (level == 0) return;
  Node* node = path_[level].node;
  const auto [above, index] = path_[level - 1];
  above->set(index, node->total());
  if (node->count > kFanout / 4 || above->count < 2) return;
  const std::uint32_t left = index > 0 ? index - 1 : index;
  auto* first = static_cast<Node*>(above->child[left]);
  auto* second = static_cast<Node*>(above->child[left + 1]);
  if (first->count + second->count > kFanout * 3 / 4) return;
  for (std::size_t i = 0; i < second->count; ++i) first->copy(first->count + i, *second, i);
  first->count += second->count;
  delete second;
  above->remove(left + 1);
  above->set(left, first->total());
  path_[level - 1].index = left;
}

void Rope::refresh_sums(std::size_t level) {
  const auto [node, index] = path_[level];
  node->set(index, static_cast<Node*>(node->child[index])->total());
}

void Rope::collapse_root() {
  while (depth_ > 0) {
    auto* node = static_cast<Node*>(root_);
    if (node->count > 1) return;
    root_ = node->child[0];
    --depth_;
    delete node;
  }
}

// ---- Reading ---------------------------------------------------------------------------------

void Rope::append_slice(std::string& out, std::size_t point, std::size_t count) const {
  count = std::min(count, points() - std::min(point, points()));
  while (count > 0) {
    const Leaf* leaf = seek_point(point, false);
    const std::size_t offset = point - before_.points;
    const std::size_t here = std::min<std::size_t>(count, leaf->counts.points - offset);
    leaf->append_to(out, leaf->byte_of(offset), leaf->byte_of(offset + here));
    point += here;
    count -= here;
  }
}

std::string Rope::slice(std::size_t point, std::size_t count) const {
  std::string out;
  if (point == 0 && count >= points()) out.reserve(bytes());
  append_slice(out, point, count);
  return out;
}

char32_t Rope::at(std::size_t point) const {
  assert(point < points());
  const Leaf* leaf = seek_point(point, false);
  const std::size_t byte = leaf->byte_of(point - before_.points);
  const auto lead = static_cast<unsigned char>(leaf->byte_at(byte));
  if (lead < 0x80) return lead;
  const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
  char32_t result = lead & (0x3f >> more);
  for (int i = 1; i <= more; ++i) {
    result = (result << 6) | (static_cast<unsigned char>(leaf->byte_at(byte + i)) & 0x3f);
  }
  return result;
}

TextCounts Rope::counts_before(Metric metric, std::size_t value) const {
  if (value >= metric_of(total_, metric) && metric != kNewlines) return total_;
  seek(metric, value, metric == kNewlines);
  TextCounts result = before_;
  const std::size_t rest = value - metric_of(before_, metric);
  result += leaf_->counts_to(leaf_->byte_where(metric, rest));
  return result;
}

TextCounts Rope::counts_at(std::size_t point) const {
  if (point >= points()) return total_;
  const Leaf* leaf = seek_point(point, false);
  TextCounts result = before_;
  result += leaf->counts_to(leaf->byte_of(point - before_.points));
  return result;
}

std::size_t Rope::byte_of(std::size_t point) const {
  return counts_at(point).bytes;
}
std::size_t Rope::unit_of(std::size_t point) const {
  return counts_at(point).units;
}
std::size_t Rope::line_of(std::size_t point) const {
  return counts_at(point).newlines;
}
std::size_t Rope::point_of_byte(std::size_t byte) const {
  return counts_before(kBytes, byte).points;
}
std::size_t Rope::point_of_unit(std::size_t unit) const {
  return counts_before(kUnits, unit).points;
}
std::size_t Rope::point_of_line(std::size_t line) const {
  if (line == 0) return 0;
  if (line > total_.newlines) return points();
  return counts_before(kNewlines, line).points;
}

std::size_t Rope::memory() const {
  const auto walk = [](auto&& self, const void* what, std::size_t depth) -> std::size_t {
    if (depth == 0) return sizeof(Leaf);
    const auto* node = static_cast<const Node*>(what);
    std::size_t sum = sizeof(Node);
    for (std::size_t i = 0; i < node->count; ++i) sum += self(self, node->child[i], depth - 1);
    return sum;
  };
  return sizeof(Rope) + walk(walk, root_, depth_);
}

bool Rope::is_sound() const {
  settle();
  bool sound = true;
  const auto walk = [&](auto&& self, const void* what, std::size_t depth) -> TextCounts {
    if (depth == 0) {
      const auto* leaf = static_cast<const Leaf*>(what);
      const std::string text = std::string(leaf->front()) + std::string(leaf->back());
      sound = sound && is_utf8(text) && count_text(text) == leaf->counts &&
              (depth_ == 0 || !text.empty());
      return leaf->counts;
    }
    const auto* node = static_cast<const Node*>(what);
    sound = sound && node->count > 0 && node->count <= kFanout;
    for (std::size_t i = 0; i < node->count; ++i) {
      sound = sound && self(self, node->child[i], depth - 1) == node->counts(i);
    }
    return node->total();
  };
  return walk(walk, root_, depth_) == total_ && sound;
}

}  // namespace atelier
