// The words of the documents of one commit, in memory: which documents have a word, and how often.
// Words lie one behind the other in one string, postings in one vector, so that a commit of a
// thousand documents allocates a few times and not once a word.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/word_rows.h"

namespace atelier {

class WordList {
 public:
  /// What follows is of the document of this sequence. Without `stands` its words are taken back.
  void begin_document(std::uint64_t sequence, bool stands);
  void add(std::string_view word, std::uint32_t count = 1);
  bool empty() const { return words_.empty(); }

  /// Words in the order of their bytes, each with its postings in the order of sequences; of
  /// several for one sequence the last that was added. `fn(word, postings)`.
  template <class Fn>
  void each(const Fn& fn) const {
    std::vector<word_rows::Posting> postings;
    for (const std::uint32_t index : sorted()) {
      read_postings(words_[index], &postings);
      fn(text_of(words_[index]), postings);
    }
  }

 private:
  struct Word {
    std::uint32_t begin, size;  // in text_
    std::uint32_t hash;
    std::uint32_t first, last;  // in postings_
  };
  struct Node {
    word_rows::Posting posting;
    std::uint32_t next;
  };
  std::string_view text_of(const Word& word) const {
    return {text_.data() + word.begin, word.size};
  }
  std::vector<std::uint32_t> sorted() const;
  void read_postings(const Word& word, std::vector<word_rows::Posting>* postings) const;
  std::size_t slot_of(std::string_view word, std::uint32_t hash) const;
  void grow();

  std::string text_;
  std::vector<Word> words_;
  std::vector<Node> postings_;
  std::vector<std::uint32_t> slots_;  // positions in words_, by hash, a power of two of them
  std::uint64_t sequence_ = 0;
  bool stands_ = true;
  std::size_t document_ = 0;  // where its postings begin
};

}  // namespace atelier
