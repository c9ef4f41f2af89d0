// What every benchmark ends with: a table to read, a list for programs (--json FILE), and a drawing
// for the documentation. A benchmark measures; what it found goes into a Report. An example of use:
//
//   int main(int argc, char** argv) {
//     using namespace atelier::bench;
//     const auto options = read_options(argc, argv, {"--slow"});  // a switch of its own
//     if (!options) return 2;                                     // the usage was printed
//     Report report("store", "The document store beside LMDB alone");
//     report.add({.work = "a durable batch of 1,000", .value = 310'000, .unit = "docs/s",
//                 .better = Better::kMore, .peers = {{"LMDB", 560'000}}, .target_ratio = 0.5});
//     report.add({.work = "open a room", .value = 2.1, .unit = "ms", .target = 5});
//     if (options->peers) { … measure the other program as well … }
//     return finish(report, *options);
//   }
//
// CMake: atelier_bench(NAME libraries…) links it. A full run (with peers, more than one round, no
// switch --svg) draws docs/benchmarks/NAME.svg; the tiny run of the test suite draws nothing.
// Thread rule: one thread.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace atelier::bench {

enum class Better { kLess, kMore };

/// Another program, or a plainer way, on the same work in the same run, in the row's unit.
struct Peer {
  std::string name;
  double value = 0;
  std::optional<double> target_ratio = {};  // where it is not the row's
};

struct Row {
  std::string work;  // what is measured, in words; long ones are wrapped
  double value = 0;
  std::string unit;  // "ms", "docs/s", "kB"
  Better better = Better::kLess;
  std::vector<Peer> peers;
  std::optional<double> target;        // in the unit: at most, or at least where more is better
  std::optional<double> target_ratio;  // so many times as good as each peer; 0.5: half as good
};

/// How many times as good as the peer: above 1 is ahead.
double ratio(const Row& row, const Peer& peer);
/// The target in the row's unit against this peer (or none), and whether it is met.
std::optional<double> target_of(const Row& row, const Peer* peer);
std::optional<bool> is_met(const Row& row, const Peer* peer);

class Report {
 public:
  /// `name` as in `./dev bench NAME`; `title` stands above the drawing. The date and the machine
  /// are taken here, before the work.
  Report(std::string name, std::string title);

  void add(Row row);
  /// The rows that another program printed with --json (an array, as json() gives it). False where
  /// `text` is not that.
  bool add_json(std::string_view text);

  const std::string& name() const { return name_; }
  const std::vector<Row>& rows() const { return rows_; }

  /// Fixed width, for a terminal.
  std::string table() const;
  /// One object a row and peer: work, value, unit, peer, peer_value, ratio, target, met, better.
  /// What is not there is null.
  std::string json() const;
  /// Bars on a logarithmic scale, one scale a unit, targets marked. Legible on light and dark
  /// pages.
  std::string svg() const;

 private:
  const std::string name_;
  const std::string title_;
  const std::string where_;  // date and machine
  std::vector<Row> rows_;
};

/// "28 November 2026, Debian 12, 2 cores (load 1.3 from others), 24 GiB"; never a host's name.
std::string date_and_machine();

struct Options {
  std::string json;                // file, or empty
  std::string svg;                 // file, or empty: docs/benchmarks/NAME.svg after a full run
  bool peers = true;               // --no-peers
  int rounds = 7;                  // --rounds N, at least 1
  std::set<std::string> switches;  // those of the benchmark's own that were given
};

/// Prints the usage and gives nothing on an argument that is not known.
std::optional<Options> read_options(int argc, char** argv,
                                    std::initializer_list<const char*> own_switches = {});

/// Prints the table, writes what the options ask for. The exit code of the program.
int finish(const Report& report, const Options& options);

// ---- What benchmarks have in common ----

double milliseconds(const std::function<void()>& work);
/// The value that `share` of the values do not pass: 0.5 the median, 0.99. Not of nothing.
double quantile(std::vector<double> values, double share);
inline double median(std::vector<double> values) {
  return quantile(std::move(values), 0.5);
}
/// Ends the program with that sentence where the condition does not hold: a benchmark of wrong
/// results is none.
void require(bool condition, std::string_view what);
/// The standard output of a shell command that ended well.
std::optional<std::string> output_of(const std::string& command);

}  // namespace atelier::bench
