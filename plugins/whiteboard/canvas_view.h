// The board in the window: camera, tiles as textures, and a layer above them for what moves.
// Thread rule: main thread, draw() within a frame.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "core/tile_view.h"
#include <atelier/ui.h>
#include <atelier/ui_canvas.h>

namespace atelier::board {

/// Text as wide as it is painted; roughly where there is no screen.
double measure_letters(std::string_view text, double size);
/// Paints a line of text with the fonts of the screen.
void paint_letters(const Bitmap& target, Vec baseline, std::string_view text, double em,
                   Colour colour);

/// A picture over the whole view that is painted anew in each frame, where there is something.
class LiveLayer {
 public:
  /// Begins a frame for a view of that many pixels.
  void begin(int width, int height);
  /// Where to paint; tell touch() where.
  Bitmap bitmap();
  void touch(PixelRect rect);
  void draw(ImDrawList& list, ImVec2 origin, float unit);

 private:
  std::optional<ui::Texture> texture_;
  PixelRect painted_, cleared_;  // in this frame, and in the last one
};

class CanvasView : private TileStore {
 public:
  explicit CanvasView(const Board& board);

  CameraMan& camera() { return camera_; }
  TileView& tiles() { return tiles_; }
  Painter& painter() { return painter_; }

  /// The canvas's place on the screen in this frame (ImGui's units).
  void place(ImVec2 min, ImVec2 size);
  ImVec2 min() const { return min_; }
  ImVec2 size() const { return size_; }
  Vec to_board(ImVec2 at) const;
  ImVec2 to_screen(Vec at) const;
  /// Framebuffer pixels from the canvas's corner.
  Vec to_pixel(ImVec2 at) const;
  /// Board units of a logical pixel, and how many framebuffer pixels one is.
  double pixel() const;
  static double density();

  /// Paper and tiles; paints some that are stale. Asks for another frame while there are more.
  void draw_tiles(ImDrawList& list);

  // --- The layer above
  void begin_live();
  void live_shape(const Shape& shape);
  void live_ink(const Ink& ink, Colour colour, double width);
  void live_item(const Item& item, Vec moved_by, int alpha = 255);
  void draw_live(ImDrawList& list);

 private:
  Bitmap open(TileKey key) override;
  void changed(TileKey key, PixelRect rect) override;
  void drop(TileKey key) override;

  struct KeyLess {
    bool operator()(TileKey a, TileKey b) const;
  };

  Window live_window() const;
  double live_detail() const;

  Painter painter_;
  std::map<TileKey, ui::Texture, KeyLess> textures_;
  TileView tiles_;
  CameraMan camera_;
  LiveLayer live_;
  ImVec2 min_{0, 0}, size_{1, 1};
  bool placed_ = false;
};

}  // namespace atelier::board
