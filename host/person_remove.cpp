// `atelier person remove`, see person_commands.h. Thread rule: main thread.
#include <algorithm>
#include <istream>
#include <ostream>
#include <utility>

#include "base/json_text.h"
#include "base/os/os.h"
#include "people_commands.h"
#include "person_access.h"
#include "profile.h"
#include "progress.h"
#include "server/room_end.h"
#include "stopper.h"

namespace atelier::host {
namespace {

constexpr int kAskEveryMs = 100;        // whether the indexes are dropped
constexpr std::size_t kListedMax = 20;  // documents named on a terminal; in JSON all are
constexpr std::size_t kAsBytesMax =
    server::kRoomEndNameBytesMax;  // the shortest of what holds a name

bool is_named(std::string_view security, const std::string& name) {
  return std::any_of(kPeopleGroups.begin(), kPeopleGroups.end(), [&](std::string_view group) {
    return lists(json::find(security, {group, "names"}).value_or("[]"), name);
  });
}

bool is_own_nickname(const CommandContext& context, const std::string& name) {
  const auto profile = Profile::locate(context.data, context.profile);
  return profile && profile->load_settings().nickname == name;
}

/// What there is, or was.
struct Removal {
  struct Room {
    std::string room;
    bool people = false;  // named in `_security`
    std::uint64_t documents = 0, revisions = 0, old = 0, locals = 0;
    bool any() const { return people || documents + old + locals > 0; }
  };
  bool account = false;
  std::vector<Room> rooms;
  std::vector<DocumentPlace> left, mentioned;
  std::uint64_t evicted = 0;

