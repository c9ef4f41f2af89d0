// See screens.h: which screen is shown. Thread rule: main thread.
#include "window/screens.h"

#include <algorithm>
#include <utility>

#include <imgui.h>

#include "atelier/ui.h"

namespace atelier::host {

FullScreen::FullScreen(const char* id) {
  ImGui::SetNextWindowPos({0, 0});
  ImGui::SetNextWindowSize(ImGui::GetIO().DisplaySize);
  ImGui::Begin(id, nullptr,
               ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
                   ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoBringToFrontOnFocus);
}

FullScreen::~FullScreen() {
  ImGui::End();
}

Screens::Screens(NodeView& node, const WindowOptions& options)
    : node_(node), picker_(node, options), blocked_(node.blocked()) {
  // Without a name, the start screen asks for one: nobody is nameless by accident.
  if (options.open_plugin && options.open_room && !node.nickname().empty())
    open_first_ = {*options.open_plugin, *options.open_room, node.nickname()};
}

bool Screens::pump() {
  return room_ && room_->pump();
}

void Screens::close() {
  room_.reset();
}

void Screens::draw() {
  if (blocked_) return draw_blocked(*blocked_);
  if (open_first_) open(*std::exchange(open_first_, std::nullopt));
  if (damaged_) return draw_damaged();
  if (!room_) {
    if (auto choice = picker_.draw()) open(*choice);
    return;
  }
  const auto wish = room_->draw();
  if (wish != RoomScreen::Wish::kStay) leave(wish == RoomScreen::Wish::kDelete);
}

void Screens::open(const Picker::Choice& choice) {
  auto opened = node_.open(choice.plugin_id, choice.room_title, choice.nickname);
  ui::redraw_in_ms(0);
  if (!opened && opened.error().code == ErrorCode::kCorrupt) {
    damaged_.emplace(node_, choice, opened.error().message);
    return;
  }
  if (!opened) return picker_.show_problem(opened.error().message);
  picker_.show_problem("");
  room_ = std::make_unique<RoomScreen>(std::move(*opened), node_);
  ui::focus_next_field();
}

void Screens::draw_damaged() {
  const auto wish = damaged_->draw();
  if (wish == DamagedScreen::Wish::kStay) return;
  const Picker::Choice choice = damaged_->choice();
  damaged_.reset();
  if (wish == DamagedScreen::Wish::kOpen) open(choice);
  ui::redraw_in_ms(0);
}

void Screens::leave(bool and_delete) {
  const std::string title = room_->title();
  room_.reset();
  if (and_delete) {
    if (auto status = node_.delete_room(title); !status)
      ui::toast("The room could not be deleted: " + status.error().message, ui::Mood::kBad);
    else
      ui::toast("\u201C" + title + "\u201D was deleted from this computer.");
  }
  picker_.refresh();
  ui::redraw_in_ms(0);
}

void Screens::draw_blocked(const Error& error) {
  const FullScreen full("##blocked");
  const ImVec2 screen = ImGui::GetIO().DisplaySize;
  const float width = std::min(ui::px(520), screen.x - ui::px(40));
  ImGui::SetCursorPos({(screen.x - width) / 2, screen.y * 0.28f});
  ui::begin_card("blocked", width);
  ui::text("Atelier cannot start here", ui::TextStyle::kHeading);
  ui::text(error.message, ui::TextStyle::kBody, ui::theme().ink_soft);
  ImGui::Dummy({0, ui::px(4)});
  if (ui::button("Try again", ui::ButtonKind::kPrimary)) {
    blocked_ = node_.blocked();
    picker_.refresh();
  }
  ui::end_card();
}

}  // namespace atelier::host
