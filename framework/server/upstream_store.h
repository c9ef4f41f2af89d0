// A room's store as what comes from upstream may use it: everything is read, and what is written
// passes the room's rules at its commit like a client's write. What they refuse is kept in the
// quarantine. Upstream carries the documents of many authors: what asks who wrote is passed, what a
// document must be is not, and a mode or rules of the room come along when they can be read.
// Thread rule: any thread.
#pragma once

#include <memory>
#include <vector>

#include "server/guarded_store.h"
#include "server/quarantine.h"

namespace atelier::server {

class UpstreamStore final : public GuardedStore {
 public:
  UpstreamStore(std::shared_ptr<Store> store, std::shared_ptr<RoomGate> gate,
                std::shared_ptr<Quarantine> quarantine);

  /// Replicated revisions are judged; those refused are in the quarantine when this returns, and
  /// their results are kForbidden. What this program makes itself (it ends one of two equal leaves)
  /// is written as it is. Errors of keeping are those of the result, so that a replicator repeats.
  std::vector<WriteResult> write(std::vector<DocumentWrite> documents,
                                 const WriteOptions& options) override;

 private:
  void settle(const DocumentWrite& document, WriteResult& result);

  const std::shared_ptr<Quarantine> quarantine_;
};

}  // namespace atelier::server
