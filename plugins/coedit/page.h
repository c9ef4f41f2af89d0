// One text on the screen: its bar, the find field, the editor, and a line about it at the foot.
// Thread rule: main thread, within a frame.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "plain_text.h"
#include <atelier/room.h>
#include <atelier/ui_editor.h>

namespace atelier::coedit {

/// A SharedText as the editor wants it. The text tells of its changes by itself.
class SharedModel final : public ui::TextModel {
 public:
  explicit SharedModel(SharedText& text) : text_(text) {}

  std::size_t size() const override { return text_.size(); }
  std::size_t line_count() const override { return text_.line_count(); }
  std::size_t line_begin(std::size_t line) const override { return text_.line_begin(line); }
  std::size_t line_of(std::size_t position) const override { return text_.line_of(position); }
  std::string slice(std::size_t position, std::size_t count) const override {
    return text_.slice(position, count);
  }
  void replace(std::size_t position, std::size_t erased, std::string_view text) override {
    note(text_.replace(position, erased, text));
  }
  void end_undo_step() override { text_.end_undo_step(); }
  void undo() override { note(text_.undo()); }
  void redo() override { note(text_.redo()); }

  /// Why the last edit was refused, once.
  std::optional<std::string> take_refusal() { return std::exchange(refusal_, std::nullopt); }

 private:
  void note(const Status& status) {
    if (!status) refusal_ = status.error().message;
  }

  SharedText& text_;
  std::optional<std::string> refusal_;
};

class Page {
 public:
  /// Errors: those of Room::open_text().
  static Result<std::unique_ptr<Page>> open(Room& room, const std::string& key);

  /// What the bar was asked to do that is not the text's own business.
  struct Wishes {
    bool show_list = false, remove = false, save_as = false;
    std::optional<std::string> title;  // it is called that now
  };
  /// `narrow`: the list of texts is not beside it.
  Wishes draw(const std::string& title, bool narrow);

  /// Asks for the title at once, as for a new text.
  void begin_rename(const std::string& title);
  void focus() { editor_.focus(); }
  const std::string& key() const { return key_; }
  SharedText& text() { return *text_; }
  std::string content() const { return text_->slice(0, text_->size()); }

 private:
  Page(Room& room, std::string key, std::unique_ptr<SharedText> text);

  // --- The regions, from top to bottom
  void draw_bar(const std::string& title, bool narrow, Wishes& wishes);
  void draw_title(const std::string& title, float width);
  void draw_title_field(float width, Wishes& wishes);
  void draw_find();
  void draw_editor(float height);
  void draw_foot();
  void count_words();

  void handle_keys();
  void open_find();
  void close_find();
  void show_carets();

  Room& room_;
  const std::string key_;
  std::unique_ptr<SharedText> text_;
  SharedModel model_;
  ui::TextEditor editor_;
  Subscription patches_;

  std::optional<std::string> new_title_;  // while it is typed
  bool title_shown_ = false;              // the field was there in the last frame
  bool focus_soon_ = false;               // the editor, in the next frame
  bool finding_ = false;
  std::string words_to_find_;
  bool caret_shown_ = false;
  std::uint64_t carets_seen_ = 0, revision_seen_ = 0;

  std::size_t words_ = 0;             // as last counted to the end
  std::uint64_t words_revision_ = 0;  // that words_ was counted in, and one
  std::int64_t words_ms_ = 0;         // when
  struct Counting {
    WordCounter counter;
    std::size_t position = 0;    // where the next piece begins
    std::uint64_t revision = 0;  // in which it began
  };
  std::optional<Counting> counting_;
};

}  // namespace atelier::coedit
