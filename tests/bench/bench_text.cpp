// The text CRDT on recorded editing sessions, beside Yjs, Loro and Automerge in one run.
//   bench_text [--json FILE] [--svg FILE] [--no-peers] [--automerge] [--rounds N]
// Each figure of ours is the median of the rounds. The peers run in node (text_peers.mjs), on the
// same edits in the same batches; --automerge adds the one that takes minutes. Without the recorded
// sessions (see text_tools.h) there is nothing to measure, and it says so.
#include <cstdio>
#include <iostream>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <boost/json.hpp>

#include "base/digest.h"
#include "bench/report.h"
#include "bench/windows.h"
#include "text/text_doc.h"
#include "unit/text_tools.h"

namespace atelier {
namespace {

using namespace bench;

constexpr std::size_t kEditsPerBatch = 50;

void edit(TextDoc& doc, const TracePatch& patch) {
  bool done = true;
  if (patch.erased > 0) done = bool(doc.erase(patch.position, patch.erased));
  if (!patch.inserted.empty()) done = done && doc.insert(patch.position, patch.inserted);
  require(done, "an edit was refused");
}

// Runs `make` untimed and `work` timed on what it made, `rounds` times.
template <class Make, class Work>
double measure(int rounds, Make&& make, Work&& work) {
  std::vector<double> times;
  for (int round = 0; round < rounds; ++round) {
    auto made = make();
    times.push_back(milliseconds([&] { work(made); }));
  }
  return median(std::move(times));
}

void merge_at_once(TextDoc& doc, const std::vector<std::string>& batches) {
  const auto given = views(batches);
  const MergeReport report = doc.merge_all(given);
  for (const MergeResult& result : report.results) {
    require(result.state == MergeState::kMerged, "a batch was not merged");
  }
}

Row at_most(std::string work, double value, std::string unit, std::optional<double> target = {}) {
  return {.work = std::move(work), .value = value, .unit = std::move(unit), .target = target};
}

void measure_sequential(const Trace& trace, int rounds, std::vector<Row>& rows) {
  const auto& patches = trace.transactions[0].patches;
  rows.push_back(at_most("apply 260k local edits",
                         measure(
                             rounds, [] { return TextDoc("a"); },
                             [&](TextDoc& doc) {
                               for (const TracePatch& patch : patches) edit(doc, patch);
                             }),
                         "ms", 10));

  TextDoc whole("a");
  std::vector<std::string> batches;
  for (std::size_t i = 0; i < patches.size(); ++i) {
    edit(whole, patches[i]);
    if (i % kEditsPerBatch == kEditsPerBatch - 1 || i + 1 == patches.size()) {
      batches.push_back(whole.take_batch()->bytes);
    }
  }
  require(whole.text().text() == trace.end_content, "the text is not what was recorded");
  std::printf("%zu edits, %zu batches, text %s\n", patches.size(), batches.size(),
              hex(sha256(whole.text().text())).substr(0, 16).c_str());

  const std::string with = *whole.write_snapshot(TextDoc::History::kWith);
  const std::string without = *whole.write_snapshot(TextDoc::History::kWithout);
  rows.push_back(at_most(
      "open from snapshot, text ready",
      measure(
          rounds, [] { return TextDoc(); }, [&](TextDoc& doc) { doc = *TextDoc::open(with, "b"); }),
      "ms", 1));
  rows.push_back(at_most("load the full history",
                         measure(
                             rounds, [] { return TextDoc(); },
                             [&](TextDoc& doc) {
                               doc = *TextDoc::open(with, "b");
                               require(bool(doc.load_history()), "the history was refused");
                             }),
                         "ms", 2));
  rows.push_back(at_most("5,196 remote batches, one by one",
                         measure(
                             rounds, [] { return TextDoc(); },
                             [&](TextDoc& doc) {
                               for (const std::string& batch : batches) {
                                 require(bool(doc.merge(batch)), "a batch was refused");
                               }
                             }),
                         "ms", 13));
  rows.push_back(at_most(
      "5,196 remote batches, together",
      measure(
          rounds, [] { return TextDoc(); }, [&](TextDoc& doc) { merge_at_once(doc, batches); }),
      "ms"));
  rows.push_back(
      at_most("encoded history with the text", static_cast<double>(with.size()) / 1000, "kB", 110));
  rows.push_back(at_most("encoded text alone", static_cast<double>(without.size()) / 1000, "kB"));
  rows.push_back(
      at_most("memory with the text open", static_cast<double>(whole.memory()) / 1e6, "MB", 2));
}

void measure_concurrent(const Trace& trace, int rounds, std::vector<Row>& rows) {
  const auto batches = trace_batches(trace);
  TextDoc whole;
  merge_at_once(whole, batches);
  require(whole.text().text() == trace.end_content, "the text is not what was recorded");
  const std::string snapshot = *whole.write_snapshot(TextDoc::History::kWith);
  rows.push_back(at_most("friendsforever: load with its history",
                         measure(
                             rounds, [] { return TextDoc(); },
                             [&](TextDoc& doc) {
                               doc = *TextDoc::open(snapshot, "b");
                               require(bool(doc.load_history()), "the history was refused");
                             }),
                         "ms", 5));
  rows.push_back(
      at_most("friendsforever: replay the whole history",
              measure(
                  rounds, [&] { return *TextDoc::open(snapshot); },
                  [&](TextDoc& doc) { require(bool(doc.verify()), "the replay differs"); }),
              "ms", 5));
  rows.push_back(at_most(
      "friendsforever: all batches together",
      measure(
          rounds, [] { return TextDoc(); }, [&](TextDoc& doc) { merge_at_once(doc, batches); }),
      "ms"));
  rows.push_back(at_most("friendsforever: batches one by one",
                         measure(
                             rounds, [] { return TextDoc(); },
                             [&](TextDoc& doc) {
                               for (const std::string& batch : batches) {
                                 require(bool(doc.merge(batch)), "a batch was refused");
                               }
                             }),
                         "ms"));
}

// Typing, backspacing and jumping, as people do.
std::vector<TracePatch> made_up_edits(std::size_t count, std::size_t length, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<TracePatch> edits;
  std::size_t at = length / 2;
  while (edits.size() < count) {
    if (random() % 20 == 0) at = random() % (length + 1);
    if (random() % 6 == 0 && at > 0) {
      edits.push_back({static_cast<std::uint32_t>(--at), 1, {}});
      --length;
    } else {
      edits.push_back({static_cast<std::uint32_t>(at++), 0,
                       std::string(1, static_cast<char>('a' + random() % 26))});
      ++length;
    }
  }
  return edits;
}

void measure_offline(int rounds, std::vector<Row>& rows) {
  constexpr std::size_t kEdits = 100'000;
  TextDoc base("base");
  require(bool(base.insert(0, std::string(20'000, 'x'))), "the base was refused");
  const std::string start = *base.write_snapshot(TextDoc::History::kWith);
  const auto branch = [&](const char* agent, unsigned seed) {
    TextDoc doc = *TextDoc::open(start, agent);
    for (const TracePatch& patch : made_up_edits(kEdits, 20'000, seed)) edit(doc, patch);
    return doc;
  };
  TextDoc other = branch("two", 2);
  std::vector<std::string> batches;
  while (auto batch = other.take_batch()) batches.push_back(std::move(batch->bytes));
  rows.push_back(at_most("two replicas, 100k offline edits each, merge",
                         measure(
                             rounds, [&] { return branch("one", 1); },
                             [&](TextDoc& doc) { merge_at_once(doc, batches); }),
                         "ms", 80));
}

// The others' figures by the work's name: [{peer, value}].
boost::json::object run_peers(const std::filesystem::path& traces, bool automerge) {
  const auto output =
      output_of("ATELIER_TRACES='" + traces.string() + "' node '" + ATELIER_BENCH_FOLDER +
                "/text_peers.mjs'" + (automerge ? " --automerge" : ""));
  boost::system::error_code error;
  const auto parsed = boost::json::parse(output.value_or(""), error);
  if (error || !parsed.is_object()) {
    std::cout << "No peers: node or its packages (yjs, loro-crdt) are not there.\n";
    return {};
  }
  return parsed.as_object();
}

void add_peers(const boost::json::object& peers, std::vector<Row>& rows) {
  for (Row& row : rows) {
    const auto* found = peers.if_contains(row.work);
    if (!found) continue;
    for (const auto& peer : found->as_array()) {
      row.peers.push_back(
          {std::string(peer.at("peer").as_string()), peer.at("value").to_number<double>()});
    }
  }
}

void measure_crdt(const std::filesystem::path& folder, const Options& options, Report& report) {
  std::vector<Row> rows;
  measure_sequential(read_trace(folder / "automerge-paper.json.gz"), options.rounds, rows);
  measure_concurrent(read_trace(folder / "friendsforever.json.gz"), options.rounds, rows);
  measure_offline(options.rounds, rows);
  if (options.peers) {
    add_peers(run_peers(folder, options.switches.count("--automerge") > 0), rows);
  }
  for (Row& row : rows) report.add(std::move(row));
}

int run(const Options& options) {
  Report report("text", "Texts: the CRDT beside others, the editor, another's screen");
  const auto folder = traces_folder();
  if (folder) {
    measure_crdt(*folder, options, report);
  } else {
    std::cout << "No recorded traces: set ATELIER_TRACES to their folder to measure the CRDT.\n";
  }
  add_windows(report, options, "text");
  return finish(report, options);
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) {
  const auto options = atelier::bench::read_options(argc, argv, {"--automerge"});
  return options ? atelier::run(*options) : 2;
}
