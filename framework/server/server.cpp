// Binds the sockets, runs the server's thread, and ends everything in good order.
// Thread rule: Server's functions from any thread; Core's on the server's thread unless it says so.
#include "server/server.h"

#include <mutex>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/os/os.h"
#include "server/background.h"
#include "server/connection.h"
#include "server/db_updates.h"
#include "server/replicator_database.h"

namespace atelier {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using local = asio::local::stream_protocol;
using Steady = std::chrono::steady_clock;

namespace server {
namespace {

/// The way to the server's thread for everybody else; closed before the thread's context ends.
/// Thread rule: safe from any thread.
class Poster {
 public:
  explicit Poster(asio::io_context& io) : io_(&io) {}

  void post(std::function<void()> task) {
    const std::lock_guard lock(mutex_);
    if (io_ != nullptr) asio::post(*io_, std::move(task));
  }
  void close() {
    const std::lock_guard lock(mutex_);
    io_ = nullptr;
  }

 private:
  std::mutex mutex_;
  asio::io_context* io_;  // guarded by mutex_
};

Error bind_error(const error_code& failed, const std::string& where) {
  const std::string text = "cannot listen on " + where + ": " + failed.message();
  if (failed == asio::error::address_in_use) return {ErrorCode::kExists, text};
  if (failed == asio::error::access_denied) return {ErrorCode::kForbidden, text};
  return {ErrorCode::kInvalid, text};
}

/// Removes a socket file that nobody answers behind. Errors: kExists when somebody does.
Status clear_stale_socket(asio::io_context& io, const std::filesystem::path& path) {
  std::error_code failed;
  const auto status = std::filesystem::symlink_status(path, failed);
  if (status.type() == std::filesystem::file_type::not_found) return ok();
  if (status.type() != std::filesystem::file_type::socket)
    return Error{ErrorCode::kExists, path.string() + " exists and is no socket"};
  local::socket probe(io);
  error_code refused;
  probe.connect(local::endpoint(path.string()), refused);
  if (!refused) return Error{ErrorCode::kExists, "another program listens on " + path.string()};
  std::filesystem::remove(path, failed);
  return ok();
}

/// Listens on a socket file of mode 0600: bound, restricted, and only then opened to connections.
Status listen_on_file(local::acceptor& acceptor, const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  error_code failed;
  acceptor.open(local(), failed);
  if (!failed) acceptor.bind(local::endpoint(path.string()), failed);
  if (failed) return bind_error(failed, path.string());
  std::error_code denied;
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write, denied);
  if (denied) return Error{ErrorCode::kForbidden, "cannot restrict " + path.string()};
  acceptor.listen(asio::socket_base::max_listen_connections, failed);
  if (failed) return bind_error(failed, path.string());
  return ok();
}

Status listen_on_tcp(tcp::acceptor& acceptor, const ServerOptions& options) {
  error_code failed;
  const auto address = asio::ip::make_address(options.address, failed);
  const std::string where = options.address + ":" + std::to_string(options.port);
  if (failed) return invalid("'" + options.address + "' is not an IP address");
  const tcp::endpoint endpoint(address, options.port);
  acceptor.open(endpoint.protocol(), failed);
  // Without it a port stays taken for a minute after its holder went; a live holder still keeps it.
  if (!failed) acceptor.set_option(tcp::acceptor::reuse_address(true), failed);
  if (!failed) acceptor.bind(endpoint, failed);
  if (!failed) acceptor.listen(asio::socket_base::max_listen_connections, failed);
  if (failed) return bind_error(failed, where);
  return ok();
}

}  // namespace

/// Everything that lives on the server's thread.
class Core {
 public:
  explicit Core(ServerOptions options)
      : options_(std::move(options)),
        tcp_(io_),
        file_(io_),
        tcp_retry_(io_),
        file_retry_(io_),
        stop_timer_(io_),
        poster_(std::make_shared<Poster>(io_)),
        background_(std::make_shared<Background>()) {}

