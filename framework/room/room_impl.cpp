#include "room/room_impl.h"

#include <algorithm>
#include <stdexcept>

#include "base/id.h"
#include "base/json_text.h"
#include "room/room_core.h"
#include "room/shared_text_impl.h"

namespace atelier {
namespace {

// The documents of one prefix, for one owner. Does nothing any more when the room or the owner is
// gone: a plugin may leak it.
class OwnedCollection final : public RawCollection {
 public:
  OwnedCollection(const std::shared_ptr<RoomCore>& core, std::uint64_t owner, std::string prefix,
                  const CollectionOptions& options)
      : core_(core), owner_(owner), prefix_(std::move(prefix)) {
    if (options.conflicts == Conflicts::kMergeFields) core->merge_fields_of(prefix_);
    core->indexes().declare(prefix_, options);
  }

  const std::string& prefix() const override { return prefix_; }
  std::string make_id() override { return process_ids().make(prefix_); }

  void write(const std::string& id, ChangeBody change) override {
    check_id(id);
    if (!change) throw std::logic_error("a write needs a function");
    if (const auto core = room()) core->writes().write(id, {owner_, std::move(change)});
  }
  void remove(const std::string& id) override {
    check_id(id);
    if (const auto core = room()) core->writes().write(id, {owner_, {}});
  }
  std::optional<RawDocument> get(std::string_view id) const override {
    check_id(id);
    const auto core = room();
    return core ? core->get(id) : std::nullopt;
  }
  std::size_t size() const override {
    const auto core = room();
    return core ? core->size(prefix_) : 0;
  }
  void for_each(const std::function<bool(const RawDocument&)>& fn) const override {
    if (const auto core = room()) core->for_each(prefix_, fn);
  }
  Result<std::vector<RawHit>> search(std::string_view words, std::size_t limit) const override {
    const auto core = room();
    if (!core) return std::vector<RawHit>();
    return core->indexes().search(prefix_, words, limit);
  }
  Result<std::vector<RawDocument>> find(const CollectionQuery& query) const override {
    const auto core = room();
    if (!core) return std::vector<RawDocument>();
    return core->indexes().find(prefix_, query);
  }
  Subscription on_change(std::function<void(const RawChange&)> fn) override {
    const auto core = room();
    if (!core || !fn) return {};
    const auto number = core->add_listener(owner_, prefix_, std::move(fn));
    return Subscription([weak = core_, prefix = prefix_, number] {
      if (const auto still = weak.lock()) still->remove_listener(prefix, number);
    });
  }
  void report_malformed(const std::string& id, const std::string& reason) override {
    if (const auto core = room()) core->report_malformed(id, reason);
  }

 private:
  std::shared_ptr<RoomCore> room() const {
    auto core = core_.lock();
    return core && core->has_owner(owner_) ? core : nullptr;
  }
  void check_id(std::string_view id) const {
    if (id.size() > prefix_.size() + 1 && id.starts_with(prefix_) && id[prefix_.size()] == ':')
      return;
    throw std::logic_error("'" + std::string(id.substr(0, 80)) +
                           "' is no id of this collection: it must be '" + prefix_ +
                           ":' and a key");
  }

  const std::weak_ptr<RoomCore> core_;
  const std::uint64_t owner_;
  const std::string prefix_;
};

// One topic of presence, for one owner; as harmless as OwnedCollection.
class OwnedPresence final : public RawPresence {
 public:
  OwnedPresence(const std::shared_ptr<RoomCore>& core, std::uint64_t owner, std::string topic)
      : core_(core),
        owner_(owner),
        topic_(std::move(topic)),
        seen_(core->presence().topic(topic_)) {}

  const std::string& topic() const override { return topic_; }
  Status set(std::string_view json) override {
    const auto core = room();
    return core ? core->presence().set(owner_, topic_, json) : ok();
  }
  void clear() override {
    if (const auto core = room()) core->presence().clear(owner_, topic_);
  }
  const std::vector<Other>& others() const override {
    static const std::vector<Other> nobody;
    return room() ? seen_->others : nobody;
  }
  // Twice, so that the end of the room is a change as well.
  std::uint64_t revision() const override { return 2 * seen_->revision + (room() ? 0 : 1); }

 private:
  std::shared_ptr<RoomCore> room() const {
    auto core = core_.lock();
    return core && core->has_owner(owner_) ? core : nullptr;
  }

  const std::weak_ptr<RoomCore> core_;
  const std::uint64_t owner_;
  const std::string topic_;
  const std::shared_ptr<const RoomPresence::Topic> seen_;
};

void demand_prefix(std::string_view prefix) {
  if (const auto checked = check_prefix(prefix); !checked)
    throw std::logic_error(checked.error().message);
}

class PluginRoom final : public Room {
 public:
  PluginRoom(std::shared_ptr<RoomCore> core, std::vector<std::string> prefixes)
      : core_(std::move(core)), owner_(core_->add_owner()), prefixes_(std::move(prefixes)) {}
  ~PluginRoom() override { core_->drop_owner(owner_); }
  PluginRoom(const PluginRoom&) = delete;
  PluginRoom& operator=(const PluginRoom&) = delete;

