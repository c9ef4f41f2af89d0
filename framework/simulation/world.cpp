// The world's events and their order. Thread rule: as World.
#include "simulation/world.h"

#include <algorithm>
#include <system_error>

#include "base/limits.h"
#include "simulation/world_impl.h"

namespace atelier::simulation {
namespace {

constexpr std::int64_t kBetweenStepsMaxMs = 20;     // of a link that has more to do
constexpr std::int64_t kBetweenPollsMaxMs = 5'000;  // of one that waits
constexpr int kClockJumpMaxMs = 86'400'000;
constexpr std::int64_t kHoursMinMs = 3'600'000, kHoursMoreMs = 7'200'000;
constexpr std::size_t kAwayStepsMin = 10, kAwayStepsMore = 50;
// Rounds of settling in which every link works until it has nothing to do. A path through all nodes
// needs one a link; conflicts that rooms merge need as many again.
constexpr int kSettleRoundsPerNode = 6;
constexpr int kSettleStepsMax = 200;  // of one direction in one round

}  // namespace

World::Impl::Impl(World& owner, Options given)
    : world(owner), options(std::move(given)), random(options.seed) {
  folder = options.folder;
  if (folder.empty()) {
    folder = std::filesystem::temp_directory_path() / ("atelier-world-" + random_uuid());
    folder_is_ours = true;
  }
  std::filesystem::create_directories(folder);
}

World::Impl::~Impl() {
  links.clear();
  nodes.clear();
  std::error_code ignored;
  if (folder_is_ours) std::filesystem::remove_all(folder, ignored);
}

void World::Impl::fail(const std::string& what) {
  if (problem.empty()) problem = what;
  say("problem: " + what);
}

void World::Impl::say(const std::string& line) {
  const std::string timed = std::to_string(clock.monotonic_ms()) + " " + line;
  std::string chained(reinterpret_cast<const char*>(log_digest.data()), log_digest.size());
  log_digest = sha256(chained + timed);
  if (options.log) options.log(timed);
}

// --- events

void World::Impl::event() {
  ++counts.steps;
  come_back();
  if (edits && random.chance(edits_per_mille)) {
    const int where = static_cast<int>(random.below(nodes.size()));
    edits(world, where);
    for (Link& link : links) {
      if (link.client != where) continue;
      for (Direction& direction : link.directions) {
        if (!direction.pull) direction.due_ms = clock.monotonic_ms();
      }
    }
  } else if (!disaster()) {
    next_due();
  }
  bury();
  pump_rooms();
  read_feeds();
}

bool World::Impl::disaster() {
  if (!faults_on || nodes.empty()) return false;
  const int where = static_cast<int>(random.below(nodes.size()));
  const NodeOptions& may = node(where).options;
  const Disasters& rates = options.disasters;
  if (random.chance(rates.kill)) {
    world.kill(where);
  } else if (random.chance(rates.backup)) {
    world.backup(where);
  } else if (may.may_be_restored && random.chance(rates.restore)) {
    world.restore(where);
  } else if (may.may_be_recreated && random.chance(rates.recreate)) {
    world.recreate(where);
  } else if (may.may_evict && random.chance(rates.evict)) {
    world.evict(where);
  } else if (random.chance(rates.expire)) {
    world.expire(where);
  } else if (may.tombstones_ms > 0 && random.chance(rates.forget)) {
    world.forget(where);
  } else if (random.chance(rates.read)) {
    int reader = where;
    for (std::size_t i = 0; i < nodes.size() && left_behind(reader).empty(); ++i) {
      reader = (reader + 1) % world.nodes();
    }
    world.read(reader);
  } else if (random.chance(rates.hours)) {
    const auto by = kHoursMinMs + static_cast<std::int64_t>(random.below(kHoursMoreMs));
    clock.advance(by);
    say("time passes: " + std::to_string(by));
  } else if (random.chance(rates.away)) {
    send_away();
  } else if (random.chance(rates.clock)) {
    const auto by = static_cast<std::int64_t>(random.below(2 * kClockJumpMaxMs)) - kClockJumpMaxMs;
    clock.jump(by);
    say("clock jumps by " + std::to_string(by));
  } else {
    return false;
  }
  return true;
}

void World::Impl::send_away() {
  if (links.empty()) return;
  Link& link = links[random.below(links.size())];
  if (link.pulled) return;
  link.pulled = true;
  link.away_until = counts.steps + kAwayStepsMin + random.below(kAwayStepsMore);
  say(node(link.client).name + " loses " + node(link.server).name);
}

void World::Impl::come_back() {
  for (Link& link : links) {
    if (link.away_until == 0 || counts.steps < link.away_until) continue;
    link.away_until = 0;
    link.pulled = false;
    say(node(link.client).name + " reaches " + node(link.server).name + " again");
  }
}

// Whatever is due first: a direction of a link, or a late copy.
void World::Impl::next_due() {
  Link* chosen_link = nullptr;
  Direction* chosen = nullptr;
  for (Link& link : links) {
    for (Direction& direction : link.directions) {
      if (chosen == nullptr || direction.due_ms < chosen->due_ms) {
        chosen = &direction;
        chosen_link = &link;
      }
    }
  }
  const auto first =
      std::min_element(late.begin(), late.end(),
                       [](const LateWrite& a, const LateWrite& b) { return a.due_ms < b.due_ms; });
  if (first != late.end() && (chosen == nullptr || first->due_ms <= chosen->due_ms)) {
    LateWrite copy = std::move(*first);
    late.erase(first);
    clock.advance(std::max<std::int64_t>(copy.due_ms - clock.monotonic_ms(), 0));
    deliver(std::move(copy));
    return;
  }
  if (chosen == nullptr) return;
  clock.advance(std::max<std::int64_t>(chosen->due_ms - clock.monotonic_ms(), 0));
  step_direction(*chosen_link, *chosen);
}

void World::Impl::deliver(LateWrite copy) {
  ++counts.late_copies;
  say("a late copy arrives at " + node(copy.to).name);
  Link wire;  // whoever sent it may be gone since: its attachments then are too
  wire.client = copy.from;
  wire.server = copy.to;
  const auto from = make_node_peer(*this, wire, copy.from, false);
  const auto to = make_node_peer(*this, wire, copy.to, false);
  static_cast<void>(to->write(copy.documents, *from));
}

void World::Impl::bury() {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].doomed) world.kill(static_cast<int>(i));
  }
}

