// Who is in the room: what goes out of us and what came of others, between PresenceTransport and
// the plugins.
//
// Invariants
//   1. What others see of us is what was set last under each topic by an owner that is still there.
//   2. Nothing that plugins see changes but in pump().
// Thread rule: main thread; a transport may call `wake` from any.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "atelier/room.h"

namespace atelier {

/// Carries our states out and others' in. The host implements it with `http` (room never depends on
/// it). All functions are called on the main thread.
class PresenceTransport {
 public:
  virtual ~PresenceTransport() = default;

  /// Somebody else.
  struct Peer {
    std::string name;
    std::map<std::string, std::string> topics;  // states, JSON in normal form
  };
  struct Update {
    std::string key;
    std::optional<Peer> peer;  // as they are now; nullopt: they left
  };
  /// What others get of us under this topic from now on (JSON in normal form; nullopt: nothing).
  /// The last one counts and always goes out; at most kPresencePerSecondMax a second.
  virtual void publish(const std::string& topic, std::optional<std::string> state) = 0;
  /// What came since the last call, each person once. After a lost connection everyone leaves who
  /// was not seen again within kPresenceKeepMs.
  virtual std::vector<Update> take() = 0;
  virtual PresenceStatus status() const = 0;
  /// `wake` runs on any thread when take() or status() have something new; after the return the one
  /// before does not run any more.
  virtual void set_wake(std::function<void()> wake) = 0;
};

class RoomPresence {
 public:
  using Other = RawPresence::Other;
  /// The states of one topic, for as long as somebody holds it.
  struct Topic {
    std::vector<Other> others;  // by key
    std::uint64_t revision = 0;
  };

  explicit RoomPresence(User user) : user_(std::move(user)) {}
  ~RoomPresence() { detach(); }
  RoomPresence(const RoomPresence&) = delete;
  RoomPresence& operator=(const RoomPresence&) = delete;

  /// `wake` runs on any thread when pump() has something to do.
  void attach(std::unique_ptr<PresenceTransport> transport, std::function<void()> wake);
  void detach();

  /// Errors: see RawPresence::set().
  Status set(std::uint64_t owner, const std::string& topic, std::string_view json);
  void clear(std::uint64_t owner, const std::string& topic);
  void drop_owner(std::uint64_t owner);

  std::shared_ptr<const Topic> topic(const std::string& name);
  std::vector<Person> people() const;
  PresenceStatus status() const { return status_; }
  /// Takes what came. Returns whether anything changed.
  bool pump();

 private:
  struct Own {
    std::uint64_t owner = 0;
    std::string state;
  };
  struct State {
    std::string json;
    std::int64_t since_ms = 0;
  };
  struct Peer {
    std::string name;
    std::map<std::string, State> topics;
  };

  void publish(const std::string& topic, std::optional<std::string> state);
  bool update(const std::string& key, std::optional<PresenceTransport::Peer> peer);
  void show(const std::string& topic, const std::string& key, const std::string& name,
            const State* state);
  bool forget_everyone();

  const User user_;
  std::unique_ptr<PresenceTransport> transport_;  // null: nobody else is seen
  PresenceStatus status_;
  std::map<std::string, Own> own_;     // by topic
  std::map<std::string, Peer> peers_;  // by key
  std::map<std::string, std::weak_ptr<Topic>> topics_;
  bool changed_ = false;  // by detach(), to be told by pump()
};

}  // namespace atelier
