// Co-editing: the room's texts, which everyone writes at once.
//
// Reading order: what is stored (docs/formats/coedit.md), this file (the list of texts, and which
// one is open), then page.h (one text on the screen). Who types what when is not in here: a
// SharedText takes edits, and tells of others' edits by itself. All of it runs on the main thread,
// between two frames.
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <boost/describe.hpp>

#include "page.h"
#include "plain_text.h"
#include <atelier/plugin.h>
#include <atelier/ui.h>
#include <atelier/ui_files.h>

namespace atelier::coedit {
namespace {

using ui::px;

// --- What is stored

/// One document a text: {"_id": "coedit:<key>", "title": "Minutes", "created": 1700000000000,
/// "author": "Ada"}. What is written in it are the documents "coedit-text:<key>:…".
struct TextCard {
  std::string title;
  std::int64_t created = 0;  // milliseconds since 1970
  std::string author;
};
BOOST_DESCRIBE_STRUCT(TextCard, (), (title, created, author))

/// Which text somebody has open: presence under "coedit".
struct Reading {
  std::string text;  // its key
};
BOOST_DESCRIBE_STRUCT(Reading, (), (text))

constexpr float kListWidth = 250, kRowHeight = 58, kGap = 12, kAvatar = 22;  // logical pixels
constexpr float kNarrowWidth = 720;            // below it the list is not beside the text
constexpr std::size_t kAvatarsMax = 3;         // beside a title
constexpr std::size_t kRemovedPerFrame = 200;  // documents of a deleted text
constexpr std::int64_t kTellAgainMs = 30'000;  // in a terminal, of one text

std::string key_of(const std::string& id) {
  return id.substr(id.find(':') + 1);
}

class Coedit : public Plugin {
 public:
  explicit Coedit(Room& room)
      : room_(room),
        cards_(room.collection<TextCard>("coedit")),
        operations_(room.raw_collection("coedit-text")),
        by_title_(cards_.ordered_by([](const TextCard& card) { return lower(card.title); })),
        by_time_(cards_.ordered_by([](const TextCard& card) { return -card.created; })),
        reading_(room.presence<Reading>("coedit")) {
    card_changes_ = cards_.on_change([this](const Change<TextCard>& change) {
      if (change.deleted) remove_content(key_of(change.item.id));
    });
    operation_changes_ = operations_->on_change([this](const RawChange& change) {
      const std::string key = key_of(change.document.id);
      if (!change.deleted && gone_.contains(key.substr(0, key.find(':'))))
        doomed_.push_back(change.document.id);
    });
  }
  // What is deleted is deleted, also by somebody who closes the room at once.
  ~Coedit() override {
    while (!doomed_.empty()) remove_some();
  }

  void draw() override {
    forget_if_deleted();
    ImGui::Dummy({0, px(2)});
    const bool narrow = ImGui::GetContentRegionAvail().x < px(kNarrowWidth);
    if (!narrow || !page_ || listing_) draw_list(narrow);
    if (!narrow) ImGui::SameLine(0, px(kGap));
    if (!narrow || (page_ && !listing_)) draw_page(narrow);
    draw_dialogs();
    remove_some();
    if (!doomed_.empty()) ui::redraw_in_ms(1);
  }

  void print(Console& console) override;

 private:
  const View<TextCard>& texts() const { return newest_first_ ? by_time_ : by_title_; }
  static std::string lower(std::string text) {
    for (char& c : text) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
  }

  // --- The list of texts

  void draw_list(bool narrow) {
    const float width = narrow ? ImGui::GetContentRegionAvail().x : px(kListWidth);
    ImGui::BeginChild("texts", {width, ImGui::GetContentRegionAvail().y});
    draw_list_head();
    if (!by_time_.empty())
      draw_rows();
    else if (narrow)
      draw_no_texts();
    ImGui::EndChild();
  }

  static void draw_no_texts() {
    ui::empty_state(
        "No texts yet",
        "Begin one: everyone in this room can write in it, also while they are offline.");
  }

  void draw_list_head() {
    if (ui::button("New text", ui::ButtonKind::kPrimary)) begin_text("Untitled", "", true);
    ImGui::SameLine(0, px(4));
    if (ui::icon_button(ui::Icon::kImport, "Import a text file"))
      files_.ask_what_to_open("Import", {".txt", ".md", ".text", ".csv"});
    if (by_time_.size() < 2) return;
    const char* order = newest_first_ ? "Newest" : "By title";
    ImGui::SameLine(0, px(4));
    if (ui::button(order, ui::ButtonKind::kQuiet)) newest_first_ = !newest_first_;
  }

  // All rows are equally high: only those that are seen cost anything.
  void draw_rows() {
    ImGui::Dummy({0, px(4)});
    ImGui::BeginChild("rows", ImGui::GetContentRegionAvail());
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(texts().size()), px(kRowHeight));
    std::string chosen;
    while (clipper.Step()) {
      for (int row = clipper.DisplayStart; row < clipper.DisplayEnd; ++row) {
        const auto& item = texts()[static_cast<std::size_t>(row)];
        if (draw_row(item)) chosen = item.id;
      }
    }
    ImGui::EndChild();
    if (!chosen.empty() && open(key_of(chosen))) page_->focus();
  }

