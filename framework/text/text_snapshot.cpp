// Snapshots of a text: docs/formats/text.md has the grammar.
#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "text/batch.h"
#include "text/codec_bytes.h"
#include "text/text_doc.h"
#include "text/utf8.h"

namespace atelier {

using text_crdt::Batch;
using text_crdt::EventGraph;
using text_crdt::Frontier;
using text_crdt::LvRange;
using text_crdt::Op;
using text_crdt::OpKind;
using text_crdt::OpLog;
using text_crdt::put_number;
using text_crdt::put_text;
using text_crdt::Reader;
using text_crdt::Stretch;

namespace {

constexpr char kFormat = 0x02;

Error damaged(std::string_view what) {
  return invalid("text snapshot: " + std::string(what));
}

struct Head {
  struct Agent {
    std::string_view id;
    std::uint32_t operations = 0;
  };
  struct Tip {
    text_crdt::Lv lv = 0;
    std::uint32_t agent = 0;  // into agents
    std::uint32_t sequence = 0;
  };
  std::uint32_t operations = 0;
  std::vector<Agent> agents;
  std::vector<Tip> tips;  // ascending
  std::string_view text;
  std::string_view history;  // empty: left out
};

Status read_agents(Reader& in, Head& head) {
  const std::uint32_t count = in.number();
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    const Head::Agent agent{in.text(), in.number()};
    if (agent.id.empty() || agent.id.size() > kTextAgentBytesMax || !is_utf8(agent.id)) {
      return damaged("an agent's id is missing, too long or not UTF-8");
    }
    if (!head.agents.empty() && agent.id <= head.agents.back().id) {
      return damaged("its agents are not in order");
    }
    sum += agent.operations;
    head.agents.push_back(agent);
  }
  if (!in.ok() || sum != head.operations) return damaged("its agents' operations do not add up");
  return ok();
}

Status read_tips(Reader& in, Head& head) {
  const std::uint32_t count = in.number();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    const std::uint32_t back = in.number();
    const Head::Tip tip{head.operations - back, in.number(), in.number()};
    if (back == 0 || back > head.operations || tip.agent >= head.agents.size() ||
        tip.sequence >= head.agents[tip.agent].operations ||
        (!head.tips.empty() && tip.lv <= head.tips.back().lv)) {
      return damaged("its version is not one of its operations");
    }
    head.tips.push_back(tip);
  }
  const bool ends_with_last = !head.tips.empty() && head.tips.back().lv + 1 == head.operations;
  if (!in.ok() || ends_with_last != (head.operations > 0)) return damaged("its version is cut off");
  return ok();
}

Result<Head> read_head(std::string_view bytes) {
  Reader in(bytes);
  if (const auto format = in.take(1); !in.ok() || format[0] != kFormat) {
    return damaged("not a snapshot, or of a format that is not known here");
  }
  Head head;
  head.operations = in.number();
  if (head.operations > kTextOperationsMax) return damaged("more operations than a text may have");
  ATELIER_CHECK(read_agents(in, head));
  ATELIER_CHECK(read_tips(in, head));
  head.text = in.text();
  const std::uint32_t history_bytes = in.number();
  if (!in.ok() || !in.crc_matches(0)) return damaged("cut off, or the sum does not match");
  head.history = in.take(history_bytes);
  if (!in.ok() || in.left() != 0) return damaged("its history is cut off, or something follows it");
  if (head.text.size() > kTextBytesMax || !is_utf8(head.text)) {
    return damaged("its text is too large or not UTF-8");
  }
  return head;
}

// The local versions in the order of which their operations came from one agent.
struct NameRun {
  std::uint32_t agent = 0;
  std::uint32_t length = 0;
};

// Reads a history into a graph and a log that begin at 0.
class HistoryReader {
 public:
  explicit HistoryReader(std::string_view bytes) : in_(bytes) {}

  Status read(std::uint32_t operations, const std::vector<std::string>& agents, EventGraph& graph,
              OpLog& log) {
    for (const std::string& agent : agents) graph.add_agent(agent);
    ATELIER_CHECK(read_names(operations, agents.size()));
    ATELIER_CHECK(read_stretches(operations, graph));
    ATELIER_CHECK(read_operations(operations, log));
    return ok();
  }

 private:
  Status read_names(std::uint32_t operations, std::size_t agents) {
    const std::uint32_t count = in_.number();
    for (std::uint32_t i = 0; i < count && in_.ok(); ++i) {
      const NameRun run{in_.number(), in_.number()};
      if (run.agent >= agents || run.length == 0 || run.length > operations) {
        return damaged("its history names operations that are not its own");
      }
      operations -= run.length;
      names_.push_back(run);
    }
    if (!in_.ok() || operations != 0) return damaged("its history names too few operations");
    return ok();
  }

