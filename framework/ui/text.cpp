// Text on screen: layouts from the cache, glyphs from ImGui's atlas. Thread rule: main thread.
//
// A glyph is drawn once for each quarter of a pixel that its pen may stand at, so that letters keep
// their distances without being blurred, and its pixels stay in a rectangle of the atlas.
#include <algorithm>
#include <cmath>
#include <cstring>

#include <imgui_internal.h>

#include "base/limits.h"
#include "ui/state.h"

namespace atelier::ui {
namespace {

constexpr int kSubpixels = 4;

float density() {
  return std::max(1.0f, ImGui::GetIO().DisplayFramebufferScale.x);
}

LayoutOptions options_of(const TextShape& shape) {
  const StyleSize size = style_size(shape.style);
  return {px(size.em), size.bold, shape.wrap, shape.lines_max};
}

const Layout& layout_of(std::string_view text, const TextShape& shape) {
  State& s = state();
  return s.layouts.get(*s.fonts, text, options_of(shape));
}

// face 10 bits, glyph 20, size in 1/8 pixel 14, subpixel 2
std::uint64_t glyph_key(const PlacedGlyph& glyph, float em_px, int subpixel) {
  return (static_cast<std::uint64_t>(glyph.face) << 44) |
         (static_cast<std::uint64_t>(glyph.glyph) << 24) |
         (static_cast<std::uint64_t>(em_px * 8) << 4) | static_cast<std::uint64_t>(subpixel);
}

void forget_glyphs(State& s) {
  for (auto& [key, glyph] : s.glyphs)
    if (glyph.rect >= 0) ImGui::GetIO().Fonts->RemoveCustomRect(glyph.rect);
  s.glyphs.clear();
}

CachedGlyph rasterized(const PlacedGlyph& glyph, float em_px, int subpixel) {
  CachedGlyph cached;
  const GlyphImage image = state().fonts->rasterize(glyph.face, glyph.glyph, em_px,
                                                    static_cast<float>(subpixel) / kSubpixels);
  if (image.width == 0) return cached;
  ImFontAtlas* atlas = ImGui::GetIO().Fonts;
  ImFontAtlasRect rect;
  cached.rect = atlas->AddCustomRect(image.width, image.height, &rect);
  if (cached.rect < 0) return cached;
  for (int y = 0; y < image.height; ++y)
    std::memcpy(atlas->TexData->GetPixelsAt(rect.x, rect.y + y),
                image.rgba.data() + static_cast<std::size_t>(y) * image.width * 4,
                static_cast<std::size_t>(image.width) * 4);
  cached.left = image.left;
  cached.top = image.top;
  cached.width = static_cast<float>(image.width) * image.scale;
  cached.height = static_cast<float>(image.height) * image.scale;
  cached.coloured = image.coloured;
  return cached;
}

const CachedGlyph& cached_glyph(const PlacedGlyph& glyph, float em_px, int subpixel) {
  State& s = state();
  const std::uint64_t key = glyph_key(glyph, em_px, subpixel);
  const auto found = s.glyphs.find(key);
  if (found != s.glyphs.end()) return found->second;
  return s.glyphs.emplace(key, rasterized(glyph, em_px, subpixel)).first->second;
}

void draw_glyph(ImDrawList& list, const PlacedGlyph& glyph, ImVec2 pen, float em_px, ImU32 colour) {
  const float scale = density();
  const float x = pen.x * scale;
  const int quarters = static_cast<int>(std::floor((x - std::floor(x)) * kSubpixels));
  const CachedGlyph& cached = cached_glyph(glyph, em_px * scale, quarters);
  if (cached.rect < 0) return;
  ImFontAtlas* atlas = ImGui::GetIO().Fonts;
  ImFontAtlasRect rect;
  if (!atlas->GetCustomRect(cached.rect, &rect)) return;
  const ImVec2 min((std::floor(x) + cached.left) / scale,
                   (std::round(pen.y * scale) + cached.top) / scale);
  const ImVec2 max(min.x + cached.width / scale, min.y + cached.height / scale);
  const ImU32 tint = cached.coloured ? (colour | 0x00FFFFFF) : colour;
  list.AddImage(atlas->TexRef, min, max, rect.uv0, rect.uv1, tint);
}

}  // namespace

const Layout& LayoutCache::get(FontStack& stack, std::string_view text,
                               const LayoutOptions& options) {
  std::string key(reinterpret_cast<const char*>(&options.em_px), sizeof options.em_px);
  key.append(reinterpret_cast<const char*>(&options.wrap_px), sizeof options.wrap_px);
  key += static_cast<char>(options.bold ? 1 : 0);
  key += static_cast<char>(options.lines_max);
  key.append(text);
  const auto found = by_key_.find(key);
  if (found != by_key_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->layout;
  }
  entries_.push_front({std::move(key), layout_text(stack, text, options)});
  by_key_.emplace(entries_.front().key, entries_.begin());
  if (entries_.size() > kTextLayoutsCachedMax) {
    by_key_.erase(entries_.back().key);
    entries_.pop_back();
  }
  return entries_.front().layout;
}

void LayoutCache::clear() {
  by_key_.clear();
  entries_.clear();
}

StyleSize style_size(TextStyle style) {
  switch (style) {
    case TextStyle::kBody:
      return {15.5f, false};
    case TextStyle::kStrong:
      return {15.5f, true};
    case TextStyle::kSmall:
      return {13, false};
    case TextStyle::kSmallStrong:
      return {13, true};
    case TextStyle::kHeading:
      return {20, true};
    case TextStyle::kTitle:
      return {32, true};
  }
  return {15.5f, false};
}

float line_height(TextStyle style) {
  const State& s = state();
  return std::round(px(style_size(style).em) * (s.fonts->ascent() + s.fonts->descent()));
}

ImVec2 measure(std::string_view text, const TextShape& shape) {
  const Layout& layout = layout_of(text, shape);
  return {std::ceil(layout.width),
          line_height(shape.style) * static_cast<float>(layout.lines.size())};
}

float last_line_width(std::string_view text, const TextShape& shape) {
  const LayoutLine& line = layout_of(text, shape).lines.back();
  return std::ceil(line.x + line.width);
}

void draw_line(ImDrawList& list, const Layout& layout, const LayoutLine& line, ImVec2 at,
               float em_px, ImU32 colour) {
  const float baseline = at.y + std::round(state().fonts->ascent() * em_px);
  for (std::uint32_t i = line.first; i < line.first + line.count; ++i) {
    const PlacedGlyph& glyph = layout.glyphs[i];
    draw_glyph(list, glyph, {at.x + glyph.x, baseline + glyph.y}, em_px, colour);
  }
}

void draw_text(ImVec2 at, std::string_view text, ImU32 colour, const TextShape& shape) {
  const Layout& layout = layout_of(text, shape);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const float em_px = px(style_size(shape.style).em), height = line_height(shape.style);
  const float top = list.GetClipRectMin().y, bottom = list.GetClipRectMax().y;
  float y = at.y;
  for (const auto& line : layout.lines) {
    if (y + height >= top && y <= bottom)
      draw_line(list, layout, line, {at.x + line.x, y}, em_px, colour);
    y += height;
  }
  record(Shown::Kind::kText, text, at, {at.x + layout.width, y});
}

void text(std::string_view words, TextStyle style, ImU32 colour) {
  const TextShape shape{style, std::max(px(20), ImGui::GetContentRegionAvail().x), 0};
  const ImVec2 at = ImGui::GetCursorScreenPos();
  ImGui::Dummy(measure(words, shape));
  draw_text(at, words, colour ? colour : theme().ink, shape);
}

void text_line(std::string_view words, TextStyle style, ImU32 colour, float width) {
  const TextShape shape{style,
                        width > 0 ? width : std::max(px(20), ImGui::GetContentRegionAvail().x), 1};
  const ImVec2 at = ImGui::GetCursorScreenPos();
  ImGui::Dummy(measure(words, shape));
  draw_text(at, words, colour ? colour : theme().ink, shape);
}

// Called at the beginning of a frame, when no draw list points into the atlas.
void trim_glyphs() {
  State& s = state();
  if (s.glyphs.size() > kGlyphsCachedMax) forget_glyphs(s);
}

}  // namespace atelier::ui
