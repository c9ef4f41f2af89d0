// Pictures of one's own and letters painted into them. Thread rule: main thread.
//
// Invariants
//   1. ImGui's backend holds a texture from its first frame on until it was told to let go and did:
//      the pixels of a Texture that was destroyed live on in Graveyard until then.
//   2. A texture is told to go one frame after its Texture went, since draw commands of the frame
//      at hand may point at it.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <list>
#include <unordered_map>
#include <vector>

#include <imgui_internal.h>

#include "atelier/ui_canvas.h"
#include "base/limits.h"
#include "ui/state.h"

namespace atelier::ui {
namespace {

// --- Textures that go

// All textures that ImGui knows of us, and a look at them before each frame.
class Graveyard {
 public:
  void adopt(ImTextureData* texture) {
    if (!hooked_) hook();
    ImGui::RegisterUserTexture(texture);
    alive_.push_back(texture);
  }

  // Called when the Texture goes, in a frame or between two, or after ImGui did.
  void bury(ImTextureData* texture) {
    const auto at = std::find(alive_.begin(), alive_.end(), texture);
    if (at == alive_.end()) {
      IM_DELETE(texture);
      return;
    }
    alive_.erase(at);
    dying_.push_back({texture, ImGui::GetFrameCount()});
  }

 private:
  struct Dying {
    ImTextureData* texture;
    int since_frame;
  };

  void hook() {
    ImGuiContextHook hook;
    hook.UserData = this;
    hook.Type = ImGuiContextHookType_NewFramePost;
    hook.Callback = [](ImGuiContext*, ImGuiContextHook* self) {
      static_cast<Graveyard*>(self->UserData)->new_frame();
    };
    ImGui::AddContextHook(ImGui::GetCurrentContext(), &hook);
    hook.Type = ImGuiContextHookType_Shutdown;
    hook.Callback = [](ImGuiContext*, ImGuiContextHook* self) {
      static_cast<Graveyard*>(self->UserData)->shutdown();
    };
    ImGui::AddContextHook(ImGui::GetCurrentContext(), &hook);
    hooked_ = true;
  }

  void new_frame() {
    for (ImTextureData* texture : alive_) {
      if (texture->Status == ImTextureStatus_OK) texture->Updates.resize(0);
      // The backend lost its side, such as when the window's device was reset.
      if (texture->Status == ImTextureStatus_Destroyed)
        texture->SetStatus(ImTextureStatus_WantCreate);
    }
    std::erase_if(dying_, [](const Dying& dying) { return !goes_on(dying); });
  }

  // Whether the backend still holds it.
  static bool goes_on(const Dying& dying) {
    ImTextureData& texture = *dying.texture;
    if (ImGui::GetFrameCount() <= dying.since_frame + 1) return true;
    const bool unknown = texture.TexID == ImTextureID_Invalid && !texture.BackendUserData;
    if (texture.Status == ImTextureStatus_Destroyed || unknown) {
      ImGui::UnregisterUserTexture(&texture);
      IM_DELETE(&texture);
      return false;
    }
    texture.SetStatus(ImTextureStatus_WantDestroy);
    ++texture.UnusedFrames;
    return true;
  }

  // ImGui goes; the backend went before and let go of everything.
  void shutdown() {
    for (ImTextureData* texture : alive_) ImGui::UnregisterUserTexture(texture);
    for (const Dying& dying : dying_) {
      ImGui::UnregisterUserTexture(dying.texture);
      IM_DELETE(dying.texture);
    }
    alive_.clear();  // their Textures free them
    dying_.clear();
    hooked_ = false;
  }

  std::vector<ImTextureData*> alive_;
  std::vector<Dying> dying_;
  bool hooked_ = false;
};

Graveyard& graveyard() {
  static Graveyard instance;
  return instance;
}

// --- Letters

// Pictures of glyphs, the least recently used dropped first.
class PaintedGlyphs {
 public:
  const GlyphImage& get(FontStack& stack, const PlacedGlyph& glyph, float em, int quarter) {
    const Key key{glyph.face, glyph.glyph, static_cast<std::int32_t>(em * 64), quarter};
    if (const auto found = by_key_.find(key); found != by_key_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      return found->second->image;
    }
    entries_.push_front(
        {key, stack.rasterize(glyph.face, glyph.glyph, em, static_cast<float>(quarter) / 4)});
    by_key_[key] = entries_.begin();
    bytes_ += entries_.front().image.rgba.size() + sizeof(Entry);
    while (bytes_ > kPaintedGlyphBytesMax && entries_.size() > 1) {
      bytes_ -= entries_.back().image.rgba.size() + sizeof(Entry);
      by_key_.erase(entries_.back().key);
      entries_.pop_back();
    }
    return entries_.front().image;
  }

