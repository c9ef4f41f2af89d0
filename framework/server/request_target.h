// What the target of a request names: path, query, and the document or attachment of a path.
// Thread rule: values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "server/http_message.h"

namespace atelier::server {

/// Fills in path, segments and query of the request from its target (RFC 9112 section 3.2: the
/// origin form, the absolute one, and * of OPTIONS). Errors: kInvalid.
Status parse_target(Request& request);

/// The segments from `from` on with a slash between two.
std::string join_segments(const std::vector<std::string>& segments, std::size_t from);

/// A document and perhaps an attachment of it, as a path names them.
struct Place {
  std::string id;
  std::string attachment;  // empty: the document itself
};

/// nullopt for paths that name no document (`_all_docs` and the like).
std::optional<Place> place_of(const std::vector<std::string>& segments);

}  // namespace atelier::server
