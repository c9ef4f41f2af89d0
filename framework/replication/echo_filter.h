// Revisions that the remote is known to have because they came from it, so that what was just
// pulled is not offered back. Thread rule: safe from any thread.
//
// Invariants
//   1. Entries are true only for the database of their epoch. Another database, or a new connection
//   of
//      the pull to a server that does not name its database, begins a new epoch without entries.
//   2. A direction works in the epoch that its begin() found; with an old one add() does nothing.
//   3. Nothing is left out on the word of a server without a name: the entries then only tell
//   people
//      what waits.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/digest.h"
#include "base/limits.h"
#include "revtree/revision.h"

namespace atelier {

class EchoFilter {
 public:
  std::uint64_t epoch() const {
    std::lock_guard lock(mutex_);
    return epoch_;
  }

  /// A direction found the database `identity` ("" for a server that does not say) and works from
  /// now on in the epoch returned.
  std::uint64_t enter(const std::string& identity, bool from_remote) {
    std::lock_guard lock(mutex_);
    const bool same = identity == identity_ && !(identity.empty() && from_remote);
    if (same) return epoch_;
    identity_ = identity;
    known_.clear();
    order_.clear();
    return ++epoch_;
  }

  /// Whether entries may decide what is left out, for a direction of this epoch.
  bool may_skip(std::uint64_t epoch) const {
    std::lock_guard lock(mutex_);
    return epoch == epoch_ && !identity_.empty();
  }

  void add(std::uint64_t epoch, std::string_view id, const RevId& rev) {
    const Key key = key_of(id, rev);
    std::lock_guard lock(mutex_);
    if (epoch != epoch_ || !known_.insert(key).second) return;
    order_.push_back(key);
    if (order_.size() <= kEchoRevisionsMax) return;
    known_.erase(order_.front());
    order_.pop_front();
  }

  bool knows_all(std::string_view id, std::span<const RevId> leaves) const {
    {
      std::lock_guard lock(mutex_);
      if (known_.empty()) return false;
    }
    for (const RevId& leaf : leaves) {
      const Key key = key_of(id, leaf);
      std::lock_guard lock(mutex_);
      if (!known_.contains(key)) return false;
    }
    return !leaves.empty();
  }

 private:
  using Key = std::array<std::uint8_t, 16>;
  struct Hash {
    std::size_t operator()(const Key& key) const {
      std::size_t value = 0;
      std::memcpy(&value, key.data(), sizeof value);
      return value;
    }
  };

  /// Half of a SHA-256: a hostile remote must not be able to name a revision that hides another.
  static Key key_of(std::string_view id, const RevId& rev) {
    std::string text(id);
    text += '\0';
    text += rev.to_string();
    const Sha256 digest = sha256(text);
    Key key{};
    std::memcpy(key.data(), digest.data(), key.size());
    return key;
  }

  mutable std::mutex mutex_;
  std::uint64_t epoch_ = 1;              // guarded by mutex_
  std::string identity_;                 // guarded by mutex_
  std::unordered_set<Key, Hash> known_;  // guarded by mutex_
  std::deque<Key> order_;                // guarded by mutex_; oldest first
};

}  // namespace atelier
