// A client's WebSocket to a PresenceRoom. Thread rule: the server's thread.
#pragma once

#include <memory>

#include "server/connection.h"

namespace atelier::server {

/// Answers the request with 101 (or, when the handshake is wrong, with 400) and goes on as a
/// WebSocket until either side ends it. The channel is given away.
void start_presence(const std::shared_ptr<ConnectionShared>& shared, Channel channel,
                    const Request& request, Response response);

}  // namespace atelier::server
