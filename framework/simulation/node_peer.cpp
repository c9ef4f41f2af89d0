// The network between two nodes. Thread rule: as World.
#include <algorithm>
#include <array>
#include <utility>

#include "replication/local_peer.h"
#include "simulation/world_impl.h"

namespace atelier::simulation {
namespace {

constexpr std::int64_t kDelayMaxMs = 3'000;
constexpr std::int64_t kLateMaxMs = 60'000;
constexpr int kRetryAfterMaxMs = 5'000;

Error unreachable() {
  return {ErrorCode::kUnavailable, "simulated: no connection"};
}

/// What servers answer for a whole request, as HttpPeer reports it.
Error status_error(Random& random) {
  struct Kind {
    int status;
    ErrorCode code;
  };
  static constexpr std::array<Kind, 8> kKinds{{{401, ErrorCode::kUnauthorized},
                                               {403, ErrorCode::kForbidden},
                                               {404, ErrorCode::kNotFound},
                                               {409, ErrorCode::kConflict},
                                               {413, ErrorCode::kTooLarge},
                                               {429, ErrorCode::kRateLimited},
                                               {500, ErrorCode::kInternal},
                                               {503, ErrorCode::kUnavailable}}};
  const Kind& kind = kKinds[random.below(kKinds.size())];
  Error error(kind.code, "simulated: status " + std::to_string(kind.status));
  error.http_status = kind.status;
  if (kind.status == 429) error.retry_after_ms = static_cast<int>(random.below(kRetryAfterMaxMs));
  return error;
}

template <class T>
void shuffle(std::vector<T>& list, Random& random) {
  for (std::size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[random.below(i)]);
}

class SimulatedPeer final : public NodePeer {
 public:
  SimulatedPeer(World::Impl& world, Link& link, int number, bool far)
      : world_(world), link_(link), number_(number), far_(far), starts_(node().starts) {}

  Result<PeerInfo> info() override {
    return call<PeerInfo>([&](Peer& peer) -> Result<PeerInfo> {
      ATELIER_TRY(info, peer.info());
      if (far_ && !node().options.names_itself) info.identity.clear();
      // Our server names the store and its run; see X-Atelier-Store.
      if (far_ && !info.identity.empty()) info.identity += "-" + std::to_string(node().starts);
      known_ = node().starts;
      return info;
    });
  }

  Result<ChangesPage> changes(const ChangesQuery& query) override {
    ChangesQuery asked = query;
    asked.wait_ms = 0;  // virtual time: the link comes again
    if (fault(world_.options.faults.truncate)) asked.limit = 1 + random().below(query.limit);
    if (fault(world_.options.faults.truncate)) asked.inline_documents = false;
    auto page = call<ChangesPage>([&](Peer& peer) { return peer.changes(asked); });
    if (page && fault(world_.options.faults.reorder)) shuffle(page->changes, random());
    return page;
  }

  Result<DiffAnswer> revs_diff(std::span<const RevisionRequest> offered) override {
    auto answer = call<DiffAnswer>([&](Peer& peer) { return peer.revs_diff(offered); });
    if (answer && fault(world_.options.faults.reorder)) shuffle(answer->missing, random());
    return answer;
  }

  Result<std::vector<WireDocument>> fetch(std::span<const RevisionRequest> wanted) override {
    auto answer = call<std::vector<WireDocument>>([&](Peer& peer) { return peer.fetch(wanted); });
    if (answer && fault(world_.options.faults.reorder)) shuffle(*answer, random());
    return answer;
  }

  Result<std::vector<Rejection>> write(std::span<const WireDocument> documents,
                                       Peer& source) override {
    world_.check_ends(documents);
    if (fault(world_.options.faults.late_copy)) keep_for_later(documents);
    if (documents.size() > 1 && fault(world_.options.faults.truncate)) {
      return break_off(documents.first(documents.size() / 2), source);
    }
    std::vector<WireDocument> taken(documents.begin(), documents.end());
    if (fault(world_.options.faults.reorder)) shuffle(taken, random());
    std::vector<Rejection> refused = refuse_some(taken);
    auto answer =
        call<std::vector<Rejection>>([&](Peer& peer) { return peer.write(taken, source); });
    if (!answer) return answer;
    world_.counts.written += taken.size() - std::min(taken.size(), answer->size());
    answer->insert(answer->end(), refused.begin(), refused.end());
    return answer;
  }

