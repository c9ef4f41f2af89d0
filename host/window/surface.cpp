// See surface.h. Thread rule: main thread.
#include "window/surface.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <imgui.h>
#include <imgui_impl_opengl3.h>
#include <imgui_impl_sdl2.h>
#include <imgui_impl_sdlrenderer2.h>

#include "atelier/ui.h"
#include "window/rasteriser.h"

namespace atelier::host {
namespace {

constexpr float kOrdinaryDpi = 96;

struct WindowDeleter {
  void operator()(SDL_Window* window) const { SDL_DestroyWindow(window); }
};
using WindowPtr = std::unique_ptr<SDL_Window, WindowDeleter>;

Error no_drawing(const std::string& what) {
  return Error(ErrorCode::kUnavailable, what + ": " + SDL_GetError());
}

WindowPtr make_window(const WindowOptions& options, float scale, Uint32 flags) {
  return WindowPtr(SDL_CreateWindow(options.title.c_str(), SDL_WINDOWPOS_CENTERED,
                                    SDL_WINDOWPOS_CENTERED, static_cast<int>(options.width * scale),
                                    static_cast<int>(options.height * scale),
                                    flags | SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI));
}

Picture picture_of(int width, int height) {
  Picture picture;
  picture.width = width;
  picture.height = height;
  picture.rgb.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  return picture;
}

ImVec4 ground() {
  return ImGui::ColorConvertU32ToFloat4(ui::theme().paper);
}

class RendererSurface : public Surface {
 public:
  static Result<std::unique_ptr<Surface>> create(const WindowOptions& options, float scale) {
    auto surface = std::make_unique<RendererSurface>();
    surface->window_ = make_window(options, scale, 0);
    if (!surface->window_) return no_drawing("no window could be opened");
    surface->renderer_ = SDL_CreateRenderer(surface->window_.get(), -1,
                                            SDL_RENDERER_ACCELERATED | SDL_RENDERER_PRESENTVSYNC);
    SDL_RendererInfo info{};  // SDL_RENDER_DRIVER may ask for SDL's own software renderer
    if (!surface->renderer_ || SDL_GetRendererInfo(surface->renderer_, &info) != 0 ||
        (info.flags & SDL_RENDERER_SOFTWARE) != 0)
      return no_drawing("no graphics card draws into the window");
    ImGui_ImplSDL2_InitForSDLRenderer(surface->window_.get(), surface->renderer_);
    ImGui_ImplSDLRenderer2_Init(surface->renderer_);
    surface->attached_ = true;
    return std::unique_ptr<Surface>(std::move(surface));
  }

  ~RendererSurface() override {
    if (attached_) {
      ImGui_ImplSDLRenderer2_Shutdown();
      ImGui_ImplSDL2_Shutdown();
    }
    if (renderer_) SDL_DestroyRenderer(renderer_);
  }

  SDL_Window* window() override { return window_.get(); }
  void begin() override {
    ImGui_ImplSDLRenderer2_NewFrame();
    ImGui_ImplSDL2_NewFrame();
  }
  void draw() override {
    const ImVec2 density = ImGui::GetIO().DisplayFramebufferScale;
    SDL_RenderSetScale(renderer_, density.x, density.y);
    const ImVec4 c = ground();
    SDL_SetRenderDrawColor(renderer_, static_cast<Uint8>(c.x * 255 + 0.5f),
                           static_cast<Uint8>(c.y * 255 + 0.5f),
                           static_cast<Uint8>(c.z * 255 + 0.5f), 255);
    SDL_RenderClear(renderer_);
    ImGui_ImplSDLRenderer2_RenderDrawData(ImGui::GetDrawData(), renderer_);
  }
  void skip() override {
    for (ImTextureData* texture : *ImGui::GetDrawData()->Textures)
      if (texture->Status != ImTextureStatus_OK) ImGui_ImplSDLRenderer2_UpdateTexture(texture);
  }
  void present() override { SDL_RenderPresent(renderer_); }
  Picture read() override {
    int width = 0, height = 0;
    SDL_GetRendererOutputSize(renderer_, &width, &height);
    Picture picture = picture_of(width, height);
    SDL_RenderReadPixels(renderer_, nullptr, SDL_PIXELFORMAT_RGB24, picture.rgb.data(), width * 3);
    return picture;
  }

