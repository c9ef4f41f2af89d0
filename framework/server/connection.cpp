#include "server/connection.h"

#include <charconv>
#include <cstring>
#include <exception>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include "base/clock.h"
#include "base/digest.h"
#include "base/http_date.h"
#include "base/peer_clocks.h"
#include "server/presence_connection.h"
#include "server/replies.h"

namespace atelier::server {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr int kPumpTurns = 16;  // chunks sent before other connections get a turn
constexpr int kStopLingerMs = 100;

/// A header value must not end its line.
void append_header(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  for (char c : value) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  out += "\r\n";
}

std::string request_id(std::uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%010llx",
                static_cast<unsigned long long>((number * 0x9E3779B97F4A7C15ull) >> 24));
  return text;
}

}  // namespace

ConnectionShared::ConnectionShared(std::shared_ptr<Context> server_context)
    : context(std::move(server_context)), router(context) {
  const std::string random = random_bytes(sizeof requests);
  std::memcpy(&requests, random.data(), sizeof requests);
}

const std::string& ConnectionShared::date() {
  const std::int64_t second = system_clock().wall_ms() / 1000;
  if (second != date_second_) {
    date_second_ = second;
    date_ = http_date(second);
  }
  return date_;
}

Connection::Connection(std::shared_ptr<ConnectionShared> shared, Channel channel, bool local_user,
                       std::string address)
    : shared_(std::move(shared)),
      local_user_(local_user),
      address_(std::move(address)),
      channel_(std::move(channel)),
      timer_(channel_.get_executor()),
      state_(channel_.is_tls() ? State::kHandshake : State::kIdle) {}

Connection::~Connection() = default;

void Connection::start() {
  shared_->open.emplace(this, shared_from_this());
  // A client that connects has something to say.
  set_deadline_ms(state_ == State::kHandshake ? shared_->tls_handshake_ms : kRequestHeadTimeoutMs);
  want_read();
}

void Connection::stop() {
  if (follows_ && (state_ == State::kIdle || state_ == State::kHead))
    return set_deadline_ms(kPartingMs);
  if (state_ == State::kHandshake || state_ == State::kIdle || state_ == State::kHead ||
      state_ == State::kLinger)
    return close();
  if (source_) source_->on_stop();
  if (source_ || !follows_) keep_alive_ = false;
  if (state_ == State::kParked) unpark();
}

void Connection::close() {
  if (state_ == State::kClosed) return;
  // Nobody may take an answer that was cut for a whole one.
  if (state_ == State::kIdle) channel_.say_goodbye();
  state_ = State::kClosed;
  const auto self = shared_from_this();
  ++serial_;
  count_body(0);
  tell(false);
  source_.reset();
  plan_ = {};
  timer_.cancel();
  channel_.close();
  shared_->open.erase(this);
  shared_->one_closed();
}

void Connection::count_body(std::size_t bytes) {
  shared_->body_bytes += bytes - body_counted_;
  body_counted_ = bytes;
}

// --- reading

void Connection::want_read() {
  if (read_wanted_ || state_ == State::kClosed) return;
  read_wanted_ = true;
  channel_.wait_read([self = shared_from_this()](const error_code& failed) {
    self->read_wanted_ = false;
    self->on_readable(failed);
  });
}

void Connection::on_readable(const error_code& failed) {
  if (state_ == State::kClosed) return;
  if (failed) return close();
  if (state_ == State::kHandshake) return shake_hands();
  if (state_ == State::kParked) return look_at_parked();
  if (state_ == State::kIdle || state_ == State::kHead || state_ == State::kBody ||
      state_ == State::kDrain || state_ == State::kLinger)
    read_now();
}

void Connection::shake_hands() {
  error_code failed;
  const char first = channel_.first_byte(failed);
  if (!failed && first >= 'A' && first <= 'Z') {
    // A request without TLS: its own letters begin no TLS, and it is answered in its own way.
    channel_.drop_tls();
    keep_alive_ = false;
    begin_telling();
    request_ = std::make_shared<Request>();
    return refuse(bad_request("This port speaks TLS: the address begins with https://."));
  }
  channel_.handshake(failed);
  if (failed == asio::error::would_block) return want_read();
  if (failed == asio::error::eof) return close();
  if (failed) return linger();  // the client may read why
  state_ = State::kIdle;
  set_deadline_ms(kRequestHeadTimeoutMs);
  want_read();
}

