// Goal: live sync says what it does, survives what happens to the other side, and ends at once.
// Method: the "remote" is a second store behind a factory whose network the test switches; waits
// are for events, and the clock is the test's where time matters.
#include <gtest/gtest.h>

#include "base/json_text.h"
#include "replication/replicator.h"
#include "replication_tools.h"

namespace atelier::testing {
namespace {

constexpr auto kPatience = std::chrono::seconds(20);  // for an event on a busy machine

/// Something on the network: which store answers, and whether it does. Safe from any thread.
class Network {
  template <class Fn>
  auto locked(Fn fn) const {
    std::lock_guard lock(mutex_);
    return fn();
  }

 public:
  explicit Network(std::shared_ptr<Store> store) : store_(std::move(store)) {}

  void serve(std::shared_ptr<Store> store) {
    change([&] {
      store_ = std::move(store);
      ++version_;
    });
  }
  void cut(ErrorCode code = ErrorCode::kUnavailable) {
    change([&] {
      failure_ = code;
      ++version_;
    });
  }
  void mend() {
    change([&] { failure_.reset(); });
  }
  void refuse(std::string id) {
    change([&] { refused_ = std::move(id); });
  }

  std::shared_ptr<Store> store() const {
    return locked([&] { return store_; });
  }
  std::uint64_t version() const {
    return locked([&] { return version_; });
  }
  std::string refused() const {
    return locked([&] { return refused_; });
  }
  std::optional<Error> failure() const {
    return locked([&]() -> std::optional<Error> {
      if (!failure_) return std::nullopt;
      return Error(*failure_, "the test cut the line");
    });
  }

  std::atomic<int> connects{0};
  std::atomic<int> requests{0};
  std::atomic<int> checkpoints{0};
  std::atomic<SyncState> upstream{SyncState::kNone};

 private:
  void change(const std::function<void()>& fn) {
    std::lock_guard lock(mutex_);
    fn();
  }

  mutable std::mutex mutex_;
  std::shared_ptr<Store> store_;
  std::optional<ErrorCode> failure_;
  std::string refused_;
  std::uint64_t version_ = 0;
};

/// A connection to whatever the network serves when it is made. A long poll is broken by a cut.
class RemotePeer : public PeerWrapper {
 public:
  explicit RemotePeer(Network& network)
      : PeerWrapper(make_local_peer(network.store())),
        network_(network),
        seen_(network.version()) {}

  Result<PeerInfo> info() override {
    return asked<PeerInfo>([&] { return PeerWrapper::info(); });
  }
  Result<ChangesPage> changes(const ChangesQuery& query) override {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(query.wait_ms);
    ChangesQuery slice = query;
    slice.wait_ms = query.wait_ms > 0 ? 10 : 0;
    ++network_.requests;
    for (;;) {
      ATELIER_CHECK(check());
      auto page = PeerWrapper::changes(slice);
      if (!page || !page->changes.empty() || std::chrono::steady_clock::now() >= until) return page;
    }
  }
  Result<DiffAnswer> revs_diff(std::span<const RevisionRequest> offered) override {
    return asked<DiffAnswer>([&] { return PeerWrapper::revs_diff(offered); });
  }
  Result<std::vector<WireDocument>> fetch(std::span<const RevisionRequest> wanted) override {
    return asked<std::vector<WireDocument>>([&] { return PeerWrapper::fetch(wanted); });
  }
  Result<std::vector<Rejection>> write(std::span<const WireDocument> documents,
                                       Peer& source) override {
    return asked<std::vector<Rejection>>([&]() -> Result<std::vector<Rejection>> {
      std::vector<Rejection> rejected;
      std::vector<WireDocument> taken;
      for (const WireDocument& document : documents) {
        if (document.id == network_.refused()) {
          rejected.push_back({document.id, document.rev, Error(ErrorCode::kForbidden, "not you")});
        } else {
          taken.push_back(document);
        }
      }
      ATELIER_CHECK(PeerWrapper::write(taken, source));
      return rejected;
    });
  }
  Result<std::optional<std::string>> get_local(const std::string& id) override {
    return asked<std::optional<std::string>>([&] { return PeerWrapper::get_local(id); });
  }
  Status put_local(const std::string& id, const std::string& json) override {
    ++network_.checkpoints;
    return asked<void>([&] { return PeerWrapper::put_local(id, json); });
  }
  bool is_local() const override { return false; }
  SyncState upstream() const override { return network_.upstream; }

