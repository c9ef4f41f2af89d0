#include "http/credentials.h"

#include <algorithm>
#include <utility>

#include "base/digest.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "http/http_client.h"
#include "http/http_peer.h"

namespace atelier {
namespace {

using Kind = Credentials::Kind;

constexpr const char* kGrant = "urn:ibm:params:oauth:grant-type:apikey";
constexpr std::int64_t kTokenSecondsDefault = 3'600;  // where the answer does not say

/// The words of a refusal by IBM's service, or by CouchDB's kind.
std::string words_of(const HttpReply& reply) {
  const auto normal = json::normalize(reply.body);
  if (!normal || json::kind_of(*normal) != json::Kind::kObject) return "";
  for (const char* name : {"errorMessage", "reason", "error"}) {
    auto text = json::string_member(*normal, name);
    if (text && !text->empty()) return *text;
  }
  return "";
}

Error refusal(const HttpReply& reply, std::string what) {
  const bool passing = reply.status == 429 || reply.status >= 500;
  Error error(passing ? ErrorCode::kUnavailable : ErrorCode::kUnauthorized, std::move(what));
  if (reply.status == 429) error.code = ErrorCode::kRateLimited;
  error.http_status = reply.status;
  const std::string words = words_of(reply);
  error.message += " (" + std::to_string(reply.status) + (words.empty() ? ")" : "): " + words);
  return error;
}

}  // namespace

Authenticator::Authenticator(Credentials credentials, std::string base_path, Clock& clock)
    : credentials_(std::move(credentials)),
      base_path_(std::move(base_path)),
      clock_(clock),
      kind_(credentials_.kind) {}

Authenticator::Header Authenticator::basic_header() const {
  return {"Authorization", "Basic " + base64(credentials_.user + ":" + credentials_.secret)};
}

Result<Authenticator::Header> Authenticator::header(HttpClient& session, const Connect& exchange) {
  const std::lock_guard lock(mutex_);
  switch (kind_) {
    case Kind::kNone:
      return Header{};
    case Kind::kBasic:
      return basic_header();
    case Kind::kBearer:
      return Header{"Authorization", "Bearer " + credentials_.secret};
    case Kind::kCookie:
      return cookie_header(session);
    case Kind::kIamKey:
      return token_header(exchange);
    case Kind::kCallback:
      return callback_header();
  }
  return Header{};
}

bool Authenticator::may_renew(const Header& used, int status) {
  const std::lock_guard lock(mutex_);
  if (kind_ != Kind::kCookie && kind_ != Kind::kIamKey && kind_ != Kind::kCallback) return false;
  if (used.value != token_) return true;  // another connection has renewed it meanwhile
  // CouchDB answers 401 and 403 for an expired session alike; a young one was not the reason.
  const bool young = clock_.monotonic_ms() - since_ms_ < kSessionYoungMs;
  if (status != 401 && (young || kind_ != Kind::kCookie)) return false;
  if (young && refused_) return false;
  refused_ = true;
  return true;
}

// --- cookie sessions

Result<Authenticator::Header> Authenticator::cookie_header(HttpClient& session) {
  if (token_.empty() || refused_) ATELIER_CHECK(log_in(session));
  if (kind_ == Kind::kBasic) return basic_header();
  return Header{"Cookie", token_};
}

Status Authenticator::log_in(HttpClient& session) {
  HttpClient::Request request;
  request.method = "POST";
  request.path = base_path_ + "/_session";
  request.content_type = "application/x-www-form-urlencoded";
  request.body =
      "name=" + url_encode(credentials_.user) + "&password=" + url_encode(credentials_.secret);
  ATELIER_TRY(reply, session.send(request));
  if (reply.status == 404 || reply.status == 405 || reply.status == 501) {
    kind_ = Kind::kBasic;
    return ok();
  }
  if (reply.status / 100 != 2) return refusal(reply, "the server refused user and password");
  token_.clear();
  const auto [begin, end] = reply.headers.equal_range("set-cookie");
  for (auto it = begin; it != end; ++it) {
    if (!token_.empty()) token_ += "; ";
    token_ += it->second.substr(0, it->second.find(';'));
  }
  if (token_.empty()) kind_ = Kind::kBasic;
  since_ms_ = clock_.monotonic_ms();
  refused_ = false;
  return ok();
}

void Authenticator::observe_cookie(const std::string& set_cookie) {
  const std::string pair = set_cookie.substr(0, set_cookie.find(';'));
  if (!pair.starts_with("AuthSession=") || pair == "AuthSession=" || pair == "AuthSession=\"\"") {
    return;
  }
  const std::lock_guard lock(mutex_);
  if (kind_ != Kind::kCookie || !token_.starts_with("AuthSession=") ||
      token_.find(';') != std::string::npos) {
    return;
  }
  token_ = pair;
}

// --- API keys

Result<Authenticator::Header> Authenticator::token_header(const Connect& exchange) {
  const bool due = token_.empty() || refused_ || clock_.monotonic_ms() >= until_ms_;
  if (due) {
    const std::string url = credentials_.token_url.empty() ? kIamTokenUrl : credentials_.token_url;
    auto client = exchange(url);
    if (!client) return client.error();
    const auto scheme = url.find("://");
    const auto slash = url.find('/', scheme == std::string::npos ? 0 : scheme + 3);
    auto exchanged = exchange_key(**client, slash == std::string::npos ? "/" : url.substr(slash));
    // An early renewal that fails is tried again with the next request.
    const bool still_good =
        !token_.empty() && !refused_ && clock_.monotonic_ms() < until_ms_ + kTokenRenewEarlyMs;
    if (!exchanged && !still_good) return exchanged.error();
  }
  return Header{"Authorization", token_};
}

Status Authenticator::exchange_key(HttpClient& client, const std::string& path) {
  HttpClient::Request request;
  request.method = "POST";
  request.path = path;
  request.content_type = "application/x-www-form-urlencoded";
  request.read_timeout_ms = kTokenTimeoutMs;
  request.body = "grant_type=" + url_encode(kGrant) + "&apikey=" + url_encode(credentials_.secret);
  ATELIER_TRY(reply, client.send(request));
  if (reply.status / 100 != 2) {
    return refusal(reply, "the API key was not exchanged for a token");
  }
  const auto normal = json::normalize(reply.body);
  const bool object = normal && json::kind_of(*normal) == json::Kind::kObject;
  auto token = object ? json::string_member(*normal, "access_token") : std::nullopt;
  if (!token || token->empty() || token->find_first_of("\r\n") != std::string::npos) {
    return Error(ErrorCode::kUnavailable, "the exchange of the API key gave no token");
  }
  const std::int64_t seconds = std::clamp<std::int64_t>(
      json::int_member(*normal, "expires_in").value_or(kTokenSecondsDefault), 1, 7 * 86'400);
  token_ = "Bearer " + *token;
  since_ms_ = clock_.monotonic_ms();
  // Early, but not for ever: a token of less than ten minutes is used for half its life.
  const std::int64_t life_ms = seconds * 1'000;
  until_ms_ = since_ms_ + std::max(life_ms - kTokenRenewEarlyMs, life_ms / 2);
  refused_ = false;
  return ok();
}

// --- callbacks

Result<Authenticator::Header> Authenticator::callback_header() {
  if (!credentials_.authorization) {
    return Error(ErrorCode::kUnauthorized, "nobody gives the credentials for the server");
  }
  if (token_.empty() || refused_) {
    ATELIER_TRY(value, credentials_.authorization(refused_));
    if (value.find_first_of("\r\n") != std::string::npos) {
      return Error(ErrorCode::kInvalid, "the credentials hold a line end");
    }
    token_ = std::move(value);
    since_ms_ = clock_.monotonic_ms();
    refused_ = false;
  }
  return Header{"Authorization", token_};
}

std::string Authenticator::scrub(std::string text) const {
  const std::lock_guard lock(mutex_);
  const auto hide = [&](std::string secret) {
    if (secret.size() < 4) return;  // would hide letters of ordinary words
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at)) {
      text.replace(at, secret.size(), "***");
      at += 3;
    }
  };
  std::string bare = token_;
  if (const auto space = bare.find_first_of(" ="); space != std::string::npos) {
    bare = bare.substr(space + 1);
  }
  for (const std::string& secret : {credentials_.secret, url_encode(credentials_.secret), token_,
                                    bare, base64(credentials_.user + ":" + credentials_.secret)}) {
    hide(secret);
  }
  return text;
}

}  // namespace atelier
