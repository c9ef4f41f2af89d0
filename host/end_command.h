// `atelier end ROOM`: its owner ends a room. Its document `access:ended` (server/room_end.h) says
// so to all that synchronise with this server; then the server's own copy is removed, without
// tombstones that would replicate. Thread rule: main thread.
#pragma once

#include <iosfwd>
#include <string>

#include "commands.h"

namespace atelier::host {

struct EndOptions {
  std::string room;
  std::string by;       // who ends it; empty: the profile's own name
  std::string message;  // a sentence for the members, perhaps
  bool keep = false;    // the documents stay here, for administrators
  bool yes = false;     // without a question
};
int run_end(const CommandContext& context, const EndOptions& options, std::istream& in,
            std::ostream& out, std::ostream& err);

}  // namespace atelier::host