/// Either the client went away or it sends its next request before this answer ends.
void Connection::look_at_parked() {
  error_code peeked;
  channel_.peek(peeked);
  if (peeked == asio::error::would_block) return want_read();
  if (peeked) close();
}

void Connection::read_now() {
  error_code failed;
  if (state_ == State::kLinger) {
    channel_.discard(failed);
    return failed && failed != asio::error::would_block ? close() : want_read();
  }
  const std::size_t size = channel_.read_some(asio::buffer(shared_->read_buffer), failed);
  if (failed == asio::error::would_block) return want_read();
  if (failed) return close();
  take(std::string_view(shared_->read_buffer.data(), size));
}

void Connection::take(std::string_view bytes) {
  input_.append(bytes);
  process();
}

/// Parses what is in input_ as far as the state allows, then asks for more where that helps.
void Connection::process() {
  const auto self = shared_from_this();
  std::string input = std::exchange(input_, {});
  std::string_view rest = input;
  bool progress = true;
  while (progress && !rest.empty()) {
    switch (state_) {
      case State::kIdle:
      case State::kHead:
        progress = parse_head(rest);
        break;
      case State::kBody:
      case State::kDrain:
        progress = parse_body(rest);
        break;
      default:
        progress = false;
        break;
    }
  }
  if (state_ == State::kClosed) return;
  if (rest.size() == input.size())
    input_ = std::move(input);
  else
    input_.assign(rest);
  if (state_ == State::kIdle || state_ == State::kHead || state_ == State::kBody ||
      state_ == State::kDrain || state_ == State::kLinger)
    want_read();
}

bool Connection::parse_head(std::string_view& bytes) {
  if (state_ == State::kIdle) {
    // RFC 9112 section 2.2: an empty line before a request is passed over.
    while (!parser_ && !bytes.empty() && (bytes.front() == '\r' || bytes.front() == '\n'))
      bytes.remove_prefix(1);
    if (bytes.empty()) return false;
    state_ = State::kHead;
    set_deadline_ms(kRequestHeadTimeoutMs);
    begin_telling();
    request_ = std::make_shared<Request>();
    request_->local_user = local_user_;
    request_->secure = channel_.is_tls();
    request_->address = address_;
    body_.clear();
    parser_ = std::make_unique<RequestParser>(*request_, body_);
  }
  if (const auto fault = parser_->put(bytes); fault != RequestParser::Fault::kNone) {
    refuse_parse(fault);
    return false;
  }
  if (!parser_->is_head_done()) return false;
  head_complete();
  return true;
}

void Connection::refuse_parse(RequestParser::Fault fault) {
  keep_alive_ = false;
  switch (fault) {
    case RequestParser::Fault::kTooLarge:
      return refuse(error_reply(431, "bad_request", "The head of the request is too large."));
    case RequestParser::Fault::kUnknownEncoding:
      return refuse(error_reply(501, "not_implemented", "Unknown Transfer-Encoding."));
    default:
      return refuse(bad_request("The request is not valid HTTP/1.1."));
  }
}

void Connection::head_complete() {
  const Headers& headers = request_->headers;
  head_at_ = Clock::now();
  // Browsers send no date, other hosts do.
  if (!address_.empty()) peer_clocks().heard(address_, headers.get("Date"));
  keep_alive_ = parser_->keep_alive() && !request_->http_1_0 && may_go_on();
  state_ = State::kBody;
  set_deadline_ms(kBodyStallTimeoutMs);
  try {
    plan_ = shared_->router.begin(request_);
  } catch (const std::exception&) {
    plan_.refused = error_reply(500, "internal_server_error", "The request could not be served.");
  }
  const std::uint64_t length = parser_->content_length().value_or(0);
  if (!plan_.refused && length > plan_.body_bytes_max)
    plan_.refused = error_reply(413, "too_large", "the request entity is too large");
  const bool expects = !request_->http_1_0 && equal_no_case(headers.get("Expect"), "100-continue");
  if (plan_.refused) {
    parser_->discard_body();
    if (parser_->is_done() || (!expects && length <= kDrainBytesMax)) {
      state_ = State::kDrain;
      return body_progress();
    }
    keep_alive_ = false;
    return refuse(std::move(*plan_.refused));
  }
  if (expects && !parser_->is_done()) {
    out_ = "HTTP/1.1 100 Continue\r\n\r\n";
    flush();
  }
  body_progress();
}

