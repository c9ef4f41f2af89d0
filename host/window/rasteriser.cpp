// See rasteriser.h.
#include "window/rasteriser.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <imgui.h>

namespace atelier::host {
namespace {

static_assert(IM_COL32_R_SHIFT == 0 && IM_COL32_A_SHIFT == 24, "pixels are packed as here");

constexpr std::uint32_t kWhite = 0xFFFFFFFF;
constexpr std::uint32_t kTwo = 0x00FF00FF;  // two channels at once, with room above each

std::uint32_t alpha(std::uint32_t colour) {
  return colour >> 24;
}

/// Both channels of `two` (each up to 255 * 255) over 255, rounded.
std::uint32_t over_255(std::uint32_t two) {
  two += 0x00800080;
  return ((two + ((two >> 8) & kTwo)) >> 8) & kTwo;
}

std::uint32_t blended(std::uint32_t under, std::uint32_t colour) {
  const std::uint32_t a = alpha(colour), rest = 255 - a;
  const std::uint32_t red_blue = over_255((colour & kTwo) * a + (under & kTwo) * rest);
  const std::uint32_t green =
      over_255(((colour >> 8) & 0xFF) * a + ((under >> 8) & 0xFF) * rest) & 0xFF;
  return red_blue | green << 8 | 0xFF000000;
}

void put(std::uint32_t& pixel, std::uint32_t colour) {
  if (alpha(colour) == 255) pixel = colour;
  else if (alpha(colour) != 0) pixel = blended(pixel, colour);
}

std::uint32_t channel(std::uint32_t colour, int index) {
  return (colour >> (8 * index)) & 0xFF;
}

std::uint32_t product(std::uint32_t a, std::uint32_t b) {
  if (b == kWhite) return a;
  constexpr std::uint32_t kColour = 0x00FFFFFF;
  if ((a & kColour) == kColour)  // a letter's
    return (b & kColour) | over_255(alpha(a) * alpha(b)) << 24;
  std::uint32_t out = 0;
  for (int i = 0; i < 4; ++i)
    out |= over_255(channel(a, i) * channel(b, i)) << (8 * i);
  return out;
}

/// `share` of 256 parts of the way from a to b.
std::uint32_t between(std::uint32_t a, std::uint32_t b, std::uint32_t share) {
  const std::uint32_t even = ((a & kTwo) * (256 - share) + (b & kTwo) * share) >> 8 & kTwo;
  const std::uint32_t odd =
      (((a >> 8) & kTwo) * (256 - share) + ((b >> 8) & kTwo) * share) & ~kTwo;
  return even | odd;
}

// ---- Textures

/// Places in a texture in texels as 16.16 numbers, counted between the texels' centres.
constexpr int kFractionBits = 16;
constexpr double kOne = 1 << kFractionBits;
constexpr double kFixedMax = 1 << 30;

std::int64_t fixed(double value) {
  return std::llround(std::clamp(value * kOne, -kFixedMax * 2, kFixedMax * 2));
}

struct Texels {
  const std::uint32_t* pixels = nullptr;
  int width = 0, height = 0;

  const std::uint32_t* row(std::int64_t y) const {
    return pixels + static_cast<std::ptrdiff_t>(std::clamp<std::int64_t>(y, 0, height - 1)) * width;
  }
  std::int64_t column(std::int64_t x) const { return std::clamp<std::int64_t>(x, 0, width - 1); }

  std::uint32_t nearest(double u, double v) const {
    return row(std::llround(std::floor(v * height)))[column(std::llround(std::floor(u * width)))];
  }
  std::uint32_t smooth(std::int64_t x, std::int64_t y) const {
    const std::uint32_t* upper = row(y >> kFractionBits);
    const std::uint32_t* lower = row((y >> kFractionBits) + 1);
    return smooth(upper, lower, x, static_cast<std::uint32_t>(y >> 8) & 0xFF);
  }
  std::uint32_t smooth(const std::uint32_t* upper, const std::uint32_t* lower, std::int64_t x,
                       std::uint32_t down) const {
    const auto left = column(x >> kFractionBits), right = column((x >> kFractionBits) + 1);
    const std::uint32_t share = static_cast<std::uint32_t>(x >> 8) & 0xFF;
    if ((upper[left] | upper[right] | lower[left] | lower[right]) == 0) return 0;
    return between(between(upper[left], upper[right], share),
                   between(lower[left], lower[right], share), down);
  }
};

// ---- What is drawn into

/// Pixels from the first to before the last.
struct Clip {
  int x0, y0, x1, y1;
  bool empty() const { return x0 >= x1 || y0 >= y1; }
};

/// The first pixel whose centre is at `edge` or after it.
int first_pixel(double edge, int least, int most) {
  return static_cast<int>(std::clamp(std::ceil(edge - 0.5), static_cast<double>(least),
                                     static_cast<double>(most)));
}

struct Corner {
  double x, y, u, v;
  std::uint32_t colour;
};

class Raster {
 public:
  Raster(const Frame& frame, Clip clip, Texels texels)
      : frame_(frame), clip_(clip), texels_(texels) {}

