// Own documents that the other side refuses, kept in the store's `_local` documents so that a
// restart does not forget what a checkpoint has passed. Thread rule: one thread at a time.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "replication/peer.h"
#include "store/store.h"

namespace atelier {

/// Of a remote among the store's `_local` documents, by PeerFactory::stable_name().
std::string outbox_name(const std::string& stable_name);

class Outbox {
 public:
  /// By id and revision: of a document in conflict several may be refused.
  using Refused = std::map<std::pair<std::string, RevId>, Rejection>;

  /// `name` distinguishes the remotes of one store. Reads what was kept.
  Outbox(std::shared_ptr<Store> store, std::string name);

  const Refused& refused() const { return refused_; }
  /// Takes what became of a batch and keeps the result: of each document named it told all that is
  /// refused. Errors: kTooLarge beyond kOutboxMax
  /// (nothing is changed then), kDisk, kFull.
  Status update(const std::vector<Rejection>& rejected, const std::vector<std::string>& settled);
  /// Every refused revision, for another try, a request a document.
  std::vector<RevisionRequest> requests() const;

 private:
  void forget(const std::string& id);
  Status save();

  const std::shared_ptr<Store> store_;
  const std::string local_id_;
  Refused refused_;
};

}  // namespace atelier
