// Both directions kept going, until destroyed. Thread rule: replicator.h; each direction is one
// thread that owns its connection, and Impl::mutex_ guards what they share.
#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <random>
#include <tuple>
#include <utility>

#include "base/digest.h"
#include "base/json_text.h"
#include "base/os/os.h"
#include "replication/echo_filter.h"
#include "replication/local_peer.h"
#include "replication/outbox.h"
#include "replication/replicator.h"
#include "replication/sync_notice.h"

namespace atelier {
namespace {

/// The worse of two directions is what people should see.
int rank(SyncState state) {
  constexpr std::array kFromBest = {
      SyncState::kNone,    SyncState::kLive,        SyncState::kCatchingUp, SyncState::kConnecting,
      SyncState::kOffline, SyncState::kRateLimited, SyncState::kNeedsAuth,  SyncState::kStopped,
      SyncState::kEnded};
  const auto* place = std::find(kFromBest.begin(), kFromBest.end(), state);
  return static_cast<int>(place - kFromBest.begin());
}

SyncState state_of_error(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnauthorized:
    case ErrorCode::kForbidden:
      return SyncState::kNeedsAuth;
    case ErrorCode::kRateLimited:
      return SyncState::kRateLimited;
    case ErrorCode::kDisk:
    case ErrorCode::kFull:
    case ErrorCode::kCorrupt:
    case ErrorCode::kTooLarge:
    case ErrorCode::kUnsupported:
      return SyncState::kStopped;
    default:
      return SyncState::kOffline;
  }
}

bool same_for_people(const SyncStatus& a, const SyncStatus& b) {
  return a.state == b.state && a.done == b.done && a.incoming == b.incoming && a.total == b.total &&
         a.waiting == b.waiting && a.refused == b.refused && a.last_error == b.last_error &&
         a.notice == b.notice && a.retry_at_ms == b.retry_at_ms && a.upstream == b.upstream;
}

}  // namespace

struct LiveSync::Impl {
  struct Direction {
    explicit Direction(bool is_push) : push(is_push) {}
    const bool push;
    std::thread thread;

    // Guarded by mutex_.
    SyncState state = SyncState::kNone;
    std::string error;
    std::uint64_t done = 0;
    std::uint64_t total = 0;
    std::uint64_t bytes = 0;
    std::uint64_t pending = 0;  // changes at the source after the position
    std::int64_t catching_up_since_ms = 0;
    std::int64_t retry_at_ms = 0;
    Peer* remote = nullptr;  // for cancel(); the thread's own
    bool kicked = false;     // `remote` was cancelled: another connection is to be made
    std::uint64_t nudges_seen = 0;

    // The thread's own.
    int failures = 0;
    std::int64_t last_contact_ms = 0;
  };

  /// One connection of one direction.
  struct Connection {
    std::unique_ptr<Peer> local;
    std::unique_ptr<Peer> remote;
    std::optional<Replication> replication;
  };

  Impl(std::shared_ptr<Store> store, std::shared_ptr<PeerFactory> remote, LiveSyncOptions options,
       std::function<void()> on_change, Clock& clock);
  ~Impl();

  void run(Direction& direction);
  Status connect(Direction& direction, Connection& connection);
  Status exchange(Direction& direction, Connection& connection);
  void disconnect(Direction& direction);
  Status await_work(Direction& direction, Connection& connection);
  bool is_over(Direction& direction);
  void rest();
  Status take_step(Direction& direction, Connection& connection, const StepReport& report);
  Status retry_outbox(Connection& connection);
  void back_off(Direction& direction, const Error& error);
  std::int64_t delay_ms(Direction& direction, const Error& error);
  bool wait_slice(Direction& direction, std::int64_t wait_ms);

  bool is_live(const Direction& direction) const;
  bool stopping() const;
  void kick(Direction& direction);
  void nudge();
  void watch();
  bool world_changed();
  void count_waiting();
  Status keep_notice(std::string words);
  Status let_go(const Direction& direction);
  void load_hint();
  void save_hint();
  SyncStatus status_locked() const;
  /// Runs `change` under the lock, then pokes the observer when people would see a difference.
  void publish(const std::function<void()>& change);

  const std::shared_ptr<Store> store_;
  const std::shared_ptr<PeerFactory> remote_;
  const LiveSyncOptions options_;
  const std::function<void()> on_change_;
  Clock& clock_;
  const std::string name_;  // of this remote among the store's `_local` documents

