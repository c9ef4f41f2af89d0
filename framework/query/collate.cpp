// Comparing, and the binary keys. Both go by decimal_of(), so that they cannot disagree on numbers.
#include "query/collate.h"

#include <algorithm>

#include "base/json_text.h"
#include "base/limits.h"

namespace atelier::query {

using json::Kind;

namespace {

int sign_of(int order) {
  return order < 0 ? -1 : order > 0;
}

int compare_raw_strings(std::string_view a, std::string_view b) {
  // A backslash is the only byte that does not stand for itself.
  const auto plain = [](std::string_view raw) { return raw.find('\\') == std::string_view::npos; };
  if (plain(a) && plain(b)) return sign_of(a.compare(b));
  std::string decoded_a, decoded_b;
  return sign_of(JsonMember{a, {}}.name(decoded_a).compare(JsonMember{b, {}}.name(decoded_b)));
}

std::string_view inside(JsonView string) {
  const std::string_view text = string.text();
  return text.size() < 2 ? std::string_view{} : text.substr(1, text.size() - 2);
}

int compare_arrays(JsonView a, JsonView b) {
  auto i = a.elements().begin();
  auto j = b.elements().begin();
  const auto end = a.elements().end();
  for (; i != end && j != end; ++i, ++j)
    if (const int order = compare(*i, *j); order != 0) return order;
  return (i != end) - (j != end);
}

int compare_objects(JsonView a, JsonView b) {
  auto i = a.members().begin();
  auto j = b.members().begin();
  const auto end = a.members().end();
  for (; i != end && j != end; ++i, ++j) {
    if (const int order = compare_raw_strings(i->raw_name, j->raw_name); order != 0) return order;
    if (const int order = compare(i->value, j->value); order != 0) return order;
  }
  return (i != end) - (j != end);
}

}  // namespace

int compare(JsonView a, JsonView b) {
  const Kind kind = a.kind();
  if (kind != b.kind()) return kind < b.kind() ? -1 : 1;  // Kind is declared in this order
  switch (kind) {
    case Kind::kNull:
    case Kind::kFalse:
    case Kind::kTrue:
      return 0;
    case Kind::kNumber:
      return compare_numbers(a.text(), b.text());
    case Kind::kString:
      return compare_raw_strings(inside(a), inside(b));
    case Kind::kArray:
      return compare_arrays(a, b);
    case Kind::kObject:
      return compare_objects(a, b);
  }
  return 0;
}

namespace {

constexpr unsigned char kNullTag = 0x10, kFalseTag = 0x20, kTrueTag = 0x30, kNumberTag = 0x40,
                        kStringTag = 0x50, kArrayTag = 0x60, kObjectTag = 0x70;
constexpr unsigned char kZero = 0x80, kNearExponents = 0xA0, kLargeExponents = 0xDD,
                        kSmallExponents = 0x9F;
constexpr std::int64_t kNearMin = -20, kNearMax = 40;

char byte(unsigned value) {
  return static_cast<char>(value & 0xFFu);
}

void append_far_exponent(std::string& out, std::uint64_t distance, bool large) {
  int bytes = 1;
  while (bytes < 8 && (distance >> (8 * bytes)) != 0) ++bytes;
  const unsigned count = static_cast<unsigned>(bytes);
  out += byte(large ? kLargeExponents + count : kSmallExponents - count);
  for (int i = bytes - 1; i >= 0; --i) {
    const auto part = static_cast<unsigned>((distance >> (8 * i)) & 0xFF);
    out += byte(large ? part : ~part);
  }
}

void append_number(std::string_view number, std::string& out) {
  const Decimal decimal = decimal_of(number);
  if (decimal.sign == 0) {
    out += byte(kZero);
    return;
  }
  const std::size_t begin = out.size();
  if (decimal.exponent > kNearMax)
    append_far_exponent(out, static_cast<std::uint64_t>(decimal.exponent - kNearMax - 1), true);
  else if (decimal.exponent < kNearMin)
    append_far_exponent(out, static_cast<std::uint64_t>(kNearMin - 1 - decimal.exponent), false);
  else
    out += byte(kNearExponents + static_cast<unsigned>(decimal.exponent - kNearMin));
  for (std::size_t i = 0; i < decimal.count; i += 2) {
    const unsigned high = static_cast<unsigned>(decimal.digit(i) - '0');
    const unsigned low =
        i + 1 < decimal.count ? static_cast<unsigned>(decimal.digit(i + 1) - '0') : 0;
    out += byte(10 * high + low + 1);
  }
  out += '\0';
  if (decimal.sign < 0)
    for (std::size_t i = begin; i < out.size(); ++i)
      out[i] = byte(~static_cast<unsigned>(static_cast<unsigned char>(out[i])));
}

// 00 ends a text, so 00 and 01 are written as pairs that stay in order.
void append_text(std::string_view decoded, std::string& out) {
  out += byte(kStringTag);
  constexpr std::string_view kEscaped("\0\x01", 2);
  std::size_t plain = 0;
  for (std::size_t at = decoded.find_first_of(kEscaped); at != std::string_view::npos;
       at = decoded.find_first_of(kEscaped, plain)) {
    out.append(decoded, plain, at - plain);
    out += '\x01';
    out += byte(static_cast<unsigned char>(decoded[at]) + 1u);
    plain = at + 1;
  }
  out.append(decoded, plain);
  out += '\0';
}

}  // namespace

void encode_key(JsonView value, std::string& out) {
  std::string scratch;
  switch (value.kind()) {
    case Kind::kNull:
      out += byte(kNullTag);
      return;
    case Kind::kFalse:
      out += byte(kFalseTag);
      return;
    case Kind::kTrue:
      out += byte(kTrueTag);
      return;
    case Kind::kNumber:
      out += byte(kNumberTag);
      append_number(value.text(), out);
      return;
    case Kind::kString:
      append_text(value.string(scratch), out);
      return;
    case Kind::kArray:
      out += byte(kArrayTag);
      for (JsonView element : value.elements()) encode_key(element, out);
      out += '\0';
      return;
    case Kind::kObject:
      out += byte(kObjectTag);
      for (const JsonMember& member : value.members()) {
        append_text(member.name(scratch), out);
        encode_key(member.value, out);
      }
      out += '\0';
      return;
  }
}

std::string encode_key(std::string_view normal) {
  std::string out;
  encode_key(JsonView(normal), out);
  return out;
}

namespace {

// The text of 0.digits * 10^exponent: plain where that stays short, with an exponent elsewhere.
std::string number_text(bool negative, std::string_view digits, std::int64_t exponent) {
  constexpr std::int64_t kPlainMax = 21;  // as JavaScript prints numbers
  constexpr std::int64_t kPlainMin = -5;
  std::string out(negative ? "-" : "");
  const auto count = static_cast<std::int64_t>(digits.size());
  if (exponent >= count && exponent <= kPlainMax) {
    out += digits;
    out.append(static_cast<std::size_t>(exponent - count), '0');
  } else if (exponent > 0 && exponent <= kPlainMax) {
    out += digits.substr(0, static_cast<std::size_t>(exponent));
    out += '.';
    out += digits.substr(static_cast<std::size_t>(exponent));
  } else if (exponent <= 0 && exponent >= kPlainMin) {
    out += "0.";
    out.append(static_cast<std::size_t>(-exponent), '0');
    out += digits;
  } else {
    out += digits.substr(0, 1);
    if (count > 1) {
      out += '.';
      out += digits.substr(1);
    }
    out += 'e';
    out += std::to_string(exponent - 1);
  }
  return out;
}

// Reads the grammar of collate.h. Depth is bounded as in any document.
class KeyReader {
 public:
  KeyReader(std::string_view bytes, std::size_t pos) : bytes_(bytes), pos_(pos) {}

