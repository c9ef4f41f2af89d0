// Letters of a text or note, typed where they stand. Thread rule: main thread, within a frame.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "canvas_view.h"
#include "core/tools.h"
#include <atelier/ui_editor.h>

namespace atelier::board {

class TextEdit {
 public:
  TextEdit();
  ~TextEdit();

  /// Begins; what was being edited must have been taken before.
  void open(const TextRequest& request, const Board& board);
  bool active() const { return request_.has_value(); }
  /// The document whose letters it shows instead of the board; empty: none.
  const std::string& id() const;
  /// Draws the letters where they will stand. Escape, Ctrl+Enter and a click elsewhere end it.
  void draw(const CanvasView& canvas, const Board& board, const Style& style);

  struct Done {
    TextRequest request;
    std::string text;
  };
  /// Ends it and gives what was typed; nothing when none is active.
  std::optional<Done> finish();
  /// Whether the person wants it to end.
  bool wants_to_end() const { return wants_to_end_; }

 private:
  class Letters;
  struct Place {
    ImVec2 at{0, 0}, size{0, 0};
    float em = 0, padding = 0;  // logical pixels
    ImU32 ink = 0;
  };
  Place place_of_text(const CanvasView& canvas, Vec corner, double em, double wrap);
  Place place_of_note(const CanvasView& canvas, const Item& item);
  void draw_field(const Place& place);

  std::optional<TextRequest> request_;
  std::unique_ptr<Letters> letters_;
  ui::TextEditor editor_;
  bool wants_to_end_ = false;
  bool wants_focus_ = false;  // once the click that opened it is over
};

}  // namespace atelier::board
