// See window.h: the loop that sleeps until something happened. Thread rule: main thread, but
// wake(), raise() and close().
//
// A frame is drawn after an event, after pump() delivered something, and when ui asked for one; an
// idle window draws nothing and does not wake.
#include "window/window.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <iostream>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <SDL.h>
#include <imgui.h>
#include <imgui_impl_sdl2.h>
#include <imgui_internal.h>

#include "atelier/ui.h"
#include "base/limits.h"
#include "ui/shell.h"
#include "window/screens.h"
#include "window/script_player.h"
#include "window/shortcut_keys.h"
#include "window/surface.h"

namespace atelier::host {
namespace {

constexpr int kScriptPollMs = 50;  // how often a waiting step looks at the clock

/// SDL, ImGui and ui, taken down in the order opposite to their start.
class Stage {
 public:
  ~Stage() {
    surface.reset();
    if (context_) ImGui::DestroyContext(context_);
    if (ui_) ui::stop();
    if (sdl_) SDL_Quit();
  }

  Status start(const WindowOptions& options) {
    if (options.headless) SDL_SetHint(SDL_HINT_VIDEODRIVER, "dummy");
    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");  // the program has its own
    SDL_SetHint(SDL_HINT_IME_SHOW_UI, "1");
    SDL_SetHint(SDL_HINT_RENDER_SCALE_QUALITY, "linear");
    SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
    SDL_SetMainReady();
    if (SDL_Init(SDL_INIT_VIDEO) != 0)
      return Error(ErrorCode::kUnavailable, std::string("there is no display: ") + SDL_GetError());
    sdl_ = true;
    scale = options.scale > 0 ? std::clamp(options.scale, 1.0f, 3.0f) : display_scale();
    IMGUI_CHECKVERSION();
    context_ = ImGui::CreateContext();
    // What a plugin does wrong is mended and told by us; it must not end the program.
    ImGui::GetIO().ConfigErrorRecoveryEnableAssert = false;
    ImGui::GetIO().ConfigErrorRecoveryEnableTooltip = false;
    ATELIER_CHECK(ui::start({options.dark, scale, !options.script.empty()}));
    ui_ = true;
    ATELIER_TRY(made, Surface::create(options, scale));
    surface = std::move(made);
    SDL_SetWindowMinimumSize(surface->window(), static_cast<int>(kWindowWidthMin * scale),
                             static_cast<int>(kWindowHeightMin * scale));
    return ok();
  }

  std::unique_ptr<Surface> surface;
  float scale = 1;

 private:
  bool sdl_ = false, ui_ = false;
  ImGuiContext* context_ = nullptr;
};

/// What frames cost, in ms: events and news of the room, the frame's building, textures handed to
/// the renderer, drawing and showing; and the processor time of the first three, of all threads,
/// which says more than the clock where others use the machine.
class FrameTimes {
 public:
  enum Part : std::size_t { kInput, kBuild, kUpload, kDraw };

  void begin(Part part) {
    part_ = part;
    cpu_began_ = std::clock();
    began_ = Clock::now();
  }
  /// What the part took joins what it took before in this frame.
  void end() {
    current_[part_] += std::chrono::duration<double, std::milli>(Clock::now() - began_).count();
    if (part_ == kDraw) return;
    current_[kCpu] += 1'000.0 * static_cast<double>(std::clock() - cpu_began_) / CLOCKS_PER_SEC;
  }
  void frame_done() { all_.push_back(std::exchange(current_, {})); }

  std::string json() const {
    std::ostringstream out;
    for (const auto& parts : all_) {
      out << (out.tellp() > 0 ? ",[" : "[") << parts[0];
      for (std::size_t i = 1; i < parts.size(); ++i) out << ',' << parts[i];
      out << ']';
    }
    return '[' + out.str() + ']';
  }

 private:
  static constexpr std::size_t kCpu = 4;
  using Clock = std::chrono::steady_clock;
  Part part_ = kInput;
  Clock::time_point began_;
  std::clock_t cpu_began_ = 0;
  std::array<double, 5> current_{};
  std::vector<std::array<double, 5>> all_;
};

class SdlWindow : public Window {
 public:
  SdlWindow(WindowOptions options, NodeView& node) : options_(std::move(options)), node_(node) {}