bool Connection::parse_body(std::string_view& bytes) {
  const std::size_t before = bytes.size();
  if (const auto fault = parser_->put(bytes); fault != RequestParser::Fault::kNone) {
    refuse_parse(fault);
    return false;
  }
  const bool read = bytes.size() != before;
  if (read) set_deadline_ms(kBodyStallTimeoutMs);
  body_progress();
  return read;
}

/// Decides what follows after some of the body was read.
void Connection::body_progress() {
  body_total_ = parser_->body_bytes();
  if (!plan_.sink) count_body(body_.size());
  const bool drains = state_ == State::kDrain;
  if (body_total_ > (drains ? kDrainBytesMax : plan_.body_bytes_max)) {
    keep_alive_ = false;
    return refuse(plan_.refused ? std::move(*plan_.refused)
                                : error_reply(413, "too_large", "the request entity is too large"));
  }
  if (shared_->body_bytes > kBodiesBytesMax) {
    keep_alive_ = false;
    return refuse(error_reply(503, "service_unavailable", "Too many requests are being read."));
  }
  if (drains) {
    if (parser_->is_done()) refuse(std::move(*plan_.refused));
    return;
  }
  if (plan_.sink && (body_.size() >= kBlobChunkBytes || (parser_->is_done() && !body_.empty())))
    return give_to_sink();
  if (parser_->is_done()) request_complete();
}

void Connection::give_to_sink() {
  state_ = State::kSinkBusy;
  no_deadline();
  plan_.sink->consume(std::exchange(body_, {}), [weak = weak_from_this(), serial = serial_] {
    const auto self = weak.lock();
    if (!self || self->serial_ != serial || self->state_ != State::kSinkBusy) return;
    self->state_ = State::kBody;
    self->set_deadline_ms(kBodyStallTimeoutMs);
    self->body_progress();
    if (self->state_ == State::kBody) self->process();
  });
}

Respond Connection::make_respond() {
  return [weak = weak_from_this(), serial = serial_](Response response) {
    if (const auto self = weak.lock()) self->answer(serial, std::move(response));
  };
}

void Connection::request_complete() {
  state_ = State::kAnswering;
  no_deadline();
  const Respond respond = make_respond();
  try {
    if (const auto sink = std::move(plan_.sink)) return sink->finish(respond);
    request_->body = std::move(body_);
    body_ = {};
    shared_->router.handle(request_, respond);
  } catch (const std::exception&) {
    respond(error_reply(500, "internal_server_error", "The request could not be served."));
  }
}

// --- answering

void Connection::refuse(Response response) {
  state_ = State::kAnswering;
  no_deadline();
  answer(serial_, std::move(response));
}

std::string Connection::head_of(Response& response) {
  const bool bodiless = response.status == 204 || response.status == 304;
  std::string head = request_->http_1_0 ? "HTTP/1.0 " : "HTTP/1.1 ";
  head += std::to_string(response.status);
  head += ' ';
  head += status_text(response.status);
  head += "\r\n";
  for (const auto& [name, value] : response.headers.fields()) append_header(head, name, value);
  append_header(head, "Date", shared_->date());
  append_header(head, "Server", "Atelier/" ATELIER_VERSION);
  append_header(head, "X-Couch-Request-ID", request_id(number_));
  chunked_ = false;
  if (!response.source) {
    if (response.status != 204)
      append_header(head, "Content-Length", std::to_string(response.body.size()));
  } else if (response.length) {
    append_header(head, "Content-Length", std::to_string(*response.length));
  } else if (request_->http_1_0) {
    keep_alive_ = false;
  } else {
    chunked_ = true;
    append_header(head, "Transfer-Encoding", "chunked");
  }
  if (bodiless || request_->method == "HEAD") response.source.reset();
  if (!keep_alive_) append_header(head, "Connection", "close");
  head += "\r\n";
  if (!bodiless && request_->method != "HEAD" && !response.source) head += response.body;
  return head;
}

