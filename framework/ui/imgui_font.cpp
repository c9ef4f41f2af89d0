// See imgui_font.h. Thread rule: main thread.
#include "ui/imgui_font.h"

#include <cmath>

#include <imgui_internal.h>

namespace atelier::ui {
namespace {

// What a source of the atlas carries: two bits of settings and the stack.
struct Source {
  FontStack* stack;
  bool bold;
};

float em_of(const FontStack& stack, float size) {
  return size / (stack.ascent() + stack.descent());
}

// FontData of the source holds a Source; ImGui copies and frees it as if it were a file.
const Source& source_of(const ImFontConfig* src) {
  return *static_cast<const Source*>(src->FontData);
}

bool contains_glyph(ImFontAtlas*, ImFontConfig* src, ImWchar code_point) {
  const Source& source = source_of(src);
  const int face = source.stack->face_for(code_point, source.bold, is_emoji_by_default(code_point));
  return source.stack->has_glyph(face, code_point);
}

bool init_size(ImFontAtlas*, ImFontConfig* src, ImFontBaked* baked, void*) {
  const Source& source = source_of(src);
  const float em = em_of(*source.stack, baked->Size);
  baked->Ascent = std::round(source.stack->ascent() * em);
  baked->Descent = -std::round(source.stack->descent() * em);
  return true;
}

void pack(ImFontAtlas* atlas, ImFontConfig* src, ImFontBaked* baked, const GlyphImage& image,
          float density, ImFontGlyph* out) {
  const ImFontAtlasRectId id = ImFontAtlasPackAddRect(atlas, image.width, image.height);
  if (id == ImFontAtlasRectId_Invalid) return;
  const float scale = image.scale / density;
  out->X0 = image.left / density;
  out->Y0 = image.top / density + baked->Ascent;
  out->X1 = out->X0 + image.width * scale;
  out->Y1 = out->Y0 + image.height * scale;
  out->Visible = true;
  out->Colored = image.coloured;
  out->PackId = id;
  ImFontAtlasBakedSetFontGlyphBitmap(atlas, baked, src, out, ImFontAtlasPackGetRect(atlas, id),
                                     image.rgba.data(), ImTextureFormat_RGBA32, image.width * 4);
}

bool load_glyph(ImFontAtlas* atlas, ImFontConfig* src, ImFontBaked* baked, void*,
                ImWchar code_point, ImFontGlyph* out, float* out_advance) {
  const Source& source = source_of(src);
  FontStack& stack = *source.stack;
  const int face = stack.face_for(code_point, source.bold, is_emoji_by_default(code_point));
  const std::uint32_t glyph = stack.glyph_of(face, code_point);
  if (glyph == 0) return false;
  const float density = src->RasterizerDensity * baked->RasterizerDensity;
  const float em = em_of(stack, baked->Size);
  const float advance = std::round(stack.advance(face, glyph) * em * density) / density;
  if (out_advance) {
    *out_advance = advance;
    return true;
  }
  out->Codepoint = code_point;
  out->AdvanceX = advance;
  const GlyphImage image = stack.rasterize(face, glyph, em * density, 0);
  if (image.width > 0) pack(atlas, src, baked, image, density, out);
  return true;
}

const ImFontLoader* font_loader() {
  static const ImFontLoader loader = [] {
    ImFontLoader made;
    made.Name = "Atelier";
    made.FontSrcContainsGlyph = contains_glyph;
    made.FontBakedInit = init_size;
    made.FontBakedLoadGlyph = load_glyph;
    return made;
  }();
  return &loader;
}

}  // namespace

ImFont* add_imgui_font(ImFontAtlas& atlas, FontStack& stack, bool bold) {
  auto* source = static_cast<Source*>(ImGui::MemAlloc(sizeof(Source)));
  *source = {&stack, bold};
  ImFontConfig config;
  config.FontLoader = font_loader();
  config.FontData = source;
  config.FontDataSize = sizeof(Source);
  config.FontDataOwnedByAtlas = true;
  ImFormatString(config.Name, IM_ARRAYSIZE(config.Name), bold ? "Atelier Bold" : "Atelier");
  return atlas.AddFont(&config);
}

}  // namespace atelier::ui
