// Who asks, from where, and whether a browser may be told the answer: Host, Origin, CORS,
// credentials, sessions. Thread rule: the server's thread.
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
#include "server/sessions.h"
#include "server/tokens.h"
#include "server/users.h"

namespace atelier::server {

class Access {
 public:
  Access(const ServerOptions& options, std::uint16_t port);
  /// Where the accounts are; before the first request.
  void use(std::shared_ptr<Catalog> catalog) { users_.use(std::move(catalog)); }

  /// An answer that refuses the request, or nothing. Fills in request.principal, or
  /// request.unchecked_login where a password is still to be compared: finish_login() goes on.
  std::optional<Response> admit(Request& request);
  /// After Users::check() of request.unchecked_login gave `account`.
  std::optional<Response> finish_login(Request& request, const std::optional<Account>& account);
  /// The answer to a CORS preflight, if the request is one.
  std::optional<Response> preflight(const Request& request) const;
  /// Adds what lets an allowed origin's page read the answer.
  void add_cors(const Request& request, Response& response) const;

  /// Whether these are the administrator's credentials.
  bool is_admin(std::string_view name, std::string_view password) const;
  /// Begins a session: the Set-Cookie value that signs the account in until kSessionSeconds after
  /// `now_seconds`. No account: the administrator.
  std::string session_cookie(const std::optional<Account>& account, std::int64_t now_seconds);
  /// Ends the session that the request came with, and the Set-Cookie value for that.
  std::string end_session(const Request& request, std::int64_t now_seconds);
  std::string no_session_cookie(std::int64_t now_seconds) const;

  /// Whether these credentials still stand: the account is there with the same password, the
  /// session was not ended, their time is not over. Brings the roles up to date.
  bool still_holds(Principal& who) const;

  Users& users() { return users_; }
  /// The names that `_session` lists, as JSON.
  std::string handlers() const;
  /// 403: too many wrong passwords.
  Response locked_out() const;

 private:
  std::optional<Response> check_host(const Request& request) const;
  std::optional<Response> check_origin(const Request& request) const;
  std::optional<Response> authenticate(Request& request);
  std::optional<Response> authenticate_header(Request& request);
  std::optional<Response> authenticate_basic(Request& request, std::string_view encoded);
  std::optional<Response> authenticate_token(Request& request, std::string_view token) const;
  void authenticate_cookie(Request& request, const std::string& token);
  bool origin_allowed(const Request& request, std::string_view origin) const;
  std::string cookie_with(std::string_view token, std::int64_t now_seconds) const;

  const std::string admin_token_;
  const JwtOptions jwt_;
  const std::string proxy_secret_;
  const std::string_view cookie_attributes_;
  Users users_;
  Sessions sessions_;
  std::set<std::string> hosts_;  // lower case, without port
  std::set<std::string> origins_;
};

/// The value of one cookie of the Cookie header.
std::optional<std::string> cookie(const Headers& headers, std::string_view name);

}  // namespace atelier::server
