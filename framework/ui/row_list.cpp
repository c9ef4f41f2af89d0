// RowList: rows are placed from an anchor row outward, so that neither the number of rows nor the
// height of those that are not visible matters. Thread rule: main thread.
//
// Invariants: 1. anchor_ is the first visible row and offset_ of it lies above the edge; below 0
// only when all rows fit. 2. The rows fill the height, if there are enough of them. 3. at_end_
// tells that the last row's lower edge is visible.
#include <algorithm>
#include <cmath>

#include <imgui_internal.h>

#include "ui/state.h"

namespace atelier::ui {

// Rows may have been inserted or removed: look for the anchor's key near where it was.
void RowList::find_anchor(const Rows& rows) {
  anchor_ = std::min(anchor_, rows.count - 1);
  if (rows.key(anchor_) == anchor_key_) return;
  for (std::size_t distance = 1; distance < rows.count; ++distance) {
    if (anchor_ + distance < rows.count && rows.key(anchor_ + distance) == anchor_key_) {
      anchor_ += distance;
      return;
    }
    if (distance <= anchor_ && rows.key(anchor_ - distance) == anchor_key_) {
      anchor_ -= distance;
      return;
    }
  }
  offset_ = 0;
}

// Moves the view by `delta` (down is positive) and restores the invariants.
void RowList::scroll(float delta, const Rows& rows, float width, float height) {
  offset_ += delta;
  while (offset_ < 0 && anchor_ > 0) offset_ += rows.height(--anchor_, width);
  offset_ = std::max(offset_, 0.0f);
  while (anchor_ + 1 < rows.count && offset_ >= rows.height(anchor_, width))
    offset_ -= rows.height(anchor_++, width);
  float below = -offset_;
  for (std::size_t row = anchor_; row < rows.count && below <= height; ++row)
    below += rows.height(row, width);
  // One pixel of tolerance: heights are rounded.
  at_end_ = below <= height + 1;
  if (at_end_) place_end(rows, width, height);
}

// The last row's lower edge at the view's. Fewer rows than fit leave offset_ below 0: they stand at
// the lower edge, where the next one will come.
void RowList::place_end(const Rows& rows, float width, float height) {
  anchor_ = rows.count - 1;
  offset_ = rows.height(anchor_, width) - height;
  while (offset_ < 0 && anchor_ > 0) offset_ += rows.height(--anchor_, width);
}

void RowList::draw_rows(const Rows& rows, ImVec2 origin, float width, float height) {
  float y = origin.y - offset_, sum = 0;
  visible_ = 0;
  for (std::size_t row = anchor_; row < rows.count && y < origin.y + height; ++row) {
    const float row_height = rows.height(row, width);
    ImGui::SetCursorScreenPos({origin.x, std::round(y)});
    ImGui::PushID(static_cast<int>(row));
    rows.draw(row, width);
    ImGui::PopID();
    y += row_height;
    sum += row_height;
    ++visible_;
  }
  if (visible_ > 0) row_height_ = std::max(1.0f, sum / static_cast<float>(visible_));
}

void RowList::scrollbar(const Rows& rows, ImVec2 origin, ImVec2 size) {
  const float total = row_height_ * static_cast<float>(rows.count);
  if (total <= size.y || rows.count <= visible_) return;
  const float grip = std::max(px(28), size.y * size.y / total);
  const auto last = static_cast<float>(rows.count - std::min(rows.count, visible_));
  const float share =
      at_end_ ? 1 : std::min(1.0f, static_cast<float>(anchor_) / std::max(1.0f, last));
  const float y = origin.y + share * (size.y - grip), x = origin.x + size.x - px(10);
  ImGui::SetCursorScreenPos({x, origin.y});
  ImGui::InvisibleButton("##scrollbar", {px(10), size.y});
  const bool held = ImGui::IsItemActive();
  if (held) {
    const float pointed =
        (ImGui::GetIO().MousePos.y - origin.y - grip / 2) / std::max(1.0f, size.y - grip);
    anchor_ = static_cast<std::size_t>(std::clamp(pointed, 0.0f, 1.0f) * last);
    offset_ = 0;
    at_end_ = pointed >= 1;
    redraw_in_ms(0);
  }
  const ImU32 colour = held || ImGui::IsItemHovered() ? theme().ink_soft : theme().line;
  draw_panel(*ImGui::GetWindowDrawList(), {x + px(3), y}, {x + px(8), y + grip}, colour, 0, px(3));
}

void RowList::draw(const char* id, ImVec2 size, const Rows& rows) {
  ImGui::BeginChild(
      id, size, 0,
      ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse | ImGuiWindowFlags_NoNav);
  const ImVec2 origin = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
  const float width = room.x - px(14);
  if (rows.count > 0 && width > 0 && room.y > 0) {
    float delta = 0;
    const ImGuiIO& io = ImGui::GetIO();
    if (ImGui::IsWindowHovered()) delta -= io.MouseWheel * px(60);
    if (ImGui::IsKeyPressed(ImGuiKey_PageUp)) delta -= room.y * 0.85f;
    if (ImGui::IsKeyPressed(ImGuiKey_PageDown)) delta += room.y * 0.85f;
    if (at_end_) {
      place_end(rows, width, room.y);
    } else {
      find_anchor(rows);
      scroll(0, rows, width, room.y);  // the window's size may have changed
    }
    if (delta != 0) scroll(delta, rows, width, room.y);
    draw_rows(rows, origin, width, room.y);
    scrollbar(rows, origin, room);
    anchor_ = std::min(anchor_, rows.count - 1);
    anchor_key_ = rows.key(anchor_);
  }
  ImGui::SetCursorScreenPos(origin);
  ImGui::Dummy({1, 1});
  ImGui::EndChild();
}

}  // namespace atelier::ui
