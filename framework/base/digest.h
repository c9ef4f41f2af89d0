// Digests, encodings and randomness, over OpenSSL. Thread rule: pure functions; Hasher is a value.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace atelier {

using Sha256 = std::array<std::uint8_t, 32>;
using Md5 = std::array<std::uint8_t, 16>;

Sha256 sha256(std::string_view bytes);
Md5 md5(std::string_view bytes);
Sha256 hmac_sha256(std::string_view key, std::string_view bytes);

/// Both digests of a stream in one pass: what an attachment needs.
class BlobHasher {
 public:
  BlobHasher();
  ~BlobHasher();
  BlobHasher(BlobHasher&&) noexcept;
  BlobHasher& operator=(BlobHasher&&) noexcept;

  void update(std::string_view bytes);
  /// Ends the stream; update() may not follow.
  std::pair<Sha256, Md5> finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

std::string hex(std::string_view bytes);
template <std::size_t N>
std::string hex(const std::array<std::uint8_t, N>& bytes) {
  return hex(std::string_view(reinterpret_cast<const char*>(bytes.data()), N));
}
/// Accepts both cases; nullopt for an odd length or another character.
std::optional<std::string> unhex(std::string_view text);
/// The same without memory of its own; false also for another length than two digits a byte.
bool unhex_into(std::string_view text, std::span<std::uint8_t> bytes);

std::string base64(std::string_view bytes);
/// Standard alphabet with padding; nullopt for anything else.
std::optional<std::string> unbase64(std::string_view text);

/// Bytes from the operating system's generator. Aborts when there are none (never happens on Linux).
std::string random_bytes(std::size_t count);
/// 32 lowercase hex digits of randomness.
std::string random_uuid();

/// Compares in a time that depends on the lengths alone.
bool equal_constant_time(std::string_view a, std::string_view b);

}  // namespace atelier
