#include "text/text_doc.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/digest.h"
#include "base/limits.h"
#include "text/utf8.h"

namespace atelier {

using text_crdt::Batch;
using text_crdt::Change;
using text_crdt::Frontier;
using text_crdt::kNoLv;
using text_crdt::LvRange;
using text_crdt::Op;
using text_crdt::OpKind;
using text_crdt::Stretch;

namespace {

bool is_erase(OpKind kind) {
  return kind != OpKind::kInsert;
}

// Where operation `nth` of a run is.
std::uint32_t position_in(OpKind kind, std::uint32_t position, std::uint32_t length,
                          std::uint32_t nth) {
  switch (kind) {
    case OpKind::kInsert:
      return position + nth;
    case OpKind::kErase:
      return position;
    case OpKind::kEraseBackward:
      return position + length - 1 - nth;
  }
  return position;
}

std::string describe(std::string_view agent, std::uint32_t sequence) {
  return "operation " + std::to_string(sequence) + " of agent " + std::string(agent);
}

// Walks through the runs of a batch in pieces.
class RunCursor {
 public:
  explicit RunCursor(const Batch& batch) : batch_(batch) { enter(); }

  const Batch::Run& run() const { return batch_.runs[index_]; }
  std::uint32_t offset() const { return offset_; }
  std::uint32_t left() const { return run().length - offset_; }
  bool at_end() const { return index_ == batch_.runs.size(); }

  /// The content of the next `count` operations of this run, which are passed by.
  std::string_view take(std::uint32_t count) {
    std::string_view content;
    if (!is_erase(run().kind)) {
      const std::string_view rest = batch_.content.substr(byte_);
      content = rest.substr(0, batch_.ascii ? count : byte_of_point(rest, count));
      byte_ += content.size();
    }
    offset_ += count;
    if (offset_ == run().length) {
      ++index_;
      enter();
    }
    return content;
  }

  void skip(std::uint32_t count) {
    while (count > 0) {
      const std::uint32_t here = std::min(count, left());
      take(here);
      count -= here;
    }
  }

 private:
  void enter() { offset_ = 0; }

