#include "http/presence_client.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "base/digest.h"
#include "base/json_text.h"
#include "http/http_client.h"
#include "http/web_socket.h"

namespace atelier {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using local = asio::local::stream_protocol;
using web_socket::Opcode;
using Time = std::chrono::steady_clock;

namespace {

constexpr std::size_t kHandshakeBytesMax = 16 << 10;  // of an answer's head
constexpr std::size_t kRefusalBytesMax = 2 << 10;     // of its body that is looked at
constexpr int kRefusalBodyMs = 300;                   // waited for that body
constexpr std::size_t kOutgoingBytesMax = 2 * kPresenceFrameBytesMax;

constexpr int kFirstObjection = 1002, kLastObjection = 1010;  // close codes, RFC 6455 section 7.4.1

using Done = std::function<void(const error_code&, std::size_t)>;

/// A connection, plain or secure. Thread rule: the client's thread.
class Link {
 public:
  virtual ~Link() = default;
  /// Connects; cancelled by close().
  virtual void open(std::function<void(const error_code&)> done) = 0;
  virtual void read(asio::mutable_buffer into, Done done) = 0;
  virtual void write(const std::string& bytes, Done done) = 0;
  virtual void close() = 0;
  /// open() failed because the server showed another certificate than the pinned one.
  virtual bool wrong_certificate() const { return false; }
};

class FileLink final : public Link, public std::enable_shared_from_this<FileLink> {
 public:
  FileLink(asio::io_context& io, const std::string& path) : socket_(io), path_(path) {}
  void open(std::function<void(const error_code&)> done) override {
    socket_.async_connect(local::endpoint(path_),
                          [self = shared_from_this(), done](const error_code& e) { done(e); });
  }
  void read(asio::mutable_buffer into, Done done) override {
    socket_.async_read_some(into, std::move(done));
  }
  void write(const std::string& bytes, Done done) override {
    asio::async_write(socket_, asio::buffer(bytes), std::move(done));
  }
  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  local::socket socket_;
  const std::string path_;
};

class TcpLink : public Link, public std::enable_shared_from_this<TcpLink> {
 public:
  TcpLink(asio::io_context& io, std::string host, std::uint16_t port)
      : socket_(io), resolver_(io), host_(std::move(host)), port_(port) {}

  void open(std::function<void(const error_code&)> done) override {
    error_code no_address;
    const auto address = asio::ip::make_address(host_, no_address);
    if (!no_address) {
      socket_.async_connect(tcp::endpoint(address, port_),
                            [self = shared_from_this(), done](const error_code& failed) {
                              self->connected(failed, done);
                            });
      return;
    }
    resolver_.async_resolve(
        host_, std::to_string(port_),
        [self = shared_from_this(), done](const error_code& failed,
                                          const tcp::resolver::results_type& found) {
          if (failed) return done(failed);
          asio::async_connect(self->socket_, found,
                              [self, done](const error_code& broken, const tcp::endpoint&) {
                                self->connected(broken, done);
                              });
        });
  }
  void read(asio::mutable_buffer into, Done done) override {
    socket_.async_read_some(into, std::move(done));
  }
  void write(const std::string& bytes, Done done) override {
    asio::async_write(socket_, asio::buffer(bytes), std::move(done));
  }
  void close() override {
    error_code ignored;
    resolver_.cancel();
    socket_.close(ignored);
  }

 protected:
  virtual void secure(std::function<void(const error_code&)> done) { done({}); }

  tcp::socket socket_;
  tcp::resolver resolver_;
  const std::string host_;
  const std::uint16_t port_;

 private:
  void connected(const error_code& failed, const std::function<void(const error_code&)>& done) {
    if (failed) return done(failed);
    error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    secure(done);
  }
};

class TlsLink final : public TcpLink {
 public:
  /// Believes a certificate with the digest `pin`; where that is empty one that `ca_file` or,
  /// without it, the system's authorities vouch for, and that names the host.
  TlsLink(asio::io_context& io, const std::string& host, std::uint16_t port, const std::string& pin,
          const std::string& ca_file)
      : TcpLink(io, host, port),
        pin_(pin),
        context_(asio::ssl::context::tls_client),
        tls_(socket_, context_) {
    error_code ignored;
    SSL_set_min_proto_version(tls_.native_handle(), TLS1_2_VERSION);
    error_code no_address;
    asio::ip::make_address(host, no_address);
    if (no_address) SSL_set_tlsext_host_name(tls_.native_handle(), host.c_str());
    if (!pin.empty()) {
      tls_.set_verify_mode(asio::ssl::verify_none, ignored);  // secure() looks
      return;
    }
    // Without any of them nothing is trusted.
    if (ca_file.empty())
      context_.set_default_verify_paths(ignored);
    else
      context_.load_verify_file(ca_file, ignored);
    tls_.set_verify_mode(asio::ssl::verify_peer);
    tls_.set_verify_callback(asio::ssl::host_name_verification(host));
  }
  void read(asio::mutable_buffer into, Done done) override {
    tls_.async_read_some(into, std::move(done));
  }
  void write(const std::string& bytes, Done done) override {
    asio::async_write(tls_, asio::buffer(bytes), std::move(done));
  }
  bool wrong_certificate() const override { return wrong_; }

