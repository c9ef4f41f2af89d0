#include "store/posting_cursor.h"

#include <algorithm>
#include <iterator>
#include <optional>

namespace atelier {

using word_rows::Posting;

// --- WordCursor

bool WordCursor::load(std::uint64_t at_most) {
  if (!cursor_) return false;
  postings_.clear();
  const std::string wanted = word_rows::row_key(key_, word_, at_most);
  bool more = cursor_->seek(wanted);
  if (!more || cursor_->key() != wanted) more = cursor_->move(more ? MDB_PREV : MDB_LAST);
  if (!more || !cursor_->key().starts_with(key_)) {
    status_ = cursor_->status();
    return false;
  }
  // The word may stand anywhere in the row; where it is not, it is in none.
  word_rows::RowReader row(cursor_->key(), cursor_->value());
  while (row.next()) {
    const word_rows::Entry& entry = row.entry();
    if (entry.word < word_) continue;
    if (entry.word == word_ && entry.first <= at_most) {
      status_ = word_rows::decode_postings(entry, &postings_);
      if (!status_) postings_.clear();
    }
    return !postings_.empty();
  }
  status_ = row.status();
  return false;
}

bool WordCursor::seek(std::uint64_t at_most) {
  if (postings_.empty() || postings_.front().sequence > at_most) {
    if (!load(at_most)) return false;
  }
  const auto behind = std::upper_bound(
      postings_.begin(), postings_.end(), at_most,
      [](std::uint64_t limit, const Posting& one) { return limit < one.sequence; });
  at_ = static_cast<std::size_t>(behind - postings_.begin()) - 1;
  return true;
}

// --- words

namespace {

// Each word of a segment that begins so, with its first entry. `fn(entry, whole)`: whether there is
// no other entry; it returns false to stop.
template <class Fn>
Status each_word(lmdb::Cursor& cursor, std::string_view segment_key, std::string_view beginning,
                 const Fn& fn) {
  const std::string wanted = word_rows::row_key(segment_key, beginning, 0);
  bool more = cursor.seek(wanted);
  // Words of the row before may be meant as well.
  if (!more || cursor.key() != wanted) {
    more = cursor.move(more ? MDB_PREV : MDB_LAST);
    if (!more || !cursor.key().starts_with(segment_key)) more = cursor.seek(wanted);
  }
  std::optional<std::string> last;
  while (more && cursor.key().starts_with(segment_key)) {
    word_rows::RowReader row(cursor.key(), cursor.value());
    while (row.next()) {
      const word_rows::Entry& entry = row.entry();
      if (entry.word < beginning || (last && entry.word == *last)) continue;
      if (!entry.word.starts_with(beginning) || !fn(entry, !row.at_end())) return ok();
      if (row.at_end()) last = entry.word;
    }
    ATELIER_CHECK(row.status());
    more = cursor.move(MDB_NEXT);
    if (!more || !last) continue;
    // A word of many rows: to the last of them, which others may stand in.
    std::string behind(segment_key);
    behind.append(*last).push_back('\0');
    if (!cursor.key().starts_with(behind)) continue;
    behind.back() = '\x01';
    more = cursor.seek(behind);
    more = cursor.move(more ? MDB_PREV : MDB_LAST);
  }
  return cursor.status();
}

}  // namespace

// --- TermCursor

TermCursor::TermCursor(lmdb::Cursor& cursor, std::uint32_t index,
                       const std::vector<Segment>& segments, query::SearchTerm term)
    : cursor_(&cursor), index_(index), term_(std::move(term)) {
  std::copy_if(segments.begin(), segments.end(), std::back_inserter(waiting_),
               [](const Segment& one) { return one.whole(); });
  std::sort(waiting_.begin(), waiting_.end(),
            [](const Segment& a, const Segment& b) { return a.last < b.last; });
}

bool TermCursor::before(std::size_t a, std::size_t b) const {
  const Part& one = parts_[a];
  const Part& other = parts_[b];
  if (one.cursor.sequence() != other.cursor.sequence()) {
    return one.cursor.sequence() < other.cursor.sequence();
  }
  return one.age < other.age;
}

void TermCursor::push(std::size_t part, std::uint64_t at_most) {
  WordCursor& cursor = parts_[part].cursor;
  if (cursor.seek(at_most)) {
    heap_.push_back(part);
    std::push_heap(heap_.begin(), heap_.end(), [this](auto a, auto b) { return before(a, b); });
  } else if (const Status status = cursor.status(); !status) {
    status_ = status;
  }
}

void TermCursor::open(const Segment& segment, std::uint64_t at_most) {
  if (segment.first > at_most) return;
  std::string key = word_rows::segment_key(index_, segment.number);
  std::vector<WordCursor> words;
  if (term_.prefix)
    status_ = open_words(key, &words);
  else
    words.emplace_back(*cursor_, std::move(key), term_.word);
  if (!status_) return;
  for (WordCursor& word : words) {
    parts_.push_back({std::move(word), segment.age});
    push(parts_.size() - 1, at_most);
  }
}

// Nearly all words stand in one row, which is read for its other words as well.
Status TermCursor::open_words(const std::string& segment_key,
                              std::vector<WordCursor>* words) const {
  Status decoded = ok();
  ATELIER_CHECK(
      each_word(*cursor_, segment_key, term_.word, [&](const word_rows::Entry& entry, bool whole) {
        if (!whole) {
          words->emplace_back(*cursor_, segment_key, std::string(entry.word));
          return true;
        }
        std::vector<Posting> postings;
        decoded = word_rows::decode_postings(entry, &postings);
        words->emplace_back(std::move(postings));
        return decoded.has_value();
      }));
  return decoded;
}

bool TermCursor::seek(std::uint64_t at_most) {
  while (status_) {
    while (status_ && !heap_.empty() && sequence() > at_most) {
      std::pop_heap(heap_.begin(), heap_.end(), [this](auto a, auto b) { return before(a, b); });
      const std::size_t part = heap_.back();
      heap_.pop_back();
      push(part, at_most);
    }
    // Segments that may have something as new as what is known.
    while (status_ && !waiting_.empty() && (heap_.empty() || waiting_.back().last >= sequence())) {
      const Segment segment = std::move(waiting_.back());
      waiting_.pop_back();
      open(segment, at_most);
    }
    if (!status_ || heap_.empty()) return false;
    if (parts_[heap_.front()].cursor.count() > 0 || count() > 0) return true;
    if (sequence() == 0) return false;
    at_most = sequence() - 1;  // taken back
  }
  return false;
}

std::uint32_t TermCursor::count() const {
  const Part& newest = parts_[heap_.front()];
  std::uint64_t all = 0;
  for (const std::size_t one : heap_) {
    const Part& part = parts_[one];
    if (part.age == newest.age && part.cursor.sequence() == newest.cursor.sequence()) {
      all += part.cursor.count();
    }
  }
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(all, UINT32_MAX));
}

Result<std::vector<std::string>> words_that_begin(lmdb::Cursor& cursor,
                                                  std::string_view segment_key,
                                                  std::string_view beginning, std::size_t max) {
  std::vector<std::string> words;
  ATELIER_CHECK(each_word(cursor, segment_key, beginning, [&](const word_rows::Entry& entry, bool) {
    words.emplace_back(entry.word);
    return words.size() <= max;
  }));
  return words;
}

}  // namespace atelier
