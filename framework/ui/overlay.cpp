// What lies over the screen: toasts and questions. Thread rule: main thread.
#include <algorithm>

#include <imgui_internal.h>

#include "base/limits.h"
#include "ui/state.h"

namespace atelier::ui {

void draw_toasts();  // called by end_frame()

namespace {

constexpr int kToastsShownMax = 3;

void draw_toast(const ToastNote& note, float& bottom) {
  const Theme& t = theme();
  const ImU32 edges[] = {t.line, t.good, t.warn, t.bad};
  const ImVec2 screen = ImGui::GetIO().DisplaySize;
  const TextShape shape{TextStyle::kBody, std::min(px(460), screen.x - px(80)), 4};
  const ImVec2 size = measure(note.text, shape);
  const ImVec2 box(size.x + px(36), size.y + px(22));
  const ImVec2 min((screen.x - box.x) / 2, bottom - box.y), max(min.x + box.x, bottom);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  draw_panel(list, {min.x, min.y + px(3)}, {max.x, max.y + px(3)}, IM_COL32(0, 0, 0, 36), 0,
             px(12));
  draw_panel(list, min, max, t.surface, edges[static_cast<std::size_t>(note.mood)], px(12),
             px(1.5f));
  draw_text({min.x + px(18), min.y + px(11)}, note.text, t.ink, shape);
  bottom = min.y - px(10);
}

}  // namespace

void toast(std::string_view words, Mood mood) {
  if (!is_started()) return;
  State& s = state();
  const double until = ImGui::GetTime() + kToastMs / 1000.0;
  for (auto& note : s.toasts)
    if (note.text == words) {  // said again: stays longer, is not repeated
      note.until_s = until;
      return;
    }
  s.toasts.push_back({std::string(words), mood, until});
  redraw_in_ms(0);
}

void draw_toasts() {
  State& s = state();
  const double now = ImGui::GetTime();
  std::erase_if(s.toasts, [now](const ToastNote& note) { return note.until_s <= now; });
  if (s.toasts.empty()) return;
  for (const auto& note : s.toasts) redraw_in_ms(static_cast<int>((note.until_s - now) * 1000) + 1);
  const ImVec2 screen = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowPos({0, 0});
  ImGui::SetNextWindowSize(screen);
  ImGui::Begin("##toasts", nullptr,
               ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoInputs | ImGuiWindowFlags_NoNav |
                   ImGuiWindowFlags_NoBackground | ImGuiWindowFlags_NoFocusOnAppearing |
                   ImGuiWindowFlags_NoSavedSettings);
  ImGui::BringWindowToDisplayFront(ImGui::GetCurrentWindow());
  float bottom = screen.y - px(96);
  int drawn = 0;
  for (auto note = s.toasts.rbegin(); note != s.toasts.rend() && drawn < kToastsShownMax;
       ++note, ++drawn)
    draw_toast(*note, bottom);
  ImGui::End();
}

void confirm_ask(const char* id) {
  state().confirm_id = id;
}

bool confirm(const char* id, std::string_view title, std::string_view words, const char* yes,
             bool dangerous) {
  State& s = state();
  if (s.confirm_id == id && !ImGui::IsPopupOpen(id)) ImGui::OpenPopup(id);
  const ImVec2 screen = ImGui::GetIO().DisplaySize;
  const float width = std::min(px(440), screen.x - px(40));
  ImGui::SetNextWindowPos({screen.x / 2, screen.y / 2}, ImGuiCond_Always, {0.5f, 0.5f});
  ImGui::SetNextWindowSize({width, 0});
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {px(24), px(22)});
  ImGui::PushStyleVar(ImGuiStyleVar_PopupBorderSize, 0);
  ImGui::PushStyleColor(ImGuiCol_PopupBg, IM_COL32_BLACK_TRANS);
  const bool open =
      ImGui::BeginPopupModal(id, nullptr,
                             ImGuiWindowFlags_NoTitleBar | ImGuiWindowFlags_NoResize |
                                 ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings);
  ImGui::PopStyleColor();
  ImGui::PopStyleVar(2);
  if (!open) return false;
  draw_popup_ground();
  text(title, TextStyle::kHeading);
  text(words, TextStyle::kBody, theme().ink_soft);
  ImGui::Dummy({0, px(6)});
  const float half = (ImGui::GetContentRegionAvail().x - px(10)) / 2;
  const bool no =
      button("Cancel", ButtonKind::kPlain, half) || ImGui::IsKeyPressed(ImGuiKey_Escape, false);
  ImGui::SameLine(0, px(10));
  const bool answer = button(yes, dangerous ? ButtonKind::kDanger : ButtonKind::kPrimary, half);
  if (no || answer) {
    s.confirm_id.clear();
    ImGui::CloseCurrentPopup();
  }
  ImGui::EndPopup();
  return answer;
}

}  // namespace atelier::ui
