// Where on the infinite board a person looks, and how near. Thread rule: values.
#pragma once

#include "core/vec.h"

namespace atelier::board {

inline constexpr double kZoomMin = 0.05;
inline constexpr double kZoomMax = 64;

/// A view of `size` pixels. `zoom` is pixels a unit.
struct Camera {
  Vec corner;  // the board's point in the upper left corner of the view
  double zoom = 1;
  Vec size;

  Vec to_screen(Vec unit) const { return (unit - corner) * zoom; }
  Vec to_board(Vec pixel) const { return corner + pixel * (1 / zoom); }
  Box view() const { return {corner, to_board(size)}; }
};

/// Moves and zooms smoothly: what is wanted is reached in some frames. At rest the board lies on
/// whole pixels.
class CameraMan {
 public:
  const Camera& now() const { return now_; }
  /// Pixels a unit at 100%: the display's density.
  void set_view(Vec size, double density);
  /// 1 at 100%, whatever the display.
  double percent() const { return wanted_.zoom / density_; }

  /// The board follows the hand at once.
  void pan(Vec pixels);
  /// The point under `pixel` stays there; `factor` above 1 comes nearer.
  void zoom_at(Vec pixel, double factor);
  /// Zoom in the middle to a share of 100%.
  void zoom_to(double share);
  /// All of a box in view, at most at 100%.
  void fit(const Box& box);

  /// Goes on for so many seconds. Returns whether there is more way to go.
  bool step(double seconds);
  void jump();

 private:
  void settle();

  Camera now_, wanted_;
  double density_ = 1;
  Vec anchor_;  // pixel that stays over the same point while zooming
  bool zooming_ = false;
};

}  // namespace atelier::board
