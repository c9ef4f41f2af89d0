// A way to a server on loopback that counts requests and may be as slow as a given link.
// Thread rule: any thread; a thread of its own a connection and way.
#pragma once

#include <atomic>
#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace atelier::bench {

class TcpProxy {
 public:
  /// To `server` ("http://127.0.0.1:4711"); `bytes_per_second` limits each connection's answers, 0
  /// does not.
  explicit TcpProxy(const std::string& server, std::size_t bytes_per_second = 0);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;

  std::string url() const;
  /// Where connections made from now on go.
  void set_target(const std::string& server);
  /// How many requests went through whose first line does not hold `word` ("": all).
  std::size_t requests_without(const std::string& word) const;
  std::size_t requests_with(const std::string& word) const;

 private:
  void accept_all();
  void carry_requests(int from, int to);
  void carry_answers(int from, int to);
  void pass(int from, int to, bool requests);

  const std::size_t bytes_per_second_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> target_port_;
  std::thread acceptor_;

  mutable std::mutex mutex_;
  std::vector<std::string> lines_;   // first lines of requests; guarded by mutex_
  std::list<std::thread> carriers_;  // guarded by mutex_
  std::vector<int> sockets_;         // guarded by mutex_
};

}  // namespace atelier::bench