  /// Before the thread runs.
  Status listen() {
    if (!options_.tls_certificate.empty() || !options_.tls_key.empty()) {
      ATELIER_TRY(tls, TlsKeeper::open({.certificate = options_.tls_certificate,
                                        .key = options_.tls_key,
                                        .notice = options_.tls_notice}));
      tls_ = std::move(tls);
    }
    if (options_.listen_tcp) {
      ATELIER_CHECK(listen_on_tcp(tcp_, options_));
      error_code failed;
      port_ = tcp_.local_endpoint(failed).port();
    }
    if (!options_.unix_socket.empty()) {
      ATELIER_CHECK(clear_stale_socket(io_, options_.unix_socket));
      ATELIER_CHECK(listen_on_file(file_, options_.unix_socket));
    }
    return ok();
  }

  /// Before the thread runs.
  void prepare(std::shared_ptr<Catalog> catalog, std::shared_ptr<ReplicationService> replication) {
    context_ = std::make_shared<Context>(options_, port_);
    context_->access.use(catalog);
    context_->catalog = std::move(catalog);
    context_->gates =  // without rules of its own nothing can be wrong with them
        options_.gates ? options_.gates : *make_room_gates({}, {}, options_.admin_token);
    context_->replication = std::move(replication);
    context_->post = [poster = poster_](std::function<void()> task) {
      poster->post(std::move(task));
    };
    context_->background = [background = std::weak_ptr(background_)](std::function<void()> task) {
      if (const auto threads = background.lock()) threads->run(std::move(task));
    };
    shared_ = std::make_shared<ConnectionShared>(context_);
    context_->connections = [shared = std::weak_ptr(shared_)] {
      ConnectionCounts counts;
      const auto here = shared.lock();
      if (!here) return counts;
      counts.open = here->open.size();
      counts.presence = here->upgraded.size();
      counts.body_bytes = here->body_bytes;
      return counts;
    };
    shared_->presence_silence_ms = options_.presence_silence_ms;
    if (options_.tls_handshake_ms > 0) shared_->tls_handshake_ms = options_.tls_handshake_ms;
    catalog_changes_ = context_->catalog->subscribe(
        [poster = poster_, weak = std::weak_ptr(context_)](const std::string& name, bool created) {
          poster->post([weak, name, created] {
            const auto context = weak.lock();
            if (!context) return;
            if (!created) context->forget(name);
            if (context->updates) context->updates->add(name, created ? "created" : "deleted");
            if (created && context->replicator && name == kReplicatorDatabase)
              context->replicator->start();
          });
        });
    if (context_->replication) {
      context_->replicator = std::make_shared<ReplicatorDatabase>(context_);
      poster_->post([context = context_] { context->replicator->start(); });
    }
    if (options_.listen_tcp) accept_tcp();
    if (!options_.unix_socket.empty()) accept_file();
  }

  void run() { io_.run(); }

  /// From any thread; begins the end, which run() returns after.
  void stop() {
    poster_->post([this] { begin_stop(); });
  }

  /// After the thread ended.
  void finish(Steady::time_point deadline) {
    catalog_changes_.reset();
    poster_->close();
    background_->stop(deadline);
    for (auto& [name, database] : context_->databases) database->remove();
    context_->databases.clear();
    context_->replicator.reset();
    context_->updates.reset();
  }

  std::uint16_t port() const { return port_; }
  std::optional<Certificate> certificate() const {
    return tls_ ? std::optional(tls_->certificate()) : std::nullopt;
  }

 private:
  void accept_tcp() {
    tcp_.async_accept([this](const error_code& failed, tcp::socket socket) {
      if (failed == asio::error::operation_aborted) return;
      if (failed) return retry(tcp_retry_, [this] { accept_tcp(); });
      error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      const std::string address = socket.remote_endpoint(ignored).address().to_string();
      add(std::move(socket), false, address, tls_.get());
      accept_tcp();
    });
  }

  void accept_file() {
    file_.async_accept([this](const error_code& failed, local::socket socket) {
      if (failed == asio::error::operation_aborted) return;
      if (failed) return retry(file_retry_, [this] { accept_file(); });
      // The mode of the file keeps others out already; this holds where a system ignores it.
      const auto user = os::peer_user_id(socket.native_handle());
      if (user && *user == os::user_id()) add(std::move(socket), true, {}, nullptr);
      accept_file();
    });
  }

