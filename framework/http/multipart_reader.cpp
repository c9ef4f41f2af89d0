#include "http/multipart_reader.h"

#include <algorithm>
#include <cctype>

#include "base/limits.h"

namespace atelier {
namespace {

constexpr std::size_t kBoundaryBytesMax = 200;  // RFC 2046 allows 70

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

MultipartReader::Headers parse_headers(std::string_view text) {
  MultipartReader::Headers headers;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find("\r\n"), text.size());
    const std::string_view line = text.substr(0, end);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      headers[lower(line.substr(0, colon))] = trimmed(line.substr(colon + 1));
    }
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return headers;
}

}  // namespace

bool MultipartReader::fail() {
  state_ = State::kBroken;
  return false;
}

bool MultipartReader::feed(std::string_view chunk) {
  if (state_ == State::kDone) return true;  // an epilogue says nothing
  if (state_ == State::kBroken) return false;
  buffer_ += chunk;
  more_ = true;
  while (more_) {
    more_ = false;
    bool going = true;
    switch (state_) {
      case State::kBoundary:
        going = read_boundary();
        break;
      case State::kHeaders:
        going = read_headers();
        break;
      case State::kBody:
        going = read_body();
        break;
      case State::kAfterPart:
        going = read_after_part();
        break;
      case State::kDone:
        return true;
      case State::kBroken:
        break;
    }
    if (!going) return false;
  }
  return true;
}

bool MultipartReader::read_boundary() {
  while (buffer_.starts_with("\r\n")) buffer_.erase(0, 2);
  const std::size_t end = buffer_.find("\r\n");
  if (buffer_.size() >= 2 && !buffer_.starts_with("--")) return fail();
  if (end == std::string::npos) return buffer_.size() < kBoundaryBytesMax + 2 || fail();
  if (end < 3 || end > kBoundaryBytesMax) return fail();
  boundary_ = "\r\n" + buffer_.substr(0, end);
  buffer_.erase(0, end);  // the line's end may end the headers at once
  state_ = State::kHeaders;
  return more_ = true;
}

/// buffer_ begins with the end of the boundary's line.
bool MultipartReader::read_headers() {
  const std::size_t end = buffer_.find("\r\n\r\n");
  if (end == std::string::npos) {
    return buffer_.size() < kMultipartHeaderBytesMax + 4 || fail();
  }
  if (end > kMultipartHeaderBytesMax) return fail();
  events_.begin(parse_headers(std::string_view(buffer_).substr(2, end > 2 ? end - 2 : 0)));
  buffer_.erase(0, end + 4);
  state_ = State::kBody;
  return more_ = true;
}

bool MultipartReader::read_body() {
  const std::size_t end = buffer_.find(boundary_);
  if (end == std::string::npos) {
    // What may be the boundary's beginning waits.
    if (buffer_.size() <= boundary_.size()) return true;
    const std::size_t safe = buffer_.size() - boundary_.size();
    const bool going = events_.data(std::string_view(buffer_).substr(0, safe));
    buffer_.erase(0, safe);
    return going;
  }
  if (end > 0 && !events_.data(std::string_view(buffer_).substr(0, end))) return false;
  if (!events_.end()) return false;
  buffer_.erase(0, end + boundary_.size());
  state_ = State::kAfterPart;
  return more_ = true;
}

bool MultipartReader::read_after_part() {
  if (buffer_.size() < 2) return true;
  if (buffer_.starts_with("--")) {
    state_ = State::kDone;
    buffer_.clear();
    return true;
  }
  if (!buffer_.starts_with("\r\n")) return fail();
  state_ = State::kHeaders;
  return more_ = true;
}

std::string disposition_filename(std::string_view header) {
  const std::size_t at = lower(header).find("filename=");
  if (at == std::string::npos) return "";
  std::string_view rest = trimmed(header.substr(at + 9));
  if (!rest.starts_with('"')) return std::string(trimmed(rest.substr(0, rest.find(';'))));
  std::string name;
  for (std::size_t i = 1; i < rest.size() && rest[i] != '"'; ++i) {
    if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
    name += rest[i];
  }
  return name;
}

}  // namespace atelier
