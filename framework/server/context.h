// What the routes work with. Thread rule: the server's thread, except `post`, `background` and what
// is constant.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "server/access.h"
#include "server/database.h"
#include "server/server.h"

namespace atelier::server {

struct Context {
  Context(ServerOptions server_options, std::uint16_t server_port)
      : options(std::move(server_options)), port(server_port), access(options, server_port) {}

  const ServerOptions options;
  const std::uint16_t port;
  const Access access;
  std::shared_ptr<Catalog> catalog;
  std::shared_ptr<ReplicationService> replication;

  Post post;        // runs a task on the server's thread
  Post background;  // runs a task that may wait (for the writer, a disk) on a thread of its own

  std::map<std::string, std::shared_ptr<Database>, std::less<>> databases;  // in use
  std::size_t feeds = 0;                                                    // open ones

  /// The database, opened if need be. Errors: those of Catalog::open.
  Result<std::shared_ptr<Database>> database(const std::string& name);
  /// It was removed, here or by another part of the process.
  void forget(const std::string& name);
};

/// One request on its way through the routes.
struct Call {
  std::shared_ptr<Context> context;
  std::shared_ptr<Request> request;
  std::shared_ptr<Database> database;  // of routes below /{db}
  Respond respond;

  Store& store() const { return *database->store(); }
  bool admin() const { return request->principal.admin; }
  const Query& query() const { return request->query; }

  /// Runs `work` where it may wait, and answers with what it returns.
  void respond_later(std::function<Response()> work) const;
};

}  // namespace atelier::server
