#include "bench/tcp_proxy.h"

#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <unistd.h>

#include "bench/report.h"

namespace atelier::bench {
namespace {

constexpr std::size_t kChunkBytes = 4'096;  // small enough for an even flow at 10 Mbit/s

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

int port_of(const std::string& server) {
  return std::stoi(server.substr(server.rfind(':') + 1));
}

void hurry(int socket) {
  const int yes = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

bool send_all(int socket, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = send(socket, data, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

}  // namespace

TcpProxy::TcpProxy(const std::string& server, std::size_t bytes_per_second)
    : bytes_per_second_(bytes_per_second), target_port_(port_of(server)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  require(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
              listen(listener_, 16) == 0,
          "the proxy cannot listen");
  socklen_t size = sizeof address;
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

TcpProxy::~TcpProxy() {
  stopping_ = true;
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : sockets_) shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& carrier : carriers_) carrier.join();
  for (const int fd : sockets_) close(fd);
  close(listener_);
}

std::string TcpProxy::url() const {
  return "http://127.0.0.1:" + std::to_string(port_);
}

void TcpProxy::set_target(const std::string& server) {
  target_port_ = port_of(server);
}

std::size_t TcpProxy::requests_without(const std::string& word) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(lines_.begin(), lines_.end(), [&](const std::string& line) {
        return word.empty() || line.find(word) == std::string::npos;
      }));
}

std::size_t TcpProxy::requests_with(const std::string& word) const {
  return requests_without("") - requests_without(word);
}

void TcpProxy::accept_all() {
  while (!stopping_) {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(target_port_);
    hurry(client);
    hurry(server);
    const bool reached =
        connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    const std::lock_guard lock(mutex_);
    sockets_.push_back(client);
    sockets_.push_back(server);
    if (!reached) {
      shutdown(client, SHUT_RDWR);
      continue;
    }
    carriers_.emplace_back([this, client, server] { carry_requests(client, server); });
    carriers_.emplace_back([this, client, server] { carry_answers(server, client); });
  }
}

void TcpProxy::carry_requests(int from, int to) {
  pass(from, to, true);
}

void TcpProxy::carry_answers(int from, int to) {
  pass(from, to, false);
}

/// Bodies of ours are JSON without line ends of HTTP's kind, so that a line that ends in the
/// protocol's name is the first of a request.
void TcpProxy::pass(int from, int to, bool requests) {
  using Clock = std::chrono::steady_clock;
  std::string line;
  char buffer[kChunkBytes];
  auto free_at = Clock::now();
  for (;;) {
    const ssize_t got = recv(from, buffer, sizeof buffer, 0);
    if (got <= 0) break;
    for (ssize_t i = 0; requests && i < got; ++i) {
      if (buffer[i] != '\n') {
        line += buffer[i];
        continue;
      }
      if (line.ends_with(" HTTP/1.1\r")) {
        const std::lock_guard lock(mutex_);
        lines_.push_back(line);
      }
      line.clear();
    }
    if (!requests && bytes_per_second_ > 0) {
      free_at = std::max(free_at, Clock::now()) +
                std::chrono::nanoseconds(1'000'000'000 * static_cast<std::int64_t>(got) /
                                         static_cast<std::int64_t>(bytes_per_second_));
      std::this_thread::sleep_until(free_at);
    }
    if (!send_all(to, buffer, static_cast<std::size_t>(got))) break;
  }
  shutdown(to, SHUT_WR);
  shutdown(from, SHUT_RD);
}

}  // namespace atelier::bench
