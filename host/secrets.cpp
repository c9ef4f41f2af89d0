#include "secrets.h"

#include <optional>
#include <string_view>
#include <vector>

#include "base/os/os.h"

namespace atelier::host {
namespace {

using Kind = Credentials::Kind;

constexpr int kKeyringTimeoutMs = 60'000;  // a person may have to unlock it
constexpr std::size_t kSecretBytesMax = 64 << 10;

std::string first_line(const std::string& text) {
  return text.substr(0, text.find_first_of("\r\n"));
}

Result<Kind> kind_of(const SecretOptions& options, const DatabaseUrl& url) {
  if (options.kind.empty()) return url.credentials.user.empty() ? Kind::kNone : Kind::kBasic;
  if (options.kind == "none") return Kind::kNone;
  if (options.kind == "basic") return Kind::kBasic;
  if (options.kind == "cookie") return Kind::kCookie;
  if (options.kind == "bearer") return Kind::kBearer;
  if (options.kind == "iam") return Kind::kIamKey;
  return invalid("no way to prove who we are is called '" + options.kind +
                 "': none, basic, cookie, bearer, iam");
}

const char* variable_of(Kind kind) {
  if (kind == Kind::kBearer) return "ATELIER_TOKEN";
  if (kind == Kind::kIamKey) return "ATELIER_API_KEY";
  return "ATELIER_PASSWORD";
}

/// Through libsecret's own program, which Debian has as libsecret-tools.
Result<std::string> from_keyring(const DatabaseUrl& url) {
  std::vector<std::string> command = {"secret-tool", "lookup", "service",
                                      "atelier",     "server", url.server()};
  if (!url.credentials.user.empty()) {
    command.insert(command.end(), {"user", url.credentials.user});
  }
  auto said = os::run_program(command, kKeyringTimeoutMs, kSecretBytesMax);
  if (!said && said.error().code == ErrorCode::kNotFound) {
    return not_found("the keyring is read with secret-tool, which is not there "
                     "(Debian: apt-get install libsecret-tools)");
  }
  if (!said || first_line(*said).empty()) {
    return not_found("the keyring holds no secret for " + url.server() +
                     " (secret-tool store --label Atelier service atelier server " +
                     url.server() + ")");
  }
  return first_line(*said);
}

Result<std::string> find_secret(const DatabaseUrl& url, Kind kind, const SecretOptions& options) {
  if (!options.secret_file.empty()) {
    ATELIER_TRY(bytes, os::read_file(options.secret_file, kSecretBytesMax));
    return first_line(bytes);
  }
  if (!url.credentials.secret.empty()) return url.credentials.secret;
  if (auto value = os::environment(variable_of(kind)); value && !value->empty()) return *value;
  if (options.keyring) return from_keyring(url);
  return std::string();
}

}  // namespace

Result<DatabaseUrl> with_credentials(DatabaseUrl url, const SecretOptions& options) {
  ATELIER_TRY(kind, kind_of(options, url));
  Credentials& who = url.credentials;
  if (kind == Kind::kNone) {
    const bool wanted = !options.secret_file.empty() || options.keyring;
    if (wanted) {
      return invalid("a password needs a user: write the address as "
                     "http://user@host:port/database");
    }
    who = {};
    return url;
  }
  ATELIER_TRY(secret, find_secret(url, kind, options));
  const bool needs_user = kind == Kind::kBasic || kind == Kind::kCookie;
  if (needs_user && who.user.empty()) return invalid("the address names no user");
  if (!needs_user && secret.empty()) {
    return invalid(std::string("the ") + (kind == Kind::kIamKey ? "API key" : "token") +
                   " is missing: give a file, or the environment " + variable_of(kind));
  }
  who.kind = kind;
  who.secret = std::move(secret);
  who.token_url = options.token_url;
  return url;
}

}  // namespace atelier::host
