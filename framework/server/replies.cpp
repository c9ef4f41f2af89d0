#include "server/replies.h"

#include "base/json_text.h"
#include "base/limits.h"

namespace atelier::server {

namespace {

/// CouchDB has a name of its own for some kinds of malformed documents.
std::string_view name_of_invalid(std::string_view reason) {
  if (reason.starts_with("Bad special document member") || reason.starts_with("_revisions"))
    return "doc_validation";
  if (reason.starts_with("Partition")) return "illegal_partition";
  if (reason.starts_with("Invalid value for integer") ||
      reason.starts_with("Invalid value for positive integer") ||
      reason.starts_with("Invalid boolean parameter"))
    return "query_parse_error";
  if (reason.starts_with("Doc id") || reason.starts_with("Document id") ||
      reason.starts_with("Illegal document id") || reason.starts_with("Only reserved document ids"))
    return "illegal_docid";
  return "bad_request";
}

}  // namespace

Response json_reply(int status, std::string json) {
  Response response;
  response.status = status;
  response.headers.add("Cache-Control", "must-revalidate");
  response.headers.add("Content-Type", "application/json");
  response.body = std::move(json);
  response.body += '\n';
  return response;
}

std::string failure_members(const Failure& failure) {
  std::string out = "\"error\":";
  json::append_string(out, failure.error);
  out += ",\"reason\":";
  json::append_string(out, failure.reason);
  return out;
}

Response error_reply(const Failure& failure) {
  return json_reply(failure.status, "{" + failure_members(failure) + "}");
}

Response bytes_are_away() {
  Response response = error_reply(503, "evicted", kBytesAwayReason);
  response.headers.add("Retry-After", std::to_string(kBytesAwayRetrySeconds));
  return response;
}

Response error_reply(int status, std::string_view error, std::string_view reason) {
  return error_reply(Failure{status, std::string(error), std::string(reason)});
}

Response ok_reply(int status) {
  return json_reply(status, R"({"ok":true})");
}

Failure failure_of(const Error& error) {
  const std::string& text = error.message;
  switch (error.code) {
    case ErrorCode::kInvalid:
      if (text.starts_with("Invalid attachment stub")) return {412, "missing_stub", text};
      return {400, std::string(name_of_invalid(text)), text};
    case ErrorCode::kNotFound:
      return {404, "not_found", text.empty() ? "missing" : text};
    case ErrorCode::kEvicted:  // not "deleted" and not "missing": a reader must not take it for
                               // gone
      return {404, "not_found", "evicted"};
    case ErrorCode::kConflict:
      return {409, "conflict", "Document update conflict."};
    case ErrorCode::kForbidden:
      return {403, "forbidden", text};
    case ErrorCode::kUnauthorized:
      return {401, "unauthorized", text};
    case ErrorCode::kTooLarge:
      if (text == "Document id is too long") return {400, "illegal_docid", text};
      return {413, "document_too_large", text};
    case ErrorCode::kExists:
      return {412, "file_exists", "The database could not be created, the file already exists."};
    case ErrorCode::kUnsupported:
      return {501, "not_implemented", text};
    case ErrorCode::kRateLimited:
      return {429, "too_many_requests", text};
    case ErrorCode::kBusy:
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
    case ErrorCode::kCancelled:
      return {503, "service_unavailable", text};
    case ErrorCode::kFull:
      return {507, "insufficient_storage", text};
    case ErrorCode::kPeerChanged:
    case ErrorCode::kDisk:
    case ErrorCode::kCorrupt:
    case ErrorCode::kInternal:
      break;
  }
  return {500, std::string(error_code_name(error.code)), text};
}

Response error_reply(const Error& error) {
  return error_reply(failure_of(error));
}
Response bad_request(std::string_view reason) {
  return error_reply(400, "bad_request", reason);
}
Response missing(std::string_view reason) {
  return error_reply(404, "not_found", reason);
}
Response conflict() {
  return error_reply(409, "conflict", "Document update conflict.");
}

Response not_implemented(std::string_view reason) {
  return error_reply(501, "not_implemented", reason);
}

Response method_not_allowed(std::string_view allowed) {
  Response response =
      error_reply(405, "method_not_allowed", "Only " + std::string(allowed) + " allowed");
  response.headers.add("Allow", std::string(allowed));
  return response;
}

Response not_a_server_admin() {
  return error_reply(401, "unauthorized", "You are not a server admin.");
}

}  // namespace atelier::server
