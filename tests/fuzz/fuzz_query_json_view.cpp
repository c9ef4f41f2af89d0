// Lazy reading and keys of any bytes. Bytes that are no JSON must be read within their bounds; JSON
// must be found again as the readers of base find it, and its key must read back as an equal value.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/json_text.h"
#include "query/collate.h"
#include "query/json_view.h"

namespace {

using namespace atelier;

void require(bool condition) {
  if (!condition) std::abort();
}

// Everything that can be asked, on text that may be anything.
std::size_t touch(query::JsonView value, int depth) {
  if (depth > 20) return 0;
  std::string scratch;
  std::size_t seen = value.string(scratch).size() + value.count() + value.is_integer();
  for (query::JsonView element : value.elements()) seen += touch(element, depth + 1);
  for (const auto& member : value.members())
    seen += member.name(scratch).size() + touch(member.value, depth + 1);
  return seen;
}

void check_json(std::string_view normal) {
  const query::JsonView value(normal);
  const std::string key = query::encode_key(normal);
  std::size_t pos = 0;
  const auto decoded = query::decode_key(key, pos);
  require(decoded && pos == key.size());
  require(query::compare(*decoded, normal) == 0);
  require(query::encode_key(*decoded) == key);
  require(json::normalize(*decoded).value() == *decoded);
  if (!value.is_object()) return;
  json::for_each_member(normal, [&](std::string_view name, std::string_view text) {
    const auto found = value.member(name);
    require(found && found->text() == text);
    const auto by_path = query::FieldPath::of_names({std::string(name)}).find(value);
    require(by_path && by_path->text() == text);
    return true;
  });
}

void check_order(std::string_view a, std::string_view b) {
  const int order = query::compare(a, b);
  const int keys = query::encode_key(a).compare(query::encode_key(b));
  require((order < 0) == (keys < 0) && (order > 0) == (keys > 0));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t half = input.find('\n');
  const std::string first(input.substr(0, half));
  const std::string second(half == std::string_view::npos ? "" : input.substr(half + 1));
  (void)touch(query::JsonView(first), 0);
  const auto path = query::FieldPath::parse(second);
  if (path) {
    (void)path->find(query::JsonView(first));
    require(query::FieldPath::parse(path->text()).value() == *path);
  }
  std::size_t pos = 0;
  const auto key = query::decode_key(input, pos);
  if (key) require(query::encode_key(*key) == input.substr(0, pos));
  const auto a = json::normalize(first);
  const auto b = json::normalize(second);
  if (a) check_json(*a);
  if (a && b) check_order(*a, *b);
  return 0;
}
