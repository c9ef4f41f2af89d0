// Attachments one by one: GET with ranges, PUT as a stream, DELETE.
#include <charconv>

#include "base/digest.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "server/attachment_intake.h"
#include "server/document_json.h"
#include "server/routes.h"

namespace atelier::server {

namespace {

constexpr std::string_view kNoAttachment = "Document is missing attachment";

/// A stretch of an attachment, in bytes.
struct Range {
  std::uint64_t first = 0, length = 0;
};

/// One element of a Range header ("0-7", "5-", "-3") within `total` bytes; nothing when it does not
/// parse, a length of 0 when it cannot be satisfied.
std::optional<Range> parse_range(std::string_view text, std::uint64_t total) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  auto number = [](std::string_view digits, std::uint64_t& value) {
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size();
  };
  std::uint64_t first = 0, last = 0;
  const std::string_view left = text.substr(0, dash), right = text.substr(dash + 1);
  if (left.empty()) {
    if (!number(right, last)) return std::nullopt;
    last = std::min(last, total);
    return Range{total - last, last};
  }
  if (!number(left, first)) return std::nullopt;
  if (right.empty())
    last = total == 0 ? 0 : total - 1;
  else if (!number(right, last) || last < first)
    return std::nullopt;
  if (first >= total) return Range{first, 0};
  return Range{first, std::min(last, total - 1) - first + 1};
}

/// The ranges that the request asks for; nothing when it asks for the whole.
std::optional<std::vector<Range>> requested_ranges(const Request& request, std::uint64_t total) {
  const std::string_view header = request.headers.get("Range");
  if (!header.starts_with("bytes=")) return std::nullopt;
  std::vector<Range> ranges;
  for (std::string_view part : split_list(header.substr(6))) {
    const auto range = parse_range(part, total);
    if (!range) return std::nullopt;
    if (range->length != 0) ranges.push_back(*range);
  }
  if (ranges.size() > kRangesMax || split_list(header.substr(6)).empty()) return std::nullopt;
  return ranges;
}

std::string content_range(const Range& range, std::uint64_t total) {
  return "bytes " + std::to_string(range.first) + "-" +
         std::to_string(range.first + range.length - 1) + "/" + std::to_string(total);
}

void add_common_headers(Response& response, const Attachment& attachment, const std::string& etag) {
  std::string type = header_safe(attachment.content_type);
  if (type.empty()) type = "application/octet-stream";
  response.headers.add("Cache-Control", "must-revalidate");
  response.headers.add("ETag", etag);
  response.headers.add("Content-Type", type);
  response.headers.add("Accept-Ranges", attachment.encoding.empty() ? "bytes" : "none");
  // What a stranger uploaded must not run as a page of ours.
  response.headers.add("Content-Security-Policy", "sandbox");
  response.headers.add("X-Content-Type-Options", "nosniff");
}

Pieces ranges_body(Response& response, const Attachment& attachment,
                   const std::vector<Range>& ranges) {
  Pieces body;
  response.status = 206;
  if (ranges.size() == 1) {
    response.headers.add("Content-Range", content_range(ranges[0], attachment.length));
    body.blob(attachment.blob, ranges[0].first, ranges[0].length);
    return body;
  }
  const std::string boundary = random_uuid();
  body.text("--" + boundary);
  for (const Range& range : ranges) {
    body.text("\r\nContent-Type: " + std::string(response.headers.get("Content-Type")) +
              "\r\nContent-Range: " + content_range(range, attachment.length) + "\r\n\r\n");
    body.blob(attachment.blob, range.first, range.length);
    body.text("\r\n--" + boundary);
  }
  body.text("--");
  response.headers.set("Content-Type", "multipart/byteranges; boundary=\"" + boundary + "\"");
  return body;
}

Response attachment_reply(const Call& call, const Attachment& attachment) {
  const Request& request = *call.request;
  const std::string etag =
      '"' +
      (attachment.digest.starts_with("md5-") ? attachment.digest.substr(4) : attachment.digest) +
      '"';
  Response response;
  if (none_match(request, etag)) {
    response.status = 304;
    response.headers.add("ETag", etag);
    return response;
  }
  add_common_headers(response, attachment, etag);
  Pieces body;
  if (!attachment.encoding.empty()) {
    response.headers.add("Vary", "Accept-Encoding");
    if (attachment.encoding == "gzip" && !accepts_gzip(request.headers)) {
      body.unpacked_blob(attachment.blob, attachment.encoded_length, false,
                         plain_length(attachment));
    } else {
      response.headers.add("Content-Encoding", header_safe(attachment.encoding));
      body.blob(attachment.blob, 0, attachment.encoded_length);
    }
  } else if (const auto ranges = requested_ranges(request, attachment.length)) {
    if (ranges->empty())
      return error_reply(416, "requested_range_not_satisfiable", "Requested range not satisfiable");
    body = ranges_body(response, attachment, *ranges);
  } else {
    body.blob(attachment.blob, 0, attachment.length);
  }
  set_body(response, std::move(body), call.shared_store());
  return response;
}

const Attachment* find_attachment(const Document& document, std::string_view name) {
  for (const Attachment& attachment : document.attachments)
    if (attachment.name == name) return &attachment;
  return nullptr;
}

void get_attachment(const Call& call, const std::string& id, const std::string& name,
                    bool may_bring = true) {
  GetOptions options;
  if (const auto text = call.query().get("rev")) {
    const auto rev = parse_rev(*text);
    if (!rev) return call.respond(error_reply(rev.error()));
    options.rev = *rev;
  }
  const auto document = call.store().get(id, options);
  if (!document) return call.respond(error_reply(document.error()));
  const Attachment* attachment = find_attachment(*document, name);
  if (!attachment) return call.respond(missing(kNoAttachment));
  if (!attachment->evicted()) return call.respond(attachment_reply(call, *attachment));
  Document wanted;
  wanted.id = id;
  wanted.attachments = {*attachment};
  const auto again = [id, name](const Call& then) { get_attachment(then, id, name, false); };
  if (!may_bring || !bring_what_is_away(call, {wanted}, again)) call.respond(bytes_are_away());
}

/// A write of `document` as it is, all its attachments kept but the one named.
DocumentWrite write_without(const Document& document, std::string_view name) {
  DocumentWrite write;
  write.id = document.id;
  write.body = document.body;
  write.body_is_normal = true;
  write.parent = document.rev;
  for (const Attachment& attachment : document.attachments) {
    if (attachment.name == name) continue;
    AttachmentWrite kept;
    kept.name = attachment.name;
    kept.content_type = attachment.content_type;
    kept.stub = true;
    write.attachments.push_back(std::move(kept));
  }
  return write;
}

/// The write that a change of one attachment begins with. Errors: kConflict, kNotFound, kInvalid.
Result<DocumentWrite> begin_change(const Call& call, const std::string& id,
                                   const std::string& name) {
  ATELIER_TRY(rev, named_revision(*call.request, std::nullopt));
  GetOptions options;
  options.rev = rev;
  const auto document = call.store().get(id, options);
  if (document) {
    if (!rev) return Error{ErrorCode::kConflict, "the document exists"};
    return write_without(*document, name);
  }
  if (document.error().code != ErrorCode::kNotFound) return document.error();
  if (rev) return Error{ErrorCode::kConflict, "the revision is not here"};
  DocumentWrite fresh;
  fresh.id = id;
  fresh.body_is_normal = true;
  return fresh;
}

void write_change(const Call& call, DocumentWrite write, const std::string& name, int status) {
  const std::string id = write.id;
  std::vector<DocumentWrite> writes;
  writes.push_back(std::move(write));
  write_documents(call, std::move(writes), {},
                  [call, id, name, status](std::vector<WriteResult> results) {
                    const Result<RevId>& rev = results.at(0).rev;
                    if (!rev) return call.respond(error_reply(rev.error()));
                    json::Writer out;
                    out.begin_object().key("ok").boolean(true).key("id").string(id);
                    out.key("rev").string(rev->to_string()).end_object();
                    Response response = json_reply(status, out.take());
                    if (status == 201)
                      response.headers.add("Location", location(call, id) + "/" + url_encode(name));
                    call.respond(std::move(response));
                  });
}

void delete_attachment(const Call& call, const std::string& id, const std::string& name) {
  const auto rev = named_revision(*call.request, std::nullopt);
  if (!rev) return call.respond(error_reply(rev.error()));
  GetOptions options;
  options.rev = *rev;
  const auto document = call.store().get(id, options);
  if (!document && *rev && document.error().message == "missing") return call.respond(conflict());
  if (!document) return call.respond(error_reply(document.error()));
  if (!*rev) return call.respond(conflict());
  if (!find_attachment(*document, name)) return call.respond(missing(kNoAttachment));
  write_change(call, write_without(*document, name), name, 200);
}

/// Streams the body of a PUT into a blob, then writes the document that refers to it.
class AttachmentSink : public BodySink, public std::enable_shared_from_this<AttachmentSink> {
 public:
  AttachmentSink(Call call, std::string id, std::string name)
      : call_(std::move(call)),
        id_(std::move(id)),
        name_(std::move(name)),
        intake_(call_.store(), announced(call_.request->headers, name_)) {}