  template <class Socket>
  void add(Socket socket, bool local_user, std::string address, TlsKeeper* tls) {
    if (shared_->open.size() + shared_->upgraded.size() >= kConnectionsMax)
      return;  // closed unheard
    auto session = tls != nullptr ? tls->session() : nullptr;
    if (tls != nullptr && !session) return;
    std::make_shared<Connection>(
        shared_, Channel(Channel::Socket(std::move(socket)), std::move(session)), local_user,
        std::move(address))
        ->start();
  }

  /// Out of file descriptors, most likely: try again when some may be free.
  template <class Again>
  void retry(asio::steady_timer& timer, Again again) {
    timer.expires_after(std::chrono::milliseconds(kAcceptRetryMs));
    timer.async_wait([again](const error_code& failed) {
      if (!failed) again();
    });
  }

  void begin_stop() {
    error_code ignored;
    tcp_.close(ignored);
    if (file_.is_open()) {
      file_.close(ignored);
      std::error_code failed;
      std::filesystem::remove(options_.unix_socket, failed);
    }
    tcp_retry_.cancel();
    file_retry_.cancel();
    shared_->stopping = true;
    shared_->on_all_closed = [this] { io_.stop(); };
    stop_timer_.expires_after(std::chrono::milliseconds(kServerStopMs * 3 / 4));
    stop_timer_.async_wait([this](const error_code& failed) {
      if (!failed) io_.stop();
    });
    std::vector<std::shared_ptr<Connection>> connections;
    for (const auto& [key, connection] : shared_->open) connections.push_back(connection);
    std::vector<std::shared_ptr<UpgradedConnection>> upgraded;
    for (const auto& [key, connection] : shared_->upgraded) upgraded.push_back(connection);
    if (connections.empty() && upgraded.empty()) io_.stop();
    for (const auto& connection : connections) connection->stop();
    for (const auto& connection : upgraded) connection->stop();
  }

  const ServerOptions options_;
  asio::io_context io_{1};
  tcp::acceptor tcp_;
  local::acceptor file_;
  asio::steady_timer tcp_retry_, file_retry_, stop_timer_;
  const std::shared_ptr<Poster> poster_;
  const std::shared_ptr<Background> background_;
  std::uint16_t port_ = 0;
  std::unique_ptr<TlsKeeper> tls_;  // null without TLS
  std::shared_ptr<Context> context_;
  std::shared_ptr<ConnectionShared> shared_;
  Subscription catalog_changes_;

 public:
  /// After the thread ended: lets go of every connection while `io_` still lives.
  void drop_connections() {
    const auto open = std::move(shared_->open);
    const auto upgraded = std::move(shared_->upgraded);
    shared_->open.clear();
    shared_->upgraded.clear();
    shared_->on_all_closed = nullptr;
    for (const auto& [key, connection] : open) connection->close();
    for (const auto& [key, connection] : upgraded) connection->close();
  }
};

class RunningServer : public Server {
 public:
  explicit RunningServer(std::unique_ptr<Core> core, std::string address)
      : core_(std::move(core)), address_(std::move(address)) {
    thread_ = std::thread([this] { core_->run(); });
  }

  ~RunningServer() override {
    const auto deadline = Steady::now() + std::chrono::milliseconds(kServerStopMs);
    core_->stop();
    thread_.join();
    core_->drop_connections();
    core_->finish(deadline);
  }

  std::uint16_t port() const override { return core_->port(); }

  std::string url() const override {
    const bool is_v6 = address_.find(':') != std::string::npos;
    return (core_->certificate() ? "https://" : "http://") + (is_v6 ? "[" + address_ + "]" : address_) + ":" +
           std::to_string(port());
  }

  std::optional<Certificate> certificate() const override { return core_->certificate(); }

 private:
  const std::unique_ptr<Core> core_;
  const std::string address_;
  std::thread thread_;
};

}  // namespace server

Result<std::unique_ptr<Server>> Server::start(ServerOptions options,
                                              std::shared_ptr<Catalog> catalog,
                                              std::shared_ptr<ReplicationService> replication) {
  if (options.admin_token.empty()) return invalid("a server needs an administrator's token");
  if (options.uuid.empty()) return invalid("a server needs an identity");
  const std::string address = options.address;
  auto core = std::make_unique<server::Core>(std::move(options));
  ATELIER_CHECK(core->listen());
  core->prepare(std::move(catalog), std::move(replication));
  return std::unique_ptr<Server>(std::make_unique<server::RunningServer>(std::move(core), address));
}

}  // namespace atelier
