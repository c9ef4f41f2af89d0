// CouchDB's HTTP API over the stores of a catalog, on Boost.Beast: one I/O thread, any number of
// live feeds. Thread rule: start, stop and the observers from any thread; everything else runs on
// the server's own thread.
//
// Who may do what
//   - A request through the Unix socket by our own user is an administrator's.
//   - On TCP, `Authorization: Bearer <admin token>` or Basic with user "admin" and the token as
//     password is an administrator's (the token is in a file of mode 0600 in the data folder).
//   - Accounts are the documents of `_users`; what they may do in a database its `_security` says.
//   - Anonymous requests may read and write documents of databases that are shared; everything that
//     creates, deletes or configures needs the administrator.
//   - Every request's Host must be on the allow-list (DNS rebinding); whatever is not a plain read
//     and carries an Origin must carry an allowed one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "atelier/sync_status.h"
#include "base/error.h"
#include "base/limits.h"
#include "server/certificate.h"
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
    std::string cancel_id;  // of the job to be cancelled; empty: the one of this very request
    std::optional<std::vector<std::string>> doc_ids;
    std::string selector;  // JSON in normal form; empty: none
    std::string user;      // who asked, for lists
    std::string doc_id;    // of the `_replicator` document behind it; empty: `_replicate`
  };
  /// Runs on a thread of the service; `done` gets the JSON answer of CouchDB's `_replicate`, for a
  /// continuous one when it began.
  virtual void replicate(Request request, std::function<void(Result<std::string>)> done) = 0;

  /// One that runs, or waits to be tried again.
  struct Job {
    std::string id;
    std::string source, target;  // without credentials
    std::string user, doc_id;
    bool continuous = false;
    bool retries = false;  // the last attempt failed, `error` says how
    std::string error;
    std::int64_t started_s = 0, updated_s = 0;  // since 1970
    std::uint64_t checked = 0, written = 0, failures = 0;
    std::string sequence;  // of the source, checkpointed
  };
  /// From any thread.
  virtual std::vector<Job> jobs() { return {}; }
  /// Ends the job of a `_replicator` document, if there is one.
  virtual void cancel_document(const std::string& doc_id) { static_cast<void>(doc_id); }
};

/// What `_edge` tells, of a server whose rooms are kept in sync with another one, its upstream; the
/// host implements it (server never depends on replication). From any thread.
class EdgeService {
 public:
  virtual ~EdgeService() = default;
  /// A revision that one side made and the other side's rules refuse.
  struct Refused {
    std::string id, rev;
    std::string error, reason;  // a code's name; one sentence without secrets
    std::int64_t since_ms = 0;  // wall clock; 0: not known
    std::string document;       // JSON, where it was asked for and is kept; else empty
  };
  struct Room {
    SyncStatus status;
    std::vector<Refused> quarantine;  // upstream's, refused here
    std::vector<Refused> outbox;      // of this room, refused upstream
  };
  virtual std::string upstream() const = 0;  // its address, without credentials
  virtual std::vector<std::string> prefixes() const = 0;  // what is carried; empty: everything
  virtual std::vector<std::string> rooms() const = 0;     // databases
  /// nullopt for a database that is not carried; cheap.
  virtual std::optional<SyncState> state(const std::string& database) const = 0;
  /// The same with all that is known of it. `documents`: with those of the quarantine.
  virtual std::optional<Room> room(const std::string& database, bool documents) const = 0;
  /// Tries again what is refused on either side. Errors: kNotFound.
  virtual Status retry(const std::string& database) = 0;
};

/// Keys and claims of JSON web tokens, as CouchDB's [jwt_keys] and [jwt_auth] have them.
struct JwtOptions {
  /// "hmac:<kid>" with the secret in base64, "rsa:<kid>" and "ec:<kid>" with a public key in PEM;
  /// `<kid>` is `_default` for tokens that name none. None: no token is looked at.
  std::map<std::string, std::string> keys;
  std::vector<std::string> required_claims = {"exp"};
  std::string roles_claim = "_couchdb.roles";
  std::string issuer;  // not empty: the claim `iss` must be it
};

