// JSON text as it comes from anybody: what is accepted has one normal form that is its own, and a
// document that is accepted is one that the store keeps.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/json_text.h"
#include "store/store.h"

using namespace atelier;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto normal = json::normalize(text);
  if (normal) {
    const auto again = json::normalize(*normal);
    if (!again || *again != *normal) std::abort();
  }
  const auto parsed = parse_document(text);
  if (!parsed) return 0;
  if (!normal || json::kind_of(*normal) != json::Kind::kObject) std::abort();
  const auto body = json::normalize(parsed->write.body);
  if (!body || (parsed->write.body_is_normal && *body != parsed->write.body)) std::abort();
  return 0;
}
