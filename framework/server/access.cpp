#include "server/access.h"

#include <utility>

#include "base/clock.h"
#include "base/digest.h"
#include "base/http_date.h"
#include "base/limits.h"
#include "server/replies.h"

namespace atelier::server {

namespace {

constexpr std::string_view kExposedHeaders =
    "content-type, cache-control, accept-ranges, etag, server, x-couch-request-id, "
    "x-couch-update-newrev, x-couchdb-body-time, x-atelier-store";
constexpr std::string_view kMethods = "GET, PUT, POST, HEAD, DELETE, COPY";
constexpr std::string_view kWrongCredentials = "Name or password is incorrect.";

/// Request headers that a page may send; others are left out of the preflight's answer.
constexpr std::string_view kRequestHeaders[] = {"accept",
                                                "accept-language",
                                                "authorization",
                                                "cache-control",
                                                "content-type",
                                                "destination",
                                                "expires",
                                                "if-match",
                                                "if-none-match",
                                                "last-event-id",
                                                "last-modified",
                                                "origin",
                                                "pragma",
                                                "range",
                                                "referer",
                                                "user-agent",
                                                "x-couch-full-commit",
                                                "x-requested-with",
                                                "content-length"};

/// The name of a Host value: lower case, without port and without a final dot.
std::string host_name(std::string_view host) {
  std::string name;
  if (host.starts_with('[')) {
    name = lower(host.substr(0, host.find(']') + 1));
  } else {
    name = lower(host.substr(0, host.find(':')));
  }
  if (name.ends_with('.')) name.pop_back();
  return name;
}

/// The authority of a target in absolute form (RFC 9112 section 3.2.2); it stands above Host.
std::optional<std::string_view> absolute_authority(std::string_view target) {
  const std::size_t scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) return std::nullopt;
  const std::string_view rest = target.substr(scheme + 3);
  return rest.substr(0, rest.find_first_of("/?#"));
}

/// Whether a cookie's value may be a session's: CouchDB calls anything else malformed.
bool looks_like_session(std::string_view value) {
  if (value.size() < kSessionCookieBytesMin) return false;
  for (char c : value) {
    const bool alphanumeric =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!alphanumeric && c != '-' && c != '_') return false;
  }
  return true;
}

std::int64_t now_in_seconds() {
  return system_clock().wall_ms() / 1000;
}

/// A JSON web token, which CouchDB without a key for them passes over.
bool looks_like_jwt(std::string_view token) {
  const std::size_t first = token.find('.');
  return first != std::string_view::npos && token.find('.', first + 1) != std::string_view::npos;
}

Principal principal_of(const Account& account, std::string authenticated) {
  Principal who{false, account.name, std::move(authenticated), account.roles};
  who.account = account.digest;
  who.ends_at = account.ends_at;
  return who;
}

Response malformed_cookie() {
  return bad_request("Malformed AuthSession cookie. Please clear your cookies.");
}

}  // namespace

std::optional<std::string> cookie(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers.fields()) {
    if (!equal_no_case(key, "Cookie")) continue;
    for (std::string_view pair : split_list(value, ';')) {
      const std::size_t equals = pair.find('=');
      if (equals != std::string_view::npos && pair.substr(0, equals) == name)
        return std::string(pair.substr(equals + 1));
    }
  }
  return std::nullopt;
}

Access::Access(const ServerOptions& options, std::uint16_t port)
    : admin_token_(options.admin_token),
      jwt_(options.jwt),
      proxy_secret_(options.proxy_secret),
      cookie_attributes_(options.tls_certificate.empty()
                             ? "; Path=/; HttpOnly; SameSite=Strict"
                             : "; Path=/; Secure; HttpOnly; SameSite=Strict") {
  const std::string scheme = options.tls_certificate.empty() ? "http://" : "https://";
  for (const char* name : {"localhost", "127.0.0.1", "[::1]"}) {
    hosts_.insert(name);
    origins_.insert(scheme + std::string(name) + ":" + std::to_string(port));
  }
  const bool is_v6 = options.address.find(':') != std::string::npos;
  hosts_.insert(lower(is_v6 ? "[" + options.address + "]" : options.address));
  for (const std::string& host : options.allowed_hosts) hosts_.insert(host_name(host));
  for (const std::string& origin : options.allowed_origins) origins_.insert(lower(origin));
}

std::optional<Response> Access::admit(Request& request) {
  if (auto refused = check_host(request)) return refused;
  if (auto refused = check_origin(request)) return refused;
  return authenticate(request);
}

