// What `atelier serve` makes of its options, apart from serving. Thread rule: main thread.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "commands.h"
#include "node.h"

namespace atelier::host {

/// {"jwt":{"keys":{"hmac:_default":"<base64>"},"required_claims":["exp"],"roles_claim":"…",
/// "issuer":"…"},"proxy_secret":"…"}. Errors: kInvalid naming the place and no secret.
Status read_auth(std::string_view text, JwtOptions& jwt, std::string& proxy_secret);

/// What --upstream and its companions mean. Errors: kInvalid, and those of reading the files; none
/// holds a secret.
Result<EdgeOptions> read_edge(const ServeOptions& options);

/// Errors: those of reading the files, kInvalid for what is in them, kForbidden for an address that
/// must not be listened on like that.
Result<NodeOptions> serve_node_options(const CommandContext& context, const ServeOptions& options);

}  // namespace atelier::host
