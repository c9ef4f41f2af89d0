// Revisions that came from upstream and that a room's rules refuse. They are no documents of the
// room: they are kept whole beside it, for an administrator to look at and to be tried again.
//
// Invariants
//   1. What keep() reported as done survives a kill. The pull's position moves afterwards.
//   2. A revision leaves when the room took it or one that follows on it, or when a later refused one
//      followed on it; never because upstream is silent about it.
//
// One `_local` document `atelier-quarantine-<digest of id and revision>` each:
//   {"id","rev","error","reason","since_ms","deleted","history":[revision, newest first],
//    "attachments":[name],"body":{…}}
// which GuardedStore shows to administrators of the room alone. The bytes of attachments stay upstream,
// and so does a body that leaves no room for the rest in a document.
// Thread rule: any thread. keep(), release() and forget() wait for the store's writer.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "store/store.h"

namespace atelier::server {

/// More than these are no accident: what comes from upstream then stops until a person looks.
inline constexpr std::size_t kQuarantineMax = 10'000;
/// What the ids of the local documents begin with, one for each revision.
inline constexpr std::string_view kQuarantinePrefix = "atelier-quarantine-";

class Quarantine {
 public:
  struct Entry {
    std::string id;
    RevId rev;
    ErrorCode code = ErrorCode::kForbidden;
    std::string reason;         // names the rule, and no value of the document
    std::int64_t since_ms = 0;  // wall clock, of the first refusal
    bool away = false;          // a part of it is upstream alone: attachments, a large body
  };

  /// Reads what was kept.
  explicit Quarantine(std::shared_ptr<Store> store, std::size_t revisions_max = kQuarantineMax);

  /// Keeps a replicated revision in the place of those that it follows on. Errors: kFull beyond
  /// `revisions_max`, those of writing; none is about the document, so that a replicator repeats.
  Status keep(const DocumentWrite& write, const Error& why);
  /// The room took a revision of `id` with that history (newest first): what is kept of it goes.
  /// Errors: kDisk, kFull.
  Status release(const std::string& id, std::span<const RevId> history);

  std::size_t size() const;
  /// By id and revision.
  std::vector<Entry> list() const;
  /// The revision as it came, without its attachments. Errors: kNotFound (also for a body that is
  /// upstream), kCorrupt.
  Result<DocumentWrite> document(const std::string& id, const RevId& rev) const;

 private:
  using Key = std::pair<std::string, RevId>;
  std::vector<Key> kept_of(const std::string& id, std::span<const RevId> revs) const;
  Status remove(const std::vector<Key>& keys);

  const std::shared_ptr<Store> store_;
  const std::size_t revisions_max_;
  std::mutex writing_;  // held while the store is written, so that list and store agree
  mutable std::mutex mutex_;
  std::map<Key, Entry> entries_;  // guarded by mutex_
};

}  // namespace atelier::server
