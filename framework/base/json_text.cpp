// Reading and writing of JSON in normal form. Uses the standard library alone: plugins link it.
#include "base/json_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/json_escape.h"

namespace atelier::json {
namespace {

// The end of the string that begins at text[pos] == '"', one past the closing quote.
std::size_t skip_string(std::string_view text, std::size_t pos) {
  for (++pos; pos < text.size(); ++pos) {
    if (text[pos] == '\\') {
      ++pos;
    } else if (text[pos] == '"') {
      return pos + 1;
    }
  }
  return text.size();
}

// One past the value that begins at `pos` of a text in normal form.
std::size_t skip_value(std::string_view text, std::size_t pos) {
  if (pos >= text.size()) return text.size();
  if (text[pos] == '"') return skip_string(text, pos);
  if (text[pos] != '{' && text[pos] != '[') {
    while (pos < text.size() && text[pos] != ',' && text[pos] != '}' && text[pos] != ']') ++pos;
    return pos;
  }
  int depth = 0;
  while (pos < text.size()) {
    const char c = text[pos];
    if (c == '"') {
      pos = skip_string(text, pos);
      continue;
    }
    ++pos;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) break;
  }
  return std::min(pos, text.size());
}

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

// The four hex digits at `pos`; the normal form has only \u00xx, but a reader must not run past.
std::uint32_t hex4(std::string_view text, std::size_t pos) {
  std::uint32_t code = 0;
  const std::string_view digits = text.substr(std::min(pos, text.size()), 4);
  std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
  return code;
}

// Decodes the inside of a string in normal form.
std::string unescape(std::string_view inside) {
  if (inside.find('\\') == std::string_view::npos) return std::string(inside);
  std::string out;
  out.reserve(inside.size());
  for (std::size_t i = 0; i < inside.size(); ++i) {
    if (inside[i] != '\\' || i + 1 >= inside.size()) {
      out += inside[i];
      continue;
    }
    switch (inside[++i]) {
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 't': out += '\t'; break;
      case 'u':
        append_utf8(out, hex4(inside, i + 1));
        i += 4;
        break;
      default: out += inside[i];
    }
  }
  return out;
}

}  // namespace

Kind kind_of(std::string_view normal) {
  if (normal.empty()) return Kind::kNull;
  switch (normal.front()) {
    case 'n': return Kind::kNull;
    case 'f': return Kind::kFalse;
    case 't': return Kind::kTrue;
    case '"': return Kind::kString;
    case '[': return Kind::kArray;
    case '{': return Kind::kObject;
    default: return Kind::kNumber;
  }
}

void for_each_member(std::string_view object,
                     const std::function<bool(std::string_view, std::string_view)>& fn) {
  if (kind_of(object) != Kind::kObject) return;
  std::string decoded;
  std::size_t pos = 1;
  while (pos < object.size() && object[pos] == '"') {
    const std::size_t key_end = skip_string(object, pos);
    std::string_view key = object.substr(pos + 1, key_end - pos - 2);
    if (key.find('\\') != std::string_view::npos) {
      decoded = unescape(key);
      key = decoded;
    }
    const std::size_t value_begin = key_end + 1;  // past the colon
    const std::size_t value_end = skip_value(object, value_begin);
    if (value_begin > object.size()) return;
    if (!fn(key, object.substr(value_begin, value_end - value_begin))) return;
    pos = value_end + 1;  // past the comma
  }
}

void for_each_element(std::string_view array, const std::function<bool(std::string_view)>& fn) {
  if (kind_of(array) != Kind::kArray) return;
  std::size_t pos = 1;
  while (pos < array.size() && array[pos] != ']') {
    const std::size_t end = skip_value(array, pos);
    if (!fn(array.substr(pos, end - pos))) return;
    pos = end + 1;
  }
}

std::optional<std::string_view> member(std::string_view object, std::string_view key) {
  std::optional<std::string_view> found;
  for_each_member(object, [&](std::string_view name, std::string_view value) {
    if (name != key) return true;
    found = value;
    return false;
  });
  return found;
}

std::optional<std::string_view> find(std::string_view object,
                                     std::initializer_list<std::string_view> path) {
  std::optional<std::string_view> here = object;
  for (std::string_view key : path) {
    here = member(*here, key);
    if (!here) return std::nullopt;
  }
  return here;
}

std::optional<std::string> string_value(std::string_view normal) {
  if (kind_of(normal) != Kind::kString || normal.size() < 2) return std::nullopt;
  return unescape(normal.substr(1, normal.size() - 2));
}

std::optional<std::int64_t> int_value(std::string_view normal) {
  std::int64_t value = 0;
  const char* end = normal.data() + normal.size();
  const auto [stopped, error] = std::from_chars(normal.data(), end, value);
  if (error != std::errc{} || stopped != end) return std::nullopt;
  return value;
}

