// A store in this process as a Peer. Thread rule: as Peer.
#pragma once

#include <memory>

#include "replication/peer.h"
#include "store/store.h"

namespace atelier {

std::unique_ptr<Peer> make_local_peer(std::shared_ptr<Store> store);

}  // namespace atelier
