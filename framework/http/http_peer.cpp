#include "http/http_peer.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/digest.h"
#include "base/json_text.h"
#include "http/http_answers.h"
#include "http/http_session.h"

namespace atelier {
namespace {

using json::Kind;
using Request = HttpClient::Request;

/// Rows of a page of which less than half came whole: asking for documents does not pay there.
constexpr std::size_t kInlineProbeRows = 20;

enum class ServerKind { kUnknown, kCouch, kAtelier, kOther };

Request post(std::string body) {
  Request request;
  request.method = "POST";
  request.body = std::move(body);
  return request;
}

Request put(std::string body) {
  Request request = post(std::move(body));
  request.method = "PUT";
  return request;
}

std::string document_path(std::string_view id) {
  for (const std::string_view room : {"_design/", "_local/"}) {
    if (id.starts_with(room)) {
      return "/" + std::string(room) + url_encode(id.substr(room.size()));
    }
  }
  return "/" + url_encode(id);
}

bool wanted_id(std::string_view id, const std::vector<std::string>& prefixes) {
  if (prefixes.empty()) return true;
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& prefix) {
    return id.size() > prefix.size() && id.starts_with(prefix) && id[prefix.size()] == ':';
  });
}

bool means_no_database(const Error& error) {
  return error.code == ErrorCode::kNotFound &&
         (error.message.find("atabase") != std::string::npos ||
          error.message.find("no_db_file") != std::string::npos);
}

std::string json_array_of_revs(const std::vector<RevId>& revs) {
  json::Writer out;
  out.begin_array();
  for (const RevId& rev : revs) out.string(rev.to_string());
  out.end_array();
  return out.take();
}

/// One attachment of a document that is sent.
struct Part {
  std::string name;
  std::string content_type;
  std::string encoding;
  std::uint64_t bytes = 0;  // as stored
};

std::vector<Part> parts_of(const WireDocument& document) {
  std::vector<Part> parts;
  const auto attachments = json::member(document.json, "_attachments");
  if (!attachments) return parts;
  json::for_each_member(*attachments, [&](std::string_view name, std::string_view stub) {
    Part part;
    part.name = name;
    part.content_type =
        json::string_member(stub, "content_type").value_or("application/octet-stream");
    part.encoding = json::string_member(stub, "encoding").value_or("");
    const auto length = json::int_member(stub, part.encoding.empty() ? "length" : "encoded_length");
    part.bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(length.value_or(0), 0));
    parts.push_back(std::move(part));
    return true;
  });
  return parts;
}

std::uint64_t total_bytes(const std::vector<Part>& parts) {
  std::uint64_t bytes = 0;
  for (const Part& part : parts) bytes += part.bytes;
  return bytes;
}

bool any_encoded(const std::vector<Part>& parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [](const Part& part) { return !part.encoding.empty(); });
}

/// A header value in quotes; line ends would be read as more headers.
std::string quoted_header(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return out + '"';
}

std::string plain_header(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  return text;
}

/// A stub as multipart/related announces it (wire/10-attachments/52).
std::string follows_stub(std::string_view stub) {
  json::Writer out;
  out.begin_object();
  json::for_each_member(stub, [&](std::string_view key, std::string_view value) {
    if (key != "stub" && key != "data") out.key(key).raw(value);
    return true;
  });
  out.key("follows").boolean(true);
  out.end_object();
  return out.take();
}

std::string inline_stub(std::string_view stub, const std::string& data) {
  json::Writer out;
  out.begin_object();
  for (const char* key : {"content_type", "revpos"}) {
    if (const auto value = json::member(stub, key)) out.key(key).raw(*value);
  }
  out.key("data").string(base64(data));
  out.end_object();
  return out.take();
}

class HttpPeer final : public Peer {
 public:
  HttpPeer(const DatabaseUrl& url, const HttpPeerOptions& options)
      : options_(options), session_(url, options.connect_timeout_ms) {}

