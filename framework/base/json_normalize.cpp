// Checking and normalizing, over Boost.JSON's parser. Apart from the readers and the writer, which
// plugins link and which need no library.
#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_set>

#include <boost/json/basic_parser_impl.hpp>

#include "base/json_escape.h"
#include "base/json_text.h"
#include "base/limits.h"

namespace atelier::json {
namespace {

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
  static constexpr std::size_t kFewKeys = 24;
  /// Hashes of an object's keys so far.
  struct Frame {
    std::array<std::size_t, kFewKeys> few;
    std::size_t count = 0;  // in `few`
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
    Frame& frame = frames_.back();
    const auto end = frame.few.begin() + static_cast<std::ptrdiff_t>(frame.count);
    if (frame.count < kFewKeys) {
      if (std::find(frame.few.begin(), end, hash) != end) has_duplicates_ = true;
      frame.few[frame.count++] = hash;
      return;
    }
    if (frame.many.empty()) frame.many.insert(frame.few.begin(), end);
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

}  // namespace atelier::json
