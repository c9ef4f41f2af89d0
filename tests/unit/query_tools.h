// Random JSON for the tests of query, and the slow, plain ways that the fast ones are compared
// with.
#pragma once

#include <random>
#include <string>

#include "base/json_text.h"

namespace atelier::query {

/// Values of every kind, with many that are equal or nearly equal to each other.
class RandomJson {
 public:
  explicit RandomJson(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
  }

  std::string number() {
    static const char* kNumbers[] = {"0",
                                     "-0",
                                     "0.0",
                                     "1",
                                     "1.0",
                                     "1e0",
                                     "10e-1",
                                     "-1",
                                     "-1.0",
                                     "10",
                                     "1e1",
                                     "9",
                                     "99",
                                     "100",
                                     "1e2",
                                     "101",
                                     "0.1",
                                     "0.10",
                                     "1E-1",
                                     "0.01",
                                     "12",
                                     "1.2",
                                     "120",
                                     "-12",
                                     "1e-400",
                                     "2e-400",
                                     "1e300",
                                     "-1e300",
                                     "9007199254740993",
                                     "9007199254740992",
                                     "123456789012345678901234567890",
                                     "123456789012345678901234567891",
                                     "1e41",
                                     "1e40",
                                     "1e39",
                                     "1e-21",
                                     "1e-20",
                                     "-1e41",
                                     "-1e-21",
                                     "0.1000000000000000055511151231257827"};
    if (below(3) != 0) return kNumbers[below(std::size(kNumbers))];
    std::string text = below(2) != 0 ? "-" : "";
    text += std::to_string(below(300));
    if (below(2) != 0) text += "." + std::to_string(below(1000));
    if (below(3) == 0) text += (below(2) != 0 ? "e-" : "e") + std::to_string(below(60));
    return text;
  }

  std::string text() {
    static const char* kPieces[] = {"a",  "b", "ab", "A", "é", "日", "\U0001F600", "\n",   "\"",
                                    "\\", ".", "$",  "z", "0", "1",  "\x01",       "\x7f", " "};
    std::string out;
    for (std::size_t n = below(4); n > 0; --n) {
      if (below(12) == 0) out += '\0';
      out += kPieces[below(std::size(kPieces))];
    }
    return out;
  }

  std::string name() {
    static const char* kNames[] = {"a", "b", "c", "a.b", "é", "0", "1", "a\"b"};
    return kNames[below(std::size(kNames))];
  }

  std::string value(int depth = 3) {
    switch (below(depth > 0 ? 9 : 6)) {
      case 0:
        return below(2) != 0 ? "null" : "false";
      case 1:
        return below(2) != 0 ? "true" : "null";
      case 2:
      case 3:
        return number();
      case 4:
      case 5:
        return json::quoted(text());
      case 6:
      case 7:
        return array(depth - 1);
      default:
        return object(depth - 1);
    }
  }

  std::string array(int depth) {
    json::Writer out;
    out.begin_array();
    for (std::size_t n = below(4); n > 0; --n) out.raw(value(depth));
    out.end_array();
    return out.take();
  }

  /// An object in normal form.
  std::string object(int depth) {
    json::Writer out;
    out.begin_object();
    for (std::size_t n = below(4); n > 0; --n) out.key(name()).raw(value(depth));
    out.end_object();
    return json::normalize(out.take()).value();
  }

 private:
  std::mt19937 random_;
};

}  // namespace atelier::query
