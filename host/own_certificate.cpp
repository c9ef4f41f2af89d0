#include "own_certificate.h"

#include "base/os/os.h"

namespace atelier::host {

CertificateFiles own_certificate_files(const std::filesystem::path& profile_folder) {
  return {profile_folder / "tls-certificate.pem", profile_folder / "tls-key.pem"};
}

std::string host_without_port(const std::string& host) {
  if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
  const auto colon = host.find(':');
  // Several colons are an IPv6 address.
  return colon == host.rfind(':') ? host.substr(0, colon) : host;
}

Result<CertificateFiles> make_own_certificate(const std::filesystem::path& profile_folder,
                                              const std::vector<std::string>& hosts) {
  const CertificateFiles files = own_certificate_files(profile_folder);
  std::error_code failed;
  if (std::filesystem::exists(files.certificate, failed)) return files;
  std::vector<std::string> names;
  for (const std::string& host : hosts) {
    const std::string name = host_without_port(host);
    if (name != "0.0.0.0" && name != "::") names.push_back(name);
  }
  names.insert(names.end(), {"localhost", "127.0.0.1", "::1"});
  ATELIER_TRY(pair, make_self_signed(names));
  // The certificate last: while it is missing there is none, whatever became of a key.
  ATELIER_CHECK(os::write_private_file(files.key, pair.key));
  ATELIER_CHECK(os::write_private_file(files.certificate, pair.certificate));
  return files;
}

}  // namespace atelier::host
