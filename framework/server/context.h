// What the routes work with. Thread rule: the server's thread, except `post`, `background` and what
// is constant.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "server/access.h"
#include "server/database.h"
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
  std::shared_ptr<ReplicationService> replication;

  Post post;        // runs a task on the server's thread
  Post background;  // runs a task that may wait (for the writer, a disk) on a thread of its own

  std::map<std::string, std::shared_ptr<Database>, std::less<>> databases;  // in use
  const std::int64_t started_s = system_clock().wall_ms() / 1000;           // since 1970
  std::size_t feeds = 0;                                                    // open ones
  std::shared_ptr<UpdateLog> updates;  // what _db_updates tells; made when first asked for
  std::shared_ptr<ReplicatorDatabase> replicator;

  /// The database, opened if need be. Errors: those of Catalog::open.
  Result<std::shared_ptr<Database>> database(const std::string& name);
  /// It was removed, here or by another part of the process.
  void forget(const std::string& name);
  /// What `who` may do in `database`.
  Rights rights(const Principal& who, const Database& database) const;
};

/// One request on its way through the routes.
struct Call {
  std::shared_ptr<Context> context;
  std::shared_ptr<Request> request;
  std::shared_ptr<Database> database;  // of routes below /{db}
  Respond respond;
  Rights rights{};  // in `database`

  Store& store() const { return *database->store(); }
  bool admin() const { return request->principal.admin; }
  /// An administrator of this database, or of the server.
  bool database_admin() const { return rights.admin || admin(); }
  const Query& query() const { return request->query; }

  /// Runs `work` where it may wait, and answers with what it returns.
  void respond_later(std::function<Response()> work) const;
};

}  // namespace atelier::server
