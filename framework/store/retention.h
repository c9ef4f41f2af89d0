// How long things stay in a store: lifetimes of documents by prefix, and the age at which
// tombstones are forgotten. Thread rule: values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace atelier {

/// The property of a store that holds its retention, as encode_retention() writes it.
inline constexpr std::string_view kRetentionProperty = "retention";

struct Retention {
  /// Tombstones older than this may be forgotten; 0: never. A device that was away for longer is
  /// told by StoreInfo::forgotten_sequence.
  std::int64_t tombstones_ms = 0;
  /// By prefix of ids: how long after its last change here a document lives. The longest prefix
  /// counts.
  std::map<std::string, std::int64_t, std::less<>> lifetimes_ms;

  std::optional<std::int64_t> lifetime_of(std::string_view id) const;
  friend bool operator==(const Retention&, const Retention&) = default;
};

/// Errors: kInvalid for a time that is not positive or too long, kTooLarge for too many prefixes.
Status check_retention(const Retention& retention);
/// As the property `retention` of the store: {"lifetimes":{"here:":60000},"tombstones":…}.
std::string encode_retention(const Retention& retention);
/// Errors: kInvalid.
Result<Retention> decode_retention(std::string_view text);

/// The member `expires_at` of a body in normal form: milliseconds since 1970, UTC. None when it is
/// missing or not a whole number from 0 to 2^53 - 1.
std::optional<std::int64_t> expires_at(std::string_view body);

}  // namespace atelier
