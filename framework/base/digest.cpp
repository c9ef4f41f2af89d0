#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <cstdlib>

namespace atelier {
namespace {

// Fetched once: EVP_sha256() is looked up by name at every use otherwise (facts: 0.63 against 0.40 µs).
const EVP_MD* fetched(const char* name) { return EVP_MD_fetch(nullptr, name, nullptr); }
const EVP_MD* sha256_method() {
  static const EVP_MD* method = fetched("SHA256");
  return method;
}
const EVP_MD* md5_method() {
  static const EVP_MD* method = fetched("MD5");
  return method;
}

template <class Digest>
Digest digest_of(const EVP_MD* method, std::string_view bytes) {
  struct Context {
    EVP_MD_CTX* const context = EVP_MD_CTX_new();
    ~Context() { EVP_MD_CTX_free(context); }
  };
  static thread_local const Context own;  // one of each kind a thread: to make one costs as much
                                          // as the digest of a short text
  Digest digest{};
  if (EVP_DigestInit_ex(own.context, method, nullptr) != 1 ||
      EVP_DigestUpdate(own.context, bytes.data(), bytes.size()) != 1 ||
      EVP_DigestFinal_ex(own.context, digest.data(), nullptr) != 1) {
    std::abort();  // a library without SHA-256 or MD5 cannot run this program
  }
  return digest;
}

const unsigned char* as_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Sha256 sha256(std::string_view bytes) { return digest_of<Sha256>(sha256_method(), bytes); }
Md5 md5(std::string_view bytes) { return digest_of<Md5>(md5_method(), bytes); }

Sha256 hmac_sha256(std::string_view key, std::string_view bytes) {
  Sha256 digest{};
  unsigned length = 0;
  if (!HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), as_bytes(bytes), bytes.size(),
            digest.data(), &length))
    std::abort();
  return digest;
}

struct BlobHasher::Impl {
  EVP_MD_CTX* sha = EVP_MD_CTX_new();
  EVP_MD_CTX* md = EVP_MD_CTX_new();
  Impl() {
    if (EVP_DigestInit_ex(sha, sha256_method(), nullptr) != 1 ||
        EVP_DigestInit_ex(md, md5_method(), nullptr) != 1)
      std::abort();
  }
  ~Impl() {
    EVP_MD_CTX_free(sha);
    EVP_MD_CTX_free(md);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
};

BlobHasher::BlobHasher() : impl_(std::make_unique<Impl>()) {}
BlobHasher::~BlobHasher() = default;
BlobHasher::BlobHasher(BlobHasher&&) noexcept = default;
BlobHasher& BlobHasher::operator=(BlobHasher&&) noexcept = default;

void BlobHasher::update(std::string_view bytes) {
  EVP_DigestUpdate(impl_->sha, bytes.data(), bytes.size());
  EVP_DigestUpdate(impl_->md, bytes.data(), bytes.size());
}

std::pair<Sha256, Md5> BlobHasher::finish() {
  std::pair<Sha256, Md5> digests{};
  EVP_DigestFinal_ex(impl_->sha, digests.first.data(), nullptr);
  EVP_DigestFinal_ex(impl_->md, digests.second.data(), nullptr);
  return digests;
}

std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

bool unhex_into(std::string_view text, std::span<std::uint8_t> bytes) {
  if (text.size() != 2 * bytes.size()) return false;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

std::optional<std::string> unhex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    std::array<std::uint8_t, 1> byte;
    if (!unhex_into(text.substr(i, 2), byte)) return std::nullopt;
    bytes += static_cast<char>(byte[0]);
  }
  return bytes;
}

std::string base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3), '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), as_bytes(bytes),
                  static_cast<int>(bytes.size()));
  return text;
}

std::optional<std::string> unbase64(std::string_view text) {
  // EVP_DecodeBlock trims white space and leaves padding in its count, so both are checked here.
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  const std::string_view digits = text.substr(0, text.size() - padding);
  if (digits.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") !=
      std::string_view::npos)
    return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), as_bytes(text),
                                     static_cast<int>(text.size()));
  if (length < 0) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(length) - padding);
  return bytes;
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1)
    std::abort();
  return bytes;
}

std::string random_uuid() { return hex(random_bytes(16)); }

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace atelier
