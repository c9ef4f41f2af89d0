// Revision strings and encoded trees: what is accepted comes back as it was, and a tree's functions
// live through whatever decode() let in.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "revtree/rev_tree.h"

using namespace atelier;

namespace {

void revision(std::string_view text) {
  const auto rev = RevId::parse(text);
  if (!rev) return;
  const auto again = RevId::parse(rev->to_string());
  if (!again || *again != *rev) std::abort();
  const auto parts = RevId::from_parts(rev->generation(), rev->hash());
  if (rev->generation() > 0 && (!parts || *parts != *rev)) std::abort();
}

void tree(std::string_view bytes) {
  auto decoded = RevTree::decode(bytes);
  if (!decoded) return;
  if (RevTree::decode(decoded->encode()).value().encode() != decoded->encode()) std::abort();
  (void)decoded->conflicts();
  (void)decoded->deleted_conflicts();
  std::vector<RevId> leaves;
  for (const std::int32_t leaf : decoded->leaves()) leaves.push_back(decoded->node(leaf).rev);
  if (!decoded->empty()) {
    const RevId winner = decoded->node(decoded->winner()).rev;
    RevTree stemmed = *decoded;
    stemmed.stem(2);
    if (stemmed.node(stemmed.winner()).rev != winner) std::abort();
    if (stemmed.leaves().size() != leaves.size()) std::abort();
  }
  std::vector<RevId> purged;
  decoded->purge(leaves, &purged);
  if (!decoded->empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  revision(bytes);
  tree(bytes);
  return 0;
}
