// Who has a database open now and what each shows of itself: passed on to the others, never stored.
//
// Invariants
//   1. A message carries what changed; the last state wins. A client that speaks faster than
//      kPresencePerSecondMax is told of less often, and its last state always.
//   2. A reader has at most one thing waiting a person: the last change, or that person's whole
//      state, or that they left. Of that a reader has places alone: what was told last of each
//      person stands in one order for all. Frames are serialised once and shared.
//   3. A key is made here: nobody speaks under another's. A client that comes back with the same
//      `resume` text has the key that it had, also at another server, and its lost connection ends.
//   4. Nobody is shown before they said something: a connection that only listens is no person.
// The messages are described in docs/server.md, "Presence".
// Thread rule: the server's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace atelier::server {

/// What is sent in one WebSocket message.
using PresenceFrame = std::shared_ptr<const std::string>;

/// RFC 6455 section 7.4.1, what we end a connection with.
enum class PresenceEnd {
  kGoingAway = 1001,
  kUnsupported = 1003,
  kMalformed = 1007,
  kPolicy = 1008,
  kTooBig = 1009,
  kReplaced = 4001,  // the same client came again
};

/// A connection as the room sees it. No function calls back into the room before it returned.
class PresenceMember {
 public:
  virtual ~PresenceMember() = default;
  /// Whether its client may still be in the room.
  virtual bool may_stay() const = 0;
  /// PresenceRoom::next() has something.
  virtual void poke() = 0;
  /// To call PresenceRoom::tell_due() after that time.
  virtual void tell_in(std::chrono::milliseconds wait) = 0;
  virtual void end(PresenceEnd code, std::string reason) = 0;
};

class PresenceRoom {
 public:
  using Clock = std::chrono::steady_clock;
  class Seat;  // a member's place, until it leaves or another connection takes it over

  PresenceRoom();
  ~PresenceRoom();
  PresenceRoom(const PresenceRoom&) = delete;
  PresenceRoom& operator=(const PresenceRoom&) = delete;

  /// Whether there is no place for one more who comes with this `resume` text.
  bool full(std::string_view resume) const;
  /// `member` must live until leave(). Its first frames are its key and who is there. `resume`: see
  /// invariant 3; empty for a key that is new.
  std::shared_ptr<Seat> join(PresenceMember& member, std::string_view resume);
  /// At once; may be called twice.
  void leave(const std::shared_ptr<Seat>& seat);
  /// What the client sent: {"name":…,"topics":{…},"whole":…}. Answers why it must be ended, if so.
  struct Fault {
    PresenceEnd code;
    std::string reason;
  };
  std::optional<Fault> heard(const std::shared_ptr<Seat>& seat, std::string_view message,
                             Clock::time_point now);
  /// What PresenceMember::tell_in() asked for: passes on what was held back.
  void tell_due(const std::shared_ptr<Seat>& seat, Clock::time_point now);
  /// What to send to this member now; null when there is nothing.
  PresenceFrame next(const std::shared_ptr<Seat>& seat);

  /// The database went.
  void end_all(PresenceEnd code, const std::string& reason);
  /// Rights were changed: ends those who may not be here any more, and nobody else.
  void end_refused(const std::string& reason);
  /// Who writes in the room now ("everyone", "named", "watch"): all are told when it is another.
  void set_mode(std::string_view mode);
  std::size_t size() const { return seats_.size(); }

 private:
  /// The last of what is told of a person.
  struct Told {
    Seat* seat = nullptr;  // null: they left
    std::string key;
    PresenceFrame gone;
  };

  void take_over(Seat& from, Seat& to);
  std::size_t take_slot();
  std::uint64_t put_last(std::uint64_t from, Told told);
  void forget_gone();
  void poke_all(const Seat* but);
  void tell_held(Seat& seat, Clock::time_point now);
  void tell(Seat& seat);
  static PresenceFrame patch_frame(const Seat& seat);
  static PresenceFrame whole_frame(Seat& seat);
  static PresenceFrame frame_for(Seat& reader, Seat& about);

  std::map<std::string, std::shared_ptr<Seat>> seats_;  // by key
  std::vector<std::size_t> free_slots_;                 // below the most people that there were
  std::map<std::uint64_t, Told> told_;                  // one a person, what was told last behind
  std::uint64_t last_ = 0;                              // the last place of it
  std::string mode_ = "everyone";
};

}  // namespace atelier::server
