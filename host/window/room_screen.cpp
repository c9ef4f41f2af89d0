// A room on screen: the bar above, the plugin below. Thread rule: main thread.
#include <algorithm>
#include <utility>

#include <imgui.h>
#include <imgui_internal.h>

#include "atelier/ui.h"
#include "window/screens.h"
#include "window/status_words.h"

namespace atelier::host {
namespace {

using ui::px;

constexpr float kBarHeight = 64;
constexpr const char* kDeleteQuestion = "##delete room";

// Where something of that width hangs from the bar's right end.
ImVec2 below_bar(float width) {
  return {ImGui::GetIO().DisplaySize.x - width - px(12), px(kBarHeight) + px(6)};
}

ui::Mood mood_of(StatusMood mood) {
  return static_cast<ui::Mood>(mood);
}

// A plugin that throws in the middle leaves windows, groups and styles open: close them.
template <class Function>
void with_imgui_recovery(Function&& function) {
  ImGuiErrorRecoveryState before;
  ImGui::ErrorRecoveryStoreState(&before);
  function();
  ImGui::ErrorRecoveryTryToRecoverState(&before);
}

}  // namespace

RoomScreen::RoomScreen(std::unique_ptr<OpenRoom> open) : open_(std::move(open)) {}

RoomScreen::Wish RoomScreen::draw() {
  const FullScreen full("##room");
  const Wish wish = draw_bar();
  draw_plugin();
  draw_new_problems();
  const bool deleted = ui::confirm(kDeleteQuestion, "Delete this room from this computer?",
                                   delete_question(), "Delete", true);
  return deleted ? Wish::kDelete : wish;
}

RoomScreen::Wish RoomScreen::draw_bar() {
  const ui::Theme& t = ui::theme();
  const ImVec2 origin = ImGui::GetCursorScreenPos();
  const float whole = ImGui::GetContentRegionAvail().x, height = px(kBarHeight);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  list.AddRectFilled(origin, {origin.x + whole, origin.y + height}, t.surface);
  list.AddLine({origin.x, origin.y + height}, {origin.x + whole, origin.y + height}, t.line);
  const float middle = origin.y + (height - px(38)) / 2;
  ImGui::SetCursorScreenPos({origin.x + px(12), middle});
  Wish wish = ui::icon_button(ui::Icon::kBack, "Leave") ? Wish::kLeave : Wish::kStay;
  const float status_left = draw_status(std::min(px(440), whole * 0.48f));
  ImGui::SetCursorScreenPos({origin.x + px(60), origin.y + px(9)});
  draw_names(status_left - origin.x - px(60 + 16));
  ImGui::SetCursorScreenPos({origin.x + whole - px(50), middle});
  const Wish from_menu = draw_menu();
  ImGui::SetCursorScreenPos({origin.x, origin.y + height + 1});
  return from_menu == Wish::kStay ? wish : from_menu;
}

void RoomScreen::draw_names(float width) {
  ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
  ImGui::BeginGroup();
  ui::text_line(open_->room().title(), ui::TextStyle::kHeading, 0, width);
  ui::text_line(open_->plugin_name() + " \u00B7 you are " + open_->room().user().name,
                ui::TextStyle::kSmall, ui::theme().ink_soft, width);
  ImGui::EndGroup();
  ImGui::PopStyleVar();
}

// Its right edge stands beside the menu. Returns its left edge.
float RoomScreen::draw_status(float width_max) {
  const auto status =
      status_in_words(open_->room().sync_status(), open_->serving(), open_->address());
  std::string words = status.words;
  if (ui::status_pill_width(words, width_max) >= width_max && !status.brief.empty())
    words = status.brief;
  const float x = ImGui::GetWindowPos().x + ImGui::GetWindowSize().x - px(58) -
                  ui::status_pill_width(words, width_max);
  ImGui::SetCursorScreenPos({x, ImGui::GetWindowPos().y + (px(kBarHeight) - px(30)) / 2});
  if (ui::status_pill(words, mood_of(status.mood), width_max)) ImGui::OpenPopup("##details");
  draw_details();
  return x;
}

void RoomScreen::draw_details() {
  const float width = std::min(px(400), ImGui::GetIO().DisplaySize.x - px(24));
  if (!ui::begin_popup("##details", below_bar(width), width)) return;
  const SyncStatus status = open_->room().sync_status();
  const bool only_serving = status.state == SyncState::kNone && open_->serving();
  ui::text(only_serving ? "You are serving this room"
                        : status_in_words(status, open_->serving(), open_->address()).words,
           ui::TextStyle::kStrong);
  if (only_serving)
    ui::text("Others on this computer find it by themselves and join.", ui::TextStyle::kBody,
             ui::theme().ink_soft);
  for (const auto& detail : status_details(status, open_->serving(), open_->address(), now_ms())) {
    ui::text_line(detail.name, ui::TextStyle::kSmallStrong, ui::theme().ink_soft);
    ui::text(detail.value, ui::TextStyle::kBody);
  }
  if (status.retry_at_ms > 0) ui::redraw_in_ms(1'000);  // the seconds until the next try
  ImGui::Dummy({0, px(2)});
  if (status.state != SyncState::kNone && ui::button("Try now", ui::ButtonKind::kPrimary))
    open_->room().sync_now();
  const std::string address = open_->serving() ? open_->address() : status.peer;
  if (!address.empty()) {
    if (status.state != SyncState::kNone) ImGui::SameLine();
    if (ui::button("Copy address")) {
      ImGui::SetClipboardText(address.c_str());
      ui::toast("Copied " + address);
    }
  }
  ui::end_popup();
}

RoomScreen::Wish RoomScreen::draw_menu() {
  if (ui::icon_button(ui::Icon::kMenu, "Menu")) ImGui::OpenPopup("##menu");
  const float width = px(330);
  if (!ui::begin_popup("##menu", below_bar(width), width, 8)) return Wish::kStay;
  Wish wish = Wish::kStay;
  if (ui::button("Leave this room", ui::ButtonKind::kQuiet, ImGui::GetContentRegionAvail().x))
    wish = Wish::kLeave;
  if (ui::button("Delete this room from this computer\u2026", ui::ButtonKind::kQuiet,
                 ImGui::GetContentRegionAvail().x)) {
    ui::confirm_ask(kDeleteQuestion);
    ImGui::CloseCurrentPopup();
  }
  ui::end_popup();
  return wish;
}

std::string RoomScreen::delete_question() {
  const SyncStatus status = open_->room().sync_status();
  std::string words = "\u201C" + open_->room().title() + "\u201D";
  if (const auto count = open_->document_count())
    words += " and its " + std::to_string(*count) + (*count == 1 ? " document" : " documents");
  words +=
      " will be removed from this computer. Copies on other people\u2019s computers and on servers "
      "stay as they are.";
  if (status.state == SyncState::kNone && !open_->serving())
    words += " As far as this computer knows, nobody else has a copy.";
  else if (status.waiting > 0)
    words += " " + std::to_string(status.waiting) +
             " of your messages did not reach anybody yet and would be lost.";
  return words;
}

void RoomScreen::draw_plugin() {
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {px(16), 0});
  ImGui::BeginChild("##plugin", {0, 0},
                    ImGuiChildFlags_AlwaysUseWindowPadding | ImGuiChildFlags_NavFlattened,
                    ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse);
  ImGui::PopStyleVar();
  if (!failure_) with_imgui_recovery([&] { failure_ = open_->draw_plugin(); });
  if (failure_) draw_failure(*failure_);
  ImGui::EndChild();
}

void RoomScreen::draw_failure(const std::string& error) {
  const float width = std::min(px(560), ImGui::GetContentRegionAvail().x);
  ImGui::SetCursorPos({(ImGui::GetWindowSize().x - width) / 2, px(48)});
  ui::begin_card("failure", width);
  ui::text(open_->plugin_name() + " stopped", ui::TextStyle::kHeading, ui::theme().bad);
  ui::text(error);
  ui::text("Nothing that was written is lost. The room goes on syncing.", ui::TextStyle::kBody,
           ui::theme().ink_soft);
  ImGui::Dummy({0, px(4)});
  if (ui::button("Reload", ui::ButtonKind::kPrimary)) {
    if (auto status = open_->reload_plugin(); status)
      failure_.reset();
    else
      failure_ = status.error().message;
  }
  ui::end_card();
}

void RoomScreen::draw_new_problems() {
  const auto problems = open_->room().problems();
  for (; problems_seen_ < problems.size(); ++problems_seen_)
    ui::toast(problems[problems_seen_].text, ui::Mood::kWarn);
}

}  // namespace atelier::host