  bool draw_row(const Item<TextCard>& item) const {
    const ui::Theme& t = ui::theme();
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const ImVec2 size(ImGui::GetContentRegionAvail().x, px(kRowHeight));
    ImGui::PushID(item.id.c_str());
    const bool pressed = ImGui::InvisibleButton("Open this text", size);
    ImGui::PopID();
    ImDrawList& list = *ImGui::GetWindowDrawList();
    const bool open = page_ && page_->key() == key_of(item.id);
    const ImU32 ground = open ? t.accent_soft : ImGui::IsItemHovered() ? t.surface : 0;
    ui::draw_panel(list, {at.x, at.y + px(2)}, {at.x + size.x, at.y + size.y - px(2)}, ground, 0,
                   px(10));
    const float right = draw_readers(key_of(item.id), {at.x + size.x - px(10), at.y});
    const float width = right - at.x - px(20);
    ui::draw_text({at.x + px(12), at.y + px(9)}, clean_title(item.value.title), t.ink,
                  {ui::TextStyle::kStrong, width, 1});
    const std::string about =
        item.value.author + ", " + ui::relative_time(item.value.created, now_ms());
    ui::draw_text({at.x + px(12), at.y + px(31)}, about, t.ink_soft,
                  {ui::TextStyle::kSmall, width, 1});
    // Where the item ends, whatever was drawn over it.
    ImGui::SetCursorScreenPos({at.x, at.y + size.y});
    return pressed;
  }

  // Those who have the text open, from the right edge on. Returns where they begin.
  float draw_readers(const std::string& key, ImVec2 corner) const {
    std::size_t shown = 0;
    float x = corner.x;
    for (const auto& other : reading_.others()) {
      if (other.state.text != key) continue;
      if (++shown > kAvatarsMax) break;
      x -= px(kAvatar);
      ImGui::SetCursorScreenPos({x, corner.y + px(kRowHeight - kAvatar) / 2});
      ui::avatar(other.name, px(kAvatar));
      x -= px(3);
    }
    return x;
  }

  // --- The text that is open

  void draw_page(bool narrow) {
    const ImVec2 corner = ImGui::GetCursorScreenPos();
    ImGui::BeginChild("page", ImGui::GetContentRegionAvail());
    if (!page_) {
      if (by_time_.empty())
        draw_no_texts();
      else
        ui::empty_state("No text is open", "Choose one on the left, or begin a new one.");
      ImGui::EndChild();
      return;
    }
    const auto wishes = page_->draw(card_.title, narrow);
    ImGui::EndChild();
    if (!narrow) {
      const ImU32 line = ui::theme().line;
      const float x = corner.x - px(kGap) / 2;
      ImGui::GetWindowDrawList()->AddLine({x, corner.y}, {x, corner.y + ImGui::GetItemRectSize().y},
                                          line);
    }
    obey(wishes);
  }

  void obey(const Page::Wishes& wishes) {
    if (wishes.show_list) listing_ = true;
    if (wishes.title && *wishes.title != card_.title) {
      card_.title = *wishes.title;
      cards_.edit(open_id(), [title = *wishes.title](TextCard& card) { card.title = title; });
    }
    if (wishes.save_as) {
      exporting_ = page_->key();
      files_.ask_where_to_save("Export", file_name_of(card_.title));
    }
    if (wishes.remove) ui::confirm_ask("delete-text");
  }

  std::string open_id() const { return "coedit:" + page_->key(); }

  // Returns whether it is open now.
  bool open(const std::string& key) {
    listing_ = false;
    if (page_ && page_->key() == key) return true;
    close();
    auto page = Page::open(room_, key);
    if (!page) {
      ui::toast(page.error().message, ui::Mood::kBad);
      return false;
    }
    page_ = std::move(*page);
    card_ = cards_.get(open_id()).value_or(TextCard{});
    (void)reading_.set({key});  // whoever does not get it misses an avatar
    return true;
  }

  void close() {
    page_.reset();
    reading_.clear();
  }

  void begin_text(const std::string& title, const std::string& content, bool name_it) {
    const std::string id = cards_.add({title, now_ms(), room_.user().name});
    if (!open(key_of(id))) return;
    if (!content.empty()) {
      const Status written = page_->text().replace(0, 0, content);
      if (!written) ui::toast(written.error().message, ui::Mood::kBad);
      page_->text().end_undo_step();
    }
    if (name_it)
      page_->begin_rename("");
    else
      page_->focus();
  }

  // The card is what makes a text: somebody renamed it, or it is gone.
  void forget_if_deleted() {
    if (!page_ || cards_seen_ == by_time_.revision() + 1) return;
    cards_seen_ = by_time_.revision() + 1;
    if (auto card = cards_.get(open_id())) {
      card_ = std::move(*card);
      return;
    }
    close();
    ui::toast("This text was deleted.", ui::Mood::kWarn);
  }

