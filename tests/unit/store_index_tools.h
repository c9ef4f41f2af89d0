// What the tests of indexes share. Thread rule: as the tests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/index.h"
#include "unit/store_tools.h"

namespace atelier::test {

inline IndexDefinition values_of(std::string name, std::vector<std::string> fields,
                                 std::string prefix = "", std::string filter = "") {
  IndexDefinition definition;
  definition.name = std::move(name);
  definition.fields = std::move(fields);
  definition.prefix = std::move(prefix);
  definition.filter = std::move(filter);
  return definition;
}

inline IndexDefinition words_of(std::string name, std::vector<std::string> fields,
                                std::string prefix = "", std::string filter = "") {
  IndexDefinition definition =
      values_of(std::move(name), std::move(fields), std::move(prefix), std::move(filter));
  definition.kind = IndexDefinition::Kind::kWords;
  return definition;
}

inline const IndexStatus* status_of(const std::vector<IndexStatus>& all, std::string_view name) {
  for (const IndexStatus& one : all) {
    if (one.definition.name == name && one.state != IndexStatus::State::kDropping) return &one;
  }
  return nullptr;
}

class IndexTest : public StoreTest {
 protected:
  void create(const IndexDefinition& definition) {
    const auto created = store_->create_index(definition);
    ASSERT_TRUE(created) << created.error().message;
  }
  /// Each flush() waits for a commit, and the background work takes one step in between.
  void finish_indexes() {
    const auto busy = [&] {
      for (const IndexStatus& one : store_->indexes()) {
        if (one.state != IndexStatus::State::kReady) return true;
      }
      return false;
    };
    while (busy()) ASSERT_TRUE(store_->flush());
  }
  std::vector<std::string> find(const FindQuery& query, FindAnswer* answer = nullptr) {
    std::vector<std::string> found;
    const auto done = store_->find(query, [&](Document& document) {
      found.push_back(document.id);
      return true;
    });
    EXPECT_TRUE(done) << done.error().message << " of " << query.selector;
    if (done && answer) *answer = *done;
    return found;
  }
  std::vector<std::string> search(const std::string& words, const std::string& prefix = "",
                                  std::size_t limit = 50) {
    SearchQuery query;
    query.words = words;
    query.prefix = prefix;
    query.limit = limit;
    return hits_of(query);
  }
  std::vector<std::string> hits_of(const SearchQuery& query) {
    const auto answer = store_->search(query);
    EXPECT_TRUE(answer) << answer.error().message;
    std::vector<std::string> found;
    if (!answer) return found;
    for (const SearchHit& hit : answer->hits) found.push_back(hit.document.id);
    return found;
  }
};

}  // namespace atelier::test
