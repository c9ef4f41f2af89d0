// From a selector's JSON to its tree. Private to query/selector*.cpp. Thread rule: pure.
#pragma once

#include <string_view>

#include "base/error.h"
#include "query/selector_tree.h"

namespace atelier::query {

/// `selector` is in normal form.
Result<SelectorTree> read_selector(JsonView selector);

/// "$and"…
std::string_view operator_name(Op op);

}  // namespace atelier::query
