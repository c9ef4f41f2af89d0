#include "edge.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/json_text.h"
#include "http/http_peer.h"
#include "node.h"
#include "replication/local_peer.h"

namespace atelier::host {
namespace {

constexpr const char* kAccessCollection = "access";  // rules, mode, end
constexpr int kTryAgainMs = 30'000;           // after a room could not be begun, or upstream was away
constexpr std::size_t kRetryBatch = 100;      // documents of the quarantine that are tried at once

using Kind = Credentials::Kind;

std::int64_t now_ms() { return system_clock().monotonic_ms(); }

/// What people are told apart: that it catches up is no news.
std::string kind_of_state(SyncState state) {
  return sync_state_name(state == SyncState::kCatchingUp ? SyncState::kLive : state);
}

EdgeService::Refused refused(const server::Quarantine::Entry& entry) {
  EdgeService::Refused out;
  out.id = entry.id;
  out.rev = entry.rev.to_string();
  out.error = error_code_name(entry.code);
  out.reason = entry.reason;
  out.since_ms = entry.since_ms;
  return out;
}

/// A kept revision as a document for people.
std::string document_json(const DocumentWrite& write, const std::string& rev) {
  std::string out = "{\"_id\":" + json::quoted(write.id) + ",\"_rev\":" + json::quoted(rev);
  if (write.deleted) out += ",\"_deleted\":true";
  if (write.body.size() > 2) out += ',';
  return out + write.body.substr(1);
}

}  // namespace

// --- the command line's part

Result<Credentials> read_credentials(std::string_view text) {
  ATELIER_TRY(object, json::normalize(text));
  if (json::kind_of(object) != json::Kind::kObject) return invalid("it must be a JSON object");
  std::map<std::string, std::string> words;
  Status read = ok();
  json::for_each_member(object, [&](std::string_view name, std::string_view value) {
    static const std::set<std::string, std::less<>> kKnown = {"user",    "password",  "auth",
                                                              "token",   "api_key",   "token_url"};
    auto word = json::string_value(value);
    if (!kKnown.contains(name))
      read = invalid("user, password, auth, token, api_key and token_url are known here, and something "
                     "else is there");
    else if (!word || word->empty())
      read = invalid("/" + std::string(name) + ": must be a text");
    if (read) words[std::string(name)] = std::move(*word);
    return read.has_value();
  });
  ATELIER_CHECK(read);
  const auto has = [&](const char* name) { return words.contains(name); };
  Credentials who;
  if (has("user") && has("password") && !has("token") && !has("api_key") && !has("token_url")) {
    const std::string auth = has("auth") ? words["auth"] : "basic";
    if (auth != "basic" && auth != "cookie") return invalid("/auth: must be basic or cookie");
    who.kind = auth == "basic" ? Kind::kBasic : Kind::kCookie;
    who.user = words["user"];
    who.secret = words["password"];
    if (who.user.find(':') != std::string::npos) return invalid("/user: a name has no colon");
    return who;
  }
  if (words.size() == 1 && has("token")) {
    who.kind = Kind::kBearer;
    who.secret = words["token"];
    return who;
  }
  if (has("api_key") && words.size() == (has("token_url") ? 2u : 1u)) {
    who.kind = Kind::kIamKey;
    who.secret = words["api_key"];
    who.token_url = has("token_url") ? words["token_url"] : "";
    return who;
  }
  return invalid(R"(it must be {"user":…,"password":…}, {"token":…} or {"api_key":…})");
}

Result<DatabaseUrl> upstream_address(std::string_view text) {
  const std::size_t mark = text.find('#');
  const std::string pin(mark == std::string_view::npos ? std::string_view() : text.substr(mark));
  std::string address(text.substr(0, mark));
  if (address.find('?') != std::string::npos)
    return invalid("the address is not valid: a server's has no '?'");
  while (address.ends_with("/") && !address.ends_with("://")) address.pop_back();
  ATELIER_TRY(url, DatabaseUrl::parse(address + "/room" + pin));
  if (url.credentials.kind != Kind::kNone || !url.credentials.user.empty())
    return invalid("the upstream's address holds a user: whoever lists processes reads it. Put name and "
                   "password into the file of --credentials");
  return url;
}

// --- the edge

struct Edge::Signal {
  std::mutex mutex;
  std::condition_variable changed;
  // Guarded by mutex.
  bool poked = false, stopping = false;
  bool rooms_changed = false;
  std::set<std::string> retry;  // databases whose refused revisions are to be tried again

