#include "http/http_upload.h"

#include <algorithm>
#include <utility>

#include "base/digest.h"
#include "base/json_text.h"
#include "http/http_answers.h"
#include "replication/wire_document.h"

namespace atelier {
namespace {

using Request = HttpClient::Request;

/// As it is stored and therefore as it is sent.
std::uint64_t stored_bytes(const Attachment& attachment) {
  return attachment.encoding.empty() ? attachment.length : attachment.encoded_length;
}

/// Bytes that were left behind, or evicted: the target is told by a stub, which it takes where it
/// has them and refuses otherwise.
bool is_away(const Attachment& attachment, const Peer& source) {
  return source.is_local() && attachment.evicted();
}

bool fits_inline(const WireDocument& document, const Peer& source) {
  std::uint64_t bytes = 0;
  for (const Attachment& attachment : document.attachments) {
    if (is_away(attachment, source)) continue;
    if (!attachment.encoding.empty()) return false;
    bytes += stored_bytes(attachment);
  }
  return bytes <= kInlineAttachmentBytesMax;
}

/// Errors of an attachment's source that say something about the document, not about the moment.
bool concerns_document(ErrorCode code) {
  return code == ErrorCode::kNotFound || code == ErrorCode::kInvalid ||
         code == ErrorCode::kTooLarge || code == ErrorCode::kEvicted;
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

/// An attachment as multipart/related announces it (wire/10-attachments/52).
std::string follows_json(const Attachment& attachment) {
  json::Writer out;
  out.begin_object();
  json::for_each_member(stub_json(attachment), [&](std::string_view key, std::string_view value) {
    if (key != "stub") out.key(key).raw(value);
    return true;
  });
  out.key("follows").boolean(true);
  out.end_object();
  return out.take();
}

std::string inline_json(const Attachment& attachment, std::string_view data) {
  json::Writer out;
  out.begin_object();
  out.key("content_type").string(attachment.content_type);
  out.key("revpos").integer(static_cast<std::int64_t>(attachment.revpos));
  out.key("data").string(base64(data));
  out.end_object();
  return out.take();
}

}  // namespace

std::string document_path(std::string_view id) {
  for (const std::string_view room : {"_design/", "_local/"}) {
    if (id.starts_with(room)) {
      return "/" + std::string(room) + url_encode(id.substr(room.size()));
    }
  }
  return "/" + url_encode(id);
}

Result<std::vector<Rejection>> HttpUpload::write(std::span<const WireDocument> documents,
                                                 Peer& source) {
  Outcome outcome;
  std::vector<Outgoing> bulk;
  bulk.reserve(documents.size());
  for (const WireDocument& document : documents) {
    if (document.attachments.empty()) {
      bulk.push_back({&document, {}});
    } else if (fits_inline(document, source)) {
      auto whole = inlined(document, source);
      if (whole) {
        bulk.push_back(std::move(*whole));
      } else if (concerns_document(whole.error().code)) {
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

Status HttpUpload::write_bulk(std::span<const Outgoing> documents, Outcome& outcome) {
  if (documents.empty()) return ok();
  std::vector<const WireDocument*> sent;
  sent.reserve(documents.size());
  std::size_t bytes = 64;
  for (const Outgoing& outgoing : documents) bytes += outgoing.document->bytes() + 1;
  Request request;
  request.method = "POST";
  request.read_timeout_ms = timeout_ms_;
  request.body.reserve(bytes);
  request.body = "{\"new_edits\":false,\"docs\":[";
  for (const Outgoing& outgoing : documents) {
    if (!sent.empty()) request.body += ',';
    append_wire_json(request.body, *outgoing.document, [&](const Attachment& attachment) {
      const auto data = outgoing.data.find(attachment.name);
      return data == outgoing.data.end() ? stub_json(attachment)
                                         : inline_json(attachment, data->second);
    });
    sent.push_back(outgoing.document);
  }
  request.body += "]}";
  const bool ours = !session_.identity().empty();
  auto reply = session_.ask(ours ? "/_bulk_docs?forgotten=true" : "/_bulk_docs",
                            std::move(request));
  if (!reply) return split_bulk(documents, reply.error(), outcome);
  const auto answer = json::normalize(reply->body);
  if (!answer) return session_.garbled(answer.error().message);
  bool busy = false;
  auto rejected = parse_bulk_docs(*answer, sent, busy);
  if (!rejected) return session_.garbled("_bulk_docs");
  if (busy && rejected->size() == documents.size()) {
    return Error(ErrorCode::kUnavailable, session_.url().server() + " cannot write now");
  }
  outcome.written += documents.size() - std::min(documents.size(), rejected->size());
  std::move(rejected->begin(), rejected->end(), std::back_inserter(outcome.rejected));
  return ok();
}

/// One document can make a server refuse the whole request: halves find out which.
Status HttpUpload::split_bulk(std::span<const Outgoing> documents, const Error& error,
                              Outcome& outcome) {
  const int status = error.http_status;
  const bool about_content = status == 400 || status == 412 || status == 413 || status == 414 ||
                             status == 415 || status == 422 || status == 500;
  if (!about_content) return error;
  if (documents.size() > 1) {
    ATELIER_CHECK(write_bulk(documents.first(documents.size() / 2), outcome));
    return write_bulk(documents.subspan(documents.size() / 2), outcome);
  }
  const WireDocument& document = *documents.front().document;
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

Status HttpUpload::write_attached(const WireDocument& document, Peer& source, Outcome& outcome) {
  // PouchDB's server takes attachments in JSON only.
  if (no_multipart_ || kind_() == ServerKind::kOther) {
    return write_inline(document, source, outcome);
  }
  auto reply = put_multipart(document, source);
  if (!reply && concerns_document(reply.error().code)) {
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
  const Outgoing alone{&document, {}};
  return split_bulk({&alone, 1}, error, outcome);
}

Status HttpUpload::write_inline(const WireDocument& document, Peer& source, Outcome& outcome) {
  auto whole = inlined(document, source);
  if (whole) return write_bulk({&*whole, 1}, outcome);
  if (!concerns_document(whole.error().code)) return whole.error();
  outcome.rejected.push_back({document.id, document.rev, whole.error()});
  return ok();
}

/// The document with the bytes of its attachments, unpacked where they are stored packed.
Result<HttpUpload::Outgoing> HttpUpload::inlined(const WireDocument& document, Peer& source) const {
  Outgoing outgoing{&document, {}};
  for (const Attachment& attachment : document.attachments) {
    if (is_away(attachment, source)) continue;
    std::string& data = outgoing.data[attachment.name];
    bool too_large = false;
    ATELIER_CHECK(source.read_attachment(
        document.id, document.rev, attachment.name, [&](std::string_view chunk) {
          too_large = data.size() + chunk.size() > kInflatedBytesMax;
          if (!too_large) data += chunk;
          return !too_large;
        }));
    if (too_large) {
      return Error(ErrorCode::kTooLarge, "the attachment " + attachment.name +
                                             " is too large for this server's only way in");
    }
    if (attachment.encoding == "gzip") {
      ATELIER_TRY(plain, gunzip(data));
      data = std::move(plain);
    }
  }
  return outgoing;
}

Result<HttpReply> HttpUpload::put_multipart(const WireDocument& document, Peer& source) {
  const std::string boundary = random_uuid();
  std::string head = "--" + boundary + "\r\nContent-Type: application/json\r\n\r\n";
  append_wire_json(head, document, [&](const Attachment& attachment) {
    return is_away(attachment, source) ? stub_json(attachment) : follows_json(attachment);
  });
  const std::string tail = "\r\n--" + boundary + "--";
  std::vector<std::string> heads;
  std::uint64_t length = head.size() + tail.size();
  std::vector<const Attachment*> parts;
  for (const Attachment& part : document.attachments) {
    if (is_away(part, source)) continue;
    parts.push_back(&part);
    std::string text = "\r\n--" + boundary +
                       "\r\nContent-Disposition: attachment; filename=" + quoted_header(part.name) +
                       "\r\nContent-Type: " + plain_header(part.content_type) +
                       "\r\nContent-Length: " + std::to_string(stored_bytes(part));
    if (!part.encoding.empty()) text += "\r\nContent-Encoding: " + plain_header(part.encoding);
    text += "\r\n\r\n";
    length += text.size() + stored_bytes(part);
    heads.push_back(std::move(text));
  }
  Status read = ok();
  Request request;
  request.method = "PUT";
  request.read_timeout_ms = timeout_ms_;
  request.content_type = "multipart/related; boundary=\"" + boundary + "\"";
  request.stream_bytes = length;
  request.stream = [&](const Request::Sink& sink) {
    if (!sink(head)) return false;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (!sink(heads[i])) return false;
      std::uint64_t left = stored_bytes(*parts[i]);
      bool sent = true;
      read = source.read_attachment(document.id, document.rev, parts[i]->name,
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
                                         std::move(request));
  if (!read) return read.error();
  return reply;
}

}  // namespace atelier
