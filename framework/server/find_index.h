// The indexes of `_find`: definitions in design documents of language "query", and which of them
// serves a query. Thread rule: values and pure functions over a store.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "query/selector.h"
#include "store/store.h"

namespace atelier::server {

struct FindIndex {
  std::string ddoc;  // "_design/…"; empty: all documents by id
  std::string name = "_all_docs";
  std::vector<std::string> fields = {"_id"};  // in the form of query::FieldPath
  bool descending = false;
  bool partitioned = false;
  std::string partial_filter;  // a selector in normal form; empty: none

  bool all_docs() const { return ddoc.empty(); }
  /// {"fields":[{"n":"asc"}]}
  std::string definition() const;
  /// As `_index` lists it.
  std::string listed() const;
};

/// {"index":{"fields":[…]},"ddoc":…,"name":…,"partitioned":…} of a POST to `_index`. Errors:
/// kInvalid, kUnsupported.
Result<FindIndex> parse_index(std::string_view body, bool partitioned_database);

/// All indexes of the database: all documents first, then by design document.
Result<std::vector<FindIndex>> read_indexes(const Store& store, bool partitioned_database);
/// Those that one design document holds.
std::vector<FindIndex> indexes_of(std::string_view ddoc, std::string_view body,
                                  bool partitioned_database);

/// The store's own index (store/index.h) behind one of these.
std::string store_index_name(const FindIndex& index);
/// Lets the store have an index for each of `indexes`, and none that only earlier design documents
/// asked for. What cannot be made is left out: then documents are read one by one. Cheap when nothing
/// changed.
void keep_store_indexes(Store& store, const std::vector<FindIndex>& indexes);
/// Whether the store's index is built.
bool is_store_index_ready(const Store& store, const FindIndex& index);

/// The body of a design document with `index` put in, or with that view taken out.
std::string with_index(std::string_view body, const FindIndex& index);
/// nullopt when no view is left.
std::optional<std::string> without_index(std::string_view body, std::string_view name);

/// The name of the one error kind that sorts and indexes share.
std::string_view find_error_name(const Error& error);

/// ["n", {"m":"desc"}] as fields and a direction. Errors: kInvalid.
struct SortSpec {
  std::vector<std::string> fields;
  bool descending = false;
};
Result<SortSpec> parse_sort(std::string_view list);

/// What was asked for beside the selector that decides about the index.
struct IndexWish {
  SortSpec sort;
  std::string ddoc, name;  // of use_index; empty: any
  bool in_partition = false;
  bool partitioned_database = false;
};

struct IndexChoice {
  FindIndex index;
  std::string warning;
  std::vector<std::pair<FindIndex, std::string>> others;  // and why not
};
/// Errors: kInvalid "No index exists for this sort, …".
Result<IndexChoice> choose_index(const std::vector<FindIndex>& indexes,
                                 const query::Selector& selector, const IndexWish& wish);

}  // namespace atelier::server
