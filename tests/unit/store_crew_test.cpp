// Goal: work that is shared is done once each, whoever does it, and errors reach the caller.
// Method: counters per index, several callers at once, work that throws on either side.
#include <atomic>
#include <latch>
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
  Crew crew(64);
  for (const std::size_t count : {0, 1, 15, 16, 17, 64, 65, 1'000, 10'007}) {
    std::vector<std::atomic<int>> worked(count);
    crew.for_each(count, [&](std::size_t i) { ++worked[i]; });
    for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(worked[i], 1) << i << " of " << count;
  }
}

TEST(Crew, AnotherThreadHelps) {
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "one processor";
  Crew crew(0);
  std::mutex mutex;
  std::set<std::thread::id> workers;
  std::latch both(2);
  crew.for_each(1'000, [&](std::size_t) {
    bool first = false;
    {
      const std::lock_guard lock(mutex);
      first = workers.insert(std::this_thread::get_id()).second;
    }
    if (first) both.arrive_and_wait();  // neither ends before the other has begun
  });
  EXPECT_EQ(workers.size(), 2u);
}

TEST(Crew, FewAreTheCallersOwn) {
  Crew crew(64);
  crew.for_each(64, [caller = std::this_thread::get_id()](std::size_t) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
  });
}

TEST(Crew, CallersDoNotMixTheirWork) {
  Crew crew(0);
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
  Crew crew(0);
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
