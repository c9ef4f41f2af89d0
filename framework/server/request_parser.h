// Reads one HTTP/1.1 request out of a client's bytes: Beast's parser, and a refusal of what it lets
// pass although somebody between the client and us may read it otherwise.
// Thread rule: a value of one thread.
//
// Invariants
//   1. Which request is read, or that none is, does not depend on how the bytes were cut.
//   2. A head has at most kRequestHeaderBytesMax bytes. So have what stands between two chunks of a
//   body and the trailers behind the last one.
//   3. The length of a body was told once and in one way.
//   4. Trailers add no headers: whoever asks was judged by the head alone.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/http_message.h"

namespace atelier::server {

class RequestParser {
 public:
  enum class Fault {
    kNone,
    kInvalid,          // no HTTP/1.1, or two readings of it
    kTooLarge,         // invariant 2
    kUnknownEncoding,  // of the transfer: what is not understood might hide a second request
  };

  /// Writes into both, which must outlive it.
  RequestParser(Request& request, std::string& body);
  ~RequestParser();

  /// Takes what it can off the front of `bytes`, at most to the end of the head or of the body;
  /// what is left is to come again with more behind it. Not after a fault, nor when is_done().
  Fault put(std::string_view& bytes);

  bool is_head_done() const;
  bool is_done() const;
  // These when the head is done.
  bool keep_alive() const;
  std::optional<std::uint64_t> content_length() const;
  /// Bytes of the body so far, without what frames them.
  std::uint64_t body_bytes() const;
  /// From now on the body is counted and not kept.
  void discard_body();

 private:
  class Beast;
  Fault fault_of_head() const;

  const Request& request_;
  const std::unique_ptr<Beast> beast_;
  std::size_t head_bytes_ = 0;
  bool stalled_ = false;  // between chunks, and more is needed
};

}  // namespace atelier::server
