#include "store/equal_leaves.h"

#include <algorithm>

#include "query/collate.h"
#include "store/store.h"

namespace atelier {
namespace {

bool same_attachments(const std::vector<Attachment>& a, const std::vector<Attachment>& b) {
  const auto same = [](const Attachment& one, const Attachment& other) {
    return one.name == other.name && one.content_type == other.content_type &&
           one.digest == other.digest && one.length == other.length;
  };
  if (a.size() != b.size()) return false;
  return std::all_of(a.begin(), a.end(), [&](const Attachment& one) {
    return std::any_of(b.begin(), b.end(),
                       [&](const Attachment& other) { return same(one, other); });
  });
}

bool says_the_same(const Document& a, const Document& b) {
  return query::compare(a.body, b.body) == 0 && same_attachments(a.attachments, b.attachments);
}

}  // namespace

std::vector<DocumentWrite> ends_of_equal_leaves(const Store& store, std::string_view id) {
  std::vector<Document> leaves;
  for (auto& leaf : store.open_revs(id, {}, false)) {
    if (leaf && !leaf->deleted) leaves.push_back(std::move(*leaf));
  }
  std::sort(leaves.begin(), leaves.end(),
            [](const Document& a, const Document& b) { return a.rev > b.rev; });
  std::vector<DocumentWrite> ends;
  for (std::size_t i = 1; i < leaves.size(); ++i) {
    const auto better = leaves.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::none_of(leaves.begin(), better,
                     [&](const Document& kept) { return says_the_same(kept, leaves[i]); })) {
      continue;
    }
    DocumentWrite end;
    end.id = id;
    end.deleted = true;
    end.parent = leaves[i].rev;
    ends.push_back(std::move(end));
  }
  return ends;
}

}  // namespace atelier
