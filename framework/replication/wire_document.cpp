#include "replication/wire_document.h"

#include <algorithm>
#include <utility>

#include "base/json_text.h"
#include "store/store.h"

namespace atelier {
namespace {

using json::Kind;

void append_revisions(std::string& out, const WireDocument& document) {
  const RevId& newest = document.history.empty() ? document.rev : document.history.front();
  out += ",\"_revisions\":{\"start\":";
  out += std::to_string(newest.generation());
  out += ",\"ids\":[";
  if (document.history.empty()) json::append_string(out, newest.hash());
  for (std::size_t i = 0; i < document.history.size(); ++i) {
    if (i > 0) out += ',';
    json::append_string(out, document.history[i].hash());
  }
  out += "]}";
}

/// `_revisions` as a history, newest first.
Result<std::vector<RevId>> parse_revisions(std::string_view text) {
  const auto start = json::int_member(text, "start");
  const auto ids = json::member(text, "ids");
  if (!start || *start < 1 || !ids || json::kind_of(*ids) != Kind::kArray) {
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

std::uint64_t size_of(std::string_view value) {
  const auto size = json::int_value(value);
  return size && *size > 0 ? static_cast<std::uint64_t>(*size) : 0;
}

Attachment parse_stub(std::string_view name, std::string_view value) {
  Attachment attachment;
  attachment.name = name;
  attachment.content_type = "application/octet-stream";
  json::for_each_member(value, [&](std::string_view key, std::string_view member) {
    if (key == "content_type") {
      attachment.content_type = json::string_value(member).value_or(attachment.content_type);
    } else if (key == "digest") {
      attachment.digest = json::string_value(member).value_or("");
    } else if (key == "revpos") {
      attachment.revpos = size_of(member);
    } else if (key == "length") {
      attachment.length = size_of(member);
    } else if (key == "encoding") {
      attachment.encoding = json::string_value(member).value_or("");
    } else if (key == "encoded_length") {
      attachment.encoded_length = size_of(member);
    }
    return true;
  });
  if (attachment.encoding == "identity") attachment.encoding.clear();
  if (attachment.encoding.empty()) attachment.encoded_length = 0;
  return attachment;
}

/// Members that servers add to an answer and that are no part of the document.
bool is_annotation(std::string_view name) {
  for (std::string_view known : {"_conflicts", "_deleted_conflicts", "_local_seq", "_revs_info"}) {
    if (name == known) return true;
  }
  return name.starts_with("_replication_");
}

/// Collects the members that make the body, as few long runs of the text as possible.
class BodyRuns {
 public:
  explicit BodyRuns(std::string_view object) : object_(object), member_begin_(1), run_begin_(1) {}

  /// The member whose value is `value` belongs to the body, or it does not.
  void member(std::string_view value, bool belongs) {
    const std::size_t end = static_cast<std::size_t>(value.data() - object_.data()) + value.size();
    if (!belongs) {
      close_run(member_begin_ - 1);
      run_begin_ = end + 1;
    }
    member_begin_ = end + 1;
  }
  std::string take() {
    close_run(object_.size() - 1);
    if (body_.empty()) return "{}";
    body_ += '}';
    return std::move(body_);
  }

 private:
  /// `end` is the place of the comma or bracket behind the run.
  void close_run(std::size_t end) {
    if (end <= run_begin_) return;
    if (body_.empty()) body_.reserve(object_.size() - run_begin_ + 2);
    body_ += body_.empty() ? '{' : ',';
    body_.append(object_, run_begin_, end - run_begin_);
  }

  const std::string_view object_;
  std::size_t member_begin_, run_begin_;
  std::string body_;
};

/// One `_` member. Returns false when it makes the document useless.
void take_special(WireDocument& document, std::string_view name, std::string_view value) {
  if (name == "_id") {
    document.id = json::string_value(value).value_or("");
  } else if (name == "_rev") {
    const auto text = json::string_value(value);
    const auto rev = text ? RevId::parse(*text) : Result<RevId>(invalid("no revision"));
    if (rev) document.rev = *rev;
  } else if (name == "_deleted") {
    document.deleted = value == "true";
  } else if (name == "_revisions") {
    auto history = json::kind_of(value) == Kind::kObject
                       ? parse_revisions(value)
                       : Result<std::vector<RevId>>(invalid("_revisions is no object"));
    if (history) {
      document.history = std::move(*history);
    } else {
      document.fault = history.error().message;
    }
  } else if (name == "_attachments") {
    json::for_each_member(value, [&](std::string_view key, std::string_view stub) {
      document.attachments.push_back(parse_stub(key, stub));
      return true;
    });
  } else if (!is_annotation(name)) {
    document.fault = "the member \"" + std::string(name) + "\" is reserved";
  }
}

}  // namespace

WireDocument wire_document(Document document) {
  WireDocument wire;
  wire.id = std::move(document.id);
  wire.rev = document.rev;
  wire.deleted = document.deleted;
  wire.body = std::move(document.body);
  wire.history = std::move(document.history);
  wire.attachments = std::move(document.attachments);
  return wire;
}

Result<DocumentWrite> replicated_write(WireDocument document) {
  ATELIER_CHECK(check_document_id(document.id, false));
  if (!document.fault.empty()) return invalid(std::move(document.fault));
  DocumentWrite write;
  write.id = std::move(document.id);
  write.deleted = document.deleted;
  write.body = std::move(document.body);
  write.body_is_normal = true;
  write.history = std::move(document.history);
  if (write.history.empty()) write.history.push_back(document.rev);
  write.attachments.reserve(document.attachments.size());
  for (Attachment& from : document.attachments) {
    AttachmentWrite to;
    to.name = std::move(from.name);
    to.content_type = std::move(from.content_type);
    to.stub = true;
    to.digest = std::move(from.digest);
    to.revpos = from.revpos;
    to.length = from.length;
    to.encoding = std::move(from.encoding);
    to.encoded_length = from.encoded_length;
    write.attachments.push_back(std::move(to));
  }
  return write;
}

std::optional<WireDocument> parse_wire_document(std::string_view json) {
  if (json::kind_of(json) != Kind::kObject) return std::nullopt;
  WireDocument document;
  BodyRuns body(json);
  json::for_each_member(json, [&](std::string_view name, std::string_view value) {
    const bool special = name.starts_with('_');
    if (special) take_special(document, name, value);
    body.member(value, !special);
    return true;
  });
  if (document.id.empty() || !document.rev) return std::nullopt;
  document.body = body.take();
  return document;
}

std::string stub_json(const Attachment& attachment) {
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
  return stub.take();
}

void append_wire_json(std::string& out, const WireDocument& document,
                      const std::function<std::string(const Attachment&)>& attachment_json) {
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
  if (!document.attachments.empty()) {
    out += ",\"_attachments\":{";
    for (const Attachment& attachment : document.attachments) {
      if (&attachment != &document.attachments.front()) out += ',';
      json::append_string(out, attachment.name);
      out += ':';
      out += attachment_json(attachment);
    }
    out += '}';
  }
  out += '}';
}

}  // namespace atelier
