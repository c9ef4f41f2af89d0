// Our own picture of an HTTP request and its answer, which the routes work with; only
// request_parser.cpp knows Beast's. Thread rule: values; a BodySource lives on the server's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace atelier::server {

/// Header fields in the order they came; names compare without case.
class Headers {
 public:
  void add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  void set(std::string_view name, std::string value);
  /// The first value of `name`, or an empty text.
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// The query of a target, decoded, in order; of a repeated name the first stands.
class Query {
 public:
  /// Errors: kInvalid for a bad percent escape.
  static Result<Query> parse(std::string_view text);

  std::optional<std::string_view> get(std::string_view name) const;
  bool is_true(std::string_view name) const { return get(name) == "true"; }
  void set(std::string name, std::string value);

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

/// Who asks.
struct Principal {
  bool admin = false;
  std::string name;           // empty: anonymous
  std::string authenticated;  // "cookie", "default"…, as _session tells it; empty: not at all
  std::vector<std::string> roles;  // of a named user; an administrator's is `admin` above
  std::string account;             // Account::digest, when it is one of `_users`
  std::string session;             // Sessions::Session::series, when it came by a cookie
  std::int64_t ends_at = 0;        // seconds since 1970, when the credentials end; 0: they do not

  bool anonymous() const { return name.empty(); }
  bool has_role(std::string_view role) const;
};

struct Request {
  std::string method;
  std::string target;                 // as sent
  std::string path;                   // of the target, not decoded
  std::vector<std::string> segments;  // of the path, decoded, without empty ones
  Query query;
  Headers headers;
  bool http_1_0 = false;
  bool local_user = false;  // through the Unix socket, by our own user
  bool secure = false;      // under TLS
  std::string address;      // of the client, without its port; empty on the Unix socket
  Principal principal;
  /// A name and a password that are still to be checked, where it may take its time.
  std::optional<std::pair<std::string, std::string>> unchecked_login;
  std::string set_cookie;  // a renewed session, for the answer
  std::string body;        // decoded from chunks; empty when the route took it as a stream

  bool is_read() const { return method == "GET" || method == "HEAD"; }
  /// http://<Host> or https://<Host>, the address that the client knows us by.
  std::string origin() const;
};

/// A body that is made while it is sent.
class BodySource {
 public:
  using Chunk = std::shared_ptr<const std::string>;
  using TimePoint = std::chrono::steady_clock::time_point;
  enum class State {
    kData,   // `chunk` is to be sent (none: others get a turn first); ask again
    kEnd,    // that was all
    kWait,   // nothing now; wake() will be called
    kAbort,  // it cannot be completed: the connection must be cut so that the client notices
  };

  virtual ~BodySource() = default;
  virtual State next(Chunk& chunk) = 0;
  /// When on_deadline() wants to be called while waiting, if at all.
  virtual std::optional<TimePoint> deadline() const { return std::nullopt; }
  /// Afterwards next() is asked again.
  virtual void on_deadline() {}
  /// The server stops: end soon and in good order. Afterwards next() is asked again.
  virtual void on_stop() {}
  /// Whether this is a feed that may last for hours.
  virtual bool is_feed() const { return false; }

  /// Set by the connection; called on the server's thread when next() has something after kWait.
  std::function<void()> wake;
};

class PresenceRoom;

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  std::shared_ptr<BodySource> source;      // instead of `body`
  std::optional<std::uint64_t> length;     // of what `source` gives; without it: chunks
  bool close = false;                      // the connection ends after this answer
  std::shared_ptr<PresenceRoom> presence;  // of 101: the connection goes on as a WebSocket there
  std::function<bool()> may_stay;          // with `presence`: whether its client may still be there
};

/// Answers the request once; may be called at once or later, on the server's thread.
using Respond = std::function<void(Response)>;

/// Takes a large request body piece by piece, instead of Request::body.
class BodySink {
 public:
  virtual ~BodySink() = default;
  /// Takes a piece and calls `more` when the next may come (on the server's thread, perhaps at
  /// once).
  virtual void consume(std::string piece, std::function<void()> more) = 0;
  /// The body is complete: the request is answered now.
  virtual void finish(Respond respond) = 0;
};

/// The reason phrase that CouchDB uses for `status`.
std::string_view status_text(int status);

/// %-decodes; `plus_is_space` as CouchDB does everywhere, also in paths. Errors: kInvalid.
Result<std::string> url_decode(std::string_view text);
/// Encodes everything but unreserved characters and those of `keep`.
std::string url_encode(std::string_view text, std::string_view keep = {});

bool equal_no_case(std::string_view a, std::string_view b);
std::string lower(std::string_view text);
std::string_view trim(std::string_view text);
/// Splits at `separator`, trims each part, leaves out empty ones.
std::vector<std::string_view> split_list(std::string_view text, char separator = ',');

/// Whether the Accept header lets us answer with `type` ("multipart/mixed"); an absent one does.
bool accepts(const Headers& headers, std::string_view type);
/// Whether Accept-Encoding names gzip with a weight that is not 0.
bool accepts_gzip(const Headers& headers);
/// The media type of a Content-Type value, lower case and without parameters.
std::string media_type(std::string_view content_type);
/// A parameter of such a value, without its quotes.
std::optional<std::string> media_parameter(std::string_view content_type, std::string_view name);

}  // namespace atelier::server
