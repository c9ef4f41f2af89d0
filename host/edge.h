// The rooms of this profile kept in sync with an upstream: `atelier serve --upstream`. Each room syncs
// with the database of the same name on that server, both ways, live (SyncService); what comes from
// there passes the room's rules (server/upstream_store.h), and what they refuse waits in quarantine.
//
// Invariants
//   1. The credentials go to the upstream and nowhere else: no message, status or document has them.
//   2. A database that is removed here is let go, and not removed upstream.
//   3. Nothing is tried again without a reason: another start, other rules, somebody who asks.
// Thread rule: any thread; the work is done on a thread of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server/quarantine.h"
#include "server/server.h"
#include "server/upstream_store.h"
#include "store/catalog.h"
#include "sync_service.h"

namespace atelier::host {

struct EdgeOptions {
  std::string server;  // address of the upstream: no database, no credentials, no slash at its end
  std::string certificate_sha256;  // the pin, see DatabaseUrl; empty: authorities decide
  Credentials credentials;
  std::string ca_file;                // PEM; empty: the system's certificates
  std::vector<std::string> prefixes;  // collections that are carried; empty: everything
  /// Databases that are carried. Empty: every room of the profile, also those made later, but those
  /// that were synchronised with another server (Node::upstream_of).
  std::vector<std::string> databases;
  /// Told from a thread of the edge when it goes well again, or does not.
  std::function<void(const std::string& database, const SyncStatus& status)> on_state;
};

/// {"user","password"} with "auth":"cookie" for a session instead of Basic, {"token"}, or
/// {"api_key","token_url"}. Errors: kInvalid naming the member and no secret.
Result<Credentials> read_credentials(std::string_view text);
/// The address of a server as people write it, perhaps with a pin (#sha256=…), as that of a database
/// there. Errors: kInvalid, also when it holds a password.
Result<DatabaseUrl> upstream_address(std::string_view text);

class Edge final : public EdgeService {
 public:
  Edge(EdgeOptions options, std::shared_ptr<Catalog> catalog, std::shared_ptr<RoomGates> gates,
       SyncService& syncs);
  ~Edge() override;
  Edge(const Edge&) = delete;
  void start();
  /// Ends what runs; what it is asked afterwards it answers with what it knew. Within a second or two.
  void stop();

  std::string upstream() const override { return options_.server; }
  std::vector<std::string> prefixes() const override { return options_.prefixes; }
  std::vector<std::string> rooms() const override;
  std::optional<SyncState> state(const std::string& database) const override;
  std::optional<Room> room(const std::string& database, bool documents) const override;
  Status retry(const std::string& database) override;

 private:
  /// What pokes reach, also late ones.
  struct Signal;
  /// One room that is carried.
  struct Carried {
    std::shared_ptr<Store> store;  // null: `fault` says why
    std::shared_ptr<server::Quarantine> quarantine;
    std::shared_ptr<server::UpstreamStore> view;
    Subscription terms;
    std::string fault;  // why it does not sync; empty when it does
    bool ended = false;  // by its owner: `access:` documents alone are exchanged
    std::int64_t next_start_ms = 0, next_retry_ms = 0;  // monotonic; 0: at once
    bool wants_retry = true;
    std::string told;  // the kind of state that on_state was told last
  };

  void run();
  void follow_rooms();
  void begin(const std::string& database);
  Status begin_sync(const std::string& database, Carried& carried);
  void let_go(const std::string& database);
  void retry_refused(const std::string& database);
  Status try_again(const std::string& database, const std::shared_ptr<server::UpstreamStore>& view,
                   const server::Quarantine& quarantine);
  Status fetch_again(const std::string& database,
                     const std::shared_ptr<server::UpstreamStore>& view,
                     std::span<const RevisionRequest> wanted);
  void tell();
  std::vector<std::string> wanted() const;
  Result<SyncRequest> request(const std::string& database, bool ended) const;
  bool ends_or_begins(const std::string& database) const;
  SyncStatus status_of(const std::string& database, const std::string& fault) const;

  const EdgeOptions options_;
  const std::shared_ptr<Catalog> catalog_;
  const std::shared_ptr<RoomGates> gates_;
  SyncService& syncs_;
  const std::shared_ptr<Signal> signal_;
  Subscription rooms_changed_;

  mutable std::mutex mutex_;
  std::map<std::string, Carried> carried_;  // guarded by mutex_; the thread alone changes the list
  Peer* remote_ = nullptr;                  // guarded by mutex_: of fetch_again(), for stop()

  std::thread thread_;
};

}  // namespace atelier::host
