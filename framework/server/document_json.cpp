#include "server/document_json.h"

#include <algorithm>

#include "base/json_text.h"

namespace atelier::server {

namespace {

void append_rev_list(std::string& out, std::string_view name, const std::vector<RevId>& revs) {
  out += ",\"";
  out += name;
  out += "\":[";
  for (std::size_t i = 0; i < revs.size(); ++i) {
    if (i != 0) out += ',';
    json::append_string(out, revs[i].to_string());
  }
  out += ']';
}

void append_revisions(std::string& out, const Document& document) {
  out += ",\"_revisions\":{\"start\":";
  out += std::to_string(document.rev.generation());
  out += ",\"ids\":[";
  for (std::size_t i = 0; i < document.history.size(); ++i) {
    if (i != 0) out += ',';
    json::append_string(out, document.history[i].hash());
  }
  out += "]}";
}

void append_revs_info(std::string& out, const Document& document, const Store& store) {
  const auto tree = store.tree(document.id);
  out += ",\"_revs_info\":[";
  for (std::size_t i = 0; i < document.history.size(); ++i) {
    const std::int32_t index = tree ? tree->find(document.history[i]) : -1;
    const char* status = "missing";
    if (index >= 0 && tree->node(index).body != 0)
      status = tree->node(index).deleted ? "deleted" : "available";
    if (i != 0) out += ',';
    out += "{\"rev\":";
    json::append_string(out, document.history[i].to_string());
    out += ",\"status\":\"";
    out += status;
    out += "\"}";
  }
  out += ']';
}

/// The generation that the reader has the attachments of; 0 when it has none.
std::uint64_t known_generation(const Document& document, const ShowOptions& show) {
  for (const RevId& rev : document.history)
    if (std::find(show.atts_since.begin(), show.atts_since.end(), rev) != show.atts_since.end())
      return rev.generation();
  return 0;
}

bool wants_bytes(const Document& document, const ShowOptions& show, const Attachment& attachment) {
  if (!show.attachments) return false;
  if (show.atts_since.empty()) return true;
  const std::uint64_t known = known_generation(document, show);
  return known == 0 || attachment.revpos > known;
}

bool sends_bytes(const Document& document, const ShowOptions& show, const Attachment& attachment) {
  // Never an empty blob: a stub.
  return !attachment.evicted() && wants_bytes(document, show, attachment);
}

void show_data(Pieces& out, const Attachment& attachment, const ShowOptions& show) {
  out.text(",\"data\":\"");
  if (attachment.encoding.empty() || show.att_encoding_info) {
    out.base64_blob(attachment.blob,
                    attachment.encoding.empty() ? attachment.length : attachment.encoded_length);
  } else {
    out.unpacked_blob(attachment.blob, attachment.encoded_length, true);
  }
  out.text("\"");
}

void show_attachment(Pieces& out, const Document& document, const Attachment& attachment,
                     const ShowOptions& show) {
  std::string text = json::quoted(attachment.name);
  text += ":{\"content_type\":";
  json::append_string(text, attachment.content_type);
  text += ",\"revpos\":" + std::to_string(attachment.revpos) + ",\"digest\":";
  json::append_string(text, attachment.digest);
  const bool bytes = sends_bytes(document, show, attachment);
  if (!bytes || show.follows) {
    text += ",\"length\":" + std::to_string(attachment.length);
    text += bytes ? ",\"follows\":true" : ",\"stub\":true";
  }
  out.text(text);
  if (bytes && !show.follows) show_data(out, attachment, show);
  if (!attachment.encoding.empty() && (show.att_encoding_info || show.follows)) {
    out.text(",\"encoding\":" + json::quoted(attachment.encoding) +
             ",\"encoded_length\":" + std::to_string(attachment.encoded_length));
  }
  out.text("}");
}

}  // namespace

bool wants_what_is_away(const Document& document, const ShowOptions& show) {
  if (show.left_behind) return false;
  return std::any_of(document.attachments.begin(), document.attachments.end(),
                     [&](const Attachment& attachment) {
                       return attachment.evicted() && wants_bytes(document, show, attachment);
                     });
}

Result<RevId> parse_rev(std::string_view text) {
  auto rev = RevId::parse(text);
  if (!rev) return invalid("Invalid rev format");
  return rev;
}

Result<std::vector<RevId>> parse_rev_list(std::string_view json_text) {
  const auto list = json::normalize(json_text);
  if (!list) return invalid("invalid UTF-8 JSON");
  if (json::kind_of(*list) != json::Kind::kArray) return invalid("Invalid list of revisions");
  std::vector<RevId> revs;
  std::optional<Error> failed;
  json::for_each_element(*list, [&](std::string_view element) {
    const auto text = json::string_value(element);
    auto rev = parse_rev(text.value_or(""));
    if (!rev)
      failed = rev.error();
    else
      revs.push_back(*rev);
    return !failed;
  });
  if (failed) return *failed;
  return revs;
}

Result<ShowOptions> show_options(const Query& query) {
  ShowOptions show;
  const bool meta = query.is_true("meta");
  show.revs = query.is_true("revs");
  show.revs_info = meta || query.is_true("revs_info");
  show.local_seq = query.is_true("local_seq");
  show.left_behind = query.is_true("left_behind");
  show.conflicts = meta || query.is_true("conflicts");
  show.deleted_conflicts = meta || query.is_true("deleted_conflicts");
  show.attachments = query.is_true("attachments");
  show.att_encoding_info = query.is_true("att_encoding_info");
  if (const auto since = query.get("atts_since")) {
    ATELIER_TRY(revs, parse_rev_list(*since));
    show.atts_since = std::move(revs);
    show.attachments = true;
  }
  return show;
}

GetOptions get_options(const ShowOptions& show) {
  GetOptions options;
  options.history = show.needs_history();
  options.conflicts = show.conflicts || show.deleted_conflicts;
  return options;
}

std::vector<const Attachment*> attachments_to_send(const Document& document,
                                                   const ShowOptions& show) {
  std::vector<const Attachment*> list;
  for (const Attachment& attachment : document.attachments)
    if (sends_bytes(document, show, attachment)) list.push_back(&attachment);
  return list;
}

void append_simple_document(std::string& out, std::string_view id, const RevId& rev, bool deleted,
                            std::string_view body) {
  out += "{\"_id\":";
  json::append_string(out, id);
  out += ",\"_rev\":";
  json::append_string(out, rev.to_string());
  if (body.size() > 2) {
    out += ',';
    out += body.substr(1, body.size() - 2);
  }
  if (deleted) out += ",\"_deleted\":true";
  out += '}';
}

void show_document(Pieces& out, const Document& document, const ShowOptions& show,
                   const Store& store) {
  std::string text;
  append_simple_document(text, document.id, document.rev, document.deleted, document.body);
  text.pop_back();
  if (show.revs) append_revisions(text, document);
  if (show.revs_info) append_revs_info(text, document, store);
  if (show.local_seq) text += ",\"_local_seq\":" + std::to_string(document.sequence);
  if (show.conflicts && !document.conflicts.empty())
    append_rev_list(text, "_conflicts", document.conflicts);
  if (show.deleted_conflicts && !document.deleted_conflicts.empty())
    append_rev_list(text, "_deleted_conflicts", document.deleted_conflicts);
  out.text(text);
  if (!document.attachments.empty()) {
    out.text(",\"_attachments\":{");
    for (std::size_t i = 0; i < document.attachments.size(); ++i) {
      if (i != 0) out.text(",");
      show_attachment(out, document, document.attachments[i], show);
    }
    out.text("}");
  }
  out.text("}");
}

std::string header_safe(std::string_view text) {
  std::string out;
  for (char c : text)
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) out += c;
  return out;
}

