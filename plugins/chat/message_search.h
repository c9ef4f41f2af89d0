// A search field over the messages of chat: Ctrl+F opens it, Escape closes it.
//
// To take it away: delete this file, the three lines of chat.cpp that name `search_`, and the
// options of its collection.
#pragma once

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>
#include <vector>

#include <atelier/room.h>
#include <atelier/ui.h>

namespace chat {

namespace ui = atelier::ui;

constexpr std::size_t kHitsMax = 50;
constexpr std::size_t kSnippetBytes = 60;  // of text before the first word that was found

/// Message has members timestamp, sender and text; the collection declares {"text"} as its search.
template <class Message>
class MessageSearch {
 public:
  /// Call in each frame. True while the search takes the place of the messages.
  bool draw(const atelier::Collection<Message>& messages, std::uint64_t revision, ImVec2 size) {
    if (ImGui::Shortcut(ImGuiMod_Ctrl | ImGuiKey_F, ImGuiInputFlags_RouteGlobal)) {
      open_ = true;
      focus_ = true;
    }
    if (open_ && ImGui::IsKeyPressed(ImGuiKey_Escape, false)) close();
    if (!open_) return false;
    ImGui::BeginChild("search", size);
    draw_field();
    if (open_) {
      look(messages, revision);
      draw_hits();
    }
    ImGui::EndChild();
    return true;
  }

 private:
  void close() {
    open_ = false;
    words_.clear();
    asked_.clear();
    hits_.clear();
    told_.clear();
    ui::focus_next_field();  // the message field is drawn next
  }

  void draw_field() {
    if (std::exchange(focus_, false)) ui::focus_next_field();
    ui::text_field("Search messages", words_, "Search messages",
                   ImGui::GetContentRegionAvail().x - ui::px(48));
    ImGui::SameLine(0, ui::px(10));
    if (ui::icon_button(ui::Icon::kClose, "Close search")) close();
  }

  // Asks again when the words or the messages have changed.
  void look(const atelier::Collection<Message>& messages, std::uint64_t revision) {
    if (words_ == asked_ && revision == revision_ && !waiting_) return;
    asked_ = words_;
    revision_ = revision;
    waiting_ = false;
    hits_.clear();
    told_.clear();
    if (words_.find_first_not_of(' ') == std::string::npos) return;
    auto found = messages.search(words_, kHitsMax);
    if (found) {
      hits_ = std::move(*found);
      if (hits_.empty()) told_ = "Nothing found.";
    } else if (found.error().code == atelier::ErrorCode::kUnavailable) {
      told_ = "Older messages are being read. This takes a moment.";
      waiting_ = true;
      ui::redraw_in_ms(300);
    } else {
      told_ = found.error().message;
    }
  }

  void draw_hits() const {
    if (!told_.empty()) ui::text(told_, ui::TextStyle::kBody, ui::theme().ink_soft);
    for (const auto& hit : hits_) {
      ImGui::Dummy({0, ui::px(6)});
      const Message& message = hit.item.value;
      ui::text(message.sender + " · " + ui::day_in_words(message.timestamp, atelier::now_ms()) +
                   ", " + ui::clock_time(message.timestamp),
               ui::TextStyle::kSmall, ui::theme().ink_soft);
      draw_snippet(message.text, hit.highlights);
    }
  }

  // One line, from a little before the first word that was found; what was found has a ground.
  void draw_snippet(const std::string& text,
                    const std::vector<atelier::Highlight>& highlights) const {
    std::size_t from = 0;
    if (!highlights.empty() && highlights.front().begin > kSnippetBytes &&
        highlights.front().end <= text.size()) {
      from = text.find(' ', highlights.front().begin - kSnippetBytes);
      from = from < highlights.front().begin ? from + 1 : highlights.front().begin;
    }
    std::string line = text.substr(from);
    // Same bytes, so that places stay right.
    std::replace(line.begin(), line.end(), '\n', ' ');
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x;
    const float height = ui::line_height();
    ImDrawList& list = *ImGui::GetWindowDrawList();
    list.PushClipRect(at, {at.x + width, at.y + height}, true);
    for (const auto& place : highlights) {
      if (place.begin < from || place.end > text.size()) continue;
      const float left = ui::measure(line.substr(0, place.begin - from)).x;
      if (left > width) break;
      const float right = ui::measure(line.substr(0, place.end - from)).x;
      list.AddRectFilled({at.x + left, at.y}, {at.x + right, at.y + height}, ui::theme().warn_soft,
                         ui::px(3));
    }
    list.PopClipRect();
    ui::text_line(line);
  }

  bool open_ = false;
  bool focus_ = false;
  bool waiting_ = false;  // the index is not ready yet
  std::string words_, asked_;
  std::uint64_t revision_ = 0;
  std::string told_;  // instead of hits
  std::vector<atelier::Hit<Message>> hits_;
};

}  // namespace chat
