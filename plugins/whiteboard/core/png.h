// A board as a PNG picture (W3C PNG, third edition), painted in bands so that memory follows the
// width and not the area. Thread rule: pure functions apart from the painter's cache.
#pragma once

#include <string>

#include "core/painter.h"
#include <atelier/error.h>

namespace atelier::board {

struct PngOptions {
  double scale = 2;    // pixels a unit; less where the picture would have more than kPngSideMax
  double margin = 20;  // board units around the shapes
};

/// The bytes of the file: 8 bits a channel, RGB on the board's paper. Errors: kInternal when zlib
/// refuses.
Result<std::string> to_png(const Board& board, Painter& painter, const PngOptions& options = {});

}  // namespace atelier::board
