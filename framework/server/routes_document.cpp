// GET, HEAD, PUT, POST, DELETE and COPY of single documents, local ones included.
#include <algorithm>

#include "base/digest.h"
#include "base/json_text.h"
#include "server/document_json.h"
#include "server/multipart.h"
#include "server/replicator_database.h"
#include "server/routes.h"
#include "server/users.h"

namespace atelier::server {

namespace {

// --- reading

Response related_reply(const Document& document, const ShowOptions& show,
                       const std::shared_ptr<Store>& store) {
  const std::string boundary = random_uuid();
  Pieces body;
  show_related(body, document, show, *store, boundary);
  Response response;
  response.headers.add("Content-Type", "multipart/related; boundary=\"" + boundary + "\"");
  set_body(response, std::move(body), store);
  return response;
}

Response document_reply(const Call& call, const Document& document, ShowOptions show) {
  const auto store = call.shared_store();
  Response response;
  show.follows = show.attachments && !document.attachments.empty() &&
                 accepts(call.request->headers, "multipart/related");
  if (show.follows && !attachments_to_send(document, show).empty()) {
    response = related_reply(document, show, store);
  } else {
    Pieces body;
    show_document(body, document, show, *store);
    body.text("\n");
    response = json_reply(200, "");
    set_body(response, std::move(body), store);
  }
  if (show.etag()) response.headers.add("ETag", quoted_etag(document.rev));
  return response;
}

void get_one(const Call& call, const std::string& id, const ShowOptions& show,
             bool may_bring = true) {
  GetOptions options = get_options(show);
  if (const auto text = call.query().get("rev")) {
    const auto rev = parse_rev(*text);
    if (!rev) return call.respond(error_reply(rev.error()));
    options.rev = *rev;
    options.latest = call.query().is_true("latest");
  }
  auto document = call.store().get(id, options);
  if (!document) return call.respond(error_reply(document.error()));
  if (call.database->name() == kReplicatorDatabase) add_replication_state(*call.context, *document);
  const std::string etag = quoted_etag(document->rev);
  if (show.etag() && none_match(*call.request, etag)) {
    Response same;
    same.status = 304;
    same.headers.add("ETag", etag);
    return call.respond(std::move(same));
  }
  if (!wants_what_is_away(*document, show))
    return call.respond(document_reply(call, *document, show));
  const auto again = [id, show](const Call& then) { get_one(then, id, show, false); };
  if (!may_bring || !bring_what_is_away(call, {*document}, again)) call.respond(bytes_are_away());
}

/// What open_revs asked for, as documents and as revisions that are not here.
struct OpenRevs {
  std::vector<Document> found;
  std::vector<RevId> missing;
};

OpenRevs open_revisions(const Store& store, const std::string& id, const std::vector<RevId>& revs,
                        bool latest) {
  OpenRevs out;
  std::vector<Result<Document>> results = store.open_revs(id, revs, latest);
  const bool in_order = !revs.empty() && !latest && results.size() == revs.size();
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i])
      out.found.push_back(std::move(*results[i]));
    else if (in_order)
      out.missing.push_back(revs[i]);
  }
  if (in_order) return out;
  std::sort(out.found.begin(), out.found.end(),
            [](const Document& a, const Document& b) { return a.rev < b.rev; });
  const auto tree = store.tree(id);
  if (!revs.empty()) out.missing = tree ? tree->missing(revs) : revs;
  return out;
}

void open_revs_json(const Call& call, const OpenRevs& revs, const ShowOptions& show) {
  Pieces body;
  body.text("[");
  bool first = true;
  for (const Document& document : revs.found) {
    body.text(std::exchange(first, false) ? "{\"ok\":" : ",{\"ok\":");
    show_document(body, document, show, call.store());
    body.text("}");
  }
  for (const RevId& rev : revs.missing) {
    body.text(std::exchange(first, false) ? "" : ",");
    body.text("{\"missing\":" + json::quoted(rev.to_string()) + "}");
  }
  body.text("]\n");
  Response response = json_reply(200, "");
  set_body(response, std::move(body), call.shared_store());
  call.respond(std::move(response));
}

void open_revs_mixed(const Call& call, const OpenRevs& revs, ShowOptions show) {
  const std::string outer = random_uuid();
  const std::string inner = random_uuid();
  show.attachments = true;
  Pieces body;
  body.text("--" + outer);
  for (const Document& document : revs.found) {
    if (attachments_to_send(document, show).empty()) {
      show.follows = true;
      body.text("\r\nContent-Type: application/json\r\n\r\n");
      show_document(body, document, show, call.store());
    } else {
      body.text("\r\nContent-Type: multipart/related; boundary=\"" + inner + "\"\r\n\r\n");
      show_related(body, document, show, call.store(), inner);
    }
    body.text("\r\n--" + outer);
  }
  for (const RevId& rev : revs.missing) {
    body.text("\r\nContent-Type: application/json; error=\"true\"\r\n\r\n{\"missing\":" +
              json::quoted(rev.to_string()) + "}\r\n--" + outer);
  }
  body.text("--");
  Response response;
  response.headers.add("Content-Type", "multipart/mixed; boundary=\"" + outer + "\"");
  set_body(response, std::move(body), call.shared_store());
  call.respond(std::move(response));
}

