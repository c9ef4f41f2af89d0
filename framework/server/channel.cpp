#include "server/channel.h"

#include <boost/asio/error.hpp>

namespace atelier::server {

namespace asio = boost::asio;

Channel::Channel(Socket socket, std::unique_ptr<TlsSession> tls)
    : socket_(std::move(socket)), tls_(std::move(tls)) {
  error_code ignored;
  socket_.non_blocking(true, ignored);
}

char Channel::first_byte(error_code& failed) {
  char byte = 0;
  const std::size_t size = socket_.receive(asio::buffer(&byte, 1), Socket::message_peek, failed);
  if (!failed && size == 0) failed = asio::error::eof;
  return byte;
}

std::size_t Channel::read_some(asio::mutable_buffer into, error_code& failed) {
  return tls_ ? tls_->read(socket_, into, failed) : socket_.read_some(into, failed);
}

void Channel::peek(error_code& failed) {
  if (tls_)
    tls_->peek(socket_, failed);
  else
    first_byte(failed);
}

void Channel::discard(error_code& failed) {
  socket_.read_some(gather_space(), failed);
}

void Channel::shutdown_send(error_code& failed) {
  say_goodbye();
  socket_.shutdown(Socket::shutdown_send, failed);
}

void Channel::say_goodbye() {
  if (tls_) tls_->end(socket_);
}

void Channel::close() {
  error_code ignored;
  socket_.close(ignored);
}

asio::mutable_buffer Channel::gather_space() {
  thread_local std::array<char, kTlsRecordBytes> space;
  return asio::buffer(space);
}

bool Channel::would_block(const error_code& failed) {
  return failed == asio::error::would_block || failed == asio::error::try_again;
}

}  // namespace atelier::server
