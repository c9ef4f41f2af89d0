#include "sync_service.h"

#include <algorithm>
#include <cstdint>

#include "base/json_text.h"
#include "server/room_end.h"

namespace atelier::host {
namespace {

using Kind = Credentials::Kind;

constexpr std::size_t kBringingMax = 16;  // attachments fetched at once: a thread and a connection each
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

void append_list(json::Writer& out, std::string_view name, const std::vector<std::string>& list) {
  out.key(name).begin_array();
  for (const std::string& item : list) out.string(item);
  out.end_array();
}

std::vector<std::string> list_of(const std::string& body, const char* name) {
  std::vector<std::string> list;
  json::for_each_element(json::member(body, name).value_or("[]"), [&](std::string_view element) {
    if (auto item = json::string_value(element)) list.push_back(std::move(*item));
    return true;
  });
  return list;
}

}  // namespace

std::string sync_request_json(const SyncRequest& request) {
  const Credentials& who = request.url.credentials;
  json::Writer out;
  out.begin_object().key("room").string(request.database);
  out.key("url").string(request.url.address());
  out.key("user").string(who.user).key("secret").string(who.secret);
  for (const auto& [kind, name] : kKinds) {
    if (kind == who.kind) out.key("kind").string(name);
  }
  out.key("token_url").string(who.token_url).key("ca_file").string(request.http.ca_file);
  append_list(out, "prefixes", request.live.filter.prefixes);
  append_list(out, "ids", request.live.filter.ids);
  out.key("selector").string(request.live.filter.selector);
  std::vector<std::string> newest;
  for (const NewestQuery& query : request.live.newest) newest.push_back(query.prefix);
  append_list(out, "newest", newest);
  if (request.live.store.leave_blobs_above != UINT64_MAX) {
    const auto bytes = std::min<std::uint64_t>(request.live.store.leave_blobs_above, INT64_MAX);
    out.key("leave_blobs_above").integer(static_cast<std::int64_t>(bytes));
  }
  out.key("keep").string(window_text(request.live.window)).end_object();
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
  ReplicationFilter& filter = request.live.filter;
  filter.prefixes = list_of(body, "prefixes");
  filter.ids = list_of(body, "ids");
  filter.selector = word("selector");
  for (std::string& prefix : list_of(body, "newest")) {
    request.live.newest.push_back({.prefix = std::move(prefix)});
  }
  if (const auto bytes = json::int_member(body, "leave_blobs_above")) {
    if (*bytes < 0) return invalid("leave_blobs_above is no size");
    request.live.store.leave_blobs_above = static_cast<std::uint64_t>(*bytes);
  }
  request.live.store.takes_left_behind = true;
  if (const std::string keep = word("keep"); !keep.empty()) {
    ATELIER_TRY(window, parse_window(keep));
    request.live.window = std::move(window);
    request.live.window.prefixes = filter.prefixes;
  }
  return request;
}

std::optional<std::string> ended_in_words(const Store& store) {
  const auto end = server::room_end(store);
  return end ? std::optional(server::room_end_words(*end)) : std::nullopt;
}

Status SyncService::start(const SyncRequest& request, std::function<void()> on_change,
                          std::shared_ptr<Store> store) {
  LiveSyncOptions live = request.live;
  if (!store) {
    ATELIER_TRY(opened, catalog_->open(request.database, true));
    store = std::move(opened);
    live.ended = ended_in_words;
  }
  const std::scoped_lock lock(mutex_);
  if (running_.contains(request.database) || reported_.contains(request.database)) {
    return Error{ErrorCode::kExists, "the room is being synchronised already"};
  }
  running_[request.database] =
      std::make_shared<LiveSync>(store, make_http_peer_factory(request.url, request.http),
                                 live, std::move(on_change));
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
    return found->second.status;
  }
  return std::nullopt;
}

std::vector<Rejection> SyncService::outbox(const std::string& database) const {
  const std::scoped_lock lock(mutex_);
  const auto found = running_.find(database);
  return found == running_.end() ? std::vector<Rejection>() : found->second->outbox();
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
  for (const auto& [name, one] : reported_) {
    if (database.empty() || name == database) out.raw(with_room(name, one.status));
  }
  out.end_array();
  return out.take();
}

