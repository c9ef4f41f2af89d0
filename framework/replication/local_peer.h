// A store in this process as a Peer. Thread rule: as Peer.
#pragma once

#include <cstdint>
#include <memory>

#include "replication/peer.h"
#include "store/store.h"

namespace atelier {

/// What a store takes in from others without their attachments' bytes. Such a document is whole but
/// for bytes that it says are away (Attachment::evicted); replication/left_behind.h fetches them.
struct LocalPeerOptions {
  /// Attachments of more bytes stay where they are.
  std::uint64_t leave_blobs_above = UINT64_MAX;
  /// Also those whose bytes the source left behind itself. For what pulls; what is pushed to keeps
  /// its documents whole and refuses them.
  bool takes_left_behind = false;
};

std::unique_ptr<Peer> make_local_peer(std::shared_ptr<Store> store,
                                      const LocalPeerOptions& options = {});

}  // namespace atelier
