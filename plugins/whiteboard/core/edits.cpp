#include "core/edits.h"

#include <algorithm>
#include <map>

#include <atelier/json.h>

namespace atelier::board {
namespace {

Write edit(const std::string& id, Fields fields) {
  return {Write::Kind::kEdit, id, {}, std::move(fields)};
}

Write reorder(const Item& item, const std::string& order) {
  return edit(item.id, {{"z", json::quoted(order)}});
}

template <class MakeFields>
Writes edit_each(const Board& board, const Ids& ids, const MakeFields& make_fields) {
  Writes writes;
  for (const std::string& id : ids) {
    const Item* item = board.find(id);
    if (item == nullptr) continue;
    Fields fields = make_fields(*item);
    if (!fields.empty()) writes.push_back(edit(id, std::move(fields)));
  }
  return writes;
}

const std::string& order_of(const Item* item) {
  static const std::string none;
  return item == nullptr ? none : item->shape.order;
}

// The nearest neighbour in one direction that overlaps and is not chosen.
const Item* next_overlapping(const Board& board, const Item& item, const Ids& ids, bool up) {
  std::vector<const Item*> near = board.within(item.painted);
  if (!up) std::reverse(near.begin(), near.end());
  const auto self = std::find(near.begin(), near.end(), &item);
  const auto next = std::find_if(self, near.end(), [&](const Item* other) {
    return other->shape.order != item.shape.order && !ids.contains(other->id);
  });
  return next == near.end() ? nullptr : *next;
}

}  // namespace

std::optional<std::string> body_after(std::string_view body, const Write& write) {
  if (write.kind == Write::Kind::kCreate)
    return body.empty() ? std::optional(write.body) : std::nullopt;
  if (write.kind == Write::Kind::kRemove || body.empty()) return std::nullopt;
  return with_fields(body, write.fields);
}

Dirty apply(Board& board, const Write& write) {
  if (write.kind == Write::Kind::kRemove) return board.remove(write.id);
  const Item* item = board.find(write.id);
  const auto body = body_after(item == nullptr ? std::string_view() : item->body, write);
  return body ? board.put(write.id, *body) : Dirty{};
}

Write create(const std::string& id, const Shape& shape) {
  return {Write::Kind::kCreate, id, encode_shape(shape), {}};
}

Writes remove(const Board& board, const Ids& ids) {
  Writes writes;
  for (const std::string& id : ids)
    if (board.find(id) != nullptr) writes.push_back({Write::Kind::kRemove, id, {}, {}});
  return writes;
}

Writes move(const Board& board, const Ids& ids, Vec by) {
  return edit_each(board, ids, [&](const Item& item) { return move_fields(item.shape, by); });
}

Writes resize(const Board& board, const Ids& ids, const Box& from, const Box& to) {
  return edit_each(board, ids,
                   [&](const Item& item) { return resize_fields(item.shape, from, to); });
}

Writes restyle(const Board& board, const Ids& ids, const Fields& fields) {
  return edit_each(board, ids, [&](const Item& item) {
    Fields different;
    for (const Field& field : fields)
      if (!same_text(field_text(item.body, field.name), field.value)) different.push_back(field);
    return different;
  });
}

Writes duplicate(const Board& board, const Ids& ids, const CopyTo& to, Jitter& jitter) {
  Writes writes;
  std::map<std::string, std::string> groups;
  std::string order = order_of(board.top());
  for (const Item* item : board.with_groups(ids)) {
    order = order_after(order, jitter);
    const std::string id = to.make_id();
    Fields fields = move_fields(item->shape, to.offset);
    fields.push_back({"z", json::quoted(order)});
    fields.push_back({"author", json::quoted(to.author)});
    fields.push_back({"created", std::to_string(to.now_ms)});
    if (!item->shape.group.empty()) {
      const auto group = groups.try_emplace(item->shape.group, id).first;
      fields.push_back({"group", json::quoted(group->second)});
    }
    fields.push_back(
        {"~", ""});  // who set the fields of the original (merge by field) is another matter
    writes.push_back({Write::Kind::kCreate, id, with_fields(item->body, fields), {}});
  }
  return writes;
}

Writes to_front(const Board& board, const Ids& ids, Jitter& jitter) {
  Writes writes;
  std::string order = order_of(board.top());
  for (const Item* item : board.with_groups(ids)) {
    order = order_after(order, jitter);
    writes.push_back(reorder(*item, order));
  }
  return writes;
}

Writes to_back(const Board& board, const Ids& ids, Jitter& jitter) {
  Writes writes;
  std::string order = order_of(board.bottom());
  std::vector<const Item*> items = board.with_groups(ids);
  std::reverse(items.begin(), items.end());
  for (const Item* item : items) {
    order = order_before(order, jitter);
    writes.push_back(reorder(*item, order));
  }
  return writes;
}

Writes forward(const Board& board, const Ids& ids, Jitter& jitter) {
  Writes writes;
  std::string floor;  // chosen shapes keep their order among each other
  for (const Item* item : board.with_groups(ids)) {
    const Item* over = next_overlapping(board, *item, ids, true);
    if (over == nullptr) continue;
    const std::string low = std::max(floor, over->shape.order);
    const std::string& high = order_of(board.above(*over));
    floor =
        high.empty() || low < high ? order_between(low, high, jitter) : order_after(low, jitter);
    writes.push_back(reorder(*item, floor));
  }
  return writes;
}

Writes backward(const Board& board, const Ids& ids, Jitter& jitter) {
  Writes writes;
  std::string ceiling;
  std::vector<const Item*> items = board.with_groups(ids);
  std::reverse(items.begin(), items.end());
  for (const Item* item : items) {
    const Item* under = next_overlapping(board, *item, ids, false);
    if (under == nullptr) continue;
    const std::string high =
        ceiling.empty() ? under->shape.order : std::min(ceiling, under->shape.order);
    const std::string& low = order_of(board.below(*under));
    ceiling = low < high ? order_between(low, high, jitter) : order_before(high, jitter);
    writes.push_back(reorder(*item, ceiling));
  }
  return writes;
}

}  // namespace atelier::board