  Result<PeerInfo> info() override;
  Result<ChangesPage> changes(const ChangesQuery& query) override;
  Result<std::vector<RevisionRequest>> revs_diff(std::span<const RevisionRequest> offered) override;
  Result<std::vector<WireDocument>> fetch(std::span<const RevisionRequest> wanted) override;
  Result<std::vector<Rejection>> write(std::span<const WireDocument> documents,
                                       Peer& source) override;
  Status read_attachment(const std::string& id, const RevId& rev, const std::string& name,
                         const std::function<bool(std::string_view)>& fn) override;
  Result<std::optional<std::string>> get_local(const std::string& id) override;
  Status put_local(const std::string& id, const std::string& json) override;
  std::uint64_t connection_epoch() const override { return session_.client().connections(); }
  void cancel() override { session_.client().cancel(); }
  bool is_local() const override { return false; }

 private:
  /// What became of the documents of one write().
  struct Outcome {
    std::vector<Rejection> rejected;
    std::size_t written = 0;
    std::vector<Rejection> broke_server;  // alone, each made the server answer 500
  };

  Request with_timeout(Request request, int wait_ms = 0) const;
  Result<std::string> ask_json(std::string_view path, Request request);
  ServerKind server_kind();
  Status create_database();
  Result<ChangesPage> parse_changes(const std::string& body, const ChangesQuery& query);

  Result<std::vector<WireDocument>> bulk_get(std::span<const RevisionRequest> wanted);
  Result<std::vector<WireDocument>> open_revs(const RevisionRequest& wanted);

  Status write_bulk(std::span<const WireDocument> documents, Outcome& outcome);
  Status split_bulk(std::span<const WireDocument> documents, const Error& error, Outcome& outcome);
  Status write_attached(const WireDocument& document, Peer& source, Outcome& outcome);
  Status write_inline(const WireDocument& document, Peer& source, Outcome& outcome);
  Result<WireDocument> inlined(const WireDocument& document, Peer& source);
  Result<HttpReply> put_multipart(const WireDocument& document, Peer& source);

  const HttpPeerOptions options_;
  HttpSession session_;
  ServerKind kind_ = ServerKind::kUnknown;
  bool no_bulk_get_ = false;
  bool no_multipart_ = false;
  bool inline_pays_ = true;
  std::map<std::string, std::string> local_revs_;  // PouchDB wants them, CouchDB ignores them
};

Request HttpPeer::with_timeout(Request request, int wait_ms) const {
  request.read_timeout_ms =
      wait_ms > 0 ? wait_ms + kLongPollGraceMs : std::max(options_.read_timeout_ms, 1);
  return request;
}

Result<std::string> HttpPeer::ask_json(std::string_view path, Request request) {
  ATELIER_TRY(reply, session_.ask(path, with_timeout(std::move(request))));
  auto normal = json::normalize(reply.body);
  if (!normal) return session_.garbled(normal.error().message);
  return normal;
}

// --- the database

Result<PeerInfo> HttpPeer::info() {
  session_.forget_identity();
  kind_ = ServerKind::kUnknown;
  auto body = ask_json("", {});
  if (!body && body.error().code == ErrorCode::kNotFound && options_.create_database) {
    ATELIER_CHECK(create_database());
    session_.forget_identity();  // what answered the PUT was no database yet
    body = ask_json("", {});
  }
  if (!body) return body.error();
  if (json::kind_of(*body) != Kind::kObject || !json::member(*body, "update_seq")) {
    return session_.garbled("no database of CouchDB's kind");
  }
  PeerInfo info;
  info.name = session_.url().display();
  info.update_seq = seq_text(*json::member(*body, "update_seq"));
  info.identity = session_.identity();
  const std::int64_t count = json::int_member(*body, "doc_count").value_or(0);
  info.doc_count = static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0));
  return info;
}

ServerKind HttpPeer::server_kind() {
  if (kind_ != ServerKind::kUnknown) return kind_;
  Request request;
  request.path = session_.url().base_path + "/";
  const auto reply = session_.send(with_timeout(std::move(request)));
  if (!reply || reply->status != 200) return ServerKind::kOther;
  const auto body = json::normalize(reply->body);
  std::string vendor;
  if (body && json::kind_of(*body) == Kind::kObject) {
    const auto name = json::find(*body, {"vendor", "name"});
    if (name) vendor = json::string_value(*name).value_or("");
  }
  if (vendor.find("Apache") != std::string::npos || vendor.find("Cloudant") != std::string::npos) {
    kind_ = ServerKind::kCouch;
  } else if (vendor.find("Atelier") != std::string::npos) {
    kind_ = ServerKind::kAtelier;
  } else {
    kind_ = ServerKind::kOther;
  }
  return kind_;
}

