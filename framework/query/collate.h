// The order of JSON values that selectors and indexes go by, and keys whose bytes are in that
// order.
//
//   null < false < true < numbers < strings < arrays < objects
//   numbers   by exact value
//   strings   by the bytes of their UTF-8, which is by code point
//   arrays    element by element; a shorter one that is the beginning of a longer one comes first
//   objects   member by member in the order in which they are written: name, then value
//
// This is CouchDB's order (couch_ejson_compare) but for strings, which CouchDB gives to ICU for
// views and Mango, and compares by bytes as ids. Why bytes here: docs/query.md.
// Thread rule: pure functions over text in normal form.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "query/json_view.h"

namespace atelier::query {

/// Negative, 0, positive.
int compare(JsonView a, JsonView b);
inline int compare(std::string_view a, std::string_view b) {
  return compare(JsonView(a), JsonView(b));
}

/// Equality in that order: 1 and 1.0 are equal, objects with members in another order are not.
inline bool equal(JsonView a, JsonView b) {
  return compare(a, b) == 0;
}

// A key's bytes. No key is the beginning of another, so keys of several fields are put one behind
// the other. memcmp(encode_key(a), encode_key(b)) has the sign of compare(a, b), and equal values
// have equal keys.
//
//   key     := 10 | 20 | 30                          null, false, true
//            | 40 number | 50 text | 60 key* 00 | 70 (50 text key)* 00
//   text    := byte* 00                              bytes 00, 01 are written 01 01, 01 02
//   number  := 80                                    zero
//            | positive | negative                   negative: all bytes of |x| complemented
//   positive:= head pair* 00                         x = 0.d1d2… * 10^e, d1 and the last digit not
//   0 pair    := (10 * d + d') + 1                     an odd last digit is followed by 0 head :=
//   A0 + (e + 20)                         for e in -20…40
//            | (DD + n) n bytes of e - 41            above, big-endian, n the fewest
//            | (9F - n) n bytes of -21 - e           below, complemented
//
// Example: [-1.5,"a"] is  60  40 4A EF FF  50 61 00  00.

/// Appends the key of one value.
void encode_key(JsonView value, std::string& out);
std::string encode_key(std::string_view normal);

/// Reads one key back from `bytes[pos]`, and moves `pos` behind it. The value is in normal form
/// with numbers in the form of canonical_number(). Errors: kCorrupt for bytes that no value encodes
/// to.
Result<std::string> decode_key(std::string_view bytes, std::size_t& pos);

/// The one text for all numbers of that value: 1e3, 1000.0 and 1000 give 1000.
std::string canonical_number(std::string_view number);

}  // namespace atelier::query
