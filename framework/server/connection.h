// One client's connection: reads requests, hands them to the router, sends what comes back.
// Thread rule: the server's thread alone.
//
// Invariants
//   1. One request at a time: the next one is looked at when the last answer was sent.
//   2. An idle connection or a waiting feed holds no buffer; all share one to read into.
//   3. Every state but a running route has a deadline, so that no client holds a connection for
//   ever.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/limits.h"
#include "server/channel.h"
#include "server/http_message.h"
#include "server/request_parser.h"
#include "server/router.h"

namespace atelier::server {

/// From the connection to the end of the handshake: a few turns to the other side of the world.
inline constexpr int kTlsHandshakeTimeoutMs = 10'000;

class Connection;

/// A connection that is no HTTP any more.
class UpgradedConnection {
 public:
  virtual ~UpgradedConnection() = default;
  /// The server stops: ends in good order.
  virtual void stop() = 0;
  virtual void close() = 0;
};

/// What all connections of one server share. Thread rule: the server's thread.
struct ConnectionShared {
  explicit ConnectionShared(std::shared_ptr<Context> server_context);

  const std::shared_ptr<Context> context;
  Router router;
  bool stopping = false;
  std::size_t body_bytes = 0;  // of all request bodies that are in memory
  std::uint64_t requests;  // counts from anywhere, so that ids of two runs differ
  std::array<char, kReadChunkBytes> read_buffer;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> open;
  std::unordered_map<UpgradedConnection*, std::shared_ptr<UpgradedConnection>> upgraded;
  int presence_silence_ms = kPresenceSilenceMs;
  int tls_handshake_ms = kTlsHandshakeTimeoutMs;
  std::function<void()> on_all_closed;  // while stopping
  /// To be called by a connection that took itself out of `open` or `upgraded`.
  void one_closed() const {
    if (stopping && open.empty() && upgraded.empty() && on_all_closed) on_all_closed();
  }
  /// The Date header's value, made once a second.
  const std::string& date();

 private:
  std::int64_t date_second_ = 0;
  std::string date_;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<ConnectionShared> shared, Channel channel, bool local_user,
             std::string address);
  ~Connection();

  void start();
  /// The server stops: an idle connection closes, a feed ends, a running request is finished.
  void stop();
  void close();

 private:
  using Clock = std::chrono::steady_clock;
  enum class State {
    kHandshake,  // of TLS
    kIdle,       // between requests
    kHead,       // a request began
    kBody,       // its head is complete
    kSinkBusy,   // a sink works on a piece of the body
    kDrain,      // the body of a refused request is thrown away
    kAnswering,  // a route works
    kSending,
    kParked,  // a feed waits
    kLinger,  // nothing more is sent; what the client still sends is thrown away
    kClosed,
  };

  // reading
  void want_read();
  void on_readable(const boost::system::error_code& failed);
  void shake_hands();
  void look_at_parked();
  void read_now();
  void take(std::string_view bytes);
  void process();
  bool parse_head(std::string_view& bytes);
  void head_complete();
  bool parse_body(std::string_view& bytes);
  void body_progress();
  void refuse_parse(RequestParser::Fault fault);
  void give_to_sink();
  void request_complete();
  Respond make_respond();

  // answering
  /// Whether another request is waited for. A server that stops waits for those who ask for changes
  /// again and again: they hear of the last ones, and then it closes.
  bool may_go_on() const { return !shared_->stopping || follows_; }
  void refuse(Response response);
  void answer(std::uint64_t serial, Response response);
  void upgrade(Response response);
  std::string head_of(Response& response);
  void queue_chunk(BodySource::Chunk chunk);
  bool flush();
  void pump();
  void park();
  void unpark();
  void response_sent();
  void linger();
  void count_body(std::size_t bytes);

  // telling
  void begin_telling();
  void answer_begins(int status);
  void tell(bool whole);

  // time
  void set_deadline(Clock::time_point deadline);
  void set_deadline_ms(int ms) { set_deadline(Clock::now() + std::chrono::milliseconds(ms)); }
  void no_deadline();
  void arm_timer();
  void on_timer();
  void on_deadline();

  const std::shared_ptr<ConnectionShared> shared_;
  const bool local_user_;
  const std::string address_;  // the client's
  Channel channel_;
  boost::asio::steady_timer timer_;
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point timer_at_ = Clock::time_point::max();  // when the armed timer fires

  // What is told of the request in turn.
  std::uint64_t number_ = 0;
  std::optional<Clock::time_point> head_at_, answer_at_;  // complete; begun
  int status_ = 0;                                        // 0: no answer began
  std::uint64_t bytes_sent_ = 0;

  State state_;
  bool read_wanted_ = false, write_wanted_ = false;
  bool keep_alive_ = true, chunked_ = false;
  bool follows_ = false;  // asked for a feed, and will again
  std::uint64_t serial_ = 0;  // of the request in turn

  std::string input_;  // bytes that were read and not parsed
  std::unique_ptr<RequestParser> parser_;
  std::shared_ptr<Request> request_;
  std::string body_;
  std::size_t body_counted_ = 0;  // of it in shared_->body_bytes
  std::uint64_t body_total_ = 0;  // bytes of the body so far
  Router::Plan plan_;

  // What is being sent: a text, then a chunk with its framing.
  std::string out_;
  BodySource::Chunk chunk_;
  bool chunk_suffix_ = false;
  std::size_t sent_ = 0;
  std::shared_ptr<BodySource> source_;
};

}  // namespace atelier::server
