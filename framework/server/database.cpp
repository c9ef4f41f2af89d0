#include "server/database.h"

#include <algorithm>

#include "base/json_text.h"
#include "base/limits.h"
#include "server/presence.h"
#include "server/room_gate.h"
#include "server/security.h"

namespace atelier::server {

namespace {
constexpr std::size_t kWakeBatch = 512;  // feeds woken before others get a turn
}  // namespace

Feed::Feed(std::shared_ptr<Database> database) : database_(std::move(database)) {}

Feed::~Feed() {
  if (slot_ == kNotWaiting) return;
  std::vector<Feed*>& list = database_->waiting_;
  list[slot_] = list.back();
  list[slot_]->slot_ = slot_;
  list.pop_back();
}

void Feed::wait_for_changes() {
  if (slot_ != kNotWaiting) return;
  slot_ = database_->waiting_.size();
  database_->waiting_.push_back(this);
}

Database::Database(std::string name, std::shared_ptr<Store> store, Post post,
                   std::shared_ptr<RoomGate> gate)
    : name_(std::move(name)),
      store_(std::move(store)),
      post_(std::move(post)),
      gate_(std::move(gate)),
      poked_(std::make_shared<std::atomic<bool>>(false)) {
  const StoreInfo info = store_->info();
  // The name of the newest incarnation: it stands behind every later sequence.
  const std::string sequence = store_->sequence_text(UINT64_MAX);
  const std::size_t dash = sequence.find('-');
  tag_ = info.uuid + "-" + (dash == std::string::npos ? sequence : sequence.substr(dash + 1));
  start_time_ = std::to_string(info.created_ms / 1000);
  partitioned_ = info.partitioned;
}

void Database::start() {
  if (gate_)
    terms_subscription_ = gate_->subscribe([post = post_, self = weak_from_this()] {
      post([self] {
        const auto database = self.lock();
        if (database && database->on_rights_changed) database->on_rights_changed();
      });
    });
  subscription_ = store_->subscribe([poked = poked_, post = post_, self = weak_from_this()] {
    if (poked->exchange(true)) return;
    post([poked, self] {
      poked->store(false);
      const auto database = self.lock();
      if (!database) return;
      if (database->gate_) database->gate_->reload();
      database->wake_feeds();
      if (database->on_commit) database->on_commit();
    });
  });
  if (gate_) gate_->reload();  // an older gate missed what was written while no server listened
}

void Database::wake_feeds() {
  another_round_ = round_;
  if (round_ || waiting_.empty()) return;
  auto feeds = std::make_shared<std::vector<std::weak_ptr<Feed>>>();
  feeds->reserve(waiting_.size());
  for (Feed* feed : waiting_) {
    feed->slot_ = Feed::kNotWaiting;
    feeds->push_back(feed->weak_from_this());
  }
  waiting_.clear();
  round_ = true;
  wake_some(std::move(feeds), 0);
}

void Database::wake_some(std::shared_ptr<std::vector<std::weak_ptr<Feed>>> feeds,
                         std::size_t from) {
  const std::size_t end = std::min(from + kWakeBatch, feeds->size());
  for (std::size_t i = from; i < end; ++i) {
    const auto feed = (*feeds)[i].lock();
    if (feed && feed->wake) feed->wake();
  }
  if (end != feeds->size()) {
    return post_([self = shared_from_this(), feeds = std::move(feeds), end] {
      self->wake_some(feeds, end);
    });
  }
  round_ = false;
  if (another_round_) post_([self = shared_from_this()] { self->wake_feeds(); });
}

void Database::remove() {
  removed_ = true;
  subscription_.reset();
  terms_subscription_.reset();
  wake_feeds();
  if (presence_) presence_->end_all(PresenceEnd::kGoingAway, "the database is gone");
}

std::shared_ptr<PresenceRoom> Database::presence() {
  if (!presence_) {
    presence_ = std::make_shared<PresenceRoom>();
    if (gate_) presence_->set_mode(room_mode_name(gate_->terms()->mode));
  }
  return presence_;
}

void Database::security_changed() {
  if (gate_)
    gate_->people_changed();
  else if (on_rights_changed)
    on_rights_changed();
}

void Database::look_again() {
  wake_feeds();
  if (!presence_) return;
  presence_->end_refused("you may not read this database any more");
  if (gate_) presence_->set_mode(room_mode_name(gate_->terms()->mode));
}

std::string Database::security() const {
  const auto text = store_->get_property("security");
  if (text) return *text;
  return std::string(name_.starts_with('_') ? kAdminsOnly : "{}");
}

bool Database::has_validation() const {
  if (json::bool_member(security(), kIgnoreValidation).value_or(false)) return false;
  ScanOptions range;
  range.start = "_design/";
  range.end = "_design0";
  range.inclusive_end = false;
  bool found = false;
  const Status scanned = store_->scan(range, [&](const DocumentView& document) {
    const auto function = json::member(document.body, "validate_doc_update");
    found = function && json::kind_of(*function) == json::Kind::kString;
    return !found;
  });
  return found || !scanned;  // what cannot be read does not open the door
}

const Database::SharedChunk* Database::find_chunk(std::string_view key, std::uint64_t since) const {
  for (auto chunk = chunks_.rbegin(); chunk != chunks_.rend(); ++chunk)
    if (chunk->since == since && chunk->key == key) return &*chunk;
  return nullptr;
}

void Database::keep_chunk(SharedChunk chunk) {
  const auto old = std::find_if(chunks_.begin(), chunks_.end(), [&](const SharedChunk& other) {
    return other.since == chunk.since && other.key == chunk.key;
  });
  if (old != chunks_.end()) {
    chunk_bytes_ -= old->chunk->size();
    chunks_.erase(old);
  }
  chunk_bytes_ += chunk.chunk->size();
  chunks_.push_back(std::move(chunk));
  while (chunks_.size() > kFeedCacheChunks || chunk_bytes_ > kFeedCacheBytesMax) {
    chunk_bytes_ -= chunks_.front().chunk->size();
    chunks_.pop_front();
  }
}

}  // namespace atelier::server
