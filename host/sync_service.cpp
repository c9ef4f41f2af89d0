#include "sync_service.h"

#include "base/json_text.h"

namespace atelier::host {
namespace {

using Kind = Credentials::Kind;

constexpr const char* kOk = "{\"ok\":true}";
constexpr std::pair<Kind, const char*> kKinds[] = {{Kind::kNone, "none"},
                                                   {Kind::kBasic, "basic"},
                                                   {Kind::kCookie, "cookie"},
                                                   {Kind::kBearer, "bearer"},
                                                   {Kind::kIamKey, "iam"}};

std::string with_room(const std::string& database, const SyncStatus& status) {
  const std::string object = sync_status_json(status);
  return "{\"room\":" + json::quoted(database) + "," + object.substr(1);
}

}  // namespace

std::string sync_request_json(const SyncRequest& request) {
  const Credentials& who = request.url.credentials;
  json::Writer out;
  out.begin_object().key("room").string(request.database);
  out.key("url").string(request.url.display());
  out.key("user").string(who.user).key("secret").string(who.secret);
  for (const auto& [kind, name] : kKinds) {
    if (kind == who.kind) out.key("kind").string(name);
  }
  out.key("token_url").string(who.token_url).key("ca_file").string(request.http.ca_file);
  out.key("prefixes").begin_array();
  for (const std::string& prefix : request.live.filter.prefixes) out.string(prefix);
  out.end_array().end_object();
  return out.take();
}

Result<SyncRequest> parse_sync_request(const std::string& text) {
  ATELIER_TRY(body, json::normalize(text));
  const auto word = [&](const char* name) {
    return json::string_member(body, name).value_or("");
  };
  SyncRequest request;
  request.database = word("room");
  if (request.database.empty()) return invalid("the request names no room");
  ATELIER_TRY(url, DatabaseUrl::parse(word("url")));
  request.url = std::move(url);
  Credentials& who = request.url.credentials;
  who = {};
  who.user = word("user");
  who.secret = word("secret");
  who.token_url = word("token_url");
  for (const auto& [kind, name] : kKinds) {
    if (word("kind") == name) who.kind = kind;
  }
  request.http.create_database = true;
  request.http.ca_file = word("ca_file");
  if (const auto prefixes = json::member(body, "prefixes")) {
    json::for_each_element(*prefixes, [&](std::string_view element) {
      if (auto prefix = json::string_value(element)) {
        request.live.filter.prefixes.push_back(std::move(*prefix));
      }
      return true;
    });
  }
  return request;
}

Status SyncService::start(const SyncRequest& request, std::function<void()> on_change) {
  ATELIER_TRY(store, catalog_->open(request.database, true));
  const std::scoped_lock lock(mutex_);
  if (running_.contains(request.database) || reported_.contains(request.database)) {
    return Error{ErrorCode::kExists, "the room is being synchronised already"};
  }
  running_[request.database] =
      std::make_shared<LiveSync>(store, make_http_peer_factory(request.url, request.http),
                                 request.live, std::move(on_change));
  return ok();
}

Status SyncService::stop(const std::string& database) {
  std::shared_ptr<LiveSync> ending;  // before the lock, so that it ends outside: it waits for threads
  const std::scoped_lock lock(mutex_);
  const auto found = running_.find(database);
  if (found == running_.end()) return not_found("the room is not being synchronised");
  ending = std::move(found->second);
  running_.erase(found);
  return ok();
}

std::optional<SyncStatus> SyncService::status(const std::string& database) const {
  const std::scoped_lock lock(mutex_);
  if (const auto found = running_.find(database); found != running_.end()) {
    return found->second->status();
  }
  if (const auto found = reported_.find(database); found != reported_.end()) {
    return found->second;
  }
  return std::nullopt;
}

Status SyncService::sync_now(const std::string& database) {
  const std::scoped_lock lock(mutex_);
  if (const auto found = running_.find(database); found != running_.end()) {
    found->second->sync_now();
    return ok();
  }
  if (!reported_.contains(database)) return not_found("the room is not being synchronised");
  asked_now_.insert(database);
  return ok();
}

std::string SyncService::statuses_json(const std::string& database) const {
  json::Writer out;
  out.begin_array();
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, sync] : running_) {
    if (database.empty() || name == database) out.raw(with_room(name, sync->status()));
  }
  for (const auto& [name, status] : reported_) {
    if (database.empty() || name == database) out.raw(with_room(name, status));
  }
  out.end_array();
  return out.take();
}

void SyncService::report(const std::string& database, std::optional<SyncStatus> status) {
  const std::scoped_lock lock(mutex_);
  if (status) {
    reported_[database] = std::move(*status);
  } else {
    reported_.erase(database);
    asked_now_.erase(database);
  }
}

bool SyncService::take_sync_now(const std::string& database) {
  const std::scoped_lock lock(mutex_);
  return asked_now_.erase(database) > 0;
}

std::optional<Result<std::string>> SyncService::control(const std::string& command,
                                                        const std::string& body) {
  if (!command.starts_with("sync-")) return std::nullopt;
  const auto normal = json::normalize(body.empty() ? "{}" : body);
  if (!normal) return Result<std::string>(normal.error());
  const std::string room = json::string_member(*normal, "room").value_or("");
  const auto answer = [](Status done) {
    return done ? Result<std::string>(kOk) : Result<std::string>(done.error());
  };
  if (command == "sync-status") return Result<std::string>(statuses_json(room));
  if (command == "sync-stop") return answer(stop(room));
  if (command == "sync-now") return answer(sync_now(room));
  if (command != "sync-start") return std::nullopt;
  const auto request = parse_sync_request(body);
  return answer(request ? start(*request) : Status(request.error()));
}

}  // namespace atelier::host
