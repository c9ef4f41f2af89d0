// GET /_metrics: what a monitoring system reads. Thread rule: counts are taken on the server's thread,
// stores are asked where that may wait.
#include <cstdio>

#include "server/metrics.h"
#include "server/routes.h"

namespace atelier::server {

namespace {

double as_number(std::uint64_t value) { return static_cast<double>(value); }

void append_requests(MetricsText& out, const RequestCounts& counts) {
  out.family("atelier_http_requests_total", "counter", "Requests answered, by the class of the status.");
  for (std::size_t digit = 1; digit < counts.by_class.size(); ++digit)
    out.add(as_number(counts.by_class[digit]),
            MetricsText::label("class", std::to_string(digit) + "xx"));
  out.family("atelier_http_request_duration_seconds", "histogram",
             "From the head of a request to the beginning of its answer.");
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < RequestCounts::kSecondsUpTo.size(); ++i) {
    sum += counts.by_duration[i];
    char text[32];
    std::snprintf(text, sizeof text, "%g", RequestCounts::kSecondsUpTo[i]);
    out.add(as_number(sum), MetricsText::label("le", text), "_bucket");
  }
  out.add(as_number(counts.timed()), MetricsText::label("le", "+Inf"), "_bucket");
  out.add(counts.seconds, {}, "_sum");
  out.add(as_number(counts.timed()), {}, "_count");
}

void append_connections(MetricsText& out, const ConnectionCounts& counts) {
  out.family("atelier_http_connections", "gauge", "Connections that are open.");
  out.add(as_number(counts.open));
  out.family("atelier_feeds", "gauge", "Feeds of changes that are open.");
  out.add(as_number(counts.feeds));
  out.family("atelier_presence_connections", "gauge", "WebSockets of who is in a room.");
  out.add(as_number(counts.presence));
  out.family("atelier_http_request_body_bytes", "gauge", "Bodies of requests that are in memory.");
  out.add(as_number(counts.body_bytes));
}

struct StoreNumbers {
  std::string labels;
  StoreInfo info;
};

void append_stores(MetricsText& out, Catalog& catalog) {
  std::vector<StoreNumbers> stores;
  for (const std::string& name : catalog.opened()) {
    const auto store = catalog.open(name, false);
    if (store) stores.push_back({MetricsText::label("db", name), (*store)->info()});
  }
  const auto family = [&](std::string_view name, std::string_view type, std::string_view help,
                          std::uint64_t StoreInfo::*member) {
    out.family(name, type, help);
    for (const StoreNumbers& one : stores) out.add(as_number(one.info.*member), one.labels);
  };
  family("atelier_store_documents", "gauge", "Documents that are not deleted.", &StoreInfo::doc_count);
  family("atelier_store_deleted_documents", "gauge", "Tombstones.", &StoreInfo::doc_del_count);
  family("atelier_store_file_bytes", "gauge", "Size of the file.", &StoreInfo::file_bytes);
  family("atelier_store_live_bytes", "gauge", "Bytes of the file that are in use.", &StoreInfo::live_bytes);
  family("atelier_store_last_sequence", "counter", "Changes since the store was made.",
         &StoreInfo::last_sequence);
}

void append_replications(MetricsText& out, ReplicationService& service) {
  std::size_t running = 0, waiting = 0;
  std::uint64_t written = 0, failures = 0;
  for (const ReplicationService::Job& job : service.jobs()) {
    ++(job.retries ? waiting : running);
    written += job.written;
    failures += job.failures;
  }
  out.family("atelier_replications", "gauge", "Replications of _replicate and _replicator, by state.");
  out.add(as_number(running), MetricsText::label("state", "running"));
  out.add(as_number(waiting), MetricsText::label("state", "waiting"));
  out.family("atelier_replications_documents_written", "gauge", "Documents that these have written.");
  out.add(as_number(written));
  out.family("atelier_replications_documents_failed", "gauge", "Documents that were refused of these.");
  out.add(as_number(failures));
}

void append_edge(MetricsText& out, const EdgeService& edge) {
  struct Row {
    std::string labels;
    EdgeService::Room room;
  };
  std::vector<Row> rows;
  for (const std::string& name : edge.rooms())
    if (auto room = edge.room(name, false)) rows.push_back({MetricsText::label("db", name), std::move(*room)});
  const auto family = [&](std::string_view name, std::string_view help, auto&& value) {
    out.family(name, "gauge", help);
    for (const Row& row : rows) out.add(value(row.room), row.labels);
  };
  family("atelier_edge_live", "1 while everything known is exchanged with upstream.",
         [](const auto& room) { return room.status.state == SyncState::kLive ? 1.0 : 0.0; });
  family("atelier_edge_waiting", "Documents that upstream does not have yet.",
         [](const auto& room) { return as_number(room.status.waiting); });
  family("atelier_edge_incoming", "Changes of upstream that are not here yet.",
         [](const auto& room) { return as_number(room.status.incoming); });
  family("atelier_edge_outbox", "Documents that upstream refuses.",
         [](const auto& room) { return as_number(room.outbox.size()); });
  family("atelier_edge_quarantine", "Revisions of upstream that are refused here.",
         [](const auto& room) { return as_number(room.quarantine.size()); });
  family("atelier_edge_last_success_seconds", "When something was exchanged last, since 1970.",
         [](const auto& room) { return static_cast<double>(room.status.last_success_ms) / 1e3; });
}

}  // namespace

void get_metrics(const Call& call) {
  const Context& context = *call.context;
  const std::vector<std::string>& path = call.request->segments;
  if (path.size() > (path[0] == "_node" ? 3 : 1)) return call.respond(missing());
  ConnectionCounts connections = context.connections ? context.connections() : ConnectionCounts();
  connections.feeds = context.feeds;
  call.respond_later([counts = context.counts, connections, started_s = context.started_s,
                      catalog = context.catalog, replication = context.replication,
                      edge = context.options.edge] {
    MetricsText out;
    out.family("atelier_info", "gauge", "The program.");
    out.add(1, MetricsText::label("version", ATELIER_VERSION));
    out.family("atelier_started_seconds", "gauge", "When this server began, since 1970.");
    out.add(static_cast<double>(started_s));
    append_requests(out, counts);
    append_connections(out, connections);
    append_stores(out, *catalog);
    if (replication) append_replications(out, *replication);
    if (edge) append_edge(out, *edge);
    Response response;
    response.headers.add("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    response.headers.add("Cache-Control", "no-store");
    response.body = out.take();
    return response;
  });
}

}  // namespace atelier::server
