#include "end_command.h"

#include <cstdint>
#include <istream>
#include <optional>
#include <ostream>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/os/os.h"
#include "progress.h"
#include "room_access.h"
#include "server/room_end.h"
#include "stopper.h"

namespace atelier::host {
namespace {

constexpr int kPassesMax = 20;    // while programs that were let in before write on
constexpr int kAskEveryMs = 100;  // whether indexes are dropped

std::string ended_path(const RoomAccess& access) {
  return access.path("/" + url_encode(server::kEndedId));
}

/// What this room's document says; nullopt when it was not ended, or cannot be read.
Result<std::optional<server::RoomEnd>> end_of(const RoomAccess& access) {
  ATELIER_TRY(reply, access.request("GET", ended_path(access)));
  if (reply.status == 404) return std::optional<server::RoomEnd>();
  if (reply.status != 200) return error_of(reply, "cannot read whether the room was ended");
  ATELIER_TRY(body, json::normalize(reply.body));
  const auto end = server::read_room_end(body);
  return end ? std::optional(*end) : std::optional<server::RoomEnd>();
}

std::string own_name(const CommandContext& context) {
  const auto profile = Profile::locate(context.data, context.profile);
  std::string name = profile ? profile->load_settings().nickname : std::string();
  if (name.empty()) name = os::environment("USER").value_or("");
  return name.empty() ? "Its owner" : name;
}

Result<std::int64_t> documents_in(const RoomAccess& access) {
  ATELIER_TRY(info, get_json(access, access.path(""), "cannot read the room"));
  return json::int_member(info, "doc_count").value_or(0);
}

/// A question of room_questions.h.
Result<std::string> ask(const RoomAccess& access, const char* command,
                        const std::string& from = {}) {
  json::Writer body;
  body.begin_object().key("room").string(access.database).key("from").string(from).end_object();
  ATELIER_TRY(answer, access.control(command, body.take()));
  return json::normalize(answer);
}

Status write_end(const RoomAccess& access, const server::RoomEnd& end) {
  ATELIER_TRY(old, access.request("GET", ended_path(access)));  // one that could not be read
  const auto body = json::normalize(old.body);
  const auto rev = old.status == 200 && body ? json::string_member(*body, "_rev") : std::nullopt;
  return put_json(access, ended_path(access) + (rev ? "?rev=" + *rev : ""),
                  server::room_end_json(end), "cannot end the room");
}

/// Until a pass finds nothing more.
Result<std::int64_t> empty(const RoomAccess& access, ProgressLine& line) {
  std::int64_t all = 0;
  for (int pass = 0; pass < kPassesMax; ++pass) {
    std::int64_t found = 0;
    std::optional<std::string> from = "";
    while (from) {
      if (stop_requested())
        return Error(ErrorCode::kCancelled, "stopped: run it again, it goes on where it was");
      ATELIER_TRY(page, ask(access, "room-empty", *from));
      found += json::int_member(page, "documents").value_or(0);
      from = json::string_member(page, "next");
      line.show("removing: " + std::to_string(all + found) + " documents");
    }
    all += found;
    if (found == 0) break;
  }
  while (true) {
    ATELIER_TRY(answer, ask(access, "room-erase"));
    if (json::bool_member(answer, "done").value_or(false)) return all;
    if (wait_for_stop(kAskEveryMs)) return Error(ErrorCode::kCancelled, "stopped: run it again");
  }
}

/// Only a person at a terminal can be asked.
Result<bool> confirmed(const RoomAccess& access, const EndOptions& options, std::istream& in,
                       std::ostream& err) {
  if (options.yes) return true;
  if (!os::is_terminal())
    return invalid("this ends the room for everybody: say --yes, or run it on a terminal");
  ATELIER_TRY(documents, documents_in(access));
  err << "From now on nobody but administrators reads or writes '" << options.room
      << "', and its members are told so when they synchronise.\n"
      << (options.keep ? "Its " + std::to_string(documents) + " documents stay here."
                       : "Its " + std::to_string(documents) +
                             " documents are removed from this server. That cannot be undone.")
      << "\nType yes to end it: " << std::flush;
  std::string answer;
  std::getline(in, answer);
  return answer == "yes";
}

void print(const CommandContext& context, const EndOptions& options, const server::RoomEnd& end,
           bool before, std::optional<std::int64_t> removed, bool own, std::ostream& out) {
  if (context.json) {
    json::Writer line;
    line.begin_object()
        .key("room")
        .string(options.room)
        .key("ended")
        .raw(server::room_end_json(end));
    line.key("before").boolean(before).key("removed");
    removed ? line.integer(*removed) : line.null();
    line.end_object();
    out << line.text() << std::endl;
    return;
  }
  out << server::room_end_words(end) << (before ? " (It had been ended before.)" : "") << '\n';
  if (removed)
    out << *removed << (*removed == 1 ? " document was" : " documents were") << " removed here"
        << (own ? "" : "; the file is written anew when the program that has it open now ends")
        << ".\n";
  out << "Members' devices learn of it when they synchronise, and keep or remove their copies as "
         "their people say. Backups, and servers that have the room from here, keep theirs."
      << std::endl;
}

}  // namespace

int run_end(const CommandContext& context, const EndOptions& options, std::istream& in,
            std::ostream& out, std::ostream& err) {
  const auto access = access_room(context, options.room, false);
  if (!access) return fail(err, access.error());
  if (const auto may = ask(*access, "room-may-end"); !may) return fail(err, may.error());
  const auto known = end_of(*access);
  if (!known) return fail(err, known.error());
  server::RoomEnd end{system_clock().wall_ms(), options.by.empty() ? own_name(context) : options.by,
                      options.message};
  if (const auto right = server::read_room_end(server::room_end_json(end)); !right)
    return fail(err, right.error());
  const auto go_on = confirmed(*access, options, in, err);
  if (!go_on) return fail(err, go_on.error());
  if (!*go_on) return fail(err, Error(ErrorCode::kCancelled, "nothing was changed"));
  if (*known) end = **known;
  if (!*known) {
    if (const Status written = write_end(*access, end); !written) return fail(err, written.error());
  }
  std::optional<std::int64_t> removed;
  if (!options.keep) {
    ProgressLine line(err, os::is_terminal());
    const auto gone = empty(*access, line);
    line.clear();
    if (!gone) return fail(err, gone.error());
    removed = *gone;
  }
  print(context, options, end, known->has_value(), removed, access->own != nullptr, out);
  return kExitOk;
}

}  // namespace atelier::host