Status HttpPeer::create_database() {
  // Our ids all have a partition; where the server knows partitions, the room gets them.
  const bool partitioned = server_kind() == ServerKind::kCouch;
  ATELIER_TRY(reply, session_.send_to_database(partitioned ? "?partitioned=true" : "",
                                               with_timeout(put(""))));
  if (reply.status / 100 == 2 || reply.status == 412) return ok();  // 412: somebody was faster
  return session_.error_of(reply);
}

// --- reading

Result<ChangesPage> HttpPeer::changes(const ChangesQuery& query) {
  std::string path = "/_changes?style=all_docs&limit=" + std::to_string(query.limit);
  if (!query.since.empty()) path += "&since=" + url_encode(query.since);
  if (query.inline_documents && (inline_pays_ || query.wait_ms > 0)) path += "&include_docs=true";
  // No heartbeat: CouchDB would then ignore the timeout, and TCP's own probes watch the line.
  if (query.wait_ms > 0) path += "&feed=longpoll&timeout=" + std::to_string(query.wait_ms);
  ATELIER_TRY(reply, session_.ask(path, with_timeout({}, query.wait_ms)));
  auto body = json::normalize(reply.body);
  if (!body) return session_.garbled(body.error().message);
  return parse_changes(*body, query);
}

Result<ChangesPage> HttpPeer::parse_changes(const std::string& body, const ChangesQuery& query) {
  const bool object = json::kind_of(body) == Kind::kObject;
  const auto results = object ? json::member(body, "results") : std::nullopt;
  if (!results || json::kind_of(*results) != Kind::kArray) return session_.garbled("_changes");
  ChangesPage page;
  page.bytes = body.size();
  std::size_t rows = 0;
  std::size_t whole = 0;
  bool valid = true;
  std::string newest;
  json::for_each_element(*results, [&](std::string_view row) {
    auto change = parse_change(row);
    valid = change.has_value();
    if (!valid) return false;
    ++rows;
    whole += change->document ? 1 : 0;
    newest = change->seq;
    if (wanted_id(change->id, query.prefixes)) page.changes.push_back(std::move(*change));
    return true;
  });
  if (!valid) return session_.garbled("a row of _changes");
  const auto last = json::member(body, "last_seq");
  page.last_seq = last ? seq_text(*last) : newest;
  if (page.last_seq.empty()) page.last_seq = query.since;
  if (const auto pending = json::int_member(body, "pending"); pending && *pending >= 0) {
    page.pending = static_cast<std::uint64_t>(*pending);
  }
  page.more = page.pending ? *page.pending > 0 : rows >= query.limit;
  if (rows >= kInlineProbeRows) inline_pays_ = whole * 2 >= rows;
  return page;
}

Result<std::vector<RevisionRequest>> HttpPeer::revs_diff(std::span<const RevisionRequest> offered) {
  json::Writer body;
  body.begin_object();
  for (const RevisionRequest& request : offered) {
    body.key(request.id).raw(json_array_of_revs(request.revs));
  }
  body.end_object();
  ATELIER_TRY(answer, ask_json("/_revs_diff", post(body.take())));
  auto missing = parse_revs_diff(answer);
  if (!missing) return session_.garbled("_revs_diff");
  return std::move(*missing);
}

Result<std::vector<WireDocument>> HttpPeer::fetch(std::span<const RevisionRequest> wanted) {
  if (!no_bulk_get_) {
    auto documents = bulk_get(wanted);
    if (documents) return documents;
    const Error& error = documents.error();
    const bool absent = error.code == ErrorCode::kUnsupported || error.http_status == 404;
    if (!absent || means_no_database(error)) return error;
    no_bulk_get_ = true;
  }
  std::vector<WireDocument> documents;
  for (const RevisionRequest& request : wanted) {
    ATELIER_TRY(some, open_revs(request));
    std::move(some.begin(), some.end(), std::back_inserter(documents));
  }
  return documents;
}

