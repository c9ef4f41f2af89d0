// Requests to one database's server with who we are, what the answers mean as errors, and whether
// the database behind the address is still the same. Thread rule: as Peer.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "atelier/sync_status.h"
#include "http/http_client.h"
#include "http/rate_pacer.h"

namespace atelier {

/// What all connections to one database share: one session or token, one pace.
struct ServerAccess {
  explicit ServerAccess(const DatabaseUrl& url)
      : who(url.credentials, url.base_path, system_clock()) {}
  Authenticator who;
  RatePacer pacer;
};

class HttpSession {
 public:
  HttpSession(DatabaseUrl url, HttpTransport transport, std::shared_ptr<ServerAccess> access);

  /// Sends with credentials; renews what expired once. An HTTP error status is a reply.
  Result<HttpReply> send(HttpClient::Request request);
  /// send() to the database, `path` from `/<database>` on ("" is the database itself). Errors:
  /// kPeerChanged when the server names another database than before.
  Result<HttpReply> send_to_database(std::string_view path, HttpClient::Request request);
  /// send_to_database() where an error status is an error.
  Result<HttpReply> ask(std::string_view path, HttpClient::Request request = {});

  Error error_of(const HttpReply& reply) const;
  Error other_database() const;
  /// What we do not understand is no reason to stop for ever: kUnavailable.
  Error garbled(std::string_view what) const;

  /// The database's name by X-Atelier-Store, "" where the server gives none.
  const std::string& identity() const { return identity_; }
  /// Takes whatever identity the next answer names.
  void forget_identity() {
    identity_.clear();
    identity_known_ = false;
  }

  /// What the last answer said of the server's own upstream (X-Atelier-Upstream). Any thread.
  SyncState upstream() const { return upstream_; }

  const DatabaseUrl& url() const { return url_; }
  HttpClient& client() const { return *client_; }
  /// From any thread: what runs and what follows returns kCancelled.
  void cancel();

 private:
  Status keep_pace(RequestClass kind);
  Result<HttpReply> send_as(HttpClient::Request& request, Authenticator::Header& used);
  Result<HttpClient*> exchange_client(const std::string& url);
  Status check_identity(const HttpReply& reply);

  const DatabaseUrl url_;
  const HttpTransport transport_;
  const std::shared_ptr<ServerAccess> access_;
  const std::unique_ptr<HttpClient> client_;

  std::mutex mutex_;
  std::condition_variable stopped_;
  std::unique_ptr<HttpClient> exchange_;  // to whoever gives tokens; guarded by mutex_
  bool cancelled_ = false;                // guarded by mutex_

  std::string identity_;
  bool identity_known_ = false;
  std::atomic<SyncState> upstream_{SyncState::kNone};
};

}  // namespace atelier
