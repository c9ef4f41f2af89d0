// Pixels of one's own on the screen: a picture that is painted once and shown in many frames, and
// letters painted into it. Thread rule: main thread; Texture::ref() within a frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "atelier/ui.h"

namespace atelier::ui {

/// Pixels in memory: rows of straight (not premultiplied) RGBA, 4 bytes a pixel, `stride` bytes
/// from row to row. Does not own them.
struct Pixels {
  std::uint8_t* data = nullptr;
  int width = 0, height = 0;
  std::size_t stride = 0;
};

/// A picture that the renderer holds, on every backend. Its pixels are framebuffer pixels.
class ATELIER_UI_API Texture {
 public:
  /// All transparent. Sides from 1 to 4,096.
  Texture(int width, int height);
  /// What was drawn with it in this frame is still shown.
  ~Texture();
  Texture(Texture&&) noexcept;
  Texture& operator=(Texture&&) noexcept;

  int width() const;
  int height() const;
  /// Replaces pixels from (x, y) on by all of `pixels`; shown from this frame on.
  void update(int x, int y, const Pixels& pixels);
  /// The pixels themselves, to paint on them in place; tell changed() what was painted.
  Pixels pixels();
  void changed(int x, int y, int width, int height);
  /// For ImDrawList::AddImage().
  ImTextureRef ref() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Framebuffer pixels of one of ImGui's units: 2 on a display of double density.
ATELIER_UI_API float pixels_per_unit();

/// The width of one line of text in pixels, shaped as on the screen, with letters of `em` pixels.
/// Any thread-safe use apart, it is meant for main-thread layout.
ATELIER_UI_API float painted_width(std::string_view text, float em);
/// Paints one line of shaped text over the pixels, `x` and `baseline` in pixels of `target`; what
/// lies outside is clipped. Pure in the sense that equal arguments give equal pixels.
ATELIER_UI_API void paint_text(const Pixels& target, float x, float baseline, std::string_view text,
                               float em, ImU32 colour);

}  // namespace atelier::ui
