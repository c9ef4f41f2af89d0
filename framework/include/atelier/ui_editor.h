// A field for texts of any length and script: lines that wrap, carets, selections, clipboard, input
// methods, undo, find. text_field() and text_area() of ui.h are this with a text of their own; an
// application that keeps the text itself gives a TextModel.
//
// Positions and lengths count code points. The caret never stands inside of what a person calls a
// character (a grapheme cluster). A frame costs what is visible; an edit costs its paragraph.
// Thread rule: main thread, draw() within a frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "atelier/ui.h"

namespace atelier::ui {

/// The text behind an editor, always valid UTF-8.
class TextModel {
 public:
  virtual ~TextModel() = default;
  virtual std::size_t size() const = 0;
  virtual std::size_t line_count() const = 0;  // what "\n" separates; at least 1
  virtual std::size_t line_begin(std::size_t line) const = 0;
  virtual std::size_t line_of(std::size_t position) const = 0;
  virtual std::string slice(std::size_t position, std::size_t count) const = 0;

  /// An edit of this person. The model tells TextEditor::patched() of it, as of every other change.
  virtual void replace(std::size_t position, std::size_t erased, std::string_view text) = 0;
  virtual void end_undo_step() = 0;
  virtual void undo() = 0;
  virtual void redo() = 0;
};

struct TextEditorOptions {
  const char* placeholder = "";  // where there is no text
  bool read_only = false;
  bool single_line = false;   // no line breaks; scrolls sideways
  bool enter_submits = false; // Enter is told by submitted(), Shift+Enter begins a line
  float padding = 14;         // logical pixels around the text
  float padding_y = -1;       // above and below it, where that is another
  float text_size = 0;        // of an em, in logical pixels; 0: as other texts
  ImU32 ink = 0;              // of the text; 0: theme().ink
  bool ground = true;         // a field's ground and edge
};

/// Where another person writes.
struct RemoteCaret {
  std::string name;
  std::size_t position = 0, anchor = 0;
};

class ATELIER_UI_API TextEditor {
 public:
  TextEditor();
  ~TextEditor();
  TextEditor(TextEditor&&) noexcept;
  TextEditor& operator=(TextEditor&&) noexcept;

  /// Draws at the cursor and takes the keyboard and the pointer. `label` is what scripts click.
  void draw(const char* label, TextModel& model, ImVec2 size, const TextEditorOptions& options = {});
  /// Must be told of each change of the model, in order: own edits, undo, and others'.
  void patched(std::size_t position, std::size_t erased, std::size_t inserted, bool own);
  /// The model holds another text now.
  void reset();

  std::size_t caret() const;
  std::size_t anchor() const;  // the other end of what is selected; caret() when nothing is
  /// Puts caret and anchor, and scrolls there.
  void select(std::size_t anchor, std::size_t caret);
  void focus();
  bool focused() const;
  /// Once after Enter, with enter_submits or single_line.
  bool submitted();
  /// Grows with each movement of caret or anchor.
  std::uint64_t caret_revision() const;

  void set_remote_carets(std::vector<RemoteCaret> carets);

  /// Marks all places that hold `words`, without regard to case; empty: none.
  void find(std::string words);
  /// The number of places, and which of them is selected (0: none, else counted from 1).
  struct Found {
    std::size_t count = 0, current = 0;
  };
  Found found(TextModel& model);
  void find_next(TextModel& model, bool backward = false);

  /// The height of the whole text where lines are at most `width` wide, without padding: in draw()
  /// that is size.x less the padding of both sides. Another width lays the text out anew.
  float content_height(TextModel& model, float width);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace atelier::ui
