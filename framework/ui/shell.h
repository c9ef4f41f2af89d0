// What the window needs of ui beyond what plugins see: its life, frames, and the record of what is
// on screen, by which scripts find a button by its words. Thread rule: main thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "atelier/error.h"
#include "atelier/ui.h"

namespace atelier::ui {

struct ShellOptions {
  bool dark = false;
  float scale = 1;      // ImGui's units a logical pixel
  bool record = false;  // keep Shown, for scripts
};

/// After ImGui::CreateContext(). Errors: kNotFound when there is no font at all.
ATELIER_UI_API Status start(const ShellOptions& options);
/// After ImGui::DestroyContext(): the context's fonts point into what this frees.
ATELIER_UI_API void stop();
ATELIER_UI_API void set_dark(bool dark);
ATELIER_UI_API void set_scale(float scale);

/// Around what is drawn in a frame, after ImGui::NewFrame() and before ImGui::Render().
ATELIER_UI_API void begin_frame();
ATELIER_UI_API void end_frame();

/// What redraw_in_ms() asked for during the last frame.
ATELIER_UI_API std::optional<int> next_redraw_ms();

/// What an input method composes at the caret, until it is typed or given up (empty). `caret`
/// counts code points.
ATELIER_UI_API void set_composition(std::string_view text, int caret);

/// Something that was on screen in the last frame, within what its window shows.
struct Shown {
  enum class Kind { kText, kButton, kField } kind;
  std::string words;
  ImVec2 min, max;
};
ATELIER_UI_API const std::vector<Shown>& shown();

/// For widgets: notes what was just drawn, when recording.
void record(Shown::Kind kind, std::string_view words, ImVec2 min, ImVec2 max);

}  // namespace atelier::ui
