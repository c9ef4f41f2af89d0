// See script_player.h. Thread rule: main thread; read_input() has a thread of its own.
#include "window/script_player.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>
#include <utility>

#include "base/limits.h"
#include "ui/shell.h"

namespace atelier::host {
namespace {

using Kind = ScriptStep::Kind;

// Of several, the one that was drawn last: it lies on top. The same words go before longer ones.
const ui::Shown* find_shown(std::string_view words, bool text_too) {
  const ui::Shown* same = nullptr;
  const ui::Shown* containing = nullptr;
  for (const auto& item : ui::shown()) {
    if (!text_too && item.kind == ui::Shown::Kind::kText) continue;
    if (item.words == words) same = &item;
    if (item.words.find(words) != std::string::npos) containing = &item;
  }
  return same ? same : containing;
}

// Whether the eye takes two colours for one: edges and blending differ by some steps.
bool is_near(std::uint32_t a, std::uint32_t b) {
  constexpr int kNear = 24;
  for (const int shift : {0, 8, 16})
    if (std::abs(static_cast<int>((a >> shift) & 255) - static_cast<int>((b >> shift) & 255)) >
        kNear)
      return false;
  return true;
}

bool is_shown(std::string_view words) {
  return find_shown(words, true) != nullptr;
}

SDL_Keymod modifiers_of(const ScriptStep& step) {
  return static_cast<SDL_Keymod>((step.ctrl ? KMOD_LCTRL : 0) | (step.shift ? KMOD_LSHIFT : 0) |
                                 (step.alt ? KMOD_LALT : 0));
}

void push_motion(SDL_Window* window, float x, float y) {
  SDL_Event event{};
  event.type = SDL_MOUSEMOTION;
  event.motion.windowID = SDL_GetWindowID(window);
  event.motion.x = static_cast<int>(x);
  event.motion.y = static_cast<int>(y);
  // With a real pointer, ImGui asks the system where it is.
  SDL_WarpMouseInWindow(window, event.motion.x, event.motion.y);
  SDL_PushEvent(&event);
}

void push_button(SDL_Window* window, bool down, std::string_view name = "left") {
  SDL_Event event{};
  event.type = down ? SDL_MOUSEBUTTONDOWN : SDL_MOUSEBUTTONUP;
  event.button.windowID = SDL_GetWindowID(window);
  event.button.button = name == "right"    ? SDL_BUTTON_RIGHT
                        : name == "middle" ? SDL_BUTTON_MIDDLE
                                           : SDL_BUTTON_LEFT;
  event.button.state = down ? SDL_PRESSED : SDL_RELEASED;
  SDL_PushEvent(&event);
}

void push_key(SDL_Window* window, SDL_Scancode code, SDL_Keymod modifiers) {
  for (const bool down : {true, false}) {
    SDL_Event event{};
    event.type = down ? SDL_KEYDOWN : SDL_KEYUP;
    event.key.windowID = SDL_GetWindowID(window);
    event.key.state = down ? SDL_PRESSED : SDL_RELEASED;
    event.key.keysym.scancode = code;
    event.key.keysym.sym = SDL_GetKeyFromScancode(code);
    // ImGui takes the modifiers from each key event.
    event.key.keysym.mod = static_cast<Uint16>(down ? modifiers : KMOD_NONE);
    SDL_PushEvent(&event);
  }
}

// Modifiers alone, as a hand that holds them while the other one moves the pointer.
void push_modifiers(SDL_Window* window, const ScriptStep& step, bool down) {
  const std::array<std::pair<bool, SDL_Scancode>, 3> keys = {{{step.ctrl, SDL_SCANCODE_LCTRL},
                                                              {step.shift, SDL_SCANCODE_LSHIFT},
                                                              {step.alt, SDL_SCANCODE_LALT}}};
  for (const auto& [wanted, code] : keys) {
    if (!wanted) continue;
    SDL_Event event{};
    event.type = down ? SDL_KEYDOWN : SDL_KEYUP;
    event.key.windowID = SDL_GetWindowID(window);
    event.key.state = down ? SDL_PRESSED : SDL_RELEASED;
    event.key.keysym.scancode = code;
    event.key.keysym.sym = SDL_GetKeyFromScancode(code);
    event.key.keysym.mod = static_cast<Uint16>(down ? modifiers_of(step) : KMOD_NONE);
    SDL_PushEvent(&event);
  }
}

// In pieces as small as SDL's event, whole characters each.
void push_text(SDL_Window* window, std::string_view text) {
  while (!text.empty()) {
    SDL_Event event{};
    event.type = SDL_TEXTINPUT;
    event.text.windowID = SDL_GetWindowID(window);
    std::size_t length = std::min(text.size(), sizeof event.text.text - 1);
    while (length > 0 && length < text.size() && (text[length] & 0xC0) == 0x80) --length;
    if (length == 0) length = 1;  // not UTF-8: goes on byte by byte
    std::memcpy(event.text.text, text.data(), length);
    SDL_PushEvent(&event);
    text.remove_prefix(length);
  }
}

std::optional<SDL_Scancode> scancode_of(const std::string& name) {
  static constexpr std::array<std::pair<std::string_view, SDL_Scancode>, 3> kOwnNames = {
      {{"Enter", SDL_SCANCODE_RETURN},
       {"Menu", SDL_SCANCODE_APPLICATION},
       {"Esc", SDL_SCANCODE_ESCAPE}}};
  for (const auto& [own, code] : kOwnNames)
    if (name == own) return code;
  const SDL_Scancode code = SDL_GetScancodeFromName(name.c_str());
  if (code == SDL_SCANCODE_UNKNOWN) return std::nullopt;
  return code;
}

// A line break is a key; everything else is text.
void type_text(SDL_Window* window, std::string_view text) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    push_text(window, text.substr(0, end));
    if (end == std::string_view::npos) return;
    push_key(window, SDL_SCANCODE_RETURN, KMOD_NONE);
    text.remove_prefix(end + 1);
  }
}