  Status value(json::Writer& out, int depth) {
    if (depth > kJsonDepthMax) return bad("nested too deeply");
    switch (next()) {
      case kNullTag:
        out.null();
        return ok();
      case kFalseTag:
        out.boolean(false);
        return ok();
      case kTrueTag:
        out.boolean(true);
        return ok();
      case kNumberTag: {
        ATELIER_TRY(text, number());
        out.raw(text);
        return ok();
      }
      case kStringTag: {
        ATELIER_TRY(decoded, string());
        out.string(decoded);
        return ok();
      }
      case kArrayTag:
        out.begin_array();
        while (!at_end_mark()) ATELIER_CHECK(value(out, depth + 1));
        out.end_array();
        return ok();
      case kObjectTag:
        return object(out, depth);
      default:
        return bad("unknown tag");
    }
  }
  std::size_t pos() const { return pos_; }

 private:
  Status object(json::Writer& out, int depth) {
    out.begin_object();
    while (!at_end_mark()) {
      if (next() != kStringTag) return bad("a member without a name");
      ATELIER_TRY(name, string());
      out.key(name);
      ATELIER_CHECK(value(out, depth + 1));
    }
    out.end_object();
    return ok();
  }

  Result<std::string> number() {
    const int first = next();
    if (first == kZero) return std::string("0");
    const bool negative = first >= 0 && first < kZero;
    flip_ = negative ? 0xFF : 0;
    ATELIER_TRY(exponent, read_exponent(first ^ flip_));
    std::string digits;
    for (int pair = flipped(); pair != 0; pair = flipped()) {
      if (pair < 1 || pair > 100) return bad("a wrong pair of digits").error();
      digits += static_cast<char>('0' + (pair - 1) / 10);
      digits += static_cast<char>('0' + (pair - 1) % 10);
    }
    if (!digits.empty() && digits.back() == '0') digits.pop_back();
    if (digits.empty() || digits.front() == '0' || digits.back() == '0')
      return bad("a number that is not in shortest form").error();
    return number_text(negative, digits, exponent);
  }

