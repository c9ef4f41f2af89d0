#include "store/writer.h"

#include <exception>
#include <new>

#include "base/digest.h"
#include "base/limits.h"
#include "store/forgotten_table.h"

namespace atelier {
namespace {

constexpr std::size_t kLineageNameBytes = 8;

Status guarded(const std::function<Status(WriteContext&)>& run, WriteContext& context) {
  try {
    return run(context);
  } catch (const std::bad_alloc&) {
    context.txn.fail({ErrorCode::kInternal, "out of memory while writing"});
  } catch (const std::exception& error) {
    context.txn.fail({ErrorCode::kInternal, std::string("while writing: ") + error.what()});
  }
  return context.txn.error();
}

void call_done(Writer::Job& job, const Status& status) {
  if (auto done = std::exchange(job.done, nullptr)) done(status);
}

// The last key of the table, behind which LMDB may append.
std::string last_key_of(MDB_txn* txn, MDB_dbi table) {
  lmdb::Cursor cursor(txn, table);
  return cursor.move(MDB_LAST) ? std::string(cursor.key()) : std::string();
}

}  // namespace

Writer::Writer(lmdb::Environment& environment, const Tables& tables, record::State state,
               IndexRegistry& indexes, Hooks hooks)
    : environment_(environment),
      tables_(tables),
      indexes_(indexes),
      hooks_(std::move(hooks)),
      state_(state) {
  thread_ = std::thread([this] { loop(); });
  thread_id_ = thread_.get_id();
}

Writer::~Writer() {
  stop();
}

void Writer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  filled_.notify_all();
  emptied_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Writer::enqueue(Job job) {
  put_in(std::move(job), false);
}

void Writer::put_in(Job job, bool caller_waits) {
  bool taken = false;
  {
    std::unique_lock lock(mutex_);
    // The writer must not wait for itself; a job larger than the queue goes in alone.
    emptied_.wait(lock, [&] {
      return stopping_ || on_this_thread() || queue_.empty() ||
             (queued_docs_ + job.docs <= kWriteQueueDocsMax &&
              queued_bytes_ + job.bytes <= kWriteQueueBytesMax);
    });
    taken = !stopping_;
    if (taken) {
      queued_docs_ += job.docs;
      queued_bytes_ += job.bytes;
      queue_.push_back(std::move(job));
      // The job's end may let go of the last user, and of this with him, as soon as the lock is
      // free.
      if (!caller_waits) filled_.notify_one();
    }
  }
  // Without the lock, which who is woken needs next: dearer with many callers than all the rest.
  if (taken && caller_waits) return filled_.notify_one();
  if (taken) return;
  call_done(job, Error(ErrorCode::kCancelled, "the store is being closed"));
}

void Writer::run_or_enqueue(Job job) {
  if (job.early || !try_run_here(job)) put_in(std::move(job), true);
}

// Ends a turn of a caller's, whatever happens in it.
struct Writer::Turn {
  Writer& writer;
  bool changed = false;