  const std::string& title() const override { return core_->title(); }
  const User& user() const override { return core_->user(); }
  std::shared_ptr<RawCollection> raw_collection(const std::string& prefix,
                                                const CollectionOptions& options) override {
    demand_declared(prefix);
    return std::make_shared<OwnedCollection>(core_, owner_, prefix, options);
  }
  Result<std::unique_ptr<SharedText>> open_text(const std::string& prefix,
                                                const std::string& key) override {
    return open_shared_text(core_, owner_, raw_collection(prefix, {}),
                            raw_presence(prefix + "/" + key), key);
  }
  std::vector<Person> people() const override { return core_->presence().people(); }
  PresenceStatus presence_status() const override { return core_->presence_status(); }
  std::shared_ptr<RawPresence> raw_presence(const std::string& topic) override {
    demand_declared(topic.substr(0, topic.find('/')));
    return std::make_shared<OwnedPresence>(core_, owner_, topic);
  }
  // These two are the host's: a plugin that pumps in draw() would change what it is drawing.
  bool pump(int) override { return false; }
  void set_wake(std::function<void()>) override {}
  bool idle() const override { return core_->idle(); }
  SyncStatus sync_status() const override { return core_->sync_status(); }
  void sync_now() override { core_->sync_now(); }
  std::vector<Problem> problems() const override { return core_->problems(); }

 private:
  void demand_declared(const std::string& prefix) const {
    demand_prefix(prefix);
    if (std::find(prefixes_.begin(), prefixes_.end(), prefix) == prefixes_.end())
      throw std::logic_error("the plugin did not declare the prefix '" + prefix +
                             "': add it to the last argument of ATELIER_PLUGIN");
  }

  const std::shared_ptr<RoomCore> core_;
  const std::uint64_t owner_;
  const std::vector<std::string> prefixes_;
};

class LocalRoomImpl final : public LocalRoom {
 public:
  explicit LocalRoomImpl(RoomSettings settings)
      : core_(std::make_shared<RoomCore>(std::move(settings))) {}
  ~LocalRoomImpl() override { core_->close(); }
  LocalRoomImpl(const LocalRoomImpl&) = delete;
  LocalRoomImpl& operator=(const LocalRoomImpl&) = delete;

  const std::string& title() const override { return core_->title(); }
  const User& user() const override { return core_->user(); }
  std::shared_ptr<RawCollection> raw_collection(const std::string& prefix,
                                                const CollectionOptions& options) override {
    demand_prefix(prefix);
    return std::make_shared<OwnedCollection>(core_, 0, prefix, options);
  }
  Result<std::unique_ptr<SharedText>> open_text(const std::string& prefix,
                                                const std::string& key) override {
    return open_shared_text(core_, 0, raw_collection(prefix, {}), raw_presence(prefix + "/" + key),
                            key);
  }
  std::vector<Person> people() const override { return core_->presence().people(); }
  PresenceStatus presence_status() const override { return core_->presence_status(); }
  std::shared_ptr<RawPresence> raw_presence(const std::string& topic) override {
    demand_prefix(topic.substr(0, topic.find('/')));
    return std::make_shared<OwnedPresence>(core_, 0, topic);
  }
  bool pump(int budget_ms) override { return core_->pump(budget_ms); }
  void set_wake(std::function<void()> wake) override { core_->signal().set_wake(std::move(wake)); }
  bool idle() const override { return core_->idle(); }
  SyncStatus sync_status() const override { return core_->sync_status(); }
  void sync_now() override { core_->sync_now(); }
  std::vector<Problem> problems() const override { return core_->problems(); }

  void attach_sync(std::shared_ptr<PeerFactory> remote, LiveSyncOptions options) override {
    core_->attach_sync(std::move(remote), std::move(options));
  }
  void detach_sync() override { core_->detach_sync(); }
  void attach_presence(std::unique_ptr<PresenceTransport> transport) override {
    core_->attach_presence(std::move(transport));
  }
  void detach_presence() override {
    core_->presence().detach();
    core_->signal().poke();
  }
  AttachmentBringer bringer() const override { return core_->bringer(); }
  std::vector<Rejection> outbox() const override { return core_->outbox(); }
  Status flush(int timeout_ms) override { return core_->flush(timeout_ms); }
  std::unique_ptr<Room> for_plugin(std::vector<std::string> prefixes) override {
    return std::make_unique<PluginRoom>(core_, std::move(prefixes));
  }

 private:
  const std::shared_ptr<RoomCore> core_;
};

}  // namespace

std::unique_ptr<LocalRoom> open_room(RoomSettings settings) {
  return std::make_unique<LocalRoomImpl>(std::move(settings));
}

Status check_prefix(std::string_view prefix) {
  const auto fault = [&](const char* what) {
    return invalid("'" + std::string(prefix.substr(0, 80)) + "' cannot name a collection: " + what);
  };
  if (prefix.empty()) return fault("it is empty");
  if (prefix.starts_with('_')) return fault("names with _ in front are CouchDB's own");
  if (prefix.find(':') != std::string_view::npos) return fault("a colon ends the prefix of an id");
  if (!json::is_utf8(prefix)) return fault("it is not valid UTF-8");
  return ok();
}

}  // namespace atelier
