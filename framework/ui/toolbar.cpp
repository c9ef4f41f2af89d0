// Rows and columns of tools that float over what was drawn before, and other people's pointers.
// Thread rule: main thread.
#include <algorithm>
#include <cmath>

#include <imgui_internal.h>

#include "ui/state.h"

namespace atelier::ui {
namespace {

constexpr float kToolSide = 38, kToolPad = 6, kSwatchSide = 26;

// The toolbar that is being drawn: only one is at a time.
struct Bar {
  bool vertical = false;
  bool first = true;
  float top = 0;  // where a row's items begin
};
Bar& bar() {
  static Bar current;
  return current;
}

void next_item(float gap = 2) {
  if (!std::exchange(bar().first, false) && !bar().vertical) ImGui::SameLine(0, px(gap));
}

// A square to press in the middle of the bar's breadth, whatever its own size.
bool square(const char* label, float side, bool enabled, ImVec2& centre, bool& hovered) {
  next_item();
  const float slack = (px(kToolSide) - side) / 2;
  const ImVec2 at = ImGui::GetCursorPos();
  ImGui::SetCursorPos(bar().vertical ? ImVec2(at.x + slack, at.y)
                                     : ImVec2(at.x, bar().top + slack));
  ImGui::BeginDisabled(!enabled);
  const bool pressed = ImGui::InvisibleButton(label, {side, side});
  ImGui::EndDisabled();
  const ImVec2 min = ImGui::GetItemRectMin(), max = ImGui::GetItemRectMax();
  centre = {(min.x + max.x) / 2, (min.y + max.y) / 2};
  hovered = enabled && ImGui::IsItemHovered();
  if (hovered) ImGui::SetMouseCursor(ImGuiMouseCursor_Hand);
  if (enabled) record(Shown::Kind::kButton, label, min, max);
  return pressed;
}

void tooltip(const char* label, const char* shortcut) {
  if (!ImGui::BeginItemTooltip()) return;
  ImGui::Dummy({0, px(2)});
  ImGui::Indent(px(8));
  std::string words = label;
  if (*shortcut) words += std::string("  (") + shortcut + ")";
  text_line(words, TextStyle::kSmall, theme().ink, px(220));
  ImGui::Dummy({measure(words, {TextStyle::kSmall, 0, 0}).x + px(8), px(2)});
  ImGui::EndTooltip();
}

ImU32 faded(ImU32 colour, float alpha) {
  const auto a = static_cast<ImU32>(static_cast<float>(colour >> IM_COL32_A_SHIFT) * alpha);
  return (colour & ~IM_COL32_A_MASK) | (a << IM_COL32_A_SHIFT);
}

}  // namespace

void begin_toolbar(const char* id, ImVec2 at, bool vertical) {
  bar() = {vertical, true};
  ImGui::SetCursorScreenPos({std::round(at.x), std::round(at.y)});
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {px(kToolPad), px(kToolPad)});
  ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {px(2), px(2)});
  ImGui::BeginChild(id, {0, 0},
                    ImGuiChildFlags_AutoResizeX | ImGuiChildFlags_AutoResizeY |
                        ImGuiChildFlags_AlwaysUseWindowPadding | ImGuiChildFlags_NavFlattened,
                    ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse);
  const ImVec2 min = ImGui::GetWindowPos(), size = ImGui::GetWindowSize();
  ImDrawList& list = *ImGui::GetWindowDrawList();
  list.PushClipRect(min, {min.x + size.x, min.y + size.y});
  draw_panel(list, min, {min.x + size.x, min.y + size.y}, theme().surface, theme().line, px(14));
  list.PopClipRect();
  bar().top = ImGui::GetCursorPosY();
}

void end_toolbar() {
  ImGui::EndChild();
  ImGui::PopStyleVar(2);
}

ImVec2 toolbar_size(const char* id) {
  // As BeginChild() names the window.
  const ImGuiWindow* parent = ImGui::GetCurrentWindow();
  const std::string name = std::string(parent->Name) + "/" + id;
  char with_id[512];
  ImFormatString(with_id, sizeof with_id, "%s_%08X", name.c_str(), ImGui::GetID(id));
  const ImGuiWindow* window = ImGui::FindWindowByName(with_id);
  return window ? window->Size : ImVec2(0, 0);
}

bool tool(Icon icon, const char* label, const char* shortcut, bool chosen, bool enabled) {
  ImVec2 centre;
  bool hovered = false;
  const float side = px(kToolSide);
  const bool pressed = square(label, side, enabled, centre, hovered);
  const Theme& t = theme();
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const ImVec2 min(centre.x - side / 2, centre.y - side / 2), max(min.x + side, min.y + side);
  if (chosen || hovered)
    draw_panel(list, min, max, chosen ? t.accent : t.accent_soft, 0, px(10));
  const ImU32 ink = chosen ? t.on_accent : t.ink;
  draw_icon(list, icon, centre, px(18), enabled ? ink : faded(ink, 0.35f));
  tooltip(label, shortcut);
  return pressed;
}