 private:
  Status check() const {
    if (auto failure = network_.failure()) return std::move(*failure);
    if (network_.version() != seen_) return Error(ErrorCode::kUnavailable, "the connection broke");
    return ok();
  }
  template <class T, class Call>
  Result<T> asked(Call call) {
    ++network_.requests;
    ATELIER_CHECK(check());
    return call();
  }

  Network& network_;
  const std::uint64_t seen_;
};

class Factory : public PeerFactory {
 public:
  explicit Factory(Network& network) : network_(network) {}
  Result<std::unique_ptr<Peer>> connect() override {
    ++network_.connects;
    if (auto failure = network_.failure()) return std::move(*failure);
    return std::unique_ptr<Peer>(std::make_unique<RemotePeer>(network_));
  }
  std::string display_name() const override { return "http://example/room"; }
  std::string stable_name() const override { return "http://example/room"; }

 private:
  Network& network_;
};

class ReplicationLiveSync : public ::testing::Test {
 protected:
  ReplicationLiveSync()
      : mine(open_store(folder.path() / "mine")),
        theirs(open_store(folder.path() / "theirs")),
        network(theirs) {
    subscriptions.push_back(mine->subscribe([this] { poke(); }));
    subscriptions.push_back(theirs->subscribe([this] { poke(); }));
  }

  void start(LiveSyncOptions options = {}) { start_by(clock, options); }
  void start_by(Clock& time, LiveSyncOptions options = {}) {
    sync = std::make_unique<LiveSync>(
        mine, std::make_shared<Factory>(network), options, [this] { poke(); }, time);
  }

  void poke() {
    std::lock_guard lock(mutex);
    ++pokes;
    changed.notify_all();
  }

  /// Waits until `done` holds, looking again at each commit and each change of the status.
  ::testing::AssertionResult awaits(const std::function<bool()>& done) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      std::uint64_t seen = 0;
      {
        std::lock_guard lock(mutex);
        seen = pokes;
      }
      if (done()) return ::testing::AssertionSuccess();
      if (std::chrono::steady_clock::now() > until) {
        const SyncStatus status = sync->status();
        return ::testing::AssertionFailure()
               << "state " << sync_state_name(status.state) << " waiting " << status.waiting << " "
               << status.last_error;
      }
      std::unique_lock lock(mutex);
      changed.wait_for(lock, std::chrono::seconds(1), [&] { return pokes != seen; });
    }
  }
  ::testing::AssertionResult awaits_state(SyncState state) {
    return awaits([&] { return sync->status().state == state; });
  }
  ::testing::AssertionResult awaits_document(Store& store, const std::string& id) {
    return awaits([&] { return static_cast<bool>(store.get(id)); });
  }

  TempFolder folder;
  TestClock clock;
  std::shared_ptr<Store> mine, theirs;
  Network network;
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t pokes = 0;
  std::vector<Subscription> subscriptions;
  std::unique_ptr<LiveSync> sync;
};

TEST_F(ReplicationLiveSync, StatusSaysHowTheServerIsDoingWithItsOwnUpstream) {
  start();
  ASSERT_TRUE(awaits_state(SyncState::kLive));
  EXPECT_EQ(sync->status().upstream, SyncState::kNone);
  network.upstream = SyncState::kOffline;
  edit(*theirs, "message:1", "{}");  // what is exchanged next tells
  ASSERT_TRUE(awaits([&] { return sync->status().upstream == SyncState::kOffline; }));
  EXPECT_EQ(sync->status().state, SyncState::kLive);
  EXPECT_NE(sync_status_json(sync->status()).find("\"upstream\":\"offline\""), std::string::npos);
  network.cut();
  ASSERT_TRUE(awaits_state(SyncState::kOffline));
  EXPECT_EQ(sync->status().upstream, SyncState::kNone) << "nothing is known of a server out of reach";
}

TEST_F(ReplicationLiveSync, ChangesCrossBothWaysAsTheyHappen) {
  edit(*theirs, "message:before", "{}");
  start();
  ASSERT_TRUE(awaits_document(*mine, "message:before"));
  ASSERT_TRUE(awaits_state(SyncState::kLive));
  edit(*mine, "message:mine", "{}");
  ASSERT_TRUE(awaits_document(*theirs, "message:mine"));
  edit(*theirs, "message:theirs", "{}");
  ASSERT_TRUE(awaits_document(*mine, "message:theirs"));
  EXPECT_TRUE(awaits([&] { return sync->status().waiting == 0; }));
  EXPECT_EQ(sync->status().peer, "http://example/room");
  EXPECT_TRUE(sync->status().last_error.empty());
  EXPECT_GT(sync->status().last_success_ms, 0);
}

