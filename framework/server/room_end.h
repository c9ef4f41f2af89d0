// A room that its owner ended: the document `access:ended`,
//   {"at": milliseconds since 1970, "by": name, "message": text, perhaps}
// From when it is there nobody but administrators writes, and they alone read more than the room's
// `access:` documents (room_gate.h), so that whoever synchronises learns of it. Thread rule: any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "store/store.h"

namespace atelier::server {

inline constexpr std::string_view kEndedId = "access:ended";

struct RoomEnd {
  std::int64_t at_ms = 0;
  std::string by;       // 1 to kRoomEndNameBytesMax bytes
  std::string message;  // at most kRoomEndMessageBytesMax bytes; may be empty
};
inline constexpr std::size_t kRoomEndNameBytesMax = 256;
inline constexpr std::size_t kRoomEndMessageBytesMax = 1'024;

/// Errors: kInvalid naming the member.
Result<RoomEnd> read_room_end(std::string_view body);
std::string room_end_json(const RoomEnd& end);

/// The end of a room as a client knows it: nullopt when there is none, or none that can be read,
/// which ends nothing here.
std::optional<RoomEnd> room_end(const Store& store);
/// "Ada ended this room on 29 November 2026 (UTC)."
std::string room_end_words(const RoomEnd& end);

/// Takes a part of the documents that are no `access:` documents away, without tombstones: nothing
/// of it replicates. Goes on from `next`. The store is marked (person.h, finish_removal), so that
/// no page keeps what they said. Errors: those of the store.
struct EmptiedPage {
  std::uint64_t documents = 0;
  std::optional<std::string> next;
};
Result<EmptiedPage> empty_room(Store& store, const std::string& from);

}  // namespace atelier::server
