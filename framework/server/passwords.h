// How passwords are kept in documents of `_users`: Argon2id for those made here, and CouchDB's own
// schemes read for imported ones. Thread rule: pure functions; each takes tens of milliseconds on
// purpose, so never on the server's thread.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace atelier::server {

/// The members that stand for `password` in a user's document, with a comma before each:
/// ,"password_scheme":"argon2id","derived_key":"$argon2id$…". Errors: kUnavailable without memory.
Result<std::string> password_members(std::string_view password);

/// Whether `password` is the one that `user` (the body of a document, in normal form) was made
/// with: schemes argon2id, pbkdf2 (with pbkdf2_prf sha, sha224, sha256, sha384, sha512) and
/// CouchDB 1.x's simple. Compares in constant time.
bool password_matches(std::string_view user, std::string_view password);

/// Takes as long as a real check and is always false: an unknown name must not answer faster.
bool no_password_matches(std::string_view password);

}  // namespace atelier::server
