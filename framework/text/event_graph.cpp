#include "text/event_graph.h"

#include <algorithm>
#include <cassert>

namespace atelier::text_crdt {
namespace {

bool equal(std::span<const Lv> a, std::span<const Lv> b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
}

// Joins ranges that come in descending order.
void add_descending(std::vector<LvRange>& ranges, Lv begin, Lv end) {
  if (begin >= end) return;
  if (!ranges.empty() && ranges.back().begin == end) {
    ranges.back().begin = begin;
  } else {
    ranges.push_back({begin, end});
  }
}

}  // namespace

EventGraph::EventGraph(Lv begin, Frontier frontier)
    : begin_(begin), end_(begin), begin_frontier_(std::move(frontier)) {
  frontier_ = begin_frontier_;
  critical_.push_back({begin, begin});
}

// ---- Agents ----------------------------------------------------------------------------------

std::uint32_t EventGraph::add_agent(std::string_view id) {
  const std::uint32_t found = find_agent(id);
  if (found != kNoLv) return found;
  const auto agent = static_cast<std::uint32_t>(agent_ids_.size());
  agent_ids_.emplace_back(id);
  agent_by_id_.emplace(std::string(id), agent);
  next_sequence_.push_back(0);
  of_agent_.emplace_back();
  return agent;
}

std::uint32_t EventGraph::find_agent(std::string_view id) const {
  if (last_agent_ < agent_ids_.size() && agent_ids_[last_agent_] == id) return last_agent_;
  const auto found = agent_by_id_.find(std::string(id));
  if (found == agent_by_id_.end()) return kNoLv;
  return last_agent_ = found->second;
}

void EventGraph::set_sequence(std::uint32_t agent, std::uint32_t count) {
  next_sequence_[agent] = count;
  counts_at_begin_.resize(std::max<std::size_t>(counts_at_begin_.size(), agent + 1));
  counts_at_begin_[agent] = count;
}

void EventGraph::set_name(Lv lv, std::uint32_t agent, std::uint32_t sequence) {
  of_agent_[agent].push_back({sequence, 1, lv});
  names_.push_back({lv, agent, sequence});
}

EventGraph::Name EventGraph::name_of(Lv lv) const {
  const NameRun* run = &names_.back();
  if (lv < run->lv) {
    const auto after = std::upper_bound(names_.begin(), names_.end(), lv,
                                        [](Lv value, const NameRun& r) { return value < r.lv; });
    run = &*(after - 1);
  }
  return {run->agent, run->sequence + (lv - run->lv)};
}

Lv EventGraph::find(std::uint32_t agent, std::uint32_t sequence) const {
  const auto& runs = of_agent_[agent];
  if (runs.empty() || sequence < runs.front().sequence) return kNoLv;
  const SequenceRun* run = &runs.back();
  if (sequence < run->sequence) {
    const auto after = std::upper_bound(
        runs.begin(), runs.end(), sequence,
        [](std::uint32_t value, const SequenceRun& r) { return value < r.sequence; });
    run = &*(after - 1);
  }
  return sequence - run->sequence < run->length ? run->lv + (sequence - run->sequence) : kNoLv;
}

bool EventGraph::is_before(Lv a, Lv b) const {
  const Name name_a = name_of(a);
  const Name name_b = name_of(b);
  if (name_a.agent == name_b.agent) return name_a.sequence < name_b.sequence;
  return agent_ids_[name_a.agent] < agent_ids_[name_b.agent];
}

void EventGraph::add_name(Lv lv, std::uint32_t agent, std::uint32_t length) {
  const std::uint32_t sequence = next_sequence_[agent];
  auto& runs = of_agent_[agent];
  if (!runs.empty() && runs.back().lv + runs.back().length == lv &&
      runs.back().sequence + runs.back().length == sequence) {
    runs.back().length += length;
  } else {
    runs.push_back({sequence, length, lv});
  }
  const bool goes_on = !names_.empty() && names_.back().agent == agent &&
                       names_.back().sequence + (lv - names_.back().lv) == sequence;
  if (!goes_on) names_.push_back({lv, agent, sequence});
  next_sequence_[agent] += length;
}

std::size_t EventGraph::run_of(std::uint32_t agent, std::uint32_t sequence) const {
  const auto& runs = of_agent_[agent];
  const auto after = std::upper_bound(
      runs.begin(), runs.end(), sequence,
      [](std::uint32_t value, const SequenceRun& r) { return value < r.sequence; });
  return after == runs.begin() ? 0 : static_cast<std::size_t>(after - runs.begin()) - 1;
}

// ---- Growth ----------------------------------------------------------------------------------

void EventGraph::append(std::uint32_t agent, std::uint32_t length, std::span<const Lv> parents) {
  const Lv begin = end_;
  add_name(begin, agent, length);
  const bool goes_on = !entries_.empty() && parents.size() == 1 && parents[0] + 1 == begin;
  if (!goes_on) {
    entries_.push_back({begin, static_cast<std::uint32_t>(parents_.size())});
    parents_.insert(parents_.end(), parents.begin(), parents.end());
  }
  end_ += length;
  add_critical(begin, end_, parents);
  advance_frontier(end_ - 1, parents);
}

void EventGraph::advance_frontier(Lv last, std::span<const Lv> parents) {
  std::erase_if(frontier_, [&](Lv lv) {
    return std::find(parents.begin(), parents.end(), lv) != parents.end();
  });
  frontier_.push_back(last);
}

// Called before the frontier moves on.
void EventGraph::add_critical(Lv begin, Lv end, std::span<const Lv> parents) {
  if (equal(parents, frontier_)) {
    if (!critical_.empty() && critical_.back().end == begin) {
      critical_.back().end = end;
    } else {
      critical_.push_back({begin, end});
    }
    return;
  }
  const Lv behind_parents = parents.empty() ? 0 : parents.back() + 1;
  while (!critical_.empty() && critical_.back().begin > behind_parents) critical_.pop_back();
  if (critical_.empty() || critical_.back().end < behind_parents) return;
  // Boundaries up to the last parent stay. The one behind it does when its version is the parents.
  LvRange& last = critical_.back();
  if (last.begin < behind_parents) {
    last.end = parents.size() == 1 ? behind_parents : behind_parents - 1;
  } else {
    const bool same = last.begin == begin_ ? equal(parents, begin_frontier_)
                                           : equal(parents, parents_of(last.begin));
    if (same) {
      last.end = last.begin;
    } else {
      critical_.pop_back();
    }
  }
}

bool EventGraph::reaches_before_begin(std::span<const Lv> parents) const {
  if (begin_ == 0 || equal(parents, begin_frontier_)) return false;
  return parents.empty() || parents.back() < begin_;
}

void EventGraph::truncate(Lv end) {
  while (!entries_.empty() && entries_.back().begin >= end) {
    parents_.resize(entries_.back().parents);
    entries_.pop_back();
  }
  while (!names_.empty() && names_.back().lv >= end) names_.pop_back();
  for (std::size_t agent = 0; agent < of_agent_.size(); ++agent) {
    auto& runs = of_agent_[agent];
    while (!runs.empty() && runs.back().lv >= end) {
      next_sequence_[agent] = runs.back().sequence;
      runs.pop_back();
    }
    if (!runs.empty() && runs.back().lv + runs.back().length > end) {
      runs.back().length = end - runs.back().lv;
      next_sequence_[agent] = runs.back().sequence + runs.back().length;
    }
  }
  end_ = end;
  rebuild_after_change();
}

void EventGraph::rebuild_after_change() {
  frontier_ = begin_frontier_;
  critical_.assign(1, {begin_, begin_});
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    add_critical(entries_[i].begin, entry_end(i), parents_of_entry(i));
    advance_frontier(entry_end(i) - 1, parents_of_entry(i));
  }
}

