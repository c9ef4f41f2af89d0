// See string_model.h. Thread rule: main thread.
#include "ui/string_model.h"

#include <algorithm>

#include "base/limits.h"
#include "ui/editor_layout.h"

namespace atelier::ui {

void StringModel::set(std::string_view text) {
  const std::u32string now = to_points(text);
  const std::size_t shorter = std::min(now.size(), points_.size());
  std::size_t head = 0, tail = 0;
  while (head < shorter && now[head] == points_[head]) ++head;
  while (tail < shorter - head && now[now.size() - 1 - tail] == points_[points_.size() - 1 - tail])
    ++tail;
  undo_.clear();
  redo_.clear();
  step_open_ = false;
  if (head == now.size() && now.size() == points_.size()) return;
  apply(head, points_.size() - head - tail,
        std::u32string_view(now).substr(head, now.size() - head - tail), false);
}

std::size_t StringModel::line_count() const {
  return 1 + static_cast<std::size_t>(std::count(points_.begin(), points_.end(), U'\n'));
}

std::size_t StringModel::line_begin(std::size_t line) const {
  std::size_t at = 0;
  for (; line > 0; --line) {
    at = points_.find(U'\n', at);
    if (at == points_.npos) return points_.size();
    ++at;
  }
  return at;
}

std::size_t StringModel::line_of(std::size_t position) const {
  const auto end = points_.begin() + static_cast<std::ptrdiff_t>(std::min(position, size()));
  return static_cast<std::size_t>(std::count(points_.begin(), end, U'\n'));
}

std::string StringModel::slice(std::size_t position, std::size_t count) const {
  return to_utf8(std::u32string_view(points_).substr(std::min(position, size()), count));
}

void StringModel::apply(std::size_t position, std::size_t erased, std::u32string_view inserted,
                        bool own) {
  const std::u32string_view all(points_);
  const std::size_t byte = to_utf8(all.substr(0, position)).size();
  const std::size_t bytes = to_utf8(all.substr(position, erased)).size();
  text_.replace(byte, bytes, to_utf8(inserted));
  points_.replace(position, erased, inserted);
  patched_(position, erased, inserted.size(), own);
}

void StringModel::replace(std::size_t position, std::size_t erased, std::string_view text) {
  Change change{position, points_.substr(position, erased), to_points(text)};
  redo_.clear();
  if (!step_open_ || undo_.empty()) {
    undo_.emplace_back();
    if (undo_.size() > kTextUndoGroupsMax) undo_.pop_front();
  }
  step_open_ = true;
  apply(position, erased, change.inserted, true);
  undo_.back().push_back(std::move(change));
}

void StringModel::undo() {
  if (undo_.empty()) return;
  Step step = std::move(undo_.back());
  undo_.pop_back();
  for (auto change = step.rbegin(); change != step.rend(); ++change)
    apply(change->position, change->inserted.size(), change->erased, true);
  redo_.push_back(std::move(step));
  step_open_ = false;
}

void StringModel::redo() {
  if (redo_.empty()) return;
  Step step = std::move(redo_.back());
  redo_.pop_back();
  for (const auto& change : step)
    apply(change.position, change.erased.size(), change.inserted, true);
  undo_.push_back(std::move(step));
  step_open_ = false;
}

}  // namespace atelier::ui