bool swatch(const char* label, ImU32 colour, bool chosen) {
  ImVec2 centre;
  bool hovered = false;
  const bool pressed = square(label, px(kSwatchSide), true, centre, hovered);
  const Theme& t = theme();
  ImDrawList& list = *ImGui::GetWindowDrawList();
  if (chosen || hovered)
    draw_disc(list, centre, px(kSwatchSide) / 2, chosen ? t.accent : t.line);
  draw_disc(list, centre, px(kSwatchSide) / 2 - px(2), t.surface);
  const float radius = px(kSwatchSide) / 2 - px(4);
  if ((colour & IM_COL32_A_MASK) == 0) {
    draw_disc(list, centre, radius, t.ink_soft);
    draw_disc(list, centre, radius - px(1.5f), t.surface);
    const float d = radius * 0.7f;
    list.AddLine({centre.x - d, centre.y + d}, {centre.x + d, centre.y - d}, t.bad, px(2));
  } else {
    draw_disc(list, centre, radius + px(1), t.line);  // seen also where it has the bar's colour
    draw_disc(list, centre, radius, colour);
  }
  tooltip(label, "");
  return pressed;
}

bool width_dot(const char* label, float width, bool chosen) {
  ImVec2 centre;
  bool hovered = false;
  const bool pressed = square(label, px(kSwatchSide), true, centre, hovered);
  const Theme& t = theme();
  ImDrawList& list = *ImGui::GetWindowDrawList();
  if (chosen || hovered)
    draw_disc(list, centre, px(kSwatchSide) / 2, chosen ? t.accent : t.accent_soft);
  draw_disc(list, centre, std::clamp(px(width) / 2, px(1.5f), px(kSwatchSide) / 2 - px(4)),
            chosen ? t.on_accent : t.ink);
  tooltip(label, "");
  return pressed;
}

void tool_gap() {
  const float side = px(kToolSide), space = px(7);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  next_item();
  if (!bar().vertical) ImGui::SetCursorPosY(bar().top);
  const ImVec2 at = ImGui::GetCursorScreenPos();
  if (bar().vertical) {
    ImGui::Dummy({side, space});
    const float y = std::round(at.y + space / 2);
    list.AddLine({at.x + px(6), y}, {at.x + side - px(6), y}, theme().line);
  } else {
    ImGui::Dummy({space, side});
    const float x = std::round(at.x + space / 2);
    list.AddLine({x, at.y + px(6)}, {x, at.y + side - px(6)}, theme().line);
  }
}

bool tool_text(const char* label, std::string_view words, float width) {
  next_item();
  if (!bar().vertical) ImGui::SetCursorPosY(bar().top);
  const ImVec2 size(width, px(kToolSide));
  const bool pressed = ImGui::InvisibleButton(label, size);
  const ImVec2 min = ImGui::GetItemRectMin(), max = ImGui::GetItemRectMax();
  record(Shown::Kind::kButton, label, min, max);
  if (ImGui::IsItemHovered())
    draw_panel(*ImGui::GetWindowDrawList(), min, max, theme().accent_soft, 0, px(10));
  const TextShape shape{TextStyle::kSmallStrong, width, 1};
  const ImVec2 text_size = measure(words, shape);
  draw_text({std::round((min.x + max.x - text_size.x) / 2),
             std::round((min.y + max.y - text_size.y) / 2)},
            words, theme().ink, shape);
  tooltip(label, "");
  return pressed;
}

bool hot_area(const char* label, ImVec2 size) {
  const bool pressed = ImGui::InvisibleButton(label, size, ImGuiButtonFlags_EnableNav);
  const ImVec2 min = ImGui::GetItemRectMin(), max = ImGui::GetItemRectMax();
  record(Shown::Kind::kButton, label, min, max);
  if (ImGui::IsItemHovered()) {
    ImGui::SetMouseCursor(ImGuiMouseCursor_Hand);
    draw_panel(*ImGui::GetWindowDrawList(), min, max, faded(theme().accent_soft, 0.6f), 0, px(8));
  }
  return pressed;
}

void remote_cursor(ImDrawList& list, ImVec2 at, std::string_view name) {
  const ImU32 colour = person_colour(name);
  const float u = px(1);
  const auto arrow = [&](float grow, ImU32 paint) {
    const ImVec2 tip(at.x - grow, at.y - grow * 1.6f);
    const ImVec2 left(at.x - grow, at.y + 16 * u + grow * 1.2f);
    const ImVec2 notch(at.x + 4.6f * u, at.y + 11.6f * u + grow * 0.6f);
    const ImVec2 right(at.x + 11.5f * u + grow * 1.4f, at.y + 11.2f * u + grow * 0.6f);
    list.AddTriangleFilled(tip, notch, left, paint);
    list.AddTriangleFilled(tip, right, notch, paint);
  };
  arrow(1.5f * u, IM_COL32_WHITE);
  arrow(0, colour);
  const TextShape shape{TextStyle::kSmallStrong, px(160), 1};
  const ImVec2 size = measure(name, shape);
  const ImVec2 min(std::round(at.x + 12 * u), std::round(at.y + 17 * u));
  draw_panel(list, min, {min.x + size.x + 14 * u, min.y + size.y + 4 * u}, colour, 0, px(8));
  draw_text({min.x + 7 * u, min.y + 2 * u}, name, IM_COL32_WHITE, shape);
}

}  // namespace atelier::ui
