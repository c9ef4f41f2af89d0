// The segments of an index of words: each commit writes its words as one, behind what is there, and
// several of a size are joined to one in the background. So a commit writes its postings once, in a
// few pages side by side, and not one page a word.
//
//   key     := index:4 big-endian, segment:8 big-endian
//   segment := check:4 state:1 age:varint documents:varint dead:varint bytes:varint first:varint
//              last:varint [from-age:varint word:text sequence:varint]      those while it is made
//
// Invariants
//   1. The documents of an index are what its whole segments say of them. Where several list a
//      sequence (under the empty word), the newest says everything about it.
//   2. A posting whose sequence is gone from the table `sequences` counts for nothing: an edit
//      writes its own words, and takes none back. Joining leaves such postings out.
//   3. A whole segment's rows do not change. What is joined are neighbours by age.
// Thread rule: as the transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "store/lmdb.h"
#include "store/tables.h"

namespace atelier {

struct Segment {
  enum class State : std::uint8_t {
    kWhole,
    kMaking,  // of the whole segments of the ages [from_age, age], up to (word, sequence)
    kDropping,
  };
  std::uint64_t number = 0;  // in the keys of its rows
  State state = State::kWhole;
  std::uint64_t age = 0;        // the newer, the greater; whole segments differ in it
  std::uint64_t documents = 0;  // that it lists
  std::uint64_t dead = 0;       // of those, which are known to be gone: at least about so many
  std::uint64_t bytes = 0;      // of its rows, keys and values
  std::uint64_t first = 0, last = 0;  // sequences; 0 while it has no row
  std::uint64_t from_age = 0;
  std::string word;
  std::uint64_t sequence = 0;

  bool whole() const { return state == State::kWhole; }
  bool operator==(const Segment&) const = default;
};

std::string segment_row_key(std::uint32_t index, std::uint64_t number);
std::string encode_segment(std::uint32_t index, const Segment& segment);
/// Errors: kCorrupt.
Result<Segment> decode_segment(std::string_view key, std::string_view row);

/// All segments of an index, by age; one that is made stands behind those that it is made of.
/// Errors: kCorrupt, those of the transaction.
Result<std::vector<Segment>> read_segments(MDB_txn* txn, const Tables& tables, std::uint32_t index);
void put_segment(lmdb::WriteTxn& txn, const Tables& tables, std::uint32_t index,
                 const Segment& segment);
void erase_segment(lmdb::WriteTxn& txn, const Tables& tables, std::uint32_t index,
                   std::uint64_t number);

/// Neighbours to be joined, as positions in `segments` ([begin, end) of whole ones).
struct SegmentRange {
  std::size_t begin = 0, end = 0;
  std::uint64_t bytes = 0;
};
/// What should be joined next: kSegmentFan of a size and what is newer; else one that is mostly
/// dead, alone. nullopt: nothing. `segments` are whole and by age.
std::optional<SegmentRange> choose_segments(const std::vector<Segment>& segments);

}  // namespace atelier
