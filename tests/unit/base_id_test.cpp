// Ids that sort by time, through clocks that stand still or go back.
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/id.h"

namespace atelier {
namespace {

class FakeClock : public Clock {
 public:
  std::int64_t wall_ms() const override { return now_ms; }
  std::int64_t monotonic_ms() const override { return now_ms; }
  std::int64_t now_ms = 1'700'000'000'000;
};

TEST(IdMaker, ExampleOfTheHeaderHasItsShape) {
  FakeClock clock;
  IdMaker maker(clock, "node0001");
  const std::string id = maker.make("message");
  EXPECT_EQ(id.size(), std::string("message:").size() + 11 + 8 + 3);
  EXPECT_TRUE(id.starts_with("message:"));
  EXPECT_EQ(id.substr(19, 8), "node0001");
}

TEST(IdMaker, AnIdTellsWhenItWasMadeAndOthersTellNothing) {
  FakeClock clock;
  IdMaker maker(clock, "node0001");
  EXPECT_EQ(id_time_ms(maker.make("message")), clock.now_ms);
  EXPECT_EQ(id_time_ms(maker.make("chat-reaction")), clock.now_ms);
  for (const char* other : {"", "message", "message:", "message:bob-1700000000000",
                            "message:0hfk3z9q1x2k7c0p1vd00", "message:0hfk3z9q1x2k7c0p1vd0000",
                            "message:0HFK3z9q1x2k7c0p1vd000", "0hfk3z9q1x2k7c0p1vd000"}) {
    EXPECT_FALSE(id_time_ms(other)) << other;
  }
}

TEST(IdMaker, GrowsWhileTheClockStandsStillOrGoesBack) {
  FakeClock clock;
  IdMaker maker(clock, "node0001");
  std::string last = maker.make("m");
  for (int i = 0; i < 100'000; ++i) {
    if (i == 30'000) clock.now_ms -= 3'600'000;
    if (i == 60'000) clock.now_ms += 7'200'000;
    std::string next = maker.make("m");
    ASSERT_LT(last, next) << i;
    last = std::move(next);
  }
}

TEST(IdMaker, OrderOfIdsIsOrderOfTimeAcrossNodes) {
  FakeClock clock;
  IdMaker late(clock, "00000000"), early(clock, "zzzzzzzz");
  const std::string first = early.make("m");
  clock.now_ms += 1;
  EXPECT_LT(first, late.make("m"));
}

TEST(IdMaker, ThreadsAndProcessesNeverMakeTheSame) {
  IdMaker one, two;
  EXPECT_NE(one.node(), two.node());
  EXPECT_EQ(one.node().size(), 8U);
  std::vector<std::vector<std::string>> made(4);
  std::vector<std::thread> threads;
  for (auto& ids : made)
    threads.emplace_back([&] {
      for (int i = 0; i < 5'000; ++i) ids.push_back(one.make("m"));
    });
  for (auto& thread : threads) thread.join();
  std::set<std::string> all;
  for (const auto& ids : made) all.insert(ids.begin(), ids.end());
  EXPECT_EQ(all.size(), 20'000U);
}

}  // namespace
}  // namespace atelier