  const Batch& batch_;
  std::size_t index_ = 0;
  std::uint32_t offset_ = 0;
  std::size_t byte_ = 0;
};

}  // namespace

// ---- Positions, names -------------------------------------------------------------------------

std::size_t map_position(std::size_t position, const TextPatch& patch, bool stay_right) {
  if (position < patch.position) return position;
  const std::size_t rest = position - std::min(position, patch.position + patch.erased);
  if (position > patch.position + patch.erased)
    return patch.position + patch.inserted_points + rest;
  const bool behind =
      stay_right || (position > patch.position && position == patch.position + patch.erased);
  return patch.position + (behind ? patch.inserted_points : 0);
}

std::size_t map_position(std::size_t position, std::span<const TextPatch> patches,
                         bool stay_right) {
  for (const TextPatch& patch : patches) position = map_position(position, patch, stay_right);
  return position;
}

std::string new_agent_id() {
  constexpr std::string_view kDigits = "0123456789abcdefghjkmnpqrstvwxyz";  // 5 bits each
  constexpr std::size_t kLength = 16;
  std::string id;
  for (const char byte : random_bytes(kLength))
    id.push_back(kDigits[static_cast<unsigned char>(byte) % 32]);
  return id;
}

// ---- Own edits --------------------------------------------------------------------------------

TextDoc::TextDoc(std::string agent) : agent_id_(std::move(agent)) {
  if (!agent_id_.empty()) agent_ = graph_.add_agent(agent_id_);
}

Status TextDoc::check_edit(std::size_t bytes, std::size_t operations) const {
  if (agent_ == kNoLv) return invalid("this text was opened for reading: it has no agent");
  if (bytes > kTextBytesMax - std::min<std::size_t>(rope_.bytes(), kTextBytesMax)) {
    return Error(ErrorCode::kTooLarge,
                 "a text holds at most " + std::to_string(kTextBytesMax) + " bytes");
  }
  if (operations > kTextOperationsMax - graph_.end()) {
    return Error(ErrorCode::kTooLarge,
                 "a text holds at most " + std::to_string(kTextOperationsMax) + " operations");
  }
  return ok();
}

Status TextDoc::insert(std::size_t position, std::string_view text) {
  if (position > rope_.points()) return invalid("insertion behind the end of the text");
  if (!is_utf8(text)) return invalid("the inserted text is not UTF-8");
  ATELIER_CHECK(check_edit(text.size(), text.size()));
  if (text.empty()) return ok();
  const std::size_t before = rope_.points();
  rope_.insert(position, text);
  const auto length = static_cast<std::uint32_t>(rope_.points() - before);
  log_.push(OpKind::kInsert, static_cast<std::uint32_t>(position), length, text);
  graph_.append_on_frontier(agent_, length);
  return ok();
}

Status TextDoc::erase(std::size_t position, std::size_t count) {
  if (position > rope_.points() || count > rope_.points() - position) {
    return invalid("erasure behind the end of the text");
  }
  ATELIER_CHECK(check_edit(0, count));
  if (count == 0) return ok();
  rope_.erase(position, count);
  const auto length = static_cast<std::uint32_t>(count);
  log_.push_erase(static_cast<std::uint32_t>(position), length);
  graph_.append_on_frontier(agent_, length);
  return ok();
}

bool TextDoc::has_untaken() const {
  return agent_ != kNoLv && taken_ < graph_.next_sequence(agent_);
}

// The end of a batch of `agent` from `sequence` on, at most `limit`, that is not larger than one
// should be.
std::uint32_t TextDoc::batch_end(std::uint32_t agent, std::uint32_t sequence,
                                 std::uint32_t limit) const {
  constexpr std::size_t kRunBytes = 6;  // what a run costs at most, nearly always
  std::uint32_t end = sequence;
  std::size_t bytes = 0;
  graph_.each_of_agent(agent, sequence, limit, [&](LvRange range, std::uint32_t) {
    log_.each(range.begin, range.end, [&](const Op& op) {
      const std::uint32_t room = kTextBatchOperationsMax - (end - sequence);
      std::uint32_t count = std::min(op.length, room);
      if (bytes + op.content.size() > kTextBatchContentBytes) {
        const std::size_t left = kTextBatchContentBytes - std::min(bytes, kTextBatchContentBytes);
        const auto fits = static_cast<std::uint32_t>(
            count_points(op.content.substr(0, point_boundary(op.content, left))));
        count = std::min(count, fits);
      }
      end += count;
      bytes += op.content.size() + kRunBytes;
      return count == op.length && bytes < kTextBatchContentBytes;
    });
    return bytes < kTextBatchContentBytes && end - sequence < kTextBatchOperationsMax;
  });
  return end;
}

std::optional<TextBatch> TextDoc::take_batch() {
  if (!has_untaken()) return std::nullopt;
  const std::uint32_t end = batch_end(agent_, taken_, graph_.next_sequence(agent_));
  TextBatch batch{agent_id_, taken_, end - taken_,
                  text_crdt::write_batch(graph_, log_, agent_, taken_, end)};
  taken_ = end;
  return batch;
}

// ---- Merging: what a batch needs ---------------------------------------------------------------

// Appends what can be, from the front of a batch; the rest waits.
Result<TextDoc::Staged> TextDoc::stage(std::string_view bytes, Keep keep) {
  ATELIER_CHECK(text_crdt::read_batch(bytes, batch_));
  const std::uint32_t agent = graph_.find_agent(batch_.agent());
  const std::uint32_t next = agent == kNoLv ? 0 : graph_.next_sequence(agent);
  std::vector<Name> missing;
  if (batch_.sequence > next) {
    if (keep == Keep::kNothing) return Staged{};
    missing.emplace_back(batch_.agent(), batch_.sequence - 1);
    ATELIER_CHECK(wait(bytes, batch_.sequence, std::move(missing)));
    return Staged{};
  }
  const std::uint32_t known = std::min(next - batch_.sequence, batch_.operations);
  const bool before_history =
      known == batch_.operations && graph_.find(agent, batch_.sequence) == kNoLv;
  if (before_history) return Staged{known, known};  // taken on trust: comparing costs the history
  std::uint32_t usable = 0;
  ATELIER_CHECK(resolve_parents(missing, usable));
  if (known > 0) ATELIER_CHECK(check_known(agent, std::min(known, usable), known));
  if (known == batch_.operations) return Staged{known, known};
  ATELIER_CHECK(check_batch_size());
  const Lv begin = graph_.end();
  if (usable > known) ATELIER_CHECK(append_staged(known, usable));
  if (!missing.empty() && keep == Keep::kWaiting) {
    if (Status waits = wait(bytes, batch_.sequence + usable, std::move(missing)); !waits) {
      graph_.truncate(begin);
      log_.truncate(begin);
      return std::move(waits).error();
    }
  }
  return Staged{known, usable};
}

Status TextDoc::check_batch_size() const {
  if (batch_.operations > kTextOperationsMax - graph_.end() ||
      batch_.content.size() >
          kTextBytesMax - std::min<std::size_t>(log_.content_bytes(), kTextBytesMax)) {
    return Error(ErrorCode::kTooLarge,
                 "text batch: the text would become larger than a text may be");
  }
  return ok();
}

// Finds the parents of the stretches, up to the first stretch of which one is missing: those in the
// batch itself are where its operations will be. `usable` are the operations before that stretch.
Status TextDoc::resolve_parents(std::vector<Name>& missing, std::uint32_t& usable) {
  parents_.clear();
  usable = 0;
  for (const Batch::Stretch& stretch : batch_.stretches) {
    for (std::uint32_t i = stretch.parents_begin; i < stretch.parents_end; ++i) {
      ATELIER_CHECK(resolve_parent(batch_.parents[i], missing));
    }
    if (!missing.empty()) return ok();
    const auto begin = parents_.begin() + stretch.parents_begin;
    const auto end = parents_.end();
    std::sort(begin, end);
    if (std::adjacent_find(begin, end) != end)
      return invalid("text batch: a parent is named twice");
    if (graph_.reaches_before_begin({begin, end})) ATELIER_CHECK(load_history());
    usable += stretch.length;
  }
  return ok();
}

Status TextDoc::resolve_parent(const Batch::Parent& parent, std::vector<Name>& missing) {
  const std::string_view id = batch_.names[parent.name];
  const std::uint32_t agent = graph_.find_agent(id);
  const std::uint32_t next = agent == kNoLv ? 0 : graph_.next_sequence(agent);
  if (parent.sequence >= next) {
    const bool inside = parent.name == 0 && parent.sequence >= batch_.sequence;
    if (!inside) missing.emplace_back(id, parent.sequence);
    parents_.push_back(graph_.end() + (parent.sequence - next));
    return ok();
  }
  Lv lv = graph_.find(agent, parent.sequence);
  if (lv == kNoLv) {
    ATELIER_CHECK(load_history());
    lv = graph_.find(graph_.find_agent(id), parent.sequence);
  }
  parents_.push_back(lv);
  return ok();
}

// Compares the first `known` operations with what is here under their names. The parents of
// `resolved` of them are known; if that is fewer, the batch gives one of them a parent that it
// cannot have.
Status TextDoc::check_known(std::uint32_t agent, std::uint32_t resolved,
                            std::uint32_t known) const {
  const std::uint32_t end = batch_.sequence + known;
  bool same = true;
  std::uint32_t sequence = batch_.sequence;
  RunCursor cursor(batch_);
  const auto compare_op = [&](const Op& op) {
    std::uint32_t done = 0;
    std::string_view content = op.content;
    while (same && done < op.length) {
      const Batch::Run run = cursor.run();
      const std::uint32_t offset = cursor.offset();
      const std::uint32_t here = std::min(op.length - done, cursor.left());
      const std::string_view theirs = cursor.take(here);
      const std::string_view ours = content.substr(0, theirs.size());
      content.remove_prefix(ours.size());
      same = is_erase(run.kind) == is_erase(op.kind) && theirs == ours &&
             position_in(run.kind, run.position, run.length, offset) ==
                 position_in(op.kind, op.position, op.length, done) &&
             position_in(run.kind, run.position, run.length, offset + here - 1) ==
                 position_in(op.kind, op.position, op.length, done + here - 1);
      done += here;
    }
    if (same) sequence += op.length;
    return same;
  };
  graph_.each_of_agent(agent, batch_.sequence, end, [&](LvRange range, std::uint32_t from) {
    if (from != sequence) return false;  // what is older than the history here cannot be compared
    return range.begin >= graph_.begin() && log_.each(range.begin, range.end, compare_op);
  });
  if (same && resolved < known) {
    same = false;
    sequence = batch_.sequence + resolved;
  }
  if (same) same = same_parents(agent, sequence);
  if (same) return ok();
  return Error(ErrorCode::kConflict,
               "text batch: " + describe(batch_.agent(), sequence) +
                   " is here with another content; its agent id was used twice");
}

// Whether the operations up to `end` that are here have the parents that the batch gives them.
bool TextDoc::same_parents(std::uint32_t agent, std::uint32_t end) const {
  bool same = true;
  std::uint32_t first = batch_.sequence;
  std::size_t next = 0;  // stretch of the batch
  std::uint32_t next_begin = first;
  graph_.each_of_agent(agent, batch_.sequence, end, [&](LvRange range, std::uint32_t from) {
    return graph_.each_stretch(range.begin, range.end, [&](const Stretch& stretch) {
      const std::uint32_t begin = from + (stretch.begin - range.begin);
      const std::uint32_t stop = begin + (stretch.end - stretch.begin);
      // The batch's stretches that begin here or within.
      bool given = false;
      while (next < batch_.stretches.size() && next_begin < stop) {
        const Batch::Stretch& theirs = batch_.stretches[next];
        const std::span<const Lv> parents(parents_.data() + theirs.parents_begin,
                                          theirs.parents_end - theirs.parents_begin);
        if (next_begin == begin) {
          given = true;
          same = same && std::equal(parents.begin(), parents.end(), stretch.parents.begin(),
                                    stretch.parents.end());
        } else {
          same =
              same && parents.size() == 1 && parents[0] + 1 == stretch.begin + (next_begin - begin);
        }
        next_begin += theirs.length;
        ++next;
      }
      if (!given && begin > 0) {
        same = same && stretch.parents.size() == 1 &&
               stretch.parents[0] == graph_.find(agent, begin - 1);
      }
      return same;
    });
  });
  return same;
}

// Appends the operations [skip, end) of the batch, which ends with a stretch.
Status TextDoc::append_staged(std::uint32_t skip, std::uint32_t end) {
  const Lv begin = graph_.end();
  const std::uint32_t agent = graph_.add_agent(batch_.agent());
  std::uint32_t left_out = skip;
  for (const Batch::Stretch& stretch : batch_.stretches) {
    if (graph_.end() - begin == end - skip) break;
    if (left_out >= stretch.length) {
      left_out -= stretch.length;
      continue;
    }
    std::span<const Lv> parents(parents_.data() + stretch.parents_begin,
                                stretch.parents_end - stretch.parents_begin);
    Lv before = 0;
    if (left_out > 0) {
      before = graph_.find(agent, graph_.next_sequence(agent) - 1);
      parents = {&before, 1};
    }
    if (!graph_.is_frontier(parents)) {
      graph_.truncate(begin);
      return invalid("text batch: a parent is an ancestor of another");
    }
    graph_.append(agent, stretch.length - left_out, parents);
    left_out = 0;
  }
  RunCursor cursor(batch_);
  cursor.skip(skip);
  for (std::uint32_t left = end - skip; left > 0;) {
    const Batch::Run run = cursor.run();
    const std::uint32_t offset = cursor.offset();
    const std::uint32_t length = std::min(cursor.left(), left);
    // The lowest position of a part: the last operation of a backward run, the first of others.
    const std::uint32_t lowest = run.kind == OpKind::kEraseBackward ? offset + length - 1 : offset;
    const std::uint32_t position = position_in(run.kind, run.position, run.length, lowest);
    log_.push(run.kind, position, length, cursor.take(length));
    left -= length;
  }
  return ok();
}

// ---- Merging: what waits -----------------------------------------------------------------------

// Keeps a batch until what its operation `from` follows is there.
Status TextDoc::wait(std::string_view bytes, std::uint32_t from, std::vector<Name> missing) {
  const std::uint32_t left = batch_.operations - (from - batch_.sequence);
  Waiting batch{std::string(bytes), {std::string(batch_.agent()), from}, left, std::move(missing)};
  const auto [first, last] = waiting_by_name_.equal_range(batch.name);
  for (auto it = first; it != last; ++it) {
    if (waiting_.at(it->second).bytes == batch.bytes) return ok();
  }
  if (waiting_.size() >= kTextWaitingBatchesMax ||
      waiting_bytes_ + bytes.size() > kTextWaitingBytesMax) {
    return Error(ErrorCode::kTooLarge,
                 "text batch: too many others wait for what they follow; give it again later");
  }
  if (waits_for_itself(batch)) {
    return invalid("text batch: it follows " +
                   describe(batch.missing[0].first, batch.missing[0].second) +
                   ", which follows it: a cycle");
  }
  const std::uint64_t id = next_waiting_++;
  waiting_bytes_ += batch.bytes.size();
  waiting_by_name_.emplace(batch.name, id);
  waiting_for_.emplace(batch.missing[0], id);
  waiting_.emplace(id, std::move(batch));
  return ok();
}

// Whether what waits here follows, over others that wait, the batch itself.
bool TextDoc::waits_for_itself(const Waiting& batch) const {
  std::vector<Name> open = batch.missing;
  std::vector<std::uint64_t> seen;
  for (std::size_t steps = 0; !open.empty() && steps < kTextCycleStepsMax; ++steps) {
    const Name name = std::move(open.back());
    open.pop_back();
    if (name.first == batch.name.first && name.second >= batch.name.second) return true;
    auto it = waiting_by_name_.upper_bound(name);
    if (it == waiting_by_name_.begin()) continue;
    --it;
    const Waiting& other = waiting_.at(it->second);
    if (it->first.first != name.first || name.second - it->first.second >= other.operations)
      continue;
    if (std::find(seen.begin(), seen.end(), it->second) != seen.end()) continue;
    seen.push_back(it->second);
    open.insert(open.end(), other.missing.begin(), other.missing.end());
  }
  return false;
}

void TextDoc::drop_waiting() {
  waiting_.clear();
  waiting_for_.clear();
  waiting_by_name_.clear();
  waiting_bytes_ = 0;
}

// A batch that waited for one of the operations [begin, end) of an agent, taken out.
std::optional<std::string> TextDoc::take_ready(const Name& begin, std::uint32_t end) {
  const auto found = waiting_for_.lower_bound(begin);
  if (found == waiting_for_.end() || found->first.first != begin.first ||
      found->first.second >= end) {
    return std::nullopt;
  }
  const std::uint64_t id = found->second;
  waiting_for_.erase(found);
  const auto batch = waiting_.find(id);
  const auto [first, last] = waiting_by_name_.equal_range(batch->second.name);
  waiting_by_name_.erase(
      std::find_if(first, last, [&](const auto& entry) { return entry.second == id; }));
  std::string bytes = std::move(batch->second.bytes);
  waiting_bytes_ -= bytes.size();
  waiting_.erase(batch);
  return bytes;
}

// ---- Merging: the way through -------------------------------------------------------------------

Result<MergeReport> TextDoc::merge(std::string_view batch) {
  MergeReport report = merge_all({&batch, 1});
  if (report.results[0].state == MergeState::kRefused) return std::move(report.results[0].error);
  return report;
}

MergeReport TextDoc::merge_all(std::span<const std::string_view> batches, Keep keep) {
  MergeReport report;
  report.results.resize(batches.size());
  if (tracking_ && graph_.end() - tracker_.end() > kTextTrackerIdleOperations) release_tracker();
  std::vector<StagedBatch> staged;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    stage_one({0, i, batches[i], {}}, keep, report, staged);
  }
  while (!staged.empty()) apply(staged, keep, report);
  return report;
}

