#include "server/http_message.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace atelier::server {

namespace {

char lower_char(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower_char(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool is_unreserved(char c) {
  return (c >= '0' && c <= '9') || (lower_char(c) >= 'a' && lower_char(c) <= 'z') || c == '-' ||
         c == '_' || c == '.' || c == '~';
}

/// The weight of one element of Accept; 1 when it does not say.
double weight_of(std::string_view element) {
  for (std::string_view part : split_list(element, ';')) {
    if (part.size() > 2 && lower_char(part[0]) == 'q' && part[1] == '=')
      return part.substr(2).find_first_not_of("0.") == std::string_view::npos ? 0.0 : 1.0;
  }
  return 1.0;
}

/// Takes what stands before the next semicolon off the front; one in quotes is no end.
std::string_view take_parameter(std::string_view& text) {
  std::size_t end = 0;
  for (bool quoted = false; end < text.size() && (quoted || text[end] != ';'); ++end) {
    if (text[end] == '"') quoted = !quoted;
    if (text[end] == '\\' && quoted) ++end;
  }
  const std::string_view part = trim(text.substr(0, end));
  text.remove_prefix(std::min(text.size(), end + 1));
  return part;
}

}  // namespace

bool equal_no_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower_char(x) == lower_char(y); });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower_char(c);
  return out;
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string_view> split_list(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    const std::string_view part = trim(text.substr(0, end));
    if (!part.empty()) parts.push_back(part);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

bool Principal::has_role(std::string_view role) const {
  return (admin && role == "_admin") || std::find(roles.begin(), roles.end(), role) != roles.end();
}

void Headers::set(std::string_view name, std::string value) {
  for (auto& [key, old] : fields_) {
    if (!equal_no_case(key, name)) continue;
    old = std::move(value);
    return;
  }
  add(std::string(name), std::move(value));
}

std::string_view Headers::get(std::string_view name) const {
  for (const auto& [key, value] : fields_)
    if (equal_no_case(key, name)) return value;
  return {};
}

bool Headers::has(std::string_view name) const {
  return count(name) != 0;
}

std::size_t Headers::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::count_if(fields_.begin(), fields_.end(),
                    [&](const auto& field) { return equal_no_case(field.first, name); }));
}

Result<Query> Query::parse(std::string_view text) {
  Query query;
  for (std::string_view pair : split_list(text, '&')) {
    const std::size_t equals = pair.find('=');
    ATELIER_TRY(name, url_decode(pair.substr(0, equals)));
    std::string value;
    if (equals != std::string_view::npos) {
      ATELIER_TRY(decoded, url_decode(pair.substr(equals + 1)));
      value = std::move(decoded);
    }
    query.values_.emplace_back(std::move(name), std::move(value));
  }
  return query;
}

std::optional<std::string_view> Query::get(std::string_view name) const {
  for (const auto& [key, value] : values_)
    if (key == name) return value;
  return std::nullopt;
}

void Query::set(std::string name, std::string value) {
  for (auto& [key, old] : values_) {
    if (key != name) continue;
    old = std::move(value);
    return;
  }
  values_.emplace_back(std::move(name), std::move(value));
}

std::string Request::origin() const {
  const std::string_view host = headers.get("Host");
  return (secure ? "https://" : "http://") + std::string(host.empty() ? "localhost" : host);
}

std::string_view status_text(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Moved Temporarily";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Object Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Request Entity Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Requested Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 507:
      return "Insufficient Storage";
    default:
      return "Unknown";
  }
}

Result<std::string> url_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return invalid("invalid_url_encoding");
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

std::string url_encode(std::string_view text, std::string_view keep) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    if (is_unreserved(c) || keep.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += '%';
      out += kDigits[static_cast<unsigned char>(c) >> 4];
      out += kDigits[static_cast<unsigned char>(c) & 15];
    }
  }
  return out;
}

bool accepts(const Headers& headers, std::string_view type) {
  if (!headers.has("Accept")) return true;
  const std::string_view main = type.substr(0, type.find('/'));
  for (std::string_view element : split_list(headers.get("Accept"))) {
    const std::string range = media_type(element);
    const bool matches =
        range == type || range == "*/*" ||
        (range.size() == main.size() + 2 && range.starts_with(main) && range.ends_with("/*"));
    if (matches && weight_of(element) > 0) return true;
  }
  return false;
}

bool accepts_gzip(const Headers& headers) {
  for (std::string_view element : split_list(headers.get("Accept-Encoding"))) {
    if (media_type(element) == "gzip") return weight_of(element) > 0;
  }
  return false;
}

std::string media_type(std::string_view content_type) {
  return lower(trim(content_type.substr(0, content_type.find(';'))));
}

std::optional<std::string> media_parameter(std::string_view content_type, std::string_view name) {
  take_parameter(content_type);  // the type
  while (!content_type.empty()) {
    const std::string_view part = take_parameter(content_type);
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos || !equal_no_case(trim(part.substr(0, equals)), name))
      continue;
    std::string_view value = trim(part.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    return std::string(value);
  }
  return std::nullopt;
}

}  // namespace atelier::server
