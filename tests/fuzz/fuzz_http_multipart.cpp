// A multipart body, cut in several ways: each gives the same parts and the same end. The bytes as
// the content of a part come back, and so does a name that is quoted.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "http/multipart_reader.h"

namespace {

using atelier::MultipartReader;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Part {
  MultipartReader::Headers headers;
  std::string data;
  bool whole = false;
  bool operator==(const Part&) const = default;
};

struct Reading {
  std::vector<Part> parts;
  bool finished = false, broken = false;
  bool operator==(const Reading&) const = default;
};

/// `size` gives the length of the next piece.
Reading read(std::string_view bytes, const std::function<std::size_t()>& size) {
  Reading reading;
  MultipartReader reader({
      [&](const MultipartReader::Headers& headers) {
        require(reading.parts.empty() || reading.parts.back().whole);
        reading.parts.push_back({headers, "", false});
      },
      [&](std::string_view chunk) {
        require(!reading.parts.empty() && !reading.parts.back().whole && !chunk.empty());
        reading.parts.back().data += chunk;
        return true;
      },
      [&] {
        require(!reading.parts.empty() && !reading.parts.back().whole);
        return reading.parts.back().whole = true;
      },
  });
  while (!bytes.empty()) {
    const std::size_t piece = std::min(std::max<std::size_t>(size(), 1), bytes.size());
    const bool going = reader.feed(bytes.substr(0, piece));
    require(going != reader.is_broken());
    if (!going) break;
    bytes.remove_prefix(piece);
  }
  reading.finished = reader.finished();
  reading.broken = reader.is_broken();
  require(!reading.finished || reading.parts.empty() || reading.parts.back().whole);
  return reading;
}

/// Until data or an end stops it: nothing is told afterwards.
void check_stop(std::string_view bytes, std::size_t after) {
  bool stopped = false;
  const auto go_on = [&] {
    require(!stopped);
    stopped = after-- == 0;
    return !stopped;
  };
  MultipartReader reader({[&](const MultipartReader::Headers&) { require(!stopped); },
                          [&](std::string_view) { return go_on(); }, go_on});
  for (char c : bytes)
    if (!reader.feed({&c, 1})) break;
  require(!stopped || !reader.finished());
}

void check_content(std::string_view content) {
  const std::string boundary = "5f0e1c7a";
  if (content.find(boundary) != std::string_view::npos) return;
  std::string body = "--" + boundary;
  for (int i = 0; i < 2; ++i) {
    body += "\r\nContent-Type: text/plain\r\n\r\n";
    body += content;
    body += "\r\n--" + boundary;
  }
  const Reading reading = read(body + "--", [] { return std::size_t{64}; });
  require(reading.finished && reading.parts.size() == 2);
  for (const Part& part : reading.parts) require(part.data == content && part.headers.size() == 1);
}

void check_name(std::string_view name) {
  std::string quoted;
  for (char c : name) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  require(atelier::disposition_filename("attachment; filename=\"" + quoted + "\"") == name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Reading whole = read(bytes, [&] { return bytes.size(); });
  require(read(bytes, [] { return std::size_t{1}; }) == whole);
  std::uint32_t random = data[0];
  require(read(bytes, [&random] {
            random = random * 1'664'525U + 1'013'904'223U;
            return std::size_t{(random >> 20) % 61};
          }) == whole);
  check_stop(bytes, data[0] % 8);
  check_content(bytes);
  check_name(bytes);
  (void)atelier::disposition_filename(bytes);
  return 0;
}
