// What a room does by itself in each pump(), and the alarm that makes pump() run when it is due.
//
// Invariants
//   1. A task runs inside pump() alone, never after it was removed.
//   2. After wake_at(t) the room is poked at t or a little later, once; earlier times win.
//   3. Work given to in_background() runs in its order on one thread, and before the destructor
//      returns.
// Thread rule: main thread; the alarm's thread only pokes and does what in_background() was given.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "room/write_queue.h"

namespace atelier {

class RoomTask {
 public:
  virtual ~RoomTask() = default;
  /// Within pump(), after the changes were delivered. Returns whether it delivered anything.
  virtual bool run() = 0;
  /// Whether nothing of it waits to be written.
  virtual bool idle() const = 0;
  /// Hands everything to the collection's queue now.
  virtual void save() = 0;
};

class RoomTasks {
 public:
  explicit RoomTasks(std::shared_ptr<WriteSignal> signal) : signal_(std::move(signal)) {}
  ~RoomTasks();
  RoomTasks(const RoomTasks&) = delete;
  RoomTasks& operator=(const RoomTasks&) = delete;

  void add(std::uint64_t owner, RoomTask* task);
  /// Also while run() goes on.
  void remove(RoomTask* task);
  /// Removes those of an owner whose code goes away, after they have saved.
  void disown(std::uint64_t owner);

  bool run();
  bool idle() const;
  void save();

  /// Has the room poked at that monotonic time (base/clock.h) at the latest.
  void wake_at(std::int64_t monotonic_ms);
  /// Runs `work`, which may wait for the disk, on a thread of its own; the room is poked when it
  /// is done.
  void in_background(std::function<void()> work);

 private:
  struct Entry {
    std::uint64_t owner = 0;
    RoomTask* task = nullptr;
  };
  // By index: a task may add and remove others while it runs.
  template <class Visit>
  void each(Visit&& visit) {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].task != nullptr) visit(*entries_[i].task);
    }
    std::erase_if(entries_, [](const Entry& entry) { return entry.task == nullptr; });
  }
  void start();
  void watch();

  const std::shared_ptr<WriteSignal> signal_;
  std::vector<Entry> entries_;
  bool running_ = false;

  std::thread thread_;  // made when it is first needed
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::int64_t> alarm_ms_;    // guarded by mutex_
  std::deque<std::function<void()>> work_;  // guarded by mutex_
  bool stopping_ = false;                   // guarded by mutex_
};

}  // namespace atelier
