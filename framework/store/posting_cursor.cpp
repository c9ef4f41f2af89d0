#include "store/posting_cursor.h"

#include <algorithm>

namespace atelier {

using index_rows::Posting;

// --- WordCursor

bool WordCursor::load(std::uint64_t at_most) {
  postings_.clear();
  const std::string wanted = index_rows::block_key(word_, at_most);
  bool more = cursor_->seek(wanted);
  if (!more || cursor_->key() != wanted) more = cursor_->move(more ? MDB_PREV : MDB_LAST);
  if (!more || !cursor_->key().starts_with(word_)) {
    status_ = cursor_->status();
    return false;
  }
  status_ = index_rows::decode_block(cursor_->key(), cursor_->value(), &postings_);
  if (!status_) postings_.clear();
  return !postings_.empty();
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

// --- MergedCursor

void MergedCursor::push(std::size_t word, std::uint64_t at_most) {
  if (words_[word].seek(at_most)) {
    heap_.push_back(word);
    std::push_heap(heap_.begin(), heap_.end(), [this](auto a, auto b) { return older(a, b); });
  } else if (const Status status = words_[word].status(); !status) {
    status_ = status;
  }
}

bool MergedCursor::seek(std::uint64_t at_most) {
  if (!started_) {
    started_ = true;
    for (std::size_t i = 0; i < words_.size(); ++i) push(i, at_most);
  }
  while (status_ && !heap_.empty() && sequence() > at_most) {
    std::pop_heap(heap_.begin(), heap_.end(), [this](auto a, auto b) { return older(a, b); });
    const std::size_t word = heap_.back();
    heap_.pop_back();
    push(word, at_most);
  }
  return status_.has_value() && !heap_.empty();
}

std::uint32_t MergedCursor::count() const {
  std::uint64_t all = 0;
  for (const std::size_t word : heap_) {
    if (words_[word].sequence() == sequence()) all += words_[word].count();
  }
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(all, UINT32_MAX));
}

// --- words

Result<std::vector<std::string>> words_that_begin(lmdb::Cursor& cursor, std::uint32_t index,
                                                  std::string_view beginning, std::size_t max) {
  std::string head = index_rows::word_key(index, beginning);
  head.pop_back();  // the mark behind a whole word
  std::vector<std::string> words;
  bool more = cursor.seek(head);
  while (more && words.size() <= max && cursor.key().starts_with(head)) {
    std::string_view word;
    std::uint64_t first = 0;
    if (!index_rows::split_block_key(cursor.key(), &word, &first)) {
      return Error(ErrorCode::kCorrupt,
                   "a row of an index is damaged on the disk: its key is none");
    }
    words.emplace_back(word);
    std::string behind(word);
    behind.back() = '\x01';  // past all blocks of this word
    more = cursor.seek(behind);
  }
  ATELIER_CHECK(cursor.status());
  return words;
}

}  // namespace atelier
