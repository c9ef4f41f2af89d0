#include "room/conflict_merger.h"

#include <atomic>
#include <utility>
#include <vector>

#include "room/merge_fields.h"

namespace atelier {

/// Merges that the store has not answered. Outlives the merger, because an answer may.
struct ConflictMerger::Running {
  std::atomic<std::size_t> count = 0;
};

ConflictMerger::ConflictMerger(std::shared_ptr<Store> store, std::shared_ptr<WriteSignal> signal,
                               std::function<void(Problem)> problem)
    : store_(std::move(store)),
      signal_(std::move(signal)),
      problem_(std::move(problem)),
      running_(std::make_shared<Running>()) {}

void ConflictMerger::add(const std::string& prefix) {
  if (!prefixes_.insert(prefix).second) return;
  std::vector<std::string> ids;
  ScanOptions range;
  range.start = prefix + ":";
  range.end = prefix + ";";
  range.inclusive_end = false;
  range.bodies = false;
  const auto scanned = store_->scan(range, [&](const DocumentView& document) {
    if (document.has_conflicts) ids.emplace_back(document.id);
    return true;
  });
  if (!scanned) problem_({prefix, "conflicts could not be looked for: " + scanned.error().message});
  for (const auto& id : ids) look_at(id);
}

bool ConflictMerger::merges(std::string_view id) const {
  return !prefixes_.empty() && prefixes_.contains(id.substr(0, id.find(':')));
}

void ConflictMerger::look_at(const std::string& id) {
  if (!merges(id)) return;
  if (const auto merged = merge(id); !merged)
    problem_({id, "could not be merged: " + merged.error().message});
}

bool ConflictMerger::idle() const {
  return running_->count == 0;
}

Status ConflictMerger::merge(const std::string& id) {
  const auto tree = store_->tree(id);
  if (!tree || tree->leaves().size() < 2) return ok();
  auto winner = store_->get(id);
  if (!winner) return ok();  // all leaves are deleted
  std::vector<std::string> bodies{winner->body};
  std::vector<DocumentWrite> writes;
  for (auto& leaf : store_->open_revs(id, {}, false)) {
    if (!leaf || leaf->deleted || leaf->rev == winner->rev) continue;
    bodies.push_back(std::move(leaf->body));
    DocumentWrite removal;
    removal.id = id;
    removal.deleted = true;
    removal.parent = leaf->rev;
    writes.push_back(std::move(removal));
  }
  if (writes.empty()) return ok();
  ATELIER_TRY(merged, merge_fields(bodies));
  if (!same_fields(winner->body, merged)) {
    DocumentWrite write;
    write.id = id;
    write.body = std::move(merged);
    write.parent = winner->rev;
    write.attachments = as_stubs(winner->attachments);
    writes.insert(writes.begin(), std::move(write));
  }
  ++running_->count;
  WriteOptions together;
  together.all_or_nothing = true;  // a loser may only go when what it said is in the winner
  store_->write_async(std::move(writes), together,
                      [running = running_, signal = signal_](const std::vector<WriteResult>&) {
                        --running->count;
                        signal->poke();
                      });
  return ok();
}

}  // namespace atelier
