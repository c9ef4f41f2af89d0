#include "bench/swarm.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/report.h"

namespace atelier::bench {
namespace {

using Clock = std::chrono::steady_clock;

/// How much of one answer has come.
class Answer {
 public:
  /// Whether it is complete with these bytes. None of the next one may be in them.
  bool add(std::string_view bytes) {
    bytes_ += bytes.size();
    if (!in_body_) {
      head_ += bytes;
      const std::size_t end = head_.find("\r\n\r\n");
      if (end == std::string::npos) return false;
      require(head_.starts_with("HTTP/1.1 2"), "an answer was no success: " + head_.substr(0, 200));
      in_body_ = true;
      chunked_ = head_.find("chunked") < end;
      if (!chunked_) {
        constexpr std::string_view kLength = "Content-Length: ";
        const std::size_t at = head_.find(kLength);
        require(at < end, "an answer has no length");
        std::from_chars(head_.data() + at + kLength.size(), head_.data() + end, left_);
      }
      bytes = std::string_view(head_).substr(end + 4);
      if (!chunked_) return (left_ -= bytes.size()) == 0;
      tail_ = bytes.substr(bytes.size() - std::min<std::size_t>(bytes.size(), 5));
    } else if (!chunked_) {
      return (left_ -= bytes.size()) == 0;
    } else {
      tail_ += bytes.substr(bytes.size() - std::min<std::size_t>(bytes.size(), 5));
      if (tail_.size() > 5) tail_.erase(0, tail_.size() - 5);
    }
    return tail_ == "0\r\n\r\n";
  }
  std::uint64_t bytes() const { return bytes_; }
  void clear() { *this = {}; }

 private:
  std::string head_, tail_;
  bool in_body_ = false, chunked_ = false;
  std::uint64_t left_ = 0, bytes_ = 0;
};

}  // namespace

Swarm::Swarm(std::uint16_t port, std::size_t count)
    : epoll_(epoll_create1(EPOLL_CLOEXEC)), buffer_(std::size_t{256} << 10, '\0') {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (std::size_t i = 0; i < count; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(fd >= 0 && connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0,
            "a connection failed");
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    require(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0, "epoll refuses a socket");
    sockets_.push_back(fd);
  }
}

Swarm::~Swarm() {
  for (const int fd : sockets_) close(fd);
  close(epoll_);
}

void Swarm::send(std::size_t connection, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(sockets_[connection], bytes.data(), bytes.size(), MSG_NOSIGNAL);
    require(sent > 0, "a connection was cut while it was written to");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void Swarm::send_all(std::string_view bytes) {
  for (std::size_t i = 0; i < sockets_.size(); ++i) send(i, bytes);
}

bool Swarm::receive(const std::function<bool(std::size_t, std::string_view)>& take,
                    int timeout_ms) {
  const auto until = Clock::now() + std::chrono::milliseconds(timeout_ms);
  std::array<epoll_event, 256> events;
  while (Clock::now() < until) {
    const int left = static_cast<int>(
        std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count());
    const int count = epoll_wait(epoll_, events.data(), events.size(), std::max(left, 1));
    for (int i = 0; i < count; ++i) {
      const std::size_t connection = events[static_cast<std::size_t>(i)].data.u64;
      const ssize_t got = recv(sockets_[connection], buffer_.data(), buffer_.size(), 0);
      require(got > 0, "a connection was cut while it was read");
      if (!take(connection, std::string_view(buffer_).substr(0, static_cast<std::size_t>(got))))
        return true;
    }
  }
  return false;
}

Swarm::Answers Swarm::ask_until(const std::function<bool(std::size_t)>& send_next,
                                const std::function<bool()>& over) {
  std::vector<Answer> answers(sockets_.size());
  std::size_t waiting = 0;
  const auto begun = Clock::now();
  for (std::size_t i = 0; i < sockets_.size(); ++i) waiting += send_next(i) ? 1 : 0;
  Answers all;
  const auto take = [&](std::size_t connection, std::string_view bytes) {
    Answer& answer = answers[connection];
    if (!answer.add(bytes)) return true;
    ++all.count;
    all.bytes += answer.bytes();
    answer.clear();
    if (over() || !send_next(connection)) --waiting;
    return waiting > 0;
  };
  require(waiting == 0 || receive(take, 300'000), "answers did not come");
  all.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  return all;
}

Swarm::Answers Swarm::ask(std::string_view request, double seconds) {
  const auto until = Clock::now() + std::chrono::duration<double>(seconds);
  return ask_until(
      [&](std::size_t connection) {
        send(connection, request);
        return true;
      },
      [&] { return Clock::now() >= until; });
}

Swarm::Answers Swarm::ask_each(std::size_t count,
                               const std::function<std::string(std::size_t)>& next) {
  std::size_t sent = 0;
  return ask_until(
      [&](std::size_t connection) {
        if (sent == count) return false;
        send(connection, next(sent++));
        return true;
      },
      [] { return false; });
}

}  // namespace atelier::bench
