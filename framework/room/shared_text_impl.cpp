#include "room/shared_text_impl.h"

#include <algorithm>
#include <exception>
#include <random>

#include "base/clock.h"
#include "base/limits.h"
#include "text/batch.h"

namespace atelier {

Result<std::unique_ptr<SharedText>> open_shared_text(const std::shared_ptr<RoomCore>& core,
                                                     std::uint64_t owner,
                                                     std::shared_ptr<RawCollection> raw,
                                                     std::shared_ptr<RawPresence> presence,
                                                     const std::string& key) {
  if (key.empty()) return invalid("a text needs a key");
  if (key.size() > kTextKeyBytesMax)
    return invalid("the key of a text has at most " + std::to_string(kTextKeyBytesMax) + " bytes");
  if (key.find(':') != std::string::npos) return invalid("the key of a text has no colon");
  return std::make_unique<SharedTextImpl>(core, owner, std::move(raw), std::move(presence), key);
}

SharedTextImpl::SharedTextImpl(const std::shared_ptr<RoomCore>& core, std::uint64_t owner,
                               std::shared_ptr<RawCollection> raw,
                               std::shared_ptr<RawPresence> presence, const std::string& key)
    : core_(core),
      tasks_(core->tasks()),
      presence_(std::move(presence)),
      ledger_(core, raw, key),
      doc_(ledger_.open()),
      edited_ms_(now()) {
  foreign_write_ms_ = kTextForeignWriteMs +
                      static_cast<int>(std::random_device{}() % unsigned{kTextForeignSpreadMs});
  documents_ = raw->on_change([this](const RawChange& change) { ledger_.on_change(change); });
  tasks_->add(owner, this);
  arm();
}

SharedTextImpl::~SharedTextImpl() {
  tasks_->remove(this);
  save();
  if (presence_) presence_->clear();
}

std::int64_t SharedTextImpl::now() const {
  return system_clock().monotonic_ms();
}

std::string SharedTextImpl::slice(std::size_t position, std::size_t count) const {
  const std::size_t begin = std::min(position, size());
  return doc_.text().slice(begin, std::min(count, size() - begin));
}

// --- One's own edits

Status SharedTextImpl::replace(std::size_t position, std::size_t erased, std::string_view text) {
  if (notifying_) return Error(ErrorCode::kBusy, "a text cannot be edited from its on_patches()");
  const std::size_t before = size();
  ATELIER_CHECK(undo_.replace(doc_, position, erased, text));
  if (erased == 0 && text.empty()) return ok();
  const TextPatch patch{position, erased, size() + erased - before, text};
  own_changed({&patch, 1}, text.size() + 1);
  return ok();
}

Status SharedTextImpl::take_back(Result<Patches> (TextUndo::*back)(TextDoc&)) {
  if (notifying_) return Error(ErrorCode::kBusy, "a text cannot be edited from its on_patches()");
  ATELIER_TRY(patches, (undo_.*back)(doc_));
  std::size_t bytes = 0;
  for (const TextPatch& patch : patches) bytes += patch.inserted.size() + 1;
  if (!patches.empty()) own_changed(patches, bytes);
  return ok();
}

void SharedTextImpl::own_changed(Patches patches, std::size_t bytes) {
  if (caret_) {
    const TextPatch& last = patches.back();
    const std::size_t at = last.position + last.inserted_points;
    caret_ = TextCaret{at, at};
  }
  unheld_bytes_ += bytes;
  note(doc_.agent());
  if (unheld_bytes_ > kTextUnheldBytesMax) write_all();
  changed(patches, true);
  publish_ = true;
  publish();
  arm();
}

// --- Telling

Subscription SharedTextImpl::on_patches(OnPatches fn) {
  auto listener = std::make_shared<Listener>(Listener{std::move(fn)});
  listeners_.push_back(listener);
  return Subscription([weak = std::weak_ptr(listener)] {
    if (const auto still = weak.lock()) still->fn = nullptr;
  });
}

void SharedTextImpl::changed(Patches patches, bool own) {
  ++revision_;
  edited_ms_ = now();
  for (auto& [key, other] : others_) {
    if (!other.caret) continue;
    other.caret->position = map_position(other.caret->position, patches);
    other.caret->anchor = map_position(other.caret->anchor, patches);
    ++carets_revision_;
  }
  if (caret_ && !own) {
    caret_->position = map_position(caret_->position, patches);
    caret_->anchor = map_position(caret_->anchor, patches);
  }
  notify(patches, own);
}

void SharedTextImpl::notify(Patches patches, bool own) {
  notifying_ = true;
  std::exception_ptr failure;
  const std::size_t count = listeners_.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::shared_ptr<Listener> listener = listeners_[i];
    try {
      if (const auto fn = listener->fn) fn(patches, own);
    } catch (...) {
      failure = std::current_exception();
    }
  }
  notifying_ = false;
  std::erase_if(listeners_, [](const auto& listener) { return !listener->fn; });
  if (!failure) return;
  if (own) std::rethrow_exception(failure);
  const auto core = core_.lock();
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    if (core) core->report({"", std::string("a callback failed: ") + error.what()});
  } catch (...) {
    if (core) core->report({"", "a callback failed with something unknown"});
  }
}

