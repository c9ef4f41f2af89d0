#include "sharer.h"

#include <chrono>

#include "base/digest.h"
#include "base/json_text.h"
#include "base/os/os.h"
#include "http/http_peer.h"

namespace atelier::host {

std::uint16_t user_share_port() {
  if (const auto chosen = os::environment("ATELIER_PORT")) {
    const auto port = json::int_value(*chosen);
    if (port && *port >= 1024 && *port <= 65'535) return static_cast<std::uint16_t>(*port);
  }
  return static_cast<std::uint16_t>(kSharePortBase + os::user_id() % 1000);
}

std::string encode_share_record(const ShareRecord& record) {
  json::Writer writer;
  writer.begin_object();
  writer.key("url").string(record.url).key("uuid").string(record.uuid);
  writer.key("secret").string(record.secret).key("socket").string(record.socket.string());
  writer.key("pid").integer(record.pid).key("rooms").begin_array();
  for (const auto& title : record.rooms) writer.string(title);
  writer.end_array().end_object();
  return writer.take();
}

Result<ShareRecord> decode_share_record(std::string_view bytes) {
  ATELIER_TRY(text, json::normalize(bytes));
  ShareRecord record;
  record.url = json::string_member(text, "url").value_or("");
  record.uuid = json::string_member(text, "uuid").value_or("");
  record.secret = json::string_member(text, "secret").value_or("");
  record.socket = json::string_member(text, "socket").value_or("");
  record.pid = json::int_member(text, "pid").value_or(0);
  if (const auto rooms = json::member(text, "rooms")) {
    json::for_each_element(*rooms, [&](std::string_view element) {
      if (auto title = json::string_value(element)) record.rooms.push_back(*title);
      return true;
    });
  }
  if (record.url.empty() || record.uuid.empty() || record.secret.empty())
    return invalid("the runtime file is incomplete");
  return record;
}

ProbeResult probe_holder(const ShareRecord& record, int timeout_ms) {
  const auto url = DatabaseUrl::parse(record.url + "/-");
  if (!url) return ProbeResult::kRefused;
  const std::string nonce = random_uuid();
  HttpRequest request;
  request.path = "/_atelier/probe?nonce=" + nonce;
  request.timeout_ms = timeout_ms;
  const auto reply = http_request(*url, request);
  if (!reply)
    return reply.error().code == ErrorCode::kTimeout ? ProbeResult::kSilent : ProbeResult::kRefused;
  const std::string proof = hex(hmac_sha256(record.secret, nonce));
  return reply->status == 200 && reply->body.find(proof) != std::string::npos
             ? ProbeResult::kAnswers
             : ProbeResult::kStranger;
}

Sharer::Sharer(Options options) : options_(std::move(options)), thread_([this] { run(); }) {}

Sharer::~Sharer() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
  stop_serving();
}

// The file goes first: whoever looks now finds nobody instead of a server that is closing.
void Sharer::stop_serving() {
  if (!server_) return;
  if (const auto record = read_record(); record && record->uuid == options_.uuid) {
    std::error_code error;
    std::filesystem::remove(record_path(), error);
  }
  server_.reset();
}

Sharer::Role Sharer::role() const {
  const std::scoped_lock lock(mutex_);
  return role_;
}

Sharer::Role Sharer::wait_decided(int timeout_ms) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [this] { return role_.decided; });
  return role_;
}

void Sharer::set_may_serve(bool may_serve) {
  {
    const std::scoped_lock lock(mutex_);
    may_serve_ = may_serve;
    look_ = true;
  }
  changed_.notify_all();
}

void Sharer::set_rooms(std::vector<std::string> titles) {
  {
    const std::scoped_lock lock(mutex_);
    rooms_ = std::move(titles);
    look_ = true;
  }
  changed_.notify_all();
}

bool Sharer::wait_written(int timeout_ms) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                           [this] { return role_.serving && written_rooms_ == rooms_; });
}

void Sharer::check_now() {
  {
    const std::scoped_lock lock(mutex_);
    look_ = true;
  }
  changed_.notify_all();
}