void EventGraph::prepend(EventGraph&& older) {
  assert(older.begin_ == 0 && older.end_ == begin_);
  each_name([&](LvRange range, std::uint32_t agent, std::uint32_t sequence) {
    if (range.end <= begin_) return;
    const Lv from = std::max(range.begin, begin_);
    const std::uint32_t known = older.add_agent(agent_ids_[agent]);
    older.next_sequence_[known] = sequence + (from - range.begin);
    older.add_name(from, known, range.end - from);
  });
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const auto parents = parents_of_entry(i);
    if (parents.size() == 1 && parents[0] + 1 == entries_[i].begin && !older.entries_.empty())
      continue;
    older.entries_.push_back(
        {entries_[i].begin, static_cast<std::uint32_t>(older.parents_.size())});
    older.parents_.insert(older.parents_.end(), parents.begin(), parents.end());
  }
  older.end_ = end_;
  *this = std::move(older);
  rebuild_after_change();
}

// ---- Reading ---------------------------------------------------------------------------------

std::size_t EventGraph::entry_of(Lv lv) const {
  assert(lv >= begin_ && lv < end_);
  if (lv >= entries_.back().begin) return entries_.size() - 1;
  const auto after = std::upper_bound(entries_.begin(), entries_.end(), lv,
                                      [](Lv value, const Entry& e) { return value < e.begin; });
  return static_cast<std::size_t>(after - entries_.begin()) - 1;
}

