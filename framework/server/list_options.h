// What a request for a list of documents asks for: the options of _all_docs and its relatives.
// Thread rule: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "server/document_json.h"
#include "server/http_message.h"

namespace atelier::server {

/// One end of a range. Ids are texts; other JSON values sort before or after all of them.
struct Bound {
  enum class Kind { kNone, kBeforeTexts, kText, kAfterTexts };
  Kind kind = Kind::kNone;
  std::string text;
};

struct ListOptions {
  Bound start, end;
  bool inclusive_end = true;
  bool descending = false;
  bool include_docs = false;
  bool update_seq = false;
  std::uint64_t skip = 0;
  std::uint64_t limit = UINT64_MAX;
  std::optional<std::vector<std::string>> keys;  // JSON texts
  ShowOptions show;
};

/// Errors: kInvalid with CouchDB's reason.
Result<ListOptions> parse_list_options(const Query& query);
/// Members of a POST body (normal-form JSON) stand above the query. Errors: the same.
Status add_list_options(ListOptions& options, std::string_view body);

}  // namespace atelier::server