void get_open_revs(const Call& call, const std::string& id, const ShowOptions& show,
                   bool may_bring = true) {
  const std::string wanted(*call.query().get("open_revs"));
  std::vector<RevId> revs;
  if (wanted != "all") {
    auto list = parse_rev_list(wanted);
    if (!list) return call.respond(error_reply(list.error()));
    revs = std::move(*list);
  }
  OpenRevs open;
  if (wanted == "all" || !revs.empty())
    open = open_revisions(call.store(), id, revs, call.query().is_true("latest"));
  if (wanted == "all" && open.found.empty()) return call.respond(missing());
  ShowOptions sent = show;
  const bool mixed = accepts(call.request->headers, "multipart/mixed");
  sent.attachments = show.attachments || mixed;
  if (std::any_of(open.found.begin(), open.found.end(),
                  [&](const Document& document) { return wants_what_is_away(document, sent); })) {
    const auto again = [id, show](const Call& then) { get_open_revs(then, id, show, false); };
    if (!may_bring || !bring_what_is_away(call, open.found, again)) call.respond(bytes_are_away());
    return;
  }
  if (mixed)
    open_revs_mixed(call, open, show);
  else
    open_revs_json(call, open, show);
}

void get_document(const Call& call, const std::string& id) {
  if (call.database->name() == kUsersDatabase && !call.database_admin() &&
      !may_read_user(call.request->principal, id))
    return call.respond(missing());
  const auto show = show_options(call.query());
  if (!show) return call.respond(error_reply(show.error()));
  if (call.query().get("open_revs")) return get_open_revs(call, id, *show);
  get_one(call, id, *show);
}

// --- writing

Response written_reply(const Call& call, const std::string& id, const RevId& rev, int status) {
  json::Writer out;
  out.begin_object().key("ok").boolean(true).key("id").string(id).key("rev");
  out.string(rev.to_string()).end_object();
  Response response = json_reply(status, out.take());
  if (call.request->method != "POST") response.headers.add("ETag", quoted_etag(rev));
  if (call.request->method != "DELETE") response.headers.add("Location", location(call, id));
  return response;
}

/// Writes one document and answers.
void write_and_reply(const Call& call, DocumentWrite write) {
  const std::string id = write.id;
  const bool batch = call.query().get("batch") == "ok";
  WriteOptions options;
  if (batch) options.durability = Durability::kQueued;
  const int status = batch ? 202 : write.deleted ? 200 : 201;
  std::vector<DocumentWrite> writes;
  writes.push_back(std::move(write));
  write_documents(
      call, std::move(writes), options,
      [call, id, batch, status](std::vector<WriteResult> results) {
        const Result<RevId>& rev = results.at(0).rev;
        if (!rev) {
          call.respond(error_reply(rev.error()));
        } else if (batch) {
          call.respond(json_reply(202, "{\"ok\":true,\"id\":" + json::quoted(id) + "}"));
        } else {
          call.respond(written_reply(call, id, *rev, status));
        }
      });
}

/// Gives each attachment that follows the part that holds its bytes.
Status take_parts(ParsedDocument& document, std::span<const Part> parts) {
  std::vector<bool> used(parts.size(), false);
  for (ParsedDocument::InlineAttachment& attachment : document.inline_attachments) {
    if (!attachment.follows) continue;
    std::size_t chosen = parts.size();
    for (std::size_t i = 0; i < parts.size() && chosen == parts.size(); ++i) {
      const std::string name = part_file_name(parts[i].headers);
      if (!used[i] && (name.empty() || name == attachment.attachment.name)) chosen = i;
    }
    if (chosen == parts.size()) return invalid("attachment shorter than expected");
    used[chosen] = true;
    const AttachmentWrite& declared = attachment.attachment;
    const std::uint64_t length =
        declared.encoding.empty() ? declared.length : declared.encoded_length;
    const std::string_view bytes = parts[chosen].body;
    if (length != 0 && bytes.size() > length) return invalid("attachment longer than expected");
    if (length != 0 && bytes.size() < length) return invalid("attachment shorter than expected");
    attachment.data = std::string(bytes);
    attachment.follows = false;
  }
  return ok();
}

