// A client's document text, checked as CouchDB checks it and with its words where it has any
// (captured from CouchDB 3.5). Thread rule: pure functions.
#include <set>

#include "base/digest.h"
#include "base/json_text.h"
#include "store/store.h"
#include "store/store_impl.h"

namespace atelier {
namespace {

constexpr std::string_view kDesignPrefix = "_design/";
constexpr std::string_view kLocalPrefix = "_local/";

Error bad_member(std::string_view name) {
  return invalid("Bad special document member: " + std::string(name));
}

Error bad_data(const std::string& name) {
  return invalid("Invalid attachment data for " + name);
}

bool is_object(std::string_view normal) {
  return json::kind_of(normal) == json::Kind::kObject;
}

// Told by servers for the reader's use and never stored; CouchDB ignores them in a write as well.
bool is_ignored(std::string_view name) {
  static const std::set<std::string_view> kIgnored = {
      "_conflicts",         "_deleted_conflicts",        "_local_seq",
      "_revs_info",         "_replication_id",           "_replication_owner",
      "_replication_state", "_replication_state_reason", "_replication_state_time",
      "_replication_stats"};
  return kIgnored.contains(name);
}

Status parse_id(std::string_view value, ParsedDocument& parsed) {
  const auto id = json::string_value(value);
  if (!id) return invalid("Document id must be a string");
  parsed.write.id = *id;
  return check_document_id(*id, false);
}

Status parse_rev(std::string_view value, ParsedDocument& parsed) {
  const auto text = json::string_value(value);
  if (!text) return invalid("Invalid rev format");
  ATELIER_TRY(rev, RevId::parse(*text));
  parsed.rev = std::move(rev);
  return ok();
}

Status parse_deleted(std::string_view value, ParsedDocument& parsed) {
  const auto deleted = json::bool_value(value);
  if (!deleted) return bad_member("_deleted");
  parsed.write.deleted = *deleted;
  return ok();
}

Status parse_revisions(std::string_view value, ParsedDocument& parsed) {
  if (!is_object(value)) return bad_member("_revisions");
  const auto start = json::int_member(value, "start");
  if (!start || *start < 0) return invalid("_revisions.start isn't an integer.");
  const auto ids = json::member(value, "ids");
  if (!ids || json::kind_of(*ids) != json::Kind::kArray) {
    return invalid("_revisions.ids isn't a array.");
  }
  Status status = ok();
  auto generation = static_cast<std::uint64_t>(*start);
  json::for_each_element(*ids, [&](std::string_view element) {
    const auto hash = json::string_value(element);
    if (!hash) {
      status = invalid("RevId isn't a string");
      return false;
    }
    if (generation == 0) {
      status = invalid("_revisions.start is smaller than the number of ids");
      return false;
    }
    auto rev = RevId::from_parts(generation--, *hash);
    if (!rev) {
      status = rev.error();
      return false;
    }
    parsed.revisions.push_back(std::move(*rev));
    return true;
  });
  return status;
}

Status check_attachment_name(const std::string& name) {
  if (name.empty()) return invalid("Attachment name must not be empty");
  if (name.front() == '_') {
    return invalid("Attachment name '" + name + "' starts with prohibited character '_'");
  }
  if (name.size() > kAttachmentNameBytesMax) {
    return Error(ErrorCode::kTooLarge, "an attachment's name is longer than " +
                                           std::to_string(kAttachmentNameBytesMax) + " bytes");
  }
  return ok();
}

std::uint64_t size_member(std::string_view object, std::string_view key) {
  const auto value = json::int_member(object, key);
  return value && *value > 0 ? static_cast<std::uint64_t>(*value) : 0;
}

Status parse_attachment(std::string_view name, std::string_view value, ParsedDocument& parsed) {
  if (!is_object(value)) return bad_member("_attachments");
  AttachmentWrite one;
  one.name = name;
  ATELIER_CHECK(check_attachment_name(one.name));
  one.content_type = json::string_member(value, "content_type").value_or("");
  one.digest = json::string_member(value, "digest").value_or("");
  one.encoding = json::string_member(value, "encoding").value_or("");
  one.revpos = size_member(value, "revpos");
  one.length = size_member(value, "length");
  one.encoded_length = size_member(value, "encoded_length");
  one.stub = json::bool_member(value, "stub").value_or(false);
  if (one.stub) {
    parsed.write.attachments.push_back(std::move(one));
    return ok();
  }
  if (one.content_type.empty()) one.content_type = "application/octet-stream";
  ParsedDocument::InlineAttachment inlined;
  inlined.follows = json::bool_member(value, "follows").value_or(false);
  if (!inlined.follows) {
    const auto text = json::string_member(value, "data");
    const auto data = text ? unbase64(*text) : std::nullopt;
    if (!data) return bad_data(one.name);
    inlined.data = *data;
    one.length = data->size();  // what the client says of them does not count
    one.digest.clear();
    one.encoding.clear();
  }
  inlined.attachment = std::move(one);
  parsed.inline_attachments.push_back(std::move(inlined));
  return ok();
}

Status parse_attachments(std::string_view value, ParsedDocument& parsed) {
  if (!is_object(value)) return bad_member("_attachments");
  Status status = ok();
  json::for_each_member(value, [&](std::string_view name, std::string_view attachment) {
    status = parse_attachment(name, attachment, parsed);
    return status.has_value();
  });
  return status;
}

Status parse_special(const std::string& name, std::string_view value, ParsedDocument& parsed) {
  if (name == "_id") return parse_id(value, parsed);
  if (name == "_rev") return parse_rev(value, parsed);
  if (name == "_deleted") return parse_deleted(value, parsed);
  if (name == "_revisions") return parse_revisions(value, parsed);
  if (name == "_attachments") return parse_attachments(value, parsed);
  if (is_ignored(name)) return ok();
  return bad_member(name);
}

Result<ParsedDocument> parse(std::string_view text) {
  auto normal = json::normalize(text);
  if (!normal) return Error(normal.error().code, "invalid UTF-8 JSON");
  if (!is_object(*normal)) return invalid("Document must be a JSON object");
  ATELIER_TRY(split, json::split_specials(*normal));
  ParsedDocument parsed;
  for (const auto& [name, value] : split.specials) {
    ATELIER_CHECK(parse_special(name, value, parsed));
  }
  if (split.rest.size() > kDocumentBytesMax) {
    return Error(ErrorCode::kTooLarge, parsed.write.id);
  }
  parsed.write.body = std::move(split.rest);
  parsed.write.body_is_normal = true;
  return parsed;
}

Status check_partition(std::string_view id) {
  const std::size_t colon = id.find(':');
  if (colon == std::string_view::npos) return invalid("Doc id must be of form partition:id");
  if (colon == 0) return invalid("Partition must not be empty");
  if (colon + 1 == id.size()) return invalid("Document id must not be empty");
  return ok();
}

}  // namespace

Result<ParsedDocument> parse_document(std::string_view text) {
  return guard([&] { return parse(text); });
}

Status check_document_id(std::string_view id, bool partitioned) {
  if (id.empty()) return invalid("Document id must not be empty");
  if (id.size() > kIdBytesMax) return Error(ErrorCode::kTooLarge, "Document id is too long");
  if (!json::is_utf8(id)) return invalid("Document id must be valid UTF-8");
  if (id == kDesignPrefix || id == kLocalPrefix) {
    return invalid("Illegal document id `" + std::string(id) + "`");
  }
  if (id.starts_with(kDesignPrefix) || id.starts_with(kLocalPrefix)) return ok();
  if (id.front() == '_') {
    return invalid("Only reserved document ids may start with underscore.");
  }
  return partitioned ? check_partition(id) : ok();
}

}  // namespace atelier
