// What was written in a room and is not on disk yet: shown to readers at once, written behind them.
//
// Invariants
//   1. Of one document at most one write runs at a time; edits made meanwhile wait and go together
//      as one revision.
//   2. An edit is a function of the body. It stays here until a write that contains it was
//      committed, or is given up with a Problem: never in silence.
//   3. The store calls back with the result alone; everything else happens on the main thread.
// Thread rule: main thread, except WriteSignal, which is safe from any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "atelier/room.h"
#include "base/clock.h"
#include "store/store.h"

namespace atelier {

/// What other threads leave for the main thread, and how they wake it. Outlives the room, because a
/// write may finish after it.
class WriteSignal {
 public:
  struct Completion {
    std::string id;
    WriteResult result;
  };

  void complete(Completion completion);
  std::vector<Completion> take();
  /// Until there is a completion, or `timeout_ms` have passed.
  void wait(int timeout_ms);
  void poke();
  /// After the return the old function does not run any more.
  void set_wake(std::function<void()> wake);

 private:
  std::mutex mutex_;
  std::condition_variable completed_;
  std::vector<Completion> completions_;  // guarded by mutex_
  std::function<void()> wake_;           // guarded by mutex_
};

/// The attachments of a revision, for the one that follows it.
std::vector<AttachmentWrite> as_stubs(const std::vector<Attachment>& attachments);

class WriteQueue {
 public:
  /// A document's body, or nullopt when there is no document.
  using State = std::optional<std::string>;

  struct Events {
    /// What readers see of the document changed, through a write of ours. `sequence` is that of a
    /// commit, 0 when there was none.
    std::function<void(const std::string& id, std::uint64_t sequence)> touched;
    std::function<void(Problem)> problem;
    /// Last touch to a body before it is written over `before` (empty: the document is new).
    std::function<std::string(const std::string& id, std::string_view before, std::string body)>
        sign;
  };

  struct Edit {
    std::uint64_t owner = 0;
    RawCollection::ChangeBody change;  // empty: the document is removed
  };

  struct Pending {
    State visible;            // what readers see
    std::vector<Edit> edits;  // not yet on disk, oldest first
    // The revision that the edits start from.
    State base;
    std::optional<RevId> parent;
    std::vector<Attachment> attachments;
    // The running write.
    bool running = false;
    State sent;
    std::size_t edits_sent = 0;

    int conflicts = 0;
    std::int64_t retry_at_ms = 0;  // monotonic; 0: now
    bool told = false;             // a problem was reported for the present failure
  };

  WriteQueue(std::shared_ptr<Store> store, std::shared_ptr<WriteSignal> signal, Events events,
             Clock& clock);

  /// Runs the edit on what readers see, and queues it if that changes. What `change` throws passes.
  void write(const std::string& id, Edit edit);
  /// Takes in what the store has done and starts what waits.
  void settle();
  /// settle() until nothing waits. Errors: kTimeout.
  Status flush(int timeout_ms);
  /// Replaces the functions of an owner whose code goes away by what they had made of the
  /// documents.
  void disown(std::uint64_t owner);

  /// Ordered by id, for readers to merge with the store.
  const std::map<std::string, Pending, std::less<>>& pending() const { return pending_; }
  /// Grows with each change of pending().
  std::uint64_t version() const { return version_; }

 private:
  using Entry = std::map<std::string, Pending, std::less<>>::iterator;

  Status load(const std::string& id, Pending& pending) const;
  Result<State> apply(const Edit& edit, const State& state);
  void start(Entry entry);
  void send(Entry entry);
  void finished(WriteSignal::Completion completion);
  void committed(Entry entry, const RevId& rev, std::uint64_t sequence);
  void failed(Entry entry, const Error& error);
  void again(Entry entry);
  void drop(Entry entry, std::uint64_t sequence);
  void give_up(Entry entry, const std::string& reason);

  const std::shared_ptr<Store> store_;
  const std::shared_ptr<WriteSignal> signal_;
  const Events events_;
  Clock& clock_;

  std::map<std::string, Pending, std::less<>> pending_;
  std::deque<std::string> waiting_;  // ids that may start when running_ falls
  std::size_t running_ = 0;
  std::size_t retrying_ = 0;  // entries with retry_at_ms
  std::uint64_t version_ = 0;
  bool applying_ = false;
};

}  // namespace atelier
