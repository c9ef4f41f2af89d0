// EditorCore: the keyboard and the clipboard. Thread rule: main thread.
#include <algorithm>
#include <utility>

#include <imgui_internal.h>

#include "base/limits.h"
#include "ui/editor.h"
#include "ui/state.h"

namespace atelier::ui {
namespace {

bool pressed(ImGuiKey key) {
  return ImGui::IsKeyPressed(key, true);
}

bool is_text(char32_t c) {
  return c >= 0x20 && !(c >= 0x7F && c < 0xA0) && !(c >= 0xD800 && c < 0xE000) && c <= 0x10FFFF;
}

// What may stand in a text: no control characters, one kind of line end.
std::u32string cleaned(std::u32string_view typed, bool single_line) {
  std::u32string clean;
  if (single_line)
    while (!typed.empty() && (typed.back() == U'\n' || typed.back() == U'\r'))
      typed.remove_suffix(1);
  for (std::size_t i = 0; i < typed.size(); ++i) {
    char32_t c = typed[i];
    if (c == U'\r') {
      if (i + 1 < typed.size() && typed[i + 1] == U'\n') continue;
      c = U'\n';
    }
    if (c == U'\n' || c == U'\t')
      clean += single_line ? U' ' : c;
    else if (is_text(c))
      clean += c;
  }
  return clean;
}

}  // namespace

// ImGui would move its focus with these.
void EditorCore::own_keys() const {
  ImGuiContext& g = *ImGui::GetCurrentContext();
  const auto& options = frame_.options;
  for (const auto key : {ImGuiKey_LeftArrow, ImGuiKey_RightArrow, ImGuiKey_Enter,
                         ImGuiKey_KeypadEnter, ImGuiKey_Delete, ImGuiKey_Backspace, ImGuiKey_Home,
                         ImGuiKey_End, ImGuiKey_UpArrow, ImGuiKey_DownArrow, ImGuiKey_Insert})
    ImGui::SetKeyOwner(key, frame_.id);
  if (!options.single_line && !options.enter_submits) {
    ImGui::SetKeyOwner(ImGuiKey_PageUp, frame_.id);
    ImGui::SetKeyOwner(ImGuiKey_PageDown, frame_.id);
    // Shift+Tab leaves, so that nobody who has no pointer is caught here.
    if (!options.read_only && !g.IO.KeyShift) ImGui::SetKeyOwner(ImGuiKey_Tab, frame_.id);
  }
  g.ActiveIdUsingNavDirMask |= ~0U;
  // The pointer may hover other things while this has the keyboard.
  g.ActiveIdAllowOverlap = !g.IO.MouseDown[0];
  g.WantTextInputNextFrame = 1;
}

// --- Moving

void EditorCore::move(EditorCaret to, bool extend) {
  caret_ = to;
  if (!extend) anchor_ = to.position;
  wanted_x_.reset();
  follow_caret_ = true;
  active_s_ = now_s();
  if (std::exchange(last_edit_, Edit::kNone) != Edit::kNone) frame_.model->end_undo_step();
  note_caret();
}

void EditorCore::move_lines(int lines, bool extend) {
  EditorSpot spot = text_.spot_of(caret_);
  const float x = wanted_x_.value_or(spot.x);
  bool moved = true;
  for (int i = 0; i < std::abs(lines) && moved; ++i)
    moved = lines > 0 ? text_.line_below(spot) : text_.line_above(spot);
  if (moved || std::abs(lines) > 1)
    move(text_.caret_at(spot.block, spot.line, x), extend);
  else
    move({lines > 0 ? text_.size() : 0, false}, extend);
  wanted_x_ = x;
}

void EditorCore::move_sideways(bool to_right, bool by_word, bool extend) {
  const auto [begin, end] = selection();
  const EditorSpot spot = text_.spot_of(caret_);
  const bool rtl = text_.layout(spot.block.place).layout.lines[spot.line].right_to_left;
  const bool forward = to_right != rtl;
  if (begin != end && !extend && !by_word) return move({forward ? end : begin, false}, false);
  if (by_word)
    return move(
        {forward ? text_.word_after(caret_.position) : text_.word_before(caret_.position), false},
        extend);
  move(text_.step(caret_, to_right), extend);
}

EditorCaret EditorCore::line_edge(bool end) {
  const EditorSpot spot = text_.spot_of(caret_);
  const BlockLayout& block = text_.layout(spot.block.place);
  const LayoutLine& line = block.layout.lines[spot.line];
  if (!end) return {spot.block.begin + line.begin, false};
  const EditorCaret edge{spot.block.begin + line.end, false};
  const bool broken = line.end < block.text.size() || !text_.blocks()[spot.block.place].ends_line;
  return {edge.position, broken && line.end > line.begin && edge.position < text_.size()};
}

bool EditorCore::take_moves(bool extend, bool by_word) {
  const bool single = frame_.options.single_line;
  if (pressed(ImGuiKey_LeftArrow)) return move_sideways(false, by_word, extend), true;
  if (pressed(ImGuiKey_RightArrow)) return move_sideways(true, by_word, extend), true;
  const bool to_begin = pressed(ImGuiKey_Home) || (single && pressed(ImGuiKey_UpArrow));
  const bool to_end = pressed(ImGuiKey_End) || (single && pressed(ImGuiKey_DownArrow));
  if (to_begin) return move(by_word || single ? EditorCaret{} : line_edge(false), extend), true;
  if (to_end)
    return move(by_word || single ? EditorCaret{text_.size()} : line_edge(true), extend), true;
  if (single) return false;
  if (pressed(ImGuiKey_UpArrow)) return move_lines(-1, extend), true;
  if (pressed(ImGuiKey_DownArrow)) return move_lines(1, extend), true;
  if (frame_.options.enter_submits) return false;  // a page is what stands above the field
  const float line_height = text_.metrics().line_height;
  const int page = std::max(1, static_cast<int>(frame_.height() / line_height) - 1);
  const bool up = pressed(ImGuiKey_PageUp), down = pressed(ImGuiKey_PageDown);
  if (!up && !down) return false;
  scroll_by(static_cast<float>(down ? page : -page) * line_height);
  move_lines(down ? page : -page, extend);
  return true;
}

// --- Editing

void EditorCore::before_edit(Edit kind) {
  const bool paused = now_s() - edited_s_ > kEditorUndoPauseMs / 1000.0;
  const bool new_word = last_edit_ == Edit::kSpace && kind == Edit::kTyping;
  const bool erasing = (kind == Edit::kErasing) != (last_edit_ == Edit::kErasing);
  const bool moved = last_edit_ == Edit::kNone;
  if (paused || moved || new_word || erasing || kind == Edit::kNone) frame_.model->end_undo_step();
  edited_s_ = now_s();
  last_edit_ = kind;
}

void EditorCore::replace_selection(std::string_view with, Edit kind) {
  const auto [begin, end] = selection();
  if (begin == end && with.empty()) return;
  before_edit(kind);
  frame_.model->replace(begin, end - begin, with);
  if (kind == Edit::kNone) frame_.model->end_undo_step();
  follow_caret_ = true;
  active_s_ = now_s();
  refresh();
}

void EditorCore::insert(std::u32string_view typed, bool pasted) {
  if (frame_.options.read_only) return;
  const std::u32string clean = cleaned(typed, frame_.options.single_line);
  if (clean.empty()) return;
  const bool space = clean.back() == U' ' || clean.back() == U'\n' || clean.back() == U'\t';
  replace_selection(to_utf8(clean), pasted ? Edit::kNone : space ? Edit::kSpace : Edit::kTyping);
}

void EditorCore::erase(bool forward, bool by_word) {
  if (frame_.options.read_only) return;
  if (anchor_ == caret_.position) {
    const std::size_t at = caret_.position;
    if (by_word)
      anchor_ = forward ? text_.word_after(at) : text_.word_before(at);
    else
      anchor_ = forward ? text_.cluster_after(at) : text_.cluster_before(at);
  }
  replace_selection("", Edit::kErasing);
}

void EditorCore::take_characters() {
  ImGuiIO& io = ImGui::GetIO();
  std::u32string typed;
  // AltGr comes as Ctrl+Alt.
  const bool command = (io.KeyCtrl && !io.KeyAlt) || io.KeySuper;
  if (!command)
    for (const ImWchar c : io.InputQueueCharacters)
      if (is_text(c)) typed += static_cast<char32_t>(c);
  io.InputQueueCharacters.resize(0);
  if (typed.empty()) return;
  set_composition("", 0);
  insert(typed, false);
}

bool EditorCore::take_edits(bool by_word, bool shift) {
  const auto& options = frame_.options;
  if (pressed(ImGuiKey_Backspace)) return erase(false, by_word), true;
  if (pressed(ImGuiKey_Delete) && !shift) return erase(true, by_word), true;
  if (pressed(ImGuiKey_Enter) || pressed(ImGuiKey_KeypadEnter)) {
    if (options.single_line || (options.enter_submits && !shift && !by_word))
      submitted_ = true;
    else
      insert(U"\n", false);
    return true;
  }
  const bool tab = !options.single_line && !options.enter_submits && !shift && !by_word;
  if (tab && pressed(ImGuiKey_Tab)) return insert(U"\t", false), true;
  return false;
}

void EditorCore::copy() const {
  const auto [begin, end] = selection();
  if (begin == end) return;
  std::string words = frame_.model->slice(begin, end - begin);
  std::erase(words, '\0');  // would end what the clipboard takes; nobody types one
  ImGui::SetClipboardText(words.c_str());
}

void EditorCore::take_commands(bool shift) {
  const bool ctrl = ImGui::GetIO().KeyCtrl, writable = !frame_.options.read_only;
  const auto chord = [&](ImGuiKey key) { return ctrl && pressed(key); };
  if (chord(ImGuiKey_A)) {
    move({text_.size(), false}, false);
    anchor_ = 0;
    follow_caret_ = false;
  }
  if (chord(ImGuiKey_C) || chord(ImGuiKey_Insert)) copy();
  const bool cut = chord(ImGuiKey_X) || (shift && pressed(ImGuiKey_Delete));
  if (cut) {
    copy();
    if (writable) replace_selection("", Edit::kNone);
  }
  const bool paste = chord(ImGuiKey_V) || (shift && !ctrl && pressed(ImGuiKey_Insert));
  if (paste)
    if (const char* text = ImGui::GetClipboardText()) insert(to_points(text), true);
  const bool undo = chord(ImGuiKey_Z) && !shift;
  const bool redo = chord(ImGuiKey_Y) || (chord(ImGuiKey_Z) && shift);
  if (!writable || !(undo || redo)) return;
  frame_.model->end_undo_step();
  last_edit_ = Edit::kNone;
  if (undo)
    frame_.model->undo();
  else
    frame_.model->redo();
  refresh();
}

void EditorCore::take_keys() {
  const ImGuiIO& io = ImGui::GetIO();
  const bool shift = io.KeyShift;
  if (io.KeyAlt && !io.ConfigMacOSXBehaviors) return;  // the window manager's and AltGr's
  const bool by_word = io.ConfigMacOSXBehaviors ? io.KeyAlt : io.KeyCtrl;
  if (!take_moves(shift, by_word) && !take_edits(by_word, shift)) take_commands(shift);
}

}  // namespace atelier::ui
