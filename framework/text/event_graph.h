// Who made each operation, and what they had seen: agents, parents, versions.
// Thread rule: one thread at a time.
//
// An operation has two names: (agent, sequence) for everyone, and its local version (Lv), which
// counts in the order in which this replica met them. Parents have lower local versions than their
// children. A version is a frontier: the operations that no other operation of that version
// follows, ascending.
//
// A boundary is the place before an Lv. It is critical when every operation behind it has seen
// every operation before it: then what lies before is plain text to all that follows.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/op_log.h"

namespace atelier::text_crdt {

using Frontier = std::vector<Lv>;

struct LvRange {
  Lv begin = 0;
  Lv end = 0;
  bool operator==(const LvRange&) const = default;
};

/// A stretch in which each operation's parent is the one before it.
struct Stretch {
  Lv begin = 0;
  Lv end = 0;
  std::span<const Lv> parents;  // of its first operation
};

class EventGraph {
 public:
  /// A graph whose first `begin` operations are not here (yet); what followed has seen them all.
  explicit EventGraph(Lv begin = 0, Frontier frontier = {});

  Lv begin() const { return begin_; }
  Lv end() const { return end_; }
  const Frontier& frontier() const { return frontier_; }

  // --- Agents
  std::size_t agents() const { return agent_ids_.size(); }
  std::uint32_t add_agent(std::string_view id);
  /// kNoLv when it is unknown.
  std::uint32_t find_agent(std::string_view id) const;
  const std::string& agent_id(std::uint32_t agent) const { return agent_ids_[agent]; }
  /// How many operations of this agent are known, here or before begin().
  std::uint32_t next_sequence(std::uint32_t agent) const { return next_sequence_[agent]; }
  /// Says that operations before begin() hold the agent's first `count`, the last of them in the
  /// frontier given at construction as `lv`, or nowhere in it.
  void set_sequence(std::uint32_t agent, std::uint32_t count);
  std::uint32_t count_at_begin(std::uint32_t agent) const {
    return agent < counts_at_begin_.size() ? counts_at_begin_[agent] : 0;
  }
  const Frontier& begin_frontier() const { return begin_frontier_; }
  void set_name(Lv lv, std::uint32_t agent, std::uint32_t sequence);

  struct Name {
    std::uint32_t agent = 0;
    std::uint32_t sequence = 0;
  };
  Name name_of(Lv lv) const;
  /// kNoLv when the operation is not here.
  Lv find(std::uint32_t agent, std::uint32_t sequence) const;
  /// Orders concurrent insertions at one place; the same everywhere.
  bool is_before(Lv a, Lv b) const;

  /// Calls visit(lv range, first sequence) for an agent's operations [begin, end) in order of
  /// sequence; stops when it answers false.
  template <class Visit>
  void each_of_agent(std::uint32_t agent, std::uint32_t begin, std::uint32_t end,
                     Visit&& visit) const {
    const auto& runs = of_agent_[agent];
    for (std::size_t i = run_of(agent, begin); i < runs.size(); ++i) {
      const SequenceRun& run = runs[i];
      if (run.sequence >= end) return;
      const std::uint32_t from = begin > run.sequence ? begin : run.sequence;
      const std::uint32_t run_end = run.sequence + run.length;
      const std::uint32_t to = end < run_end ? end : run_end;
      const Lv lv = run.lv - run.sequence;
      if (from < to && !visit(LvRange{lv + from, lv + to}, from)) return;
    }
  }
  /// Calls visit(lv range, agent, first sequence) for all operations in order.
  template <class Visit>
  void each_name(Visit&& visit) const {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const Lv end = i + 1 < names_.size() ? names_[i + 1].lv : end_;
      visit(LvRange{names_[i].lv, end}, names_[i].agent, names_[i].sequence);
    }
  }

