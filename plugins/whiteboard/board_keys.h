// The shortcuts that people know from other boards. Thread rule: main thread, within a frame.
#pragma once

#include "canvas_view.h"
#include "core/tools.h"

namespace atelier::board {

/// Acts on the keys that were pressed in this frame. Not to be called while letters are typed.
void handle_keys(Tools& tools, CanvasView& canvas, const Board& board);

}  // namespace atelier::board
