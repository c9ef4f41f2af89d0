// The synchronisations of one profile: those that a command started, and what windows tell of theirs.
// Other processes of the same user ask through the control socket. Thread rule: any thread.
//
// Commands of the control socket (bodies and answers are JSON):
//   sync-start   {"room", "url", "user", "secret", "kind", "token_url", "ca_file", "prefixes", "ids",
//                "selector", "newest": prefixes, "leave_blobs_above": bytes, "keep": "30d,1GB"} → {"ok":true}
//   sync-stop    {"room"}            → {"ok":true}
//   sync-status  {} or {"room"}      → [{"room", …a SyncStatus}]
//   sync-now     {"room"}            → {"ok":true}; the outbox is tried again as well
//   sync-bring   {"room", "id", "name"} → {"done", "total", "running"}: fetches an attachment that was
//                left behind, or tells how far that is; asked again until it is no longer running
// A room is named by its database.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "atelier/sync_status.h"
#include "http/http_peer.h"
#include "replication/replicator.h"
#include "store/catalog.h"

namespace atelier::host {

struct SyncRequest {
  std::string database;
  DatabaseUrl url;  // with credentials
  HttpPeerOptions http;
  LiveSyncOptions live;
};

/// A request as the body of sync-start, and back. Errors: kInvalid.
std::string sync_request_json(const SyncRequest& request);
Result<SyncRequest> parse_sync_request(const std::string& json);

/// Why a room is not to be synchronised any more: what LiveSyncOptions::ended asks.
std::optional<std::string> ended_in_words(const Store& store);

class SyncService {
 public:
  explicit SyncService(std::shared_ptr<Catalog> catalog) : catalog_(std::move(catalog)) {}
  ~SyncService();  // ends what is being fetched
  SyncService(const SyncService&) = delete;

  /// `on_change` pokes from threads of ours. `store`: the room's as this synchronisation may use it;
  /// null: as it is. Errors: kExists when the room syncs already, those of opening its store.
  Status start(const SyncRequest& request, std::function<void()> on_change = {},
               std::shared_ptr<Store> store = {});
  Status stop(const std::string& database);
  /// nullopt when the room does not sync.
  std::optional<SyncStatus> status(const std::string& database) const;
  /// Own documents that the other side refuses; none when the room does not sync.
  std::vector<Rejection> outbox(const std::string& database) const;
  /// Tries everything again at once. Errors: kNotFound when the room does not sync.
  Status sync_now(const std::string& database);
  /// All, or one; an array.
  std::string statuses_json(const std::string& database) const;

  /// A window's room: what it knows now, and how its attachments are fetched; nullopt when it is
  /// closed.
  void report(const std::string& database, std::optional<SyncStatus> status,
              AttachmentBringer bringer = {});
  /// Fetches an attachment that was left behind, on a thread of its own, and tells how far that is.
  /// Errors: kNotFound when the room does not sync; those of bring_attachment().
  Result<std::string> bring(const std::string& database, const std::string& id,
                            const std::string& name);
  /// The same for a client of the server: `done` is told on the thread that fetches. Errors: as
  /// bring(), and then `done` is not called.
  Status bring_for(const std::string& database, const std::string& id, const std::string& name,
                   std::function<void(const Status&)> done);
  /// Whether somebody asked the window to try again since the last call.
  bool take_sync_now(const std::string& database);

  /// A command of the control socket; nullopt for one that is not ours.
  std::optional<Result<std::string>> control(const std::string& command, const std::string& body);

 private:
  struct Reported {
    SyncStatus status;
    AttachmentBringer bringer;
  };
  /// Shared with the thread that fetches; `error` is read after `ended` was seen.
  struct BringState {
    std::atomic<std::uint64_t> done = 0, total = 0;  // bytes
    std::atomic<bool> stopped = false, ended = false;
    std::optional<Error> error;
    std::vector<std::function<void(const Status&)>> waiting;  // guarded by mutex_
  };
  struct Bringing {
    std::shared_ptr<BringState> state;
    std::thread thread;
    bool polled = false;  // by bring(), which then tells the end
  };
  Result<Bringing*> begin_bringing(const std::string& database, const std::string& id,
                                   const std::string& name);  // under mutex_
  Result<AttachmentBringer> bringer_of(const std::string& database) const;  // under mutex_

  const std::shared_ptr<Catalog> catalog_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, std::shared_ptr<LiveSync>> running_;  // by database
  std::map<std::string, Reported> reported_;                  // by database
  std::map<std::string, Bringing> bringing_;                  // by database, document and name
  std::set<std::string> asked_now_;
};

}  // namespace atelier::host
