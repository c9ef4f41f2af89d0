// Described C++ values as JSON text and back.
//
//   struct Point { double x = 0, y = 0; };
//   BOOST_DESCRIBE_STRUCT(Point, (), (x, y))
//   json::encode(Point{1, 2})                  -> {"x":1,"y":2}
//   json::decode<Point>(R"({"x":"a"})")        -> error "/x: expected a number, found a string"
//   json::merged(Point{5, 2}, R"({"z":1.0,"x":1,"y":2.00})") -> {"z":1.0,"x":5,"y":2.00}
//
// What a member may be: bool, numbers, std::string, an enum with BOOST_DESCRIBE_ENUM (by name),
// std::optional, std::vector, std::map<std::string, …>, and described structs of these.
//   * A member that the text lacks keeps the default of the struct; an optional without value is
//     left out of the text.
//   * A number such as 1000.0 is an integer (CouchDB prints 1e3 so). Of a floating-point member,
//     null is what JSON has for "not a number".
// Texts are in normal form (json.h). Thread rule: pure functions.
#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/describe.hpp>
#include <boost/mp11.hpp>

#include "atelier/error.h"
#include "atelier/json.h"

namespace atelier::json {

/// Whether T was announced with BOOST_DESCRIBE_STRUCT (or _CLASS).
template <class T>
concept Described = boost::describe::has_describe_members<T>::value;

namespace detail {

/// Where decoding failed and why; the pointer grows from its end as the calls return.
struct Failure {
  std::string pointer;
  std::string reason;

  bool at(std::string_view key) {
    std::string step = "/";
    for (const char c : key) {
      if (c == '~')
        step += "~0";
      else if (c == '/')
        step += "~1";
      else
        step += c;
    }
    pointer.insert(0, step);
    return false;
  }
  bool because(std::string text) {
    reason = std::move(text);
    return false;
  }
  std::string text() const { return (pointer.empty() ? "the document" : pointer) + ": " + reason; }
};

inline const char* kind_in_words(std::string_view text) {
  switch (kind_of(text)) {
    case Kind::kNull:
      return "null";
    case Kind::kFalse:
    case Kind::kTrue:
      return "a boolean";
    case Kind::kNumber:
      return "a number";
    case Kind::kString:
      return "a string";
    case Kind::kArray:
      return "an array";
    case Kind::kObject:
      return "an object";
  }
  return "something else";
}

inline bool mismatch(Failure& failure, const char* expected, std::string_view text) {
  return failure.because(std::string("expected ") + expected + ", found " + kind_in_words(text));
}

template <class T>
inline constexpr bool kNever = false;

// How one type is read, written, and written over an older text. The primary template is the
// error message for a type that has no place in a document.
template <class T>
struct Codec {
  static_assert(kNever<T>,
                "Atelier cannot keep this type in a document. A member may be: bool, a number, "
                "std::string, std::optional, std::vector, std::map<std::string, ...>, an enum with "
                "BOOST_DESCRIBE_ENUM, or a struct with BOOST_DESCRIBE_STRUCT");
};

/// Types without parts: a changed one is written anew.
template <class T>
struct PlainMerge {
  static void merge(std::string& out, const T& value, std::string_view) {
    Codec<T>::write(out, value);
  }
};

template <class T>
std::string written(const T& value) {
  std::string out;
  Codec<T>::write(out, value);
  return out;
}

/// Whether `old` already says `value`, perhaps in other words (1000.0 for 1000).
template <class T>
bool says(std::string_view old, const T& value) {
  T before{};
  Failure ignored;
  return Codec<T>::read(old, before, ignored) && written(before) == written(value);
}

template <class T>
void merge_or_keep(std::string& out, const T& value, std::string_view old) {
  if (says(old, value))
    out += old;
  else
    Codec<T>::merge(out, value, old);
}

template <>
struct Codec<bool> : PlainMerge<bool> {
  static bool read(std::string_view text, bool& value, Failure& failure) {
    const auto found = bool_value(text);
    if (!found) return mismatch(failure, "a boolean", text);
    value = *found;
    return true;
  }
  static void write(std::string& out, bool value) { out += value ? "true" : "false"; }
};

template <>
struct Codec<std::string> : PlainMerge<std::string> {
  static bool read(std::string_view text, std::string& value, Failure& failure) {
    auto found = string_value(text);
    if (!found) return mismatch(failure, "a string", text);
    value = std::move(*found);
    return true;
  }
  static void write(std::string& out, const std::string& value) { append_string(out, value); }
};

template <class T>
requires(std::integral<T> && !std::same_as<T, bool>) struct Codec<T> : PlainMerge<T> {
  static bool read(std::string_view text, T& value, Failure& failure) {
    if (kind_of(text) != Kind::kNumber) return mismatch(failure, "an integer", text);
    T exact{};
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, exact);
    if (error == std::errc{} && stopped == end) {
      value = exact;
      return true;
    }
    return read_decimal(text, value, failure);
  }
  static void write(std::string& out, T value) { out += std::to_string(value); }