  Status read_stretches(std::uint32_t operations, EventGraph& graph) {
    const std::uint32_t count = in_.number();
    std::size_t name = 0;
    std::vector<text_crdt::Lv> parents;
    for (std::uint32_t i = 0; i < count && in_.ok(); ++i) {
      std::uint32_t length = in_.number();
      const std::uint32_t parent_count = in_.number();
      if (length == 0 || length > operations - graph.end() || parent_count > kTextParentsMax) {
        return damaged("its history has a stretch that does not fit");
      }
      parents.clear();
      for (std::uint32_t k = 0; k < parent_count && in_.ok(); ++k) {
        const std::uint32_t back = in_.number();
        if (back == 0 || back > graph.end() || (k > 0 && graph.end() - back <= parents.back())) {
          return damaged("its history has a parent that is not before its child");
        }
        parents.push_back(graph.end() - back);
      }
      while (length > 0) {
        const std::uint32_t here = std::min(length, names_[name].length);
        graph.append(names_[name].agent, here, parents);
        parents.assign(1, graph.end() - 1);
        length -= here;
        names_[name].length -= here;
        if (names_[name].length == 0) ++name;
      }
    }
    if (!in_.ok() || graph.end() != operations) return damaged("its history is too short");
    return ok();
  }

  Status read_operations(std::uint32_t operations, OpLog& log) {
    std::vector<Batch::Run> runs;
    std::uint32_t inserted = 0;
    if (!text_crdt::read_runs(in_, operations, runs, inserted)) {
      return damaged("its history's runs are damaged, or their lengths do not add up");
    }
    std::string_view content = in_.text();
    if (!in_.ok() || !in_.crc_matches(0) || in_.left() != 0) {
      return damaged("its history is cut off, or the sum does not match");
    }
    if (!is_utf8(content) || count_points(content) != inserted) {
      return damaged("its history's text is not UTF-8, or not as long as the insertions say");
    }
    const bool ascii = content.size() == inserted;
    log.reserve(runs.size(), content.size());
    for (const Batch::Run& run : runs) {
      std::string_view inserted_text;
      if (run.kind == OpKind::kInsert) {
        inserted_text = content.substr(0, ascii ? run.length : byte_of_point(content, run.length));
        content.remove_prefix(inserted_text.size());
      }
      log.push(run.kind, run.position, run.length, inserted_text);
    }
    return ok();
  }

  Reader in_;
  std::vector<NameRun> names_;
};

}  // namespace

Result<TextDoc> TextDoc::open(std::string_view snapshot, std::string agent) {
  ATELIER_TRY(head, read_head(snapshot));
  TextDoc doc;
  doc.agent_id_ = std::move(agent);
  Frontier frontier;
  for (const Head::Tip& tip : head.tips) frontier.push_back(tip.lv);
  doc.graph_ = EventGraph(head.operations, std::move(frontier));
  doc.log_ = OpLog(head.operations);
  for (const Head::Agent& known : head.agents) {
    doc.graph_.set_sequence(doc.graph_.add_agent(known.id), known.operations);
  }
  for (const Head::Tip& tip : head.tips) doc.graph_.set_name(tip.lv, tip.agent, tip.sequence);
  doc.rope_ = Rope(head.text);
  doc.unread_history_ = head.history;
  if (!doc.agent_id_.empty()) {
    doc.agent_ = doc.graph_.add_agent(doc.agent_id_);
    doc.taken_ = doc.graph_.next_sequence(doc.agent_);
  }
  return doc;
}

Result<std::string> TextDoc::write_snapshot(History history) {
  if (history == History::kWith) ATELIER_CHECK(load_history());
  const auto known = this->known();
  std::string out(1, kFormat);
  put_number(out, graph_.end());
  put_number(out, static_cast<std::uint32_t>(known.size()));
  for (const auto& [id, operations] : known) {
    put_text(out, id);
    put_number(out, operations);
  }
  put_number(out, static_cast<std::uint32_t>(graph_.frontier().size()));
  for (const Lv lv : graph_.frontier()) {
    const auto [agent, sequence] = graph_.name_of(lv);
    const auto place = std::distance(known.begin(), known.find(graph_.agent_id(agent)));
    put_number(out, graph_.end() - lv);
    put_number(out, static_cast<std::uint32_t>(place));
    put_number(out, sequence);
  }
  put_number(out, static_cast<std::uint32_t>(rope_.bytes()));
  rope_.append_slice(out, 0, rope_.points());
  std::string history_bytes;
  if (history == History::kWith) write_history(history_bytes);
  put_number(out, static_cast<std::uint32_t>(history_bytes.size()));
  text_crdt::put_crc(out, 0);
  out += history_bytes;
  return out;
}

