#include "base/id.h"

#include <algorithm>

#include "base/digest.h"

namespace atelier {
namespace {

constexpr std::uint32_t kCounterEnd = 36 * 36 * 36;
constexpr std::size_t kTimeDigits = 11, kNodeDigits = 8, kCounterDigits = 3;
constexpr std::size_t kKeyDigits = kTimeDigits + kNodeDigits + kCounterDigits;

std::string base36(std::uint64_t value, std::size_t width) {
  static constexpr char kDigits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string text(width, '0');
  for (std::size_t i = width; i-- > 0; value /= 36) text[i] = kDigits[value % 36];
  return text;
}

std::string random_node() {
  std::uint64_t value = 0;
  for (const char c : random_bytes(8)) value = value << 8 | static_cast<unsigned char>(c);
  return base36(value, kNodeDigits);
}

}  // namespace

IdMaker::IdMaker(Clock& clock) : IdMaker(clock, random_node()) {}
IdMaker::IdMaker(Clock& clock, std::string node) : clock_(clock), node_(std::move(node)) {}

std::string IdMaker::make(std::string_view prefix) {
  std::uint64_t time_us = 0;
  std::uint32_t counter = 0;
  {
    const std::scoped_lock lock(mutex_);
    const auto now_us = static_cast<std::uint64_t>(std::max<std::int64_t>(clock_.wall_ms(), 0)) * 1000;
    if (now_us > last_us_) {
      last_us_ = now_us;
      counter_ = 0;
    } else if (++counter_ == kCounterEnd) {
      ++last_us_;
      counter_ = 0;
    }
    time_us = last_us_;
    counter = counter_;
  }
  std::string id(prefix);
  id += ':';
  id += base36(time_us, kTimeDigits);
  id += node_;
  id += base36(counter, kCounterDigits);
  return id;
}

std::optional<std::int64_t> id_time_ms(std::string_view id) {
  const std::size_t colon = id.find(':');
  if (colon == std::string_view::npos || id.size() - colon - 1 != kKeyDigits) return std::nullopt;
  std::uint64_t time_us = 0;
  for (std::size_t i = 0; i < kKeyDigits; ++i) {
    const char c = id[colon + 1 + i];
    const bool digit = c >= '0' && c <= '9';
    if (!digit && !(c >= 'a' && c <= 'z')) return std::nullopt;
    if (i >= kTimeDigits) continue;
    time_us = time_us * 36 + static_cast<std::uint64_t>(digit ? c - '0' : c - 'a' + 10);
  }
  return static_cast<std::int64_t>(time_us / 1000);
}

IdMaker& process_ids() {
  static IdMaker maker;
  return maker;
}

}  // namespace atelier
