// The start screen. Thread rule: main thread.
#include <algorithm>
#include <array>
#include <cmath>

#include <imgui.h>

#include "atelier/ui.h"
#include "base/limits.h"
#include "window/picture.h"
#include "window/screens.h"

namespace atelier::host {
namespace {

using ui::px;

constexpr const char* kDefaultRoom = "lobby";
constexpr std::size_t kRecentShownMax = 6;

ImU32 translucent(ImU32 colour, unsigned alpha) {
  return (colour & ~IM_COL32_A_MASK) | (alpha << IM_COL32_A_SHIFT);
}

// A picture for a plugin that brings none: shapes in colours that follow from its id.
void draw_initials(const std::string& id, const std::string& name, ImVec2 at, float size) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const ImVec2 end(at.x + size, at.y + size);
  const ImU32 ground = ui::person_colour(id);
  ui::draw_panel(list, at, end, ground, 0, px(14));
  ui::draw_disc(list, {at.x + size * 0.36f, at.y + size * 0.62f}, size * 0.28f,
                IM_COL32(255, 236, 214, 60));
  ui::draw_disc(list, {at.x + size * 0.66f, at.y + size * 0.36f}, size * 0.24f,
                IM_COL32(255, 190, 120, 85));
  const ui::TextShape shape{ui::TextStyle::kTitle, 0, 0};
  const std::string letter = ui::initials(name);
  const ImVec2 text = ui::measure(letter, shape);
  ui::draw_text({at.x + (size - text.x) / 2, at.y + (size - text.y) / 2}, letter, IM_COL32_WHITE,
                shape);
}

}  // namespace

void draw_plugin_picture(const PluginChoice& plugin, ImVec2 at, float size) {
  if (const auto picture = parse_picture(plugin.picture))
    return draw_picture(*ImGui::GetWindowDrawList(), *picture, at, size);
  draw_initials(plugin.id, plugin.name.empty() ? plugin.file.filename().string() : plugin.name, at,
                size);
}

namespace {

// Three overlapping sheets: people at one table.
void draw_logo(ImVec2 at, float size) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const std::array<ImU32, 3> colours = {IM_COL32(0xE0, 0x7A, 0x4F, 255),
                                        IM_COL32(0xE9, 0xB4, 0x4C, 255),
                                        IM_COL32(0x2A, 0x8C, 0x82, 255)};
  const std::array<ImVec2, 3> centres = {ImVec2(0.34f, 0.36f), ImVec2(0.68f, 0.42f),
                                         ImVec2(0.46f, 0.70f)};
  for (std::size_t i = 0; i < colours.size(); ++i)
    ui::draw_disc(list, {at.x + centres[i].x * size, at.y + centres[i].y * size}, size * 0.27f,
                  translucent(colours[i], 215));
}

std::string trimmed(const std::string& text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool enter_outside_fields() {
  return !ImGui::IsAnyItemActive() && !ImGui::GetIO().NavVisible &&
         (ImGui::IsKeyPressed(ImGuiKey_Enter, false) ||
          ImGui::IsKeyPressed(ImGuiKey_KeypadEnter, false));
}

}  // namespace

Picker::Picker(NodeView& node, const WindowOptions& options)
    : node_(node), nickname_(node.nickname()), room_(options.open_room.value_or(kDefaultRoom)) {
  refresh();
  if (options.open_plugin) plugin_id_ = *options.open_plugin;
}

void Picker::refresh() {
  plugins_ = node_.plugins();
  recent_ = node_.recent_rooms();
  const auto usable = [](const PluginChoice& plugin) { return plugin.problem.empty(); };
  const bool known = std::any_of(plugins_.begin(), plugins_.end(), [&](const PluginChoice& plugin) {
    return plugin.id == plugin_id_ && usable(plugin);
  });
  const auto first = std::find_if(plugins_.begin(), plugins_.end(), usable);
  if (!known && first != plugins_.end()) plugin_id_ = first->id;
}

