// One block of an editor's text, laid out: its visual lines, where carets stand in them, and which
// place a pointer means. Positions are code points from the block's beginning, lengths pixels.
//
// A caret stands between two grapheme clusters. Where the direction of writing changes, and where a
// line is broken, that is two places on screen: `upstream` tells the end of what is before it from
// the beginning of what follows.
// Thread rule: main thread, as FontStack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ui/layout.h"

namespace atelier::ui {

struct EditorCaret {
  std::size_t position = 0;
  bool upstream = false;
};

struct BlockLayout {
  std::u32string text;                  // without its "\n"
  Layout layout;                        // begin and end of lines and cells count code points
  std::vector<std::uint32_t> clusters;  // where each begins, and the end of the text

  std::size_t line_of(EditorCaret caret) const;
  /// From where the line begins.
  float x_of(std::size_t line, EditorCaret caret) const;
  EditorCaret at_x(std::size_t line, float x) const;
  /// The cluster there.
  std::size_t under_x(std::size_t line, float x) const;
  /// Past one cluster on the screen; false at the line's edge.
  bool step(std::size_t line, EditorCaret& caret, bool to_right) const;

  /// The ends of the cluster that `position` is in or at; itself where it is between two.
  std::size_t cluster_begin(std::size_t position) const;
  std::size_t cluster_end(std::size_t position) const;
  /// The neighbours; 0 and text.size() at the ends.
  std::size_t cluster_before(std::size_t position) const;
  std::size_t cluster_after(std::size_t position) const;

 private:
  struct Edge {
    const LayoutCell* cell;
    bool right;
  };
  EditorCaret caret_at(std::size_t line, Edge edge) const;
  Edge edge_of(std::size_t line, EditorCaret caret) const;
};

BlockLayout lay_out_block(FontStack& stack, std::u32string text, float em_px, float wrap_px);

/// Where to cut a line that is longer than kEditorBlockPointsMax: the lengths of the pieces.
std::vector<std::size_t> cut_line(std::u32string_view line);

std::u32string to_points(std::string_view utf8);
std::string to_utf8(std::u32string_view points);

}  // namespace atelier::ui