Result<std::vector<WireDocument>> HttpPeer::bulk_get(std::span<const RevisionRequest> wanted) {
  json::Writer body;
  body.begin_object().key("docs").begin_array();
  for (const RevisionRequest& request : wanted) {
    for (const RevId& rev : request.revs) {
      body.begin_object().key("id").string(request.id);
      body.key("rev").string(rev.to_string()).end_object();
    }
  }
  body.end_array().end_object();
  ATELIER_TRY(answer,
              ask_json("/_bulk_get?latest=true&revs=true&attachments=false", post(body.take())));
  std::vector<std::string> answered;
  auto documents = parse_bulk_get(answer, answered);
  if (!documents) return session_.garbled("_bulk_get");
  std::sort(answered.begin(), answered.end());
  for (const RevisionRequest& request : wanted) {
    if (std::binary_search(answered.begin(), answered.end(), request.id)) continue;
    ATELIER_TRY(some, open_revs(request));
    std::move(some.begin(), some.end(), std::back_inserter(*documents));
  }
  return std::move(*documents);
}

Result<std::vector<WireDocument>> HttpPeer::open_revs(const RevisionRequest& wanted) {
  const std::string path = document_path(wanted.id) + "?latest=true&revs=true&open_revs=" +
                           url_encode(json_array_of_revs(wanted.revs));
  auto answer = ask_json(path, {});
  if (!answer && answer.error().http_status == 404 && !means_no_database(answer.error())) {
    return std::vector<WireDocument>();
  }
  if (!answer) return answer.error();
  auto documents = parse_open_revs(*answer);
  if (!documents) return session_.garbled("open_revs");
  return std::move(*documents);
}

Status HttpPeer::read_attachment(const std::string& id, const RevId& rev, const std::string& name,
                                 const std::function<bool(std::string_view)>& fn) {
  Request request;
  request.headers["Accept"] = "*/*";
  request.headers["Accept-Encoding"] = "identity";
  request.receive = fn;
  ATELIER_CHECK(session_.ask(
      document_path(id) + "/" + url_encode(name) + "?rev=" + url_encode(rev.to_string()),
      with_timeout(std::move(request))));
  return ok();
}

// --- writing

Result<std::vector<Rejection>> HttpPeer::write(std::span<const WireDocument> documents,
                                               Peer& source) {
  Outcome outcome;
  std::vector<WireDocument> bulk;
  for (const WireDocument& document : documents) {
    const std::vector<Part> parts = parts_of(document);
    if (parts.empty()) {
      bulk.push_back(document);
    } else if (total_bytes(parts) <= kInlineAttachmentBytesMax && !any_encoded(parts)) {
      auto whole = inlined(document, source);
      if (whole) {
        bulk.push_back(std::move(*whole));
      } else if (whole.error().code == ErrorCode::kNotFound) {
        outcome.rejected.push_back({document.id, document.rev, whole.error()});
      } else {
        return whole.error();
      }
    } else {
      ATELIER_CHECK(write_attached(document, source, outcome));
    }
  }
  ATELIER_CHECK(write_bulk(bulk, outcome));
  // A server that fails for each document alone is ill; one that takes others refuses these.
  if (!outcome.broke_server.empty() && outcome.written == 0) {
    return outcome.broke_server.front().error;
  }
  std::move(outcome.broke_server.begin(), outcome.broke_server.end(),
            std::back_inserter(outcome.rejected));
  return std::move(outcome.rejected);
}

Status HttpPeer::write_bulk(std::span<const WireDocument> documents, Outcome& outcome) {
  if (documents.empty()) return ok();
  std::string body = "{\"new_edits\":false,\"docs\":[";
  for (const WireDocument& document : documents) {
    if (&document != &documents.front()) body += ',';
    body += document.json;
  }
  body += "]}";
  auto answer = ask_json("/_bulk_docs", post(std::move(body)));
  if (!answer) return split_bulk(documents, answer.error(), outcome);
  bool busy = false;
  auto rejected = parse_bulk_docs(*answer, documents, busy);
  if (!rejected) return session_.garbled("_bulk_docs");
  if (busy && rejected->size() == documents.size()) {
    return Error(ErrorCode::kUnavailable, session_.url().server() + " cannot write now");
  }
  outcome.written += documents.size() - std::min(documents.size(), rejected->size());
  std::move(rejected->begin(), rejected->end(), std::back_inserter(outcome.rejected));
  return ok();
}

