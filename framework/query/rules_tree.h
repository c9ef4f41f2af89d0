// Compiled rules. Private to query/rules*.cpp. Thread rule: immutable once built.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "query/json_view.h"
#include "query/regex.h"
#include "query/rules.h"

namespace atelier::query {

/// A set of people. Without one (`std::optional` empty) it is everybody.
struct Who {
  bool anyone = false;  // also who did not sign in
  bool users = false;   // who did
  bool author = false;
  std::vector<std::string> roles, names;
};

struct FieldRules {
  FieldPath path;
  std::string field;  // as written
  bool required = false, immutable = false, append_only = false;
  std::vector<std::string> types;
  std::optional<std::string> min, max;  // a number's text
  std::optional<std::size_t> length_min,
      length_max;                    // code points of a string, elements of an array
  std::vector<std::string> allowed;  // `enum`: encoded keys, sorted
  bool has_allowed = false;
  std::optional<Regex> pattern;
};

class PrefixRules {
 public:
  std::string prefix;  // "*": every other
  std::optional<Who> create, change, remove, read;
  bool append_only = false;
  bool closed = false;  // no top-level fields but those with rules
  std::optional<std::size_t> bytes_max;
  std::optional<FieldPath> author;
  std::string author_name;  // as written
  std::vector<FieldRules> fields;
  std::vector<std::string> names;  // raw names of the declared top-level fields, for `closed`
};

/// Turns the place of an error ("/prefixes/message") into what people see in front of it.
using ShowPlace = std::function<std::string(const std::string& pointer)>;

/// A key as a part of a JSON pointer (RFC 6901).
std::string pointer_part(std::string_view key);

Result<std::vector<PrefixRules>> read_rules(JsonView rules, const ShowPlace& show);

}  // namespace atelier::query