  void poke() {
    const std::scoped_lock lock(mutex);
    poked = true;
    changed.notify_all();
  }
  void look_for_rooms() {
    const std::scoped_lock lock(mutex);
    poked = rooms_changed = true;
    changed.notify_all();
  }
  void ask(const std::string& database) {
    const std::scoped_lock lock(mutex);
    retry.insert(database);
    poked = rooms_changed = true;  // one that could not be begun is tried again as well
    changed.notify_all();
  }
  bool is_stopping() {
    const std::scoped_lock lock(mutex);
    return stopping;
  }
};

Edge::Edge(EdgeOptions options, std::shared_ptr<Catalog> catalog, std::shared_ptr<RoomGates> gates,
           SyncService& syncs)
    : options_(std::move(options)),
      catalog_(std::move(catalog)),
      gates_(std::move(gates)),
      syncs_(syncs),
      signal_(std::make_shared<Signal>()) {
  rooms_changed_ =
      catalog_->subscribe([signal = signal_](const std::string&, bool) { signal->look_for_rooms(); });
}

Edge::~Edge() { stop(); }

void Edge::start() {
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
}

void Edge::stop() {
  {
    const std::scoped_lock lock(signal_->mutex);
    signal_->stopping = true;
    signal_->changed.notify_all();
  }
  {
    const std::scoped_lock lock(mutex_);
    if (remote_) remote_->cancel();
  }
  if (!thread_.joinable()) return;
  thread_.join();
  for (const std::string& database : rooms()) static_cast<void>(syncs_.stop(database));
}

void Edge::run() {
  bool rooms_changed = true;
  while (!signal_->is_stopping()) {
    if (rooms_changed) follow_rooms();
    for (const std::string& database : rooms()) retry_refused(database);
    tell();
    std::unique_lock lock(signal_->mutex);
    const bool poked =
        signal_->changed.wait_for(lock, std::chrono::milliseconds(kTryAgainMs),
                                  [this] { return signal_->poked || signal_->stopping; });
    signal_->poked = false;
    rooms_changed = std::exchange(signal_->rooms_changed, false) || !poked;
    const std::set<std::string> asked = std::exchange(signal_->retry, {});
    lock.unlock();
    const std::scoped_lock guard(mutex_);
    for (const std::string& database : asked) {
      const auto found = carried_.find(database);
      if (found == carried_.end()) continue;
      found->second.wants_retry = true;
      found->second.next_retry_ms = found->second.next_start_ms = 0;
    }
  }
}

// --- which rooms

std::vector<std::string> Edge::wanted() const {
  std::vector<std::string> names;
  for (const std::string& name : options_.databases.empty() ? catalog_->list() : options_.databases)
    if (!name.starts_with('_') && catalog_->exists(name)) names.push_back(name);
  return names;
}

void Edge::follow_rooms() {
  const std::vector<std::string> names = wanted();
  for (const std::string& database : rooms()) {
    bool gone = std::find(names.begin(), names.end(), database) == names.end();
    {
      const std::scoped_lock lock(mutex_);
      const Carried& carried = carried_[database];
      gone = gone || (carried.store && carried.store->retired());
    }
    if (gone) let_go(database);
  }
  for (const std::string& database : names) {
    if (signal_->is_stopping()) return;
    if (ends_or_begins(database)) let_go(database);
    begin(database);
  }
}

/// Whether a room that is carried was ended by its owner, or taken up again, since its sync began.
bool Edge::ends_or_begins(const std::string& database) const {
  std::shared_ptr<Store> store;
  bool ended = false;
  {
    const std::scoped_lock lock(mutex_);
    const auto known = carried_.find(database);
    if (known == carried_.end() || !known->second.store) return false;
    store = known->second.store;
    ended = known->second.ended;
  }
  return gates_->of(store)->terms()->ended != ended;
}

void Edge::let_go(const std::string& database) {
  static_cast<void>(syncs_.stop(database));
  const std::scoped_lock lock(mutex_);
  carried_.erase(database);
}

void Edge::begin(const std::string& database) {
  Carried carried;
  {
    const std::scoped_lock lock(mutex_);
    const auto known = carried_.find(database);
    if (known != carried_.end()) {
      if (known->second.fault.empty() && syncs_.status(database)) return;
      if (known->second.next_start_ms > now_ms()) return;
      carried.told = known->second.told;
    }
  }
  const Status begun = begin_sync(database, carried);
  if (!begun && begun.error().code == ErrorCode::kNotFound) return;  // removed meanwhile
  if (!begun) {
    carried.fault = begun.error().message;
    carried.next_start_ms = now_ms() + kTryAgainMs;
  }
  const std::scoped_lock lock(mutex_);
  carried_[database] = std::move(carried);
}

Status Edge::begin_sync(const std::string& database, Carried& carried) {
  ATELIER_TRY(store, catalog_->open(database, false));
  if (options_.databases.empty() && !Node::upstream_of(*store).empty())
    return Error{ErrorCode::kForbidden,
                 "this room was synchronised with another server: it is carried when --room names it"};
  const auto gate = gates_->of(store);  // from here on what is written is judged
  carried.quarantine = std::make_shared<server::Quarantine>(store);
  carried.view = std::make_shared<server::UpstreamStore>(store, gate, carried.quarantine);
  carried.terms = gate->subscribe([signal = signal_, database] { signal->ask(database); });
  carried.ended = gate->terms()->ended;
  carried.store = std::move(store);
  ATELIER_TRY(what, request(database, carried.ended));
  return syncs_.start(what, [signal = signal_] { signal->poke(); }, carried.view);
}

/// Of an ended room what says so goes on, both ways: nothing that was removed here may come again.
Result<SyncRequest> Edge::request(const std::string& database, bool ended) const {
  SyncRequest request;
  request.database = database;
  ATELIER_TRY(url, DatabaseUrl::parse(options_.server + "/" + url_encode(database)));
  request.url = std::move(url);
  request.url.credentials = options_.credentials;
  request.url.certificate_sha256 = options_.certificate_sha256;
  request.http.create_database = true;
  request.http.ca_file = options_.ca_file;
  std::vector<std::string>& prefixes = request.live.filter.prefixes;
  prefixes = options_.prefixes;
  const bool has_access = prefixes.empty() || std::find(prefixes.begin(), prefixes.end(),
                                                        kAccessCollection) != prefixes.end();
  if (ended && !has_access)
    return Error{ErrorCode::kForbidden, "the room was ended, and --prefix leaves that out"};
  if (ended) prefixes = {kAccessCollection};
  request.live.store.takes_left_behind = true;
  return request;
}

// --- what was refused

void Edge::retry_refused(const std::string& database) {
  std::shared_ptr<server::UpstreamStore> view;
  std::shared_ptr<server::Quarantine> quarantine;
  {
    const std::scoped_lock lock(mutex_);
    Carried& carried = carried_[database];
    if (!carried.store || carried.ended || !carried.wants_retry || carried.next_retry_ms > now_ms()) return;
    carried.wants_retry = false;
    view = carried.view;
    quarantine = carried.quarantine;
  }
  if (quarantine->size() == 0) return;
  const Status tried = try_again(database, view, *quarantine);
  if (tried) return;
  const std::scoped_lock lock(mutex_);
  carried_[database].wants_retry = true;
  carried_[database].next_retry_ms = now_ms() + kTryAgainMs;
}

/// What is here whole is judged here. What is not must be had from upstream.
Status Edge::try_again(const std::string& database,
                       const std::shared_ptr<server::UpstreamStore>& view,
                       const server::Quarantine& quarantine) {
  std::vector<RevisionRequest> away;
  std::vector<DocumentWrite> writes;
  const auto write = [&]() -> Status {
    for (const WriteResult& result : view->write(std::exchange(writes, {}), {}))
      if (!result.rev && result.rev.error().code != ErrorCode::kForbidden) return result.rev.error();
    return ok();
  };
  for (const server::Quarantine::Entry& entry : quarantine.list()) {
    if (signal_->is_stopping()) return ok();
    auto document = entry.away ? Result<DocumentWrite>(not_found("upstream"))
                               : quarantine.document(entry.id, entry.rev);
    // Where a name was taken out the body is upstream alone as well.
    if (!document && document.error().code == ErrorCode::kNotFound) {
      if (away.empty() || away.back().id != entry.id) away.push_back({entry.id, {}});
      away.back().revs.push_back(entry.rev);
      continue;
    }
    if (document) writes.push_back(std::move(*document));
    if (writes.size() >= kRetryBatch) ATELIER_CHECK(write());
  }
  if (!writes.empty()) ATELIER_CHECK(write());
  return away.empty() ? ok() : fetch_again(database, view, away);
}

Status Edge::fetch_again(const std::string& database,
                         const std::shared_ptr<server::UpstreamStore>& view,
                         std::span<const RevisionRequest> wanted) {
  ATELIER_TRY(what, request(database, false));
  ATELIER_TRY(remote, make_http_peer(what.url, what.http));
  {
    const std::scoped_lock lock(mutex_);
    if (signal_->is_stopping()) return ok();
    remote_ = remote.get();
  }
  const auto local = make_local_peer(view, what.live.store);
  Status done = ok();
  for (std::size_t from = 0; done && from < wanted.size(); from += kRetryBatch) {
    const auto part = wanted.subspan(from, std::min(kRetryBatch, wanted.size() - from));
    const auto documents = remote->fetch(part);
    const auto written = documents ? local->write(*documents, *remote)
                                   : Result<std::vector<Rejection>>(documents.error());
    if (!written) done = written.error();
  }
  const std::scoped_lock lock(mutex_);
  remote_ = nullptr;
  return done;
}

// --- what people see

std::vector<std::string> Edge::rooms() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, carried] : carried_) names.push_back(name);
  return names;
}