  ~Turn() {
    writer.caller_id_ = std::thread::id();
    const std::lock_guard lock(writer.mutex_);
    writer.writing_ = false;
    writer.poke_ = writer.poke_ || changed;
    const bool more = writer.poke_ || writer.stopping_ || !writer.queue_.empty();
    if (more) writer.filled_.notify_one();
  }
};

bool Writer::try_run_here(Job& job) {
  std::vector<Job> jobs;
  jobs.reserve(1);
  {
    const std::lock_guard lock(mutex_);
    if (writing_ || stopping_ || !queue_.empty()) return false;
    writing_ = true;
  }
  Turn turn{*this};
  caller_id_ = std::this_thread::get_id();
  jobs.push_back(std::move(job));
  turn.changed = commit(jobs);
  return true;
}

Status Writer::run(std::function<Status(WriteContext&)> job, std::size_t bytes) {
  Job entry;
  entry.run = std::move(job);
  entry.bytes = bytes;
  return wait_for(std::move(entry), true);
}

Status Writer::flush() {
  Job nothing;
  nothing.run = [](WriteContext&) { return ok(); };
  return wait_for(std::move(nothing), false);
}

Status Writer::wait_for(Job job, bool here) {
  if (on_this_thread()) {
    return Error(ErrorCode::kInternal, "a call that waits for the writer was made on its thread");
  }
  std::mutex mutex;
  std::condition_variable arrived;
  std::optional<Status> result;
  job.done = [&](const Status& status) {
    const std::lock_guard lock(mutex);
    result = status;
    arrived.notify_one();
  };
  here ? run_or_enqueue(std::move(job)) : enqueue(std::move(job));
  std::unique_lock lock(mutex);
  arrived.wait(lock, [&] { return result.has_value(); });
  return *result;
}

void Writer::loop() {
  thread_id_ = std::this_thread::get_id();
  while (true) {
    bool poke = false;
    std::vector<Job> jobs = take(&poke);
    if (jobs.empty() && !poke) return;
    if (!jobs.empty()) {
      poke = commit(jobs);
      const std::lock_guard lock(mutex_);
      writing_ = false;
    }
    if (poke && hooks_.changed) hooks_.changed();
  }
}

// Waits until this thread has something to tell, or to write: as many jobs as one commit may hold,
// and then this thread is the writer. What callers committed is told first. Nothing: the end.
std::vector<Writer::Job> Writer::take(bool* poke) {
  std::unique_lock lock(mutex_);
  filled_.wait(lock, [&] { return !writing_ && (stopping_ || poke_ || !queue_.empty()); });
  std::vector<Job> jobs;
  *poke = std::exchange(poke_, false);
  if (*poke) return jobs;
  std::size_t docs = 0, bytes = 0;
  while (!queue_.empty()) {
    const Job& next = queue_.front();
    const bool fits = docs + next.docs <= kCommitDocsMax && bytes + next.bytes <= kCommitBytesMax;
    if (!jobs.empty() && !fits) break;
    docs += next.docs;
    bytes += next.bytes;
    jobs.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queued_docs_ -= docs;
  queued_bytes_ -= bytes;
  writing_ = !jobs.empty();
  emptied_.notify_all();
  return jobs;
}

// Returns whether there are new sequences.
bool Writer::commit(std::vector<Job>& jobs) {
  std::vector<Status> results(jobs.size(), ok());
  const record::State before = state_;
  record::State after = before;
  bool poke = false;
  const Status committed = attempt(jobs, results, after, &poke);
  if (!committed && jobs.size() > 1) return commit_alone(jobs);
  if (committed) {
    state_ = after;
    if (!(after == before) && hooks_.committed) hooks_.committed(after);
  }
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    call_done(jobs[i], committed ? results[i] : committed);
  }
  return committed && (poke || after.last_sequence != before.last_sequence);
}

bool Writer::commit_alone(std::vector<Job>& jobs) {
  bool changed = false;
  for (Job& job : jobs) {
    std::vector<Job> alone;
    alone.push_back(std::move(job));
    changed = commit(alone) || changed;
  }
  return changed;
}

Status Writer::attempt(std::vector<Job>& jobs, std::vector<Status>& results, record::State& state,
                       bool* poke) {
  auto begun = environment_.begin_write();
  if (!begun) return begun.error();
  lmdb::WriteTxn txn(*begun);
  std::string last_key = last_key_of(txn.get(), tables_.docs.ids);
  WriteContext context{txn, tables_, state, last_key, {}, IndexWriter(indexes_)};
  context.clock = hooks_.clock ? hooks_.clock : &system_clock();
  context.retention = hooks_.retention ? hooks_.retention() : nullptr;
  context.forgets = any_forgotten(txn.get(), tables_);
  ATELIER_CHECK(run_jobs(context, jobs, results));
  context.indexes.flush(txn, tables_, state);
  SequenceNames::Lineage lineage;
  std::int64_t mark_ms = 0;
  ATELIER_CHECK(finish(context, lineage, &mark_ms));
  ATELIER_CHECK(txn.commit());
  if (context.indexes.publish() && hooks_.index_work) hooks_.index_work();
  *poke = context.poke;
  if (mark_ms != 0) last_mark_ms_ = mark_ms;
  if (!lineage.name.empty()) {
    lineage_begun_ = true;
    if (hooks_.new_lineage) hooks_.new_lineage(std::move(lineage));
  }
  return ok();
}

Status Writer::run_jobs(WriteContext& context, std::vector<Job>& jobs,
                        std::vector<Status>& results) {
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const record::State saved = context.state;
    results[i] = guarded(jobs[i].run, context);
    if (context.txn.failed()) return context.txn.error();
    if (!results[i]) context.state = saved;
    if (jobs[i].early) call_done(jobs[i], results[i]);
  }
  return ok();
}

// The rows that a commit writes beside those of its jobs.
Status Writer::finish(WriteContext& context, SequenceNames::Lineage& lineage,
                      std::int64_t* mark_ms) {
  if (context.txn.failed()) return context.txn.error();
  if (context.state == state_) return ok();
  if (context.state.last_sequence != state_.last_sequence && !lineage_begun_) {
    lineage.first = state_.last_sequence + 1;
    lineage.name = random_bytes(kLineageNameBytes);
    context.txn.put(tables_.lineages, lmdb::value_of(lineage.first),
                    lmdb::value_of(std::string_view(lineage.name)));
  }
  if (context.state.last_sequence != state_.last_sequence) {
    if (!last_mark_ms_) last_mark_ms_ = last_time(context.txn.get(), tables_);
    *mark_ms = mark_time(context, state_.last_sequence + 1, *last_mark_ms_);
  }
  const std::string row = record::encode_state(context.state);
  context.txn.put(tables_.meta, lmdb::value_of(std::string_view("state")),
                  lmdb::value_of(std::string_view(row)));
  if (context.txn.failed()) return context.txn.error();
  return ok();
}

}  // namespace atelier
