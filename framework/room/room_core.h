// The room behind LocalRoom and the plugins' rooms: listeners, the change feed, problems, sync.
//
// Invariants
//   1. Callbacks run only inside pump(), never under a lock, and not after their subscription or
//      their owner is gone.
//   2. A listener gets each document's latest state at least once after its last change; while a
//      write of ours is pending that is what the write will make.
//   3. pump() never runs much longer than its budget: rows wait in page_, in their order.
// Thread rule: main thread; what other threads touch is WriteSignal.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "atelier/room.h"
#include "base/clock.h"
#include "replication/replicator.h"
#include "room/conflict_merger.h"
#include "room/presence.h"
#include "room/room_impl.h"
#include "room/room_indexes.h"
#include "room/room_tasks.h"
#include "room/write_queue.h"

namespace atelier {

class RoomCore {
 public:
  using Listener = std::function<void(const RawChange&)>;

  explicit RoomCore(RoomSettings settings);
  ~RoomCore();
  /// Saves and sends what was written, within kRoomFlushMs and kRoomSendMs, and takes part in
  /// nothing any more. For when the host lets go: collections may live on.
  void close();
  RoomCore(const RoomCore&) = delete;
  RoomCore& operator=(const RoomCore&) = delete;

  const std::string& title() const { return title_; }
  const User& user() const { return user_; }
  WriteSignal& signal() { return *signal_; }
  WriteQueue& writes() { return writes_; }
  RoomIndexes& indexes() { return indexes_; }
  const std::shared_ptr<Store>& store() { return store_; }
  const std::shared_ptr<RoomTasks>& tasks() { return tasks_; }

  // Owners: whoever's callbacks and functions go away together. 0 is the host.
  std::uint64_t add_owner();
  /// Saves what the owner wrote and forgets all that is code of its own.
  void drop_owner(std::uint64_t owner);
  bool has_owner(std::uint64_t owner) const { return owner == 0 || owners_.contains(owner); }

  std::uint64_t add_listener(std::uint64_t owner, const std::string& prefix, Listener listener);
  void remove_listener(const std::string& prefix, std::uint64_t number);

  std::optional<RawDocument> get(std::string_view id) const;
  std::size_t size(const std::string& prefix) const;
  void for_each(const std::string& prefix, const std::function<bool(const RawDocument&)>& fn) const;
  /// Those with ids from `start` to before `end`, within one collection; without `bodies` those
  /// that are on disk come with an empty one.
  void for_each_between(const std::string& start, const std::string& end, bool bodies,
                        const std::function<bool(const RawDocument&)>& fn) const;

  /// Conflicts of this collection are merged field by field from now on.
  void merge_fields_of(const std::string& prefix) { merger_.add(prefix); }

  RoomPresence& presence() { return presence_; }
  const RoomPresence& presence() const { return presence_; }
  PresenceStatus presence_status() const { return presence_.status(); }
  void attach_presence(std::unique_ptr<PresenceTransport> transport) {
    presence_.attach(std::move(transport), [signal = signal_] { signal->poke(); });
  }

  bool pump(int budget_ms);
  bool idle() const;
  Status flush(int timeout_ms) {
    tasks_->save();
    return writes_.flush(timeout_ms);
  }

  void report(Problem problem);
  void report_malformed(const std::string& id, const std::string& reason);
  std::vector<Problem> problems() const;

  void attach_sync(std::shared_ptr<PeerFactory> remote, LiveSyncOptions options);
  void detach_sync() { sync_.reset(); }
  SyncStatus sync_status() const { return sync_ ? sync_->status() : SyncStatus{}; }
  void sync_now() {
    if (sync_) sync_->sync_now();
  }
  AttachmentBringer bringer() const { return sync_ ? sync_->bringer() : AttachmentBringer(); }
  std::vector<Rejection> outbox() const {
    return sync_ ? sync_->outbox() : std::vector<Rejection>{};
  }

 private:
  struct Entry {
    std::uint64_t number = 0, owner = 0;
    Listener listener;
    bool ended = false;
  };
  struct Row {
    std::uint64_t sequence = 0;
    std::string id;
    bool conflicts = false;  // more than one leaf
  };
  struct Count {
    std::uint64_t sequence = 0, version = 0;
    std::size_t size = 0;
  };
  class Deadline;

  template <class Fn>
  void each_pending(const std::string& prefix, const Fn& fn) const;
  std::vector<bool> are_stored(const std::string& prefix) const;
  void touched(const std::string& id, std::uint64_t sequence);
  bool deliver_touched(const Deadline& deadline);
  bool deliver_feed(const Deadline& deadline);
  bool read_page();
  bool is_known(const Row& row);
  bool deliver(const std::string& id, bool local);
  std::optional<RawChange> change_of(const std::string& id, bool local);
  void call(const Entry& entry, const RawChange& change);
  void sweep_listeners();
  void say_once(const std::string& problem);

  const std::shared_ptr<Store> store_;
  const std::string title_;
  const User user_;
  Clock& clock_;
  const std::shared_ptr<WriteSignal> signal_ = std::make_shared<WriteSignal>();

  std::map<std::string, std::vector<std::shared_ptr<Entry>>, std::less<>> listeners_;
  std::set<std::uint64_t> owners_;
  std::uint64_t next_number_ = 1;
  bool pumping_ = false;
  bool ended_some_ = false;  // listeners_ has entries to be swept

  // Changes of our own that wait for pump(), each document once.
  std::deque<std::string> touched_;
  std::unordered_set<std::string> touched_ids_;
  // Commits of our own that the feed has yet to show; they were delivered already.
  std::unordered_map<std::string, std::uint64_t> own_;

  // The feed.
  std::uint64_t since_ = 0;  // delivered up to here
  std::vector<Row> page_;    // read, and from next_row_ on not delivered
  std::size_t next_row_ = 0;
  std::uint64_t page_end_ = 0;  // the page holds everything up to here
  std::string last_said_;

  std::deque<Problem> problems_;
  std::map<std::string, std::string> malformed_;
  mutable std::map<std::string, Count> counts_;

  std::string signed_body(const std::string& id, std::string_view before, std::string body) const;

  RoomIndexes indexes_;
  ConflictMerger merger_;
  WriteQueue writes_;
  const std::shared_ptr<RoomTasks> tasks_ = std::make_shared<RoomTasks>(signal_);
  Subscription poke_;
  RoomPresence presence_;
  std::unique_ptr<LiveSync> sync_;  // last: its threads poke what is above
};

}  // namespace atelier
