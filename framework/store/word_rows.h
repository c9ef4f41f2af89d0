// The rows of an index of words: the words of a segment (store/segments.h) in their order, many to
// a row, each with the changes of documents that have it.
//
//   key   := index:ordered segment:ordered word 00 first:ordered     of the row's first entry
//   row   := check:4 entry+
//   entry := shared:varint rest:text step:zigzag head:varint [occurrences:varint]
//            [span:varint length:varint posting{count - 1}]
//     shared, rest  the word: so many bytes of the word before, then those; before the first entry
//                   stands the key's word
//     step          of the entry's first sequence from that of the entry before; from the key's
//     head          2 * count + many
//     occurrences   of the word in the first document, when it is not once (many = 1); 0: what an
//                   older segment says of this word and sequence is taken back
//     span, length  to the last sequence; the bytes of the postings; when there are two and more
//   posting := 2 * step + many:varint [occurrences:varint]           step from the sequence before
//
// A word whose postings do not fit goes on as the first entry of the next row.
// Thread rule: pure functions; what is read points into the row.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace atelier::word_rows {

/// That a word stands in a document, by the sequence of the document's last change.
struct Posting {
  std::uint64_t sequence = 0;
  std::uint32_t count = 1;  // how often; 0: not any more
  bool operator==(const Posting&) const = default;
};

/// What the keys of a segment's rows begin with.
std::string segment_key(std::uint32_t index, std::uint64_t segment);
std::string row_key(std::string_view segment_key, std::string_view word, std::uint64_t first);

struct Key {
  std::uint64_t index = 0, segment = 0, first = 0;
  std::string_view word;
};
/// False for bytes that are no key.
bool split_key(std::string_view key, Key* parts);

struct Entry {
  std::string_view word;  // valid until the next entry is read
  std::uint64_t count = 0, first = 0, last = 0;
  std::uint32_t first_count = 1;  // occurrences in the first
  std::string_view others;        // the other postings, encoded
};

/// The entries of a row, in order.
///   for (RowReader row(key, value); row.next();) use(row.entry());   then look at status()
class RowReader {
 public:
  RowReader() = default;
  /// Errors: kCorrupt.
  RowReader(std::string_view key, std::string_view row) { open(key, row); }
  void open(std::string_view key, std::string_view row);
  bool next();
  const Entry& entry() const { return entry_; }
  /// Whether the entry is the row's last.
  bool at_end() const { return rest_.empty(); }
  Status status() const;

 private:
  bool read(std::string_view bytes);

  std::string_view rest_;
  std::string word_;
  Entry entry_;
  bool first_ = true;
  bool damaged_ = false;
};

/// Appends an entry's postings, ascending. Errors: kCorrupt.
Status decode_postings(const Entry& entry, std::vector<Posting>* postings);

/// Makes the rows of a segment.
class RowsBuilder {
 public:
  using Emit = std::function<void(std::string key, std::string row)>;
  RowsBuilder(std::uint32_t index, std::uint64_t segment, Emit emit);

  /// In the order of words, then of sequences; none twice.
  void add(std::string_view word, const Posting& posting);
  /// Ends the last row.
  void finish();

 private:
  void begin_entry(std::string_view word, const Posting& posting);
  void end_entry();
  void end_row();
  std::size_t entry_bytes() const;

  const std::string segment_key_;
  const Emit emit_;
  std::string key_, row_;        // of the row that is being made; no key: none
  std::string row_word_;         // of its last entry
  std::uint64_t row_first_ = 0;  // likewise
  std::string word_;             // of the entry that is being made
  std::uint64_t count_ = 0;      // 0: none
  Posting first_;
  std::uint64_t last_ = 0;
  std::string others_;
};

}  // namespace atelier::word_rows
