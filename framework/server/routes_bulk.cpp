// Routes that carry many documents: what replicators live on.
#include <algorithm>

#include "base/digest.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "server/document_json.h"
#include "server/routes.h"

namespace atelier::server {

namespace {

// --- _bulk_docs

/// One row of a _bulk_docs in the making.
struct BulkRow {
  std::string id;
  std::string rev;      // as given, for rows that failed under new_edits:false
  std::string written;  // what became of it
  std::optional<Failure> failure;
  bool local = false;
  bool removed = false;  // of a local document
  std::uint64_t counter =
      0;             // of a local document: the number that its revision is counted on from
  std::string body;  // of a local document
};

struct Bulk {
  bool new_edits = true;
  bool all_or_nothing = false;
  std::vector<BulkRow> rows;
  std::vector<std::size_t> written_rows;  // index of each document that goes to the store
  std::vector<ParsedDocument> documents;
};

std::string row_json(const Bulk& bulk, const BulkRow& row) {
  std::string out;
  if (!row.failure) {
    out = "{\"ok\":true,\"id\":" + json::quoted(row.id) + ",\"rev\":" + json::quoted(row.written);
  } else {
    out = "{\"id\":" + json::quoted(row.id);
    if (!bulk.new_edits) out += ",\"rev\":" + json::quoted(row.rev);
    out += ',' + failure_members(*row.failure);
  }
  return out + '}';
}

Response bulk_reply(const Bulk& bulk) {
  std::string out = "[";
  for (const BulkRow& row : bulk.rows) {
    // A replicator is told of failures alone.
    if (!bulk.new_edits && !row.failure) continue;
    if (out.size() > 1) out += ',';
    out += row_json(bulk, row);
  }
  return json_reply(201, out + "]");
}

/// Takes one document in. Errors refuse the whole request, as CouchDB does.
Status take_document(const Call& call, Bulk& bulk, std::string_view text) {
  if (json::kind_of(text) != json::Kind::kObject) return invalid("Document must be a JSON object");
  auto parsed = parse_document(text);
  BulkRow row;
  if (!parsed) {
    Error error = parsed.error();
    if (error.code == ErrorCode::kTooLarge)
      error.message = json::string_member(text, "_id").value_or("");
    return error;
  }
  if (parsed->write.id.empty()) parsed->write.id = random_uuid();
  row.id = parsed->write.id;
  if (!bulk.new_edits && !parsed->rev && parsed->revisions.empty())
    return invalid("When `new_edits: false`, the document needs `_rev` or `_revisions` specified");
  if (parsed->rev) row.rev = parsed->rev->to_string();
  if (!parsed->revisions.empty()) row.rev = parsed->revisions.front().to_string();
  row.local = row.id.starts_with("_local/");
  if (row.local) {
    row.body = std::move(parsed->write.body);
    row.counter = local_counter(parsed->rev);
    row.removed = parsed->write.deleted;
  } else {
    ATELIER_CHECK(check_document_id(row.id, call.database->partitioned()));
    for (const auto& attachment : parsed->inline_attachments)
      if (attachment.follows)
        return invalid("Invalid attachment data for " + attachment.attachment.name);
    if (row.id.starts_with("_design/") && !call.database_admin())
      row.failure = not_a_database_admin(call);
    else
      row.failure = design_fault(call, parsed->write);
  }
  if (!row.local && !row.failure) {
    bulk.written_rows.push_back(bulk.rows.size());
    bulk.documents.push_back(std::move(*parsed));
  }
  bulk.rows.push_back(std::move(row));
  return ok();
}

Result<Bulk> parse_bulk(const Call& call) {
  ATELIER_TRY(body, json_object_body(*call.request));
  const auto docs = json::member(body, "docs");
  if (!docs) return invalid("POST body must include `docs` parameter.");
  if (json::kind_of(*docs) != json::Kind::kArray)
    return invalid("`docs` parameter must be an array.");
  Bulk bulk;
  if (const auto new_edits = json::member(body, "new_edits")) {
    const auto value = json::bool_value(*new_edits);
    if (!value) return invalid("`new_edits` parameter must be a boolean.");
    bulk.new_edits = *value;
  }
  bulk.all_or_nothing = json::bool_member(body, "all_or_nothing").value_or(false);
  Status taken = ok();
  json::for_each_element(*docs, [&](std::string_view document) {
    taken = take_document(call, bulk, document);
    return taken.has_value();
  });
  if (!taken) return taken.error();
  return bulk;
}

/// CouchDB names each document of a request that it cannot do as a whole.
Response no_all_or_nothing(const Bulk& bulk) {
  std::string out = "[";
  for (const BulkRow& row : bulk.rows) {
    if (out.size() > 1) out += ',';
    out += "{\"id\":" + json::quoted(row.id) + ",\"rev\":\"" + (row.rev.empty() ? "0-" : row.rev) +
           "\",\"error\":\"not_implemented\",\"reason\":\"all_or_nothing is not supported\"}";
  }
  return json_reply(417, out + "]");
}

/// Local documents are written one by one where it may wait, then the answer goes out.
void finish_bulk(const Call& call, std::shared_ptr<Bulk> bulk) {
  const bool waits = std::any_of(bulk->rows.begin(), bulk->rows.end(),
                                 [](const BulkRow& row) { return row.local; });
  if (!waits) return call.respond(bulk_reply(*bulk));
  call.respond_later([store = call.shared_store(), bulk] {
    for (BulkRow& row : bulk->rows) {
      if (!row.local) continue;
      if (row.removed) {
        (void)store->remove_local(row.id.substr(7));
        row.written = "0-0";
        continue;
      }
      const auto rev = store->put_local(row.id.substr(7), row.body, row.counter);
      if (rev)
        row.written = "0-" + std::to_string(*rev);
      else
        row.failure = failure_of(rev.error());
    }
    return bulk_reply(*bulk);
  });
}

void write_bulk(const Call& call, const std::shared_ptr<Bulk>& bulk,
                std::vector<DocumentWrite> writes) {
  write_documents(call, std::move(writes), {}, [call, bulk](std::vector<WriteResult> results) {
    for (std::size_t i = 0; i < results.size() && i < bulk->written_rows.size(); ++i) {
      BulkRow& row = bulk->rows[bulk->written_rows[i]];
      if (results[i].rev)
        row.written = results[i].rev->to_string();
      else
        row.failure = failure_of(results[i].rev.error());
      if (results[i].forgotten && call.query().is_true("forgotten"))
        row.failure = Failure{409, "forgotten", "It was deleted here long ago."};
    }
    finish_bulk(call, bulk);
  });
}

void take_bulk(const Call& call, Result<Bulk> parsed) {
  if (!parsed) return call.respond(error_reply(parsed.error()));
  auto bulk = std::make_shared<Bulk>(std::move(*parsed));
  if (bulk->all_or_nothing) return call.respond(no_all_or_nothing(*bulk));
  call.request->body = std::string();
  if (bulk->documents.empty()) return finish_bulk(call, bulk);
  if (const auto refused = validation_refusal(call)) return call.respond(error_reply(*refused));
  prepare_writes(call, std::move(bulk->documents), bulk->new_edits,
                 [call, bulk](Result<std::vector<DocumentWrite>> writes) {
                   if (!writes) return call.respond(error_reply(writes.error()));
                   write_bulk(call, bulk, std::move(*writes));
                 });
}

// --- _bulk_get

/// One answer to one wanted document: a document, or an error object.
struct Got {
  std::optional<Document> document;
  std::string error;  // JSON
};

std::string bulk_get_error(std::string_view id_json, std::string_view rev_json,
                           std::string_view error, std::string_view reason) {
  return "{\"rev\":" + std::string(rev_json) + ",\"reason\":" + json::quoted(reason) +
         ",\"id\":" + std::string(id_json) + ",\"error\":" + json::quoted(error) + "}";
}

class BulkGet {
 public:
  BulkGet(const Call& call, ShowOptions show) : call_(call), show_(std::move(show)) {}

