// The bars that float over the canvas: tools below, colours and widths above them, what can be done
// with a selection, zoom and export in the upper and lower corners. Thread rule: main thread,
// within a frame.
#pragma once

#include "canvas_view.h"
#include "core/tools.h"
#include <atelier/ui.h>

namespace atelier::board {

/// Draws all bars over the canvas. Returns what was pressed that is not the tools' business.
struct BarPresses {
  bool export_svg = false, export_png = false;
};
BarPresses draw_bars(Tools& tools, CanvasView& canvas, const Board& board);

}  // namespace atelier::board
