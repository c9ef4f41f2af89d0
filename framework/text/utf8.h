// UTF-8: validity and the four ways to count a text. Thread rule: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace atelier {

/// How long a text is, in each of the four units that someone counts in.
struct TextCounts {
  std::uint32_t bytes = 0;     // of UTF-8
  std::uint32_t points = 0;    // Unicode code points: the unit of every position in this library
  std::uint32_t units = 0;     // UTF-16 code units: what JavaScript and most platforms count
  std::uint32_t newlines = 0;  // of U+000A

  TextCounts& operator+=(const TextCounts& other) {
    bytes += other.bytes;
    points += other.points;
    units += other.units;
    newlines += other.newlines;
    return *this;
  }
  /// Wraps around below zero, so that a difference can be added later.
  TextCounts& operator-=(const TextCounts& other) {
    bytes -= other.bytes;
    points -= other.points;
    units -= other.units;
    newlines -= other.newlines;
    return *this;
  }
  bool operator==(const TextCounts&) const = default;
};

/// Whether `text` is UTF-8 as Unicode defines it: no overlong form, no surrogate, nothing above
/// U+10FFFF, nothing cut off.
bool is_utf8(std::string_view text);

/// Counts valid UTF-8. A part of a code point at either end makes the result meaningless.
TextCounts count_text(std::string_view text);

/// Code points in valid UTF-8.
std::size_t count_points(std::string_view text);

/// The byte at which code point `point` of valid UTF-8 begins; the text's size when it has no more.
std::size_t byte_of_point(std::string_view text, std::size_t point);

/// `byte`, or the begin of the code point that it lies within.
inline std::size_t point_boundary(std::string_view text, std::size_t byte) {
  while (byte > 0 && byte < text.size() &&
         (static_cast<unsigned char>(text[byte]) & 0xc0) == 0x80) {
    --byte;
  }
  return byte;
}

/// Appends one code point, which must be a scalar value.
void append_utf8(std::string& out, char32_t point);

}  // namespace atelier
