// The system's window and what draws into it: SDL's renderer on a graphics card, our own rasteriser
// where there is none or nobody looks, or OpenGL. Thread rule: main thread.
#pragma once

#include <memory>

#include <SDL.h>

#include "atelier/error.h"
#include "window/png.h"
#include "window/window.h"

namespace atelier::host {

/// Made after ImGui's context, destroyed before it.
class Surface {
 public:
  /// Errors: kUnavailable without a display or a way to draw.
  static Result<std::unique_ptr<Surface>> create(const WindowOptions& options, float scale);
  virtual ~Surface() = default;

  virtual SDL_Window* window() = 0;
  /// Before ImGui::NewFrame().
  virtual void begin() = 0;
  /// After ImGui::Render(): draws, without showing yet.
  virtual void draw() = 0;
  /// Instead of draw() where nobody looks: only keeps ImGui's textures up to date.
  virtual void skip() { draw(); }
  virtual void present() = 0;
  /// What draw() drew.
  virtual Picture read() = 0;
};

/// How many of ImGui's units a logical pixel has on this display: 1 on ordinary ones.
float display_scale();

}  // namespace atelier::host
