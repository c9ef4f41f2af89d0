#include "server/background.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/limits.h"

namespace atelier::server {

struct Background::State {
  std::mutex mutex;
  std::condition_variable changed;
  // Guarded by mutex.
  std::deque<std::function<void()>> tasks;
  std::vector<std::thread> threads;
  int idle = 0, ended = 0;
  bool stopping = false;

  static void work(const std::shared_ptr<State>& state);
};

void Background::State::work(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  while (!state->stopping) {
    if (state->tasks.empty()) {
      ++state->idle;
      state->changed.wait(lock);
      --state->idle;
      continue;
    }
    std::function<void()> task = std::move(state->tasks.front());
    state->tasks.pop_front();
    lock.unlock();
    try {
      task();
    } catch (const std::exception&) {
      // The route behind it answers 500 on its own; nothing else may end the process.
    }
    task = nullptr;
    lock.lock();
  }
  ++state->ended;
  state->changed.notify_all();
}

Background::Background() : state_(std::make_shared<State>()) {}
Background::~Background() {
  stop(std::chrono::steady_clock::now());
}

void Background::run(std::function<void()> task) {
  const std::lock_guard lock(state_->mutex);
  if (state_->stopping) return;
  state_->tasks.push_back(std::move(task));
  const bool room = state_->threads.size() < static_cast<std::size_t>(kBackgroundThreads);
  if (static_cast<int>(state_->tasks.size()) > state_->idle && room)
    state_->threads.emplace_back([state = state_] { State::work(state); });
  state_->changed.notify_one();
}

void Background::stop(std::chrono::steady_clock::time_point deadline) {
  std::vector<std::thread> threads;
  std::deque<std::function<void()>> dropped;
  bool all_ended = false;
  {
    std::unique_lock lock(state_->mutex);
    state_->stopping = true;
    state_->changed.notify_all();
    threads.swap(state_->threads);
    dropped.swap(state_->tasks);
    const int count = static_cast<int>(threads.size());
    all_ended = state_->changed.wait_until(lock, deadline, [&] { return state_->ended >= count; });
  }
  for (std::thread& thread : threads) {
    if (all_ended)
      thread.join();
    else
      thread.detach();
  }
}

}  // namespace atelier::server
