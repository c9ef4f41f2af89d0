// The rows of indexes of values as keys and bytes; docs/formats/store.md has the grammar and an
// example.
//
// Thread rule: pure functions; what is decoded points into the row.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

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

}  // namespace atelier::index_rows
