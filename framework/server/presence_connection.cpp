#include "server/presence_connection.h"

#include <algorithm>
#include <functional>
#include <memory>

#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket.hpp>

#include "server/presence.h"

namespace atelier::server {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;

/// The client's byte stream, into which whole frames are put: ours, and those of Beast, which
/// answers pings and closes. What gathers while the socket takes nothing goes out in one piece.
class FrameStream {
 public:
  using executor_type = Channel::executor_type;

  explicit FrameStream(Channel channel) : state_(std::make_shared<State>(std::move(channel))) {}

  executor_type get_executor() { return channel().get_executor(); }
  Channel& channel() { return state_->channel; }

  /// A text message, as a server writes it (RFC 6455 section 5.2). It goes out with flush().
  void put(std::string_view text);
  /// Whether the socket took all; else on_flushed() is told when it did, or that it failed.
  bool flush(error_code& failed);
  void on_flushed(std::function<void(const error_code&)> told) {
    state_->on_flushed = std::move(told);
  }
  void close() {
    state_->on_flushed = nullptr;
    channel().close();
  }

  // AsyncStream
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return channel().async_read_some(buffers, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_compose<Token, void(error_code, std::size_t)>(
        Writing<Buffers>{state_, buffers}, token, channel().socket());
  }

 private:
  static constexpr std::size_t kKeptBytesMax = 8 << 10;  // of an idle connection

  struct State {
    explicit State(Channel given) : channel(std::move(given)), flushed(channel.get_executor()) {
      flushed.expires_at(asio::steady_timer::time_point::max());
    }
    Channel channel;
    std::string bytes;
    std::size_t sent = 0;  // of them
    bool waiting = false;  // for the socket
    error_code failed;
    asio::steady_timer flushed;  // cancelled when all was sent, which ends the waits for it
    std::function<void(const error_code&)> on_flushed;
  };

  static void send(const std::shared_ptr<State>& state);
  static void wait(const std::shared_ptr<State>& state);

  /// Puts all of its bytes at once, so that no frame comes to stand within another.
  template <class Buffers>
  struct Writing {
    std::shared_ptr<State> state;
    Buffers buffers;
    bool began = false;
    std::size_t size = 0;

    template <class Self>
    void operator()(Self& self, const error_code& = {}) {
      if (std::exchange(began, true)) return self.complete(state->failed, size);
      const auto keep = state;
      size = asio::buffer_size(buffers);
      keep->bytes.resize(keep->bytes.size() + size);
      asio::buffer_copy(asio::buffer(keep->bytes.data() + keep->bytes.size() - size, size),
                        buffers);
      send(keep);
      if (keep->waiting)
        keep->flushed.async_wait(std::move(self));
      else
        asio::post(keep->channel.get_executor(), std::move(self));
    }
  };

