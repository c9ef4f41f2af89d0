#include "server/certificate.h"

#include <array>
#include <memory>
#include <set>

#include <boost/asio/ip/address.hpp>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/digest.h"

namespace atelier {

namespace {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
template <class T, auto Free>
using Owned = std::unique_ptr<T, Freer<Free>>;
using Bio = Owned<BIO, BIO_free_all>;
using Cert = Owned<X509, X509_free>;
using Key = Owned<EVP_PKEY, EVP_PKEY_free>;

constexpr std::size_t kNameBytesMax = 253;           // RFC 1035
constexpr std::int64_t kClockSlackSeconds = 86'400;  // of a client whose clock is behind

bool is_address(const std::string& name) {
  boost::system::error_code failed;
  boost::asio::ip::make_address(name, failed);
  return !failed && name.find('%') == std::string::npos;  // no scope: it is this machine's
}

bool is_dns_name(const std::string& name) {
  if (name.empty() || name.size() > kNameBytesMax) return false;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && c != '.' && c != '-' && c != '_' && c != '*') return false;
  }
  return true;
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return static_cast<std::int64_t>(timegm(&parts));
}

std::string name_of(const GENERAL_NAME& name) {
  if (name.type == GEN_DNS) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(name.d.dNSName)),
            static_cast<std::size_t>(ASN1_STRING_length(name.d.dNSName))};
  }
  if (name.type != GEN_IPADD) return {};
  const unsigned char* bytes = ASN1_STRING_get0_data(name.d.iPAddress);
  const int size = ASN1_STRING_length(name.d.iPAddress);
  if (size == 4) {
    boost::asio::ip::address_v4::bytes_type v4;
    std::copy_n(bytes, v4.size(), v4.begin());
    return boost::asio::ip::make_address_v4(v4).to_string();
  }
  if (size != 16) return {};
  boost::asio::ip::address_v6::bytes_type v6;
  std::copy_n(bytes, v6.size(), v6.begin());
  return boost::asio::ip::make_address_v6(v6).to_string();
}

std::vector<std::string> names_of(const X509* cert) {
  std::vector<std::string> names;
  auto* found =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(cert, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(found); ++i) {
    std::string name = name_of(*sk_GENERAL_NAME_value(found, i));
    if (!name.empty()) names.push_back(std::move(name));
  }
  GENERAL_NAMES_free(found);
  return names;
}

bool add_extension(X509* cert, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, cert, cert, nullptr, nullptr, 0);
  X509_EXTENSION* made = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  const bool added = made != nullptr && X509_add_ext(cert, made, -1) == 1;
  X509_EXTENSION_free(made);
  return added;
}

bool describe(X509* cert, const std::vector<std::string>& names, int days) {
  unsigned char serial[16];
  if (RAND_bytes(serial, sizeof serial) != 1) return false;
  serial[0] &= 0x7f;  // a positive number
  BIGNUM* number = BN_bin2bn(serial, sizeof serial, nullptr);
  const bool numbered = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != nullptr;
  BN_free(number);
  const std::int64_t now = system_clock().wall_ms() / 1000;
  const bool dated =
      ASN1_TIME_set(X509_getm_notBefore(cert), static_cast<time_t>(now - kClockSlackSeconds)) &&
      ASN1_TIME_set(X509_getm_notAfter(cert), static_cast<time_t>(now + days * 86'400LL));
  X509_NAME* subject = X509_get_subject_name(cert);
  const std::string title = "Atelier";
  const bool named =
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(title.data()),
                                 static_cast<int>(title.size()), -1, 0) == 1 &&
      X509_set_issuer_name(cert, subject) == 1;
  std::string alternatives;
  for (const std::string& name : names) {
    alternatives += alternatives.empty() ? "" : ",";
    alternatives += (is_address(name) ? "IP:" : "DNS:") + name;
  }
  // Not one of an authority: whoever trusts it trusts this server alone.
  return numbered && dated && named && X509_set_version(cert, X509_VERSION_3) == 1 &&
         add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") &&
         add_extension(cert, NID_key_usage, "critical,digitalSignature") &&
         add_extension(cert, NID_ext_key_usage, "serverAuth") &&
         add_extension(cert, NID_subject_key_identifier, "hash") &&
         add_extension(cert, NID_subject_alt_name, alternatives);
}

std::string text_of(BIO* bio) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  return size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : std::string();
}

std::string lower_name(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

}  // namespace

bool Certificate::covers(std::string_view host) const {
  const std::string wanted = lower_name(host);
  for (const std::string& one : names) {
    const std::string name = lower_name(one);
    if (name == wanted) return true;
    if (!name.starts_with("*.") || is_address(wanted)) continue;
    const std::size_t dot = wanted.find('.');
    if (dot != std::string::npos && wanted.substr(dot) == name.substr(1)) return true;
  }
  return false;
}

Result<Certificate> read_certificate(std::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Cert cert(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
  if (!cert) return invalid("there is no certificate in it (PEM)");
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  if (X509_digest(cert.get(), EVP_sha256(), digest.data(), &size) != 1)
    return Error(ErrorCode::kInternal, "the certificate's digest cannot be made");
  Certificate out;
  out.sha256 = hex(std::string_view(reinterpret_cast<const char*>(digest.data()), size));
  out.self_signed = X509_self_signed(cert.get(), 1) == 1;
  out.begins_s = seconds_of(X509_get0_notBefore(cert.get()));
  out.ends_s = seconds_of(X509_get0_notAfter(cert.get()));
  out.names = names_of(cert.get());
  return out;
}

Result<CertificatePair> make_self_signed(const std::vector<std::string>& names, int days) {
  if (names.empty()) return invalid("a certificate needs a name");
  std::vector<std::string> unique;
  std::set<std::string> seen;
  for (const std::string& name : names) {
    if (!is_address(name) && !is_dns_name(name))
      return invalid("'" + name + "' cannot stand in a certificate");
    if (seen.insert(lower_name(name)).second) unique.push_back(name);
  }
  const Error failed(ErrorCode::kInternal, "the certificate cannot be made");
  const Key key(EVP_EC_gen("P-256"));
  const Cert cert(X509_new());
  if (!key || !cert || X509_set_pubkey(cert.get(), key.get()) != 1 ||
      !describe(cert.get(), unique, days) || X509_sign(cert.get(), key.get(), EVP_sha256()) == 0)
    return failed;
  const Bio cert_bio(BIO_new(BIO_s_mem())), key_bio(BIO_new(BIO_s_secmem()));
  if (!cert_bio || !key_bio || PEM_write_bio_X509(cert_bio.get(), cert.get()) != 1 ||
      PEM_write_bio_PrivateKey(key_bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1)
    return failed;
  return CertificatePair{text_of(cert_bio.get()), text_of(key_bio.get())};
}

std::string fingerprint_words(std::string_view sha256) {
  std::string out;
  for (std::size_t i = 0; i < sha256.size(); ++i) {
    if (i != 0 && i % 2 == 0) out += ':';
    const char c = sha256[i];
    out += c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return out;
}

}  // namespace atelier