 private:
  struct Key {
    std::int32_t face;
    std::uint32_t glyph;
    std::int32_t size, quarter;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      std::uint64_t mixed =
          (std::uint64_t{key.glyph} << 32) | static_cast<std::uint32_t>(key.size * 4 + key.quarter);
      mixed = (mixed ^ static_cast<std::uint64_t>(key.face)) * 0x9E3779B97F4A7C15u;
      return static_cast<std::size_t>(mixed ^ (mixed >> 29));
    }
  };
  struct Entry {
    Key key;
    GlyphImage image;
  };
  std::list<Entry> entries_;  // the most recent first
  std::unordered_map<Key, std::list<Entry>::iterator, KeyHash> by_key_;
  std::size_t bytes_ = 0;
};

PaintedGlyphs& painted_glyphs() {
  static PaintedGlyphs glyphs;
  return glyphs;
}

// A pair of 8-bit parts multiplied as fractions, rounded.
int times(int a, int b) {
  const int product = a * b + 128;
  return (product + (product >> 8)) >> 8;
}

// Straight colours: `source` with its alpha over `target`.
void blend(std::uint8_t* target, const int source[4]) {
  if (source[3] == 0) return;
  const int below = times(target[3], 255 - source[3]);
  const int alpha = source[3] + below;
  for (int i = 0; i < 3; ++i)
    target[i] =
        static_cast<std::uint8_t>((source[i] * source[3] + target[i] * below + alpha / 2) / alpha);
  target[3] = static_cast<std::uint8_t>(alpha);
}

// The picture's colour at a place between its pixels; transparent outside.
void sample(const GlyphImage& image, float x, float y, int out[4]) {
  const float fx = x - 0.5f, fy = y - 0.5f;
  const int x0 = static_cast<int>(std::floor(fx)), y0 = static_cast<int>(std::floor(fy));
  const float u = fx - static_cast<float>(x0), v = fy - static_cast<float>(y0);
  float sum[4] = {0, 0, 0, 0};
  for (int corner = 0; corner < 4; ++corner) {
    const int px_x = x0 + (corner & 1), px_y = y0 + (corner >> 1);
    if (px_x < 0 || px_y < 0 || px_x >= image.width || px_y >= image.height) continue;
    const float weight = ((corner & 1) ? u : 1 - u) * ((corner >> 1) ? v : 1 - v);
    const std::uint8_t* pixel = image.rgba.data() + (static_cast<std::size_t>(px_y) *
                                                         static_cast<std::size_t>(image.width) +
                                                     static_cast<std::size_t>(px_x)) *
                                                        4;
    const float alpha = weight * static_cast<float>(pixel[3]);
    for (int i = 0; i < 3; ++i) sum[i] += alpha * static_cast<float>(pixel[i]);
    sum[3] += alpha;
  }
  out[3] = static_cast<int>(sum[3] + 0.5f);
  for (int i = 0; i < 3; ++i) out[i] = sum[3] > 0 ? static_cast<int>(sum[i] / sum[3] + 0.5f) : 0;
}

// A picture with its corner at a whole pixel, `scale` pixels for each of its own.
void paint_glyph(const Pixels& target, const GlyphImage& image, float left, float top, float scale,
                 ImU32 colour) {
  const int tint[4] = {static_cast<int>(colour & 255), static_cast<int>((colour >> 8) & 255),
                       static_cast<int>((colour >> 16) & 255), static_cast<int>(colour >> 24)};
  const int x0 = std::max(0, static_cast<int>(std::floor(left)));
  const int y0 = std::max(0, static_cast<int>(std::floor(top)));
  const float right = left + static_cast<float>(image.width) * scale;
  const float bottom = top + static_cast<float>(image.height) * scale;
  const int x1 = static_cast<int>(std::min(static_cast<float>(target.width), std::ceil(right)));
  const int y1 = static_cast<int>(std::min(static_cast<float>(target.height), std::ceil(bottom)));
  for (int y = y0; y < y1; ++y) {
    std::uint8_t* row = target.data + static_cast<std::size_t>(y) * target.stride;
    for (int x = x0; x < x1; ++x) {
      int pixel[4];
      sample(image, (static_cast<float>(x) + 0.5f - left) / scale,
             (static_cast<float>(y) + 0.5f - top) / scale, pixel);
      if (!image.coloured) std::copy_n(tint, 3, pixel);
      pixel[3] = times(pixel[3], tint[3]);
      blend(row + static_cast<std::size_t>(x) * 4, pixel);
    }
  }
}

const Layout& line_of(std::string_view text, float em) {
  State& s = state();
  return s.layouts.get(*s.fonts, text, {em, false, 0, 0});
}

}  // namespace