Result<ParsedDocument> parse_related(const Request& request, std::string_view content_type) {
  const auto boundary = media_parameter(content_type, "boundary");
  if (!boundary) return invalid("The multipart body has no boundary.");
  ATELIER_TRY(parts, parse_multipart(request.body, *boundary));
  if (parts.empty()) return invalid("The multipart body has no document.");
  ATELIER_TRY(document, parse_document(parts[0].body));
  ATELIER_CHECK(take_parts(document, std::span(parts).subspan(1)));
  return document;
}

Result<ParsedDocument> parse_put(const Request& request) {
  const std::string_view type = request.headers.get("Content-Type");
  if (media_type(type) == "multipart/related") return parse_related(request, type);
  auto document = parse_document(request.body);
  if (!document) return document;
  for (const auto& attachment : document->inline_attachments)
    if (attachment.follows)
      return invalid("Invalid attachment data for " + attachment.attachment.name);
  return document;
}

void write_parsed(const Call& call, ParsedDocument document) {
  if (const auto fault = design_fault(call, document.write))
    return call.respond(error_reply(*fault));
  const bool new_edits = call.query().get("new_edits") != "false";
  std::vector<ParsedDocument> documents;
  documents.push_back(std::move(document));
  prepare_writes(call, std::move(documents), new_edits,
                 [call](Result<std::vector<DocumentWrite>> writes) {
                   if (!writes) return call.respond(error_reply(writes.error()));
                   write_and_reply(call, std::move(writes->at(0)));
                 });
}

/// CouchDB knows no id at this point.
Response parse_failure(const Error& error) {
  Failure failure = failure_of(error);
  if (failure.status == 413) failure.reason.clear();
  return error_reply(failure);
}

void put_document(const Call& call, const std::string& id) {
  auto document = parse_put(*call.request);
  if (!document) return call.respond(parse_failure(document.error()));
  auto rev = named_revision(*call.request, document->rev);
  if (!rev) return call.respond(error_reply(rev.error()));
  document->rev = *rev;
  document->write.id = id;
  write_parsed(call, std::move(*document));
}

void delete_document(const Call& call, const std::string& id) {
  const auto rev = named_revision(*call.request, std::nullopt);
  if (!rev) return call.respond(error_reply(rev.error()));
  const bool hidden = call.database->name() == kUsersDatabase && !call.database_admin() &&
                      !may_read_user(call.request->principal, id);
  const auto winner = hidden ? Result<Document>(not_found("missing")) : call.store().get(id);
  if (!winner) return call.respond(error_reply(winner.error()));
  if (!*rev) return call.respond(conflict());
  DocumentWrite write;
  write.id = id;
  write.deleted = true;
  write.body_is_normal = true;
  write.parent = *rev;
  write_and_reply(call, std::move(write));
}

/// The write that makes `source` again under another id.
DocumentWrite copy_of(const Document& source, const std::string& id) {
  DocumentWrite write;
  write.id = id;
  write.body = source.body;
  write.body_is_normal = true;
  for (const Attachment& attachment : source.attachments) {
    AttachmentWrite copy;
    copy.name = attachment.name;
    copy.content_type = attachment.content_type;
    copy.blob = attachment.blob;
    copy.digest = attachment.digest;
    copy.encoding = attachment.encoding;
    copy.length = attachment.length;
    copy.encoded_length = attachment.encoded_length;
    write.attachments.push_back(std::move(copy));
  }
  return write;
}

void copy_document(const Call& call, const std::string& id) {
  const std::string_view destination = call.request->headers.get("Destination");
  if (destination.empty())
    return call.respond(bad_request("Destination header is mandatory for COPY."));
  if (destination.find("://") != std::string_view::npos)
    return call.respond(bad_request("Destination URL must be relative."));
  const std::size_t mark = destination.find('?');
  const auto target = url_decode(destination.substr(0, mark));
  const auto query =
      Query::parse(mark == std::string_view::npos ? "" : destination.substr(mark + 1));
  if (!target || !query) return call.respond(bad_request("invalid_url_encoding"));
  if (const Status legal = check_document_id(*target, call.database->partitioned()); !legal)
    return call.respond(error_reply(legal.error()));
  if (const auto refused = write_refusal(call, *target)) return call.respond(error_reply(*refused));
  GetOptions options;
  if (const auto text = call.query().get("rev")) {
    const auto rev = parse_rev(*text);
    if (!rev) return call.respond(error_reply(rev.error()));
    options.rev = *rev;
  }
  const auto source = call.database->name() == kUsersDatabase && !call.database_admin()
                          ? Result<Document>(not_found("missing"))
                          : call.store().get(id, options);
  if (!source) return call.respond(error_reply(source.error()));
  DocumentWrite write = copy_of(*source, *target);
  if (call.guard) call.guard->forget_author(write);
  if (const auto fault = design_fault(call, write)) return call.respond(error_reply(*fault));
  if (const auto text = query->get("rev")) {
    const auto rev = parse_rev(*text);
    if (!rev) return call.respond(error_reply(rev.error()));
    write.parent = *rev;
  }
  write_and_reply(call, std::move(write));
}

