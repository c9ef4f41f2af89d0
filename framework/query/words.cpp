// Splitting and folding. ASCII words are folded in place by a table; code points below 0x600
// (Latin, Greek, Cyrillic, Hebrew, Arabic) by a table that is made of Unicode's data once;
// ideographs and kana are their own folding; the rest goes through utf8proc.
#include "query/words.h"

#include <algorithm>
#include <cstdint>

#include <utf8proc.h>

namespace atelier::query {
namespace {

// What a byte below 0x80 folds to; 0 separates.
constexpr std::array<char, 128> ascii_folds() {
  std::array<char, 128> folds{};
  for (int c = '0'; c <= '9'; ++c) folds[static_cast<std::size_t>(c)] = static_cast<char>(c);
  for (int c = 'a'; c <= 'z'; ++c) {
    folds[static_cast<std::size_t>(c)] = static_cast<char>(c);
    folds[static_cast<std::size_t>(c - 'a' + 'A')] = static_cast<char>(c);
  }
  return folds;
}
constexpr std::array<char, 128> kAsciiFolds = ascii_folds();

struct Point {
  std::int32_t code = -1;  // -1: no valid UTF-8
  std::size_t bytes = 1;
};

Point point_at(std::string_view text, std::size_t pos) {
  const auto first = static_cast<unsigned char>(text[pos]);
  if (first < 0x80) return {first, 1};
  Point point;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data() + pos);
  const auto length = utf8proc_iterate(
      bytes, static_cast<utf8proc_ssize_t>(std::min<std::size_t>(text.size() - pos, 4)),
      &point.code);
  if (length > 0) point.bytes = static_cast<std::size_t>(length);
  return point;
}

enum class Class : std::uint8_t { kSeparator, kLetter, kMark, kUnspaced };

bool in(std::int32_t code, std::int32_t first, std::int32_t last) {
  return code >= first && code <= last;
}

bool is_unspaced(std::int32_t code) {
  if (code < 0x0E00) return false;
  return in(code, 0x0E00, 0x0EFF)        // Thai, Lao
         || in(code, 0x1000, 0x109F)     // Burmese
         || in(code, 0x1780, 0x17FF)     // Khmer
         || in(code, 0x3005, 0x3007)     // 々 〆 〇
         || in(code, 0x3041, 0x30FF)     // kana
         || in(code, 0x31F0, 0x31FF)     // small kana
         || in(code, 0x3400, 0x9FFF)     // Han
         || in(code, 0xF900, 0xFAFF)     // Han, compatibility
         || in(code, 0xFF66, 0xFF9F)     // kana of half width
         || in(code, 0x20000, 0x3FFFF);  // Han, extensions
}

Class class_of_any(std::int32_t code) {
  if (code < 0) return Class::kSeparator;
  if (code == 0xFF9E || code == 0xFF9F) return Class::kMark;  // voicing of half-width kana
  switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return is_unspaced(code) ? Class::kUnspaced : Class::kLetter;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      return Class::kMark;
    default:
      // Joiners within words of India and Persia; the soft hyphen.
      return code == 0x200C || code == 0x200D || code == 0xAD ? Class::kMark : Class::kSeparator;
  }
}

// By canonical combining class: 1 overlays, 10…36 Hebrew, Arabic and Syriac points, 200… accents.
bool is_accent(std::int32_t code) {
  const auto combining = utf8proc_get_property(code)->combining_class;
  return combining == 1 || (combining >= 10 && combining <= 36) || combining >= 200;
}

void append_point(std::string& out, std::int32_t code) {
  utf8proc_uint8_t bytes[4];
  const auto length = utf8proc_encode_char(code, bytes);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
}

// Letters that Unicode does not take apart.
void append_folded_point(std::string& out, std::int32_t code) {
  switch (code) {
    case 0xF8:
      out += 'o';
      return;  // ø
    case 0x111:
      out += 'd';
      return;  // đ
    case 0x142:
      out += 'l';
      return;  // ł
    case 0x127:
      out += 'h';
      return;  // ħ
    case 0x167:
      out += 't';
      return;  // ŧ
    case 0x131:
      out += 'i';
      return;  // ı
    case 0xE6:
      out += "ae";
      return;  // æ
    case 0x153:
      out += "oe";
      return;  // œ
    default:
      append_point(out, code);
  }
}

