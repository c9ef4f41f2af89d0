// What part of a database a replication moves. Thread rule: values and pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace atelier {

/// All of the conditions that are given must hold; none: everything.
struct ReplicationFilter {
  std::vector<std::string> prefixes;  // collections: "message" is every id that begins "message:"
  std::vector<std::string> ids;
  std::string selector;  // a selector of `_find` as JSON in normal form; over the winner

  bool operator==(const ReplicationFilter&) const = default;
  bool empty() const { return prefixes.empty() && ids.empty() && selector.empty(); }
  /// Whether prefixes and ids let it through; the selector needs the document.
  bool wants_id(std::string_view id) const;
  /// The same text for the same filter, however it was written: order and repetition of prefixes
  /// and ids do not count, nor does the order of a selector's members. "" for none.
  std::string canonical() const;
};

}  // namespace atelier