// --- What pump() does

bool SharedTextImpl::run() {
  bool any = merge_documents();
  read_presence();
  any = merge_tails() || any;
  place_carets();
  for (const std::string& agent : ledger_.take_failed()) {
    note(agent);
    retry_ms_ = now() + kTextWriteAgainMs;
  }
  if (!unheld_.empty() && now() >= write_due_ms()) write_all();
  tidy_when_idle();
  publish();
  arm();
  return any;
}

bool SharedTextImpl::merge_documents() {
  if (ledger_.rescan_at_ms() != 0 && now() >= ledger_.rescan_at_ms()) ledger_.rescan();
  if (!ledger_.has_arrived()) return false;
  const MergeReport report = ledger_.merge_arrived(doc_);
  // What was shown by presence may be held now.
  std::vector<std::string> agents;
  for (const auto& [agent, since] : unheld_) agents.push_back(agent);
  for (const std::string& agent : agents) note(agent);
  if (report.patches.empty()) return false;
  undo_.merged(report.patches);
  changed(report.patches, false);
  publish_ = caret_.has_value() || publish_;
  return true;
}

// Whether the agent has operations that no document holds.
void SharedTextImpl::note(const std::string& agent) {
  const std::uint32_t known = doc_.known_of(agent);
  const bool held = known == 0 || ledger_.held().holds({agent, 0, known});
  if (!held) {
    unheld_.try_emplace(agent, now());
    return;
  }
  if (unheld_.erase(agent) > 0 && agent == doc_.agent()) unheld_bytes_ = 0;
}

// --- Writing

std::int64_t SharedTextImpl::write_due_ms() const {
  const auto core = core_.lock();
  const bool alone = core && core->presence_status().state == PresenceState::kUnsupported;
  std::int64_t due = INT64_MAX;
  for (const auto& [agent, since] : unheld_) {
    const std::int64_t wait = agent != doc_.agent() ? foreign_write_ms_
                              : alone               ? kTextWriteAloneMs
                                                    : kTextWriteMs;
    due = std::min(due, since + wait);
  }
  return std::max(due, retry_ms_);
}

void SharedTextImpl::write_all() {
  const std::uint32_t own_held = ledger_.held().first_missing(doc_.agent());
  for (const auto& [agent, since] : std::exchange(unheld_, {})) {
    if (ledger_.write_missing(doc_, agent)) continue;
    unheld_.emplace(agent, now());  // its history cannot be read
    retry_ms_ = now() + kTextWriteAgainMs;
  }
  unheld_bytes_ = 0;
  // What was just written stays in the tail: others may have missed it, and the document is slower.
  if (own_held < doc_.known_of(doc_.agent())) tail_begin_ = own_held;
}

void SharedTextImpl::save() {
  if (!unheld_.empty()) write_all();
}

void SharedTextImpl::tidy_when_idle() {
  if (!saved() || now() < edited_ms_ + kTextIdleMs) return;
  if (ledger_.wants_snapshot()) ledger_.write_snapshot(doc_);
  // By now everybody has it as a document.
  publish_ = publish_ || tail_begin_ < doc_.known_of(doc_.agent());
  tail_begin_ = doc_.known_of(doc_.agent());
}

// Asks for the next run() when something will be due.
void SharedTextImpl::arm() {
  std::int64_t due = unheld_.empty() ? INT64_MAX : write_due_ms();
  if (ledger_.rescan_at_ms() != 0) due = std::min(due, ledger_.rescan_at_ms());
  const bool untidy = ledger_.wants_snapshot() || tail_begin_ < doc_.known_of(doc_.agent());
  if (untidy && saved()) due = std::min(due, edited_ms_ + kTextIdleMs);
  const bool unplaced = std::any_of(others_.begin(), others_.end(), [](const auto& one) {
    return one.second.shown && !one.second.placed;
  });
  if (unplaced && place_again_ms_ > now()) due = std::min(due, place_again_ms_);
  if (due != INT64_MAX) tasks_->wake_at(due);
}

}  // namespace atelier
