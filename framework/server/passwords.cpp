#include "server/passwords.h"

#include <array>

#include <openssl/evp.h>
#include <sodium.h>

#include "base/digest.h"
#include "base/json_text.h"
#include "base/limits.h"

namespace atelier::server {

namespace {

bool sodium_is_ready() {
  static const bool ready = sodium_init() >= 0;
  return ready;
}

/// SHA-1 of a salted password, as CouchDB 1.x kept it.
std::string sha1_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, EVP_sha1(), nullptr);
  return hex(std::string_view(reinterpret_cast<const char*>(out.data()), size));
}

const EVP_MD* digest_of(std::string_view prf) {
  if (prf.empty() || prf == "sha") return EVP_sha1();
  if (prf == "sha224") return EVP_sha224();
  if (prf == "sha256") return EVP_sha256();
  if (prf == "sha384") return EVP_sha384();
  if (prf == "sha512") return EVP_sha512();
  return nullptr;
}

bool pbkdf2_matches(std::string_view user, std::string_view password) {
  const std::string prf = json::string_member(user, "pbkdf2_prf").value_or("");
  const std::string salt = json::string_member(user, "salt").value_or("");
  const auto wanted = unhex(json::string_member(user, "derived_key").value_or(""));
  const std::int64_t iterations = json::int_member(user, "iterations").value_or(0);
  const EVP_MD* digest = digest_of(prf);
  if (digest == nullptr || !wanted || wanted->size() < kDerivedKeyBytesMin ||
      wanted->size() > EVP_MAX_MD_SIZE || iterations < 1 || iterations > kPbkdf2IterationsMax)
    return false;
  std::string made(wanted->size(), '\0');
  // CouchDB takes the salt's text as it stands, not the bytes that its hex digits name.
  const int done = PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                                     reinterpret_cast<const unsigned char*>(salt.data()),
                                     static_cast<int>(salt.size()), static_cast<int>(iterations),
                                     digest, static_cast<int>(made.size()),
                                     reinterpret_cast<unsigned char*>(made.data()));
  return done == 1 && equal_constant_time(made, *wanted);
}

bool simple_matches(std::string_view user, std::string_view password) {
  const std::string salt = json::string_member(user, "salt").value_or("");
  const std::string wanted = json::string_member(user, "password_sha").value_or("");
  return !wanted.empty() && equal_constant_time(sha1_hex(std::string(password) + salt), wanted);
}

bool argon2_matches(std::string_view user, std::string_view password) {
  const std::string stored = json::string_member(user, "derived_key").value_or("");
  if (stored.size() >= crypto_pwhash_STRBYTES || !sodium_is_ready()) return false;
  return crypto_pwhash_str_verify(stored.c_str(), password.data(), password.size()) == 0;
}

}  // namespace

Result<std::string> password_members(std::string_view password) {
  std::array<char, crypto_pwhash_STRBYTES> made{};
  if (!sodium_is_ready() || crypto_pwhash_str(made.data(), password.data(), password.size(),
                                              crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                              crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
    return Error{ErrorCode::kUnavailable, "The password cannot be stored right now."};
  return ",\"password_scheme\":\"argon2id\",\"derived_key\":" + json::quoted(made.data());
}

bool password_matches(std::string_view user, std::string_view password) {
  if (password.size() > kPasswordBytesMax) return false;
  const std::string scheme = json::string_member(user, "password_scheme").value_or("simple");
  if (scheme == "argon2id") return argon2_matches(user, password);
  if (scheme == "pbkdf2") return pbkdf2_matches(user, password);
  if (scheme == "simple") return simple_matches(user, password);
  return false;
}

bool no_password_matches(std::string_view password) {
  static const std::string kNobody = [] {
    const auto members = password_members("nobody's");
    return members ? '{' + members->substr(1) + '}' : std::string("{}");
  }();
  (void)password_matches(kNobody, password);
  return false;
}

}  // namespace atelier::server
