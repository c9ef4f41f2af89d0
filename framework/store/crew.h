// A second pair of hands: work on many things that need not wait for each other, shared with one
// thread more than the caller's.
//
// Invariants
//   1. Each index is worked on once, by the caller or by the helper; for_each() returns, or throws,
//      after the last of them.
//   2. The caller never waits for a helper that has not begun: he takes what is left himself, piece
//      by piece.
//   3. Who finds the helper at work for somebody else works alone.
// Thread rule: any thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>

namespace atelier {

class Crew {
 public:
  /// `few`: up to so many are not worth waking anybody. `alone`: nobody ever helps, which is best
  /// with one processor. The thread is made when it is first wanted.
  explicit Crew(std::size_t few, bool alone = std::thread::hardware_concurrency() < 2);
  ~Crew();
  Crew(const Crew&) = delete;

  /// work(i) for each i below `count`, in no order. Throws what `work` threw first.
  void for_each(std::size_t count, const std::function<void(std::size_t)>& work);

 private:
  struct Task;
  bool offer(Task& task);
  void withdraw(Task& task);
  void help();

  const std::size_t few_;
  const bool alone_;
  std::mutex mutex_;
  std::condition_variable offered_, helped_;
  // Guarded by mutex_.
  Task* task_ = nullptr;  // nobody has begun to help with it
  Task* helped_with_ = nullptr;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace atelier