  /// An upright rectangle of one colour, from its upper left to its lower right corner.
  void rectangle(const Corner& from, const Corner& to) {
    const Clip area{first_pixel(from.x, clip_.x0, clip_.x1), first_pixel(from.y, clip_.y0, clip_.y1),
                    first_pixel(to.x, clip_.x0, clip_.x1), first_pixel(to.y, clip_.y0, clip_.y1)};
    if (area.empty() || alpha(from.colour) == 0) return;
    if (from.u == to.u && from.v == to.v)
      return fill_area(area, product(texels_.nearest(from.u, from.v), from.colour));
    const double step_x = (to.u - from.u) * texels_.width / (to.x - from.x);
    const double step_y = (to.v - from.v) * texels_.height / (to.y - from.y);
    const double x = from.u * texels_.width + (area.x0 + 0.5 - from.x) * step_x - 0.5;
    const double y = from.v * texels_.height + (area.y0 + 0.5 - from.y) * step_y - 0.5;
    if (is_whole(x) && is_whole(y) && is_one(step_x) && is_one(step_y))
      return copy_area(area, std::llround(x), std::llround(y), from.colour);
    scale_area(area, fixed(x), fixed(y), fixed(step_x), fixed(step_y), from.colour);
  }

  void triangle(Corner a, Corner b, Corner c) {
    if (a.y > b.y || (a.y == b.y && a.x > b.x)) std::swap(a, b);
    if (b.y > c.y || (b.y == c.y && b.x > c.x)) std::swap(b, c);
    if (a.y > b.y || (a.y == b.y && a.x > b.x)) std::swap(a, b);
    const double area = (b.x - a.x) * (c.y - a.y) - (c.x - a.x) * (b.y - a.y);
    const int y0 = first_pixel(a.y, clip_.y0, clip_.y1), y1 = first_pixel(c.y, clip_.y0, clip_.y1);
    if (y0 >= y1 || area == 0) return;
    const bool textured = a.u != b.u || a.u != c.u || a.v != b.v || a.v != c.v;
    if (!textured) {
      const std::uint32_t texel = texels_.nearest(a.u, a.v);
      for (Corner* corner : {&a, &b, &c}) corner->colour = product(corner->colour, texel);
    }
    const bool flat = a.colour == b.colour && a.colour == c.colour;
    const Planes planes(a, b, c, area);
    for (int y = y0; y < y1; ++y) {
      const double centre = y + 0.5;
      double left = crossing(a, c, centre);
      double right = centre < b.y ? crossing(a, b, centre) : crossing(b, c, centre);
      if (left > right) std::swap(left, right);
      const int x0 = first_pixel(left, clip_.x0, clip_.x1);
      const int x1 = first_pixel(right, clip_.x0, clip_.x1);
      if (x0 >= x1) continue;
      if (textured) textured_span(planes, x0, x1, y);
      else if (flat) fill_area({x0, y, x1, y + 1}, a.colour);
      else shaded_span(planes, x0, x1, y);
    }
  }

 private:
  static constexpr int kColours = 4, kU = 4, kV = 5, kValues = 6;

  /// Each value of a triangle's corners as value(x, y) = at + x * per_x + y * per_y.
  struct Planes {
    Planes(const Corner& a, const Corner& b, const Corner& c, double area) {
      const auto values = [](const Corner& corner) {
        return std::array<double, kValues>{
            double(channel(corner.colour, 0)), double(channel(corner.colour, 1)),
            double(channel(corner.colour, 2)), double(channel(corner.colour, 3)), corner.u, corner.v};
      };
      const auto va = values(a), vb = values(b), vc = values(c);
      for (std::size_t i = 0; i < kValues; ++i) {
        const double to_b = vb[i] - va[i], to_c = vc[i] - va[i];
        per_x[i] = (to_b * (c.y - a.y) - to_c * (b.y - a.y)) / area;
        per_y[i] = (to_c * (b.x - a.x) - to_b * (c.x - a.x)) / area;
        at[i] = va[i] - a.x * per_x[i] - a.y * per_y[i];
      }
    }
    double value(std::size_t i, double x, double y) const {
      return at[i] + x * per_x[i] + y * per_y[i];
    }
    std::array<double, kValues> at, per_x, per_y;
  };

