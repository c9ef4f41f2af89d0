// Joins a room's presence to whoever serves the room: another host, this one, or a server
// elsewhere. Thread rule: main thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "http/presence_client.h"
#include "node.h"
#include "room/room_impl.h"

namespace atelier::host {

class PresenceLink {
 public:
  /// The room shows others, and us to them, from the first follow() on and until it closes.
  explicit PresenceLink(LocalRoom& room);

  /// To be called each turn: goes where the room's server is now. `upstream`: the server elsewhere
  /// that the room syncs with, where there is one.
  void follow(const Node& node, const std::string& database,
              const std::optional<DatabaseUrl>& upstream);

 private:
  std::weak_ptr<PresenceClient> client_;  // the room holds it
  std::optional<std::string> place_;      // where it was sent last
};

}  // namespace atelier::host
