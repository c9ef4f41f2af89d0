#include "server/presence.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/digest.h"
#include "base/json_text.h"
#include "base/limits.h"

namespace atelier::server {

namespace {

constexpr std::size_t kKeyDigits = 16;  // of a digest: nobody hits another's by chance or work
constexpr std::size_t kPendingMax = 4 * kPresencePeopleMax;  // people who came and went, unread

std::string key_of(std::string_view resume) {
  if (resume.empty()) return random_uuid().substr(0, kKeyDigits);
  return hex(sha256("atelier presence " + std::string(resume))).substr(0, kKeyDigits);
}

PresenceFrame frame_of(json::Writer& writer) {
  return std::make_shared<const std::string>(writer.take());
}

/// A message that was understood.
struct Heard {
  std::optional<std::string> name;
  std::map<std::string, std::string> topics;  // "" for one that is not shown any more
  bool whole = false;
};

using Fault = PresenceRoom::Fault;

Fault policy(std::string reason) {
  return {PresenceEnd::kPolicy, std::move(reason)};
}

std::optional<Fault> read_topics(std::string_view object, Heard& heard) {
  if (json::kind_of(object) != json::Kind::kObject) return policy("topics must be an object");
  bool named = true;
  json::for_each_member(object, [&](std::string_view topic, std::string_view state) {
    named = !topic.empty() && topic.size() <= kPresenceTopicBytesMax;
    heard.topics[std::string(topic)] = state == "null" ? std::string() : std::string(state);
    return named && heard.topics.size() <= kPresenceTopicsMax;
  });
  if (!named) return policy("a topic's name is empty or too long");
  if (heard.topics.size() > kPresenceTopicsMax) return policy("too many topics");
  return std::nullopt;
}

std::optional<Fault> read_message(std::string_view text, Heard& heard) {
  const auto normal = json::normalize(text);
  if (!normal) return Fault{PresenceEnd::kMalformed, "not JSON: " + normal.error().message};
  if (json::kind_of(*normal) != json::Kind::kObject) return policy("a message must be an object");
  if (const auto name = json::member(*normal, "name")) {
    heard.name = json::string_value(*name);
    if (!heard.name) return policy("name must be a string");
    if (heard.name->size() > kNicknameBytesMax) return policy("the name is too long");
  }
  heard.whole = json::bool_member(*normal, "whole").value_or(false);
  const auto topics = json::member(*normal, "topics");
  return topics ? read_topics(*topics, heard) : std::nullopt;
}

}  // namespace

class PresenceRoom::Seat {
 public:
  PresenceMember* member = nullptr;
  std::string key;
  std::size_t slot = 0;  // among those of `seen`
  bool seated = true;

  // What it shows.
  bool shown = false;
  std::string name;
  std::map<std::string, std::string> topics;
  PresenceFrame whole;  // all of it, made when somebody needs it

  // What of that the others were not told.
  std::set<std::string> held;
  bool held_any = false, held_whole = false;
  bool will_tell = false;  // tell_in() was called
  double allowance = kPresenceBurst;
  Clock::time_point counted_at{};

  // What they were told last.
  std::uint64_t told_at = 0;  // its place in `told_`; 0: nothing
  PresenceFrame patch;        // what changed then; null: all of it
  std::set<std::string> patched;
  std::uint64_t patch_since =
      0;  // who was told this or something later needs no more than the patch

