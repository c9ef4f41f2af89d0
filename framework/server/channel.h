// A client's byte stream: a socket, plain or under TLS. Both ways look the same to who reads and
// writes: nothing blocks, would_block asks for a wait. Also an AsyncStream of Beast's, for
// WebSockets. Thread rule: the server's thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/post.hpp>

#include "server/tls.h"

namespace atelier::server {

class Channel {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;
  using executor_type = Socket::executor_type;
  using error_code = boost::system::error_code;

  /// Plain without `tls`.
  explicit Channel(Socket socket, std::unique_ptr<TlsSession> tls = {});

  executor_type get_executor() { return socket_.get_executor(); }
  Socket& socket() { return socket_; }
  bool is_tls() const { return tls_ != nullptr; }
  /// From now on plain: before the handshake, for a client that knows no TLS.
  void drop_tls() { tls_.reset(); }

  /// Errors: would_block until it is done.
  void handshake(error_code& failed) { tls_->handshake(socket_, failed); }
  /// The first byte that the client sent, which stays unread. Errors: would_block, eof.
  char first_byte(error_code& failed);

  std::size_t read_some(boost::asio::mutable_buffer into, error_code& failed);
  /// Takes some of the buffers. After would_block the next call must begin with the same bytes.
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers, error_code& failed) {
    if (!tls_) return socket_.write_some(buffers, failed);
    return tls_->write(socket_, record(buffers), failed);
  }
  /// Whether something can be read, without reading it: no error, would_block, or the end.
  void peek(error_code& failed);
  /// Reads and throws away, whatever it is.
  void discard(error_code& failed);

  /// Calls `handler(error)` when a read may get further, or a write.
  template <class Handler>
  void wait_read(Handler&& handler) {
    if (tls_ && tls_->pending())
      return boost::asio::post(
          socket_.get_executor(),
          [handler = std::forward<Handler>(handler)]() mutable { handler(error_code()); });
    socket_.async_wait(tls_ && tls_->read_waits_to_write() ? Socket::wait_write : Socket::wait_read,
                       std::forward<Handler>(handler));
  }
  template <class Handler>
  void wait_write(Handler&& handler) {
    socket_.async_wait(tls_ && tls_->write_waits_to_read() ? Socket::wait_read : Socket::wait_write,
                       std::forward<Handler>(handler));
  }

  /// Nothing more is sent; under TLS the client is told that this is the end.
  void shutdown_send(error_code& failed);
  /// Under TLS the client is told that nothing was cut; best effort.
  void say_goodbye();
  void close();

  // AsyncStream
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_compose<Token, void(error_code, std::size_t)>(
        Reading<Buffers>{*this, buffers}, token, socket_);
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_compose<Token, void(error_code, std::size_t)>(
        Writing<Buffers>{*this, buffers}, token, socket_);
  }

 private:
  /// The first of `buffers` as one piece, at most a record; the bytes stand until the next call.
  template <class Buffers>
  boost::asio::const_buffer record(const Buffers& buffers) {
    const boost::asio::mutable_buffer scratch = gather_space();
    return {scratch.data(), boost::asio::buffer_copy(scratch, buffers)};
  }
  static boost::asio::mutable_buffer gather_space();
  static bool would_block(const error_code& failed);

  template <class Buffers>
  struct Reading {
    Channel& channel;
    Buffers buffers;
    bool waited = false;

    template <class Self>
    void operator()(Self& self, error_code failed = {}) {
      std::size_t size = 0;
      if (waited && !failed) {
        for (auto part = boost::asio::buffer_sequence_begin(buffers);
             part != boost::asio::buffer_sequence_end(buffers) && size == 0; ++part)
          if (boost::asio::mutable_buffer(*part).size() != 0)
            size = channel.read_some(boost::asio::mutable_buffer(*part), failed);
      }
      if (!waited || would_block(failed)) {
        waited = true;
        return channel.wait_read(std::move(self));
      }
      self.complete(failed, size);
    }
  };

  template <class Buffers>
  struct Writing {
    Channel& channel;
    Buffers buffers;
    bool began = false, done = false;
    error_code result = {};
    std::size_t size = 0;

    template <class Self>
    void operator()(Self& self, error_code failed = {}) {
      if (done) return self.complete(result, size);
      const bool first = !std::exchange(began, true);
      if (!failed) size = channel.write_some(buffers, failed);
      if (would_block(failed)) return channel.wait_write(std::move(self));
      if (!first) return self.complete(failed, size);
      // Never from within the function that began it.
      done = true;
      result = failed;
      boost::asio::post(channel.get_executor(), std::move(self));
    }
  };

  Socket socket_;
  std::unique_ptr<TlsSession> tls_;
};

}  // namespace atelier::server