bool Picker::ready() const {
  return !plugin_id_.empty() && !trimmed(nickname_).empty() && !trimmed(room_).empty();
}

std::optional<Picker::Choice> Picker::draw() {
  const FullScreen full("##picker");
  enter_ = false;
  const ImVec2 screen = ImGui::GetIO().DisplaySize;
  const bool compact = screen.y < px(620);
  ImGui::BeginChild("##page", {0, 0}, ImGuiChildFlags_NavFlattened);
  const float width = std::min(px(720), screen.x - px(48));
  // A little above the middle, by the height that it had in the last frame.
  const float above = std::max(px(compact ? 18 : 40), (screen.y - column_height_) * 0.36f);
  ImGui::SetCursorPos({(screen.x - width) / 2, std::round(above)});
  ImGui::BeginChild("##column", {width, 0},
                    ImGuiChildFlags_AutoResizeY | ImGuiChildFlags_NavFlattened,
                    ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse);
  draw_title(compact);
  draw_plugins();
  ImGui::Dummy({0, px(compact ? 0 : 6)});
  draw_form();
  draw_problem();
  draw_recent();
  draw_reach();
  ImGui::Dummy({0, px(12)});
  const float height = ImGui::GetCursorPosY();
  if (height != column_height_) ui::redraw_in_ms(0);
  column_height_ = height;
  ImGui::EndChild();
  ImGui::EndChild();
  first_frame_ = false;
  if ((!enter_ && !enter_outside_fields()) || !ready()) return std::nullopt;
  return Choice{plugin_id_, trimmed(room_), trimmed(nickname_)};
}

void Picker::draw_title(bool compact) {
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float size = ui::line_height(ui::TextStyle::kTitle) * 1.05f;
  draw_logo(at, size);
  ui::draw_text({at.x + size + px(12), at.y}, "Atelier", ui::theme().ink,
                {ui::TextStyle::kTitle, 0, 0});
  ImGui::Dummy({px(10), size});
  ui::text("Make things together: pick one, say who you are, and walk in.", ui::TextStyle::kBody,
           ui::theme().ink_soft);
  ImGui::Dummy({0, px(compact ? 2 : 14)});
}

void Picker::draw_plugins() {
  if (plugins_.empty()) {
    ui::begin_card("no plugins");
    ui::text("No plugins were found", ui::TextStyle::kHeading);
    ui::text("Plugins are built with the program. Build it again, then restart.",
             ui::TextStyle::kBody, ui::theme().ink_soft);
    ui::end_card();
    return;
  }
  const float whole = ImGui::GetContentRegionAvail().x, gap = px(14);
  const std::size_t columns = whole > px(560) ? std::min<std::size_t>(plugins_.size(), 3) : 1;
  const auto count = static_cast<float>(columns);
  const float width = (whole - gap * (count - 1)) / count;
  for (std::size_t i = 0; i < plugins_.size(); ++i) {
    draw_plugin_card(plugins_[i], width, columns > 2);
    if ((i + 1) % columns != 0 && i + 1 < plugins_.size()) ImGui::SameLine(0, gap);
  }
}

// Narrow ones have their words below the picture.
void Picker::draw_plugin_card(const PluginChoice& plugin, float width, bool narrow) {
  const ui::Theme& t = ui::theme();
  const bool usable = plugin.problem.empty();
  const bool chosen = usable && plugin.id == plugin_id_;
  const std::string title = plugin.name.empty() ? plugin.file.filename().string() : plugin.name;
  ImGui::PushID(plugin.file.string().c_str());
  ui::begin_card(plugin.id.c_str(), width, chosen);
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float picture = px(64);
  draw_plugin_picture(plugin, at, picture);
  ImGui::SetCursorScreenPos(narrow ? ImVec2(at.x, at.y + picture + px(10))
                                   : ImVec2(at.x + picture + px(16), at.y));
  ImGui::BeginGroup();
  ui::text_line(title, ui::TextStyle::kHeading);
  ui::text(usable ? plugin.description : plugin.problem, ui::TextStyle::kBody,
           usable ? t.ink_soft : t.bad);
  ImGui::EndGroup();
  const float lower = std::max(ImGui::GetItemRectMax().y, at.y + picture);
  ImGui::SetCursorScreenPos(at);
  ImGui::BeginDisabled(!usable);
  if (ImGui::InvisibleButton("##choose", {ImGui::GetContentRegionAvail().x, lower - at.y},
                             ImGuiButtonFlags_EnableNav))
    plugin_id_ = plugin.id;
  ImGui::EndDisabled();
  if (ImGui::IsItemHovered()) ImGui::SetMouseCursor(ImGuiMouseCursor_Hand);
  ui::end_card();
  ImGui::PopID();
}