  EchoFilter echo_;  // has its own lock

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // Guarded by mutex_.
  bool stopping_ = false;
  std::uint64_t nudges_ = 0;   // sync_now(), or the other direction came through
  std::uint64_t commits_ = 0;  // pokes of the store
  bool retry_outbox_ = true;   // rights may have changed since the last run
  std::uint64_t waiting_ = 0;
  SyncState upstream_ = SyncState::kNone;
  std::optional<std::uint64_t> sent_;  // the other side has, or refuses, what is up to here
  std::int64_t last_success_ms_ = 0;
  std::string notice_;
  std::int64_t notice_ms_ = 0;  // wall clock
  Outbox::Refused refused_;     // a copy of outbox_ for other threads

  // The push thread's own.
  Outbox outbox_;
  std::string pushed_;           // position of the push
  bool pushed_is_true_ = false;  // of this connection, and no note of an earlier run
  std::string hinted_;           // what save_hint() kept last
  std::int64_t hint_ms_ = 0;
  std::int64_t counted_ms_ = 0;
  std::optional<std::int64_t> let_go_ms_;  // monotonic

  // The watching thread's own.
  std::int64_t clock_offset_ms_ = 0;
  std::int64_t network_asked_ms_ = 0;
  std::string network_;

  Direction pull_{false};
  Direction push_{true};
  std::thread watcher_;
  Subscription subscription_;
};

LiveSync::Impl::Impl(std::shared_ptr<Store> store, std::shared_ptr<PeerFactory> remote,
                     LiveSyncOptions options, std::function<void()> on_change, Clock& clock)
    : store_(std::move(store)),
      remote_(std::move(remote)),
      options_(std::move(options)),
      on_change_(std::move(on_change)),
      clock_(clock),
      name_(outbox_name(remote_->stable_name())),
      outbox_(store_, name_) {
  refused_ = outbox_.refused();
  clock_offset_ms_ = clock_.wall_ms() - clock_.monotonic_ms();
  network_ = options_.network ? options_.network() : os::network_fingerprint();
  load_hint();
  std::tie(notice_, notice_ms_) = load_sync_notice(*store_, remote_->stable_name());
  subscription_ = store_->subscribe([this] {
    std::lock_guard lock(mutex_);
    ++commits_;
    wake_.notify_all();
  });
  if (options_.push) {
    push_.state = SyncState::kConnecting;
    count_waiting();
  }
  if (options_.pull) pull_.state = SyncState::kConnecting;
  if (options_.pull) pull_.thread = std::thread([this] { run(pull_); });
  if (options_.push) push_.thread = std::thread([this] { run(push_); });
  watcher_ = std::thread([this] { watch(); });
}

LiveSync::Impl::~Impl() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  kick(pull_);
  kick(push_);
  if (pull_.thread.joinable()) pull_.thread.join();
  if (push_.thread.joinable()) push_.thread.join();
  watcher_.join();
  subscription_.reset();
  save_hint();
}

// --- one direction

void LiveSync::Impl::run(Direction& direction) {
  while (!stopping()) {
    if (is_over(direction)) {
      if (direction.push) count_waiting();
      rest();
      continue;
    }
    Connection connection;
    Status status = connect(direction, connection);
    if (status) status = exchange(direction, connection);
    disconnect(direction);
    if (stopping()) return;
    // kCancelled: kicked after a sleep, so that a dead connection is not waited for.
    if (!status && status.error().code != ErrorCode::kCancelled)
      back_off(direction, status.error());
  }
}

Status LiveSync::Impl::connect(Direction& direction, Connection& connection) {
  ATELIER_TRY(remote, remote_->connect());
  connection.remote = std::move(remote);
  LocalPeerOptions local = options_.store;
  local.takes_left_behind = !direction.push;
  connection.local = make_local_peer(store_, local);
  ReplicationOptions options;
  options.ends_at_source = options_.pull && options_.push;
  options.filter = options_.filter;
  if (!direction.push) options.newest = options_.newest;
  options.id = replication_id(store_->info().uuid, remote_->stable_name(), direction.push, options);
  Peer& source = direction.push ? *connection.local : *connection.remote;
  Peer& target = direction.push ? *connection.remote : *connection.local;
  connection.replication.emplace(source, target, options, clock_);
  connection.replication->share_echo(&echo_, !direction.push);
  if (direction.push) pushed_is_true_ = false;
  std::lock_guard lock(mutex_);
  if (stopping_) return Error(ErrorCode::kCancelled, "synchronisation was stopped");
  direction.remote = connection.remote.get();
  direction.kicked = false;
  direction.nudges_seen = nudges_;
  return ok();
}

