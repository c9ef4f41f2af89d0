// A room on screen: the bar above, its tabs, the plugin below. Thread rule: main thread.
#include <algorithm>
#include <cmath>
#include <utility>

#include <imgui.h>
#include <imgui_internal.h>

#include "atelier/ui.h"
#include "window/screens.h"
#include "window/status_words.h"

namespace atelier::host {
namespace {

using ui::px;

constexpr float kBarHeight = 64, kTabsHeight = 42;
constexpr float kTabWidthMax = 210;
constexpr float kAvatarSide = 32, kAvatarStep = 24;
constexpr std::size_t kAvatarsMax = 4;  // the others are in the list
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

RoomScreen::RoomScreen(std::unique_ptr<OpenRoom> open, NodeView& node)
    : open_(std::move(open)), node_(node) {
  if (const auto tabs = open_->tabs(); !tabs.empty()) shown_ = tabs.front().plugin_id;
}

RoomScreen::Wish RoomScreen::draw() {
  const FullScreen full("##room");
  Wish wish = draw_bar();
  if (const auto words = open_->ended()) {  // in the room's place until it is answered
    const Wish answer = draw_ended(*words);
    if (wish == Wish::kStay) wish = answer;
  } else {
    draw_tabs();
    draw_plugin();
  }
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
  const float status_left = draw_status(std::min(px(440), whole * 0.44f));
  const float people_left = draw_people(status_left - px(14));
  ImGui::SetCursorScreenPos({origin.x + px(60), origin.y + px(9)});
  draw_names(people_left - origin.x - px(60 + 14));
  ImGui::SetCursorScreenPos({origin.x + whole - px(50), middle});
  const Wish from_menu = draw_menu();
  ImGui::SetCursorScreenPos({origin.x, origin.y + height + 1});
  return from_menu == Wish::kStay ? wish : from_menu;
}

void RoomScreen::draw_names(float width) {
  ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
  ImGui::BeginGroup();
  ui::text_line(open_->room().title(), ui::TextStyle::kHeading, 0, width);
  ui::text_line("you are " + open_->room().user().name, ui::TextStyle::kSmall,
                ui::theme().ink_soft, width);
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

// The others' faces, their right edge at `right`; a press lists everybody. Returns the left edge.
float RoomScreen::draw_people(float right) {
  const auto people = open_->room().people();
  const std::size_t others = people.empty() ? 0 : people.size() - 1;
  if (others == 0) return right;
  const std::size_t shown = std::min(others, kAvatarsMax);
  const std::string more = others > shown ? "+" + std::to_string(others - shown) : "";
  const float more_width =
      more.empty() ? 0 : ui::measure(more, {ui::TextStyle::kSmallStrong, 0, 0}).x + px(6);
  const float width =
      px(kAvatarSide) + px(kAvatarStep) * static_cast<float>(shown - 1) + more_width;
  const ImVec2 at(right - width, ImGui::GetWindowPos().y + (px(kBarHeight) - px(kAvatarSide)) / 2);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  for (std::size_t i = 0; i < shown; ++i) {
    const ImVec2 corner(at.x + px(kAvatarStep) * static_cast<float>(i), at.y);
    ui::draw_disc(list, {corner.x + px(kAvatarSide) / 2, corner.y + px(kAvatarSide) / 2},
                  px(kAvatarSide) / 2 + px(2), ui::theme().surface);
    ImGui::SetCursorScreenPos(corner);
    ui::avatar(people[i + 1].name, px(kAvatarSide));
  }
  if (!more.empty())
    ui::draw_text({right - more_width + px(5), at.y + px(8)}, more, ui::theme().ink_soft,
                  {ui::TextStyle::kSmallStrong, 0, 0});
  ImGui::SetCursorScreenPos(at);
  if (ui::hot_area("People", {width, px(kAvatarSide)})) ImGui::OpenPopup("##people");
  draw_people_list();
  return at.x;
}

void RoomScreen::draw_people_list() {
  const float width = px(280);
  if (!ui::begin_popup("##people", below_bar(width), width, 12)) return;
  ui::text("In this room now", ui::TextStyle::kSmallStrong, ui::theme().ink_soft);
  const float height =
      std::min(px(44) * static_cast<float>(open_->room().people().size()), px(320));
  ImGui::BeginChild("##names", {0, height});
  for (const auto& person : open_->room().people()) {
    ui::avatar(person.name, px(kAvatarSide));
    ImGui::SameLine(0, px(10));
    const ImVec2 at = ImGui::GetCursorScreenPos();
    ImGui::SetCursorScreenPos({at.x, at.y + px(6)});
    ui::text_line(person.self ? person.name + " (you)" : person.name, ui::TextStyle::kBody);
  }
  ImGui::EndChild();
  ui::end_popup();
}

void RoomScreen::draw_tabs() {
  const ui::Theme& t = ui::theme();
  const ImVec2 origin = ImGui::GetCursorScreenPos();
  const float whole = ImGui::GetContentRegionAvail().x, height = px(kTabsHeight);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  list.AddRectFilled(origin, {origin.x + whole, origin.y + height}, t.surface);
  list.AddLine({origin.x, origin.y + height}, {origin.x + whole, origin.y + height}, t.line);
  const auto tabs = open_->tabs();
  const float room = whole - px(24 + 50);
  const float width_max =
      std::min(px(kTabWidthMax), room / static_cast<float>(std::max<std::size_t>(1, tabs.size())));
  float x = origin.x + px(12);
  for (const auto& tab : tabs) {
    const float words = ui::measure(tab.name, {ui::TextStyle::kStrong, 0, 0}).x;
    const float width =
        std::min(width_max, std::max(px(100), words + px(tabs.size() > 1 ? 56 : 30)));
    ImGui::SetCursorScreenPos({x, origin.y + px(2)});
    draw_tab(tab, width - px(4), tabs.size() > 1);
    x += width;
  }
  ImGui::SetCursorScreenPos({x + px(2), origin.y + px(2)});
  if (ui::icon_button(ui::Icon::kPlus, "Add another view of this room")) ImGui::OpenPopup("##add");
  draw_add_menu({x, origin.y + height});
  ImGui::SetCursorScreenPos({origin.x, origin.y + height + 1});
  if (to_close_) {
    open_->close_plugin(*to_close_);
    failures_.erase(*to_close_);
    if (shown_ == *to_close_) shown_ = open_->tabs().front().plugin_id;
    to_close_.reset();
    ui::redraw_in_ms(0);
  }
  if (to_show_) {
    shown_ = *std::exchange(to_show_, std::nullopt);
    ui::redraw_in_ms(0);
  }
}

void RoomScreen::draw_tab(const OpenRoom::Tab& tab, float width, bool can_close) {
  const ui::Theme& t = ui::theme();
  const bool front = tab.plugin_id == shown_;
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float height = px(kTabsHeight - 2), cross = px(26);
  ImGui::PushID(tab.plugin_id.c_str());
  const bool closable = can_close && width > px(90);
  if (ui::hot_area(tab.name.c_str(), {width - (closable ? cross : 0), height}) && !front)
    to_show_ = tab.plugin_id;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  if (front) list.AddRectFilled({at.x, at.y + height - px(3)}, {at.x + width, at.y + height}, t.accent);
  const ui::TextShape shape{front ? ui::TextStyle::kStrong : ui::TextStyle::kBody,
                            width - px(20) - (closable ? cross : 0), 1};
  const float y = at.y + (height - ui::line_height(shape.style)) / 2;
  ui::draw_text({at.x + px(10), std::round(y)}, tab.name, front ? t.ink : t.ink_soft, shape);
  if (closable) {
    ImGui::SetCursorScreenPos({at.x + width - cross, at.y + px(6)});
    const std::string label = "Close " + tab.name;
    if (ui::hot_area(label.c_str(), {cross, height - px(10)})) to_close_ = tab.plugin_id;
    ui::draw_icon(list, ui::Icon::kClose, {at.x + width - cross / 2, at.y + height / 2}, px(13),
                  t.ink_soft);
  }
  ImGui::PopID();
}

void RoomScreen::draw_add_menu(ImVec2 at) {
  const float width = px(330);
  at.x = std::min(at.x, ImGui::GetIO().DisplaySize.x - width - px(12));
  if (!ui::begin_popup("##add", at, width, 12)) return;
  ui::text("Open in this room", ui::TextStyle::kSmallStrong, ui::theme().ink_soft);
  const auto tabs = open_->tabs();
  for (const auto& plugin : node_.plugins()) {
    if (!plugin.problem.empty()) continue;
    const ImVec2 corner = ImGui::GetCursorScreenPos();
    if (ui::hot_area(plugin.name.c_str(), {ImGui::GetContentRegionAvail().x, px(56)})) {
      if (const auto opened = open_->open_plugin(plugin.id); opened)
        to_show_ = plugin.id;
      else
        ui::toast(opened.error().message, ui::Mood::kBad);
      ImGui::CloseCurrentPopup();
    }
    draw_plugin_picture(plugin, {corner.x + px(6), corner.y + px(7)}, px(42));
    const float text_width = width - px(92);
    ui::draw_text({corner.x + px(60), corner.y + px(8)}, plugin.name, ui::theme().ink,
                  {ui::TextStyle::kStrong, text_width, 1});
    ui::draw_text({corner.x + px(60), corner.y + px(30)}, plugin.description,
                  ui::theme().ink_soft, {ui::TextStyle::kSmall, text_width, 1});
  }
  ui::end_popup();
}

void RoomScreen::draw_plugin() {
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {px(16), 0});
  ImGui::BeginChild("##plugin", {0, 0},
                    ImGuiChildFlags_AlwaysUseWindowPadding | ImGuiChildFlags_NavFlattened,
                    ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse);
  ImGui::PopStyleVar();
  // Under its own name: what two plugins call alike is not the same thing.
  ImGui::PushID(shown_.c_str());
  if (!failures_.contains(shown_)) {
    std::optional<std::string> failure;
    with_imgui_recovery([&] { failure = open_->draw_plugin(shown_); });
    if (failure) failures_[shown_] = *failure;
  }
  if (const auto failure = failures_.find(shown_); failure != failures_.end())
    draw_failure(failure->second);
  ImGui::PopID();
  ImGui::EndChild();
}

void RoomScreen::draw_failure(const std::string& error) {
  const float width = std::min(px(560), ImGui::GetContentRegionAvail().x);
  ImGui::SetCursorPos({(ImGui::GetWindowSize().x - width) / 2, px(48)});
  ui::begin_card("failure", width);
  std::string name = shown_;
  for (const auto& tab : open_->tabs())
    if (tab.plugin_id == shown_) name = tab.name;
  ui::text(name + " stopped", ui::TextStyle::kHeading, ui::theme().bad);
  ui::text(error);
  ui::text("Nothing that was written is lost. The room goes on syncing.", ui::TextStyle::kBody,
           ui::theme().ink_soft);
  ImGui::Dummy({0, px(4)});
  if (ui::button("Reload", ui::ButtonKind::kPrimary)) {
    if (auto status = open_->reload_plugin(shown_); status)
      failures_.erase(shown_);
    else
      failures_[shown_] = status.error().message;
  }
  ui::end_card();
}

void RoomScreen::draw_new_problems() {
  const auto problems = open_->room().problems();
  for (; problems_seen_ < problems.size(); ++problems_seen_)
    ui::toast(problems[problems_seen_].text, ui::Mood::kWarn);
}

}  // namespace atelier::host
