// Reads a multipart body as it comes (RFC 2046), in flat memory. The boundary is taken from the
// first line, as every server of CouchDB's protocol begins with it. Thread rule: a value of one
// thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace atelier {

class MultipartReader {
 public:
  using Headers = std::map<std::string, std::string>;  // names in lower case
  struct Events {
    std::function<void(const Headers& headers)> begin;  // of a part
    std::function<bool(std::string_view chunk)> data;   // of the part; false stops
    std::function<bool()> end;                          // the part is whole; false stops
  };

  explicit MultipartReader(Events events) : events_(std::move(events)) {}

  /// False: it was stopped, or this is no multipart body (then is_broken()).
  bool feed(std::string_view chunk);
  /// Whether the closing boundary was read.
  bool finished() const { return state_ == State::kDone; }
  bool is_broken() const { return state_ == State::kBroken; }

 private:
  enum class State { kBoundary, kHeaders, kBody, kAfterPart, kDone, kBroken };
  bool read_boundary();
  bool read_headers();
  bool read_body();
  bool read_after_part();
  bool fail();

  const Events events_;
  State state_ = State::kBoundary;
  std::string boundary_;  // "\r\n--" and the name
  std::string buffer_;
  bool more_ = false;  // whether another turn can get on with what is in buffer_
};

/// The file name of a Content-Disposition header, "" when there is none.
std::string disposition_filename(std::string_view header);

}  // namespace atelier