struct Texture::State {
  ImTextureData* data;
};

Texture::Texture(int width, int height) : state_(std::make_unique<State>()) {
  state_->data = IM_NEW(ImTextureData);
  state_->data->Create(ImTextureFormat_RGBA32, std::clamp(width, 1, kTextureSideMax),
                       std::clamp(height, 1, kTextureSideMax));
  state_->data->UseColors = true;
  graveyard().adopt(state_->data);
}

Texture::~Texture() {
  if (state_) graveyard().bury(state_->data);
}

Texture::Texture(Texture&&) noexcept = default;
Texture& Texture::operator=(Texture&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

int Texture::width() const {
  return state_->data->Width;
}
int Texture::height() const {
  return state_->data->Height;
}

Pixels Texture::pixels() {
  ImTextureData& data = *state_->data;
  return {data.Pixels, data.Width, data.Height, static_cast<std::size_t>(data.GetPitch())};
}

void Texture::changed(int x, int y, int width, int height) {
  ImTextureData& data = *state_->data;
  const int x1 = std::min(x + width, data.Width), y1 = std::min(y + height, data.Height);
  x = std::max(x, 0);
  y = std::max(y, 0);
  if (x >= x1 || y >= y1 || data.Status == ImTextureStatus_WantCreate) return;
  if (data.Status == ImTextureStatus_OK) data.Updates.resize(0);
  const auto number = [](int value) { return static_cast<unsigned short>(value); };
  const ImTextureRect rect{number(x), number(y), number(x1 - x), number(y1 - y)};
  data.Updates.push_back(rect);
  data.UpdateRect = data.UsedRect = {0, 0, number(data.Width), number(data.Height)};
  if (data.Status == ImTextureStatus_OK) data.SetStatus(ImTextureStatus_WantUpdates);
}

void Texture::update(int x, int y, const Pixels& source) {
  const Pixels own = pixels();
  const int left = std::max(x, 0), right = std::min(x + source.width, own.width);
  for (int row = std::max(y, 0); row < std::min(y + source.height, own.height) && left < right;
       ++row)
    std::memcpy(
        own.data + static_cast<std::size_t>(row) * own.stride + static_cast<std::size_t>(left) * 4,
        source.data + static_cast<std::size_t>(row - y) * source.stride +
            static_cast<std::size_t>(left - x) * 4,
        static_cast<std::size_t>(right - left) * 4);
  changed(x, y, source.width, source.height);
}

ImTextureRef Texture::ref() const {
  return state_->data->GetTexRef();
}

float pixels_per_unit() {
  return std::max(1.0f, ImGui::GetIO().DisplayFramebufferScale.x);
}

float painted_width(std::string_view text, float em) {
  if (!is_started() || text.empty() || !(em > 0)) return 0;
  const float laid_out = std::min(em, kPaintedEmMax);
  return line_of(text, laid_out).width * (em / laid_out);
}

void paint_text(const Pixels& target, float x, float baseline, std::string_view text, float em,
                ImU32 colour) {
  if (!is_started() || text.empty() || !(em > 0)) return;
  const float laid_out = std::min(em, kPaintedEmMax), scale = em / laid_out;
  const Layout& line = line_of(text, laid_out);
  for (const PlacedGlyph& glyph : line.glyphs) {
    const float pen_x = x + glyph.x * scale;
    const float pen_y = std::round(baseline + glyph.y * scale);
    if (pen_x > static_cast<float>(target.width) + em || pen_x < -4 * em) continue;
    const float whole = std::floor(pen_x);
    const int quarter = scale > 1 ? 0 : static_cast<int>((pen_x - whole) * 4);
    const GlyphImage& image = painted_glyphs().get(*state().fonts, glyph, laid_out, quarter);
    const float size = image.scale * scale;
    if (image.width > 0)
      paint_glyph(target, image, whole + std::round(image.left * scale),
                  pen_y + std::round(image.top * scale), size, colour);
  }
}

}  // namespace atelier::ui