void Connection::answer(std::uint64_t serial, Response response) {
  if (serial != serial_ || state_ != State::kAnswering) return;
  if (response.presence) {
    // Later, when what the client sent behind its request is in input_ again.
    asio::post(channel_.get_executor(), [self = shared_from_this(), serial,
                                        kept = std::make_shared<Response>(std::move(response))] {
      if (self->serial_ == serial && self->state_ == State::kAnswering)
        self->upgrade(std::move(*kept));
    });
    return;
  }
  const bool feed = response.source && response.source->is_feed();
  follows_ = follows_ || feed;
  if (response.close || (shared_->stopping && feed) || !may_go_on()) keep_alive_ = false;
  answer_begins(response.status);
  shared_->router.finish(*request_, response);
  // Behind what may still be on its way, a "100 Continue".
  out_ = out_.substr(std::min(sent_, out_.size())) + head_of(response);
  sent_ = 0;
  source_ = std::move(response.source);
  if (source_) {
    source_->wake = [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->unpark();
    };
    if (shared_->stopping) source_->on_stop();
  }
  body_ = {};
  count_body(0);
  request_->body = {};
  state_ = State::kSending;
  set_deadline_ms(kReplyStallTimeoutMs);
  pump();
}

/// The socket goes to somebody else, who answers; this object ends.
void Connection::upgrade(Response response) {
  // A client has to wait for the answer before it sends its first frame.
  if (!input_.empty() || request_->http_1_0 || shared_->stopping) {
    keep_alive_ = false;
    return answer(serial_, bad_request("The connection cannot be upgraded."));
  }
  const auto self = shared_from_this();
  answer_begins(response.status);
  tell(true);
  state_ = State::kClosed;
  ++serial_;
  count_body(0);
  plan_ = {};
  timer_.cancel();
  start_presence(shared_, std::move(channel_), *request_, std::move(response));
  shared_->open.erase(this);
}

void Connection::queue_chunk(BodySource::Chunk chunk) {
  sent_ = 0;
  chunk_ = std::move(chunk);
  chunk_suffix_ = chunked_;
  out_.clear();
  if (!chunked_) return;
  char size[20];
  const auto end = std::to_chars(size, size + sizeof size, chunk_->size(), 16);
  out_.assign(size, end.ptr);
  out_ += "\r\n";
}

/// Writes what is queued as far as the socket takes it. True when all was taken.
bool Connection::flush() {
  static constexpr std::string_view kLineEnd = "\r\n";
  while (true) {
    const std::string_view parts[3] = {out_,
                                       chunk_ ? std::string_view(*chunk_) : std::string_view(),
                                       chunk_suffix_ ? kLineEnd : std::string_view()};
    std::array<asio::const_buffer, 3> buffers;
    std::size_t skip = sent_, left = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      const std::size_t gone = std::min(skip, parts[i].size());
      buffers[i] = asio::buffer(parts[i].data() + gone, parts[i].size() - gone);
      skip -= gone;
      left += parts[i].size() - gone;
    }
    if (left == 0) break;
    error_code failed;
    const std::size_t size = channel_.write_some(buffers, failed);
    if (failed == asio::error::would_block) {
      if (write_wanted_) return false;
      write_wanted_ = true;
      channel_.wait_write([self = shared_from_this()](const error_code& broken) {
        self->write_wanted_ = false;
        if (broken || self->state_ == State::kClosed) return self->close();
        if (self->state_ == State::kSending) self->pump();
      });
      return false;
    }
    if (failed) {
      close();
      return false;
    }
    sent_ += size;
    bytes_sent_ += size;
    if (state_ == State::kSending) set_deadline_ms(kReplyStallTimeoutMs);
  }
  out_ = {};
  chunk_.reset();
  chunk_suffix_ = false;
  sent_ = 0;
  return true;
}

void Connection::pump() {
  const auto self = shared_from_this();
  for (int turn = 0;; ++turn) {
    if (!flush()) return;
    if (!source_) return response_sent();
    BodySource::Chunk chunk;
    BodySource::State next = BodySource::State::kData;
    if (turn < kPumpTurns) {
      try {
        next = source_->next(chunk);
      } catch (const std::exception&) {
        next = BodySource::State::kAbort;
      }
    }
    switch (next) {
      case BodySource::State::kData:
        if (!chunk) {
          asio::post(channel_.get_executor(), [self] {
            if (self->state_ == State::kSending) self->pump();
          });
          return;
        }
        if (!chunk->empty()) queue_chunk(std::move(chunk));
        break;
      case BodySource::State::kEnd:
        source_.reset();
        if (chunked_) out_ = "0\r\n\r\n";
        break;
      case BodySource::State::kWait:
        return park();
      case BodySource::State::kAbort:
        return close();
    }
  }
}

