#include "store/validator.h"

#include <algorithm>
#include <utility>

#include "base/json_text.h"

namespace atelier {
namespace {

// Views of existing leaves, with the texts of their revisions.
struct Views {
  std::vector<std::string> revs;
  std::vector<query::DocumentView> views;

  explicit Views(std::size_t count) {
    revs.reserve(count);  // views point into it
    views.reserve(count);
  }
  void add(std::string_view id, const ExistingLeaf& leaf) {
    revs.push_back(leaf.rev.to_string());
    query::DocumentView view;
    view.id = id;
    view.rev = revs.back();
    view.deleted = leaf.deleted;
    if (!leaf.evicted) view.body = leaf.body;
    views.push_back(view);
  }
};

bool outranks(const ProposedRevision& proposed, const ExistingLeaf& leaf) {
  if (proposed.deleted != leaf.deleted) return leaf.deleted;
  return leaf.rev < proposed.rev;
}

Status check(const query::Rules& rules, const ProposedRevision& proposed) {
  static const std::vector<std::string> kOwner = {"_admin"};
  query::RulesUser user;
  user.roles = proposed.user ? std::span<const std::string>(proposed.user->roles) : kOwner;
  if (proposed.user) {
    user.name = proposed.user->name;
    user.carries = proposed.user->carries;
  }
  const std::string rev = proposed.rev.to_string();
  const std::string attachments = attachments_json(proposed.attachments);
  query::DocumentView document;
  document.id = proposed.id;
  document.rev = rev;
  document.deleted = proposed.deleted;
  document.body = proposed.body;
  document.attachments = attachments;
  Views old(proposed.leaves.size());
  for (std::size_t i = 0; i < proposed.leaves.size(); ++i) {
    const ExistingLeaf& leaf = proposed.leaves[i];
    const bool concerned =
        proposed.replicated ? i == 0 || outranks(proposed, leaf) : leaf.rev == proposed.parent;
    if (concerned) old.add(proposed.id, leaf);
  }
  if (proposed.replicated) return rules.check_replicated(old.views, document, user);
  return rules.check(old.views.empty() ? nullptr : old.views.data(), document, user);
}

}  // namespace

Validator rules_validator(query::Rules rules) {
  return [rules = std::move(rules)](const ProposedRevision& proposed) {
    return check(rules, proposed);
  };
}

std::string attachments_json(std::span<const Attachment> attachments) {
  if (attachments.empty()) return {};
  json::Writer out;
  out.begin_object();
  for (const Attachment& one : attachments) {
    out.key(one.name).begin_object();
    out.key("content_type").string(one.content_type);
    out.key("revpos").integer(static_cast<std::int64_t>(one.revpos));
    out.key("digest").string(one.digest);
    out.key("length").integer(static_cast<std::int64_t>(one.length));
    out.key("stub").boolean(true).end_object();
  }
  return out.end_object().take();
}

}  // namespace atelier
