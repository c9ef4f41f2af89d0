// One direction of replication: step(source, target), and live sync made of two of them.
//
// Invariants
//   1. A checkpoint names a source sequence only when everything up to it was written by the target
//      or parked as refused.
//   2. A sequence is opaque. Rewinds and repeats are legal and cost time, never data.
//   3. Any answer that another database is behind the address (kPeerChanged, a lost checkpoint)
//      leads back to comparing checkpoints; nothing is assumed to be there that was not asked for.
//   4. No error ends live sync but those that only a person can mend.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "atelier/sync_status.h"
#include "base/clock.h"
#include "base/limits.h"
#include "query/selector.h"
#include "replication/checkpoint.h"
#include "replication/left_behind.h"
#include "replication/local_peer.h"
#include "replication/peer.h"
#include "replication/window.h"
#include "store/store.h"

namespace atelier {

struct ReplicationOptions {
  std::string id;  // names the checkpoint; replication_id() makes one
  ReplicationFilter filter;
  std::vector<NewestQuery> newest;  // brought before everything else when nothing was pulled yet
  std::size_t batch_docs = kBatchDocsMax;
  std::size_t batch_bytes = kBatchBytesMax;
  bool skip_design = false;  // set by itself after the target refused one
  /// Whether documents may end at the source because the target alone remembers that they were
  /// deleted: where both directions are kept in sync.
  bool ends_at_source = false;
};

/// A stable name for the checkpoint of this source, target and filter, from the node's own id and
/// the remote's address. The options are hashed canonically.
std::string replication_id(std::string_view local_uuid, std::string_view remote, bool push,
                           const ReplicationOptions& options);

struct StepReport {
  std::size_t rows = 0;     // changes read
  std::size_t written = 0;  // documents the target took
  std::size_t bytes = 0;
  bool caught_up = false;  // the source had nothing more
  std::optional<std::uint64_t> pending;
  std::vector<Rejection> rejected;
  std::vector<std::string> settled;  // ids that the target has now, or had before
  bool design_refused =
      false;  // the target refused a design document: they are skipped from now on
  /// The target had been away for longer than the source remembers deletions: all that it has was
  /// compared.
  bool compared_anew = false;
  std::size_t ended = 0;  // documents that got their tombstone because one side alone remembered it
};

/// What people should know of a step; "" mostly.
std::string absence_in_words(const StepReport& report, bool push);

class EchoFilter;

/// One direction between two peers, as a sequence of steps. Thread rule: one thread; the peers are
/// its own while a call runs.
class Replication {
 public:
  Replication(Peer& source, Peer& target, ReplicationOptions options,
              Clock& clock = system_clock());

  /// Compares the checkpoints of both sides and decides where to go on. Called by the first step().
  Status begin();
  /// Reads one batch after the current position, writes what the target lacks, and records a
  /// checkpoint when one is due. `wait_ms` > 0 waits for a change at the source.
  Result<StepReport> step(int wait_ms = 0);
  /// Writes the checkpoint of the current position, if it moved. Errors: kPeerChanged when it cannot
  /// be told any more that the position is true; the next step() then compares.
  Status checkpoint();
  /// Whether the position moved and the last checkpoint is old enough.
  bool checkpoint_due() const;
  /// Forget the position: the next step() compares checkpoints again.
  void restart() { begun_ = false; }
  const std::string& position() const { return since_; }

  /// Pull and push of one pair share a filter, so that nothing is offered to where it came from.
  /// `from_remote`: this is the pull, which fills it. Call before the first step().
  void share_echo(EchoFilter* filter, bool from_remote);
  /// The filter's epoch that begin() entered: another one now means that the other direction found
  /// another database, or had to connect anew.
  std::uint64_t echo_epoch() const { return echo_epoch_; }
  /// Sends the revisions again that the target refused before. Those still refused are returned.
  Result<std::vector<Rejection>> retry(std::span<const RevisionRequest> refused);

 private:
  /// What begin() compares.
  struct BothSides {
    std::string source_identity, target_identity;
    Checkpoint source_has, target_has;
  };
  Result<BothSides> look_at_both();
  Result<std::optional<BothSides>> look_by_memory();
  void remember_identity(const BothSides& sides);
  std::string checkpoint_id(const BothSides& sides) const;
  Status bring_newest(StepReport& report);
  Status compare_anew(const std::string& forgotten);
  Status end_forgotten(Peer& holder, Peer& rememberer, std::span<const RevisionRequest> leaves);
  static Result<WireDocument> tombstone_on(const std::string& id, const RevId& leaf, Peer& writer);
  static void take_forgotten(StepReport& report, std::vector<RevisionRequest>& forgotten);
  Status end_at_source(const ChangesPage& page, std::span<const RevisionRequest> forgotten);
  Result<StepReport> try_step(int wait_ms);
  Result<ChangesPage> read_page(int wait_ms);
  Status transfer(ChangesPage& page, StepReport& report);
  std::vector<RevisionRequest> offer(const ChangesPage& page) const;
  bool may_send_unasked(const ChangesPage& page, std::size_t offered) const;
  Status fetch_and_write(std::span<const RevisionRequest> wanted, StepReport& report);
  void select(std::vector<WireDocument>& documents) const;
  Status write(std::span<const WireDocument> documents, StepReport& report);
  void take_rejections(std::vector<Rejection> rejected, StepReport& report);
  void remember_origin(std::string_view id, std::span<const RevId> revs);
  void settle(const ChangesPage& page, StepReport& report) const;
  Status record();
  Status put_checkpoint(Peer& peer, const std::string& json);
  enum class Answering { kSame, kReconnected, kOther };
  Result<Answering> who_answers(bool ask);
  Result<Answering> may_record_again();
  std::uint64_t connection_epoch() const;
  std::string position_after(const ChangesPage& page) const;
  ChangesQuery next_query(const ChangesPage& page) const;
  void choose_page_limit(const ChangesPage& page);