void LiveSync::Impl::disconnect(Direction& direction) {
  std::lock_guard lock(mutex_);
  direction.remote = nullptr;
}

Status LiveSync::Impl::exchange(Direction& direction, Connection& connection) {
  int restarts = 0;
  for (;;) {
    if (direction.push) ATELIER_CHECK(await_work(direction, connection));
    if (is_over(direction)) return ok();
    if (direction.push) ATELIER_CHECK(retry_outbox(connection));
    const int wait_ms = !direction.push && is_live(direction) ? kLongPollMs : 0;
    auto report = connection.replication->step(wait_ms);
    publish([&] { upstream_ = connection.remote->upstream(); });
    if (report) {
      restarts = 0;
      ATELIER_CHECK(take_step(direction, connection, *report));
      continue;
    }
    const Error& error = report.error();
    if (error.code == ErrorCode::kRateLimited) {
      back_off(direction, error);
      if (stopping()) return ok();
      continue;
    }
    if (error.code != ErrorCode::kPeerChanged || ++restarts > kPeerChangesMax) return error;
    publish([&] {
      direction.state = SyncState::kConnecting;
      direction.error = error.message;
    });
  }
}

/// The push waits here and not in the peer, so that sync_now() and a wake-up reach it.
Status LiveSync::Impl::await_work(Direction& direction, Connection& connection) {
  if (!is_live(direction)) return ok();
  std::uint64_t seen = 0;
  {
    std::lock_guard lock(mutex_);
    seen = direction.nudges_seen;
  }
  const auto position = store_->parse_sequence(connection.replication->position());
  while (position && store_->last_sequence() <= *position) {
    if (connection.replication->checkpoint_due()) break;
    ATELIER_CHECK(let_go(direction));
    // The pull met a new connection, or nobody listens: what was pushed may have to be pushed
    // again.
    const bool unheard =
        !options_.pull && clock_.monotonic_ms() - direction.last_contact_ms >= kLongPollMs;
    if (unheard || echo_.epoch() != connection.replication->echo_epoch()) {
      connection.replication->restart();
      break;
    }
    std::unique_lock lock(mutex_);
    if (stopping_) return Error(ErrorCode::kCancelled, "synchronisation was stopped");
    if (direction.kicked) return Error(ErrorCode::kCancelled, "the connection is of no use now");
    if (nudges_ != seen) break;
    const std::uint64_t commits = commits_;
    wake_.wait_for(lock, std::chrono::milliseconds(kCheckpointEveryMs / 5),
                   [&] { return stopping_ || nudges_ != seen || commits_ != commits; });
  }
  std::lock_guard lock(mutex_);
  direction.nudges_seen = nudges_;
  return ok();
}

/// Whether the room was ended, which people are then told. What ended it may be taken back.
bool LiveSync::Impl::is_over(Direction& direction) {
  if (!options_.ended) return false;
  const std::optional<std::string> words = options_.ended(*store_);
  publish([&] {
    if (words) {
      direction.state = SyncState::kEnded;
      direction.error = *words;
    } else if (direction.state == SyncState::kEnded) {
      direction.state = SyncState::kConnecting;
      direction.error.clear();
    }
  });
  return words.has_value();
}

/// Until something is written here, or this ends.
void LiveSync::Impl::rest() {
  std::unique_lock lock(mutex_);
  const std::uint64_t commits = commits_;
  wake_.wait_for(lock, std::chrono::milliseconds(kSleepSliceMs),
                 [&] { return stopping_ || commits_ != commits; });
}

