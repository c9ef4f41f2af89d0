// What the routes work with. Thread rule: the server's thread, except `post`, `background` and what
// is constant.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "server/access.h"
#include "server/database.h"
#include "server/guarded_store.h"
#include "server/metrics.h"
#include "server/room_gate.h"
#include "server/security.h"
#include "server/server.h"

namespace atelier::server {

class UpdateLog;
class ReplicatorDatabase;

struct Context {
  Context(ServerOptions server_options, std::uint16_t server_port)
      : options(std::move(server_options)), port(server_port), access(options, server_port) {}

  const ServerOptions options;
  const std::uint16_t port;
  Access access;
  std::shared_ptr<Catalog> catalog;
  std::shared_ptr<RoomGates> gates;
  std::shared_ptr<ReplicationService> replication;

  Post post;        // runs a task on the server's thread
  Post background;  // runs a task that may wait (for the writer, a disk) on a thread of its own

  std::map<std::string, std::shared_ptr<Database>, std::less<>> databases;  // in use
  const std::int64_t started_s = system_clock().wall_ms() / 1000;           // since 1970
  std::size_t feeds = 0;                                                    // open ones
  RequestCounts counts;
  std::function<ConnectionCounts()> connections;  // what they hold now
  std::shared_ptr<UpdateLog> updates;  // what _db_updates tells; made when first asked for
  std::shared_ptr<ReplicatorDatabase> replicator;

  /// The database, opened if need be. Errors: those of Catalog::open.
  Result<std::shared_ptr<Database>> database(const std::string& name);
  /// It was removed, here or by another part of the process.
  void forget(const std::string& name);
  /// What `who` may do in `database`.
  Rights rights(const Principal& who, const Database& database) const;
  /// The database's store as `who` may use it; null for the system's own databases, whose routes
  /// have rules of their own.
  std::shared_ptr<GuardedStore> guard(const Principal& who, const Database& database) const;

  /// Grows whenever somebody's rights may have changed; feeds look again then.
  std::uint64_t rights_version = 0;
  /// Accounts, sessions, or the people or terms of a room changed: feeds and presence of those who
  /// may not be there any more end. `only`: of that database; null: of all.
  void rights_changed(Database* only);
  /// Whether `who` may go on reading what it began to read, by the same view of it
  /// (GuardedStore::view()).
  bool may_go_on(Principal& who, const Database& database, const std::string& view) const;
  /// From now on it is noticed when an account changes.
  void watch_accounts();
};

/// One request on its way through the routes.
struct Call {
  std::shared_ptr<Context> context;
  std::shared_ptr<Request> request;
  std::shared_ptr<Database> database;  // of routes below /{db}
  Respond respond;
  Rights rights{};                      // in `database`
  std::shared_ptr<GuardedStore> guard;  // of rooms

  /// Sets `database` and what the client may do there.
  void enter(std::shared_ptr<Database> to);
  /// The store as this client may use it: the one that routes read and write.
  std::shared_ptr<Store> shared_store() const {
    return guard ? std::shared_ptr<Store>(guard) : database->store();
  }
  Store& store() const { return guard ? static_cast<Store&>(*guard) : *database->store(); }
  bool admin() const { return request->principal.admin; }
  /// An administrator of this database, or of the server.
  bool database_admin() const { return rights.admin || admin(); }
  const Query& query() const { return request->query; }

  /// Runs `work` where it may wait, and answers with what it returns.
  void respond_later(std::function<Response()> work) const;
};

}  // namespace atelier::server
