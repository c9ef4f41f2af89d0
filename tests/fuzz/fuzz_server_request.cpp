// A client's bytes, cut in several ways: each gives the same requests, each request is told in one
// way only, no limit is exceeded, and written again it is read the same. The byte 1 stands for four
// thousand letters and the byte 2 for a thousand headers, so that short inputs reach the limits.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "server/request_parser.h"

namespace {

using namespace atelier;
using server::Request;
using server::RequestParser;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Read {
  Request request;
  std::string body;
};

struct Reading {
  std::vector<Read> requests;  // that are complete
  bool refused = false;
};

using Fields = std::vector<std::pair<std::string, std::string>>;

bool is_plain(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return c == '\r' || c == '\n' || !c; });
}

/// What holds of every head that is let through; `raw` is what was taken for it.
void check_head(const RequestParser& parser, const Request& request, std::string_view raw) {
  const server::Headers& headers = request.headers;
  require(raw.size() <= kRequestHeaderBytesMax);
  require(!request.method.empty() && !request.target.empty());
  require(is_plain(request.method) && is_plain(request.target));
  require(request.target.find(' ') == std::string::npos);
  const bool chunked = headers.has("Transfer-Encoding");
  require(headers.count("Content-Length") + headers.count("Transfer-Encoding") <= 1);
  require(parser.content_length().has_value() == headers.has("Content-Length"));
  require(!chunked || (!request.http_1_0 &&
                       server::equal_no_case(headers.get("Transfer-Encoding"), "chunked")));
  if (const auto length = parser.content_length())
    require(server::trim(headers.get("Content-Length")).find_first_not_of("0123456789") ==
            std::string_view::npos);
  for (const auto& [name, value] : headers.fields())
    require(!name.empty() && is_plain(name) && is_plain(value) &&
            name.find_first_of(" \t:") == std::string::npos);
  // A line is a field: nothing was joined, and nothing was passed over.
  const auto lines = static_cast<std::size_t>(std::count(raw.begin(), raw.end(), '\n'));
  require(lines == headers.fields().size() + 2);
}

/// As a connection does it: one request after the other.
class Reader {
 public:
  void feed(std::string_view piece) {
    input_ += piece;
    std::string_view rest = input_;
    while (!reading.refused && step(rest)) {
    }
    input_.erase(0, input_.size() - rest.size());
    require(reading.refused || input_.size() <= kRequestHeaderBytesMax);
  }

  Reading reading;

 private:
  bool step(std::string_view& rest) {
    while (!parser_ && !rest.empty() && (rest.front() == '\r' || rest.front() == '\n'))
      rest.remove_prefix(1);
    if (rest.empty()) return false;
    if (!parser_) {
      now_ = std::make_unique<Read>();
      raw_.clear();
      parser_ = std::make_unique<RequestParser>(now_->request, now_->body);
    }
    const std::string_view before = rest;
    const bool in_head = !parser_->is_head_done();
    if (parser_->put(rest) != RequestParser::Fault::kNone) {
      reading.refused = true;
      return false;
    }
    const std::string_view taken = before.substr(0, before.size() - rest.size());
    if (in_head) head(taken);
    if (!parser_->is_head_done() || (!parser_->is_done() && taken.empty())) return false;
    if (parser_->is_done()) complete();
    return true;
  }

  void head(std::string_view taken) {
    raw_ += taken;
    if (!parser_->is_head_done()) return;
    check_head(*parser_, now_->request, raw_);
    fields_ = now_->request.headers.fields();
  }

  void complete() {
    require(now_->body.size() == parser_->body_bytes());
    require(parser_->content_length().value_or(now_->body.size()) == now_->body.size());
    require(now_->request.headers.fields() == fields_);
    if (!now_->request.headers.has("Content-Length") &&
        !now_->request.headers.has("Transfer-Encoding"))
      require(now_->body.empty());
    reading.requests.push_back(std::move(*now_));
    parser_.reset();
  }

  std::string input_, raw_;
  Fields fields_;
  std::unique_ptr<Read> now_;
  std::unique_ptr<RequestParser> parser_;
};

/// `size` gives the length of the next piece.
Reading read(std::string_view bytes, const std::function<std::size_t()>& size) {
  Reader reader;
  while (!bytes.empty()) {
    const std::size_t piece = std::min(std::max<std::size_t>(size(), 1), bytes.size());
    reader.feed(bytes.substr(0, piece));
    bytes.remove_prefix(piece);
  }
  return std::move(reader.reading);
}

bool same(const Read& a, const Read& b) {
  return a.request.method == b.request.method && a.request.target == b.request.target &&
         a.request.http_1_0 == b.request.http_1_0 && a.body == b.body &&
         a.request.headers.fields() == b.request.headers.fields();
}

bool same(const Reading& a, const Reading& b) {
  return std::equal(a.requests.begin(), a.requests.end(), b.requests.begin(), b.requests.end(),
                    [](const Read& x, const Read& y) { return same(x, y); });
}

std::string written(const Read& read) {
  std::string out = read.request.method + ' ' + read.request.target +
                    (read.request.http_1_0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  for (const auto& [name, value] : read.request.headers.fields())
    out += name + ':' + value + "\r\n";
  out += "\r\n";
  if (!read.request.headers.has("Transfer-Encoding")) return out + read.body;
  // A chunk a byte: where chunks begin says nothing.
  for (char c : read.body) out += std::string("1\r\n") + c + "\r\n";
  return out + "0\r\n\r\n";
}

std::string expanded(std::string_view input) {
  std::string out;
  for (char c : input) {
    if (c == 1)
      out.append(4'000, 'a');
    else if (c == 2)
      for (int i = 0; i < 1'000; ++i) out += "x: y\r\n";
    else
      out += c;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string bytes =
      expanded({reinterpret_cast<const char*>(data) + 1, std::min<std::size_t>(size, 4'096) - 1});
  if (bytes.size() > 3 * kRequestHeaderBytesMax) return 0;
  // No piece is larger than a read of a connection.
  const Reading whole = read(bytes, [] { return kReadChunkBytes; });
  if (bytes.size() < 1'000) require(same(whole, read(bytes, [] { return std::size_t{1}; })));
  std::uint32_t random = data[0];
  const std::size_t longest = std::max<std::size_t>(bytes.size() / 8, 20);
  require(same(whole, read(bytes, [&] {
                 random = random * 1'664'525U + 1'013'904'223U;
                 return std::size_t{(random >> 20) % longest};
               })));
  for (const Read& one : whole.requests) {
    const Reading again = read(written(one), [] { return kReadChunkBytes; });
    require(again.requests.size() == 1 && !again.refused && same(again.requests[0], one));
  }
  return 0;
}
