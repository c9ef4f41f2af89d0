#include "http/http_client.h"

// The servers we speak to answer a large body anyway; waiting for "100 Continue" costs a second
// with those that never send it.
#define CPPHTTPLIB_EXPECT_100_THRESHOLD 0
// A peer that hangs up must not raise SIGPIPE.
#define CPPHTTPLIB_SEND_FLAGS MSG_NOSIGNAL
#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <utility>

#include <httplib.h>
#include <zlib.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/http_date.h"
#include "base/os/os.h"
#include "http/http_proxy.h"

namespace atelier {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

void set_option(int socket, int level, int name, int value) {
  // Best effort: a Unix socket has none of these.
  static_cast<void>(::setsockopt(socket, level, name, &value, sizeof value));
}

/// The kernel finds out that the other machine is gone, also while a long poll is silent.
void watch_for_dead_peers(int socket) {
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
#ifdef __linux__
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleS);
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalS);
  set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
  const int give_up_ms = (kKeepAliveIdleS + kKeepAliveIntervalS * kKeepAliveProbes) * 1000;
  set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, give_up_ms);
#endif
}

/// A second descriptor of the socket in use, so that cancel() can shut it down at any moment:
/// httplib's own stop() waits for a connection attempt, and its descriptor may be closed and belong
/// to somebody else by then.
class SocketHandle {
 public:
  ~SocketHandle() { replace(-1); }

  void adopt(int socket) { replace(::dup(socket)); }
  void release() { replace(-1); }

  void cancel() {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    if (descriptor_ >= 0) ::shutdown(descriptor_, SHUT_RDWR);
  }
  bool cancelled() const {
    std::lock_guard lock(mutex_);
    return cancelled_;
  }

 private:
  void replace(int descriptor) {
    std::lock_guard lock(mutex_);
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = descriptor;
    if (cancelled_ && descriptor_ >= 0) ::shutdown(descriptor_, SHUT_RDWR);
  }

  mutable std::mutex mutex_;
  int descriptor_ = -1;     // guarded by mutex_
  bool cancelled_ = false;  // guarded by mutex_
};

class Client final : public HttpClient {
 public:
  Client(const DatabaseUrl& server, const HttpTransport& transport);

  Result<HttpReply> send(const Request& request) override;
  void cancel() override { socket_.cancel(); }
  std::uint64_t connections() const override { return connections_; }

 private:
  Result<HttpReply> try_send(const Request& request, bool& may_repeat);
  void use_proxy(const DatabaseUrl& server);
  std::unique_ptr<httplib::ClientImpl> secure_client(const DatabaseUrl& server,
                                                     const HttpTransport& transport) const;
  httplib::Request prepare(const Request& request) const;
  Error describe(httplib::Error error, std::chrono::milliseconds took, int read_timeout_ms) const;

  const std::string where_;     // for messages
  const std::string pin_;       // DatabaseUrl::certificate_sha256
  std::optional<Error> fault_;  // why there is no way to the server at all
  SocketHandle socket_;
  std::atomic<std::uint64_t> connections_{0};
  std::unique_ptr<httplib::ClientImpl> client_;
};

Client::Client(const DatabaseUrl& server, const HttpTransport& transport)
    : where_(server.server()), pin_(server.certificate_sha256) {
  if (!server.socket_path.empty()) {
    client_ = std::make_unique<httplib::ClientImpl>(server.socket_path);
    client_->set_address_family(AF_UNIX);
  } else if (server.tls) {
    client_ = secure_client(server, transport);
  } else {
    client_ = std::make_unique<httplib::ClientImpl>(server.host, server.port);
  }
  client_->set_keep_alive(true);
  client_->set_tcp_nodelay(server.socket_path.empty());
  client_->set_path_encode(false);
  client_->set_connection_timeout(std::chrono::milliseconds(transport.connect_timeout_ms));
  client_->set_write_timeout(std::chrono::milliseconds(kReadTimeoutMs));
  use_proxy(server);
  client_->set_socket_options([this](socket_t socket) {
    ++connections_;
    watch_for_dead_peers(socket);
    socket_.adopt(socket);
  });
}

std::unique_ptr<httplib::ClientImpl> Client::secure_client(const DatabaseUrl& server,
                                                           const HttpTransport& transport) const {
  auto client = std::make_unique<httplib::SSLClient>(server.host, server.port);
  client->enable_server_certificate_verification(pin_.empty());
  if (pin_.empty()) {
    if (!transport.ca_file.empty()) client->set_ca_cert_path(transport.ca_file);
    return client;
  }
  // Asked after the handshake and before the first byte of a request.
  client->set_session_verifier([pin = pin_](httplib::tls::session_t session) {
    using Verdict = httplib::SSLVerifierResponse;
    const auto shown = httplib::tls::get_peer_cert(session);
    std::vector<unsigned char> der;
    const bool read = shown != nullptr && httplib::tls::get_cert_der(shown, der);
    if (shown != nullptr) httplib::tls::free_cert(shown);
    const std::string_view bytes(reinterpret_cast<const char*>(der.data()), der.size());
    return read && hex(sha256(bytes)) == pin ? Verdict::CertificateAccepted
                                             : Verdict::CertificateRejected;
  });
  return client;
}

void Client::use_proxy(const DatabaseUrl& server) {
  const auto proxy = proxy_for(server, [](const char* name) { return os::environment(name); });
  if (!proxy) {
    fault_ = proxy.error();
  } else if (*proxy) {
    client_->set_proxy((*proxy)->host, (*proxy)->port);
    if (!(*proxy)->user.empty()) {
      client_->set_proxy_basic_auth((*proxy)->user, (*proxy)->secret);
    }
  }
}

