#include "core/history.h"

#include <map>
#include <utility>

#include "core/board_limits.h"
#include <atelier/json.h>

namespace atelier::board {
namespace {

constexpr std::string_view kStamps = "~";  // belongs to merging, not to what people see

std::size_t member_count(std::string_view body) {
  std::size_t count = 0;
  json::for_each_member(body, [&](std::string_view key, std::string_view) {
    count += key == kStamps ? 0 : 1;
    return true;
  });
  return count;
}

bool same_document(std::string_view a, std::string_view b) {
  if (member_count(a) != member_count(b)) return false;
  bool same = true;
  json::for_each_member(a, [&](std::string_view key, std::string_view value) {
    same = key == kStamps || same_text(field_text(b, key), value);
    return same;
  });
  return same;
}

// From one body to another in as few fields as possible.
Fields difference(std::string_view from, std::string_view to) {
  Fields fields;
  json::for_each_member(to, [&](std::string_view key, std::string_view value) {
    if (!same_text(field_text(from, key), value))
      fields.push_back({std::string(key), std::string(value)});
    return true;
  });
  json::for_each_member(from, [&](std::string_view key, std::string_view) {
    if (field_text(to, key).empty()) fields.push_back({std::string(key), ""});
    return true;
  });
  return fields;
}

}  // namespace

// The documents as they become while an action is taken back step by step. Empty: none.
class History::Overlay {
 public:
  explicit Overlay(const Board& board) : board_(board) {}

  const std::string& get(const std::string& id) {
    const auto [at, is_new] = bodies_.try_emplace(id);
    if (const Item* item = board_.find(id); is_new && item != nullptr) at->second = item->body;
    return at->second;
  }
  void set(const std::string& id, std::string body) { bodies_[id] = std::move(body); }

  Writes writes() const {
    Writes writes;
    for (const auto& [id, body] : bodies_) {
      const Item* item = board_.find(id);
      if (item == nullptr && !body.empty()) writes.push_back({Write::Kind::kCreate, id, body, {}});
      if (item != nullptr && body.empty()) writes.push_back({Write::Kind::kRemove, id, {}, {}});
      if (item == nullptr || body.empty()) continue;
      Fields fields = difference(item->body, body);
      if (!fields.empty()) writes.push_back({Write::Kind::kEdit, id, {}, std::move(fields)});
    }
    return writes;
  }

 private:
  const Board& board_;
  std::map<std::string, std::string> bodies_;
};

std::size_t History::Step::bytes() const {
  std::size_t bytes = sizeof(Step) + body.size();
  for (const Fields* fields : {&before, &after})
    for (const Field& field : *fields) bytes += field.name.size() + field.value.size();
  return bytes;
}

History::Step History::step_of(const std::string& body, const Write& write) {
  Step step{write.kind, write.id, {}, {}, {}};
  if (write.kind == Write::Kind::kCreate) step.body = write.body;
  if (write.kind == Write::Kind::kRemove) step.body = body;
  for (const Field& field : write.fields) {
    const std::string old = field_text(body, field.name);
    if (same_text(old, field.value)) continue;
    step.before.push_back({field.name, old});
    step.after.push_back(field);
  }
  return step;
}

// A drag sets the same fields of the same shapes again and again: one step is enough.
bool History::join(Step& last, const Step& next) {
  if (last.kind != Write::Kind::kEdit || next.kind != Write::Kind::kEdit || last.id != next.id)
    return false;
  for (std::size_t i = 0; i < next.after.size(); ++i) {
    bool found = false;
    for (Field& field : last.after) {
      if (field.name != next.after[i].name) continue;
      field.value = next.after[i].value;
      found = true;
    }
    if (found) continue;
    last.before.push_back(next.before[i]);
    last.after.push_back(next.after[i]);
  }
  return true;
}

void History::record(const Board& board, const Writes& writes) {
  Action steps;
  Overlay overlay(board);
  for (const Write& write : writes) {
    const std::string body = overlay.get(write.id);
    Step step = step_of(body, write);
    if (step.kind == Write::Kind::kEdit && step.after.empty()) continue;
    if (step.kind == Write::Kind::kRemove && body.empty()) continue;
    overlay.set(write.id, write.kind == Write::Kind::kRemove
                              ? std::string()
                              : body_after(body, write).value_or(body));
    steps.push_back(std::move(step));
  }
  if (steps.empty()) return;
  redo_.clear();
  if (group_depth_ == 0 || !group_has_action_) undo_.emplace_back();
  group_has_action_ = group_depth_ > 0;
  Action& action = undo_.back();
  for (Step& step : steps) {
    bool joined = false;
    for (auto at = action.rbegin(); at != action.rend() && !joined; ++at) {
      if (at->id != step.id) continue;
      joined = join(*at, step);
      break;
    }
    if (joined) continue;
    undo_bytes_ += step.bytes();
    action.push_back(std::move(step));
  }
  if (undo_.size() > kUndoActionsMax || undo_bytes_ > kUndoBytesMax) trim();
}

void History::begin_group() {
  if (group_depth_++ == 0) group_has_action_ = false;
}

void History::end_group() {
  if (group_depth_ > 0) --group_depth_;
  if (group_depth_ == 0) group_has_action_ = false;
}

bool History::take_back(const Step& step, Overlay& overlay, Action& inverse) {
  const std::string now = overlay.get(step.id);
  if (step.kind == Write::Kind::kCreate) {
    if (now.empty() || !same_document(now, step.body)) return false;
    inverse.push_back({Write::Kind::kRemove, step.id, now, {}, {}});
    overlay.set(step.id, {});
    return true;
  }
  if (step.kind == Write::Kind::kRemove) {
    if (!now.empty()) return false;
    const std::string body = with_fields(step.body, {{std::string(kStamps), ""}});
    inverse.push_back({Write::Kind::kCreate, step.id, body, {}, {}});
    overlay.set(step.id, body);
    return true;
  }
  if (now.empty()) return false;
  Step back{Write::Kind::kEdit, step.id, {}, {}, {}};
  for (std::size_t i = 0; i < step.after.size(); ++i) {
    if (!same_text(field_text(now, step.after[i].name), step.after[i].value)) continue;
    back.before.push_back(step.after[i]);
    back.after.push_back(step.before[i]);
  }
  if (back.after.empty()) return false;
  overlay.set(step.id, with_fields(now, back.after));
  inverse.push_back(std::move(back));
  return true;
}

History::Undone History::take_back(const Board& board, Actions& from, Actions& to) {
  Undone undone;
  group_has_action_ = false;
  while (!from.empty()) {
    const Action action = std::move(from.back());
    from.pop_back();
    Overlay overlay(board);
    Action inverse;
    for (auto step = action.rbegin(); step != action.rend(); ++step)
      take_back(*step, overlay, inverse);
    undone.writes = overlay.writes();
    if (!undone.writes.empty()) {
      to.push_back(std::move(inverse));
      return undone;
    }
    ++undone.skipped;
  }
  return undone;
}

// Keeps the newest actions that fit, and at least the last one.
void History::trim() {
  undo_bytes_ = 0;
  std::size_t kept = 0;
  for (auto action = undo_.rbegin(); action != undo_.rend() && kept < kUndoActionsMax; ++action) {
    std::size_t bytes = 0;
    for (const Step& step : *action) bytes += step.bytes();
    if (kept > 0 && undo_bytes_ + bytes > kUndoBytesMax) break;
    undo_bytes_ += bytes;
    ++kept;
  }
  while (undo_.size() > kept) undo_.pop_front();
}

}  // namespace atelier::board
