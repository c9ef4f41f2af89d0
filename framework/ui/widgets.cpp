// Buttons, avatars, cards, states. Thread rule: main thread.
#include <algorithm>
#include <cmath>

#include <imgui_internal.h>

#include "ui/state.h"

namespace atelier::ui {
namespace {

struct Paint {
  ImU32 ground, ink, border;
};

Paint paint_of(ButtonKind kind, bool hovered) {
  const Theme& t = theme();
  switch (kind) {
    case ButtonKind::kPrimary:
      return {hovered ? t.accent_hover : t.accent, t.on_accent, 0};
    case ButtonKind::kPlain:
      return {hovered ? t.accent_soft : t.surface, t.ink, t.line};
    case ButtonKind::kQuiet:
      return {hovered ? t.accent_soft : 0, t.ink, 0};
    case ButtonKind::kDanger:
      return {hovered ? t.bad_soft : t.surface, t.bad, t.bad};
  }
  return {};
}

ImU32 with_alpha(ImU32 colour, float alpha) {
  const auto a = static_cast<ImU32>(static_cast<float>(colour >> IM_COL32_A_SHIFT) * alpha);
  return (colour & ~IM_COL32_A_MASK) | (a << IM_COL32_A_SHIFT);
}

// The button's behaviour without its looks.
struct Pressable {
  bool pressed, hovered;
  ImVec2 min, max;
};
Pressable pressable(const char* label, ImVec2 size, bool enabled) {
  ImGui::BeginDisabled(!enabled);
  Pressable result{};
  result.pressed = ImGui::InvisibleButton(label, size, ImGuiButtonFlags_EnableNav);
  ImGui::EndDisabled();
  result.hovered = enabled && ImGui::IsItemHovered();
  result.min = ImGui::GetItemRectMin();
  result.max = ImGui::GetItemRectMax();
  if (result.hovered) ImGui::SetMouseCursor(ImGuiMouseCursor_Hand);
  if (enabled) record(Shown::Kind::kButton, label, result.min, result.max);
  return result;
}

TextShape pill_text(float width_max) {
  return {TextStyle::kSmallStrong, std::max(px(30), width_max - px(38)), 1};
}

constexpr float kBubblePadX = 12, kBubblePadY = 8, kAvatar = 34, kBubbleGap = 4, kGroupGap = 14;

struct BubbleShape {
  ImVec2 text, time;
  float wrap, name_height, top;  // top: the space above
  bool time_beside;              // the last line, rather than under it
  ImVec2 size;                   // of the bubble
};

BubbleShape shape_bubble(const Bubble& b, float width) {
  BubbleShape s{};
  const float side = px(kAvatar) + px(10);
  s.wrap = std::max(px(60), std::min(px(560), (width - side) * 0.82f - 2 * px(kBubblePadX)));
  s.text = measure(b.text, {TextStyle::kBody, s.wrap, 0});
  s.time = measure(b.time, {TextStyle::kSmall, 0, 0});
  const float last = last_line_width(b.text, {TextStyle::kBody, s.wrap, 0}) + px(10) + s.time.x;
  s.time_beside = last <= s.wrap;
  s.name_height = b.first && !b.own ? line_height(TextStyle::kSmallStrong) + px(2) : 0;
  s.top = px(b.first ? kGroupGap : kBubbleGap);
  const float inner = std::max(s.text.x, s.time_beside ? last : s.time.x);
  s.size = {inner + 2 * px(kBubblePadX),
            s.text.y + (s.time_beside ? 0 : s.time.y) + 2 * px(kBubblePadY)};
  return s;
}

}  // namespace

std::string_view visible_part(const char* label) {
  const std::string_view all(label);
  return all.substr(0, all.find("##"));
}

void draw_popup_ground() {
  const ImVec2 min = ImGui::GetWindowPos(), size = ImGui::GetWindowSize();
  ImDrawList& list = *ImGui::GetWindowDrawList();
  list.PushClipRect(min, {min.x + size.x, min.y + size.y});
  draw_panel(list, min, {min.x + size.x, min.y + size.y}, theme().surface, theme().line, px(14));
  list.PopClipRect();
}

bool button(const char* label, ButtonKind kind, float width, bool enabled) {
  const std::string_view words = visible_part(label);
  const TextStyle style = kind == ButtonKind::kPrimary ? TextStyle::kStrong : TextStyle::kBody;
  const ImVec2 text_size = measure(words, {style, 0, 0});
  const ImVec2 size(width > 0 ? width : text_size.x + px(36), text_size.y + px(18));
  const Pressable p = pressable(label, size, enabled);
  const Paint paint = paint_of(kind, p.hovered);
  const float alpha = enabled ? 1 : 0.45f, rounding = px(10);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  draw_panel(list, p.min, p.max, with_alpha(paint.ground, alpha), with_alpha(paint.border, alpha),
             rounding);
  const float room = p.max.x - p.min.x - px(12);
  const TextShape shape{style, room, 1};
  const ImVec2 shown = measure(words, shape);
  draw_text({p.min.x + std::floor((p.max.x - p.min.x - shown.x) / 2), p.min.y + px(9)}, words,
            with_alpha(paint.ink, alpha), shape);
  return p.pressed;
}

bool floating_button(const char* label, ImVec2 at) {
  const ImVec2 words = measure(visible_part(label), {TextStyle::kStrong, 0, 0});
  const ImVec2 size(words.x + px(36), words.y + px(18));
  // A window of its own takes the pointer before the one below it.
  ImGui::SetCursorScreenPos({std::round(at.x - size.x / 2), std::round(at.y - size.y)});
  ImGui::BeginChild(label, size, ImGuiChildFlags_NavFlattened, ImGuiWindowFlags_NoScrollbar);
  const bool pressed = button(label, ButtonKind::kPrimary, size.x);
  ImGui::EndChild();
  return pressed;
}

bool icon_button(Icon icon, const char* label, ButtonKind kind, bool enabled) {
  const float diameter = px(38);
  const Pressable p = pressable(label, {diameter, diameter}, enabled);
  const Paint paint = paint_of(kind, p.hovered);
  const float alpha = enabled ? 1 : 0.45f;
  const ImVec2 centre((p.min.x + p.max.x) / 2, (p.min.y + p.max.y) / 2);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  draw_panel(list, p.min, p.max, with_alpha(paint.ground, alpha), with_alpha(paint.border, alpha),
             diameter / 2);
  draw_icon(list, icon, centre, diameter * 0.48f, with_alpha(paint.ink, alpha));
  if (p.hovered && ImGui::BeginTooltip()) {
    ImGui::Dummy({0, px(2)});
    ImGui::Indent(px(8));
    text_line(visible_part(label), TextStyle::kSmall, 0, px(300));
    ImGui::Unindent(px(8));
    ImGui::Dummy({0, 0});
    ImGui::EndTooltip();
  }
  return p.pressed;
}

void avatar(std::string_view name, float diameter) {
  const ImVec2 at = ImGui::GetCursorScreenPos();
  ImGui::Dummy({diameter, diameter});
  const ImVec2 centre(at.x + diameter / 2, at.y + diameter / 2);
  draw_disc(*ImGui::GetWindowDrawList(), centre, diameter / 2, person_colour(name));
  const TextShape shape{diameter > px(44) ? TextStyle::kHeading : TextStyle::kSmallStrong, 0, 0};
  const std::string letters = initials(name);
  const ImVec2 size = measure(letters, shape);
  draw_text({centre.x - size.x / 2, centre.y - size.y / 2}, letters, IM_COL32_WHITE, shape);
}

float status_pill_width(std::string_view words, float width_max) {
  // Words that do not fit at all take the whole width, so that a caller can tell.
  if (measure(words, {TextStyle::kSmallStrong, 0, 0}).x + px(38) > width_max) return width_max;
  return measure(words, pill_text(width_max)).x + px(38);
}

bool status_pill(std::string_view words, Mood mood, float width_max) {
  const Theme& t = theme();
  const ImU32 grounds[] = {t.sunken, t.good_soft, t.warn_soft, t.bad_soft};
  const ImU32 inks[] = {t.ink_soft, t.good, t.warn, t.bad};
  const auto index = static_cast<std::size_t>(mood);
  const TextShape shape = pill_text(width_max);
  const ImVec2 text_size = measure(words, shape);
  const ImVec2 size(status_pill_width(words, width_max), px(30));
  ImGui::PushID("status pill");
  const Pressable p = pressable("Status", size, true);
  ImGui::PopID();
  ImDrawList& list = *ImGui::GetWindowDrawList();
  draw_panel(list, p.min, p.max, grounds[index], p.hovered ? inks[index] : 0, size.y / 2);
  draw_disc(list, {p.min.x + px(16), p.min.y + size.y / 2}, px(4), inks[index]);
  draw_text({p.min.x + px(26), p.min.y + (size.y - text_size.y) / 2}, words, inks[index], shape);
  return p.pressed;
}

float bubble_height(const Bubble& bubble, float width) {
  const BubbleShape s = shape_bubble(bubble, width);
  return std::round(s.top + s.name_height + s.size.y);
}

void draw_bubble(const Bubble& b, float width) {
  const Theme& t = theme();
  const BubbleShape s = shape_bubble(b, width);
  const ImVec2 at = ImGui::GetCursorScreenPos();
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const float indent = px(kAvatar) + px(10);
  const float left = std::round(b.own ? at.x + width - s.size.x : at.x + indent);
  float y = at.y + s.top;
  if (s.name_height > 0) {
    ImGui::SetCursorScreenPos({at.x, y + px(2)});
    avatar(b.sender, px(kAvatar));
    draw_text({left + px(2), y}, b.sender, t.dark ? t.ink_soft : person_colour(b.sender),
              {TextStyle::kSmallStrong, std::max(px(40), width - indent - px(8)), 1});
    y += s.name_height;
  }
  y = std::round(y);
  const ImVec2 max(left + s.size.x, y + s.size.y);
  draw_panel(list, {left, y}, max, b.own ? t.accent_soft : t.surface, b.own ? 0 : t.line, px(14));
  const ImVec2 text_at(left + px(kBubblePadX), y + px(kBubblePadY));
  draw_text(text_at, b.text, t.ink, {TextStyle::kBody, s.wrap, 0});
  const float time_y = text_at.y + s.text.y - (s.time_beside ? s.time.y + px(1) : 0);
  draw_text({max.x - px(kBubblePadX) - s.time.x, time_y}, b.time,
            with_alpha(b.own && t.dark ? t.ink : t.ink_soft, b.pending ? 0.6f : 1.0f),
            {TextStyle::kSmall, 0, 0});
  ImGui::SetCursorScreenPos(at);
}

float divider_height() {
  return px(44);
}

void draw_divider(std::string_view words, float width) {
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const TextShape shape{TextStyle::kSmall, width * 0.7f, 1};
  const ImVec2 size = measure(words, shape);
  const float y = std::round(at.y + divider_height() / 2 + px(4));
  const float left = at.x + (width - size.x) / 2 - px(14), right = left + size.x + px(28);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  list.AddLine({at.x, y}, {left, y}, theme().line);
  list.AddLine({right, y}, {at.x + width, y}, theme().line);
  draw_text({left + px(14), y - size.y / 2}, words, theme().ink_soft, shape);
}

void empty_state(std::string_view title, std::string_view hint) {
  const ImVec2 at = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
  const float wrap = std::max(px(80), std::min(room.x - px(32), px(420)));
  const TextShape big{TextStyle::kHeading, wrap, 0}, small{TextStyle::kBody, wrap, 0};
  const ImVec2 title_size = measure(title, big), hint_size = measure(hint, small);
  const float y = at.y + std::max(0.0f, (room.y - title_size.y - hint_size.y - px(8)) / 2);
  const float centre = at.x + room.x / 2;
  draw_text({std::round(centre - title_size.x / 2), std::round(y)}, title, theme().ink, big);
  draw_text({std::round(centre - hint_size.x / 2), std::round(y + title_size.y + px(8))}, hint,
            theme().ink_soft, small);
}

void begin_card(const char* id, float width, bool chosen) {
  const Theme& t = theme();
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {px(18), px(16)});
  ImGui::BeginChild(id, {width, 0},
                    ImGuiChildFlags_AutoResizeY | ImGuiChildFlags_AlwaysUseWindowPadding |
                        ImGuiChildFlags_NavFlattened,
                    ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse);
  ImGui::PopStyleVar();
  const ImVec2 min = ImGui::GetWindowPos(), size = ImGui::GetWindowSize();
  ImDrawList& list = *ImGui::GetWindowDrawList();
  list.PushClipRect(min, {min.x + size.x, min.y + size.y});
  draw_panel(list, min, {min.x + size.x, min.y + size.y}, t.surface, chosen ? t.accent : t.line,
             px(14), chosen ? px(2) : px(1));
  list.PopClipRect();
}

void end_card() {
  ImGui::EndChild();
}

bool begin_popup(const char* id, ImVec2 at, float width, float padding) {
  ImGui::SetNextWindowPos(at);
  ImGui::SetNextWindowSize({width, 0});
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {px(padding), px(padding)});
  ImGui::PushStyleVar(ImGuiStyleVar_PopupBorderSize, 0);
  ImGui::PushStyleColor(ImGuiCol_PopupBg, IM_COL32_BLACK_TRANS);
  const bool open = ImGui::BeginPopup(id, ImGuiWindowFlags_NoMove);
  ImGui::PopStyleColor();
  ImGui::PopStyleVar(2);
  if (open) draw_popup_ground();
  return open;
}

void end_popup() {
  ImGui::EndPopup();
}

}  // namespace atelier::ui
