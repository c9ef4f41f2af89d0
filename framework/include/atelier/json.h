// JSON as text: what a document's body is from the wire to the disk and back.
//
// Numbers are never converted: their text goes out as it came in (facts: Boost.JSON 1.81 is off by
// up to 2 ulp in a quarter of all doubles and prints 1e400 as Infinity). Normal form of a text:
//   1. no white space between tokens;
//   2. of duplicate members of one object the last value stands, at the place of the first;
//   3. strings carry the shortest escapes: \" \\ \b \f \n \r \t, \u00xx for other control
//      characters, everything else as UTF-8;
//   4. numbers are copied; one whose magnitude no double can hold (1e400) is refused;
//   5. UTF-8 is valid, surrogates come in pairs, depth is at most kJsonDepthMax.
// Everything that is stored or hashed is in normal form, so the Slice readers below may trust it.
// Thread rule: pure functions and values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "atelier/error.h"

namespace atelier::json {

/// Checks `text` (one JSON value, surrounding white space allowed) and returns its normal form.
/// Errors: kInvalid with the byte offset and what was expected there; kTooLarge beyond the depth.
Result<std::string> normalize(std::string_view text);

/// What kind of value a normal-form text is, from its first byte.
enum class Kind { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };
Kind kind_of(std::string_view normal);

/// Walks the members of an object in normal form. `key` is decoded when the member has escapes.
/// `fn(key, value_text)` returns false to stop. Values are slices of `object`.
void for_each_member(std::string_view object,
                     const std::function<bool(std::string_view key, std::string_view value)>& fn);

/// Walks the elements of an array in normal form; `fn` returns false to stop.
void for_each_element(std::string_view array, const std::function<bool(std::string_view)>& fn);

/// The text of member `key` of an object in normal form, or nullopt.
std::optional<std::string_view> member(std::string_view object, std::string_view key);

/// member() through a path of keys: find(doc, {"author", "name"}).
std::optional<std::string_view> find(std::string_view object,
                                     std::initializer_list<std::string_view> path);

/// The decoded value of a string in normal form (with its quotes), or nullopt for another kind.
std::optional<std::string> string_value(std::string_view normal);
/// An integer written without fraction or exponent that fits; nullopt otherwise.
std::optional<std::int64_t> int_value(std::string_view normal);
/// Any number, correctly rounded; nullopt for another kind.
std::optional<double> double_value(std::string_view normal);
std::optional<bool> bool_value(std::string_view normal);

/// Convenience for `{"key": "text"}` lookups of control messages.
std::optional<std::string> string_member(std::string_view object, std::string_view key);
std::optional<std::int64_t> int_member(std::string_view object, std::string_view key);
std::optional<bool> bool_member(std::string_view object, std::string_view key);

/// Appends `text` as a JSON string with quotes and shortest escapes. Invalid UTF-8 becomes U+FFFD.
void append_string(std::string& out, std::string_view text);
std::string quoted(std::string_view text);
/// Appends a double as the shortest text that reads back equal; not finite becomes null.
void append_double(std::string& out, double value);

/// Builds objects and arrays member by member, in normal form.
///   Writer w; w.begin_object(); w.key("ok").boolean(true); w.end_object(); w.take();
class Writer {
 public:
  Writer& begin_object();
  Writer& end_object();
  Writer& begin_array();
  Writer& end_array();
  Writer& key(std::string_view name);
  Writer& string(std::string_view text);
  Writer& integer(std::int64_t value);
  Writer& number(double value);
  Writer& boolean(bool value);
  Writer& null();
  /// A value that is JSON text already.
  Writer& raw(std::string_view text);

  const std::string& text() const { return out_; }
  std::string take() { return std::move(out_); }

 private:
  void separate();
  std::string out_;
  bool need_comma_ = false;
};

/// Splits a document in normal form into its top-level `_` members and the rest. `rest` is an
/// object in normal form that a store keeps as the body.
struct SplitDocument {
  std::string rest;
  std::vector<std::pair<std::string, std::string>> specials;  // name with `_`, value text
};
Result<SplitDocument> split_specials(std::string_view normal_object);

/// Whether `text` is valid UTF-8 (no surrogates, no overlong forms, at most U+10FFFF).
bool is_utf8(std::string_view text);

}  // namespace atelier::json
