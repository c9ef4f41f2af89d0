// Polygons as smooth-edged pixels, without a window and the same to the bit on every machine:
// what is inside of a pixel is counted in whole numbers.
//
// Every edge adds to the pixel it crosses the part of that pixel to its right, and the rest of its
// height to the pixel beside it; the running sum of a row is then how much of each pixel is inside,
// times the winding number (as in FreeType's and font-rs' rasterisers). Overlapping parts that wind
// the same way count once. Thread rule: values; one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/shape.h"
#include "core/vec.h"

namespace atelier::board {

/// Rows of straight (not premultiplied) RGBA, 4 bytes a pixel. Does not own them.
struct Bitmap {
  std::uint8_t* data = nullptr;
  int width = 0, height = 0;
  std::size_t stride = 0;  // bytes from row to row

  std::uint8_t* at(int x, int y) const {
    return data + static_cast<std::size_t>(y) * stride + static_cast<std::size_t>(x) * 4;
  }
};

/// Pixels with their memory, all transparent at first.
class Picture {
 public:
  Picture() = default;
  Picture(int width, int height)
      : width_(width),
        height_(height),
        bytes_(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 4, 0) {}
  int width() const { return width_; }
  int height() const { return height_; }
  Bitmap bitmap() { return {bytes_.data(), width_, height_, static_cast<std::size_t>(width_) * 4}; }
  const std::vector<std::uint8_t>& bytes() const { return bytes_; }
  /// 0xRRGGBBAA
  std::uint32_t pixel(int x, int y) const;

 private:
  int width_ = 0, height_ = 0;
  std::vector<std::uint8_t> bytes_;
};

/// A part of a bitmap: from x0, y0 up to but without x1, y1.
struct PixelRect {
  int x0 = 0, y0 = 0, x1 = 0, y1 = 0;
  bool empty() const { return x0 >= x1 || y0 >= y1; }
  void add(const PixelRect& other);
  friend bool operator==(const PixelRect&, const PixelRect&) = default;
};

/// All pixels of the part become `colour`, whatever they were.
void fill_rect(const Bitmap& target, PixelRect rect, Colour colour);
/// One pixel: `colour` over it, where `coverage` (0 to 255) says how much of the pixel.
void blend_pixel(std::uint8_t* pixel, Colour colour, int coverage);

/// Collects the contours of one area, then paints it.
class Raster {
 public:
  /// A closed contour in pixels. What lies outside of the bitmap costs next to nothing.
  void add(std::span<const Vec> contour);
  /// Fills all that was added (non-zero rule) with one colour, and forgets it.
  void paint(const Bitmap& target, Colour colour);

 private:
  struct Row {
    int first, last;  // pixels that were written to; first > last: none
  };
  void begin(int width, int height);
  void edge(Vec a, Vec b);
  void edge_inside(Vec a, Vec b);
  void line(std::int64_t x0, std::int64_t y0, std::int64_t x1, std::int64_t y1);
  void piece(int row, std::int64_t x0, std::int64_t x1, std::int64_t dy);
  void cell(int row, int column, std::int64_t x_sum, std::int64_t dy);
  void paint_row(const Bitmap& target, int row, Colour colour);

  std::vector<Vec> points_;          // of all contours, one after the other
  std::vector<std::size_t> ends_;    // of each
  std::vector<std::uint32_t> sums_;  // what each pixel adds to the running sum of its row; wraps
  std::vector<Row> rows_;
  int width_ = 0, height_ = 0;
};

}  // namespace atelier::board