  Peer& source_;
  Peer& target_;
  ReplicationOptions options_;
  Clock& clock_;
  EchoFilter* echo_ = nullptr;
  bool from_remote_ = false;

  // Where we are; begin() sets it, try_step() advances it.
  std::optional<query::Selector> selector_;  // compiled by begin(), where there is one
  std::string checkpoint_id_;
  Checkpoint checkpoint_;                // the one both sides hold, with its history
  std::string since_;                    // everything up to here is at the target, or parked
  std::string recorded_;                 // what the checkpoint says
  CheckpointCounts counts_;              // since begin()
  std::int64_t last_checkpoint_ms_ = 0;  // monotonic
  std::uint64_t epoch_ = 0;              // of the connections that begin() compared over
  std::uint64_t echo_epoch_ = 0;
  bool begun_ = false;
  bool began_once_ = false;
  bool brought_newest_ = false;
  std::string compared_;       // ChangesPage::forgotten that all of the target was compared under
  std::string comparing_;      // the one that is being compared under, up to
  std::string compared_to_;    // this position of the target's feed
  std::string compared_with_;  // identity of the target; empty: it gives none
  // What a step reports that succeeds.
  bool compared_untold_ = false;
  bool source_changed_ = false;  // by us, after the page at hand was read
  std::size_t ended_untold_ = 0;
  bool selecting_ = false;          // the source did not apply the selector to the page at hand
  bool checkpoint_denied_ = false;  // a side refuses `_local` writes: go on without
  bool caught_up_once_ = false;

  std::int64_t step_ms_ = 0;  // what the last step took, waiting for a change apart
  std::size_t page_limit_ = kFirstPageDocs;
  std::size_t fetch_limit_ = kFirstPageDocs;
};

/// Runs until the source has nothing more, then writes the checkpoint. A passing error is tried
/// again a few times with growing waits. `after_step` is called with each step's own report before
/// a checkpoint passes it, and ends the run with its error. Errors: what remains.
Result<StepReport> replicate_once(Replication& replication,
                                  const std::function<Status(const StepReport&)>& after_step = {});

/// Makes peers for an address; what http and the tests provide.
class PeerFactory {
 public:
  virtual ~PeerFactory() = default;
  /// A new connection to `url` with `credentials` (see http/credentials.h). Errors: kInvalid for an
  /// address that cannot be one.
  virtual Result<std::unique_ptr<Peer>> connect() = 0;
  /// The address for people, without credentials.
  virtual std::string display_name() const = 0;
  /// The address for the checkpoint's name: the same for the same database.
  virtual std::string stable_name() const = 0;
};

/// bring_attachment() from one remote. It waits for the network: for a thread of the caller's own;
/// any, and several at once. Outlives whoever gave it.
using AttachmentBringer = std::function<Result<Attachment>(
    const std::string& id, const std::string& name, const BlobProgress& progress)>;
AttachmentBringer make_bringer(std::shared_ptr<Store> store, std::shared_ptr<PeerFactory> remote);

struct LiveSyncOptions {
  bool pull = true;
  bool push = true;
  bool create_target = true;
  ReplicationFilter filter;
  std::vector<NewestQuery> newest;  // see ReplicationOptions
  LocalPeerOptions store;           // what of attachments is taken in
  KeepWindow window;                // what of the documents stays here
  /// Differs after the machine joined another network; empty: os::network_fingerprint.
  std::function<std::string()> network;
  /// Asked before each step, on the threads that exchange; words: the room was ended, and nothing is
  /// exchanged while that is so (SyncState::kEnded, with the words). Empty: it never is.
  std::function<std::optional<std::string>(const Store& store)> ended;
};

/// Keeps a store and a remote database in sync, both ways, until destroyed: one thread a direction,
/// one pending request, back-off with jitter up to kRetryMaxMs, sleep and address changes survived.
/// Thread rule: any thread; on_change runs on a thread of ours and may only poke.
class LiveSync {
 public:
  LiveSync(std::shared_ptr<Store> store, std::shared_ptr<PeerFactory> remote,
           LiveSyncOptions options, std::function<void()> on_change = {},
           Clock& clock = system_clock());
  ~LiveSync();  // cancels what is pending; returns within a second
  LiveSync(const LiveSync&) = delete;

  SyncStatus status() const;
  /// Retries at once and resets the back-off.
  void sync_now();
  /// Waits until the other side has, or refuses, all that is in the store by now: before a person
  /// leaves. At most `timeout_ms`, and not at all while the other side cannot be reached. Whether it
  /// came to that.
  bool send_rest(int timeout_ms);
  /// Own documents that the other side refuses.
  std::vector<Rejection> outbox() const;
  /// Brings attachments from the remote, each over a connection of its own.
  AttachmentBringer bringer() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace atelier
