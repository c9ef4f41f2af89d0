// Blobs as rows: counting references and taking away what has none. Thread rule: the writer's
// thread.
#pragma once

#include <optional>

#include "store/writer.h"

namespace atelier {

/// Errors: kCorrupt and those of the disk; nullopt when there is none.
Result<std::optional<record::BlobRow>> find_blob(MDB_txn* txn, const Tables& tables,
                                                 const Sha256& blob);
void add_reference(WriteContext& context, const Sha256& blob);
/// The last reference takes the blob along.
void drop_reference(WriteContext& context, const Sha256& blob);
/// Deletes the chunks of a blob number.
void erase_chunks(WriteContext& context, std::uint64_t number);

// Rows of `staging`: `s` number -> nothing, a blob that is being written by this process; and
// `o` SHA-256 -> milliseconds since 1970, a finished one that no document refers to.
void mark_writing(WriteContext& context, std::uint64_t number, bool writing);
void mark_orphan(WriteContext& context, const Sha256& blob, bool orphan);
/// Deletes blobs that wait for a document for longer than kBlobUnreferencedMs and, when
/// `all_unfinished` (at open), what a run that ended did not finish.
Status sweep_blobs(WriteContext& context, bool all_unfinished);

/// Key of a chunk: number and index, big-endian.
std::string chunk_key(std::uint64_t number, std::uint32_t index);

}  // namespace atelier
