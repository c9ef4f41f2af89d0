// Scanning of normal-form text. Speed comes from memchr over strings and from not looking at what
// nobody asked for.
#include "query/json_view.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/json_escape.h"
#include "base/limits.h"

namespace atelier::query {

using json::Kind;

std::size_t skip_string(std::string_view text, std::size_t pos) {
  const std::size_t begin = pos + 1;
  pos = begin;
  while (pos < text.size()) {
    const void* quote = std::memchr(text.data() + pos, '"', text.size() - pos);
    if (quote == nullptr) break;
    pos = static_cast<std::size_t>(static_cast<const char*>(quote) - text.data());
    std::size_t run = pos;  // the backslashes before the quote
    while (run > begin && text[run - 1] == '\\') --run;
    ++pos;
    if ((pos - 1 - run) % 2 == 0) return pos;
  }
  return text.size();
}

namespace {

std::size_t skip_container(std::string_view text, std::size_t pos) {
  std::size_t depth = 0;
  while (pos < text.size()) {
    switch (text[pos]) {
      case '"':
        pos = skip_string(text, pos);
        continue;
      case '{':
      case '[':
        ++depth;
        break;
      case '}':
      case ']':
        if (--depth == 0) return pos + 1;
        break;
      default:
        break;
    }
    ++pos;
  }
  return text.size();
}

std::string escaped(std::string_view name) {
  std::string raw;
  json::append_escaped(raw, name);
  return raw;
}

// Mango reads a segment as a position when it is an integer of 0 or more.
std::optional<std::size_t> index_of(std::string_view name) {
  std::size_t index = 0;
  const char* end = name.data() + name.size();
  const auto [stopped, error] = std::from_chars(name.data(), end, index);
  if (error != std::errc{} || stopped != end) return std::nullopt;
  return index;
}

FieldPath::Segment segment_of(std::string name) {
  FieldPath::Segment segment;
  segment.raw = escaped(name);
  segment.index = index_of(name);
  segment.name = std::move(name);
  return segment;
}

std::optional<JsonView> member_by_raw_name(JsonView object, std::string_view raw) {
  for (const JsonMember& member : object.members())
    if (member.raw_name == raw) return member.value;
  return std::nullopt;
}

}  // namespace

std::size_t skip_value(std::string_view text, std::size_t pos) {
  if (pos >= text.size()) return text.size();
  const char first = text[pos];
  if (first == '"') return skip_string(text, pos);
  if (first == '{' || first == '[') return skip_container(text, pos);
  while (pos < text.size() && text[pos] != ',' && text[pos] != '}' && text[pos] != ']') ++pos;
  return pos;
}

bool JsonView::is_integer() const {
  return is_number() && text_.find_first_of(".eE") == std::string_view::npos;
}

std::string_view JsonView::string(std::string& scratch) const {
  if (!is_string() || text_.size() < 2) return {};
  const std::string_view inside = text_.substr(1, text_.size() - 2);
  if (inside.find('\\') == std::string_view::npos) return inside;
  scratch = json::string_value(text_).value_or(std::string());
  return scratch;
}

std::string JsonView::string_copy() const {
  std::string scratch;
  return std::string(string(scratch));
}

std::optional<JsonView> JsonView::member(std::string_view name) const {
  for (const JsonMember& member : members())
    if (member.name_is(name)) return member.value;
  return std::nullopt;
}

std::optional<JsonView> JsonView::element(std::size_t index) const {
  for (JsonView element : elements())
    if (index-- == 0) return element;
  return std::nullopt;
}

std::size_t JsonView::count() const {
  std::size_t count = 0;
  if (is_array()) {
    for ([[maybe_unused]] JsonView element : elements()) ++count;
  } else if (is_object()) {
    for ([[maybe_unused]] const JsonMember& member : members()) ++count;
  }
  return count;
}

bool JsonMember::name_is(std::string_view name) const {
  if (!name_has_escapes()) return raw_name == name;
  std::string scratch;
  return this->name(scratch) == name;
}

std::string_view JsonMember::name(std::string& scratch) const {
  if (!name_has_escapes()) return raw_name;
  std::string quoted;
  quoted.reserve(raw_name.size() + 2);
  quoted += '"';
  quoted += raw_name;
  quoted += '"';
  scratch = json::string_value(quoted).value_or(std::string());
  return scratch;
}

void JsonView::Members::Iterator::read() {
  if (pos_ >= text_.size() || text_[pos_] != '"') {
    pos_ = std::string_view::npos;
    return;
  }
  const std::size_t name_end = skip_string(text_, pos_);
  const std::size_t value_begin = name_end + 1;  // past the colon
  if (value_begin >= text_.size()) {
    pos_ = std::string_view::npos;
    return;
  }
  const std::size_t value_end = skip_value(text_, value_begin);
  member_.raw_name = text_.substr(pos_ + 1, name_end - pos_ - 2);
  member_.value = JsonView(text_.substr(value_begin, value_end - value_begin));
  pos_ = value_end;
}

void JsonView::Elements::Iterator::read() {
  if (pos_ >= text_.size() || text_[pos_] == ']') {
    pos_ = std::string_view::npos;
    return;
  }
  const std::size_t value_end = skip_value(text_, pos_);
  value_ = JsonView(text_.substr(pos_, value_end - pos_));
  pos_ = value_end;
}

Result<FieldPath> FieldPath::parse(std::string_view field) {
  if (field.size() > kFieldPathBytesMax)
    return Error{ErrorCode::kTooLarge,
                 "field name is longer than " + std::to_string(kFieldPathBytesMax) + " bytes"};
  FieldPath path;
  std::string name;
  bool empty = true;  // nothing, not even an escape, stood in this segment
  for (std::size_t i = 0; i <= field.size(); ++i) {
    const bool at_end = i == field.size();
    if (at_end || field[i] == '.') {
      if (empty) return invalid("Invalid field name: " + std::string(field));
      path.segments_.push_back(segment_of(std::move(name)));
      name.clear();
      empty = true;
      continue;
    }
    empty = false;
    if (field[i] != '\\') {
      name += field[i];
    } else if (i + 1 < field.size() && field[i + 1] == '.') {
      name += field[++i];
    }
    // Any other backslash is dropped, as CouchDB does.
  }
  return path;
}

FieldPath FieldPath::of_names(const std::vector<std::string>& names) {
  FieldPath path;
  for (const std::string& name : names) path.segments_.push_back(segment_of(name));
  return path;
}

FieldPath::Found FieldPath::look_up(JsonView document) const {
  return look_up_from(document, 0);
}

FieldPath::Found FieldPath::look_up_from(JsonView value, std::size_t first) const {
  for (std::size_t i = first; i < segments_.size(); ++i) {
    const Segment& segment = segments_[i];
    std::optional<JsonView> next;
    Miss miss = Miss::kBadPath;
    if (value.is_object()) {
      next = member_by_raw_name(value, segment.raw);
      miss = Miss::kNotFound;
    } else if (value.is_array() && segment.index) {
      next = value.element(*segment.index);
    }
    if (!next) return {std::nullopt, miss};
    value = *next;
  }
  return {value, Miss::kNotFound};
}

std::string FieldPath::text() const {
  std::string out;
  for (const Segment& segment : segments_) {
    const bool first = &segment == &segments_.front();
    if (!first) out += '.';
    // A part of nothing but an escape; and a name that would be an operator in a selector.
    if (segment.name.empty() || (first && segment.name.starts_with('$'))) out += '\\';
    for (char c : segment.name) {
      if (c == '.') out += '\\';
      out += c;
    }
  }
  return out;
}

bool FieldPath::operator==(const FieldPath& other) const {
  return std::equal(segments_.begin(), segments_.end(), other.segments_.begin(),
                    other.segments_.end(),
                    [](const Segment& a, const Segment& b) { return a.name == b.name; });
}

void find_members(JsonView object, std::span<const std::string_view> raw_names,
                  std::span<std::optional<JsonView>> values) {
  std::fill(values.begin(), values.end(), std::nullopt);
  std::size_t missing = raw_names.size();
  if (missing == 0) return;
  for (const JsonMember& member : object.members()) {
    for (std::size_t i = 0; i < raw_names.size(); ++i) {
      if (values[i] || raw_names[i] != member.raw_name) continue;
      values[i] = member.value;
      if (--missing == 0) return;
      break;
    }
  }
}

namespace {

// The exponent's digits with their sign, held within ±kNumberExponentMax.
std::int64_t exponent_of(std::string_view text) {
  const bool negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  std::int64_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') break;
    value = std::min(value * 10 + (c - '0'), kNumberExponentMax);
  }
  return negative ? -value : value;
}

std::size_t digits_at(std::string_view text, std::size_t pos) {
  std::size_t end = pos;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
  return end - pos;
}

}  // namespace

