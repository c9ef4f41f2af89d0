// Chat: everyone in the room reads what anyone in the room writes.
//
// This file is made to be copied. It has three parts: what a message is (a struct), what the screen
// looks like (draw() and its regions), and the same without a window (print() and type()).
// There is no network code: a message that is added to the collection travels by itself, and what
// others write appears in the view by itself. All of it runs on the main thread, between two
// frames.
#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include <boost/describe.hpp>

#include "message_search.h"
#include <atelier/plugin.h>
#include <atelier/ui.h>

namespace {

namespace ui = atelier::ui;
using ui::px;

// --- What is stored

/// One document: {"_id": "message:…", "timestamp": 1700000000000, "sender": "Ada", "text":
/// "Hello"}.
struct Message {
  std::int64_t timestamp = 0;  // milliseconds since 1970
  std::string sender;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Message, (), (timestamp, sender, text))

constexpr std::size_t kMessageBytesMax = 16'000;  // some pages; longer things are files
constexpr std::int64_t kGroupMs = 5 * 60 * 1000;  // a pause that begins a new group of bubbles
constexpr std::size_t kTerminalHistoryMax = 20;   // printed when a terminal joins
constexpr float kColumnWidth = 900, kGap = 12;    // logical pixels
constexpr int kInputLinesMax = 5;

/// Without the spaces and line breaks around it.
std::string trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1));
}

class Chat : public atelier::Plugin {
 public:
  explicit Chat(atelier::Room& room)
      : room_(room),
        messages_(room.collection<Message>("message", {.search = {"text"}})),
        // A live list of all messages: the oldest first; of the same moment, in the order of ids.
        view_(messages_.ordered_by(&Message::timestamp)) {}

  void draw() override {
    center_column();
    const float input_height = ui::text_area_height(draft_, kInputLinesMax, field_width());
    const ImVec2 corner = ImGui::GetCursorPos();
    const ImVec2 list_size(column_width_,
                           ImGui::GetContentRegionAvail().y - input_height - 2 * px(kGap));
    if (search_.draw(messages_, view_.revision(), list_size))
      ;  // it took the place of the messages
    else if (view_.empty())
      draw_empty(list_size);
    else
      draw_messages(list_size);
    ImGui::SetCursorPos({corner.x, corner.y + list_size.y + px(kGap)});
    draw_input();
  }

  void print(atelier::Console& console) override;
  bool type(std::string_view line) override;

 private:
  // --- The regions of the screen

  // On a wide screen, lines stay short enough to read.
  void center_column() {
    const float whole = ImGui::GetContentRegionAvail().x;
    column_width_ = std::min(whole, px(kColumnWidth));
    ImGui::Indent((whole - column_width_) / 2 + 0.01f);
  }

  void draw_empty(ImVec2 size) {
    ImGui::BeginChild("empty", size);
    ui::empty_state("No messages yet. Say hello!",
                    "What you write here reaches everyone in this room.");
    ImGui::EndChild();
  }

  // Only the rows that are visible are measured and drawn.
  void draw_messages(ImVec2 size) {
    const ImVec2 corner = ImGui::GetCursorScreenPos();
    list_.draw(
        "messages", size,
        {view_.size(), [this](std::size_t row) { return std::hash<std::string>()(view_[row].id); },
         [this](std::size_t row, float width) { return row_height(row, width); },
         [this](std::size_t row, float width) { draw_row(row, width); }});
    if (list_.at_end()) {
      seen_ = view_.size();
      return;
    }
    // Scrolled up: a button over the list's lower edge leads back.
    std::string label = "Jump to latest";
    if (view_.size() > seen_) label += " (" + std::to_string(view_.size() - seen_) + " new)";
    if (ui::floating_button(label.c_str(), {corner.x + size.x / 2, corner.y + size.y - px(kGap)}))
      list_.jump_to_end();
  }

  float field_width() const { return column_width_ - px(48); }

