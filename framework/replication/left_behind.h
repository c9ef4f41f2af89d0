// Attachments whose bytes were left behind when their documents were pulled, or evicted since: they
// are fetched when somebody wants to read them. Thread rule: as Store and Peer.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "replication/peer.h"
#include "store/store.h"

namespace atelier {

/// Is told how many of an attachment's bytes have come, with each part and a few times a second while
/// none come; returns false to stop. Never called twice at once, but from two threads in turn.
using BlobProgress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

/// Sees to it that the bytes of an attachment of the winner are in the store, and returns it.
/// Nothing is asked of `source` when they are. The document keeps its revision and its sequence.
/// Errors: kNotFound for a document or an attachment that is none; kEvicted when `source` has no
/// bytes either, and for a document whose body was evicted; kInvalid when other bytes came than the
/// document promises; kCancelled when `progress` said so; those of `source` and of the disk.
Result<Attachment> bring_attachment(Store& store, Peer& source, const std::string& id,
                                    const std::string& name, const BlobProgress& progress = {});

}  // namespace atelier
