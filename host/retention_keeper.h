// Lets expired documents and old tombstones go, now and then, in the open rooms where this node
// decides: those that sync with no server, while nobody else on this machine serves them. A room of
// another server is that server's to clean. Nothing goes while the clocks of others (peer_clocks.h)
// and ours are further apart than kClockSkewMaxMs. Thread rule: any thread; the work is done on one
// of its own.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/peer_clocks.h"
#include "store/catalog.h"

namespace atelier::host {

class RetentionKeeper {
 public:
  /// Whether this node may delete in that database now. Runs on the keeper's thread.
  using Decides = std::function<bool(const std::string& database)>;

  RetentionKeeper(std::shared_ptr<Catalog> catalog, Decides decides, int every_ms,
                  const PeerClocks& others = peer_clocks());
  ~RetentionKeeper();  // waits for the room that is being looked at
  RetentionKeeper(const RetentionKeeper&) = delete;

  /// One round over all rooms: also what the timer runs.
  void run_once();

 private:
  void loop();
  bool stopping() const;

  const std::shared_ptr<Catalog> catalog_;
  const Decides decides_;
  const int every_ms_;
  const PeerClocks& others_;
  mutable std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;     // last: uses what is above
};

}  // namespace atelier::host