void Connection::park() {
  state_ = State::kParked;
  if (const auto deadline = source_->deadline())
    set_deadline(*deadline);
  else
    no_deadline();
  want_read();
}

void Connection::unpark() {
  if (state_ != State::kParked) return;
  state_ = State::kSending;
  set_deadline_ms(kReplyStallTimeoutMs);
  pump();
}

void Connection::response_sent() {
  tell(true);
  parser_.reset();
  request_.reset();
  plan_ = {};
  ++serial_;
  if (!keep_alive_ || !may_go_on()) return linger();
  state_ = State::kIdle;
  set_deadline_ms(shared_->stopping ? kPartingMs : kKeepAliveIdleMs);
  if (input_.empty()) return want_read();
  // Not at once: a long pipeline must not become a deep recursion.
  asio::post(channel_.get_executor(), [self = shared_from_this()] {
    if (self->state_ == State::kIdle) self->process();
  });
}

/// Closes in a way that lets the client read the answer first.
void Connection::linger() {
  state_ = State::kLinger;
  input_ = {};
  error_code failed;
  channel_.shutdown_send(failed);
  if (failed) return close();
  set_deadline_ms(shared_->stopping ? kStopLingerMs : kLingerMs);
  want_read();
}

// --- telling

void Connection::begin_telling() {
  number_ = ++shared_->requests;
  head_at_.reset();
  answer_at_.reset();
  status_ = 0;
  bytes_sent_ = 0;
}

void Connection::answer_begins(int status) {
  status_ = status;
  answer_at_ = Clock::now();
  std::optional<double> seconds;
  if (head_at_) seconds = std::chrono::duration<double>(*answer_at_ - *head_at_).count();
  shared_->context->counts.count(status, seconds);
}

/// Once an answer: when all of it was sent, or when the connection ended first.
void Connection::tell(bool whole) {
  const int status = std::exchange(status_, 0);
  const auto& log = shared_->context->options.log;
  if (status == 0 || !log || !request_) return;
  const auto ms_since_head = [this](Clock::time_point at) {
    return head_at_ ? std::chrono::duration<double, std::milli>(at - *head_at_).count() : 0.0;
  };
  RequestLine line;
  line.id = request_id(number_);
  line.address = address_;
  line.user = request_->principal.name;
  line.method = request_->method;
  line.path = request_->path;
  const std::size_t mark = request_->target.find('?');
  if (mark != std::string::npos) line.query = request_->target.substr(mark + 1);
  line.status = status;
  line.first_ms = ms_since_head(*answer_at_);
  line.total_ms = ms_since_head(Clock::now());
  line.bytes = bytes_sent_;
  line.whole = whole;
  log(request_line_json(line, system_clock().wall_ms()));
}

// --- time

void Connection::set_deadline(Clock::time_point deadline) {
  deadline_ = deadline;
  if (deadline_ < timer_at_) arm_timer();
}

void Connection::no_deadline() {
  deadline_ = Clock::time_point::max();
}

/// The timer is not moved when a deadline grows: it fires, looks, and waits on.
void Connection::arm_timer() {
  timer_at_ = deadline_;
  timer_.expires_at(deadline_);
  timer_.async_wait([self = shared_from_this()](const error_code& failed) {
    if (!failed) self->on_timer();
  });
}

void Connection::on_timer() {
  timer_at_ = Clock::time_point::max();
  if (state_ == State::kClosed || deadline_ == Clock::time_point::max()) return;
  if (Clock::now() < deadline_) return arm_timer();
  on_deadline();
}

void Connection::on_deadline() {
  switch (state_) {
    case State::kParked:
      source_->on_deadline();
      return unpark();
    case State::kHead:
    case State::kBody:
    case State::kDrain:
      keep_alive_ = false;
      return refuse(error_reply(408, "timeout", "The request was not complete in time."));
    default:
      return close();
  }
}

}  // namespace atelier::server
