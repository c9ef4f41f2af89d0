#include "person_access.h"

#include <istream>
#include <ostream>
#include <system_error>

#include "base/json_text.h"
#include "base/room_name.h"
#include "people_commands.h"
#include "profile.h"
#include "stopper.h"

namespace atelier::host {
namespace {

constexpr std::size_t kNameBytesMax = 1'024;

}  // namespace

std::string some(std::uint64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string title_of(const std::string& room) {
  const auto title = title_of_database_name(room);
  return title ? *title : room;
}

Result<std::vector<std::string>> rooms_of(const RoomAccess& access) {
  ATELIER_TRY(list, get_json(access, "/_all_dbs", "cannot list the rooms"));
  std::vector<std::string> rooms;
  json::for_each_element(list, [&](std::string_view element) {
    const std::string name = json::string_value(element).value_or("");
    if (!name.starts_with('_')) rooms.push_back(name);
    return true;
  });
  return rooms;
}

Result<std::optional<std::string>> account_of(const RoomAccess& access, const std::string& name) {
  ATELIER_TRY(reply, access.request("GET", user_path(name)));
  if (reply.status == 404) return std::optional<std::string>();
  if (reply.status != 200) return error_of(reply, "cannot read the account");
  ATELIER_TRY(account, json::normalize(reply.body));
  return std::optional(account);
}

std::string room_path(const std::string& room, const std::string& rest) {
  return "/" + url_encode(room) + rest;
}

Result<std::string> ask_about(const RoomAccess& access, const char* command,
                              const std::string& room, const std::string& name,
                              const std::string& from, const std::string& as) {
  json::Writer body;
  body.begin_object().key("room").string(room).key("name").string(name);
  body.key("from").string(from).key("as").string(as).end_object();
  ATELIER_TRY(answer, access.control(command, body.take()));
  return json::normalize(answer);
}

Status each_page(const RoomAccess& access, const char* command, const std::string& room,
                 const std::string& name, const std::string& as,
                 const std::function<Status(const std::string& page)>& fn) {
  std::string from;
  for (bool more = true; more;) {
    if (stop_requested()) return Error(ErrorCode::kCancelled, "stopped");
    ATELIER_TRY(page, ask_about(access, command, room, name, from, as));
    ATELIER_CHECK(fn(page));
    const auto next = json::string_member(page, "next");
    more = next.has_value();
    if (more) from = *next;
  }
  return ok();
}

bool lists(std::string_view list, std::string_view name) {
  bool found = false;
  json::for_each_element(list, [&](std::string_view element) {
    found = found || json::string_value(element) == name;
    return !found;
  });
  return found;
}

std::vector<std::string> kept_copies(const CommandContext& context) {
  std::vector<std::string> found;
  const auto profile = Profile::locate(context.data, context.profile);
  if (!profile) return found;
  std::error_code error;
  using Walk = std::filesystem::recursive_directory_iterator;
  for (Walk at(profile->folder() / "rooms", error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    const bool kept = name.starts_with("replaced-") || name.starts_with("damaged-");
    if (kept && name.ends_with(".mdb"))
      found.push_back("the old file " + at->path().lexically_relative(profile->folder()).string() +
                      ", which a restore or a salvage put aside");
  }
  return found;
}

int run_person(const CommandContext& context, const PersonOptions& options, std::istream& in,
               std::ostream& out, std::ostream& err) {
  if (options.name.empty() || options.name.size() > kNameBytesMax || !json::is_utf8(options.name))
    return fail(err, invalid("a name is text of 1 to " + std::to_string(kNameBytesMax) + " bytes"));
  return options.action == "export" ? run_person_export(context, options, out, err)
                                    : run_person_remove(context, options, in, out, err);
}

}  // namespace atelier::host