 private:
  void secure(std::function<void(const error_code&)> done) override {
    tls_.async_handshake(asio::ssl::stream_base::client,
                         [self = shared_from_this(), this, done](const error_code& failed) {
                           wrong_ = !failed && !pin_.empty() && shown() != pin_;
                           done(wrong_ ? asio::error::connection_refused : failed);
                         });
  }
  /// The digest of the certificate that the server showed.
  std::string shown() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned size = 0;
    X509* const shown = SSL_get1_peer_certificate(tls_.native_handle());
    const bool made =
        shown != nullptr && X509_digest(shown, EVP_sha256(), digest.data(), &size) == 1;
    X509_free(shown);
    return made ? hex(std::string_view(reinterpret_cast<const char*>(digest.data()), size)) : "";
  }

  const std::string pin_;
  bool wrong_ = false;
  asio::ssl::context context_;
  asio::ssl::stream<tcp::socket&> tls_;
};

std::shared_ptr<Link> make_link(asio::io_context& io, const DatabaseUrl& url,
                                const std::string& ca_file) {
  if (!url.socket_path.empty()) return std::make_shared<FileLink>(io, url.socket_path);
  if (url.tls)
    return std::make_shared<TlsLink>(io, url.host, url.port, url.certificate_sha256, ca_file);
  return std::make_shared<TcpLink>(io, url.host, url.port);
}

/// Why open() failed, in words.
std::string why_not(const Link& link, const DatabaseUrl& url, const error_code& failed) {
  if (link.wrong_certificate()) return wrong_certificate_words(url.server());
  if (failed.category() == asio::error::get_ssl_category() &&
      ERR_GET_REASON(static_cast<unsigned long>(failed.value())) == SSL_R_CERTIFICATE_VERIFY_FAILED)
    return "the certificate of " + url.server() + " is not to be trusted";
  return "cannot connect to " + url.server();
}

std::string host_header(const DatabaseUrl& url) {
  if (!url.socket_path.empty()) return "localhost";
  const bool is_v6 = url.host.find(':') != std::string::npos;
  const bool usual = url.port == (url.tls ? 443 : 80);
  return (is_v6 ? "[" + url.host + "]" : url.host) + (usual ? "" : ":" + std::to_string(url.port));
}

std::string handshake(const DatabaseUrl& url, const std::string& resume, const std::string& key) {
  std::string text = "GET " + url.base_path + "/" + url_encode(url.database) +
                     "/_presence?resume=" + resume + " HTTP/1.1\r\nHost: " + host_header(url) +
                     "\r\nUser-Agent: atelier/" ATELIER_VERSION
                     "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
                     key + "\r\n";
  const Credentials& who = url.credentials;
  // A server with sessions takes the password as well, and a session would end with its cookie.
  if (who.kind == Credentials::Kind::kBasic || who.kind == Credentials::Kind::kCookie)
    text += "Authorization: Basic " + base64(who.user + ":" + who.secret) + "\r\n";
  if (who.kind == Credentials::Kind::kBearer)
    text += "Authorization: Bearer " + who.secret + "\r\n";
  return text + "\r\n";
}

/// The head of an answer.
struct Head {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

/// nullopt for what is no HTTP.
std::optional<Head> parse_head(std::string_view text) {
  if (!text.starts_with("HTTP/1.") || text.size() < 12) return std::nullopt;
  Head head;
  for (const char c : text.substr(9, 3)) {
    if (c < '0' || c > '9') return std::nullopt;
    head.status = head.status * 10 + (c - '0');
  }
  for (std::size_t at = text.find("\r\n"); at != std::string_view::npos;) {
    at += 2;
    const std::size_t end = text.find("\r\n", at);
    const std::string_view line = text.substr(at, end == std::string_view::npos ? end : end - at);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      std::string_view value = line.substr(colon + 1);
      while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
      while (!value.empty() && value.back() == ' ') value.remove_suffix(1);
      head.headers[lower(line.substr(0, colon))] = std::string(value);
    }
    at = end;
  }
  return head;
}

bool is_upgrade(const Head& head, const std::string& key) {
  const auto header = [&](const char* name) {
    const auto found = head.headers.find(name);
    return found == head.headers.end() ? std::string() : found->second;
  };
  return head.status == 101 && lower(header("upgrade")) == "websocket" &&
         lower(header("connection")).find("upgrade") != std::string::npos &&
         header("sec-websocket-accept") == web_socket::accept_for(key);
}

/// Shortened to what a server takes, at the boundary of a character.
std::string shortened(std::string name) {
  std::size_t size = std::min(name.size(), kNicknameBytesMax);
  if (size < name.size())
    while (size > 0 && (static_cast<unsigned char>(name[size]) & 0xc0) == 0x80) --size;
  name.resize(size);
  return name;
}

std::string same_place(const std::optional<DatabaseUrl>& url) {
  if (!url) return {};
  const Credentials& who = url->credentials;
  return url->address() + "\n" + who.user + "\n" + who.secret + "\n" +
         std::to_string(static_cast<int>(who.kind));
}

}  // namespace

