// The commands about people: `user`, `invite`, and what `join` makes of a link. They speak HTTP with
// the profile's own server, as an administrator. Thread rule: main thread.
//
// A link is `http://host:port/database#name:secret`; at a server with a certificate that it signed
// itself `https://host:port/database#name:secret:sha256=<64 hex digits>`, its fingerprint, which whoever
// joins then demands and nothing else. What stands behind `#` is sent to no server and
// stands in no log; the account behind it is an ordinary one of `_users`, with a member `invitation`
// and one `expires`, and its secret is kept as any password: as a digest.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "commands.h"
#include "http/http_peer.h"
#include "room_access.h"

namespace atelier::host {

struct UserCommandOptions {
  std::string action;         // add, passwd, remove, list
  std::string name;
  std::string password_file;  // its first line; else ATELIER_PASSWORD; else a line of standard input
  std::vector<std::string> roles;
};
int run_user(const CommandContext& context, const UserCommandOptions& options, std::istream& in,
             std::ostream& out, std::ostream& err);

/// The document of an account, as a path of its server.
std::string user_path(const std::string& name);
/// Its sessions, feeds and sockets end. Errors: kNotFound when there is none.
Status remove_user(const RoomAccess& access, const std::string& name);

struct InviteOptions {
  std::string room;
  std::string role = "writer";  // reader, writer, moderator
  std::string name;             // what the guest is called; empty: guest-…
  std::string expires = "7d";   // 30m, 12h, 7d, never
  std::string url;              // where the guest finds this server; empty: where it is served now
  bool list = false;
  std::string revoke;           // the name of an invitation
  bool without_fingerprint = false;  // `url` leads to somebody else's certificate
};
int run_invite(const CommandContext& context, const InviteOptions& options, std::ostream& out,
               std::ostream& err);

/// The address of the database with the credentials of the link and its pin, for `--sync`. Errors:
/// kInvalid, with words that hold no secret.
Result<std::string> address_of_link(std::string_view link);

/// `text` as an address of a database, which may also be such a link. Errors: as DatabaseUrl::parse().
Result<DatabaseUrl> address_or_link(std::string_view text);

/// "30m", "12h", "7d" as seconds; 0 for "never". Errors: kInvalid.
Result<std::int64_t> parse_duration(std::string_view text);

/// `security` with `name` in that group (admins, moderators, members, readers) and in no other; with
/// an empty group in none.
std::string security_with(std::string_view security, std::string_view group, const std::string& name);

/// Who may do what with a `_security` object, in words; `open`: whether anybody may use a database
/// that names nobody.
std::string describe_people(std::string_view security, bool open);

}  // namespace atelier::host
