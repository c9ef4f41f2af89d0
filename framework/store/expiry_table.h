// When documents expire. Thread rule: as the transaction.
//
//   expiries  `t` time `s` -> check, id          time: milliseconds since 1970, u64 big-endian
//             `d` s        -> check, time        s: the document's sequence, u64 big-endian
//
// A document that expires has one row of each kind, under the sequence of its last change; only the
// winner's time counts. Rows are small whatever the id.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/writer.h"

namespace atelier {

/// The document of `old_sequence` (0: it is new) is the one of `sequence` (0: gone), and expires at
/// `time_ms`, or never.
void move_expiry(WriteContext& context, std::uint64_t old_sequence, std::uint64_t sequence,
                 std::string_view id, std::optional<std::int64_t> time_ms);
std::optional<std::int64_t> expiry_of(WriteContext& context, std::uint64_t sequence);

/// The time at which a winner with that body expires, by its member or its prefix, if it is written
/// now.
std::optional<std::int64_t> expiry_time(const WriteContext& context, std::string_view id,
                                        std::string_view body);

struct Due {
  std::int64_t time_ms = 0;
  std::uint64_t sequence = 0;
  std::string id;
};
/// Up to `limit` documents that expired by `now_ms`, from `*position` on (empty: from the first);
/// moved behind them, and empty after the last.
Result<std::vector<Due>> due_documents(MDB_txn* txn, const Tables& tables, std::int64_t now_ms,
                                       std::size_t limit, std::string* position);
/// The first time behind `now_ms`.
Result<std::optional<std::int64_t>> next_expiry(MDB_txn* txn, const Tables& tables,
                                                std::int64_t now_ms);

namespace record {
struct ExpiryRow {
  bool by_time = false;  // `t`; else `d`
  std::int64_t time_ms = 0;
  std::uint64_t sequence = 0;
  std::string_view id;  // of `t`
};
Result<ExpiryRow> decode_expiry(std::string_view key, std::string_view bytes);
/// Keys and values of both rows of a document.
std::array<std::pair<std::string, std::string>, 2> encode_expiry(std::int64_t time_ms,
                                                                 std::uint64_t sequence,
                                                                 std::string_view id);
std::string expiry_time_key(std::int64_t time_ms, std::uint64_t sequence);
std::string expiry_sequence_key(std::uint64_t sequence);
}  // namespace record

}  // namespace atelier