 private:
  // 1000.0, 1e3, and what is out of range. Beyond 2^53 a double no longer names one integer.
  static bool read_decimal(std::string_view text, T& value, Failure& failure) {
    constexpr double kExactMax = 9007199254740992.0;
    const double number = double_value(text).value_or(0.5);
    if (number != std::floor(number))
      return failure.because("expected an integer, found " + std::string(text.substr(0, 32)));
    if (std::abs(number) > kExactMax || number < static_cast<double>(Limits::min()) ||
        number > static_cast<double>(Limits::max()))
      return failure.because(std::string(text.substr(0, 32)) +
                             " is out of range: " + std::to_string(Limits::min()) + " to " +
                             std::to_string(Limits::max()));
    value = static_cast<T>(number);
    return true;
  }
  using Limits = std::numeric_limits<T>;
};

template <std::floating_point T>
struct Codec<T> : PlainMerge<T> {
  static bool read(std::string_view text, T& value, Failure& failure) {
    if (kind_of(text) == Kind::kNull) {
      value = std::numeric_limits<T>::quiet_NaN();
      return true;
    }
    const auto found = double_value(text);
    if (!found) return mismatch(failure, "a number", text);
    value = static_cast<T>(*found);
    return true;
  }
  static void write(std::string& out, T value) {
    if constexpr (std::same_as<T, float>) {
      // The shortest text of the float, not of the double next to it: 0.1, not 0.10000000149.
      if (!std::isfinite(value)) return append_double(out, value);
      char buffer[32];
      out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
    } else {
      append_double(out, static_cast<double>(value));
    }
  }
};

template <class T>
requires std::is_enum_v<T>
struct Codec<T> : PlainMerge<T> {
  static_assert(
      boost::describe::has_describe_enumerators<T>::value,
      "This enum is not described: write BOOST_DESCRIBE_ENUM(Name, its, values) after it");
  static bool read(std::string_view text, T& value, Failure& failure) {
    const auto name = string_value(text);
    if (!name) return mismatch(failure, "a string", text);
    bool known = false;
    std::string names;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto one) {
      names += (names.empty() ? "" : ", ") + std::string(one.name);
      if (*name != one.name) return;
      value = one.value;
      known = true;
    });
    return known || failure.because("expected one of " + names + ", found another word");
  }
  static void write(std::string& out, T value) {
    bool named = false;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto one) {
      if (named || one.value != value) return;
      append_string(out, one.name);
      named = true;
    });
    if (!named) out += "null";  // a value without a name, which only a cast can make
  }
};

template <class T>
struct Codec<std::optional<T>> {
  static bool read(std::string_view text, std::optional<T>& value, Failure& failure) {
    value.reset();
    if (kind_of(text) == Kind::kNull) return true;
    return Codec<T>::read(text, value.emplace(), failure);
  }
  static void write(std::string& out, const std::optional<T>& value) {
    if (value)
      Codec<T>::write(out, *value);
    else
      out += "null";
  }
  static void merge(std::string& out, const std::optional<T>& value, std::string_view old) {
    if (value)
      merge_or_keep(out, *value, old);
    else
      out += "null";
  }
};

template <class T>
struct Codec<std::vector<T>> {
  static bool read(std::string_view text, std::vector<T>& value, Failure& failure) {
    if (kind_of(text) != Kind::kArray) return mismatch(failure, "an array", text);
    value.clear();
    bool good = true;
    for_each_element(text, [&](std::string_view element) {
      T one{};
      good = Codec<T>::read(element, one, failure) || failure.at(std::to_string(value.size()));
      if (good) value.push_back(std::move(one));
      return good;
    });
    return good;
  }
  static void write(std::string& out, const std::vector<T>& value) {
    out += '[';
    bool first = true;
    for (const T& element : value) {
      if (!std::exchange(first, false)) out += ',';
      Codec<T>::write(out, element);
    }
    out += ']';
  }
  // Of the same length: each element over the one in its place. Otherwise elements that were there
  // before keep their text, wherever they are now.
  static void merge(std::string& out, const std::vector<T>& value, std::string_view old) {
    std::vector<std::string_view> texts;
    for_each_element(old, [&](std::string_view element) {
      texts.push_back(element);
      return true;
    });
    if (texts.size() != value.size()) return merge_moved(out, value, texts);
    out += '[';
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (i > 0) out += ',';
      const T& element = value[i];
      merge_or_keep(out, element, texts[i]);
    }
    out += ']';
  }

 private:
  static void merge_moved(std::string& out, const std::vector<T>& value,
                          const std::vector<std::string_view>& texts) {
    std::multimap<std::string, std::string_view> known;
    for (const std::string_view text : texts) {
      T before{};
      Failure ignored;
      if (Codec<T>::read(text, before, ignored)) known.emplace(written(before), text);
    }
    out += '[';
    bool first = true;
    for (const T& element : value) {
      if (!std::exchange(first, false)) out += ',';
      const std::string text = written(element);
      const auto found = known.find(text);
      out += found == known.end() ? std::string_view(text) : found->second;
      if (found != known.end()) known.erase(found);
    }
    out += ']';
  }
};

template <class T>
struct Codec<std::map<std::string, T>> {
  using Map = std::map<std::string, T>;