  void consume(std::string piece, std::function<void()> more) override {
    call_.context->background(
        [self = shared_from_this(), piece = std::move(piece), more = std::move(more)] {
          self->append(piece);
          self->call_.context->post(more);
        });
  }

  void finish(Respond respond) override {
    call_.respond = [respond = std::move(respond), tag = call_.database->tag()](Response response) {
      response.headers.add("X-Atelier-Store", tag);
      respond(std::move(response));
    };
    call_.context->background([self = shared_from_this()] {
      auto taken = std::make_shared<Result<AttachmentWrite>>(
          self->failed_ ? Result<AttachmentWrite>(*self->failed_) : self->intake_.finish());
      self->call_.context->post([self, taken] { self->write(std::move(*taken)); });
    });
  }

 private:
  // The connection asks for one thing at a time, so that the background's turns do not overlap.
  void append(std::string_view piece) {
    if (failed_) return;
    if (const Status appended = intake_.append(piece); !appended) failed_ = appended.error();
  }

  void write(Result<AttachmentWrite> attachment) {
    if (!attachment) return call_.respond(error_reply(attachment.error()));
    auto write = begin_change(call_, id_, name_);
    if (!write) return call_.respond(error_reply(write.error()));
    write->attachments.push_back(std::move(*attachment));
    write_change(call_, std::move(*write), name_, 201);
  }

