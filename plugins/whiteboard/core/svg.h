// A board as an SVG 1.1 file that any browser and drawing program opens. Thread rule: pure
// functions.
#pragma once

#include <set>
#include <string>

#include "core/draw_list.h"

namespace atelier::board {

struct SvgOptions {
  std::string title;
  const std::set<std::string>* only = nullptr;  // ids; null: all
  double margin = 20;                           // board units around the shapes
  bool paper = true;                            // a white ground; otherwise it is transparent
  MeasureText measure = rough_text_width;
};

/// One group a shape, in drawing order, titled with kind and author. Text stays text: escaped, in a
/// named font, each line where the board has it.
std::string to_svg(const Board& board, const SvgOptions& options);

}  // namespace atelier::board