std::optional<Response> Access::check_host(const Request& request) const {
  if (request.headers.count("Host") > 1) return bad_request("More than one Host header.");
  if (request.local_user) return std::nullopt;
  const std::string_view host = request.headers.get("Host");
  if (host.empty()) return bad_request("A Host header is required.");
  const auto authority = absolute_authority(request.target);
  if (hosts_.contains(host_name(host)) && (!authority || hosts_.contains(host_name(*authority))))
    return std::nullopt;
  return error_reply(421, "misdirected_request",
                     "This server does not answer to the name in the Host header.");
}

bool Access::origin_allowed(const Request& request, std::string_view origin) const {
  const std::string wanted = lower(origin);
  if (origins_.contains(wanted)) return true;
  // A page that we served ourselves; Host is on the list at this point.
  return wanted == lower(request.origin());
}

std::optional<Response> Access::check_origin(const Request& request) const {
  // What begins with an upgrade is no plain read: a WebSocket goes both ways, and no browser keeps
  // its answers from a foreign page.
  const bool plain_read = request.is_read() && !request.headers.has("Upgrade");
  if (plain_read || !request.headers.has("Origin")) return std::nullopt;
  if (origin_allowed(request, request.headers.get("Origin"))) return std::nullopt;
  return error_reply(403, "forbidden", "Pages of this origin may not change anything here.");
}

std::optional<Response> Access::preflight(const Request& request) const {
  if (request.method != "OPTIONS" || !request.headers.has("Origin") ||
      !request.headers.has("Access-Control-Request-Method"))
    return std::nullopt;
  std::string allowed;
  for (std::string_view wanted :
       split_list(request.headers.get("Access-Control-Request-Headers"))) {
    for (std::string_view known : kRequestHeaders) {
      if (!equal_no_case(wanted, known)) continue;
      if (!allowed.empty()) allowed += ", ";
      allowed += lower(wanted);
    }
  }
  Response response;
  response.status = 204;
  response.headers.add("Access-Control-Allow-Methods", std::string(kMethods));
  if (!allowed.empty()) response.headers.add("Access-Control-Allow-Headers", allowed);
  response.headers.add("Access-Control-Max-Age", "600");
  if (request.headers.get("Access-Control-Request-Private-Network") == "true")
    response.headers.add("Access-Control-Allow-Private-Network", "true");
  return response;
}

void Access::add_cors(const Request& request, Response& response) const {
  if (!request.headers.has("Origin")) return;
  response.headers.add("Vary", "Origin");
  const std::string_view origin = request.headers.get("Origin");
  if (!origin_allowed(request, origin)) return;
  response.headers.add("Access-Control-Allow-Origin", std::string(origin));
  response.headers.add("Access-Control-Allow-Credentials", "true");
  if (request.method != "OPTIONS")
    response.headers.add("Access-Control-Expose-Headers", std::string(kExposedHeaders));
}

bool Access::is_admin(std::string_view name, std::string_view password) const {
  const bool right = equal_constant_time(password, admin_token_);
  return right && name == "admin" && !admin_token_.empty();
}

std::optional<Response> Access::authenticate(Request& request) {
  if (request.local_user) {
    request.principal = {true, "admin", "local", {}};
    return std::nullopt;
  }
  const auto session = cookie(request.headers, "AuthSession");
  if (session && !session->empty() && !looks_like_session(*session)) return malformed_cookie();
  if (!proxy_secret_.empty()) {
    auto vouched = principal_of_proxy(proxy_secret_, request.headers);
    if (!vouched) return error_reply(vouched.error());
    if (*vouched) {
      request.principal = std::move(**vouched);
      return std::nullopt;
    }
  }
  if (request.headers.has("Authorization")) return authenticate_header(request);
  if (session && !session->empty()) authenticate_cookie(request, *session);
  return std::nullopt;
}

std::optional<Response> Access::authenticate_header(Request& request) {
  const std::string_view value = request.headers.get("Authorization");
  const std::size_t space = value.find(' ');
  const std::string_view scheme = value.substr(0, space);
  const std::string_view rest =
      space == std::string_view::npos ? std::string_view{} : trim(value.substr(space));
  if (equal_no_case(scheme, "Basic")) return authenticate_basic(request, rest);
  if (equal_no_case(scheme, "Bearer")) return authenticate_token(request, rest);
  return std::nullopt;
}

