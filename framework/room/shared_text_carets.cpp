// SharedTextImpl's part with presence: what others type and where they are, and the same of us.
#include <algorithm>

#include "base/clock.h"
#include "base/limits.h"
#include "room/shared_text_impl.h"
#include "text/batch.h"

namespace atelier {

// --- Others

void SharedTextImpl::read_presence() {
  if (!presence_ || presence_revision_ == presence_->revision() + 1) return;
  presence_revision_ = presence_->revision() + 1;
  const auto& here = presence_->others();
  std::erase_if(others_, [&](const auto& known) {
    return std::none_of(here.begin(), here.end(),
                        [&](const RawPresence::Other& one) { return one.key == known.first; });
  });
  for (const RawPresence::Other& one : here) {
    Other& other = others_[one.key];
    other.name = one.name;
    if (other.state == one.state) continue;
    other.state = one.state;
    read_state(one.key, other);
  }
  ++carets_revision_;
}

void SharedTextImpl::read_state(const std::string& key, Other& other) {
  TextPresence shown = decode_text_presence(other.state);
  other.shown = shown.caret;
  other.version = std::move(shown.version);
  other.placed = false;
  if (!other.shown) other.caret.reset();
  other.tail.clear();
  text_crdt::Batch batch;
  if (shown.tail.empty() || !text_crdt::read_batch(shown.tail, batch)) return;
  const std::string agent(batch.agent());
  if (!may_speak_for(key, agent)) return;
  other.agent = agent;
  other.tail = std::move(shown.tail);
}

// An agent is whose first shows it, for as long as they are here: nobody else may put words into
// their mouth, nor anybody into ours.
bool SharedTextImpl::may_speak_for(const std::string& key, const std::string& agent) const {
  if (agent == doc_.agent()) return false;
  return std::none_of(others_.begin(), others_.end(), [&](const auto& one) {
    return one.first != key && one.second.agent == agent;
  });
}

// Tails that follow what has not come stay where they are until it has.
bool SharedTextImpl::merge_tails() {
  bool any = false;
  for (auto& [key, other] : others_) {
    if (other.tail.empty()) continue;
    const std::string_view tail = other.tail;
    const MergeReport report = doc_.merge_all({&tail, 1}, TextDoc::Keep::kNothing);
    note(other.agent);
    if (report.results[0].state != MergeState::kWaiting) other.tail.clear();
    if (report.patches.empty()) continue;
    any = true;
    undo_.merged(report.patches);
    changed(report.patches, false);
    publish_ = caret_.has_value() || publish_;
  }
  return any;
}

// Finding a place may cost a look through much that was written at once: it gets a part of the time
// only. Until then a caret stays with the text around it.
void SharedTextImpl::place_carets() {
  const std::int64_t begin_ms = now();
  if (begin_ms < place_again_ms_) return;
  for (auto& [key, other] : others_) {
    if (!other.shown || other.placed) continue;
    const auto position = doc_.position_now(other.version, other.shown->position);
    if (!position) continue;
    const auto anchor = other.shown->anchor == other.shown->position
                            ? position
                            : doc_.position_now(other.version, other.shown->anchor);
    if (!anchor) continue;
    other.placed = true;
    other.caret = TextCaret{std::min(*position, size()), std::min(*anchor, size())};
    ++carets_revision_;
  }
  place_again_ms_ = now() + (now() - begin_ms) * kTextCaretCostFactor;
}

std::vector<SharedText::OtherCaret> SharedTextImpl::other_carets() const {
  std::vector<OtherCaret> carets;
  for (const auto& [key, other] : others_) {
    if (other.caret) carets.push_back({key, other.name, *other.caret});
  }
  return carets;
}

// --- Oneself

void SharedTextImpl::show_caret(std::optional<TextCaret> caret) {
  if (caret) caret = TextCaret{std::min(caret->position, size()), std::min(caret->anchor, size())};
  const bool same =
      caret.has_value() == caret_.has_value() &&
      (!caret || (caret->position == caret_->position && caret->anchor == caret_->anchor));
  if (same) return;
  caret_ = caret;
  publish_ = true;
  publish();
}

void SharedTextImpl::publish() {
  if (!presence_ || !std::exchange(publish_, false)) return;
  TextPresence state;
  state.version = doc_.version();
  if (state.version.size() <= kTextCaretTipsMax) state.caret = caret_;
  state.tail = own_tail();
  std::string text = encode_text_presence(state);
  if (text == published_) return;
  published_ = std::move(text);
  if (!state.caret && state.tail.empty()) return presence_->clear();
  if (presence_->set(published_)) return;
  state.tail.clear();  // others get it as a document
  (void)presence_->set(encode_text_presence(state));
}

// The operations of ours that others may not have, if they are few.
std::string SharedTextImpl::own_tail() {
  const std::uint32_t known = doc_.known_of(doc_.agent());
  for (const std::uint32_t begin : {tail_begin_, ledger_.held().first_missing(doc_.agent())}) {
    const auto batches = doc_.batches_of(doc_.agent(), begin, known);
    if (!batches || batches->size() != 1) continue;
    if (batches->front().bytes.size() <= kTextTailBytesMax) return batches->front().bytes;
    tail_begin_ = ledger_.held().first_missing(doc_.agent());
  }
  return {};
}

}  // namespace atelier
