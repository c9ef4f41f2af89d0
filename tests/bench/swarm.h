// Many HTTP connections of one process, over epoll and without a library, so that the client costs
// little beside the server that is measured. Ends the program when a connection fails. Thread rule:
// one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace atelier::bench {

class Swarm {
 public:
  /// Connects `count` times to a port of 127.0.0.1.
  Swarm(std::uint16_t port, std::size_t count);
  ~Swarm();
  Swarm(const Swarm&) = delete;

  std::size_t size() const { return sockets_.size(); }
  void send(std::size_t connection, std::string_view bytes);
  /// Sends the same bytes through each connection.
  void send_all(std::string_view bytes);
  /// Calls `take(connection, bytes)` with what arrives until it returns false, or until
  /// `timeout_ms`; false then.
  bool receive(const std::function<bool(std::size_t, std::string_view)>& take, int timeout_ms);

  /// Sends `request` through each connection, and again with each complete answer, for `seconds`.
  /// Answers have a Content-Length or are chunked. How many were complete, and their bytes.
  struct Answers {
    std::uint64_t count = 0, bytes = 0;
    double seconds = 0;
  };
  Answers ask(std::string_view request, double seconds);
  /// The same, `count` times in all with requests that `next(i)` makes.
  Answers ask_each(std::size_t count, const std::function<std::string(std::size_t)>& next);

 private:
  Answers ask_until(const std::function<bool(std::size_t)>& send_next,
                    const std::function<bool()>& over);

  int epoll_ = -1;
  std::vector<int> sockets_;
};

}  // namespace atelier::bench
