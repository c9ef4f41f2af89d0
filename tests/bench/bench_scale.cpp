// How far it goes: one edge, many edges, a million visitors (docs/scale.md). Measures what a feed
// and a request cost on this machine, looks whether the model (scale_model.h) says of a load that
// can be run here what is measured of it, and lets the model say what nobody ran.
//   bench_scale [--json FILE] [--svg FILE] [--no-peers] [--rounds N]
//   bench_scale NAME=VALUE…   one plan, with the costs that are written down: visitors=100000
//   edges=20 bench_scale p99_ms=500 NAME=VALUE…   the smallest number of edges for it
// --no-peers is the tiny run of the test suite: little is measured, and the model works with what
// is written down.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <string_view>

#include "base/os/os.h"
#include "bench/child.h"
#include "bench/feeds.h"
#include "bench/report.h"
#include "bench/scale_model.h"
#include "bench/served.h"

namespace atelier::bench {
namespace {

using scale::Costs;
using scale::Outcome;
using scale::Plan;

constexpr int kEdgesMax = 1'024;  // that are tried

std::string self_path;  // for starting ourselves again

// ---- What things cost here

struct Sizes {
  std::size_t feeds = 5'000, bulk = 100, puts = 20'000;
  int rounds = 20;
};

std::string bulk_of(const std::string& mark, std::size_t count) {
  std::string body = "{\"docs\":[";
  for (std::size_t i = 0; i < count; ++i) {
    const std::string id = mark + (i + 1 == count ? "last" : std::to_string(i));
    body += (i == 0 ? "" : ",") + ("{\"_id\":\"" + id + "\"," + body_of(i).substr(1));
  }
  return body + "]}";
}

/// The server's processor, in us a feed.
struct Telling {
  double told, asked_anew;
};

/// All feeds are told of `count` documents at once.
Telling telling_us(const Sizes& sizes, bool long_polls, std::size_t count) {
  Folder folder;
  Ours ours(self_path, folder.sub("server"));
  Swarm feeds(ours.target.port, sizes.feeds), writer(ours.target.port, 1);
  const std::string kind = long_polls ? "longpoll" : "continuous";
  const std::string ask =
      request_text(ours.target, "GET",
                   "/room/_changes?include_docs=true&since=now&feed=" + kind + "&heartbeat=50000");
  feeds.send_all(ask);
  await_heads(feeds);
  Telling spent{};
  const auto spend = [&](double& sum, const std::string& mark, const std::function<void()>& what) {
    const double before = ours.processor_ms();
    fan_out_ms(feeds, mark, what);
    sum += ours.processor_ms() - before;
  };
  for (int round = 0; round < sizes.rounds; ++round) {
    const std::string mark = "m:" + std::to_string(round) + "-";
    spend(spent.told, long_polls ? "\r\n0\r\n\r\n" : mark + "last", [&] {
      writer.ask_each(1, [&](std::size_t) {
        return request_text(ours.target, "POST", "/room/_bulk_docs", bulk_of(mark, count));
      });
    });
    if (long_polls) spend(spent.asked_anew, "{\"results\":[", [&] { feeds.send_all(ask); });
  }
  const double tellings = static_cast<double>(sizes.feeds) * sizes.rounds;
  return {spent.told * 1e3 / tellings, spent.asked_anew * 1e3 / tellings};
}

/// Of a PUT while nobody listens, with the commit.
double put_us(const Sizes& sizes) {
  Folder folder;
  Ours ours(self_path, folder.sub("server"));
  Swarm writers(ours.target.port, 64);
  const double before = ours.processor_ms();
  writers.ask_each(sizes.puts, [&](std::size_t i) {
    return request_text(ours.target, "PUT", "/room/" + id_of(i), body_of(i));
  });
  return (ours.processor_ms() - before) * 1e3 / static_cast<double>(sizes.puts);
}

Costs measure_costs(const Sizes& sizes, Report& report) {
  Costs costs = scale::measured_costs();
  costs.wake_us = telling_us(sizes, false, 1).told;
  const Telling polls = telling_us(sizes, true, 1);
  costs.poll_us = polls.told;
  costs.ask_us = polls.asked_anew;
  const double many = telling_us(sizes, false, sizes.bulk).told;
  costs.row_us = std::max(0.0, many - costs.wake_us) / static_cast<double>(sizes.bulk - 1);
  costs.request_us = put_us(sizes);
  const Costs noted = scale::measured_costs();
  const auto add = [&](const char* work, double value, double before) {
    report.add({.work = work, .value = value, .unit = "us", .peers = {{"noted", before}}});
  };
  add("processor of a feed that is kept open, told of a document", costs.wake_us, noted.wake_us);
  add("processor of a long poll, told of a document", costs.poll_us, noted.poll_us);
  add("processor of a long poll, asked anew", costs.ask_us, noted.ask_us);
  add("processor of each further document in one telling, a feed", costs.row_us, noted.row_us);
  add("processor of a PUT, 64 writers", costs.request_us, noted.request_us);
  return costs;
}

// ---- The model beside what can be measured

struct Load {
  std::size_t feeds;
  double per_second;
  std::size_t writers;
  bool long_polls = false;
};

std::string name_of(const Load& load) {
  return std::to_string(load.feeds) + (load.long_polls ? " long polls, " : " feeds, ") +
         std::to_string(static_cast<int>(load.per_second)) + " documents/s by " +
         std::to_string(load.writers) + (load.writers == 1 ? " writer, " : " writers, ");
}

/// The model gets what things cost on this machine, and says what comes of a steady rate.
void compare(const Load& load, const Costs& costs, Report& report) {
  constexpr double kSeconds = 6;
  const auto all = static_cast<double>(load.feeds);
  const Plan plan{.visitors = all,
                  .rate = load.per_second / all,
                  .writers = static_cast<double>(load.writers),
                  .long_polls = load.long_polls ? 1.0 : 0.0,
                  .seconds = kSeconds};
  const auto count = static_cast<std::size_t>(load.per_second * kSeconds);
  const auto delays =
      delays_at_rate(self_path, load.feeds, count, load.per_second, load.writers, load.long_polls);
  const std::string work = name_of(load);
  const Outcome outcome = scale::run(plan, costs);
  const scale::Delay& model = outcome.same_edge;
  const auto add = [&](const char* what, double value, double share) {
    report.add({.work = work + what,
                .value = value,
                .unit = "ms",
                .peers = {{"measured just now", quantile(delays.ms, share)}}});
  };
  report.add({.work = work + "as many as they get to: the model",
              .value = outcome.documents / kSeconds,
              .unit = "docs/s",
              .better = Better::kMore,
              .peers = {{"measured just now", delays.per_second}}});
  add("median: the model", model.p50_ms, 0.5);
  add("p99: the model", model.p99_ms, 0.99);
}

// ---- What the model says of sizes that nobody ran

/// Everybody in one room, to which five documents a second come in all.
Plan one_room(double visitors, bool long_polls) {
  return {.visitors = visitors, .rate = 5 / visitors, .long_polls = long_polls ? 1.0 : 0.0};
}

/// Rooms of a hundred, each at one edge, each visitor with a document in 50 s.
Plan small_rooms(double visitors) {
  return {.visitors = visitors, .rooms = std::ceil(visitors / 100), .spread = 1, .rate = 0.02};
}

void foresee(const std::string& what, const Plan& plan, Report& report) {
  const auto edges = scale::fewest_edges(plan, scale::measured_costs(), 500, kEdgesMax);
  require(edges.has_value(), "no number of edges is enough");
  report.add({.work = std::to_string(static_cast<int>(plan.visitors)) + what +
                      ": edges for a p99 of 500 ms, by the model",
              .value = static_cast<double>(*edges),
              .unit = "edges"});
}

void foresee_up_to(double most, Report& report) {
  for (double visitors = 100; visitors <= most; visitors *= 10) {
    foresee(" in one room with 5 documents/s, kept open", one_room(visitors, false), report);
    foresee(" in one room with 5 documents/s, asking anew", one_room(visitors, true), report);
    foresee(" in rooms of 100 with 2 documents/s each, asking anew", small_rooms(visitors), report);
  }
}

// ---- One plan

void print(const Plan& plan, const Costs& costs) {
  const Outcome out = scale::run(plan, costs);
  const auto line = [](const char* what, double value, const char* unit) {
    std::printf("%-52s %12.4g %s\n", what, value, unit);
  };
  const auto delay = [&](const char* what, const scale::Delay& of) {
    if (of.count == 0) return;
    std::printf("%-52s %12.4g ms p50 %10.4g ms p99\n", what, of.p50_ms, of.p99_ms);
  };
  delay("from a hand to a feed at the same edge", out.same_edge);
  delay("from a hand to a feed at another edge", out.other_edges);
  delay("from a hand to any feed", out.all);
  line("documents written in all", out.documents / plan.seconds, "a second");
  line("server thread of the busiest edge", out.edge_busy * 100, "%");
  line("replicator of the busiest edge", out.sync_busy * 100, "% of a core");
  line("threads of the origin", out.origin_busy * 100, "%");
  line("origin: _changes", out.origin_queries, "a second");
  line("origin: documents and checkpoints written", out.origin_writes, "a second");
  line("origin: _revs_diff", out.origin_reads, "a second");
  line("edge to its visitors", out.edge_out_mbit, "Mbit/s");
  line("edge and what it hangs on", out.link_mbit, "Mbit/s");
  line("memory of an edge's feeds", out.edge_memory_mb, "MB");
  line("disk of an edge at this rate", out.disk_gb_per_day, "GB a day");
  line("copies missing somewhere, at most", out.backlog, "documents");
  line("after the last document, until all had all", out.behind_s, "s");
  if (out.catch_up_s) line("catching up after the outage", *out.catch_up_s, "s");
}

int run_plan(int argc, char** argv) {
  Plan plan;
  Costs costs = scale::measured_costs();
  double p99_ms = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string_view text = argv[i];
    const std::size_t equal = text.find('=');
    const std::string_view name = text.substr(0, equal);
    const std::string_view value = equal == text.npos ? "" : text.substr(equal + 1);
    Plan limit;
    const bool is_limit = name == "p99_ms" && set(limit, "seconds", value) && limit.seconds > 0;
    if (is_limit) p99_ms = limit.seconds;
    if (is_limit || set(plan, name, value) || set(costs, name, value)) continue;
    std::cerr << "not a parameter of the model: " << text << " (tests/bench/scale_model.h)\n";
    return 2;
  }
  if (p99_ms > 0) {
    const auto edges = scale::fewest_edges(plan, costs, p99_ms, kEdgesMax);
    if (!edges) {
      const auto alone = problem_of(plan);
      plan.edges = kEdgesMax;
      const auto among_many = problem_of(plan);
      std::cerr << (alone && among_many ? *among_many : "no number of edges up to 1024 is enough")
                << '\n';
      return 1;
    }
    std::printf("%-52s %12d\n", "edges", *edges);
    plan.edges = *edges;
  }
  if (const auto problem = problem_of(plan)) {
    std::cerr << *problem << '\n';
    return 2;
  }
  print(plan, costs);
  return 0;
}

int run(int argc, char** argv) {
  const auto options = read_options(argc, argv);
  if (!options) return 2;
  Report report("scale", "What a visitor costs, and what a model makes of it");
  const bool tiny = !options->peers && options->rounds == 1;
  const Sizes sizes = tiny ? Sizes{20, 10, 100, 2} : Sizes{};
  const Costs costs = measure_costs(sizes, report);
  if (tiny) {
    compare({20, 20, 1}, scale::measured_costs(), report);
    compare({20, 20, 2, true}, scale::measured_costs(), report);
  } else {
    compare({1'000, 500, 1}, costs, report);
    compare({1'000, 500, 64}, costs, report);
    compare({10'000, 50, 64}, costs, report);
    compare({5'000, 10, 16}, costs, report);
    compare({1'000, 10, 16, true}, costs, report);
    compare({1'000, 100, 16, true}, costs, report);
    compare({5'000, 10, 16, true}, costs, report);
  }
  foresee_up_to(tiny ? 1e4 : 1e6, report);
  return finish(report, *options);
}

}  // namespace
}  // namespace atelier::bench

int main(int argc, char** argv) {
  using namespace atelier::bench;
  atelier::os::ignore_broken_pipes();
  self_path = argv[0];
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "--serve" && argc == 3) return run_server(argv[2]);
  if (what.find('=') != what.npos && !what.starts_with("--")) return run_plan(argc, argv);
  return run(argc, argv);
}