void TextDoc::finish(const StagedBatch& batch, Error error, MergeReport& report) {
  if (batch.result != kFromWaiting) {
    report.results[batch.result] = {MergeState::kRefused, std::move(error)};
    return;
  }
  const Status read = text_crdt::read_batch(batch.view(), batch_);
  assert(read);  // it had been read before
  (void)read;
  report.refused.push_back({std::string(batch_.agent()), batch_.sequence, std::move(error)});
}

// Appends a batch to the history, and with it all that waited for it.
void TextDoc::stage_one(StagedBatch batch, Keep keep, MergeReport& report,
                        std::vector<StagedBatch>& staged) {
  std::vector<StagedBatch> open;
  open.push_back(std::move(batch));
  while (!open.empty()) {
    StagedBatch next = std::move(open.back());
    open.pop_back();
    next.begin = graph_.end();
    const bool given = next.result != kFromWaiting;
    Result<Staged> result = stage(next.view(), given ? keep : Keep::kWaiting);
    if (!result) {
      finish(next, std::move(result).error(), report);
      continue;
    }
    const auto [known, usable] = *result;
    if (next.result != kFromWaiting) {
      report.results[next.result].state = usable < batch_.operations ? MergeState::kWaiting
                                          : known == usable          ? MergeState::kKnown
                                                                     : MergeState::kMerged;
    }
    if (usable <= known) continue;
    if (!waiting_.empty()) {
      const Name begin{std::string(batch_.agent()), batch_.sequence + known};
      while (auto bytes = take_ready(begin, batch_.sequence + usable)) {
        open.push_back({0, kFromWaiting, {}, std::move(*bytes)});
      }
    }
    staged.push_back(std::move(next));
  }
}

