// Postings behind the last one of a block, without reading those before: what nearly every write
// does. Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/index_rows.h"

namespace atelier::index_rows {

/// The sequence of a block's last posting. Errors: kCorrupt.
Result<std::uint64_t> last_of_block(std::string_view key, std::string_view row);

/// The block of `word` whose row is `row`, with as many of `postings` from `begin` on as go into
/// it; moves `begin` behind them. They are ascending and behind the block's last one. Errors:
/// kCorrupt.
Result<std::string> append_to_block(std::string_view key, std::string_view row,
                                    const std::vector<Posting>& postings, std::size_t& begin);

}  // namespace atelier::index_rows
