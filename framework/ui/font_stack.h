// The fonts of the screen: for any code point a face that has it, and glyphs as pixels.
//
// One stack stands behind both ways to draw text: ImGui's own fields (imgui_font.h, code point by
// code point) and shaped text (layout.h). Faces are opened when the first text needs them, files
// are mapped and not read. Thread rule: main thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <hb.h>

#include "atelier/error.h"

namespace atelier::ui {

/// Positions from the shaper are in this many units an em, whatever the size on screen.
inline constexpr int kUnitsPerEm = 1 << 16;

/// Pixels of one glyph: straight (not premultiplied) RGBA; white with coverage in alpha, or
/// colours.
struct GlyphImage {
  int width = 0, height = 0;
  float left = 0, top = 0;  // from the pen on the baseline to the upper left corner, y down
  float scale = 1;          // screen pixels a bitmap pixel
  bool coloured = false;
  std::vector<std::uint8_t> rgba;
};

class FontStack {
 public:
  /// Looks for Noto in the folders where systems keep fonts. Errors: kNotFound without any font.
  static Result<std::unique_ptr<FontStack>> open();
  /// The same within `folders`.
  static Result<std::unique_ptr<FontStack>> open(const std::vector<std::filesystem::path>& folders);
  ~FontStack();

  /// The face that draws `code_point`: colour emoji when `emoji`, otherwise the first of the stack
  /// that has it; the primary face when none has.
  int face_for(char32_t code_point, bool bold, bool emoji);
  bool has_glyph(int face, char32_t code_point);
  std::uint32_t glyph_of(int face, char32_t code_point);
  std::optional<int> emoji_face() const;

  /// For HarfBuzz; its scale is kUnitsPerEm. Owned by the stack.
  hb_font_t* shaper(int face);
  /// In ems.
  float advance(int face, std::uint32_t glyph);
  /// Of the primary face, in ems, both positive.
  float ascent() const { return ascent_; }
  float descent() const { return descent_; }

  /// Draws a glyph whose pen stands `subpixel_x` (0 to 1) right of a pixel's edge. A glyph without
  /// ink has width 0.
  GlyphImage rasterize(int face, std::uint32_t glyph, float em_px, float subpixel_x);

 private:
  struct Face;
  FontStack();
  void find_files(const std::vector<std::filesystem::path>& folders);
  void add(const std::filesystem::path& file, int index, bool bold);
  Face* opened(int face);
  int search(char32_t code_point, bool bold);

  struct Library;
  std::unique_ptr<Library> library_;
  std::vector<std::unique_ptr<Face>> faces_;
  std::vector<int> regular_, bold_;  // orders of search
  int emoji_ = -1;
  std::unordered_map<std::uint32_t, int> found_;  // code point and bold bit -> face
  float ascent_ = 1, descent_ = 0.3f;
};

/// Whether a code point is drawn in colour when nothing follows that says otherwise.
bool is_emoji_by_default(char32_t code_point);

}  // namespace atelier::ui
