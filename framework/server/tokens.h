// Identities that somebody else vouches for: JSON web tokens (RFC 7519) and CouchDB's proxy
// authentication. Thread rule: constant after construction; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "server/http_message.h"
#include "server/server.h"

namespace atelier::server {

/// Reads and checks a token at `now` (seconds since 1970). Errors: kInvalid for what is no token or
/// has a wrong signature, kUnauthorized for one that does not hold now; CouchDB's reasons.
Result<Principal> principal_of_jwt(const JwtOptions& options, std::string_view token,
                                   std::int64_t now);

/// What X-Auth-CouchDB-UserName, -Roles and -Token say; nullopt when there is no name. The token is
/// demanded always: HMAC-SHA256 or HMAC-SHA1 of the name, in hex. Errors: kUnauthorized.
Result<std::optional<Principal>> principal_of_proxy(std::string_view secret,
                                                    const Headers& headers);

}  // namespace atelier::server
