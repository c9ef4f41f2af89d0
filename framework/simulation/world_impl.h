// What a world is made of: nodes, the links between them, writes that arrive late, and the ledger
// of what must not be lost. Thread rule: as World.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "replication/echo_filter.h"
#include "replication/outbox.h"
#include "replication/replicator.h"
#include "simulation/random.h"
#include "simulation/world.h"

namespace atelier::simulation {

/// Time that the world turns.
class VirtualClock : public Clock {
 public:
  std::int64_t wall_ms() const override { return wall_; }
  std::int64_t monotonic_ms() const override { return monotonic_; }
  void advance(std::int64_t ms) {
    wall_ += ms;
    monotonic_ += ms;
  }
  void jump(std::int64_t ms) { wall_ += ms; }

 private:
  std::int64_t wall_ = 1'700'000'000'000;
  std::int64_t monotonic_ = 1'000'000;
};

struct Node {
  std::string name;
  NodeOptions options;
  std::filesystem::path folder;
  std::shared_ptr<Store> store;
  std::unique_ptr<LocalRoom> room;
  std::uint64_t starts = 0;  // of this node: its connections end with each
  std::uint64_t seen = 0;    // up to where the ledger has read its feed
  bool doomed = false;       // dies at the end of the step
  bool has_backup = false;
};

/// A node as its links see it: whatever happens to the node between two calls, the next call goes
/// to the store that it has then.
class NodePeer : public Peer {
 public:
  /// Closes what it has open of the store.
  virtual void let_go() = 0;
  /// How often the node answered.
  virtual std::uint64_t answers() const = 0;
};

/// One direction of a link, from its client's point of view.
struct Direction {
  bool pull = false;
  std::unique_ptr<NodePeer> source, target;
  std::unique_ptr<Replication> replication;
  std::unique_ptr<Outbox> outbox;  // of a push
  bool retry_outbox = false;
  std::int64_t due_ms = 0;
  int failures = 0;
};

struct Link {
  int client = 0, server = 0;
  LinkOptions options;
  bool pulled = false;         // the cable
  std::size_t away_until = 0;  // number of the step that plugs it in again; 0: nobody pulled it so
  EchoFilter echo;
  std::vector<Direction> directions;
};

/// A copy of a write that the network delivers once more.
struct LateWrite {
  std::int64_t due_ms = 0;
  int from = 0, to = 0;
  std::vector<WireDocument> documents;
};

struct World::Impl {
  Impl(World& owner, Options given);
  ~Impl();

  // Nodes.
  Node& node(int number) { return nodes[static_cast<std::size_t>(number)]; }
  void open(Node& one);
  void close(int number);
  void start_again(int number);
  void forget_what_is_nowhere();

  // Links.
  void make(Link& link, Direction& direction);
  bool step_direction(Link& link, Direction& direction);
  void retry_outbox(Link& link, Direction& direction);
  void check_caught_up(const Link& link, const Direction& direction);

  // Events.
  void event();
  bool disaster();
  /// Documents and names of attachments whose bytes are not at the node.
  std::vector<std::pair<std::string, std::string>> left_behind(int number);
  void send_away();
  void come_back();
  void next_due();
  void deliver(LateWrite late);
  void bury();  // whoever died during the step
  void pump_rooms();

  // Checks.
  void read_feeds();
  void check_store(Node& one);
  bool travels(int number, const std::string& id) const;
  bool another_has(int number, const ChangeRow& row);
  bool has_copy(int number, const std::string& id, const RevId& rev);
  bool knows(int number, const std::string& id, const RevId& rev);
  std::string difference(const Link& link);
  bool was_forgotten(const std::string& id, const RevId& rev) const;
  void check_ends(std::span<const WireDocument> documents);
  void check_ledger();
  void fail(const std::string& what);
  void say(const std::string& line);

  World& world;
  const Options options;
  Random random;
  VirtualClock clock;
  bool faults_on = true;
  std::filesystem::path folder;
  bool folder_is_ours = false;
  std::deque<Node> nodes;
  std::deque<Link> links;
  std::vector<LateWrite> late;
  std::function<void(World&, int)> edits;
  int edits_per_mille = 0;
  std::map<std::string, std::set<RevId>> ledger;     // what was shown anywhere and is not excused
  std::map<std::string, std::set<RevId>> shown;      // what was shown anywhere, ever
  std::map<std::string, std::set<RevId>> forgotten;  // what any node has forgotten, ever
  Sha256 log_digest{};
  std::string problem;
  World::Counts counts;
};

/// `far`: over the network, with all that can go wrong there.
std::unique_ptr<NodePeer> make_node_peer(World::Impl& world, Link& link, int number, bool far);

/// Whether a leaf can be given to others with all of its bytes.
bool is_whole(const Result<Document>& leaf);

/// What a store shows to others: each leaf of each document, deleted or not, with its body and the
/// digests of its attachments; "evicted" where they are not here.
std::map<std::string, std::string> leaves_of(Store& store,
                                             const std::vector<std::string>& prefixes);

}  // namespace atelier::simulation