/// One document can make a server refuse the whole request: halves find out which.
Status HttpPeer::split_bulk(std::span<const WireDocument> documents, const Error& error,
                            Outcome& outcome) {
  const int status = error.http_status;
  const bool about_content = status == 400 || status == 412 || status == 413 || status == 414 ||
                             status == 415 || status == 422 || status == 500;
  if (!about_content) return error;
  if (documents.size() > 1) {
    ATELIER_CHECK(write_bulk(documents.first(documents.size() / 2), outcome));
    return write_bulk(documents.subspan(documents.size() / 2), outcome);
  }
  const WireDocument& document = documents.front();
  Rejection rejection{document.id, document.rev, error};
  if (status == 500) {
    outcome.broke_server.push_back(std::move(rejection));
    // Two in a row and nothing written: do not ask once per document.
    return outcome.written == 0 && outcome.broke_server.size() > 1 ? Status(error) : ok();
  }
  if (rejection.error.code != ErrorCode::kTooLarge) rejection.error.code = ErrorCode::kInvalid;
  outcome.rejected.push_back(std::move(rejection));
  return ok();
}

Status HttpPeer::write_attached(const WireDocument& document, Peer& source, Outcome& outcome) {
  // PouchDB's server takes attachments in JSON only.
  if (no_multipart_ || server_kind() == ServerKind::kOther) {
    return write_inline(document, source, outcome);
  }
  auto reply = put_multipart(document, source);
  if (!reply && reply.error().code == ErrorCode::kNotFound) {
    outcome.rejected.push_back({document.id, document.rev, reply.error()});
    return ok();
  }
  if (!reply) return reply.error();
  if (reply->status / 100 == 2) {
    ++outcome.written;
    return ok();
  }
  const Error error = session_.error_of(*reply);
  if (error.code == ErrorCode::kUnsupported) {
    no_multipart_ = true;
    return write_inline(document, source, outcome);
  }
  if (error.code == ErrorCode::kForbidden) {  // a validation function, for this document alone
    outcome.rejected.push_back({document.id, document.rev, error});
    return ok();
  }
  return split_bulk({&document, 1}, error, outcome);
}

Status HttpPeer::write_inline(const WireDocument& document, Peer& source, Outcome& outcome) {
  auto whole = inlined(document, source);
  if (whole) return write_bulk({&*whole, 1}, outcome);
  const ErrorCode code = whole.error().code;
  if (code != ErrorCode::kNotFound && code != ErrorCode::kInvalid && code != ErrorCode::kTooLarge) {
    return whole.error();
  }
  outcome.rejected.push_back({document.id, document.rev, whole.error()});
  return ok();
}

/// The document with the bytes of its attachments in it, unpacked where they are stored packed.
Result<WireDocument> HttpPeer::inlined(const WireDocument& document, Peer& source) {
  std::map<std::string, std::string> bytes;
  for (const Part& part : parts_of(document)) {
    std::string& data = bytes[part.name];
    bool too_large = false;
    ATELIER_CHECK(
        source.read_attachment(document.id, document.rev, part.name, [&](std::string_view chunk) {
          too_large = data.size() + chunk.size() > kInflatedBytesMax;
          if (!too_large) data += chunk;
          return !too_large;
        }));
    if (too_large) {
      return Error(ErrorCode::kTooLarge,
                   "the attachment " + part.name + " is too large for this server's only way in");
    }
    if (part.encoding == "gzip") {
      ATELIER_TRY(plain, gunzip(data));
      data = std::move(plain);
    }
  }
  WireDocument whole = document;
  whole.json = with_attachments(document.json, [&](std::string_view name, std::string_view stub) {
    return inline_stub(stub, bytes[std::string(name)]);
  });
  return whole;
}

