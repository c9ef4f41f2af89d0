// What the tests and the benchmark of texts share: recorded traces, and small helpers.
// The traces are not part of the project: $ATELIER_TRACES names their folder, or it is
// ../shared/traces beside the checkout in which the tests run.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <boost/json.hpp>
#include <zlib.h>

#include "text/text_doc.h"
#include "text/utf8.h"

namespace atelier {

struct TracePatch {
  std::uint32_t position = 0;
  std::uint32_t erased = 0;
  std::string inserted;
};

/// Edits that one agent made in a row, having seen `parents` (indexes of transactions).
struct TraceTransaction {
  std::string agent;
  std::vector<std::size_t> parents;
  std::vector<TracePatch> patches;
};

struct Trace {
  std::vector<TraceTransaction> transactions;  // sequential traces have one
  std::string end_content;
};

inline std::optional<std::filesystem::path> traces_folder() {
  if (const char* named = std::getenv("ATELIER_TRACES")) return named;
  std::error_code error;
  for (auto folder = std::filesystem::current_path(error); folder.has_relative_path();
       folder = folder.parent_path()) {
    const auto traces = folder.parent_path() / "shared" / "traces";
    if (std::filesystem::is_directory(traces, error)) return traces;
  }
  return std::nullopt;
}

inline std::string read_gz(const std::filesystem::path& path) {
  std::string text;
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return text;
  std::array<char, 1 << 16> buffer;
  int count = 0;
  while ((count = gzread(file, buffer.data(), buffer.size())) > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  gzclose(file);
  return text;
}

inline TracePatch trace_patch(const boost::json::value& value) {
  const auto& patch = value.as_array();
  return {patch[0].to_number<std::uint32_t>(), patch[1].to_number<std::uint32_t>(),
          std::string(patch[2].as_string())};
}

/// Reads a trace of josephg/editing-traces, sequential or concurrent.
inline Trace read_trace(const std::filesystem::path& path) {
  const boost::json::value json = boost::json::parse(read_gz(path));
  Trace trace;
  trace.end_content = json.at("endContent").as_string();
  const bool concurrent = json.as_object().contains("kind");
  if (!concurrent) {
    trace.transactions.emplace_back();
    trace.transactions[0].agent = "a";
  }
  for (const auto& txn : json.at("txns").as_array()) {
    if (concurrent) {
      TraceTransaction& added = trace.transactions.emplace_back();
      added.agent = "agent" + std::to_string(1000 + txn.at("agent").to_number<int>());
      for (const auto& parent : txn.at("parents").as_array()) {
        added.parents.push_back(parent.to_number<std::size_t>());
      }
    }
    for (const auto& patch : txn.at("patches").as_array()) {
      trace.transactions.back().patches.push_back(trace_patch(patch));
    }
  }
  return trace;
}

/// A history under construction: operations with any parents, which a text of one agent cannot
/// make.
class HistoryBuilder {
 public:
  /// Adds one agent's patches on top of `parents`, which are operations; answers the last one.
  text_crdt::Lv add(std::string_view agent, text_crdt::Frontier parents,
                    const std::vector<TracePatch>& patches) {
    using text_crdt::OpKind;
    const std::uint32_t index = graph.add_agent(agent);
    for (const TracePatch& patch : patches) {
      if (patch.erased > 0) {
        log.push(OpKind::kErase, patch.position, patch.erased, {});
        graph.append(index, patch.erased, parents);
        parents.assign(1, graph.end() - 1);
      }
      if (!patch.inserted.empty()) {
        const auto points = static_cast<std::uint32_t>(count_points(patch.inserted));
        log.push(OpKind::kInsert, patch.position, points, patch.inserted);
        graph.append(index, points, parents);
        parents.assign(1, graph.end() - 1);
      }
    }
    return graph.end() - 1;
  }

  /// The operations [begin, end), which must be of one agent, as a batch.
  std::string batch(text_crdt::Lv begin, text_crdt::Lv end) const {
    const auto name = graph.name_of(begin);
    return text_crdt::write_batch(graph, log, name.agent, name.sequence,
                                  name.sequence + (end - begin));
  }

  text_crdt::EventGraph graph;
  text_crdt::OpLog log;
};

/// One batch for each transaction.
inline std::vector<std::string> trace_batches(const Trace& trace) {
  HistoryBuilder history;
  std::vector<text_crdt::Lv> last;
  std::vector<std::string> batches;
  for (const TraceTransaction& transaction : trace.transactions) {
    text_crdt::Frontier parents;
    for (const std::size_t parent : transaction.parents) parents.push_back(last[parent]);
    std::sort(parents.begin(), parents.end());
    const text_crdt::Lv begin = history.graph.end();
    last.push_back(history.add(transaction.agent, parents, transaction.patches));
    if (history.graph.end() > begin) batches.push_back(history.batch(begin, history.graph.end()));
  }
  return batches;
}

/// merge_all() wants views.
inline std::vector<std::string_view> views(const std::vector<std::string>& batches) {
  return {batches.begin(), batches.end()};
}

}  // namespace atelier
