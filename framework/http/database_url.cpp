// Addresses of databases. Thread rule: pure functions.
#include <charconv>
#include <optional>

#include "base/digest.h"
#include "base/json_text.h"
#include "http/http_peer.h"

namespace atelier {
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;
constexpr std::string_view kPin = "#sha256=";

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

std::optional<std::string> url_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const auto high = hex_digit(text[i + 1]);
    const auto low = hex_digit(text[i + 2]);
    if (!high || !low) return std::nullopt;
    out += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  if (!json::is_utf8(out) || out.find('\0') != std::string::npos) return std::nullopt;
  return out;
}

Error bad(std::string what) {
  return invalid("the address is not valid: " + std::move(what));
}

/// Takes `user:password@` off the front of `authority`.
Status take_credentials(std::string_view& authority, Credentials& credentials) {
  const auto at = authority.rfind('@');
  if (at == std::string_view::npos) return ok();
  const std::string_view pair = authority.substr(0, at);
  authority.remove_prefix(at + 1);
  const auto colon = pair.find(':');
  auto user = url_decode(pair.substr(0, colon));
  auto secret = colon == std::string_view::npos ? std::optional<std::string>("")
                                                : url_decode(pair.substr(colon + 1));
  if (!user || !secret) return bad("user or password is not percent-encoded as it should be");
  if (user->empty()) return bad("the user's name is empty");
  credentials.kind = Credentials::Kind::kBasic;
  credentials.user = std::move(*user);
  credentials.secret = std::move(*secret);
  return ok();
}

Status take_port(std::string_view text, std::uint16_t& port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) {
    return bad("the port is not a number from 1 to 65535");
  }
  return ok();
}

Status take_host(std::string_view authority, DatabaseUrl& url) {
  std::string_view rest;
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos)
      return bad("the bracket of the IPv6 address is not closed");
    url.host = authority.substr(1, close - 1);
    rest = authority.substr(close + 1);
    if (!rest.empty() && rest[0] != ':') return bad("something stands between ']' and the port");
  } else {
    const auto colon = authority.find(':');
    url.host = authority.substr(0, colon);
    if (colon != std::string_view::npos) rest = authority.substr(colon);
  }
  if (url.host.empty()) return bad("the host is missing");
  for (const char c : url.host) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '%' || c == '\\' || c == 0x7f) {
      return bad("the host holds a character that no host has");
    }
  }
  url.port = url.tls ? kHttpsPort : kHttpPort;
  return rest.empty() ? ok() : take_port(rest.substr(1), url.port);
}

/// `/base/database`, with or without a slash at the end.
Status take_path(std::string_view path, DatabaseUrl& url) {
  if (path.find_first_of("?#") != std::string_view::npos) {
    return bad("a database's address has neither '?' nor '#'");
  }
  for (const char c : path) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) return bad("the path holds a space");
  }
  while (path.ends_with('/')) path.remove_suffix(1);
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos || slash + 1 == path.size()) {
    return bad("the database's name is missing (http://host:port/database)");
  }
  auto database = url_decode(path.substr(slash + 1));
  if (!database || database->empty())
    return bad("the database's name is not percent-encoded right");
  url.database = std::move(*database);
  url.base_path = path.substr(0, slash);
  return ok();
}

/// Takes `#sha256=…` off the end of `text`.
Status take_pin(std::string_view& text, DatabaseUrl& url) {
  const auto mark = text.find('#');
  if (mark == std::string_view::npos || !text.substr(mark).starts_with(kPin)) return ok();
  const auto digest = unhex(text.substr(mark + kPin.size()));
  if (!digest || digest->size() != std::tuple_size_v<Sha256>)
    return bad("the certificate's fingerprint behind '#sha256=' has 64 hex digits");
  if (!url.tls) return bad("a certificate's fingerprint needs https://");
  url.certificate_sha256 = hex(*digest);
  text = text.substr(0, mark);
  return ok();
}

Result<DatabaseUrl> parse_unix(std::string_view rest) {
  DatabaseUrl url;
  const auto end = rest.rfind(":/");
  if (end == std::string_view::npos || end == 0) {
    return bad("expected unix:<socket path>:/<database>");
  }
  url.socket_path = rest.substr(0, end);
  if (url.socket_path.find('\0') != std::string::npos) return bad("the socket's path holds a zero");
  ATELIER_CHECK(take_path(rest.substr(end + 1), url));
  if (!url.base_path.empty()) return bad("expected unix:<socket path>:/<database>");
  return url;
}

}  // namespace

Result<DatabaseUrl> DatabaseUrl::parse(std::string_view text) {
  DatabaseUrl url;
  if (text.starts_with("unix:")) return parse_unix(text.substr(5));
  if (text.starts_with("https://")) {
    url.tls = true;
    text.remove_prefix(8);
  } else if (text.starts_with("http://")) {
    text.remove_prefix(7);
  } else {
    return bad("it should begin with http://, https:// or unix:");
  }
  ATELIER_CHECK(take_pin(text, url));
  const auto slash = text.find('/');
  std::string_view authority = text.substr(0, slash);
  ATELIER_CHECK(take_credentials(authority, url.credentials));
  ATELIER_CHECK(take_host(authority, url));
  ATELIER_CHECK(take_path(slash == std::string_view::npos ? "" : text.substr(slash), url));
  return url;
}

std::string DatabaseUrl::server() const {
  if (!socket_path.empty()) return "unix:" + socket_path + ":";
  std::string out = tls ? "https://" : "http://";
  out += host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != (tls ? kHttpsPort : kHttpPort)) out += ":" + std::to_string(port);
  return out + base_path;
}

std::string DatabaseUrl::display() const {
  return server() + "/" + url_encode(database);
}

std::string DatabaseUrl::address() const {
  return display() + (certificate_sha256.empty() ? "" : std::string(kPin) + certificate_sha256);
}

std::string url_encode(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

}  // namespace atelier
