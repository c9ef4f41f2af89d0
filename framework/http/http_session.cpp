#include "http/http_session.h"

#include <algorithm>
#include <charconv>

#include "base/digest.h"
#include "base/json_text.h"

namespace atelier {
namespace {

constexpr std::size_t kReasonBytesMax = 300;  // of another server's words in our messages

std::string header(const HttpReply& reply, const char* name) {
  const auto found = reply.headers.find(name);
  return found == reply.headers.end() ? "" : found->second;
}

ErrorCode code_of_status(int status) {
  switch (status) {
    case 400:
      return ErrorCode::kInvalid;
    case 401:
      return ErrorCode::kUnauthorized;
    case 402:  // Cloudant: over quota
    case 403:
      return ErrorCode::kForbidden;
    case 404:
      return ErrorCode::kNotFound;
    case 405:
    case 406:
    case 415:
    case 501:
      return ErrorCode::kUnsupported;
    case 408:
      return ErrorCode::kTimeout;
    case 409:
      return ErrorCode::kConflict;
    case 412:
      return ErrorCode::kExists;
    case 413:
      return ErrorCode::kTooLarge;
    case 429:
      return ErrorCode::kRateLimited;
    default:
      return status >= 400 && status < 500 ? ErrorCode::kInvalid : ErrorCode::kUnavailable;
  }
}

/// The server's `reason`, or its `error`, shortened and without control characters.
std::string reason_of(const HttpReply& reply) {
  const auto normal = json::normalize(reply.body);
  std::string reason;
  if (normal && json::kind_of(*normal) == json::Kind::kObject) {
    reason = json::string_member(*normal, "reason").value_or("");
    if (reason.empty()) reason = json::string_member(*normal, "error").value_or("");
  }
  if (reason.size() > kReasonBytesMax) reason.resize(kReasonBytesMax);
  std::replace_if(
      reason.begin(), reason.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; },
      ' ');
  return reason;
}

int retry_after_ms(const HttpReply& reply) {
  const std::string text = header(reply, "retry-after");
  int seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || error != std::errc() || seconds < 0) return 0;
  return std::min(seconds, kRetryAuthMs / 1000) * 1000;
}

}  // namespace

HttpSession::HttpSession(DatabaseUrl url, int connect_timeout_ms)
    : url_(std::move(url)),
      client_(make_http_client(url_, connect_timeout_ms)),
      kind_(url_.credentials.kind) {}

void HttpSession::add_credentials(HttpClient::Request& request) const {
  const Credentials& who = url_.credentials;
  switch (kind_) {
    case Credentials::Kind::kNone:
      break;
    case Credentials::Kind::kBasic:
      request.headers["Authorization"] = "Basic " + base64(who.user + ":" + who.secret);
      break;
    case Credentials::Kind::kBearer:
      request.headers["Authorization"] = "Bearer " + who.secret;
      break;
    case Credentials::Kind::kCookie:
      if (!cookie_.empty()) request.headers["Cookie"] = cookie_;
      break;
  }
}

Status HttpSession::log_in() {
  HttpClient::Request request;
  request.method = "POST";
  request.path = url_.base_path + "/_session";
  request.content_type = "application/x-www-form-urlencoded";
  request.body = "name=" + url_encode(url_.credentials.user) +
                 "&password=" + url_encode(url_.credentials.secret);
  ATELIER_TRY(reply, client_->send(request));
  if (reply.status == 404 || reply.status == 405 || reply.status == 501) {
    kind_ = Credentials::Kind::kBasic;
    return ok();
  }
  if (reply.status / 100 != 2) return error_of(reply);
  cookie_.clear();
  const auto [begin, end] = reply.headers.equal_range("set-cookie");
  for (auto it = begin; it != end; ++it) {
    if (!cookie_.empty()) cookie_ += "; ";
    cookie_ += it->second.substr(0, it->second.find(';'));
  }
  if (cookie_.empty()) kind_ = Credentials::Kind::kBasic;
  return ok();
}

Result<HttpReply> HttpSession::send(HttpClient::Request request) {
  const bool by_cookie = kind_ == Credentials::Kind::kCookie;
  if (by_cookie && cookie_.empty()) ATELIER_CHECK(log_in());
  add_credentials(request);
  auto reply = client_->send(request);
  // CouchDB answers 401 and 403 for an expired session alike.
  if (!by_cookie || !reply || (reply->status != 401 && reply->status != 403)) return reply;
  const std::string refused = std::exchange(cookie_, "");
  ATELIER_CHECK(log_in());
  if (cookie_ == refused) return reply;
  request.headers.erase("Cookie");
  add_credentials(request);
  return client_->send(request);
}

Status HttpSession::check_identity(const HttpReply& reply) {
  const std::string named = header(reply, "x-atelier-store");
  if (named.empty() && reply.status / 100 != 2) return ok();  // an error of somebody in between
  if (!std::exchange(identity_known_, true)) {
    identity_ = named;
    return ok();
  }
  return named == identity_ ? ok() : Status(other_database());
}

Error HttpSession::other_database() const {
  return {ErrorCode::kPeerChanged, "another database answers at " + url_.display() + " now"};
}

Result<HttpReply> HttpSession::send_to_database(std::string_view path,
                                                HttpClient::Request request) {
  request.path = url_.base_path + "/" + url_encode(url_.database);
  request.path += path;
  ATELIER_TRY(reply, send(std::move(request)));
  ATELIER_CHECK(check_identity(reply));
  return reply;
}

Result<HttpReply> HttpSession::ask(std::string_view path, HttpClient::Request request) {
  ATELIER_TRY(reply, send_to_database(path, std::move(request)));
  if (reply.status / 100 != 2) return error_of(reply);
  return reply;
}

Error HttpSession::error_of(const HttpReply& reply) const {
  Error error;
  error.code = code_of_status(reply.status);
  error.http_status = reply.status;
  error.retry_after_ms = retry_after_ms(reply);
  const std::string reason = reason_of(reply);
  error.message = url_.server() + " answered " + std::to_string(reply.status);
  if (!reason.empty()) error.message += ": " + reason;
  return error;
}

Error HttpSession::garbled(std::string_view what) const {
  return {ErrorCode::kUnavailable,
          url_.server() + " answered something that is not understood (" + std::string(what) + ")"};
}

}  // namespace atelier
