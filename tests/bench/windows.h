// Rows that windows.mjs measures in whole programs: frames of windows, and from one person's hand
// to another's screen. Thread rule: one thread.
#pragma once

#include <iostream>
#include <string>

#include "bench/report.h"

namespace atelier::bench {

/// `what`: "text" or "whiteboard"; `arguments` are those of windows.mjs after the number of
/// samples. A benchmark of one round takes few samples. Ends the program when it cannot be
/// measured.
inline void add_windows(Report& report, const Options& options, const std::string& what,
                        const std::string& arguments = {}) {
#ifdef ATELIER_BENCH_HOST
  constexpr int kSamplesTiny = 3, kSamples = 300;
  const std::string command =
      "ATELIER_BIN='" ATELIER_BENCH_HOST "' node '" ATELIER_BENCH_FOLDER "/windows.mjs' " + what +
      ' ' + std::to_string(options.rounds > 1 ? kSamples : kSamplesTiny) + ' ' + arguments;
  const auto rows = output_of(command);
  require(rows && report.add_json(*rows), "windows.mjs did not measure");
#else
  (void)report, (void)options, (void)what, (void)arguments;
  std::cout << "Windows are not measured: this build has no window, or node is not there.\n";
#endif
}

}  // namespace atelier::bench
