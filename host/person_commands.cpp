#include "person_commands.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <istream>
#include <optional>
#include <ostream>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json_text.h"
#include "base/os/disk.h"
#include "base/os/os.h"
#include "base/room_name.h"
#include "export_file.h"
#include "people_commands.h"
#include "progress.h"
#include "room_access.h"
#include "server/room_end.h"
#include "stopper.h"

namespace atelier::host {
namespace {

constexpr int kAskEveryMs = 100;             // whether the indexes are dropped
constexpr std::size_t kListedMax = 20;       // documents named on a terminal; in JSON all are
constexpr std::size_t kNameBytesMax = 1'024;
constexpr std::size_t kAsBytesMax = server::kRoomEndNameBytesMax;  // the shortest of what holds a name
constexpr std::string_view kGroups[] = {"admins", "moderators", "members", "readers"};
constexpr std::string_view kOfPassword[] = {"password", "derived_key", "salt", "password_sha"};

/// A document of a room.
struct Place {
  std::string room, id, reason;
};

std::string iso_time(std::int64_t wall_ms) {
  using namespace std::chrono;
  const sys_seconds time{seconds(wall_ms / 1000)};
  const sys_days day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", int(date.year()),
                unsigned(date.month()), unsigned(date.day()), int(clock.hours().count()),
                int(clock.minutes().count()), int(clock.seconds().count()));
  return text.data();
}

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

/// A question of person_questions.h.
Result<std::string> ask(const RoomAccess& access, const char* command, const std::string& room,
                        const std::string& name, const std::string& from = {},
                        const std::string& as = {}) {
  json::Writer body;
  body.begin_object().key("room").string(room).key("name").string(name);
  body.key("from").string(from).key("as").string(as).end_object();
  ATELIER_TRY(answer, access.control(command, body.take()));
  return json::normalize(answer);
}

/// Asks for page after page.
Status each_page(const RoomAccess& access, const char* command, const std::string& room,
                 const std::string& name, const std::string& as,
                 const std::function<Status(const std::string& page)>& fn) {
  std::string from;
  for (bool more = true; more;) {
    if (stop_requested()) return Error(ErrorCode::kCancelled, "stopped");
    ATELIER_TRY(page, ask(access, command, room, name, from, as));
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

bool is_named(std::string_view security, const std::string& name) {
  return std::any_of(std::begin(kGroups), std::end(kGroups), [&](std::string_view group) {
    return lists(json::find(security, {group, "names"}).value_or("[]"), name);
  });
}

/// What the person is in the room, by name, by a role of their account, or by the mode.
Result<std::vector<std::string>> roles_in(const RoomAccess& access, const std::string& room,
                                          const std::string& name,
                                          const std::optional<std::string>& account) {
  std::vector<std::string> roles;
  ATELIER_TRY(security, get_json(access, room_path(room, "/_security"), "cannot read who is in " + room));
  for (std::string_view group : kGroups) {
    if (lists(json::find(security, {group, "names"}).value_or("[]"), name))
      roles.emplace_back(group);
    json::for_each_element(account ? json::member(*account, "roles").value_or("[]") : "[]",
                           [&](std::string_view role) {
      const std::string word = json::string_value(role).value_or("");
      if (lists(json::find(security, {group, "roles"}).value_or("[]"), word))
        roles.push_back(std::string(group) + " by the role " + word);
      return true;
    });
  }
  ATELIER_TRY(reply, access.request("GET", room_path(room, "/access%3Amode")));
  const auto mode = reply.status == 200 ? json::normalize(reply.body) : Result<std::string>("{}");
  if (mode && lists(json::member(*mode, "names").value_or("[]"), name))
    roles.emplace_back("named in access:mode");
  return roles;
}

/// Files beside the stores that hold old content, and what else of this computer is not touched.
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

bool is_own_nickname(const CommandContext& context, const std::string& name) {
  const auto profile = Profile::locate(context.data, context.profile);
  return profile && profile->load_settings().nickname == name;
}

// --- export

/// Says what it has found only once there is something.
class Export {
 public:
  Export(const CommandContext& context, const RoomAccess& access, std::string name,
         ExportFile& file, ProgressLine& line)
      : context_(context), access_(access), name_(std::move(name)), file_(file), line_(line) {}

  /// Errors: kNotFound when there is nothing of that person.
  Status run() {
    ATELIER_TRY(account, account_of(access_, name_));
    account_ = std::move(account);
    if (account_) ATELIER_CHECK(begin());
    ATELIER_TRY(rooms, rooms_of(access_));
    for (const std::string& room : rooms) ATELIER_CHECK(write_room(room));
    if (!began_ && mentioned_.empty())
      return not_found("nothing on this server carries the name '" + name_ + "'");
    ATELIER_CHECK(begin());
    return end();
  }

 private:
  Status begin() {
    if (std::exchange(began_, true)) return ok();
    json::Writer head;
    head.begin_object().key("person").string(name_);
    head.key("exported").string(iso_time(system_clock().wall_ms()));
    const auto address = access_.control("address", "{}");
    const std::string url = address ? json::string_member(*address, "url").value_or("") : "";
    head.key("server");
    url.empty() ? head.null() : head.string(url);
    head.key("profile").string(context_.profile).key("account");
    account_ ? head.raw(account_without_password()) : head.null();
    return file_.write(head.take() + ",\n\"rooms\":[");
  }

  std::string account_without_password() const {
    json::Writer out;
    out.begin_object();
    json::for_each_member(*account_, [&](std::string_view key, std::string_view value) {
      const bool secret = std::find(std::begin(kOfPassword), std::end(kOfPassword), key) !=
                          std::end(kOfPassword);
      if (!secret) out.key(key).raw(value);
      return true;
    });
    out.end_object();
    return out.take();
  }

  Status write_room(const std::string& room) {
    ATELIER_TRY(roles, roles_in(access_, room, name_, account_));
    room_began_ = false;
    room_ = room;
    roles_ = std::move(roles);
    if (!roles_.empty()) ATELIER_CHECK(begin_room());
    documents_ = 0;
    peer_.reset();
    ATELIER_CHECK(each_page(access_, "person-find", room, name_, {},
                            [&](const std::string& page) { return write_page(page); }));
    ATELIER_TRY(locals, ask(access_, "person-locals", room, name_));
    const std::string list(json::member(locals, "locals").value_or("[]"));
    if (list != "[]") ATELIER_CHECK(begin_room());
    return room_began_ ? file_.write("],\"local\":" + list + "}") : ok();
  }

  Status begin_room() {
    if (std::exchange(room_began_, true)) return ok();
    ATELIER_CHECK(begin());
    json::Writer head;
    head.begin_object().key("room").string(title_of(room_));
    head.key("roles").begin_array();
    for (const std::string& role : roles_) head.string(role);
    head.end_array();
    const char* comma = std::exchange(any_room_, true) ? ",\n" : "\n";
    return file_.write(comma + head.take() + ",\"documents\":[");
  }

  Status write_page(const std::string& page) {
    evicted_ += static_cast<std::uint64_t>(json::int_member(page, "evicted").value_or(0));
    Status written = ok();
    json::for_each_element(json::member(page, "leaves").value_or("[]"), [&](std::string_view leaf) {
      const std::string id = json::string_member(leaf, "id").value_or("");
      const bool carries = json::int_member(leaf, "values").value_or(0) > 0;
      if (carries) written = write_document(id, json::string_member(leaf, "rev").value_or(""));
      else if (mentioned_.empty() || mentioned_.back().room != room_ || mentioned_.back().id != id)
        mentioned_.push_back({room_, id, {}});
      return written.has_value();
    });
    line_.show("exporting " + room_ + ": " + some(documents_, "document"));
    return written;
  }

  Status write_document(const std::string& id, const std::string& rev) {
    const std::string path =
        room_path(room_, "/" + document_path(id)) + "?att_encoding_info=true&rev=" + url_encode(rev);
    ATELIER_TRY(reply, access_.request("GET", path));
    if (reply.status == 404) {  // somebody changed it, and the old revision was dropped, meanwhile
      ++changed_;
      return ok();
    }
    if (reply.status != 200) return error_of(reply, id);
    ATELIER_TRY(document, json::normalize(reply.body));
    ATELIER_CHECK(begin_room());
    json::Writer body;  // closed behind the attachments
    body.begin_object();
    json::for_each_member(document, [&](std::string_view key, std::string_view value) {
      if (key != "_attachments") body.key(key).raw(value);
      return true;
    });
    const std::string text = body.take();
    ATELIER_CHECK(file_.write((documents_++ == 0 ? "\n" : ",\n") + text));
    if (const auto attachments = json::member(document, "_attachments"))
      ATELIER_CHECK(write_attachments(id, rev, *attachments));
    return file_.write("}");
  }

  static std::string document_path(const std::string& id) {
    std::string path = url_encode(id);
    if (path.starts_with("_design%2F")) path.replace(7, 3, "/");
    return path;
  }

  Status write_attachments(const std::string& id, const std::string& rev,
                           std::string_view attachments) {
    ATELIER_TRY(parsed, RevId::parse(rev));
    if (!peer_) {
      DatabaseUrl url = access_.server;
      url.database = room_;
      ATELIER_TRY(peer, make_http_peer(url, {}));
      ATELIER_CHECK(peer->info());
      peer_ = std::move(peer);
    }
    ATELIER_CHECK(file_.write(",\"_attachments\":{"));
    Status written = ok();
    bool first = true;
    json::for_each_member(attachments, [&](std::string_view name, std::string_view stub) {
      written = file_.write((first ? "" : ",") + json::quoted(name) + ":");
      first = false;
      if (written) written = write_attachment(id, parsed, std::string(name), stub);
      return written.has_value();
    });
    ATELIER_CHECK(written);
    return file_.write("}");
  }

  Status write_attachment(const std::string& id, const RevId& rev, const std::string& name,
                          std::string_view stub) {
    json::Writer head;
    head.begin_object();
    json::for_each_member(stub, [&](std::string_view key, std::string_view value) {
      if (key != "stub" && key != "revpos") head.key(key).raw(value);
      return true;
    });
    head.key("data");
    ATELIER_CHECK(file_.write(head.take()));
    Base64Stream data(file_);
    bool began = false;
    const Status read = peer_->read_attachment(id, rev, name, [&](std::string_view chunk) {
      if (!std::exchange(began, true) && !file_.write("\"")) return false;
      return data.write(chunk).has_value();
    });
    ATELIER_CHECK(file_.status());
    if (!read && !began && read.error().code == ErrorCode::kEvicted) {
      ++evicted_attachments_;
      return file_.write("null}");
    }
    ATELIER_CHECK(read);
    if (!began) return file_.write("\"\"}");
    ATELIER_CHECK(data.finish());
    return file_.write("\"}");
  }

  std::vector<std::string> not_included() const {
    std::vector<std::string> words;
    if (!mentioned_.empty())
      words.push_back(some(mentioned_.size(), "document") +
                      " that mention the name within longer text, in an id or in a name: see mentioned_in");
    if (evicted_ > 0) words.push_back(some(evicted_, "revision") + " whose content is not on this computer now: not looked at");
    if (evicted_attachments_ > 0) words.push_back("bytes of " + some(evicted_attachments_, "attachment") + " that are not on this computer now");
    if (changed_ > 0) words.push_back(some(changed_, "revision") + " that changed while this was written");
    words.emplace_back("what stands inside attachments, and what was typed into texts that several people edit: its parts name no author");
    words.emplace_back("old revisions of documents that name the person no more");
    words.emplace_back("backups, exports of others, and what other servers and devices have of these rooms");
    words.emplace_back("the log of the server, where one is written");
    for (std::string& kept : kept_copies(context_)) words.push_back(std::move(kept));
    return words;
  }

  Status end() {
    ATELIER_CHECK(file_.write("\n],\"mentioned_in\":["));
    bool first = true;
    for (const Place& place : mentioned_) {
      json::Writer one;
      one.begin_object().key("room").string(title_of(place.room));
      one.key("_id").string(place.id).end_object();
      ATELIER_CHECK(file_.write((std::exchange(first, false) ? "\n" : ",\n") + one.take()));
    }
    json::Writer words;
    words.begin_array();
    for (const std::string& one : not_included()) words.string(one);
    words.end_array();
    return file_.write("],\n\"not_included\":" + words.take() + "}\n");
  }

  const CommandContext& context_;
  const RoomAccess& access_;
  const std::string name_;
  ExportFile& file_;
  ProgressLine& line_;
  std::optional<std::string> account_;
  bool began_ = false, any_room_ = false, room_began_ = false;
  std::string room_;  // of which is written now
  std::vector<std::string> roles_;
  std::unique_ptr<Peer> peer_;
  std::uint64_t documents_ = 0, evicted_ = 0, evicted_attachments_ = 0, changed_ = 0;
  std::vector<Place> mentioned_;
};

int run_export(const CommandContext& context, const PersonOptions& options, std::ostream& out,
               std::ostream& err) {
  if (options.file.empty()) {
    err << "atelier: person export needs --out FILE (- is standard output)" << std::endl;
    return kExitUsage;
  }
  const auto access = access_profile(context);
  if (!access) return fail(err, access.error());
  auto file = ExportFile::open(options.file, out);
  if (!file) return fail(err, file.error());
  ProgressLine line(err, os::is_terminal() && options.file != "-");
  Status written = Export(context, *access, options.name, **file, line).run();
  line.clear();
  if (written) written = (*file)->finish();
  return written ? kExitOk : fail(err, written.error());
}

// --- removal

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
  std::vector<Place> left, mentioned;
  std::uint64_t evicted = 0;

  bool any() const {
    return account || std::any_of(rooms.begin(), rooms.end(),
                                  [](const Room& room) { return room.any(); });
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
  return each_page(access, "person-remove", room.room, options.name, options.as,
                   [&](const std::string& page) -> Status {
    room.documents += static_cast<std::uint64_t>(json::int_member(page, "documents").value_or(0));
    room.revisions += static_cast<std::uint64_t>(json::int_member(page, "revisions").value_or(0));
    room.old += static_cast<std::uint64_t>(json::int_member(page, "old").value_or(0));
    json::for_each_element(json::member(page, "left").value_or("[]"), [&](std::string_view one) {
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
    ATELIER_TRY(answer, ask(access, "person-finish", room, name));
    locals += static_cast<std::uint64_t>(json::int_member(answer, "locals").value_or(0));
    if (json::bool_member(answer, "done").value_or(false)) return ok();
    if (stop_requested()) return Error(ErrorCode::kCancelled, "stopped");
    std::this_thread::sleep_for(std::chrono::milliseconds(kAskEveryMs));
  }
}

/// The account first: from then on its owner writes nothing in between.
Result<Removal> remove_everywhere(const RoomAccess& access, const PersonOptions& options,
                                  ProgressLine& line) {
  Removal done;
  ATELIER_TRY(account, account_of(access, options.name));
  done.account = account.has_value();
  if (account) ATELIER_CHECK(remove_user(access, options.name));
  ATELIER_CHECK(ask(access, "person-forget", "_users", options.name));
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
  for (const auto& [room, peer] : synced(access))
    if (std::any_of(done.rooms.begin(), done.rooms.end(), [&](const Removal::Room& one) {
          return one.room == room && one.documents > 0;
        }))
      words.push_back("the change of '" + room + "' goes to " + peer +
                      " by the ordinary push; what is refused there stays in the outbox (atelier outbox \"" +
                      room + "\")");
  if (!access.own)
    words.emplace_back("the files of the rooms hold old pages until the program that has them open now ends; then it writes them anew");
  if (done.evicted > 0) words.push_back(some(done.evicted, "revision") + " whose content is not on this computer now: not looked at");
  words.emplace_back("text that mentions the name without being it, what stands inside attachments, and what was typed into texts that several people edit");
  words.emplace_back("devices and servers that do not synchronise now: they get the change when they do, and what they write under the name until then comes back (run this again)");
  words.emplace_back("servers whose rules refuse the change, backups, exports, and copies that others made");
  words.emplace_back("the log of the server, where one is written");
  if (is_own_nickname(context, options.name))
    words.emplace_back("this profile's own name in its windows, which is the same");
  for (std::string& kept : kept_copies(context)) words.push_back(std::move(kept));
  return words;
}

void write_places(json::Writer& out, const char* key, const std::vector<Place>& places) {
  out.key(key).begin_array();
  for (const Place& place : places) {
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

void print_places(const std::vector<Place>& places, std::ostream& out) {
  for (std::size_t i = 0; i < std::min(places.size(), kListedMax); ++i) {
    out << "  " << places[i].room << ": " << places[i].id;
    out << (places[i].reason.empty() ? "" : " (" + places[i].reason + ")") << '\n';
  }
  if (places.size() > kListedMax) out << "  and " << places.size() - kListedMax << " more (--json lists all)\n";
}

void print_words(const PersonOptions& options, const Removal& done,
                 const std::vector<std::string>& words, std::ostream& out) {
  if (!done.any()) out << "Nothing on this server carries the name '" << options.name << "': nothing was changed.\n";
  if (done.account) out << "The account is gone, with its sessions.\n";
  for (const Removal::Room& room : done.rooms) {
    if (!room.any()) continue;
    out << room.room << ": " << some(room.documents, "document") << " changed ("
        << some(room.revisions, "revision") << ")" << (room.people ? ", no longer among its people" : "")
        << (room.old > 0 ? ", old revisions of " + some(room.old, "document") + " dropped" : "") << '\n';
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
  if (!os::is_terminal()) return invalid("this cannot be undone: say --yes, or run it on a terminal");
  ATELIER_TRY(found, survey(access, options.name));
  if (!found.any()) return true;  // which changes nothing, and says so
  err << survey_words(found, options.name) << "\n\"" << options.as
      << "\" will stand in its place. This cannot be undone. Type yes to go on: " << std::flush;
  std::string answer;
  std::getline(in, answer);
  return answer == "yes";
}

int run_remove(const CommandContext& context, const PersonOptions& options, std::istream& in,
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
  if (context.json) print_json(options, *done, words, out);
  else print_words(options, *done, words, out);
  return done->left.empty() ? kExitOk : kExitPartial;
}

}  // namespace

int run_person(const CommandContext& context, const PersonOptions& options, std::istream& in,
               std::ostream& out, std::ostream& err) {
  if (options.name.empty() || options.name.size() > kNameBytesMax || !json::is_utf8(options.name))
    return fail(err, invalid("a name is text of 1 to " + std::to_string(kNameBytesMax) + " bytes"));
  return options.action == "export" ? run_export(context, options, out, err)
                                    : run_remove(context, options, in, out, err);
}

}  // namespace atelier::host