void TextDoc::write_history(std::string& out) const {
  const auto known = this->known();
  std::vector<std::uint32_t> place(graph_.agents(), 0);
  for (std::uint32_t agent = 0; agent < place.size(); ++agent) {
    const auto found = known.find(graph_.agent_id(agent));
    if (found != known.end()) {
      place[agent] = static_cast<std::uint32_t>(std::distance(known.begin(), found));
    }
  }
  std::uint32_t count = 0;
  std::string part;
  graph_.each_name([&](LvRange range, std::uint32_t agent, std::uint32_t) {
    ++count;
    put_number(part, place[agent]);
    put_number(part, range.end - range.begin);
  });
  put_number(out, count);
  out += part;

  count = 0;
  part.clear();
  graph_.each_stretch(0, graph_.end(), [&](const Stretch& stretch) {
    ++count;
    put_number(part, stretch.end - stretch.begin);
    put_number(part, static_cast<std::uint32_t>(stretch.parents.size()));
    for (const Lv parent : stretch.parents) put_number(part, stretch.begin - parent);
    return true;
  });
  put_number(out, count);
  out += part;

  std::vector<Batch::Run> runs;
  runs.reserve(log_.runs());
  std::string content;
  content.reserve(log_.content_bytes());
  log_.each(0, log_.end(), [&](const Op& op) {
    runs.push_back({op.kind, op.length, op.position});
    content += op.content;
    return true;
  });
  text_crdt::put_runs(out, runs);
  put_text(out, content);
  text_crdt::put_crc(out, 0);
}

Status TextDoc::load_history() {
  if (has_history()) return ok();
  if (unread_history_.empty()) {
    return Error(ErrorCode::kUnavailable,
                 "this needs the text's history, which its snapshot was written without");
  }
  ATELIER_CHECK(read_history(unread_history_));
  unread_history_.clear();
  unread_history_.shrink_to_fit();
  return ok();
}

Status TextDoc::read_history(std::string_view bytes) {
  const Lv begin = graph_.begin();
  // In the order of the snapshot's agents, which are the first ones here.
  std::vector<std::string> agents;
  for (std::uint32_t agent = 0; agent < graph_.agents(); ++agent) {
    agents.push_back(graph_.agent_id(agent));
  }
  EventGraph graph;
  OpLog log;
  HistoryReader reader(bytes);
  ATELIER_CHECK(reader.read(begin, agents, graph, log));
  if (graph.frontier() != graph_.begin_frontier()) {
    return damaged("its history does not lead to its version");
  }
  for (const Lv lv : graph.frontier()) {
    const auto ours = graph_.name_of(lv);
    const auto theirs = graph.name_of(lv);
    if (ours.agent != theirs.agent || ours.sequence != theirs.sequence) {
      return damaged("its history gives its version other names");
    }
  }
  for (std::uint32_t agent = 0; agent < agents.size(); ++agent) {
    if (graph.next_sequence(agent) != graph_.count_at_begin(agent)) {
      return damaged("its history gives an agent another number of operations");
    }
  }
  graph_.prepend(std::move(graph));
  log_.prepend(std::move(log));
  if (agent_ != text_crdt::kNoLv) agent_ = graph_.find_agent(agent_id_);
  release_tracker();
  return ok();
}

Status TextDoc::take_history(std::string_view snapshot) {
  if (has_history()) return ok();
  ATELIER_TRY(head, read_head(snapshot));
  if (head.operations != graph_.begin()) return damaged("it is of another version of the text");
  if (head.history.empty()) return damaged("it has no history");
  return read_history(head.history);
}

Status TextDoc::verify() {
  ATELIER_CHECK(load_history());
  TextDoc replay;
  replay.graph_ = graph_;
  replay.log_ = log_;
  Lv failed_at = 0;
  if (!replay.transform(0, failed_at))
    return damaged(replay.failed_name_ + " reaches beyond the text");
  std::vector<TextPatch> patches;
  replay.commit_changes(patches);
  if (replay.rope_.text() != rope_.text()) return damaged("its text is not what its history gives");
  return ok();
}

}  // namespace atelier