  /// Appends the answers to one element of `docs`.
  void add_json(Pieces& out, std::string_view element) {
    const auto id =
        json::kind_of(element) == json::Kind::kObject ? json::member(element, "id") : std::nullopt;
    out.text("{\"id\":" + std::string(id.value_or("null")) + ",\"docs\":[");
    bool first = true;
    for (const Got& got : get(element)) {
      out.text(std::exchange(first, false) ? "" : ",");
      if (!got.document) {
        out.text("{\"error\":" + got.error + "}");
        continue;
      }
      if (const std::string away = away_error(*got.document); !away.empty()) {
        out.text("{\"error\":" + away + "}");
        continue;
      }
      out.text("{\"ok\":");
      show_document(out, *got.document, shown_, call_.store());
      out.text("}");
    }
    out.text("]}");
  }

  void add_part(Pieces& out, std::string_view element, const std::string& boundary) {
    for (const Got& got : get(element)) {
      out.text("\r\n--" + boundary + "\r\n");
      const std::string away = got.document ? away_error(*got.document) : got.error;
      if (!away.empty()) {
        out.text("Content-Type: application/json; error=\"true\"\r\n\r\n" + away);
        continue;
      }
      if (attachments_to_send(*got.document, shown_).empty()) {
        out.text("Content-Type: application/json\r\n\r\n");
        show_document(out, *got.document, shown_, call_.store());
        continue;
      }
      const std::string inner = "--" + random_uuid();
      out.text("X-Doc-Id: " + header_safe(got.document->id) +
               "\r\nX-Rev-Id: " + got.document->rev.to_string() +
               "\r\nContent-Type: multipart/related; boundary=" + inner + "\r\n\r\n");
      show_related(out, *got.document, shown_, call_.store(), inner);
    }
  }

