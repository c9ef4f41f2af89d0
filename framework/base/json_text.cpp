#include "base/json_text.h"

#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <unordered_set>

#include "base/limits.h"

namespace atelier::json {
namespace {

void append_escaped(std::string& out, std::string_view text) {
  static constexpr char kHexDigits[] = "0123456789abcdef";
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    out += '\\';
    switch (c) {
      case '"': out += '"'; break;
      case '\\': out += '\\'; break;
      case '\b': out += 'b'; break;
      case '\f': out += 'f'; break;
      case '\n': out += 'n'; break;
      case '\r': out += 'r'; break;
      case '\t': out += 't'; break;
      default:
        out += "u00";
        out += kHexDigits[c >> 4];
        out += kHexDigits[c & 15];
    }
  }
  out.append(text, plain);
}

// Receives the events of Boost.JSON's parser, which checks grammar, UTF-8 and surrogates, and
// prints the normal form as it goes. Duplicates are only noticed here (by hash, so perhaps falsely)
// and taken out by a second, exact pass: they are rare.
class NormalForm {
 public:
  static constexpr std::size_t max_object_size = SIZE_MAX;
  static constexpr std::size_t max_array_size = SIZE_MAX;
  static constexpr std::size_t max_key_size = SIZE_MAX;
  static constexpr std::size_t max_string_size = SIZE_MAX;

  using error_code = boost::json::error_code;
  using string_view = boost::json::string_view;

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) {
    value_begin();
    out_ += '{';
    frames_.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, error_code&) {
    frames_.pop_back();
    out_ += '}';
    need_comma_ = true;
    return true;
  }
  bool on_array_begin(error_code&) {
    value_begin();
    out_ += '[';
    return true;
  }
  bool on_array_end(std::size_t, error_code&) {
    out_ += ']';
    need_comma_ = true;
    return true;
  }
  bool on_key_part(string_view part, std::size_t, error_code&) {
    if (!in_text_) begin_text();
    append_escaped(out_, part);
    return true;
  }
  bool on_key(string_view part, std::size_t total, error_code& error) {
    on_key_part(part, total, error);
    note_key(std::hash<std::string_view>{}(std::string_view(out_).substr(text_start_)));
    out_ += "\":";
    in_text_ = false;
    need_comma_ = false;
    return true;
  }
  bool on_string_part(string_view part, std::size_t, error_code&) {
    if (!in_text_) begin_text();
    append_escaped(out_, part);
    return true;
  }
  bool on_string(string_view part, std::size_t total, error_code& error) {
    on_string_part(part, total, error);
    out_ += '"';
    in_text_ = false;
    need_comma_ = true;
    return true;
  }
  bool on_number_part(string_view part, error_code&) {
    if (!in_number_) value_begin();
    in_number_ = true;
    out_.append(part.data(), part.size());
    return true;
  }
  bool on_int64(std::int64_t, string_view part, error_code& error) {
    return end_number(part, error);
  }
  bool on_uint64(std::uint64_t, string_view part, error_code& error) {
    return end_number(part, error);
  }
  bool on_double(double value, string_view part, error_code& error) {
    if (!std::isfinite(value)) {
      error = boost::json::error::exponent_overflow;
      return false;
    }
    return end_number(part, error);
  }
  bool on_bool(bool value, error_code&) {
    value_begin();
    out_ += value ? "true" : "false";
    need_comma_ = true;
    return true;
  }
  bool on_null(error_code&) {
    value_begin();
    out_ += "null";
    need_comma_ = true;
    return true;
  }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }

  std::string take() { return std::move(out_); }
  bool has_duplicates() const { return has_duplicates_; }
  void reserve(std::size_t bytes) { out_.reserve(bytes); }

 private:
  struct Frame {
    std::vector<std::size_t> few;
    std::unordered_set<std::size_t> many;
  };

  void value_begin() {
    if (need_comma_) out_ += ',';
    need_comma_ = false;
  }
  void begin_text() {
    value_begin();
    out_ += '"';
    text_start_ = out_.size();
    in_text_ = true;
  }
  bool end_number(string_view part, error_code& error) {
    on_number_part(part, error);
    in_number_ = false;
    need_comma_ = true;
    return true;
  }
  void note_key(std::size_t hash) {
    constexpr std::size_t kLinearMax = 24;
    Frame& frame = frames_.back();
    if (frame.many.empty() && frame.few.size() < kLinearMax) {
      if (std::find(frame.few.begin(), frame.few.end(), hash) != frame.few.end())
        has_duplicates_ = true;
      frame.few.push_back(hash);
      return;
    }
    if (frame.many.empty()) frame.many.insert(frame.few.begin(), frame.few.end());
    if (!frame.many.insert(hash).second) has_duplicates_ = true;
  }

  std::string out_;
  std::vector<Frame> frames_;
  std::size_t text_start_ = 0;
  bool need_comma_ = false;
  bool in_text_ = false;
  bool in_number_ = false;
  bool has_duplicates_ = false;
};

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

std::string without_duplicates(std::string_view normal);

std::string object_without_duplicates(std::string_view object) {
  std::vector<std::pair<std::string, std::string>> members;
  for_each_member(object, [&](std::string_view key, std::string_view value) {
    auto same = std::find_if(members.begin(), members.end(),
                             [&](const auto& member) { return member.first == key; });
    if (same == members.end())
      members.emplace_back(key, without_duplicates(value));
    else
      same->second = without_duplicates(value);
    return true;
  });
  Writer writer;
  writer.begin_object();
  for (const auto& [key, value] : members) writer.key(key).raw(value);
  writer.end_object();
  return writer.take();
}

std::string without_duplicates(std::string_view normal) {
  if (kind_of(normal) == Kind::kObject) return object_without_duplicates(normal);
  if (kind_of(normal) != Kind::kArray) return std::string(normal);
  Writer writer;
  writer.begin_array();
  for_each_element(normal, [&](std::string_view element) {
    writer.raw(without_duplicates(element));
    return true;
  });
  writer.end_array();
  return writer.take();
}

}  // namespace

Result<std::string> normalize(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = kJsonDepthMax;
  boost::json::basic_parser<NormalForm> parser(options);
  parser.handler().reserve(text.size() + 16);
  boost::json::error_code error;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
  if (!error && used < text.size()) error = boost::json::error::extra_data;
  if (error) {
    const std::string where = " at byte " + std::to_string(used);
    if (error == boost::json::error::too_deep)
      return Error{ErrorCode::kTooLarge, "JSON is nested too deeply" + where};
    if (error == boost::json::error::exponent_overflow)
      return invalid("JSON number is too large for a double" + where);
    return invalid("invalid JSON" + where + ": " + error.message());
  }
  std::string normal = parser.handler().take();
  if (!parser.handler().has_duplicates()) return normal;
  return without_duplicates(normal);
}

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
