// What may be written under a prefix, and by whom: declared, compiled once, asked at every write.
// The grammar of rules is docs/query.md; they come from a room's document or from a TOML file.
//
// A refusal names the prefix, the field and the rule, and never a value of the document: who may
// not read one must not learn of it by being refused. Thread rule: Rules are immutable, any thread
// may use them.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "query/document_view.h"
#include "query/json_view.h"

namespace atelier::query {

/// Who asks. An empty name is somebody who did not sign in.
struct RulesUser {
  std::string_view name;
  std::span<const std::string> roles;  // `_admin` passes everything that asks who
  /// Carries the documents of many authors: another edge, or what comes from upstream. What asks
  /// who and whether the author is the user is passed; everything that a document itself must be is
  /// not.
  bool carries = false;
};

class PrefixRules;

class Rules {
 public:
  /// No rules: everything is allowed.
  Rules();

  /// Errors: kInvalid naming the place ("/prefixes/message/fields/text/requird: unknown key"),
  /// kTooLarge beyond kRulesBytesMax and kRulesPerPrefixMax.
  static Result<Rules> from_json(std::string_view text);
  /// The same, naming the line as well ("rules.toml:7: /prefixes/…"). `file` is for errors alone.
  static Result<Rules> from_toml(std::string_view text, std::string_view file = "rules.toml");

  /// Whether `user` may write `document`, whose revision follows on `old_document` (null: there is
  /// none; a deleted one counts as none). Errors: kForbidden; kUnauthorized when signing in could
  /// help; kTooLarge for the rule `bytes_max`.
  Status check(const DocumentView* old_document, const DocumentView& document,
               const RulesUser& user) const;

  /// The same for a replicated revision, whose parent says nothing of what it replaces: it is
  /// judged against every one of `outranked`, which are the winner and all leaves that it would
  /// outrank.
  Status check_replicated(std::span<const DocumentView> outranked, const DocumentView& document,
                          const RulesUser& user) const;

  bool may_read(const DocumentView& document, const RulesUser& user) const;
  /// Whether some prefix has a rule on reading; without one, may_read() need not be asked.
  bool restrict_reading() const;
  /// Whether a rule on reading asks for the author, so that a body must be read to decide.
  bool reading_needs_body(std::string_view id) const;

  /// The field that holds the author of documents with that id, for whoever makes the revision and
  /// sets it; null when there is no such rule. Lives as long as the rules.
  const FieldPath* author_field(std::string_view id) const;

 private:
  const PrefixRules* rules_of(std::string_view id) const;
  std::shared_ptr<const std::vector<PrefixRules>> prefixes_;
};

}  // namespace atelier::query
