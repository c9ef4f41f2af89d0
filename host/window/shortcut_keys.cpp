// See shortcut_keys.h.
#include "window/shortcut_keys.h"

#include <SDL.h>

namespace atelier::host {

std::int32_t shortcut_key(std::int32_t keycode, int scancode) {
  constexpr std::int32_t kAsciiMax = 0x7F;
  const bool named = keycode <= kAsciiMax || (keycode & SDLK_SCANCODE_MASK) != 0;
  if (named || scancode < SDL_SCANCODE_A || scancode > SDL_SCANCODE_Z) return keycode;
  return SDLK_a + (scancode - SDL_SCANCODE_A);
}

}  // namespace atelier::host