std::optional<double> double_value(std::string_view normal) {
  if (normal.empty() || kind_of(normal) != Kind::kNumber) return std::nullopt;
  double value = 0;
  const char* end = normal.data() + normal.size();
  const auto [stopped, error] = std::from_chars(normal.data(), end, value);
  if (stopped != end) return std::nullopt;
  if (error == std::errc::result_out_of_range) return 0.0;  // too small: the normal form has no 1e400
  if (error != std::errc{}) return std::nullopt;
  return value;
}

std::optional<bool> bool_value(std::string_view normal) {
  if (normal == "true") return true;
  if (normal == "false") return false;
  return std::nullopt;
}

std::optional<std::string> string_member(std::string_view object, std::string_view key) {
  const auto value = member(object, key);
  return value ? string_value(*value) : std::nullopt;
}

std::optional<std::int64_t> int_member(std::string_view object, std::string_view key) {
  const auto value = member(object, key);
  return value ? int_value(*value) : std::nullopt;
}

std::optional<bool> bool_member(std::string_view object, std::string_view key) {
  const auto value = member(object, key);
  return value ? bool_value(*value) : std::nullopt;
}

namespace {

// Length of the valid UTF-8 sequence at text[i], or 0.
std::size_t utf8_length_at(std::string_view text, std::size_t i) {
  const auto byte = [&](std::size_t k) {
    return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0u;
  };
  const auto continues = [&](std::size_t k) { return (byte(k) & 0xC0u) == 0x80u; };
  const unsigned c = byte(0);
  if (c < 0x80) return 1;
  if (c >= 0xC2 && c <= 0xDF) return continues(1) ? 2 : 0;
  if (c >= 0xE0 && c <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    if (c == 0xE0 && byte(1) < 0xA0) return 0;   // overlong
    if (c == 0xED && byte(1) >= 0xA0) return 0;  // surrogate
    return 3;
  }
  if (c >= 0xF0 && c <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (c == 0xF0 && byte(1) < 0x90) return 0;  // overlong
    if (c == 0xF4 && byte(1) >= 0x90) return 0;  // beyond U+10FFFF
    return 4;
  }
  return 0;
}

}  // namespace

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length_at(text, i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  if (is_utf8(text)) {
    append_escaped(out, text);
  } else {
    std::string mended;
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t length = utf8_length_at(text, i);
      if (length == 0) mended += "\xEF\xBF\xBD";
      else mended.append(text, i, length);
      i += std::max<std::size_t>(length, 1);
    }
    append_escaped(out, mended);
  }
  out += '"';
}

std::string quoted(std::string_view text) {
  std::string out;
  append_string(out, text);
  return out;
}

void append_double(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  out.append(buffer, end);
}

void Writer::separate() {
  if (need_comma_) out_ += ',';
  need_comma_ = false;
}
Writer& Writer::begin_object() {
  separate();
  out_ += '{';
  return *this;
}
Writer& Writer::end_object() {
  out_ += '}';
  need_comma_ = true;
  return *this;
}
Writer& Writer::begin_array() {
  separate();
  out_ += '[';
  return *this;
}
Writer& Writer::end_array() {
  out_ += ']';
  need_comma_ = true;
  return *this;
}
Writer& Writer::key(std::string_view name) {
  separate();
  append_string(out_, name);
  out_ += ':';
  return *this;
}
Writer& Writer::string(std::string_view text) {
  separate();
  append_string(out_, text);
  need_comma_ = true;
  return *this;
}
Writer& Writer::integer(std::int64_t value) { return raw(std::to_string(value)); }
Writer& Writer::number(double value) {
  separate();
  append_double(out_, value);
  need_comma_ = true;
  return *this;
}
Writer& Writer::boolean(bool value) { return raw(value ? "true" : "false"); }
Writer& Writer::null() { return raw("null"); }
Writer& Writer::raw(std::string_view text) {
  separate();
  out_ += text;
  need_comma_ = true;
  return *this;
}

Result<SplitDocument> split_specials(std::string_view normal_object) {
  if (kind_of(normal_object) != Kind::kObject) return invalid("Document must be a JSON object");
  SplitDocument split;
  if (normal_object.find("\"_") == std::string_view::npos) {  // the usual case: nothing to take out
    split.rest = normal_object;
    return split;
  }
  Writer rest;
  rest.begin_object();
  for_each_member(normal_object, [&](std::string_view key, std::string_view value) {
    if (key.starts_with('_'))
      split.specials.emplace_back(key, value);
    else
      rest.key(key).raw(value);
    return true;
  });
  rest.end_object();
  split.rest = rest.take();
  return split;
}

}  // namespace atelier::json
