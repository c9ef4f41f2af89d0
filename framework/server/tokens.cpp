#include "server/tokens.h"

#include <array>
#include <memory>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "base/digest.h"
#include "base/json_text.h"

namespace atelier::server {

namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::optional<std::string> unbase64url(std::string_view text) {
  std::string standard(text);
  if (standard.find_first_of("+/=") != std::string::npos) return std::nullopt;
  for (char& c : standard) c = c == '-' ? '+' : c == '_' ? '/' : c;
  while (standard.size() % 4 != 0) standard += '=';
  return unbase64(standard);
}

std::string hmac(const EVP_MD* digest, std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned int size = 0;
  HMAC(digest, key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(), out.data(),
       &size);
  return {reinterpret_cast<const char*>(out.data()), size};
}

/// One of the algorithms of RFC 7518 section 3.1.
struct Algorithm {
  std::string_view name;
  std::string_view key_kind;  // the prefix of its keys' names
  const EVP_MD* (*digest)();
  int curve_bytes;  // of each half of an ECDSA signature
};
constexpr Algorithm kAlgorithms[] = {
    {"HS256", "hmac:", EVP_sha256, 0}, {"HS384", "hmac:", EVP_sha384, 0},
    {"HS512", "hmac:", EVP_sha512, 0}, {"RS256", "rsa:", EVP_sha256, 0},
    {"RS384", "rsa:", EVP_sha384, 0},  {"RS512", "rsa:", EVP_sha512, 0},
    {"ES256", "ec:", EVP_sha256, 32},  {"ES384", "ec:", EVP_sha384, 48},
    {"ES512", "ec:", EVP_sha512, 66}};

/// JWT puts the two numbers of an ECDSA signature side by side; OpenSSL wants them in DER.
std::optional<std::string> der_signature(std::string_view raw, int half) {
  if (raw.size() != static_cast<std::size_t>(half) * 2) return std::nullopt;
  const Owned<ECDSA_SIG> signature(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(bytes_of(raw), half, nullptr);
  BIGNUM* s = BN_bin2bn(bytes_of(raw) + half, half, nullptr);
  if (signature == nullptr || ECDSA_SIG_set0(signature.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return std::nullopt;
  }
  unsigned char* out = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &out);
  if (size <= 0) return std::nullopt;
  std::string der(reinterpret_cast<const char*>(out), static_cast<std::size_t>(size));
  OPENSSL_free(out);
  return der;
}

/// Whether a key is of the kind that an algorithm is for: no algorithm is used with another's key.
bool fits(const EVP_PKEY* key, const Algorithm& algorithm) {
  const int kind = EVP_PKEY_get_base_id(key);
  if (algorithm.curve_bytes == 0) return kind == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) >= 2048;
  return kind == EVP_PKEY_EC && (EVP_PKEY_get_bits(key) + 7) / 8 == algorithm.curve_bytes;
}

bool signature_holds(const Algorithm& algorithm, const std::string& key, std::string_view text,
                     const std::string& signature) {
  if (algorithm.key_kind == "hmac:") {
    const auto secret = unbase64(key);
    return secret && !secret->empty() &&
           equal_constant_time(hmac(algorithm.digest(), *secret, text), signature);
  }
  const Owned<BIO> bio(BIO_new_mem_buf(key.data(), static_cast<int>(key.size())));
  const Owned<EVP_PKEY> parsed(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  if (parsed == nullptr || !fits(parsed.get(), algorithm)) return false;
  std::string checked = signature;
  if (algorithm.curve_bytes != 0) {
    auto der = der_signature(signature, algorithm.curve_bytes);
    if (!der) return false;
    checked = std::move(*der);
  }
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  return context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, algorithm.digest(), nullptr, parsed.get()) ==
             1 &&
         EVP_DigestVerify(context.get(), bytes_of(checked), checked.size(), bytes_of(text),
                          text.size()) == 1;
}

struct Parts {
  std::string header, claims;  // objects in normal form
  std::string_view signed_text;
  std::string signature;
};

Result<Parts> take_apart(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  const Error malformed = invalid("Malformed token");
  if (second == std::string_view::npos) return malformed;
  const auto header = unbase64url(token.substr(0, first));
  const auto claims = unbase64url(token.substr(first + 1, second - first - 1));
  auto signature = unbase64url(token.substr(second + 1));
  if (!header || !claims || !signature) return malformed;
  auto header_json = json::normalize(*header);
  auto claims_json = json::normalize(*claims);
  if (!header_json || !claims_json || json::kind_of(*header_json) != json::Kind::kObject ||
      json::kind_of(*claims_json) != json::Kind::kObject)
    return malformed;
  return Parts{std::move(*header_json), std::move(*claims_json), token.substr(0, second),
               std::move(*signature)};
}

Error unauthorized(std::string text) {
  return {ErrorCode::kUnauthorized, std::move(text)};
}

Status check_signature(const JwtOptions& options, const Parts& parts) {
  const auto wanted = json::string_member(parts.header, "alg");
  if (!wanted) return invalid("Missing alg header parameter");
  if (const auto type = json::string_member(parts.header, "typ"); type && *type != "JWT")
    return invalid("Invalid typ header parameter");
  const std::string kid = json::string_member(parts.header, "kid").value_or("_default");
  for (const Algorithm& algorithm : kAlgorithms) {
    if (algorithm.name != *wanted) continue;
    const auto key = options.keys.find(std::string(algorithm.key_kind) + kid);
    if (key == options.keys.end()) return invalid("Unknown kid");
    if (signature_holds(algorithm, key->second, parts.signed_text, parts.signature)) return ok();
    return invalid(algorithm.key_kind == "hmac:" ? "Bad HMAC" : "Bad signature");
  }
  return invalid("Invalid alg header parameter");
}

Status check_claims(const JwtOptions& options, std::string_view claims, std::int64_t now) {
  for (const std::string& name : options.required_claims)
    if (!json::member(claims, name)) return invalid("Missing " + name + " claim");
  const auto time = [&](std::string_view name) -> std::optional<double> {
    const auto value = json::member(claims, name);
    return value ? json::double_value(*value) : std::nullopt;
  };
  // A claim that is there and is no time is not one that holds.
  for (const char* name : {"exp", "nbf", "iat"})
    if (json::member(claims, name) && !time(name))
      return invalid("Invalid " + std::string(name) + " claim");
  const auto at = static_cast<double>(now);
  if (const auto end = time("exp"); end && *end <= at) return unauthorized("exp not in future");
  if (const auto begin = time("nbf"); begin && *begin > at) return unauthorized("nbf not in past");
  if (const auto made = time("iat"); made && *made > at) return unauthorized("iat not in past");
  if (!options.issuer.empty() && json::string_member(claims, "iss") != options.issuer)
    return invalid("Invalid iss claim");
  return ok();
}

}  // namespace