void Picker::draw_form() {
  ui::begin_card("form");
  const float gap = px(14), whole = ImGui::GetContentRegionAvail().x;
  const float button = px(120), field = (whole - button - 2 * gap) / 2;
  const ui::Theme& t = ui::theme();
  const auto labelled = [&](const char* label, std::string& value, const char* hint,
                            std::size_t bytes_max) {
    bool submitted = false;
    ImGui::BeginGroup();
    ui::text_line(label, ui::TextStyle::kSmallStrong, t.ink_soft, field);
    if (ui::text_field(label, value, hint, field, &submitted) && value.size() > bytes_max)
      value.resize(bytes_max);
    ImGui::EndGroup();
    enter_ = enter_ || submitted;
  };
  if (first_frame_ && nickname_.empty()) ui::focus_next_field();
  labelled("Nickname", nickname_, "What others call you", kNicknameBytesMax);
  ImGui::SameLine(0, gap);
  labelled("Room", room_, kDefaultRoom, kRoomTitleBytesMax);
  ImGui::SameLine(0, gap);
  ImGui::BeginGroup();
  ImGui::Dummy({1, ui::line_height(ui::TextStyle::kSmallStrong)});
  if (ui::button("Enter", ui::ButtonKind::kPrimary, button, ready())) enter_ = true;
  ImGui::EndGroup();
  ui::end_card();
}

void Picker::draw_problem() {
  if (problem_.empty()) return;
  ui::begin_card("problem");
  ui::text("That did not work", ui::TextStyle::kStrong, ui::theme().bad);
  ui::text(problem_, ui::TextStyle::kBody);
  ui::end_card();
}

void Picker::draw_recent() {
  if (recent_.empty()) return;
  ImGui::Dummy({0, px(2)});
  ui::text_line("Rooms you were in", ui::TextStyle::kSmallStrong, ui::theme().ink_soft);
  const float right = ImGui::GetCursorScreenPos().x + ImGui::GetContentRegionAvail().x;
  const std::size_t count = std::min(recent_.size(), kRecentShownMax);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string& title = recent_[i].title;
    const float width = std::min(px(220), ui::measure(title).x + px(36));
    if (i > 0 && ImGui::GetItemRectMax().x + px(8) + width <= right) ImGui::SameLine(0, px(8));
    ImGui::PushID(static_cast<int>(i));
    if (ui::button(title.c_str(), ui::ButtonKind::kPlain, width)) {
      room_ = title;
      enter_ = ready();
    }
    ImGui::PopID();
  }
}

void Picker::draw_reach() {
  const Reach reach = node_.reach();
  std::string words;
  switch (reach.kind) {
    case Reach::Kind::kNobody:
      words = "Works without a network: what you write stays on this computer until it can travel.";
      break;
    case Reach::Kind::kWeServe:
      words = "This window serves its rooms to this computer at " + reach.address + ".";
      break;
    case Reach::Kind::kJoinLocal:
      words = "Another Atelier on this computer serves the rooms at " + reach.address +
              ": you will join it.";
      break;
    case Reach::Kind::kServer:
      words = "The room will be kept in sync with " + reach.address + ".";
      break;
  }
  ImGui::Dummy({0, px(2)});
  ui::text(words, ui::TextStyle::kSmall, ui::theme().ink_soft);
}

}  // namespace atelier::host
