#include "text/utf8.h"

#include <algorithm>
#include <cstring>

namespace atelier {
namespace {

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) == 0x80;
}

// Bytes of the code point at the front of `text`, or 0 when it is not valid.
std::size_t valid_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xc2 ? 0  // a continuation, or overlong
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf5 ? 4
                                           : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(text[i])) return 0;
  }
  if (lead == 0xe0 && at(1) < 0xa0) return 0;   // overlong
  if (lead == 0xed && at(1) >= 0xa0) return 0;  // surrogate
  if (lead == 0xf0 && at(1) < 0x90) return 0;   // overlong
  if (lead == 0xf4 && at(1) >= 0x90) return 0;  // above U+10FFFF
  return length;
}

bool eight_ascii(const char* bytes) {
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return (word & 0x8080808080808080U) == 0;
}

}  // namespace

bool is_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    if (i + 8 <= text.size() && eight_ascii(text.data() + i)) {
      i += 8;
      continue;
    }
    const std::size_t length = valid_length(text.substr(i));
    if (length == 0) return false;
    i += length;
  }
  return true;
}

TextCounts count_text(std::string_view text) {
  std::uint32_t continuations = 0;
  std::uint32_t astral = 0;
  std::uint32_t newlines = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    continuations += (byte & 0xc0) == 0x80;
    astral += byte >= 0xf0;
    newlines += byte == '\n';
  }
  const auto bytes = static_cast<std::uint32_t>(text.size());
  const std::uint32_t points = bytes - continuations;
  return {bytes, points, points + astral, newlines};
}

std::size_t count_points(std::string_view text) {
  std::uint32_t continuations = 0;
  for (const char c : text) continuations += is_continuation(c);
  return text.size() - continuations;
}

std::size_t byte_of_point(std::string_view text, std::size_t point) {
  constexpr std::size_t kBlock = 64;  // counted as a whole, which compilers make vectors of
  std::size_t i = 0;
  while (i + kBlock <= text.size()) {
    const std::size_t points = count_points(text.substr(i, kBlock));
    if (points > point) break;
    point -= points;
    i += kBlock;
  }
  // Within the block, `i` may stand in the tail of a code point that was counted before.
  for (; i < text.size(); ++i) {
    if (is_continuation(text[i])) continue;
    if (point == 0) return i;
    --point;
  }
  return text.size();
}

void append_utf8(std::string& out, char32_t point) {
  const auto tail = [&](int shift) {
    out.push_back(static_cast<char>(0x80 | ((point >> shift) & 0x3f)));
  };
  if (point < 0x80) {
    out.push_back(static_cast<char>(point));
  } else if (point < 0x800) {
    out.push_back(static_cast<char>(0xc0 | (point >> 6)));
    tail(0);
  } else if (point < 0x10000) {
    out.push_back(static_cast<char>(0xe0 | (point >> 12)));
    tail(6);
    tail(0);
  } else {
    out.push_back(static_cast<char>(0xf0 | (point >> 18)));
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace atelier
