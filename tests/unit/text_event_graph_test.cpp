// The graph of who had seen what, against sets of operations: random graphs of a few dozen
// operations.
#include <algorithm>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "text/event_graph.h"

namespace atelier::text_crdt {
namespace {

struct RandomGraph {
  EventGraph graph;
  std::vector<std::set<Lv>> seen;  // by operation, itself included

  std::set<Lv> history_of(const Frontier& version) const {
    std::set<Lv> history;
    for (const Lv lv : version) history.insert(seen[lv].begin(), seen[lv].end());
    return history;
  }
  bool is_frontier(const Frontier& version) const {
    return std::none_of(version.begin(), version.end(), [&](Lv a) {
      return std::any_of(version.begin(), version.end(),
                         [&](Lv b) { return a != b && seen[b].contains(a); });
    });
  }
  Frontier random_version(std::mt19937& random, std::size_t size_max) const {
    std::set<Lv> chosen;
    for (std::size_t i = random() % (size_max + 1); i > 0 && !seen.empty(); --i) {
      chosen.insert(static_cast<Lv>(random() % seen.size()));
    }
    return {chosen.begin(), chosen.end()};
  }
};

RandomGraph make_graph(unsigned seed, std::size_t stretches) {
  std::mt19937 random(seed);
  RandomGraph made;
  for (std::size_t i = 0; i < stretches; ++i) {
    Frontier parents = random() % 2 == 0 ? made.graph.frontier() : made.random_version(random, 3);
    if (!made.is_frontier(parents)) parents.resize(1);
    const auto length = static_cast<std::uint32_t>(1 + random() % 3);
    made.graph.append(made.graph.add_agent(std::string(1, static_cast<char>('a' + random() % 3))),
                      length, parents);
    std::set<Lv> history = made.history_of(parents);
    for (std::uint32_t k = 0; k < length; ++k) {
      history.insert(static_cast<Lv>(made.seen.size()));
      made.seen.push_back(history);
    }
  }
  return made;
}

std::vector<Lv> flat(const std::vector<LvRange>& ranges) {
  std::vector<Lv> all;
  for (const LvRange& range : ranges) {
    for (Lv lv = range.begin; lv < range.end; ++lv) all.push_back(lv);
  }
  return all;
}

TEST(TextEventGraph, DifferencesOfVersionsAreThoseOfTheirHistories) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    const RandomGraph made = make_graph(seed, 25);
    std::mt19937 random(seed);
    EventGraph::Difference difference;
    for (int round = 0; round < 50; ++round) {
      const Frontier a = made.random_version(random, 3);
      const Frontier b = made.random_version(random, 3);
      const std::set<Lv> in_a = made.history_of(a);
      const std::set<Lv> in_b = made.history_of(b);
      std::vector<Lv> only_a;
      std::vector<Lv> only_b;
      std::set_difference(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(),
                          std::back_inserter(only_a));
      std::set_difference(in_b.begin(), in_b.end(), in_a.begin(), in_a.end(),
                          std::back_inserter(only_b));
      made.graph.difference(a, b, difference);
      ASSERT_EQ(flat(difference.only_a), only_a) << "seed " << seed;
      ASSERT_EQ(flat(difference.only_b), only_b) << "seed " << seed;
      ASSERT_EQ(made.graph.is_frontier(a), made.is_frontier(a)) << "seed " << seed;
    }
  }
}

// Every boundary, tried by hand: all behind it have seen all before it.
void expect_critical_boundaries(const RandomGraph& made, unsigned seed) {
  const auto count = static_cast<Lv>(made.seen.size());
  for (Lv boundary = 0; boundary < count; ++boundary) {
    bool expected = true;
    for (Lv later = boundary; later < count; ++later) {
      for (Lv before = 0; before < boundary; ++before) {
        expected = expected && made.seen[later].contains(before);
      }
    }
    const auto& ranges = made.graph.critical();
    const bool found = std::any_of(ranges.begin(), ranges.end(), [&](const LvRange& range) {
      return range.begin <= boundary && boundary <= range.end;
    });
    ASSERT_EQ(found, expected) << "boundary " << boundary << " of seed " << seed;
  }
}

TEST(TextEventGraph, CriticalBoundariesAreThoseThatNothingCrosses) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    RandomGraph made = make_graph(seed, 1 + seed % 12);
    ASSERT_NO_FATAL_FAILURE(expect_critical_boundaries(made, seed));
    const Lv end = static_cast<Lv>(made.seen.size()) / 2;
    made.graph.truncate(end);
    made.seen.resize(end);
    ASSERT_NO_FATAL_FAILURE(expect_critical_boundaries(made, seed));
  }
}

TEST(TextEventGraph, NamesLeadToOperationsAndBack) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    const RandomGraph made = make_graph(seed, 20);
    for (Lv lv = 0; lv < made.graph.end(); ++lv) {
      const auto name = made.graph.name_of(lv);
      ASSERT_EQ(made.graph.find(name.agent, name.sequence), lv);
    }
    for (std::uint32_t agent = 0; agent < made.graph.agents(); ++agent) {
      ASSERT_EQ(made.graph.find(agent, made.graph.next_sequence(agent)), kNoLv);
    }
  }
}

}  // namespace
}  // namespace atelier::text_crdt
