// What the server's tests share: a server over a temporary folder and a small blocking HTTP client
// of their own, so that nothing of the server's code checks itself. Thread rule: one thread a
// client.
#pragma once

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <utility>
#include <vector>

#include <boost/json.hpp>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/digest.h"
#include "server/server.h"
#include "store/catalog.h"

namespace atelier::server_test {

inline constexpr const char* kToken = "0123456789abcdef-admin-token";
inline constexpr int kSocketTimeoutSeconds = 20;  // bounds a test, is no part of what it awaits

using HeaderList = std::vector<std::pair<std::string, std::string>>;

inline std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

struct Reply {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  std::string header(const std::string& name) const {
    const auto found = headers.find(lower(name));
    return found == headers.end() ? std::string() : found->second;
  }
  boost::json::value json() const {
    boost::system::error_code failed;
    auto value = boost::json::parse(body, failed);
    EXPECT_FALSE(failed) << body;
    return value;
  }
  std::string text(const char* member) const {
    const auto value = json();
    if (!value.is_object() || !value.as_object().contains(member)) return "<none>";
    const auto& found = value.at(member);
    return found.is_string() ? std::string(found.as_string()) : boost::json::serialize(found);
  }
};

/// What may stand between a client's bytes and its socket: TLS (server_tls_tools.h). Both as
/// recv() and send(): 0 at the end, negative when it is broken.
class Cipher {
 public:
  virtual ~Cipher() = default;
  virtual ssize_t send(const char* bytes, std::size_t size) = 0;
  virtual ssize_t receive(char* into, std::size_t size) = 0;
};

/// One connection, over TCP or a socket file.
class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    connect(reinterpret_cast<const sockaddr*>(&address), sizeof address);
    host_ = "127.0.0.1:" + std::to_string(port);
  }
  /// The same over IPv6's loopback.
  static Client over_ipv6(std::uint16_t port) {
    Client client((NotConnected()));
    client.fd_ = ::socket(AF_INET6, SOCK_STREAM, 0);
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_loopback;
    address.sin6_port = htons(port);
    client.connect(reinterpret_cast<const sockaddr*>(&address), sizeof address);
    client.host_ = "[::1]:" + std::to_string(port);
    return client;
  }
  explicit Client(const std::filesystem::path& file) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    file.string().copy(address.sun_path, sizeof address.sun_path - 1);
    connect(reinterpret_cast<const sockaddr*>(&address), sizeof address);
    host_ = "localhost";
  }
  Client(Client&& other) noexcept { *this = std::move(other); }
  Client& operator=(Client&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(host_, other.host_);
    std::swap(buffer_, other.buffer_);
    std::swap(lines_, other.lines_);
    std::swap(cipher_, other.cipher_);
    return *this;
  }
  ~Client() {
    cipher_.reset();
    if (fd_ >= 0) ::close(fd_);
  }
  int socket() const { return fd_; }
  /// From now on all bytes go through it.
  void use(std::unique_ptr<Cipher> cipher) { cipher_ = std::move(cipher); }

  /// Writes bytes as they are; false when the server has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t size = cipher_ ? cipher_->send(bytes.data(), bytes.size())
                                   : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(size));
    }
    return true;
  }

  void send_request(const std::string& method, const std::string& target,
                    const std::string& body = {}, const HeaderList& headers = {}) {
    std::string text = method + " " + target + " HTTP/1.1\r\n";
    bool host = false, type = false;
    for (const auto& [name, value] : headers) {
      host |= lower(name) == "host";
      type |= lower(name) == "content-type";
      if (value != "-") text += name + ": " + value + "\r\n";
    }
    if (!host) text += "Host: " + host_ + "\r\n";
    if (!type && !body.empty()) text += "Content-Type: application/json\r\n";
    if (!body.empty() || method == "PUT" || method == "POST")
      text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    ASSERT_TRUE(send(text + "\r\n" + body));
  }

  Reply request(const std::string& method, const std::string& target, const std::string& body = {},
                const HeaderList& headers = {}) {
    send_request(method, target, body, headers);
    return read_reply(method == "HEAD");
  }

  /// The head of an answer, then its whole body.
  Reply read_reply(bool head_only = false) {
    Reply reply = read_head();
    if (head_only || reply.status == 304 || reply.status == 204) return reply;
    if (reply.header("transfer-encoding") == "chunked") {
      while (auto chunk = read_chunk()) reply.body += *chunk;
    } else if (!reply.header("content-length").empty()) {
      const std::size_t length = std::stoul(reply.header("content-length"));
      while (buffer_.size() < length && fill()) {
      }
      reply.body = buffer_.substr(0, length);
      buffer_.erase(0, std::min(length, buffer_.size()));
    } else {
      while (fill()) {
      }
      reply.body = std::exchange(buffer_, {});
    }
    return reply;
  }

  Reply read_head() {
    Reply reply;
    while (buffer_.find("\r\n\r\n") == std::string::npos)
      if (!fill()) return reply;
    const std::size_t end = buffer_.find("\r\n\r\n");
    const std::string head = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    reply.status = std::stoi(head.substr(9, 3));
    for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
      const std::size_t line_end = head.find("\r\n", at);
      const std::string line = head.substr(at, line_end - at);
      const std::size_t colon = line.find(": ");
      reply.headers[lower(line.substr(0, colon))] = line.substr(colon + 2);
      at = line_end + 2;
    }
    return reply;
  }

  /// The next chunk; nothing at the end of the body or when the connection was cut.
  std::optional<std::string> read_chunk() {
    while (buffer_.find("\r\n") == std::string::npos)
      if (!fill()) return std::nullopt;
    const std::size_t line = buffer_.find("\r\n");
    const std::size_t size = std::stoul(buffer_.substr(0, line), nullptr, 16);
    while (buffer_.size() < line + 2 + size + 2)
      if (!fill()) return std::nullopt;
    std::string chunk = buffer_.substr(line + 2, size);
    buffer_.erase(0, line + 2 + size + 2);
    if (size == 0) return std::nullopt;
    return chunk;
  }

  /// The next line of a feed; empty lines (heartbeats) too. Nothing at the end.
  std::optional<std::string> read_line() {
    while (lines_.find('\n') == std::string::npos) {
      auto chunk = read_chunk();
      if (!chunk) return std::nullopt;
      lines_ += *chunk;
    }
    const std::size_t end = lines_.find('\n');
    std::string line = lines_.substr(0, end);
    lines_.erase(0, end + 1);
    return line;
  }

  /// Exactly so many bytes; fewer when the connection ended.
  std::string read_bytes(std::size_t count) {
    while (buffer_.size() < count && fill()) {
    }
    const std::size_t size = std::min(count, buffer_.size());
    std::string bytes = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return bytes;
  }

  /// Whether the server closed the connection; waits for it or for more bytes.
  bool closed() { return buffer_.empty() && !fill(); }
  void shutdown_send() { ::shutdown(fd_, SHUT_WR); }
  const std::string& host() const { return host_; }

 private:
  struct NotConnected {};
  explicit Client(NotConnected) {}

  void connect(const sockaddr* address, std::size_t size) {
    timeval limit{kSocketTimeoutSeconds, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    EXPECT_EQ(::connect(fd_, address, static_cast<socklen_t>(size)), 0);
  }

  bool fill() {
    char bytes[16384];
    const ssize_t size = cipher_ ? cipher_->receive(bytes, sizeof bytes)
                                 : ::recv(fd_, bytes, sizeof bytes, 0);
    if (size <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(size));
    return true;
  }

  int fd_ = -1;
  std::string host_;
  std::string buffer_, lines_;
  std::unique_ptr<Cipher> cipher_;
};

