// Reading postings from the newest to the oldest, of one word or of all words that begin alike.
//
// Thread rule: as the transaction.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/index_rows.h"
#include "store/lmdb.h"

namespace atelier {

/// A position in postings. `at_most` must not grow from call to call.
class PostingCursor {
 public:
  virtual ~PostingCursor() = default;
  /// To the greatest sequence that is not above; false: none, or an error (status()).
  virtual bool seek(std::uint64_t at_most) = 0;
  virtual std::uint64_t sequence() const = 0;
  virtual std::uint32_t count() const = 0;
  virtual Status status() const = 0;
};

class WordCursor final : public PostingCursor {
 public:
  /// `cursor`, of the table `words`, may be shared: it is placed anew each time.
  WordCursor(lmdb::Cursor& cursor, std::string word_key)
      : cursor_(&cursor), word_(std::move(word_key)) {}
  bool seek(std::uint64_t at_most) override;
  std::uint64_t sequence() const override { return postings_[at_].sequence; }
  std::uint32_t count() const override { return postings_[at_].count; }
  Status status() const override { return status_; }

 private:
  bool load(std::uint64_t at_most);

  lmdb::Cursor* cursor_;
  std::string word_;
  std::vector<index_rows::Posting> postings_;  // of one block
  std::size_t at_ = 0;
  Status status_ = ok();
};

/// Several words as if they were one.
class MergedCursor final : public PostingCursor {
 public:
  explicit MergedCursor(std::vector<WordCursor> words) : words_(std::move(words)) {}
  bool seek(std::uint64_t at_most) override;
  std::uint64_t sequence() const override { return words_[heap_.front()].sequence(); }
  std::uint32_t count() const override;
  Status status() const override { return status_; }

 private:
  bool older(std::size_t a, std::size_t b) const {
    return words_[a].sequence() < words_[b].sequence();
  }
  void push(std::size_t word, std::uint64_t at_most);

  std::vector<WordCursor> words_;
  std::vector<std::size_t> heap_;  // words that have postings left, the newest first
  bool started_ = false;
  Status status_ = ok();
};

/// The word keys of an index that begin with `beginning`, at most `max` of them and one more.
Result<std::vector<std::string>> words_that_begin(lmdb::Cursor& cursor, std::uint32_t index,
                                                  std::string_view beginning, std::size_t max);

}  // namespace atelier
