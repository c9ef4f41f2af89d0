#include "core/points.h"

#include <array>
#include <cstdint>
#include <functional>

#include "core/board_limits.h"

namespace atelier::board {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr int kModePressure = 1;
constexpr int kModeSecondOrder = 2;

constexpr std::array<std::int8_t, 256> make_digit_values() {
  std::array<std::int8_t, 256> values{};
  for (auto& value : values) value = -1;
  for (std::size_t i = 0; i < kDigits.size(); ++i)
    values[static_cast<unsigned char>(kDigits[i])] = static_cast<std::int8_t>(i);
  return values;
}
constexpr auto kDigitValues = make_digit_values();

int digit_value(char c) {
  return kDigitValues[static_cast<unsigned char>(c)];
}

// Back and forth between coordinates and the numbers of the text, for one axis.
class Axis {
 public:
  explicit Axis(bool second_order) : second_order_(second_order) {}

  std::int64_t encode(std::int64_t position) {
    const std::int64_t step = position - position_;
    const std::int64_t number = second_order_ ? step - step_ : step;
    step_ = step;
    position_ = position;
    return number;
  }
  std::int64_t decode(std::int64_t number) {
    step_ = second_order_ ? step_ + number : number;
    return position_ += step_;
  }

 private:
  bool second_order_;
  std::int64_t position_ = 0, step_ = 0;
};

void append_number(std::string& out, std::int64_t number) {
  auto rest = (static_cast<std::uint64_t>(number) << 1) ^ static_cast<std::uint64_t>(number >> 63);
  while (rest >= 32) {
    out += kDigits[32 + (rest & 31)];
    rest >>= 5;
  }
  out += kDigits[rest];
}

std::string encode_as(const Ink& ink, int scale_bits, int mode) {
  std::string out = "1";
  out += kDigits[static_cast<std::size_t>(52 + scale_bits % 10)];
  if (scale_bits >= 10) out.back() = kDigits[static_cast<std::size_t>(scale_bits - 10)];
  out += static_cast<char>('0' + mode);
  const double scale = std::ldexp(1, scale_bits);
  Axis x((mode & kModeSecondOrder) != 0), y((mode & kModeSecondOrder) != 0);
  for (const InkPoint& point : ink.points) {
    append_number(out, x.encode(std::llround(point.at.x * scale)));
    append_number(out, y.encode(std::llround(point.at.y * scale)));
    if (mode & kModePressure)
      out +=
          kDigits[static_cast<std::size_t>(std::lround(std::clamp(point.pressure, 0.0, 1.0) * 63))];
  }
  return out;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Status read(const std::function<void(const InkPoint&)>& fn) {
    ATELIER_CHECK(read_head());
    Axis x((mode_ & kModeSecondOrder) != 0), y((mode_ & kModeSecondOrder) != 0);
    std::size_t count = 0;
    while (pos_ < text_.size()) {
      if (++count > kStrokePointsMax)
        return Error{ErrorCode::kTooLarge,
                     "more than " + std::to_string(kStrokePointsMax) + " points"};
      InkPoint point;
      ATELIER_TRY(at_x, coordinate(x));
      ATELIER_TRY(at_y, coordinate(y));
      point.at = {at_x, at_y};
      if (mode_ & kModePressure) {
        if (pos_ >= text_.size()) return wrong("expected a pressure");
        const int digit = digit_value(text_[pos_]);
        if (digit < 0) return wrong("expected a pressure");
        ++pos_;
        point.pressure = digit / 63.0;
      }
      fn(point);
    }
    return ok();
  }
  bool has_pressure() const { return (mode_ & kModePressure) != 0; }

 private:
  Error wrong(std::string_view what) const {
    return invalid(std::string(what) + " at byte " + std::to_string(pos_));
  }

  Status read_head() {
    if (text_.size() > kPointsBytesMax)
      return Error{ErrorCode::kTooLarge,
                   "more than " + std::to_string(kPointsBytesMax) + " bytes of points"};
    if (text_.size() < 3) return wrong("expected version, scale and mode");
    if (text_[0] != '1') return wrong("expected version 1");
    const char scale = text_[1];
    const int bits = scale >= '0' && scale <= '9' ? scale - '0' : scale - 'A' + 10;
    if (bits < 0 || bits > kPointScaleBitsMax || (scale > '9' && scale < 'A'))
      return wrong("expected a scale");
    mode_ = text_[2] - '0';
    if (mode_ < 0 || mode_ > 3) return wrong("expected a mode of 0 to 3");
    step_ = std::ldexp(1, -bits);
    pos_ = 3;
    return ok();
  }

  Result<double> coordinate(Axis& axis) {
    std::uint64_t zigzag = 0;
    for (int shift = 0;; shift += 5) {
      const int digit = pos_ < text_.size() ? digit_value(text_[pos_]) : -1;
      if (digit < 0) return wrong("expected a coordinate");
      if (shift > 35) return wrong("a coordinate is too large");
      ++pos_;
      zigzag |= static_cast<std::uint64_t>(digit & 31) << shift;
      if (digit < 32) break;
    }
    const auto number =
        static_cast<std::int64_t>(zigzag >> 1) ^ -static_cast<std::int64_t>(zigzag & 1);
    const double at = static_cast<double>(axis.decode(number)) * step_;
    if (std::abs(at) > 2 * kCoordinateMax) return wrong("a coordinate is too large");
    return at;
  }

  std::string_view text_;
  std::size_t pos_ = 0;
  int mode_ = 0;
  double step_ = 1;
};

}  // namespace

std::string encode_ink(const Ink& ink, int scale_bits) {
  const int bits = std::clamp(scale_bits, 0, kPointScaleBitsMax);
  const int pressure = ink.has_pressure ? kModePressure : 0;
  std::string first = encode_as(ink, bits, pressure);
  std::string second = encode_as(ink, bits, pressure | kModeSecondOrder);
  return second.size() < first.size() ? second : first;
}

Result<Ink> decode_ink(std::string_view text) {
  Ink ink;
  ink.points.reserve(std::min(text.size() / 3, kStrokePointsMax));
  Reader reader(text);
  ATELIER_CHECK(reader.read([&](const InkPoint& point) { ink.points.push_back(point); }));
  ink.has_pressure = reader.has_pressure();
  return ink;
}

Result<Box> check_ink(std::string_view text) {
  Box box;
  Reader reader(text);
  ATELIER_CHECK(reader.read([&](const InkPoint& point) { box.add(point.at); }));
  return box;
}

}  // namespace atelier::board
