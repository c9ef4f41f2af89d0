#include "server/multipart.h"

#include "base/limits.h"

namespace atelier::server {

namespace {

/// Takes one line off the front; lines end with CRLF (or LF, which some clients send).
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Result<Headers> take_headers(std::string_view& text) {
  Headers headers;
  const std::size_t size_before = text.size();
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.empty()) return headers;
    if (size_before - text.size() > kMultipartHeaderBytesMax)
      return invalid("the headers of a multipart part are too long");
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos)
      return invalid("a header of a multipart part has no colon");
    headers.add(std::string(trim(line.substr(0, colon))),
                std::string(trim(line.substr(colon + 1))));
  }
  return invalid("a multipart part ends within its headers");
}

}  // namespace

Result<std::vector<Part>> parse_multipart(std::string_view text, std::string_view boundary) {
  if (boundary.empty() || boundary.size() > 200)
    return invalid("the multipart boundary is missing or too long");
  const std::string dashes = "--" + std::string(boundary);
  const std::string delimiter = "\r\n" + dashes;
  if (text.starts_with(dashes)) {
    text.remove_prefix(dashes.size());
  } else {
    const std::size_t first = text.find(delimiter);
    if (first == std::string_view::npos) return invalid("the multipart body has no boundary");
    text.remove_prefix(first + delimiter.size());
  }
  std::vector<Part> parts;
  while (!text.starts_with("--")) {
    // White space may follow; with anything else it is a longer line of the content.
    if (!trim(take_line(text)).empty())
      return invalid("a line of the multipart body begins as its boundary does");
    Part part;
    ATELIER_TRY(headers, take_headers(text));
    part.headers = std::move(headers);
    // An empty part's delimiter may use the line end that closed the headers.
    const std::size_t end = text.starts_with(dashes) ? 0 : text.find(delimiter);
    if (end == std::string_view::npos) return invalid("the multipart body ends early");
    part.body = text.substr(0, end);
    text.remove_prefix(end + (text.starts_with(dashes) ? dashes.size() : delimiter.size()));
    parts.push_back(std::move(part));
  }
  return parts;
}

std::string part_file_name(const Headers& headers) {
  const auto name = media_parameter(headers.get("Content-Disposition"), "filename");
  if (!name) return {};
  std::string plain;
  for (std::size_t i = 0; i < name->size(); ++i) {
    if ((*name)[i] == '\\' && i + 1 < name->size()) ++i;
    plain += (*name)[i];
  }
  return plain;
}

}  // namespace atelier::server
