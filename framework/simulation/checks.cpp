// What must hold, at each step and in the end. Thread rule: as World.
#include <algorithm>

#include "replication/local_peer.h"
#include "simulation/world_impl.h"

namespace atelier::simulation {
namespace {

bool wanted(std::string_view id, const std::vector<std::string>& prefixes) {
  if (prefixes.empty()) return true;
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& prefix) {
    return id.size() > prefix.size() && id.starts_with(prefix) && id[prefix.size()] == ':';
  });
}

const std::string kUnreadableKey = "(unreadable)";  // the others are "<id> <revision>"
constexpr std::string_view kEvictedText = "evicted";
constexpr std::string_view kDeletedText = "deleted ";

bool is_evicted(const Result<Document>& leaf) {
  return !leaf && leaf.error().code == ErrorCode::kEvicted;
}

bool is_partly_away(const Document& leaf) {
  return std::any_of(leaf.attachments.begin(), leaf.attachments.end(),
                     [](const Attachment& attachment) { return attachment.evicted(); });
}

std::string text_of(const Document& leaf) {
  std::string text = (leaf.deleted ? std::string(kDeletedText) : "") + leaf.body;
  for (const Attachment& attachment : leaf.attachments) {
    text += " " + attachment.name + "=" + attachment.digest;
  }
  return text;
}

}  // namespace

bool is_whole(const Result<Document>& leaf) {
  return leaf && !is_partly_away(*leaf);
}

std::map<std::string, std::string> leaves_of(Store& store,
                                             const std::vector<std::string>& prefixes) {
  std::vector<ChangeRow> rows;
  const Status read = store.changes(0, SIZE_MAX, [&](const ChangeRow& row) {
    if (wanted(row.id, prefixes)) rows.push_back(row);
    return true;
  });
  std::map<std::string, std::string> all;
  if (!read) all[kUnreadableKey] = read.error().message;
  for (const ChangeRow& row : rows) {
    for (const RevId& rev : row.leaves) {
      const auto leaf = store.get(row.id, {.rev = rev});
      std::string& text = all[row.id + " " + rev.to_string()];
      text = leaf ? text_of(*leaf) : leaf.error().message;
      if (is_evicted(leaf)) text = kEvictedText;
    }
  }
  return all;
}

// Whether anything carries the document away from the node: else it is nobody's loss but its own.
bool World::Impl::travels(int number, const std::string& id) const {
  return std::any_of(links.begin(), links.end(), [&](const Link& link) {
    return (link.client == number || link.server == number) && link.directions.size() == 2 &&
           wanted(id, link.options.prefixes);
  });
}

// Invariant 1, first half: what a feed shows goes into the ledger.
void World::Impl::read_feeds() {
  for (int number = 0; number < world.nodes(); ++number) {
    Node& one = node(number);
    const std::uint64_t last = one.store->last_sequence();
    if (last == one.seen) continue;
    const Status read = one.store->changes(one.seen, SIZE_MAX, [&](const ChangeRow& row) {
      std::string line = one.name + " shows " + row.id;
      for (const RevId& leaf : row.leaves) {
        if (travels(number, row.id)) ledger[row.id].insert(leaf);
        shown[row.id].insert(leaf);
        line += " " + leaf.to_string();
      }
      say(line);
      return true;
    });
    if (!read) fail("the feed of " + one.name + ": " + read.error().message);
    one.seen = last;
    check_store(one);
  }
}

bool World::Impl::knows(int number, const std::string& id, const RevId& rev) {
  const auto peer = make_local_peer(node(number).store);
  const RevisionRequest request{id, {rev}};
  const auto answer = peer->revs_diff({&request, 1});
  return answer && answer->missing.empty();
}

// Whether the node could give the revision, or a descendant, to others: an evicted one is known by
// name alone, and of one whose attachments were left behind the bytes are missing.
bool World::Impl::has_copy(int number, const std::string& id, const RevId& rev) {
  if (!knows(number, id, rev)) return false;
  const auto leaves = node(number).store->open_revs(id, {&rev, 1}, true);
  return std::none_of(leaves.begin(), leaves.end(), [](const Result<Document>& leaf) {
    return is_evicted(leaf) || (leaf && is_partly_away(*leaf));
  });
}

// Invariant 1, second half. Every node must hold what its links carry to it; where all is carried
// that is everything.
void World::Impl::check_ledger() {
  for (const auto& [id, revs] : ledger) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const bool carried = std::all_of(links.begin(), links.end(), [&, &id = id](const Link& link) {
        const bool ends_here =
            link.client == static_cast<int>(i) || link.server == static_cast<int>(i);
        return !ends_here || (wanted(id, link.options.prefixes) && link.directions.size() == 2);
      });
      if (!carried) continue;
      for (const RevId& rev : revs) {
        if (knows(static_cast<int>(i), id, rev) || was_forgotten(id, rev)) continue;
        return fail(nodes[i].name + " has lost " + id + " " + rev.to_string());
      }
    }
  }
}

// Whoever never knew it need not hear of it any more.
bool World::Impl::was_forgotten(const std::string& id, const RevId& rev) const {
  const auto revs = forgotten.find(id);
  return revs != forgotten.end() && revs->second.contains(rev);
}

