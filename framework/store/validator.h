// The hook that asks whether a revision may be written: server and gateway put rules in here.
// Thread rule: a validator runs on the thread that writes (the writer's, or that of a
// caller who waits), one at a time; it must be short and must not call the store.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "query/rules.h"
#include "store/document.h"

namespace atelier {

/// On whose behalf a write is made.
struct WriteUser {
  std::string name;                // empty: somebody who did not sign in
  std::vector<std::string> roles;  // `_admin` among them
  bool carries = false;            // passes on documents of many authors (query::RulesUser)
};

/// A revision that is a leaf now. Bodies live as long as the call.
struct ExistingLeaf {
  RevId rev;
  bool deleted = false;
  bool evicted = false;  // then `body` is empty
  std::string_view body;
};

struct ProposedRevision {
  std::string_view id;
  RevId rev;
  RevId parent;  // generation 0: none
  bool deleted = false;
  bool replicated = false;  // new_edits false
  std::string_view body;
  std::span<const Attachment> attachments;
  std::span<const ExistingLeaf> leaves;  // best first: [0] is the winner; empty for a new document
  const WriteUser* user = nullptr;       // null: this program's own user
};

/// Errors refuse this document alone (all of them in a write that is all or nothing): kForbidden
/// and kUnauthorized with the reason.
using Validator = std::function<Status(const ProposedRevision&)>;

/// A validator that applies rules. A local edit is judged against the leaf that it follows on, a
/// replicated revision against the winner and each leaf that it would outrank. A leaf that was
/// evicted has no fields to compare with.
Validator rules_validator(query::Rules rules);

/// The object `_attachments` of a document with stubs, in normal form; empty for none.
std::string attachments_json(std::span<const Attachment> attachments);

}  // namespace atelier
