// CouchDB's HTTP API over the stores of a catalog, on Boost.Beast: one I/O thread, any number of
// live feeds. Thread rule: start, stop and the observers from any thread; everything else runs on
// the server's own thread.
//
// Who may do what, in this first form
//   - A request through the Unix socket by our own user is an administrator's.
//   - On TCP, `Authorization: Bearer <admin token>` or Basic with user "admin" and the token as
//     password is an administrator's (the token is in a file of mode 0600 in the data folder).
//   - Anonymous requests may read and write documents of databases that are shared; everything that
//     creates, deletes or configures needs the administrator.
//   - Every request's Host must be on the allow-list (DNS rebinding); whatever is not a plain read
//     and carries an Origin must carry an allowed one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/limits.h"
#include "store/catalog.h"

namespace atelier {

/// What `_replicate` needs; the host implements it with `replication` (server never depends on it).
class ReplicationService {
 public:
  virtual ~ReplicationService() = default;
  struct Request {
    std::string source, target;  // database names or URLs (URLs may carry credentials)
    bool continuous = false;
    bool create_target = false;
    bool cancel = false;
  };
  /// Runs on a thread of the service; `done` gets the JSON answer of CouchDB's `_replicate`.
  virtual void replicate(Request request, std::function<void(Result<std::string>)> done) = 0;
};

struct ServerOptions {
  std::string address = "127.0.0.1";  // loopback unless told otherwise
  std::uint16_t port = 0;             // 0: the kernel chooses; see Server::port()
  bool listen_tcp = true;
  std::filesystem::path unix_socket;         // empty: none; created with mode 0600
  std::string admin_token;                   // not empty
  std::vector<std::string> allowed_hosts;    // beside loopback names and the address itself
  std::vector<std::string> allowed_origins;  // exact, "http://localhost:8080"; beside our own
  std::filesystem::path www;                 // served under /_www/; empty: none
  /// A client that is silent for so long is not there any more (it is asked at half of it).
  int presence_silence_ms = kPresenceSilenceMs;
  /// Whether anonymous clients may read and write this database; default: all but names with `_`.
  std::function<bool(const std::string& database)> shared;
  std::string uuid;  // of this server, shown in the welcome
  /// Answers /_atelier/probe?nonce=… with HMAC-SHA256(probe_secret, nonce) in hex, so that another
  /// host of the same user knows us from a stranger. Empty: the route is not there.
  std::string probe_secret;
  /// POST /_atelier/<command> through the Unix socket ("raise", "rooms"): the host's answer as
  /// JSON.
  std::function<Result<std::string>(const std::string& command, const std::string& body)> control;
};

class Server {
 public:
  /// Binds and begins to serve. Errors: kExists when the address is taken, kForbidden, kInvalid.
  static Result<std::unique_ptr<Server>> start(
      ServerOptions options, std::shared_ptr<Catalog> catalog,
      std::shared_ptr<ReplicationService> replication = {});
  /// Finishes running requests, ends feeds with their last_seq, closes; at most two seconds.
  virtual ~Server() = default;

  virtual std::uint16_t port() const = 0;
  /// http://127.0.0.1:17984
  virtual std::string url() const = 0;
};

}  // namespace atelier
