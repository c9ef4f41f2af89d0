#include "http/http_peer.h"

#include <algorithm>
#include <future>
#include <map>
#include <utility>

#include "base/json_text.h"
#include "http/http_answers.h"
#include "http/http_changes.h"
#include "http/http_session.h"
#include "http/http_upload.h"
#include "http/multipart_reader.h"

namespace atelier {
namespace {

using json::Kind;
using Request = HttpClient::Request;

/// Rows of a page of which less than half came whole: asking for documents does not pay there.
constexpr std::size_t kInlineProbeRows = 20;

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

bool means_no_database(const Error& error) {
  return error.code == ErrorCode::kNotFound &&
         (error.message.find("atabase") != std::string::npos ||
          error.message.find("no_db_file") != std::string::npos);
}

/// A server of ours that left the bytes of an attachment behind itself.
bool means_left_behind(const Error& error) {
  return error.http_status == 503 && error.message.find("left behind") != std::string::npos;
}

std::string json_array_of_revs(const std::vector<RevId>& revs) {
  json::Writer out;
  out.begin_array();
  for (const RevId& rev : revs) out.string(rev.to_string());
  out.end_array();
  return out.take();
}

HttpTransport transport_of(const HttpPeerOptions& options) {
  return {options.connect_timeout_ms, options.ca_file};
}

Status check_address(const DatabaseUrl& url) {
  if (url.database.empty()) return invalid("the address names no database");
  if (url.host.empty() && url.socket_path.empty()) return invalid("the address names no server");
  return ok();
}

class HttpPeer final : public Peer {
 public:
  HttpPeer(const DatabaseUrl& url, const HttpPeerOptions& options,
           const std::shared_ptr<ServerAccess>& access)
      : options_(options),
        session_(url, transport_of(options), access),
        upload_(
            session_, [this] { return server_kind(); }, std::max(options.read_timeout_ms, 1)) {}

  Result<PeerInfo> info() override;
  Result<ChangesPage> changes(const ChangesQuery& query) override;
  void read_ahead(const ChangesQuery& query) override;
  Result<std::vector<RevisionRequest>> newest(const NewestQuery& query) override;
  Result<DiffAnswer> revs_diff(std::span<const RevisionRequest> offered) override;
  Result<std::vector<WireDocument>> fetch(std::span<const RevisionRequest> wanted) override;
  Result<std::vector<Rejection>> write(std::span<const WireDocument> documents,
                                       Peer& source) override {
    ahead_.wait();
    return upload_.write(documents, source);
  }
  Status read_attachment(const std::string& id, const RevId& rev, const std::string& name,
                         const std::function<bool(std::string_view)>& fn) override;
  Status read_attachments(
      const std::string& id, const RevId& rev, const std::vector<std::string>& names,
      const std::function<bool(const std::string& name, std::string_view chunk)>& fn) override;
  Result<std::optional<std::string>> get_local(const std::string& id) override;
  Status put_local(const std::string& id, const std::string& json) override;
  std::uint64_t connection_epoch() const override { return session_.client().connections(); }
  std::string known_identity() const override {
    ahead_.wait();
    return session_.identity();
  }
  SyncState upstream() const override { return session_.upstream(); }
  void cancel() override { session_.cancel(); }
  bool is_local() const override { return false; }

 private:
  Request with_timeout(Request request, int wait_ms = 0) const;
  Result<std::string> ask_json(std::string_view path, Request request);
  ServerKind server_kind();
  FilterSpeech filter_speech(const ReplicationFilter& filter);
  Status create_database();
  Result<ChangesPage> take_page(const FetchedChanges& fetched, std::size_t limit);
  bool inlines(const ChangesQuery& query) const;
  Result<std::vector<RevisionRequest>> newest_by_member(const NewestQuery& query);

  Result<std::vector<WireDocument>> bulk_get(std::span<const RevisionRequest> wanted);
  Result<std::vector<WireDocument>> open_revs(const RevisionRequest& wanted);

  const HttpPeerOptions options_;
  HttpSession session_;
  HttpUpload upload_;
  ServerKind kind_ = ServerKind::kUnknown;
  bool partitioned_ = false;  // the database
  bool no_bulk_get_ = false;
  bool no_filters_ = false;  // the server does not know the filter that we need
  bool inline_pays_ = true;
  std::map<std::string, std::string> local_revs_;  // PouchDB wants them, CouchDB ignores them
  ReadAhead ahead_;                                // last: its thread ends first
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
  ahead_.wait();
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
  const auto partitioned = json::find(*body, {"props", "partitioned"});
  partitioned_ = partitioned && *partitioned == "true";
  const std::int64_t count = json::int_member(*body, "doc_count").value_or(0);
  info.doc_count = static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0));
  return info;
}