void World::Impl::pump_rooms() {
  for (Node& one : nodes) {
    if (!one.room) continue;
    do {
      while (one.room->pump()) {
      }
      if (!one.room->flush(kRoomFlushMs))
        return fail("the room of " + one.name + " does not write");
    } while (one.room->pump());
  }
}

// --- one direction of a link

void World::Impl::make(Link& link, Direction& direction) {
  Node& client = node(link.client);
  const std::string name = std::to_string(link.client) + (direction.pull ? " from " : " to ") +
                           std::to_string(link.server);
  ReplicationOptions replication;
  replication.filter.prefixes = link.options.prefixes;
  replication.ends_at_source = link.directions.size() == 2;
  replication.id = replication_id(name, "world", !direction.pull, replication);
  direction.source =
      make_node_peer(*this, link, direction.pull ? link.server : link.client, direction.pull);
  direction.target =
      make_node_peer(*this, link, direction.pull ? link.client : link.server, !direction.pull);
  direction.replication = std::make_unique<Replication>(*direction.source, *direction.target,
                                                        std::move(replication), clock);
  direction.replication->share_echo(&link.echo, direction.pull);
  if (!direction.pull) {
    direction.outbox = std::make_unique<Outbox>(client.store, name);
    direction.retry_outbox = true;  // as after each start
  }
}

void World::Impl::retry_outbox(Link& link, Direction& direction) {
  direction.retry_outbox = false;
  const auto requests = direction.outbox->requests();
  if (requests.empty()) return;
  const auto still = direction.replication->retry(requests);
  if (!still) {
    direction.retry_outbox = true;
    return;
  }
  std::vector<std::string> settled;
  for (const RevisionRequest& request : requests) settled.push_back(request.id);
  if (!node(link.client).doomed && !direction.outbox->update(*still, settled)) {
    fail("the outbox of " + node(link.client).name + " was not kept");
  }
}

// Returns whether there may be more to do at once.
bool World::Impl::step_direction(Link& link, Direction& direction) {
  if (!direction.replication) make(link, direction);
  // As live sync does: the pull met another store, what was pushed may have to be pushed again.
  if (!direction.pull && link.echo.epoch() != direction.replication->echo_epoch()) {
    direction.replication->restart();
  }
  if (direction.retry_outbox) retry_outbox(link, direction);
  const std::string what = node(link.client).name +
                           (direction.pull ? " pulls from " : " pushes to ") +
                           node(link.server).name;
  const std::uint64_t answers = direction.target->answers();
  auto report = direction.replication->step();
  const std::int64_t now = clock.monotonic_ms();
  if (!report) {
    ++counts.failures;
    const int ceiling = std::min(kRetryMaxMs, kRetryFirstMs << std::min(direction.failures++, 7));
    direction.due_ms =
        now + std::max<std::int64_t>(
                  report.error().retry_after_ms,
                  static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(ceiling))) + 1);
    say(what + ": " + report.error().message);
    return !faults_on;  // what is left then is news of an earlier disaster
  }
  direction.failures = 0;
  say(what + ": " + std::to_string(report->rows) + " rows, " + std::to_string(report->written) +
      " written, " + std::to_string(report->rejected.size()) + " refused" +
      (report->compared_anew ? ", compared anew" : "") +
      (report->ended > 0 ? ", ended " + std::to_string(report->ended) : ""));
  counts.compared_anew += report->compared_anew ? 1 : 0;
  counts.ended += report->ended;
  if (direction.outbox && !node(link.client).doomed &&
      !direction.outbox->update(report->rejected, report->settled)) {
    fail("the outbox of " + node(link.client).name + " was not kept");
  }
  // A step that had to ask its target nothing cannot know yet that another store answers there.
  const bool asked = direction.target->answers() != answers;
  if (report->caught_up && asked) check_caught_up(link, direction);
  const std::int64_t pause = report->caught_up ? kBetweenPollsMaxMs : kBetweenStepsMaxMs;
  direction.due_ms =
      now + 1 + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(pause)));
  return report->rows > 0 || !report->caught_up;
}