  /// Walks one channel of a span, never beyond 0 and 255.
  struct Walk {
    Walk(const Planes& planes, std::size_t i, int x0, int x1, int y) {
      const double begin = std::clamp(planes.value(i, x0 + 0.5, y + 0.5), 0.0, 255.0);
      const double end = std::clamp(planes.value(i, x1 - 0.5, y + 0.5), 0.0, 255.0);
      now = static_cast<std::int32_t>((begin + 0.5) * kOne);
      step = x1 - x0 > 1 ? static_cast<std::int32_t>((end - begin) * kOne / (x1 - x0 - 1)) : 0;
    }
    std::uint32_t next() {
      const auto value = static_cast<std::uint32_t>(now >> kFractionBits);
      now += step;
      return value;
    }
    std::int32_t now, step;
  };

  /// The walk over all four channels.
  struct ColourWalk {
    ColourWalk(const Planes& planes, int x0, int x1, int y)
        : red(planes, 0, x0, x1, y), green(planes, 1, x0, x1, y), blue(planes, 2, x0, x1, y),
          alpha(planes, 3, x0, x1, y) {}
    std::uint32_t next() {
      return red.next() | green.next() << 8 | blue.next() << 16 | alpha.next() << 24;
    }
    Walk red, green, blue, alpha;
  };

  static bool is_whole(double value) { return std::abs(value - std::round(value)) < 1.0 / 64; }
  static bool is_one(double step) { return std::abs(step - 1) < 1.0 / 16'384; }

  static double crossing(const Corner& upper, const Corner& lower, double y) {
    const double height = lower.y - upper.y;
    return height == 0 ? upper.x : upper.x + (lower.x - upper.x) * ((y - upper.y) / height);
  }

  std::uint32_t* row(int y) const {
    return frame_.pixels + static_cast<std::ptrdiff_t>(y) * frame_.width;
  }

  void fill_area(Clip area, std::uint32_t colour) {
    if (alpha(colour) == 0) return;
    for (int y = area.y0; y < area.y1; ++y) {
      std::uint32_t* line = row(y);
      if (alpha(colour) == 255) std::fill(line + area.x0, line + area.x1, colour);
      else
        for (int x = area.x0; x < area.x1; ++x) line[x] = blended(line[x], colour);
    }
  }

  void copy_area(Clip area, std::int64_t from_x, std::int64_t from_y, std::uint32_t tint) {
    for (int y = area.y0; y < area.y1; ++y, ++from_y) {
      const std::uint32_t* texels = texels_.row(from_y);
      std::uint32_t* line = row(y);
      std::int64_t column = from_x;
      for (int x = area.x0; x < area.x1; ++x, ++column) {
        const std::uint32_t texel = texels[texels_.column(column)];
        if (texel != 0) put(line[x], product(texel, tint));
      }
    }
  }

  void scale_area(Clip area, std::int64_t from_x, std::int64_t from_y, std::int64_t step_x,
                  std::int64_t step_y, std::uint32_t tint) {
    for (int y = area.y0; y < area.y1; ++y, from_y += step_y) {
      const std::uint32_t* upper = texels_.row(from_y >> kFractionBits);
      const std::uint32_t* lower = texels_.row((from_y >> kFractionBits) + 1);
      const std::uint32_t down = static_cast<std::uint32_t>(from_y >> 8) & 0xFF;
      std::uint32_t* line = row(y);
      std::int64_t at = from_x;
      for (int x = area.x0; x < area.x1; ++x, at += step_x)
        put(line[x], product(texels_.smooth(upper, lower, at, down), tint));
    }
  }

  void shaded_span(const Planes& planes, int x0, int x1, int y) {
    ColourWalk colour(planes, x0, x1, y);
    std::uint32_t* line = row(y);
    for (int x = x0; x < x1; ++x) put(line[x], colour.next());
  }

  void textured_span(const Planes& planes, int x0, int x1, int y) {
    ColourWalk colour(planes, x0, x1, y);
    std::int64_t u = fixed(planes.value(kU, x0 + 0.5, y + 0.5) * texels_.width - 0.5);
    std::int64_t v = fixed(planes.value(kV, x0 + 0.5, y + 0.5) * texels_.height - 0.5);
    const std::int64_t step_u = fixed(planes.per_x[kU] * texels_.width);
    const std::int64_t step_v = fixed(planes.per_x[kV] * texels_.height);
    std::uint32_t* line = row(y);
    for (int x = x0; x < x1; ++x, u += step_u, v += step_v)
      put(line[x], product(texels_.smooth(u, v), colour.next()));
  }

  const Frame frame_;
  const Clip clip_;
  const Texels texels_;
};

// ---- Draw lists

Texels texels_of(const ImDrawCmd& command) {
  // As a draw that reads textures itself sees it: the identifier is the texture (surface.cpp).
  const auto* texture = reinterpret_cast<const ImTextureData*>(command.GetTexID());
  if (!texture || !texture->Pixels || texture->Format != ImTextureFormat_RGBA32) return {};
  return {reinterpret_cast<const std::uint32_t*>(texture->Pixels), texture->Width, texture->Height};
}

class Lists {
 public:
  Lists(const ImDrawData& data, const Frame& frame) : data_(data), frame_(frame) {}

