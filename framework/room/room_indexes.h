// The indexes that collections of a room declare, and the questions that they answer.
//
// Thread rule: main thread. A declaration that is new to the store waits for one commit; questions
// read the store for some milliseconds.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "atelier/room.h"
#include "store/store.h"

namespace atelier {

class RoomIndexes {
 public:
  RoomIndexes(std::shared_ptr<Store> store, std::function<void(Problem)> problem)
      : store_(std::move(store)), problem_(std::move(problem)) {}

  /// Makes the store have what the collection needs. An index of words whose fields are others than
  /// before is made anew. Indexes that nobody declares any more stay: another program may use them.
  void declare(const std::string& prefix, const CollectionOptions& options);

  Result<std::vector<RawHit>> search(const std::string& prefix, std::string_view words,
                                     std::size_t limit) const;
  Result<std::vector<RawDocument>> find(const std::string& prefix,
                                        const CollectionQuery& query) const;

 private:
  void make(IndexDefinition definition);

  const std::shared_ptr<Store> store_;
  const std::function<void(Problem)> problem_;
};

}  // namespace atelier