  bool any() const {
    return account ||
           std::any_of(rooms.begin(), rooms.end(), [](const Room& room) { return room.any(); });
  }
};

void note_mentions(const std::string& page, const std::string& room, Removal& removal) {
  removal.evicted += static_cast<std::uint64_t>(json::int_member(page, "evicted").value_or(0));
  json::for_each_element(json::member(page, "mentioned").value_or("[]"), [&](std::string_view id) {
    removal.mentioned.push_back({room, json::string_value(id).value_or(""), {}});
    return true;
  });
}

Status count_page(const std::string& page, Removal::Room& room) {
  std::string last;
  json::for_each_element(json::member(page, "leaves").value_or("[]"), [&](std::string_view leaf) {
    if (json::int_member(leaf, "values").value_or(0) == 0) return true;
    const std::string id = json::string_member(leaf, "id").value_or("");
    room.documents += id == last ? 0 : 1;
    ++room.revisions;
    last = id;
    return true;
  });
  return ok();
}

Result<Removal> survey(const RoomAccess& access, const std::string& name) {
  Removal found;
  ATELIER_TRY(account, account_of(access, name));
  found.account = account.has_value();
  ATELIER_TRY(rooms, rooms_of(access));
  for (const std::string& name_of_room : rooms) {
    Removal::Room room{name_of_room};
    ATELIER_TRY(security, get_json(access, room_path(room.room, "/_security"),
                                   "cannot read who is in " + room.room));
    room.people = is_named(security, name);
    ATELIER_CHECK(each_page(access, "person-find", room.room, name, {},
                            [&](const std::string& page) { return count_page(page, room); }));
    found.rooms.push_back(std::move(room));
  }
  return found;
}

std::string survey_words(const Removal& found, const std::string& name) {
  std::uint64_t documents = 0, revisions = 0, rooms = 0, people = 0;
  for (const Removal::Room& room : found.rooms) {
    documents += room.documents;
    revisions += room.revisions;
    rooms += room.documents > 0 ? 1 : 0;
    people += room.people ? 1 : 0;
  }
  return "'" + name + "' " + (found.account ? "has an account here, " : "has no account here, ") +
         "is named among the people of " + some(people, "room") + ", and stands in " +
         some(documents, "document") + " (" + some(revisions, "revision") + ") of " +
         some(rooms, "room") + ".";
}

Status take_out(const RoomAccess& access, const PersonOptions& options, Removal::Room& room,
                Removal& removal, ProgressLine& line) {
  const std::string path = room_path(room.room, "/_security");
  ATELIER_TRY(security, get_json(access, path, "cannot read who is in " + room.room));
  room.people = is_named(security, options.name);
  if (room.people)
    ATELIER_CHECK(put_json(access, path, security_with(security, "", options.name),
                           "cannot change who is in " + room.room));
  return each_page(
      access, "person-remove", room.room, options.name, options.as,
      [&](const std::string& page) -> Status {
        room.documents +=
            static_cast<std::uint64_t>(json::int_member(page, "documents").value_or(0));
        room.revisions +=
            static_cast<std::uint64_t>(json::int_member(page, "revisions").value_or(0));
        room.old += static_cast<std::uint64_t>(json::int_member(page, "old").value_or(0));
        json::for_each_element(
            json::member(page, "left").value_or("[]"), [&](std::string_view one) {
              removal.left.push_back({room.room, json::string_member(one, "id").value_or(""),
                                      json::string_member(one, "reason").value_or("")});
              return true;
            });
        note_mentions(page, room.room, removal);
        line.show("removing from " + room.room + ": " + some(room.documents, "document"));
        return ok();
      });
}

/// Until the old revisions and the rows of old indexes are gone.
Status finish_room(const RoomAccess& access, const std::string& room, const std::string& name,
                   std::uint64_t& locals) {
  while (true) {
    ATELIER_TRY(answer, ask_about(access, "person-finish", room, name));
    locals += static_cast<std::uint64_t>(json::int_member(answer, "locals").value_or(0));
    if (json::bool_member(answer, "done").value_or(false)) return ok();
    if (wait_for_stop(kAskEveryMs)) return Error(ErrorCode::kCancelled, "stopped");
  }
}

/// The account first: from then on its owner writes nothing in between.
Result<Removal> remove_everywhere(const RoomAccess& access, const PersonOptions& options,
                                  ProgressLine& line) {
  Removal done;
  ATELIER_TRY(account, account_of(access, options.name));
  done.account = account.has_value();
  if (account) ATELIER_CHECK(remove_user(access, options.name));
  ATELIER_CHECK(ask_about(access, "person-forget", "_users", options.name));
  ATELIER_TRY(rooms, rooms_of(access));
  for (const std::string& name : rooms) {
    Removal::Room room{name};
    ATELIER_CHECK(take_out(access, options, room, done, line));
    line.show("dropping old revisions of " + name);
    ATELIER_CHECK(finish_room(access, name, options.name, room.locals));
    done.rooms.push_back(std::move(room));
  }
  std::uint64_t none = 0;
  ATELIER_CHECK(finish_room(access, "_users", options.name, none));
  return done;
}

/// Rooms that are in sync with a server now, with its address.
std::vector<std::pair<std::string, std::string>> synced(const RoomAccess& access) {
  std::vector<std::pair<std::string, std::string>> rooms;
  const auto answer = access.control("sync-status", "{}");
  const auto rows = answer ? json::normalize(*answer) : Result<std::string>("[]");
  json::for_each_element(rows ? std::string_view(*rows) : "[]", [&](std::string_view row) {
    rooms.emplace_back(json::string_member(row, "room").value_or(""),
                       json::string_member(row, "peer").value_or(""));
    return true;
  });
  return rooms;
}

std::vector<std::string> not_reached(const CommandContext& context, const RoomAccess& access,
                                     const PersonOptions& options, const Removal& done) {
  std::vector<std::string> words;
  for (const auto& one : synced(access)) {
    const std::string& room = one.first;
    const bool changed = std::any_of(done.rooms.begin(), done.rooms.end(), [&](const auto& other) {
      return other.room == room && other.documents > 0;
    });
    if (changed)
      words.push_back("the change of '" + room + "' goes to " + one.second +
                      " by the ordinary push; what is refused there stays in the outbox (atelier "
                      "outbox \"" +
                      room + "\")");
  }
  if (!access.own)
    words.emplace_back(
        "the files of the rooms hold old pages until the program that has them open now ends; then "
        "it writes them anew");
  if (done.evicted > 0)
    words.push_back(some(done.evicted, "revision") +
                    " whose content is not on this computer now: not looked at");
  words.emplace_back(
      "text that mentions the name without being it, what stands inside attachments, and what was "
      "typed into texts that several people edit");
  words.emplace_back(
      "devices and servers that do not synchronise now: they get the change when they do, and what "
      "they write under the name until then comes back (run this again)");
  words.emplace_back(
      "servers whose rules refuse the change, backups, exports, and copies that others made");
  words.emplace_back("the log of the server, where one is written");
  if (is_own_nickname(context, options.name))
    words.emplace_back("this profile's own name in its windows, which is the same");
  for (std::string& kept : kept_copies(context)) words.push_back(std::move(kept));
  return words;
}

void write_places(json::Writer& out, const char* key, const std::vector<DocumentPlace>& places) {
  out.key(key).begin_array();
  for (const DocumentPlace& place : places) {
    out.begin_object().key("room").string(place.room).key("id").string(place.id);
    if (!place.reason.empty()) out.key("reason").string(place.reason);
    out.end_object();
  }
  out.end_array();
}

void print_json(const PersonOptions& options, const Removal& done,
                const std::vector<std::string>& words, std::ostream& out) {
  json::Writer line;
  line.begin_object().key("person").string(options.name).key("as").string(options.as);
  line.key("account").boolean(done.account).key("rooms").begin_array();
  for (const Removal::Room& room : done.rooms) {
    if (!room.any()) continue;
    line.begin_object().key("room").string(room.room).key("people").boolean(room.people);
    line.key("documents").integer(static_cast<std::int64_t>(room.documents));
    line.key("revisions").integer(static_cast<std::int64_t>(room.revisions));
    line.key("old").integer(static_cast<std::int64_t>(room.old)).end_object();
  }
  line.end_array();
  write_places(line, "left", done.left);
  write_places(line, "mentioned_in", done.mentioned);
  line.key("not_reached").begin_array();
  for (const std::string& one : words) line.string(one);
  line.end_array().end_object();
  out << line.text() << std::endl;
}

void print_places(const std::vector<DocumentPlace>& places, std::ostream& out) {
  for (std::size_t i = 0; i < std::min(places.size(), kListedMax); ++i) {
    out << "  " << places[i].room << ": " << places[i].id;
    out << (places[i].reason.empty() ? "" : " (" + places[i].reason + ")") << '\n';
  }
  if (places.size() > kListedMax)
    out << "  and " << places.size() - kListedMax << " more (--json lists all)\n";
}

void print_words(const PersonOptions& options, const Removal& done,
                 const std::vector<std::string>& words, std::ostream& out) {
  if (!done.any())
    out << "Nothing on this server carries the name '" << options.name
        << "': nothing was changed.\n";
  if (done.account) out << "The account is gone, with its sessions.\n";
  for (const Removal::Room& room : done.rooms) {
    if (!room.any()) continue;
    out << room.room << ": " << some(room.documents, "document") << " changed ("
        << some(room.revisions, "revision") << ")"
        << (room.people ? ", no longer among its people" : "")
        << (room.old > 0 ? ", old revisions of " + some(room.old, "document") + " dropped" : "")
        << '\n';
  }
  if (!done.left.empty()) {
    out << "These carry the name still:\n";
    print_places(done.left, out);
  }
  if (!done.mentioned.empty()) {
    out << "These mention it within longer text, in an id or in a name, and were left:\n";
    print_places(done.mentioned, out);
  }
  out << "Not reached:\n";
  for (const std::string& one : words) out << "  " << one << '\n';
  out.flush();
}

/// Whether to go on. Only a person at a terminal can be asked.
Result<bool> confirmed(const RoomAccess& access, const PersonOptions& options, std::istream& in,
                       std::ostream& err) {
  if (options.yes) return true;
  if (!os::is_terminal())
    return invalid("this cannot be undone: say --yes, or run it on a terminal");
  ATELIER_TRY(found, survey(access, options.name));
  if (!found.any()) return true;  // which changes nothing, and says so
  err << survey_words(found, options.name) << "\n\"" << options.as
      << "\" will stand in its place. This cannot be undone. Type yes to go on: " << std::flush;
  std::string answer;
  std::getline(in, answer);
  return answer == "yes";
}

}  // namespace

int run_person_remove(const CommandContext& context, const PersonOptions& options, std::istream& in,
                      std::ostream& out, std::ostream& err) {
  if (options.as == options.name) return fail(err, invalid("--as must be another name"));
  if (options.as.empty() || options.as.size() > kAsBytesMax || !json::is_utf8(options.as))
    return fail(err, invalid("--as is text of 1 to " + std::to_string(kAsBytesMax) + " bytes"));
  const auto access = access_profile(context);
  if (!access) return fail(err, access.error());
  const auto go_on = confirmed(*access, options, in, err);
  if (!go_on) return fail(err, go_on.error());
  if (!*go_on) return fail(err, Error(ErrorCode::kCancelled, "nothing was changed"));
  ProgressLine line(err, os::is_terminal());
  const auto done = remove_everywhere(*access, options, line);
  line.clear();
  if (!done) return fail(err, done.error());
  const auto words = not_reached(context, *access, options, *done);
  if (context.json)
    print_json(options, *done, words, out);
  else
    print_words(options, *done, words, out);
  return done->left.empty() ? kExitOk : kExitPartial;
}

}  // namespace atelier::host
