#include "store/find_plan.h"

#include <algorithm>

#include "base/json_text.h"
#include "base/limits.h"
#include "query/collate.h"
#include "store/index_rows.h"

namespace atelier {
namespace {

constexpr std::string_view kNoIndexWarning =
    "No matching index found, create an index to optimize query time.";
constexpr std::string_view kNoSortIndex =
    "No index exists for this sort, try indexing by the sort fields.";
constexpr char kPast = '\xFF';      // behind every key and every byte of an id
constexpr char kArrayTag = '\x60';  // of query/collate.h

// What the index offers for the query.
struct Candidate {
  IndexPtr index;
  std::vector<KeyRange> ranges;
  std::size_t equal_fields = 0;
  bool bounded = false;  // the field behind those has a range
  bool never = false;
  bool covered = false;
};

std::string prefix_end(const std::string& prefix) {
  return prefix.substr(0, prefix.size() - 1) + ';';  // the byte after the colon
}

// --- order

// "_id", or the field as FieldPath writes it.
Result<std::string> field_name(const std::string& field) {
  if (field == "_id") return field;
  ATELIER_TRY(path, query::FieldPath::parse(field));
  return path.text();
}

struct Order {
  std::vector<std::string> fields;
  bool descending = false;
};

Result<Order> order_of(const FindQuery& query) {
  Order order;
  for (const SortField& one : query.sort) {
    if (one.descending != query.sort.front().descending) {
      return Error(ErrorCode::kInvalid,
                   "Sorts currently only support a single direction for all fields.");
    }
    ATELIER_TRY(name, field_name(one.field));
    order.fields.push_back(std::move(name));
  }
  order.descending = !query.sort.empty() && query.sort.front().descending;
  return order;
}

// Whether keys of the index, of which the first `equal` fields have one value, come in that order.
bool gives_order(const std::vector<std::string>& fields, std::size_t equal, const Order& order) {
  std::size_t at = 0;
  for (const std::string& wanted : order.fields) {
    const auto fixed =
        std::find(fields.begin(), fields.begin() + static_cast<std::ptrdiff_t>(equal), wanted);
    if (fixed != fields.begin() + static_cast<std::ptrdiff_t>(equal))
      continue;  // one value: any order
    at = std::max(at, equal);
    // Behind the fields a key has the id.
    const std::string& here = at < fields.size() ? fields[at] : std::string("_id");
    if (here != wanted) return false;
    ++at;
  }
  return true;
}

// --- an index

std::vector<std::string> fields_of(const Index& index) {
  std::vector<std::string> fields;
  for (const auto& path : index.paths) fields.push_back(path ? path->text() : "_id");
  return fields;
}

// Every document that the query can give must be in the index: it has all fields. A field of the
// order counts: documents without it have no place in that order, as in CouchDB.
bool holds_all(const query::Selector& selector, const std::vector<std::string>& fields,
               const Order& order) {
  return std::all_of(fields.begin(), fields.end(), [&](const std::string& field) {
    if (field == "_id") return true;
    if (std::find(order.fields.begin(), order.fields.end(), field) != order.fields.end())
      return true;
    return selector.bounds(field).required;
  });
}

bool covers_prefix(const Index& index, const FindQuery& query, const query::IdBounds& ids) {
  if (index.id_prefix.empty()) return true;
  if (index.definition.prefix == query.prefix) return true;
  if (ids.ids) {
    return std::all_of(ids.ids->begin(), ids.ids->end(),
                       [&](const std::string& id) { return id.starts_with(index.id_prefix); });
  }
  return ids.lower >= index.id_prefix && ids.upper && *ids.upper <= prefix_end(index.id_prefix);
}

// Ranges for the first field that has more than one value.
void add_ranges(const query::FieldBounds& bounds, const std::string& head,
                std::vector<KeyRange>& ranges) {
  if (!bounds.keys) {
    ranges.push_back(
        {head + bounds.lower, head + (bounds.upper ? *bounds.upper : std::string(1, kPast))});
    return;
  }
  // $in is also true of an array that holds one of the values: all arrays are looked at.
  const bool arrays = bounds.lower < std::string(1, kArrayTag + 1) &&
                      (!bounds.upper || *bounds.upper > std::string(1, kArrayTag));
  bool arrays_added = !arrays;
  const auto add_arrays = [&] {
    if (arrays_added) return;
    arrays_added = true;
    ranges.push_back({head + kArrayTag, head + static_cast<char>(kArrayTag + 1)});
  };
  for (const std::string& key : *bounds.keys) {
    if (key < bounds.lower || (bounds.upper && key >= *bounds.upper)) continue;
    if (key.front() >= kArrayTag) add_arrays();
    if (arrays && key.front() == kArrayTag) continue;  // lies in that range
    ranges.push_back({head + key, head + key + kPast});
  }
  add_arrays();
}

Candidate candidate_of(const IndexPtr& index, const query::Selector& selector) {
  Candidate candidate;
  candidate.index = index;
  std::string head;
  index_rows::put_ordered(head, index->number);
  bool exact = false;
  for (const auto& path : index->paths) {
    const query::FieldBounds bounds = selector.bounds(path ? path->text() : "_id");
    candidate.never = candidate.never || bounds.never;
    exact = bounds.exact;
    if (bounds.equal && !bounds.never) {
      query::encode_key(query::JsonView(*bounds.equal), head);
      ++candidate.equal_fields;
      continue;
    }
    candidate.bounded = bounds.is_range() || bounds.keys.has_value();
    if (candidate.bounded) add_ranges(bounds, head, candidate.ranges);
    break;
  }
  if (candidate.bounded && candidate.ranges.empty()) candidate.never = true;
  if (candidate.ranges.empty()) candidate.ranges.push_back({head, head + kPast});
  // An exact range of one field is all that the selector says. Values of $in leave arrays open.
  candidate.covered = exact && index->paths.size() == 1 && candidate.ranges.size() == 1;
  if (selector.matches_everything()) candidate.covered = true;
  return candidate;
}

bool better(const Candidate& a, const Candidate& b) {
  if (a.never != b.never) return a.never;
  if (a.equal_fields != b.equal_fields) return a.equal_fields > b.equal_fields;
  if (a.bounded != b.bounded) return a.bounded;
  if (a.index->paths.size() != b.index->paths.size()) {
    return a.index->paths.size() < b.index->paths.size();
  }
  // The smaller index, as far as definitions tell.
  return a.index->id_prefix.size() > b.index->id_prefix.size();
}

// --- the choice

// Values of a key, as one JSON array.
std::string values_text(const std::string& key, std::size_t head) {
  std::string text = "[";
  std::size_t pos = head;
  while (pos < key.size()) {
    const auto value = query::decode_key(key, pos);
    if (!value) break;  // the end of a range is no whole key
    text += (text.size() > 1 ? "," : "") + *value;
  }
  return text + "]";
}

void use_index(CompiledFind& find, Candidate chosen) {
  find.plan.way = chosen.never ? FindPlan::Way::kNothing : FindPlan::Way::kIndex;
  find.plan.index = chosen.index->definition;
  find.plan.equal_fields = chosen.equal_fields;
  find.plan.covered = chosen.covered;
  find.plan.ranges = chosen.ranges.size();
  std::string head;
  index_rows::put_ordered(head, chosen.index->number);
  find.plan.low = values_text(chosen.ranges.front().low, head.size());
  find.plan.high = values_text(*chosen.ranges.back().high, head.size());
  find.index = std::move(chosen.index);
  find.ranges = std::move(chosen.ranges);
  find.ids_covered = find.id_prefix.empty() || find.index->id_prefix == find.id_prefix;
}

void scan_ids(CompiledFind& find, query::IdBounds ids) {
  find.plan.way = FindPlan::Way::kScan;
  if (!find.id_prefix.empty()) {
    ids.lower = std::max(ids.lower, find.id_prefix);
    const std::string end = prefix_end(find.id_prefix);
    if (!ids.upper || end < *ids.upper) ids.upper = end;
  }
  find.ids_covered = true;
  if (ids.never || (ids.upper && *ids.upper <= ids.lower)) {
    find.plan.way = FindPlan::Way::kNothing;
    return;
  }
  find.plan.covered = ids.exact || find.selector.matches_everything();
  if (ids.ids) {
    find.plan.way = FindPlan::Way::kIds;
    for (std::string& id : *ids.ids) {
      if (id >= ids.lower && (!ids.upper || id < *ids.upper))
        find.ranges.push_back({id, id + '\0'});
    }
    if (find.ranges.empty()) find.plan.way = FindPlan::Way::kNothing;
  } else {
    find.ranges.push_back({ids.lower, ids.upper});
  }
  find.plan.ranges = find.ranges.size();
  if (find.ranges.empty()) return;
  find.plan.low = find.ranges.front().low;
  find.plan.high = find.ranges.back().high.value_or("");
}

}  // namespace

bool is_no_usable_index(const Error& error) {
  return error.code == ErrorCode::kUnsupported && error.message == kNoSortIndex;
}

Result<CompiledFind> plan_find(const FindQuery& query, const IndexSet& indexes) {
  ATELIER_TRY(selector, query::Selector::compile(query.selector));
  ATELIER_TRY(order, order_of(query));
  CompiledFind find{std::move(selector), {}, {}, {}, {}, false};
  if (!query.prefix.empty()) find.id_prefix = query.prefix + ":";
  find.plan.descending = order.descending;
  const query::IdBounds ids = find.selector.id_bounds();
  std::optional<Candidate> best;
  bool hint_used = false;
  for (const IndexPtr& index : indexes) {
    if (!index->ready() || index->is_words() || hint_used) continue;
    const bool hinted = !query.use_index.empty() && index->definition.name == query.use_index;
    // A partial index answers for its part alone: whoever names it says that this is what is
    // wanted.
    if (index->filter && !hinted) continue;
    const std::vector<std::string> fields = fields_of(*index);
    if (!holds_all(find.selector, fields, order) || !covers_prefix(*index, query, ids)) continue;
    Candidate candidate = candidate_of(index, find.selector);
    if (!gives_order(fields, candidate.equal_fields, order)) continue;
    hint_used = hinted;
    if (hinted || !best || better(candidate, *best)) best = std::move(candidate);
  }
  const bool id_order =
      order.fields.empty() || (order.fields.size() == 1 && order.fields.front() == "_id");
  // Ids that are named, or lie in a range, are found without an index.
  const bool narrow = ids.ids || ids.never || !ids.lower.empty() || ids.upper;
  const bool by_id =
      id_order && !hint_used &&
      (!best || (narrow && best->equal_fields == 0 && !best->never && (!best->bounded || ids.ids)));
  if (best && !by_id) {
    use_index(find, std::move(*best));
  } else if (id_order) {
    scan_ids(find, ids);
    if (find.plan.way == FindPlan::Way::kScan && !find.selector.matches_everything() &&
        !find.plan.covered && find.id_prefix.empty() && !narrow) {
      find.plan.warning = kNoIndexWarning;
    }
  } else {
    return Error(ErrorCode::kUnsupported, std::string(kNoSortIndex));
  }
  if (!query.use_index.empty() && !hint_used) {
    find.plan.warning =
        query.use_index + " was not used because it does not contain a valid index for this query.";
  }
  return find;
}

}  // namespace atelier