// Makes what was appended visible. The first batch that reaches beyond the text is taken out again,
// and what came after it is tried anew.
void TextDoc::apply(std::vector<StagedBatch>& staged, Keep keep, MergeReport& report) {
  changes_.clear();
  const Lv begin = staged.front().begin;
  Lv failed_at = 0;
  if (transform(begin, failed_at)) {
    commit_changes(report.patches);
    staged.clear();
    return;
  }
  auto bad = staged.begin();
  while (bad + 1 != staged.end() && (bad + 1)->begin <= failed_at) ++bad;
  std::vector<StagedBatch> rest(std::make_move_iterator(bad),
                                std::make_move_iterator(staged.end()));
  staged.clear();
  graph_.truncate(rest.front().begin);
  log_.truncate(rest.front().begin);
  release_tracker();
  changes_.clear();
  if (graph_.end() > begin) {
    const bool works = transform(begin, failed_at);
    assert(works);
    (void)works;
    commit_changes(report.patches);
  }
  // What is staged again may move the log's content: patches point into it.
  std::vector<std::size_t> offsets;
  for (const TextPatch& patch : report.patches) {
    offsets.push_back(patch.inserted.empty()
                          ? 0
                          : static_cast<std::size_t>(patch.inserted.data() - log_.content_data()));
  }
  finish(rest.front(),
         invalid("text batch: " + failed_name_ +
                 " reaches beyond the text that its author can have seen"),
         report);
  for (std::size_t i = 1; i < rest.size(); ++i) stage_one(std::move(rest[i]), keep, report, staged);
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    TextPatch& patch = report.patches[i];
    if (!patch.inserted.empty())
      patch.inserted = {log_.content_data() + offsets[i], patch.inserted.size()};
  }
}

