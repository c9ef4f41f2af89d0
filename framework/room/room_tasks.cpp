#include "room/room_tasks.h"

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace atelier {

RoomTasks::~RoomTasks() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void RoomTasks::add(std::uint64_t owner, RoomTask* task) {
  entries_.push_back({owner, task});
}

void RoomTasks::remove(RoomTask* task) {
  for (Entry& entry : entries_) {
    if (entry.task == task) entry.task = nullptr;
  }
  if (!running_) std::erase_if(entries_, [](const Entry& entry) { return entry.task == nullptr; });
}

void RoomTasks::disown(std::uint64_t owner) {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].owner != owner || entries_[i].task == nullptr) continue;
    entries_[i].task->save();
    entries_[i].task = nullptr;
  }
}

bool RoomTasks::run() {
  if (running_) return false;
  running_ = true;
  bool any = false;
  each([&](RoomTask& task) { any = task.run() || any; });
  running_ = false;
  return any;
}

bool RoomTasks::idle() const {
  return std::all_of(entries_.begin(), entries_.end(), [](const Entry& entry) {
    return entry.task == nullptr || entry.task->idle();
  });
}

void RoomTasks::save() {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].task != nullptr) entries_[i].task->save();
  }
}

void RoomTasks::wake_at(std::int64_t monotonic_ms) {
  {
    const std::scoped_lock lock(mutex_);
    if (alarm_ms_ && *alarm_ms_ <= monotonic_ms) return;
    alarm_ms_ = monotonic_ms;
  }
  start();
}

void RoomTasks::in_background(std::function<void()> work) {
  {
    const std::scoped_lock lock(mutex_);
    work_.push_back(std::move(work));
  }
  start();
}

void RoomTasks::start() {
  if (!thread_.joinable()) thread_ = std::thread([this] { watch(); });
  changed_.notify_all();
}

void RoomTasks::watch() {
  std::unique_lock lock(mutex_);
  while (true) {
    if (!work_.empty()) {
      auto work = std::move(work_.front());
      work_.pop_front();
      lock.unlock();
      work();
      work = nullptr;  // what it holds goes before the lock is taken
      signal_->poke();
      lock.lock();
      continue;
    }
    if (stopping_) return;
    if (!alarm_ms_) {
      changed_.wait(lock);
      continue;
    }
    const std::int64_t left_ms = *alarm_ms_ - system_clock().monotonic_ms();
    if (left_ms > 0) {
      changed_.wait_for(lock, std::chrono::milliseconds(left_ms));
      continue;
    }
    alarm_ms_.reset();
    lock.unlock();
    signal_->poke();
    lock.lock();
  }
}

}  // namespace atelier
