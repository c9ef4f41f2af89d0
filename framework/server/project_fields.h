// A document cut down to some of its fields, as `fields` of _find and of a selector's feed want it.
// Thread rule: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace atelier::server {

/// An object of those fields ("a", "a.b") of `document` (normal form) that are there, nested as
/// they were.
std::string project_fields(std::string_view document, const std::vector<std::string>& fields);

}  // namespace atelier::server