// For the one who reads why a script failed.
std::string on_screen() {
  std::string words;
  for (const auto& item : ui::shown()) words += (words.empty() ? "\"" : ", \"") + item.words + "\"";
  return words.empty() ? "nothing" : words;
}

Error failed(const ScriptStep& step, const std::string& what) {
  return Error(ErrorCode::kTimeout, "script line " + std::to_string(step.line) + ": " + what +
                                        "; on screen: " + on_screen());
}

}  // namespace

ScriptPlayer::ScriptPlayer(Actions actions) : actions_(std::move(actions)) {}

ScriptPlayer::~ScriptPlayer() {
  const std::scoped_lock lock(inbox_->mutex);
  inbox_->wake = nullptr;
}

Result<std::unique_ptr<ScriptPlayer>> ScriptPlayer::open(const std::filesystem::path& file,
                                                         Actions actions) {
  std::unique_ptr<ScriptPlayer> player(new ScriptPlayer(std::move(actions)));
  if (file == "-") {
    player->interactive_ = true;
    player->inbox_->wake = player->actions_.wake;
    std::thread(read_input, player->inbox_).detach();  // ends with its input or with the process
    return player;
  }
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error(ErrorCode::kDisk, "cannot read the script " + file.string());
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  ATELIER_TRY(steps, parse_script(text));
  player->inbox_->steps.assign(steps.begin(), steps.end());
  player->inbox_->ended = true;
  return player;
}

void ScriptPlayer::read_input(std::shared_ptr<Inbox> inbox) {
  std::string line;
  for (int number = 1;; ++number) {
    const bool more = static_cast<bool>(std::getline(std::cin, line));
    const std::scoped_lock lock(inbox->mutex);
    if (!more) inbox->ended = true;
    if (more) {
      auto steps = parse_script_line(line, number);
      if (!steps) inbox->error = steps.error();
      if (steps) inbox->steps.insert(inbox->steps.end(), steps->begin(), steps->end());
    }
    if (!inbox->wake) return;
    inbox->wake();
    if (inbox->ended || inbox->error) return;
  }
}

