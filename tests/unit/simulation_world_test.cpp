#include <cstdlib>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "simulation/world.h"

namespace atelier::simulation {
namespace {

constexpr std::uint64_t kSeeds = 200;

std::uint64_t number_of(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

// Goal: whatever breaks on the way, in the end every node holds the same leaves and nothing is
// lost. Method: worlds of every shape; ATELIER_SEEDS is how many, ATELIER_SEED runs one alone and
// prints it.
TEST(Simulation, EveryNodeEndsWithTheSameLeavesWhateverFailed) {
  const std::uint64_t chosen = number_of("ATELIER_SEED", 0);
  const std::uint64_t first = chosen != 0 ? chosen : 1;
  const std::uint64_t last = chosen != 0 ? chosen : number_of("ATELIER_SEEDS", kSeeds);
  World::Counts all;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    Options options;
    options.seed = seed;
    if (chosen != 0) options.log = [](std::string_view line) { std::cout << line << '\n'; };
    const auto report = run_seed(std::move(options));
    ASSERT_TRUE(report) << report.error().message << "\nreproduce: ATELIER_SEED=" << seed
                        << " simulation_test --gtest_filter=Simulation.Every*";
    all.written += report->counts.written;
    all.faults += report->counts.faults;
    all.kills += report->counts.kills;
    all.restores += report->counts.restores;
    all.recreations += report->counts.recreations;
    all.refused += report->counts.refused;
    all.evicted += report->counts.evicted;
    all.expired += report->counts.expired;
    all.late_copies += report->counts.late_copies;
    all.forgotten += report->counts.forgotten;
    all.compared_anew += report->counts.compared_anew;
    all.ended += report->counts.ended;
    all.brought += report->counts.brought;
  }
  if (chosen != 0) return;
  const std::pair<const char*, std::size_t> happened[] = {
      {"written", all.written},         {"faults", all.faults},
      {"kills", all.kills},             {"restores", all.restores},
      {"recreations", all.recreations}, {"refused", all.refused},
      {"late copies", all.late_copies}, {"evicted", all.evicted},
      {"expired", all.expired},         {"forgotten", all.forgotten},
      {"compared", all.compared_anew},  {"ended", all.ended},
      {"brought", all.brought}};
  for (const auto& [what, count] : happened) {
    std::cout << what << ": " << count << '\n';
    EXPECT_GT(count, 0u) << what;
  }
}

TEST(Simulation, ASeedReproducesARunExactly) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Options options;
    options.seed = seed;
    const auto once = run_seed(options), again = run_seed(options);
    ASSERT_TRUE(once && again);
    EXPECT_EQ(once->digest, again->digest) << "seed " << seed;
  }
}

}  // namespace
}  // namespace atelier::simulation
