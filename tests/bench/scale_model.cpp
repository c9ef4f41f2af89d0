#include "bench/scale_model.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <deque>
#include <limits>
#include <memory>
#include <queue>
#include <random>
#include <tuple>
#include <utility>
#include <vector>

#include "base/limits.h"

namespace atelier::bench::scale {
namespace {

constexpr double kUs = 1e-6, kMs = 1e-3;  // in seconds, as all times in here
constexpr double kRequestBytes = 500;     // head of a request and of its answer
constexpr double kCopiesMax = 30e6;       // documents x edges of one run: a minute or so
constexpr double kWakeBatch = 512;  // feeds woken before others get a turn: server/database.cpp
constexpr double kReady = 128;      // requests read before other work gets a turn: Asio's reactor
constexpr double kSamples = 32;     // feeds of a room whose delay is looked at

// ---- Parameters

struct Field {
  std::string_view name;
  double Plan::*member;
  double least, most;
  bool whole;
};

struct CostField {
  std::string_view name;
  double Costs::*member;
};

constexpr std::array kCostFields = {
    CostField{"wake_us", &Costs::wake_us},
    CostField{"poll_us", &Costs::poll_us},
    CostField{"ask_us", &Costs::ask_us},
    CostField{"row_us", &Costs::row_us},
    CostField{"request_us", &Costs::request_us},
    CostField{"document_us", &Costs::document_us},
    CostField{"push_us", &Costs::push_us},
    CostField{"pull_us", &Costs::pull_us},
    CostField{"commit_us", &Costs::commit_us},
    CostField{"commit_document_us", &Costs::commit_document_us},
};

std::optional<double> number_of(std::string_view text) {
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

constexpr std::array kFields = {
    Field{"visitors", &Plan::visitors, 1, 1e7, true},
    Field{"edges", &Plan::edges, 1, 10'000, true},
    Field{"rooms", &Plan::rooms, 1, 100'000, true},
    Field{"spread", &Plan::spread, 0, 10'000, true},
    Field{"top", &Plan::top, 0, 10'000, true},
    Field{"fan", &Plan::fan, 1, 1'000, true},
    Field{"rate", &Plan::rate, 1e-9, 1'000, false},
    Field{"writers", &Plan::writers, 0, 1'000, true},
    Field{"bytes", &Plan::bytes, 0, static_cast<double>(kDocumentBytesMax), true},
    Field{"long_polls", &Plan::long_polls, 0, 1, true},
    Field{"link_ms", &Plan::link_ms, 0, 10'000, false},
    Field{"link_mbit", &Plan::link_mbit, 0.01, 1e6, false},
    Field{"visitor_ms", &Plan::visitor_ms, 0, 10'000, false},
    Field{"origin_threads", &Plan::origin_threads, 1, 10'000, true},
    Field{"origin_times", &Plan::origin_times, 0, 1'000, false},
    Field{"queries", &Plan::queries, 0, 1e6, false},
    Field{"writes", &Plan::writes, 0, 1e6, false},
    Field{"reads", &Plan::reads, 0, 1e6, false},
    Field{"seconds", &Plan::seconds, 0.1, 86'400, false},
    Field{"seed", &Plan::seed, 0, 9e15, true},
    Field{"away_from", &Plan::away_from, 0, 86'400, false},
    Field{"away_for", &Plan::away_for, 0, 86'400, false},
};

int carriers(const Plan& plan) {
  return static_cast<int>(plan.spread == 0 ? plan.edges : plan.spread);
}

double rooms_of_edge(const Plan& plan) {
  return std::ceil(plan.rooms * carriers(plan) / plan.edges);
}

// ---- Parts

/// Delays by size, in steps of 1%.
class Delays {
 public:
  void add(double seconds, double weight) {
    const double ms = seconds * 1e3;
    least_ = count_ == 0 ? ms : std::min(least_, ms);
    most_ = std::max(most_, ms);
    count_ += weight;
    bins_[bin_of(ms)] += weight;
  }
  Delay result() const { return {quantile(0.5), quantile(0.99), least_, most_, count_}; }

 private:
  static constexpr double kStep = 0.01, kLeastMs = 1e-3;
  static constexpr std::size_t kBins = 2'800;  // up to 10^9 ms
  static std::size_t bin_of(double ms) {
    return std::min(static_cast<std::size_t>(std::log(std::max(ms / kLeastMs, 1.0)) / kStep),
                    kBins - 1);
  }
  double quantile(double share) const {
    double seen = 0;
    for (std::size_t bin = 0; bin < kBins && count_ > 0; ++bin) {
      seen += bins_[bin];
      const double ms = kLeastMs * std::exp((static_cast<double>(bin) + 0.5) * kStep);
      if (seen >= share * count_) return std::clamp(ms, least_, most_);
    }
    return most_;
  }
  std::vector<double> bins_ = std::vector<double>(kBins);
  double least_ = 0, most_ = 0, count_ = 0;
};

/// What is to happen, in the order of time.
class Agenda {
 public:
  double now() const { return now_; }
  void at(double time, std::function<void()> what) {
    events_.push({std::max(time, now_), next_++, std::move(what)});
  }
  void run() {
    while (!events_.empty()) {
      Event event = std::move(const_cast<Event&>(events_.top()));
      events_.pop();
      now_ = event.time;
      event.what();
    }
  }

 private:
  struct Event {
    double time;
    std::uint64_t order;
    std::function<void()> what;
    bool operator<(const Event& other) const {
      return std::tie(time, order) > std::tie(other.time, other.order);
    }
  };
  double now_ = 0;
  std::uint64_t next_ = 0;
  std::priority_queue<Event> events_;
};

/// Work in line before some threads: what the server has to do, and what it is asked. Both are
/// first come, first served; where there is both, kReady requests go between two works. What it
/// costs is known when its turn comes.
class Line {
 public:
  Line(Agenda& agenda, int threads) : agenda_(agenda), idle_(threads) {}
  void enter(std::function<double()> begin, std::function<void()> done = nullptr) {
    own_.push_back({std::move(begin), std::move(done), 0});
    serve();
  }
  void request(double count, std::function<double()> begin, std::function<void()> done = nullptr) {
    asked_.push_back({std::move(begin), std::move(done), count});
    serve();
  }
  double busy() const { return busy_; }

 private:
  struct Work {
    std::function<double()> begin;
    std::function<void()> done;
    double requests;
  };
  Work next() {
    const bool asked = own_.empty() || (!asked_.empty() && ready_ > 0);
    if (!asked)
      ready_ = std::min(kReady, ready_ + kReady);
    else if (!own_.empty())
      ready_ -= asked_.front().requests;
    std::deque<Work>& from = asked ? asked_ : own_;
    Work work = std::move(from.front());
    from.pop_front();
    return work;
  }
  void serve() {
    if (idle_ == 0 || (own_.empty() && asked_.empty())) return;
    --idle_;
    Work work = next();
    const double cost = work.begin();
    busy_ += cost;
    agenda_.at(agenda_.now() + cost, [this, done = std::move(work.done)] {
      if (done) done();
      ++idle_;  // behind what it entered: the next is chosen from all
      serve();
    });
  }
  Agenda& agenda_;
  int idle_;
  double busy_ = 0;
  double ready_ = kReady;  // requests that go before the next work
  std::deque<Work> own_, asked_;
};

/// Operations of one class of a plan of Cloudant's: when the next may go.
class Gate {
 public:
  explicit Gate(double per_second) : per_second_(per_second) {}
  double pass(double now, double operations) {
    count_ += operations;
    if (per_second_ == 0) return now;
    const double at = std::max(now, free_at_);
    free_at_ = at + operations / per_second_;
    return at;
  }
  double count() const { return count_; }

 private:
  const double per_second_;
  double free_at_ = 0, count_ = 0;
};

using Documents = std::vector<int>;
using Groups = std::vector<struct Group*>;

struct Room;

/// A direction of an edge's sync of one room.
struct Sync {
  Room* room = nullptr;
  std::size_t position = 0;  // in the log that it reads
  bool running = false;
  bool waits = false;      // a pull whose long poll is unanswered
  std::uint64_t turn = 0;  // tells an answered long poll from the one that it was
  int failures = 0;
  bool again = false;       // waits for the next try
  std::uint64_t tries = 0;  // tells a try from one that was made earlier
  double checkpoint_at = 0;
};

/// Feeds that are woken in one go, and are at one place.
struct Group {
  double feeds = 0;
  std::size_t told = 0;  // of the room's log
  bool waiting = true;   // not while it is told or asks anew
};

/// A room at one server.
struct Room {
  int node = 0, number = 0;
  double feeds = 0;
  Documents log;           // in the order of their commits here
  std::vector<bool> came;  // of `log`: from what this server hangs on
  std::vector<Group> groups;
  bool poked = false;                         // news of a commit is in line
  bool round = false, another_round = false;  // under way; to follow it
  Room* above = nullptr;                      // at what this server hangs on
  std::vector<Sync*> below;                   // pulls of edges that hang on this one
  Sync push, pull;
};

struct Node {
  Node(Agenda& agenda, int threads) : thread(agenda, threads) {}
  Line thread;
  std::vector<std::pair<Room*, std::pair<Documents, bool>>> to_commit;
  std::vector<std::function<void()>> committed;
  bool committing = false;
  double sync_busy = 0, link_bytes = 0, told_bytes = 0;
};

// ---- The model

class Model {
 public:
  Model(const Plan& plan, const Costs& costs, const OnTold& on_told)
      : plan_(plan),
        costs_(costs),
        on_told_(on_told),
        random_(static_cast<std::uint64_t>(plan.seed)),
        queries_(plan.queries),
        writes_(plan.writes),
        reads_(plan.reads) {
    const int edges = static_cast<int>(plan_.edges);
    for (int edge = 0; edge < edges; ++edge) nodes_.push_back(std::make_unique<Node>(agenda_, 1));
    nodes_.push_back(std::make_unique<Node>(agenda_, static_cast<int>(plan_.origin_threads)));
    for (int number = 0; number < static_cast<int>(plan_.rooms); ++number) open_room(number);
  }

  Outcome run() {
    for (Room* room : carried_) {
      // Everybody is there already: their long polls began at different times.
      room->pull.running = true;
      wait_in_long_poll(room->pull, kLongPollMs * kMs * random_share());
      const double mean = 1 / (plan_.rate * room->feeds);
      for (double i = std::min(0.0, 1 - plan_.writers); i <= 0; ++i) write_later(*room, i * mean);
    }
    if (plan_.away != Away::kNobody) agenda_.at(plan_.away_from, [this] { begin_outage(); });
    agenda_.run();
    return outcome();
  }

 private:
  int origin() const { return static_cast<int>(nodes_.size()) - 1; }

  /// Edges over edges, in the order of their numbers.
  int above(int edge) const {
    const int top = static_cast<int>(plan_.top == 0 ? plan_.edges : plan_.top);
    return edge < top ? origin() : (edge - top) / static_cast<int>(plan_.fan);
  }

  void open_room(int number) {
    std::vector<Room*> at(nodes_.size());
    const auto open = [&](int node) {
      rooms_.push_back(std::make_unique<Room>());
      at[static_cast<std::size_t>(node)] = rooms_.back().get();
      rooms_.back()->node = node;
      rooms_.back()->number = number;
    };
    open(origin());
    const int edges = static_cast<int>(plan_.edges), count = carriers(plan_);
    std::vector<int> chosen;
    chosen.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      chosen.push_back(static_cast<int>((std::int64_t{number} * count + i) % edges));
    }
    for (const int edge : chosen) open(edge);
    for (const int edge : chosen) {
      Room& room = *at[static_cast<std::size_t>(edge)];
      room.feeds = plan_.visitors / (plan_.rooms * count);
      const double groups = std::ceil(room.feeds / kWakeBatch);
      room.groups.assign(static_cast<std::size_t>(groups), {room.feeds / groups});
      room.above = at[static_cast<std::size_t>(above(edge))];
      room.push.room = room.pull.room = &room;
      carried_.push_back(&room);
    }
  }

  Node& node(const Room& room) { return *nodes_[static_cast<std::size_t>(room.node)]; }
  bool at_origin(const Room& room) const { return room.node == origin(); }

  double exponential(double mean) { return -mean * std::log1p(-random_share()); }
  /// From 0, below 1; the same everywhere, which the standard library's distributions are not.
  double random_share() { return static_cast<double>(random_() >> 11) * 0x1p-53; }

  double away_until(int at) const {
    const bool it =
        (plan_.away == Away::kUpstream && at == origin()) || (plan_.away == Away::kEdge && at == 0);
    const double now = agenda_.now(), until = plan_.away_from + plan_.away_for;
    return it && now >= plan_.away_from && now < until ? until : 0;
  }

  // --- visitors

  void write_later(Room& room, double after) {
    const double mean = 1 / (plan_.rate * room.feeds);
    const double at = after + (plan_.writers != 0 ? mean * plan_.writers : exponential(mean));
    if (std::max(at, agenda_.now()) >= plan_.seconds) return;
    agenda_.at(at, [this, &room, at] { write(room, at); });
  }

  /// `due` is when it should have been written.
  void write(Room& room, double due) {
    const double at = agenda_.now();
    const int document = static_cast<int>(written_.size());
    written_.push_back({at, room.node});
    missing_ += carriers(plan_) + 1;
    missing_most_ = std::max(missing_most_, missing_);
    if (plan_.writers == 0) write_later(room, due);
    // While the edge is away it stays with its visitor.
    const double sent = std::max(at, away_until(room.node)) + plan_.visitor_ms * kMs;
    agenda_.at(sent, [this, &room, document, due] { receive(room, document, due); });
  }

  void receive(Room& room, int document, double due) {
    const double came = agenda_.now();
    std::function<void()> answered;
    if (plan_.writers != 0) answered = [this, &room, due] { write_later(room, due); };
    node(room).thread.request(
        1,
        [this, came] {
          request_wait_ += agenda_.now() - came;
          return (costs_.request_us + costs_.document_us) * kUs;
        },
        [this, &room, document, answered] {
          commit(room, {document}, false, [this, &room, answered] {
            if (answered) node(room).thread.enter([] { return 0.0; }, answered);
          });
        });
  }

  // --- a server

  void commit(Room& room, Documents documents, bool from_above, std::function<void()> then) {
    Node& here = node(room);
    here.to_commit.push_back({&room, {std::move(documents), from_above}});
    if (then) here.committed.push_back(std::move(then));
    begin_commit(here);
  }

  void begin_commit(Node& here) {
    if (here.committing || here.to_commit.empty()) return;
    here.committing = true;
    auto batch = std::exchange(here.to_commit, {});
    auto then = std::exchange(here.committed, {});
    std::size_t count = 0;
    for (const auto& [room, documents] : batch) count += documents.first.size();
    const double cost = costs_.commit_us + costs_.commit_document_us * static_cast<double>(count);
    agenda_.at(agenda_.now() + cost * kUs,
               [this, &here, batch = std::move(batch), then = std::move(then)] {
                 here.committing = false;
                 for (const auto& [room, documents] : batch)
                   show(*room, documents.first, documents.second);
                 for (const auto& call : then) call();
                 begin_commit(here);
               });
  }

  void show(Room& room, const Documents& documents, bool from_above) {
    for (const int document : documents) {
      room.log.push_back(document);
      room.came.push_back(from_above);
    }
    missing_ -= static_cast<double>(documents.size());
    all_there_ = agenda_.now();
    const double back = plan_.away_from + plan_.away_for;
    if (plan_.away != Away::kNobody && !caught_up_ && agenda_.now() >= back && missing_ <= usual_) {
      caught_up_ = agenda_.now() - back;
    }
    poke(room);
    for (Sync* pull : std::exchange(room.below, {})) answer(*pull);
    if (room.above) push(room.push);
  }

  void poke(Room& room) {
    if (room.poked || room.feeds == 0) return;
    room.poked = true;
    agenda_.at(away_until(room.node), [this, &room] {
      node(room).thread.enter([] { return 0.0; },
                              [this, &room] {
                                room.poked = false;
                                begin_round(room);
                              });
    });
  }

  void begin_round(Room& room) {
    room.another_round = room.round;
    if (room.round) return;
    Groups woken;
    for (Group& group : room.groups) {
      if (std::exchange(group.waiting, false)) woken.push_back(&group);
    }
    if (woken.empty()) return;
    room.round = true;
    tell_next(room, std::move(woken), 0);
  }

  /// The groups of a round, one after the other; other work comes in between.
  void tell_next(Room& room, Groups woken, std::size_t which) {
    if (which == woken.size()) {
      room.round = false;
      if (room.another_round)
        node(room).thread.enter([] { return 0.0; }, [this, &room] { begin_round(room); });
      return;
    }
    Group& group = *woken[which];
    node(room).thread.enter([this, &room, &group] { return tell(room, group, 0); },
                            [this, &room, &group, woken = std::move(woken), which]() mutable {
                              was_told(room, group);
                              tell_next(room, std::move(woken), which + 1);
                            });
  }

  /// Of all that came since the group was told last; what it costs.
  double tell(Room& room, Group& group, double after) {
    const std::size_t from = std::exchange(group.told, room.log.size());
    if (from == group.told) return 0;
    const auto rows = static_cast<double>(group.told - from);
    const double wake = asks_anew() ? costs_.poll_us : costs_.wake_us;
    const double cost = group.feeds * (wake + (rows - 1) * costs_.row_us) * kUs;
    node(room).told_bytes +=
        group.feeds * (rows * (costs_.row_bytes + plan_.bytes) + (asks_anew() ? kRequestBytes : 0));
    for (std::size_t i = from; i < group.told; ++i)
      note_told(room, group, room.log[i], after, cost);
    return cost;
  }

  void was_told(Room& room, Group& group) {
    group.waiting = !asks_anew();
    if (asks_anew()) ask_anew(room, group);
  }

  /// What came meanwhile is the answer, without a round.
  void ask_anew(Room& room, Group& group) {
    node(room).thread.request(
        group.feeds,
        [this, &room, &group] {
          const double asking = group.feeds * costs_.ask_us * kUs;
          group.waiting = group.told == room.log.size();
          return asking + tell(room, group, asking);
        },
        [this, &room, &group] {
          if (!group.waiting) ask_anew(room, group);
        });
  }
  bool asks_anew() const { return plan_.long_polls != 0; }

  /// One feed after the other is told, within the time that the group takes.
  void note_told(const Room& room, const Group& group, int document, double after, double cost) {
    const auto& [at, edge] = written_[static_cast<std::size_t>(document)];
    const double samples = std::ceil(std::min(group.feeds, kSamples * group.feeds / room.feeds));
    for (double i = 0; i < samples; ++i) {
      const double told =
          agenda_.now() + after + cost * (i + 0.5) / samples + plan_.visitor_ms * kMs;
      (edge == room.node ? same_edge_ : other_edges_).add(told - at, group.feeds / samples);
      all_.add(told - at, group.feeds / samples);
    }
    if (on_told_) on_told_(room.node, room.number, &group - room.groups.data(), document);
  }

  // --- between servers

  double travel(Room& room, double documents) {
    const double bytes = kRequestBytes + documents * (costs_.row_bytes + plan_.bytes);
    node(room).link_bytes += bytes;
    return plan_.link_ms * kMs + bytes * 8 / (plan_.link_mbit * 1e6);
  }

  double server_cost(const Room& at, double documents) const {
    const double cost = (costs_.request_us + documents * costs_.document_us) * kUs;
    return at_origin(at) ? cost * plan_.origin_times : cost;
  }

  /// A request arrived at the server of `at`: through its plan, through its line.
  void serve(Room& at, Gate& gate, double operations, double documents,
             std::function<void()> done) {
    const double now = agenda_.now();
    const double begins = at_origin(at) ? gate.pass(now, operations) : now;
    agenda_.at(begins, [this, &at, documents, done = std::move(done)] {
      node(at).thread.request(
          1, [this, &at, documents] { return server_cost(at, documents); }, done);
    });
  }

  void try_again(Sync& sync) {
    const int failures = std::min(sync.failures++, 20);
    const double most = std::min(kRetryFirstMs * std::exp2(failures), double{kRetryMaxMs});
    sync.again = true;
    const double at = agenda_.now() + most * (1 - random_share() / 2) * kMs;
    agenda_.at(at, [this, &sync, turn = ++sync.tries] {
      if (sync.again && sync.tries == turn) start_again(sync);
    });
  }
  void start_again(Sync& sync) {
    sync.again = sync.running = false;
    &sync == &sync.room->push ? push(sync) : ask(sync);
  }
  /// The other direction need not sit out its wait.
  void came_through(Sync& sync) {
    if (std::exchange(sync.failures, 0) == 0) return;
    Sync& other = &sync == &sync.room->push ? sync.room->pull : sync.room->push;
    if (other.again) start_again(other);
  }

  /// Long polls end with their connections.
  void begin_outage() {
    usual_ = missing_most_;
    for (Room* room : carried_) {
      Sync& pull = room->pull;
      if (!apart(*room) || !pull.waits) continue;
      std::erase(room->above->below, &pull);
      pull.waits = false;
      try_again(pull);
    }
  }

  bool apart(const Room& room) const {
    return away_until(room.node) > 0 || away_until(room.above->node) > 0;
  }

  /// A checkpoint at the other side, when one is due.
  void checkpoint(Sync& sync) {
    const double every = kCheckpointEveryMs * kMs;
    if (agenda_.now() < sync.checkpoint_at + every) return;
    sync.checkpoint_at = agenda_.now();
    travel(*sync.room, 0);
    serve(*sync.room->above, writes_, 1, 0, nullptr);
  }

  void push(Sync& sync) {
    Room& room = *sync.room;
    if (sync.running) return;
    Documents sent;
    std::size_t next = sync.position;
    for (; next < room.log.size() && sent.size() < kBatchDocsMax; ++next) {
      if (!room.came[next]) sent.push_back(room.log[next]);
    }
    if (sent.empty()) {
      sync.position = next;
      return;
    }
    sync.running = true;
    const auto count = static_cast<double>(sent.size());
    node(room).sync_busy += costs_.push_us * count * kUs;
    // More than a few are asked about before they are sent: one more way there and back.
    const bool asks = sent.size() > kDirectWriteDocsMax;
    double arrives = agenda_.now() + costs_.push_us * count * kUs + travel(room, count);
    if (asks) arrives += 2 * plan_.link_ms * kMs;
    agenda_.at(arrives, [this, &sync, &room, asks, next, sent = std::move(sent)]() mutable {
      if (apart(room)) return try_again(sync);
      came_through(sync);
      if (asks) serve(*room.above, reads_, 1, 0, nullptr);
      const auto documents = static_cast<double>(sent.size());
      serve(*room.above, writes_, documents, documents,
            [this, &sync, &room, next, sent = std::move(sent)]() mutable {
              commit(*room.above, std::move(sent), false, [this, &sync, &room, next] {
                agenda_.at(agenda_.now() + travel(room, 0), [this, &sync, next] {
                  sync.position = next;
                  sync.running = false;
                  checkpoint(sync);
                  push(sync);
                });
              });
            });
    });
  }

  void ask(Sync& sync) {
    Room& room = *sync.room;
    if (sync.running) return;
    sync.running = true;
    agenda_.at(agenda_.now() + travel(room, 0), [this, &sync, &room] {
      if (apart(room)) return try_again(sync);
      came_through(sync);
      serve(*room.above, queries_, 1, 0, [this, &sync] { answer(sync); });
    });
  }

  void answer(Sync& sync) {
    Room& room = *sync.room;
    Room& from = *room.above;
    const std::size_t end = std::min(from.log.size(), sync.position + kBatchDocsMax);
    if (end == sync.position) return wait_in_long_poll(sync, kLongPollMs * kMs);
    sync.waits = false;
    ++sync.turn;
    const auto rows = static_cast<double>(end - sync.position);
    node(from).thread.enter([this, &from, rows] { return server_cost(from, rows); },
                            [this, &sync, &room, rows, end] {
                              const double cost = costs_.pull_us * rows * kUs;
                              agenda_.at(agenda_.now() + travel(room, rows) + cost,
                                         [this, &sync, &room, cost, end] {
                                           if (apart(room)) return try_again(sync);
                                           node(room).sync_busy += cost;
                                           take(sync, end);
                                         });
                            });
  }

  /// Ends by itself after a while, and is asked again: not while nobody will ever write again.
  void wait_in_long_poll(Sync& sync, double seconds) {
    sync.waits = true;
    sync.room->above->below.push_back(&sync);
    const double until = agenda_.now() + seconds;
    if (until > plan_.seconds && missing_ <= 0) return;
    agenda_.at(until, [this, &sync, turn = ++sync.turn] {
      if (!sync.waits || sync.turn != turn) return;
      std::erase(sync.room->above->below, &sync);
      sync.waits = sync.running = false;
      ask(sync);
    });
  }

  /// What came by the push of this very edge is here already.
  void take(Sync& sync, std::size_t end) {
    Room& room = *sync.room;
    Documents fresh;
    for (std::size_t i = sync.position; i < end; ++i) {
      const int document = room.above->log[i];
      if (!is_below(written_[static_cast<std::size_t>(document)].second, room.node))
        fresh.push_back(document);
    }
    sync.position = end;
    const auto go_on = [this, &sync] {
      sync.running = false;
      checkpoint(sync);
      ask(sync);
    };
    if (fresh.empty()) return go_on();
    commit(room, std::move(fresh), true, go_on);
  }

  /// Whether what was written at `edge` reached the origin through `through`.
  bool is_below(int edge, int through) const {
    while (edge != origin() && edge != through) edge = above(edge);
    return edge == through;
  }

  Outcome outcome() const {
    Outcome out;
    out.same_edge = same_edge_.result();
    out.other_edges = other_edges_.result();
    out.all = all_.result();
    out.documents = static_cast<double>(written_.size());
    out.request_wait_ms = written_.empty() ? 0 : request_wait_ / out.documents * 1e3;
    const double span = std::max(plan_.seconds, all_there_);
    for (int i = 0; i < origin(); ++i) {
      const Node& edge = *nodes_[static_cast<std::size_t>(i)];
      out.edge_busy = std::max(out.edge_busy, edge.thread.busy() / span);
      out.sync_busy = std::max(out.sync_busy, edge.sync_busy / span);
      out.edge_out_mbit = std::max(out.edge_out_mbit, edge.told_bytes * 8e-6 / span);
      out.link_mbit = std::max(out.link_mbit, edge.link_bytes * 8e-6 / span);
    }
    out.origin_busy = nodes_.back()->thread.busy() / span / plan_.origin_threads;
    out.origin_queries = queries_.count() / span;
    out.origin_writes = writes_.count() / span;
    out.origin_reads = reads_.count() / span;
    out.edge_memory_mb = plan_.visitors / plan_.edges * costs_.feed_bytes / 1e6;
    const double a_day = out.documents / plan_.seconds * 86'400 * carriers(plan_) / plan_.edges;
    out.disk_gb_per_day = a_day * (plan_.bytes + costs_.disk_bytes) / 1e9;
    out.backlog = missing_most_;
    out.behind_s = std::max(0.0, all_there_ - plan_.seconds);
    out.catch_up_s = caught_up_;
    return out;
  }

  const Plan plan_;
  const Costs costs_;
  const OnTold on_told_;
  std::mt19937_64 random_;
  Agenda agenda_;
  Gate queries_, writes_, reads_;
  std::vector<std::unique_ptr<Node>> nodes_;  // the edges, then the origin
  std::vector<std::unique_ptr<Room>> rooms_;
  std::vector<Room*> carried_;                   // at edges
  std::vector<std::pair<double, int>> written_;  // by document: when, at which edge
  double missing_ = 0, missing_most_ = 0;        // copies of documents, at edges and the origin
  double usual_ = std::numeric_limits<double>::infinity();  // missing at most before the outage
  double all_there_ = 0, request_wait_ = 0;
  std::optional<double> caught_up_;
  Delays same_edge_, other_edges_, all_;
};

}  // namespace

Costs measured_costs() {
  return {
      // bench_scale, 29 November 2026, eight runs with real-time priority on two cores: 8.4 to
      // 9.4, 45 to 52 for a telling and the asking, 0.02 to 0.04, 27 to 38 us of its processor.
      .wake_us = 9,
      .poll_us = 24,
      .ask_us = 23,
      .row_us = 0.05,
      .request_us = 36,
      .document_us = 6.8,         // server.svg: _bulk_docs of 1,000, 147,065 documents/s
      .push_us = 22,              // bench_replication the same day: push 46,012 documents/s
      .pull_us = 17,              // … pull 59,565 documents/s
      .commit_us = 700,           // store.svg: one durable put at a time, 1,430/s
      .commit_document_us = 4.9,  // store.svg: batches of 1,000, 202,183 documents/s
      .feed_bytes = 4'722,        // server.svg: own memory a live feed
      .row_bytes = 200,           // a row of 441 bytes has a document of 247
      .disk_bytes = 166,          // store.svg: 416 bytes in the file for 250
  };
}

bool set(Plan& plan, std::string_view name, std::string_view text) {
  if (name == "away") {
    const std::array<std::string_view, 3> words = {"nobody", "upstream", "edge"};
    const auto word = std::find(words.begin(), words.end(), text);
    if (word == words.end()) return false;
    plan.away = static_cast<Away>(word - words.begin());
    return true;
  }
  const auto field = std::find_if(kFields.begin(), kFields.end(),
                                  [&](const Field& one) { return one.name == name; });
  if (field == kFields.end()) return false;
  const auto value = number_of(text);
  if (!value) return false;
  plan.*(field->member) = *value;
  return true;
}

bool set(Costs& costs, std::string_view name, std::string_view text) {
  const auto field = std::find_if(kCostFields.begin(), kCostFields.end(),
                                  [&](const CostField& one) { return one.name == name; });
  const auto value = number_of(text);
  if (field == kCostFields.end() || !value || !(*value >= 0 && *value <= 1e9)) return false;
  costs.*(field->member) = *value;
  return true;
}

std::optional<std::string> problem_of(const Plan& plan) {
  for (const Field& field : kFields) {
    const double value = plan.*(field.member);
    // Not the other way round: nothing compares with a NaN.
    if (!(value >= field.least && value <= field.most))
      return std::string(field.name) + " is out of range";
    if (field.whole && value != std::floor(value))
      return std::string(field.name) + " is no whole number";
  }
  if (plan.spread > plan.edges) return "spread: there are fewer edges";
  if (plan.top > plan.edges) return "top: there are fewer edges";
  if (plan.top != 0 && carriers(plan) != plan.edges)
    return "top: edges over edges carry all rooms, so that spread must be 0";
  if (plan.away != Away::kNobody && plan.away_from + plan.away_for > plan.seconds)
    return "away_for: the outage ends after the run";
  if (plan.visitors < plan.rooms * carriers(plan))
    return "visitors: fewer than rooms x edges that carry them";
  const double feeds = plan.visitors / (plan.rooms * carriers(plan)) * rooms_of_edge(plan);
  if (feeds > static_cast<double>(kFeedsMax))
    return "visitors: an edge takes " + std::to_string(kFeedsMax) + " feeds";
  if (plan.rate * plan.visitors * plan.seconds * (carriers(plan) + 1) > kCopiesMax)
    return "visitors x rate x seconds x edges: too many documents for one run";
  return std::nullopt;
}

Outcome run(const Plan& plan, const Costs& costs, const OnTold& on_told) {
  return Model(plan, costs, on_told).run();
}

std::optional<int> fewest_edges(Plan plan, const Costs& costs, double p99_ms, int most) {
  const auto enough = [&](int edges) {
    plan.edges = edges;
    return !problem_of(plan) && run(plan, costs).all.p99_ms <= p99_ms;
  };
  int edges = 1;
  while (edges < most && !enough(edges)) edges = std::min(edges * 2, most);
  if (!enough(edges)) return std::nullopt;
  // More edges may be too many for the origin again; below, fewer of them are too few.
  int too_few = edges / 2;
  while (edges - too_few > 1) {
    const int middle = too_few + (edges - too_few) / 2;
    (enough(middle) ? edges : too_few) = middle;
  }
  return edges;
}

}  // namespace atelier::bench::scale
