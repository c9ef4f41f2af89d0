#include "people_commands.h"

#include <charconv>
#include <functional>
#include <istream>
#include <ostream>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json_text.h"
#include "base/os/os.h"
#include "base/room_name.h"
#include "own_certificate.h"
#include "profile.h"
#include "room_access.h"
#include "server/security.h"
#include "sharer.h"

namespace atelier::host {
namespace {

constexpr std::string_view kUserPrefix = "org.couchdb.user:";
constexpr std::size_t kSecretBytes = 24;
constexpr std::size_t kNameBytesMax = 64;
constexpr std::size_t kPasswordFileBytesMax = 64 << 10;
constexpr std::string_view kPinMark = ":sha256=";  // in a link, before the certificate's fingerprint
constexpr std::string_view kGroups[] = {"admins", "moderators", "members", "readers"};

/// A name that can stand in a link and in an address without being written otherwise.
Status check_name(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  };
  bool right = !name.empty() && name.size() <= kNameBytesMax && name != "admin" && name[0] != '_';
  for (const char c : name) right = right && plain(c);
  if (right) return ok();
  return invalid("a name has 1 to 64 letters, digits, dots, dashes or underscores, does not begin "
                 "with an underscore, and is not admin");
}

Result<std::string> read_password(const UserCommandOptions& options, std::istream& in) {
  std::string password;
  if (!options.password_file.empty()) {
    ATELIER_TRY(bytes, os::read_file(options.password_file, kPasswordFileBytesMax));
    password = bytes.substr(0, bytes.find_first_of("\r\n"));
  } else if (auto given = os::environment("ATELIER_PASSWORD")) {
    password = *given;
  } else {
    std::getline(in, password);
  }
  if (password.empty())
    return invalid("no password: give one with --password-file, in ATELIER_PASSWORD or as a line of "
                   "standard input");
  return password;
}

Status put_user(const RoomAccess& access, const UserCommandOptions& options,
                const std::string& password) {
  const std::string what = "cannot write the account";
  json::Writer out;
  out.begin_object();
  if (options.action == "passwd") {
    ATELIER_TRY(old, get_json(access, user_path(options.name), "there is no such account"));
    json::for_each_member(old, [&](std::string_view name, std::string_view value) {
      if (name != "_id" && name != "password") out.key(name).raw(value);
      return true;
    });
  } else {
    out.key("type").string("user").key("name").string(options.name).key("roles").begin_array();
    for (const std::string& role : options.roles) out.string(role);
    out.end_array();
  }
  out.key("password").string(password).end_object();
  return put_json(access, user_path(options.name), out.take(), what);
}

/// Calls fn with the document of each account.
Status each_user(const RoomAccess& access, const std::function<void(std::string_view)>& fn) {
  ATELIER_TRY(list, get_json(access, "/_users/_all_docs?include_docs=true", "cannot list the accounts"));
  const auto rows = json::member(list, "rows");
  if (!rows) return ok();
  json::for_each_element(*rows, [&](std::string_view row) {
    const auto document = json::member(row, "doc");
    if (document && json::string_member(*document, "type") == "user") fn(*document);
    return true;
  });
  return ok();
}

// --- invitations

std::string group_of(const std::string& role) {
  return role == "reader" ? "readers" : role == "moderator" ? "moderators" : "members";
}

std::string time_text(std::int64_t seconds) {
  return seconds == 0 ? "never" : std::to_string(seconds);
}

/// Where guests reach this profile's rooms, and what they know the server by.
struct Place {
  std::string url;
  std::string certificate_sha256;  // empty: authorities vouch for it, or it has none
};

Place place_of(const CommandContext& context, const RoomAccess& access,
               const InviteOptions& options) {
  Place place;
  if (const auto answer = access.control("address", "{}")) {
    if (const auto normal = json::normalize(*answer)) {
      place.url = json::string_member(*normal, "url").value_or("");
      place.certificate_sha256 = json::string_member(*normal, "certificate_sha256").value_or("");
    }
  }
  const bool served = !place.url.empty();
  if (!options.url.empty()) place.url = options.url;
  if (place.url.empty()) place.url = "http://127.0.0.1:" + std::to_string(user_share_port());
  while (place.url.ends_with('/')) place.url.pop_back();
  const bool secure = place.url.starts_with("https://");
  if (secure && !served) {  // the certificate that it will be served with
    if (const auto profile = Profile::locate(context.data, context.profile))
      if (const auto pem = os::read_file(own_certificate_files(profile->folder()).certificate))
        if (const auto own = read_certificate(*pem)) place.certificate_sha256 = own->sha256;
  }
  if (!secure || options.without_fingerprint) place.certificate_sha256.clear();
  return place;
}

Status set_people(const RoomAccess& access, std::string_view group, const std::string& name) {
  const std::string path = access.path("/_security");
  ATELIER_TRY(security, get_json(access, path, "cannot read who is in the room"));
  return put_json(access, path, security_with(security, group, name),
                  "cannot write who is in the room");
}

int list_invitations(const CommandContext& context, const RoomAccess& access, std::ostream& out,
                     std::ostream& err) {
  const Status listed = each_user(access, [&](std::string_view user) {
    const auto invitation = json::member(user, "invitation");
    if (!invitation || json::string_member(*invitation, "room") != access.database) return;
    const std::string name = json::string_member(user, "name").value_or("");
    const std::string role = json::string_member(*invitation, "role").value_or("");
    const std::int64_t ends = json::int_member(user, "expires").value_or(0);
    const bool over = ends != 0 && ends <= system_clock().wall_ms() / 1000;
    if (context.json) {
      json::Writer line;
      line.begin_object().key("name").string(name).key("role").string(role);
      line.key("expires").integer(ends).key("over").boolean(over).end_object();
      out << line.text() << '\n';
    } else {
      out << name << "  " << role << "  expires " << time_text(ends) << (over ? " (over)" : "") << '\n';
    }
  });
  return listed ? kExitOk : fail(err, listed.error());
}

Status revoke_invitation(const RoomAccess& access, const std::string& name) {
  ATELIER_TRY(user, get_json(access, user_path(name), "there is no such invitation"));
  const auto invitation = json::member(user, "invitation");
  if (!invitation || json::string_member(*invitation, "room") != access.database)
    return not_found("'" + name + "' was not invited into this room");
  ATELIER_CHECK(remove_user(access, name));  // first: from now on it opens nothing
  return set_people(access, "", name);
}

Result<std::string> make_invitation(const CommandContext& context, const RoomAccess& access,
                                    const InviteOptions& options, const std::string& name) {
  ATELIER_TRY(seconds, parse_duration(options.expires));
  const std::int64_t now = system_clock().wall_ms() / 1000;
  const std::string secret = hex(random_bytes(kSecretBytes));
  json::Writer user;
  user.begin_object().key("type").string("user").key("name").string(name);
  user.key("roles").begin_array().end_array().key("password").string(secret);
  if (seconds != 0) user.key("expires").integer(now + seconds);
  user.key("invitation").begin_object().key("room").string(access.database);
  user.key("role").string(options.role).key("made").integer(now).end_object().end_object();
  ATELIER_CHECK(put_json(access, user_path(name), user.take(), "cannot make the invitation"));
  if (const Status let_in = set_people(access, group_of(options.role), name); !let_in) {
    (void)remove_user(access, name);
    return let_in.error();
  }
  const Place place = place_of(context, access, options);
  return place.url + access.path("") + "#" + name + ":" + secret +
         (place.certificate_sha256.empty() ? "" : std::string(kPinMark) + place.certificate_sha256);
}

}  // namespace

