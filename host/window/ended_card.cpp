// See screens.h: the one question about the copy of a room that its owner ended. Thread rule: main
// thread.
#include <algorithm>

#include <imgui.h>

#include "atelier/ui.h"
#include "window/screens.h"

namespace atelier::host {

using ui::px;

namespace {

/// What the owner wrote may be long: it scrolls, so that the answers stay on the screen.
void draw_owners_words(const std::string& words, float width, float height_max) {
  const float height = ui::measure(words, {ui::TextStyle::kBody, width, 0}).y + px(4);
  if (height <= height_max) return ui::text(words, ui::TextStyle::kBody);
  ImGui::BeginChild("##words", {0, height_max});
  ui::text(words, ui::TextStyle::kBody);
  ImGui::EndChild();
}

}  // namespace

RoomScreen::Wish RoomScreen::draw_ended(const std::string& words) {
  const ImVec2 space = ImGui::GetContentRegionAvail();
  const float width = std::min(px(560), space.x - px(32));
  ImGui::SetCursorPos({(ImGui::GetWindowSize().x - width) / 2,
                       ImGui::GetCursorPosY() + std::max(px(16), space.y * 0.12f)});
  ui::begin_card("ended", width);
  ui::text("This room was ended", ui::TextStyle::kHeading);
  draw_owners_words(words, width - px(36), space.y * 0.3f);
  ui::text("Your copy is still on this computer. It is not synchronised any more.",
           ui::TextStyle::kBody);
  const SyncStatus status = open_->room().sync_status();
  if (const std::uint64_t unsent = status.waiting + status.refused; unsent > 0)
    ui::text(std::to_string(unsent) + (unsent == 1 ? " change" : " changes") +
                 " of yours did not reach anybody.",
             ui::TextStyle::kBody, ui::theme().ink_soft);
  ImGui::Dummy({0, px(4)});
  Wish wish = Wish::kStay;
  if (ui::button("Keep a copy for me", ui::ButtonKind::kPrimary)) {
    if (const Status kept = open_->keep_ended(); !kept)
      ui::toast("The answer could not be kept: " + kept.error().message, ui::Mood::kBad);
  }
  if (space.x > px(520)) ImGui::SameLine(0, px(10));
  if (ui::button("Remove it from this computer")) wish = Wish::kDelete;
  ui::end_card();
  return wish;
}

}  // namespace atelier::host
