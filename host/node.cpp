#include "node.h"

#include "base/digest.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "base/room_name.h"
#include "person_questions.h"
#include "room_questions.h"

namespace atelier::host {
namespace {

constexpr std::string_view kUpstreamProperty = "upstream";

// The same database at whoever serves this machine's rooms now. Creating it needs an administrator,
// which the control socket of the same user is.
class SharePeerFactory final : public PeerFactory {
 public:
  SharePeerFactory(Sharer& sharer, std::string database)
      : sharer_(sharer), database_(std::move(database)) {}

  Result<std::unique_ptr<Peer>> connect() override {
    const auto role = sharer_.role();
    if (role.serving || role.url.empty()) {
      sharer_.check_now();
      return Error{ErrorCode::kUnavailable, "nobody serves this room right now"};
    }
    if (auto made = create_there(role); !made) {
      sharer_.check_now();
      return made.error();
    }
    ATELIER_TRY(url, DatabaseUrl::parse(role.url + "/" + url_encode(database_)));
    return make_http_peer(url, {});
  }

  std::string display_name() const override {
    const auto role = sharer_.role();
    return role.url.empty() ? "this computer" : role.url;
  }
  std::string stable_name() const override { return "share:" + database_; }

 private:
  Status create_there(const Sharer::Role& role) const {
    ATELIER_TRY(url, DatabaseUrl::parse("unix:" + role.socket.string() + ":/" + url_encode(database_)));
    HttpRequest request;
    request.method = "PUT";
    request.path = "/" + url_encode(database_);
    request.timeout_ms = kConnectTimeoutMs;
    ATELIER_TRY(reply, http_request(url, request));
    if (reply.status == 201 || reply.status == 202 || reply.status == 412) return ok();
    return Error{ErrorCode::kUnavailable, "the host that serves this room refused to create it"};
  }

