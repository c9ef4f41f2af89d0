// Regular expressions from strangers: RE2, whose time is linear in the text and whose memory is
// bounded. No look-around and no back-references, which no linear engine has; `$` is the end of the
// text alone; a dot is a code point. Thread rule: a compiled pattern may be used by many threads.
#pragma once

#include <memory>
#include <string_view>

#include "base/error.h"

namespace re2 {
class RE2;
}

namespace atelier::query {

class Regex {
 public:
  /// Errors: kInvalid with what is wrong in the pattern, kTooLarge beyond kRegexBytesMax or
  /// kRegexMemoryBytes.
  static Result<Regex> compile(std::string_view pattern);

  /// Whether the pattern is found anywhere in `text` (UTF-8).
  bool found_in(std::string_view text) const;

 private:
  explicit Regex(std::shared_ptr<const re2::RE2> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const re2::RE2> compiled_;
};

}  // namespace atelier::query
