// `atelier sync` and `atelier outbox`. Where a host has the profile open, it does the live part itself
// and this process watches. Thread rule: main thread.
#include <algorithm>
#include <chrono>
#include <ostream>
#include <thread>

#include "base/json_text.h"
#include "base/limits.h"
#include "base/os/os.h"
#include "commands.h"
#include "people_commands.h"
#include "progress.h"
#include "query/selector.h"
#include "replication/local_peer.h"
#include "replication/outbox.h"
#include "replication/replicator.h"
#include "replication/sync_notice.h"
#include "room_access.h"
#include "secrets.h"
#include "server/room_end.h"
#include "stopper.h"
#include "sync_service.h"

namespace atelier::host {
namespace {

constexpr int kWatchStatusMs = 200;  // how often the status of a running synchronisation is looked at
constexpr std::string_view kOutboxPrefix = "atelier-outbox-";

struct SyncTotals {
  std::size_t moved = 0, refused = 0;
};

/// One exchange: where from, where to, and where refusals are kept.
struct Exchange {
  std::unique_ptr<Peer> local, remote;
  std::unique_ptr<Outbox> outbox;  // where the store is our own
  std::string local_name;          // for the checkpoint
  std::string remote_name;
  std::shared_ptr<Store> store;  // where it is our own
  LiveSyncOptions live;
};

Result<Exchange> open_exchange(const RoomAccess& access, const SyncRequest& request) {
  Exchange exchange;
  exchange.live = request.live;
  const auto factory = make_http_peer_factory(request.url, request.http);
  exchange.remote_name = factory->stable_name();
  ATELIER_TRY(remote, factory->connect());
  exchange.remote = std::move(remote);
  if (access.own) {
    ATELIER_TRY(store, access.own->catalog()->open(access.database, true));
    exchange.local_name = store->info().uuid;
    exchange.outbox = std::make_unique<Outbox>(store, outbox_name(exchange.remote_name));
    exchange.local = make_local_peer(store, request.live.store);
    exchange.store = std::move(store);
    return exchange;
  }
  ATELIER_TRY(local, make_http_peer(access.server, {}));
  exchange.local = std::move(local);
  ATELIER_TRY(info, exchange.local->info());
  exchange.local_name = info.identity.empty() ? access.database : info.identity;
  return exchange;
}

/// What is outside of the window goes, as far as the other side has it.
Status let_go(const Exchange& exchange, const std::string& pushed) {
  if (!exchange.store || exchange.live.window.empty()) return ok();
  ATELIER_TRY(sent, exchange.store->parse_sequence(pushed));
  KeepWindow window = exchange.live.window;
  for (const auto& [key, refused] : exchange.outbox->refused()) {
    window.kept_ids.push_back(refused.id);
  }
  ATELIER_CHECK(keep_window(*exchange.store, window, sent, system_clock().wall_ms()));
  return ok();
}

/// One direction to its end, with a line of progress on a terminal.
Result<SyncTotals> run_direction(Exchange& exchange, bool push, std::ostream& err) {
  ReplicationOptions options;
  options.filter = exchange.live.filter;
  if (!push) options.newest = exchange.live.newest;
  options.ends_at_source = true;
  options.id = replication_id(exchange.local_name, exchange.remote_name, push, options);
  Replication replication(push ? *exchange.local : *exchange.remote,
                          push ? *exchange.remote : *exchange.local, options);
  Outbox* outbox = push ? exchange.outbox.get() : nullptr;
  SyncTotals totals;
  if (outbox != nullptr && !outbox->refused().empty()) {
    const auto requests = outbox->requests();
    std::vector<std::string> ids;
    for (const RevisionRequest& one : requests) ids.push_back(one.id);
    ATELIER_TRY(refused, replication.retry(requests));
    totals.moved += requests.size() - std::min(requests.size(), refused.size());
    ATELIER_CHECK(outbox->update({}, ids));
    ATELIER_CHECK(outbox->update(refused, {}));
  }
  ProgressLine line(err, os::is_terminal());
  const auto began = std::chrono::steady_clock::now();
  SyncStatus shown;
  shown.state = SyncState::kCatchingUp;
  ATELIER_CHECK(replicate_once(replication, [&](const StepReport& step) -> Status {
    totals.moved += step.written;
    totals.refused += step.rejected.size();
    if (!step.rejected.empty()) line.clear();
    for (const Rejection& refused : step.rejected) {
      err << "atelier: " << refused.id << " was refused: " << refused.error.message << '\n';
    }
    shown.done += step.written;
    shown.bytes += step.bytes;
    shown.total = step.pending ? shown.done + *step.pending : 0;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    shown.per_second = static_cast<double>(shown.done) / std::max(took.count(), 0.001);
    line.show(shown);
    if (const std::string words = absence_in_words(step, push); !words.empty()) {
      line.clear();
      err << "atelier: " << words << '\n';
      if (exchange.store) {
        ATELIER_CHECK(save_sync_notice(*exchange.store, exchange.remote_name, words,
                                       system_clock().wall_ms()));
      }
    }
    return outbox != nullptr ? outbox->update(step.rejected, step.settled) : ok();
  }));
  if (push) ATELIER_CHECK(let_go(exchange, replication.position()));
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

SyncStatus status_of_json(std::string_view object) {
  SyncStatus status;
  const auto number = [&](const char* name) {
    return static_cast<std::uint64_t>(
        std::max<std::int64_t>(json::int_member(object, name).value_or(0), 0));
  };
  status.state = sync_state_named(json::string_member(object, "state").value_or(""));
  status.peer = json::string_member(object, "peer").value_or("");
  status.done = number("done");
  status.total = number("total");
  status.bytes = number("bytes");
  status.waiting = number("waiting");
  status.incoming = number("incoming");
  status.refused = number("refused");
  const auto rate = json::member(object, "per_second");
  status.per_second = rate ? json::double_value(*rate).value_or(0) : 0;
  status.last_error = json::string_member(object, "last_error").value_or("");
  status.notice = json::string_member(object, "notice").value_or("");
  status.upstream = sync_state_named(json::string_member(object, "upstream").value_or(""));
  status.last_success_ms = json::int_member(object, "last_success_ms").value_or(0);
  return status;
}

std::string room_body(const std::string& database) {
  json::Writer body;
  body.begin_object().key("room").string(database).end_object();
  return body.take();
}

/// The row of this room; nullopt when nobody synchronises it.
Result<std::optional<std::string>> status_row(const RoomAccess& access) {
  ATELIER_TRY(answer, access.control("sync-status", room_body(access.database)));
  ATELIER_TRY(rows, json::normalize(answer));
  std::optional<std::string> row;
  json::for_each_element(rows, [&](std::string_view element) {
    row = std::string(element);
    return false;
  });
  return row;
}

/// What was pulled may say that the room is over.
Result<std::optional<std::string>> end_in_words(const RoomAccess& access) {
  ATELIER_TRY(reply, access.request("GET", access.path("/" + url_encode(server::kEndedId))));
  if (reply.status == 404) return std::optional<std::string>();
  if (reply.status != 200) return error_of(reply, "cannot read whether the room was ended");
  ATELIER_TRY(body, json::normalize(reply.body));
  const auto end = server::read_room_end(body);
  return end ? std::optional(server::room_end_words(*end)) : std::optional<std::string>();
}

int say_ended(const std::string& words, std::ostream& err) {
  err << "atelier: " << words
      << "\nNothing is sent any more. Your copy is still on this computer." << std::endl;
  return kExitEnded;
}

/// Shows each change of the status until asked to stop: lines for programs, a line drawn over for
/// people on a terminal, a line for each state elsewhere. Returns why it is over, when the room was ended.
Result<std::optional<std::string>> watch_status(const CommandContext& context, const RoomAccess& access, std::ostream& out,
                    std::ostream& err) {
  ProgressLine line(err, os::is_terminal() && !context.json);
  std::string last;
  std::string last_words;
  while (!stop_requested()) {
    ATELIER_TRY(row, status_row(access));
    if (!row) return not_found("the synchronisation was ended by another process");
    const SyncStatus status = status_of_json(*row);
    if (context.json && *row != last) out << *row << std::endl;
    if (status.state == SyncState::kEnded) return std::optional(status.last_error);
    line.show(status);
    const std::string words = std::string(sync_state_name(status.state)) +
                              (status.last_error.empty() ? "" : ": " + status.last_error) +
                              (status.notice.empty() ? "" : " (" + status.notice + ")");
    if (!context.json && words != last_words && !os::is_terminal()) {
      err << "atelier: " << words << std::endl;
    }
    last = *row;
    last_words = words;
    wait_for_stop(kWatchStatusMs);
  }
  return std::optional<std::string>();
}

int sync_live(const CommandContext& context, const RoomAccess& access, const SyncRequest& request,
              std::ostream& out, std::ostream& err) {
  Status started = ok();
  if (access.own) {
    started = access.own->syncs().start(request);
  } else if (auto answer = access.control("sync-start", sync_request_json(request)); !answer) {
    started = answer.error();
  }
  if (!started) return fail(err, started.error());
  const auto watched = watch_status(context, access, out, err);
  if (access.own) {
    static_cast<void>(access.own->syncs().stop(access.database));
  } else {
    static_cast<void>(access.control("sync-stop", room_body(access.database)));
  }
  if (!watched) return fail(err, watched.error());
  return *watched ? say_ended(**watched, err) : kExitOk;
}

int show_status(const CommandContext& context, const RoomAccess& access, std::ostream& out,
                std::ostream& err) {
  const auto row = status_row(access);
  if (!row) return fail(err, row.error());
  if (context.json) {
    SyncStatus none;
    out << (*row ? **row : "{\"room\":" + json::quoted(access.database) + "," +
                               sync_status_json(none).substr(1))
        << std::endl;
  } else if (!*row) {
    out << "not synchronised now" << std::endl;
  } else {
    const SyncStatus status = status_of_json(**row);
    out << progress_words(status) << " (" << status.peer << ")" << std::endl;
    if (status.last_success_ms > 0) {
      const std::int64_t ago_s =
          std::max<std::int64_t>(system_clock().wall_ms() - status.last_success_ms, 0) / 1000;
      out << "last success " << ago_s << " s ago" << std::endl;
    }
  }
  return kExitOk;
}

/// What moves and what stays, as the command line says it. Errors: kInvalid.
Status take_choices(const SyncCommandOptions& options, LiveSyncOptions& live) {
  live.filter.prefixes = options.prefixes;
  live.filter.ids = options.ids;
  if (!options.selector.empty()) {
    ATELIER_TRY(selector, json::normalize(options.selector));
    ATELIER_CHECK(query::Selector::compile(selector));
    live.filter.selector = std::move(selector);
  }
  if (options.newest_first && options.prefixes.empty()) {
    return invalid("--newest-first needs to know of which collections: --prefix");
  }
  if (options.newest_first) {
    for (const std::string& prefix : options.prefixes) live.newest.push_back({.prefix = prefix});
  }
  if (!options.leave_blobs_above.empty()) {
    const auto size = parse_window(options.leave_blobs_above);
    if (!size || size->age_ms != 0) {
      return invalid("--leave-blobs-above needs a size, like 500kB or 10MB");
    }
    live.store.leave_blobs_above = size->bytes;
  }
  live.store.takes_left_behind = true;
  if (!options.keep.empty()) {
    ATELIER_TRY(window, parse_window(options.keep));
    live.window = std::move(window);
    live.window.prefixes = options.prefixes;
  }
  return ok();
}

/// What only whoever has the store open can do.
bool needs_the_store(const LiveSyncOptions& live) {
  return live.store.leave_blobs_above != UINT64_MAX || !live.window.empty();
}

}  // namespace

int run_sync(const CommandContext& context, const SyncCommandOptions& options, std::ostream& out,
             std::ostream& err) {
  if (options.status) {
    const auto access = access_room(context, options.room, false);
    return access ? show_status(context, *access, out, err) : fail(err, access.error());
  }
  if (options.url.empty()) {
    err << "atelier: sync needs an address: http://user@host:port/database" << std::endl;
    return kExitUsage;
  }
  SyncRequest request;
  const auto address = address_or_link(options.url);
  if (!address) return fail(err, address.error());
  auto url = with_credentials(*address, {options.auth, options.password_file, options.keyring,
                                         options.token_url});
  if (!url) return fail(err, url.error());
  if (const Status taken = take_choices(options, request.live); !taken) {
    err << "atelier: " << taken.error().message << std::endl;
    return kExitUsage;
  }
  const auto access = access_room(context, options.room, true);
  if (!access) return fail(err, access.error());
  request.database = access->database;
  request.url = std::move(*url);
  request.http.create_database = true;
  request.http.ca_file = options.ca_file;
  if (!access->own && needs_the_store(request.live)) {
    if (options.live) return sync_live(context, *access, request, out, err);
    return fail(err, Error{ErrorCode::kBusy,
                           "another program has the profile open: --leave-blobs-above and --keep "
                           "then need --live"});
  }

  SyncTotals pulled;
  SyncTotals pushed;
  {
    auto exchange = open_exchange(*access, request);
    if (!exchange) return fail(err, exchange.error());
    const auto in = run_direction(*exchange, false, err);
    if (!in) return fail(err, in.error());
    const auto ended = end_in_words(*access);
    if (!ended) return fail(err, ended.error());
    if (*ended) return say_ended(**ended, err);
    const auto gone = run_direction(*exchange, true, err);
    if (!gone) return fail(err, gone.error());
    pulled = *in;
    pushed = *gone;
  }
  print_totals(context, pulled, pushed, out);
  if (options.live) return sync_live(context, *access, request, out, err);
  return pulled.refused + pushed.refused == 0 ? kExitOk : kExitPartial;
}

int run_outbox(const CommandContext& context, const OutboxCommandOptions& options,
               std::ostream& out, std::ostream& err) {
  const auto access = access_room(context, options.room, false);
  if (!access) return fail(err, access.error());
  if (options.retry) {
    const auto asked = access->control("sync-now", room_body(access->database));
    if (!asked && asked.error().http_status == 404) {
      return fail(err, not_found("the room is not synchronised now: 'atelier sync' tries again"));
    }
    if (!asked) return fail(err, asked.error());
  }
  const auto reply = access->request("GET", access->path("/_local_docs?include_docs=true"));
  if (!reply) return fail(err, reply.error());
  if (reply->status != 200) return fail(err, error_of(*reply, "outbox"));
  const auto body = json::normalize(reply->body);
  const auto rows = body ? json::member(*body, "rows") : std::nullopt;
  std::size_t refused = 0;
  json::for_each_element(rows.value_or("[]"), [&](std::string_view row) {
    const std::string id = json::string_member(row, "id").value_or("");
    if (id.find(kOutboxPrefix) == std::string::npos) return true;
    const auto list = json::find(row, {"doc", "refused"});
    json::for_each_element(list.value_or("[]"), [&](std::string_view one) {
      ++refused;
      if (context.json) {
        out << one << '\n';
      } else {
        out << json::string_member(one, "id").value_or("") << ": "
            << json::string_member(one, "reason").value_or("") << '\n';
      }
      return true;
    });
    return true;
  });
  if (refused == 0 && !context.json) out << "nothing is refused\n";
  out.flush();
  return kExitOk;
}

}  // namespace atelier::host
