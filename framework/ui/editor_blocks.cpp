// See editor_blocks.h.
#include "ui/editor_blocks.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "ui/editor_layout.h"

namespace atelier::ui {
namespace {

constexpr std::size_t kGroupBlocks = 128;

}  // namespace

EditorBlock::EditorBlock() = default;
EditorBlock::EditorBlock(std::uint32_t count, bool with_line_end)
    : points(count), ends_line(with_line_end) {}
EditorBlock::EditorBlock(EditorBlock&&) noexcept = default;
EditorBlock& EditorBlock::operator=(EditorBlock&&) noexcept = default;
EditorBlock::~EditorBlock() = default;

void EditorBlocks::add(Sums& sums, const EditorBlock& block, int sign) {
  const auto change = [sign](std::size_t& sum, std::size_t by) {
    sum = sign > 0 ? sum + by : sum - by;
  };
  change(sums.points, block.points);
  change(sums.matches, block.match_count());
  change(sums.unsearched, block.searched ? 0 : 1);
  change(sums.stale, block.stale ? 1 : 0);
  change(sums.blocks, 1);
  sums.height += sign * static_cast<double>(block.height);
}

void EditorBlocks::add(Sums& sums, const Sums& other, int sign) {
  const auto change = [sign](std::size_t& sum, std::size_t by) {
    sum = sign > 0 ? sum + by : sum - by;
  };
  change(sums.points, other.points);
  change(sums.matches, other.matches);
  change(sums.unsearched, other.unsearched);
  change(sums.stale, other.stale);
  change(sums.blocks, other.blocks);
  sums.height += sign * other.height;
}

void EditorBlocks::count(std::size_t group, const EditorBlock& block, int sign) {
  add(groups_[group].sums, block, sign);
  add(total_, block, sign);
}

void EditorBlocks::reset(std::size_t points) {
  groups_.clear();
  groups_.emplace_back();
  total_ = {};
  EditorBlock all(static_cast<std::uint32_t>(points), false);
  all.stale = true;
  groups_[0].blocks.push_back(std::move(all));
  count(0, groups_[0].blocks[0], 1);
}

EditorBlocks::Place EditorBlocks::last() const {
  return {groups_.size() - 1, groups_.back().blocks.size() - 1};
}

bool EditorBlocks::next(Place& at) const {
  if (at.index + 1 < groups_[at.group].blocks.size()) {
    ++at.index;
    return true;
  }
  if (at.group + 1 == groups_.size()) return false;
  at = {at.group + 1, 0};
  return true;
}

bool EditorBlocks::previous(Place& at) const {
  if (at.index > 0) {
    --at.index;
    return true;
  }
  if (at.group == 0) return false;
  at = {at.group - 1, groups_[at.group - 1].blocks.size() - 1};
  return true;
}

EditorBlocks::Found EditorBlocks::at_point(std::size_t point) const {
  Found found;
  while (found.place.group + 1 < groups_.size() &&
         found.begin + groups_[found.place.group].sums.points <= point) {
    found.begin += groups_[found.place.group].sums.points;
    found.top += groups_[found.place.group].sums.height;
    ++found.place.group;
  }
  const auto& blocks = groups_[found.place.group].blocks;
  while (found.place.index + 1 < blocks.size() &&
         found.begin + blocks[found.place.index].points <= point) {
    found.begin += blocks[found.place.index].points;
    found.top += static_cast<double>(blocks[found.place.index].height);
    ++found.place.index;
  }
  return found;
}

EditorBlocks::Found EditorBlocks::at_height(double y) const {
  Found found;
  while (found.place.group + 1 < groups_.size() &&
         found.top + groups_[found.place.group].sums.height <= y) {
    found.begin += groups_[found.place.group].sums.points;
    found.top += groups_[found.place.group].sums.height;
    ++found.place.group;
  }
  const auto& blocks = groups_[found.place.group].blocks;
  while (found.place.index + 1 < blocks.size() &&
         found.top + static_cast<double>(blocks[found.place.index].height) <= y) {
    found.begin += blocks[found.place.index].points;
    found.top += static_cast<double>(blocks[found.place.index].height);
    ++found.place.index;
  }
  return found;
}

EditorBlocks::Found EditorBlocks::found(Place at) const {
  Found found;
  found.place = at;
  for (std::size_t group = 0; group < at.group; ++group) {
    found.begin += groups_[group].sums.points;
    found.top += groups_[group].sums.height;
  }
  for (std::size_t index = 0; index < at.index; ++index) {
    found.begin += groups_[at.group].blocks[index].points;
    found.top += static_cast<double>(groups_[at.group].blocks[index].height);
  }
  return found;
}

std::size_t EditorBlocks::matches_before(Place at) const {
  std::size_t sum = 0;
  for (std::size_t group = 0; group < at.group; ++group) sum += groups_[group].sums.matches;
  for (std::size_t index = 0; index < at.index; ++index)
    sum += groups_[at.group].blocks[index].match_count();
  return sum;
}

EditorBlocks::Place EditorBlocks::first_stale() const {
  Place at;
  while (groups_[at.group].sums.stale == 0) ++at.group;
  while (!groups_[at.group].blocks[at.index].stale) ++at.index;
  return at;
}

EditorBlocks::Place EditorBlocks::first_unsearched() const {
  Place at;
  while (groups_[at.group].sums.unsearched == 0) ++at.group;
  while (groups_[at.group].blocks[at.index].searched) ++at.index;
  return at;
}

void EditorBlocks::replace(Place from, Place to, std::vector<EditorBlock> with) {
  std::vector<EditorBlock> all;
  auto& head = groups_[from.group].blocks;
  std::move(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(from.index),
            std::back_inserter(all));
  std::move(with.begin(), with.end(), std::back_inserter(all));
  auto& tail = groups_[to.group].blocks;
  std::move(tail.begin() + static_cast<std::ptrdiff_t>(to.index) + 1, tail.end(),
            std::back_inserter(all));
  for (std::size_t group = from.group; group <= to.group; ++group)
    add(total_, groups_[group].sums, -1);

  const std::size_t pieces = (all.size() + kGroupBlocks - 1) / kGroupBlocks;
  std::vector<Group> groups(pieces);
  for (std::size_t i = 0; i < all.size(); ++i) {
    Group& group = groups[i * pieces / all.size()];
    add(group.sums, all[i], 1);
    group.blocks.push_back(std::move(all[i]));
  }
  for (const auto& group : groups) add(total_, group.sums, 1);
  const auto at = groups_.erase(groups_.begin() + static_cast<std::ptrdiff_t>(from.group),
                                groups_.begin() + static_cast<std::ptrdiff_t>(to.group) + 1);
  groups_.insert(at, std::make_move_iterator(groups.begin()),
                 std::make_move_iterator(groups.end()));
}

}  // namespace atelier::ui