// Brings the operations from `from` on into the text as it is now: into changes_.
bool TextDoc::transform(Lv from, Lv& failed_at) {
  std::size_t length = rope_.points();
  const Lv end = graph_.end();
  const auto& critical = graph_.critical();
  bool works = true;
  while (works && from < end) {
    auto next = std::upper_bound(critical.begin(), critical.end(), from,
                                 [](Lv lv, const LvRange& range) { return lv < range.begin; });
    const Lv sequential_end = std::min((next - 1)->end, end);
    if (from < sequential_end) {
      works = transform_sequential(from, sequential_end, length, failed_at);
      from = sequential_end;
    } else {
      const Lv zone_end = next == critical.end() ? end : next->begin;
      works = transform_concurrent((next - 1)->end, from, zone_end, length, failed_at);
      from = zone_end;
    }
  }
  if (!works) {
    const auto name = graph_.name_of(failed_at);
    failed_name_ = describe(graph_.agent_id(name.agent), name.sequence);
  }
  return works;
}

// Each of these operations has seen all before it: they mean the text as it is.
bool TextDoc::transform_sequential(Lv begin, Lv end, std::size_t& length, Lv& failed_at) {
  return log_.each(begin, end, [&](const Op& op) {
    failed_at = op.lv;
    if (op.kind == OpKind::kInsert) {
      if (op.position > length) return false;
      length += op.length;
      add_change(changes_, {op.position, 0, op.length, op.content});
    } else {
      if (op.position > length || op.length > length - op.position) return false;
      length -= op.length;
      add_change(changes_, {op.position, op.length, 0, {}});
    }
    return true;
  });
}

