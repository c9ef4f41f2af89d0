#include "store/index_words.h"

#include <algorithm>

#include "base/limits.h"

namespace atelier {

bool find_terms(const Index& index, std::string_view body,
                const std::vector<query::SearchTerm>& terms, std::vector<Highlight>* highlights) {
  std::vector<bool> found(terms.size(), false);
  for_each_text(index, body, [&](std::size_t field, std::string_view text) {
    for (query::WordReader reader(text); reader.next();) {
      for (std::size_t i = 0; i < terms.size(); ++i) {
        found[i] = found[i] || query::is_meant(terms[i], reader.word().text);
      }
    }
    for (const auto& [begin, end] : query::highlights(text, terms)) {
      if (highlights->size() < kHighlightsMax) highlights->push_back({field, begin, end});
    }
  });
  return std::all_of(found.begin(), found.end(), [](bool one) { return one; });
}

}  // namespace atelier
