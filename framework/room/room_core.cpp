#include "room/room_core.h"

#include <chrono>
#include <exception>

#include "base/id.h"
#include "base/limits.h"
#include "room/merge_fields.h"

namespace atelier {
namespace {

std::string_view prefix_of(std::string_view id) {
  return id.substr(0, id.find(':'));
}

ScanOptions range_of(const std::string& prefix) {
  ScanOptions options;
  options.start = prefix + ":";
  options.end = prefix + ";";  // the byte after the colon
  options.inclusive_end = false;
  return options;
}

}  // namespace

// When to stop, in real time: a simulated clock must not make a frame long.
class RoomCore::Deadline {
 public:
  explicit Deadline(int budget_ms)
      : end_(std::chrono::steady_clock::now() + std::chrono::milliseconds(budget_ms)) {}
  bool passed() const { return std::chrono::steady_clock::now() >= end_; }

 private:
  std::chrono::steady_clock::time_point end_;
};

RoomCore::RoomCore(RoomSettings settings)
    : store_(std::move(settings.store)),
      title_(std::move(settings.title)),
      user_(std::move(settings.user)),
      clock_(settings.clock ? *settings.clock : system_clock()),
      since_(store_->last_sequence()),
      indexes_(store_, [this](Problem problem) { report(std::move(problem)); }),
      merger_(store_, signal_, [this](Problem problem) { report(std::move(problem)); }),
      writes_(
          store_, signal_,
          {.touched = [this](const std::string& id, std::uint64_t seq) { touched(id, seq); },
           .problem = [this](Problem problem) { report(std::move(problem)); },
           .sign = [this](const std::string& id, std::string_view before,
                          std::string body) { return signed_body(id, before, std::move(body)); }},
          clock_),
      poke_(store_->subscribe([signal = signal_] { signal->poke(); })),
      presence_(user_) {}

RoomCore::~RoomCore() {
  close();
}

void RoomCore::close() {
  signal_->set_wake({});
  presence_.detach();  // we are gone for the others while the rest is written
  // Without the time to save all, the store goes on writing what it has; the rest was told as
  // problems.
  (void)flush(kRoomFlushMs);
  // What was written last would else wait here until this person comes back.
  if (sync_) (void)sync_->send_rest(kRoomSendMs);
  sync_.reset();
}

// --- owners and listeners

std::uint64_t RoomCore::add_owner() {
  owners_.insert(next_number_);
  return next_number_++;
}

void RoomCore::drop_owner(std::uint64_t owner) {
  tasks_->disown(owner);
  (void)writes_.flush(kRoomFlushMs);
  writes_.disown(owner);
  owners_.erase(owner);
  presence_.drop_owner(owner);
  for (auto& [prefix, entries] : listeners_) {
    for (const auto& entry : entries) {
      if (entry->owner != owner) continue;
      entry->ended = true;
      ended_some_ = true;
    }
  }
  if (!pumping_) sweep_listeners();
}

std::uint64_t RoomCore::add_listener(std::uint64_t owner, const std::string& prefix,
                                     Listener listener) {
  const std::uint64_t number = next_number_++;
  listeners_[prefix].push_back(
      std::make_shared<Entry>(Entry{number, owner, std::move(listener), false}));
  return number;
}

void RoomCore::remove_listener(const std::string& prefix, std::uint64_t number) {
  const auto found = listeners_.find(prefix);
  if (found == listeners_.end()) return;
  for (const auto& entry : found->second) {
    if (entry->number != number) continue;
    entry->ended = true;
    ended_some_ = true;
  }
  if (!pumping_) sweep_listeners();
}

// A listener may end itself, or others, while it runs: they are taken out when nobody walks the
// list.
void RoomCore::sweep_listeners() {
  if (!std::exchange(ended_some_, false)) return;
  // What a listener owned may end other subscriptions when it goes: destroyed apart from the list.
  std::vector<std::shared_ptr<Entry>> ended;
  for (auto& [prefix, entries] : listeners_) {
    std::erase_if(entries, [&](const std::shared_ptr<Entry>& entry) {
      if (entry->ended) ended.push_back(entry);
      return entry->ended;
    });
  }
  std::erase_if(listeners_, [](const auto& one) { return one.second.empty(); });
}

// --- reading

std::optional<RawDocument> RoomCore::get(std::string_view id) const {
  if (const auto found = writes_.pending().find(id); found != writes_.pending().end()) {
    if (!found->second.visible) return std::nullopt;
    return RawDocument{found->first, *found->second.visible, true};
  }
  auto document = store_->get(id);
  if (!document) return std::nullopt;
  return RawDocument{std::move(document->id), std::move(document->body), false};
}

template <class Fn>
void RoomCore::each_pending(const std::string& prefix, const Fn& fn) const {
  const auto& pending = writes_.pending();
  for (auto one = pending.lower_bound(prefix + ":"); one != pending.end(); ++one) {
    if (prefix_of(one->first) != prefix) break;
    fn(one->first, static_cast<bool>(one->second.visible));
  }
}

// Of each pending write, in the order of each_pending().
std::vector<bool> RoomCore::are_stored(const std::string& prefix) const {
  std::vector<bool> all;
  each_pending(prefix,
               [&](const std::string& id, bool) { all.push_back(store_->get(id).has_value()); });
  return all;
}

std::size_t RoomCore::size(const std::string& prefix) const {
  Count& count = counts_[prefix];
  const std::uint64_t sequence = store_->last_sequence();
  // +1: an entry that was never filled fits no version.
  if (count.sequence == sequence && count.version == writes_.version() + 1) return count.size;
  // A pending write may reach the disk at any moment, and then its base says nothing: it is counted
  // by whether it was stored both before and after the rest was counted.
  constexpr int kTriesMax = 8;
  std::vector<bool> before = are_stored(prefix);
  std::size_t size = 0;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    const auto stored = store_->count(range_of(prefix));
    size = stored ? static_cast<std::size_t>(*stored) : 0;
    std::vector<bool> after = are_stored(prefix);
    const bool steady = after == before;
    before = std::move(after);
    if (steady) break;
  }
  std::size_t at = 0;
  each_pending(prefix, [&](const std::string&, bool is_visible) {
    const bool is_stored = before[at++];
    if (is_visible && !is_stored) ++size;
    if (!is_visible && is_stored) --size;
  });
  count = {sequence, writes_.version() + 1, size};
  return size;
}

