// Requests to one database's server with who we are, what the answers mean as errors, and whether
// the database behind the address is still the same. Thread rule: as Peer.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "http/http_client.h"

namespace atelier {

class HttpSession {
 public:
  HttpSession(DatabaseUrl url, int connect_timeout_ms);

  /// Sends with credentials; renews an expired cookie session once. An HTTP error status is a
  /// reply.
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

  const DatabaseUrl& url() const { return url_; }
  HttpClient& client() const { return *client_; }

 private:
  void add_credentials(HttpClient::Request& request) const;
  Status log_in();
  Status check_identity(const HttpReply& reply);

  const DatabaseUrl url_;
  const std::unique_ptr<HttpClient> client_;
  Credentials::Kind kind_;  // kCookie becomes kBasic where there is no _session
  std::string cookie_;      // secret
  std::string identity_;
  bool identity_known_ = false;
};

}  // namespace atelier
