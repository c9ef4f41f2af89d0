// Unsigned integers in 1 to 10 bytes, seven bits each, low bits first, the high bit set on all but
// the last: what records are made of. Thread rule: pure functions; Reader is a value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace atelier::bytes {

inline void put_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>((value & 0x7f) | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

inline void put_text(std::string& out, std::string_view text) {
  put_varint(out, text.size());
  out.append(text);
}

/// Reads what the functions above wrote. After the first thing that does not fit, `ok()` is false
/// and everything read is 0 or empty, so that a caller may check once at the end.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::uint8_t byte() {
    if (rest_.empty()) return fail();
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint64_t part = byte();
      const bool last = (part & 0x80) == 0;
      // The tenth byte has room for one bit, and a last byte of 0 would be a second spelling.
      if (!ok_ || (shift == 63 && part > 1) || (shift > 0 && part == 0)) return fail();
      value |= (part & 0x7f) << shift;
      if (last) return value;
    }
    return fail();
  }

  std::string_view take(std::uint64_t count) {
    if (count > rest_.size()) {
      fail();
      return {};
    }
    const std::string_view taken = rest_.substr(0, static_cast<std::size_t>(count));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view text() { return take(varint()); }
  std::string_view rest() const { return rest_; }
  bool at_end() const { return rest_.empty(); }
  bool ok() const { return ok_; }

 private:
  std::uint8_t fail() {
    ok_ = false;
    rest_ = {};
    return 0;
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace atelier::bytes
