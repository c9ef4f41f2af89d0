// How a query is answered: which index, and where in it. docs/query.md states the rules.
//
// Thread rule: pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "query/selector.h"
#include "store/index_set.h"

namespace atelier {

/// Of keys in `values`, or of ids.
struct KeyRange {
  std::string low;                  // inclusive
  std::optional<std::string> high;  // exclusive; none: to the last id
};

struct CompiledFind {
  query::Selector selector;
  FindPlan plan;
  IndexPtr index;                // of kIndex
  std::vector<KeyRange> ranges;  // ascending, apart from each other; for kIds one id each, as `low`
  std::string id_prefix;         // with the colon; empty: any
  bool ids_covered = false;      // everything that lies in the ranges has that prefix
};

/// Errors: kInvalid with CouchDB's reasons; kUnsupported when nothing gives the order.
Result<CompiledFind> plan_find(const FindQuery& query, const IndexSet& indexes);

}  // namespace atelier
