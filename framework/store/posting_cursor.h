// Reading postings from the newest to the oldest: of one word, or of all words that begin alike,
// across the segments of an index.
//
// Thread rule: as the transaction.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "query/words.h"
#include "store/lmdb.h"
#include "store/segments.h"
#include "store/word_rows.h"

namespace atelier {

/// The postings of a word in one segment.
class WordCursor {
 public:
  /// `cursor`, of the table `words`, may be shared: it is placed anew each time.
  WordCursor(lmdb::Cursor& cursor, std::string segment_key, std::string word)
      : cursor_(&cursor), key_(std::move(segment_key)), word_(std::move(word)) {}
  /// All postings of a word that are in one row, which was read already; not none.
  explicit WordCursor(std::vector<word_rows::Posting> postings)
      : cursor_(nullptr), postings_(std::move(postings)) {}
  /// To the greatest sequence that is not above; false: none, or an error. `at_most` must not grow
  /// from call to call.
  bool seek(std::uint64_t at_most);
  std::uint64_t sequence() const { return postings_[at_].sequence; }
  std::uint32_t count() const { return postings_[at_].count; }
  Status status() const { return status_; }

 private:
  bool load(std::uint64_t at_most);

  lmdb::Cursor* cursor_;  // null: the postings are all there are
  std::string key_, word_;
  std::vector<word_rows::Posting> postings_;  // of one row
  std::size_t at_ = 0;
  Status status_ = ok();
};

/// The postings of what a search asks for, whichever words and segments they are in. What a newer
/// segment says of a sequence counts; postings of sequences that are gone are among them.
class TermCursor {
 public:
  /// `segments` as read_segments() gives them; those that are whole are read.
  TermCursor(lmdb::Cursor& cursor, std::uint32_t index, const std::vector<Segment>& segments,
             query::SearchTerm term);
  /// As WordCursor::seek().
  bool seek(std::uint64_t at_most);
  std::uint64_t sequence() const { return parts_[heap_.front()].cursor.sequence(); }
  std::uint32_t count() const;
  Status status() const { return status_; }

 private:
  struct Part {
    WordCursor cursor;
    std::uint64_t age;
  };
  bool before(std::size_t a, std::size_t b) const;
  void push(std::size_t part, std::uint64_t at_most);
  void open(const Segment& segment, std::uint64_t at_most);
  Status open_words(const std::string& segment_key, std::vector<WordCursor>* words) const;

  lmdb::Cursor* const cursor_;
  const std::uint32_t index_;
  const query::SearchTerm term_;
  std::vector<Segment> waiting_;  // not opened yet, the one with the greatest sequences last
  std::vector<Part> parts_;
  std::vector<std::size_t> heap_;  // of parts that have postings left: the newest first, and of
                                   // equal ones that of the newest segment
  Status status_ = ok();
};

/// The words of a segment that begin with `beginning`, at most `max` of them and one more.
Result<std::vector<std::string>> words_that_begin(lmdb::Cursor& cursor,
                                                  std::string_view segment_key,
                                                  std::string_view beginning, std::size_t max);

}  // namespace atelier
