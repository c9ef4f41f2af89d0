#include "http/http_session.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/peer_clocks.h"

namespace atelier {
namespace {

constexpr std::size_t kReasonBytesMax = 300;  // of another server's words in our messages

std::string header_of(const HttpReply& reply, const char* name) {
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
  const std::string text = header_of(reply, "retry-after");
  int seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || error != std::errc() || seconds < 0) return 0;
  return std::min(seconds, kRetryAuthMs / 1000) * 1000;
}

}  // namespace

HttpSession::HttpSession(DatabaseUrl url, HttpTransport transport,
                         std::shared_ptr<ServerAccess> access)
    : url_(std::move(url)),
      transport_(std::move(transport)),
      access_(std::move(access)),
      client_(make_http_client(url_, transport_)) {}

void HttpSession::cancel() {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  stopped_.notify_all();
  client_->cancel();
  if (exchange_) exchange_->cancel();
}

Result<HttpClient*> HttpSession::exchange_client(const std::string& url) {
  // An exchange's address is a database's by its form.
  ATELIER_TRY(server, DatabaseUrl::parse(url));
  const std::lock_guard lock(mutex_);
  if (cancelled_) return Error(ErrorCode::kCancelled, "the request was cancelled");
  if (!exchange_) exchange_ = make_http_client(server, transport_);
  return exchange_.get();
}

Status HttpSession::keep_pace(RequestClass kind) {
  for (;;) {
    const std::int64_t wait_ms = access_->pacer.wait_ms(kind, system_clock().monotonic_ms());
    if (wait_ms == 0) return ok();
    std::unique_lock lock(mutex_);
    stopped_.wait_for(lock, std::chrono::milliseconds(wait_ms), [this] { return cancelled_; });
    if (cancelled_) return Error(ErrorCode::kCancelled, "the request was cancelled");
  }
}

Result<HttpReply> HttpSession::send_as(HttpClient::Request& request, Authenticator::Header& used) {
  auto header = access_->who.header(
      *client_, [this](const std::string& url) { return exchange_client(url); });
  if (!header) {
    Error error = header.error();
    error.message = access_->who.scrub(std::move(error.message));
    return error;
  }
  used = std::move(*header);
  if (!used.name.empty()) request.headers[used.name] = used.value;
  const RequestClass kind = request_class(request.method, request.path);
  ATELIER_CHECK(keep_pace(kind));
  auto reply = client_->send(request);
  if (reply) {
    access_->pacer.answered(kind, reply->status == 429, system_clock().monotonic_ms());
    if (!url_.host.empty()) peer_clocks().heard(url_.host, header_of(*reply, "date"));
    const auto [begin, end] = reply->headers.equal_range("set-cookie");
    for (auto it = begin; it != end; ++it) access_->who.observe_cookie(it->second);
  }
  return reply;
}

Result<HttpReply> HttpSession::send(HttpClient::Request request) {
  Authenticator::Header used;
  auto reply = send_as(request, used);
  if (!reply || (reply->status != 401 && reply->status != 403)) return reply;
  if (!access_->who.may_renew(used, reply->status)) return reply;
  request.headers.erase(used.name);
  return send_as(request, used);
}

Status HttpSession::check_identity(const HttpReply& reply) {
  const std::string named = header_of(reply, "x-atelier-store");
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
  upstream_ = sync_state_named(header_of(reply, "x-atelier-upstream"));
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
  error.message = access_->who.scrub(std::move(error.message));
  return error;
}

Error HttpSession::garbled(std::string_view what) const {
  return {ErrorCode::kUnavailable,
          url_.server() + " answered something that is not understood (" + std::string(what) + ")"};
}

}  // namespace atelier
