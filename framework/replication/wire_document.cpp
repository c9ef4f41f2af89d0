// A document of a store as it travels, and back. Thread rule: pure functions.
#include "base/json_text.h"
#include "replication/local_peer.h"

namespace atelier {
namespace {

void append_revisions(std::string& out, const Document& document) {
  const RevId& newest = document.history.empty() ? document.rev : document.history.front();
  out += ",\"_revisions\":{\"start\":" + std::to_string(newest.generation()) + ",\"ids\":[";
  if (document.history.empty()) json::append_string(out, newest.hash());
  for (std::size_t i = 0; i < document.history.size(); ++i) {
    if (i > 0) out += ',';
    json::append_string(out, document.history[i].hash());
  }
  out += "]}";
}

void append_stub(std::string& out, const Attachment& attachment) {
  json::Writer stub;
  stub.begin_object();
  stub.key("content_type").string(attachment.content_type);
  stub.key("revpos").integer(static_cast<std::int64_t>(attachment.revpos));
  stub.key("digest").string(attachment.digest);
  stub.key("length").integer(static_cast<std::int64_t>(attachment.length));
  stub.key("stub").boolean(true);
  if (!attachment.encoding.empty()) {
    stub.key("encoding").string(attachment.encoding);
    stub.key("encoded_length").integer(static_cast<std::int64_t>(attachment.encoded_length));
  }
  stub.end_object();
  json::append_string(out, attachment.name);
  out += ':';
  out += stub.text();
}

void append_attachments(std::string& out, const Document& document) {
  if (document.attachments.empty()) return;
  out += ",\"_attachments\":{";
  bool first = true;
  for (const Attachment& attachment : document.attachments) {
    if (!first) out += ',';
    first = false;
    append_stub(out, attachment);
  }
  out += '}';
}

/// `_revisions` as a history, newest first.
Result<std::vector<RevId>> parse_revisions(std::string_view text) {
  const auto start = json::int_member(text, "start");
  const auto ids = json::member(text, "ids");
  if (!start || *start < 1 || !ids || json::kind_of(*ids) != json::Kind::kArray) {
    return invalid("_revisions needs a positive \"start\" and an array \"ids\"");
  }
  std::vector<RevId> history;
  std::optional<Error> error;
  auto generation = static_cast<std::uint64_t>(*start);
  json::for_each_element(*ids, [&](std::string_view element) {
    const auto hash = json::string_value(element);
    auto rev = hash && generation > 0
                   ? RevId::from_parts(generation--, *hash)
                   : Result<RevId>(invalid("_revisions.ids holds something that is no revision"));
    if (rev) {
      history.push_back(*rev);
    } else {
      error = rev.error();
    }
    return !error;
  });
  if (error) return *error;
  if (history.empty()) return invalid("_revisions.ids is empty");
  return history;
}

std::uint64_t size_member(std::string_view object, std::string_view key) {
  const auto value = json::int_member(object, key);
  return value && *value > 0 ? static_cast<std::uint64_t>(*value) : 0;
}

AttachmentWrite parse_stub(std::string_view name, std::string_view value) {
  AttachmentWrite attachment;
  attachment.name = name;
  attachment.content_type =
      json::string_member(value, "content_type").value_or("application/octet-stream");
  attachment.stub = true;
  attachment.digest = json::string_member(value, "digest").value_or("");
  attachment.revpos = size_member(value, "revpos");
  attachment.length = size_member(value, "length");
  attachment.encoding = json::string_member(value, "encoding").value_or("");
  if (attachment.encoding == "identity") attachment.encoding.clear();
  if (!attachment.encoding.empty())
    attachment.encoded_length = size_member(value, "encoded_length");
  return attachment;
}

/// Members that servers add to an answer and that are no part of the document.
bool is_annotation(std::string_view name) {
  for (std::string_view known :
       {"_id", "_rev", "_conflicts", "_deleted_conflicts", "_local_seq", "_revs_info"}) {
    if (name == known) return true;
  }
  return name.starts_with("_replication_");
}

}  // namespace

WireDocument wire_document(const Document& document) {
  WireDocument wire;
  wire.id = document.id;
  wire.rev = document.rev;
  wire.deleted = document.deleted;
  wire.has_attachments = !document.attachments.empty();
  std::string& out = wire.json;
  out.reserve(document.body.size() + document.id.size() + 160 + 36 * document.history.size());
  out += "{\"_id\":";
  json::append_string(out, document.id);
  out += ",\"_rev\":";
  json::append_string(out, document.rev.to_string());
  if (document.deleted) out += ",\"_deleted\":true";
  if (document.body.size() > 2) {
    out += ',';
    out.append(document.body, 1, document.body.size() - 2);
  }
  append_revisions(out, document);
  append_attachments(out, document);
  out += '}';
  return wire;
}

Result<DocumentWrite> replicated_write(const WireDocument& document) {
  ATELIER_CHECK(check_document_id(document.id, false));
  ATELIER_TRY(split, json::split_specials(document.json));
  DocumentWrite write;
  write.id = document.id;
  write.body = std::move(split.rest);
  write.body_is_normal = true;
  for (const auto& [name, value] : split.specials) {
    if (name == "_deleted") {
      write.deleted = value == "true";
    } else if (name == "_revisions") {
      ATELIER_TRY(history, parse_revisions(value));
      write.history = std::move(history);
    } else if (name == "_attachments") {
      json::for_each_member(value, [&](std::string_view key, std::string_view stub) {
        write.attachments.push_back(parse_stub(key, stub));
        return true;
      });
    } else if (!is_annotation(name)) {
      return invalid("the member \"" + name + "\" is reserved");
    }
  }
  if (write.history.empty()) write.history.push_back(document.rev);
  return write;
}

}  // namespace atelier