class PresenceClient::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(std::string name, const PresenceClientOptions& options)
      : options_(options),
        name_(shortened(std::move(name))),
        work_(asio::make_work_guard(io_)),
        timer_(io_),
        send_timer_(io_),
        keep_timer_(io_) {}

  // Any thread.
  void begin() {
    std::thread([self = shared_from_this()] { self->run(); }).detach();
  }
  void leave();
  void set_url(std::optional<DatabaseUrl> url, std::string why);
  void publish(const std::string& topic, std::optional<std::string> state);
  std::vector<Update> take();
  PresenceStatus status() const;
  void set_wake(std::function<void()> wake);

 private:
  // All below: the client's thread.
  void run();
  void go_to(std::optional<DatabaseUrl> url, std::string why);
  void connect();
  void send_handshake();
  void read_head();
  void head_complete(std::size_t end);
  void refused(const Head& head, std::size_t body_at);
  void refused_with(const Head& head);
  void opened(std::string_view rest);
  void read();
  bool process();
  bool on_message(const web_socket::Reader::Message& message);
  void on_close(std::string_view payload);
  void on_text(std::string_view text);
  void on_person(const std::string& key, std::string_view message);
  void watch();
  void lost(PresenceState state, std::string reason, int wait_ms);
  void lost_and_retry(std::string reason);
  void close_link();
  void arm_keep();
  void forget_stale();
  void stop();
  void shut();

  void send(Opcode opcode, std::string_view payload);
  void flush();
  void send_due();
  std::string own_message(bool whole);

  void set_status(PresenceState state, std::string reason = {});
  void changed(const std::string& key, const Person* person);
  void wake();
  template <class Handler>
  auto guarded(Handler handler);

  const PresenceClientOptions options_;
  const std::string name_;
  const std::string resume_ = random_uuid();  // keeps our key over a reconnect; secret

  // The client's thread.
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  asio::steady_timer timer_, send_timer_, keep_timer_;
  std::optional<DatabaseUrl> url_;
  std::shared_ptr<Link> link_;
  std::uint64_t attempt_ = 0;  // what belongs to an earlier one is passed over
  bool open_ = false;          // the handshake is done
  bool stopping_ = false;
  int retry_ms_ = 0;
  std::string key_, head_;
  std::array<char, 16 << 10> buffer_;
  web_socket::Reader reader_{kPresenceFrameBytesMax};
  Time::time_point heard_at_, next_send_at_;
  std::string writing_, outgoing_;  // bytes; writing_ is not empty while a write runs
  std::string me_;                  // our key
  std::map<std::string, Person> people_;
  std::map<std::string, Time::time_point> stale_;  // not seen again since the connection was lost

  mutable std::mutex mutex_;
  std::condition_variable ended_changed_;
  std::map<std::string, std::string> own_;              // by topic; guarded by mutex_
  std::set<std::string> dirty_;                         // of it, to be sent; guarded by mutex_
  bool send_posted_ = false;                            // guarded by mutex_
  std::map<std::string, std::optional<Person>> inbox_;  // guarded by mutex_
  PresenceStatus status_;                               // guarded by mutex_
  bool ended_ = false;                                  // guarded by mutex_

  std::mutex wake_mutex_;
  std::function<void()> wake_;  // guarded by wake_mutex_
};

