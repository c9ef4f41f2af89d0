// EditorCore: the pointer, and what is scrolled to. Thread rule: main thread.
#include <algorithm>
#include <cmath>

#include <imgui_internal.h>

#include "base/limits.h"
#include "ui/editor.h"
#include "ui/state.h"

namespace atelier::ui {
namespace {

// In logical pixels.
constexpr float kScrollbar = 12, kGripMin = 28, kWheel = 60;

}  // namespace

// --- Scrolling

bool EditorCore::content_is_higher() {
  return !frame_.options.single_line &&
         text_.blocks().height() > static_cast<double>(frame_.height()) + 1;
}

void EditorCore::scroll_by(float delta) {
  auto& blocks = text_.blocks();
  if (frame_.options.single_line) {
    const float end =
        text_.line_x(blocks.found(blocks.last()), 0) + text_.width(blocks.last()) + px(2);
    scroll_x_ = std::clamp(scroll_x_, 0.0f, std::max(0.0f, end - frame_.width()));
    top_point_ = 0;
    top_offset_ = 0;
    return;
  }
  scroll_x_ = 0;
  Place top = blocks.at_point(top_point_).place;
  float offset = top_offset_ + delta;
  while (offset < 0 && blocks.previous(top)) offset += text_.height(top);
  offset = std::max(offset, 0.0f);
  for (Place next = top; offset >= text_.height(top) && blocks.next(next);) {
    offset -= text_.height(top);
    top = next;
  }
  top_offset_ = offset;
  top_point_ = blocks.found(top).begin;
  hold_end();
}

// Nothing but the text is shown as long as there is enough of it.
void EditorCore::hold_end() {
  auto& blocks = text_.blocks();
  Place at = blocks.at_point(top_point_).place;
  float below = -top_offset_ + text_.height(at);
  while (below < frame_.height() && blocks.next(at)) below += text_.height(at);
  if (below >= frame_.height()) return;
  at = blocks.last();
  float offset = text_.height(at) - frame_.height();
  while (offset < 0 && blocks.previous(at)) offset += text_.height(at);
  top_offset_ = std::max(0.0f, offset);
  top_point_ = blocks.found(at).begin;
}

void EditorCore::show_caret() {
  if (frame_.options.single_line) return show_caret_sideways();
  auto& blocks = text_.blocks();
  const EditorSpot spot = text_.spot_of(caret_);
  const float line = text_.metrics().line_height, view = frame_.height();
  const float line_top = static_cast<float>(spot.line) * line;
  const auto put = [&](float above) {
    top_point_ = spot.block.begin;
    top_offset_ = line_top - above;
  };
  if (spot.block.begin < top_point_ || (spot.block.begin == top_point_ && line_top < top_offset_)) {
    const bool far = static_cast<float>(top_point_ - spot.block.begin) > kEditorBlockPointsMax;
    return put(far ? view / 3 : 0);
  }
  float y = -top_offset_;
  Place at = blocks.at_point(top_point_).place;
  while (!(at == spot.block.place) && y < view + view) {
    y += text_.height(at);
    if (!blocks.next(at)) break;
  }
  if (!(at == spot.block.place)) return put(view / 3);  // far away
  if (y + line_top + line > view) put(std::max(0.0f, view - line));
}

void EditorCore::show_caret_sideways() {
  const float x = text_.spot_of(caret_).x, view = frame_.width();
  const float margin = std::min(px(2), view);
  scroll_x_ = std::clamp(scroll_x_, x + margin - view, x);
  scroll_x_ = std::max(0.0f, scroll_x_);
}

// --- The scrollbar

void EditorCore::drag_scrollbar() {
  auto& blocks = text_.blocks();
  const float view = frame_.height();
  const auto total = static_cast<float>(blocks.height());
  const float grip = std::max(px(kGripMin), view * view / std::max(1.0f, total));
  const float pointed =
      (ImGui::GetIO().MousePos.y - frame_.text_min.y - grip_held_at_) / std::max(1.0f, view - grip);
  const double y = static_cast<double>(std::clamp(pointed, 0.0f, 1.0f) * (total - view));
  const auto found = blocks.at_height(y);
  top_point_ = found.begin;
  top_offset_ = std::min(static_cast<float>(y - found.top), text_.height(found.place));
}

void EditorCore::paint_scrollbar() {
  if (!content_is_higher()) return;
  const auto& blocks = text_.blocks();
  const float view = frame_.height();
  const auto total = static_cast<float>(blocks.height());
  const float grip = std::max(px(kGripMin), view * view / total);
  const auto top = static_cast<float>(blocks.at_point(top_point_).top) + top_offset_;
  const float share = std::clamp(top / std::max(1.0f, total - view), 0.0f, 1.0f);
  const bool held = drag_ == DragUnit::kScrollbar;
  const float x = frame_.max.x - px(9);
  const float y = frame_.text_min.y + share * (view - grip);
  const bool lit =
      held || (frame_.hovered && ImGui::GetIO().MousePos.x > frame_.max.x - px(kScrollbar));
  draw_panel(*ImGui::GetWindowDrawList(), {x, y}, {x + px(5), y + grip},
             lit ? theme().ink_soft : theme().line, 0, px(3));
}

// --- The pointer

EditorSpot EditorCore::spot_at(ImVec2 pointer) {
  auto& blocks = text_.blocks();
  const float x = pointer.x - frame_.text_min.x + scroll_x_;
  if (frame_.options.single_line) {
    auto found = blocks.at_point(0);
    for (Place next = found.place; blocks.next(next);) {
      const auto other = blocks.found(next);
      if (text_.line_x(other, 0) > x) break;
      found = other;
    }
    return {found, 0, x};
  }
  float y = pointer.y - frame_.text_min.y + top_offset_;
  auto found = blocks.at_point(top_point_);
  if (y < 0) {
    EditorSpot spot{found, 0, x};
    text_.line_above(spot);
    return spot;
  }
  for (Place next = found.place; y >= text_.height(found.place);) {
    const float above = text_.height(found.place);
    if (!blocks.next(next)) break;
    y -= above;
    found = blocks.found(next);
  }
  const std::size_t lines = text_.layout(found.place).layout.lines.size();
  const auto line = static_cast<std::size_t>(std::max(0.0f, y / text_.metrics().line_height));
  return {found, std::min(line, lines - 1), x};
}

EditorCaret EditorCore::caret_at(const EditorSpot& spot) {
  return text_.caret_at(spot.block, spot.line, spot.x);
}

// What a press or a drag there takes as a whole.
std::pair<std::size_t, std::size_t> EditorCore::unit_at(const EditorSpot& spot) {
  const std::size_t under = text_.under(spot.block, spot.line, spot.x);
  if (drag_ == DragUnit::kWord) return text_.word_at(under);
  if (drag_ == DragUnit::kParagraph) return text_.paragraph_at(under);
  const std::size_t at = caret_at(spot).position;
  return {at, at};
}

void EditorCore::press(const EditorSpot& at) {
  const ImGuiIO& io = ImGui::GetIO();
  const int clicks = io.MouseClickedCount[0];
  if (io.KeyShift && clicks < 2) {
    drag_ = DragUnit::kPoint;
    drag_from_ = {anchor_, anchor_};
    return move(caret_at(at), true);
  }
  constexpr DragUnit kUnits[] = {DragUnit::kPoint, DragUnit::kWord, DragUnit::kParagraph};
  drag_ = kUnits[(std::max(clicks, 1) - 1) % 3];
  drag_from_ = unit_at(at);
  if (drag_ == DragUnit::kPoint) return move(caret_at(at), false);
  move({drag_from_.second, false}, false);
  anchor_ = drag_from_.first;
  follow_caret_ = false;
  note_caret();
}

void EditorCore::drag_to(const EditorSpot& at) {
  const auto to = unit_at(at);
  const bool backward = to.first < drag_from_.first;
  const EditorCaret caret{backward ? to.first : std::max(to.second, drag_from_.second),
                          drag_ == DragUnit::kPoint && caret_at(at).upstream};
  const std::size_t anchor = backward ? drag_from_.second : drag_from_.first;
  if (caret.position == caret_.position && anchor == anchor_) return;
  caret_ = caret;
  anchor_ = anchor;
  active_s_ = now_s();
  wanted_x_.reset();
  note_caret();
}

void EditorCore::scroll_while_dragging() {
  const ImGuiIO& io = ImGui::GetIO();
  if (frame_.options.single_line) {
    follow_caret_ = true;
    return;
  }
  const float above = frame_.text_min.y - io.MousePos.y, below = io.MousePos.y - frame_.text_max.y;
  const float beyond = std::min(std::max(above, below), px(200));
  if (beyond <= 0 || !content_is_higher()) return;
  const float step = (beyond * 8 + px(100)) * std::min(io.DeltaTime, 0.1f);
  scroll_by(above > 0 ? -step : step);
  redraw_in_ms(16);
}

void EditorCore::take_pointer() {
  const ImGuiIO& io = ImGui::GetIO();
  const bool over_bar =
      frame_.hovered && content_is_higher() && io.MousePos.x > frame_.max.x - px(kScrollbar);
  if (frame_.hovered && !over_bar) ImGui::SetMouseCursor(ImGuiMouseCursor_TextInput);
  if (frame_.hovered && content_is_higher()) {
    ImGui::SetItemKeyOwner(ImGuiKey_MouseWheelY);
    if (io.MouseWheel != 0) scroll_by(-io.MouseWheel * px(kWheel));
  }
  if (!focused_) return;
  if (frame_.clicked && over_bar) {
    const float view = frame_.height();
    const auto total = static_cast<float>(text_.blocks().height());
    const float grip = std::max(px(kGripMin), view * view / total);
    const auto top = static_cast<float>(text_.blocks().at_point(top_point_).top) + top_offset_;
    const float grip_y = frame_.text_min.y + top / std::max(1.0f, total - view) * (view - grip);
    const float within = io.MousePos.y - grip_y;
    grip_held_at_ = within >= 0 && within <= grip ? within : grip / 2;
    drag_ = DragUnit::kScrollbar;
  } else if (frame_.clicked) {
    press(spot_at(io.MousePos));
  }
  if (!io.MouseDown[0]) drag_ = DragUnit::kNone;
  if (drag_ == DragUnit::kScrollbar) return drag_scrollbar();
  if (drag_ == DragUnit::kNone || frame_.clicked || !ImGui::IsMousePosValid()) return;
  scroll_while_dragging();
  drag_to(spot_at(io.MousePos));
}

}  // namespace atelier::ui