/// What decides who does what in each room, shared by all servers of a process that serve one
/// catalog.
class RoomGates;
/// `rules_toml`: rules for every room (docs/query.md), beside those that a room has of its own; may
/// be empty. `file` names it in errors. `secret` keys what is told to readers who may not see
/// everything; it should stay the same from run to run. Errors: kInvalid and kTooLarge with the line.
Result<std::shared_ptr<RoomGates>> make_room_gates(std::string_view rules_toml,
                                                   std::string_view file, std::string secret);

struct ServerOptions {
  std::string address = "127.0.0.1";  // loopback unless told otherwise
  std::uint16_t port = 0;             // 0: the kernel chooses; see Server::port()
  bool listen_tcp = true;
  std::filesystem::path unix_socket;  // empty: none; created with mode 0600
  /// PEM files of a certificate (its chain behind it) and its key, both or neither. With them TCP
  /// speaks TLS and nothing else; the Unix socket stays plain. They are looked at again at new
  /// connections, once a second at most: new files are used from then on, broken ones are not.
  std::filesystem::path tls_certificate, tls_key;
  /// Told in a sentence when the certificate changed or a new one cannot be used. Server's thread.
  std::function<void(const std::string&)> tls_notice;
  int tls_handshake_ms = 0;           // who is not done with it then is cut; 0: the usual
  std::string admin_token;            // not empty
  JwtOptions jwt;
  std::string proxy_secret;  // of a proxy that signs people in; empty: none is believed
  std::vector<std::string> allowed_hosts;    // beside loopback names and the address itself
  std::vector<std::string> allowed_origins;  // exact, "http://localhost:8080"; beside our own
  std::filesystem::path www;                 // served under /_www/; empty: none
  /// A client that is silent for so long is not there any more (it is asked at half of it).
  int presence_silence_ms = kPresenceSilenceMs;
  /// Whether anonymous clients may read and write this database; default: all but names with `_`.
  std::function<bool(const std::string& database)> shared;
  /// Rules and modes of rooms; null: of this server alone, without rules for every room.
  std::shared_ptr<RoomGates> gates;
  std::shared_ptr<EdgeService> edge;  // null: this server has no upstream
  /// Takes a line about each request (JSON, docs/server.md, "Log and metrics"); empty: none is made.
  /// Called on the server's thread: it must not wait.
  std::function<void(std::string line)> log;
  std::string uuid;                   // of this server, shown in the welcome
  /// Fetches the bytes of an attachment that were left at the other side of a replication, for
  /// whoever asks for them here; `done` runs on any thread. Errors, and then `done` is not called:
  /// kNotFound when nobody replicates the database, kUnavailable. Null: never.
  std::function<Status(const std::string& database, const std::string& id, const std::string& name,
                       std::function<void(const Status&)> done)>
      bring;
  /// Answers /_atelier/probe?nonce=… with HMAC-SHA256(probe_secret, nonce) in hex, so that another
  /// host of the same user knows us from a stranger. Empty: the route is not there.
  std::string probe_secret;
  /// POST /_atelier/<command> through the Unix socket ("raise", "rooms"): the host's answer as
  /// JSON.
  std::function<Result<std::string>(const std::string& command, const std::string& body)> control;
};

class Server {
 public:
  /// Binds and begins to serve. Errors: kExists when the address is taken, kForbidden, kInvalid;
  /// for the certificate's files those of reading, and kInvalid with what is wrong.
  static Result<std::unique_ptr<Server>> start(
      ServerOptions options, std::shared_ptr<Catalog> catalog,
      std::shared_ptr<ReplicationService> replication = {});
  /// Finishes running requests, ends feeds with their last_seq, closes; at most two seconds.
  virtual ~Server() = default;

  virtual std::uint16_t port() const = 0;
  /// http://127.0.0.1:17984, or with https.
  virtual std::string url() const = 0;
  /// The one that new connections are shown; nullopt without TLS.
  virtual std::optional<Certificate> certificate() const = 0;
};

}  // namespace atelier