TEST_F(ReplicationLiveSync, AnEndedRoomIsNotExchangedUntilThatIsTakenBack) {
  LiveSyncOptions options;
  options.ended = [](const Store& store) -> std::optional<std::string> {
    if (!store.get("access:ended")) return std::nullopt;
    return "Olga ended this room.";
  };
  start(options);
  ASSERT_TRUE(awaits_state(SyncState::kLive));
  edit(*mine, "message:mine", "{}");
  ASSERT_TRUE(awaits_document(*theirs, "message:mine"));
  ASSERT_TRUE(awaits([&] { return sync->status().waiting == 0; }));
  const RevId end = edit(*theirs, "access:ended", "{}");
  ASSERT_TRUE(awaits_state(SyncState::kEnded));
  EXPECT_EQ(sync->status().last_error, "Olga ended this room.");
  edit(*mine, "message:late", "{}");
  edit(*theirs, "message:newer", "{}");
  ASSERT_TRUE(awaits([&] { return sync->status().waiting == 1; })) << "the push looked at it";
  sync->sync_now();
  ASSERT_TRUE(awaits_state(SyncState::kEnded));
  EXPECT_FALSE(theirs->get("message:late"));
  EXPECT_FALSE(mine->get("message:newer"));
  DocumentWrite back;
  back.id = "access:ended";
  back.deleted = true;
  back.parent = end;
  ASSERT_TRUE(mine->write_one(back));
  ASSERT_TRUE(awaits_document(*theirs, "message:late"));
  ASSERT_TRUE(awaits_document(*mine, "message:newer"));
  EXPECT_TRUE(awaits_state(SyncState::kLive));
}

TEST_F(ReplicationLiveSync, ARoomThatWasEndedBeforeTheStartAsksNobody) {
  edit(*mine, "access:ended", "{}");
  edit(*theirs, "message:theirs", "{}");
  LiveSyncOptions options;
  options.ended = [](const Store&) { return std::optional<std::string>("It is over."); };
  start(options);
  ASSERT_TRUE(awaits_state(SyncState::kEnded));
  sync.reset();
  EXPECT_FALSE(mine->get("message:theirs"));
  EXPECT_FALSE(theirs->get("access:ended"));
}

TEST_F(ReplicationLiveSync, OfflineCountsOwnMessagesAndOnlyThose) {
  start();
  ASSERT_TRUE(awaits_state(SyncState::kLive));
  edit(*theirs, "message:pulled", "{}");
  ASSERT_TRUE(awaits_document(*mine, "message:pulled"));
  ASSERT_TRUE(awaits([&] { return sync->status().waiting == 0; }));
  network.cut();
  ASSERT_TRUE(awaits_state(SyncState::kOffline));
  for (int i = 0; i < 3; ++i) edit(*mine, "message:" + std::to_string(i), "{}");
  EXPECT_TRUE(awaits([&] { return sync->status().waiting == 3; }));
  EXPECT_FALSE(sync->status().last_error.empty());
  network.mend();
  sync->sync_now();
  EXPECT_TRUE(awaits_document(*theirs, "message:2"));
  EXPECT_TRUE(awaits([&] { return sync->status().waiting == 0; }));
  EXPECT_TRUE(awaits_state(SyncState::kLive));
  EXPECT_TRUE(sync->status().last_error.empty());
}

TEST_F(ReplicationLiveSync, StartedWithoutANetworkItKnowsWhatWaits) {
  start();
  ASSERT_TRUE(awaits_state(SyncState::kLive));
  edit(*theirs, "message:pulled", "{}");
  ASSERT_TRUE(awaits_document(*mine, "message:pulled"));
  ASSERT_TRUE(awaits([&] { return sync->status().waiting == 0; }));
  sync.reset();
  edit(*mine, "message:1", "{}");
  network.cut();
  start();
  ASSERT_TRUE(awaits_state(SyncState::kOffline));
  EXPECT_TRUE(awaits([&] { return sync->status().waiting == 1; }));
}

TEST_F(ReplicationLiveSync, BackOffGrowsToItsCeilingAndIsWaitedOut) {
  network.cut();
  start({.pull = false});
  ASSERT_TRUE(awaits_state(SyncState::kOffline));
  std::int64_t longest = 0;
  for (int i = 0; i < 12; ++i) {
    ASSERT_TRUE(awaits([&] { return sync->status().retry_at_ms > clock.wall_ms(); }));
    const std::int64_t wait = sync->status().retry_at_ms - clock.wall_ms();
    EXPECT_LE(wait, kRetryMaxMs);
    longest = std::max(longest, wait);
    const int before = network.connects;
    clock.advance(wait + 1);
    ASSERT_TRUE(awaits([&] { return network.connects > before; }));
  }
  EXPECT_GE(longest, kRetryMaxMs / 2);
  network.mend();
  clock.advance(kRetryMaxMs);
  EXPECT_TRUE(awaits_state(SyncState::kLive));
}