  void draw_input() {
    bool send_now =
        ui::text_area("Message", draft_, "Write a message", field_width(), kInputLinesMax);
    ImGui::SameLine(0, px(10));
    const bool something = !trimmed(draft_).empty();
    if (ui::icon_button(ui::Icon::kSend, "Send", ui::ButtonKind::kPrimary, something)) {
      send_now = true;
      ui::focus_next_field();
    }
    if (send_now && something && send(draft_)) draft_.clear();
  }

  // --- A row: a bubble, and above the first of a day its date

  bool begins_day(std::size_t row) const {
    return row == 0 || ui::local_day(view_[row].value.timestamp) !=
                           ui::local_day(view_[row - 1].value.timestamp);
  }

  bool begins_group(std::size_t row) const {
    if (begins_day(row)) return true;
    const Message& before = view_[row - 1].value;
    const Message& message = view_[row].value;
    return before.sender != message.sender || message.timestamp - before.timestamp > kGroupMs;
  }

  ui::Bubble bubble(std::size_t row) const {
    const auto& item = view_[row];
    return {item.value.sender,
            item.value.text,
            ui::clock_time(item.value.timestamp),
            item.value.sender == room_.user().name,
            begins_group(row),
            item.pending};
  }

  float row_height(std::size_t row, float width) const {
    return ui::bubble_height(bubble(row), width) + (begins_day(row) ? ui::divider_height() : 0);
  }

  void draw_row(std::size_t row, float width) const {
    if (begins_day(row)) {
      ui::draw_divider(ui::day_in_words(view_[row].value.timestamp, atelier::now_ms()), width);
      const ImVec2 at = ImGui::GetCursorScreenPos();
      ImGui::SetCursorScreenPos({at.x, at.y + ui::divider_height()});
    }
    ui::draw_bubble(bubble(row), width);
  }

  // --- Sending

  // Returns false when it was not sent.
  bool send(std::string_view text) {
    if (text.size() > kMessageBytesMax) {
      ui::toast("This message is too long. Please send it in parts.", ui::Mood::kWarn);
      return false;
    }
    messages_.add({atelier::now_ms(), room_.user().name, trimmed(text)});
    list_.jump_to_end();
    return true;
  }

  atelier::Room& room_;
  atelier::Collection<Message> messages_;
  atelier::View<Message> view_;

  chat::MessageSearch<Message> search_;
  std::string draft_;     // typed and not yet sent
  ui::RowList list_;      // where the list is scrolled to
  std::size_t seen_ = 0;  // how many messages there were when the end was last visible
  float column_width_ = 0;

  // In a terminal only.
  std::unordered_set<std::string> known_;        // ids that were there or were printed
  std::vector<atelier::Item<Message>> arrived_;  // to be printed
  atelier::Subscription arrivals_;
  bool joined_ = false;
};

// --- Without a window

void Chat::print(atelier::Console& console) {
  const auto print_one = [&](const Message& message) {
    console.print(ui::clock_time(message.timestamp) + " " + message.sender + ": " + message.text);
  };
  if (!joined_) {
    joined_ = true;
    for (const auto& item : view_) known_.insert(item.id);
    const std::size_t shown = std::min(view_.size(), kTerminalHistoryMax);
    for (std::size_t row = view_.size() - shown; row < view_.size(); ++row)
      print_one(view_[row].value);
    arrivals_ = messages_.on_change([this](const atelier::Change<Message>& change) {
      if (!change.deleted && known_.insert(change.item.id).second) arrived_.push_back(change.item);
    });
  }
  for (const auto& item : arrived_) print_one(item.value);
  arrived_.clear();
}

bool Chat::type(std::string_view line) {
  const std::string text = trimmed(line);
  if (text.empty() || text.size() > kMessageBytesMax) return false;
  messages_.add({atelier::now_ms(), room_.user().name, text});
  return true;
}

}  // namespace

ATELIER_PLUGIN(Chat, "chat", "Chat", "Talk with everyone in the room", "0.1.0", "message",
               "#2a8c82 ground;#ffffff rect 3.5 5 12.5 8 3;#ffffff poly 6 12 10.5 12 5.5 16.5;"
               "#ffd9a0 rect 9 10 11.5 7 3;#ffd9a0 poly 14 16.5 18.5 16.5 18.5 20")
