// Certificates of X.509 as the server's owner sees them: what one says, and one made here. Thread
// rule: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace atelier {

/// What a certificate says.
struct Certificate {
  std::string sha256;  // of its DER form, 64 hex digits in lower case: its fingerprint
  bool self_signed = false;
  std::int64_t begins_s = 0, ends_s = 0;  // seconds since 1970
  std::vector<std::string> names;         // subject alternative names: DNS names and IP addresses

  /// Whether it names `host`, a DNS name (also by a wildcard) or an address.
  bool covers(std::string_view host) const;
};

/// The first certificate of a PEM text. Errors: kInvalid.
Result<Certificate> read_certificate(std::string_view pem);

/// A certificate and its private key, both PEM.
struct CertificatePair {
  std::string certificate, key;
};

inline constexpr int kSelfSignedDays = 3650;  // ten years: whoever pinned it is not to be sent away

/// A new key (ECDSA, P-256) and a certificate that it signed itself, for `names` (DNS names and IP
/// addresses, at least one). Errors: kInvalid for a name that cannot stand in a certificate,
/// kInternal.
Result<CertificatePair> make_self_signed(const std::vector<std::string>& names,
                                         int days = kSelfSignedDays);

/// `sha256` in the form that people compare: "AB:CD:…".
std::string fingerprint_words(std::string_view sha256);

}  // namespace atelier
