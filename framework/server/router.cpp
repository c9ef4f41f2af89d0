#include "server/router.h"

#include <algorithm>

#include "base/limits.h"
#include "server/design_documents.h"
#include "server/gzip.h"
#include "server/replicator_database.h"
#include "server/request_target.h"
#include "server/route_names.h"
#include "server/routes.h"
#include "server/users.h"

namespace atelier::server {

namespace {

using Handler = void (*)(const Call&);
enum class Right { kAnyone, kWriter, kDatabaseAdmin, kAdmin };

/// A route with a fixed name. Several rows may share a name for different methods.
struct Route {
  std::string_view name;
  std::string_view methods;  // as Allow shows them
  Right right;
  bool json = false;  // a POST must say that its body is JSON
  Handler handler;
  bool reads = false;  // answers at once and only reads: a large body may be worked off elsewhere
};

constexpr Route kServerRoutes[] = {
    {"_up", "GET,HEAD", Right::kAnyone, false, get_up},
    {"_uuids", "GET,HEAD", Right::kAnyone, false, get_uuids},
    {"_all_dbs", "GET,HEAD", Right::kAdmin, false, get_all_dbs},
    {"_dbs_info", "GET,HEAD,POST", Right::kAdmin, true, post_dbs_info},
    {"_active_tasks", "GET,HEAD", Right::kAdmin, false, get_active_tasks},
    {"_membership", "GET,HEAD", Right::kAdmin, false, get_membership},
    {"_db_updates", "GET,HEAD", Right::kAdmin, false, get_db_updates},
    {"_scheduler", "GET,HEAD", Right::kAdmin, false, serve_scheduler},
    {"_node", "GET,HEAD", Right::kAdmin, false, serve_node},
    {"_cluster_setup", "GET,HEAD,POST", Right::kAdmin, true, serve_cluster_setup},
    {"_session", "GET,HEAD,POST,DELETE", Right::kAnyone, false, serve_session},
    {"_replicate", "POST", Right::kAdmin, true, post_replicate},
    {"_atelier", "GET,HEAD,POST", Right::kAnyone, false, serve_atelier},
    {"_edge", "GET,HEAD", Right::kAnyone, false, get_edge},
    {"_metrics", "GET,HEAD", Right::kAdmin, false, get_metrics},
    {"_www", "GET,HEAD", Right::kAnyone, false, serve_www},
};

constexpr Route kDatabaseRoutes[] = {
    {"_all_docs", "GET,HEAD,POST", Right::kAnyone, true, serve_all_docs},
    {"_design_docs", "GET,HEAD,POST", Right::kAnyone, true, serve_design_docs},
    {"_local_docs", "GET,HEAD,POST", Right::kAnyone, true, serve_local_docs},
    {"_changes", "GET,POST,HEAD", Right::kAnyone, true, serve_changes},
    {"_bulk_docs", "POST", Right::kWriter, true, post_bulk_docs},
    {"_presence", "GET", Right::kWriter, false, get_presence},
    {"_bulk_get", "POST", Right::kAnyone, true, post_bulk_get},
    {"_revs_diff", "POST", Right::kAnyone, true, post_revs_diff, true},
    {"_missing_revs", "POST", Right::kAnyone, true, post_missing_revs, true},
    {"_ensure_full_commit", "POST", Right::kAnyone, true, post_ensure_full_commit},
    {"_compact", "POST", Right::kDatabaseAdmin, true, post_compact},
    {"_view_cleanup", "POST", Right::kDatabaseAdmin, true, post_view_cleanup},
    {"_purge", "POST", Right::kAdmin, true, post_purge},
    {"_shards", "GET,HEAD", Right::kAnyone, false, get_shards},
    {"_sync_shards", "POST", Right::kAdmin, true, post_sync_shards},
    {"_find", "POST", Right::kAnyone, true, post_find},
    {"_explain", "POST", Right::kAnyone, true, post_explain},
    {"_index", "GET,HEAD,POST,DELETE", Right::kAnyone, true, serve_index},
    {"_edge", "GET,HEAD,POST", Right::kAnyone, true, serve_room_edge},
};

/// _security and _revs_limit are read by whoever reads the database and set by the administrator.
constexpr Route kSettingRoutes[] = {
    {"_security", "GET,HEAD,PUT", Right::kAnyone, false, serve_security},
    {"_revs_limit", "GET,HEAD,PUT", Right::kAnyone, false, serve_revs_limit},
    {"_purged_infos_limit", "GET,HEAD,PUT", Right::kAnyone, false, serve_purged_infos_limit},
};

template <std::size_t N>
const Route* find_route(const Route (&routes)[N], std::string_view name) {
  for (const Route& route : routes)
    if (route.name == name) return &route;
  return nullptr;
}

bool allows(std::string_view methods, std::string_view method) {
  for (std::string_view allowed : split_list(methods))
    if (allowed == method) return true;
  return false;
}

bool says_json(const Request& request) {
  return media_type(request.headers.get("Content-Type")) == "application/json";
}

Response bad_content_type() {
  return error_reply(415, "bad_content_type", "Content-Type must be application/json");
}

void run(const Call& call, const Route& route) {
  const Request& request = *call.request;
  if (!allows(route.methods, request.method))
    return call.respond(method_not_allowed(route.methods));
  if (route.right == Right::kAdmin && !call.admin()) return call.respond(not_a_server_admin());
  if (route.right == Right::kDatabaseAdmin && !call.database_admin())
    return call.respond(error_reply(401, "unauthorized", "You are not a server or db admin."));
  if (route.json && request.method == "POST" && !says_json(request))
    return call.respond(bad_content_type());
  if (!route.reads || request.body.size() <= kParseInlineBytesMax) return route.handler(call);
  call.respond_later([call, handler = route.handler] {
    Response made;
    Call there = call;
    there.respond = [&made](Response response) { made = std::move(response); };
    handler(there);
    return made;
  });
}

// --- below a database

/// Whether a request to `_users` is for one document: all that others than admins have there.
bool is_user_document(const Request& request) {
  return request.segments.size() <= 2 &&
         (request.segments.size() < 2 || !request.segments[1].starts_with('_'));
}

/// Why this client may not use this database; nothing when it may.
std::optional<Response> database_refusal(const Call& call) {
  const Request& request = *call.request;
  const std::string& name = call.database->name();
  if (call.database_admin()) return std::nullopt;
  if (name == kUsersDatabase && !is_user_document(request)) return not_a_server_admin();
  // Its documents hold other servers' passwords.
  if (call.rights.read && name != kReplicatorDatabase) return std::nullopt;
  if (request.principal.anonymous())
    return error_reply(401, "unauthorized", "You are not authorized to access this db.");
  return error_reply(403, "forbidden", "You are not allowed to access this db.");
}

void serve_local(const Call& call) {
  const std::vector<std::string>& segments = call.request->segments;
  const bool joined = segments[1].starts_with("_local/");
  if (segments.size() > (joined ? 2u : 3u))
    return call.respond(bad_request("_local documents do not accept attachments."));
  if (joined) return serve_local_document(call, segments[1].substr(7));
  serve_local_document(call, segments.size() == 3 ? segments[2] : "");
}

void serve_partition(const Call& call) {
  const std::vector<std::string>& segments = call.request->segments;
  if (segments.size() < 3) return call.respond(bad_request("invalid_partition_req"));
  if (!call.database->partitioned())
    return call.respond(bad_request("database is not partitioned"));
  const std::string& partition = segments[2];
  if (partition.starts_with('_'))
    return call.respond(
        error_reply(400, "illegal_partition", "Partition must not start with an underscore"));
  const std::string rest = join_segments(segments, 3);
  if (rest == "_all_docs" || rest == "_all_docs/queries") {
    if (!allows("GET,HEAD,POST", call.request->method))
      return call.respond(method_not_allowed("GET,HEAD,POST"));
    if (call.request->method == "POST" && !says_json(*call.request))
      return call.respond(bad_content_type());
    return serve_partition_all_docs(call, partition);
  }
  if (rest == "_find" || rest == "_explain") {
    if (call.request->method != "POST") return call.respond(method_not_allowed("POST"));
    if (!says_json(*call.request)) return call.respond(bad_content_type());
    return rest == "_find" ? post_partition_find(call, partition)
                           : post_partition_explain(call, partition);
  }
  if (rest.starts_with("_design/") && segments.size() > 5)
    return refuse_function(call, "_design/" + segments[4], join_segments(segments, 5));
  if (!rest.empty()) return call.respond(missing());
  if (!allows("GET,HEAD", call.request->method)) return call.respond(method_not_allowed("GET"));
  get_partition(call);
}

void serve_setting(const Call& call, const Route& route) {
  const bool sets = call.request->method == "PUT";
  if (sets && !call.database_admin()) return call.respond(error_reply(not_a_database_admin(call)));
  run(call, route);
}

/// Views, lists, shows and updates of a design document.
bool is_function_route(std::string_view name) {
  for (const char* known :
       {"_view", "_list", "_show", "_update", "_rewrite", "_search", "_nouveau"})
    if (name == known) return true;
  return false;
}

void serve_place(const Call& call, const Place& place) {
  const std::vector<std::string>& segments = call.request->segments;
  if (segments[1].starts_with("_design/") && place.attachment.empty()) {
    Response moved;
    moved.status = 301;
    moved.headers.add("Location", call.request->origin() + "/" + url_encode(call.database->name()) +
                                      "/_design/" + url_encode(place.id.substr(8), ":"));
    return call.respond(std::move(moved));
  }
  if (segments[1] == "_design" && segments.size() > 3) {
    if (is_function_route(segments[3])) return refuse_function(call, place.id, place.attachment);
    if (place.attachment == "_info") {
      if (!call.request->is_read()) return call.respond(method_not_allowed("GET"));
      return get_design_info(call, place.id);
    }
  }
  if (place.attachment.empty()) return serve_document(call, place.id);
  serve_attachment(call, place.id, place.attachment);
}

void serve_unknown(const Call& call) {
  if (call.request->method != "PUT") return call.respond(missing());
  call.respond(
      error_reply(400, "illegal_docid", "Only reserved document ids may start with underscore."));
}

void serve_below(const Call& call) {
  const std::string& name = call.request->segments[1];
  if (name == "_local" || name.starts_with("_local/")) return serve_local(call);
  if (name == "_partition") return serve_partition(call);
  if (const Route* route = find_route(kSettingRoutes, name)) return serve_setting(call, *route);
  if (const Route* route = find_route(kDatabaseRoutes, name)) return run(call, *route);
  if (const auto place = place_of(call.request->segments)) return serve_place(call, *place);
  serve_unknown(call);
}

// --- a database itself

void serve_database(const Call& call) {
  if (call.request->is_read()) return get_database(call);
  if (!says_json(*call.request)) return call.respond(bad_content_type());
  post_document(call);
}

/// PUT and DELETE of a database, which need none to be there.
bool serve_database_life(const Call& call) {
  const std::string& method = call.request->method;
  if (method != "PUT" && method != "DELETE") return false;
  if (!call.admin())
    call.respond(not_a_server_admin());
  else if (method == "PUT")
    put_database(call);
  else
    delete_database(call);
  return true;
}

Result<std::shared_ptr<Database>> open_database(const Call& call) {
  const std::string& name = call.request->segments[0];
  auto database = call.context->database(name);
  // The system's own two are there when an administrator first asks for them.
  const bool system = name == kUsersDatabase || name == kReplicatorDatabase;
  if (!database && system && call.admin() && database.error().code == ErrorCode::kNotFound &&
      call.context->catalog->open(name, true))
    database = call.context->database(name);
  if (database) return database;
  const ErrorCode code = database.error().code;
  if (code == ErrorCode::kNotFound || code == ErrorCode::kInvalid)
    return not_found("Database does not exist.");
  return database;
}

/// Whoever may use the database is told with each answer how it is doing with its upstream.
void tell_upstream(Call& call) {
  const auto& edge = call.context->options.edge;
  const auto state = edge ? edge->state(call.database->name()) : std::nullopt;
  if (!state) return;
  call.respond = [respond = call.respond, state = *state](Response response) {
    response.headers.add("X-Atelier-Upstream", sync_state_name(state));
    respond(std::move(response));
  };
}

void serve_in_database(Call call) {
  const bool itself = call.request->segments.size() == 1;
  if (itself && serve_database_life(call)) return;
  auto database = open_database(call);
  // A name that cannot be one is told so where it would be made.
  if (!database) return call.respond(error_reply(database.error()));
  call.enter(*database);
  call.respond = [respond = call.respond, database = *database](Response response) {
    response.headers.add("X-Atelier-Store", database->tag());
    respond(std::move(response));
  };
  if (auto refused = database_refusal(call)) return call.respond(std::move(*refused));
  tell_upstream(call);
  if (!itself) return serve_below(call);
  if (!allows("DELETE,GET,HEAD,POST", call.request->method))
    return call.respond(method_not_allowed("DELETE,GET,HEAD,POST"));
  serve_database(call);
}

// --- the head of a request

/// Browsers cannot send every method; CouchDB lets a POST say which one it means.
void override_method(Request& request) {
  const std::string_view wanted = request.headers.get("X-HTTP-Method-Override");
  if (request.method != "POST") return;
  for (const char* known : {"PUT", "DELETE", "COPY"})
    if (wanted == known) request.method = known;
}

bool is_attachment_put(const Request& request) {
  if (request.method != "PUT") return false;
  const auto place = place_of(request.segments);
  return place && !place->attachment.empty();
}

/// Whether the body came as gzip and is to be unpacked; an attachment's stays as it is.
bool is_packed(const Request& request) {
  return equal_no_case(request.headers.get("Content-Encoding"), "gzip") && !request.body.empty() &&
         !is_attachment_put(request);
}

/// A body in an encoding that is not known here.
std::optional<Response> encoding_refusal(const Request& request) {
  const std::string_view encoding = request.headers.get("Content-Encoding");
  if (encoding.empty() || equal_no_case(encoding, "gzip") || equal_no_case(encoding, "identity") ||
      request.body.empty() || is_attachment_put(request))
    return std::nullopt;
  return error_reply(415, "bad_content_type",
                     std::string(encoding) + " is not a supported content encoding.");
}

void route(const Call& call) {
  const Request& request = *call.request;
  if (request.segments.empty()) {
    if (!request.is_read()) return call.respond(method_not_allowed("GET,HEAD"));
    return get_welcome(call);
  }
  if (const Route* found = find_route(kServerRoutes, request.segments[0])) return run(call, *found);
  serve_in_database(call);
}

/// Unpacks where it may take its time (a small body may unpack to a large one), then routes.
void unpack_and_route(const Call& call) {
  call.context->background([call] {
    auto plain =
        std::make_shared<Result<std::string>>(gunzip(call.request->body, kRequestBodyBytesMax));
    call.context->post([call, plain] {
      if (*plain) {
        call.request->body = std::move(**plain);
        return route(call);
      }
      Failure failure = failure_of(plain->error());
      if (failure.status == 413) failure.error = "too_large";
      if (failure.status == 400) failure.reason = "Request body is not properly gzipped.";
      call.respond(error_reply(failure));
    });
  });
}

}  // namespace

std::vector<std::string> route_names() {
  std::vector<std::string> names = {"/",
                                    "/{db}",
                                    "/{db}/{id}",
                                    "/{db}/{id}/{attachment}",
                                    "/{db}/_design/{name}",
                                    "/{db}/_design/{name}/{function}",
                                    "/{db}/_local/{id}",
                                    "/{db}/_partition/{name}",
                                    "/{db}/_partition/{name}/_all_docs",
                                    "/{db}/_partition/{name}/_find",
                                    "/{db}/_partition/{name}/_explain"};
  for (const Route& route : kServerRoutes) names.push_back("/" + std::string(route.name));
  for (const Route& route : kDatabaseRoutes) names.push_back("/{db}/" + std::string(route.name));
  for (const Route& route : kSettingRoutes) names.push_back("/{db}/" + std::string(route.name));
  return names;
}

Router::Plan Router::begin(const std::shared_ptr<Request>& request) {
  Plan plan;
  plan.body_bytes_max = kRequestBodyBytesMax;
  if (const Status parsed = parse_target(*request); !parsed) {
    plan.refused = error_reply(parsed.error());
    return plan;
  }
  override_method(*request);
  plan.refused = context_->access.admit(*request);
  if (!request->principal.account.empty()) context_->watch_accounts();
  if (plan.refused || !is_attachment_put(*request) || request->unchecked_login) return plan;
  return plan_sink(request);
}

Router::Plan Router::plan_sink(const std::shared_ptr<Request>& request) const {
  Plan plan;
  plan.body_bytes_max = kRequestBodyBytesMax;
  Call call{context_, request, nullptr, [](Response) {}, {}, nullptr};
  auto database = open_database(call);
  if (!database) return plan;  // handle() says why
  call.enter(*database);
  if (database_refusal(call)) return plan;
  const Place place = *place_of(request->segments);
  plan.sink = attachment_sink(call, place.id, place.attachment);
  if (plan.sink) plan.body_bytes_max = kAttachmentBytesMax;
  return plan;
}

/// The body of an attachment that came before it was known whether its sender may write.
void feed_sink(const std::shared_ptr<BodySink>& sink, const Call& call) {
  sink->consume(std::exchange(call.request->body, {}),
                [sink, respond = call.respond] { sink->finish(respond); });
}

/// Compares the password where it may take its time, then goes on.
void Router::check_login(const Call& call) {
  const auto login = *call.request->unchecked_login;
  call.context->background([call, login, router = *this] {
    auto account = std::make_shared<std::optional<Account>>(
        call.context->access.users().check(login.first, login.second));
    call.context->post([call, account, router]() mutable {
      if (auto refused = call.context->access.finish_login(*call.request, *account))
        return call.respond(std::move(*refused));
      call.context->watch_accounts();
      if (!is_attachment_put(*call.request)) return router.handle(call.request, call.respond);
      const Plan plan = router.plan_sink(call.request);
      if (plan.sink) return feed_sink(plan.sink, call);
      router.handle(call.request, call.respond);
    });
  });
}

void Router::handle(const std::shared_ptr<Request>& request, Respond respond) {
  const Call call{context_, request, nullptr, std::move(respond), {}, nullptr};
  if (auto answer = context_->access.preflight(*request)) return call.respond(std::move(*answer));
  if (request->unchecked_login) return check_login(call);
  if (auto refused = encoding_refusal(*request)) return call.respond(std::move(*refused));
  if (is_packed(*request)) return unpack_and_route(call);
  route(call);
}

namespace {

bool may_be_packed(const Request& request, const Response& response) {
  const std::string_view type = response.headers.get("Content-Type");
  return (type == "application/json" || type.starts_with("text/plain")) && response.status == 200 &&
         accepts_gzip(request.headers) && !response.headers.has("Content-Encoding") &&
         !response.headers.has("Content-Range") && !response.headers.has("Accept-Ranges");
}

/// Packs what is worth it; never a feed, whose lines must go out at once.
void pack(const Request& request, Response& response) {
  if (!may_be_packed(request, response)) return;
  if (response.source && response.source->is_feed()) return;
  if (!response.source && response.body.size() < kPackedReplyBytesMin) return;
  if (response.source && response.length && *response.length < kPackedReplyBytesMin) return;
  response.headers.add("Content-Encoding", "gzip");
  response.headers.add("Vary", "Accept-Encoding");
  if (response.source) {
    response.source = packed_source(std::move(response.source));
    response.length.reset();
  } else {
    response.body = gzip(response.body, kReplyGzipLevel);
  }
}

}  // namespace

void Router::finish(const Request& request, Response& response) const {
  pack(request, response);
  if (!request.set_cookie.empty() && !response.headers.has("Set-Cookie"))
    response.headers.add("Set-Cookie", request.set_cookie);
  context_->access.add_cors(request, response);
}

}  // namespace atelier::server
