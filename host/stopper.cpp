#include "stopper.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace atelier::host {
namespace {

struct Stopper {
  std::mutex mutex;
  std::condition_variable asked;
  bool stop = false;
  std::function<void()> then;
};

Stopper& stopper() {
  static Stopper instance;
  return instance;
}

}  // namespace

void request_stop() {
  std::function<void()> then;
  {
    const std::scoped_lock lock(stopper().mutex);
    stopper().stop = true;
    then = std::exchange(stopper().then, nullptr);
  }
  stopper().asked.notify_all();
  if (then) then();
}

bool stop_requested() {
  const std::scoped_lock lock(stopper().mutex);
  return stopper().stop;
}

bool wait_for_stop(int timeout_ms) {
  std::unique_lock lock(stopper().mutex);
  const auto stopped = [] { return stopper().stop; };
  if (timeout_ms < 0) stopper().asked.wait(lock, stopped);
  else stopper().asked.wait_for(lock, std::chrono::milliseconds(timeout_ms), stopped);
  return stopper().stop;
}

void on_stop(std::function<void()> fn) {
  const std::scoped_lock lock(stopper().mutex);
  stopper().then = std::move(fn);
}

}  // namespace atelier::host
