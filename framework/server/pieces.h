// A body made of texts and blobs, sent without having all of it in memory.
// Thread rule: belongs to the server's thread.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "server/http_message.h"
#include "store/store.h"

namespace atelier::server {

class Pieces {
 public:
  void text(std::string_view bytes);
  /// Bytes of a blob as they are.
  void blob(const Sha256& key, std::uint64_t offset, std::uint64_t length);
  /// A whole blob in base64.
  void base64_blob(const Sha256& key, std::uint64_t length);
  /// A whole gzip blob of `length` bytes, unpacked. `plain_length` is how long it is said to
  /// become, if that is known: when it turns out otherwise the body ends broken.
  void unpacked_blob(const Sha256& key, std::uint64_t length, bool in_base64,
                     std::optional<std::uint64_t> plain_length = {});

  /// The length of all, when it is known.
  std::optional<std::uint64_t> length() const;
  /// Whether it is text alone, and that text.
  bool is_text() const { return pieces_.empty(); }
  std::string take_text() { return std::move(tail_); }
  void append(Pieces other);

  /// What sends it. Empties this.
  std::shared_ptr<BodySource> source(std::shared_ptr<Store> store);
  /// All of it in memory. Errors: those of the store; kTooLarge beyond `bytes_max`.
  Result<std::string> collect(const Store& store, std::size_t bytes_max);

 private:
  friend class PiecesSource;
  enum class Kind { kText, kBlob, kBase64, kUnpacked, kUnpackedBase64 };
  struct Piece {
    Kind kind = Kind::kText;
    std::string text;
    Sha256 key{};
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::optional<std::uint64_t> plain_length;  // of an unpacked one: what is still to come
  };
  void add(Kind kind, const Sha256& key, std::uint64_t offset, std::uint64_t length);

  std::deque<Piece> pieces_;
  std::string tail_;  // text after the last piece
};

/// A response with `pieces` as its body: with Content-Length where it is known.
void set_body(Response& response, Pieces pieces, const std::shared_ptr<Store>& store);

}  // namespace atelier::server
