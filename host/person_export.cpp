// `atelier person export`, see person_commands.h. Thread rule: main thread.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <ostream>
#include <utility>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/os/os.h"
#include "export_file.h"
#include "person_access.h"
#include "progress.h"

namespace atelier::host {
namespace {

constexpr std::string_view kOfPassword[] = {"password", "derived_key", "salt", "password_sha"};

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

/// What the person is in the room, by name, by a role of their account, or by the mode.
Result<std::vector<std::string>> roles_in(const RoomAccess& access, const std::string& room,
                                          const std::string& name,
                                          const std::optional<std::string>& account) {
  std::vector<std::string> roles;
  ATELIER_TRY(security,
              get_json(access, room_path(room, "/_security"), "cannot read who is in " + room));
  for (std::string_view group : kPeopleGroups) {
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
      const bool secret =
          std::find(std::begin(kOfPassword), std::end(kOfPassword), key) != std::end(kOfPassword);
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
    ATELIER_TRY(locals, ask_about(access_, "person-locals", room, name_));
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
      if (carries)
        written = write_document(id, json::string_member(leaf, "rev").value_or(""));
      else if (mentioned_.empty() || mentioned_.back().room != room_ || mentioned_.back().id != id)
        mentioned_.push_back({room_, id, {}});
      return written.has_value();
    });
    line_.show("exporting " + room_ + ": " + some(documents_, "document"));
    return written;
  }

  Status write_document(const std::string& id, const std::string& rev) {
    const std::string path = room_path(room_, "/" + document_path(id)) +
                             "?att_encoding_info=true&rev=" + url_encode(rev);
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
      words.push_back(
          some(mentioned_.size(), "document") +
          " that mention the name within longer text, in an id or in a name: see mentioned_in");
    if (evicted_ > 0)
      words.push_back(some(evicted_, "revision") +
                      " whose content is not on this computer now: not looked at");
    if (evicted_attachments_ > 0)
      words.push_back("bytes of " + some(evicted_attachments_, "attachment") +
                      " that are not on this computer now");
    if (changed_ > 0)
      words.push_back(some(changed_, "revision") + " that changed while this was written");
    words.emplace_back(
        "what stands inside attachments, and what was typed into texts that several people edit: "
        "its parts name no author");
    words.emplace_back("old revisions of documents that name the person no more");
    words.emplace_back(
        "backups, exports of others, and what other servers and devices have of these rooms");
    words.emplace_back("the log of the server, where one is written");
    for (std::string& kept : kept_copies(context_)) words.push_back(std::move(kept));
    return words;
  }

  Status end() {
    ATELIER_CHECK(file_.write("\n],\"mentioned_in\":["));
    bool first = true;
    for (const DocumentPlace& place : mentioned_) {
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
  std::vector<DocumentPlace> mentioned_;
};

}  // namespace

int run_person_export(const CommandContext& context, const PersonOptions& options,
                      std::ostream& out, std::ostream& err) {
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

}  // namespace atelier::host
