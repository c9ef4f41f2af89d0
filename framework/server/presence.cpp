#include "server/presence.h"

#include <algorithm>
#include <deque>
#include <set>
#include <unordered_map>
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

/// What changed of one person, as everybody is told it.
struct PresenceRoom::Patch {
  std::set<std::string> topics;
  PresenceFrame frame;
};

/// What one reader is to be told of one person.
struct PresenceRoom::Pending {
  std::shared_ptr<const Patch> patch;  // null: the whole state
  bool gone = false;
};

class PresenceRoom::Seat {
 public:
  PresenceMember* member = nullptr;
  std::string key;

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

  // What it is to be told.
  bool knows_key = false;
  std::string mode = "everyone";  // that it was told
  std::deque<std::string> queue;  // keys of `pending`, in their order
  std::unordered_map<std::string, Pending> pending;
};

PresenceRoom::PresenceRoom() = default;
PresenceRoom::~PresenceRoom() = default;

bool PresenceRoom::full(std::string_view resume) const {
  if (seats_.size() < kPresencePeopleMax) return false;
  return resume.empty() || !seats_.contains(key_of(resume));
}

bool PresenceRoom::is_seated(const std::shared_ptr<Seat>& seat) const {
  const auto found = seats_.find(seat->key);
  return found != seats_.end() && found->second == seat;
}

std::shared_ptr<PresenceRoom::Seat> PresenceRoom::join(PresenceMember& member,
                                                       std::string_view resume) {
  auto seat = std::make_shared<Seat>();
  seat->member = &member;
  seat->key = key_of(resume);
  auto& place = seats_[seat->key];
  if (place) {
    // What the others see stays until the new connection says something else.
    seat->shown = place->shown;
    seat->name = place->name;
    seat->topics = place->topics;
    seat->held = place->held;
    seat->held_any = place->held_any;
    seat->held_whole = place->held_whole;
    place->member->end(PresenceEnd::kReplaced, "the same client came again");
  }
  place = seat;
  if (seat->held_any) {
    seat->will_tell = true;
    member.tell_in(std::chrono::milliseconds(1000 / kPresencePerSecondMax));
  }
  for (const auto& [key, other] : seats_)
    if (other != seat && other->shown) queue(*seat, key, [](Pending&) {});
  return seat;
}

void PresenceRoom::leave(const std::shared_ptr<Seat>& seat) {
  if (!is_seated(seat)) return;
  const std::string key = seat->key;
  seats_.erase(key);
  if (seat->shown) queue_gone(key);
}

void PresenceRoom::queue_gone(const std::string& key) {
  for (const auto& [other_key, other] : seats_)
    queue(*other, key, [](Pending& pending) { pending = {nullptr, true}; });
}

// --- what a client says

std::optional<PresenceRoom::Fault> PresenceRoom::heard(const std::shared_ptr<Seat>& seat,
                                                       std::string_view message,
                                                       Clock::time_point now) {
  if (!is_seated(seat)) return std::nullopt;
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
  if (!is_seated(seat)) return;
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
  std::shared_ptr<Patch> patch;
  if (!seat.held_whole) {
    patch = std::make_shared<Patch>();
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
    patch->topics = std::exchange(seat.held, {});
    patch->frame = frame_of(writer);
  }
  seat.held.clear();
  seat.held_any = seat.held_whole = false;
  for (const auto& place : seats_) {
    Seat& reader = *place.second;
    if (&reader == &seat) continue;
    queue(reader, seat.key, [&](Pending& pending) {
      // A change that covers the one that waits takes its place; else all is told.
      const bool first = !reader.pending.contains(seat.key);
      const bool covers = pending.patch && patch && !pending.gone &&
                          std::includes(patch->topics.begin(), patch->topics.end(),
                                        pending.patch->topics.begin(), pending.patch->topics.end());
      pending = {first || covers ? patch : nullptr, false};
    });
  }
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

void PresenceRoom::queue(Seat& to, const std::string& about,
                         const std::function<void(Pending&)>& change) {
  const auto found = to.pending.find(about);
  if (found != to.pending.end()) return change(found->second);
  Pending pending;
  change(pending);
  to.pending.emplace(about, std::move(pending));
  to.queue.push_back(about);
  if (to.pending.size() > kPendingMax) return to.member->end(PresenceEnd::kPolicy, "too slow");
  to.member->poke();
}

PresenceFrame PresenceRoom::next(const std::shared_ptr<Seat>& seat) {
  if (!is_seated(seat)) return nullptr;
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
  while (!seat->queue.empty()) {
    const std::string key = std::move(seat->queue.front());
    seat->queue.pop_front();
    const Pending pending = std::move(seat->pending.extract(key).mapped());
    if (pending.gone) {
      json::Writer writer;
      writer.begin_object().key("key").string(key).key("gone").boolean(true).end_object();
      return frame_of(writer);
    }
    if (pending.patch) return pending.patch->frame;
    const auto about = seats_.find(key);
    if (about != seats_.end() && about->second->shown) return whole_frame(*about->second);
  }
  return nullptr;
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
  for (const auto& [key, seat] : seats_) seat->member->poke();
}

}  // namespace atelier::server