std::optional<Response> Access::authenticate_basic(Request& request, std::string_view encoded) {
  const auto decoded = unbase64(encoded);
  if (!decoded) return bad_request("The Authorization header is not valid base64.");
  const std::size_t colon = decoded->find(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string name = decoded->substr(0, colon);
  std::string password = decoded->substr(colon + 1);
  if (name == "admin") {
    if (!is_admin(name, password)) return error_reply(401, "unauthorized", kWrongCredentials);
    request.principal = {true, "admin", "default", {}};
    return std::nullopt;
  }
  if (users_.is_locked(request.address, name, now_in_seconds())) return locked_out();
  if (auto account = users_.known(name, password)) {
    request.principal = principal_of(*account, "default");
    return std::nullopt;
  }
  request.unchecked_login.emplace(std::move(name), std::move(password));
  return std::nullopt;
}

std::optional<Response> Access::authenticate_token(Request& request, std::string_view token) const {
  if (looks_like_jwt(token)) {
    if (jwt_.keys.empty()) return std::nullopt;
    auto who = principal_of_jwt(jwt_, token, now_in_seconds());
    if (!who) return error_reply(who.error());
    request.principal = std::move(*who);
    return std::nullopt;
  }
  if (!is_admin("admin", token)) return error_reply(401, "unauthorized", kWrongCredentials);
  request.principal = {true, "admin", "default", {}};
  return std::nullopt;
}

std::optional<Response> Access::finish_login(Request& request,
                                             const std::optional<Account>& account) {
  const auto login = std::exchange(request.unchecked_login, std::nullopt);
  if (!login) return std::nullopt;
  if (!account) {
    users_.failed(request.address, login->first, now_in_seconds());
    return error_reply(401, "unauthorized", kWrongCredentials);
  }
  users_.succeeded(request.address, login->first);
  users_.remember(*account, login->second);
  request.principal = principal_of(*account, "default");
  return std::nullopt;
}

bool Access::still_holds(Principal& who) const {
  if (!who.session.empty() && sessions_.was_ended(who.session)) return false;
  if (who.ends_at != 0 && who.ends_at <= now_in_seconds()) return false;
  if (who.account.empty()) return true;
  auto account = users_.find(who.name);
  if (!account || account->digest != who.account) return false;
  who.roles = std::move(account->roles);
  who.ends_at = account->ends_at;
  return true;
}

Response Access::locked_out() const {
  return error_reply(403, "forbidden",
                     "Account is temporarily locked due to multiple authentication failures");
}

void Access::authenticate_cookie(Request& request, const std::string& token) {
  const std::int64_t now = now_in_seconds();
  const Sessions::Session* session = sessions_.find(token, now);
  if (session == nullptr) return;
  if (session->account.empty()) {
    request.principal = {true, "admin", "cookie", {}};
  } else {
    auto account = users_.find(session->name);
    if (!account || account->digest != session->account) return sessions_.end(token);
    request.principal = principal_of(*account, "cookie");
  }
  request.principal.session = session->series;
  const std::string renewed = sessions_.renew(token, now);
  if (!renewed.empty()) request.set_cookie = cookie_with(renewed, now);
}

std::string Access::cookie_with(std::string_view token, std::int64_t now_seconds) const {
  return "AuthSession=" + std::string(token) +
         "; Version=1; Expires=" + http_date(now_seconds + kSessionSeconds) +
         "; Max-Age=" + std::to_string(kSessionSeconds) + std::string(cookie_attributes_);
}

std::string Access::session_cookie(const std::optional<Account>& account,
                                   std::int64_t now_seconds) {
  return cookie_with(sessions_.begin(account ? account->name : "admin",
                                     account ? account->digest : std::string(), now_seconds),
                     now_seconds);
}

std::string Access::end_session(const Request& request, std::int64_t now_seconds) {
  if (const auto token = cookie(request.headers, "AuthSession")) sessions_.end(*token);
  return no_session_cookie(now_seconds);
}

std::string Access::no_session_cookie(std::int64_t now_seconds) const {
  return "AuthSession=; Version=1; Expires=" + http_date(now_seconds) +
         "; Max-Age=0" + std::string(cookie_attributes_);
}

std::string Access::handlers() const {
  std::string out = "[";
  if (!jwt_.keys.empty()) out += "\"jwt\",";
  if (!proxy_secret_.empty()) out += "\"proxy\",";
  return out + "\"cookie\",\"default\"]";
}

}  // namespace atelier::server