Status LiveSync::Impl::retry_outbox(Connection& connection) {
  {
    std::lock_guard lock(mutex_);
    if (!std::exchange(retry_outbox_, false)) return ok();
  }
  const std::vector<RevisionRequest> requests = outbox_.requests();
  if (requests.empty()) return ok();
  std::vector<std::string> ids;
  for (const RevisionRequest& request : requests) ids.push_back(request.id);
  auto refused = connection.replication->retry(requests);
  if (!refused) {
    std::lock_guard lock(mutex_);
    retry_outbox_ = true;
    return refused.error();
  }
  ATELIER_CHECK(outbox_.update({}, ids));
  ATELIER_CHECK(outbox_.update(*refused, {}));
  publish([&] { refused_ = outbox_.refused(); });
  return ok();
}

Status LiveSync::Impl::take_step(Direction& direction, Connection& connection,
                                 const StepReport& report) {
  if (direction.push) {
    ATELIER_CHECK(outbox_.update(report.rejected, report.settled));
    pushed_ = connection.replication->position();
    pushed_is_true_ = true;
    if (clock_.wall_ms() - hint_ms_ >= kCheckpointEveryMs) save_hint();
    // While much is behind, the count is long and need not be new.
    const std::int64_t now_ms = clock_.monotonic_ms();
    if (report.caught_up || now_ms - counted_ms_ >= kWatchMs) {
      count_waiting();
      counted_ms_ = now_ms;
    }
  }
  ATELIER_CHECK(let_go(direction));
  const bool was_away = direction.failures > 0;
  direction.failures = 0;
  direction.last_contact_ms = clock_.monotonic_ms();
  publish([&] {
    if (!report.caught_up && direction.state != SyncState::kCatchingUp) {
      direction.done = direction.bytes = 0;
      direction.catching_up_since_ms = clock_.monotonic_ms();
    }
    direction.state = report.caught_up ? SyncState::kLive : SyncState::kCatchingUp;
    direction.done += report.written;
    direction.bytes += report.bytes;
    direction.pending = report.pending.value_or(0);
    direction.total = report.pending ? direction.done + *report.pending : 0;
    direction.retry_at_ms = 0;
    direction.error.clear();
    if (report.design_refused) {
      direction.error =
          "the server lets only administrators write design documents: they stay here";
    }
    if (!direction.push && !report.rejected.empty()) {
      const Rejection& first = report.rejected.front();
      direction.error = "cannot store the document " + first.id + ": " + first.error.message;
    }
    if (direction.push) {
      refused_ = outbox_.refused();
      if (const auto position = store_->parse_sequence(pushed_)) sent_ = *position;
      wake_.notify_all();  // send_rest()
    }
    last_success_ms_ = clock_.wall_ms();
  });
  ATELIER_CHECK(keep_notice(absence_in_words(report, direction.push)));
  if (was_away) nudge();  // the network is back: the other direction need not sit out its wait
  return ok();
}

// --- what people should be told for a while

/// In the store, since whoever looks may do so after another start.
Status LiveSync::Impl::keep_notice(std::string words) {
  if (words.empty()) return ok();
  const std::int64_t now_ms = clock_.wall_ms();
  ATELIER_CHECK(save_sync_notice(*store_, remote_->stable_name(), words, now_ms));
  publish([&] {
    notice_ = std::move(words);
    notice_ms_ = now_ms;
  });
  return ok();
}

// --- what stays here

/// What is outside of the window goes. Only what the other side has: up to where the push got, and
/// nothing that it refused.
Status LiveSync::Impl::let_go(const Direction& direction) {
  // Whoever only pulls has edits that nobody else has, and keeps everything.
  if (options_.window.empty() || !direction.push || !pushed_is_true_) return ok();
  const std::int64_t now_ms = clock_.monotonic_ms();
  if (let_go_ms_ && now_ms - *let_go_ms_ < kWindowEveryMs) return ok();
  const auto sent = store_->parse_sequence(pushed_);
  if (!sent || *sent == 0) return ok();
  let_go_ms_ = now_ms;
  KeepWindow window = options_.window;
  for (const auto& [key, refused] : outbox_.refused()) window.kept_ids.push_back(refused.id);
  ATELIER_CHECK(keep_window(*store_, window, *sent, clock_.wall_ms()));
  return ok();
}

// --- waiting

