#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/board_limits.h"
#include "core/order.h"

namespace atelier::board {
namespace {

TEST(Order, TextsAreFractionsWithoutATrailingZero) {
  EXPECT_TRUE(is_order("V"));
  EXPECT_TRUE(is_order("0001"));
  EXPECT_FALSE(is_order(""));
  EXPECT_FALSE(is_order("V0"));
  EXPECT_FALSE(is_order("V-"));
  EXPECT_FALSE(is_order(std::string(kOrderBytesMax + 1, 'V')));
}

TEST(Order, BetweenNeighboursOfEveryShapeThereIsRoom) {
  Jitter jitter(1);
  const std::vector<std::pair<std::string, std::string>> gaps{
      {"V", "W"},   {"V", "V1"},  {"V", "V0001"},     {"1zzzzzzzz", "2"}, {"0001", "0002"},
      {"zzzz", ""}, {"", "0001"}, {"zzzzzzzzz", ""},  {"", "000000001"},  {"a", "b"},
      {"az", "b"},  {"a1", "a2"}, {"a", "a00000001"}, {"a0z", "a1"},      {"", ""}};
  for (const auto& [low, high] : gaps) {
    for (int i = 0; i < 200; ++i) {
      const std::string order = order_between(low, high, jitter);
      ASSERT_TRUE(is_order(order)) << order;
      ASSERT_LT(low, order) << low << " " << high;
      ASSERT_TRUE(high.empty() || order < high) << low << " " << high;
    }
  }
}

TEST(Order, BoundsThatAreNotInOrderStillGiveAnOrderAboveTheLower) {
  Jitter jitter(1);
  const std::string order = order_between("b", "a", jitter);
  EXPECT_TRUE(is_order(order));
  EXPECT_GT(order, "b");
}

TEST(Order, PeopleWhoInsertAtOnePlaceAtOnceGetDifferentOrders) {
  Jitter seeds(7);
  std::set<std::string> behind, between;
  for (int person = 0; person < 300; ++person) {
    Jitter jitter(seeds.next());
    behind.insert(order_after("V", jitter));
    between.insert(order_between("V", "W", jitter));
  }
  EXPECT_GE(behind.size(), 299u);
  EXPECT_GE(between.size(), 299u);
}

TEST(Order, RandomInsertionsStaySortedAndDistinct) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Jitter jitter(seed);
    std::vector<std::string> all;
    for (int i = 0; i < 500; ++i) {
      const std::size_t at = jitter.next() % (all.size() + 1);
      const std::string low = at == 0 ? "" : all[at - 1];
      const std::string high = at == all.size() ? "" : all[at];
      all.insert(all.begin() + static_cast<std::ptrdiff_t>(at), order_between(low, high, jitter));
    }
    ASSERT_TRUE(std::is_sorted(all.begin(), all.end()));
    ASSERT_TRUE(std::adjacent_find(all.begin(), all.end()) == all.end());
  }
}

TEST(Order, InsertingAtTheEndsKeepsOrdersShort) {
  Jitter jitter(3);
  std::string top, bottom;
  for (int i = 0; i < 300'000; ++i) {
    const std::string above = order_after(top, jitter);
    const std::string below = order_before(bottom, jitter);
    ASSERT_LT(top, above);
    ASSERT_TRUE(bottom.empty() || below < bottom);
    ASSERT_LE(above.size(), 10u);
    ASSERT_LE(below.size(), 10u);
    top = above;
    bottom = below;
  }
}

TEST(Order, InsertingAtOnePlaceGrowsByAFifthOfAByte) {
  Jitter jitter(5);
  std::string low = "V", high = "W";
  for (int i = 0; i < 1'000; ++i) {
    const std::string order = order_between(low, high, jitter);
    ASSERT_TRUE(low < order && order < high);
    (jitter.next() % 2 ? low : high) = order;
  }
  EXPECT_LE(std::max(low.size(), high.size()), 260u);
}

}  // namespace
}  // namespace atelier::board