Decimal decimal_of(std::string_view number) {
  Decimal decimal;
  std::size_t pos = 0;
  const bool negative = !number.empty() && number[0] == '-';
  if (negative) pos = 1;
  decimal.whole = number.substr(pos, digits_at(number, pos));
  pos += decimal.whole.size();
  if (pos < number.size() && number[pos] == '.') {
    decimal.fraction = number.substr(pos + 1, digits_at(number, pos + 1));
    pos += 1 + decimal.fraction.size();
  }
  std::int64_t exponent = 0;
  if (pos < number.size() && (number[pos] == 'e' || number[pos] == 'E'))
    exponent = exponent_of(number.substr(pos + 1));
  const std::size_t total = decimal.whole.size() + decimal.fraction.size();
  std::size_t first = 0;
  while (first < total && decimal.digit(first) == '0') ++first;
  if (first == total) return decimal;  // zero
  std::size_t last = total;
  while (decimal.digit(last - 1) == '0') --last;
  exponent += static_cast<std::int64_t>(decimal.whole.size()) - static_cast<std::int64_t>(first);
  decimal.exponent = std::clamp(exponent, -kNumberExponentMax, kNumberExponentMax);
  decimal.sign = negative ? -1 : 1;
  decimal.first = first;
  decimal.count = last - first;
  return decimal;
}

int compare_numbers(std::string_view a, std::string_view b) {
  const Decimal x = decimal_of(a);
  const Decimal y = decimal_of(b);
  if (x.sign != y.sign) return x.sign < y.sign ? -1 : 1;
  if (x.sign == 0) return 0;
  if (x.exponent != y.exponent) return (x.exponent < y.exponent) ? -x.sign : x.sign;
  const std::size_t common = std::min(x.count, y.count);
  for (std::size_t i = 0; i < common; ++i)
    if (x.digit(i) != y.digit(i)) return x.digit(i) < y.digit(i) ? -x.sign : x.sign;
  if (x.count == y.count) return 0;
  return x.count < y.count ? -x.sign : x.sign;
}

}  // namespace atelier::query
