// The routes: each answers one kind of request. Access, database and method were checked by the
// router. Thread rule: the server's thread; what waits goes through Call::respond_later.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "server/context.h"
#include "server/replies.h"

namespace atelier::server {

// --- the server itself: routes_server.cpp
void get_welcome(const Call& call);
void get_up(const Call& call);
void get_uuids(const Call& call);
void get_all_dbs(const Call& call);
void post_dbs_info(const Call& call);
void get_active_tasks(const Call& call);
void get_membership(const Call& call);
void serve_scheduler(const Call& call);
void serve_node(const Call& call);
void serve_cluster_setup(const Call& call);
void serve_session(const Call& call);
void post_replicate(const Call& call);
void serve_atelier(const Call& call);
// --- what is kept in sync with an upstream: routes_edge.cpp
void get_edge(const Call& call);
void serve_room_edge(const Call& call);
// --- numbers for a monitoring system: routes_metrics.cpp
void get_metrics(const Call& call);
// --- static files: www.cpp
void serve_www(const Call& call);

// --- a database: routes_database.cpp
void put_database(const Call& call);
void delete_database(const Call& call);
void get_database(const Call& call);
void serve_security(const Call& call);
void serve_revs_limit(const Call& call);
void serve_purged_infos_limit(const Call& call);
void get_shards(const Call& call);
void post_sync_shards(const Call& call);
void post_compact(const Call& call);
void post_purge(const Call& call);
void post_ensure_full_commit(const Call& call);
void post_view_cleanup(const Call& call);
void get_partition(const Call& call);

// --- documents: routes_document.cpp
void post_document(const Call& call);
/// GET, HEAD, PUT, DELETE, COPY of a document that is not local.
void serve_document(const Call& call, const std::string& id);
void serve_local_document(const Call& call, const std::string& id);

/// Has attachments of a document whose bytes were left behind fetched, and then goes on with `again`
/// where the client may still read: with the bytes, or without those that could not be had. False:
/// nobody here can fetch them, and nothing was begun.
bool bring_what_is_away(const Call& call, const std::vector<Document>& documents,
                        std::function<void(const Call&)> again);

// --- attachments: routes_attachment.cpp
void serve_attachment(const Call& call, const std::string& id, const std::string& name);
/// Takes the body of a PUT as a stream; null when the request is to be answered at once.
std::shared_ptr<BodySink> attachment_sink(const Call& call, const std::string& id,
                                          const std::string& name);

// --- many documents: routes_bulk.cpp
void post_bulk_docs(const Call& call);
void post_bulk_get(const Call& call);
void post_revs_diff(const Call& call);
void post_missing_revs(const Call& call);

// --- lists: routes_listing.cpp
void serve_all_docs(const Call& call);
void serve_design_docs(const Call& call);
void serve_local_docs(const Call& call);
void serve_partition_all_docs(const Call& call, const std::string& partition);

// --- queries: routes_find.cpp
void post_find(const Call& call);
void post_explain(const Call& call);
void serve_index(const Call& call);
/// The same within one partition.
void post_partition_find(const Call& call, const std::string& partition);
void post_partition_explain(const Call& call, const std::string& partition);

// --- feeds: routes_changes.cpp
void serve_changes(const Call& call);
// --- of all databases: db_updates.cpp
void get_db_updates(const Call& call);

// --- who is here: routes_presence.cpp
void get_presence(const Call& call);

// --- what several routes need

/// The body as normal-form JSON. Errors: kInvalid with CouchDB's reason.
Result<std::string> json_body(const Request& request);
/// The same, and it is an object.
Result<std::string> json_object_body(const Request& request);
/// The names of all databases that the query's startkey, endkey, limit, skip, descending choose.
/// Errors: kInvalid.
Result<std::vector<std::string>> listed_databases(const Call& call);
/// http://host/db/id
std::string location(const Call& call, std::string_view id);
/// 401 for anonymous clients, 403 for named ones.
Failure not_a_database_admin(const Call& call);
/// Why this client may not write this document; nothing when it may.
std::optional<Failure> write_refusal(const Call& call, std::string_view id);
/// The same for any document: looked up once a request.
std::optional<Failure> validation_refusal(const Call& call);
/// Why this design document has no shape that CouchDB would store; nothing for all others.
std::optional<Failure> design_fault(const Call& call, const DocumentWrite& write);
/// Writes, then calls `then` on the server's thread.
void write_documents(const Call& call, std::vector<DocumentWrite> writes,
                     const WriteOptions& options,
                     std::function<void(std::vector<WriteResult>)> then);
/// Brings a client's documents into the form of a write: checks ids, stores inline attachments
/// (waiting where it may), sets parent or history. `then` runs on the server's thread.
void prepare_writes(const Call& call, std::vector<ParsedDocument> documents, bool new_edits,
                    std::function<void(Result<std::vector<DocumentWrite>>)> then);
/// The revision that the request names beside the body: ?rev= and If-Match, which must agree.
/// Errors: kInvalid.
Result<std::optional<RevId>> named_revision(const Request& request, std::optional<RevId> from_body);
/// The number of a local document's revision: what counts in CouchDB's `0-<number>`; 0 without one.
std::uint64_t local_counter(const std::optional<RevId>& rev);
/// The one of prepare_writes that does not wait.
Result<DocumentWrite> write_of(ParsedDocument& document, bool new_edits);

}  // namespace atelier::server