// Folds any text and appends it.
void fold(std::string_view text, std::string& out) {
  constexpr std::size_t kPointsMax = 64;
  std::vector<utf8proc_int32_t> points(kPointsMax);
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT |
                                                      UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
  const auto decompose = [&] {
    return utf8proc_decompose(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                              static_cast<utf8proc_ssize_t>(text.size()), points.data(),
                              static_cast<utf8proc_ssize_t>(points.size()), options);
  };
  auto count = decompose();
  if (count > static_cast<utf8proc_ssize_t>(points.size())) {
    points.resize(static_cast<std::size_t>(count));
    count = decompose();
  }
  if (count < 0) return;  // not UTF-8: cannot be, the caller decoded it
  points.resize(static_cast<std::size_t>(count));
  std::erase_if(points, is_accent);
  count = static_cast<utf8proc_ssize_t>(points.size());
  points.push_back(0);  // room that utf8proc asks for
  count = utf8proc_normalize_utf32(
      points.data(), count, static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    const std::int32_t code = points[static_cast<std::size_t>(i)];
    if (class_of_any(code) != Class::kSeparator)
      append_folded_point(out, code);  // ¾ holds a stroke
  }
}

// Code points below kTableEnd fold alone, whatever stands around them: no mark that stays is there.
constexpr std::int32_t kTableEnd = 0x600;

struct TableEntry {
  Class kind = Class::kSeparator;
  std::uint8_t bytes = 0;
  char folded[6] = {};
};

const std::array<TableEntry, kTableEnd>& table() {
  static const auto kTable = [] {
    std::array<TableEntry, kTableEnd> entries{};
    for (std::int32_t code = 0; code < kTableEnd; ++code) {
      TableEntry& entry = entries[static_cast<std::size_t>(code)];
      entry.kind = class_of_any(code);
      if (entry.kind == Class::kSeparator) continue;
      std::string letter, folded;
      append_point(letter, code);
      fold(letter, folded);
      if (folded.size() > sizeof entry.folded) folded.clear();  // none is that long; a test knows
      entry.bytes = static_cast<std::uint8_t>(folded.size());
      std::copy(folded.begin(), folded.end(), entry.folded);
    }
    return entries;
  }();
  return kTable;
}

// Han and kana that are written as they fold, if no mark follows.
bool folds_to_itself(std::int32_t code) {
  return in(code, 0x4E00, 0x9FFF) || in(code, 0x3400, 0x4DBF) || in(code, 0x3041, 0x3096) ||
         in(code, 0x30A1, 0x30FA);
}

Class class_of(std::int32_t code) {
  if (folds_to_itself(code)) return Class::kUnspaced;
  if (code >= 0 && code < kTableEnd) return table()[static_cast<std::size_t>(code)].kind;
  return class_of_any(code);
}

// At most `bytes` of a text, up to the end of a code point.
std::string_view beginning(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

// Enough bytes of a word to fold, whatever its script; what is cut off would be cut off afterwards.
constexpr std::size_t kFoldedFromBytes = 6 * kWordBytesMax;

}  // namespace

bool WordReader::next() {
  while (pos_ < text_.size()) {
    const auto first = static_cast<unsigned char>(text_[pos_]);
    if (first < 0x80) {
      if (kAsciiFolds[first] == 0) {
        ++pos_;
        continue;
      }
      read_word();
    } else {
      const Point point = point_at(text_, pos_);
      const Class kind = class_of(point.code);
      if (kind == Class::kUnspaced) {
        folded_.clear();
        read_pair(read_unit(pos_));
      } else if (kind == Class::kLetter) {
        read_letters();
      } else {  // a separator, or a mark without a letter
        pos_ += point.bytes;
        continue;
      }
    }
    if (!word_.text.empty()) return true;  // a word of nothing but what folding takes away is none
  }
  return false;
}

void WordReader::finish(Word::Kind kind, std::size_t begin, std::size_t end) {
  word_ = {beginning(folded_, kWordBytesMax), begin, end, kind};
}

