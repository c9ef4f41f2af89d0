#include "room/write_queue.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <stdexcept>

#include "base/json_text.h"
#include "base/limits.h"

namespace atelier {
namespace {

// Sets a flag for as long as a function of the application runs.
class Running {
 public:
  explicit Running(bool& flag) : flag_(flag) { flag_ = true; }
  ~Running() { flag_ = false; }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  bool& flag_;
};

Result<std::string> checked_body(std::string_view text) {
  ATELIER_TRY(normal, json::normalize(text));
  if (json::kind_of(normal) != json::Kind::kObject)
    return invalid("a document must be a JSON object");
  std::string reserved;
  json::for_each_member(normal, [&](std::string_view key, std::string_view) {
    if (key.starts_with('_')) reserved = key;
    return reserved.empty();
  });
  if (!reserved.empty())
    return invalid("the member '" + reserved + "': names with _ in front are CouchDB's own");
  return normal;
}

}  // namespace

std::vector<AttachmentWrite> as_stubs(const std::vector<Attachment>& attachments) {
  std::vector<AttachmentWrite> stubs;
  for (const Attachment& one : attachments) {
    AttachmentWrite stub;
    stub.name = one.name;
    stub.content_type = one.content_type;
    stub.stub = true;
    stub.digest = one.digest;
    stub.revpos = one.revpos;
    stub.encoding = one.encoding;
    stub.length = one.length;
    stub.encoded_length = one.encoded_length;
    stubs.push_back(std::move(stub));
  }
  return stubs;
}

namespace {

bool may_pass(ErrorCode code) {
  return code == ErrorCode::kFull || code == ErrorCode::kDisk || code == ErrorCode::kUnavailable ||
         code == ErrorCode::kBusy;
}

}  // namespace

// --- WriteSignal

void WriteSignal::complete(Completion completion) {
  const std::scoped_lock lock(mutex_);
  completions_.push_back(std::move(completion));
  completed_.notify_all();
  if (wake_) wake_();
}

std::vector<WriteSignal::Completion> WriteSignal::take() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(completions_, {});
}

void WriteSignal::wait(int timeout_ms) {
  std::unique_lock lock(mutex_);
  completed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                      [this] { return !completions_.empty(); });
}

void WriteSignal::poke() {
  const std::scoped_lock lock(mutex_);
  if (wake_) wake_();
}

void WriteSignal::set_wake(std::function<void()> wake) {
  const std::scoped_lock lock(mutex_);
  wake_ = std::move(wake);
}

// --- WriteQueue

WriteQueue::WriteQueue(std::shared_ptr<Store> store, std::shared_ptr<WriteSignal> signal,
                       Events events, Clock& clock)
    : store_(std::move(store)),
      signal_(std::move(signal)),
      events_(std::move(events)),
      clock_(clock) {}

void WriteQueue::write(const std::string& id, Edit edit) {
  if (applying_) throw std::logic_error("a function that changes a document must not write others");
  auto entry = pending_.find(id);
  Pending fresh;
  if (entry == pending_.end()) {
    if (auto loaded = load(id, fresh); !loaded) {
      events_.problem({id, "could not be read: " + loaded.error().message});
      return;
    }
  }
  const State& visible = entry == pending_.end() ? fresh.visible : entry->second.visible;
  auto changed = apply(edit, visible);
  if (!changed) {
    events_.problem({id, "was not written: " + changed.error().message});
    return;
  }
  if (*changed == visible) return;
  if (entry == pending_.end()) entry = pending_.emplace(id, std::move(fresh)).first;
  entry->second.visible = std::move(*changed);
  entry->second.edits.push_back(std::move(edit));
  ++version_;
  events_.touched(id, 0);
  start(entry);
}

Status WriteQueue::load(const std::string& id, Pending& pending) const {
  auto document = store_->get(id);
  if (!document && document.error().code != ErrorCode::kNotFound) return document.error();
  if (!document && store_->retired()) return document.error();
  pending.base.reset();
  pending.parent.reset();
  pending.attachments.clear();
  if (document) {
    pending.base = std::move(document->body);
    pending.parent = document->rev;
    pending.attachments = std::move(document->attachments);
  }
  pending.visible = pending.base;
  return ok();
}

Result<WriteQueue::State> WriteQueue::apply(const Edit& edit, const State& state) {
  if (!edit.change) return State();
  std::optional<std::string> text;
  {
    const Running guard(applying_);
    text = edit.change(state ? std::string_view(*state) : std::string_view());
  }
  if (!text) return state;
  ATELIER_TRY(body, checked_body(*text));
  return State(std::move(body));
}

void WriteQueue::start(Entry entry) {
  Pending& pending = entry->second;
  if (pending.running || pending.retry_at_ms != 0) return;
  if (running_ >= kRoomWritesRunningMax) {
    waiting_.push_back(entry->first);
    return;
  }
  send(entry);
}