  // --- Files, and deleting

  void draw_dialogs() {
    if (const auto path = files_.draw()) exporting_.empty() ? import(*path) : save(*path);
    if (!files_.is_open()) exporting_.clear();
    const std::string words = "“" + card_.title + "” goes away for everyone in this room.";
    if (ui::confirm("delete-text", "Delete this text?", words, "Delete", true) && page_) remove();
  }

  void import(const std::string& path) {
    const auto bytes = ui::read_file(path, kImportBytesMax);
    if (!bytes) return ui::toast(bytes.error().message, ui::Mood::kBad);
    const auto text = text_of_file(*bytes);
    if (!text) return ui::toast(text.error().message, ui::Mood::kBad);
    begin_text(title_of_path(path), *text, false);
  }

  void save(const std::string& path) {
    if (!page_ || page_->key() != exporting_) return;
    const Status written = ui::write_file(path, page_->content());
    ui::toast(written ? "Exported to " + path : written.error().message,
              written ? ui::Mood::kGood : ui::Mood::kBad);
  }

  void remove() {
    const std::string key = page_->key();
    cards_.remove(open_id());
    close();
    remove_content(key);
  }

  // Everyone who learns that a text was deleted removes what they know of it: its author may have
  // gone before all was removed, and somebody who was offline may have written on. What comes later
  // goes as well.
  void remove_content(const std::string& key) {
    gone_.insert(key);
    const std::string prefix = "coedit-text:" + key + ":";
    operations_->for_each([&](const RawDocument& document) {
      if (document.id.starts_with(prefix)) doomed_.push_back(document.id);
      return true;
    });
  }

  // What was written in a deleted text, some of it a frame.
  void remove_some() {
    for (std::size_t i = 0; i < kRemovedPerFrame && !doomed_.empty(); ++i) {
      operations_->remove(doomed_.back());
      doomed_.pop_back();
    }
  }

  Room& room_;
  Collection<TextCard> cards_;
  std::shared_ptr<RawCollection> operations_;
  View<TextCard> by_title_, by_time_;
  Presence<Reading> reading_;

  std::unique_ptr<Page> page_;  // the text that is open
  TextCard card_;               // its own
  std::uint64_t cards_seen_ = 0;
  bool listing_ = false;  // on a narrow screen: the list instead of the text
  bool newest_first_ = true;
  ui::FileDialog files_;
  std::string exporting_;  // the key of the text that waits for a file's name
  std::set<std::string> gone_;       // keys of texts that were deleted
  std::vector<std::string> doomed_;  // documents of theirs
  Subscription card_changes_, operation_changes_;

  // In a terminal only.
  std::map<std::string, std::int64_t> told_ms_;  // by key: when a change was printed
  std::vector<std::string> lines_;
  Subscription new_texts_, changes_;
  bool joined_ = false;
};

// --- Without a window

void Coedit::print(Console& console) {
  if (!joined_) {
    joined_ = true;
    for (const auto& item : by_time_) {
      told_ms_[key_of(item.id)] = 0;
      lines_.push_back("“" + item.value.title + "” by " + item.value.author);
    }
    new_texts_ = cards_.on_change([this](const Change<TextCard>& change) {
      const std::string key = key_of(change.item.id);
      if (change.deleted || told_ms_.contains(key)) return;
      told_ms_[key] = now_ms();
      lines_.push_back(change.item.value.author + " began “" + change.item.value.title + "”");
    });
    changes_ = operations_->on_change([this](const RawChange& change) {
      const std::string rest = key_of(change.document.id);
      const std::string key = rest.substr(0, rest.find(':'));
      const auto told = told_ms_.find(key);
      if (change.deleted || told == told_ms_.end()) return;
      if (now_ms() - told->second < kTellAgainMs) return;
      const auto card = cards_.get("coedit:" + key);
      if (!card) return;
      told->second = now_ms();
      // Documents do not say who; it is clear when only one has the text open.
      std::string who = "Somebody";
      std::size_t readers = 0;
      for (const auto& other : reading_.others()) {
        if (other.state.text == key && ++readers == 1) who = other.name;
      }
      lines_.push_back((readers > 1 ? "Somebody" : who) + " changed “" + card->title + "”");
    });
  }
  remove_some();
  for (const std::string& line : lines_) console.print(line);
  lines_.clear();
}

}  // namespace
}  // namespace atelier::coedit

using Coedit = atelier::coedit::Coedit;
ATELIER_PLUGIN(Coedit, "coedit", "Co-editing", "Write texts together, at once or offline", "0.1.0",
               "coedit coedit-text",
               "#e3f1e7 ground;#ffffff rect 5 4 14 16 1.5;#5f6b64 line 1 8 8.5 13 8.5;"
               "#5f6b64 line 1 8 12 16 12;#5f6b64 line 1 8 15.5 11.5 15.5;"
               "#2f6fb5 rect 14.6 6.6 1.3 3.8 0.4;#c2452a rect 13.1 13.6 1.3 3.8 0.4")
