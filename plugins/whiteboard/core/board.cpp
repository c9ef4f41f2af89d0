#include "core/board.h"

#include <algorithm>
#include <functional>
#include <tuple>

#include "core/hit.h"

namespace atelier::board {
namespace {

template <class Test>
std::vector<const Item*> filtered(std::vector<const Item*> items, const Test& test) {
  items.erase(
      std::remove_if(items.begin(), items.end(), [&](const Item* item) { return !test(*item); }),
      items.end());
  return items;
}

}  // namespace

bool Board::ByOrder::operator()(const Item* a, const Item* b) const {
  return std::tie(a->shape.order, a->id) < std::tie(b->shape.order, b->id);
}

Dirty Board::put(const std::string& id, std::string_view body) {
  const auto found = items_.find(id);
  if (found != items_.end() && found->second->body == body) return {};
  auto shape = decode_shape(body);
  if (!shape) {
    const Dirty dirty = remove(id);
    malformed_[id] = shape.error().message;
    return dirty;
  }
  malformed_.erase(id);
  if (found == items_.end()) {
    insert(id, body, std::move(*shape));
    return {{}, items_[id]->painted};
  }
  Item& item = *found->second;
  item.body = body;
  if (item.shape == *shape) return {};
  const Box before = item.painted;
  unlink(item);
  item.shape = std::move(*shape);
  link(item);
  return {before, item.painted};
}

Dirty Board::remove(std::string_view id) {
  if (const auto bad = malformed_.find(id); bad != malformed_.end()) malformed_.erase(bad);
  const auto found = items_.find(std::string(id));
  if (found == items_.end()) return {};
  const Box before = found->second->painted;
  unlink(*found->second);
  by_handle_[found->second->handle] = nullptr;
  free_handles_.push_back(found->second->handle);
  items_.erase(found);
  return {before, {}};
}

void Board::insert(const std::string& id, std::string_view body, Shape shape) {
  auto item = std::make_unique<Item>();
  item->id = id;
  item->body = body;
  item->shape = std::move(shape);
  if (free_handles_.empty()) {
    item->handle = static_cast<SpatialIndex::Handle>(by_handle_.size());
    by_handle_.push_back(item.get());
  } else {
    item->handle = free_handles_.back();
    free_handles_.pop_back();
    by_handle_[item->handle] = item.get();
  }
  link(*item);
  items_[id] = std::move(item);
}

void Board::link(Item& item) {
  item.box = visible_box(item.shape, measure_);
  item.painted = painted_box(item.shape);
  item.painted.add(item.box);
  item.revision = ++version_;
  order_.insert(&item);
  index_.put(item.handle, item.painted);
  if (!item.shape.group.empty()) groups_[item.shape.group].insert(item.id);
}

void Board::unlink(Item& item) {
  order_.erase(&item);
  index_.remove(item.handle);
  if (const auto group = groups_.find(item.shape.group); group != groups_.end()) {
    group->second.erase(item.id);
    if (group->second.empty()) groups_.erase(group);
  }
  ++version_;
}

const Item* Board::find(std::string_view id) const {
  const auto found = items_.find(std::string(id));
  return found == items_.end() ? nullptr : found->second.get();
}

std::vector<const Item*> Board::within(const Box& box) const {
  std::vector<SpatialIndex::Handle> handles;
  index_.query(box, handles);
  std::vector<const Item*> items;
  items.reserve(handles.size());
  if (handles.size() > items_.size() / 4) {  // walking the order is cheaper than sorting
    for (const Item* item : order_)
      if (item->painted.touches(box)) items.push_back(item);
    return items;
  }
  for (const auto handle : handles) items.push_back(by_handle_[handle]);
  std::sort(items.begin(), items.end(), ByOrder());
  return items;
}

std::vector<const Item*> Board::all() const {
  return {order_.begin(), order_.end()};
}

const Item* Board::at(Vec p, double tolerance) const {
  const std::vector<const Item*> near = within(Box{p, p}.grown(tolerance));
  const auto top = std::find_if(near.rbegin(), near.rend(), [&](const Item* item) {
    return hits_point(skeleton_of(item->shape, item->box), p, tolerance);
  });
  return top == near.rend() ? nullptr : *top;
}

std::vector<const Item*> Board::touching_segment(Vec a, Vec b, double tolerance) const {
  return filtered(within(Box::around(a, b).grown(tolerance)), [&](const Item& item) {
    return hits_segment(skeleton_of(item.shape, item.box), a, b, tolerance);
  });
}

std::vector<const Item*> Board::touching_box(const Box& box) const {
  return filtered(within(box), [&](const Item& item) {
    return box.contains(item.painted) || touches_box(skeleton_of(item.shape, item.box), box);
  });
}

std::vector<const Item*> Board::inside_lasso(std::span<const Vec> lasso) const {
  Box around;
  for (const Vec p : lasso) around.add(p);
  return filtered(within(around), [&](const Item& item) {
    return around.contains(item.box.min) &&
           board::inside_lasso(skeleton_of(item.shape, item.box), lasso);
  });
}

const Item* Board::above(const Item& item) const {
  for (auto at = order_.upper_bound(&item); at != order_.end(); ++at)
    if ((*at)->shape.order != item.shape.order) return *at;
  return nullptr;
}

const Item* Board::below(const Item& item) const {
  for (auto at = order_.lower_bound(&item); at != order_.begin();)
    if ((*--at)->shape.order != item.shape.order) return *at;
  return nullptr;
}

std::vector<const Item*> Board::with_groups(const std::set<std::string>& ids) const {
  std::set<const Item*, ByOrder> chosen;
  for (const std::string& id : ids) {
    const Item* item = find(id);
    if (item == nullptr) continue;
    chosen.insert(item);
    if (const auto group = groups_.find(item->shape.group); group != groups_.end())
      for (const std::string& other : group->second) chosen.insert(find(other));
  }
  return {chosen.begin(), chosen.end()};
}

void Selection::set(const Board& board, const std::set<std::string>& ids) {
  ids_.clear();
  for (const Item* item : board.with_groups(ids)) ids_.insert(item->id);
}

void Selection::add(const Board& board, const std::string& id) {
  for (const Item* item : board.with_groups({id})) ids_.insert(item->id);
}

void Selection::toggle(const Board& board, const std::string& id) {
  const bool chosen = contains(id);
  for (const Item* item : board.with_groups({id})) {
    if (chosen)
      ids_.erase(item->id);
    else
      ids_.insert(item->id);
  }
}

void Selection::prune(const Board& board) {
  std::erase_if(ids_, [&](const std::string& id) { return board.find(id) == nullptr; });
}

Box Selection::box(const Board& board) const {
  Box box;
  for (const std::string& id : ids_)
    if (const Item* item = board.find(id)) box.add(item->box);
  return box;
}

}  // namespace atelier::board
