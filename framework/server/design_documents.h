// Design documents: their functions are never run, but their shape is checked as CouchDB checks it,
// and what they lack is told from what is not done here. Thread rule: pure functions; the server's
// thread for what takes a Call.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/context.h"
#include "server/replies.h"

namespace atelier::server {

/// Why CouchDB would not store `body` (normal form) as the design document `id`: nothing for other
/// documents and for shapes that are right. `partitioned` is the database's.
std::optional<Failure> design_document_fault(std::string_view id, std::string_view body,
                                             bool partitioned);

/// GET /{db}/_design/{name}/_info: there are no view indexes, so all of it is at rest.
void get_design_info(const Call& call, const std::string& id);

/// Answers a request for a view, list, show, update, rewrite or search of design document `id`:
/// 404 for what is not there, and 501 for what is. `path` is what follows the document's name.
void refuse_function(const Call& call, const std::string& id, const std::string& path);

}  // namespace atelier::server
