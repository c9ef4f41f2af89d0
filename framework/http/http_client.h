// One connection to one HTTP server, over cpp-httplib, which no other file includes.
// Thread rule: one request at a time, from any thread; cancel() from any thread at any moment, also
// while a connection is being made: the pending call and all later ones return kCancelled.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "http/http_peer.h"

namespace atelier {

class HttpClient {
 public:
  struct Request {
    std::string method = "GET";
    std::string path;  // encoded, with the query
    std::string body;
    std::string content_type = "application/json";
    std::map<std::string, std::string> headers;
    int read_timeout_ms = kReadTimeoutMs;  // of a single read
    /// Instead of `body`: called once, writes exactly `stream_bytes` bytes through `sink` and
    /// returns false when it cannot.
    using Sink = std::function<bool(std::string_view)>;
    std::function<bool(const Sink& sink)> stream;
    std::uint64_t stream_bytes = 0;
    /// Takes the body of a 2xx answer in chunks instead of HttpReply::body; false stops the
    /// request, which is then no error.
    std::function<bool(std::string_view chunk)> receive;
    bool unpack = true;  // undo Content-Encoding
  };

  virtual ~HttpClient() = default;
  /// Sends it, once more when a kept connection turns out to be gone. Errors: kUnavailable,
  /// kTimeout, kCancelled, kTooLarge. An HTTP error status is a reply.
  virtual Result<HttpReply> send(const Request& request) = 0;
  virtual void cancel() = 0;
  /// How many connections were made so far.
  virtual std::uint64_t connections() const = 0;
};

struct HttpTransport {
  int connect_timeout_ms = kConnectTimeoutMs;
  std::string ca_file;  // PEM, of those who sign the server's certificate; empty: the system's
};

/// Goes through the proxy that the environment names, if any (http_proxy.h).
std::unique_ptr<HttpClient> make_http_client(const DatabaseUrl& server,
                                             const HttpTransport& transport);

/// What is said of a server that shows another certificate than the pinned one.
inline std::string wrong_certificate_words(const std::string& server) {
  return "the certificate of " + server +
         " is not the one that the link names: somebody may stand in between, or the server has a "
         "new one and a new link is needed";
}

/// Undoes gzip. Errors: kInvalid, kTooLarge beyond kInflatedBytesMax.
Result<std::string> gunzip(std::string_view packed);

}  // namespace atelier
