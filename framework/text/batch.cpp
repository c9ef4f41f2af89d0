#include "text/batch.h"

#include <algorithm>

#include "base/limits.h"
#include "text/codec_bytes.h"
#include "text/utf8.h"

namespace atelier::text_crdt {
namespace {

constexpr char kFormat = 0x01;
constexpr std::uint32_t kPositionMax = 0x7fff'ffff;

// Where the next run most likely is.
std::uint32_t after(const Batch::Run& run) {
  return run.kind == OpKind::kInsert ? run.position + run.length : run.position;
}

Error damaged(std::string_view what) {
  return invalid("text batch: " + std::string(what));
}

Status read_names(Reader& in, Batch& batch) {
  batch.names.clear();
  const auto read_name = [&] {
    batch.names.push_back(in.text());
    return in.ok() && !batch.names.back().empty() &&
           batch.names.back().size() <= kTextAgentBytesMax && is_utf8(batch.names.back());
  };
  if (!read_name()) return damaged("the agent's id is missing, too long or not UTF-8");
  batch.sequence = in.number();
  const std::uint32_t others = in.number();
  for (std::uint32_t i = 0; i < others; ++i) {
    if (!read_name()) return damaged("a parent's agent id is missing, too long or not UTF-8");
  }
  return ok();
}

Status read_stretches(Reader& in, Batch& batch) {
  batch.stretches.clear();
  batch.parents.clear();
  batch.operations = 0;
  const std::uint32_t count = in.number();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    const std::uint32_t length = in.number();
    const std::uint32_t parents = in.number();
    if (length == 0 || length > kTextBatchOperationsMax - batch.operations) {
      return damaged("a stretch has no operations, or more than a batch may have");
    }
    if (parents > kTextParentsMax) return damaged("an operation has too many parents");
    const std::uint32_t own = batch.sequence + batch.operations;
    const auto begin = static_cast<std::uint32_t>(batch.parents.size());
    for (std::uint32_t k = 0; k < parents && in.ok(); ++k) {
      Batch::Parent parent{in.number(), in.number()};
      if (parent.name >= batch.names.size()) return damaged("a parent names no agent of the batch");
      if (batch.names[parent.name] == batch.agent()) {
        if (parent.name != 0) return damaged("the agent is named twice");
        if (parent.sequence == 0)
          return damaged("an operation is its own parent, or follows a later one");
        if (parent.sequence > own) return damaged("a parent's sequence is below 0");
        parent.sequence = own - parent.sequence;
      }
      batch.parents.push_back(parent);
    }
    batch.stretches.push_back({length, begin, static_cast<std::uint32_t>(batch.parents.size())});
    batch.operations += length;
  }
  if (!in.ok() || batch.operations == 0) return damaged("no operations, or cut off among them");
  if (batch.operations > kTextOperationsMax - std::min(batch.sequence, kTextOperationsMax)) {
    return damaged("its sequence is beyond the limit");
  }
  return ok();
}

}  // namespace

void put_runs(std::string& out, const std::vector<Batch::Run>& runs) {
  put_number(out, static_cast<std::uint32_t>(runs.size()));
  std::uint32_t expected = 0;
  for (const Batch::Run& run : runs) {
    put_number(out, (run.length << 2) | static_cast<std::uint32_t>(run.kind));
    put_step(out, expected, run.position);
    expected = after(run);
  }
}

bool read_runs(Reader& in, std::uint32_t operations, std::vector<Batch::Run>& runs,
               std::uint32_t& inserted) {
  runs.clear();
  inserted = 0;
  const std::uint32_t count = in.number();
  std::uint32_t expected = 0;
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    const std::uint32_t head = in.number();
    Batch::Run run{static_cast<OpKind>(head & 3), head >> 2, in.step(expected)};
    if ((head & 3) == 3 || run.length == 0 || run.length > operations) return false;
    if (run.position > kPositionMax - run.length) return false;
    operations -= run.length;
    if (run.kind == OpKind::kInsert) inserted += run.length;
    runs.push_back(run);
    expected = after(run);
  }
  return in.ok() && operations == 0;
}

Status read_batch(std::string_view bytes, Batch& batch) {
  if (bytes.size() > kTextBatchBytesMax) {
    return Error(ErrorCode::kTooLarge,
                 "text batch: larger than " + std::to_string(kTextBatchBytesMax) + " bytes");
  }
  Reader in(bytes);
  if (const auto format = in.take(1); !in.ok() || format[0] != kFormat) {
    return damaged("not a batch, or of a format that is not known here");
  }
  ATELIER_CHECK(read_names(in, batch));
  ATELIER_CHECK(read_stretches(in, batch));
  std::uint32_t inserted = 0;
  if (!read_runs(in, batch.operations, batch.runs, inserted)) {
    return damaged("the runs are damaged, or their lengths do not add up");
  }
  batch.content = in.text();
  if (!in.ok()) return damaged("cut off");
  if (!in.crc_matches(0)) return damaged("the sum does not match");
  if (in.left() != 0) return damaged("something follows it");
  if (!is_utf8(batch.content)) return damaged("the inserted text is not UTF-8");
  if (count_points(batch.content) != inserted) {
    return damaged("the inserted text is not as long as the insertions say");
  }
  batch.ascii = batch.content.size() == inserted;
  return ok();
}