  Result<std::int64_t> read_exponent(int head) {
    if (head >= kNearExponents && head <= kNearExponents + (kNearMax - kNearMin))
      return head - kNearExponents + kNearMin;
    const bool large = head > kLargeExponents && head <= kLargeExponents + 8;
    const bool small = head < kSmallExponents && head >= kSmallExponents - 8;
    if (!large && !small) return bad("a wrong exponent").error();
    const int count = large ? head - kLargeExponents : kSmallExponents - head;
    std::uint64_t distance = 0;
    for (int i = 0; i < count; ++i) {
      const int part = flipped();
      if (part < 0) return bad("an exponent cut short").error();
      distance = distance << 8 | static_cast<std::uint64_t>(large ? part : part ^ 0xFF);
      if (i == 0 && distance == 0 && count > 1) return bad("a long exponent").error();
    }
    if (distance > static_cast<std::uint64_t>(kNumberExponentMax))
      return bad("an exponent out of range").error();
    const auto signed_distance = static_cast<std::int64_t>(distance);
    return large ? kNearMax + 1 + signed_distance : kNearMin - 1 - signed_distance;
  }

  Result<std::string> string() {
    std::string out;
    for (int c = next(); c != 0; c = next()) {
      if (c < 0) return bad("a string without an end").error();
      if (c == 1) {
        c = next() - 1;
        if (c != 0 && c != 1) return bad("a wrong escape").error();
      }
      out += byte(static_cast<unsigned>(c));
    }
    if (!json::is_utf8(out)) return bad("a string that is not UTF-8").error();
    return out;
  }

  bool at_end_mark() {
    if (pos_ >= bytes_.size() || bytes_[pos_] != '\0') return false;
    ++pos_;
    return true;
  }
  int next() {
    return pos_ < bytes_.size() ? static_cast<int>(static_cast<unsigned char>(bytes_[pos_++])) : -1;
  }
  int flipped() {
    const int value = next();
    return value < 0 ? -1 : value ^ flip_;
  }
  Status bad(std::string_view what) const {
    return Error{ErrorCode::kCorrupt,
                 "index key holds " + std::string(what) + " at byte " + std::to_string(pos_)};
  }

  std::string_view bytes_;
  std::size_t pos_;
  int flip_ = 0;
};

}  // namespace

Result<std::string> decode_key(std::string_view bytes, std::size_t& pos) {
  KeyReader reader(bytes, pos);
  json::Writer out;
  ATELIER_CHECK(reader.value(out, 0));
  pos = reader.pos();
  return out.take();
}

std::string canonical_number(std::string_view number) {
  const Decimal decimal = decimal_of(number);
  if (decimal.sign == 0) return "0";
  std::string digits;
  for (std::size_t i = 0; i < decimal.count; ++i) digits += decimal.digit(i);
  return number_text(decimal.sign < 0, digits, decimal.exponent);
}

}  // namespace atelier::query
