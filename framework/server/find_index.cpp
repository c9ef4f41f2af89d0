#include "server/find_index.h"

#include <algorithm>

#include "base/digest.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "query/json_view.h"

namespace atelier::server {

namespace {

constexpr std::string_view kNoSortIndex =
    "No index exists for this sort, try indexing by the sort fields.";
constexpr std::string_view kNoIndex =
    "No matching index found, create an index to optimize query time.";

std::string fields_json(const FindIndex& index) {
  std::string out = "[";
  for (const std::string& field : index.fields) {
    if (out.size() > 1) out += ',';
    out += '{' + json::quoted(field) + (index.descending ? ":\"desc\"}" : ":\"asc\"}");
  }
  return out + ']';
}

/// The map of a view of language "query".
std::string view_of(const FindIndex& index) {
  std::string fields = "{";
  for (const std::string& field : index.fields) {
    if (fields.size() > 1) fields += ',';
    fields += json::quoted(field) + (index.descending ? ":\"desc\"" : ":\"asc\"");
  }
  fields += '}';
  const std::string filter = index.partial_filter.empty() ? "{}" : index.partial_filter;
  std::string def = "{\"fields\":" + fields_json(index);
  if (!index.partial_filter.empty()) def += ",\"partial_filter_selector\":" + index.partial_filter;
  return "{\"map\":{\"fields\":" + fields + ",\"partial_filter_selector\":" + filter +
         "},\"reduce\":\"_count\",\"options\":{\"def\":" + def + "}}}";
}

std::optional<FindIndex> index_of_view(std::string_view ddoc, std::string_view name,
                                       std::string_view view) {
  const auto fields = json::find(view, {"map", "fields"});
  if (!fields || json::kind_of(*fields) != json::Kind::kObject) return std::nullopt;
  FindIndex index;
  index.ddoc = std::string(ddoc);
  index.name = std::string(name);
  index.fields.clear();
  json::for_each_member(*fields, [&](std::string_view field, std::string_view direction) {
    index.fields.emplace_back(field);
    index.descending = json::string_value(direction) == "desc";
    return true;
  });
  const auto filter = json::find(view, {"map", "partial_filter_selector"});
  if (filter && json::kind_of(*filter) == json::Kind::kObject && *filter != "{}")
    index.partial_filter = std::string(*filter);
  return index;
}

bool requires_all(const query::Selector& selector, const std::vector<std::string>& fields,
                  std::size_t from) {
  for (std::size_t i = from; i < fields.size(); ++i)
    if (!selector.bounds(fields[i]).required) return false;
  return true;
}

bool begins_with(const std::vector<std::string>& fields, const std::vector<std::string>& start) {
  return start.size() <= fields.size() && std::equal(start.begin(), start.end(), fields.begin());
}

/// Why an index cannot serve a query, in CouchDB's words; empty when it can.
std::string unfit(const FindIndex& index, const query::Selector& selector, const IndexWish& wish) {
  if (wish.partitioned_database && !index.all_docs() && index.partitioned != wish.in_partition)
    return "scope_mismatch";
  if (!begins_with(index.fields, wish.sort.fields)) return "sort_order_mismatch";
  if (index.all_docs()) return {};
  if (index.fields.empty()) return "field_mismatch";
  if (!requires_all(selector, index.fields, wish.sort.fields.size())) return "field_mismatch";
  return {};
}

/// The length of the fields' run, from the first, whose values a query narrows.
std::size_t narrowed(const FindIndex& index, const query::Selector& selector) {
  std::size_t count = 0;
  while (count < index.fields.size() && selector.bounds(index.fields[count]).is_range()) ++count;
  return count;
}

bool is_wished(const FindIndex& index, const IndexWish& wish) {
  return !wish.ddoc.empty() && index.ddoc == wish.ddoc &&
         (wish.name.empty() || index.name == wish.name);
}

std::string not_used(const IndexWish& wish) {
  const std::string what = wish.name.empty() ? wish.ddoc : wish.ddoc + ", " + wish.name;
  return what + " was not used because it " +
         (wish.name.empty() ? "does not contain a valid index for this query."
                            : "is not a valid index for this query.");
}

/// Whether `a` serves better than `b`.
bool better(const FindIndex& a, const FindIndex& b, const query::Selector& selector) {
  if (a.all_docs() != b.all_docs()) return b.all_docs();
  const std::size_t narrow_a = narrowed(a, selector), narrow_b = narrowed(b, selector);
  if (narrow_a != narrow_b) return narrow_a > narrow_b;
  if (a.fields.size() != b.fields.size()) return a.fields.size() < b.fields.size();
  return std::tie(a.ddoc, a.name) < std::tie(b.ddoc, b.name);
}

}  // namespace

std::string FindIndex::definition() const {
  std::string out = "{\"fields\":" + fields_json(*this);
  if (!partial_filter.empty()) out += ",\"partial_filter_selector\":" + partial_filter;
  return out + '}';
}

std::string FindIndex::listed() const {
  if (all_docs())
    return R"({"ddoc":null,"name":"_all_docs","type":"special","def":{"fields":[{"_id":"asc"}]}})";
  return "{\"ddoc\":" + json::quoted(ddoc) + ",\"name\":" + json::quoted(name) +
         ",\"type\":\"json\",\"partitioned\":" + (partitioned ? "true" : "false") +
         ",\"def\":" + definition() + '}';
}

Result<SortSpec> parse_sort(std::string_view list) {
  SortSpec spec;
  if (list == "{}") return spec;
  if (json::kind_of(list) != json::Kind::kArray)
    return invalid("Sort must be an array of sort specs, not: " + std::string(list));
  Status parsed = ok();
  std::size_t down = 0;
  json::for_each_element(list, [&](std::string_view element) {
    if (auto field = json::string_value(element)) {
      spec.fields.push_back(std::move(*field));
      return true;
    }
    std::size_t members = 0;
    if (json::kind_of(element) == json::Kind::kObject)
      json::for_each_member(element, [&](std::string_view field, std::string_view direction) {
        ++members;
        spec.fields.emplace_back(field);
        const auto word = json::string_value(direction);
        if (word == "desc")
          ++down;
        else if (word != "asc")
          parsed = invalid("Invalid sort direction: " + std::string(direction));
        return true;
      });
    if (members != 1) parsed = invalid("Invalid sort field: " + std::string(element));
    return parsed.has_value();
  });
  if (!parsed) return parsed.error();
  for (const std::string& field : spec.fields) ATELIER_CHECK(query::FieldPath::parse(field));
  if (down != 0 && down != spec.fields.size())
    return invalid("Sorts currently only support a single direction for all fields.");
  spec.descending = down != 0;
  return spec;
}

std::string_view find_error_name(const Error& error) {
  static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"Sort must be", "invalid_sort_json"},
      {"Invalid sort direction", "invalid_sort_dir"},
      {"Invalid sort field", "invalid_sort_field"},
      {"Sorts currently", "unsupported_mixed_sort"},
      {"No index exists", "no_usable_index"},
      {"Missing required key", "missing_required_key"},
      {"Invalid key ", "invalid_key"},
      {"Fields must be", "invalid_fields_json"},
      {"Invalid bookmark", "invalid_bookmark"},
      {"Index must be", "invalid_index_json"},
      {"Invalid type for index", "invalid_index"},
      {"Invalid ddoc name", "invalid_ddoc_name"},
      {"Invalid index name", "invalid_index_name"}};
  for (const auto& [start, name] : kNames)
    if (error.message.starts_with(start)) return name;
  if (error.message.ends_with("greater than or equal to zero")) return "invalid_non_neg_integer";
  if (error.message.ends_with("is not a boolean")) return "invalid_boolean";
  return query::selector_error_name(error);
}

