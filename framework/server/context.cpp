#include "server/context.h"

#include <exception>

#include "server/db_updates.h"
#include "server/replies.h"

namespace atelier::server {

Result<std::shared_ptr<Database>> Context::database(const std::string& name) {
  // The catalog is asked each time, so that a database that was removed and made again elsewhere in
  // this process is not mistaken for the old one.
  auto opened = catalog->open(name, false);
  const auto known = databases.find(name);
  if (!opened) {
    if (known != databases.end()) forget(name);
    return opened.error();
  }
  if (known != databases.end() && known->second->store() == *opened) return known->second;
  if (known != databases.end()) forget(name);
  auto fresh = std::make_shared<Database>(name, std::move(*opened), post);
  fresh->on_commit = [this, name] {
    if (updates) updates->add(name, "updated");
  };
  fresh->start();
  databases.emplace(name, fresh);
  return fresh;
}

void Context::forget(const std::string& name) {
  const auto known = databases.find(name);
  if (known == databases.end()) return;
  const auto database = known->second;
  databases.erase(known);
  database->remove();
}

Rights Context::rights(const Principal& who, const Database& database) const {
  const std::string& name = database.name();
  // The system's own databases are as open as their _security makes them.
  const bool open = name.starts_with('_') || !options.shared || options.shared(name);
  return rights_of(database.security(), who, open);
}

// `respond` knows its connection weakly, so that copies may end on any thread.
void Call::respond_later(std::function<Response()> work) const {
  context->background([work = std::move(work), respond = respond, post = context->post] {
    auto response = std::make_shared<Response>();
    try {
      *response = work();
    } catch (const std::exception&) {
      *response = error_reply(500, "internal_server_error", "The request could not be served.");
    }
    post([response, respond] { respond(std::move(*response)); });
  });
}

}  // namespace atelier::server
