// A model of many edges over one origin: queues in virtual time, with the costs that benchmarks
// measured (docs/scale.md). It says how long a document takes to the feeds of all visitors, how
// busy each part is, and how long catching up takes after an outage. It moves numbers, not
// documents: whether replication is right is tested by framework/simulation.
//
// What is modelled:
//  1. A server has one thread: requests are one line before it, what else it has to do another,
//     each first come, first served; where both wait, some hundred requests go between two works.
//     An origin may have more threads (a cluster's cores).
//  2. A second thread commits; what arrives during a commit goes into the next one.
//  3. Feeds of a room are told in rounds, some hundred in one go, each of all that came since it
//     was told last; other work comes between two goes. A commit begins a round, or during one has
//     another follow it, for those whose turn was over. Who has all of it costs nothing.
//     Long polls ask anew when they were told, in line with all requests, and are answered at once
//     where something came meanwhile.
//  4. Each edge keeps one push and one pull for each of its rooms, with one request under way each:
//     what gathers during a request goes into the next one (up to kBatchDocsMax).
//  5. A plan of Cloudant's lets through so many operations a second; here they wait in line for it.
//     The real thing refuses (429) and is asked again, which wastes some of the plan.
//  6. While a part is away, whoever needs it asks again after LiveSync's back-off.
//
// The same Plan gives the same Outcome. Thread rule: one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace atelier::bench::scale {

/// Processor time, wall time of the disk, bytes. Where each comes from stands in scale_model.cpp.
struct Costs {
  double wake_us;                  // a feed that is kept open told of something
  double poll_us, ask_us;          // a long poll answered; asked anew
  double row_us;                   // each row more in what it is told
  double request_us, document_us;  // a request; a document in it
  double push_us, pull_us;         // a document, in the edge's replicator
  double commit_us, commit_document_us;
  double feed_bytes, row_bytes;  // memory a feed; what a row has beside the document
  double disk_bytes;             // a document in the file, beside its body
};
Costs measured_costs();

enum class Away { kNobody, kUpstream, kEdge };  // kEdge: the first one

struct Plan {
  double visitors = 1'000;  // each keeps one feed open, spread evenly over edges and rooms
  double edges = 1, rooms = 1;
  double spread = 0;   // edges that carry a room; 0: all of them
  double top = 0;      // edges at the origin itself, the others hang on edges; 0: all
  double fan = 8;      // so many on each edge, where `top` is given
  double rate = 0.01;  // documents a second of one visitor
  double writers =
      0;  // of a room at an edge, who take turns and wait for each answer; 0: by chance
  double bytes = 250;     // a document's body
  double long_polls = 1;  // visitors ask anew each time (PouchDB, our windows); 0: continuous
  double link_ms = 20;    // one way, between an edge and what it hangs on
  double link_mbit = 100;
  double visitor_ms = 0;                      // one way, between a visitor and the edge
  double origin_threads = 1;                  // 1: an Atelier; a cluster: nodes x cores
  double origin_times = 1;                    // what a request costs there, as a multiple of ours
  double queries = 0, writes = 0, reads = 0;  // a second, at the origin; 0: any number
  double seconds = 20;  // documents are written for so long; then all is delivered
  double seed = 1;
  Away away = Away::kNobody;
  double away_from = 5, away_for = 0;  // seconds
};

/// Sets the member that is named so; false where there is none or `text` is no number that it
/// takes.
bool set(Plan& plan, std::string_view name, std::string_view text);
bool set(Costs& costs, std::string_view name, std::string_view text);  // from 0 to 10^9
/// What is wrong with it, in words; nothing where it can be run.
std::optional<std::string> problem_of(const Plan& plan);

struct Delay {
  double p50_ms = 0, p99_ms = 0, least_ms = 0, most_ms = 0;
  double count = 0;  // documents x feeds
};

struct Outcome {
  Delay same_edge, other_edges, all;  // from a visitor's hand to a feed
  double documents = 0;
  double request_wait_ms = 0;  // mean, of visitors' requests before the edge's thread
  double edge_busy = 0, sync_busy = 0, origin_busy = 0;  // share of a thread; of the busiest edge
  double origin_queries = 0, origin_writes = 0, origin_reads = 0;  // operations a second
  double edge_out_mbit = 0;                                        // to the visitors of one edge
  double link_mbit = 0;              // of the busiest edge with what it hangs on, both ways
  double edge_memory_mb = 0;         // of feeds
  double disk_gb_per_day = 0;        // of one edge
  double backlog = 0;                // copies of documents that were missing somewhere, at most
  double behind_s = 0;               // after the last document was written, until all had all
  std::optional<double> catch_up_s;  // after the outage, until no more is missing than before it
};

/// Each document that a group of feeds, numbered within an edge's room, is told.
using OnTold = std::function<void(int edge, int room, std::ptrdiff_t group, int document)>;

/// `plan` has no problem.
Outcome run(const Plan& plan, const Costs& costs, const OnTold& on_told = nullptr);

/// The smallest number of edges with which the p99 of all stays under the limit; nothing where none
/// up to `most` does.
std::optional<int> fewest_edges(Plan plan, const Costs& costs, double p99_ms, int most);

}  // namespace atelier::bench::scale