TEST_F(ReplicationLiveSync, RefusedCredentialsAreAskedForAndTheRightOnesGoOn) {
  network.cut(ErrorCode::kUnauthorized);
  start();
  ASSERT_TRUE(awaits_state(SyncState::kNeedsAuth));
  edit(*mine, "message:1", "{}");
  network.mend();
  sync->sync_now();
  EXPECT_TRUE(awaits_document(*theirs, "message:1"));
  EXPECT_TRUE(awaits_state(SyncState::kLive));
}

TEST_F(ReplicationLiveSync, RateLimitIsAStateAndPasses) {
  start();
  ASSERT_TRUE(awaits_state(SyncState::kLive));
  network.cut(ErrorCode::kRateLimited);
  ASSERT_TRUE(awaits_state(SyncState::kRateLimited));
  network.mend();
  sync->sync_now();
  EXPECT_TRUE(awaits([&] { return sync->status().state != SyncState::kRateLimited; }));
}

TEST_F(ReplicationLiveSync, RefusedDocumentStaysInTheOutboxThroughARestartAndGoesOnDemand) {
  network.refuse("message:bad");
  start();
  edit(*mine, "message:bad", "{}");
  edit(*mine, "message:good", "{}");
  ASSERT_TRUE(awaits_document(*theirs, "message:good"));
  ASSERT_TRUE(awaits([&] { return sync->status().refused == 1; }));
  ASSERT_EQ(sync->outbox().size(), 1u);
  EXPECT_EQ(sync->outbox()[0].id, "message:bad");
  EXPECT_EQ(sync->outbox()[0].error.message, "not you");
  EXPECT_TRUE(awaits_state(SyncState::kLive));
  clock.advance(kCheckpointEveryMs);
  edit(*mine, "message:later", "{}");
  ASSERT_TRUE(awaits_document(*theirs, "message:later"));
  sync.reset();
  start();
  EXPECT_EQ(sync->status().refused, 1u);
  ASSERT_TRUE(awaits_state(SyncState::kLive));
  network.refuse("");
  sync->sync_now();
  EXPECT_TRUE(awaits_document(*theirs, "message:bad"));
  EXPECT_TRUE(awaits([&] { return sync->status().refused == 0; }));
}

TEST_F(ReplicationLiveSync, RefusedDocumentGoesWhenItChanges) {
  network.refuse("message:bad");
  start();
  edit(*mine, "message:bad", "{}");
  ASSERT_TRUE(awaits([&] { return sync->status().refused == 1; }));
  network.refuse("");
  edit(*mine, "message:bad", "{\"better\":1}");
  EXPECT_TRUE(awaits_document(*theirs, "message:bad"));
  EXPECT_TRUE(awaits([&] { return sync->status().refused == 0; }));
}

TEST_F(ReplicationLiveSync, AnotherStoreTakesOverTheAddressAndGetsEverything) {
  start_by(system_clock());  // its waits are a quarter of a second
  ASSERT_TRUE(awaits_state(SyncState::kLive));
  edit(*mine, "message:1", "{}");
  ASSERT_TRUE(awaits_document(*theirs, "message:1"));
  const auto other = open_store(folder.path() / "other");
  subscriptions.push_back(other->subscribe([this] { poke(); }));
  edit(*other, "message:others", "{}");
  network.serve(other);
  // Nothing new was written here: what was pushed to the first must reach the second all the same.
  EXPECT_TRUE(awaits_document(*mine, "message:others"));
  EXPECT_TRUE(awaits_document(*other, "message:1"));
  edit(*mine, "message:2", "{}");
  EXPECT_TRUE(awaits_document(*other, "message:2"));
  network.serve(theirs);
  EXPECT_TRUE(awaits_document(*theirs, "message:2"));
  EXPECT_TRUE(awaits_document(*theirs, "message:others"));
}

TEST_F(ReplicationLiveSync, MachineThatSleptReconnectsAtOnce) {
  start();
  ASSERT_TRUE(awaits_state(SyncState::kLive));
  const int before = network.connects;
  clock.sleep(3'600'000);
  EXPECT_TRUE(awaits([&] { return network.connects > before; }));
  edit(*theirs, "message:meanwhile", "{}");
  EXPECT_TRUE(awaits_document(*mine, "message:meanwhile"));
}

