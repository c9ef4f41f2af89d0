// The words of a text, as an index of words keeps them and a search looks for them: folded, so that
// case and accents do not matter, with their places in the text.
//
//   word      := (letter | digit | mark)+ by Unicode's categories; all else separates
//   folded    := NFKC of what is left of casefold(NFKD(word)) without accents
//   accents   := marks that change no letter: Latin, Greek, Cyrillic ones, Hebrew and Arabic
//   points;
//                not the vowel signs of India and Thailand, nor the marks that make か into が.
//                ø đ ł ħ ŧ ı æ œ, which Unicode does not take apart, fold to o d l h t i ae oe.
//
// Scripts without spaces (Han, kana, Thai, Lao, Khmer, Burmese) give pairs: 日本語 gives 日本 本語
// 語. Each place begins one pair, the last one stands alone, so that one letter is found as the
// beginning of a pair. Single letters would be in every text and select nothing; dictionaries would
// differ from node to node. A unit of a pair is a letter with the marks behind it. Thread rule: a
// WordReader belongs to one thread; the functions are pure.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/limits.h"

namespace atelier::query {

struct Word {
  enum class Kind {
    kWord,    // between separators
    kPair,    // two letters of a script without spaces
    kSingle,  // one such letter that stands alone
    kTail,    // the last of several
  };
  std::string_view
      text;  // folded, at most kWordBytesMax bytes, whole code points; valid until next()
  std::size_t begin = 0;  // bytes of the text; pairs overlap
  std::size_t end = 0;
  Kind kind = Kind::kWord;
};

/// Goes through the words of a text in their order. Invalid UTF-8 separates words.
///   for (WordReader reader(text); reader.next();) use(reader.word());
class WordReader {
 public:
  explicit WordReader(std::string_view text) : text_(text) {}
  bool next();
  const Word& word() const { return word_; }

 private:
  void read_word();
  void read_letters();
  void read_pair(std::size_t first_end);
  std::size_t read_unit(std::size_t pos);
  void finish(Word::Kind kind, std::size_t begin, std::size_t end);

  std::string_view text_;
  std::size_t pos_ = 0;
  bool in_run_ = false;  // the letter at pos_ was the second of the last pair
  std::array<char, kWordBytesMax> ascii_;
  std::string folded_;
  Word word_;
};

/// One thing that a search asks for.
struct SearchTerm {
  std::string word;     // folded
  bool prefix = false;  // words that begin so are meant as well

  bool operator==(const SearchTerm&) const = default;
};

/// The terms of what somebody typed, each once: all must be found, the last as the beginning of a
/// word, since it may not be typed to its end. Empty when there is no word in it.
/// Errors: kTooLarge beyond kSearchWordsMax.
Result<std::vector<SearchTerm>> search_terms(std::string_view typed);

/// Whether a folded word is what the term asks for.
inline bool is_meant(const SearchTerm& term, std::string_view folded) {
  return term.prefix ? folded.starts_with(term.word) : folded == term.word;
}

/// The bytes of `text` that the terms mean, in order, overlaps joined: [begin, end) each.
std::vector<std::pair<std::size_t, std::size_t>> highlights(std::string_view text,
                                                            const std::vector<SearchTerm>& terms);

}  // namespace atelier::query