std::string user_path(const std::string& name) {
  return "/_users/" + url_encode(std::string(kUserPrefix) + name);
}

Status remove_user(const RoomAccess& access, const std::string& name) {
  ATELIER_TRY(old, get_json(access, user_path(name), "there is no such account"));
  const std::string rev = json::string_member(old, "_rev").value_or("");
  ATELIER_TRY(reply, access.request("DELETE", user_path(name) + "?rev=" + rev));
  return reply.status == 200 ? ok() : Status(error_of(reply, "cannot remove the account"));
}

std::string security_with(std::string_view security, std::string_view group,
                          const std::string& name) {
  json::Writer out;
  out.begin_object();
  const auto people = [&](std::string_view kind, std::string_view object) {
    out.key(kind).begin_object().key("names").begin_array();
    const auto names = json::member(object, "names");
    if (names)
      json::for_each_element(*names, [&](std::string_view one) {
        if (json::string_value(one) != name) out.raw(one);
        return true;
      });
    if (kind == group) out.string(name);
    out.end_array();
    json::for_each_member(object, [&](std::string_view key, std::string_view value) {
      if (key != "names") out.key(key).raw(value);
      return true;
    });
    out.end_object();
  };
  bool wrote_group = group.empty();
  json::for_each_member(security, [&](std::string_view key, std::string_view value) {
    bool is_group = false;
    for (std::string_view known : kGroups) is_group = is_group || key == known;
    wrote_group = wrote_group || key == group;
    if (is_group)
      people(key, value);
    else
      out.key(key).raw(value);
    return true;
  });
  if (!wrote_group) people(group, "{}");
  out.end_object();
  return out.take();
}

std::string describe_people(std::string_view security, bool open) {
  constexpr std::pair<std::string_view, std::string_view> kWords[] = {
      {"admins", "configure"}, {"moderators", "moderate"}, {"members", "write"}, {"readers", "read"}};
  std::string out;
  for (const auto& [group, word] : kWords) {
    std::string names;
    for (const char* kind : {"names", "roles"}) {
      const auto list = json::find(security, {group, kind});
      if (!list || json::kind_of(*list) != json::Kind::kArray) continue;
      json::for_each_element(*list, [&](std::string_view element) {
        const std::string name = json::string_value(element).value_or("");
        names += (names.empty() ? "" : ", ") + (kind[0] == 'r' ? "role " + name : name);
        return true;
      });
    }
    if (!names.empty()) out += (out.empty() ? "" : "; ") + names + " " + std::string(word);
  }
  const server::Rights anonymous = server::rights_of(security, {}, open);
  const char* rest = anonymous.write  ? "anybody without an account writes"
                     : anonymous.read ? "anybody without an account reads"
                                      : "nobody without an account";
  return out + (out.empty() ? "" : "; ") + rest;
}

