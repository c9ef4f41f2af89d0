// Goal: work that is shared is done once each, whoever does it, and errors reach the caller.
// Method: counters per index, several callers at once, work that throws on either side.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "store/crew.h"

namespace atelier {
namespace {

TEST(Crew, EachIsWorkedOnOnce) {
  Crew crew(64, false);
  for (const std::size_t count : {0, 1, 15, 16, 17, 64, 65, 1'000, 10'007}) {
    std::vector<std::atomic<int>> worked(count);
    crew.for_each(count, [&](std::size_t i) { ++worked[i]; });
    for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(worked[i], 1) << i << " of " << count;
  }
}

/// Work for two: whoever comes first waits for somebody else, at most `patience`. How many came.
std::size_t workers_of(Crew& crew, std::chrono::milliseconds patience) {
  std::mutex mutex;
  std::condition_variable came;
  std::set<std::thread::id> workers;
  crew.for_each(1'000, [&](std::size_t) {
    std::unique_lock lock(mutex);
    if (!workers.insert(std::this_thread::get_id()).second) return;
    came.notify_all();
    came.wait_for(lock, patience, [&] { return workers.size() == 2; });
  });
  return workers.size();
}

TEST(Crew, AnotherThreadHelps) {
  Crew crew(0, false);
  EXPECT_EQ(workers_of(crew, std::chrono::seconds(20)), 2u);
}

TEST(Crew, NobodyHelpsOnOneProcessor) {
  Crew crew(0, true);
  EXPECT_EQ(workers_of(crew, std::chrono::milliseconds(50)), 1u);
}

TEST(Crew, FewAreTheCallersOwn) {
  Crew crew(64, false);
  crew.for_each(64, [caller = std::this_thread::get_id()](std::size_t) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
  });
}

TEST(Crew, CallersDoNotMixTheirWork) {
  Crew crew(0, false);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        std::vector<std::atomic<int>> worked(500);
        crew.for_each(worked.size(), [&](std::size_t i) { ++worked[i]; });
        for (const auto& times : worked) ASSERT_EQ(times, 1);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST(Crew, WhatWasThrownReachesTheCallerAndTheCrewGoesOn) {
  Crew crew(0, false);
  for (int round = 0; round < 100; ++round) {
    EXPECT_THROW(crew.for_each(1'000,
                               [](std::size_t i) {
                                 if (i % 100 == 99) throw std::runtime_error("one of them");
                               }),
                 std::runtime_error);
  }
  std::atomic<int> done = 0;
  crew.for_each(1'000, [&](std::size_t) { ++done; });
  EXPECT_EQ(done, 1'000);
}

}  // namespace
}  // namespace atelier
