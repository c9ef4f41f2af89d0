// A selector and a document, a line each. What compiles must have a canonical text that compiles to
// a selector with the same text and the same answer; what matches must lie within all bounds.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/json_text.h"
#include "query/selector.h"

namespace {

using namespace atelier;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_bounds(const query::Selector& selector, const query::DocumentView& document) {
  for (const std::string& field : selector.fields()) {
    const query::FieldBounds bounds = selector.bounds(field);
    if (field.starts_with('_')) continue;
    const auto value = query::FieldPath::parse(field)->find(query::JsonView(document.body));
    require(!bounds.never);
    require(value || !bounds.required);
    if (!value) continue;
    const std::string key = query::encode_key(value->text());
    require(key >= bounds.lower && (!bounds.upper || key < *bounds.upper));
  }
  const query::IdBounds ids = selector.id_bounds();
  require(!ids.never && document.id >= ids.lower && (!ids.upper || document.id < *ids.upper));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = input.find('\n');
  const auto selector = query::Selector::compile(input.substr(0, line));
  if (!selector) {
    require(!selector.error().message.empty());
    return 0;
  }
  const std::string canonical = selector->canonical();
  const auto again = query::Selector::compile(canonical);
  require(again && again->canonical() == canonical);
  const auto body = json::normalize(line == std::string_view::npos ? "{}" : input.substr(line + 1));
  if (!body || json::kind_of(*body) != json::Kind::kObject) return 0;
  query::DocumentView document;
  document.id = "message:1";
  document.rev = "1-a";
  document.body = *body;
  const bool matches = selector->matches(document);
  require(again->matches(document) == matches);
  if (matches) check_bounds(*selector, document);
  return 0;
}
