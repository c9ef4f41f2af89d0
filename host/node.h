// The program behind a window, a terminal or a command: one profile's stores, the server over them,
// and who serves the rooms of this machine. Thread rule: main thread, unless a function says
// otherwise.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "edge.h"
#include "http/http_peer.h"
#include "own_certificate.h"
#include "profile.h"
#include "replicate_service.h"
#include "retention_keeper.h"
#include "server/server.h"
#include "sharer.h"
#include "store/catalog.h"
#include "sync_service.h"

namespace atelier::host {

struct NodeOptions {
  std::filesystem::path data;            // empty: the user's data folder
  std::string profile = "default";
  std::filesystem::path www;             // served under /_www/; empty: none
  bool share = true;                     // take part in serving this machine's rooms
  bool may_serve = true;                 // false: join only, since a room that syncs elsewhere comes
  std::optional<std::uint16_t> port;     // serve on this port instead, and tell nobody
  std::string address = "127.0.0.1";     // with `port`
  std::vector<std::string> allowed_origins;
  std::vector<std::string> allowed_hosts;  // names that the server answers to, beside loopback's
  /// On `port` nobody is let in without an account or a link, unless a room's `_security` says so.
  bool accounts_only = false;
  std::string rules, rules_file;  // TOML for every room (docs/query.md), and what errors call it
  JwtOptions jwt;
  std::string proxy_secret;
  /// On `port` TLS alone is spoken, with these files; without them and with `own_certificate` with
  /// the profile's own one, which is made when it is missing.
  CertificateFiles tls;
  bool own_certificate = false;
  /// Told in a sentence when the certificate changed or a new one cannot be used. Any thread.
  std::function<void(const std::string&)> tls_notice;
  std::optional<EdgeOptions> edge;  // the server that the rooms are kept in sync with
  /// Takes a line about each request that comes by TCP (ServerOptions::log).
  std::function<void(std::string line)> log;
};

class Node {
 public:
  /// Errors: kBusy when the profile is open in another process (with its words), and those of the
  /// file system and the server.
  static Result<std::unique_ptr<Node>> open(NodeOptions options);
  ~Node();
  Node(const Node&) = delete;

  const Profile& profile() const { return profile_; }
  const std::shared_ptr<Catalog>& catalog() const { return catalog_; }

  /// The store of the room with that title, created when missing.
  Result<std::shared_ptr<Store>> open_store(const std::string& title);
  /// Rooms that sync with another server are not served to this machine: whoever may read there may
  /// not be whoever may read here.
  /// `address` is DatabaseUrl::address(): the pin of a server's certificate is kept with it.
  Status set_upstream(Store& store, const std::string& database, const std::string& address);
  /// Where the room synced with last, without credentials; empty for a room of this machine.
  static std::string upstream_of(const Store& store);

  /// Who serves; nothing is decided where `share` was off. Any thread.
  Sharer::Role role() const;
  SyncService& syncs() { return *syncs_; }
  /// Begins to keep the rooms in sync with the upstream, where there is one. Once.
  void start_edge();
  Sharer* sharer() { return sharer_.get(); }
  /// Connects to the database at whoever serves now, which may change from call to call.
  std::shared_ptr<PeerFactory> share_peer(const std::string& database);
  /// The address of the server of this process, empty while another one serves. Where it listens on
  /// all addresses, with the first of its names.
  std::string url() const;
  /// Of that server; nullopt without TLS.
  std::optional<Certificate> certificate() const;
  const CertificateFiles& certificate_files() const { return tls_; }
  std::string control_url() const { return "unix:" + profile_.control_socket().string() + ":"; }

  /// Runs `wake` from any thread when role() changed.
  void set_wake(std::function<void()> wake);
  /// Answers commands that come through the control socket ("raise"). Runs on the server's thread.
  void set_control(std::function<Result<std::string>(const std::string&, const std::string&)> control);

 private:
  explicit Node(NodeOptions options, Profile profile, os::FileLock lock);
  Status start();
  decltype(ServerOptions::bring) bringer();
  ServerOptions server_options() const;
  std::string address_json() const;
  bool is_shared(const std::string& database) const;
  bool may_expire(const std::string& database) const;
  Result<std::unique_ptr<Server>> serve(std::uint16_t port, const std::string& secret);

  const NodeOptions options_;
  const Profile profile_;
  os::FileLock lock_;
  const std::string uuid_;
  std::string admin_token_;
  CertificateFiles tls_;  // in use on `port`
  std::shared_ptr<Catalog> catalog_;
  std::shared_ptr<RoomGates> gates_;
  std::shared_ptr<ReplicateService> replicate_;
  std::unique_ptr<SyncService> syncs_;
  std::shared_ptr<Edge> edge_;  // null: there is no upstream
  Subscription catalog_changes_;

  // Any thread.
  mutable std::mutex mutex_;
  // Databases whose rule was looked up; guarded by mutex_.
  mutable std::set<std::string> shared_, unshared_;
  std::function<void()> wake_;                // guarded by mutex_
  std::function<Result<std::string>(const std::string&, const std::string&)> control_;  // likewise

  std::unique_ptr<Server> control_server_;
  std::unique_ptr<Server> tcp_server_;  // with `port`
  std::unique_ptr<Sharer> sharer_;      // its thread uses what is above
  std::unique_ptr<RetentionKeeper> keeper_;  // last: likewise
};

}  // namespace atelier::host