Result<Principal> principal_of_jwt(const JwtOptions& options, std::string_view token,
                                   std::int64_t now) {
  ATELIER_TRY(parts, take_apart(token));
  ATELIER_CHECK(check_signature(options, parts));
  ATELIER_CHECK(check_claims(options, parts.claims, now));
  const auto name = json::string_member(parts.claims, "sub");
  if (!name || name->empty()) return unauthorized("Token missing sub claim.");
  Principal who;
  who.name = *name;
  who.authenticated = "jwt";
  if (const auto end = json::member(parts.claims, "exp"))  // a feed does not outlive its token
    who.ends_at = static_cast<std::int64_t>(json::double_value(*end).value_or(1));
  const auto roles = json::member(parts.claims, options.roles_claim);
  if (roles && json::kind_of(*roles) == json::Kind::kArray) {
    json::for_each_element(*roles, [&](std::string_view role) {
      if (auto text = json::string_value(role)) who.roles.push_back(std::move(*text));
      return true;
    });
  } else if (roles) {
    const std::string list = json::string_value(*roles).value_or("");
    for (std::string_view role : split_list(list)) who.roles.emplace_back(role);
  }
  who.admin = who.has_role("_admin");
  return who;
}

Result<std::optional<Principal>> principal_of_proxy(std::string_view secret,
                                                    const Headers& headers) {
  const std::string_view name = headers.get("X-Auth-CouchDB-UserName");
  if (name.empty()) return std::optional<Principal>();
  const std::string token = lower(headers.get("X-Auth-CouchDB-Token"));
  const std::string strong = hex(hmac(EVP_sha256(), secret, name));
  const std::string old = hex(hmac(EVP_sha1(), secret, name));
  const bool is_strong = equal_constant_time(token, strong);
  const bool is_old = equal_constant_time(token, old);
  if (secret.empty() || !(is_strong || is_old))
    return unauthorized("The proxy's token is not valid.");
  Principal who;
  who.name = std::string(name);
  who.authenticated = "proxy";
  for (std::string_view role : split_list(headers.get("X-Auth-CouchDB-Roles")))
    who.roles.emplace_back(role);
  who.admin = who.has_role("_admin");
  return std::optional<Principal>(std::move(who));
}

}  // namespace atelier::server
