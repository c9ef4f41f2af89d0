// How the synchronisation of a room is doing, for people and programs. Thread rule: a value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace atelier {

enum class SyncState {
  kNone,         // nobody to sync with was named
  kOffline,      // not reachable now; retried by itself
  kConnecting,   // asking for the first time, or again after a change of the server
  kCatchingUp,   // moving what accumulated; see done and total
  kLive,         // everything known is exchanged; changes cross as they happen
  kNeedsAuth,    // the credentials were refused
  kRateLimited,  // the other side asked us to slow down
  kStopped,      // ended by an error that only a person can mend
  kEnded,        // the room was ended by its owner: nothing is exchanged any more
};

struct SyncStatus {
  SyncState state = SyncState::kNone;
  std::string peer;                 // address without credentials
  std::uint64_t done = 0;           // documents moved since catching up began
  std::uint64_t total = 0;          // 0 when unknown
  std::uint64_t bytes = 0;          // of the documents in `done`
  double per_second = 0;            // documents a second since catching up began; else 0
  std::uint64_t waiting = 0;        // own documents that the other side does not have yet
  std::uint64_t incoming = 0;       // changes of the other side that are not here yet, if it tells
  std::uint64_t refused = 0;        // own documents that the other side refuses (the outbox)
  std::string last_error;           // in words; empty when all is well
  std::string notice;               // what people should know although nothing is wrong; mostly empty
  std::int64_t last_success_ms = 0;  // wall clock, 0 for never
  std::int64_t retry_at_ms = 0;      // wall clock of the next try, 0 when none is planned
  /// How the other side is doing with a server of its own, where it is an edge and tells; as of the
  /// last exchange. kNone: there is none, or nothing is known.
  SyncState upstream = SyncState::kNone;
};

/// "live", "catching_up", …
const char* sync_state_name(SyncState state);
/// The other way; kNone for a name that is none.
SyncState sync_state_named(std::string_view name);
/// The status as one JSON object, its members named as above: what programs read.
std::string sync_status_json(const SyncStatus& status);

}  // namespace atelier