  // --- Growth
  /// Adds `length` operations, the first of which follows `parents`, an ascending frontier.
  void append(std::uint32_t agent, std::uint32_t length, std::span<const Lv> parents);
  /// Adds operations that have seen everything.
  void append_on_frontier(std::uint32_t agent, std::uint32_t length) {
    const Lv begin = end_;
    if (frontier_.size() == 1 && frontier_[0] + 1 == begin && names_.back().agent == agent &&
        of_agent_[agent].back().lv + of_agent_[agent].back().length == begin &&
        critical_.back().end == begin && !entries_.empty()) {
      end_ = critical_.back().end = begin + length;
      frontier_[0] = end_ - 1;
      of_agent_[agent].back().length += length;
      next_sequence_[agent] += length;
      return;
    }
    append(agent, length, Frontier(frontier_));
  }
  void truncate(Lv end);
  void prepend(EventGraph&& older);

  // --- Reading
  template <class Visit>
  bool each_stretch(Lv begin, Lv end, Visit&& visit) const {
    for (std::size_t i = begin < end ? entry_of(begin) : 0; begin < end; ++i) {
      const Lv last = begin - 1;
      const bool whole = entries_[i].begin == begin;
      const Lv stop = entry_end(i) < end ? entry_end(i) : end;
      const auto parents = whole ? parents_of_entry(i) : std::span<const Lv>(&last, 1);
      if (!visit(Stretch{begin, stop, parents})) return false;
      begin = stop;
    }
    return true;
  }
  Frontier parents_of(Lv lv) const;
  std::size_t stretches() const { return entries_.size(); }
  std::size_t memory() const;

  /// What only the one and what only the other version has, ascending ranges.
  struct Difference {
    std::vector<LvRange> only_a;
    std::vector<LvRange> only_b;
  };
  void difference(std::span<const Lv> a, std::span<const Lv> b, Difference& result) const;
  /// Whether none of them, given in ascending order, is an ancestor of another.
  bool is_frontier(std::span<const Lv> version) const;

  // --- Critical boundaries
  /// Ranges, ascending, of boundaries that are critical: both ends belong to them.
  const std::vector<LvRange>& critical() const { return critical_; }
  /// Whether an operation with these parents needs what lies before begin().
  bool reaches_before_begin(std::span<const Lv> parents) const;

 private:
  struct Entry {
    Lv begin;
    std::uint32_t parents;  // where they begin in parents_
  };
  struct NameRun {
    Lv lv;
    std::uint32_t agent;
    std::uint32_t sequence;
  };
  struct SequenceRun {
    std::uint32_t sequence;
    std::uint32_t length;
    Lv lv;
  };
  struct Reached {
    Lv lv;
    unsigned from;  // 1: a, 2: b, 3: both
  };

  std::size_t run_of(std::uint32_t agent, std::uint32_t sequence) const;
  std::size_t entry_of(Lv lv) const;
  Lv entry_end(std::size_t i) const {
    return i + 1 < entries_.size() ? entries_[i + 1].begin : end_;
  }
  std::span<const Lv> parents_of_entry(std::size_t i) const {
    const std::size_t end = i + 1 < entries_.size() ? entries_[i + 1].parents : parents_.size();
    return {parents_.data() + entries_[i].parents, end - entries_[i].parents};
  }
  void add_name(Lv lv, std::uint32_t agent, std::uint32_t length);
  void add_critical(Lv begin, Lv end, std::span<const Lv> parents);
  void advance_frontier(Lv last, std::span<const Lv> parents);
  void rebuild_after_change();

  Lv begin_;
  Lv end_;
  Frontier begin_frontier_;  // the version before begin_
  Frontier frontier_;
  std::vector<Entry> entries_;
  std::vector<Lv> parents_;
  std::vector<NameRun> names_;
  std::vector<LvRange> critical_;

  std::vector<std::string> agent_ids_;
  std::unordered_map<std::string, std::uint32_t> agent_by_id_;
  std::vector<std::uint32_t> next_sequence_;
  std::vector<std::vector<SequenceRun>> of_agent_;  // by agent, ascending
  std::vector<std::uint32_t> counts_at_begin_;      // by agent; those without any may be left out
  mutable std::uint32_t last_agent_ = 0;            // found by find_agent()
  mutable std::vector<Reached> queue_;              // of difference(); empty in between
};

}  // namespace atelier::text_crdt
