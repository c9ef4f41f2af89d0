// What TextEditor is made of: the text in blocks (editor_text.h), a caret, what is selected, a
// place to scroll to, and the frame that is being drawn.
//
// Invariants: 1. Caret and anchor stand between clusters of the model's text whenever draw() ends.
// 2. top_point_ is where a block begins, and top_offset_ of that block lies above the edge: edits
// elsewhere do not move what is visible.
// Thread rule: main thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <imgui.h>

#include "ui/editor_text.h"

namespace atelier::ui {

class EditorCore {
 public:
  void draw(const char* label, TextModel& model, ImVec2 size, const TextEditorOptions& options);
  void patched(std::size_t position, std::size_t erased, std::size_t inserted, bool own);
  void reset();
  std::size_t caret() const { return caret_.position; }
  std::size_t anchor() const { return anchor_; }
  void select(std::size_t anchor, std::size_t caret);
  void focus() { wants_focus_ = true; }
  bool focused() const { return focused_; }
  bool submitted() { return std::exchange(submitted_, false); }
  std::uint64_t caret_revision() const { return caret_revision_; }
  void set_remote_carets(std::vector<RemoteCaret> carets);
  void find(std::string words);
  TextEditor::Found found(TextModel& model);
  void find_next(TextModel& model, bool backward = false);
  float content_height(TextModel& model, float width);

  /// For tests of the invariants.
  EditorText& text() { return text_; }

 private:
  using Place = EditorBlocks::Place;

  /// What stays the same during one draw().
  struct Frame {
    TextModel* model = nullptr;
    TextEditorOptions options;
    const char* label = "";
    ImGuiID id = 0;
    ImVec2 min, max;            // of the field
    ImVec2 text_min, text_max;  // of what the text is seen through
    bool hovered = false, clicked = false;
    float height() const { return text_max.y - text_min.y; }
    float width() const { return text_max.x - text_min.x; }
  };
  /// A visual line that is seen.
  struct Line {
    EditorBlocks::Found block;
    std::size_t line = 0;
    ImVec2 at;  // its upper left corner on screen
  };
  struct Remote {
    RemoteCaret caret;
    double moved_s = 0;
  };
  enum class Edit { kNone, kTyping, kSpace, kErasing };
  enum class DragUnit { kNone, kPoint, kWord, kParagraph, kScrollbar };

  // editor.cpp: life, focus, positions
  bool begin_item(const char* label, ImVec2 size, const TextEditorOptions& options);
  void take_focus(bool requested_by_keys);
  void refresh();
  void settle();
  void note_caret();
  double now_s() const { return ImGui::GetTime(); }
  std::pair<std::size_t, std::size_t> selection() const;

  // editor_input.cpp: keyboard
  void own_keys() const;
  void take_characters();
  void take_keys();
  bool take_moves(bool extend, bool by_word);
  bool take_edits(bool by_word, bool shift);
  void take_commands(bool shift);
  void move(EditorCaret to, bool extend);
  void move_lines(int lines, bool extend);
  void move_sideways(bool to_right, bool by_word, bool extend);
  EditorCaret line_edge(bool end);
  void insert(std::u32string_view typed, bool pasted);
  void erase(bool forward, bool by_word);
  void replace_selection(std::string_view with, Edit kind);
  void before_edit(Edit kind);
  void copy() const;

  // editor_pointer.cpp: pointer and scrolling
  void take_pointer();
  void press(const EditorSpot& at);
  void drag_to(const EditorSpot& at);
  EditorSpot spot_at(ImVec2 pointer);
  EditorCaret caret_at(const EditorSpot& spot);
  std::pair<std::size_t, std::size_t> unit_at(const EditorSpot& spot);
  void scroll_while_dragging();
  void scroll_by(float delta);
  void hold_end();
  void show_caret();
  void show_caret_sideways();
  void drag_scrollbar();
  bool content_is_higher();

  // editor_draw.cpp
  void paint();
  std::vector<Line> visible_lines();
  void paint_ground() const;
  void paint_placeholder() const;
  void paint_range(const Line& line, std::size_t begin, std::size_t end, ImU32 colour);
  void paint_grounds(const Line& line);
  void paint_caret(const std::vector<Line>& lines);
  void paint_composition(ImVec2 at);
  void paint_remote(const Remote& remote, const std::vector<Line>& lines);
  void paint_flag(const Remote& remote, ImVec2 at, bool below);
  void paint_scrollbar();
  void record_words(const std::vector<Line>& lines);
  std::optional<ImVec2> caret_place(EditorCaret caret, const std::vector<Line>& lines);
  bool caret_is_lit();
  void tell_input_method(ImVec2 at) const;

  // editor_find.cpp
  void search(Place at);
  void search_some(std::size_t points);
  std::optional<std::pair<std::size_t, std::size_t>> match_from(std::size_t position,
                                                                bool backward);

  EditorText text_;
  EditorCaret caret_;
  std::size_t anchor_ = 0;
  std::optional<float> wanted_x_;  // what Up and Down aim at
  std::uint64_t caret_revision_ = 0;
  std::pair<std::size_t, std::size_t> noted_{0, 0};
  bool unsettled_ = true;  // the text changed: caret and anchor may be within a cluster

  std::size_t top_point_ = 0;
  float top_offset_ = 0;
  float scroll_x_ = 0;         // of a single line
  bool follow_caret_ = false;  // scroll to it in this frame

  bool focused_ = false, wants_focus_ = false, submitted_ = false;
  double active_s_ = 0;  // when the caret moved last
  double edited_s_ = 0;
  Edit last_edit_ = Edit::kNone;
  DragUnit drag_ = DragUnit::kNone;
  std::pair<std::size_t, std::size_t> drag_from_{0, 0};
  float grip_held_at_ = 0;  // within the scrollbar's grip

  std::vector<Remote> remotes_;
  std::u32string words_;  // to find, folded

  Frame frame_;
};

}  // namespace atelier::ui
