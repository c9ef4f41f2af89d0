// Who is in the room: what goes out of us and what came of others, between PresenceTransport and the
// plugins. Thread rule: main thread; a transport may call `wake` from any.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "atelier/room.h"

namespace atelier {

/// Carries one state out and others' states in. The host implements it with `http` (room never
/// depends on it). All functions but the callbacks are called on the main thread.
class PresenceTransport {
 public:
  virtual ~PresenceTransport() = default;

  /// Somebody else's state, or (nullopt) that they left.
  struct Update {
    std::string key;
    std::optional<std::string> state;
  };
  /// What others get of us from now on; the last one counts.
  virtual void publish(std::string state) = 0;
  /// What came since the last call. After a lost connection everyone leaves first.
  virtual std::vector<Update> take() = 0;
  virtual PresenceStatus status() const = 0;
  /// `wake` runs on any thread when take() or status() have something new.
  virtual void set_wake(std::function<void()> wake) = 0;
};

}  // namespace atelier
