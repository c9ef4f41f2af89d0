// GET /_edge and /{db}/_edge: how rooms are doing with their upstream. Administrators are told
// everything; whoever may read a room its state, and what upstream refuses of their own documents.
// Thread rule: the server's thread; lists are put together where that may wait.
#include <algorithm>
#include <array>

#include "base/json_text.h"
#include "server/routes.h"

namespace atelier::server {

namespace {

constexpr std::string_view kNoUpstream = "This server has no upstream.";
constexpr std::string_view kRoomNotCarried = "This room has no upstream.";

/// The worst state of several rooms is what people should see.
SyncState worse(SyncState a, SyncState b) {
  constexpr std::array kFromBest = {
      SyncState::kNone,    SyncState::kLive,        SyncState::kCatchingUp, SyncState::kConnecting,
      SyncState::kOffline, SyncState::kRateLimited, SyncState::kNeedsAuth,  SyncState::kStopped,
      SyncState::kEnded};
  const auto rank = [&](SyncState state) { return std::find(kFromBest.begin(), kFromBest.end(), state); };
  return rank(a) < rank(b) ? b : a;
}

void append_refused(json::Writer& out, std::string_view name,
                    const std::vector<EdgeService::Refused>& list) {
  out.key(name).begin_array();
  for (const EdgeService::Refused& one : list) {
    out.begin_object().key("id").string(one.id).key("rev").string(one.rev);
    out.key("error").string(one.error).key("reason").string(one.reason);
    if (one.since_ms != 0) out.key("since_ms").integer(one.since_ms);
    if (!one.document.empty()) out.key("doc").raw(one.document);
    out.end_object();
  }
  out.end_array();
}

void append_room(json::Writer& out, const EdgeService::Room& room) {
  out.key("status").raw(sync_status_json(room.status));
  out.key("quarantined").integer(static_cast<std::int64_t>(room.quarantine.size()));
  out.key("refused").integer(static_cast<std::int64_t>(room.outbox.size()));
  append_refused(out, "quarantine", room.quarantine);
  append_refused(out, "outbox", room.outbox);
}

void append_upstream(json::Writer& out, const EdgeService& edge) {
  out.key("upstream").string(edge.upstream()).key("prefixes").begin_array();
  for (const std::string& prefix : edge.prefixes()) out.string(prefix);
  out.end_array();
}

Response all_rooms(const EdgeService& edge) {
  json::Writer out;
  out.begin_object();
  append_upstream(out, edge);
  out.key("rooms").begin_object();
  for (const std::string& name : edge.rooms()) {
    const auto room = edge.room(name, false);
    if (!room) continue;
    out.key(name).begin_object();
    append_room(out, *room);
    out.end_object();
  }
  out.end_object().end_object();
  return json_reply(200, out.take());
}

/// Names of rooms are told to nobody who does not know them.
Response state_for(const Call& call, const EdgeService& edge) {
  std::optional<SyncState> state;
  for (const std::string& name : edge.rooms()) {
    const auto database = call.context->database(name);
    if (!database || !call.context->rights(call.request->principal, **database).read) continue;
    const auto room = edge.state(name);
    if (room) state = worse(state.value_or(SyncState::kNone), *room);
  }
  if (!state) return not_a_server_admin();
  json::Writer out;
  out.begin_object().key("state").string(sync_state_name(*state)).end_object();
  return json_reply(200, out.take());
}

/// What upstream refuses of this client's documents. Where rules name an author it is theirs alone;
/// where they name none, a document is everybody's who reads it.
std::vector<EdgeService::Refused> own_of(const Call& call,
                                         std::vector<EdgeService::Refused> outbox) {
  const auto is_theirs = [&](const EdgeService::Refused& one) {
    const auto rev = RevId::parse(one.rev);
    GetOptions options;
    if (rev) options.rev = *rev;
    if (!rev || !call.store().get(one.id, options)) return false;
    if (!call.guard || !call.guard->has_author(one.id)) return true;
    const std::string& name = call.request->principal.name;
    return !name.empty() && call.guard->author_of(one.id, *rev) == name;
  };
  std::erase_if(outbox, [&](const EdgeService::Refused& one) { return !is_theirs(one); });
  return outbox;
}

Response room_edge(const Call& call, const EdgeService& edge, bool documents) {
  auto room = edge.room(call.database->name(), documents && call.database_admin());
  if (!room) return missing(kRoomNotCarried);
  json::Writer out;
  out.begin_object();
  if (call.database_admin()) {
    append_upstream(out, edge);
    append_room(out, *room);
  } else {
    out.key("state").string(sync_state_name(room->status.state));
    append_refused(out, "refused", own_of(call, std::move(room->outbox)));
  }
  return json_reply(200, out.end_object().take());
}

}  // namespace

void get_edge(const Call& call) {
  const auto edge = call.context->options.edge;
  if (!edge) return call.respond(missing(kNoUpstream));
  if (call.request->segments.size() > 1) return call.respond(missing());
  if (!call.admin()) return call.respond(state_for(call, *edge));
  call.respond_later([edge] { return all_rooms(*edge); });
}

void serve_room_edge(const Call& call) {
  const auto edge = call.context->options.edge;
  if (!edge) return call.respond(missing(kNoUpstream));
  if (call.request->segments.size() > 2) return call.respond(missing());
  if (call.request->method == "POST") {
    if (!call.database_admin()) return call.respond(error_reply(not_a_database_admin(call)));
    const Status asked = edge->retry(call.database->name());
    return call.respond(asked ? ok_reply(202) : missing(kRoomNotCarried));
  }
  const std::string documents(call.query().get("include_docs").value_or("false"));
  if (documents != "true" && documents != "false")
    return call.respond(
        error_reply(invalid("Invalid boolean parameter: " + json::quoted(documents))));
  call.respond_later([call, edge, wanted = documents == "true"] {
    return room_edge(call, *edge, wanted);
  });
}

}  // namespace atelier::server
