// What a person's pointer and keys mean on the board: from events to writes of documents. Knows no
// window; what is under way (a line being drawn, shapes being moved) is told for others to show.
//
// Invariant: the board changes by ToolWorld::write alone, once a gesture ends; until then only
// doing() differs. Escape (cancel) leaves no trace. Thread rule: one thread at a time.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/edits.h"
#include "core/history.h"

namespace atelier::board {

enum class Tool {
  kSelect,
  kHand,
  kPen,
  kEraser,
  kLine,
  kArrow,
  kRectangle,
  kEllipse,
  kText,
  kNote,
};

/// What new shapes look like.
struct Style {
  Colour colour{30, 30, 30};
  double width = 4;
  double font_size = 20;
  std::optional<Colour> fill;   // of rectangles and ellipses
  Colour paper{255, 236, 153};  // of notes
};

struct Pointer {
  Vec at;  // on the board
  bool shift = false, alt = false;
  bool twice = false;  // the second press of a double click
};

/// What the tools stand on.
struct ToolWorld {
  const Board* board = nullptr;
  std::function<void(const Writes&)> write;  // makes them on the board at once, and in the room
  std::function<std::string()> make_id;      // of a document
  std::function<std::int64_t()> now_ms;
  std::string author;
  std::uint64_t seed = 0;  // another one for each person
};

/// Where letters are to be typed.
struct TextRequest {
  std::string id;  // of the text or note; empty: a new text
  Vec at;          // the upper left corner
};

/// The eight handles of a selection, from its upper left corner on, clockwise.
enum class Handle { kNorthWest, kNorth, kNorthEast, kEast, kSouthEast, kSouth, kSouthWest, kWest };
Vec handle_at(const Box& box, Handle handle);
/// Those that a frame has: the corners', and those of sides that are long enough.
std::vector<Handle> handles_of(const Box& frame, double pixel);

class Tools {
 public:
  explicit Tools(ToolWorld world);

  // --- Choices
  Tool tool() const { return tool_; }
  void choose(Tool tool);
  const Style& style() const { return style_; }
  /// Each restyles what is selected as well.
  void set_colour(Colour colour);
  void set_width(double width);
  void set_font_size(double size);
  void set_fill(std::optional<Colour> fill);
  void set_paper(Colour paper);

  // --- The pointer. `pixel` is the size of one logical pixel in board units.
  void press(const Pointer& pointer, double pixel);
  void drag(const Pointer& pointer, double pixel);
  void release(const Pointer& pointer, double pixel);
  void cancel();
  bool busy() const { return doing_.gesture != Gesture::kNone; }

  // --- Commands
  void remove_selection();
  void duplicate();
  void select_all();
  void clear_selection();
  void bring_to_front();
  void send_to_back();
  void bring_forward();
  void send_backward();
  void nudge(Vec by);
  void undo();
  void redo();
  bool can_undo() const { return history_.can_undo(); }
  bool can_redo() const { return history_.can_redo(); }
  /// The letters of a text or note, or a new text: an empty text goes away, a note stays.
  void finish_text(const TextRequest& request, const std::string& text);
  std::optional<TextRequest> take_text_request();
  /// Others may have deleted what was chosen or being changed.
  void board_changed();

  // --- What is under way
  enum class Gesture { kNone, kStroke, kShape, kErase, kPress, kMove, kResize, kBox };
  struct Doing {
    Gesture gesture = Gesture::kNone;
    Vec from, to;                // of the pointer
    std::string id;              // of what is being drawn
    Ink ink;                     // kStroke
    std::optional<Shape> shape;  // kStroke: its style; kShape
    Ids erased;                  // kErase
    Vec moved_by;                // kMove
    bool copies = false;         // kMove: of copies, the originals stay
    Handle handle{};             // kResize
    Box before, after;           // kResize: of the selection
    std::optional<Box> box;      // kBox
  };
  const Doing& doing() const { return doing_; }
  const Selection& selection() const { return selection_; }
  /// The handle at a place, where something is selected.
  std::optional<Handle> handle_under(Vec at, double pixel) const;
  /// The selected shapes as kResize leaves them.
  std::vector<Shape> resized() const;
  /// What is painted elsewhere or not at all meanwhile.
  Ids hidden() const;

 private:
  Shape styled(Kind kind) const;
  std::string order_on_top();
  void commit(const Writes& writes);
  void restyle_selection(const Fields& fields);

  void press_select(const Pointer& pointer, double pixel);
  void drag_shape(const Pointer& pointer);
  void drag_eraser(const Pointer& pointer, double pixel);
  void drag_box(const Pointer& pointer);
  void drag_handle(const Pointer& pointer, double pixel);
  void finish_stroke(double pixel);
  void finish_shape(double pixel);
  void finish_press(const Pointer& pointer);
  void finish_move();
  void place_note(Vec at);
  Writes resize_writes() const;

  const ToolWorld world_;
  Jitter jitter_;
  History history_;
  Selection selection_;
  Tool tool_ = Tool::kSelect;
  Style style_;
  Doing doing_;
  Ids box_base_;  // kBox with Shift: what was selected before
  std::string pressed_id_;
  std::optional<TextRequest> text_request_;
};

}  // namespace atelier::board
