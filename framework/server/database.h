// One database as the server sees it: its store, the feeds that wait on it, what they share.
// Thread rule: the server's thread, except that the store pokes from its writer.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/http_message.h"
#include "store/store.h"

namespace atelier::server {

/// Runs a task on the server's thread; safe from any thread.
using Post = std::function<void(std::function<void()>)>;

class Database;
class PresenceRoom;
class RoomGate;

/// A body that waits for changes of one database.
class Feed : public BodySource, public std::enable_shared_from_this<Feed> {
 public:
  explicit Feed(std::shared_ptr<Database> database);
  ~Feed() override;
  bool is_feed() const override { return true; }

 protected:
  /// To be called before kWait is returned: wake() runs after the next commit.
  void wait_for_changes();
  const std::shared_ptr<Database> database_;

 private:
  friend class Database;
  static constexpr std::size_t kNotWaiting = SIZE_MAX;
  std::size_t slot_ = kNotWaiting;  // in the database's list
};

class Database : public std::enable_shared_from_this<Database> {
 public:
  /// `gate`: of a room; null for the system's own databases.
  Database(std::string name, std::shared_ptr<Store> store, Post post,
           std::shared_ptr<RoomGate> gate = {});
  /// Begins to listen to the store; after construction, because it needs a shared pointer.
  void start();

  const std::string& name() const { return name_; }
  /// All of it: routes use Call::store(), which is what their client may see.
  const std::shared_ptr<Store>& store() const { return store_; }
  const std::shared_ptr<RoomGate>& gate() const { return gate_; }
  /// `<store uuid>-<incarnation>`, for the header X-Atelier-Store.
  const std::string& tag() const { return tag_; }
  /// Seconds since 1970, as text: `instance_start_time`.
  const std::string& start_time() const { return start_time_; }
  bool partitioned() const { return partitioned_; }

  /// The _security object; "{}" when none was set, and for administrators alone in a database of
  /// the system's own.
  std::string security() const;
  /// Whether a design document holds a validation function, which is never run here, and no
  /// administrator said that the database goes on without.
  bool has_validation() const;

  /// `_security` was changed here: whoever serves this store looks again.
  void security_changed();
  /// Feeds and presence look whether their clients may still be there.
  void look_again();
  /// Told on the server's thread when the people, the mode or the rules of this room changed.
  std::function<void()> on_rights_changed;

  /// Whether a compaction runs; any thread.
  std::atomic<bool> compacting{false};
  std::int64_t compacting_since = 0;  // seconds since 1970; the server's thread

  /// Who has it open; made when first asked for.
  std::shared_ptr<PresenceRoom> presence();

  /// Told after commits, on the server's thread; for _db_updates.
  std::function<void()> on_commit;

  /// The database is gone: feeds and presence end.
  void remove();
  bool removed() const { return removed_; }

  /// A serialised stretch of a feed, shared by all feeds with the same options and place.
  struct SharedChunk {
    std::string key;  // what the rows depend on, beside the place
    std::uint64_t since = 0, next = 0;
    std::uint64_t told = 0;  // the sequence of its last row
    BodySource::Chunk chunk;
    bool full = false;  // more rows would not have gone in
  };
  const SharedChunk* find_chunk(std::string_view key, std::uint64_t since) const;
  /// In place of one with the same key and place.
  void keep_chunk(SharedChunk chunk);

 private:
  friend class Feed;
  /// All that wait, in rounds: what is committed during one is told in the next, so that a server
  /// with more to tell than it can tells each feed more at once instead of the same ones more often.
  void wake_feeds();
  void wake_some(std::shared_ptr<std::vector<std::weak_ptr<Feed>>> feeds, std::size_t from);

  // Constant after construction.
  const std::string name_;
  const std::shared_ptr<Store> store_;
  const Post post_;
  const std::shared_ptr<RoomGate> gate_;
  std::string tag_;
  std::string start_time_;
  bool partitioned_ = false;

  std::shared_ptr<std::atomic<bool>> poked_;  // a wake-up is on its way; any thread
  Subscription subscription_, terms_subscription_;

  // Server's thread.
  bool removed_ = false;
  std::vector<Feed*> waiting_;
  bool round_ = false, another_round_ = false;
  std::deque<SharedChunk> chunks_;
  std::size_t chunk_bytes_ = 0;
  std::shared_ptr<PresenceRoom> presence_;
};

}  // namespace atelier::server