 private:
  /// A row that tells to come again; "" when all bytes that are wanted are here.
  std::string away_error(const Document& document) const {
    if (!wants_what_is_away(document, shown_)) return "";
    return bulk_get_error(json::quoted(document.id), json::quoted(document.rev.to_string()),
                          "service_unavailable", kBytesAwayReason);
  }

  std::vector<Got> get(std::string_view element) {
    std::vector<Got> out;
    if (json::kind_of(element) != json::Kind::kObject) {
      out.push_back(
          {{}, bulk_get_error("null", "null", "bad_request", "document must be a JSON object")});
      return out;
    }
    const auto id_json = json::member(element, "id");
    const auto rev_json = json::member(element, "rev");
    if (!id_json) {
      out.push_back({{}, bulk_get_error("null", "null", "bad_request", "document id missed")});
      return out;
    }
    const auto id = json::string_value(*id_json);
    const Status legal = id ? check_document_id(*id, call_.database->partitioned())
                            : Status(invalid("Document id must be a string"));
    if (!legal) {
      const Failure failure = failure_of(legal.error());
      out.push_back({{}, bulk_get_error(*id_json, "null", failure.error, failure.reason)});
      return out;
    }
    return get_revisions(element, *id, std::string(*id_json), rev_json);
  }

  std::vector<Got> get_revisions(std::string_view element, const std::string& id,
                                 const std::string& id_json,
                                 std::optional<std::string_view> rev_json) {
    std::vector<Got> out;
    std::vector<RevId> revs;
    if (rev_json) {
      const auto rev = parse_rev(json::string_value(*rev_json).value_or(""));
      if (!rev) {
        out.push_back(
            {{}, bulk_get_error(id_json, *rev_json, "bad_request", "Invalid rev format")});
        return out;
      }
      revs.push_back(*rev);
    }
    shown_ = show_;
    if (const auto since = json::member(element, "atts_since")) {
      if (auto list = parse_rev_list(*since); list) shown_.atts_since = std::move(*list);
    }
    auto results = call_.store().open_revs(id, revs, call_.query().is_true("latest"));
    for (Result<Document>& result : results)
      if (result) out.push_back({std::move(*result), {}});
    std::sort(out.begin(), out.end(),
              [](const Got& a, const Got& b) { return a.document->rev < b.document->rev; });
    if (out.empty()) {
      const std::string rev(rev_json.value_or("\"undefined\""));
      out.push_back({{}, bulk_get_error(id_json, rev, "not_found", "missing")});
    }
    return out;
  }

  Call call_;
  ShowOptions show_;
  ShowOptions shown_;  // of the document in turn
};

/// The answer, made element by element while it is sent: a thousand large documents are never in
/// memory together.
class BulkGetSource : public BodySource {
 public:
  BulkGetSource(BulkGet get, std::shared_ptr<Store> store, std::vector<std::string> elements,
                std::string boundary)
      : get_(std::move(get)),
        store_(std::move(store)),
        elements_(std::move(elements)),
        boundary_(std::move(boundary)) {}

  State next(Chunk& chunk) override {
    while (true) {
      if (part_) {
        const State state = part_->next(chunk);
        if (state != State::kEnd) return state;
        part_.reset();
      }
      if (ended_) return State::kEnd;
      Pieces pieces;
      do {
        add(pieces);
      } while (!ended_ && pieces.length().value_or(kReplySliceBytes) < kReplySliceBytes);
      part_ = pieces.source(store_);
    }
  }

 private:
  bool is_json() const { return boundary_.empty(); }

  void add(Pieces& pieces) {
    if (is_json() && at_ == 0) pieces.text("{\"results\":[");
    if (at_ == elements_.size()) {
      ended_ = true;
      pieces.text(is_json() ? "]}\n" : "\r\n--" + boundary_ + "--");
      return;
    }
    if (is_json() && at_ != 0) pieces.text(",");
    const std::string element = std::move(elements_[at_++]);
    if (is_json())
      get_.add_json(pieces, element);
    else
      get_.add_part(pieces, element, boundary_);
  }