// The operations [begin, end) belong to a zone, which begins at a critical boundary, where people
// wrote at once.
bool TextDoc::transform_concurrent(Lv zone, Lv begin, Lv end, std::size_t& length, Lv& failed_at) {
  if (!tracking_ || tracker_.begin() != zone || tracker_.end() > begin)
    tracker_.start(graph_, zone);
  tracking_ = true;
  const std::size_t before = changes_.size();
  bool works = tracker_.feed(graph_, log_, begin, begin, changes_, failed_at) &&
               tracker_.set_text_points(length) &&
               tracker_.feed(graph_, log_, end, begin, changes_, failed_at);
  if (!works) release_tracker();
  (void)before;
  length = works ? tracker_.text_points() : length;
  return works;
}

void TextDoc::commit_changes(std::vector<TextPatch>& patches) {
  patches.reserve(patches.size() + changes_.size());
  for (const Change& change : changes_) {
    if (change.erased > 0) rope_.erase(change.position, change.erased);
    if (change.inserted > 0) rope_.insert(change.position, change.content);
    patches.push_back({change.position, change.erased, change.inserted, change.content});
  }
}

void TextDoc::release_tracker() {
  tracker_.release();
  tracking_ = false;
}

// ---- Versions ----------------------------------------------------------------------------------

