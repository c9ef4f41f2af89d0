// A store in this process as a Peer. Thread rule: as Peer.
#pragma once

#include <memory>

#include "replication/peer.h"
#include "store/store.h"

namespace atelier {

std::unique_ptr<Peer> make_local_peer(std::shared_ptr<Store> store);

/// A document of a store as it travels: with `_id`, `_rev`, `_revisions` and stubs.
WireDocument wire_document(const Document& document);
/// And back, as a write with `new_edits` false. Errors: kInvalid with what is wrong.
Result<DocumentWrite> replicated_write(const WireDocument& document);

}  // namespace atelier
