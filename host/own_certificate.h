// The certificate that a profile makes for itself. Thread rule: whoever holds the profile's lock.
//
//   <profile>/tls-certificate.pem   0600: self-signed, made once, for ten years
//   <profile>/tls-key.pem           0600
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "server/certificate.h"

namespace atelier::host {

struct CertificateFiles {
  std::filesystem::path certificate, key;  // PEM; both empty: no TLS
};

/// Where a profile's own certificate lies, whether it is there or not.
CertificateFiles own_certificate_files(const std::filesystem::path& profile_folder);

/// Makes it when it is not there, for `hosts` (as `--host` and `--listen` say them: names or
/// addresses, perhaps with a port) and this machine's loopback. Errors: kInvalid for such a name,
/// those of writing.
Result<CertificateFiles> make_own_certificate(const std::filesystem::path& profile_folder,
                                              const std::vector<std::string>& hosts);

/// "example.org:8443" and "[::1]:8443" without port and brackets.
std::string host_without_port(const std::string& host);

}  // namespace atelier::host