  BulkGet get_;
  const std::shared_ptr<Store> store_;
  std::vector<std::string> elements_;
  const std::string boundary_;
  std::size_t at_ = 0;
  bool ended_ = false;
  std::shared_ptr<BodySource> part_;
};

bool names_type(const Request& request, std::string_view type) {
  return lower(request.headers.get("Accept")).find(type) != std::string::npos;
}

// --- _revs_diff

/// {"id":["rev",…]} as it came. Errors: kInvalid.
Result<std::vector<std::pair<std::string, std::vector<RevId>>>> parse_revs_by_id(const Call& call) {
  ATELIER_TRY(body, json_object_body(*call.request));
  std::vector<std::pair<std::string, std::vector<RevId>>> list;
  Status good = ok();
  json::for_each_member(body, [&](std::string_view id, std::string_view revs_text) {
    if (!id.starts_with("_local/")) good = check_document_id(id, call.database->partitioned());
    if (!good) return false;
    auto revs = parse_rev_list(revs_text);
    if (!revs)
      good = revs.error();
    else
      list.emplace_back(id, std::move(*revs));
    return good.has_value();
  });
  if (!good) return good.error();
  return list;
}

void append_revs(std::string& out, const std::vector<RevId>& revs) {
  out += '[';
  for (std::size_t i = 0; i < revs.size(); ++i) {
    if (i != 0) out += ',';
    json::append_string(out, revs[i].to_string());
  }
  out += ']';
}

}  // namespace

void post_bulk_docs(const Call& call) {
  if (call.request->body.size() <= kParseInlineBytesMax) return take_bulk(call, parse_bulk(call));
  // Half a second of parsing must not stop everybody else's feeds.
  call.context->background([call] {
    auto parsed = std::make_shared<Result<Bulk>>(parse_bulk(call));
    call.context->post([call, parsed] { take_bulk(call, std::move(*parsed)); });
  });
}

void post_bulk_get(const Call& call) {
  const auto body = json_object_body(*call.request);
  if (!body) return call.respond(error_reply(body.error()));
  const auto docs = json::member(*body, "docs");
  if (!docs || json::kind_of(*docs) != json::Kind::kArray)
    return call.respond(bad_request("Missing JSON list of 'docs'."));
  auto show = show_options(call.query());
  if (!show) return call.respond(error_reply(show.error()));
  std::vector<std::string> elements;
  json::for_each_element(*docs, [&](std::string_view element) {
    elements.emplace_back(element);
    return true;
  });
  const bool related = names_type(*call.request, "multipart/related");
  const bool parts = related || names_type(*call.request, "multipart/mixed");
  const std::string boundary = parts ? "--" + random_uuid() : "";
  Response response = json_reply(200, "");
  if (parts) {
    response.headers = {};
    response.headers.add("Content-Type",
                         std::string(related ? "multipart/related" : "multipart/mixed") +
                             "; boundary=\"" + boundary + "\"");
    show->follows = true;
  }
  response.body.clear();
  response.source = std::make_shared<BulkGetSource>(
      BulkGet(call, std::move(*show)), call.shared_store(), std::move(elements), boundary);
  call.respond(std::move(response));
}

void post_revs_diff(const Call& call) {
  const auto wanted = parse_revs_by_id(call);
  if (!wanted) return call.respond(error_reply(wanted.error()));
  // An extension: CouchDB's other clients expect nothing but what is missing.
  const bool tells_forgotten = call.query().is_true("forgotten");
  std::string out = "{";
  for (const auto& [id, revs] : *wanted) {
    if (revs.empty()) continue;
    const auto diff = call.store().revs_diff(id, revs);
    if (!diff) return call.respond(error_reply(diff.error()));
    const bool tells = tells_forgotten && !diff->forgotten.empty();
    if (diff->missing.empty() && !tells) continue;
    if (out.size() > 1) out += ',';
    out += json::quoted(id) + ":{\"missing\":";
    append_revs(out, diff->missing);
    if (tells) {
      out += ",\"forgotten\":";
      append_revs(out, diff->forgotten);
    }
    if (!diff->possible_ancestors.empty()) {
      out += ",\"possible_ancestors\":";
      append_revs(out, diff->possible_ancestors);
    }
    out += '}';
  }
  call.respond(json_reply(200, out + "}"));
}

void post_missing_revs(const Call& call) {
  const auto wanted = parse_revs_by_id(call);
  if (!wanted) return call.respond(error_reply(wanted.error()));
  std::string out;
  for (const auto& [id, revs] : *wanted) {
    const auto diff = call.store().revs_diff(id, revs);
    if (!diff) return call.respond(error_reply(diff.error()));
    if (diff->missing.empty()) continue;
    if (!out.empty()) out += ',';
    out += json::quoted(id) + ":";
    append_revs(out, diff->missing);
  }
  call.respond(json_reply(200, "{\"missing_revs\":{" + out + "}}"));
}

}  // namespace atelier::server
