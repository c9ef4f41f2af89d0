// Room titles (any Unicode) and the database names that CouchDB allows, mapped reversibly.
// Thread rule: pure functions.
//
// A database name matches ^[a-z][a-z0-9_$()+/-]*$ and has at most kDatabaseNameBytesMax bytes.
//   name  := plain | "x$$" escaped      the second form when the title does not begin with a-z,
//                                       or would itself begin with the mark
//   plain := [a-z] char*                char := [a-z0-9_-] | "$" hex hex  (one byte of UTF-8)
// Titles are trimmed and brought to Unicode's normal form C first, so that an e with an accent is
// one room however it was typed. Example: "Café 1" -> x$$$43af$c3$a9$201
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace atelier {

/// Errors: kInvalid for an empty title, invalid UTF-8 or control characters; kTooLarge.
Result<std::string> database_name_of_title(std::string_view title);

/// The title that a database name stands for. A legal name that no title maps to (it came from
/// another program) is its own title. Errors: kInvalid for a name that CouchDB refuses.
Result<std::string> title_of_database_name(std::string_view name);

/// Whether CouchDB accepts `name` for a database (system databases such as _users included).
bool is_database_name(std::string_view name);

}  // namespace atelier
