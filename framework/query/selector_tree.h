// A compiled selector. Private to query/selector*.cpp. Thread rule: immutable once built.
//
// Invariants of the tree at the level of documents (`elements` false in the reader), which are
// CouchDB's normal form:
//   1. Every condition but $and and $or names a field.
//   2. Negations stand at conditions alone (`negated`): {$not: {a: {$gt: 1}}} is {a: {$lte: 1}}.
//      So a condition never holds where its field is missing, negated or not; $exists: false apart.
// Within $elemMatch, $allMatch and $keyMapMatch neither holds, as in CouchDB: a condition without a
// field asks the element itself, and $not is true of elements that lack the field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "query/json_view.h"
#include "query/regex.h"

namespace atelier::query {

enum class Op {
  kAnd,
  kOr,
  kNot,
  kEq,
  kNe,
  kGt,
  kGte,
  kLt,
  kLte,
  kIn,
  kNin,
  kExists,
  kType,
  kAll,
  kElemMatch,
  kAllMatch,
  kKeyMapMatch,
  kSize,
  kMod,
  kRegex,
  kBeginsWith,
};

struct SelectorNode {
  static constexpr std::size_t kNoField = SIZE_MAX;

  Op op = Op::kAnd;
  bool negated = false;                // a condition that has no opposite operator
  std::size_t field = kNoField;        // index into SelectorTree::paths
  std::vector<SelectorNode> children;  // of $and, $or, $not, and the one of $elemMatch and its like
  std::string argument;  // canonical, in normal form; of $regex and $beginsWith decoded
  std::vector<std::string> arguments;       // of $in, $nin, $all: canonical, sorted, each once
  std::vector<std::string> keys;            // of $in and $nin with many arguments: encoded, sorted
  bool expected = false;                    // of $exists
  std::int64_t divisor = 0, remainder = 0;  // of $mod
  std::size_t size = 0;                     // of $size
  std::optional<Regex> regex;
};

class SelectorTree {
 public:
  enum class Root { kBody, kId, kRev, kDeleted, kAttachments };

  bool everything = false;
  SelectorNode root;
  std::vector<FieldPath> paths;

  // Of each path of the documents' level: where it starts, and for kBody which of the names.
  std::vector<Root> roots;
  std::vector<std::size_t> root_names;
  std::vector<std::string_view> body_names;  // raw, each once; slices of `paths`
};

}  // namespace atelier::query