  Sharer& sharer_;
  const std::string database_;
};

}  // namespace

Result<std::unique_ptr<Node>> Node::open(NodeOptions options) {
  ATELIER_TRY(profile, Profile::locate(options.data, options.profile));
  ATELIER_TRY(lock, profile.lock());
  std::unique_ptr<Node> node(new Node(std::move(options), std::move(profile), std::move(lock)));
  ATELIER_CHECK(node->start());
  return node;
}

Node::Node(NodeOptions options, Profile profile, os::FileLock lock)
    : options_(std::move(options)),
      profile_(std::move(profile)),
      lock_(std::move(lock)),
      uuid_(random_uuid()),
      catalog_(std::make_shared<Catalog>(profile_.folder(), "atelier with profile " + profile_.name())),
      replicate_(std::make_shared<ReplicateService>(catalog_)),
      syncs_(std::make_unique<SyncService>(catalog_)) {}

Node::~Node() {
  keeper_.reset();  // before what it asks
  if (edge_) edge_->stop();
  sharer_.reset();  // first of the servers: another host may take over while we close
  tcp_server_.reset();
  control_server_.reset();
  catalog_changes_.reset();
}

Status Node::start() {
  ATELIER_TRY(token, profile_.admin_token());
  admin_token_ = token;
  ATELIER_TRY(gates, make_room_gates(options_.rules, options_.rules_file, admin_token_));
  gates_ = std::move(gates);
  tls_ = options_.tls;
  if (tls_.certificate.empty() && options_.own_certificate) {
    std::vector<std::string> hosts = options_.allowed_hosts;
    hosts.push_back(options_.address);
    ATELIER_TRY(made, make_own_certificate(profile_.folder(), hosts));
    tls_ = std::move(made);
  }
  if (options_.edge) edge_ = std::make_shared<Edge>(*options_.edge, catalog_, gates_, *syncs_);
  // A database of the same name may come back as a room of this machine.
  catalog_changes_ = catalog_->subscribe([this](const std::string& database, bool) {
    const std::scoped_lock guard(mutex_);
    shared_.erase(database);
    unshared_.erase(database);
  });

  auto control = server_options();
  control.listen_tcp = false;
  control.unix_socket = profile_.control_socket();
  ATELIER_TRY(control_server, Server::start(std::move(control), catalog_, replicate_));
  control_server_ = std::move(control_server);

  if (options_.port) {
    auto tcp = server_options();
    tcp.address = options_.address;
    tcp.log = options_.log;
    tcp.port = *options_.port;
    tcp.bring = bringer();
    tcp.tls_certificate = tls_.certificate;
    tcp.tls_key = tls_.key;
    tcp.tls_notice = options_.tls_notice;
    if (options_.accounts_only) tcp.shared = [](const std::string&) { return false; };
    ATELIER_TRY(server, Server::start(std::move(tcp), catalog_, replicate_));
    tcp_server_ = std::move(server);
  } else if (options_.share) {
    ATELIER_TRY(runtime, os::runtime_dir());
    sharer_ = std::make_unique<Sharer>(Sharer::Options{
        .runtime_dir = runtime,
        .port = user_share_port(),
        .uuid = uuid_,
        .socket = profile_.control_socket(),
        .serve = [this](std::uint16_t port, const std::string& secret) { return serve(port, secret); },
        .on_change =
            [this] {
              const std::scoped_lock guard(mutex_);
              if (wake_) wake_();
            },
        .may_serve = options_.may_serve});
  }
  keeper_ = std::make_unique<RetentionKeeper>(
      catalog_, [this](const std::string& database) { return may_expire(database); },
      kRetentionEveryMs);
  return ok();
}

ServerOptions Node::server_options() const {
  ServerOptions options;
  options.admin_token = admin_token_;
  options.uuid = uuid_;
  options.www = options_.www;
  options.allowed_origins = options_.allowed_origins;
  options.allowed_hosts = options_.allowed_hosts;
  options.gates = gates_;
  options.edge = edge_;
  options.jwt = options_.jwt;
  options.proxy_secret = options_.proxy_secret;
  options.shared = [this](const std::string& database) { return is_shared(database); };
  options.control = [this](const std::string& command, const std::string& body) -> Result<std::string> {
    if (auto answer = syncs_->control(command, body)) return std::move(*answer);
    if (auto answer = room_control(*catalog_, command, body)) return std::move(*answer);
    if (auto answer = person_control(*catalog_, command, body)) return std::move(*answer);
    if (command == "address") return address_json();
    std::function<Result<std::string>(const std::string&, const std::string&)> control;
    {
      const std::scoped_lock lock(mutex_);
      control = control_;
    }
    if (!control) return Error{ErrorCode::kUnsupported, "nothing here answers '" + command + "'"};
    return control(command, body);
  };
  return options;
}

// Of clients alone: our own user's commands ask for it themselves, and show how far it is.
decltype(ServerOptions::bring) Node::bringer() {
  return [this](const std::string& database, const std::string& id, const std::string& name,
                std::function<void(const Status&)> done) {
    return syncs_->bring_for(database, id, name, std::move(done));
  };
}

void Node::start_edge() {
  if (edge_) edge_->start();
}

Result<std::unique_ptr<Server>> Node::serve(std::uint16_t port, const std::string& secret) {
  auto options = server_options();
  options.port = port;
  options.bring = bringer();
  options.log = options_.log;
  options.probe_secret = secret;
  return Server::start(std::move(options), catalog_, replicate_);
}

bool Node::is_shared(const std::string& database) const {
  if (database.starts_with('_')) return false;
  {
    const std::scoped_lock lock(mutex_);
    if (shared_.contains(database)) return true;
    if (unshared_.contains(database)) return false;
  }
  const auto store = catalog_->open(database, false);
  if (!store) return true;  // it does not exist: the server says so
  const bool shared = upstream_of(**store).empty();
  const std::scoped_lock lock(mutex_);
  if (unshared_.contains(database)) return false;  // decided meanwhile
  (shared ? shared_ : unshared_).insert(database);
  return shared;
}

// Rooms that sync with a server are cleaned there; rooms of this machine by whoever serves them.
bool Node::may_expire(const std::string& database) const {
  return is_shared(database) && (!sharer_ || sharer_->role().serving);
}

Result<std::shared_ptr<Store>> Node::open_store(const std::string& title) {
  ATELIER_TRY(database, database_name_of_title(title));
  return catalog_->open(database, true);
}

Status Node::set_upstream(Store& store, const std::string& database, const std::string& address) {
  {
    const std::scoped_lock lock(mutex_);
    shared_.erase(database);
    unshared_.insert(database);
  }
  return store.put_property(kUpstreamProperty, address);
}

std::string Node::upstream_of(const Store& store) {
  const auto upstream = store.get_property(kUpstreamProperty);
  return upstream ? *upstream : std::string();
}

Sharer::Role Node::role() const {
  if (sharer_) return sharer_->role();
  Sharer::Role role;
  role.decided = true;
  role.serving = tcp_server_ != nullptr;
  return role;
}

std::shared_ptr<PeerFactory> Node::share_peer(const std::string& database) {
  return sharer_ ? std::make_shared<SharePeerFactory>(*sharer_, database) : nullptr;
}

std::optional<Certificate> Node::certificate() const {
  return tcp_server_ ? tcp_server_->certificate() : std::nullopt;
}

/// What invitations are made of.
std::string Node::address_json() const {
  json::Writer out;
  out.begin_object().key("url").string(url());
  // Authorities vouch for others, also for those that come after them.
  if (const auto own = certificate(); own && own->self_signed)
    out.key("certificate_sha256").string(own->sha256);
  out.end_object();
  return out.take();
}

std::string Node::url() const {
  if (tcp_server_) {
    const bool any = options_.address == "0.0.0.0" || options_.address == "::";
    if (!any || options_.allowed_hosts.empty()) return tcp_server_->url();
    const std::string& host = options_.allowed_hosts.front();
    const std::string name = host_without_port(host);
    const bool has_port = host.starts_with('[') ? host.find("]:") != std::string::npos
                                                : name != host;
    const bool is_v6 = name.find(':') != std::string::npos;
    return (tcp_server_->certificate() ? "https://" : "http://") +
           (has_port ? host
                     : (is_v6 ? "[" + name + "]" : name) + ":" +
                           std::to_string(tcp_server_->port()));
  }
  const auto role = this->role();
  return role.serving ? role.url : std::string();
}

void Node::set_wake(std::function<void()> wake) {
  const std::scoped_lock lock(mutex_);
  wake_ = std::move(wake);
}

void Node::set_control(
    std::function<Result<std::string>(const std::string&, const std::string&)> control) {
  const std::scoped_lock lock(mutex_);
  control_ = std::move(control);
}

}  // namespace atelier::host