Result<bool> ScriptPlayer::perform(const ScriptStep& step, SDL_Window* window, float scale) {
  switch (step.kind) {
    case Kind::kSize:
      actions_.resize(step.x, step.y);
      return true;
    case Kind::kClick:
    case Kind::kClickText: {
      const ui::Shown* target = find_shown(step.text, step.kind == Kind::kClickText);
      if (!target) return false;
      push_motion(window, (target->min.x + target->max.x) / 2, (target->min.y + target->max.y) / 2);
      push_button(window, true);
      push_button(window, false);
      return true;
    }
    case Kind::kPress:
    case Kind::kRelease:
      push_button(window, step.kind == Kind::kPress, step.text);
      return true;
    case Kind::kHold:
    case Kind::kLetGo:
      push_modifiers(window, step, step.kind == Kind::kHold);
      return true;
    case Kind::kType:
      type_text(window, step.text);
      return true;
    case Kind::kKey: {
      const auto code = scancode_of(step.text);
      if (!code)
        return invalid("script line " + std::to_string(step.line) + ": no key is called \"" +
                       step.text + "\"");
      push_key(window, *code, modifiers_of(step));
      return true;
    }
    case Kind::kScroll: {
      int width = 0, height = 0;
      SDL_GetWindowSize(window, &width, &height);
      push_motion(window, static_cast<float>(width) / 2, static_cast<float>(height) / 2);
      SDL_Event event{};
      event.type = SDL_MOUSEWHEEL;
      event.wheel.windowID = SDL_GetWindowID(window);
      event.wheel.y = step.y;
      event.wheel.preciseY = static_cast<float>(step.y);
      SDL_PushEvent(&event);
      return true;
    }
    case Kind::kMove:
      push_motion(window, static_cast<float>(step.x) * scale, static_cast<float>(step.y) * scale);
      return true;
    case Kind::kWait:
      return is_shown(step.text);
    case Kind::kWaitGone:
      return !is_shown(step.text);
    case Kind::kWaitPixel:
      return is_near(actions_.pixel(step.x, step.y),
                     static_cast<std::uint32_t>(std::stoul(step.text.substr(1), nullptr, 16)));
    case Kind::kScreenshot: {
      ATELIER_CHECK(actions_.screenshot(step.text));
      return true;
    }
    case Kind::kFramesOn:
      actions_.time_frames();
      return true;
    case Kind::kFramesOff:
      std::cout << "frames " << actions_.frame_times() << std::endl;
      return true;
    case Kind::kPrint:
      std::cout << step.text << std::endl;
      return true;
    case Kind::kQuit:
      return true;
  }
  return true;
}

void ScriptPlayer::done(const ScriptStep& step) {
  step_began_ms_ = 0;
  if (interactive_) std::cout << "done " << step.line << std::endl;
}

Result<ScriptPlayer::Progress> ScriptPlayer::advance(SDL_Window* window, float scale) {
  std::optional<ScriptStep> step;
  {
    const std::scoped_lock lock(inbox_->mutex);
    if (inbox_->steps.empty() && inbox_->error) return *inbox_->error;
    if (inbox_->steps.empty()) return inbox_->ended ? Progress::kEnded : Progress::kWaiting;
    step = inbox_->steps.front();
  }
  const std::uint64_t now = SDL_GetTicks64();
  if (step_began_ms_ == 0) step_began_ms_ = now;
  ATELIER_TRY(performed, perform(*step, window, scale));
  if (!performed) {
    const auto limit =
        static_cast<std::uint64_t>(step->within_ms > 0 ? step->within_ms : kScriptStepMsMax);
    if (now - step_began_ms_ < limit) return Progress::kWaiting;
    return failed(*step, (step->kind == Kind::kWaitGone ? "still there: \"" : "not there: \"") +
                             step->text + "\"");
  }
  {
    const std::scoped_lock lock(inbox_->mutex);
    inbox_->steps.pop_front();
  }
  done(*step);
  return step->kind == Kind::kQuit ? Progress::kEnded : Progress::kActed;
}

}  // namespace atelier::host
