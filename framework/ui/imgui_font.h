// Lets ImGui's own fields (typed text) draw with the font stack: any script, colour emoji, any
// size. Thread rule: main thread.
#pragma once

#include <imgui.h>

#include "ui/font_stack.h"

namespace atelier::ui {

/// Adds a font to the atlas. ImGui's size is the line height: em = size / (ascent + descent).
/// `stack` must outlive the atlas.
ImFont* add_imgui_font(ImFontAtlas& atlas, FontStack& stack, bool bold);

}  // namespace atelier::ui
