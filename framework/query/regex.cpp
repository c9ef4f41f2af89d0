// The only user of RE2.
#include "query/regex.h"

#include <string>

#include <re2/re2.h>

#include "base/limits.h"

namespace atelier::query {

Result<Regex> Regex::compile(std::string_view pattern) {
  if (pattern.size() > kRegexBytesMax)
    return Error{ErrorCode::kTooLarge,
                 "regular expression is longer than " + std::to_string(kRegexBytesMax) + " bytes"};
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kRegexMemoryBytes);
  auto compiled =
      std::make_shared<const RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (compiled->ok()) return Regex(std::move(compiled));
  const bool too_large = compiled->error_code() == RE2::ErrorPatternTooLarge;
  return Error{too_large ? ErrorCode::kTooLarge : ErrorCode::kInvalid, compiled->error()};
}

bool Regex::found_in(std::string_view text) const {
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *compiled_);
}

}  // namespace atelier::query
