// The routes above the databases: welcome, sessions, lists, replication, Atelier's own.
#include <algorithm>
#include <charconv>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "server/replicator_database.h"
#include "server/routes.h"

namespace atelier::server {

namespace {

constexpr std::string_view kNodeName = "atelier@localhost";
constexpr std::string_view kCompatibleVersion = "3.5.0";  // the CouchDB whose answers these are

std::string body_etag(const Response& response) {
  return '"' + hex(md5(response.body)) + '"';
}

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

void append_roles(json::Writer& out, const Principal& who) {
  if (who.admin) out.string("_admin");
  for (const std::string& role : who.roles)
    if (role != "_admin") out.string(role);
}

Response session_of(const Principal& who, const std::string& handlers) {
  json::Writer out;
  out.begin_object().key("ok").boolean(true).key("userCtx").begin_object().key("name");
  if (who.name.empty())
    out.null();
  else
    out.string(who.name);
  out.key("roles").begin_array();
  append_roles(out, who);
  out.end_array().end_object().key("info").begin_object();
  out.key("authentication_handlers").raw(handlers);
  if (!who.authenticated.empty()) out.key("authenticated").string(who.authenticated);
  out.end_object().end_object();
  return json_reply(200, out.take());
}

Response wrong_login(const Access& access) {
  Response refused = error_reply(401, "unauthorized", "Name or password is incorrect.");
  refused.headers.add("Set-Cookie", access.no_session_cookie(now_seconds()));
  return refused;
}

/// Answers a sign-in that succeeded; no account: the administrator.
void signed_in(const Call& call, const std::optional<Account>& account) {
  Principal who{!account, account ? account->name : "admin", "cookie", {}};
  if (account) who.roles = account->roles;
  json::Writer out;
  out.begin_object().key("ok").boolean(true).key("name").string(who.name).key("roles");
  out.begin_array();
  append_roles(out, who);
  out.end_array().end_object();
  Response response = json_reply(200, out.take());
  response.headers.add("Set-Cookie", call.context->access.session_cookie(account, now_seconds()));
  const std::string next(call.query().get("next").value_or(""));
  if (next.starts_with('/') && !next.starts_with("//") &&
      next.find_first_of("\\\r\n") == std::string::npos) {
    response.status = 302;
    response.headers.add("Location", call.request->origin() + next);
  }
  call.respond(std::move(response));
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
  Access& access = call.context->access;
  if (access.is_admin(*login->name, login->password.value_or("")))
    return signed_in(call, std::nullopt);
  const std::string name = *login->name, password = login->password.value_or("");
  const std::string& address = call.request->address;
  if (name == "admin") return call.respond(wrong_login(access));
  if (access.users().is_locked(address, name, now_seconds()))
    return call.respond(access.locked_out());
  call.context->background([call, name, password] {
    auto account = std::make_shared<std::optional<Account>>(
        call.context->access.users().check(name, password));
    call.context->post([call, account, name, password] {
      Users& users = call.context->access.users();
      if (!*account) {
        users.failed(call.request->address, name, now_seconds());
        return call.respond(wrong_login(call.context->access));
      }
      users.succeeded(call.request->address, name);
      users.remember(**account, password);
      signed_in(call, *account);
    });
  });
}

/// CouchDB calls a missing end of a replication by a name of its own.
Response replication_failure(const Error& error) {
  Failure failure = failure_of(error);
  if (error.code == ErrorCode::kNotFound && failure.reason != "missing")
    failure.error = "db_not_found";
  return error_reply(failure);
}

/// startkey, endkey, limit, skip, descending of a list of names.
struct NamesOptions {
  std::optional<std::string> first, last;
  bool inclusive_end = true, descending = false;
  std::uint64_t skip = 0, limit = UINT64_MAX;
};

Result<NamesOptions> names_options(const Query& query) {
  NamesOptions options;
  for (const char* name : {"startkey", "start_key", "endkey", "end_key"}) {
    const auto text = query.get(name);
    if (!text) continue;
    const auto normal = json::normalize(*text);
    if (!normal) return invalid("invalid UTF-8 JSON");
    const auto value = json::string_value(*normal);
    if (value) (name[0] == 's' ? options.first : options.last) = *value;
  }
  for (const char* name : {"skip", "limit"}) {
    const auto text = query.get(name);
    if (!text) continue;
    std::uint64_t& to = name[0] == 's' ? options.skip : options.limit;
    const auto parsed = std::from_chars(text->data(), text->data() + text->size(), to);
    if (parsed.ec != std::errc() || parsed.ptr != text->data() + text->size())
      return invalid("Invalid value for integer: " + json::quoted(*text));
  }
  options.descending = query.is_true("descending");
  options.inclusive_end = query.get("inclusive_end") != "false";
  return options;
}

std::vector<std::string> chosen_names(std::vector<std::string> names, const NamesOptions& options) {
  if (options.descending) std::reverse(names.begin(), names.end());
  std::vector<std::string> out;
  std::uint64_t skip = options.skip;
  for (std::string& name : names) {
    const auto before = [&](const std::string& a, const std::string& b) {
      return options.descending ? a > b : a < b;
    };
    if (options.first && before(name, *options.first)) continue;
    if (options.last && before(*options.last, name)) continue;
    if (options.last && !options.inclusive_end && name == *options.last) continue;
    if (skip != 0)
      --skip;
    else if (out.size() < options.limit)
      out.push_back(std::move(name));
  }
  return out;
}

void append_task(json::Writer& out, const ReplicationService::Job& job) {
  out.begin_object().key("node").string(kNodeName).key("pid").string("<0.1.0>");
  out.key("type").string("replication").key("replication_id").string(job.id);
  out.key("database");
  if (job.doc_id.empty())
    out.null().key("doc_id").null();
  else
    out.string(kReplicatorDatabase).key("doc_id").string(job.doc_id);
  out.key("source").string(job.source).key("target").string(job.target);
  out.key("user").string(job.user).key("continuous").boolean(job.continuous);
  out.key("revisions_checked").integer(static_cast<std::int64_t>(job.checked));
  out.key("missing_revisions_found");
  out.integer(static_cast<std::int64_t>(job.written + job.failures));
  out.key("docs_read").integer(static_cast<std::int64_t>(job.written + job.failures));
  out.key("docs_written").integer(static_cast<std::int64_t>(job.written));
  out.key("doc_write_failures").integer(static_cast<std::int64_t>(job.failures));
  out.key("changes_pending").null().key("checkpointed_source_seq").string(job.sequence);
  out.key("started_on").integer(job.started_s).key("updated_on").integer(job.updated_s);
  out.end_object();
}

// --- _scheduler

std::string job_text(const ReplicationService::Job& job) {
  json::Writer out;
  out.begin_object().key("database");
  if (job.doc_id.empty())
    out.null();
  else
    out.string(kReplicatorDatabase);
  out.key("id").string(job.id).key("pid").string("<0.1.0>").key("source").string(job.source);
  out.key("target").string(job.target).key("user").string(job.user).key("doc_id");
  if (job.doc_id.empty())
    out.null();
  else
    out.string(job.doc_id);
  out.key("info").null().key("history").begin_array();
  const std::string started = iso_time(job.started_s);
  if (job.retries) {
    out.begin_object().key("timestamp").string(iso_time(job.updated_s));
    out.key("type").string("crashed").key("reason").string(job.error).end_object();
  }
  for (const char* event : {"started", "added"})
    out.begin_object().key("timestamp").string(started).key("type").string(event).end_object();
  out.end_array().key("node").string(kNodeName).key("start_time").string(started).end_object();
  return out.take();
}

std::vector<ReplicationService::Job> jobs_of(const Call& call) {
  if (!call.context->replication) return {};
  return call.context->replication->jobs();
}

/// Rows of a list with the query's skip and limit; nothing for numbers that are none.
std::optional<std::string> scheduler_list(const Call& call, std::string_view name,
                                          const std::vector<std::string>& rows) {
  const auto options = names_options(call.query());
  if (!options) return std::nullopt;
  const std::uint64_t from = std::min<std::uint64_t>(options->skip, rows.size());
  std::string out = "{\"total_rows\":" + std::to_string(rows.size()) +
                    ",\"offset\":" + std::to_string(from) + ",\"" + std::string(name) + "\":[";
  for (std::uint64_t i = from; i < rows.size() && i - from < options->limit; ++i)
    out += (i == from ? "\n" : ",\n") + rows[static_cast<std::size_t>(i)];
  return out + "\n]}";
}

void respond_list(const Call& call, std::string_view name, const std::vector<std::string>& rows) {
  auto list = scheduler_list(call, name, rows);
  call.respond(list ? json_reply(200, std::move(*list))
                    : error_reply(400, "query_parse_error", "Invalid value for integer"));
}

void get_jobs(const Call& call) {
  std::vector<std::string> rows;
  for (const auto& job : jobs_of(call)) rows.push_back(job_text(job));
  respond_list(call, "jobs", rows);
}

void get_job(const Call& call, const std::string& id) {
  for (const auto& job : jobs_of(call))
    if (job.id == id) return call.respond(json_reply(200, job_text(job)));
  call.respond(missing());
}

/// As CouchDB lists it: a URL ends in a slash.
std::string shown_address(const std::string& address) {
  return address + (address.find("://") != std::string::npos && !address.ends_with('/') ? "/" : "");
}

std::string document_text(const std::string& id, const ReplicatorState& state) {
  json::Writer out;
  out.begin_object().key("database").string(kReplicatorDatabase).key("doc_id").string(id);
  out.key("id").null().key("source").string(shown_address(state.source));
  out.key("target").string(shown_address(state.target));
  out.key("state").string(state.state).key("error_count");
  out.integer(state.state == "failed" || state.state == "crashing" ? 1 : 0).key("info");
  if (state.reason.empty())
    out.raw(state.stats);
  else
    out.begin_object().key("error").string(state.reason).end_object();
  out.key("start_time").string(iso_time(state.started_s));
  out.key("last_updated").string(iso_time(state.updated_s)).end_object();
  return out.take();
}

void get_scheduler_docs(const Call& call) {
  std::vector<std::string> rows;
  if (call.context->replicator)
    for (const auto& [id, state] : call.context->replicator->states())
      rows.push_back(document_text(id, state));
  respond_list(call, "docs", rows);
}

void get_scheduler_doc(const Call& call, const std::string& id) {
  if (!call.context->replicator) return call.respond(missing());
  const auto states = call.context->replicator->states();
  const auto found = states.find(id);
  if (found == states.end()) return call.respond(missing());
  call.respond(json_reply(200, document_text(id, found->second)));
}

// --- _node

/// What clients ask about a CouchDB's settings, as it stands here. Nothing of it can be set.
struct Setting {
  std::string_view section, key, value;
};
constexpr Setting kSettings[] = {
    {"chttpd", "max_http_request_size", "67108864"},
    {"chttpd", "require_valid_user", "false"},
    {"chttpd_auth", "timeout", "600"},
    {"couchdb", "default_security", "everyone"},
    {"couchdb", "max_document_size", "8000000"},
    {"couchdb", "single_node", "true"},
    {"couchdb", "users_db_suffix", "_users"},
    {"couch_httpd_auth", "timeout", "600"},
    {"cors", "credentials", "true"},
    {"httpd", "enable_cors", "true"},
    {"uuids", "algorithm", "random"},
    {"uuids", "max_count", "1000"},
    {"vendor", "name", "Atelier"},
};

std::string section_text(std::string_view section) {
  json::Writer out;
  out.begin_object();
  for (const Setting& setting : kSettings)
    if (setting.section == section) out.key(setting.key).string(setting.value);
  out.end_object();
  return out.take();
}

void get_config(const Call& call) {
  const std::vector<std::string>& path = call.request->segments;
  if (path.size() == 3) {
    std::string out = "{";
    std::string_view last;
    for (const Setting& setting : kSettings) {
      if (setting.section == last) continue;
      last = setting.section;
      out += (out.size() > 1 ? "," : "") + json::quoted(last) + ':' + section_text(last);
    }
    return call.respond(json_reply(200, out + '}'));
  }
  if (path.size() == 4) return call.respond(json_reply(200, section_text(path[3])));
  for (const Setting& setting : kSettings)
    if (path.size() == 5 && setting.section == path[3] && setting.key == path[4])
      return call.respond(json_reply(200, json::quoted(setting.value)));
  call.respond(missing("unknown_config_value"));
}

void get_stats(const Call& call) {
  const std::vector<std::string>& path = call.request->segments;
  const auto counter = [](std::uint64_t value, std::string_view type, std::string_view what) {
    json::Writer out;
    out.begin_object().key("value").integer(static_cast<std::int64_t>(value));
    out.key("type").string(type).key("desc").string(what).end_object();
    return out.take();
  };
  const std::string open =
      counter(call.context->databases.size(), "counter", "number of open databases");
  const std::string feeds =
      counter(call.context->feeds, "counter", "number of clients that follow a feed");
  if (path.size() == 5 && path[3] == "couchdb" && path[4] == "open_databases")
    return call.respond(json_reply(200, open));
  if (path.size() == 5 && path[3] == "httpd" && path[4] == "clients_requesting_changes")
    return call.respond(json_reply(200, feeds));
  if (path.size() > 3) return call.respond(missing());
  call.respond(json_reply(200, "{\"couchdb\":{\"open_databases\":" + open +
                                   "},\"httpd\":{\"clients_requesting_changes\":" + feeds + "}}"));
}

void get_system(const Call& call) {
  json::Writer out;
  out.begin_object().key("uptime");
  out.integer(now_seconds() - call.context->started_s).key("internal_replication_jobs").integer(0);
  out.end_object();
  call.respond(json_reply(200, out.take()));
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
  out.key("uuid")
      .string(call.context->options.uuid)
      .key("features")
      .raw(R"(["partitioned","scheduler"])");
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
  response.headers.add("ETag", body_etag(response));
  response.headers.set("Cache-Control", "no-cache");
  response.headers.add("Expires", "Mon, 01 Jan 1990 00:00:00 GMT");
  response.headers.add("Pragma", "no-cache");
  call.respond(std::move(response));
}

Result<std::vector<std::string>> listed_databases(const Call& call) {
  ATELIER_TRY(options, names_options(call.query()));
  return chosen_names(call.context->catalog->list(), options);
}

void get_all_dbs(const Call& call) {
  const auto names = listed_databases(call);
  if (!names) return call.respond(error_reply(names.error()));
  json::Writer out;
  out.begin_array();
  for (const std::string& name : *names) out.string(name);
  out.end_array();
  Response response = json_reply(200, out.take());
  response.headers.add("ETag", body_etag(response));
  call.respond(std::move(response));
}

void get_active_tasks(const Call& call) {
  json::Writer out;
  out.begin_array();
  for (const auto& [name, database] : call.context->databases) {
    if (!database->compacting) continue;
    out.begin_object().key("node").string(kNodeName).key("pid").string("<0.1.0>");
    out.key("type").string("database_compaction").key("database").string(name);
    out.key("progress").null().key("started_on").integer(database->compacting_since);
    out.key("updated_on").integer(now_seconds()).end_object();
  }
  if (call.context->replication)
    for (const ReplicationService::Job& job : call.context->replication->jobs())
      append_task(out, job);
  out.end_array();
  call.respond(json_reply(200, out.take()));
}

void get_membership(const Call& call) {
  call.respond(json_reply(
      200, R"({"all_nodes":["atelier@localhost"],"cluster_nodes":["atelier@localhost"]})"));
}

/// Nothing is left to set up: one node, which is told in CouchDB's words.
void serve_cluster_setup(const Call& call) {
  if (call.request->method == "POST") {
    const auto body = json_object_body(*call.request);
    if (!body) return call.respond(error_reply(body.error()));
    const bool finishes = json::string_member(*body, "action") == "finish_cluster";
    return call.respond(
        bad_request(finishes ? "Cluster is already finished" : "Cluster is already enabled"));
  }
  call.respond(json_reply(200, R"({"state":"single_node_enabled"})"));
}

/// Who one is, what it counts and the few settings that clients look at; nothing is changed here.
void serve_node(const Call& call) {
  const std::vector<std::string>& path = call.request->segments;
  const bool known = path.size() >= 2 && (path[1] == "_local" || path[1] == kNodeName);
  if (!known) return call.respond(missing("no such node: " + (path.size() < 2 ? "" : path[1])));
  if (path.size() == 2)
    return call.respond(json_reply(200, "{\"name\":" + json::quoted(kNodeName) + "}"));
  if (path[2] == "_config") return get_config(call);
  if (path[2] == "_stats") return get_stats(call);
  if (path[2] == "_system") return get_system(call);
  if (path[2] == "_prometheus") return get_metrics(call);
  if (path[2] == "_versions")
    return call.respond(json_reply(
        200, R"({"javascript_engine":{"name":"none"},"collation_driver":{"name":"bytes"}})"));
  call.respond(missing());
}

void serve_scheduler(const Call& call) {
  const std::vector<std::string>& path = call.request->segments;
  const std::string what = path.size() > 1 ? path[1] : "";
  if (what == "jobs") return path.size() > 2 ? get_job(call, path[2]) : get_jobs(call);
  if (what != "docs") return call.respond(missing());
  std::size_t at = 2;
  if (path.size() > at && path[at] != kReplicatorDatabase && path[at] != "_replicator")
    return call.respond(missing("Database does not exist."));
  if (path.size() <= at + 1) return get_scheduler_docs(call);
  get_scheduler_doc(call, path[at + 1]);
}

void serve_session(const Call& call) {
  if (call.request->is_read())
    return call.respond(session_of(call.request->principal, call.context->access.handlers()));
  if (call.request->method == "POST") return post_session(call);
  Response response = ok_reply();
  response.headers.add("Set-Cookie",
                       call.context->access.end_session(*call.request, now_seconds()));
  call.context->rights_changed(nullptr);
  call.respond(std::move(response));
}

void post_replicate(const Call& call) {
  if (!call.context->replication)
    return call.respond(not_implemented("This server does not run replications."));
  const auto body = json_object_body(*call.request);
  if (!body) return call.respond(error_reply(body.error()));
  auto wanted = parse_replication(*body);
  if (!wanted) return call.respond(error_reply(wanted.error()));
  wanted->user = call.request->principal.name;
  const int status = wanted->continuous && !wanted->cancel ? 202 : 200;
  call.context->replication->replicate(
      std::move(*wanted),
      [status, post = call.context->post, respond = call.respond](Result<std::string> result) {
        post([status, respond, result = std::move(result)] {
          respond(result ? json_reply(status, *result) : replication_failure(result.error()));
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
