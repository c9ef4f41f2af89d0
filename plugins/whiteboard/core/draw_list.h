// A shape as a few primitive commands that the screen rasterises and the SVG file writes, so that
// both show the same. Thread rule: pure functions.
#pragma once

#include <string>
#include <vector>

#include "core/board.h"
#include "core/text_layout.h"

namespace atelier::board {

struct DrawCommand {
  enum class Kind {
    kPolygon,    // `points` closed and filled by the non-zero rule
    kLine,       // `points` with round ends and joints
    kRectangle,  // two corners in `points`, rounded by `radius`
    kEllipse,    // the same box
    kText,       // one line of letters, `points[0]` is where its baseline begins
  };
  Kind kind = Kind::kPolygon;
  Points points;
  bool curved = false;      // of a polygon: controls of a closed curve (flatten_curve)
  Colour fill{0, 0, 0, 0};  // of the inside, and of letters
  Colour line{0, 0, 0, 0};  // of the line around it
  double width = 0;         // of the line
  double radius = 0;
  double rotation = 0;  // degrees clockwise around `pivot`, of rectangles, ellipses and text;
  Vec pivot;            // other kinds are turned already
  std::string text;
  double font_size = 0;
  double text_width = 0;
};
using DrawList = std::vector<DrawCommand>;

struct DrawOptions {
  double zoom = 1;  // pixels a unit: what is below a pixel is left out. 0: every detail
  MeasureText measure = rough_text_width;
};

/// Appends what a shape looks like. Its ink may be at hand already (a cache); null decodes it.
void draw_shape(const Shape& shape, const DrawOptions& options, DrawList& list,
                const Ink* ink = nullptr);

/// All that touches a box, in drawing order.
DrawList draw_board(const Board& board, const Box& box, const DrawOptions& options);

/// The commands of a stroke while it is drawn.
void draw_ink(const Ink& ink, Colour colour, double width, double zoom, DrawList& list);

/// The closed outline of a polygon, rectangle or ellipse, turned, within `tolerance` board units.
Points command_polygon(const DrawCommand& command, double tolerance);

/// The ground of boards, in both themes of the window and in files.
inline constexpr Colour kPaper{255, 255, 255, 255};
/// A note's ground where none is given.
inline constexpr Colour kNotePaper{255, 236, 153, 255};
/// In files and on screens; the second is what most browsers have.
inline constexpr const char* kFontFamily = "Noto Sans, sans-serif";

}  // namespace atelier::board
