// Dates as HTTP writes them (RFC 9110, 5.6.7: IMF-fixdate). Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace atelier {

/// "Mon, 23 Nov 2026 04:01:04 GMT"
std::string http_date(std::int64_t seconds_since_1970);

/// Seconds since 1970 of such a text, whatever its weekday says; nullopt for everything else, the
/// two obsolete forms included.
std::optional<std::int64_t> parse_http_date(std::string_view text);

}  // namespace atelier