TextVersion TextDoc::version() const {
  TextVersion version;
  for (const Lv lv : graph_.frontier()) {
    const auto [agent, sequence] = graph_.name_of(lv);
    version.push_back({graph_.agent_id(agent), sequence});
  }
  std::sort(version.begin(), version.end(), [](const auto& a, const auto& b) {
    return std::tie(a.agent, a.sequence) < std::tie(b.agent, b.sequence);
  });
  return version;
}

std::uint32_t TextDoc::known_of(std::string_view agent) const {
  const std::uint32_t found = graph_.find_agent(agent);
  return found == kNoLv ? 0 : graph_.next_sequence(found);
}

std::map<std::string, std::uint32_t, std::less<>> TextDoc::known() const {
  std::map<std::string, std::uint32_t, std::less<>> known;
  for (std::uint32_t agent = 0; agent < graph_.agents(); ++agent) {
    if (graph_.next_sequence(agent) > 0)
      known.emplace(graph_.agent_id(agent), graph_.next_sequence(agent));
  }
  return known;
}

Result<std::vector<TextBatch>> TextDoc::batches_since(
    const std::map<std::string, std::uint32_t, std::less<>>& known) {
  ATELIER_CHECK(load_history());
  std::vector<TextBatch> batches;
  for (std::uint32_t agent = 0; agent < graph_.agents(); ++agent) {
    const auto found = known.find(graph_.agent_id(agent));
    const std::uint32_t sequence = found == known.end() ? 0 : found->second;
    add_batches(agent, sequence, graph_.next_sequence(agent), batches);
  }
  return batches;
}