void SyncService::report(const std::string& database, std::optional<SyncStatus> status,
                         AttachmentBringer bringer) {
  const std::scoped_lock lock(mutex_);
  if (status) {
    reported_[database] = {std::move(*status), std::move(bringer)};
  } else {
    reported_.erase(database);
    asked_now_.erase(database);
  }
}

// --- attachments that were left behind

SyncService::~SyncService() {
  std::map<std::string, Bringing> ending;
  {
    const std::scoped_lock lock(mutex_);
    ending.swap(bringing_);
  }
  for (auto& [key, one] : ending) one.state->stopped = true;
  for (auto& [key, one] : ending) one.thread.join();
}

Result<AttachmentBringer> SyncService::bringer_of(const std::string& database) const {
  AttachmentBringer bringer;
  if (const auto found = running_.find(database); found != running_.end()) {
    bringer = found->second->bringer();
  } else if (const auto other = reported_.find(database); other != reported_.end()) {
    bringer = other->second.bringer;
  }
  if (!bringer) return not_found("the room is not being synchronised");
  return bringer;
}

namespace {

std::string bringing_key(const std::string& database, const std::string& id,
                         const std::string& name) {
  return json::quoted(database) + json::quoted(id) + json::quoted(name);
}

}  // namespace

Result<SyncService::Bringing*> SyncService::begin_bringing(const std::string& database,
                                                           const std::string& id,
                                                           const std::string& name) {
  for (auto at = bringing_.begin(); at != bringing_.end();) {
    // Such a thread has let go of mutex_ for the last time.
    const bool over = at->second.state->ended && !at->second.polled;
    if (over) at->second.thread.join();
    at = over ? bringing_.erase(at) : std::next(at);
  }
  const std::string key = bringing_key(database, id, name);
  if (const auto found = bringing_.find(key); found != bringing_.end()) return &found->second;
  if (bringing_.size() >= kBringingMax) {
    return Error(ErrorCode::kUnavailable, "too many attachments are being fetched");
  }
  ATELIER_TRY(bringer, bringer_of(database));
  Bringing& one = bringing_[key];
  one.state = std::make_shared<BringState>();
  one.thread = std::thread([this, state = one.state, bringer, id, name] {
    auto brought = bringer(id, name, [&](std::uint64_t done, std::uint64_t total) {
      state->done = done;
      state->total = total;
      return !state->stopped;
    });
    if (!brought) state->error = brought.error();
    std::vector<std::function<void(const Status&)>> waiting;
    {
      const std::scoped_lock lock(mutex_);
      waiting.swap(state->waiting);
      state->ended = true;
    }
    for (const auto& done : waiting) done(brought ? ok() : Status(brought.error()));
  });
  return &one;
}

Status SyncService::bring_for(const std::string& database, const std::string& id,
                              const std::string& name, std::function<void(const Status&)> done) {
  const std::scoped_lock lock(mutex_);
  ATELIER_TRY(one, begin_bringing(database, id, name));
  // One that has ended and is still to be told to a command: whoever asks again finds the bytes.
  if (one->state->ended) return Error(ErrorCode::kUnavailable, "it was fetched just now");
  one->state->waiting.push_back(std::move(done));
  return ok();
}

/// Each call tells how far it is; the first one begins, and the one that tells the end forgets it.
Result<std::string> SyncService::bring(const std::string& database, const std::string& id,
                                       const std::string& name) {
  std::thread ended;
  std::shared_ptr<BringState> state;
  {
    const std::scoped_lock lock(mutex_);
    ATELIER_TRY(one, begin_bringing(database, id, name));
    one->polled = true;
    state = one->state;
    if (state->ended) {
      ended = std::move(one->thread);
      bringing_.erase(bringing_key(database, id, name));
    }
  }
  if (ended.joinable()) {
    ended.join();
    if (state->error) return *state->error;
  }
  json::Writer out;
  out.begin_object().key("done").integer(static_cast<std::int64_t>(state->done.load()));
  out.key("total").integer(static_cast<std::int64_t>(state->total.load()));
  out.key("running").boolean(!state->ended).end_object();
  return out.take();
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
  if (command == "sync-bring") {
    return bring(room, json::string_member(*normal, "id").value_or(""),
                 json::string_member(*normal, "name").value_or(""));
  }
  if (command != "sync-start") return std::nullopt;
  const auto request = parse_sync_request(body);
  return answer(request ? start(*request) : Status(request.error()));
}

}  // namespace atelier::host