Result<FindIndex> parse_index(std::string_view body, bool partitioned_database) {
  const auto type = json::string_member(body, "type").value_or("json");
  if (type == "text" || type == "nouveau")
    return Error{ErrorCode::kUnsupported, "Full text indexes are not served here."};
  if (type != "json") return invalid("Invalid type for index: " + type);
  const auto def = json::member(body, "index");
  if (!def) return invalid("Missing required key: index");
  const auto fields =
      json::kind_of(*def) == json::Kind::kObject ? json::member(*def, "fields") : std::nullopt;
  if (!fields || json::kind_of(*fields) != json::Kind::kArray)
    return invalid("Index must be an object with a list `fields`, not: " + std::string(*def));
  ATELIER_TRY(sort, parse_sort(*fields));
  FindIndex index;
  index.fields = std::move(sort.fields);
  index.descending = sort.descending;
  auto filter = json::member(*def, "partial_filter_selector");
  if (!filter) filter = json::member(body, "partial_filter_selector");
  if (filter && *filter != "{}") {
    ATELIER_CHECK(query::Selector::compile(*filter));
    index.partial_filter = std::string(*filter);
  }
  index.partitioned = json::bool_member(body, "partitioned").value_or(partitioned_database);
  const std::string hash = hex(sha256(index.definition())).substr(0, 40);
  for (const char* name : {"ddoc", "name"}) {
    const auto given = json::member(body, name);
    if (given && !json::string_value(*given))
      return invalid("Invalid " + std::string(name == std::string_view("ddoc") ? "ddoc" : "index") +
                     " name: " + std::string(*given));
  }
  index.name = json::string_member(body, "name").value_or(hash);
  index.ddoc = json::string_member(body, "ddoc").value_or(hash);
  if (index.name.empty()) return invalid("Invalid index name: ");
  if (!index.ddoc.starts_with("_design/")) index.ddoc = "_design/" + index.ddoc;
  if (index.ddoc.size() == 8) return invalid("Invalid ddoc name: ");
  return index;
}

