#include "server/request_target.h"

namespace atelier::server {

Status parse_target(Request& request) {
  std::string_view target = request.target;
  // The absolute form (RFC 9112 section 3.2.2); its authority is checked with Host.
  if (const std::size_t scheme = target.find("://");
      !target.starts_with('/') && scheme != std::string_view::npos) {
    target.remove_prefix(scheme + 3);
    const std::size_t path = target.find('/');
    target = path == std::string_view::npos ? std::string_view("/") : target.substr(path);
  }
  if (target == "*" && request.method == "OPTIONS") target = "/";
  if (!target.starts_with('/')) return invalid("The target of the request is not a path.");
  target = target.substr(0, target.find('#'));
  const std::size_t mark = target.find('?');
  request.path = std::string(target.substr(0, mark));
  for (std::string_view segment : split_list(request.path, '/')) {
    ATELIER_TRY(decoded, url_decode(segment));
    request.segments.push_back(std::move(decoded));
  }
  ATELIER_TRY(query, Query::parse(mark == std::string_view::npos ? "" : target.substr(mark + 1)));
  request.query = std::move(query);
  return ok();
}

std::string join_segments(const std::vector<std::string>& segments, std::size_t from) {
  std::string out;
  for (std::size_t i = from; i < segments.size(); ++i) {
    if (i != from) out += '/';
    out += segments[i];
  }
  return out;
}

std::optional<Place> place_of(const std::vector<std::string>& segments) {
  if (segments.size() < 2) return std::nullopt;
  const std::string& first = segments[1];
  if (first == "_design" && segments.size() > 2)
    return Place{"_design/" + segments[2], join_segments(segments, 3)};
  if (first.starts_with("_design/")) return Place{first, join_segments(segments, 2)};
  if (first.starts_with('_')) return std::nullopt;
  return Place{first, join_segments(segments, 2)};
}

}  // namespace atelier::server
