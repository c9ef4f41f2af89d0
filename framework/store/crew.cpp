#include "store/crew.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <system_error>
#include <utility>

namespace atelier {
namespace {

constexpr std::size_t kPiece = 16;  // taken at once: some 30 us of preparing documents

}  // namespace

struct Crew::Task {
  const std::size_t count;
  const std::function<void(std::size_t)>& work;
  std::atomic<std::size_t> next{0};
  // Each side's own.
  std::exception_ptr callers_failure = nullptr, helpers_failure = nullptr;

  void take(std::exception_ptr& failure) noexcept {
    try {
      for (;;) {
        const std::size_t first = next.fetch_add(kPiece);
        if (first >= count) return;
        for (std::size_t i = first; i < std::min(first + kPiece, count); ++i) work(i);
      }
    } catch (...) {
      failure = std::current_exception();
      next = count;  // nobody goes on
    }
  }
};

Crew::Crew(std::size_t few, bool alone) : few_(few), alone_(alone) {}

Crew::~Crew() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  offered_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Crew::for_each(std::size_t count, const std::function<void(std::size_t)>& work) {
  Task task{count, work};
  const bool offered = count > few_ && offer(task);
  task.take(task.callers_failure);
  if (offered) withdraw(task);
  if (task.callers_failure) std::rethrow_exception(task.callers_failure);
  if (task.helpers_failure) std::rethrow_exception(task.helpers_failure);
}

bool Crew::offer(Task& task) {
  if (alone_) return false;
  {
    const std::lock_guard lock(mutex_);
    if (task_ != nullptr || helped_with_ != nullptr) return false;
    if (!thread_.joinable()) {
      try {
        thread_ = std::thread([this] { help(); });
      } catch (const std::system_error&) {
        return false;  // no more threads for this process: it goes without
      }
    }
    task_ = &task;
  }
  offered_.notify_one();
  return true;
}

void Crew::withdraw(Task& task) {
  std::unique_lock lock(mutex_);
  if (task_ == &task) task_ = nullptr;
  helped_.wait(lock, [&] { return helped_with_ != &task; });
}

void Crew::help() {
  std::unique_lock lock(mutex_);
  for (;;) {
    offered_.wait(lock, [this] { return stopping_ || task_ != nullptr; });
    if (stopping_) return;
    Task* const task = helped_with_ = std::exchange(task_, nullptr);
    lock.unlock();
    task->take(task->helpers_failure);
    lock.lock();
    helped_with_ = nullptr;
    helped_.notify_all();
  }
}

}  // namespace atelier
