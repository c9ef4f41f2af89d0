// Where a command takes secrets from: a file, the environment, the system's keyring; never from its
// arguments alone, and never into anything that is shown. Thread rule: any thread.
#pragma once

#include <string>

#include "base/error.h"
#include "http/http_peer.h"

namespace atelier::host {

struct SecretOptions {
  std::string kind;         // none, basic, cookie, bearer, iam; empty: basic when there is a user
  std::string secret_file;  // its first line
  bool keyring = false;     // `secret-tool lookup service atelier server URL [user NAME]`
  std::string token_url;    // where API keys are exchanged; empty: IBM's
};

/// `url` with its credentials completed: what it carries itself, else the file, else the environment
/// (ATELIER_PASSWORD, ATELIER_TOKEN or ATELIER_API_KEY, by the kind), else the keyring where that was
/// asked for. Errors: those of reading, kInvalid with what is missing. No message holds a secret.
Result<DatabaseUrl> with_credentials(DatabaseUrl url, const SecretOptions& options);

}  // namespace atelier::host
