// Rounded grounds and discs, from pictures of discs in the atlas: smooth in every renderer
// (triangles are not in SDL's software one) and cheap, since all of it is upright rectangles.
// Thread rule: main thread.
#include <algorithm>
#include <cmath>

#include <imgui_internal.h>

#include "ui/state.h"

namespace atelier::ui {
namespace {

float density() {
  return std::max(1.0f, ImGui::GetIO().DisplayFramebufferScale.x);
}

// How much of a pixel at (x, y) from the centre a disc covers, nearly.
float coverage(float x, float y, float radius) {
  return std::clamp(radius - std::sqrt(x * x + y * y) + 0.5f, 0.0f, 1.0f);
}

// A disc of that radius in framebuffer pixels, white, coverage in alpha.
int draw_disc_picture(int radius) {
  ImFontAtlas* atlas = ImGui::GetIO().Fonts;
  ImFontAtlasRect rect;
  const int id = atlas->AddCustomRect(2 * radius, 2 * radius, &rect);
  if (id < 0) return id;
  for (int y = 0; y < 2 * radius; ++y) {
    auto* row = static_cast<unsigned char*>(atlas->TexData->GetPixelsAt(rect.x, rect.y + y));
    for (int x = 0; x < 2 * radius; ++x) {
      const auto offset = static_cast<float>(radius) - 0.5f;
      const float share = coverage(static_cast<float>(x) - offset, static_cast<float>(y) - offset,
                                   static_cast<float>(radius));
      std::fill_n(row + x * 4, 3, static_cast<unsigned char>(255));
      row[x * 4 + 3] = static_cast<unsigned char>(share * 255 + 0.5f);
    }
  }
  return id;
}

bool disc_picture(int radius, ImFontAtlasRect& rect) {
  auto& discs = state().discs;
  const auto found = discs.find(radius);
  const int id = found != discs.end() ? found->second : (discs[radius] = draw_disc_picture(radius));
  return id >= 0 && ImGui::GetIO().Fonts->GetCustomRect(id, &rect);
}

ImVec2 snapped(ImVec2 at) {
  const float scale = density();
  return {std::round(at.x * scale) / scale, std::round(at.y * scale) / scale};
}

void rounded_fill(ImDrawList& list, ImVec2 min, ImVec2 max, ImU32 colour, float rounding) {
  if ((colour & IM_COL32_A_MASK) == 0 || max.x <= min.x || max.y <= min.y) return;
  const float half = std::min(max.x - min.x, max.y - min.y) / 2;
  const int radius = static_cast<int>(std::min(rounding, half) * density());
  ImFontAtlasRect rect;
  if (radius < 1 || !disc_picture(radius, rect)) return list.AddRectFilled(min, max, colour);
  const float r = static_cast<float>(radius) / density();
  const ImTextureRef texture = ImGui::GetIO().Fonts->TexRef;
  const ImVec2 middle((rect.uv0.x + rect.uv1.x) / 2, (rect.uv0.y + rect.uv1.y) / 2);
  const ImVec2 a = rect.uv0, b = rect.uv1;
  list.AddImage(texture, min, {min.x + r, min.y + r}, a, middle, colour);
  list.AddImage(texture, {max.x - r, min.y}, {max.x, min.y + r}, {middle.x, a.y}, {b.x, middle.y},
                colour);
  list.AddImage(texture, {min.x, max.y - r}, {min.x + r, max.y}, {a.x, middle.y}, {middle.x, b.y},
                colour);
  list.AddImage(texture, {max.x - r, max.y - r}, max, middle, b, colour);
  if (max.x - min.x > 2 * r) {
    list.AddRectFilled({min.x + r, min.y}, {max.x - r, min.y + r}, colour);
    list.AddRectFilled({min.x + r, max.y - r}, {max.x - r, max.y}, colour);
  }
  if (max.y - min.y > 2 * r) list.AddRectFilled({min.x, min.y + r}, {max.x, max.y - r}, colour);
}

}  // namespace

// Two fills instead of a stroke: the edge is what the inner one leaves.
void draw_panel(ImDrawList& list, ImVec2 min, ImVec2 max, ImU32 ground, ImU32 edge, float rounding,
                float edge_width) {
  min = snapped(min);
  max = snapped(max);
  const bool edged = (edge & IM_COL32_A_MASK) != 0;
  if (edged) rounded_fill(list, min, max, edge, rounding);
  const float w = edged ? std::max(1.0f, std::round(edge_width > 0 ? edge_width : px(1))) : 0;
  rounded_fill(list, {min.x + w, min.y + w}, {max.x - w, max.y - w}, ground, rounding - w);
}

void draw_disc(ImDrawList& list, ImVec2 centre, float radius, ImU32 colour) {
  const ImVec2 min = snapped({centre.x - radius, centre.y - radius});
  const float side = std::round(2 * radius);
  rounded_fill(list, min, {min.x + side, min.y + side}, colour, radius + 1);
}

}  // namespace atelier::ui