std::int64_t LiveSync::Impl::delay_ms(Direction& direction, const Error& error) {
  const int failures = std::min(direction.failures++, 20);
  std::int64_t delay = std::min<std::int64_t>(std::int64_t{kRetryFirstMs} << failures, kRetryMaxMs);
  const SyncState state = state_of_error(error.code);
  if (state == SyncState::kNeedsAuth) delay = kRetryAuthMs;
  if (state == SyncState::kStopped) delay = kRetryMaxMs;
  thread_local std::minstd_rand random{std::random_device{}()};
  std::uniform_int_distribution<std::int64_t> jitter(delay / 2, delay);
  return std::max<std::int64_t>(jitter(random), error.retry_after_ms);
}

void LiveSync::Impl::back_off(Direction& direction, const Error& error) {
  const std::int64_t delay = delay_ms(direction, error);
  const std::int64_t until_ms = clock_.monotonic_ms() + delay;
  publish([&] {
    direction.state = state_of_error(error.code);
    direction.error = error.message;
    direction.retry_at_ms = clock_.wall_ms() + delay;
    wake_.notify_all();  // send_rest()
  });
  if (direction.push) count_waiting();
  while (clock_.monotonic_ms() < until_ms) {
    if (wait_slice(direction, until_ms - clock_.monotonic_ms())) break;
    if (direction.push) count_waiting();
  }
  publish([&] { direction.retry_at_ms = 0; });
}

/// Waits a short while; true when the direction should go on at once.
bool LiveSync::Impl::wait_slice(Direction& direction, std::int64_t wait_ms) {
  const auto slice = std::chrono::milliseconds(std::clamp<std::int64_t>(wait_ms, 1, kSleepSliceMs));
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, slice, [&] { return stopping_ || nudges_ != direction.nudges_seen; });
  if (nudges_ != direction.nudges_seen) direction.failures = 0;
  direction.nudges_seen = nudges_;
  return stopping_ || direction.failures == 0;
}

/// What makes an old connection useless without a word: the machine slept, or is on another
/// network.
void LiveSync::Impl::watch() {
  while (!stopping()) {
    if (world_changed()) {
      kick(pull_);
      kick(push_);
      nudge();
    }
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, std::chrono::milliseconds(kWatchMs), [this] { return stopping_; });
  }
}

bool LiveSync::Impl::world_changed() {
  const std::int64_t now_ms = clock_.monotonic_ms();
  const std::int64_t offset = clock_.wall_ms() - now_ms;
  bool changed = offset - clock_offset_ms_ > kClockJumpMs;
  clock_offset_ms_ = offset;
  if (now_ms - network_asked_ms_ >= kNetworkCheckMs) {
    network_asked_ms_ = now_ms;
    std::string network = options_.network ? options_.network() : os::network_fingerprint();
    changed = changed || network != network_;
    network_ = std::move(network);
  }
  return changed;
}

void LiveSync::Impl::kick(Direction& direction) {
  std::lock_guard lock(mutex_);
  if (direction.remote != nullptr) direction.remote->cancel();
  direction.kicked = true;
}

void LiveSync::Impl::nudge() {
  std::lock_guard lock(mutex_);
  ++nudges_;
  wake_.notify_all();
}

bool LiveSync::Impl::stopping() const {
  std::lock_guard lock(mutex_);
  return stopping_;
}

bool LiveSync::Impl::is_live(const Direction& direction) const {
  std::lock_guard lock(mutex_);
  return direction.state == SyncState::kLive;
}

// --- what people see

/// Own changes after the pushed position that did not come from the remote.
void LiveSync::Impl::count_waiting() {
  const auto position = store_->parse_sequence(pushed_);
  std::uint64_t waiting = 0;
  if (!position || store_->last_sequence() > *position) {
    std::vector<ChangeRow> rows;
    static_cast<void>(
        store_->changes(position ? *position : 0, kWaitingCountMax, [&](const ChangeRow& row) {
          rows.push_back(row);
          return true;
        }));
    for (const ChangeRow& row : rows) waiting += echo_.knows_all(row.id, row.leaves) ? 0 : 1;
  }
  publish([&] { waiting_ = waiting; });
}

/// Where the push stood when it last ran, so that "3 messages waiting" is right before the first
/// contact. Never used to decide what is sent.
void LiveSync::Impl::load_hint() {
  if (auto hint = store_->get_local("atelier-pushed-" + name_)) {
    pushed_ = hinted_ = json::string_member(hint->body, "seq").value_or("");
  }
}