// --- the public face

World::World(Options options) : impl_(std::make_unique<Impl>(*this, std::move(options))) {}
World::~World() = default;

int World::nodes() const {
  return static_cast<int>(impl_->nodes.size());
}

int World::add_node(std::string name, NodeOptions options) {
  Node one;
  one.name = std::move(name);
  one.options = options;
  one.folder = impl_->folder / ("node-" + std::to_string(impl_->nodes.size()));
  impl_->open(one);
  impl_->nodes.push_back(std::move(one));
  return nodes() - 1;
}

int World::connect(int client, int server, LinkOptions options) {
  Link& link = impl_->links.emplace_back();
  link.client = client;
  link.server = server;
  link.options = std::move(options);
  for (const bool pull : {true, false}) {
    if (!(pull ? link.options.pull : link.options.push)) continue;
    link.directions.emplace_back().pull = pull;
    link.directions.back().due_ms = impl_->clock.monotonic_ms();
  }
  return static_cast<int>(impl_->links.size()) - 1;
}

Store& World::store(int node) {
  return *impl_->node(node).store;
}

LocalRoom& World::room(int number) {
  Node& one = impl_->node(number);
  if (!one.room) {
    one.room = open_room(
        {.store = one.store, .title = one.name, .user = {one.name}, .clock = &impl_->clock});
  }
  return *one.room;
}

Clock& World::clock() {
  return impl_->clock;
}

bool World::step() {
  if (impl_->problem.empty()) impl_->event();
  return impl_->problem.empty();
}

bool World::run(int count) {
  for (int i = 0; i < count; ++i) {
    if (!step()) return false;
  }
  return true;
}

Status World::settle() {
  Impl& impl = *impl_;
  impl.faults_on = false;
  for (Link& link : impl.links) {
    link.pulled = false;
    link.away_until = 0;
  }
  for (LateWrite& copy : std::exchange(impl.late, {})) impl.deliver(std::move(copy));
  impl.pump_rooms();
  impl.read_feeds();
  bool moved = true;
  for (int round = 0; moved && impl.problem.empty(); ++round) {
    if (round >= kSettleRoundsPerNode * nodes()) {
      impl.fail("replication does not come to rest");
      break;
    }
    moved = false;
    for (Link& link : impl.links) {
      for (Direction& direction : link.directions) {
        direction.retry_outbox = !direction.pull;
        for (int steps = 0; steps < kSettleStepsMax && impl.step_direction(link, direction);
             ++steps) {
          moved = true;
        }
      }
    }
    const std::string before = digest();
    impl.pump_rooms();
    impl.read_feeds();
    moved = moved || before != digest();
  }
  impl.forget_what_is_nowhere();  // an edit whose attachment was lost everywhere before it was read
  for (const Link& link : impl.links) {
    if (const std::string what = impl.difference(link); !what.empty()) impl.fail(what);
  }
  for (Node& one : impl.nodes) impl.check_store(one);
  impl.check_ledger();
  if (impl.problem.empty()) return ok();
  return Error(ErrorCode::kInternal, impl.problem);
}

const std::string& World::problem() const {
  return impl_->problem;
}

void World::set_edits(std::function<void(World&, int)> edit, int per_mille) {
  impl_->edits = std::move(edit);
  impl_->edits_per_mille = per_mille;
}

std::uint64_t World::random_below(std::uint64_t end) {
  return impl_->random.below(end);
}

void World::pull_cable(int link, bool pulled) {
  impl_->links[static_cast<std::size_t>(link)].pulled = pulled;
}

void World::advance(std::int64_t ms) {
  impl_->clock.advance(ms);
}

std::string World::digest() const {
  return hex(impl_->log_digest);
}

const World::Counts& World::counts() const {
  return impl_->counts;
}

}  // namespace atelier::simulation
