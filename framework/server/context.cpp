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
  auto gate = name.starts_with('_') ? nullptr : gates->of(*opened);
  auto fresh = std::make_shared<Database>(name, std::move(*opened), post, std::move(gate));
  fresh->on_commit = [this, name] {
    if (updates) updates->add(name, "updated");
    if (name == kUsersDatabase) rights_changed(nullptr);
  };
  fresh->on_rights_changed = [this, key = std::weak_ptr(fresh)] {
    if (const auto changed = key.lock()) rights_changed(changed.get());
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
  if (name == kUsersDatabase) rights_changed(nullptr);
}

void Context::rights_changed(Database* only) {
  ++rights_version;
  // What is told may end a feed, whose end may drop a database from the list.
  std::vector<std::shared_ptr<Database>> concerned;
  for (const auto& [name, database] : databases)
    if (only == nullptr || database.get() == only) concerned.push_back(database);
  for (const auto& database : concerned) database->look_again();
}

std::shared_ptr<GuardedStore> Context::guard(const Principal& who, const Database& database) const {
  if (!database.gate()) return nullptr;
  return std::make_shared<GuardedStore>(database.store(), database.gate(),
                                        room_user(who, rights(who, database)));
}

bool Context::may_go_on(Principal& who, const Database& database, const std::string& view) const {
  if (!access.still_holds(who) || !rights(who, database).read) return false;
  const auto now = guard(who, database);
  return !now || now->view() == view;
}

void Context::watch_accounts() {
  const std::string name(kUsersDatabase);
  if (!databases.contains(name)) (void)database(name);
}

Rights Context::rights(const Principal& who, const Database& database) const {
  const std::string& name = database.name();
  // The system's own databases are as open as their _security makes them.
  const bool open = name.starts_with('_') || !options.shared || options.shared(name);
  return rights_of(database.security(), who, open);
}

void Call::enter(std::shared_ptr<Database> to) {
  database = std::move(to);
  rights = context->rights(request->principal, *database);
  guard = database->gate() ? std::make_shared<GuardedStore>(database->store(), database->gate(),
                                                            room_user(request->principal, rights))
                           : nullptr;
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
