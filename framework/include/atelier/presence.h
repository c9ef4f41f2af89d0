// Who is in the room now, and what each of them shows of itself: a cursor, a caret, a stroke that is
// still being drawn.
//
//   struct Cursor { double x = 0, y = 0; };
//   BOOST_DESCRIBE_STRUCT(Cursor, (), (x, y))
//
//   auto cursors = room.presence<Cursor>("board");
//   cursors.set({10, 20});
//   for (const auto& other : cursors.others()) draw(other.state, other.name);
//
// What is shown is never stored: the last state wins, intermediate ones may be skipped, and all of
// somebody's is gone when they leave, at the latest after ten seconds. It travels over a WebSocket
// of Atelier's server; with other servers nobody else is seen, and Room::presence_status() says so.
// Included by room.h; do not include it alone. Thread rule: main thread; see room.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "atelier/describe_json.h"
#include "atelier/error.h"
#include "atelier/presence_status.h"

namespace atelier {

/// Somebody who has the room open. Two windows of one person are two.
struct Person {
  std::string key;   // tells them apart for as long as they stay
  std::string name;  // as they call themselves; ui::person_colour(name) is their colour
  bool self = false;
};

/// What Presence<T> stands on: the states of one topic, as JSON text.
class RawPresence {
 public:
  virtual ~RawPresence() = default;

  struct Other {
    std::string key, name;  // of a Person
    std::string state;      // JSON in normal form
    std::int64_t since_ms = 0;  // when it came, on this machine's clock (now_ms())
  };

  virtual const std::string& topic() const = 0;
  /// What others see of us from now on: any JSON value; null is the same as clear(). Sent at most
  /// kPresencePerSecondMax times a second; the last one is always sent. Errors: kInvalid, kTooLarge
  /// (kPresenceStateBytesMax, all topics together; kPresenceTopicsMax). What was set before stands.
  virtual Status set(std::string_view json) = 0;
  /// Others see nothing of us under this topic.
  virtual void clear() = 0;
  /// As the last pump() found it, in the order of the keys. Valid until the next one.
  virtual const std::vector<Other>& others() const = 0;
  /// Grows with each change of others().
  virtual std::uint64_t revision() const = 0;
};

template <class T>
class Presence {
 public:
  struct Other {
    std::string key, name;
    T state{};
    std::int64_t since_ms = 0;
  };

  /// Of nothing, to be assigned to.
  Presence() = default;
  explicit Presence(std::shared_ptr<RawPresence> raw) : raw_(std::move(raw)) {}

  /// See RawPresence::set().
  Status set(const T& state) { return raw_ ? raw_->set(json::encode(state)) : ok(); }
  void clear() {
    if (raw_) raw_->clear();
  }
  /// Those whose state is what T says.
  const std::vector<Other>& others() const {
    if (raw_ && decoded_ != raw_->revision() + 1) {
      others_.clear();
      for (const auto& other : raw_->others()) {
        auto state = json::decode<T>(other.state);
        if (state) others_.push_back({other.key, other.name, std::move(*state), other.since_ms});
      }
      decoded_ = raw_->revision() + 1;
    }
    return others_;
  }
  std::uint64_t revision() const { return raw_ ? raw_->revision() : 0; }

 private:
  std::shared_ptr<RawPresence> raw_;
  mutable std::vector<Other> others_;
  mutable std::uint64_t decoded_ = 0;  // the revision that others_ shows, and one
};

}  // namespace atelier