void TextDoc::add_batches(std::uint32_t agent, std::uint32_t begin, std::uint32_t end,
                          std::vector<TextBatch>& batches) const {
  while (begin < end) {
    const std::uint32_t stop = batch_end(agent, begin, end);
    batches.push_back({graph_.agent_id(agent), begin, stop - begin,
                       text_crdt::write_batch(graph_, log_, agent, begin, stop)});
    begin = stop;
  }
}

Result<std::vector<TextBatch>> TextDoc::batches_of(std::string_view agent, std::uint32_t begin,
                                                   std::uint32_t end) {
  if (begin > end || end > known_of(agent)) return invalid("operations that are not known");
  std::uint32_t found = graph_.find_agent(agent);
  std::vector<TextBatch> batches;
  if (begin == end) return batches;
  if (begin < graph_.count_at_begin(found)) {
    ATELIER_CHECK(load_history());
    found = graph_.find_agent(agent);
  }
  add_batches(found, begin, end, batches);
  return batches;
}

Result<Frontier> TextDoc::find_version(const TextVersion& version) const {
  Frontier frontier;
  for (const TextVersionEntry& entry : version) {
    const std::uint32_t agent = graph_.find_agent(entry.agent);
    const Lv lv = agent == kNoLv ? kNoLv : graph_.find(agent, entry.sequence);
    if (lv == kNoLv) return not_found(describe(entry.agent, entry.sequence) + " is not here");
    frontier.push_back(lv);
  }
  std::sort(frontier.begin(), frontier.end());
  if (std::adjacent_find(frontier.begin(), frontier.end()) != frontier.end() ||
      !graph_.is_frontier(frontier)) {
    return invalid("a version names an operation and one that it follows");
  }
  return frontier;
}

Result<std::size_t> TextDoc::position_now(const TextVersion& version, std::size_t position) {
  auto found = find_version(version);
  if (!found && found.error().code == ErrorCode::kNotFound && !has_history() && load_history()) {
    found = find_version(version);
  }
  if (!found) return std::move(found).error();
  const Frontier& frontier = *found;
  if (frontier == graph_.frontier()) return std::min(position, rope_.points());
  if (graph_.reaches_before_begin(frontier)) ATELIER_CHECK(load_history());
  // The last critical boundary before the version's last operation: all before it is in that
  // version.
  const Lv last = frontier.empty() ? 0 : frontier.back();
  const auto& critical = graph_.critical();
  const auto next = std::upper_bound(critical.begin(), critical.end(), last,
                                     [](Lv lv, const LvRange& range) { return lv < range.begin; });
  const Lv boundary = std::min((next - 1)->end, last);
  text_crdt::Tracker tracker;
  tracker.start(graph_, boundary);
  std::vector<Change> none;
  Lv failed_at = 0;
  if (!tracker.feed(graph_, log_, graph_.end(), graph_.end(), none, failed_at) ||
      !tracker.set_text_points(rope_.points())) {
    return Error(ErrorCode::kCorrupt, "the history does not fit the text");
  }
  const auto bounded = static_cast<std::uint32_t>(std::min<std::size_t>(position, kTextBytesMax));
  return tracker.final_position(graph_, log_, frontier, bounded);
}

std::size_t TextDoc::memory() const {
  return sizeof(TextDoc) + rope_.memory() + log_.memory() + graph_.memory() + tracker_.memory() +
         unread_history_.capacity() + waiting_bytes_ + changes_.capacity() * sizeof(Change);
}

}  // namespace atelier
