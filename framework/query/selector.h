// Mango selectors, as `_find`, `_changes?filter=_selector` and `_replicate` take them: compiled
// once, then asked of documents without a parse of them. What matches is CouchDB 3.5's answer but
// for the rows that docs/query.md names. Thread rule: a Selector is immutable, any thread may use
// it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "query/collate.h"
#include "query/document_view.h"

namespace atelier::query {

/// Where the values of one field can lie in the documents that match: keys of encode_key() in
/// [lower, upper). The range is right also for the keys of several fields put one behind the other,
/// if what follows a key never begins with FF.
struct FieldBounds {
  bool required = false;             // a document without the field never matches
  bool never = false;                // the conditions contradict each other: nothing matches
  std::string lower;                 // inclusive; empty: from the first key
  std::optional<std::string> upper;  // exclusive; none: to the last key
  bool exact = false;  // the whole selector says no more than this range (and `keys`): a document
                       // that has the field in it matches
  std::optional<std::string> equal;  // the one value, in normal form, when it is one
  /// With $in: the keys that the value may have, sorted. Mango's $in is also true of an array that
  /// holds one of them, so lower and upper span these keys and all arrays (but for `_id`).
  std::optional<std::vector<std::string>> keys;

  bool is_range() const { return !lower.empty() || upper.has_value(); }
};

/// The same for `_id`, in bytes of ids instead of keys.
struct IdBounds {
  bool never = false;
  std::string lower;                            // inclusive
  std::optional<std::string> upper;             // exclusive
  std::optional<std::vector<std::string>> ids;  // only these ids can match, sorted
  bool exact = false;                           // the selector says nothing else
  std::optional<std::string> prefix;            // of a $beginsWith or range that is exactly one
};

class SelectorTree;

class Selector {
 public:
  /// `text` is any JSON text. Errors carry CouchDB's reasons ("Invalid operator: $foo"): kInvalid,
  /// kUnsupported for operators that are known and refused, kTooLarge beyond the limits kSelector….
  static Result<Selector> compile(std::string_view text);

  bool matches(const DocumentView& document) const;

  /// The selector {}.
  bool matches_everything() const;

  /// The fields that conditions name, in the form that FieldPath::parse reads, sorted, each once.
  /// Fields inside of $elemMatch and its like are not among them.
  std::vector<std::string> fields() const;
  FieldBounds bounds(std::string_view field) const;
  IdBounds id_bounds() const;

  /// One text for selectors that differ in the order of conditions, the text of numbers and
  /// implicit operators alone. It compiles to the same selector. For hashing.
  std::string canonical() const;

 private:
  explicit Selector(std::shared_ptr<const SelectorTree> tree) : tree_(std::move(tree)) {}
  std::shared_ptr<const SelectorTree> tree_;
};

/// CouchDB's name of an error that compile() gave: "invalid_operator", "bad_arg"…
std::string_view selector_error_name(const Error& error);

}  // namespace atelier::query