SyncStatus Edge::status_of(const std::string& database, const std::string& fault) const {
  if (fault.empty()) {
    if (auto status = syncs_.status(database)) return std::move(*status);
  }
  SyncStatus status;
  status.peer = options_.server + "/" + url_encode(database);
  status.state = fault.empty() ? SyncState::kConnecting : SyncState::kStopped;
  status.last_error = fault;
  return status;
}

std::optional<SyncState> Edge::state(const std::string& database) const {
  std::string fault;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = carried_.find(database);
    if (found == carried_.end()) return std::nullopt;
    fault = found->second.fault;
  }
  return status_of(database, fault).state;
}

std::optional<EdgeService::Room> Edge::room(const std::string& database, bool documents) const {
  std::string fault;
  std::shared_ptr<server::Quarantine> quarantine;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = carried_.find(database);
    if (found == carried_.end()) return std::nullopt;
    fault = found->second.fault;
    quarantine = found->second.quarantine;
  }
  Room room;
  room.status = status_of(database, fault);
  if (quarantine) {
    for (const server::Quarantine::Entry& entry : quarantine->list()) {
      room.quarantine.push_back(refused(entry));
      if (!documents) continue;
      if (const auto kept = quarantine->document(entry.id, entry.rev))
        room.quarantine.back().document = document_json(*kept, room.quarantine.back().rev);
    }
  }
  for (const Rejection& rejection : syncs_.outbox(database)) {
    Refused one;
    one.id = rejection.id;
    one.rev = rejection.rev.to_string();
    one.error = error_code_name(rejection.error.code);
    one.reason = rejection.error.message;
    room.outbox.push_back(std::move(one));
  }
  return room;
}

Status Edge::retry(const std::string& database) {
  {
    const std::scoped_lock lock(mutex_);
    if (!carried_.contains(database)) return not_found("the room has no upstream");
  }
  signal_->ask(database);
  static_cast<void>(syncs_.sync_now(database));  // one that does not run yet is begun by the poke
  return ok();
}

void Edge::tell() {
  if (!options_.on_state) return;
  for (const std::string& database : rooms()) {
    std::string fault, told;
    {
      const std::scoped_lock lock(mutex_);
      const Carried& carried = carried_[database];
      fault = carried.fault;
      told = carried.told;
    }
    const SyncStatus status = status_of(database, fault);
    const std::string kind = kind_of_state(status.state);
    if (kind == told || status.state == SyncState::kConnecting) continue;
    {
      const std::scoped_lock lock(mutex_);
      carried_[database].told = kind;
    }
    options_.on_state(database, status);
  }
}

}  // namespace atelier::host
