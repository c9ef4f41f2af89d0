// What batches and snapshots are made of: unsigned integers in 1 to 5 bytes (seven bits each, low
// bits first, the high bit set on all but the last), signed ones folded to unsigned, texts with
// their length in front, and a CRC-32 at the end. See docs/formats/text.md. Thread rule: pure
// functions; Reader is a value.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace atelier::text_crdt {

inline void put_number(std::string& out, std::uint32_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>((value & 0x7f) | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

/// The way from one number to the next, both below 2^31: 0, -1, 1, -2, … are 0, 1, 2, 3, …
inline void put_step(std::string& out, std::uint32_t from, std::uint32_t to) {
  const auto step = static_cast<std::int32_t>(to - from);
  put_number(out, (static_cast<std::uint32_t>(step) << 1) ^ static_cast<std::uint32_t>(step >> 31));
}

inline void put_text(std::string& out, std::string_view text) {
  put_number(out, static_cast<std::uint32_t>(text.size()));
  out.append(text);
}

/// The CRC-32 of zlib, PNG and Ethernet.
std::uint32_t crc32(std::string_view bytes);

/// Appends the CRC-32 of out[from…], low byte first.
void put_crc(std::string& out, std::size_t from);

/// Reads what the functions above wrote. After the first thing that does not fit, `ok()` is false
/// and everything read is 0 or empty, so that a caller may check once at the end.
class Reader {
 public:
  explicit Reader(std::string_view bytes)
      : begin_(bytes.data()), at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  std::uint32_t number() {
    if (at_ != end_ && static_cast<unsigned char>(*at_) < 0x80) {
      return static_cast<unsigned char>(*at_++);
    }
    std::uint32_t value = 0;
    for (int shift = 0; shift < 35 && at_ != end_; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at_++);
      if (shift == 28 && byte > 0x0f) break;
      value |= static_cast<std::uint32_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return fail();
  }

  std::uint32_t step(std::uint32_t from) {
    const std::uint32_t folded = number();
    return from + ((folded >> 1) ^ (0U - (folded & 1)));
  }

  std::string_view take(std::size_t count) {
    if (count > left()) {
      fail();
      return {};
    }
    at_ += count;
    return {at_ - count, count};
  }

  std::string_view text() { return take(number()); }
  /// Takes four bytes and compares them with the CRC-32 of what was read since offset `from`.
  bool crc_matches(std::size_t from);

  std::size_t offset() const { return static_cast<std::size_t>(at_ - begin_); }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  bool ok() const { return ok_; }

 private:
  std::uint32_t fail() {
    ok_ = false;
    at_ = end_;
    return 0;
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace atelier::text_crdt
