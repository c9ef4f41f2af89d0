// Draws ImGui's triangles into memory: what shows the window where no graphics card does, and what
// headless windows draw with. SDL's own software renderer needs 70 ms for a window of 1280x800 that
// one picture fills, ours a few. The same input gives the same pixels on every machine.
//
// Invariants:
//   1. A pixel belongs to a triangle when its centre does, the left and upper edge included: what
//      two triangles with one edge cover is drawn once and without a seam.
//   2. Nothing outside of the frame, of a command's clip rectangle or of a texture is touched,
//      whatever stands in the vertices.
// Thread rule: pure functions; the textures of the draw data are read.
#pragma once

#include <cstdint>

struct ImDrawData;

namespace atelier::host {

/// Pixels as ImGui packs colours (IM_COL32: red in the lowest byte), rows from the top without gaps.
struct Frame {
  std::uint32_t* pixels = nullptr;
  int width = 0, height = 0;
};

void fill(const Frame& frame, std::uint32_t colour);

/// Blends the draw data over what is in `frame`. The texture of a command is the pixels of its
/// ImTextureData (RGBA32), whose TexID is its own address; commands of others are left out.
void draw(const ImDrawData& data, const Frame& frame);

}  // namespace atelier::host
