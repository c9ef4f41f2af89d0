// The model of scale against what can be worked out on paper. Method: costs of 0 everywhere but in
// the part that is looked at.
#include "bench/scale_model.h"

#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

namespace atelier::bench::scale {
namespace {

Costs nothing_costs() {
  return {};
}

/// Everything that can go on at once: edges over edges, several rooms, a plan that limits, an
/// outage.
Plan busy_plan(Away away) {
  Plan plan{.visitors = 24'000, .edges = 6, .rooms = 3, .top = 2, .fan = 2, .rate = 0.005};
  plan.queries = 40;
  plan.writes = 200;
  plan.seconds = 30;
  plan.away = away;
  plan.away_from = 10;
  plan.away_for = 8;
  return plan;
}

TEST(ScaleModel, RequestsWaitAsLongAsInAQueueWithOneServerAndEqualWork) {
  Costs costs = nothing_costs();
  costs.request_us = 1'000;
  for (const double busy : {0.3, 0.6, 0.8}) {
    Plan plan{.visitors = 1'000, .rate = busy, .link_ms = 0, .seconds = 400};
    const Outcome outcome = run(plan, costs);
    const double on_paper = busy / (2 * (1 - busy));  // M/D/1, in units of the work: 1 ms
    EXPECT_NEAR(outcome.request_wait_ms, on_paper, 0.06 * on_paper) << busy;
    // The pushes end at the origin and cost the edge nothing.
    EXPECT_NEAR(outcome.edge_busy, busy, 0.02 * busy);
  }
}

TEST(ScaleModel, EachDocumentIsToldOnceAtEachEdgeOfItsRoom) {
  for (const Away away : {Away::kNobody, Away::kUpstream, Away::kEdge}) {
    for (const double long_polls : {0.0, 1.0}) {
      Plan plan = busy_plan(away);
      plan.long_polls = long_polls;
      std::set<std::tuple<int, int, std::ptrdiff_t, int>> told;
      const Outcome outcome =
          run(plan, measured_costs(), [&](int edge, int room, std::ptrdiff_t group, int document) {
            EXPECT_TRUE(told.insert({edge, room, group, document}).second);
          });
      ASSERT_GT(outcome.documents, 2'000);
      EXPECT_EQ(static_cast<double>(told.size()), outcome.documents * plan.edges * 3);  // groups
      const double feeds = plan.visitors / plan.edges / plan.rooms;
      EXPECT_NEAR(outcome.all.count, outcome.documents * plan.edges * feeds, 1);
      EXPECT_NEAR(outcome.same_edge.count + outcome.other_edges.count, outcome.all.count, 1);
    }
  }
}

TEST(ScaleModel, ARoomOfSomeEdgesIsToldThereAlone) {
  Plan plan{.visitors = 800, .edges = 4, .rooms = 8, .spread = 2, .rate = 0.1};
  std::set<std::pair<int, int>> places;
  const Outcome outcome = run(plan, measured_costs(), [&](int edge, int room, std::ptrdiff_t, int) {
    places.insert({edge, room});
  });
  EXPECT_EQ(places.size(), 16U);
  EXPECT_NEAR(outcome.all.count, outcome.documents * 2 * 50, 1);
}

TEST(ScaleModel, NobodyIsToldBeforeLightAndWorkAllow) {
  Plan plan = busy_plan(Away::kUpstream);
  plan.visitor_ms = 3;
  plan.link_ms = 15;
  const Outcome outcome = run(plan, measured_costs());
  EXPECT_GE(outcome.request_wait_ms, 0);
  EXPECT_GE(outcome.same_edge.least_ms, 2 * plan.visitor_ms);
  // Up to the origin or an edge, and down again: at least two links' ways, where one edge is the
  // other's parent one way up.
  EXPECT_GE(outcome.other_edges.least_ms, 2 * plan.visitor_ms + plan.link_ms);
  EXPECT_LE(outcome.same_edge.p50_ms, outcome.same_edge.p99_ms);
  EXPECT_LE(outcome.all.p99_ms, outcome.all.most_ms);
}

TEST(ScaleModel, AnIdleWayAcrossEdgesIsTheSumOfItsParts) {
  Costs costs = nothing_costs();
  costs.commit_us = 2'000;
  Plan plan{.visitors = 20, .edges = 2, .rate = 0.005, .visitor_ms = 4, .seconds = 2'000};
  plan.link_mbit = 1e6;
  const Outcome outcome = run(plan, costs);
  // Visitor, commit, link, commit at the origin, link, commit, visitor.
  EXPECT_NEAR(outcome.other_edges.p50_ms, 4 + 2 + 20 + 2 + 20 + 2 + 4, 0.6);
  EXPECT_NEAR(outcome.same_edge.p50_ms, 4 + 2 + 4, 0.2);
}

TEST(ScaleModel, ARoundOfFeedsTellsOneAfterTheOther) {
  Costs costs = nothing_costs();
  costs.wake_us = 10;
  Plan plan{.visitors = 10'000, .rate = 2e-6, .long_polls = 0, .seconds = 5'000};
  const Outcome outcome = run(plan, costs);
  ASSERT_GT(outcome.documents, 50);
  EXPECT_NEAR(outcome.same_edge.p50_ms, 50, 4);  // half of 10,000 x 10 us
  EXPECT_NEAR(outcome.same_edge.p99_ms, 100, 2);
}

/// 47 documents a second to 10,000 feeds, 20 groups, each of which costs 10 us when it is told.
/// Each document on its own would take almost five times as long as there is.
Outcome full_thread(Costs costs, double long_polls) {
  Plan plan{.visitors = 10'000, .rate = 47.0 / 10'000, .writers = 20, .seconds = 200};
  plan.long_polls = long_polls;
  const Outcome outcome = run(plan, costs);
  EXPECT_GT(outcome.edge_busy, 0.99);
  EXPECT_EQ(outcome.documents, 47 * plan.seconds);
  return outcome;
}

/// The feeds x (10 us + what came in a round, but for one, x row_us).
double round_ms(double row_us) {
  return 100 * (1 - row_us / 10) / (1 - 10'000 * row_us * 47 / 1e6);
}

TEST(ScaleModel, AFullThreadTellsEachFeedOnceARoundOfAllThatCame) {
  for (const double row_us : {0.0, 0.5}) {
    Costs costs = nothing_costs();
    costs.wake_us = 10;
    costs.row_us = row_us;
    const Outcome outcome = full_thread(costs, 0);
    // A document waits until a group was told, then for 1 to 20 groups, then within its own.
    const double round = round_ms(row_us), group = round / 20;
    EXPECT_NEAR(outcome.all.p50_ms, (0.5 + 10.5 + 0.5) * group, 0.04 * round);
    EXPECT_NEAR(outcome.all.p99_ms, (20 + 1.3) * group, 0.04 * round);
    EXPECT_LE(outcome.all.most_ms, 2 * round);
  }
}

TEST(ScaleModel, AFullThreadOfLongPollsTakesTwoRoundsAtMost) {
  for (const double row_us : {0.0, 0.5}) {
    Costs costs = nothing_costs();
    costs.poll_us = 4;
    costs.ask_us = 6;
    costs.row_us = row_us;
    const Outcome outcome = full_thread(costs, 1);
    // The writer waits behind all who ask anew, then the document for those who are before it.
    const double round = round_ms(row_us);
    EXPECT_NEAR(outcome.all.p50_ms, 1.5 * round, 0.1 * round);
    EXPECT_NEAR(outcome.all.p99_ms, 2 * round, 0.1 * round);
  }
}

TEST(ScaleModel, LongPollsAskAnewInLineWithRequests) {
  Costs costs = nothing_costs();
  costs.poll_us = 10;
  costs.ask_us = 90;
  // One is told within 5 ms, then all ask for 45; after 20 ms the next one is sent.
  const Plan plan{.visitors = 500, .rate = 50.0 / 500, .writers = 1, .seconds = 0.05};
  const Outcome outcome = run(plan, costs);
  ASSERT_EQ(outcome.documents, 2);
  EXPECT_NEAR(outcome.all.least_ms, 0, 0.1);
  EXPECT_NEAR(outcome.all.p50_ms, 5, 0.2);  // of the first one: those of the second wait longer
  EXPECT_NEAR(outcome.all.most_ms, 50 - 20 + 5, 0.2);
}

TEST(ScaleModel, SomeRequestsGoBetweenTheGroupsOfARoundAndTheOthersBehindIt) {
  Costs costs = nothing_costs();
  costs.poll_us = 10;
  costs.ask_us = 90;
  // Four groups of 500: 5 ms for telling one, 45 ms until it has asked anew.
  Plan plan{.visitors = 2'000, .rate = 50.0 / 2'000, .writers = 1, .seconds = 0.03};
  // The first one asks before the second one is told, which is more than its share.
  EXPECT_NEAR(run(plan, costs).all.most_ms, 5 + 45 + 3 * 5, 0.5);
  // One more after 20 ms, that goes behind the round. Group 2 asks too early; group 3 asks and is
  // answered; 1 and 2, who wait, are told in a round; group 4 asks and is answered.
  plan.seconds = 0.05;
  const Outcome outcome = run(plan, costs);
  ASSERT_EQ(outcome.documents, 2);
  EXPECT_NEAR(outcome.all.most_ms, 65 + 45 + (45 + 5) + 2 * 5 + (45 + 5) - 20, 0.5);
}

TEST(ScaleModel, WhatComesDuringARoundIsToldInItToThoseWhoseTurnIsToComeThenToTheOthers) {
  Costs costs = nothing_costs();
  costs.wake_us = 10;
  // Two documents, the second in the midst of the first one's round of 100 ms.
  Plan plan{
      .visitors = 10'000, .rate = 20.0 / 10'000, .writers = 1, .long_polls = 0, .seconds = 0.11};
  std::map<int, std::vector<std::ptrdiff_t>> groups;
  const Outcome outcome = run(plan, costs, [&](int, int, std::ptrdiff_t group, int document) {
    groups[document].push_back(group);
  });
  ASSERT_EQ(outcome.documents, 2);
  ASSERT_EQ(groups[1].size(), 20U);
  EXPECT_NEAR(static_cast<double>(groups[1].front()), 10, 2);
  EXPECT_EQ(groups[1].back(), groups[1].front() - 1);
  EXPECT_NEAR(outcome.all.most_ms, 100, 10);  // not the two rounds that both would take
}

TEST(ScaleModel, AWriterWhoWaitsForAnswersWaitsForGroupsAndNotForRounds) {
  Costs costs = nothing_costs();
  costs.wake_us = 10;
  // A group of 500 takes 5 ms, a round 100 ms: one group for each writing at least, two at most.
  Plan plan{
      .visitors = 10'000, .rate = 500.0 / 10'000, .writers = 1, .long_polls = 0, .seconds = 60};
  const Outcome fast = run(plan, costs);
  EXPECT_GE(fast.documents, 60 * 99);
  EXPECT_LE(fast.documents, 60 * 200);
  plan.rate = 50.0 / 10'000;  // all that are due are written
  EXPECT_NEAR(run(plan, costs).documents, 60 * 50, 2);
}

TEST(ScaleModel, TheSameSeedIsTheSameRunAndAnotherIsNot) {
  Plan plan = busy_plan(Away::kUpstream);
  const Outcome first = run(plan, measured_costs()), again = run(plan, measured_costs());
  EXPECT_EQ(first.documents, again.documents);
  EXPECT_EQ(first.all.p99_ms, again.all.p99_ms);
  EXPECT_EQ(first.request_wait_ms, again.request_wait_ms);
  EXPECT_EQ(first.catch_up_s, again.catch_up_s);
  plan.seed = 2;
  EXPECT_NE(run(plan, measured_costs()).request_wait_ms, first.request_wait_ms);
}

TEST(ScaleModel, AfterAnOutageOfAnEdgeItsBacklogGoesAtWhatThePlanHasLeft) {
  Plan plan{.visitors = 400, .rate = 1, .link_ms = 0, .writes = 1'000, .seconds = 150};
  plan.away = Away::kEdge;
  plan.away_for = 60;
  const Outcome outcome = run(plan, nothing_costs());
  ASSERT_TRUE(outcome.catch_up_s.has_value());
  const double on_paper = 400.0 * 60 / (1'000 - 400);  // backlog / (capacity - rate)
  EXPECT_NEAR(*outcome.catch_up_s, on_paper, 0.05 * on_paper);
}

TEST(ScaleModel, AfterAnOutageOfTheOriginTheWaitForTheNextTryComesOnTop) {
  Plan plan{.visitors = 40, .rate = 1, .link_ms = 0, .writes = 100, .seconds = 600};
  plan.away = Away::kUpstream;
  plan.away_for = 200;
  const auto on_paper = [](double wait) { return wait + 40.0 * (200 + wait) / (100 - 40); };
  for (plan.seed = 1; plan.seed <= 8; ++plan.seed) {
    const Outcome outcome = run(plan, nothing_costs());
    ASSERT_TRUE(outcome.catch_up_s.has_value());
    EXPECT_GE(*outcome.catch_up_s, 0.95 * on_paper(0));
    EXPECT_LE(*outcome.catch_up_s, 1.05 * on_paper(30));  // LiveSync's longest wait
    EXPECT_GE(outcome.backlog, 0.9 * 40 * 200);
    EXPECT_LE(outcome.backlog, 2.2 * 40 * 230);  // a copy at the origin, and some at the edge
  }
}

TEST(ScaleModel, QueriesOfAPlanBoundHowOftenEdgesAskAndNotHowMuchTheyGet) {
  Plan plan{.visitors = 100, .edges = 10, .rate = 1, .queries = 5, .seconds = 60};
  const Outcome limited = run(plan, nothing_costs());
  plan.queries = 0;
  const Outcome free = run(plan, nothing_costs());
  EXPECT_LE(limited.origin_queries, 5.2);
  EXPECT_GT(free.origin_queries, 50);
  EXPECT_EQ(limited.all.count, free.all.count);
  // Ten edges take turns: each asks every two seconds.
  EXPECT_NEAR(limited.other_edges.p50_ms, 1'000 + 500, 600);
  EXPECT_LT(free.other_edges.p99_ms, 200);
}

TEST(ScaleModel, AFullThreadMakesEveryoneWaitLongerAndLonger) {
  Costs costs = nothing_costs();
  costs.request_us = 1'000;
  Plan plan{.visitors = 1'000, .rate = 1.25, .seconds = 40};
  const Outcome outcome = run(plan, costs);
  // 1.25 s of work a second: the last one waits for a quarter of the run, the others in proportion.
  EXPECT_NEAR(outcome.request_wait_ms, 5'000, 500);
  EXPECT_NEAR(outcome.edge_busy, 1, 0.01);
}

TEST(ScaleModel, FewestEdgesIsEnoughAndOneLessIsNot) {
  Costs costs = nothing_costs();
  costs.wake_us = 10;
  Plan plan{.visitors = 20'000, .rate = 1e-4, .long_polls = 0, .link_ms = 1, .seconds = 50};
  const auto edges = fewest_edges(plan, costs, 50, 64);
  ASSERT_TRUE(edges.has_value());
  plan.edges = *edges;
  EXPECT_LE(run(plan, costs).all.p99_ms, 50);
  plan.edges = *edges - 1;
  EXPECT_GT(run(plan, costs).all.p99_ms, 50);
  EXPECT_FALSE(fewest_edges(plan, costs, 0.5, 64));  // the links alone take more
}

TEST(ScaleModel, WrongParametersAreNamed) {
  const auto problem = [](auto change) {
    Plan plan;
    change(plan);
    return problem_of(plan).value_or("");
  };
  EXPECT_EQ(problem([](Plan&) {}), "");
  EXPECT_EQ(problem([](Plan& p) { p.visitors = 0; }), "visitors is out of range");
  EXPECT_EQ(problem([](Plan& p) { p.visitors = -5; }), "visitors is out of range");
  EXPECT_EQ(problem([](Plan& p) { p.edges = 1.5; }), "edges is no whole number");
  EXPECT_EQ(problem([](Plan& p) { p.rate = 0; }), "rate is out of range");
  EXPECT_EQ(problem([](Plan& p) { p.rate = std::nan(""); }), "rate is out of range");
  EXPECT_EQ(problem([](Plan& p) { p.bytes = 9e6; }), "bytes is out of range");
  EXPECT_EQ(problem([](Plan& p) { p.seconds = HUGE_VAL; }), "seconds is out of range");
  EXPECT_EQ(problem([](Plan& p) { p.spread = 2; }), "spread: there are fewer edges");
  EXPECT_EQ(problem([](Plan& p) { p.top = 2; }), "top: there are fewer edges");
  EXPECT_EQ(problem([](Plan& p) { p.edges = 4, p.top = 1, p.spread = 2; }),
            "top: edges over edges carry all rooms, so that spread must be 0");
  EXPECT_EQ(problem([](Plan& p) { p.rooms = 2'000; }),
            "visitors: fewer than rooms x edges that carry them");
  EXPECT_EQ(problem([](Plan& p) { p.visitors = 16'001; }), "visitors: an edge takes 16000 feeds");
  EXPECT_EQ(problem([](Plan& p) { p.visitors = 16'000; }), "");
  EXPECT_EQ(problem([](Plan& p) { p.rate = 1'000, p.seconds = 86'400; }),
            "visitors x rate x seconds x edges: too many documents for one run");
  EXPECT_EQ(problem([](Plan& p) { p.away = Away::kEdge, p.away_for = 60; }),
            "away_for: the outage ends after the run");
}

TEST(ScaleModel, WhatIsTypedIsTakenWholeOrNotAtAll) {
  Plan plan;
  EXPECT_TRUE(set(plan, "visitors", "100000"));
  EXPECT_TRUE(set(plan, "rate", "0.5"));
  EXPECT_TRUE(set(plan, "away", "upstream"));
  EXPECT_EQ(plan.visitors, 100'000);
  EXPECT_EQ(plan.rate, 0.5);
  EXPECT_EQ(plan.away, Away::kUpstream);
  for (const char* text : {"", "x", "10k", "1 ", " 1", "0x10"}) {
    EXPECT_FALSE(set(plan, "visitors", text)) << text;
  }
  EXPECT_FALSE(set(plan, "visitor", "5"));
  Costs costs = nothing_costs();
  EXPECT_TRUE(set(costs, "wake_us", "16.9"));
  EXPECT_EQ(costs.wake_us, 16.9);
  for (const char* text : {"-1", "nan", "inf", "1e10", "many"}) {
    EXPECT_FALSE(set(costs, "wake_us", text)) << text;
  }
  EXPECT_EQ(costs.wake_us, 16.9);
  EXPECT_FALSE(set(plan, "away", "2"));
  EXPECT_EQ(plan.visitors, 100'000);
}

}  // namespace
}  // namespace atelier::bench::scale
