// How commands reach a room's database: through the host that has the profile open, or through a node
// of their own, which they then hold. Thread rule: main thread.
#pragma once

#include <iosfwd>
#include <memory>
#include <string>

#include "base/error.h"
#include "commands.h"
#include "http/http_peer.h"
#include "node.h"

namespace atelier::host {

struct RoomAccess {
  std::unique_ptr<Node> own;  // when nobody has the profile open
  DatabaseUrl server;         // the control socket
  std::string database;

  std::string path(const std::string& rest) const { return "/" + url_encode(database) + rest; }
  Result<HttpReply> request(const std::string& method, const std::string& path,
                            std::string body = {}, int timeout_ms = 60'000) const;
  /// A command of the control socket (sync_service.h). Errors: with the holder's words.
  Result<std::string> control(const std::string& command, std::string body) const;
};

/// The profile's server, without a room: for what is above the rooms.
Result<RoomAccess> access_profile(const CommandContext& context);
Result<RoomAccess> access_room(const CommandContext& context, const std::string& room, bool create);

/// A GET that must be answered with 200, as JSON in normal form; `what` begins the error.
Result<std::string> get_json(const RoomAccess& access, const std::string& path,
                             const std::string& what);
Status put_json(const RoomAccess& access, const std::string& path, std::string body,
                const std::string& what);

/// What a server says went wrong, in words.
Error error_of(const HttpReply& reply, const std::string& what);
/// Prints the error; the exit code.
int fail(std::ostream& err, const Error& error);

}  // namespace atelier::host
