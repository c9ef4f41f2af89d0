// Who we are to a server, and the tokens that stand for it for a while. Thread rule: Credentials is
// a value; an Authenticator is shared by all connections to one database and safe from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/error.h"

namespace atelier {

class HttpClient;

/// Never printed: no operator<<, no to_string.
struct Credentials {
  enum class Kind {
    kNone,
    kBasic,     // user and password with each request
    kCookie,    // user and password once; the session's cookie then (falls back to kBasic)
    kBearer,    // `secret` is a token
    kIamKey,    // `secret` is an API key of IBM Cloud, exchanged for a token of an hour
    kCallback,  // `authorization` is asked
  };
  Kind kind = Kind::kNone;
  std::string user;
  std::string secret;     // password, token or key
  std::string token_url;  // of kIamKey: where keys are exchanged; empty: IBM's
  /// The value of an Authorization header ("Bearer …"). `renew`: the last one was refused.
  std::function<Result<std::string>(bool renew)> authorization;
};

/// IBM Cloud's.
inline constexpr const char* kIamTokenUrl = "https://iam.cloud.ibm.com/identity/token";

class Authenticator {
 public:
  /// `server` is the address of the server, without a database, for messages and `_session`.
  Authenticator(Credentials credentials, std::string base_path, Clock& clock);
  Authenticator(const Authenticator&) = delete;

  struct Header {
    std::string name;  // empty: none is needed
    std::string value;
  };
  /// What a request carries. Asks for a session or a token when there is none or it is about to
  /// end: `session` is a connection to the database's server, `exchange` makes one to another
  /// address. Errors: kUnauthorized, and those of the network.
  using Connect = std::function<Result<HttpClient*>(const std::string& url)>;
  Result<Header> header(HttpClient& session, const Connect& exchange);
  /// A request with `used` was answered by 401 or 403. Whether another header is worth a try.
  bool may_renew(const Header& used, int status);
  /// The server sets a new cookie from time to time.
  void observe_cookie(const std::string& set_cookie);

  /// `text` without our secrets: a server's words may repeat what it was told.
  std::string scrub(std::string text) const;

 private:
  Result<Header> cookie_header(HttpClient& session);
  Result<Header> token_header(const Connect& exchange);
  Result<Header> callback_header();
  Header basic_header() const;
  Status log_in(HttpClient& session);
  Status exchange_key(HttpClient& client, const std::string& path);

  const Credentials credentials_;
  const std::string base_path_;
  Clock& clock_;

  mutable std::mutex mutex_;  // held while a token is asked for, so that one asks for all
  // Guarded by mutex_.
  Credentials::Kind kind_;     // kCookie becomes kBasic where there is no _session
  std::string token_;          // cookie, access token or what the callback gave
  std::int64_t since_ms_ = 0;  // monotonic: when it was made
  std::int64_t until_ms_ = 0;  // when it is to be renewed; 0: not known
  bool refused_ = false;       // by the server: the next header is a new one
};

}  // namespace atelier
