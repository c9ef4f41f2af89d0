// Who asks, from where, and whether a browser may be told the answer: Host, Origin, CORS,
// credentials, sessions. Thread rule: constant after construction; safe from any thread.
//
// Invariants
//   1. No request is routed whose Host is not on the list (DNS rebinding), except on the Unix
//   socket,
//      which no browser reaches.
//   2. Nothing but a plain read is done for a page of an origin that is not allowed.
//   3. Secrets are compared in a time that does not depend on their content, and never logged.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "server/http_message.h"
#include "server/server.h"

namespace atelier::server {

class Access {
 public:
  Access(const ServerOptions& options, std::uint16_t port);

  /// An answer that refuses the request, or nothing. Fills in request.principal.
  std::optional<Response> admit(Request& request) const;
  /// The answer to a CORS preflight, if the request is one.
  std::optional<Response> preflight(const Request& request) const;
  /// Adds what lets an allowed origin's page read the answer.
  void add_cors(const Request& request, Response& response) const;

  /// Whether these are the administrator's credentials.
  bool is_admin(std::string_view name, std::string_view password) const;
  /// The Set-Cookie value that signs `name` in until kSessionSeconds after `now_seconds`.
  std::string session_cookie(std::string_view name, std::int64_t now_seconds) const;
  /// The one that signs out.
  std::string no_session_cookie(std::int64_t now_seconds) const;

 private:
  std::optional<Response> check_host(const Request& request) const;
  std::optional<Response> check_origin(const Request& request) const;
  std::optional<Response> authenticate(Request& request) const;
  std::optional<Response> authenticate_header(Request& request) const;
  std::optional<Response> authenticate_cookie(Request& request) const;
  bool origin_allowed(const Request& request, std::string_view origin) const;
  std::string session_token(std::string_view name, std::int64_t time) const;

  const std::string admin_token_;
  const std::string session_secret_;  // random at each start: a restart signs everybody out
  std::set<std::string> hosts_;       // lower case, without port
  std::set<std::string> origins_;
};

/// The value of one cookie of the Cookie header.
std::optional<std::string> cookie(const Headers& headers, std::string_view name);

}  // namespace atelier::server