// --- any thread

void PresenceClient::Impl::leave() {
  set_wake({});
  asio::post(io_, [self = shared_from_this()] { self->stop(); });
  std::unique_lock lock(mutex_);
  ended_changed_.wait_for(lock, std::chrono::milliseconds(kPresenceLeaveMs),
                          [this] { return ended_; });
}

void PresenceClient::Impl::set_url(std::optional<DatabaseUrl> url, std::string why) {
  asio::post(io_, [self = shared_from_this(), url = std::move(url), why = std::move(why)] {
    if (!self->stopping_) self->go_to(url, why);
  });
}

void PresenceClient::Impl::publish(const std::string& topic, std::optional<std::string> state) {
  const std::scoped_lock lock(mutex_);
  if (state)
    own_[topic] = std::move(*state);
  else
    own_.erase(topic);
  dirty_.insert(topic);
  if (std::exchange(send_posted_, true)) return;
  asio::post(io_, [self = shared_from_this()] {
    {
      const std::scoped_lock again(self->mutex_);
      self->send_posted_ = false;
    }
    self->send_due();
  });
}

std::vector<PresenceClient::Update> PresenceClient::Impl::take() {
  std::map<std::string, std::optional<Person>> inbox;
  {
    const std::scoped_lock lock(mutex_);
    inbox.swap(inbox_);
  }
  std::vector<Update> updates;
  updates.reserve(inbox.size());
  for (auto& [key, person] : inbox) updates.push_back({key, std::move(person)});
  return updates;
}

PresenceStatus PresenceClient::Impl::status() const {
  const std::scoped_lock lock(mutex_);
  return status_;
}

void PresenceClient::Impl::set_wake(std::function<void()> wake) {
  const std::scoped_lock lock(wake_mutex_);
  wake_ = std::move(wake);
}

void PresenceClient::Impl::wake() {
  const std::scoped_lock lock(wake_mutex_);
  if (wake_) wake_();
}

// --- connecting

/// A handler that does nothing once the connection that it belongs to is another.
template <class Handler>
auto PresenceClient::Impl::guarded(Handler handler) {
  return [self = shared_from_this(), attempt = attempt_, handler = std::move(handler)](
             const error_code& failed, auto... more) {
    if (self->attempt_ == attempt && failed != asio::error::operation_aborted)
      handler(failed, more...);
  };
}

void PresenceClient::Impl::run() {
  try {
    io_.run();
  } catch (const std::exception&) {
    set_status(PresenceState::kUnsupported, "looking for others failed on this computer");
    wake();
  }
  const std::scoped_lock lock(mutex_);
  ended_ = true;
  ended_changed_.notify_all();
}

void PresenceClient::Impl::go_to(std::optional<DatabaseUrl> url, std::string why) {
  if (!url) {
    url_.reset();
    close_link();
    return set_status(PresenceState::kNone, std::move(why));
  }
  if (same_place(url_) == same_place(url)) return;
  url_ = std::move(url);
  retry_ms_ = 0;
  set_status(PresenceState::kConnecting, "connecting to " + url_->server());
  connect();
}

void PresenceClient::Impl::connect() {
  close_link();
  link_ = make_link(io_, *url_, options_.ca_file);
  key_ = base64(random_bytes(16));
  timer_.expires_after(std::chrono::milliseconds(kConnectTimeoutMs));
  timer_.async_wait(
      guarded([this](const error_code&) { lost_and_retry(url_->server() + " does not answer"); }));
  link_->open([this, self = shared_from_this(), attempt = attempt_](const error_code& failed) {
    if (attempt != attempt_) return;
    if (failed) return lost_and_retry(why_not(*link_, *url_, failed));
    send_handshake();
  });
}

void PresenceClient::Impl::send_handshake() {
  writing_ = handshake(*url_, resume_, key_);
  link_->write(writing_, guarded([this, link = link_](const error_code& failed, std::size_t) {
                 writing_.clear();
                 if (failed)
                   return lost_and_retry("the connection to " + url_->server() + " broke");
                 read_head();
               }));
}