Result<std::int64_t> parse_duration(std::string_view text) {
  if (text == "never") return 0;
  const Error wrong = invalid("a time is a number with m, h or d behind it (30m, 12h, 7d), or never");
  if (text.size() < 2) return wrong;
  const std::int64_t unit = text.back() == 'm' ? 60 : text.back() == 'h' ? 3'600
                            : text.back() == 'd' ? 86'400 : 0;
  std::int64_t count = 0;
  const char* const end = text.data() + text.size() - 1;
  const auto parsed = std::from_chars(text.data(), end, count);
  constexpr std::int64_t kCountMax = 100'000;
  if (unit == 0 || parsed.ec != std::errc() || parsed.ptr != end || count < 1 || count > kCountMax)
    return wrong;
  return count * unit;
}

Result<std::string> address_of_link(std::string_view link) {
  const Error wrong = invalid("this is no link of an invitation: http://host:port/room#name:secret");
  const std::size_t mark = link.find('#');
  const std::size_t scheme = link.find("://");
  if (mark == std::string_view::npos || scheme == std::string_view::npos || scheme > mark)
    return wrong;
  std::string_view key = link.substr(mark + 1);
  std::string pin;
  if (const std::size_t at = key.find(kPinMark); at != std::string_view::npos) {
    pin = "#" + std::string(key.substr(at + 1));
    key = key.substr(0, at);
  }
  const std::size_t colon = key.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == key.size()) return wrong;
  const std::string_view place = link.substr(0, mark);
  if (place.find('@') != std::string_view::npos) return wrong;
  std::string address(place.substr(0, scheme + 3));
  address += url_encode(key.substr(0, colon)) + ":" + url_encode(key.substr(colon + 1)) + "@";
  address += place.substr(scheme + 3);
  address += pin;
  if (const auto parsed = DatabaseUrl::parse(address); !parsed || parsed->database.empty())
    return wrong;
  return address;
}

Result<DatabaseUrl> address_or_link(std::string_view text) {
  if (const auto address = address_of_link(text)) return DatabaseUrl::parse(*address);
  return DatabaseUrl::parse(text);
}

int run_user(const CommandContext& context, const UserCommandOptions& options, std::istream& in,
             std::ostream& out, std::ostream& err) {
  const auto access = access_profile(context);
  if (!access) return fail(err, access.error());
  if (options.action == "list") {
    const Status listed = each_user(*access, [&](std::string_view user) {
      const std::string name = json::string_member(user, "name").value_or("");
      const std::string roles(json::member(user, "roles").value_or("[]"));
      if (context.json) {
        json::Writer line;
        line.begin_object().key("name").string(name).key("roles").raw(roles).end_object();
        out << line.text() << '\n';
      } else {
        out << name << (roles == "[]" ? "" : "  " + roles)
            << (json::member(user, "invitation") ? "  (an invitation)" : "") << '\n';
      }
    });
    return listed ? kExitOk : fail(err, listed.error());
  }
  if (const Status right = check_name(options.name); !right) return fail(err, right.error());
  if (options.action == "remove") {
    const Status removed = remove_user(*access, options.name);
    return removed ? kExitOk : fail(err, removed.error());
  }
  const auto password = read_password(options, in);
  if (!password) return fail(err, password.error());
  const Status written = put_user(*access, options, *password);
  return written ? kExitOk : fail(err, written.error());
}

int run_invite(const CommandContext& context, const InviteOptions& options, std::ostream& out,
               std::ostream& err) {
  const auto access = access_room(context, options.room, false);
  if (!access) return fail(err, access.error());
  if (options.list) return list_invitations(context, *access, out, err);
  if (!options.revoke.empty()) {
    const Status revoked = revoke_invitation(*access, options.revoke);
    return revoked ? kExitOk : fail(err, revoked.error());
  }
  if (options.role != "reader" && options.role != "writer" && options.role != "moderator")
    return fail(err, invalid("a role is reader, writer or moderator"));
  const std::string name =
      options.name.empty() ? "guest-" + random_uuid().substr(0, 8) : options.name;
  if (const Status right = check_name(name); !right) return fail(err, right.error());
  const auto link = make_invitation(context, *access, options, name);
  if (!link) return fail(err, link.error());
  if (context.json) {
    json::Writer line;
    line.begin_object().key("link").string(*link).key("name").string(name);
    line.key("role").string(options.role).end_object();
    out << line.text() << std::endl;
  } else {
    out << *link << std::endl;
    err << "For '" << name << "', who may " << (options.role == "reader" ? "read" : "read and write")
        << " here now. The link is shown this once. The room is for those who are named in it.\n";
    if (link->starts_with("https://") && link->find(kPinMark) == std::string::npos)
      err << "The link carries no certificate's fingerprint: an authority has to vouch for the server.\n";
  }
  return kExitOk;
}

}  // namespace atelier::host