 private:
  WindowPtr window_;
  SDL_Renderer* renderer_ = nullptr;
  bool attached_ = false;
};

/// Draws by itself (rasteriser.h). A texture's identifier is its ImTextureData, read in place:
/// there is nothing to create, to update or to free.
class SoftwareSurface : public Surface {
 public:
  static Result<std::unique_ptr<Surface>> create(const WindowOptions& options, float scale) {
    auto surface = std::make_unique<SoftwareSurface>();
    surface->window_ = make_window(options, scale, 0);
    if (!surface->window_) return no_drawing("no window could be opened");
    if (!SDL_GetWindowSurface(surface->window_.get()))
      return no_drawing("nothing can draw into the window");
    ImGui_ImplSDL2_InitForOther(surface->window_.get());
    ImGuiIO& io = ImGui::GetIO();
    io.BackendRendererName = "atelier software";
    io.BackendFlags |= ImGuiBackendFlags_RendererHasVtxOffset | ImGuiBackendFlags_RendererHasTextures;
    surface->attached_ = true;
    return std::unique_ptr<Surface>(std::move(surface));
  }

  ~SoftwareSurface() override {
    if (!attached_) return;
    for (ImTextureData* texture : ImGui::GetPlatformIO().Textures)
      if (texture->RefCount == 1) forget(*texture);
    ImGuiIO& io = ImGui::GetIO();
    io.BackendRendererName = nullptr;
    io.BackendFlags &=
        ~(ImGuiBackendFlags_RendererHasVtxOffset | ImGuiBackendFlags_RendererHasTextures);
    ImGui_ImplSDL2_Shutdown();
  }

  SDL_Window* window() override { return window_.get(); }
  void begin() override { ImGui_ImplSDL2_NewFrame(); }
  void draw() override {
    skip();
    const ImDrawData& data = *ImGui::GetDrawData();
    width_ = static_cast<int>(data.DisplaySize.x * data.FramebufferScale.x);
    height_ = static_cast<int>(data.DisplaySize.y * data.FramebufferScale.y);
    pixels_.resize(static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_));
    const Frame frame{pixels_.data(), width_, height_};
    fill(frame, ui::theme().paper);
    host::draw(data, frame);
  }
  void skip() override {
    for (ImTextureData* texture : *ImGui::GetDrawData()->Textures) adopt(*texture);
  }
  void present() override {
    SDL_Surface* screen = SDL_GetWindowSurface(window_.get());  // another one after a new size
    SDL_Surface* ours = SDL_CreateRGBSurfaceWithFormatFrom(pixels_.data(), width_, height_, 32,
                                                           width_ * 4, SDL_PIXELFORMAT_RGBA32);
    if (screen && ours) {
      SDL_SetSurfaceBlendMode(ours, SDL_BLENDMODE_NONE);
      SDL_BlitSurface(ours, nullptr, screen, nullptr);
      SDL_UpdateWindowSurface(window_.get());
    }
    SDL_FreeSurface(ours);
  }
  Picture read() override {
    Picture picture = picture_of(width_, height_);
    std::uint8_t* out = picture.rgb.data();
    for (const std::uint32_t pixel : pixels_)
      for (const int shift : {IM_COL32_R_SHIFT, IM_COL32_G_SHIFT, IM_COL32_B_SHIFT})
        *out++ = static_cast<std::uint8_t>(pixel >> shift);
    return picture;
  }

 private:
  static void forget(ImTextureData& texture) {
    texture.SetTexID(ImTextureID_Invalid);
    texture.SetStatus(ImTextureStatus_Destroyed);
  }
  static void adopt(ImTextureData& texture) {
    if (texture.Status == ImTextureStatus_WantDestroy) return forget(texture);
    if (texture.Status == ImTextureStatus_WantCreate)
      texture.SetTexID(reinterpret_cast<ImTextureID>(&texture));
    if (texture.Status != ImTextureStatus_Destroyed) texture.SetStatus(ImTextureStatus_OK);
  }

