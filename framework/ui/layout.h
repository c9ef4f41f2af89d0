// Text to glyphs in their places: both directions of writing, joined letters, marks, joined emoji,
// fallback fonts, line breaks, and the "…" of what does not fit.
//
// Steps: UTF-8 -> code points -> levels of direction (FriBidi, UAX 9) -> runs of one level, script
// and face -> HarfBuzz -> lines -> runs of each line in visual order.
// Pure apart from the faces that the stack opens. Thread rule: main thread, as FontStack.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ui/font_stack.h"

namespace atelier::ui {

struct LayoutOptions {
  float em_px = 16;
  bool bold = false;
  float wrap_px = 0;   // lines are at most this wide; 0: only "\n" ends a line
  int lines_max = 0;   // what is beyond ends in "…"; 0: no limit. 1 needs wrap_px as its width.
  bool cells = false;  // also Layout::cells
};

struct PlacedGlyph {
  std::int32_t face;
  std::uint32_t glyph;
  float x, y;  // the pen, from the left of the layout and from its line's baseline, y down
};

struct LayoutLine {
  std::uint32_t first = 0, count = 0;  // of glyphs
  float x = 0, width = 0;              // x: lines that run right to left end at the layout's edge
  std::uint32_t begin = 0, end = 0;    // bytes of the text
  std::uint32_t first_cell = 0, cells = 0;
  bool right_to_left = false;  // the direction of its paragraph
};

/// Where one grapheme cluster stands on its line. Those of a ligature share its width.
struct LayoutCell {
  std::uint32_t begin, end;  // bytes of the text
  float left, right;         // from where the line begins; spaces at its end may lie outside of it
  bool right_to_left;
};

struct Layout {
  std::vector<PlacedGlyph> glyphs;
  std::vector<LayoutLine> lines;
  std::vector<LayoutCell> cells;  // of each line in visual order; none for its "\n"
  float width = 0;
  bool cut = false;  // ends in "…"
};

/// At most kTextLayoutBytesMax of `text` are laid out. Invalid UTF-8 shows as U+FFFD; a tab reaches
/// to the next stop of its line.
Layout layout_text(FontStack& stack, std::string_view text, const LayoutOptions& options);

/// The end of the grapheme cluster (what a person calls a character) that begins at byte `at`.
std::size_t next_grapheme(std::string_view text, std::size_t at);

}  // namespace atelier::ui