  Status start() {
    ATELIER_CHECK(stage_.start(options_));
    event_type_ = SDL_RegisterEvents(1);
    screens_.emplace(node_, options_);
    if (options_.script.empty()) return ok();
    ScriptPlayer::Actions actions;
    actions.resize = [this](int width, int height) { resize(width, height); };
    actions.screenshot = [this](const std::string& file) { return screenshot(file); };
    actions.pixel = [this](int x, int y) { return pixel(x, y); };
    actions.time_frames = [this] { times_.emplace(); };
    actions.frame_times = [this] {
      const std::string times = times_ ? times_->json() : "[]";
      times_.reset();
      return times;
    };
    actions.wake = [this] { wake(); };
    ATELIER_TRY(player, ScriptPlayer::open(options_.script, std::move(actions)));
    player_ = std::move(player);
    return ok();
  }

  int run() override {
    while (!closing_) {
      wait_for_work();
      if (times_) times_->begin(FrameTimes::kInput);
      handle_events();
      if (screens_->pump()) frames_ = kFramesAfterEvent;
      if (times_) times_->end();
      if (redraw_is_due()) frames_ = std::max(frames_, 1);
      if (frames_ > 0) {
        --frames_;
        draw_frame();
      }
      if (frames_ == 0) when_still();
    }
    screens_->close();
    return exit_code_;
  }

  void wake() override {
    if (wake_pending_.exchange(true)) return;
    push(Signal::kWake);
  }
  void raise() override { push(Signal::kRaise); }
  void close() override { push(Signal::kClose); }

 private:
  enum class Signal : Sint32 { kWake, kRaise, kClose };

  // Any thread.
  void push(Signal signal) {
    SDL_Event event{};
    event.type = event_type_;
    event.user.code = static_cast<Sint32>(signal);
    SDL_PushEvent(&event);
    if (!options_.headless) return;
    {
      const std::scoped_lock lock(headless_mutex_);
      headless_signalled_ = true;
    }
    headless_signal_.notify_one();
  }

  static std::uint64_t now() { return SDL_GetTicks64(); }
  bool redraw_is_due() const { return redraw_at_ms_ && now() >= *redraw_at_ms_; }

  // How long nothing needs to happen; nullopt: until an event.
  std::optional<int> patience_ms() const {
    if (frames_ > 0) return 0;
    std::optional<int> patience;
    if (redraw_at_ms_)
      patience = static_cast<int>(
          std::min<std::uint64_t>(*redraw_at_ms_ - std::min(*redraw_at_ms_, now()), 3'600'000));
    if (player_ && !script_ended_)
      patience = std::min(patience.value_or(kScriptPollMs), script_acted_ ? 0 : kScriptPollMs);
    return patience;
  }

  void wait_for_work() {
    const auto patience = patience_ms();
    if (patience == 0) return;
    if (!options_.headless) {
      if (patience)
        SDL_WaitEventTimeout(nullptr, *patience);
      else
        SDL_WaitEvent(nullptr);
      return;
    }
    // SDL's dummy driver can only be polled; here events come from push() and from the script
    // alone.
    std::unique_lock lock(headless_mutex_);
    const auto signalled = [this] { return headless_signalled_; };
    if (SDL_HasEvents(SDL_FIRSTEVENT, SDL_LASTEVENT)) return;
    if (patience)
      headless_signal_.wait_for(lock, std::chrono::milliseconds(*patience), signalled);
    else
      headless_signal_.wait(lock, signalled);
    headless_signalled_ = false;
  }

  void handle_events() {
    SDL_Event event;
    while (SDL_PollEvent(&event)) {
      if (event.type == event_type_) {
        handle_signal(static_cast<Signal>(event.user.code));
        continue;
      }
      if (event.type == SDL_QUIT) closing_ = true;
      if (event.type == SDL_WINDOWEVENT && event.window.event == SDL_WINDOWEVENT_CLOSE)
        closing_ = true;
      if (event.type == SDL_TEXTEDITING) ui::set_composition(event.edit.text, event.edit.start);
      if (event.type == SDL_KEYDOWN || event.type == SDL_KEYUP)
        event.key.keysym.sym = shortcut_key(event.key.keysym.sym, event.key.keysym.scancode);
      ImGui_ImplSDL2_ProcessEvent(&event);
      frames_ = kFramesAfterEvent;
    }
  }

  void handle_signal(Signal signal) {
    switch (signal) {
      case Signal::kWake:
        wake_pending_ = false;
        frames_ = std::max(frames_, 1);  // the status may have changed without a document
        return;
      case Signal::kRaise:
        SDL_RestoreWindow(stage_.surface->window());
        SDL_RaiseWindow(stage_.surface->window());
        frames_ = kFramesAfterEvent;
        return;
      case Signal::kClose:
        closing_ = true;
        return;
    }
  }