void PresenceClient::Impl::read_head() {
  link_->read(asio::buffer(buffer_),
              guarded([this, link = link_](const error_code& failed, std::size_t bytes) {
                head_.append(buffer_.data(), failed ? 0 : bytes);
                const std::size_t end = head_.find("\r\n\r\n");
                if (end != std::string::npos) return head_complete(end);
                if (failed || head_.size() > kHandshakeBytesMax)
                  return lost_and_retry(url_->server() + " does not speak HTTP");
                read_head();
              }));
}

void PresenceClient::Impl::head_complete(std::size_t end) {
  const auto head = parse_head(std::string_view(head_).substr(0, end));
  if (!head) return lost_and_retry(url_->server() + " does not speak HTTP");
  if (is_upgrade(*head, key_)) return opened(std::string_view(head_).substr(end + 4));
  refused(*head, end + 4);
}

/// Waits a moment for the body, which tells a database that is not there yet from a server that
/// knows no presence.
void PresenceClient::Impl::refused(const Head& head, std::size_t body_at) {
  const bool enough =
      head_.find('}', body_at) != std::string::npos || head_.size() - body_at > kRefusalBytesMax;
  if (head.status != 404 || enough) return refused_with(head);
  timer_.expires_after(std::chrono::milliseconds(kRefusalBodyMs));
  timer_.async_wait(guarded([this, head](const error_code&) { refused_with(head); }));
  link_->read(asio::buffer(buffer_), guarded([this, link = link_, head, body_at](
                                                 const error_code& failed, std::size_t bytes) {
                if (failed) return refused_with(head);
                head_.append(buffer_.data(), bytes);
                refused(head, body_at);
              }));
}

void PresenceClient::Impl::refused_with(const Head& head) {
  const std::string where = url_->server();
  const bool no_database =
      head.status == 404 && (head_.find("Database does not exist") != std::string::npos ||
                             head_.find("no_db_file") != std::string::npos);
  if (no_database) return lost_and_retry("the room is not at " + where + " yet");
  if (head.status == 429 || head.status >= 500 || head.status == 408)
    return lost_and_retry(where + " takes nobody more in right now");
  std::string reason = where + " carries documents alone: nobody else is shown";
  if (head.status == 401 || head.status == 403) reason = where + " does not show to us who is here";
  lost(PresenceState::kUnsupported, std::move(reason), options_.unsupported_retry_ms);
}

void PresenceClient::Impl::opened(std::string_view rest) {
  reader_ = web_socket::Reader(kPresenceFrameBytesMax);
  reader_.add(rest);
  head_.clear();
  open_ = true;
  heard_at_ = next_send_at_ = Time::now();
  send(Opcode::kText, own_message(true));
  watch();
  if (process()) read();
}

// --- receiving

void PresenceClient::Impl::read() {
  link_->read(asio::buffer(buffer_),
              guarded([this, link = link_](const error_code& failed, std::size_t bytes) {
                if (failed)
                  return lost_and_retry("the connection to " + url_->server() + " was closed");
                heard_at_ = Time::now();
                reader_.add({buffer_.data(), bytes});
                if (process()) read();
              }));
}

/// False when the connection ended.
bool PresenceClient::Impl::process() {
  while (true) {
    auto message = reader_.next();
    if (!message) {
      lost_and_retry(url_->server() + " sent nonsense: " + message.error().message);
      return false;
    }
    if (!*message) return true;
    if (!on_message(**message)) return false;
  }
}

bool PresenceClient::Impl::on_message(const web_socket::Reader::Message& message) {
  switch (message.opcode) {
    case Opcode::kText:
      on_text(message.payload);
      return true;
    case Opcode::kPing:
      send(Opcode::kPong, message.payload);
      return link_ != nullptr;
    case Opcode::kClose:
      on_close(message.payload);
      return false;
    default:
      return true;
  }
}

void PresenceClient::Impl::on_close(std::string_view payload) {
  send(Opcode::kClose, payload.substr(0, 2));
  const int code = payload.size() < 2 ? 0
                                      : static_cast<unsigned char>(payload[0]) << 8 |
                                            static_cast<unsigned char>(payload[1]);
  // It objects to what we said, and would at once again.
  if (code >= kFirstObjection && code <= kLastObjection) retry_ms_ = options_.retry_max_ms;
  lost_and_retry("the connection to " + url_->server() + " was closed");
}