  std::shared_ptr<State> state_;
};

void FrameStream::put(std::string_view text) {
  std::string& bytes = state_->bytes;
  bytes += '\x81';
  const std::size_t size = text.size();
  const int wide = size < 126 ? 0 : size <= 0xffff ? 2 : 8;
  bytes += static_cast<char>(wide == 0 ? size : wide == 2 ? 126 : 127);
  for (int shift = 8 * (wide - 1); shift >= 0; shift -= 8)
    bytes += static_cast<char>((size >> shift) & 0xff);
  bytes += text;
}

bool FrameStream::flush(error_code& failed) {
  send(state_);
  failed = state_->failed;
  return !state_->waiting;
}

/// As far as the socket takes it.
void FrameStream::send(const std::shared_ptr<State>& state) {
  if (state->waiting) return;
  error_code failed;
  while (!failed && state->sent < state->bytes.size())
    state->sent += state->channel.write_some(
        asio::buffer(state->bytes.data() + state->sent, state->bytes.size() - state->sent), failed);
  if (failed == asio::error::would_block || failed == asio::error::try_again) return wait(state);
  state->failed = failed;
  state->sent = 0;
  state->bytes.clear();
  if (state->bytes.capacity() > kKeptBytesMax) state->bytes = {};
}

void FrameStream::wait(const std::shared_ptr<State>& state) {
  state->waiting = true;
  state->channel.wait_write([state](const error_code& broken) {
    state->waiting = false;
    if (broken)
      state->failed = broken;
    else
      send(state);
    if (state->waiting) return;
    state->flushed.cancel();
    if (const auto told = state->on_flushed) told(state->failed);
  });
}

// What Beast's WebSockets ask of a stream, found beside its class.

void beast_close_socket(FrameStream& stream) {
  stream.close();
}

void teardown(boost::beast::role_type role, FrameStream& stream, error_code& failed) {
  stream.channel().say_goodbye();
  websocket::teardown(role, stream.channel().socket(), failed);
}

template <class Handler>
void async_teardown(boost::beast::role_type role, FrameStream& stream, Handler&& handler) {
  stream.channel().say_goodbye();
  websocket::async_teardown(role, stream.channel().socket(), std::forward<Handler>(handler));
}

namespace {

using Time = std::chrono::steady_clock;

/// How often somebody is written to at most, by how many are in the room: what gathers until then is
/// one write, so that a room full of people who move costs a bounded number of writes a second and a
/// small one no delay. Never longer than a frame of a screen.
Time::duration write_every(std::size_t people) {
  constexpr std::chrono::microseconds kEach{80}, kMost{16'000};
  return std::min<std::chrono::microseconds>(kMost, kEach * people);
}

constexpr std::size_t kWriteBytes =
    64 << 10;  // of a write that has more behind it, which comes at once

using HandshakeRequest = http::request<http::empty_body>;

HandshakeRequest handshake_request(const Request& request) {
  HandshakeRequest out;
  out.method_string("GET");
  out.target(request.target);
  out.version(11);
  for (const auto& [name, value] : request.headers.fields()) out.insert(name, value);
  return out;
}

class PresenceConnection final : public UpgradedConnection,
                                 public PresenceMember,
                                 public std::enable_shared_from_this<PresenceConnection> {
 public:
  PresenceConnection(std::shared_ptr<ConnectionShared> shared, Channel channel,
                     const Request& request, Response response)
      : shared_(std::move(shared)),
        room_(std::move(response.presence)),
        may_stay_(std::move(response.may_stay)),
        resume_(request.query.get("resume").value_or("")),
        request_(handshake_request(request)),
        headers_(std::move(response.headers)),
        ws_(FrameStream(std::move(channel))),
        stall_timer_(ws_.get_executor()),
        tell_timer_(ws_.get_executor()),
        read_timer_(ws_.get_executor()),
        write_timer_(ws_.get_executor()) {}

  void start() {
    shared_->upgraded.emplace(this, shared_from_this());
    configure();
    ws_.async_accept(request_, [self = shared_from_this()](const error_code& failed) {
      if (failed || self->closed_) return self->close();
      self->accepted();
    });
  }

  // UpgradedConnection
  void stop() override { end(PresenceEnd::kGoingAway, "the server stops"); }
  void close() override;

  // PresenceMember
  bool may_stay() const override { return !may_stay_ || may_stay_(); }
  void poke() override;
  void tell_in(std::chrono::milliseconds wait) override;
  void end(PresenceEnd code, std::string reason) override;

 private:
  void configure();
  void accepted();
  void read();
  void on_message(std::size_t bytes);
  bool may_read();
  void write_in_turn();
  void write();
  void flushed(const error_code& failed);
  void watch_write();

  const std::shared_ptr<ConnectionShared> shared_;
  const std::shared_ptr<PresenceRoom> room_;
  const std::function<bool()> may_stay_;
  const std::string resume_;
  const HandshakeRequest request_;
  const Headers headers_;
  websocket::stream<FrameStream> ws_;
  asio::steady_timer stall_timer_, tell_timer_, read_timer_, write_timer_;
  boost::beast::flat_buffer input_;

  std::shared_ptr<PresenceRoom::Seat> seat_;
  bool closed_ = false, ending_ = false, writing_ = false, write_due_ = false;
  bool stall_armed_ = false;
  bool more_ = false;             // the last write did not take all that there was
  Time::time_point write_began_;  // the last one
  double read_allowance_ = kPresenceFramesPerSecondMax;
  Time::time_point read_counted_at_ = Time::now();
};

void PresenceConnection::configure() {
  websocket::stream_base::timeout limits{};
  limits.handshake_timeout = std::chrono::milliseconds(kPresenceCloseMs);
  limits.idle_timeout = std::chrono::milliseconds(shared_->presence_silence_ms);
  limits.keep_alive_pings = true;  // at half of it
  ws_.set_option(limits);
  ws_.set_option(websocket::stream_base::decorator([this](websocket::response_type& answer) {
    answer.set(http::field::server, "Atelier/" ATELIER_VERSION);
    for (const auto& [name, value] : headers_.fields()) answer.insert(name, value);
  }));
  ws_.read_message_max(kPresenceFrameBytesMax);
  // Who says goodbye is gone, whenever the connection itself ends. Only called while we live.
  ws_.control_callback([this](websocket::frame_type kind, boost::beast::string_view) {
    if (kind == websocket::frame_type::close && seat_) room_->leave(seat_);
  });
}

void PresenceConnection::accepted() {
  ws_.next_layer().on_flushed([weak = weak_from_this()](const error_code& failed) {
    if (const auto self = weak.lock()) self->flushed(failed);
  });
  seat_ = room_->join(*this, resume_);
  poke();
  read();
}

// --- reading

void PresenceConnection::read() {
  if (closed_) return;
  ws_.async_read(input_, [self = shared_from_this()](const error_code& failed, std::size_t bytes) {
    if (!failed) return self->on_message(bytes);
    if (failed == websocket::error::message_too_big && !self->closed_)
      return self->end(PresenceEnd::kTooBig, "the message is too large");
    self->close();
  });
}

void PresenceConnection::on_message(std::size_t bytes) {
  if (closed_) return;
  const std::string_view text(static_cast<const char*>(input_.data().data()), bytes);
  if (!ending_) {
    if (!ws_.got_text()) {
      end(PresenceEnd::kUnsupported, "messages are text");
    } else if (const auto fault = room_->heard(seat_, text, Time::now())) {
      end(fault->code, fault->reason);
    }
  }
  input_.consume(bytes);
  if (may_read()) return read();
  // What the client sends meanwhile waits in its socket.
  read_timer_.expires_after(std::chrono::milliseconds(1000 / kPresencePerSecondMax));
  read_timer_.async_wait([self = shared_from_this()](const error_code& failed) {
    if (!failed) self->read();
  });
}

bool PresenceConnection::may_read() {
  const auto now = Time::now();
  const std::chrono::duration<double> passed = now - read_counted_at_;
  read_counted_at_ = now;
  read_allowance_ = std::min<double>(
      kPresenceFramesPerSecondMax, read_allowance_ + passed.count() * kPresenceFramesPerSecondMax);
  read_allowance_ -= 1;
  return read_allowance_ >= 0;
}

// --- writing

void PresenceConnection::poke() {
  if (closed_ || writing_ || std::exchange(write_due_, true)) return;
  asio::post(ws_.get_executor(), [self = shared_from_this()] { self->write_in_turn(); });
}

void PresenceConnection::write_in_turn() {
  const auto turn = write_began_ + write_every(room_->size());
  if (more_ || Time::now() >= turn) return write();
  write_timer_.expires_at(turn);
  write_timer_.async_wait([self = shared_from_this()](const error_code& failed) {
    if (!failed) self->write();
  });
}

void PresenceConnection::write() {
  write_due_ = false;
  if (closed_ || ending_ || !seat_) return;
  FrameStream& stream = ws_.next_layer();
  std::size_t bytes = 0;
  for (PresenceFrame frame; bytes < kWriteBytes && (frame = room_->next(seat_));
       bytes += frame->size())
    stream.put(*frame);
  more_ = bytes >= kWriteBytes;
  if (bytes == 0) return;
  writing_ = true;
  write_began_ = Time::now();
  error_code failed;
  if (!stream.flush(failed)) return watch_write();
  writing_ = false;
  if (failed) return close();
  if (more_) poke();
}

/// The socket took what it had to wait for.
void PresenceConnection::flushed(const error_code& failed) {
  if (!std::exchange(writing_, false)) return;
  if (failed) return close();
  poke();
}

/// The timer is not moved with each write: it fires, looks, and waits on while something is sent.
void PresenceConnection::watch_write() {
  if (stall_armed_) return;
  stall_armed_ = true;
  const auto limit = std::chrono::milliseconds(shared_->presence_silence_ms);
  stall_timer_.expires_at(write_began_ + limit);
  stall_timer_.async_wait([self = shared_from_this(), limit](const error_code& failed) {
    self->stall_armed_ = false;
    if (failed || !self->writing_) return;
    if (Time::now() >= self->write_began_ + limit) return self->close();
    self->watch_write();
  });
}

void PresenceConnection::tell_in(std::chrono::milliseconds wait) {
  tell_timer_.expires_after(wait);
  tell_timer_.async_wait([self = shared_from_this()](const error_code& failed) {
    if (!failed && self->seat_) self->room_->tell_due(self->seat_, Time::now());
  });
}

// --- the end

void PresenceConnection::end(PresenceEnd code, std::string reason) {
  if (closed_ || ending_) return;
  ending_ = true;
  constexpr std::size_t kReasonBytesMax = 120;  // RFC 6455 section 5.5: a control frame is short
  while (reason.size() > kReasonBytesMax ||
         (!reason.empty() && (static_cast<unsigned char>(reason.back()) & 0x80) != 0))
    reason.pop_back();
  const websocket::close_reason why(static_cast<websocket::close_code>(code), reason.c_str());
  asio::post(ws_.get_executor(), [self = shared_from_this(), why] {
    if (self->closed_) return;
    if (!self->ws_.is_open()) return self->close();
    // The others see it at once; the closing handshake may take its time.
    if (self->seat_) self->room_->leave(self->seat_);
    self->ws_.async_close(why, [self](const error_code&) { self->close(); });
  });
}

void PresenceConnection::close() {
  if (std::exchange(closed_, true)) return;
  const auto self = shared_from_this();
  if (seat_) room_->leave(seat_);
  stall_timer_.cancel();
  tell_timer_.cancel();
  read_timer_.cancel();
  write_timer_.cancel();
  ws_.next_layer().close();
  shared_->upgraded.erase(this);
  shared_->one_closed();
}

}  // namespace

void start_presence(const std::shared_ptr<ConnectionShared>& shared, Channel channel,
                    const Request& request, Response response) {
  std::make_shared<PresenceConnection>(shared, std::move(channel), request, std::move(response))
      ->start();
}

}  // namespace atelier::server