std::vector<FindIndex> indexes_of(std::string_view ddoc, std::string_view body,
                                  bool partitioned_database) {
  std::vector<FindIndex> out;
  const auto views = json::member(body, "views");
  if (json::string_member(body, "language") != "query" || !views ||
      json::kind_of(*views) != json::Kind::kObject)
    return out;
  bool partitioned = partitioned_database;
  if (const auto option = json::find(body, {"options", "partitioned"}))
    partitioned = json::bool_value(*option).value_or(partitioned);
  json::for_each_member(*views, [&](std::string_view name, std::string_view view) {
    if (auto index = index_of_view(ddoc, name, view)) {
      index->partitioned = partitioned;
      out.push_back(std::move(*index));
    }
    return true;
  });
  return out;
}

Result<std::vector<FindIndex>> read_indexes(const Store& store, bool partitioned_database) {
  std::vector<FindIndex> out(1);
  ScanOptions range;
  range.start = "_design/";
  range.end = "_design0";
  range.inclusive_end = false;
  ATELIER_CHECK(store.scan(range, [&](const DocumentView& view) {
    for (FindIndex& index : indexes_of(view.id, view.body, partitioned_database))
      out.push_back(std::move(index));
    return true;
  }));
  return out;
}

namespace {

constexpr std::string_view kStoreIndexPrefix = "_find/";  // what no caller of a store names its own

IndexDefinition store_definition(const FindIndex& index) {
  IndexDefinition definition;
  definition.name = store_index_name(index);
  definition.fields = index.fields;
  definition.filter = index.partial_filter;
  return definition;
}

}  // namespace

std::string store_index_name(const FindIndex& index) {
  const std::string name = std::string(kStoreIndexPrefix) + index.ddoc + '/' + index.name;
  if (name.size() <= kIndexNameBytesMax) return name;
  return std::string(kStoreIndexPrefix) + hex(sha256(name));
}