void WriteQueue::send(Entry entry) {
  Pending& pending = entry->second;
  if (pending.visible == pending.base) return drop(entry, 0);  // the edits undid each other
  pending.sent = pending.visible;
  if (pending.sent && events_.sign)
    pending.sent = events_.sign(entry->first, pending.base.value_or(""), *pending.sent);
  if (pending.sent == pending.base) return drop(entry, 0);
  pending.running = true;
  pending.edits_sent = pending.edits.size();
  ++running_;
  DocumentWrite write;
  write.id = entry->first;
  write.deleted = !pending.sent;
  write.body = pending.sent.value_or("{}");
  write.body_is_normal = true;
  write.parent = pending.parent;
  if (pending.sent) write.attachments = as_stubs(pending.attachments);
  std::vector<DocumentWrite> writes;
  writes.push_back(std::move(write));
  store_->write_async(std::move(writes), {},
                      [signal = signal_, id = entry->first](std::vector<WriteResult> results) {
                        signal->complete({id, std::move(results.front())});
                      });
}

void WriteQueue::settle() {
  for (auto& completion : signal_->take()) finished(std::move(completion));
  while (!waiting_.empty() && running_ < kRoomWritesRunningMax) {
    const auto entry = pending_.find(waiting_.front());
    waiting_.pop_front();
    if (entry != pending_.end()) start(entry);
  }
  if (retrying_ == 0) return;
  const auto now_ms = clock_.monotonic_ms();
  for (auto entry = pending_.begin(); entry != pending_.end();) {
    const auto next = std::next(entry);
    if (entry->second.retry_at_ms != 0 && entry->second.retry_at_ms <= now_ms) {
      entry->second.retry_at_ms = 0;
      --retrying_;
      again(entry);
    }
    entry = next;
  }
}

void WriteQueue::finished(WriteSignal::Completion completion) {
  const auto entry = pending_.find(completion.id);
  --running_;
  entry->second.running = false;
  if (completion.result.rev)
    committed(entry, *completion.result.rev, completion.result.sequence);
  else
    failed(entry, completion.result.rev.error());
}

void WriteQueue::committed(Entry entry, const RevId& rev, std::uint64_t sequence) {
  Pending& pending = entry->second;
  pending.edits.erase(pending.edits.begin(),
                      pending.edits.begin() + static_cast<std::ptrdiff_t>(pending.edits_sent));
  pending.base = std::move(pending.sent);
  pending.parent = rev;
  pending.conflicts = 0;
  pending.told = false;
  if (!pending.base) {
    pending.parent.reset();  // what follows a deletion begins anew
    pending.attachments.clear();
  }
  if (pending.edits.empty()) return drop(entry, sequence);
  start(entry);
}

void WriteQueue::failed(Entry entry, const Error& error) {
  Pending& pending = entry->second;
  if (error.code == ErrorCode::kConflict) {
    if (++pending.conflicts > kRoomWriteConflictsMax)
      return give_up(entry, "others change it all the time");
    return again(entry);
  }
  if (!may_pass(error.code)) return give_up(entry, error.message);
  pending.retry_at_ms = clock_.monotonic_ms() + kRoomWriteRetryMs;
  ++retrying_;
  if (!std::exchange(pending.told, true))
    events_.problem({entry->first, "is not saved yet: " + error.message});
}

// Makes the edits again, on what is there now.
void WriteQueue::again(Entry entry) {
  Pending& pending = entry->second;
  if (auto loaded = load(entry->first, pending); !loaded)
    return give_up(entry, loaded.error().message);
  for (const Edit& edit : pending.edits) {
    try {
      auto changed = apply(edit, pending.visible);
      if (changed)
        pending.visible = std::move(*changed);
      else
        events_.problem({entry->first, "an edit is lost: " + changed.error().message});
    } catch (const std::exception& error) {
      events_.problem({entry->first, std::string("an edit is lost: ") + error.what()});
    } catch (...) {
      events_.problem({entry->first, "an edit is lost: it threw something unknown"});
    }
  }
  ++version_;
  events_.touched(entry->first, 0);
  start(entry);
}

void WriteQueue::drop(Entry entry, std::uint64_t sequence) {
  const std::string id = entry->first;
  if (entry->second.retry_at_ms != 0) --retrying_;
  pending_.erase(entry);
  ++version_;
  events_.touched(id, sequence);
}

void WriteQueue::give_up(Entry entry, const std::string& reason) {
  events_.problem({entry->first, "could not be saved: " + reason});
  drop(entry, 0);
}

Status WriteQueue::flush(int timeout_ms) {
  const auto end_ms = clock_.monotonic_ms() + timeout_ms;
  while (true) {
    settle();
    if (pending_.empty()) return ok();
    const auto left_ms = end_ms - clock_.monotonic_ms();
    if (left_ms <= 0)
      return Error{ErrorCode::kTimeout,
                   std::to_string(pending_.size()) + " documents are not saved yet"};
    signal_->wait(static_cast<int>(std::min<std::int64_t>(left_ms, kRoomWriteRetryMs)));
  }
}

void WriteQueue::disown(std::uint64_t owner) {
  const auto constant = [](const State& state) {
    if (!state) return Edit{};
    return Edit{0, [body = *state](std::string_view) { return std::optional(body); }};
  };
  for (auto& [id, pending] : pending_) {
    const bool owned = std::any_of(pending.edits.begin(), pending.edits.end(),
                                   [owner](const Edit& edit) { return edit.owner == owner; });
    if (!owned) continue;
    pending.edits.clear();
    if (pending.running) pending.edits.push_back(constant(pending.sent));
    pending.edits_sent = pending.edits.size();
    if (!pending.running || pending.visible != pending.sent)
      pending.edits.push_back(constant(pending.visible));
  }
}

}  // namespace atelier