namespace {

// Collects what a batch is made of, operation run by operation run.
//
// The bytes are a function of the agent and the range alone: whoever has the operations writes the
// same, however they came to be here. So stretches are joined where they go on, parents are in the
// order of their names, and a run is as long as can be from the front on.
class BatchWriter {
 public:
  BatchWriter(const EventGraph& graph, std::uint32_t agent, std::uint32_t sequence)
      : graph_(graph), agent_(agent), sequence_(sequence) {}

  void add_stretch(const Stretch& stretch) {
    const std::uint32_t length = stretch.end - stretch.begin;
    std::vector<EventGraph::Name> parents;
    for (const Lv parent : stretch.parents) parents.push_back(graph_.name_of(parent));
    std::sort(parents.begin(), parents.end(), [this](const auto& a, const auto& b) {
      if (a.agent == b.agent) return a.sequence < b.sequence;
      return graph_.agent_id(a.agent) < graph_.agent_id(b.agent);
    });
    const bool goes_on = parents.size() == 1 && parents[0].agent == agent_ &&
                         parents[0].sequence + 1 == sequence_ && !stretches_.empty();
    if (goes_on) {
      stretches_.back().length += length;
    } else {
      stretches_.push_back({length, sequence_, std::move(parents)});
    }
    sequence_ += length;
  }

  void add_op(Op op) {
    content_ += op.content;
    if (op.kind != OpKind::kInsert) return add_erasure(op);
    if (!runs_.empty()) {
      Batch::Run& last = runs_.back();
      if (last.kind == OpKind::kInsert && op.position == last.position + last.length) {
        last.length += op.length;
        return;
      }
    }
    runs_.push_back({op.kind, op.length, op.position});
  }

  std::string finish(std::uint32_t first_sequence) {
    std::string stretches;
    for (const Written& stretch : stretches_) {
      put_number(stretches, stretch.length);
      put_number(stretches, static_cast<std::uint32_t>(stretch.parents.size()));
      for (const auto& [agent, sequence] : stretch.parents) {
        put_number(stretches, name_index(agent));
        put_number(stretches, agent == agent_ ? stretch.sequence - sequence : sequence);
      }
    }
    std::string out(1, kFormat);
    put_text(out, graph_.agent_id(agent_));
    put_number(out, first_sequence);
    put_number(out, static_cast<std::uint32_t>(others_.size()));
    for (const std::uint32_t other : others_) put_text(out, graph_.agent_id(other));
    put_number(out, static_cast<std::uint32_t>(stretches_.size()));
    out += stretches;
    put_runs(out, runs_);
    put_text(out, content_);
    put_crc(out, 0);
    return out;
  }

 private:
  struct Written {
    std::uint32_t length = 0;
    std::uint32_t sequence = 0;
    std::vector<EventGraph::Name> parents;
  };

  // Joins it to the run before as a whole or, where only its first operation fits, that one.
  void add_erasure(Op op) {
    while (!runs_.empty() && runs_.back().kind != OpKind::kInsert) {
      if (joined(op)) return;
      Op first = op;
      first.length = 1;
      if (op.kind == OpKind::kEraseBackward) first.position += op.length - 1;
      if (op.length == 1 || !joined(first)) break;
      --op.length;
    }
    runs_.push_back({op.length == 1 ? OpKind::kErase : op.kind, op.length, op.position});
  }

  bool joined(const Op& op) {
    Batch::Run& last = runs_.back();
    if (!erase_continues(last.kind, last.position, last.length, op.kind, op.position, op.length,
                         last.kind)) {
      return false;
    }
    last.position = std::min(last.position, op.position);
    last.length += op.length;
    return true;
  }

  std::uint32_t name_index(std::uint32_t agent) {
    if (agent == agent_) return 0;
    const auto found = std::find(others_.begin(), others_.end(), agent);
    if (found == others_.end()) {
      others_.push_back(agent);
      return static_cast<std::uint32_t>(others_.size());
    }
    return static_cast<std::uint32_t>(found - others_.begin()) + 1;
  }

  const EventGraph& graph_;
  std::uint32_t agent_;
  std::uint32_t sequence_;
  std::vector<Written> stretches_;
  std::string content_;
  std::vector<Batch::Run> runs_;
  std::vector<std::uint32_t> others_;
};

}  // namespace

std::string write_batch(const EventGraph& graph, const OpLog& log, std::uint32_t agent,
                        std::uint32_t sequence, std::uint32_t end) {
  BatchWriter writer(graph, agent, sequence);
  graph.each_of_agent(agent, sequence, end, [&](LvRange range, std::uint32_t) {
    graph.each_stretch(range.begin, range.end, [&](const Stretch& stretch) {
      writer.add_stretch(stretch);
      return true;
    });
    log.each(range.begin, range.end, [&](const Op& op) {
      writer.add_op(op);
      return true;
    });
    return true;
  });
  return writer.finish(sequence);
}

}  // namespace atelier::text_crdt
