// The form in which operations travel: a stretch of one agent's operations, by sequence, with the
// versions that their author had seen. docs/formats/text.md has the grammar. Thread rule: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/event_graph.h"
#include "text/op_log.h"

namespace atelier::text_crdt {

/// A batch that was read; its texts point into the bytes that it was read from. Everything that can
/// be seen without the text has been checked.
struct Batch {
  struct Parent {
    std::uint32_t name = 0;  // into names
    std::uint32_t sequence = 0;
  };
  struct Stretch {
    std::uint32_t length = 0;
    std::uint32_t parents_begin = 0;  // into parents
    std::uint32_t parents_end = 0;
  };
  struct Run {
    OpKind kind = OpKind::kInsert;
    std::uint32_t length = 0;
    std::uint32_t position = 0;
  };

  std::uint32_t sequence = 0;           // of its first operation
  std::uint32_t operations = 0;         // in all
  std::vector<std::string_view> names;  // the first is its agent
  std::vector<Stretch> stretches;
  std::vector<Parent> parents;
  std::vector<Run> runs;
  std::string_view content;  // of all insertions, in order
  bool ascii = true;         // content has one byte for each code point

  std::string_view agent() const { return names[0]; }
};

/// Reads into `batch`, whose memory is used again.
Status read_batch(std::string_view bytes, Batch& batch);

/// Writes an agent's operations [sequence, end), which must be here. Who has them writes the same
/// bytes, in whatever order and parts they came.
std::string write_batch(const EventGraph& graph, const OpLog& log, std::uint32_t agent,
                        std::uint32_t sequence, std::uint32_t end);

// Shared with the snapshot's history.
void put_runs(std::string& out, const std::vector<Batch::Run>& runs);
bool read_runs(class Reader& in, std::uint32_t operations, std::vector<Batch::Run>& runs,
               std::uint32_t& inserted);

}  // namespace atelier::text_crdt
