// Merges conflicts of collections that ask for it, field by field (merge_fields.h), as they are
// seen: the merged fields become a revision on top of the winner, and the other leaves are deleted.
//
// Invariants
//   1. What is written is a function of the leaves alone: nodes that merge the same conflict write
//      equal revisions, so that they never answer each other's.
//   2. A merge that is overtaken by another change writes nothing; the change brings the next one.
// Thread rule: main thread; the store's answer comes on its writer's thread.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "atelier/room.h"
#include "room/write_queue.h"
#include "store/store.h"

namespace atelier {

class ConflictMerger {
 public:
  ConflictMerger(std::shared_ptr<Store> store, std::shared_ptr<WriteSignal> signal,
                 std::function<void(Problem)> problem);

  /// From now on, and what is there already. A conflict of an unreadable document is told once.
  void add(const std::string& prefix);
  bool merges(std::string_view id) const;
  /// The document changed: if it has conflicts that are to be merged, they are.
  void look_at(const std::string& id);
  /// Whether no merge is on its way to the disk.
  bool idle() const;

 private:
  struct Running;
  Status merge(const std::string& id);

  const std::shared_ptr<Store> store_;
  const std::shared_ptr<WriteSignal> signal_;
  const std::function<void(Problem)> problem_;
  const std::shared_ptr<Running> running_;
  std::set<std::string, std::less<>> prefixes_;
};

}  // namespace atelier