// A word of ASCII alone, or that begins so.
void WordReader::read_word() {
  const std::size_t begin = pos_;
  std::size_t pos = begin;
  std::size_t size = 0;
  while (pos < text_.size()) {
    const auto c = static_cast<unsigned char>(text_[pos]);
    if (c >= 0x80) {
      const Class kind = class_of(point_at(text_, pos).code);
      if (kind == Class::kLetter || kind == Class::kMark) return read_letters();
      break;
    }
    const char folded = kAsciiFolds[c];
    if (folded == 0) break;
    if (size < kWordBytesMax) ascii_[size++] = folded;
    ++pos;
  }
  pos_ = pos;
  word_ = {std::string_view(ascii_.data(), size), begin, pos, Word::Kind::kWord};
}

// A word of any letters of scripts with spaces.
void WordReader::read_letters() {
  const std::size_t begin = pos_;
  bool by_table = true;
  folded_.clear();
  while (pos_ < text_.size()) {
    const Point point = point_at(text_, pos_);
    const Class kind = class_of(point.code);
    if (kind != Class::kLetter && kind != Class::kMark) break;
    if (point.code >= kTableEnd) {
      by_table = false;
    } else if (by_table && folded_.size() <= kWordBytesMax) {
      const TableEntry& entry = table()[static_cast<std::size_t>(point.code)];
      folded_.append(entry.folded, entry.bytes);
    }
    pos_ += point.bytes;
  }
  if (!by_table) {
    folded_.clear();
    fold(beginning(text_.substr(begin, pos_ - begin), kFoldedFromBytes), folded_);
  }
  finish(Word::Kind::kWord, begin, pos_);
}

// Appends the folding of the letter at `pos` with its marks; returns where it ends.
std::size_t WordReader::read_unit(std::size_t pos) {
  const Point letter = point_at(text_, pos);
  std::size_t end = pos + letter.bytes;
  const std::size_t plain_end = end;
  while (end < text_.size() && static_cast<unsigned char>(text_[end]) >= 0x80) {
    const Point mark = point_at(text_, end);
    if (class_of(mark.code) != Class::kMark) break;
    end += mark.bytes;
  }
  if (end == plain_end && folds_to_itself(letter.code))
    folded_.append(text_, pos, letter.bytes);
  else
    fold(beginning(text_.substr(pos, end - pos), kFoldedFromBytes), folded_);
  return end;
}

// The pair that begins at pos_, of which the first letter is folded already.
void WordReader::read_pair(std::size_t first_end) {
  const std::size_t begin = pos_;
  const bool second =
      first_end < text_.size() && class_of(point_at(text_, first_end).code) == Class::kUnspaced;
  pos_ = first_end;
  if (second) {
    const std::size_t end = read_unit(first_end);
    in_run_ = true;
    finish(Word::Kind::kPair, begin, end);
    return;
  }
  const bool tail = in_run_;
  in_run_ = false;
  finish(tail ? Word::Kind::kTail : Word::Kind::kSingle, begin, first_end);
}

Result<std::vector<SearchTerm>> search_terms(std::string_view typed) {
  std::vector<SearchTerm> terms;
  bool last_is_pair = false;
  for (WordReader reader(typed); reader.next();) {
    const Word& word = reader.word();
    if (word.kind == Word::Kind::kTail) continue;  // its pair says more
    last_is_pair = word.kind == Word::Kind::kPair;
    SearchTerm term{std::string(word.text), word.kind == Word::Kind::kSingle};
    const auto same = std::find_if(terms.begin(), terms.end(), [&](const SearchTerm& known) {
      return known.word == term.word;
    });
    if (same != terms.end()) terms.erase(same);  // the later place counts: it may be the last
    terms.push_back(std::move(term));
    if (terms.size() > kSearchWordsMax)
      return Error{ErrorCode::kTooLarge,
                   "search has more than " + std::to_string(kSearchWordsMax) + " words"};
  }
  if (!terms.empty() && !last_is_pair) terms.back().prefix = true;
  return terms;
}

std::vector<std::pair<std::size_t, std::size_t>> highlights(std::string_view text,
                                                            const std::vector<SearchTerm>& terms) {
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  for (WordReader reader(text); reader.next();) {
    const Word& word = reader.word();
    if (std::none_of(terms.begin(), terms.end(),
                     [&](const SearchTerm& term) { return is_meant(term, word.text); }))
      continue;
    if (!ranges.empty() && word.begin < ranges.back().second)
      ranges.back().second = std::max(ranges.back().second, word.end);
    else
      ranges.emplace_back(word.begin, word.end);
  }
  return ranges;
}

}  // namespace atelier::query