void LiveSync::Impl::save_hint() {
  hint_ms_ = clock_.wall_ms();
  if (!options_.push) return;
  const auto position = store_->parse_sequence(pushed_);
  std::uint64_t known = position ? *position : 0;
  // What came from the remote and was not passed yet is not waiting either.
  static_cast<void>(store_->changes(known, kWaitingCountMax, [&](const ChangeRow& row) {
    const bool theirs = echo_.knows_all(row.id, row.leaves);
    if (theirs) known = row.sequence;
    return theirs;
  }));
  std::string seq = store_->sequence_text(known);
  if (hinted_ == seq) return;
  json::Writer out;
  out.begin_object().key("seq").string(seq).end_object();
  if (store_->put_local("atelier-pushed-" + name_, out.text())) hinted_ = std::move(seq);
}

SyncStatus LiveSync::Impl::status_locked() const {
  SyncStatus status;
  status.peer = remote_->display_name();
  const Direction& worse = rank(pull_.state) >= rank(push_.state) ? pull_ : push_;
  const Direction& other = &worse == &pull_ ? push_ : pull_;
  status.state = worse.state;
  status.last_error = worse.error.empty() ? other.error : worse.error;
  status.retry_at_ms = worse.retry_at_ms;
  if (worse.state == SyncState::kCatchingUp) {
    status.done = worse.done;
    status.total = worse.total;
    status.bytes = worse.bytes;
    const std::int64_t took_ms = clock_.monotonic_ms() - worse.catching_up_since_ms;
    if (took_ms > 0) {
      status.per_second = static_cast<double>(worse.done) * 1e3 / static_cast<double>(took_ms);
    }
  }
  status.incoming = pull_.pending;
  status.waiting = waiting_;
  status.refused = refused_.size();
  status.last_success_ms = last_success_ms_;
  // Of a server that is not reached nothing is known.
  if (status.state == SyncState::kLive || status.state == SyncState::kCatchingUp) {
    status.upstream = upstream_;
  }
  const std::int64_t told_ms = clock_.wall_ms() - notice_ms_;
  if (told_ms >= 0 && told_ms < kNoticeMs) status.notice = notice_;
  return status;
}

void LiveSync::Impl::publish(const std::function<void()>& change) {
  bool differs = false;
  {
    std::lock_guard lock(mutex_);
    const SyncStatus before = status_locked();
    change();
    differs = !same_for_people(before, status_locked());
  }
  if (differs && on_change_) on_change_();
}

// --- the public face

LiveSync::LiveSync(std::shared_ptr<Store> store, std::shared_ptr<PeerFactory> remote,
                   LiveSyncOptions options, std::function<void()> on_change, Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(store), std::move(remote), std::move(options),
                                   std::move(on_change), clock)) {}

LiveSync::~LiveSync() = default;

SyncStatus LiveSync::status() const {
  std::lock_guard lock(impl_->mutex_);
  return impl_->status_locked();
}

void LiveSync::sync_now() {
  {
    std::lock_guard lock(impl_->mutex_);
    impl_->retry_outbox_ = true;
  }
  impl_->nudge();
}

bool LiveSync::send_rest(int timeout_ms) {
  const std::uint64_t all = impl_->store_->last_sequence();
  const auto sent = [&] { return impl_->sent_ && *impl_->sent_ >= all; };
  const auto reachable = [&] {
    const SyncState state = impl_->push_.state;
    return state == SyncState::kLive || state == SyncState::kCatchingUp;
  };
  std::unique_lock lock(impl_->mutex_);
  impl_->wake_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                        [&] { return sent() || !reachable(); });
  return sent();
}

AttachmentBringer LiveSync::bringer() const {
  return make_bringer(impl_->store_, impl_->remote_);
}

AttachmentBringer make_bringer(std::shared_ptr<Store> store, std::shared_ptr<PeerFactory> remote) {
  return [store = std::move(store), remote = std::move(remote)](
             const std::string& id, const std::string& name,
             const BlobProgress& progress) -> Result<Attachment> {
    ATELIER_TRY(peer, remote->connect());
    return bring_attachment(*store, *peer, id, name, progress);
  };
}

std::vector<Rejection> LiveSync::outbox() const {
  std::lock_guard lock(impl_->mutex_);
  std::vector<Rejection> list;
  for (const auto& [key, rejection] : impl_->refused_) list.push_back(rejection);
  return list;
}

}  // namespace atelier