httplib::Request Client::prepare(const Request& request) const {
  httplib::Request out;
  out.method = request.method;
  out.path = request.path;
  for (const auto& [name, value] : request.headers) out.set_header(name, value);
  out.set_header("User-Agent", "atelier/" ATELIER_VERSION);
  out.set_header("Date", http_date(system_clock().wall_ms() / 1'000));
  if (!out.has_header("Accept")) out.set_header("Accept", "application/json");
  if (!out.has_header("Accept-Encoding")) {
    out.set_header("Accept-Encoding", request.unpack ? "gzip, deflate" : "identity");
  }
  if (request.stream) {
    out.set_header("Content-Type", request.content_type);
    out.content_length_ = static_cast<std::size_t>(request.stream_bytes);
    out.content_provider_ = [&request](std::size_t, std::size_t, httplib::DataSink& sink) {
      return request.stream(
          [&sink](std::string_view bytes) { return sink.write(bytes.data(), bytes.size()); });
    };
  } else if (!request.body.empty()) {
    out.set_header("Content-Type", request.content_type);
    out.body = request.body;
  }
  return out;
}

Result<HttpReply> Client::send(const Request& request) {
  if (fault_) return *fault_;
  bool may_repeat = false;
  auto reply = try_send(request, may_repeat);
  // Everything that replication sends may be sent twice.
  if (!reply && may_repeat && !socket_.cancelled()) reply = try_send(request, may_repeat);
  return reply;
}

Result<HttpReply> Client::try_send(const Request& request, bool& may_repeat) {
  if (socket_.cancelled()) return Error(ErrorCode::kCancelled, "the request was cancelled");
  const std::uint64_t connections_before = connections_;
  const auto begun = std::chrono::steady_clock::now();
  client_->set_read_timeout(std::chrono::milliseconds(request.read_timeout_ms));
  client_->set_decompress(request.unpack);
  httplib::Request out = prepare(request);
  httplib::Response in;
  HttpReply reply;
  bool answered = false;
  bool stopped = false;
  bool too_large = false;
  out.response_handler = [&](const httplib::Response& head) {
    answered = true;
    reply.status = head.status;
    return true;
  };
  out.content_receiver = [&](const char* data, std::size_t size, std::size_t, std::size_t) {
    if (request.receive && reply.status / 100 == 2) {
      stopped = !request.receive({data, size});
      return !stopped;
    }
    too_large = reply.body.size() + size > kReplyBytesMax;
    if (!too_large) reply.body.append(data, size);
    return !too_large;
  };
  httplib::Error error = httplib::Error::Success;
  const bool sent = client_->send(out, in, error);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begun);
  may_repeat = !sent && !answered && connections_ == connections_before && !request.receive;
  if (!sent) socket_.release();
  for (const auto& [name, value] : in.headers) reply.headers.emplace(lower(name), value);
  if (sent) {
    reply.status = in.status;
    return reply;
  }
  if (socket_.cancelled()) return Error(ErrorCode::kCancelled, "the request was cancelled");
  if (stopped) return reply;
  if (too_large) return Error(ErrorCode::kTooLarge, "the answer of " + where_ + " is too large");
  return describe(error, took, request.read_timeout_ms);
}

Error Client::describe(httplib::Error error, std::chrono::milliseconds took,
                       int read_timeout_ms) const {
  using E = httplib::Error;
  switch (error) {
    case E::ConnectionTimeout:
      return {ErrorCode::kTimeout, where_ + " does not answer"};
    case E::Timeout:
      return {ErrorCode::kTimeout, where_ + " took too long"};
    case E::Connection:
      return {ErrorCode::kUnavailable, "cannot connect to " + where_};
    case E::SSLConnection:
      return {ErrorCode::kUnavailable, "cannot make a secure connection to " + where_};
    case E::SSLServerVerification:
    case E::SSLServerHostnameVerification:
      if (!pin_.empty()) return {ErrorCode::kUnavailable, wrong_certificate_words(where_)};
      return {ErrorCode::kUnavailable, "the certificate of " + where_ + " is not to be trusted"};
    case E::SSLLoadingCerts:
      return {ErrorCode::kUnavailable, "this system's certificates cannot be read"};
    default:
      break;
  }
  if (took.count() >= read_timeout_ms) {
    return {ErrorCode::kTimeout, where_ + " fell silent"};
  }
  return {ErrorCode::kUnavailable, "the connection to " + where_ + " broke"};
}

}  // namespace

std::unique_ptr<HttpClient> make_http_client(const DatabaseUrl& server,
                                             const HttpTransport& transport) {
  return std::make_unique<Client>(server, transport);
}

Result<std::string> gunzip(std::string_view packed) {
  z_stream stream{};
  constexpr int kGzipWindow = 15 + 16;
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) {
    return Error(ErrorCode::kInternal, "zlib cannot start");
  }
  std::string out;
  std::string chunk(kBlobChunkBytes, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  int result = Z_OK;
  while (result == Z_OK && out.size() <= kInflatedBytesMax) {
    stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
    stream.avail_out = static_cast<uInt>(chunk.size());
    result = inflate(&stream, Z_NO_FLUSH);
    out.append(chunk, 0, chunk.size() - stream.avail_out);
    if (stream.avail_in == 0 && stream.avail_out == chunk.size()) break;  // truncated
  }
  inflateEnd(&stream);
  if (out.size() > kInflatedBytesMax) {
    return Error(ErrorCode::kTooLarge, "the attachment is too large to unpack");
  }
  if (result != Z_STREAM_END) return invalid("the attachment is not valid gzip");
  return out;
}

}  // namespace atelier
