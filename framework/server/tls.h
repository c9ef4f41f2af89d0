// The certificate that a server shows, and TLS over one connection's socket, by OpenSSL.
// Thread rule: TlsSession and TlsKeeper::session() on the server's thread; the rest of TlsKeeper
// from any thread.
//
// Invariants
//   1. TLS 1.2 or 1.3 alone, forward-secret ciphers with authentication, no renegotiation, HTTP/1.1
//      where a client names protocols (ALPN).
//   2. A session that waits holds no record buffer (SSL_MODE_RELEASE_BUFFERS).
//   3. New files that cannot be used change nothing: the last good certificate stays.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

#include "base/error.h"
#include "server/certificate.h"

struct ssl_st;
struct ssl_ctx_st;

namespace atelier::server {

inline constexpr std::size_t kTlsRecordBytes = 16 << 10;  // RFC 8446 section 5.1: the most in one
inline constexpr std::size_t kTlsFileBytesMax = 1 << 20;  // of a certificate's file with its chain
inline constexpr int kTlsFilesLookMs = 1'000;             // how often files are looked at, at most

/// TLS over a socket that does not block. Each call takes the socket, since its owner may move it.
/// Errors: would_block (then waits_to_write() says for what), eof when the client ended in good
/// order, others when the connection is broken.
class TlsSession {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;

  ~TlsSession();
  TlsSession(const TlsSession&) = delete;

  void handshake(Socket& socket, boost::system::error_code& failed);
  std::size_t read(Socket& socket, boost::asio::mutable_buffer into,
                   boost::system::error_code& failed);
  /// Takes some of `from`. After would_block the next call must begin with the same bytes.
  std::size_t write(Socket& socket, boost::asio::const_buffer from,
                    boost::system::error_code& failed);
  /// Whether bytes can be read; without an error they can, and stay.
  void peek(Socket& socket, boost::system::error_code& failed);
  /// Tells the client that nothing follows; best effort.
  void end(Socket& socket);

  /// Decrypted bytes wait: the socket may not become readable for them.
  bool pending() const;
  /// What the last handshake(), read() or peek() that would have blocked waits for.
  bool read_waits_to_write() const { return read_waits_to_write_; }
  /// Likewise the last write().
  bool write_waits_to_read() const { return write_waits_to_read_; }

 private:
  friend class TlsKeeper;
  struct Link {  // what OpenSSL's BIO works on
    Socket* socket = nullptr;
    boost::system::error_code failed;
  };
  explicit TlsSession(ssl_st* ssl);
  /// One call of OpenSSL's that may want the socket's other direction.
  template <class Call>
  boost::system::error_code call(Socket& socket, bool writes, const Call& call);
  /// After a call returned `result`: what it means.
  boost::system::error_code fault(int result, bool& waits_to_read, bool& waits_to_write);

  std::unique_ptr<Link> link_;
  ssl_st* const ssl_;
  bool broken_ = false;  // nothing may be sent any more
  bool read_waits_to_write_ = false, write_waits_to_read_ = false;
};

/// Holds what new connections begin with, and looks for new files: at a new connection, once a
/// second at most, by what is in them, so that it does not matter how they were replaced.
class TlsKeeper {
 public:
  struct Options {
    std::filesystem::path certificate, key;  // PEM; the certificate's chain behind it
    /// Told in a sentence when new files are used, and when they cannot be; server's thread.
    std::function<void(const std::string&)> notice;
  };
  /// Errors: those of reading, kInvalid with what is wrong with which file.
  static Result<std::unique_ptr<TlsKeeper>> open(Options options);
  ~TlsKeeper();

  /// For a new connection; null when there is no memory.
  std::unique_ptr<TlsSession> session();
  /// The one that new connections are shown.
  Certificate certificate() const;

 private:
  explicit TlsKeeper(Options options) : options_(std::move(options)) {}
  struct Files {
    std::string certificate, key;  // their bytes
    bool operator==(const Files&) const = default;
  };
  Result<Files> read_files() const;
  Status use(const Files& files);
  void look();

  const Options options_;
  // Server's thread.
  std::shared_ptr<ssl_ctx_st> context_;
  std::array<std::uint8_t, 32> seen_{};  // digest of the files that were tried last
  std::chrono::steady_clock::time_point looked_at_;
  std::string fault_;  // what was told last

  mutable std::mutex mutex_;
  Certificate certificate_;  // guarded by mutex_
};

}  // namespace atelier::server
