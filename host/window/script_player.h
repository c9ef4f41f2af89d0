// Plays a script's steps: finds things by what ui recorded of the screen, makes real SDL events.
// Thread rule: main thread; a thread of its own reads standard input.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <SDL.h>

#include "atelier/error.h"
#include "window/script.h"

namespace atelier::host {

class ScriptPlayer {
 public:
  struct Actions {
    std::function<void(int width, int height)> resize;
    std::function<Status(const std::string& file)> screenshot;
    /// What is on screen at a place in logical pixels: 0xrrggbb.
    std::function<std::uint32_t(int x, int y)> pixel;
    std::function<void()> time_frames;         // from here on
    std::function<std::string()> frame_times;  // since then, as JSON; and no longer
    std::function<void()> wake;                // any thread
  };

  /// Errors: kInvalid for a step that is none, kDisk for a file that cannot be read. "-" reads
  /// steps from standard input as they come and prints "done LINE" after each.
  static Result<std::unique_ptr<ScriptPlayer>> open(const std::filesystem::path& file,
                                                    Actions actions);

  /// Tries the next step; called when the screen is still.
  enum class Progress { kActed, kWaiting, kEnded };
  /// Errors: the step did not come true in time; the message names its line.
  Result<Progress> advance(SDL_Window* window, float scale);

 private:
  /// Steps that come from elsewhere; shared with the thread that reads, which may outlive the
  /// player.
  struct Inbox {
    std::mutex mutex;
    std::deque<ScriptStep> steps;  // guarded by mutex
    std::optional<Error> error;    // guarded by mutex
    bool ended = false;            // guarded by mutex
    std::function<void()> wake;    // guarded by mutex; empty when the player is gone
  };

  explicit ScriptPlayer(Actions actions);

 public:
  ~ScriptPlayer();

 private:
  static void read_input(std::shared_ptr<Inbox> inbox);
  Result<bool> perform(const ScriptStep& step, SDL_Window* window, float scale);
  void done(const ScriptStep& step);

  const Actions actions_;
  bool interactive_ = false;
  std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
  std::uint64_t step_began_ms_ = 0;  // 0: not begun
};

}  // namespace atelier::host