void PresenceClient::Impl::on_text(std::string_view text) {
  const auto normal = json::normalize(text);
  if (!normal || json::kind_of(*normal) != json::Kind::kObject) return;
  if (auto you = json::string_member(*normal, "you")) {
    me_ = std::move(*you);
    retry_ms_ = 0;
    return set_status(PresenceState::kLive);
  }
  const auto key = json::string_member(*normal, "key");
  if (!key || key->empty() || key->size() > kPresenceTopicBytesMax || *key == me_) return;
  if (!json::bool_member(*normal, "gone").value_or(false)) return on_person(*key, *normal);
  stale_.erase(*key);
  if (people_.erase(*key) != 0) changed(*key, nullptr);
}

// What is beyond the limits is passed over: a server may not fill our memory.
void PresenceClient::Impl::on_person(const std::string& key, std::string_view message) {
  const auto known = people_.find(key);
  if (known == people_.end() && people_.size() >= kPresencePeopleMax) return;
  Person person = known == people_.end() ? Person() : known->second;
  if (json::bool_member(message, "whole").value_or(false)) person.topics.clear();
  if (auto name = json::string_member(message, "name"); name && name->size() <= kNicknameBytesMax)
    person.name = std::move(*name);
  const auto topics = json::member(message, "topics");
  if (topics && json::kind_of(*topics) == json::Kind::kObject) {
    json::for_each_member(*topics, [&](std::string_view topic, std::string_view state) {
      if (state == "null")
        person.topics.erase(std::string(topic));
      else
        person.topics[std::string(topic)] = std::string(state);
      return person.topics.size() <= kPresenceTopicsMax;
    });
  }
  std::size_t bytes = 0;
  for (const auto& [topic, state] : person.topics) bytes += state.size();
  if (person.topics.size() > kPresenceTopicsMax || bytes > kPresenceStateBytesMax) return;
  stale_.erase(key);
  Person& kept = people_[key];
  kept = std::move(person);
  changed(key, &kept);
}

void PresenceClient::Impl::changed(const std::string& key, const Person* person) {
  {
    const std::scoped_lock lock(mutex_);
    inbox_[key] = person ? std::optional<Person>(*person) : std::nullopt;
  }
  wake();
}

void PresenceClient::Impl::set_status(PresenceState state, std::string reason) {
  {
    const std::scoped_lock lock(mutex_);
    PresenceStatus status{state, std::move(reason)};
    if (status == status_) return;
    status_ = std::move(status);
  }
  wake();
}

/// Asks a silent server whether it is there, and leaves it when it stays silent.
void PresenceClient::Impl::watch() {
  const auto tick = std::chrono::milliseconds(std::max(options_.silence_ms / 3, 1));
  timer_.expires_after(tick);
  timer_.async_wait(guarded([this, tick](const error_code&) {
    const auto silent = Time::now() - heard_at_;
    if (silent >= std::chrono::milliseconds(options_.silence_ms))
      return lost_and_retry(url_->server() + " does not answer any more");
    if (silent >= tick / 2) send(Opcode::kPing, {});
    if (link_) watch();
  }));
}

// --- the end of a connection

void PresenceClient::Impl::lost_and_retry(std::string reason) {
  retry_ms_ = std::clamp(retry_ms_ * 2, options_.retry_first_ms, options_.retry_max_ms);
  // Not all at one moment, when a server comes back.
  const int part = static_cast<unsigned char>(random_bytes(1)[0]);
  const int wait_ms = retry_ms_ - retry_ms_ / 4 * part / 255;
  lost(PresenceState::kConnecting, std::move(reason), wait_ms);
}

void PresenceClient::Impl::lost(PresenceState state, std::string reason, int wait_ms) {
  close_link();
  set_status(state, std::move(reason));
  timer_.expires_after(std::chrono::milliseconds(wait_ms));
  timer_.async_wait(guarded([this](const error_code&) { connect(); }));
}

void PresenceClient::Impl::close_link() {
  ++attempt_;
  timer_.cancel();
  send_timer_.cancel();
  if (link_) link_->close();
  link_.reset();
  open_ = false;
  writing_.clear();
  outgoing_.clear();
  head_.clear();
  const auto until = Time::now() + std::chrono::milliseconds(options_.keep_ms);
  for (const auto& [key, person] : people_) stale_.emplace(key, until);
  arm_keep();
}

