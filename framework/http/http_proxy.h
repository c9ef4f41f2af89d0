// The way out through a proxy, as the environment names it (curl's rules). Thread rule: pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "http/http_peer.h"

namespace atelier {

struct HttpProxy {
  std::string host;
  std::uint16_t port = 0;
  std::string user, secret;  // empty: none
};

using Environment = std::function<std::optional<std::string>(const char* name)>;

/// The proxy for `server`: https_proxy or http_proxy (also in capitals), unless no_proxy names the
/// host. Never for Unix sockets and loopback: those are our own. Errors: kInvalid for an address
/// that is none; its message holds no password.
Result<std::optional<HttpProxy>> proxy_for(const DatabaseUrl& server,
                                           const Environment& environment);

}  // namespace atelier
