// Lazy reading of JSON in normal form (atelier/json.h): a value is a slice of the document's text,
// and nothing is parsed but what is asked for. Finding a member skips the values before it and
// never looks at those behind it.
//
// The text is trusted to be in normal form; on any other text the answers mean nothing, but no byte
// outside it is read. Thread rule: values and pure functions; a view lives no longer than its text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json_text.h"

namespace atelier::query {

/// One past the JSON value that begins at `pos` of a text in normal form.
std::size_t skip_value(std::string_view text, std::size_t pos);

/// One past the closing quote of the string that begins at `text[pos] == '"'`.
std::size_t skip_string(std::string_view text, std::size_t pos);

/// A value in normal form: exactly its text, without anything around it.
class JsonView {
 public:
  class Members;
  class Elements;

  /// The text `null`.
  JsonView() : text_("null") {}
  explicit JsonView(std::string_view normal) : text_(normal) {}

  std::string_view text() const { return text_; }
  json::Kind kind() const { return json::kind_of(text_); }
  bool is_null() const { return kind() == json::Kind::kNull; }
  bool is_bool() const { return kind() == json::Kind::kTrue || kind() == json::Kind::kFalse; }
  bool is_number() const { return kind() == json::Kind::kNumber; }
  bool is_string() const { return kind() == json::Kind::kString; }
  bool is_array() const { return kind() == json::Kind::kArray; }
  bool is_object() const { return kind() == json::Kind::kObject; }
  /// A number written without fraction and exponent: what CouchDB takes for an integer.
  bool is_integer() const;

  /// The decoded string. A slice of the text when it has no escapes, else of `scratch`, which it
  /// overwrites. Empty for another kind.
  std::string_view string(std::string& scratch) const;
  /// The decoded string as a copy.
  std::string string_copy() const;

  /// The member of that (decoded) name. None for other kinds than objects.
  std::optional<JsonView> member(std::string_view name) const;
  /// The element at `index`. None for other kinds than arrays.
  std::optional<JsonView> element(std::size_t index) const;
  /// Elements or members directly inside; 0 for a scalar.
  std::size_t count() const;

  /// for (auto [name, value] : view.members()); empty for other kinds.
  Members members() const;
  /// for (JsonView element : view.elements()); empty for other kinds.
  Elements elements() const;

 private:
  std::string_view text_;
};

/// A member while a loop stands at it.
struct JsonMember {
  std::string_view raw_name;  // as written, without quotes, escapes not decoded
  JsonView value;

  bool name_has_escapes() const { return raw_name.find('\\') != std::string_view::npos; }
  bool name_is(std::string_view name) const;
  /// Decoded; a slice of the text or of `scratch`.
  std::string_view name(std::string& scratch) const;
};

class JsonView::Members {
 public:
  class Iterator {
   public:
    explicit Iterator(std::string_view text) : text_(text), pos_(1) { read(); }
    Iterator() : pos_(std::string_view::npos) {}
    const JsonMember& operator*() const { return member_; }
    const JsonMember* operator->() const { return &member_; }
    Iterator& operator++() {
      ++pos_;  // past the comma or the closing brace
      read();
      return *this;
    }
    bool operator!=(const Iterator& other) const { return pos_ != other.pos_; }

   private:
    void read();
    std::string_view text_;
    std::size_t pos_;  // of the name's quote; behind the value after read(); npos at the end
    JsonMember member_;
  };
  explicit Members(std::string_view object) : text_(object) {}
  Iterator begin() const { return text_.empty() ? Iterator() : Iterator(text_); }
  Iterator end() const { return {}; }

 private:
  std::string_view text_;
};

class JsonView::Elements {
 public:
  class Iterator {
   public:
    explicit Iterator(std::string_view text) : text_(text), pos_(1) { read(); }
    Iterator() : pos_(std::string_view::npos) {}
    JsonView operator*() const { return value_; }
    Iterator& operator++() {
      ++pos_;
      read();
      return *this;
    }
    bool operator!=(const Iterator& other) const { return pos_ != other.pos_; }

   private:
    void read();
    std::string_view text_;
    std::size_t pos_;
    JsonView value_;
  };
  explicit Elements(std::string_view array) : text_(array) {}
  Iterator begin() const { return text_.empty() ? Iterator() : Iterator(text_); }
  Iterator end() const { return {}; }

 private:
  std::string_view text_;
};

inline JsonView::Members JsonView::members() const {
  return Members(is_object() ? text_ : std::string_view{});
}
inline JsonView::Elements JsonView::elements() const {
  return Elements(is_array() ? text_ : std::string_view{});
}

/// A field's path, compiled once: `author.name`, `tags.0`, `a\.b` for a name with a dot in it.
/// A segment of digits is a member's name in an object and a position in an array, as in Mango.
class FieldPath {
 public:
  struct Segment {
    std::string name;                  // decoded
    std::string raw;                   // as it stands between quotes in normal form
    std::optional<std::size_t> index;  // when `name` may be a position in an array
  };
  enum class Miss {
    kNotFound,  // the object that should hold the last or an inner name does not
    kBadPath,   // a scalar where an object should be, or a position outside its array
  };
  struct Found {
    std::optional<JsonView> value;
    Miss miss = Miss::kNotFound;  // when there is no value
  };

  /// Errors: kInvalid for an empty name or an empty part of it, kTooLarge beyond
  /// kFieldPathBytesMax.
  static Result<FieldPath> parse(std::string_view field);
  /// A path of these names, none of them read for dots.
  static FieldPath of_names(const std::vector<std::string>& names);

  /// What `document` (an object in normal form) holds there.
  std::optional<JsonView> find(JsonView document) const { return look_up(document).value; }
  Found look_up(JsonView document) const;
  /// look_up() from the segment `first` on.
  Found look_up_from(JsonView value, std::size_t first) const;

  const std::vector<Segment>& segments() const { return segments_; }
  /// The path in the form that parse() reads; equal for equal paths.
  std::string text() const;
  bool operator==(const FieldPath& other) const;

 private:
  std::vector<Segment> segments_;
};

/// Members of one object, all found in one pass: `values[i]` becomes what the name `raw_names[i]`
/// (as between quotes in normal form) holds. The pass ends when all are found. Both have one
/// length.
void find_members(JsonView object, std::span<const std::string_view> raw_names,
                  std::span<std::optional<JsonView>> values);

/// A number's exact value: sign * 0.d1d2d3… * 10^exponent, d1 and the last digit not 0.
/// Digits are those of `whole` and then of `fraction`, from `first` for `count` digits.
struct Decimal {
  int sign = 0;               // -1, 0, 1
  std::int64_t exponent = 0;  // held within ±kNumberExponentMax
  std::string_view whole, fraction;
  std::size_t first = 0, count = 0;

  char digit(std::size_t i) const {
    i += first;
    return i < whole.size() ? whole[i] : fraction[i - whole.size()];
  }
};

/// The value of a number's text (anything that JSON's grammar allows).
Decimal decimal_of(std::string_view number);

/// -1, 0 or 1 by value, exactly: 1e3 equals 1000.0, 9007199254740993 is above 9007199254740992.
int compare_numbers(std::string_view a, std::string_view b);

}  // namespace atelier::query
