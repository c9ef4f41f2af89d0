// Many nodes in one process, with real stores and the real replicator, in virtual time: what a
// network and bad luck do to them is chosen by a seed, and a seed reproduces a run exactly.
//
//   World world({.seed = 7});
//   const int hub = world.add_node("hub"), ada = world.add_node("ada"), bob =
//   world.add_node("bob"); world.connect(ada, hub); world.connect(bob, hub);
//   world.room(ada).collection<Note>("note").add({"hello"});
//   world.run(100);                       // steps of replication, with faults and disasters
//   ASSERT_TRUE(world.settle());          // faults end; everybody has the same, nothing is lost
//   EXPECT_EQ(world.room(bob).collection<Note>("note").size(), 1u);
//
// Invariants, which settle() and each step check
//   1. A revision that any node has shown in its change feed is known to every node at the end,
//   unless
//      every copy of it was lost with a restored backup or a database that was made anew.
//   2. When faults have ended, every node holds the same leaves (of the collections that its links
//   carry).
//   3. A direction that says that it caught up has left nothing at its source that its target
//   neither
//      knows nor has refused.
//   4. Within a store: one row a document in the change feed, the winner is the best leaf, the
//   counts
//      are those of the winners.
//   5. A document ends by replication only where some node deleted it and forgot so; tombstones of
//      such documents, and nothing else of them, may differ at the end.
// What a seed does not reproduce: ids and names that are random by design (ids made by rooms, names
// of stores and checkpoints). No decision of the simulation depends on them.
//
// Thread rule: one thread. Nothing here waits for real time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "replication/peer.h"
#include "room/room_impl.h"
#include "store/store.h"

namespace atelier::simulation {

/// How often something goes wrong at a call between two nodes, in thousandths.
struct Faults {
  int drop = 40;         // the request does not arrive
  int lose_answer = 40;  // it is done, and the answer does not arrive
  int repeat = 30;       // it arrives twice
  int late_copy = 30;    // a copy of a write arrives once more, much later
  int truncate = 50;     // less is answered than was asked for; half of a write is done
  int reorder = 50;      // rows of an answer or documents of a write come in another order
  int garbage = 20;      // the answer makes no sense
  int status = 60;       // 401 403 404 409 413 429 500 503 for the whole request
  int refuse = 10;       // one document of a write is refused
  int attachment = 60;   // an attachment breaks off
  int delay = 200;       // the answer takes up to three seconds of virtual time
};

/// What happens to nodes, in thousandths of the steps.
struct Disasters {
  int kill = 20;     // at any call of a step or between steps; starts again later
  int backup = 10;   // a copy of the store is put aside
  int restore = 6;   // the copy is put back: what came since is gone there
  int recreate = 4;  // the database is deleted and made anew under its address
  int clock = 10;    // the wall clock jumps by up to a day, forwards or back
  int evict = 20;    // a node that may lets the bytes of some documents go
  int expire = 20;   // a node turns what has expired into tombstones
  int forget = 40;   // hours pass, and a node that may lets its tombstones go
  int hours = 15;    // some hours pass
  int read = 40;     // somebody reads an attachment that was left behind
  int away = 25;     // a client loses its connection for some dozens of steps
};

struct Options {
  std::uint64_t seed = 1;
  Faults faults;
  Disasters disasters;
  /// Of the stores; empty: a temporary one that goes with the world.
  std::filesystem::path folder;
  /// Puts a peer of the caller's own between a link and the node at its other end.
  std::function<std::unique_ptr<Peer>(std::unique_ptr<Peer>)> decorate;
  /// Told each line of the log as it is written.
  std::function<void(std::string_view)> log;
};

struct NodeOptions {
  /// Whether it names its store to others, as our server does; others are told apart by
  /// connections.
  bool names_itself = true;
  /// Its disasters: a backup may be put back, the database may be made anew.
  bool may_be_restored = true, may_be_recreated = true;
  /// Drops bytes that a node which it syncs with has: for devices, to which nobody syncs.
  bool may_evict = false;
  /// Pulls documents without attachments of more bytes: for devices.
  std::uint64_t leave_blobs_above = UINT64_MAX;
  /// Age at which it lets tombstones go (Retention::tombstones_ms); 0: never.
  std::int64_t tombstones_ms = 0;
};

struct LinkOptions {
  bool pull = true, push = true;
  std::vector<std::string> prefixes;  // collections; empty: everything
};

class World {
 public:
  explicit World(Options options);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Returns the node's number.
  int add_node(std::string name, NodeOptions options = {});
  /// `client` keeps itself in sync with `server`, as a host does with a server. Returns the link's
  /// number.
  int connect(int client, int server, LinkOptions options = {});

  int nodes() const;
  /// The node's store. Another object after a kill, a restore and a re-creation.
  Store& store(int node);
  /// The node's room over it, opened when first asked for; pumped after each step. Another object
  /// after a kill, a restore and a re-creation.
  LocalRoom& room(int node);
  Clock& clock();

  /// One event: an edit of `edits` if there are any, a disaster, or the next step of a link.
  /// Returns false when an invariant broke; see problem().
  bool step();
  /// `count` events. Returns the same.
  bool run(int count);
  /// Ends all faults and disasters and lets every link work until nothing moves. Errors: kInternal
  /// with what broke or differs.
  Status settle();
  /// The first invariant that broke, in words; empty: none.
  const std::string& problem() const;

  /// Calls `edit` for the node's number in some of the steps, which is where a test writes
  /// documents.
  void set_edits(std::function<void(World&, int node)> edit, int per_mille = 250);
  /// Random edits of a few documents: new ones, changes, deletions, re-creations, conflicts,
  /// attachments, several documents in one transaction.
  static void random_edit(World& world, int node);
  /// The world's randomness, for edits of the caller's own.
  std::uint64_t random_below(std::uint64_t end);

  // Disasters by hand.
  void kill(int node);  // and starts it again
  void backup(int node);
  void restore(int node);  // nothing when there is no backup
  void recreate(int node);
  void evict(int node);  // some documents, by the seed
  void expire(int node);
  void forget(int node);  // after hours, in which its tombstones grow old enough
  void read(int node);  // an attachment that was left behind, by the seed
  void pull_cable(int link, bool pulled);
  void advance(std::int64_t ms);

  /// A digest over all that happened: equal for equal seeds.
  std::string digest() const;
  /// How much happened, for tests that want to know that they test something.
  struct Counts {
    std::size_t steps = 0, failures = 0, faults = 0, kills = 0, restores = 0, recreations = 0;
    std::size_t evicted = 0, expired = 0, forgotten = 0, compared_anew = 0, ended = 0;
    std::size_t brought = 0;
    std::size_t written = 0, refused = 0, late_copies = 0;
  };
  const Counts& counts() const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

/// A world for a seed: its shape (star, chain, ring, edge over edge, two masters), its links and
/// the number of its steps are chosen by the seed. Runs and settles it. Errors: kInternal with what
/// broke; the message names the seed.
struct SeedReport {
  std::string shape;
  std::string digest;
  World::Counts counts;
};
Result<SeedReport> run_seed(Options options);

}  // namespace atelier::simulation
