// A few threads for work that waits, and the way back to the server's thread.
// Thread rule: safe from any thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace atelier::server {

class Background {
 public:
  Background();
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  /// Tasks begin in the order in which they came.
  void run(std::function<void()> task);
  /// Begins no more tasks and waits for the running ones until `deadline`; a task that takes longer
  /// ends on its own and may only touch what it holds itself.
  void stop(std::chrono::steady_clock::time_point deadline);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace atelier::server