  void draw(const ImDrawList& list, const ImDrawCmd& command) {
    const Clip clip = clip_of(command);
    const Texels texels = texels_of(command);
    if (clip.empty() || !texels.pixels) return;
    Raster raster(frame_, clip, texels);
    const ImDrawVert* vertices = list.VtxBuffer.Data + command.VtxOffset;
    const ImDrawIdx* indices = list.IdxBuffer.Data + command.IdxOffset;
    const auto count = static_cast<std::size_t>(command.ElemCount);
    for (std::size_t i = 0; i + 2 < count; i += 3) {
      const Corner a = corner(vertices[indices[i]]), b = corner(vertices[indices[i + 1]]),
                   c = corner(vertices[indices[i + 2]]);
      if (!is_near(a) || !is_near(b) || !is_near(c)) continue;
      if (i + 5 < count && indices[i + 3] == indices[i] && indices[i + 4] == indices[i + 2]) {
        const Corner d = corner(vertices[indices[i + 5]]);
        if (is_upright(a, b, c, d)) {
          raster.rectangle(a, c);
          i += 3;
          continue;
        }
      }
      raster.triangle(a, b, c);
    }
  }

 private:
  Corner corner(const ImDrawVert& vertex) const {
    return {static_cast<double>((vertex.pos.x - data_.DisplayPos.x) * data_.FramebufferScale.x),
            static_cast<double>((vertex.pos.y - data_.DisplayPos.y) * data_.FramebufferScale.y),
            static_cast<double>(vertex.uv.x), static_cast<double>(vertex.uv.y), vertex.col};
  }

  /// What is farther away, or no number, is nobody's picture, and numbers below stay finite.
  static bool is_near(const Corner& corner) {
    constexpr double kFar = 1e7;
    return std::abs(corner.x) < kFar && std::abs(corner.y) < kFar && std::abs(corner.u) < kFar &&
           std::abs(corner.v) < kFar;
  }

  static bool is_upright(const Corner& a, const Corner& b, const Corner& c, const Corner& d) {
    return a.y == b.y && b.x == c.x && c.y == d.y && d.x == a.x && a.x < c.x && a.y < c.y &&
           a.v == b.v && b.u == c.u && c.v == d.v && d.u == a.u && a.colour == b.colour &&
           a.colour == c.colour && a.colour == d.colour;
  }

  Clip clip_of(const ImDrawCmd& command) const {
    const auto pixel = [](float at, float origin, float scale, int most) {
      const double value = static_cast<double>((at - origin) * scale);
      return static_cast<int>(std::clamp(std::isnan(value) ? 0.0 : value, 0.0, double(most)));
    };
    const ImVec2 origin = data_.DisplayPos, scale = data_.FramebufferScale;
    return {pixel(command.ClipRect.x, origin.x, scale.x, frame_.width),
            pixel(command.ClipRect.y, origin.y, scale.y, frame_.height),
            pixel(command.ClipRect.z, origin.x, scale.x, frame_.width),
            pixel(command.ClipRect.w, origin.y, scale.y, frame_.height)};
  }

  const ImDrawData& data_;
  const Frame frame_;
};

}  // namespace

void fill(const Frame& frame, std::uint32_t colour) {
  std::fill_n(frame.pixels, static_cast<std::size_t>(frame.width) * frame.height, colour);
}

void draw(const ImDrawData& data, const Frame& frame) {
  Lists lists(data, frame);
  for (const ImDrawList* list : data.CmdLists)
    for (const ImDrawCmd& command : list->CmdBuffer) {
      if (!command.UserCallback) lists.draw(*list, command);
      else if (command.UserCallback != ImDrawCallback_ResetRenderState)
        command.UserCallback(list, &command);
    }
}

}  // namespace atelier::host