Result<HttpReply> HttpPeer::put_multipart(const WireDocument& document, Peer& source) {
  const std::vector<Part> parts = parts_of(document);
  const std::string boundary = random_uuid();
  const std::string head =
      "--" + boundary + "\r\nContent-Type: application/json\r\n\r\n" +
      with_attachments(document.json,
                       [](std::string_view, std::string_view stub) { return follows_stub(stub); });
  const std::string tail = "\r\n--" + boundary + "--";
  std::vector<std::string> heads;
  std::uint64_t length = head.size() + tail.size();
  for (const Part& part : parts) {
    std::string text = "\r\n--" + boundary +
                       "\r\nContent-Disposition: attachment; filename=" + quoted_header(part.name) +
                       "\r\nContent-Type: " + plain_header(part.content_type) +
                       "\r\nContent-Length: " + std::to_string(part.bytes);
    if (!part.encoding.empty()) text += "\r\nContent-Encoding: " + plain_header(part.encoding);
    text += "\r\n\r\n";
    length += text.size() + part.bytes;
    heads.push_back(std::move(text));
  }
  Status read = ok();
  Request request = put("");
  request.content_type = "multipart/related; boundary=\"" + boundary + "\"";
  request.stream_bytes = length;
  request.stream = [&](const Request::Sink& sink) {
    if (!sink(head)) return false;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (!sink(heads[i])) return false;
      std::uint64_t left = parts[i].bytes;
      bool sent = true;
      read = source.read_attachment(document.id, document.rev, parts[i].name,
                                    [&](std::string_view chunk) {
                                      sent = chunk.size() <= left && sink(chunk);
                                      left -= std::min<std::uint64_t>(left, chunk.size());
                                      return sent;
                                    });
      if (!read || !sent || left > 0) return false;
    }
    return sink(tail);
  };
  auto reply = session_.send_to_database(document_path(document.id) + "?new_edits=false",
                                         with_timeout(std::move(request)));
  if (!read) return read.error();
  return reply;
}

// --- checkpoints

Result<std::optional<std::string>> HttpPeer::get_local(const std::string& id) {
  auto body = ask_json("/_local/" + url_encode(id), {});
  if (body) {
    if (json::kind_of(*body) != Kind::kObject) return session_.garbled("_local");
    local_revs_[id] = json::string_member(*body, "_rev").value_or("");
    return std::optional<std::string>(std::move(*body));
  }
  if (body.error().code != ErrorCode::kNotFound || means_no_database(body.error())) {
    return body.error();
  }
  local_revs_.erase(id);
  return std::optional<std::string>();
}

Status HttpPeer::put_local(const std::string& id, const std::string& json) {
  for (bool again = false;; again = true) {
    std::string body = json;
    const std::string& rev = local_revs_[id];
    if (!rev.empty()) {
      body = "{\"_rev\":" + json::quoted(rev) + (json.size() > 2 ? "," : "") + json.substr(1);
    }
    auto answer = ask_json("/_local/" + url_encode(id), put(std::move(body)));
    if (answer) {
      if (json::kind_of(*answer) == Kind::kObject) {
        local_revs_[id] = json::string_member(*answer, "rev").value_or("");
      }
      return ok();
    }
    if (answer.error().code != ErrorCode::kConflict || again) return answer.error();
    ATELIER_CHECK(get_local(id));
  }
}

class Factory final : public PeerFactory {
 public:
  Factory(DatabaseUrl url, HttpPeerOptions options) : url_(std::move(url)), options_(options) {}

  Result<std::unique_ptr<Peer>> connect() override { return make_http_peer(url_, options_); }
  std::string display_name() const override { return url_.display(); }
  std::string stable_name() const override { return url_.display(); }

 private:
  const DatabaseUrl url_;
  const HttpPeerOptions options_;
};

}  // namespace

Result<std::unique_ptr<Peer>> make_http_peer(const DatabaseUrl& url,
                                             const HttpPeerOptions& options) {
  if (url.database.empty()) return invalid("the address names no database");
  if (url.host.empty() && url.socket_path.empty()) return invalid("the address names no server");
  return std::unique_ptr<Peer>(std::make_unique<HttpPeer>(url, options));
}

std::shared_ptr<PeerFactory> make_http_peer_factory(const DatabaseUrl& url,
                                                    const HttpPeerOptions& options) {
  return std::make_shared<Factory>(url, options);
}

Result<HttpReply> http_request(const DatabaseUrl& server, const HttpRequest& request) {
  HttpSession session(server, std::min(request.timeout_ms, kConnectTimeoutMs));
  Request out;
  out.method = request.method;
  out.path = server.base_path + request.path;
  out.body = request.body;
  out.content_type = request.content_type;
  out.headers = request.headers;
  out.read_timeout_ms = request.timeout_ms;
  return session.send(std::move(out));
}

}  // namespace atelier