namespace {

std::string quoted_file_name(std::string_view name) {
  std::string out = "\"";
  for (char c : header_safe(name)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

void show_related(Pieces& out, const Document& document, ShowOptions show, const Store& store,
                  const std::string& boundary) {
  show.follows = true;
  out.text("--" + boundary + "\r\nContent-Type: application/json\r\n\r\n");
  show_document(out, document, show, store);
  for (const Attachment* attachment : attachments_to_send(document, show)) {
    const bool encoded = !attachment->encoding.empty();
    const std::uint64_t length = encoded ? attachment->encoded_length : attachment->length;
    out.text("\r\n--" + boundary +
             "\r\nContent-Disposition: attachment; filename=" + quoted_file_name(attachment->name) +
             "\r\nContent-Type: " + header_safe(attachment->content_type) +
             "\r\nContent-Length: " + std::to_string(length) + "\r\n" +
             (encoded ? "Content-Encoding: " + header_safe(attachment->encoding) + "\r\n" : "") +
             "\r\n");
    out.blob(attachment->blob, 0, length);
  }
  out.text("\r\n--" + boundary + "--");
}

std::optional<std::uint64_t> plain_length(const Attachment& attachment) {
  if (attachment.encoding.empty()) return attachment.length;
  if (attachment.length == attachment.encoded_length) return std::nullopt;
  return attachment.length;
}

std::string quoted_etag(const RevId& rev) {
  return "\"" + rev.to_string() + "\"";
}

bool none_match(const Request& request, std::string_view etag) {
  for (std::string_view wanted : split_list(request.headers.get("If-None-Match"))) {
    if (wanted.starts_with("W/")) wanted.remove_prefix(2);
    if (wanted == etag || wanted == "*") return true;
  }
  return false;
}

std::string attachment_stubs(const Document& document) {
  if (document.attachments.empty()) return {};
  json::Writer out;
  out.begin_object();
  for (const Attachment& attachment : document.attachments) {
    out.key(attachment.name).begin_object();
    out.key("content_type").string(attachment.content_type);
    out.key("revpos").integer(static_cast<std::int64_t>(attachment.revpos));
    out.key("digest").string(attachment.digest);
    out.key("length").integer(static_cast<std::int64_t>(attachment.length));
    out.key("stub").boolean(true).end_object();
  }
  out.end_object();
  return out.take();
}

}  // namespace atelier::server
