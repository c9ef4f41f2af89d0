#include "server/presence_connection.h"

#include <algorithm>
#include <deque>
#include <exception>
#include <optional>

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

// What Beast's WebSockets ask of a stream, found beside its class.

void beast_close_socket(Channel& channel) {
  channel.close();
}

void teardown(boost::beast::role_type role, Channel& channel, error_code& failed) {
  channel.say_goodbye();
  websocket::teardown(role, channel.socket(), failed);
}

template <class Handler>
void async_teardown(boost::beast::role_type role, Channel& channel, Handler&& handler) {
  channel.say_goodbye();
  websocket::async_teardown(role, channel.socket(), std::forward<Handler>(handler));
}

namespace {

using Time = std::chrono::steady_clock;
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
        ws_(std::move(channel)),
        stall_timer_(ws_.get_executor()),
        tell_timer_(ws_.get_executor()),
        read_timer_(ws_.get_executor()) {}

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
  void write();
  void watch_write();

  const std::shared_ptr<ConnectionShared> shared_;
  const std::shared_ptr<PresenceRoom> room_;
  const std::function<bool()> may_stay_;
  const std::string resume_;
  const HandshakeRequest request_;
  const Headers headers_;
  websocket::stream<Channel> ws_;
  asio::steady_timer stall_timer_, tell_timer_, read_timer_;
  boost::beast::flat_buffer input_;

  std::shared_ptr<PresenceRoom::Seat> seat_;
  bool closed_ = false, ending_ = false, writing_ = false, write_posted_ = false;
  bool stall_armed_ = false;
  Time::time_point write_began_;
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
  ws_.auto_fragment(false);
  ws_.text(true);
}

void PresenceConnection::accepted() {
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
  if (closed_ || writing_ || write_posted_) return;
  write_posted_ = true;
  asio::post(ws_.get_executor(), [self = shared_from_this()] {
    self->write_posted_ = false;
    if (!self->writing_) self->write();
  });
}

void PresenceConnection::write() {
  if (closed_ || ending_ || !seat_) return;
  PresenceFrame frame = room_->next(seat_);
  if (!frame) return;
  writing_ = true;
  write_began_ = Time::now();
  watch_write();
  const auto buffer = asio::buffer(*frame);
  ws_.async_write(buffer, [self = shared_from_this(), frame = std::move(frame)](
                              const error_code& failed, std::size_t) {
    self->writing_ = false;
    if (failed) return self->close();
    self->write();
  });
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