// Invariant 5: a tombstone that no feed has shown was made on the way.
void World::Impl::check_ends(std::span<const WireDocument> documents) {
  for (const WireDocument& document : documents) {
    if (!document.deleted || document.history.size() < 2) continue;
    if (shown[document.id].contains(document.rev)) continue;
    if (was_forgotten(document.id, document.history[1])) continue;
    fail("replication ends " + document.id + " " + document.history[1].to_string() +
         ", which nobody has deleted and forgotten");
  }
}

// Invariant 2, for the two ends of a link that goes both ways.
std::string World::Impl::difference(const Link& link) {
  if (link.directions.size() != 2) return {};
  const auto ours = leaves_of(*node(link.client).store, link.options.prefixes);
  const auto theirs = leaves_of(*node(link.server).store, link.options.prefixes);
  if (ours == theirs) return {};
  const std::string names = node(link.client).name + " and " + node(link.server).name;
  if (ours.contains(kUnreadableKey) || theirs.contains(kUnreadableKey)) {
    return names + ": a feed cannot be read";
  }
  // An edit beside an attachment whose bytes no node has any more stays where it was made.
  const auto is_stuck = [&](const std::string& key) {
    const std::size_t space = key.find(' ');
    const auto rev = RevId::parse(key.substr(space + 1));
    const auto leaf = node(link.client).store->get(key.substr(0, space), {.rev = *rev});
    const auto whole = ledger.find(key.substr(0, space));
    return leaf && is_partly_away(*leaf) &&
           (whole == ledger.end() || !whole->second.contains(*rev));
  };
  // Of a document that was forgotten anywhere, each has what is left of its tombstones.
  const auto may_differ = [&](const std::string& key, const std::string& text) {
    return text == kEvictedText ||
           (text.starts_with(kDeletedText) && forgotten.contains(key.substr(0, key.find(' '))));
  };
  // A server that was made anew, or restored, lacks what a device evicted after sending it, and can
  // be given what came before by a third node: the device knows better and can give nobody the
  // bytes.
  const auto came_before_evicted = [&](const std::string& key) {
    const std::string id = key.substr(0, key.find(' '));
    const auto rev = RevId::parse(key.substr(id.size() + 1));
    const bool evicted = std::any_of(ours.begin(), ours.end(), [&](const auto& leaf) {
      return leaf.first.starts_with(id + " ") && !theirs.contains(leaf.first) &&
             (leaf.second == kEvictedText || is_stuck(leaf.first));
    });
    return evicted && knows(link.client, id, *rev);
  };
  for (const auto& [key, text] : ours) {
    const auto there = theirs.find(key);
    // What a device evicted may be lost at a server that was restored since; both is no difference.
    if (may_differ(key, text) || (there != theirs.end() && there->second == kEvictedText)) continue;
    if (there == theirs.end() && is_stuck(key)) continue;
    if (there == theirs.end()) return names + " differ: only the first has " + key + " " + text;
    if (there->second != text)
      return names + " differ in " + key + ": " + text + " / " + there->second;
  }
  for (const auto& [key, text] : theirs) {
    if (!ours.contains(key) && !may_differ(key, text) && !came_before_evicted(key))
      return names + " differ: only the second has " + key + " " + text;
  }
  return {};
}

// Invariant 3.
void World::Impl::check_caught_up(const Link& link, const Direction& direction) {
  if (node(link.client).doomed || node(link.server).doomed) return;
  Node& source = node(direction.pull ? link.server : link.client);
  const int target = direction.pull ? link.client : link.server;
  const Status read = source.store->changes(0, SIZE_MAX, [&](const ChangeRow& row) {
    if (!wanted(row.id, link.options.prefixes)) return true;
    for (const RevId& leaf : row.leaves) {
      if (direction.outbox && direction.outbox->refused().contains({row.id, leaf})) continue;
      if (knows(target, row.id, leaf)) continue;
      if (is_evicted(source.store->get(row.id, {.rev = leaf}))) continue;
      fail(node(target).name + " lacks " + row.id + " " + leaf.to_string() + " of " + source.name +
           ", although the link caught up");
      return false;
    }
    return true;
  });
  if (!read) fail("the feed of " + source.name + ": " + read.error().message);
}

// Invariant 4.
void World::Impl::check_store(Node& one) {
  std::map<std::string, int> rows;
  std::vector<ChangeRow> changes;
  const Status read = one.store->changes(0, SIZE_MAX, [&](const ChangeRow& row) {
    ++rows[row.id];
    changes.push_back(row);
    return true;
  });
  if (!read) return fail("the feed of " + one.name + ": " + read.error().message);
  std::uint64_t live = 0, deleted = 0;
  for (const ChangeRow& row : changes) {
    if (rows[row.id] != 1) return fail(one.name + " lists " + row.id + " more than once");
    const auto winner = one.store->get(row.id, {.rev = row.leaves.front()});
    if (!is_evicted(winner) && (!winner || winner->deleted != row.deleted)) {
      return fail(one.name + " has no winner of " + row.id + " as its feed says");
    }
    ++(row.deleted ? deleted : live);
  }
  const StoreInfo info = one.store->info();
  if (info.doc_count != live || info.doc_del_count != deleted) {
    fail(one.name + " counts " + std::to_string(info.doc_count) + " documents and " +
         std::to_string(info.doc_del_count) + " tombstones, there are " + std::to_string(live) +
         " and " + std::to_string(deleted));
  }
}

}  // namespace atelier::simulation