  static bool read(std::string_view text, Map& value, Failure& failure) {
    if (kind_of(text) != Kind::kObject) return mismatch(failure, "an object", text);
    value.clear();
    bool good = true;
    for_each_member(text, [&](std::string_view key, std::string_view one) {
      good = Codec<T>::read(one, value[std::string(key)], failure) || failure.at(key);
      return good;
    });
    return good;
  }
  static void write(std::string& out, const Map& value) {
    out += '{';
    bool first = true;
    for (const auto& [key, one] : value) {
      begin_member(out, first, key);
      Codec<T>::write(out, one);
    }
    out += '}';
  }
  static void merge(std::string& out, const Map& value, std::string_view old) {
    out += '{';
    bool first = true;
    for_each_member(old, [&](std::string_view key, std::string_view text) {
      const auto found = value.find(std::string(key));
      if (found == value.end()) return true;
      begin_member(out, first, key);
      merge_or_keep(out, found->second, text);
      return true;
    });
    for (const auto& [key, one] : value) {
      if (member(old, key)) continue;
      begin_member(out, first, key);
      Codec<T>::write(out, one);
    }
    out += '}';
  }
  static void begin_member(std::string& out, bool& first, std::string_view key) {
    if (!std::exchange(first, false)) out += ',';
    append_string(out, key);
    out += ':';
  }
};

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <Described T>
struct Codec<T> {
  using Members = boost::describe::describe_members<T, boost::describe::mod_any_access |
                                                           boost::describe::mod_inherited>;

  static bool read(std::string_view text, T& value, Failure& failure) {
    if (kind_of(text) != Kind::kObject) return mismatch(failure, "an object", text);
    bool good = true;
    for_each_member(text, [&](std::string_view key, std::string_view one) {
      with_member(key, [&](auto pointer) {
        using Member = MemberType<decltype(pointer)>;
        good = Codec<Member>::read(one, value.*pointer, failure) || failure.at(key);
      });
      return good;
    });
    return good;
  }
  static void write(std::string& out, const T& value) {
    out += '{';
    bool first = true;
    boost::mp11::mp_for_each<Members>([&](auto described) {
      write_member(out, first, described.name, value.*described.pointer);
    });
    out += '}';
  }
  // Members that T does not know stay; those that did not change keep their text; one that the old
  // text lacked is written only when it says more than the default.
  static void merge(std::string& out, const T& value, std::string_view old) {
    out += '{';
    bool first = true;
    for_each_member(old, [&](std::string_view key, std::string_view text) {
      const bool known = with_member(
          key, [&](auto pointer) { merge_member(out, first, key, value.*pointer, text); });
      if (known) return true;
      begin_member(out, first, key);
      out += text;
      return true;
    });
    const T defaults{};
    boost::mp11::mp_for_each<Members>([&](auto described) {
      using Member = MemberType<decltype(described.pointer)>;
      if (member(old, described.name)) return;
      const Member& one = value.*described.pointer;
      if (written<Member>(one) == written<Member>(defaults.*described.pointer)) return;
      write_member(out, first, described.name, one);
    });
    out += '}';
  }

 private:
  template <class Pointer>
  using MemberType = std::remove_cvref_t<decltype(std::declval<T&>().*std::declval<Pointer>())>;

  template <class Fn>
  static bool with_member(std::string_view key, const Fn& fn) {
    bool found = false;
    boost::mp11::mp_for_each<Members>([&](auto described) {
      if (found || key != described.name) return;
      found = true;
      fn(described.pointer);
    });
    return found;
  }
  static void begin_member(std::string& out, bool& first, std::string_view key) {
    if (!std::exchange(first, false)) out += ',';
    append_string(out, key);
    out += ':';
  }
  template <class Member>
  static bool is_left_out(const Member& one) {
    if constexpr (IsOptional<Member>::value)
      return !one.has_value();
    else
      return false;
  }
  template <class Member>
  static void write_member(std::string& out, bool& first, std::string_view key, const Member& one) {
    if (is_left_out(one)) return;
    begin_member(out, first, key);
    Codec<Member>::write(out, one);
  }
  template <class Member>
  static void merge_member(std::string& out, bool& first, std::string_view key, const Member& one,
                           std::string_view old) {
    if (is_left_out(one) && kind_of(old) != Kind::kNull) return;
    begin_member(out, first, key);
    merge_or_keep(out, one, old);
  }
};

}  // namespace detail

/// The value that `normal` says. Errors: kInvalid with a JSON pointer to what is wrong.
template <class T>
Result<T> decode(std::string_view normal) {
  T value{};
  detail::Failure failure;
  if (!detail::Codec<T>::read(normal, value, failure)) return invalid(failure.text());
  return value;
}

/// The text of `value`, in normal form, with all members.
template <class T>
std::string encode(const T& value) {
  return detail::written(value);
}

/// `old` changed so that it says `value`: what T does not know and what did not change stays as it
/// is.
template <class T>
std::string merged(const T& value, std::string_view old) {
  std::string out;
  detail::merge_or_keep(out, value, old);
  return out;
}

}  // namespace atelier::json
