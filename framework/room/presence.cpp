#include "room/presence.h"

#include <algorithm>
#include <utility>

#include "base/json_text.h"
#include "base/limits.h"

namespace atelier {

void RoomPresence::attach(std::unique_ptr<PresenceTransport> transport,
                          std::function<void()> wake) {
  detach();
  transport_ = std::move(transport);
  if (!transport_) return;
  transport_->set_wake(std::move(wake));
  for (const auto& [topic, own] : own_) transport_->publish(topic, own.state);
}

void RoomPresence::detach() {
  if (!transport_) return;
  transport_->set_wake({});
  transport_.reset();
  changed_ = true;
}

// --- what others see of us

void RoomPresence::publish(const std::string& topic, std::optional<std::string> state) {
  if (transport_) transport_->publish(topic, std::move(state));
}

Status RoomPresence::set(std::uint64_t owner, const std::string& topic, std::string_view json) {
  ATELIER_TRY(state, json::normalize(json));
  if (state == "null") return clear(owner, topic), ok();
  const auto found = own_.find(topic);
  if (found == own_.end() && own_.size() >= kPresenceTopicsMax)
    return Error{ErrorCode::kTooLarge, "too many topics of presence are in use"};
  if (topic.size() > kPresenceTopicBytesMax)
    return Error{ErrorCode::kTooLarge, "the topic's name is too long"};
  std::size_t bytes = state.size();
  for (const auto& [name, own] : own_)
    if (name != topic) bytes += own.state.size();
  if (bytes > kPresenceStateBytesMax)
    return Error{ErrorCode::kTooLarge, "what is shown of oneself may have " +
                                           std::to_string(kPresenceStateBytesMax) + " bytes"};
  Own& own = own_[topic];
  own.owner = owner;
  if (own.state == state) return ok();
  own.state = state;
  publish(topic, std::move(state));
  return ok();
}

void RoomPresence::clear(std::uint64_t owner, const std::string& topic) {
  const auto found = own_.find(topic);
  if (found == own_.end() || found->second.owner != owner) return;
  own_.erase(found);
  publish(topic, std::nullopt);
}

void RoomPresence::drop_owner(std::uint64_t owner) {
  for (auto one = own_.begin(); one != own_.end();) {
    if (one->second.owner != owner) {
      ++one;
      continue;
    }
    publish(one->first, std::nullopt);
    one = own_.erase(one);
  }
}

// --- what we see of others

std::shared_ptr<const RoomPresence::Topic> RoomPresence::topic(const std::string& name) {
  auto& place = topics_[name];
  if (auto known = place.lock()) return known;
  auto topic = std::make_shared<Topic>();
  for (const auto& [key, peer] : peers_)
    if (const auto state = peer.topics.find(name); state != peer.topics.end())
      topic->others.push_back({key, peer.name, state->second.json, state->second.since_ms});
  if (!topic->others.empty()) topic->revision = 1;
  place = topic;
  return topic;
}

std::vector<Person> RoomPresence::people() const {
  std::vector<Person> people = {{"self", user_.name, true}};
  for (const auto& [key, peer] : peers_) people.push_back({key, peer.name, false});
  std::sort(people.begin() + 1, people.end(), [](const Person& a, const Person& b) {
    return a.name != b.name ? a.name < b.name : a.key < b.key;
  });
  return people;
}

bool RoomPresence::pump() {
  bool changed = std::exchange(changed_, false);
  if (!transport_) {
    changed = forget_everyone() || changed;
    const PresenceStatus nobody;
    return std::exchange(status_, nobody) != nobody || changed;
  }
  for (auto& one : transport_->take()) changed = update(one.key, std::move(one.peer)) || changed;
  PresenceStatus status = transport_->status();
  if (status == status_) return changed;
  status_ = std::move(status);
  return true;
}

bool RoomPresence::forget_everyone() {
  if (peers_.empty()) return false;
  while (!peers_.empty()) update(std::string(peers_.begin()->first), std::nullopt);
  return true;
}

bool RoomPresence::update(const std::string& key, std::optional<PresenceTransport::Peer> now) {
  const auto known = peers_.find(key);
  if (!now) {
    if (known == peers_.end()) return false;
    for (const auto& [topic, state] : known->second.topics) show(topic, key, {}, nullptr);
    peers_.erase(known);
    return true;
  }
  const bool is_new = known == peers_.end();
  Peer& peer = is_new ? peers_[key] : known->second;
  const bool renamed = !is_new && peer.name != now->name;
  bool changed = is_new || renamed;
  peer.name = now->name;
  std::erase_if(peer.topics, [&](const auto& one) {
    if (now->topics.contains(one.first)) return false;
    show(one.first, key, {}, nullptr);
    return changed = true;
  });
  const std::int64_t time = now_ms();
  for (auto& [topic, json] : now->topics) {
    const auto [place, added] = peer.topics.try_emplace(topic);
    State& state = place->second;
    const bool same = !added && state.json == json;
    if (!same) state = {std::move(json), time};
    if (same && !renamed) continue;
    changed = true;
    show(topic, key, peer.name, &state);
  }
  return changed;
}

/// Brings the topic's list, if anybody looks at it, up to what was learned of one person.
void RoomPresence::show(const std::string& topic, const std::string& key, const std::string& name,
                        const State* state) {
  const auto watched = topics_.find(topic);
  if (watched == topics_.end()) return;
  const auto list = watched->second.lock();
  if (!list) {
    topics_.erase(watched);
    return;
  }
  ++list->revision;
  auto& others = list->others;
  const auto at = std::lower_bound(
      others.begin(), others.end(), key,
      [](const Other& other, const std::string& wanted) { return other.key < wanted; });
  const bool there = at != others.end() && at->key == key;
  if (!state) {
    if (there) others.erase(at);
    return;
  }
  Other other{key, name, state->json, state->since_ms};
  if (there)
    *at = std::move(other);
  else
    others.insert(at, std::move(other));
}

}  // namespace atelier