  // What it is told.
  bool knows_key = false;
  std::string mode = "everyone";
  std::uint64_t position = 0;       // in `told_`: what is behind it waits
  std::uint64_t joined_at = 0;      // who left before is nobody to it
  std::vector<std::uint64_t> seen;  // by slot: the place of what it was told of that person
};

PresenceRoom::PresenceRoom() = default;
PresenceRoom::~PresenceRoom() = default;

bool PresenceRoom::full(std::string_view resume) const {
  if (seats_.size() < kPresencePeopleMax) return false;
  return resume.empty() || !seats_.contains(key_of(resume));
}

std::shared_ptr<PresenceRoom::Seat> PresenceRoom::join(PresenceMember& member,
                                                       std::string_view resume) {
  auto seat = std::make_shared<Seat>();
  seat->member = &member;
  seat->key = key_of(resume);
  seat->joined_at = last_;
  auto& place = seats_[seat->key];
  if (place)
    take_over(*place, *seat);
  else
    seat->slot = take_slot();
  place = seat;
  if (seat->held_any) {
    seat->will_tell = true;
    member.tell_in(std::chrono::milliseconds(1000 / kPresencePerSecondMax));
  }
  return seat;
}

/// What the others see stays until the new connection says something else.
void PresenceRoom::take_over(Seat& from, Seat& to) {
  to.slot = from.slot;
  to.shown = from.shown;
  to.name = from.name;
  to.topics = from.topics;
  to.held = from.held;
  to.held_any = from.held_any;
  to.held_whole = from.held_whole;
  to.told_at = from.told_at;
  to.patch = from.patch;
  to.patched = from.patched;
  to.patch_since = from.patch_since;
  if (to.told_at != 0) told_.at(to.told_at).seat = &to;
  from.seated = false;
  from.member->end(PresenceEnd::kReplaced, "the same client came again");
}

std::size_t PresenceRoom::take_slot() {
  if (free_slots_.empty()) return seats_.size() - 1;
  const std::size_t slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

void PresenceRoom::leave(const std::shared_ptr<Seat>& seat) {
  if (!std::exchange(seat->seated, false)) return;
  seats_.erase(seat->key);
  free_slots_.push_back(seat->slot);
  if (seat->told_at == 0) return;
  json::Writer writer;
  writer.begin_object().key("key").string(seat->key).key("gone").boolean(true).end_object();
  put_last(seat->told_at, {nullptr, seat->key, frame_of(writer)});
  forget_gone();
  poke_all(nullptr);
}

/// Moves what was told at `from` (0: nothing was) behind all else; what it is now.
std::uint64_t PresenceRoom::put_last(std::uint64_t from, Told told) {
  told_.erase(from);
  told_.emplace_hint(told_.end(), ++last_, std::move(told));
  return last_;
}

/// Those who left and of whom everybody was told. Who does not take even that is ended.
void PresenceRoom::forget_gone() {
  std::uint64_t read = last_;
  for (const auto& [key, seat] : seats_) read = std::min(read, seat->position);
  std::erase_if(told_, [&](const auto& told) { return !told.second.seat && told.first <= read; });
  while (told_.size() > kPendingMax) {
    const auto oldest = std::find_if(told_.begin(), told_.end(),
                                     [](const auto& told) { return !told.second.seat; });
    for (const auto& [key, seat] : seats_)
      if (seat->position < oldest->first) seat->member->end(PresenceEnd::kPolicy, "too slow");
    told_.erase(oldest);
  }
}

void PresenceRoom::poke_all(const Seat* but) {
  for (const auto& [key, seat] : seats_)
    if (seat.get() != but) seat->member->poke();
}

// --- what a client says

std::optional<PresenceRoom::Fault> PresenceRoom::heard(const std::shared_ptr<Seat>& seat,
                                                       std::string_view message,
                                                       Clock::time_point now) {
  if (!seat->seated) return std::nullopt;
  Heard heard;
  if (auto fault = read_message(message, heard)) return fault;
  auto topics = heard.whole ? std::map<std::string, std::string>() : seat->topics;
  for (auto& [topic, state] : heard.topics) {
    if (state.empty())
      topics.erase(topic);
    else
      topics[topic] = std::move(state);
  }
  std::size_t bytes = 0;
  for (const auto& [topic, state] : topics) bytes += state.size();
  if (topics.size() > kPresenceTopicsMax) return policy("too many topics");
  if (bytes > kPresenceStateBytesMax) return Fault{PresenceEnd::kTooBig, "the state is too large"};

  const bool renamed = heard.name && *heard.name != seat->name;
  for (const auto& [topic, state] : seat->topics)
    if (const auto now_there = topics.find(topic);
        now_there == topics.end() || now_there->second != state)
      seat->held.insert(topic);
  for (const auto& [topic, state] : topics)
    if (!seat->topics.contains(topic)) seat->held.insert(topic);
  const bool changed = topics != seat->topics;
  if (renamed) seat->name = *heard.name;
  if (changed) seat->topics = std::move(topics);
  if (!changed && !renamed && seat->shown) return std::nullopt;
  if (!seat->shown) seat->held_whole = true;
  seat->shown = true;
  seat->held_any = true;
  seat->whole.reset();
  tell_held(*seat, now);
  return std::nullopt;
}

void PresenceRoom::tell_due(const std::shared_ptr<Seat>& seat, Clock::time_point now) {
  if (!seat->seated) return;
  seat->will_tell = false;
  tell_held(*seat, now);
}

// A bucket of kPresenceBurst that fills up kPresencePerSecondMax times a second.
void PresenceRoom::tell_held(Seat& seat, Clock::time_point now) {
  if (!seat.held_any) return;
  const std::chrono::duration<double> passed = now - seat.counted_at;
  seat.counted_at = now;
  seat.allowance =
      std::min<double>(kPresenceBurst, seat.allowance + passed.count() * kPresencePerSecondMax);
  if (seat.allowance >= 1) {
    seat.allowance -= 1;
    return tell(seat);
  }
  if (std::exchange(seat.will_tell, true)) return;
  const double wait_ms = (1 - seat.allowance) * 1000 / kPresencePerSecondMax;
  seat.member->tell_in(std::chrono::milliseconds(static_cast<int>(wait_ms) + 1));
}

void PresenceRoom::tell(Seat& seat) {
  if (seat.told_at == 0)  // it comes back before all were told that it left
    std::erase_if(told_, [&](const auto& told) { return told.second.key == seat.key; });
  if (seat.held_whole) {
    seat.patch = nullptr;
  } else {
    // A change that covers the one before it takes its place, for those too who missed that.
    const bool covers = seat.patch && std::includes(seat.held.begin(), seat.held.end(),
                                                    seat.patched.begin(), seat.patched.end());
    if (!covers) seat.patch_since = seat.told_at;
    seat.patch = patch_frame(seat);
    seat.patched = std::move(seat.held);
  }
  seat.held.clear();
  seat.held_any = seat.held_whole = false;
  seat.told_at = put_last(seat.told_at, {&seat, seat.key, nullptr});
  poke_all(&seat);
}

PresenceFrame PresenceRoom::patch_frame(const Seat& seat) {
  json::Writer writer;
  writer.begin_object().key("key").string(seat.key).key("name").string(seat.name);
  writer.key("topics").begin_object();
  for (const std::string& topic : seat.held) {
    const auto state = seat.topics.find(topic);
    writer.key(topic);
    if (state == seat.topics.end())
      writer.null();
    else
      writer.raw(state->second);
  }
  writer.end_object().end_object();
  return frame_of(writer);
}

PresenceFrame PresenceRoom::whole_frame(Seat& seat) {
  if (seat.whole) return seat.whole;
  json::Writer writer;
  writer.begin_object().key("key").string(seat.key).key("name").string(seat.name);
  writer.key("topics").begin_object();
  for (const auto& [topic, state] : seat.topics) writer.key(topic).raw(state);
  writer.end_object().key("whole").boolean(true).end_object();
  return seat.whole = frame_of(writer);
}

// --- what a client is told

PresenceFrame PresenceRoom::next(const std::shared_ptr<Seat>& seat) {
  if (!seat->seated) return nullptr;
  if (!std::exchange(seat->knows_key, true)) {
    json::Writer writer;
    writer.begin_object().key("you").string(seat->key).end_object();
    return frame_of(writer);
  }
  if (seat->mode != mode_) {
    seat->mode = mode_;
    json::Writer writer;
    writer.begin_object().key("mode").string(mode_).end_object();
    return frame_of(writer);
  }
  for (auto at = told_.upper_bound(seat->position); at != told_.end(); ++at) {
    const auto& [place, told] = *at;
    seat->position = place;
    if (told.seat == seat.get()) continue;
    if (told.seat) return frame_for(*seat, *told.seat);
    if (place > seat->joined_at) return told.gone;
  }
  seat->position = last_;
  return nullptr;
}

PresenceFrame PresenceRoom::frame_for(Seat& reader, Seat& about) {
  if (about.slot >= reader.seen.size()) reader.seen.resize(about.slot + 1);
  const std::uint64_t seen = std::exchange(reader.seen[about.slot], about.told_at);
  return about.patch && seen >= about.patch_since ? about.patch : whole_frame(about);
}

void PresenceRoom::end_all(PresenceEnd code, const std::string& reason) {
  for (const auto& [key, seat] : seats_) seat->member->end(code, reason);
}

void PresenceRoom::end_refused(const std::string& reason) {
  for (const auto& [key, seat] : seats_)
    if (!seat->member->may_stay()) seat->member->end(PresenceEnd::kPolicy, reason);
}

void PresenceRoom::set_mode(std::string_view mode) {
  if (mode == mode_) return;
  mode_ = mode;
  poke_all(nullptr);
}

}  // namespace atelier::server