void RoomCore::for_each(const std::string& prefix,
                        const std::function<bool(const RawDocument&)>& fn) const {
  const auto range = range_of(prefix);
  for_each_between(*range.start, *range.end, true, fn);
}

void RoomCore::for_each_between(const std::string& start, const std::string& end_of_range,
                                bool bodies,
                                const std::function<bool(const RawDocument&)>& fn) const {
  ScanOptions range;
  range.end = end_of_range;
  range.inclusive_end = false;
  range.bodies = bodies;
  std::string next = start;  // the first id that was not shown yet
  bool going = true;
  // `fn` may write and so change what is pending: each step looks it up anew.
  const auto show_pending_before = [&](const std::string* end) {
    while (going) {
      const auto one = writes_.pending().lower_bound(next);
      if (one == writes_.pending().end() || one->first >= end_of_range) return;
      if (end && one->first >= *end) return;
      next = one->first + '\0';
      if (one->second.visible) going = fn({one->first, *one->second.visible, true});
    }
  };
  while (going) {
    std::vector<RawDocument> page;
    range.start = next;
    range.limit = kRoomScanRows;
    const auto scanned = store_->scan(range, [&](const DocumentView& document) {
      page.push_back({std::string(document.id), std::string(document.body), false});
      return true;
    });
    if (!scanned) return;
    for (const RawDocument& document : page) {
      show_pending_before(&document.id);
      if (!going) return;
      if (writes_.pending().contains(document.id)) continue;  // shown as the next pending one
      if (document.id < next) continue;
      next = document.id + '\0';
      if (bodies && document.body.empty()) continue;  // evicted: it cannot be shown
      going = fn(document);
      if (!going) return;
    }
    if (page.size() < kRoomScanRows) break;
    if (next <= page.back().id) {
      // The last of the page is pending: it is shown here, or the next page would begin with it.
      const std::string behind = page.back().id + '\0';
      show_pending_before(&behind);
      if (next < behind) next = behind;
    }
  }
  show_pending_before(nullptr);
}

// --- delivering

void RoomCore::touched(const std::string& id, std::uint64_t sequence) {
  if (sequence > since_) own_[id] = sequence;
  if (touched_ids_.insert(id).second) touched_.push_back(id);
}

bool RoomCore::pump(int budget_ms) {
  if (pumping_) return false;  // a callback called it
  pumping_ = true;
  const Deadline deadline(budget_ms);
  writes_.settle();
  const bool own = deliver_touched(deadline);
  const bool fed = deliver_feed(deadline);
  const bool seen = presence_.pump();
  const bool done = tasks_->run();  // of what all of these brought
  pumping_ = false;
  sweep_listeners();
  return own || fed || done || seen;
}

// Only what was there at the beginning: a callback that writes must not keep pump() busy for ever.
bool RoomCore::deliver_touched(const Deadline& deadline) {
  bool any = false;
  for (std::size_t left = touched_.size(); left > 0; --left) {
    const std::string id = std::move(touched_.front());
    touched_.pop_front();
    touched_ids_.erase(id);
    any = deliver(id, true) || any;
    if (deadline.passed()) return true;
  }
  return any;
}

