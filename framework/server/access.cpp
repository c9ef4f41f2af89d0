#include "server/access.h"

#include <charconv>

#include "base/clock.h"
#include "base/digest.h"
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

std::string base64url(std::string_view bytes) {
  std::string text = base64(bytes);
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

std::optional<std::string> unbase64url(std::string_view text) {
  std::string standard(text);
  for (char& c : standard) c = c == '-' ? '+' : c == '_' ? '/' : c;
  while (standard.size() % 4 != 0) standard += '=';
  return unbase64(standard);
}

/// A JSON web token, which CouchDB without a key for them passes over.
bool looks_like_jwt(std::string_view token) {
  const std::size_t first = token.find('.');
  return first != std::string_view::npos && token.find('.', first + 1) != std::string_view::npos;
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
    : admin_token_(options.admin_token), session_secret_(random_bytes(32)) {
  for (const char* name : {"localhost", "127.0.0.1", "[::1]"}) {
    hosts_.insert(name);
    origins_.insert("http://" + std::string(name) + ":" + std::to_string(port));
  }
  const bool is_v6 = options.address.find(':') != std::string::npos;
  hosts_.insert(lower(is_v6 ? "[" + options.address + "]" : options.address));
  for (const std::string& host : options.allowed_hosts) hosts_.insert(host_name(host));
  for (const std::string& origin : options.allowed_origins) origins_.insert(lower(origin));
}

std::optional<Response> Access::admit(Request& request) const {
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

std::optional<Response> Access::authenticate(Request& request) const {
  if (request.local_user) {
    request.principal = {true, "admin", "local"};
    return std::nullopt;
  }
  if (request.headers.has("Authorization")) return authenticate_header(request);
  return authenticate_cookie(request);
}

std::optional<Response> Access::authenticate_header(Request& request) const {
  const std::string_view value = request.headers.get("Authorization");
  const std::size_t space = value.find(' ');
  const std::string_view scheme = value.substr(0, space);
  const std::string_view rest =
      space == std::string_view::npos ? std::string_view{} : trim(value.substr(space));
  std::string name = "admin";
  std::string password(rest);
  if (equal_no_case(scheme, "Basic")) {
    const auto decoded = unbase64(rest);
    if (!decoded) return bad_request("The Authorization header is not valid base64.");
    const std::size_t colon = decoded->find(':');
    if (colon == std::string::npos) return std::nullopt;
    name = decoded->substr(0, colon);
    password = decoded->substr(colon + 1);
  } else if (!equal_no_case(scheme, "Bearer") || looks_like_jwt(rest)) {
    return std::nullopt;
  }
  if (!is_admin(name, password)) return error_reply(401, "unauthorized", kWrongCredentials);
  request.principal = {true, "admin", "default"};
  return std::nullopt;
}

std::string Access::session_token(std::string_view name, std::int64_t time) const {
  const std::string signed_part = std::string(name) + ":" + std::to_string(time);
  const Sha256 mac = hmac_sha256(session_secret_, signed_part);
  return signed_part + ":" + std::string(reinterpret_cast<const char*>(mac.data()), mac.size());
}

std::optional<Response> Access::authenticate_cookie(Request& request) const {
  const auto value = cookie(request.headers, "AuthSession");
  if (!value || value->empty()) return std::nullopt;
  const auto token = unbase64url(*value);
  if (!token) return malformed_cookie();
  const std::size_t first = token->find(':');
  const std::size_t second = first == std::string::npos ? first : token->find(':', first + 1);
  if (second == std::string::npos) return malformed_cookie();
  std::int64_t time = 0;
  std::from_chars(token->data() + first + 1, token->data() + second, time);
  const std::string name = token->substr(0, first);
  const std::int64_t age = system_clock().wall_ms() / 1000 - time;
  if (!equal_constant_time(*token, session_token(name, time))) return std::nullopt;
  if (age < 0 || age >= kSessionSeconds || name != "admin") return std::nullopt;
  request.principal = {true, name, "cookie"};
  return std::nullopt;
}

std::string Access::session_cookie(std::string_view name, std::int64_t now_seconds) const {
  return "AuthSession=" + base64url(session_token(name, now_seconds)) +
         "; Version=1; Expires=" + http_date(now_seconds + kSessionSeconds) +
         "; Max-Age=" + std::to_string(kSessionSeconds) + "; Path=/; HttpOnly; SameSite=Strict";
}

std::string Access::no_session_cookie(std::int64_t now_seconds) const {
  return "AuthSession=; Version=1; Expires=" + http_date(now_seconds) +
         "; Max-Age=0; Path=/; HttpOnly; SameSite=Strict";
}

}  // namespace atelier::server