// --- local documents

std::string local_text(const Store::LocalDocument& document) {
  std::string out = "{\"_id\":" + json::quoted("_local/" + document.id) + ",\"_rev\":\"0-" +
                    std::to_string(document.rev) + '"';
  return out + (document.body.size() > 2 ? ',' + document.body.substr(1) : "}");
}

/// Of what its GET answers: its revision may come again with another body.
std::string local_etag(const Store::LocalDocument& document) {
  return '"' + hex(md5(local_text(document))) + '"';
}

Response local_reply(const Request& request, const Store::LocalDocument& document) {
  const std::string etag = local_etag(document);
  if (none_match(request, etag)) {
    Response same;
    same.status = 304;
    same.headers.add("ETag", etag);
    return same;
  }
  Response response = json_reply(200, local_text(document));
  response.headers.add("ETag", etag);
  return response;
}

Response local_written_reply(const Call& call, int status, const Store::LocalDocument& document) {
  json::Writer out;
  out.begin_object().key("ok").boolean(true).key("id").string("_local/" + document.id);
  out.key("rev").string("0-" + std::to_string(document.rev)).end_object();
  Response response = json_reply(status, out.take());
  if (call.request->method != "POST") response.headers.add("ETag", local_etag(document));
  if (status == 201) response.headers.add("Location", location(call, "_local/" + document.id));
  return response;
}

void remove_local_document(const Call& call, const std::string& id) {
  call.respond_later([call, id] {
    const Status removed = call.store().remove_local(id);
    if (!removed) return error_reply(removed.error());
    return local_written_reply(call, 200, {id, 0, "{}"});
  });
}

void write_local_document(const Call& call, const std::string& id, ParsedDocument document) {
  const auto rev = named_revision(*call.request, document.rev);
  if (!rev) return call.respond(error_reply(rev.error()));
  if (document.write.deleted) return remove_local_document(call, id);
  call.respond_later([call, id, rev = *rev, body = std::move(document.write.body)] {
    const auto written = call.store().put_local(id, body, local_counter(rev));
    if (!written) return error_reply(written.error());
    return local_written_reply(call, 201, {id, *written, body});
  });
}

}  // namespace

void serve_document(const Call& call, const std::string& id) {
  if (const Status legal = check_document_id(id, call.database->partitioned()); !legal)
    return call.respond(error_reply(legal.error()));
  const std::string& method = call.request->method;
  if (call.request->is_read()) return get_document(call, id);
  if (method == "COPY") return copy_document(call, id);
  if (method == "POST") return call.respond(bad_request("Referer header required."));
  if (method != "PUT" && method != "DELETE")
    return call.respond(method_not_allowed("DELETE,GET,HEAD,POST,PUT,COPY"));
  if (const auto refused = write_refusal(call, id)) return call.respond(error_reply(*refused));
  if (method == "PUT")
    put_document(call, id);
  else
    delete_document(call, id);
}

void post_document(const Call& call) {
  auto document = parse_put(*call.request);
  if (!document) return call.respond(parse_failure(document.error()));
  if (document->write.id.empty()) document->write.id = random_uuid();
  const std::string id = document->write.id;
  if (id.starts_with("_local/") && id.size() > 7)
    return write_local_document(call, id.substr(7), std::move(*document));
  if (const Status legal = check_document_id(id, call.database->partitioned()); !legal)
    return call.respond(error_reply(legal.error()));
  if (const auto refused = write_refusal(call, id)) return call.respond(error_reply(*refused));
  write_parsed(call, std::move(*document));
}

void serve_local_document(const Call& call, const std::string& id) {
  if (id.empty()) return call.respond(bad_request("Invalid _local document id."));
  if (const Status legal = check_document_id("_local/" + id, false); !legal)
    return call.respond(error_reply(legal.error()));
  const std::string& method = call.request->method;
  if (call.request->is_read()) {
    const auto document = call.store().get_local(id);
    return call.respond(document ? local_reply(*call.request, *document)
                                 : error_reply(document.error()));
  }
  if (method == "PUT") {
    auto document = parse_document(call.request->body);
    if (!document) return call.respond(parse_failure(document.error()));
    return write_local_document(call, id, std::move(*document));
  }
  if (method != "DELETE") return call.respond(method_not_allowed("DELETE,GET,HEAD,PUT"));
  const auto rev = named_revision(*call.request, std::nullopt);
  if (!rev) return call.respond(error_reply(rev.error()));
  remove_local_document(call, id);
}

}  // namespace atelier::server
