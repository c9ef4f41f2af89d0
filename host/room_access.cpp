#include "room_access.h"

#include <ostream>

#include "base/json_text.h"
#include "base/limits.h"
#include "base/room_name.h"

namespace atelier::host {
namespace {

bool answers(const DatabaseUrl& server) {
  HttpRequest request;
  request.path = "/_up";
  request.timeout_ms = kConnectTimeoutMs;
  const auto reply = http_request(server, request);
  return reply && reply->status == 200;
}

}  // namespace

int fail(std::ostream& err, const Error& error) {
  err << "atelier: " << error.message << std::endl;
  return kExitFailed;
}

Error error_of(const HttpReply& reply, const std::string& what) {
  const auto text = json::normalize(reply.body);
  std::string reason = text ? json::string_member(*text, "reason").value_or("") : "";
  if (reason.empty()) reason = "status " + std::to_string(reply.status);
  Error error{reply.status == 404 ? ErrorCode::kNotFound : ErrorCode::kInvalid,
              what + ": " + reason};
  error.http_status = reply.status;
  return error;
}

Result<HttpReply> RoomAccess::request(const std::string& method, const std::string& path,
                                      std::string body, int timeout_ms) const {
  HttpRequest request;
  request.method = method;
  request.path = path;
  request.body = std::move(body);
  request.timeout_ms = timeout_ms;
  return http_request(server, request);
}

Result<std::string> RoomAccess::control(const std::string& command, std::string body) const {
  ATELIER_TRY(reply, request("POST", "/_atelier/" + command, std::move(body)));
  if (reply.status / 100 != 2) return error_of(reply, "the host that has the profile open");
  return std::move(reply.body);
}

Result<std::string> get_json(const RoomAccess& access, const std::string& path,
                             const std::string& what) {
  ATELIER_TRY(reply, access.request("GET", path));
  if (reply.status != 200) return error_of(reply, what);
  return json::normalize(reply.body);
}

Status put_json(const RoomAccess& access, const std::string& path, std::string body,
                const std::string& what) {
  ATELIER_TRY(reply, access.request("PUT", path, std::move(body)));
  return reply.status / 100 == 2 ? ok() : Status(error_of(reply, what));
}

namespace {

/// `database` only names what the socket's address ends with.
Result<RoomAccess> access_database(const CommandContext& context, const std::string& database) {
  RoomAccess access;
  access.database = database;
  ATELIER_TRY(profile, Profile::locate(context.data, context.profile));
  ATELIER_TRY(server, DatabaseUrl::parse("unix:" + profile.control_socket().string() + ":/" +
                                         url_encode(database)));
  access.server = server;
  if (!answers(server)) {
    NodeOptions options;
    options.data = context.data;
    options.profile = context.profile;
    options.share = false;
    ATELIER_TRY(node, Node::open(std::move(options)));
    access.own = std::move(node);
  }
  return access;
}

}  // namespace

Result<RoomAccess> access_profile(const CommandContext& context) {
  return access_database(context, "-");
}

Result<RoomAccess> access_room(const CommandContext& context, const std::string& room,
                               bool create) {
  ATELIER_TRY(database, database_name_of_title(room));
  ATELIER_TRY(access, access_database(context, database));
  ATELIER_TRY(there, access.request("HEAD", access.path("")));
  if (there.status == 200) return access;
  if (there.status != 404) {
    // HEAD has no body to say why.
    ATELIER_TRY(why, access.request("GET", access.path("")));
    return error_of(why, "cannot open the room");
  }
  if (!create) return not_found("there is no room '" + room + "' in profile " + context.profile);
  ATELIER_TRY(made, access.request("PUT", access.path("")));
  if (made.status != 201 && made.status != 202 && made.status != 412)
    return error_of(made, "cannot create the room");
  return access;
}

}  // namespace atelier::host