bool RoomCore::deliver_feed(const Deadline& deadline) {
  bool any = false;
  while (next_row_ < page_.size() || read_page()) {
    for (; next_row_ < page_.size(); ++next_row_) {
      const Row& row = page_[next_row_];
      since_ = row.sequence;
      if (!is_known(row)) any = deliver(row.id, false) || any;
      if (row.conflicts) merger_.look_at(row.id);
      // After a row and not before: however small the budget, the feed goes on.
      if (deadline.passed()) return ++next_row_, true;
    }
    since_ = page_end_;
  }
  if (!own_.empty()) std::erase_if(own_, [this](const auto& one) { return one.second <= since_; });
  return any;
}

bool RoomCore::read_page() {
  page_.clear();
  next_row_ = 0;
  const std::uint64_t last = store_->last_sequence();
  if (last <= since_) return false;
  const auto read = store_->changes(since_, kPumpPageRows, [&](const ChangeRow& row) {
    page_.push_back({row.sequence, row.id, row.leaves.size() > 1});
    return true;
  });
  if (!read) {
    say_once("the room's changes cannot be read: " + read.error().message);
    return false;
  }
  page_end_ = page_.size() < kPumpPageRows
                  ? std::max(last, page_.empty() ? last : page_.back().sequence)
                  : page_.back().sequence;
  if (page_.empty()) since_ = page_end_;
  return !page_.empty();
}

// Whether the row tells nothing new: a write of ours that was shown, or that will be.
bool RoomCore::is_known(const Row& row) {
  if (writes_.pending().contains(row.id) || touched_ids_.contains(row.id)) return true;
  const auto own = own_.find(row.id);
  if (own == own_.end()) return false;
  const bool known = row.sequence <= own->second;
  own_.erase(own);
  return known;
}

bool RoomCore::deliver(const std::string& id, bool local) {
  const auto found = listeners_.find(prefix_of(id));
  if (found == listeners_.end()) return false;
  const auto change = change_of(id, local);
  if (!change) return false;
  malformed_.erase(id);  // whoever reads it says so again
  // Listeners that come while this runs have seen the document when they began.
  const std::size_t count = found->second.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::shared_ptr<Entry> entry = found->second[i];
    if (!entry->ended) call(*entry, *change);
  }
  return true;
}

std::optional<RawChange> RoomCore::change_of(const std::string& id, bool local) {
  RawChange change;
  change.local = local;
  change.document.id = id;
  if (const auto one = writes_.pending().find(id); one != writes_.pending().end()) {
    change.document.pending = true;
    change.deleted = !one->second.visible;
    if (!change.deleted) change.document.body = *one->second.visible;
    return change;
  }
  auto document = store_->get(id);
  if (document) {
    change.document.body = std::move(document->body);
  } else if (document.error().code == ErrorCode::kNotFound) {
    change.deleted = true;
  } else if (document.error().code == ErrorCode::kEvicted) {
    return std::nullopt;  // nothing that could be shown has changed
  } else {
    report({id, "cannot be read: " + document.error().message});
    return std::nullopt;
  }
  return change;
}

void RoomCore::call(const Entry& entry, const RawChange& change) {
  try {
    entry.listener(change);
  } catch (const std::exception& error) {
    report({change.document.id, std::string("a callback failed: ") + error.what()});
  } catch (...) {
    report({change.document.id, "a callback failed with something unknown"});
  }
}

bool RoomCore::idle() const {
  return writes_.pending().empty() && touched_.empty() && next_row_ >= page_.size() &&
         store_->last_sequence() <= since_ && merger_.idle() && tasks_->idle();
}

// Who set which field when, where a collection's conflicts are merged by it.
std::string RoomCore::signed_body(const std::string& id, std::string_view before,
                                  std::string body) const {
  if (!merger_.merges(id)) return body;
  const auto now_us = static_cast<std::uint64_t>(clock_.wall_ms()) * 1'000;
  auto stamped = stamp_edit(before, body, now_us, process_ids().node());
  return stamped ? std::move(*stamped) : body;
}

// --- problems and sync

void RoomCore::report(Problem problem) {
  problems_.push_back(std::move(problem));
  if (problems_.size() > kRoomProblemsMax) problems_.pop_front();
}

void RoomCore::say_once(const std::string& problem) {
  if (std::exchange(last_said_, problem) != problem) report({"", problem});
}

void RoomCore::report_malformed(const std::string& id, const std::string& reason) {
  if (malformed_.size() < kRoomProblemsMax || malformed_.contains(id)) malformed_[id] = reason;
}

std::vector<Problem> RoomCore::problems() const {
  std::vector<Problem> all(problems_.begin(), problems_.end());
  for (const auto& [id, reason] : malformed_) all.push_back({id, reason});
  return all;
}

void RoomCore::attach_sync(std::shared_ptr<PeerFactory> remote, LiveSyncOptions options) {
  sync_.reset();
  sync_ = std::make_unique<LiveSync>(store_, std::move(remote), std::move(options),
                                     [signal = signal_] { signal->poke(); });
}

}  // namespace atelier