void keep_store_indexes(Store& store, const std::vector<FindIndex>& indexes) {
  std::vector<IndexDefinition> wanted;
  for (const FindIndex& index : indexes)
    if (!index.all_docs() && !index.fields.empty()) wanted.push_back(store_definition(index));
  for (const IndexStatus& there : store.indexes()) {
    const IndexDefinition& definition = there.definition;
    if (!definition.name.starts_with(kStoreIndexPrefix)) continue;
    if (std::erase(wanted, definition) != 0) continue;
    if (there.state != IndexStatus::State::kDropping) (void)store.drop_index(definition.name);
  }
  for (const IndexDefinition& definition : wanted) (void)store.create_index(definition);
}

bool is_store_index_ready(const Store& store, const FindIndex& index) {
  const std::vector<IndexStatus> there = store.indexes();
  const IndexDefinition definition = store_definition(index);
  return std::any_of(there.begin(), there.end(), [&](const IndexStatus& one) {
    return one.state == IndexStatus::State::kReady && one.definition == definition;
  });
}

std::string with_index(std::string_view body, const FindIndex& index) {
  std::string views = "{";
  const auto old = json::member(body, "views");
  if (old && json::kind_of(*old) == json::Kind::kObject)
    json::for_each_member(*old, [&](std::string_view name, std::string_view view) {
      if (name == index.name) return true;
      if (views.size() > 1) views += ',';
      views += json::quoted(name) + ':' + std::string(view);
      return true;
    });
  if (views.size() > 1) views += ',';
  views += json::quoted(index.name) + ':' + view_of(index) + '}';
  std::string out = "{\"language\":\"query\",\"views\":" + views;
  json::for_each_member(body, [&](std::string_view name, std::string_view value) {
    if (name != "language" && name != "views" && name != "options")
      out += ',' + json::quoted(name) + ':' + std::string(value);
    return true;
  });
  return out + ",\"options\":{\"partitioned\":" + (index.partitioned ? "true" : "false") + "}}";
}

std::optional<std::string> without_index(std::string_view body, std::string_view removed) {
  std::string views = "{";
  json::for_each_member(json::member(body, "views").value_or("{}"),
                        [&](std::string_view name, std::string_view view) {
                          if (name == removed) return true;
                          if (views.size() > 1) views += ',';
                          views += json::quoted(name) + ':' + std::string(view);
                          return true;
                        });
  if (views.size() == 1) return std::nullopt;
  std::string out = "{";
  json::for_each_member(body, [&](std::string_view name, std::string_view value) {
    if (out.size() > 1) out += ',';
    out += json::quoted(name) + ':' + (name == "views" ? views + '}' : std::string(value));
    return true;
  });
  return out + '}';
}

Result<IndexChoice> choose_index(const std::vector<FindIndex>& indexes,
                                 const query::Selector& selector, const IndexWish& wish) {
  const FindIndex* best = nullptr;
  const FindIndex* wished = nullptr;
  IndexChoice choice;
  for (const FindIndex& index : indexes) {
    if (!unfit(index, selector, wish).empty()) continue;
    if (is_wished(index, wish) && (wished == nullptr || better(index, *wished, selector)))
      wished = &index;
    // What holds a part of the documents alone is used when it is named.
    if (!index.partial_filter.empty()) continue;
    if (best == nullptr || better(index, *best, selector)) best = &index;
  }
  const FindIndex* const chosen = wished != nullptr ? wished : best;
  if (chosen == nullptr) return invalid(std::string(kNoSortIndex));
  choice.index = *chosen;
  if (!wish.ddoc.empty() && wished == nullptr)
    choice.warning = not_used(wish);
  else if (chosen->all_docs())
    choice.warning = kNoIndex;
  for (const FindIndex& index : indexes) {
    if (&index == chosen) continue;
    std::string why = unfit(index, selector, wish);
    if (why.empty())
      why = index.all_docs()                ? "unfavored_type"
            : !index.partial_filter.empty() ? "is_partial"
                                            : "less_overlap";
    choice.others.emplace_back(index, std::move(why));
  }
  return choice;
}

}  // namespace atelier::server
