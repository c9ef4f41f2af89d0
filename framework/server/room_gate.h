// What decides who may read and write what in one room: its people (_security), its mode and its
// rules. One gate a store, shared by all servers over it, so that each judges alike.
//
// Invariants
//   1. Every revision that a client brings is judged at its commit, on the writer's thread, whatever
//      route it came by: the gate is the store's validator.
//   2. What cannot be read does not open the door: rules that do not compile let administrators in
//      and nobody else.
//      So does an end that cannot be read: the room is closed, and nothing is removed for it.
//   3. A write that changes rules or mode was not acknowledged before they hold (reload()).
// docs/server.md, "Rooms", has the rules; docs/query.md their grammar.
// Thread rule: any thread, unless a function says otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "atelier/subscription.h"
#include "query/rules.h"
#include "server/http_message.h"
#include "server/security.h"
#include "server/server.h"
#include "store/store.h"

namespace atelier::server {

/// Documents of a room that say who may do what in it. Everybody who reads the room reads them; its
/// moderators and administrators alone write them.
inline constexpr std::string_view kAccessPrefix = "access:";
inline constexpr std::string_view kRulesId = "access:rules";  // its body: rules, as docs/query.md
inline constexpr std::string_view kModeId = "access:mode";    // {"mode":…,"names":[…]}

/// What others than its administrators are told of a room with an `access:ended`.
inline constexpr const char* kRoomEndedWords = "This room was ended by its owner.";

/// Who writes in a room now, among those who may write at all. Moderators always do.
enum class RoomMode { kEveryone, kNamed, kWatch };
std::string_view room_mode_name(RoomMode mode);

/// A client as a room sees it. Its roles are those of the account and, from `_security`, `reader`,
/// `writer`, `moderator` and `_admin`.
std::shared_ptr<const WriteUser> room_user(const Principal& who, const Rights& rights);
/// What comes from the server that an administrator named as upstream: it carries the documents of
/// many authors, and brings modes and rules along.
std::shared_ptr<const WriteUser> upstream_user();

class RoomGate {
 public:
  /// What holds at one moment.
  struct Terms {
    std::vector<query::Rules> rules;  // each must be passed: the server's, the room's
    std::vector<Validator> validators;
    std::string rules_digest;
    RoomMode mode = RoomMode::kEveryone;
    std::vector<std::string> names;  // who writes in kNamed, beside those whom `_security` names
    bool restricts_reading = false;
    bool ended = false;  // `access:ended` is there, whatever it says (room_end.h)

    bool may_read(const query::DocumentView& document, const WriteUser& user) const;
    /// Whether may_read() must see a body to decide.
    bool reading_needs_body(std::string_view id) const;
    /// The field that holds the author of documents with that id; null when there is none.
    const query::FieldPath* author_field(std::string_view id) const;
  };

  RoomGate(std::weak_ptr<Store> store, std::shared_ptr<const Terms> of_server, std::string secret);
  /// Becomes the store's validator and reads its terms. Once.
  void start(const std::shared_ptr<RoomGate>& self);

  std::shared_ptr<const Terms> terms() const;
  /// Reads rules and mode again; observers are told when they are others. May wait for a read.
  void reload();
  /// `_security` was changed: observers are told.
  void people_changed();
  /// `poke` runs on whatever thread changed something, and may only hand on.
  [[nodiscard]] Subscription subscribe(std::function<void()> poke);

  /// Whether this revision may be written. Errors: kForbidden, kUnauthorized, kTooLarge, kInvalid.
  Status judge(const ProposedRevision& proposed) const;
  /// Why `user` may write nothing here now; ok when it may write something.
  Status may_write(const WriteUser& user) const;

  /// A key that sequences of readers are hidden with.
  const std::string& secret() const { return secret_; }

  /// Numbers of documents that a kind of reader sees, remembered while nothing was written.
  struct Counts {
    std::uint64_t sequence = 0, live = 0, deleted = 0;
  };
  std::optional<Counts> counts(const std::string& reader, std::uint64_t sequence) const;
  void keep_counts(const std::string& reader, const Counts& counts);

 private:
  std::shared_ptr<const Terms> read_terms(const Store& store) const;
  void tell() const;

  const std::weak_ptr<Store> store_;
  const std::shared_ptr<const Terms> of_server_;
  const std::string secret_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::shared_ptr<const Terms> terms_;
  std::shared_ptr<std::map<std::uint64_t, std::function<void()>>> observers_;
  std::uint64_t next_observer_ = 0;
  std::map<std::string, Counts> counts_;
};

}  // namespace atelier::server

namespace atelier {

/// The gates of a process' rooms, made when first asked for.
class RoomGates {
 public:
  RoomGates(std::shared_ptr<const server::RoomGate::Terms> of_server, std::string secret)
      : of_server_(std::move(of_server)), secret_(std::move(secret)) {}
  std::shared_ptr<server::RoomGate> of(const std::shared_ptr<Store>& store);

 private:
  const std::shared_ptr<const server::RoomGate::Terms> of_server_;
  const std::string secret_;
  struct Entry {
    std::weak_ptr<Store> store;
    std::shared_ptr<server::RoomGate> gate;
  };
  std::mutex mutex_;
  std::map<const Store*, Entry> gates_;  // guarded by mutex_
};

}  // namespace atelier
