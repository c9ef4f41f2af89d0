// Nodes come and go. Thread rule: as World.
#include <algorithm>
#include <system_error>

#include "replication/left_behind.h"
#include "simulation/world_impl.h"

namespace atelier::simulation {
namespace {

constexpr std::size_t kMapBytes = std::size_t{64} << 20;
constexpr const char* kFile = "data.mdb";

std::filesystem::path backup_of(const Node& node) {
  return std::filesystem::path(node.folder.string() + "-backup");
}

}  // namespace

void World::Impl::open(Node& one) {
  StoreOptions store;
  store.map_bytes = kMapBytes;
  store.sync = false;  // what a power cut does is tested elsewhere; here the process lives
  store.clock = &clock;
  store.holder = "a simulation";
  auto opened = Store::open(one.folder, store);
  if (!opened)
    return fail("the store of " + one.name + " does not open: " + opened.error().message);
  one.store = std::move(*opened);
  ++one.starts;
  one.seen = 0;
  const Status kept = one.store->set_retention({.tombstones_ms = one.options.tombstones_ms});
  if (!kept) fail("the retention of " + one.name + " is not kept: " + kept.error().message);
}

// All that runs on the node ends: its room, its links, whatever they remembered.
void World::Impl::close(int number) {
  Node& one = node(number);
  one.doomed = false;
  one.room.reset();
  for (Link& link : links) {
    if (link.client != number) continue;
    for (Direction& direction : link.directions) {
      direction.replication.reset();
      direction.outbox.reset();
      direction.source.reset();
      direction.target.reset();
      direction.due_ms = clock.monotonic_ms();
    }
  }
  for (Link& link : links) {
    for (Direction& direction : link.directions) {
      for (NodePeer* peer : {direction.source.get(), direction.target.get()}) {
        if (peer != nullptr) peer->let_go();
      }
    }
  }
  one.store.reset();
}

void World::kill(int number) {
  Node& one = impl_->node(number);
  impl_->say(one.name + " is killed and starts again");
  ++impl_->counts.kills;
  impl_->close(number);
  impl_->open(one);
}

void World::backup(int number) {
  Node& one = impl_->node(number);
  impl_->say(one.name + " is backed up");
  if (!one.store->flush()) return impl_->fail("the store of " + one.name + " does not flush");
  std::error_code error;
  std::filesystem::create_directories(backup_of(one), error);
  std::filesystem::copy_file(one.folder / kFile, backup_of(one) / kFile,
                             std::filesystem::copy_options::overwrite_existing, error);
  if (error) return impl_->fail("no backup was made: " + error.message());
  one.has_backup = true;
}

void World::restore(int number) {
  Node& one = impl_->node(number);
  if (!one.has_backup) return;
  impl_->say(one.name + " comes back from its backup");
  ++impl_->counts.restores;
  impl_->close(number);
  std::error_code error;
  std::filesystem::copy_file(backup_of(one) / kFile, one.folder / kFile,
                             std::filesystem::copy_options::overwrite_existing, error);
  if (error) return impl_->fail("no backup was restored: " + error.message());
  impl_->open(one);
  impl_->forget_what_is_nowhere();
}

void World::recreate(int number) {
  Node& one = impl_->node(number);
  impl_->say(one.name + "'s database is made anew");
  ++impl_->counts.recreations;
  impl_->close(number);
  std::error_code error;
  std::filesystem::remove_all(one.folder, error);
  if (error) return impl_->fail("the database of " + one.name + " stays: " + error.message());
  impl_->open(one);
  impl_->forget_what_is_nowhere();
}

void World::evict(int number) {
  Node& one = impl_->node(number);
  std::vector<std::string> chosen;
  const Status read = one.store->changes(0, SIZE_MAX, [&](const ChangeRow& row) {
    if (random_below(3) == 0 && impl_->another_has(number, row)) chosen.push_back(row.id);
    return true;
  });
  if (!read) return impl_->fail("the feed of " + one.name + ": " + read.error().message);
  const auto evicted = one.store->evict(chosen, EvictWhat::kBodiesAndBlobs);
  if (!evicted) return impl_->fail(one.name + " cannot evict: " + evicted.error().message);
  impl_->counts.evicted += *evicted;
  impl_->say(one.name + " evicts " + std::to_string(*evicted));
  impl_->forget_what_is_nowhere();  // its copy may have been the last one of an ancestor
}

void World::expire(int number) {
  Node& one = impl_->node(number);
  const auto expired = one.store->expire({});
  if (!expired) return impl_->fail(one.name + " cannot expire: " + expired.error().message);
  impl_->counts.expired += expired->deleted;
  impl_->say(one.name + " lets " + std::to_string(expired->deleted) + " expire");
}

void World::forget(int number) {
  Node& one = impl_->node(number);
  // Of a change that is not followed by others the age is known from the first call on.
  for (int i = 0; i < 2; ++i) {
    impl_->clock.advance(one.options.tombstones_ms + kTimeMarkMs);
    if (i == 0 && !one.store->forget_tombstones()) impl_->fail(one.name + " does not forget");
  }
  const auto count = one.store->forget_tombstones();
  if (!count) return impl_->fail(one.name + " cannot forget: " + count.error().message);
  impl_->counts.forgotten += *count;
  impl_->say(one.name + " forgets " + std::to_string(*count));
  for (const auto& [id, revs] : impl_->shown) {
    const std::vector<RevId> asked(revs.begin(), revs.end());
    const auto diff = one.store->revs_diff(id, asked);
    if (!diff) return impl_->fail(one.name + " does not answer: " + diff.error().message);
    if (!diff->forgotten.empty()) {
      impl_->forgotten[id].insert(diff->forgotten.begin(), diff->forgotten.end());
    }
  }
}

std::vector<std::pair<std::string, std::string>> World::Impl::left_behind(int number) {
  Node& one = node(number);
  std::vector<std::pair<std::string, std::string>> away;
  const Status walked = one.store->changes(0, SIZE_MAX, [&](const ChangeRow& row) {
    const auto document = one.store->get(row.id);
    if (!document) return true;
    for (const Attachment& attachment : document->attachments) {
      if (attachment.evicted()) away.emplace_back(row.id, attachment.name);
    }
    return true;
  });
  if (!walked) fail("the feed of " + one.name + ": " + walked.error().message);
  return away;
}

void World::read(int number) {
  Node& one = impl_->node(number);
  const auto away = impl_->left_behind(number);
  if (away.empty()) return;
  const auto& [id, name] = away[random_below(away.size())];
  for (Link& link : impl_->links) {
    if (link.client != number) continue;
    const auto remote = make_node_peer(*impl_, link, link.server, true);
    const auto brought = bring_attachment(*one.store, *remote, id, name);
    impl_->say(one.name + " reads " + name + " of " + id +
               (brought ? "" : ": " + brought.error().message));
    if (!brought) continue;
    if (brought->evicted()) impl_->fail(name + " of " + id + " was brought and is not there");
    ++impl_->counts.brought;
    return;
  }
}

// Whether all leaves are whole at a node that this one syncs with.
bool World::Impl::another_has(int number, const ChangeRow& row) {
  return std::any_of(links.begin(), links.end(), [&](const Link& link) {
    if (link.client != number) return false;
    const auto leaves = node(link.server).store->open_revs(row.id, row.leaves, false);
    return std::all_of(leaves.begin(), leaves.end(), is_whole);
  });
}

// Revisions of which no copy is left anywhere cannot come back: they are excused.
void World::Impl::forget_what_is_nowhere() {
  for (auto& [id, revs] : ledger) {
    std::erase_if(revs, [&, &id = id](const RevId& rev) {
      for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (has_copy(static_cast<int>(i), id, rev)) return false;
      }
      return true;
    });
  }
}

}  // namespace atelier::simulation
