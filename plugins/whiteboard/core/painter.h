// Shapes as pixels: what a tile, a picture file and the layer of what moves are painted with. The
// same shape at the same place gives the same pixels, whatever was painted before.
//
// Outlines are kept (bounded): painting a shape again at the same zoom neither decodes its points
// nor computes its line anew. Thread rule: one thread at a time.
#pragma once

#include <functional>
#include <list>
#include <string_view>
#include <unordered_map>

#include "core/board.h"
#include "core/draw_list.h"
#include "core/raster.h"

namespace atelier::board {

/// One line of letters over a bitmap; `baseline` in pixels, letters of `em` pixels.
using PaintLetters = std::function<void(const Bitmap& target, Vec baseline, std::string_view text,
                                        double em, Colour colour)>;

/// Which part of the board a bitmap shows: the point in its corner, and pixels a unit.
struct Window {
  Vec corner;
  double scale = 1;
  Vec to_pixel(Vec unit) const { return (unit - corner) * scale; }
  /// The pixels that a box touches, with a margin for smooth edges, within a bitmap.
  PixelRect pixels(const Box& box, const Bitmap& within) const;
};

class Painter {
 public:
  Painter(MeasureText measure, PaintLetters letters);

  /// What stands on the board; `scale` of the window is a power of two where it should be kept.
  void paint(const Bitmap& target, const Window& window, const Item& item);
  /// What does not stand there yet. `detail`: pixels a unit that it will be shown with; `alpha` of
  /// 255 paints as it is.
  void paint_shape(const Bitmap& target, const Window& window, const Shape& shape, double detail,
                   int alpha = 255, const Ink* ink = nullptr);
  void paint_faded(const Bitmap& target, const Window& window, const Item& item, double detail,
                   int alpha);
  void paint_commands(const Bitmap& target, const Window& window, const DrawList& list,
                      int alpha = 255);
  const MeasureText& measure() const { return measure_; }
  std::size_t kept_bytes() const { return kept_bytes_; }

 private:
  struct Key {
    std::uint64_t revision;  // of the item: differs for each item and each change
    std::uint64_t zoom;      // the bits of the number
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };
  struct Kept {
    Key key;
    DrawList list;
    std::size_t bytes;
  };

  const DrawList& commands_of(const Item& item, double zoom);
  void paint_command(const Bitmap& target, const Window& window, const DrawCommand& command,
                     int alpha);
  void paint_polygon(const Bitmap& target, const Window& window, const Points& polygon,
                     Colour colour);
  void paint_edge(const Bitmap& target, const Window& window, const DrawCommand& command,
                  Colour colour);
  void paint_text(const Bitmap& target, const Window& window, const DrawCommand& command,
                  Colour colour);

  const MeasureText measure_;
  const PaintLetters letters_;
  Raster raster_;
  std::list<Kept> kept_;  // used last at the front
  std::unordered_map<Key, std::list<Kept>::iterator, KeyHash> by_key_;
  std::size_t kept_bytes_ = 0;
  Points pixels_;  // scratch
};

/// A line of even width as a closed polygon, with round ends.
Points line_polygon(const Points& line, double width, double tolerance);

}  // namespace atelier::board
