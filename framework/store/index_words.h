// The words of a document for an index of words. Thread rule: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "query/words.h"
#include "store/index_set.h"

namespace atelier {

/// Calls `fn(field, text)` for each of the index's fields that is a text in the document.
template <class Fn>
void for_each_text(const Index& index, std::string_view body, const Fn& fn) {
  std::string scratch;
  const query::JsonView document(body);
  for (std::size_t field = 0; field < index.paths.size(); ++field) {
    const auto value = index.paths[field]->find(document);
    if (value && value->is_string()) fn(field, value->string(scratch));
  }
}

/// Calls `fn(word)` for each word of the document, folded, as often as it stands there.
template <class Fn>
void for_each_word(const Index& index, std::string_view body, const Fn& fn) {
  for_each_text(index, body, [&](std::size_t, std::string_view text) {
    for (query::WordReader reader(text); reader.next();) fn(reader.word().text);
  });
}

/// Where the terms are in the fields' texts. False: not all of them are there.
bool find_terms(const Index& index, std::string_view body,
                const std::vector<query::SearchTerm>& terms, std::vector<Highlight>* highlights);

}  // namespace atelier
