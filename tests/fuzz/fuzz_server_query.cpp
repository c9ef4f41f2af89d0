// A target, and behind a line's end a header's value: what is decoded and encoded comes back, a
// path means the same when it is written again, and options that are read are sound.
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/json_text.h"
#include "server/list_options.h"
#include "server/request_target.h"

namespace {

using namespace atelier;
using server::Query;
using server::Request;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_escapes(std::string_view text) {
  const auto same = server::url_decode(server::url_encode(text, "/:"));
  require(same && *same == text);
  std::size_t escapes = 0;
  bool sound = true;
  for (std::size_t at = text.find('%'); at != std::string_view::npos && sound;
       at = text.find('%', at + 3), ++escapes)
    sound = at + 2 < text.size() && std::isxdigit(static_cast<unsigned char>(text[at + 1])) &&
            std::isxdigit(static_cast<unsigned char>(text[at + 2]));
  const auto decoded = server::url_decode(text);
  require(bool(decoded) == sound);
  if (!decoded) return;
  require(decoded->size() == text.size() - 2 * escapes);
  require(*server::url_decode(server::url_encode(*decoded)) == *decoded);
}

void check_query(std::string_view text) {
  const std::string name(text.substr(0, text.size() / 2));
  const std::string value(text.substr(text.size() / 2));
  const auto written = Query::parse(server::url_encode(name) + '=' + server::url_encode(value));
  require(written && written->get(name) == value);
  auto query = Query::parse(text);
  if (!query) return;
  query->set(name, value);
  require(query->get(name) == value);
}

/// A range, a count or keys that a route goes by.
void check_options(const server::ListOptions& options) {
  for (const server::Bound* bound : {&options.start, &options.end})
    require(bound->kind == server::Bound::Kind::kText ? json::is_utf8(bound->text)
                                                      : bound->text.empty());
  if (!options.keys) return;
  for (const std::string& key : *options.keys) {
    const auto normal = json::normalize(key);
    require(normal && *normal == key);
  }
}

void check_list(const Query& query, std::string_view body) {
  auto options = server::parse_list_options(query);
  if (!options) {
    require(options.error().code == ErrorCode::kInvalid);
    return;
  }
  check_options(*options);
  const auto normal = json::normalize(body);
  if (!normal || json::kind_of(*normal) != json::Kind::kObject) return;
  if (server::add_list_options(*options, *normal)) check_options(*options);
}

std::string written(const std::vector<std::string>& segments) {
  std::string out;
  for (const std::string& segment : segments) out += '/' + server::url_encode(segment);
  return out.empty() ? "/" : out;
}

void check_place(const Request& request) {
  const auto place = server::place_of(request.segments);
  if (!place) return;
  require(!place->id.empty() && (place->id[0] != '_' || place->id.starts_with("_design/")));
  // The id as one segment, as clients send it.
  std::string target =
      '/' + server::url_encode(request.segments[0]) + '/' + server::url_encode(place->id);
  if (!place->attachment.empty()) target += '/' + server::url_encode(place->attachment);
  Request again;
  again.target = target;
  require(bool(server::parse_target(again)));
  const auto same = server::place_of(again.segments);
  require(same && same->id == place->id && same->attachment == place->attachment);
}

void check_target(std::string_view target, std::string_view body) {
  Request request;
  request.method = "OPTIONS";
  request.target = target;
  if (const Status parsed = server::parse_target(request); !parsed) {
    require(parsed.error().code == ErrorCode::kInvalid);
    return;
  }
  require(request.path.starts_with('/'));
  require(request.path.find_first_of("?#") == std::string::npos);
  for (const std::string& segment : request.segments) require(!segment.empty());
  Request again;
  again.target = written(request.segments);
  require(bool(server::parse_target(again)) && again.segments == request.segments);
  check_place(request);
  check_list(request.query, body);
}

void check_header(std::string_view value) {
  server::Headers headers;
  headers.add("Accept", std::string(value));
  headers.set("accept-encoding", std::string(value));
  require(headers.get("ACCEPT") == value && headers.count("Accept-Encoding") == 1);
  (void)server::accepts(headers, "multipart/mixed");
  (void)server::accepts_gzip(headers);
  const std::string type = server::media_type(value);
  require(server::media_type(type) == type);
  if (const auto boundary = server::media_parameter(value, "boundary"))
    require(boundary->size() <= value.size());
  for (std::string_view part : server::split_list(value))
    require(!part.empty() && server::trim(part) == part &&
            part.find(',') == std::string_view::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = input.find('\n');
  const std::string_view target = input.substr(0, line);
  const std::string_view rest =
      line == std::string_view::npos ? std::string_view() : input.substr(line + 1);
  check_escapes(target);
  check_query(target);
  check_target(target, rest);
  check_header(rest);
  return 0;
}