void PresenceClient::Impl::arm_keep() {
  if (stale_.empty() || stopping_) return;
  auto first = Time::time_point::max();
  for (const auto& [key, until] : stale_) first = std::min(first, until);
  keep_timer_.expires_at(first);
  keep_timer_.async_wait([self = shared_from_this()](const error_code& failed) {
    if (!failed) self->forget_stale();
  });
}

void PresenceClient::Impl::forget_stale() {
  const auto now = Time::now();
  for (auto one = stale_.begin(); one != stale_.end();) {
    if (one->second > now) {
      ++one;
      continue;
    }
    if (people_.erase(one->first) != 0) changed(one->first, nullptr);
    one = stale_.erase(one);
  }
  arm_keep();
}

/// In good order where nothing is being sent: the server tells the others at once in any case.
void PresenceClient::Impl::stop() {
  stopping_ = true;
  if (!link_ || !open_ || !writing_.empty()) return shut();
  writing_ = web_socket::encode(Opcode::kClose, web_socket::close_payload(1000));
  link_->write(writing_, [self = shared_from_this(), link = link_](const error_code&, std::size_t) {
    self->shut();
  });
  timer_.expires_after(std::chrono::milliseconds(kPresenceLeaveMs / 2));
  timer_.async_wait([self = shared_from_this()](const error_code& failed) {
    if (!failed) self->shut();
  });
}

void PresenceClient::Impl::shut() {
  close_link();
  keep_timer_.cancel();
  work_.reset();
}

// --- sending

void PresenceClient::Impl::send(Opcode opcode, std::string_view payload) {
  if (!open_ || stopping_) return;
  if (outgoing_.size() > kOutgoingBytesMax) return;  // it answers nothing: watch() will see it
  outgoing_ += web_socket::encode(opcode, payload);
  flush();
}

void PresenceClient::Impl::flush() {
  if (!writing_.empty() || outgoing_.empty() || !link_ || stopping_) return;
  writing_ = std::exchange(outgoing_, {});
  link_->write(writing_, guarded([this, link = link_](const error_code& failed, std::size_t) {
                 writing_.clear();
                 if (failed)
                   return lost_and_retry("the connection to " + url_->server() + " broke");
                 flush();
                 send_due();
               }));
}

void PresenceClient::Impl::send_due() {
  // While the last one is on its way the next is not made: it will be newer then.
  if (!open_ || stopping_ || !writing_.empty()) return;
  const auto now = Time::now();
  if (now >= next_send_at_) {
    const std::string message = own_message(false);
    if (message.empty()) return;
    next_send_at_ = now + std::chrono::microseconds(1'000'000 / kPresencePerSecondMax);
    return send(Opcode::kText, message);
  }
  {
    const std::scoped_lock lock(mutex_);
    if (dirty_.empty()) return;
  }
  send_timer_.expires_at(next_send_at_);
  send_timer_.async_wait(guarded([this](const error_code&) { send_due(); }));
}

/// What changed of our state, or all of it; "" when nothing did.
std::string PresenceClient::Impl::own_message(bool whole) {
  const std::scoped_lock lock(mutex_);
  if (!whole && dirty_.empty()) return {};
  json::Writer writer;
  writer.begin_object();
  if (whole) writer.key("name").string(name_).key("whole").boolean(true);
  writer.key("topics").begin_object();
  for (const auto& [topic, state] : own_)
    if (whole || dirty_.contains(topic)) writer.key(topic).raw(state);
  for (const auto& topic : dirty_)
    if (!whole && !own_.contains(topic)) writer.key(topic).null();
  writer.end_object().end_object();
  dirty_.clear();
  return writer.take();
}

// --- the client

PresenceClient::PresenceClient(std::string name, const PresenceClientOptions& options)
    : impl_(std::make_shared<Impl>(std::move(name), options)) {
  impl_->begin();
}

PresenceClient::~PresenceClient() {
  impl_->leave();
}

void PresenceClient::set_url(std::optional<DatabaseUrl> url, std::string why) {
  impl_->set_url(std::move(url), std::move(why));
}
void PresenceClient::publish(const std::string& topic, std::optional<std::string> state) {
  impl_->publish(topic, std::move(state));
}
std::vector<PresenceClient::Update> PresenceClient::take() {
  return impl_->take();
}
PresenceStatus PresenceClient::status() const {
  return impl_->status();
}
void PresenceClient::set_wake(std::function<void()> wake) {
  impl_->set_wake(std::move(wake));
}

}  // namespace atelier
