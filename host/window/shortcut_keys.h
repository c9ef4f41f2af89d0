// Which key a shortcut means on a keyboard whose letters are not Latin: Ctrl+C is the key that says
// C on a Latin one, as everywhere on such keyboards. Pure. Thread rule: none.
#pragma once

#include <cstdint>

namespace atelier::host {

/// `keycode` and `scancode` are SDL's. The Latin letter of the key's place where the layout has a
/// letter beyond ASCII there, else `keycode` itself.
std::int32_t shortcut_key(std::int32_t keycode, int scancode);

}  // namespace atelier::host
