// The text CRDT on recorded editing sessions, beside Yjs, Loro and Automerge in one run.
//   bench_text [--json FILE] [--no-peers] [--automerge] [--rounds N]
// Each figure of ours is the median of the rounds. The peers run in node (text_peers.mjs), on the
// same edits in the same batches; --automerge adds the one that takes minutes. Without the recorded
// sessions (see text_tools.h) there is nothing to measure, and it says so.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include <boost/json.hpp>

#include "base/digest.h"
#include "text/text_doc.h"
#include "unit/text_tools.h"

namespace atelier {
namespace {

constexpr std::size_t kEditsPerBatch = 50;

struct Row {
  std::string work;
  double value = 0;
  std::string unit;
  double target = 0;  // at most; 0: none
};

double milliseconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void require(bool condition, const char* what) {
  if (condition) return;
  std::cerr << "bench_text: " << what << '\n';
  std::exit(1);
}

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

void measure_sequential(const Trace& trace, int rounds, std::vector<Row>& rows) {
  const auto& patches = trace.transactions[0].patches;
  rows.push_back({"apply 260k local edits",
                  measure(
                      rounds, [] { return TextDoc("a"); },
                      [&](TextDoc& doc) {
                        for (const TracePatch& patch : patches) edit(doc, patch);
                      }),
                  "ms", 10});

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
  rows.push_back({"open from snapshot, text ready",
                  measure(
                      rounds, [] { return TextDoc(); },
                      [&](TextDoc& doc) { doc = *TextDoc::open(with, "b"); }),
                  "ms", 1});
  rows.push_back({"load the full history",
                  measure(
                      rounds, [] { return TextDoc(); },
                      [&](TextDoc& doc) {
                        doc = *TextDoc::open(with, "b");
                        require(bool(doc.load_history()), "the history was refused");
                      }),
                  "ms", 2});
  rows.push_back({"5,196 remote batches, one by one",
                  measure(
                      rounds, [] { return TextDoc(); },
                      [&](TextDoc& doc) {
                        for (const std::string& batch : batches) {
                          require(bool(doc.merge(batch)), "a batch was refused");
                        }
                      }),
                  "ms", 13});
  rows.push_back(
      {"5,196 remote batches, together",
       measure(
           rounds, [] { return TextDoc(); }, [&](TextDoc& doc) { merge_at_once(doc, batches); }),
       "ms", 0});
  rows.push_back(
      {"encoded history with the text", static_cast<double>(with.size()) / 1000, "kB", 110});
  rows.push_back({"encoded text alone", static_cast<double>(without.size()) / 1000, "kB", 0});
  rows.push_back({"memory with the text open", static_cast<double>(whole.memory()) / 1e6, "MB", 2});
}

void measure_concurrent(const Trace& trace, int rounds, std::vector<Row>& rows) {
  const auto batches = trace_batches(trace);
  TextDoc whole;
  merge_at_once(whole, batches);
  require(whole.text().text() == trace.end_content, "the text is not what was recorded");
  const std::string snapshot = *whole.write_snapshot(TextDoc::History::kWith);
  rows.push_back({"friendsforever: load with its history",
                  measure(
                      rounds, [] { return TextDoc(); },
                      [&](TextDoc& doc) {
                        doc = *TextDoc::open(snapshot, "b");
                        require(bool(doc.load_history()), "the history was refused");
                      }),
                  "ms", 5});
  rows.push_back({"friendsforever: replay the whole history",
                  measure(
                      rounds, [&] { return *TextDoc::open(snapshot); },
                      [&](TextDoc& doc) { require(bool(doc.verify()), "the replay differs"); }),
                  "ms", 5});
  rows.push_back(
      {"friendsforever: all batches together",
       measure(
           rounds, [] { return TextDoc(); }, [&](TextDoc& doc) { merge_at_once(doc, batches); }),
       "ms", 0});
  rows.push_back({"friendsforever: batches one by one",
                  measure(
                      rounds, [] { return TextDoc(); },
                      [&](TextDoc& doc) {
                        for (const std::string& batch : batches) {
                          require(bool(doc.merge(batch)), "a batch was refused");
                        }
                      }),
                  "ms", 0});
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
  rows.push_back({"two replicas, 100k offline edits each, merge",
                  measure(
                      rounds, [&] { return branch("one", 1); },
                      [&](TextDoc& doc) { merge_at_once(doc, batches); }),
                  "ms", 80});
}

boost::json::object run_peers(const std::filesystem::path& traces, bool automerge) {
  const std::string command = std::string("ATELIER_TRACES='") + traces.string() + "' node '" +
                              ATELIER_BENCH_FOLDER + "/text_peers.mjs'" +
                              (automerge ? " --automerge" : "");
  std::string output;
  if (FILE* pipe = popen(command.c_str(), "r")) {
    std::array<char, 4096> buffer;
    while (std::size_t count = fread(buffer.data(), 1, buffer.size(), pipe))
      output.append(buffer.data(), count);
    pclose(pipe);
  }
  boost::system::error_code error;
  const auto parsed = boost::json::parse(output, error);
  if (error || !parsed.is_object()) {
    std::cout << "No peers: node or its packages (yjs, loro-crdt) are not there.\n";
    return {};
  }
  return parsed.as_object();
}

boost::json::array report(const std::vector<Row>& rows, const boost::json::object& peers) {
  boost::json::array out;
  std::printf("%-46s %10s    %-10s %10s %8s   %s\n", "work", "ours", "peer", "peer's", "ratio",
              "target");
  for (const Row& row : rows) {
    boost::json::array found;
    if (const auto* peer = peers.if_contains(row.work)) found = peer->as_array();
    if (found.empty()) found.push_back(boost::json::object{{"peer", nullptr}, {"value", nullptr}});
    for (const auto& peer : found) {
      const bool has_peer = peer.at("peer").is_string();
      const double theirs = has_peer ? peer.at("value").to_number<double>() : 0;
      const bool met = (row.target == 0 || row.value <= row.target);
      boost::json::object line{{"work", row.work},
                               {"value", row.value},
                               {"unit", row.unit},
                               {"peer", peer.at("peer")},
                               {"peer_value", peer.at("value")}};
      line["ratio"] = has_peer ? boost::json::value(theirs / row.value) : nullptr;
      line["target"] = row.target > 0 ? boost::json::value(row.target) : nullptr;
      line["met"] = row.target > 0 ? boost::json::value(met) : nullptr;
      std::printf("%-46s %8.2f %-3s %-10s", row.work.c_str(), row.value, row.unit.c_str(),
                  has_peer ? peer.at("peer").as_string().c_str() : "-");
      has_peer ? std::printf(" %10.2f %7.1fx", theirs, theirs / row.value)
               : std::printf(" %10s %8s", "", "");
      row.target > 0 ? std::printf("   <= %g %s\n", row.target, met ? "met" : "missed")
                     : std::printf("\n");
      out.push_back(std::move(line));
    }
  }
  return out;
}

int run(int argc, char** argv) {
  std::string json_path;
  bool with_peers = true;
  bool automerge = false;
  int rounds = 7;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--json" && i + 1 < argc) {
      json_path = argv[++i];
    } else if (argument == "--no-peers") {
      with_peers = false;
    } else if (argument == "--automerge") {
      automerge = true;
    } else if (argument == "--rounds" && i + 1 < argc) {
      rounds = std::max(1, std::atoi(argv[++i]));
    } else {
      std::cerr << "usage: bench_text [--json FILE] [--no-peers] [--automerge] [--rounds N]\n";
      return 2;
    }
  }
  const auto folder = traces_folder();
  if (!folder) {
    std::cout << "No recorded traces: set ATELIER_TRACES to their folder to measure.\n";
    return 0;
  }
  std::vector<Row> rows;
  measure_sequential(read_trace(*folder / "automerge-paper.json.gz"), rounds, rows);
  measure_concurrent(read_trace(*folder / "friendsforever.json.gz"), rounds, rows);
  measure_offline(rounds, rows);
  const auto peers = with_peers ? run_peers(*folder, automerge) : boost::json::object();
  const auto lines = report(rows, peers);
  if (!json_path.empty()) std::ofstream(json_path) << boost::json::serialize(lines) << '\n';
  return 0;
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) {
  return atelier::run(argc, argv);
}