  WindowPtr window_;
  std::vector<std::uint32_t> pixels_;
  int width_ = 0, height_ = 0;
  bool attached_ = false;
};

// The few functions of OpenGL that are needed beside ImGui's backend.
struct Gl {
  void (*viewport)(int, int, int, int);
  void (*clear_color)(float, float, float, float);
  void (*clear)(unsigned);
  void (*pixel_store)(unsigned, int);
  void (*read_pixels)(int, int, int, int, unsigned, unsigned, void*);
};
constexpr unsigned kGlColorBufferBit = 0x4000, kGlRgb = 0x1907, kGlUnsignedByte = 0x1401,
                   kGlPackAlignment = 0x0D05;

template <class Function>
void load(Function& function, const char* name) {
  function = reinterpret_cast<Function>(SDL_GL_GetProcAddress(name));
}

class GlSurface : public Surface {
 public:
  static Result<std::unique_ptr<Surface>> create(const WindowOptions& options, float scale) {
    SDL_GL_SetAttribute(SDL_GL_CONTEXT_PROFILE_MASK, SDL_GL_CONTEXT_PROFILE_CORE);
    SDL_GL_SetAttribute(SDL_GL_CONTEXT_MAJOR_VERSION, 3);
    SDL_GL_SetAttribute(SDL_GL_CONTEXT_MINOR_VERSION, 2);
    SDL_GL_SetAttribute(SDL_GL_DOUBLEBUFFER, 1);
    auto surface = std::make_unique<GlSurface>();
    surface->window_ = make_window(options, scale, SDL_WINDOW_OPENGL);
    if (!surface->window_) return no_drawing("no window for OpenGL could be opened");
    surface->context_ = SDL_GL_CreateContext(surface->window_.get());
    if (!surface->context_) return no_drawing("OpenGL 3.2 is not available");
    SDL_GL_SetSwapInterval(1);
    load(surface->gl_.viewport, "glViewport");
    load(surface->gl_.clear_color, "glClearColor");
    load(surface->gl_.clear, "glClear");
    load(surface->gl_.pixel_store, "glPixelStorei");
    load(surface->gl_.read_pixels, "glReadPixels");
    ImGui_ImplSDL2_InitForOpenGL(surface->window_.get(), surface->context_);
    surface->attached_ = true;
    if (!ImGui_ImplOpenGL3_Init())
      return Error(ErrorCode::kUnavailable, "OpenGL could not be loaded");
    surface->backend_ = true;
    return std::unique_ptr<Surface>(std::move(surface));
  }

  ~GlSurface() override {
    if (backend_) ImGui_ImplOpenGL3_Shutdown();
    if (attached_) ImGui_ImplSDL2_Shutdown();
    if (context_) SDL_GL_DeleteContext(context_);
  }

  SDL_Window* window() override { return window_.get(); }
  void begin() override {
    ImGui_ImplOpenGL3_NewFrame();
    ImGui_ImplSDL2_NewFrame();
  }
  void draw() override {
    int width = 0, height = 0;
    SDL_GL_GetDrawableSize(window_.get(), &width, &height);
    gl_.viewport(0, 0, width, height);
    const ImVec4 c = ground();
    gl_.clear_color(c.x, c.y, c.z, 1);
    gl_.clear(kGlColorBufferBit);
    ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
  }
  void present() override { SDL_GL_SwapWindow(window_.get()); }
  Picture read() override {
    int width = 0, height = 0;
    SDL_GL_GetDrawableSize(window_.get(), &width, &height);
    Picture upside_down = picture_of(width, height);
    gl_.pixel_store(kGlPackAlignment, 1);
    gl_.read_pixels(0, 0, width, height, kGlRgb, kGlUnsignedByte, upside_down.rgb.data());
    Picture picture = picture_of(width, height);
    const auto stride = static_cast<std::ptrdiff_t>(width) * 3;
    for (int y = 0; y < height; ++y)
      std::copy_n(upside_down.rgb.begin() + stride * (height - 1 - y), stride,
                  picture.rgb.begin() + stride * y);
    return picture;
  }

 private:
  WindowPtr window_;
  SDL_GLContext context_ = nullptr;
  Gl gl_{};
  bool attached_ = false, backend_ = false;
};

}  // namespace

Result<std::unique_ptr<Surface>> Surface::create(const WindowOptions& options, float scale) {
  if (options.headless) return SoftwareSurface::create(options, scale);
  if (options.opengl) return GlSurface::create(options, scale);
  auto surface = RendererSurface::create(options, scale);
  return surface ? std::move(surface) : SoftwareSurface::create(options, scale);
}

// Systems whose windows are in logical pixels (macOS, Wayland) scale by themselves; elsewhere the
// display's dots an inch say it, in quarters, because displays lie about the rest.
float display_scale() {
  const char* driver = SDL_GetCurrentVideoDriver();
  const std::string name = driver ? driver : "";
  float dpi = 0;
  if ((name != "x11" && name != "windows") || SDL_GetDisplayDPI(0, &dpi, nullptr, nullptr) != 0)
    return 1;
  const float scale = std::floor(dpi / kOrdinaryDpi * 4) / 4;
  return scale < 1.25f ? 1 : std::min(scale, 3.0f);
}

}  // namespace atelier::host