ServerKind HttpPeer::server_kind() {
  if (!session_.identity().empty()) return ServerKind::kAtelier;
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

bool HttpPeer::inlines(const ChangesQuery& query) const {
  return query.inline_documents && (inline_pays_ || query.wait_ms > 0);
}

// PouchDB's server ends with an exception when it is asked for a filter that it does not know: of
// servers of an unknown make nothing but a list of ids is asked.
FilterSpeech HttpPeer::filter_speech(const ReplicationFilter& filter) {
  const bool ids_alone = !filter.ids.empty() && filter.selector.empty();
  const bool too_much = !filter.empty() && !ids_alone && server_kind() == ServerKind::kOther;
  return {session_.identity().empty(), no_filters_ || too_much};
}

Result<ChangesPage> HttpPeer::changes(const ChangesQuery& query) {
  if (auto early = ahead_.take(query)) return take_page(*early, query.limit);
  const FilterSpeech speech = filter_speech(query.filter);
  ChangesRequest request = changes_request(query, inlines(query), speech);
  const bool filtered = request.filtered;
  auto reply = session_.ask(request.path, with_timeout(std::move(request.http), query.wait_ms));
  if (!reply && filtered && is_unknown_filter(reply.error()) && !means_no_database(reply.error())) {
    // Or the position is what it does not know: then it says so again without a filter.
    no_filters_ = true;
    auto page = changes(query);
    no_filters_ = page.has_value();
    return page;
  }
  if (!reply) return reply.error();
  return take_page({query, filtered, std::move(reply->body)}, query.limit);
}

void HttpPeer::read_ahead(const ChangesQuery& query) {
  if (ahead_.serves(query)) return;
  ahead_.wait();
  const FilterSpeech speech = filter_speech(query.filter);
  ChangesRequest request = changes_request(query, inlines(query), speech);
  request.http = with_timeout(std::move(request.http));
  ahead_.begin(query, [this, query, asked = std::move(request)]() -> Result<FetchedChanges> {
    ATELIER_TRY(reply, session_.ask(asked.path, asked.http));
    return FetchedChanges{query, asked.filtered, std::move(reply.body)};
  });
}

Result<std::vector<RevisionRequest>> HttpPeer::newest(const NewestQuery& query) {
  ahead_.wait();
  if (!query.by.empty()) {
    auto found = newest_by_member(query);
    if (found || found.error().http_status / 100 != 4) return found;  // 4xx: no index for it
  }
  std::string path = "/_all_docs?descending=true&limit=" + std::to_string(query.count);
  if (partitioned_) {
    path = "/_partition/" + url_encode(query.prefix) + path;
  } else {
    // Ids are compared by their bytes there, and ';' follows ':'.
    path += "&startkey=" + url_encode(json::quoted(query.prefix + ";")) +
            "&endkey=" + url_encode(json::quoted(query.prefix + ":"));
  }
  ATELIER_TRY(answer, ask_json(path, {}));
  auto rows = parse_all_docs(answer);
  if (!rows) return session_.garbled("_all_docs");
  return std::move(*rows);
}

Result<std::vector<RevisionRequest>> HttpPeer::newest_by_member(const NewestQuery& query) {
  json::Writer body;
  body.begin_object().key("selector").raw(prefix_selector({query.prefix}));
  body.key("fields").begin_array().string("_id").string("_rev").end_array();
  body.key("sort").begin_array().begin_object().key(query.by).string("desc").end_object();
  body.end_array().key("limit").integer(static_cast<std::int64_t>(query.count)).end_object();
  ATELIER_TRY(answer, ask_json("/_find", post(body.take())));
  auto rows = parse_find(answer);
  if (!rows) return session_.garbled("_find");
  return std::move(*rows);
}

/// While this parses, the server works on the page behind; where pages still grow towards `limit`,
/// it would be too small.
Result<ChangesPage> HttpPeer::take_page(const FetchedChanges& fetched, std::size_t limit) {
  const ChangesQuery& query = fetched.query;
  const bool grown = query.limit == limit && query.wait_ms == 0;
  if (const auto behind = grown ? query_behind(fetched) : std::nullopt) read_ahead(*behind);
  auto parsed = parse_changes(fetched.body, query, fetched.filtered);
  if (!parsed && parsed.error().code == ErrorCode::kInvalid && parsed.error().http_status == 0) {
    return session_.garbled(parsed.error().message);
  }
  if (!parsed) return parsed.error();
  if (parsed->rows >= kInlineProbeRows && inlines(query)) {
    inline_pays_ = parsed->whole * 2 >= parsed->rows;
  }
  return std::move(parsed->page);
}

Result<DiffAnswer> HttpPeer::revs_diff(std::span<const RevisionRequest> offered) {
  ahead_.wait();
  json::Writer body;
  body.begin_object();
  for (const RevisionRequest& request : offered) {
    body.key(request.id).raw(json_array_of_revs(request.revs));
  }
  body.end_object();
  const bool ours = !session_.identity().empty();
  ATELIER_TRY(text, ask_json(ours ? "/_revs_diff?forgotten=true" : "/_revs_diff",
                             post(body.take())));
  auto answer = parse_revs_diff(text);
  if (!answer) return session_.garbled("_revs_diff");
  return std::move(*answer);
}

Result<std::vector<WireDocument>> HttpPeer::fetch(std::span<const RevisionRequest> wanted) {
  ahead_.wait();
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
  ahead_.wait();
  Request request;
  request.headers["Accept"] = "*/*";
  request.headers["Accept-Encoding"] = "identity";
  request.receive = fn;
  const auto answer = session_.ask(
      document_path(id) + "/" + url_encode(name) + "?rev=" + url_encode(rev.to_string()),
      with_timeout(std::move(request)));
  if (!answer && means_left_behind(answer.error())) {
    return Error(ErrorCode::kEvicted, "the bytes of " + name + " are not at " +
                                          session_.url().server() + " either");
  }
  ATELIER_CHECK(answer);
  return ok();
}

/// All in one answer of multipart/related. A server that answers something else (PouchDB's puts
/// them into the JSON, all in its memory) is asked for each alone.
Status HttpPeer::read_attachments(
    const std::string& id, const RevId& rev, const std::vector<std::string>& names,
    const std::function<bool(const std::string& name, std::string_view chunk)>& fn) {
  ahead_.wait();
  if (server_kind() == ServerKind::kOther) return Peer::read_attachments(id, rev, names, fn);
  std::string name;
  bool wanted = false;
  bool stopped = false;
  bool begun = false;  // parts were handed on
  MultipartReader reader({
      [&](const MultipartReader::Headers& headers) {
        const auto found = headers.find("content-disposition");
        name = found == headers.end() ? "" : disposition_filename(found->second);
        wanted = !name.empty();  // the first part is the document
        begun = begun || wanted;
      },
      [&](std::string_view chunk) {
        stopped = wanted && !fn(name, chunk);
        return !stopped;
      },
      [&] {
        stopped = wanted && !fn(name, "");
        return !stopped;
      },
  });
  Request request;
  request.headers["Accept"] = "multipart/related";
  request.headers["Accept-Encoding"] = "identity";
  request.receive = [&](std::string_view chunk) { return reader.feed(chunk); };
  const auto answer =
      session_.ask(document_path(id) + "?attachments=true&left_behind=true&rev=" +
                       url_encode(rev.to_string()),
                   with_timeout(std::move(request)));
  if (reader.is_broken() && !begun) return Peer::read_attachments(id, rev, names, fn);
  if (!answer) return answer.error();
  if (stopped || reader.finished()) return ok();
  return session_.garbled("attachments end in the middle");
}

// --- checkpoints

Result<std::optional<std::string>> HttpPeer::get_local(const std::string& id) {
  ahead_.wait();
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
  ahead_.wait();
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
  Factory(DatabaseUrl url, HttpPeerOptions options)
      : url_(std::move(url)),
        options_(std::move(options)),
        access_(std::make_shared<ServerAccess>(url_)) {}

  Result<std::unique_ptr<Peer>> connect() override {
    ATELIER_CHECK(check_address(url_));
    return std::unique_ptr<Peer>(std::make_unique<HttpPeer>(url_, options_, access_));
  }
  std::string display_name() const override { return url_.display(); }
  std::string stable_name() const override { return url_.display(); }

 private:
  const DatabaseUrl url_;
  const HttpPeerOptions options_;
  const std::shared_ptr<ServerAccess> access_;
};

}  // namespace

Result<std::unique_ptr<Peer>> make_http_peer(const DatabaseUrl& url,
                                             const HttpPeerOptions& options) {
  ATELIER_CHECK(check_address(url));
  return std::unique_ptr<Peer>(
      std::make_unique<HttpPeer>(url, options, std::make_shared<ServerAccess>(url)));
}

std::shared_ptr<PeerFactory> make_http_peer_factory(const DatabaseUrl& url,
                                                    const HttpPeerOptions& options) {
  return std::make_shared<Factory>(url, options);
}

Result<HttpReply> http_request(const DatabaseUrl& server, const HttpRequest& request) {
  HttpTransport transport;
  transport.connect_timeout_ms = std::min(request.timeout_ms, kConnectTimeoutMs);
  HttpSession session(server, transport, std::make_shared<ServerAccess>(server));
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