inline HeaderList as_admin(HeaderList more = {}) {
  more.emplace_back("Authorization", "Basic " + base64(std::string("admin:") + kToken));
  return more;
}

/// A server with a catalog in a folder of its own.
class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("atelier-server-" + random_uuid());
    std::filesystem::create_directories(folder_);
    catalog_ = std::make_shared<Catalog>(folder_ / "data", "test");
  }
  void TearDown() override {
    server_.reset();
    catalog_.reset();
    std::filesystem::remove_all(folder_);
  }

  ServerOptions default_options() const {
    ServerOptions options;
    options.admin_token = kToken;
    options.uuid = "00000000000000000000000000000042";
    return options;
  }
  void start() { start(default_options()); }
  void start(ServerOptions options, std::shared_ptr<ReplicationService> replication = {}) {
    auto started = Server::start(std::move(options), catalog_, std::move(replication));
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
  }
  Client client() { return Client(server_->port()); }

  /// One request on a connection of its own.
  Reply anonymous(const std::string& method, const std::string& target,
                  const std::string& body = {}, const HeaderList& headers = {}) {
    return client().request(method, target, body, headers);
  }
  Reply admin(const std::string& method, const std::string& target, const std::string& body = {},
              const HeaderList& headers = {}) {
    return client().request(method, target, body, as_admin(headers));
  }
  void make_database(const std::string& name) {
    ASSERT_EQ(admin("PUT", "/" + name).status, 201) << name;
  }
  std::shared_ptr<Store> store(const std::string& name) {
    auto opened = catalog_->open(name, false);
    EXPECT_TRUE(opened);
    return *opened;
  }

  std::filesystem::path folder_;
  std::shared_ptr<Catalog> catalog_;
  std::unique_ptr<Server> server_;
};

}  // namespace atelier::server_test
