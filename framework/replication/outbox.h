// Own documents that the other side refuses, kept in the store's `_local` documents so that a
// restart does not forget what a checkpoint has passed. Thread rule: one thread at a time.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "replication/peer.h"
#include "store/store.h"

namespace atelier {

class Outbox {
 public:
  /// `name` distinguishes the remotes of one store. Reads what was kept.
  Outbox(std::shared_ptr<Store> store, std::string name);

  const std::map<std::string, Rejection>& refused() const { return refused_; }
  /// Takes what became of a batch and keeps the result. Errors: kTooLarge beyond kOutboxMax
  /// (nothing is changed then), kDisk, kFull.
  Status update(const std::vector<Rejection>& rejected, const std::vector<std::string>& settled);
  /// Every refused revision, for another try.
  std::vector<RevisionRequest> requests() const;

 private:
  Status save();

  const std::shared_ptr<Store> store_;
  const std::string local_id_;
  std::map<std::string, Rejection> refused_;  // by id
};

}  // namespace atelier