void Sharer::run() {
  while (true) {
    tick();
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(kShareTickMs), [this] { return stop_ || look_; });
    if (stop_) return;
    look_ = false;
  }
}

void Sharer::tick() {
  if (!may_serve()) stop_serving();
  if (server_) return serve_tick();
  const auto record = read_record();
  if (!record || record->uuid == options_.uuid) return try_to_serve();
  switch (probe_holder(*record)) {
    case ProbeResult::kAnswers: return follow(*record);
    case ProbeResult::kSilent:
      // One silence may be a busy moment; two are a stopped process.
      if (++unanswered_ < 2 && role().decided) return check_now();
      return try_to_serve();
    case ProbeResult::kStranger:
    case ProbeResult::kRefused: return try_to_serve();
  }
}

void Sharer::follow(const ShareRecord& record) {
  unanswered_ = 0;
  set_role({.decided = true, .serving = false, .url = record.url, .socket = record.socket, .problem = {}});
}

void Sharer::try_to_serve() {
  if (!may_serve())
    return set_role({.decided = true, .serving = false, .url = {}, .socket = {}, .problem = {}});
  // The lock keeps two hosts from taking over at once. It is only tried: a process that was stopped
  // while it held the lock must not keep everybody waiting, and invariant 3 mends a double take-over.
  auto lock = os::FileLock::acquire(options_.runtime_dir / "share.lock", "a host that takes over");
  if (!lock && ++unanswered_ < 4) return;
  if (const auto record = read_record();
      record && record->uuid != options_.uuid && probe_holder(*record) == ProbeResult::kAnswers)
    return follow(*record);

  secret_ = random_uuid();
  auto server = options_.serve(options_.port, secret_);
  if (!server && server.error().code == ErrorCode::kExists) server = options_.serve(0, secret_);
  if (!server) {
    set_role({.decided = true, .serving = false, .url = {}, .socket = {}, .problem = server.error().message});
    return;
  }
  unanswered_ = 0;
  server_ = std::move(*server);
  write_record();
  set_role({.decided = true, .serving = true, .url = server_->url(), .socket = {}, .problem = {}});
}

void Sharer::serve_tick() {
  const auto record = read_record();
  if (record && record->uuid != options_.uuid && probe_holder(*record) == ProbeResult::kAnswers) {
    stop_serving();
    return follow(*record);
  }
  bool rooms_changed = false;
  {
    const std::scoped_lock lock(mutex_);
    rooms_changed = rooms_ != written_rooms_;
  }
  if (!record || record->uuid != options_.uuid || rooms_changed) write_record();
}

bool Sharer::may_serve() const {
  const std::scoped_lock lock(mutex_);
  return may_serve_;
}

void Sharer::set_role(Role role) {
  bool changed = false;
  {
    const std::scoped_lock lock(mutex_);
    changed = role.serving != role_.serving || role.url != role_.url || !role_.decided ||
              role.problem != role_.problem;
    role_ = std::move(role);
  }
  if (!changed) return;
  changed_.notify_all();
  if (options_.on_change) options_.on_change();
}

std::optional<ShareRecord> Sharer::read_record() const {
  const auto bytes = os::read_file(record_path(), 1 << 20);
  if (!bytes) return std::nullopt;
  auto record = decode_share_record(*bytes);
  if (!record) return std::nullopt;
  return std::move(*record);
}

void Sharer::write_record() {
  std::vector<std::string> rooms;
  {
    const std::scoped_lock lock(mutex_);
    rooms = rooms_;
  }
  const ShareRecord record{.url = server_->url(),
                           .uuid = options_.uuid,
                           .secret = secret_,
                           .socket = options_.socket,
                           .pid = os::process_id(),
                           .rooms = rooms};
  if (!os::write_private_file(record_path(), encode_share_record(record))) return;  // next tick again
  {
    const std::scoped_lock lock(mutex_);
    written_rooms_ = std::move(rooms);
  }
  changed_.notify_all();
}

}  // namespace atelier::host
