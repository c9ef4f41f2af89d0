#include "http/http_proxy.h"

#include <algorithm>
#include <cctype>

namespace atelier {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

/// A variable by its name in small letters or in capitals.
std::string variable(const Environment& environment, const std::string& name) {
  auto value = environment(name.c_str());
  if (!value || value->empty()) value = environment(upper(name).c_str());
  return value.value_or("");
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host.ends_with(".localhost") || host.starts_with("127.") ||
         host == "::1";
}

/// An item of no_proxy: "*", a host, or a domain with or without a dot in front; perhaps a port.
bool names_host(std::string item, const std::string& host, std::uint16_t port) {
  item.erase(std::remove_if(item.begin(), item.end(),
                            [](unsigned char c) { return std::isspace(c) != 0; }),
             item.end());
  if (item == "*") return true;
  if (const auto colon = item.rfind(':');
      colon != std::string::npos && item.find(':') == colon) {  // not an IPv6 address
    if (item.substr(colon + 1) != std::to_string(port)) return false;
    item.resize(colon);
  }
  if (item.starts_with("*.")) item.erase(0, 1);
  const std::string bare = item.starts_with('.') ? item.substr(1) : item;
  return !bare.empty() && (host == bare || host.ends_with("." + bare));
}

bool goes_directly(const std::string& list, const std::string& host, std::uint16_t port) {
  std::size_t from = 0;
  while (from <= list.size()) {
    const std::size_t comma = std::min(list.find(',', from), list.size());
    if (names_host(lower(list.substr(from, comma - from)), host, port)) return true;
    from = comma + 1;
  }
  return false;
}

}  // namespace

Result<std::optional<HttpProxy>> proxy_for(const DatabaseUrl& server,
                                           const Environment& environment) {
  using Nothing = std::optional<HttpProxy>;
  const std::string host = lower(server.host);
  if (!server.socket_path.empty() || is_loopback(host)) return Nothing();
  std::string address = variable(environment, server.tls ? "https_proxy" : "http_proxy");
  if (address.empty()) address = variable(environment, "all_proxy");
  if (address.empty()) return Nothing();
  if (goes_directly(variable(environment, "no_proxy"), host, server.port)) return Nothing();
  if (address.find("://") == std::string::npos) address = "http://" + address;
  // A database's address is a proxy's with a path.
  while (address.ends_with('/')) address.pop_back();
  const auto url = DatabaseUrl::parse(address + "/proxy");
  if (!url || url->tls || !url->socket_path.empty()) {
    return invalid("the proxy that the environment names is no http://host:port");
  }
  HttpProxy proxy;
  proxy.host = url->host;
  proxy.port = url->port;
  proxy.user = url->credentials.user;
  proxy.secret = url->credentials.secret;
  return Nothing(std::move(proxy));
}

}  // namespace atelier
