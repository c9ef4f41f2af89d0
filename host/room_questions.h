// What commands ask of a room's store and CouchDB's interface has no words for: searching by words, how
// long things stay, and the end of a room. Answered by whoever has the profile open, through its control socket.
// Thread rule: any thread.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "store/catalog.h"

namespace atelier::host {

/// The commands of this list; nullopt for any other.
///   room-search     {"room", "words", "limit"} -> {"hits":[{"doc", "highlights":[{"field", "begin",
///                   "end"}]}]}, what changed last first. Errors: kUnsupported when no collection of
///                   the room is searched by words, kInvalid for words without any.
///   room-retention  {"room"} -> the retention as encode_retention() writes it; with the members
///                   "tombstones" (ms, 0: for ever) and "lifetimes" (by prefix, ms; 0 takes one away)
///                   it is changed before. Errors: those of Store::set_retention().
///   room-may-end    {"room"} -> {}. Errors: kForbidden for a room of another server.
///   room-empty      {"room", "from"} -> {"documents", "next"}: a part of what is no `access:` document
///                   goes, without tombstones (server/room_end.h); only of a room that was ended
///   room-erase      {"room"} -> {"done"}: what is left of it; asked again until it is done
std::optional<Result<std::string>> room_control(Catalog& catalog, const std::string& command,
                                                const std::string& body);

}  // namespace atelier::host
