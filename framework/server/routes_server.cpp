// The routes above the databases: welcome, sessions, lists, replication, Atelier's own.
#include <charconv>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "server/routes.h"

namespace atelier::server {

namespace {

constexpr std::string_view kCompatibleVersion = "3.5.0";  // the CouchDB whose answers these are

std::int64_t now_seconds() {
  return system_clock().wall_ms() / 1000;
}

/// name and password of a POST to _session, from a form or from JSON.
struct Login {
  std::optional<std::string> name, password;
};

Result<Login> parse_login(const Request& request) {
  Login login;
  const std::string type = media_type(request.headers.get("Content-Type"));
  if (type == "application/json") {
    ATELIER_TRY(body, json_object_body(request));
    login.name = json::string_member(body, "name");
    if (!login.name) login.name = json::string_member(body, "username");
    login.password = json::string_member(body, "password");
    return login;
  }
  ATELIER_TRY(form, Query::parse(request.body));
  if (const auto name = form.get("name")) login.name = *name;
  if (const auto name = form.get("username"); name && !login.name) login.name = *name;
  if (const auto password = form.get("password")) login.password = *password;
  return login;
}

Response session_of(const Principal& who) {
  json::Writer out;
  out.begin_object().key("ok").boolean(true).key("userCtx").begin_object().key("name");
  if (who.name.empty())
    out.null();
  else
    out.string(who.name);
  out.key("roles").begin_array();
  if (who.admin) out.string("_admin");
  out.end_array().end_object().key("info").begin_object();
  out.key("authentication_handlers").raw(R"(["cookie","default"])");
  if (!who.authenticated.empty()) out.key("authenticated").string(who.authenticated);
  out.end_object().end_object();
  return json_reply(200, out.take());
}

void post_session(const Call& call) {
  const std::string type = media_type(call.request->headers.get("Content-Type"));
  if (type != "application/json" && type != "application/x-www-form-urlencoded") {
    call.respond(error_reply(415, "bad_content_type",
                             "Content-Type must be 'application/x-www-form-urlencoded' or "
                             "'application/json'"));
    return;
  }
  const auto login = parse_login(*call.request);
  if (!login) return call.respond(error_reply(login.error()));
  if (!login->name) return call.respond(bad_request("request body must contain a username"));
  const Access& access = call.context->access;
  if (!access.is_admin(*login->name, login->password.value_or(""))) {
    Response refused = error_reply(401, "unauthorized", "Name or password is incorrect.");
    refused.headers.add("Set-Cookie", access.no_session_cookie(now_seconds()));
    return call.respond(std::move(refused));
  }
  Response response = json_reply(200, R"({"ok":true,"name":"admin","roles":["_admin"]})");
  response.headers.add("Set-Cookie", access.session_cookie("admin", now_seconds()));
  const std::string next(call.query().get("next").value_or(""));
  if (next.starts_with('/') && !next.starts_with("//") &&
      next.find_first_of("\\\r\n") == std::string::npos) {
    response.status = 302;
    response.headers.add("Location", call.request->origin() + next);
  }
  call.respond(std::move(response));
}

/// `source` or `target` of _replicate: a text, or {"url":…, "auth":{"basic":…}, "headers":…}.
Result<std::string> replication_end(std::string_view body, std::string_view name) {
  const auto value = json::member(body, name);
  if (!value) return invalid("The `" + std::string(name) + "` field is missing.");
  if (const auto text = json::string_value(*value)) return *text;
  auto url = json::string_member(*value, "url");
  if (!url) return invalid("The `" + std::string(name) + "` field must be a database or a URL.");
  std::string user_info;
  if (const auto basic = json::find(*value, {"auth", "basic"})) {
    user_info = url_encode(json::string_member(*basic, "username").value_or("")) + ":" +
                url_encode(json::string_member(*basic, "password").value_or(""));
  } else if (const auto headers = json::member(*value, "headers")) {
    const auto authorization = json::string_member(*headers, "Authorization");
    if (authorization && authorization->starts_with("Basic ")) {
      const auto decoded = unbase64(trim(std::string_view(*authorization).substr(6)));
      const std::size_t colon = decoded ? decoded->find(':') : std::string::npos;
      if (colon == std::string::npos) return invalid("The Authorization header is not valid.");
      user_info =
          url_encode(decoded->substr(0, colon)) + ":" + url_encode(decoded->substr(colon + 1));
    } else if (authorization) {
      return Error{ErrorCode::kUnsupported, "Only Basic authentication may be given here."};
    }
  }
  const std::size_t scheme = url->find("://");
  if (!user_info.empty() && scheme != std::string::npos) url->insert(scheme + 3, user_info + "@");
  return *url;
}

Result<ReplicationService::Request> parse_replication(const Request& request) {
  ATELIER_TRY(body, json_object_body(request));
  for (const char* name : {"doc_ids", "selector", "filter"}) {
    if (json::member(body, name))
      return Error{ErrorCode::kUnsupported,
                   "Filtered replications are not started through _replicate yet."};
  }
  ReplicationService::Request wanted;
  ATELIER_TRY(source, replication_end(body, "source"));
  ATELIER_TRY(target, replication_end(body, "target"));
  wanted.source = std::move(source);
  wanted.target = std::move(target);
  wanted.continuous = json::bool_member(body, "continuous").value_or(false);
  wanted.create_target = json::bool_member(body, "create_target").value_or(false);
  wanted.cancel = json::bool_member(body, "cancel").value_or(false);
  return wanted;
}

void get_probe(const Call& call) {
  const ServerOptions& options = call.context->options;
  const auto nonce = call.query().get("nonce");
  if (options.probe_secret.empty()) return call.respond(missing());
  if (!nonce || nonce->empty() || nonce->size() > kProbeNonceBytesMax)
    return call.respond(bad_request("The `nonce` parameter is missing or too long."));
  json::Writer out;
  out.begin_object().key("atelier").string(ATELIER_VERSION).key("uuid").string(options.uuid);
  out.key("proof").string(hex(hmac_sha256(options.probe_secret, *nonce))).end_object();
  call.respond(json_reply(200, out.take()));
}

}  // namespace

void get_welcome(const Call& call) {
  json::Writer out;
  out.begin_object().key("couchdb").string("Welcome").key("version").string(kCompatibleVersion);
  out.key("uuid").string(call.context->options.uuid).key("features").raw(R"(["partitioned"])");
  out.key("vendor").begin_object().key("name").string("Atelier");
  out.key("version").string(ATELIER_VERSION).end_object().end_object();
  call.respond(json_reply(200, out.take()));
}

void get_up(const Call& call) {
  call.respond(json_reply(200, R"({"status":"ok","seeds":{}})"));
}

void get_uuids(const Call& call) {
  std::uint64_t count = 1;
  if (const auto text = call.query().get("count")) {
    const auto parsed = std::from_chars(text->data(), text->data() + text->size(), count);
    if (parsed.ec != std::errc() || parsed.ptr != text->data() + text->size())
      return call.respond(bad_request("count must be a positive integer"));
  }
  if (count > kUuidsMax) return call.respond(bad_request("count parameter too large"));
  json::Writer out;
  out.begin_object().key("uuids").begin_array();
  for (std::uint64_t i = 0; i < count; ++i) out.string(random_uuid());
  out.end_array().end_object();
  Response response = json_reply(200, out.take());
  response.headers.set("Cache-Control", "must-revalidate, no-cache");
  response.headers.add("Expires", "Mon, 01 Jan 1990 00:00:00 GMT");
  response.headers.add("Pragma", "no-cache");
  call.respond(std::move(response));
}

void get_all_dbs(const Call& call) {
  std::vector<std::string> names = call.context->catalog->list();
  json::Writer out;
  out.begin_array();
  for (const std::string& name : names) out.string(name);
  out.end_array();
  call.respond(json_reply(200, out.take()));
}

void get_active_tasks(const Call& call) {
  call.respond(json_reply(200, "[]"));
}

void get_membership(const Call& call) {
  call.respond(json_reply(
      200, R"({"all_nodes":["atelier@localhost"],"cluster_nodes":["atelier@localhost"]})"));
}

void serve_session(const Call& call) {
  if (call.request->is_read()) return call.respond(session_of(call.request->principal));
  if (call.request->method == "POST") return post_session(call);
  Response response = ok_reply();
  response.headers.add("Set-Cookie", call.context->access.no_session_cookie(now_seconds()));
  call.respond(std::move(response));
}

void post_replicate(const Call& call) {
  if (!call.context->replication)
    return call.respond(not_implemented("This server does not run replications."));
  auto wanted = parse_replication(*call.request);
  if (!wanted) return call.respond(error_reply(wanted.error()));
  const int status = wanted->continuous && !wanted->cancel ? 202 : 200;
  call.context->replication->replicate(
      std::move(*wanted),
      [status, post = call.context->post, respond = call.respond](Result<std::string> result) {
        post([status, respond, result = std::move(result)] {
          respond(result ? json_reply(status, *result) : error_reply(result.error()));
        });
      });
}

void serve_atelier(const Call& call) {
  const Request& request = *call.request;
  const ServerOptions& options = call.context->options;
  const std::string command = request.segments.size() == 2 ? request.segments[1] : "";
  if (command == "probe" && request.is_read()) return get_probe(call);
  if (!request.local_user || !options.control || command.empty()) return call.respond(missing());
  if (request.method != "POST") return call.respond(method_not_allowed("POST"));
  call.respond_later([control = options.control, command, body = request.body] {
    const auto answer = control(command, body);
    return answer ? json_reply(200, *answer) : error_reply(answer.error());
  });
}

}  // namespace atelier::server
