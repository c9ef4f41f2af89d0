#include "core/order.h"

#include <algorithm>
#include <vector>

#include "core/board_limits.h"

namespace atelier::board {
namespace {

constexpr int kBase = 62;
constexpr int kFactorBits = 50;
constexpr std::size_t kGuardDigits = 5;   // more than a step and its randomness need
constexpr std::size_t kJitterDigits = 3;  // 238,000 different picks within a step
constexpr double kEndStep =
    1.0 / (1 << 20);  // of the room left at an end: a million fit before it halves

// A fraction of kBase digits, the first worth 1/62. As many digits as the numbers at hand need.
using Digits = std::vector<int>;

char digit_char(int digit) {
  return "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[digit];
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  if (c >= 'a' && c <= 'z') return c - 'a' + 36;
  return -1;
}

Digits parse(std::string_view order, std::size_t size) {
  Digits digits(size, 0);
  for (std::size_t i = 0; i < std::min(size, order.size()); ++i)
    digits[i] = std::max(0, digit_of(order[i]));
  return digits;
}

// high - low, where no high means 1: then the digit before the point is borrowed from.
Digits gap_of(const Digits& low, const Digits& high, bool high_is_one) {
  Digits gap(low.size());
  int borrow = 0;
  for (std::size_t i = low.size(); i-- > 0;) {
    int digit = (high_is_one ? 0 : high[i]) - low[i] - borrow;
    borrow = digit < 0 ? 1 : 0;
    gap[i] = digit + borrow * kBase;
  }
  return gap;
}

// gap times factor / 2^kFactorBits, cut to the digits that say where within the gap.
Digits part_of(const Digits& gap, std::uint64_t factor) {
  Digits product(gap.size());
  std::uint64_t carry = 0;
  for (std::size_t i = gap.size(); i-- > 0;) {
    const std::uint64_t value = static_cast<std::uint64_t>(gap[i]) * factor + carry;
    product[i] = static_cast<int>(value % kBase);
    carry = value / kBase;
  }
  Digits part(gap.size(), 0);
  std::size_t first = gap.size();
  for (std::size_t i = 0; i < gap.size() && i <= first + kJitterDigits; ++i) {
    const std::uint64_t value = carry * kBase + static_cast<std::uint64_t>(product[i]);
    part[i] = static_cast<int>(value >> kFactorBits);
    carry = value & ((std::uint64_t{1} << kFactorBits) - 1);
    if (part[i] > 0) first = std::min(first, i);
  }
  return part;
}

// from + sign * part, rounded down to the last digit of `part`.
std::string text_of(const Digits& from, const Digits& part, int sign) {
  std::size_t used = part.size();
  while (used > 0 && part[used - 1] == 0) --used;
  Digits sum(used);
  int carry = 0;
  for (std::size_t i = used; i-- > 0;) {
    const int digit = from[i] + sign * part[i] + carry;
    sum[i] = (digit + kBase) % kBase;
    carry = digit < 0 ? -1 : digit / kBase;
  }
  std::string text;
  for (const int digit : sum) text += digit_char(digit);
  while (!text.empty() && text.back() == '0') text.pop_back();
  return text;
}

// `factor` of the way from the one end of the gap (sign 1: low, -1: high) to the other.
std::string pick(std::string_view low, std::string_view high, double factor, int sign) {
  const std::size_t size = std::max(low.size(), high.size()) + kGuardDigits + kJitterDigits;
  const Digits low_digits = parse(low, size), high_digits = parse(high, size);
  const auto bits =
      static_cast<std::uint64_t>(factor * static_cast<double>(std::uint64_t{1} << kFactorBits));
  const Digits part = part_of(gap_of(low_digits, high_digits, high.empty()), bits);
  std::string text = text_of(sign > 0 ? low_digits : high_digits, part, sign);
  if (text > low && (high.empty() || text < high)) return text;
  return std::string(low) + "V";  // the bounds were not in order
}

}  // namespace

std::uint64_t Jitter::next() {
  std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

bool is_order(std::string_view order) {
  return !order.empty() && order.size() <= kOrderBytesMax && order.back() != '0' &&
         std::all_of(order.begin(), order.end(), [](char c) { return digit_of(c) >= 0; });
}

std::string order_between(std::string_view low, std::string_view high, Jitter& jitter) {
  if (low.empty() && !high.empty()) return order_before(high, jitter);
  if (high.empty() && !low.empty()) return order_after(low, jitter);
  return pick(low, high, 0.25 + 0.5 * jitter.fraction(), 1);
}

std::string order_after(std::string_view order, Jitter& jitter) {
  if (order.empty()) return order_between({}, {}, jitter);
  return pick(order, {}, kEndStep * (0.5 + jitter.fraction()), 1);
}

std::string order_before(std::string_view order, Jitter& jitter) {
  if (order.empty()) return order_between({}, {}, jitter);
  return pick({}, order, kEndStep * (0.5 + jitter.fraction()), -1);
}

}  // namespace atelier::board
