// What a database's `_security` object makes of somebody. Thread rule: pure functions.
//
//   {"admins":     {"names":[…],"roles":[…]},   design documents, settings, everything below
//    "moderators": {…},                         the room's rules and mode, everything below
//    "members":    {…},                         write (CouchDB's word)
//    "readers":    {…},                         read alone
//    "anonymous":  "none" | "reader" | "writer"}
// Whoever is named as moderator, member or reader closes the database to all others; what
// `anonymous` says stands above that.
#pragma once

#include <string>
#include <string_view>

#include "server/http_message.h"

namespace atelier::server {

struct Rights {
  bool read = false;
  bool write = false;     // documents, within the room's mode and rules
  bool moderate = false;  // the room's mode and rules
  bool admin = false;     // of this database: design documents, settings
  bool named = false;     // by name or role, and not because the database is open
};

/// `security` is the object in normal form. `open`: whether people without an account may use the
/// database while it names no members.
Rights rights_of(std::string_view security, const Principal& who, bool open);

/// Whether it names members, so that nobody else gets in.
bool names_members(std::string_view security);

/// What is wrong with such an object, with CouchDB's words where it has some; empty when nothing is.
std::string security_fault(std::string_view object);

/// Of `_users` and `_replicator` until an administrator sets another one; CouchDB's own default.
inline constexpr std::string_view kAdminsOnly =
    R"({"members":{"roles":["_admin"]},"admins":{"roles":["_admin"]}})";

/// While it stands there, a database goes on without its validate_doc_update functions.
inline constexpr std::string_view kIgnoreValidation = "ignore_validate_doc_update";

}  // namespace atelier::server