  void draw_frame() {
    if (times_) times_->begin(FrameTimes::kBuild);
    build_frame();
    if (times_) times_->end();
    show_frame();
    const auto next = ui::next_redraw_ms();
    redraw_at_ms_.reset();
    if (next && *next > 0) redraw_at_ms_ = now() + static_cast<std::uint64_t>(*next);
    // At once: another screen, which must settle before it is still.
    if (next && *next <= 0) frames_ = kFramesAfterEvent;
    // Input that ImGui spreads over frames (a press and its release) is not done yet.
    if (has_trickling_input()) frames_ = std::max(frames_, 1);
  }

  void build_frame() {
    stage_.surface->begin();
    ImGui::NewFrame();
    ui::begin_frame();
    screens_->draw();
    ui::end_frame();
    ImGui::Render();
  }

  void show_frame() {
    Surface& surface = *stage_.surface;
    if (times_) return show_frame_timed();
    if (options_.headless) return surface.skip();  // pictures are drawn by screenshot() alone
    surface.draw();
    surface.present();
  }

  void show_frame_timed() {
    times_->begin(FrameTimes::kUpload);
    stage_.surface->skip();
    times_->end();
    times_->begin(FrameTimes::kDraw);
    if (!options_.opengl) stage_.surface->draw();  // there, skip() drew already
    stage_.surface->present();
    times_->end();
    times_->frame_done();
  }

  static bool has_trickling_input() {
    return ImGui::GetCurrentContext()->InputEventsQueue.Size > 0;
  }

  void resize(int width, int height) {
    SDL_SetWindowSize(stage_.surface->window(),
                      static_cast<int>(static_cast<float>(width) * stage_.scale),
                      static_cast<int>(static_cast<float>(height) * stage_.scale));
    frames_ = kFramesAfterEvent;
  }

  // The last frame once more, since what was presented cannot be read.
  Status screenshot(const std::filesystem::path& file) {
    stage_.surface->draw();
    return write_png(stage_.surface->read(), file);
  }

  std::uint32_t pixel(int x, int y) {
    stage_.surface->draw();
    const Picture picture = stage_.surface->read();
    const int px = static_cast<int>(static_cast<float>(x) * stage_.scale);
    const int py = static_cast<int>(static_cast<float>(y) * stage_.scale);
    if (px < 0 || py < 0 || px >= picture.width || py >= picture.height) return 0;
    const auto* at = picture.rgb.data() + (static_cast<std::size_t>(py) * picture.width + px) * 3;
    return static_cast<std::uint32_t>(at[0]) << 16 | static_cast<std::uint32_t>(at[1]) << 8 | at[2];
  }

  void when_still() {
    if (player_ && !script_ended_) return play();
    if (options_.screenshot.empty() || player_) return;
    fail_on(screenshot(options_.screenshot));
    closing_ = true;
  }

  void play() {
    script_acted_ = false;
    auto progress = player_->advance(stage_.surface->window(), stage_.scale);
    if (!progress) {
      fail_on(progress.error());
      closing_ = script_ended_ = true;
      if (!options_.screenshot.empty()) fail_on(screenshot(options_.screenshot));
      return;
    }
    script_acted_ = *progress == ScriptPlayer::Progress::kActed;
    if (script_acted_) frames_ = kFramesAfterEvent;
    if (*progress != ScriptPlayer::Progress::kEnded) return;
    closing_ = script_ended_ = true;
    if (!options_.screenshot.empty()) fail_on(screenshot(options_.screenshot));
  }

  void fail_on(const Status& status) {
    if (status) return;
    std::cerr << "atelier: " << status.error().message << std::endl;
    exit_code_ = 1;
  }

  // Constant after start().
  const WindowOptions options_;
  NodeView& node_;
  Uint32 event_type_ = 0;
  // Main thread.
  Stage stage_;
  std::optional<Screens> screens_;
  std::unique_ptr<ScriptPlayer> player_;
  std::optional<FrameTimes> times_;  // while a script has them taken
  int frames_ = kFramesAfterEvent;   // to be drawn before the window may sleep
  std::optional<std::uint64_t> redraw_at_ms_;
  bool closing_ = false, script_ended_ = false, script_acted_ = false;
  int exit_code_ = 0;
  // Any thread.
  std::atomic<bool> wake_pending_ = false;
  std::mutex headless_mutex_;
  std::condition_variable headless_signal_;
  bool headless_signalled_ = false;  // guarded by headless_mutex_
};

}  // namespace

Result<std::unique_ptr<Window>> Window::create(WindowOptions options, NodeView& node) {
  auto window = std::make_unique<SdlWindow>(std::move(options), node);
  ATELIER_CHECK(window->start());
  return std::unique_ptr<Window>(std::move(window));
}

}  // namespace atelier::host
