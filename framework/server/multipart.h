// MIME multipart bodies, as the CouchDB replicator sends and reads them (RFC 2046 section 5.1).
// Thread rule: values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "server/http_message.h"

namespace atelier::server {

struct Part {
  Headers headers;
  std::string_view body;  // a slice of the parsed text
};

/// Splits a complete multipart body. Errors: kInvalid with what is wrong.
Result<std::vector<Part>> parse_multipart(std::string_view text, std::string_view boundary);

/// The file name that a part's Content-Disposition gives; empty when it gives none.
std::string part_file_name(const Headers& headers);

}  // namespace atelier::server
