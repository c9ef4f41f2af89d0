// Rooms for the host and for programs without a window.
//
//   auto store = Store::open("lobby.store").value();
//   auto room = open_room({.store = store, .title = "lobby", .user = {"bot"}});
//   room->attach_sync(factory);                         // http's, for a URL
//   auto messages = room->collection<Message>("message");
//   auto heard = messages.on_change([](const Change<Message>& change) { … });
//   room->set_wake([&] { … });                          // any thread: makes the loop go round
//   while (!stop) { wait_for_wake(); while (room->pump()) {} }
//
// Thread rule: main thread, see atelier/room.h.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "atelier/room.h"
#include "replication/replicator.h"
#include "room/presence.h"
#include "store/store.h"

namespace atelier {

struct RoomSettings {
  std::shared_ptr<Store> store;
  std::string title;
  User user;
  Clock* clock = nullptr;  // default: the machine's
};

/// A room over a store. Closing it (the destructor) writes what is queued, which takes some
/// milliseconds, and at most kRoomFlushMs when the disk does not answer.
class LocalRoom : public Room {
 public:
  /// Keeps the room in sync with a remote from now on, instead of the one before.
  virtual void attach_sync(std::shared_ptr<PeerFactory> remote, LiveSyncOptions options = {}) = 0;
  /// Ends the syncing; returns within a second.
  virtual void detach_sync() = 0;
  /// Others are seen through `transport` from now on, and we by them; instead of the one before.
  virtual void attach_presence(std::unique_ptr<PresenceTransport> transport) = 0;
  /// Leaves at once; at the next pump() nobody else is here.
  virtual void detach_presence() = 0;
  /// Brings attachments that were left behind (LiveSyncOptions::store), for other threads; empty
  /// while there is no remote.
  virtual AttachmentBringer bringer() const = 0;
  /// Own documents that the remote refuses.
  virtual std::vector<Rejection> outbox() const = 0;
  /// Waits until everything written is on disk. Errors: kTimeout.
  virtual Status flush(int timeout_ms) = 0;
  /// The room as a plugin sees it: only these prefixes, and when the object goes, so do all
  /// callbacks and functions that were given to it, after what it wrote was saved. Keeps the store
  /// open.
  virtual std::unique_ptr<Room> for_plugin(std::vector<std::string> prefixes) = 0;
};

std::unique_ptr<LocalRoom> open_room(RoomSettings settings);

/// Whether `prefix` can name a collection. Errors: kInvalid with the reason.
Status check_prefix(std::string_view prefix);

}  // namespace atelier