  Status read_attachment(const std::string& id, const RevId& rev, const std::string& name,
                         const std::function<bool(std::string_view)>& fn) override {
    const bool breaks = fault(world_.options.faults.attachment);
    bool broken = false;
    const auto part = [&](std::string_view bytes) {
      if (!breaks) return fn(bytes);
      broken = true;
      if (bytes.size() > 1) fn(bytes.substr(0, bytes.size() / 2));
      return false;
    };
    ATELIER_CHECK(reach());
    ATELIER_CHECK(inner().read_attachment(id, rev, name, part));
    if (broken) return unreachable();
    return ok();
  }

  Result<std::optional<std::string>> get_local(const std::string& id) override {
    return call<std::optional<std::string>>([&](Peer& peer) { return peer.get_local(id); });
  }
  Status put_local(const std::string& id, const std::string& json) override {
    return call<void>([&](Peer& peer) { return peer.put_local(id, json); });
  }

  std::uint64_t connection_epoch() const override {
    return far_ && !node().options.names_itself ? node().starts : 0;
  }
  void cancel() override {}
  void let_go() override { inner_.reset(); }
  std::uint64_t answers() const override { return answers_; }
  bool is_local() const override { return !far_; }

 private:
  Node& node() const { return world_.node(number_); }
  Random& random() { return world_.random; }

  bool fault(int per_mille) {
    if (!far_ || !world_.faults_on || !random().chance(per_mille)) return false;
    ++world_.counts.faults;
    return true;
  }

  Peer& inner() {
    if (!inner_ || starts_ != node().starts) {
      LocalPeerOptions options;
      if (!far_ && number_ == link_.client) options = {node().options.leave_blobs_above, true};
      inner_ = make_local_peer(node().store, options);
      if (far_ && world_.options.decorate) inner_ = world_.options.decorate(std::move(inner_));
      starts_ = node().starts;
    }
    return *inner_;
  }

  /// Whether the node is there, now and under the name that it had.
  Status reach() {
    if (world_.faults_on && random().chance(world_.options.disasters.kill / 4))
      node().doomed = true;
    if (node().doomed || (far_ && link_.pulled)) return unreachable();
    if (far_ && node().options.names_itself && known_ != 0 && known_ != node().starts) {
      known_ = 0;
      return Error(ErrorCode::kPeerChanged, "simulated: another store answers");
    }
    return ok();
  }

  template <class T, class Call>
  Result<T> call(const Call& work) {
    const Faults& faults = world_.options.faults;
    ATELIER_CHECK(reach());
    if (fault(faults.drop)) return unreachable();
    if (fault(faults.status)) return status_error(random());
    if (fault(faults.delay))
      world_.clock.advance(1 + static_cast<std::int64_t>(random().below(kDelayMaxMs)));
    auto answer = work(inner());
    ++answers_;
    if (fault(faults.repeat)) answer = work(inner());
    if (fault(faults.garbage)) return Error(ErrorCode::kInvalid, "simulated: garbage");
    if (fault(faults.lose_answer)) return unreachable();
    return answer;
  }

  Result<std::vector<Rejection>> break_off(std::span<const WireDocument> half, Peer& source) {
    ATELIER_CHECK(reach());
    ATELIER_CHECK(inner().write(half, source));
    return unreachable();
  }

  std::vector<Rejection> refuse_some(std::vector<WireDocument>& documents) {
    std::vector<Rejection> refused;
    std::erase_if(documents, [&](const WireDocument& document) {
      if (!fault(world_.options.faults.refuse)) return false;
      const ErrorCode code = random().below(2) == 0 ? ErrorCode::kForbidden : ErrorCode::kTooLarge;
      refused.push_back({document.id, document.rev, Error(code, "simulated: refused")});
      return true;
    });
    world_.counts.refused += refused.size();
    return refused;
  }

  void keep_for_later(std::span<const WireDocument> documents) {
    LateWrite copy;
    copy.due_ms =
        world_.clock.monotonic_ms() + static_cast<std::int64_t>(random().below(kLateMaxMs));
    copy.from = link_.client;
    copy.to = number_;
    copy.documents.assign(documents.begin(), documents.end());
    world_.late.push_back(std::move(copy));
  }

  World::Impl& world_;
  Link& link_;
  const int number_;
  const bool far_;
  std::uint64_t starts_;     // of the node when inner_ was made
  std::uint64_t known_ = 0;  // of the node when it last told its name
  std::uint64_t answers_ = 0;
  std::unique_ptr<Peer> inner_;
};

}  // namespace

std::unique_ptr<NodePeer> make_node_peer(World::Impl& world, Link& link, int number, bool far) {
  return std::make_unique<SimulatedPeer>(world, link, number, far);
}

}  // namespace atelier::simulation
