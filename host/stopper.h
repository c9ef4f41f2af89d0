// Whether the process was asked to end (SIGINT, SIGTERM, or by itself). Thread rule: any thread.
#pragma once

#include <functional>

namespace atelier::host {

/// How long `changes --follow` lets the server hold a request: short, so that a stop is noticed.
inline constexpr int kFollowPollMs = 2'000;

void request_stop();
bool stop_requested();
/// Waits until asked to stop, at most `timeout_ms` (-1: without end). Returns stop_requested().
bool wait_for_stop(int timeout_ms);
/// Runs once, from the thread that asks to stop.
void on_stop(std::function<void()> fn);

}  // namespace atelier::host
