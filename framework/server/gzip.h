// gzip of bodies that clients send, of attachments stored so and of answers. Thread rule: values.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "server/http_message.h"

namespace atelier::server {

/// Unpacks one gzip stream (members may follow each other) piece by piece.
class Gunzip {
 public:
  Gunzip();
  ~Gunzip();
  Gunzip(Gunzip&&) noexcept;
  Gunzip& operator=(Gunzip&&) noexcept;

  /// Appends what `packed` unpacks to. Errors: kInvalid for what is no gzip; kTooLarge when `out`
  /// would grow beyond `bytes_max` (a bomb).
  Status append(std::string_view packed, std::string& out, std::size_t bytes_max);
  /// Whether the stream is complete.
  bool finished() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Packs piece by piece; what comes out depends on the bytes alone, not on how they were cut.
class Gzip {
 public:
  /// `level` as zlib's: 1 fast … 9 small; -1 is its default.
  explicit Gzip(int level);
  ~Gzip();
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  /// What is ready by now.
  std::string append(std::string_view plain);
  /// The rest. Nothing is appended after it.
  std::string finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// All at once. Errors: kInvalid, kTooLarge.
Result<std::string> gunzip(std::string_view packed, std::size_t bytes_max);
/// `level` as zlib's: 1 fast … 9 small; -1 is its default.
std::string gzip(std::string_view plain, int level = -1);
/// Packs what `plain` gives, chunk by chunk.
std::shared_ptr<BodySource> packed_source(std::shared_ptr<BodySource> plain);

}  // namespace atelier::server
