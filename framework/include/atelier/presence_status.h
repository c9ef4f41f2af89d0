// Whether others are seen in a room, for people and programs. Thread rule: a value.
#pragma once

#include <string>

namespace atelier {

enum class PresenceState {
  kNone,         // nobody serves the room: there is nobody to see
  kConnecting,   // looking for others, at first or again
  kLive,         // others are seen, and we are
  kUnsupported,  // the server carries documents alone
};

struct PresenceStatus {
  PresenceState state = PresenceState::kNone;
  std::string reason;  // in words, where it is not live

  bool operator==(const PresenceStatus&) const = default;
};

}  // namespace atelier
