#include "room/room_indexes.h"

#include <algorithm>

namespace atelier {
namespace {

std::string words_name(const std::string& prefix) {
  return "words of " + prefix;
}

}  // namespace

void RoomIndexes::make(IndexDefinition definition) {
  auto made = store_->create_index(definition);
  if (!made && made.error().code == ErrorCode::kExists) {
    const Status dropped = store_->drop_index(definition.name);
    made = dropped ? store_->create_index(definition) : Result<bool>(dropped.error());
  }
  // A room that is open for reading only has the indexes that it has.
  if (made || made.error().code == ErrorCode::kForbidden) return;
  problem_({"", "the index '" + definition.name + "' cannot be made: " + made.error().message});
}

void RoomIndexes::declare(const std::string& prefix, const CollectionOptions& options) {
  if (!options.search.empty()) {
    IndexDefinition words;
    words.kind = IndexDefinition::Kind::kWords;
    words.name = words_name(prefix);
    words.prefix = prefix;
    words.fields = options.search;
    make(std::move(words));
  }
  for (const std::vector<std::string>& fields : options.indexes) {
    IndexDefinition values;
    values.name = prefix + " by";
    for (const std::string& field : fields) values.name += " " + field;
    values.prefix = prefix;
    values.fields = fields;
    make(std::move(values));
  }
}

Result<std::vector<RawHit>> RoomIndexes::search(const std::string& prefix, std::string_view words,
                                                std::size_t limit) const {
  SearchQuery query;
  query.index = words_name(prefix);
  query.words = words;
  query.limit = std::min(limit, kSearchLimitMax);
  ATELIER_TRY(answer, store_->search(query));
  std::vector<RawHit> hits;
  for (SearchHit& hit : answer.hits) {
    hits.push_back({{std::move(hit.document.id), std::move(hit.document.body), false},
                    std::move(hit.highlights)});
  }
  return hits;
}

Result<std::vector<RawDocument>> RoomIndexes::find(const std::string& prefix,
                                                   const CollectionQuery& query) const {
  FindQuery asked;
  asked.selector = query.selector;
  asked.prefix = prefix;
  asked.limit = query.limit;
  for (const std::string& field : query.sort) asked.sort.push_back({field, query.descending});
  std::vector<RawDocument> found;
  const auto done = store_->find(asked, [&](Document& document) {
    found.push_back({std::move(document.id), std::move(document.body), false});
    return true;
  });
  if (!done) return done.error();
  return found;
}

}  // namespace atelier
