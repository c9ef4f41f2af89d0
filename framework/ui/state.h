// What the files of ui share: one state for the process, between start() and stop().
// Thread rule: main thread.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ui/font_stack.h"
#include "ui/layout.h"
#include "ui/shell.h"

namespace atelier::ui {

/// A style in logical pixels.
struct StyleSize {
  float em;
  bool bold;
};
StyleSize style_size(TextStyle style);

/// A glyph that stands in ImGui's atlas.
struct CachedGlyph {
  int rect = -1;                                   // ImFontAtlasRectId; -1: no ink
  float left = 0, top = 0, width = 0, height = 0;  // screen pixels from the pen
  bool coloured = false;
};

/// Layouts by text and shape, the least recently used dropped first.
class LayoutCache {
 public:
  const Layout& get(FontStack& stack, std::string_view text, const LayoutOptions& options);
  void clear();

 private:
  struct Entry {
    std::string key;
    Layout layout;
  };
  std::list<Entry> entries_;  // the most recent first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;
};

struct ToastNote {
  std::string text;
  Mood mood;
  double until_s;
};

struct KeptField;  // fields.h

struct State {
  State();
  ~State();
  ShellOptions options;
  Theme theme{};
  std::unique_ptr<FontStack> fonts;
  ImFont* regular = nullptr;
  ImFont* bold = nullptr;
  LayoutCache layouts;
  std::unordered_map<std::uint64_t, CachedGlyph> glyphs;
  std::unordered_map<int, int> discs;  // radius in framebuffer pixels -> rectangle of the atlas
  std::vector<Shown> shown;
  std::vector<ToastNote> toasts;
  std::optional<int> redraw_ms;
  bool focus_next = false;
  std::unordered_map<unsigned, std::unique_ptr<KeptField>> fields;  // by ImGuiID
  std::string composition;  // of an input method, not yet part of any text
  int composition_caret = 0;
  std::string confirm_id;  // of the question that is open
};

/// Only between start() and stop().
State& state();
/// Whether there is a screen: a plugin in a terminal may still ask for a toast.
bool is_started();

/// What a label shows: without ImGui's "##id".
std::string_view visible_part(const char* label);

/// Fills the current popup, which ImGui left transparent.
void draw_popup_ground();

/// One line of a layout, its upper left corner at `at`; draw_text() of many lines is this.
void draw_line(ImDrawList& list, const Layout& layout, const LayoutLine& line, ImVec2 at,
               float em_px, ImU32 colour);

/// How far the last line of a text reaches.
float last_line_width(std::string_view text, const TextShape& shape);

}  // namespace atelier::ui
