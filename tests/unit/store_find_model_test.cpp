// Queries through indexes give what a plain filter and sort over all documents gives.
//
// Method: random documents with every kind of value are written, edited, deleted, put into conflict
// and purged, while indexes are declared before, in the middle and after, and the store is closed
// while they are built. Every query is answered by the store and by the model below.
#include <algorithm>
#include <map>
#include <random>

#include "base/json_text.h"
#include "query/collate.h"
#include "query/selector.h"
#include "unit/query_tools.h"
#include "unit/store_index_tools.h"

namespace atelier::test {
namespace {

class FindModelTest : public IndexTest {
 protected:
  // The winners as the store's own scan gives them, by id.
  std::map<std::string, std::string> winners() {
    std::map<std::string, std::string> all;
    const Status read = store_->scan({}, [&](const DocumentView& view) {
      all[std::string(view.id)] = view.body;
      return true;
    });
    EXPECT_TRUE(read);
    return all;
  }

  std::vector<std::string> model(const FindQuery& query) {
    const auto selector = query::Selector::compile(query.selector);
    EXPECT_TRUE(selector) << query.selector;
    struct Row {
      std::string id;
      std::vector<std::string> keys;
    };
    std::vector<Row> rows;
    for (const auto& [id, body] : winners()) {
      if (!query.prefix.empty() && !id.starts_with(query.prefix + ":")) continue;
      query::DocumentView view;
      view.id = id;
      view.body = body;
      if (!selector->matches(view)) continue;
      Row row{id, {}};
      bool whole = true;
      for (const SortField& one : query.sort) {
        const auto value = query::FieldPath::parse(one.field)->find(query::JsonView(body));
        if (!value) whole = false;
        row.keys.emplace_back(value ? value->text() : "");
      }
      if (whole) rows.push_back(std::move(row));
    }
    const bool descending = !query.sort.empty() && query.sort.front().descending;
    std::sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
      const Row& x = descending ? b : a;
      const Row& y = descending ? a : b;
      for (std::size_t i = 0; i < x.keys.size(); ++i) {
        const int order = query::compare(x.keys[i], y.keys[i]);
        if (order != 0) return order < 0;
      }
      return x.id < y.id;
    });
    std::vector<std::string> ids;
    for (std::size_t i = query.skip; i < rows.size() && ids.size() < query.limit; ++i) {
      ids.push_back(rows[i].id);
    }
    return ids;
  }

  // Beyond the sort fields the store's order is that of its index: then only the set is compared.
  void expect_same(FindQuery query, bool sorted) {
    auto found = find(query);
    auto wanted = model(query);
    if (!sorted) {
      std::sort(found.begin(), found.end());
      std::sort(wanted.begin(), wanted.end());
    }
    EXPECT_EQ(found, wanted) << query.selector;
    const auto counted = store_->count_matches(query);
    ASSERT_TRUE(counted) << counted.error().message;
    EXPECT_EQ(counted->results, wanted.size()) << query.selector;
  }

  std::size_t below(std::size_t n) { return json_.below(n); }

  std::string id() {
    std::string text = below(3) == 0 ? "b:" : "a:";
    // Some ids share their first 480 bytes, and more.
    if (below(8) == 0) text += std::string(475 + below(12), 'x');
    return text + std::to_string(below(60));
  }

  std::string value() {
    if (below(6) != 0) return json_.value(2);
    // Long strings that are equal for some hundred bytes.
    return json::quoted(std::string(400 + below(3) * 300, 'v') + std::to_string(below(4)));
  }

  std::string document() {
    std::string text;
    const auto member = [&](const char* name, const std::string& what) {
      text += (text.empty() ? "{\"" : ",\"") + std::string(name) + "\":" + what;
    };
    if (below(5) != 0) member("n", value());
    if (below(5) != 0) member("s", value());
    if (below(4) != 0) member("o", "{\"x\":" + value() + "}");
    return text.empty() ? "{}" : text + "}";
  }

  void step() {
    const std::string name = id();
    const auto known = store_->get(name);
    switch (below(12)) {
      case 0:
        if (known) {
          ASSERT_TRUE(store_->write_one(tombstone(name, known->rev)));
        }
        return;
      case 1: {  // a conflict that may win
        replicate(name, {r(std::to_string(1 + below(3)) + "-" + "0123456789abcdef"[below(16)])},
                  document(), below(4) == 0);
        return;
      }
      case 2:
        if (known) {
          ASSERT_TRUE(store_->purge(name, std::vector<RevId>{known->rev}));
        }
        return;
      default:
        put(name, document(), known ? std::optional(known->rev) : std::nullopt);
    }
  }

  FindQuery query(bool* sorted) {
    static const char* kFields[] = {"n", "s", "o.x"};
    static const char* kOps[] = {"$eq", "$gt", "$gte", "$lt", "$lte", "$ne"};
    const auto condition = [&]() -> std::string {
      switch (below(6)) {
        case 0:
          return "{\"$in\":[" + value() + "," + value() + "," + value() + "]}";
        case 1:
          return "{\"$exists\":true}";
        case 2:
          return "{\"$gte\":" + value() + ",\"$lt\":" + value() + "}";
        default:
          return "{\"" + std::string(kOps[below(6)]) + "\":" + value() + "}";
      }
    };
    FindQuery query;
    const std::size_t first = below(3);
    query.selector = "{\"" + std::string(kFields[first]) + "\":" + condition();
    if (below(2) == 0) {
      query.selector += ",\"" + std::string(kFields[(first + 1) % 3]) + "\":" + condition();
    }
    query.selector += "}";
    *sorted = below(2) == 0;
    if (*sorted) query.sort.push_back({kFields[first], below(2) == 0});
    if (below(3) == 0) query.prefix = below(2) == 0 ? "a" : "b";
    if (*sorted && below(3) == 0) {
      query.skip = below(5);
      query.limit = below(20);
    }
    return query;
  }

  void check_queries(int count) {
    for (int i = 0; i < count; ++i) {
      bool sorted = false;
      const FindQuery one = query(&sorted);
      expect_same(one, sorted);
      if (HasFailure()) return;
    }
  }

  query::RandomJson json_{7};
};

TEST_F(FindModelTest, QueriesThroughIndexesGiveWhatAPlainFilterAndSortGives) {
  create(values_of("by n", {"n"}));
  for (int i = 0; i < 150; ++i) step();
  create(values_of("by s", {"s"}));
  create(values_of("by o.x", {"o.x"}));
  store_->flush();
  open();  // perhaps in the middle of the building
  for (int i = 0; i < 150; ++i) step();
  create(values_of("by n and s", {"n", "s"}));
  create(values_of("a by s and o", {"s", "o.x"}, "a"));
  for (int i = 0; i < 50; ++i) step();
  finish_indexes();
  check_queries(120);
  for (int i = 0; i < 100; ++i) step();
  ASSERT_TRUE(store_->compact());
  check_queries(60);
  open();
  ASSERT_TRUE(store_->drop_index("by n and s"));
  finish_indexes();
  EXPECT_EQ(store_->indexes().size(), 4u);
  check_queries(60);
}

}  // namespace
}  // namespace atelier::test
