// See screens.h: what can be done about a room whose file is damaged. Thread rule: main thread; the
// recovery has a thread of its own.
#include <algorithm>
#include <chrono>
#include <utility>

#include <imgui.h>

#include "atelier/ui.h"
#include "window/screens.h"

namespace atelier::host {
namespace {

using ui::px;

constexpr int kLookAgainMs = 100;

}  // namespace

DamagedScreen::DamagedScreen(NodeView& node, Picker::Choice choice, std::string problem)
    : node_(node), choice_(std::move(choice)), problem_(std::move(problem)) {}

void DamagedScreen::begin(Recovery how) {
  answer_ = std::async(std::launch::async,
                       [&node = node_, title = choice_.room_title, how] {
                         return node.recover_room(title, how);
                       });
}

DamagedScreen::Wish DamagedScreen::draw() {
  using namespace std::chrono_literals;
  if (answer_.valid() && answer_.wait_for(0s) == std::future_status::ready) {
    auto result = answer_.get();
    if (result) done_ = std::move(*result);
    else problem_ = result.error().message;
  }
  const FullScreen full("##damaged");
  const ImVec2 screen = ImGui::GetIO().DisplaySize;
  const float width = std::min(px(560), screen.x - px(40));
  ImGui::SetCursorPos({(screen.x - width) / 2, screen.y * 0.22f});
  ui::begin_card("damaged", width);
  Wish wish = Wish::kStay;
  if (answer_.valid()) draw_working();
  else if (done_) wish = draw_done();
  else wish = draw_choices();
  ui::end_card();
  return wish;
}

void DamagedScreen::draw_working() {
  ui::text("Working on \u201C" + choice_.room_title + "\u201D \u2026", ui::TextStyle::kHeading);
  ui::text("A large room takes some minutes. Do not switch the computer off.",
           ui::TextStyle::kBody, ui::theme().ink_soft);
  ui::redraw_in_ms(kLookAgainMs);
}

DamagedScreen::Wish DamagedScreen::draw_done() {
  ui::text("\u201C" + choice_.room_title + "\u201D can be opened again", ui::TextStyle::kHeading);
  ui::text(*done_, ui::TextStyle::kBody);
  ImGui::Dummy({0, px(4)});
  if (ui::button("Open the room", ui::ButtonKind::kPrimary)) return Wish::kOpen;
  ImGui::SameLine(0, px(10));
  return ui::button("Back") ? Wish::kBack : Wish::kStay;
}

DamagedScreen::Wish DamagedScreen::draw_choices() {
  ui::text("The file of \u201C" + choice_.room_title + "\u201D is damaged",
           ui::TextStyle::kHeading);
  ui::text(problem_, ui::TextStyle::kBody, ui::theme().ink_soft);
  ImGui::Dummy({0, px(4)});
  if (ui::button("Recover what can be read", ui::ButtonKind::kPrimary)) begin(Recovery::kSalvage);
  ui::text("Every document that is whole is kept; you are told what was lost.",
           ui::TextStyle::kSmall, ui::theme().ink_soft);
  ImGui::Dummy({0, px(4)});
  if (ui::button("Begin empty")) begin(Recovery::kAnew);
  ui::text("For a room that others have too: it fills again from them.", ui::TextStyle::kSmall,
           ui::theme().ink_soft);
  ImGui::Dummy({0, px(4)});
  ui::text("The damaged file is kept in each case. If you have a backup, close this window and type: "
           "atelier restore FILE \"" + choice_.room_title + "\" --replace",
           ui::TextStyle::kSmall, ui::theme().ink_soft);
  ImGui::Dummy({0, px(4)});
  return ui::button("Back", ui::ButtonKind::kQuiet) ? Wish::kBack : Wish::kStay;
}

}  // namespace atelier::host
