#include "commands.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <thread>

#include "base/json_text.h"
#include "base/limits.h"
#include "base/os/os.h"
#include "base/room_name.h"
#include "http/http_peer.h"
#include "node.h"
#include "replication/replicator.h"
#include "stopper.h"

namespace atelier::host {
namespace {

int fail(std::ostream& err, const Error& error) {
  err << "atelier: " << error.message << std::endl;
  return kExitFailed;
}

// A way to a room's database: through the host that has the profile open, or through a node of ours.
struct RoomAccess {
  std::unique_ptr<Node> own;  // when nobody has the profile open
  DatabaseUrl server;         // the control socket
  std::string database;

  std::string path(const std::string& rest) const { return "/" + url_encode(database) + rest; }
  Result<HttpReply> request(const std::string& method, const std::string& path,
                            std::string body = {}, int timeout_ms = 60'000) const {
    HttpRequest request;
    request.method = method;
    request.path = path;
    request.body = std::move(body);
    request.timeout_ms = timeout_ms;
    return http_request(server, request);
  }
};

bool answers(const DatabaseUrl& server) {
  HttpRequest request;
  request.path = "/_up";
  request.timeout_ms = kConnectTimeoutMs;
  const auto reply = http_request(server, request);
  return reply && reply->status == 200;
}

// What a server says went wrong, in words.
Error error_of(const HttpReply& reply, const std::string& what) {
  const auto text = json::normalize(reply.body);
  std::string reason = text ? json::string_member(*text, "reason").value_or("") : "";
  if (reason.empty()) reason = "status " + std::to_string(reply.status);
  Error error{reply.status == 404 ? ErrorCode::kNotFound : ErrorCode::kInvalid, what + ": " + reason};
  error.http_status = reply.status;
  return error;
}

Result<RoomAccess> access_room(const CommandContext& context, const std::string& room, bool create) {
  RoomAccess access;
  ATELIER_TRY(database, database_name_of_title(room));
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

// Sends one batch and prints a line for each of its documents.
Result<std::size_t> put_batch(const RoomAccess& access, const std::vector<std::string>& documents,
                              std::ostream& out) {
  json::Writer body;
  body.begin_object().key("docs").begin_array();
  for (const auto& document : documents) body.raw(document);
  body.end_array().end_object();
  ATELIER_TRY(reply, access.request("POST", access.path("/_bulk_docs"), body.take()));
  if (reply.status != 201 && reply.status != 202) return error_of(reply, "the batch was refused");
  ATELIER_TRY(rows, json::normalize(reply.body));
  std::size_t refused = 0;
  json::for_each_element(rows, [&](std::string_view row) {
    if (json::member(row, "error")) ++refused;
    out << row << '\n';
    return true;
  });
  out.flush();
  return refused;
}

}  // namespace

int run_put(const CommandContext& context, const PutOptions& options, std::istream& in,
            std::ostream& out, std::ostream& err) {
  const auto access = access_room(context, options.room, true);
  if (!access) return fail(err, access.error());
  std::vector<std::string> batch;
  std::size_t batch_bytes = 0, refused = 0, line_number = 0;
  const auto send = [&]() -> Status {
    if (batch.empty()) return ok();
    ATELIER_TRY(count, put_batch(*access, batch, out));
    refused += count;
    batch.clear();
    batch_bytes = 0;
    return ok();
  };
  for (std::string line; std::getline(in, line);) {
    ++line_number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto document = json::normalize(line);
    Error problem;
    if (!document) problem = document.error();
    else if (json::kind_of(*document) != json::Kind::kObject) problem = invalid("a document is a JSON object");
    if (!problem.message.empty()) {
      if (auto sent = send(); !sent) return fail(err, sent.error());
      return fail(err, invalid("line " + std::to_string(line_number) + ": " + problem.message));
    }
    // A malformed document fails the batch that it is in, as in CouchDB: small batches name it better.
    batch_bytes += document->size();
    batch.push_back(*document);
    if (batch.size() >= kBatchDocsMax || batch_bytes >= kBatchBytesMax) {
      if (auto sent = send(); !sent) return fail(err, sent.error());
    }
  }
  if (auto sent = send(); !sent) return fail(err, sent.error());
  return refused == 0 ? kExitOk : kExitPartial;
}

int run_get(const CommandContext& context, const GetCommandOptions& options, std::ostream& out,
            std::ostream& err) {
  const auto access = access_room(context, options.room, false);
  if (!access) return fail(err, access.error());
  std::string id_path = url_encode(options.id);
  for (const std::string_view keep : {"_design%2F", "_local%2F"}) {
    if (id_path.starts_with(keep)) id_path.replace(keep.size() - 3, 3, "/");
  }
  const auto reply = access->request("GET", access->path("/" + id_path));
  if (!reply) return fail(err, reply.error());
  if (reply->status != 200) return fail(err, error_of(*reply, options.id));
  const auto document = json::normalize(reply->body);
  if (!document) return fail(err, document.error());
  out << *document << std::endl;
  return kExitOk;
}

int run_changes(const CommandContext& context, const ChangesOptions& options, std::ostream& out,
                std::ostream& err) {
  const auto access = access_room(context, options.room, false);
  if (!access) return fail(err, access.error());
  std::string since = options.since;
  const std::string query = std::string("/_changes?style=all_docs&limit=") +
                            std::to_string(kBatchDocsMax) + (options.docs ? "&include_docs=true" : "");
  bool wait = false;
  while (!stop_requested()) {
    const std::string path = access->path(query) + "&since=" + url_encode(since) +
                             (wait ? "&feed=longpoll&timeout=" + std::to_string(kFollowPollMs) : "");
    const auto reply = access->request("GET", path, {}, kReadTimeoutMs);
    if (!reply) return stop_requested() ? kExitOk : fail(err, reply.error());
    if (reply->status != 200) return fail(err, error_of(*reply, "changes"));
    const auto page = json::normalize(reply->body);
    if (!page) return fail(err, page.error());
    std::size_t rows = 0;
    if (const auto results = json::member(*page, "results")) {
      json::for_each_element(*results, [&](std::string_view row) {
        ++rows;
        out << row << '\n';
        return true;
      });
    }
    out.flush();
    if (!out) return kExitOk;  // whoever read us went away
    since = json::string_member(*page, "last_seq").value_or(since);
    if (rows == 0 && !options.follow) return kExitOk;
    wait = options.follow && rows < kBatchDocsMax;
    if (!options.follow && rows < kBatchDocsMax) return kExitOk;
  }
  return kExitOk;
}

Result<std::string> with_password(const std::string& text, const std::string& password_file) {
  ATELIER_TRY(url, DatabaseUrl::parse(text));
  std::string password;
  if (!password_file.empty()) {
    ATELIER_TRY(bytes, os::read_file(password_file, 64 << 10));
    password = bytes.substr(0, bytes.find_first_of("\r\n"));
  } else if (url.credentials.secret.empty()) {
    password = os::environment("ATELIER_PASSWORD").value_or("");
  }
  if (password.empty()) return text;
  if (url.credentials.user.empty())
    return invalid("a password needs a user: write the address as http://user@host:port/database");
  const auto scheme_end = text.find("://") + 3;
  // The last one before the path: a password that was written unencoded may hold one itself.
  const auto at = text.rfind('@', text.find('/', scheme_end));
  return text.substr(0, scheme_end) + url_encode(url.credentials.user) + ":" + url_encode(password) +
         text.substr(at);
}

namespace {

struct SyncTotals {
  std::size_t moved = 0, refused = 0;
};

// One direction to its end, with a line of progress on a terminal.
Result<SyncTotals> sync_direction(Peer& source, Peer& target, const std::string& id, const char* name,
                                  std::ostream& err) {
  ReplicationOptions options;
  options.id = id;
  Replication replication(source, target, options);
  SyncTotals totals;
  const bool terminal = os::is_terminal();
  ATELIER_TRY(report, replicate_once(replication, [&](const StepReport& step) {
                totals.moved += step.written;
                totals.refused += step.rejected.size();
                for (const auto& refused : step.rejected)
                  err << "atelier: " << refused.id << " was refused: " << refused.error.message << '\n';
                if (terminal) err << '\r' << name << ' ' << totals.moved << std::flush;
              }));
  (void)report;
  if (terminal) err << '\r';
  return totals;
}

void print_totals(const CommandContext& context, const SyncTotals& pulled, const SyncTotals& pushed,
                  std::ostream& out) {
  if (context.json) {
    json::Writer line;
    line.begin_object().key("pulled").integer(static_cast<std::int64_t>(pulled.moved));
    line.key("pushed").integer(static_cast<std::int64_t>(pushed.moved));
    line.key("refused").integer(static_cast<std::int64_t>(pulled.refused + pushed.refused));
    line.end_object();
    out << line.text() << std::endl;
    return;
  }
  out << "pulled " << pulled.moved << ", pushed " << pushed.moved;
  if (pulled.refused + pushed.refused > 0) out << ", refused " << pulled.refused + pushed.refused;
  out << std::endl;
}

// Follows one direction until asked to stop, with back-off while the other side is away.
void follow_direction(const std::shared_ptr<PeerFactory>& from, const std::shared_ptr<PeerFactory>& to,
                      const std::string& id, std::mutex& mutex, std::vector<Peer*>& open,
                      std::ostream& err) {
  int wait_ms = kRetryFirstMs;
  while (!stop_requested()) {
    auto source = from->connect();
    auto target = to->connect();
    if (!source || !target) {
      wait_for_stop(wait_ms);
      wait_ms = std::min(wait_ms * 2, kRetryMaxMs);
      continue;
    }
    {
      const std::scoped_lock lock(mutex);
      open = {source->get(), target->get()};
    }
    ReplicationOptions options;
    options.id = id;
    Replication replication(**source, **target, options);
    Result<StepReport> step = StepReport{};
    while (step && !stop_requested()) {
      step = replication.step(kLongPollMs);
      if (step) wait_ms = kRetryFirstMs;
    }
    (void)replication.checkpoint();
    {
      const std::scoped_lock lock(mutex);
      open.clear();
    }
    if (stop_requested()) return;
    {
      const std::scoped_lock lock(mutex);
      err << "atelier: " << step.error().message << "; trying again" << std::endl;
    }
    wait_for_stop(wait_ms);
    wait_ms = std::min(wait_ms * 2, kRetryMaxMs);
  }
}

int sync_live(const std::shared_ptr<PeerFactory>& local, const std::shared_ptr<PeerFactory>& remote,
              const std::string& pull_id, const std::string& push_id, std::ostream& err) {
  std::mutex mutex;
  std::vector<Peer*> pulling, pushing;
  std::thread pull([&] { follow_direction(remote, local, pull_id, mutex, pulling, err); });
  std::thread push([&] { follow_direction(local, remote, push_id, mutex, pushing, err); });
  wait_for_stop(-1);
  {
    const std::scoped_lock lock(mutex);
    for (Peer* peer : pulling) peer->cancel();
    for (Peer* peer : pushing) peer->cancel();
  }
  pull.join();
  push.join();
  return kExitOk;
}

}  // namespace

int run_sync(const CommandContext& context, const SyncCommandOptions& options, std::ostream& out,
             std::ostream& err) {
  const auto address = with_password(options.url, options.password_file);
  if (!address) return fail(err, address.error());
  const auto url = DatabaseUrl::parse(*address);
  if (!url) return fail(err, url.error());
  const auto access = access_room(context, options.room, true);
  if (!access) return fail(err, access.error());

  HttpPeerOptions remote_options;
  remote_options.create_database = true;
  const auto local_factory = make_http_peer_factory(access->server, {});
  const auto remote_factory = make_http_peer_factory(*url, remote_options);
  auto local = local_factory->connect();
  if (!local) return fail(err, local.error());
  auto remote = remote_factory->connect();
  if (!remote) return fail(err, remote.error());
  const auto info = (*local)->info();
  if (!info) return fail(err, info.error());
  const std::string me = info->identity.empty() ? access->database : info->identity;
  const std::string pull_id = replication_id(me, remote_factory->stable_name(), false, {});
  const std::string push_id = replication_id(me, remote_factory->stable_name(), true, {});

  const auto pulled = sync_direction(**remote, **local, pull_id, "pulled", err);
  if (!pulled) return fail(err, pulled.error());
  const auto pushed = sync_direction(**local, **remote, push_id, "pushed", err);
  if (!pushed) return fail(err, pushed.error());
  print_totals(context, *pulled, *pushed, out);
  if (options.live) return sync_live(local_factory, remote_factory, pull_id, push_id, err);
  return pulled->refused + pushed->refused == 0 ? kExitOk : kExitPartial;
}

int run_serve(const CommandContext& context, const ServeOptions& options, std::ostream& out,
              std::ostream& err) {
  NodeOptions node_options;
  node_options.data = context.data;
  node_options.profile = context.profile;
  node_options.www = options.www;
  node_options.allowed_origins = options.origins;
  if (options.port) node_options.port = static_cast<std::uint16_t>(*options.port);
  auto node = Node::open(std::move(node_options));
  if (!node) return fail(err, node.error());
  for (const auto& room : options.rooms) {
    if (auto store = (*node)->open_store(room); !store) return fail(err, store.error());
  }
  if ((*node)->sharer()) {
    (*node)->sharer()->set_rooms(options.rooms);
    const auto role = (*node)->sharer()->wait_decided(kConnectTimeoutMs);
    if (!role.serving) {
      return fail(err, {ErrorCode::kBusy, role.url.empty()
                                              ? "cannot serve: " + role.problem
                                              : "this machine's rooms are served at " + role.url +
                                                    " already; use --port to serve beside it"});
    }
  }
  const std::string url = (*node)->url();
  const auto token_file = (*node)->profile().folder() / "admin-token";
  if (context.json) {
    json::Writer line;
    line.begin_object().key("url").string(url).key("admin_token_file").string(token_file.string());
    line.end_object();
    out << line.text() << std::endl;
  } else {
    out << "Serving " << url << " (loopback only; anyone on this computer may read and write its rooms)\n"
        << "Administrator: user admin, password in " << token_file.string() << "\n";
    if (!options.www.empty()) out << "Pages: " << url << "/_www/\n";
    out << "Ctrl-C stops." << std::endl;
  }
  wait_for_stop(-1);
  return kExitOk;
}

}  // namespace atelier::host
