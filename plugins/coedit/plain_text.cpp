#include "plain_text.h"

#include <atelier/json.h>

namespace atelier::coedit {
namespace {

bool is_space(char32_t c) {
  return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x3000;
}

// Characters that are words by themselves: kana and Han.
bool is_ideograph(char32_t c) {
  return (c >= 0x3040 && c <= 0x30ff) || (c >= 0x3400 && c <= 0x4dbf) ||
         (c >= 0x4e00 && c <= 0x9fff) || (c >= 0xf900 && c <= 0xfaff) ||
         (c >= 0x20000 && c <= 0x3ffff);
}

bool is_cjk_punctuation(char32_t c) {
  return (c >= 0x3001 && c <= 0x303f) || (c >= 0xff00 && c <= 0xff0f);
}

// The code point at `at`, which moves on; `text` is valid UTF-8.
char32_t next(std::string_view text, std::size_t& at) {
  const auto first = static_cast<unsigned char>(text[at++]);
  if (first < 0x80) return first;
  const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  char32_t point = first & (0x3fU >> more);
  for (int i = 0; i < more && at < text.size(); ++i)
    point = (point << 6) | (static_cast<unsigned char>(text[at++]) & 0x3fU);
  return point;
}

}  // namespace

Result<std::string> text_of_file(std::string_view bytes) {
  if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
  if (!json::is_utf8(bytes))
    return invalid("This file is not text in UTF-8. Save it as UTF-8 and import it again.");
  std::string text;
  text.reserve(bytes.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != '\r') {
      text += bytes[i];
    } else {
      text += '\n';
      if (i + 1 < bytes.size() && bytes[i + 1] == '\n') ++i;
    }
  }
  return text;
}

std::string title_of_path(std::string_view path) {
  path = path.substr(path.find_last_of("/\\") + 1);
  if (const auto dot = path.rfind('.'); dot != std::string_view::npos && dot > 0)
    path = path.substr(0, dot);
  return clean_title(path);
}

std::string file_name_of(std::string_view title) {
  std::string name = clean_title(title);
  for (char& c : name) {
    if (static_cast<unsigned char>(c) < 0x20 ||
        std::string_view("/\\:*?\"<>|").find(c) != std::string_view::npos) {
      c = '-';
    }
  }
  if (name.starts_with('.')) name[0] = '-';
  return name + ".txt";
}

void WordCounter::add(std::string_view piece) {
  for (std::size_t at = 0; at < piece.size();) {
    const char32_t c = next(piece, at);
    if (is_ideograph(c)) {
      ++words_;
      inside_ = false;
    } else if (is_space(c) || is_cjk_punctuation(c)) {
      inside_ = false;
    } else if (!inside_) {
      ++words_;
      inside_ = true;
    }
  }
}

std::string clean_title(std::string_view title) {
  std::string clean;
  for (const char c : title) clean += c == '\n' || c == '\r' || c == '\t' ? ' ' : c;
  const auto begin = clean.find_first_not_of(' ');
  if (begin == std::string::npos) return "Untitled";
  clean = clean.substr(begin, clean.find_last_not_of(' ') - begin + 1);
  if (clean.size() <= kTitleBytesMax) return clean;
  std::size_t end = kTitleBytesMax;
  while (end > 0 && (static_cast<unsigned char>(clean[end]) & 0xc0) == 0x80) --end;
  return clean.substr(0, end);
}

}  // namespace atelier::coedit
