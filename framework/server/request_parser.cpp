#include "server/request_parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "base/limits.h"

namespace atelier::server {

namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

/// A header value that goes on in the next line (RFC 9112 section 5.2): others read it otherwise.
bool is_folded(std::string_view head) {
  for (std::string_view lines = head;;) {
    const std::size_t end = lines.find("\r\n");
    if (end == std::string_view::npos) return false;
    lines.remove_prefix(end + 2);
    if (lines.starts_with(' ') || lines.starts_with('\t')) return true;
  }
}

/// Whether the length of the body is told more than once, even if in agreement.
bool has_several_lengths(const Headers& headers) {
  return headers.count("Content-Length") > 1 ||
         headers.get("Content-Length").find(',') != std::string_view::npos;
}

}  // namespace

class RequestParser::Beast final : public http::basic_parser<true> {
 public:
  Beast(Request& request, std::string& body) : request_(request), body_(body) {
    header_limit(kRequestHeaderBytesMax);
    body_limit(boost::none);  // enforced by the connection, which knows the route
  }
  bool discard = false;
  bool chunk_began = false;  // since it was last set to false
  std::uint64_t body_bytes = 0;

 private:
  using string_view = boost::beast::string_view;

  static std::string text(string_view view) { return {view.data(), view.size()}; }

  void on_request_impl(http::verb, string_view method, string_view target, int version,
                       error_code&) override {
    request_.method = text(method);
    request_.target = text(target);
    request_.http_1_0 = version < 11;
  }
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_field_impl(http::field, string_view name, string_view value, error_code&) override {
    if (!is_header_done()) request_.headers.add(text(name), text(value));
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view bytes, error_code&) override { return add(bytes); }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {
    chunk_began = true;
  }
  std::size_t on_chunk_body_impl(std::uint64_t, string_view bytes, error_code&) override {
    return add(bytes);
  }
  void on_finish_impl(error_code&) override {}

  std::size_t add(string_view bytes) {
    body_bytes += bytes.size();
    if (!discard) body_.append(bytes.data(), bytes.size());
    return bytes.size();
  }

  Request& request_;
  std::string& body_;
};

RequestParser::RequestParser(Request& request, std::string& body)
    : request_(request), beast_(std::make_unique<Beast>(request, body)) {}

RequestParser::~RequestParser() = default;

RequestParser::Fault RequestParser::put(std::string_view& bytes) {
  const bool in_head = !is_head_done();
  // Beast asserts so much when it looks again at the last chunk's line. No body ends with less.
  constexpr std::size_t kLastChunkBytes = 5;
  if (stalled_ && bytes.size() < kLastChunkBytes) return Fault::kNone;
  beast_->chunk_began = false;
  error_code failed;
  const std::size_t used = beast_->put(boost::asio::buffer(bytes.data(), bytes.size()), failed);
  const std::string_view taken = bytes.substr(0, used);
  bytes.remove_prefix(used);
  if (in_head) head_bytes_ += used;
  if (in_head && is_folded(taken)) return Fault::kInvalid;
  // Beast limits what is not taken yet. A head comes in any number of fields.
  if (failed == http::error::header_limit || head_bytes_ > kRequestHeaderBytesMax)
    return Fault::kTooLarge;
  if (failed && failed != http::error::need_more) return Fault::kInvalid;
  if (in_head) return is_head_done() ? fault_of_head() : Fault::kNone;
  stalled_ = used == 0;
  const std::size_t between = beast_->chunk_began ? used : stalled_ ? bytes.size() : 0;
  return between > kRequestHeaderBytesMax ? Fault::kTooLarge : Fault::kNone;
}

RequestParser::Fault RequestParser::fault_of_head() const {
  const Headers& headers = request_.headers;
  if (has_several_lengths(headers)) return Fault::kInvalid;
  if (!headers.has("Transfer-Encoding")) return Fault::kNone;
  const bool understood = !request_.http_1_0 && headers.count("Transfer-Encoding") == 1 &&
                          equal_no_case(trim(headers.get("Transfer-Encoding")), "chunked");
  return understood ? Fault::kNone : Fault::kUnknownEncoding;
}

bool RequestParser::is_head_done() const {
  return beast_->is_header_done();
}

bool RequestParser::is_done() const {
  return beast_->is_done();
}

bool RequestParser::keep_alive() const {
  return beast_->keep_alive();
}

std::optional<std::uint64_t> RequestParser::content_length() const {
  const auto length = beast_->content_length();
  return length ? std::optional<std::uint64_t>(*length) : std::nullopt;
}

std::uint64_t RequestParser::body_bytes() const {
  return beast_->body_bytes;
}

void RequestParser::discard_body() {
  beast_->discard = true;
}

}  // namespace atelier::server
