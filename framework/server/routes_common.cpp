// What several routes need: bodies, rights to write, and the way from a client's document to a
// write.
#include <algorithm>
#include <charconv>

#include "base/json_text.h"
#include "base/limits.h"
#include "server/attachment_intake.h"
#include "server/design_documents.h"
#include "server/document_json.h"
#include "server/replicator_database.h"
#include "server/routes.h"
#include "server/users.h"
#include "store/equal_leaves.h"

namespace atelier::server {

namespace {

constexpr std::string_view kValidationReason =
    "A validate_doc_update function is stored in this database. Functions that came as data are "
    "never run here, so only an administrator may write until it is removed or the database's "
    "_security says \"ignore_validate_doc_update\": true.";

/// Puts the bytes of inline attachments into the store. May wait.
Status store_inline(Store& store, ParsedDocument& document) {
  for (ParsedDocument::InlineAttachment& inlined : document.inline_attachments) {
    AttachmentIntake intake(store, std::move(inlined.attachment));
    ATELIER_CHECK(intake.append(inlined.data));
    inlined.data = std::string();
    ATELIER_TRY(attachment, intake.finish());
    document.write.attachments.push_back(std::move(attachment));
  }
  document.inline_attachments.clear();
  return ok();
}

}  // namespace

Result<std::string> json_body(const Request& request) {
  auto normal = json::normalize(request.body);
  if (!normal && normal.error().code == ErrorCode::kInvalid) return invalid("invalid UTF-8 JSON");
  return normal;
}

Result<std::string> json_object_body(const Request& request) {
  auto normal = json_body(request);
  if (normal && json::kind_of(*normal) != json::Kind::kObject)
    return invalid("Request body must be a JSON object");
  return normal;
}

std::string location(const Call& call, std::string_view id) {
  return call.request->origin() + "/" + url_encode(call.database->name()) + "/" +
         url_encode(id, ":");
}

Result<std::optional<RevId>> named_revision(const Request& request,
                                            std::optional<RevId> from_body) {
  std::optional<RevId> rev = std::move(from_body);
  if (const auto text = request.query.get("rev")) {
    ATELIER_TRY(queried, parse_rev(*text));
    if (rev && !(*rev == queried))
      return invalid("Document rev from request body and query string have different values");
    rev = queried;
  }
  std::string_view match = request.headers.get("If-Match");
  if (!match.empty()) {
    if (match.starts_with("W/")) match.remove_prefix(2);
    if (match.size() >= 2 && match.front() == '"') match = match.substr(1, match.size() - 2);
    ATELIER_TRY(matched, parse_rev(match));
    if (rev && !(*rev == matched)) return invalid("Document rev and etag have different values");
    rev = matched;
  }
  return rev;
}

std::uint64_t local_counter(const std::optional<RevId>& rev) {
  if (!rev) return 0;
  const std::string text = rev->hash();
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  return whole && number < INT64_MAX ? number : 0;
}

std::optional<Failure> validation_refusal(const Call& call) {
  if (call.database_admin() || !call.database->has_validation()) return std::nullopt;
  return Failure{501, "not_implemented", std::string(kValidationReason)};
}

Failure not_a_database_admin(const Call& call) {
  constexpr const char* kReason = "You are not a db or server admin.";
  if (call.request->principal.anonymous()) return {401, "unauthorized", kReason};
  return {403, "forbidden", kReason};
}

std::optional<Failure> design_fault(const Call& call, const DocumentWrite& write) {
  if (write.deleted) return std::nullopt;
  return design_document_fault(write.id, write.body, call.database->partitioned());
}

std::optional<Failure> write_refusal(const Call& call, std::string_view id) {
  if (call.database_admin()) return std::nullopt;
  if (id.starts_with("_design/")) return not_a_database_admin(call);
  // The gate says the same when it is committed; here before a large body was taken in.
  if (call.guard && !id.starts_with(kAccessPrefix))
    if (const Status may = call.guard->gate().may_write(call.guard->user()); !may)
      return failure_of(may.error());
  return validation_refusal(call);
}

namespace {

/// Clients of other makes name the same edit by another revision: see store/equal_leaves.h.
void merge_equal_leaves(Store& store, const std::vector<std::string>& ids,
                        const std::vector<WriteResult>& results) {
  for (std::size_t i = 0; i < ids.size() && i < results.size(); ++i) {
    if (!results[i].conflicted) continue;
    auto ends = ends_of_equal_leaves(store, ids[i]);
    if (!ends.empty()) store.write_async(std::move(ends), {}, [](const auto&) {});
  }
}

void write_to_store(const Call& call, std::vector<DocumentWrite> writes,
                    const WriteOptions& options,
                    std::function<void(std::vector<WriteResult>)> then) {
  std::vector<std::string> ids;  // of replicated documents, which alone can bring a conflict
  for (const DocumentWrite& write : writes) {
    if (!write.history.empty()) ids.push_back(write.id);
  }
  if (ids.size() != writes.size()) ids.clear();
  const bool governs =
      call.database->gate() &&
      std::any_of(writes.begin(), writes.end(), [](const DocumentWrite& write) {
        return write.id.starts_with(kAccessPrefix);
      });
  call.store().write_async(std::move(writes), options,
                           [post = call.context->post, then = std::move(then), ids = std::move(ids),
                            store = call.database->store(), gate = call.database->gate(),
                            governs](std::vector<WriteResult> results) {
                             post([then, ids, store, gate, governs, results = std::move(results)] {
                               if (governs) gate->reload();
                               merge_equal_leaves(*store, ids, results);
                               then(results);
                             });
                           });
}

/// Checks and completes a write to one of the system's own databases; slow.
Status prepare_system_write(const Call& call, DocumentWrite& write) {
  if (call.database->name() == kUsersDatabase)
    return prepare_user_write(call.request->principal, call.database_admin(), call.store(), write);
  return prepare_replicator_write(call.request->principal, write);
}

/// Writes to `_users` and `_replicator`: each is checked, what passes is written.
void write_system_documents(const Call& call, std::vector<DocumentWrite> writes,
                            const WriteOptions& options,
                            std::function<void(std::vector<WriteResult>)> then) {
  call.context->background(
      [call, options, writes = std::move(writes), then = std::move(then)]() mutable {
        auto results = std::make_shared<std::vector<WriteResult>>(writes.size());
        auto passed = std::make_shared<std::vector<DocumentWrite>>();
        auto places = std::make_shared<std::vector<std::size_t>>();
        for (std::size_t i = 0; i < writes.size(); ++i) {
          const Status prepared = prepare_system_write(call, writes[i]);
          if (!prepared) {
            (*results)[i].rev = prepared.error();
            continue;
          }
          passed->push_back(std::move(writes[i]));
          places->push_back(i);
        }
        call.context->post([call, options, results, passed, places, then = std::move(then)] {
          if (passed->empty()) return then(std::move(*results));
          write_to_store(call, std::move(*passed), options,
                         [results, places, then](std::vector<WriteResult> written) {
                           for (std::size_t i = 0; i < written.size(); ++i)
                             (*results)[(*places)[i]] = std::move(written[i]);
                           then(std::move(*results));
                         });
        });
      });
}

}  // namespace

void write_documents(const Call& call, std::vector<DocumentWrite> writes,
                     const WriteOptions& options,
                     std::function<void(std::vector<WriteResult>)> then) {
  const std::string& name = call.database->name();
  if (name == kUsersDatabase || name == kReplicatorDatabase)
    return write_system_documents(call, std::move(writes), options, std::move(then));
  write_to_store(call, std::move(writes), options, std::move(then));
}

Result<DocumentWrite> write_of(ParsedDocument& document, bool new_edits) {
  DocumentWrite write = std::move(document.write);
  if (new_edits) {
    write.parent = document.rev;
    // New bytes come with the new revision, whatever a client says.
    for (AttachmentWrite& attachment : write.attachments)
      if (!attachment.stub) attachment.revpos = 0;
  } else if (!document.revisions.empty()) {
    write.history = std::move(document.revisions);
  } else if (document.rev) {
    write.history = {*document.rev};
  } else {
    return invalid("When `new_edits: false`, the document needs `_rev` or `_revisions` specified");
  }
  return write;
}

void prepare_writes(const Call& call, std::vector<ParsedDocument> documents, bool new_edits,
                    std::function<void(Result<std::vector<DocumentWrite>>)> then) {
  auto convert =
      [new_edits](std::vector<ParsedDocument>& from) -> Result<std::vector<DocumentWrite>> {
    std::vector<DocumentWrite> writes;
    writes.reserve(from.size());
    for (ParsedDocument& document : from) {
      ATELIER_TRY(write, write_of(document, new_edits));
      writes.push_back(std::move(write));
    }
    return writes;
  };
  bool waits = false;
  for (const ParsedDocument& document : documents) waits |= !document.inline_attachments.empty();
  if (!waits) return then(convert(documents));
  auto shared = std::make_shared<std::vector<ParsedDocument>>(std::move(documents));
  call.context->background([shared, convert, store = call.shared_store(), then = std::move(then),
                            post = call.context->post] {
    Status stored = ok();
    for (ParsedDocument& document : *shared)
      if (stored) stored = store_inline(*store, document);
    auto writes = std::make_shared<Result<std::vector<DocumentWrite>>>(
        stored ? convert(*shared) : Result<std::vector<DocumentWrite>>(stored.error()));
    post([writes, then] { then(std::move(*writes)); });
  });
}

}  // namespace atelier::server