TEST_F(ReplicationLiveSync, PullAloneNoticesThatTheMachineSlept) {
  start({.push = false});
  ASSERT_TRUE(awaits_state(SyncState::kLive));
  const int before = network.connects;
  clock.sleep(3'600'000);
  EXPECT_TRUE(awaits([&] { return network.connects > before; }));
}

TEST_F(ReplicationLiveSync, AnotherNetworkMeansNewConnections) {
  std::atomic<int> where{1};
  LiveSyncOptions options;
  options.network = [&] { return std::to_string(where); };
  start(options);
  ASSERT_TRUE(awaits_state(SyncState::kLive));
  const int before = network.connects;
  where = 2;
  clock.advance(kNetworkCheckMs);
  EXPECT_TRUE(awaits([&] { return network.connects >= before + 2; }));
  edit(*mine, "message:after", "{}");
  EXPECT_TRUE(awaits_document(*theirs, "message:after"));
  sync.reset();  // before `where`
}

TEST_F(ReplicationLiveSync, StatusIsOneObjectForPrograms) {
  edit(*theirs, "message:1", "{}");
  start();
  ASSERT_TRUE(awaits_document(*mine, "message:1"));
  ASSERT_TRUE(awaits_state(SyncState::kLive));
  const std::string text = sync_status_json(sync->status());
  EXPECT_EQ(json::normalize(text).value(), text);
  EXPECT_EQ(json::string_member(text, "state"), "live");
  EXPECT_EQ(json::string_member(text, "peer"), "http://example/room");
  EXPECT_EQ(json::int_member(text, "incoming"), 0);
  EXPECT_EQ(json::int_member(text, "last_success_ms"), clock.wall_ms());
}

TEST_F(ReplicationLiveSync, TheRestIsSentBeforeAPersonLeaves) {
  start();
  ASSERT_TRUE(awaits_state(SyncState::kLive));
  for (int i = 0; i < 50; ++i) edit(*mine, "message:" + std::to_string(i), "{}");
  EXPECT_TRUE(sync->send_rest(static_cast<int>(kPatience.count()) * 1'000));
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(theirs->get("message:" + std::to_string(i))) << i;
}

TEST_F(ReplicationLiveSync, NobodyWaitsForAnotherSideThatIsAway) {
  start();
  ASSERT_TRUE(awaits_state(SyncState::kLive));
  network.cut();
  edit(*mine, "message:kept", "{}");
  ASSERT_TRUE(awaits_state(SyncState::kOffline));
  // The patience that it may cost is far above what the test may take.
  EXPECT_FALSE(sync->send_rest(3'600'000));
  EXPECT_FALSE(theirs->get("message:kept"));
}

TEST_F(ReplicationLiveSync, EndsAtOnceWhileEverythingWaits) {
  start();
  ASSERT_TRUE(awaits_state(SyncState::kLive));
  const auto begun = std::chrono::steady_clock::now();
  sync.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(2));
}

TEST_F(ReplicationLiveSync, OneDirectionAloneMovesOnlyThatWay) {
  edit(*theirs, "message:theirs", "{}");
  edit(*mine, "message:mine", "{}");
  start({.push = false});
  ASSERT_TRUE(awaits_document(*mine, "message:theirs"));
  ASSERT_TRUE(awaits_state(SyncState::kLive));
  EXPECT_EQ(sync->status().waiting, 0u);
  EXPECT_FALSE(theirs->get("message:mine"));
}

TEST_F(ReplicationLiveSync, MessagesCostOneRequestEachWayAndFewCheckpoints) {
  start();
  ASSERT_TRUE(awaits_state(SyncState::kLive));
  edit(*mine, "message:warm", "{}");
  ASSERT_TRUE(awaits_document(*theirs, "message:warm"));
  const int checkpoints = network.checkpoints;
  const int before = network.requests;
  constexpr int kMessages = 30;
  for (int i = 0; i < kMessages; ++i) {
    const std::string id = "message:" + std::to_string(i);
    edit(*mine, id, "{}");
    ASSERT_TRUE(awaits_document(*theirs, id));
  }
  // One write and the answer to our own long poll; the clock stands, so no checkpoint is due.
  EXPECT_LE(network.requests - before, 2 * kMessages + 4);
  EXPECT_LE(network.checkpoints - checkpoints, 2);
}

}  // namespace
}  // namespace atelier::testing