  /// The attachment as the headers tell of it.
  static AttachmentWrite announced(const Headers& headers, const std::string& name) {
    AttachmentWrite attachment;
    attachment.name = name;
    attachment.content_type = std::string(headers.get("Content-Type"));
    if (attachment.content_type.empty()) attachment.content_type = "application/octet-stream";
    if (equal_no_case(headers.get("Content-Encoding"), "gzip")) attachment.encoding = "gzip";
    return attachment;
  }

  Call call_;
  const std::string id_, name_;
  AttachmentIntake intake_;      // the background's, one turn at a time
  std::optional<Error> failed_;  // same
};

/// Why the attachment may not be put; nothing when it may.
std::optional<Response> put_refusal(const Call& call, const std::string& id,
                                    const std::string& name) {
  if (const Status legal = check_document_id(id, call.database->partitioned()); !legal)
    return error_reply(legal.error());
  if (const auto refused = write_refusal(call, id)) return error_reply(*refused);
  if (name.starts_with('_'))
    return bad_request("Attachment name '" + name + "' starts with prohibited character '_'");
  if (name.size() > kAttachmentNameBytesMax) return bad_request("Attachment name is too long");
  if (!json::is_utf8(name)) return bad_request("Attachment name is not UTF-8 encoded");
  const std::string encoding = lower(call.request->headers.get("Content-Encoding"));
  if (!encoding.empty() && encoding != "gzip" && encoding != "identity")
    return error_reply(415, "bad_content_encoding",
                       "Only gzip and identity content-encodings are supported");
  const auto change = begin_change(call, id, name);
  if (!change) return error_reply(change.error());
  return std::nullopt;
}

}  // namespace

std::shared_ptr<BodySink> attachment_sink(const Call& call, const std::string& id,
                                          const std::string& name) {
  if (put_refusal(call, id, name)) return nullptr;
  return std::make_shared<AttachmentSink>(call, id, name);
}

void serve_attachment(const Call& call, const std::string& id, const std::string& name) {
  if (const Status legal = check_document_id(id, call.database->partitioned()); !legal)
    return call.respond(error_reply(legal.error()));
  const std::string& method = call.request->method;
  if (call.request->is_read()) return get_attachment(call, id, name);
  if (method == "PUT") {
    if (auto refused = put_refusal(call, id, name)) return call.respond(std::move(*refused));
    // It was refused when the body began, and is not any more: somebody changed the document.
    return call.respond(conflict());
  }
  if (method != "DELETE") return call.respond(method_not_allowed("DELETE,GET,HEAD,PUT"));
  if (const auto refused = write_refusal(call, id)) return call.respond(error_reply(*refused));
  delete_attachment(call, id, name);
}

}  // namespace atelier::server
