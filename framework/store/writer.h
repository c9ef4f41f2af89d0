// The one who writes: a thread that takes jobs from a bounded queue and commits many of them at
// once. A caller who finds nobody at work and nothing queued, and waits anyway, commits his own job
// on his own thread: two threads need not be woken for it, which costs as much as a commit does.
//
// Invariants
//   1. Jobs run in the order in which they were queued, each at most once in a transaction that
//      commits.
//   2. A job that returns an error has not touched the transaction: it alone is refused.
//   3. A transaction that fails (map or disk full) is thrown away, and its jobs run again one by
//   one,
//      so that what fails is the one that does not fit.
//   4. done() runs after the synced commit and outside of every lock, except for `early` jobs.
//   5. One at a time writes: whoever set `writing_`. What is "the writer's own" passes from one to
//      the next through `mutex_`.
//   6. `changed` runs on the thread alone: a subscriber is never called from within his own write.
// Thread rule: enqueue(), run() and stop() from any thread; everything else is the writer's own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "store/index_writer.h"
#include "store/lmdb.h"
#include "store/record.h"
#include "store/retention.h"
#include "store/sequence_names.h"
#include "store/tables.h"
#include "store/validator.h"

namespace atelier {

/// What a job works on.
struct WriteContext {
  lmdb::WriteTxn& txn;
  const Tables& tables;
  record::State& state;
  std::string& last_key;  // of the table `ids`: what is behind it can be appended
  std::string scratch;
  IndexWriter indexes;
  const Clock* clock = nullptr;  // set by the writer, as are the two below
  std::shared_ptr<const Retention> retention;
  bool forgets = false;  // there are rows in `forgotten`
  // Of the documents that are being written.
  const Validator* validator = nullptr;  // null: everything is allowed
  const WriteUser* user = nullptr;
  bool poke = false;  // readers should look although no sequence is new
};

class Writer {
 public:
  struct Job {
    std::function<Status(WriteContext&)> run;  // may run again, see invariant 3
    std::function<void(Status)> done;          // may be empty
    std::size_t docs = 1, bytes = 0;           // what it weighs in the queue
    bool early = false;  // done() when it ran, before the commit (Durability::kQueued)
  };
  struct Hooks {
    /// After a commit that changed the counters, before any done().
    std::function<void(const record::State&)> committed;
    /// After the done()s of a commit with new sequences.
    std::function<void()> changed;
    std::function<void(SequenceNames::Lineage)> new_lineage;
    /// After a commit that left something to the background work of the indexes; may enqueue().
    std::function<void()> index_work;
    std::function<std::shared_ptr<const Retention>()> retention;
    const Clock* clock = nullptr;
  };

  Writer(lmdb::Environment& environment, const Tables& tables, record::State state,
         IndexRegistry& indexes, Hooks hooks);
  ~Writer();

  /// Waits for room in the queue. After stop(): done() gets kCancelled at once.
  void enqueue(Job job);
  /// For a caller who will wait for done(): as enqueue(), but when nobody writes and nothing waits,
  /// the job is committed on this thread before this returns.
  void run_or_enqueue(Job job);
  /// run_or_enqueue() and wait for the commit.
  Status run(std::function<Status(WriteContext&)> job, std::size_t bytes = 0);
  /// Waits on the thread's turn: what was committed or queued before is committed and told of.
  Status flush();
  /// Finishes what is queued.
  void stop();
  /// Whether the caller is the thread, or within a job that he commits himself.
  bool on_this_thread() const {
    const auto self = std::this_thread::get_id();
    return self == thread_id_.load() || self == caller_id_.load();
  }

 private:
  struct Turn;
  void put_in(Job job, bool caller_waits);
  void loop();
  bool try_run_here(Job& job);
  Status wait_for(Job job, bool here);
  std::vector<Job> take(bool* poke);
  bool commit(std::vector<Job>& jobs);
  bool commit_alone(std::vector<Job>& jobs);
  Status attempt(std::vector<Job>& jobs, std::vector<Status>& results, record::State& state,
                 bool* poke);
  Status run_jobs(WriteContext& context, std::vector<Job>& jobs, std::vector<Status>& results);
  Status finish(WriteContext& context, SequenceNames::Lineage& lineage, std::int64_t* mark_ms);

  lmdb::Environment& environment_;
  const Tables& tables_;
  IndexRegistry& indexes_;
  const Hooks hooks_;
  std::atomic<std::thread::id> thread_id_;
  std::atomic<std::thread::id> caller_id_;  // whose turn it is, when it is a caller's

  // The writer's own.
  record::State state_;
  bool lineage_begun_ = false;
  std::optional<std::int64_t> last_mark_ms_;  // of the table `times`; none: not looked up yet

  std::mutex mutex_;
  std::condition_variable filled_, emptied_;
  // Guarded by mutex_.
  std::deque<Job> queue_;
  std::size_t queued_docs_ = 0, queued_bytes_ = 0;
  bool stopping_ = false;
  bool writing_ = false;  // somebody is the writer
  bool poke_ = false;     // a caller's commit is not told of yet

  std::thread thread_;
};

}  // namespace atelier
