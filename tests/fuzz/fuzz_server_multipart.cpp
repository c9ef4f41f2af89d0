// A boundary in the first line, a multipart body behind it. What is read of it lies between its
// boundaries and, written again, is read the same. The bytes as the name of a file and as the
// content of a part come back as well.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "server/multipart.h"

namespace {

using namespace atelier;
using server::Part;

void require(bool condition) {
  if (!condition) std::abort();
}

std::size_t header_bytes(const Part& part) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : part.headers.fields()) bytes += name.size() + value.size() + 4;
  return bytes;
}

std::string written(const std::vector<Part>& parts, const std::string& boundary) {
  std::string out = "--" + boundary;
  for (const Part& part : parts) {
    out += "\r\n";
    for (const auto& [name, value] : part.headers.fields()) out += name + ": " + value + "\r\n";
    out += "\r\n";
    out += part.body;
    out += "\r\n--" + boundary;
  }
  return out + "--";
}

void check_same(const std::vector<Part>& parts, const std::string& boundary) {
  const std::string text = written(parts, boundary);
  const auto again = server::parse_multipart(text, boundary);
  require(again && again->size() == parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    require((*again)[i].headers.fields() == parts[i].headers.fields());
    require((*again)[i].body == parts[i].body);
  }
}

void check_body(std::string_view body, const std::string& boundary) {
  const auto parts = server::parse_multipart(body, boundary);
  if (!parts) {
    require(parts.error().code == ErrorCode::kInvalid && !parts.error().message.empty());
    return;
  }
  const char* last = body.data();
  for (const Part& part : *parts) {
    (void)server::part_file_name(part.headers);
    require(part.body.data() >= last && part.body.data() + part.body.size() <= &body.back());
    require(part.body.find("\r\n--" + boundary) == std::string_view::npos);
    last = part.body.data() + part.body.size();
    if (header_bytes(part) > kMultipartHeaderBytesMax) return;  // written longer than they came
  }
  check_same(*parts, boundary);
}

void check_name(std::string_view name) {
  std::string quoted;
  for (char c : name.substr(0, kAttachmentNameBytesMax)) {
    if (c == '\r' || c == '\n') return;
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  Part part;
  part.headers.add("Content-Disposition", "attachment; filename=\"" + quoted + "\"; size=5");
  require(server::part_file_name(part.headers) == name.substr(0, kAttachmentNameBytesMax));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = input.find('\n');
  if (line == std::string_view::npos) return 0;
  const std::string boundary(input.substr(0, line));
  const std::string_view body = input.substr(line + 1);
  check_name(body);
  if (boundary.find('\r') != std::string::npos) return 0;
  check_body(body, boundary);
  const std::string own = "5f0e1c7a";
  if (body.find(own) != std::string_view::npos) return 0;
  Part part;
  part.headers.add("Content-Type", "application/octet-stream");
  part.body = body;
  check_same({part, part}, own);
  return 0;
}
