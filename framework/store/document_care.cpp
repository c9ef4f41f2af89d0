// What happens to a document apart from edits: validation, eviction and its end, lifetimes,
// forgetting. Part of DocumentEdit; thread rule: the writer's thread.
#include <algorithm>
#include <array>

#include "base/limits.h"
#include "store/document_edit.h"
#include "store/expiry_table.h"
#include "store/forgotten_table.h"

namespace atelier {
namespace {

bool has_blobs(std::span<const Attachment> attachments) {
  return std::any_of(attachments.begin(), attachments.end(),
                     [](const Attachment& one) { return !one.evicted(); });
}

std::ptrdiff_t count_away(std::span<const Attachment> attachments) {
  return std::count_if(attachments.begin(), attachments.end(),
                       [](const Attachment& one) { return one.evicted(); });
}

bool may_restore(const WriteUser* user) {
  if (!user || user->carries) return true;
  return std::find(user->roles.begin(), user->roles.end(), "_admin") != user->roles.end();
}

}  // namespace

Result<bool> DocumentEdit::is_known(WriteContext& context, const RevId& rev) const {
  if (tree_.find(rev) >= 0) return true;
  if (!context.forgets) return false;
  return is_forgotten(context.txn.get(), context.tables, id_, rev);
}

Status DocumentEdit::validate(WriteContext& context, const DocumentWrite& write,
                              std::span<const RevId> path,
                              std::span<const Attachment> attachments) const {
  if (!context.validator || !*context.validator) return ok();
  std::vector<ExistingLeaf> leaves;
  for (const std::int32_t node : tree_.leaves()) {
    ATELIER_TRY(held, held_by(context, node));
    const bool evicted = record::is_evicted(held.body);
    leaves.push_back({tree_.node(node).rev, tree_.node(node).deleted, evicted,
                      evicted ? std::string_view() : held.body});
  }
  ProposedRevision proposed;
  proposed.id = id_;
  proposed.rev = path.front();
  if (path.size() > 1) proposed.parent = path[1];
  proposed.deleted = write.deleted;
  proposed.replicated = !write.history.empty();
  proposed.body = write.body;
  proposed.attachments = attachments;
  proposed.leaves = leaves;
  proposed.user = context.user;
  return (*context.validator)(proposed);
}

// --- eviction

// A revision that is known here and was evicted takes the bytes that came with it. Nobody but who
// may carry others' documents can do that: what comes is believed.
Result<bool> DocumentEdit::restore(WriteContext& context, const DocumentWrite& write) {
  const std::int32_t node = tree_.find(write.history.front());
  if (node < 0 || tree_.node(node).body == 0 || !may_restore(context.user)) return false;
  if (tree_.node(node).deleted != write.deleted) return false;
  ATELIER_TRY(held, held_by(context, node));
  ATELIER_TRY(held_attachments, record::decode_attachments(held.attachments));
  const bool body_away = record::is_evicted(held.body);
  const std::ptrdiff_t away = count_away(held_attachments);
  if (!body_away && away == 0) return false;
  const std::vector<RevId> path = tree_.path(node);
  ATELIER_TRY(attachments, resolve(context, write, path.size() > 1 ? path[1] : RevId()));
  if (!body_away && count_away(attachments) >= away) return false;  // it brings nothing back
  freed_.push_back(tree_.node(node).body);
  tree_.node(node).body = kFresh | fresh_.size();
  fresh_.push_back({record::encode_attachments(attachments), write.body});
  return true;
}

Result<bool> DocumentEdit::evict_node(WriteContext& context, std::int32_t node, bool bodies) {
  RevNode& entry = tree_.node(node);
  if (entry.body == 0) return false;
  ATELIER_TRY(held, held_by(context, node));
  ATELIER_TRY(attachments, record::decode_attachments(held.attachments));
  const bool drops_body = bodies && !record::is_evicted(held.body);
  if (!drops_body && !has_blobs(attachments)) return false;
  freed_.push_back(entry.body);
  if (bodies && entry.has_children) {  // nobody asks for it by name: as compaction would
    entry.body = 0;
    return true;
  }
  for (Attachment& one : attachments) one.blob = Sha256{};
  if (drops_body) {
    owned_.push_back(record::evicted_body({held.body.size(), expires_at(held.body)}));
  } else {
    owned_.emplace_back(held.body);
  }
  entry.body = kFresh | fresh_.size();
  fresh_.push_back({record::encode_attachments(attachments), owned_.back()});
  return true;
}

Result<bool> DocumentEdit::evict(WriteContext& context, bool bodies) {
  bool any = false;
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(tree_.nodes().size()); ++i) {
    if (tree_.node(i).deleted) continue;  // tombstones are small, and a reader needs them
    ATELIER_TRY(dropped, evict_node(context, i, bodies));
    any = any || dropped;
  }
  return any;
}

// --- lifetimes

// Whether a leaf's own member says so.
Result<bool> DocumentEdit::is_over(WriteContext& context, std::int32_t leaf,
                                   std::int64_t now_ms) const {
  ATELIER_TRY(held, held_by(context, leaf));
  std::optional<std::int64_t> time_ms;
  if (record::is_evicted(held.body)) {
    ATELIER_TRY(evicted, record::decode_evicted(held.body));
    time_ms = evicted.expires_at_ms;
  } else {
    time_ms = expires_at(held.body);
  }
  return time_ms && *time_ms <= now_ms;
}

// The document is due: by its winner's member, and then those leaves go whose own member says so;
// or by its prefix, and then all do.
Result<bool> DocumentEdit::expire(WriteContext& context, std::int64_t now_ms) {
  ATELIER_TRY(by_member, is_over(context, tree_.winner(), now_ms));
  std::vector<RevId> over;
  for (const std::int32_t leaf : tree_.leaves()) {
    if (tree_.node(leaf).deleted) continue;
    ATELIER_TRY(leaf_over, is_over(context, leaf, now_ms));
    if (!by_member || leaf_over) over.push_back(tree_.node(leaf).rev);
  }
  static constexpr std::string_view kEmpty = "{}";
  for (const RevId& leaf : over) {
    // The digest of a local deletion: every node makes the same tombstone, and so does a person.
    const RevId tombstone = make_revision({true, leaf, kEmpty, {}});
    const std::array<RevId, 2> path = {tombstone, leaf};
    ATELIER_TRY(merged, tree_.merge(path, true));
    tree_.node(merged.node).body = kFresh | fresh_.size();
    fresh_.push_back({{}, kEmpty});
    fresh_revs_.push_back(tombstone);
  }
  return !over.empty();
}

void DocumentEdit::forget(WriteContext& context) {
  remember_hashes(context, id_, tree_);
  std::vector<RevId> leaves;
  for (const std::int32_t leaf : tree_.leaves()) leaves.push_back(tree_.node(leaf).rev);
  purge(leaves);
}

}  // namespace atelier
