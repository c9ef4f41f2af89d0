// The rows of indexes as keys and bytes; docs/formats/store.md has the grammar and an example.
//
// Thread rule: pure functions; what is decoded points into the row.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace atelier::index_rows {

/// A number whose bytes are in the order of numbers: its length in bytes, then those, big-endian.
void put_ordered(std::string& out, std::uint64_t number);
/// Moves `pos` behind it; false for bytes that put_ordered() does not write.
bool get_ordered(std::string_view bytes, std::size_t& pos, std::uint64_t* number);

// --- values: key := number:ordered value-key{fields} id

std::string value_row(std::string_view key, std::size_t id_bytes);
/// The id at the key's end. Errors: kCorrupt.
Result<std::string_view> id_of_value_row(std::string_view key, std::string_view row);

// --- words: key := number:ordered word 00 first:ordered, the block's first sequence

struct Posting {
  std::uint64_t sequence = 0;
  std::uint32_t count = 1;  // of the word in the document
  bool operator==(const Posting&) const = default;
};
std::string word_key(std::uint32_t index, std::string_view word);  // without `first`
std::string block_key(std::string_view word_key, std::uint64_t first);
/// Splits a block's key; false when it is none.
bool split_block_key(std::string_view key, std::string_view* word_key, std::uint64_t* first);
/// The word in a key's word_key.
std::string_view word_of(std::string_view word_key);

/// Encodes as many of `postings` (ascending, from `begin`) as go into one block and moves `begin`
/// behind them. The key is that of the first.
std::string encode_block(std::string_view key, const std::vector<Posting>& postings,
                         std::size_t& begin);
/// Appends them, ascending. Errors: kCorrupt.
Status decode_block(std::string_view key, std::string_view row, std::vector<Posting>* postings);
/// How many there are, without decoding them. Errors: kCorrupt.
Result<std::uint64_t> count_of_block(std::string_view key, std::string_view row);

}  // namespace atelier::index_rows