Frontier EventGraph::parents_of(Lv lv) const {
  const std::size_t i = entry_of(lv);
  if (entries_[i].begin != lv) return {lv - 1};
  const auto parents = parents_of_entry(i);
  return {parents.begin(), parents.end()};
}

std::size_t EventGraph::memory() const {
  std::size_t sum = entries_.capacity() * sizeof(Entry) + parents_.capacity() * sizeof(Lv) +
                    names_.capacity() * sizeof(NameRun) + critical_.capacity() * sizeof(LvRange);
  for (const auto& runs : of_agent_) sum += runs.capacity() * sizeof(SequenceRun);
  return sum;
}

// Walks back from both versions, always from the latest operation, until all that is left to walk
// from belongs to both.
void EventGraph::difference(std::span<const Lv> a, std::span<const Lv> b,
                            Difference& result) const {
  result.only_a.clear();
  result.only_b.clear();
  if (equal(a, b)) return;
  auto& queue = queue_;
  queue.clear();
  std::size_t unshared = 0;
  const auto push = [&](Lv lv, unsigned from) {
    auto at = queue.end();
    while (at != queue.begin() && (at - 1)->lv > lv) --at;
    if (at != queue.begin() && (at - 1)->lv == lv) {
      Reached& there = *(at - 1);
      if (there.from != 3 && (there.from | from) == 3) --unshared;
      there.from |= from;
      return;
    }
    queue.insert(at, {lv, from});
    if (from != 3) ++unshared;
  };
  const auto pop = [&] {
    const Reached last = queue.back();
    queue.pop_back();
    if (last.from != 3) --unshared;
    return last;
  };
  const auto mark = [&](Lv begin, Lv end, unsigned from) {
    if (from == 1) add_descending(result.only_a, begin, end);
    if (from == 2) add_descending(result.only_b, begin, end);
  };
  for (const Lv lv : a) push(lv, 1);
  for (const Lv lv : b) push(lv, 2);
  while (unshared > 0) {
    auto [lv, from] = pop();
    if (lv < begin_) continue;  // seen by everything that is here
    const std::size_t entry = entry_of(lv);
    const Lv begin = entries_[entry].begin;
    while (!queue.empty() && queue.back().lv >= begin) {
      const Reached next = pop();
      if ((next.from | from) != from) {
        mark(next.lv + 1, lv + 1, from);
        lv = next.lv;
        from |= next.from;
      }
    }
    mark(begin, lv + 1, from);
    for (const Lv parent : parents_of_entry(entry)) push(parent, from);
  }
  queue.clear();
  std::reverse(result.only_a.begin(), result.only_a.end());
  std::reverse(result.only_b.begin(), result.only_b.end());
}

// Walks back from all of them at once: none may be met on the way from another.
bool EventGraph::is_frontier(std::span<const Lv> version) const {
  if (version.size() < 2) return true;
  // All from the present frontier: nothing follows them at all.
  if (std::includes(frontier_.begin(), frontier_.end(), version.begin(), version.end()))
    return true;
  if (version.front() < begin_) return equal(version, begin_frontier_);
  const auto is_given = [&](Lv lv) {
    return std::binary_search(version.begin(), version.end(), lv);
  };
  std::vector<Lv> open(version.begin(), version.end());  // ascending
  while (!open.empty() && open.back() >= version.front()) {
    const std::size_t entry = entry_of(open.back());
    open.pop_back();
    // The rest of its stretch is among its ancestors.
    while (!open.empty() && open.back() >= entries_[entry].begin) {
      if (is_given(open.back())) return false;
      open.pop_back();
    }
    for (const Lv parent : parents_of_entry(entry)) {
      if (is_given(parent)) return false;
      const auto at = std::lower_bound(open.begin(), open.end(), parent);
      if (parent > version.front() && (at == open.end() || *at != parent)) open.insert(at, parent);
    }
  }
  return true;
}

}  // namespace atelier::text_crdt
