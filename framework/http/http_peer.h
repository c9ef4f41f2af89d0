// A database behind HTTP as a Peer, over cpp-httplib (which http_client.cpp alone includes).
// Thread rule: as Peer; a factory is safe from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/error.h"
#include "http/credentials.h"
#include "replication/replicator.h"

namespace atelier {

/// Where a database is. Parsed from http://user:password@host:port/path/database, https likewise
/// (perhaps with #sha256=<64 hex digits> behind it, a pin), or unix:<socket path>:/database for the
/// control socket of a host on this machine.
struct DatabaseUrl {
  bool tls = false;
  std::string host;         // without brackets; empty for a Unix socket
  std::uint16_t port = 0;   // 80 and 443 by default
  std::string socket_path;  // of a Unix socket
  std::string base_path;    // of the server, "" or "/couch"
  std::string database;     // decoded
  Credentials credentials;
  /// The pin: the server is believed if and only if the SHA-256 of its certificate (DER) is this,
  /// whoever signed it. Lower case; empty: authorities decide. Https alone.
  std::string certificate_sha256;

  /// Errors: kInvalid with what is wrong and where; the message never contains the password.
  static Result<DatabaseUrl> parse(std::string_view text);
  /// Without credentials and pin.
  std::string display() const;
  /// display() with the pin: what may be kept, and parsed again.
  std::string address() const;
  /// The server's part alone, without credentials: http://host:port/base
  std::string server() const;
};

struct HttpPeerOptions {
  int connect_timeout_ms = kConnectTimeoutMs;
  int read_timeout_ms = kReadTimeoutMs;
  bool create_database =
      false;            // PUT it when it is missing (partitioned where the server knows that)
  std::string ca_file;  // PEM; empty: the system's certificates
};

Result<std::unique_ptr<Peer>> make_http_peer(const DatabaseUrl& url,
                                             const HttpPeerOptions& options);
std::shared_ptr<PeerFactory> make_http_peer_factory(const DatabaseUrl& url,
                                                    const HttpPeerOptions& options);

/// A single request, for the command line and probes: no retries, the body in memory.
struct HttpReply {
  int status = 0;
  std::string body;
  std::multimap<std::string, std::string> headers;  // names in lower case
};
struct HttpRequest {
  std::string method = "GET";
  std::string path = "/";  // encoded, with the query
  std::string body;
  std::string content_type = "application/json";
  std::map<std::string, std::string> headers;
  int timeout_ms = 10'000;
};
/// Errors: kUnavailable, kTimeout, kInvalid. An HTTP error status is a reply, not an error.
Result<HttpReply> http_request(const DatabaseUrl& server, const HttpRequest& request);

/// Percent-encodes everything but unreserved characters (`:` and `+` and `/` are encoded).
std::string url_encode(std::string_view text);

}  // namespace atelier
