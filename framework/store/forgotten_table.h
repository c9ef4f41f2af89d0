// Tombstones that were let go, and how old a change is.
//
//   times      first sequence of some minutes -> check, i64 milliseconds since 1970
//   forgotten  16 bytes of SHA-256 over `r` id revision -> nothing: a revision that was known
//              16 bytes of SHA-256 over `d` id          -> check, the greatest tombstone
//
// A row (s, t) of `times` says that what is before s was written before t; times grow with the
// sequences, whatever the machine's clock did. Thread rule: as the transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "revtree/rev_tree.h"
#include "store/writer.h"

namespace atelier {

bool any_forgotten(MDB_txn* txn, const Tables& tables);
/// Errors: those of the disk.
Result<bool> is_forgotten(MDB_txn* txn, const Tables& tables, std::string_view id,
                          const RevId& rev);
/// The tombstone on which a document that was forgotten is made anew. Errors: kCorrupt, disk.
Result<std::optional<RevId>> forgotten_tombstone(MDB_txn* txn, const Tables& tables,
                                                 std::string_view id);
/// Notes every revision of a tree.
void remember_hashes(WriteContext& context, std::string_view id, const RevTree& tree);

/// The newest time in `times`; 0 when there is none.
std::int64_t last_time(MDB_txn* txn, const Tables& tables);
/// Notes when `sequence`, the first of a commit, was made, unless that is known well enough.
/// Returns the time noted, or 0.
std::int64_t mark_time(WriteContext& context, std::uint64_t sequence, std::int64_t last_ms);
/// All sequences up to which every change was written before `before_ms`.
struct WrittenBefore {
  std::uint64_t sequence = 0;  // 0: nothing is so old
  std::int64_t time_ms = 0;    // what the table says of it
};
Result<WrittenBefore> written_before(MDB_txn* txn, const Tables& tables, std::int64_t before_ms);
/// Takes away the times that say nothing about sequences behind `sequence`.
void drop_times(WriteContext& context, std::uint64_t sequence);

/// How far tombstones were forgotten: row `forgotten` of `meta`.
struct ForgottenMark {
  std::uint64_t sequence = 0;
  std::int64_t time_ms = 0;
};
Result<ForgottenMark> forgotten_mark(MDB_txn* txn, const Tables& tables);
void put_forgotten_mark(WriteContext& context, const ForgottenMark& mark);

namespace record {
/// Rows as bytes, for whoever checks them.
std::string forgotten_key(std::string_view id, const RevId* rev);  // null: of the document
Result<RevId> decode_forgotten(std::string_view key, std::string_view bytes);
Result<std::int64_t> decode_time(std::uint64_t sequence, std::string_view bytes);
Result<ForgottenMark> decode_forgotten_mark(std::string_view bytes);
}  // namespace record

}  // namespace atelier
