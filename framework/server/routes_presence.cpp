// GET /{db}/_presence: from HTTP to a WebSocket. Host, Origin, credentials and the database were
// checked by the router, an upgrade like a write. Thread rule: the server's thread.
#include "base/limits.h"
#include "server/presence.h"
#include "server/routes.h"

namespace atelier::server {

namespace {

bool lists(std::string_view values, std::string_view wanted) {
  for (const std::string_view value : split_list(values))
    if (equal_no_case(value, wanted)) return true;
  return false;
}

bool is_resume_text(std::string_view text) {
  if (text.empty() || text.size() > kPresenceResumeBytesMax) return false;
  for (const char c : text)
    if (c <= ' ' || c == 0x7f) return false;
  return true;
}

/// In a room that its owner ended nobody shows themselves any more.
bool is_ended(const Database& database) {
  return database.gate() && database.gate()->terms()->ended;
}

}  // namespace

void get_presence(const Call& call) {
  const Request& request = *call.request;
  if (!lists(request.headers.get("Upgrade"), "websocket") ||
      !lists(request.headers.get("Connection"), "upgrade")) {
    Response response =
        error_reply(426, "upgrade_required", "Who is here is told over a WebSocket.");
    response.headers.add("Upgrade", "websocket");
    response.headers.add("Connection", "Upgrade");
    return call.respond(std::move(response));
  }
  const auto resume = request.query.get("resume");
  if (resume && !is_resume_text(*resume))
    return call.respond(bad_request("`resume` must be a random text of 1 to 64 characters."));
  if (is_ended(*call.database) && !call.database_admin())
    return call.respond(error_reply(403, "forbidden", kRoomEndedWords));
  const auto room = call.database->presence();
  if (room->full(resume.value_or("")))
    return call.respond(
        error_reply(503, "service_unavailable", "Too many people are in this room."));
  Response response;
  response.status = 101;
  response.presence = room;
  response.may_stay = [context = std::weak_ptr(call.context), database = call.database,
                       who = std::make_shared<Principal>(request.principal)] {
    const auto here = context.lock();
    if (!here || !here->access.still_holds(*who)) return false;
    const Rights rights = here->rights(*who, *database);
    return rights.read && (rights.admin || !is_ended(*database));
  };
  call.respond(std::move(response));
}

}  // namespace atelier::server
