// What a database's `_security` object makes of somebody. Thread rule: pure functions.
#pragma once

#include <string_view>

#include "server/http_message.h"

namespace atelier::server {

struct Rights {
  bool read = false;   // and write documents
  bool admin = false;  // of this database: design documents, settings
};

/// `security` is the object in normal form. `open`: whether people without an account may use the
/// database while it names no members.
Rights rights_of(std::string_view security, const Principal& who, bool open);

/// Whether it names members, so that nobody else gets in.
bool names_members(std::string_view security);

/// Of `_users` and `_replicator` until an administrator sets another one; CouchDB's own default.
inline constexpr std::string_view kAdminsOnly =
    R"({"members":{"roles":["_admin"]},"admins":{"roles":["_admin"]}})";

/// While it stands there, a database goes on without its validate_doc_update functions.
inline constexpr std::string_view kIgnoreValidation = "ignore_validate_doc_update";

}  // namespace atelier::server
