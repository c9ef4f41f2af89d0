#include "store/retention.h"

#include "base/json_text.h"
#include "base/limits.h"

namespace atelier {
namespace {

constexpr std::string_view kExpiresAt = "expires_at";

bool is_time(std::int64_t ms) {
  return ms >= 0 && ms <= kTimeMax;
}

Error no_retention() {
  return invalid("the settings of lifetimes are not readable");
}

}  // namespace

std::optional<std::int64_t> Retention::lifetime_of(std::string_view id) const {
  if (lifetimes_ms.empty() || id.starts_with("_design/")) return std::nullopt;
  // Prefixes of the id are in order of their length; the last one that fits is behind all others.
  std::optional<std::int64_t> found;
  for (auto at = lifetimes_ms.begin(); at != lifetimes_ms.end() && at->first <= id; ++at) {
    if (id.starts_with(at->first)) found = at->second;
  }
  return found;
}

Status check_retention(const Retention& retention) {
  if (!is_time(retention.tombstones_ms)) return invalid("the age of tombstones is no time");
  if (retention.lifetimes_ms.size() > kLifetimesMax) {
    return Error(ErrorCode::kTooLarge, "there are too many prefixes with a lifetime");
  }
  for (const auto& [prefix, ms] : retention.lifetimes_ms) {
    if (ms <= 0 || !is_time(ms)) return invalid("the lifetime of '" + prefix + "' is no time");
    if (prefix.size() > kIdBytesMax || !json::is_utf8(prefix)) {
      return invalid("a lifetime is given for what is no prefix of an id");
    }
  }
  return ok();
}

std::string encode_retention(const Retention& retention) {
  json::Writer out;
  out.begin_object().key("lifetimes").begin_object();
  for (const auto& [prefix, ms] : retention.lifetimes_ms) out.key(prefix).integer(ms);
  out.end_object().key("tombstones").integer(retention.tombstones_ms).end_object();
  return out.take();
}

Result<Retention> decode_retention(std::string_view text) {
  ATELIER_TRY(normal, json::normalize(text));
  if (json::kind_of(normal) != json::Kind::kObject) return no_retention();
  Retention retention;
  bool whole = true;
  json::for_each_member(normal, [&](std::string_view key, std::string_view value) {
    if (key == "tombstones") {
      const auto ms = json::int_value(value);
      whole = ms.has_value();
      retention.tombstones_ms = ms.value_or(0);
    } else if (key == "lifetimes" && json::kind_of(value) == json::Kind::kObject) {
      json::for_each_member(value, [&](std::string_view prefix, std::string_view lifetime) {
        const auto ms = json::int_value(lifetime);
        whole = ms.has_value();
        retention.lifetimes_ms.emplace(prefix, ms.value_or(0));
        return whole;
      });
    } else {
      whole = false;
    }
    return whole;
  });
  if (!whole) return no_retention();
  ATELIER_CHECK(check_retention(retention));
  return retention;
}

std::optional<std::int64_t> expires_at(std::string_view body) {
  // Nearly every document has none, and then one pass over its bytes says so. A string may hold
  // these bytes as well, or an inner object: member() decides.
  if (body.find("\"expires_at\":") == std::string_view::npos) return std::nullopt;
  const auto time_ms = json::int_member(body, kExpiresAt);
  if (!time_ms || !is_time(*time_ms)) return std::nullopt;
  return time_ms;
}

}  // namespace atelier
