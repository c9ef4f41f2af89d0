#include "care_commands.h"

#include <algorithm>
#include <iostream>

#include "base/json_text.h"
#include "base/os/os.h"
#include "base/room_name.h"
#include "http/http_peer.h"
#include "profile.h"
#include "store/care.h"
#include "store/catalog.h"

namespace atelier::host {
namespace {

int fail(std::ostream& err, const Error& error) {
  err << "atelier: " << error.message << std::endl;
  return kExitFailed;
}

struct Place {
  Profile profile;
  std::string database;
  std::filesystem::path folder;
};

Result<Place> place_of(const CommandContext& context, const std::string& room) {
  ATELIER_TRY(database, database_name_of_title(room));
  ATELIER_TRY(profile, Profile::locate(context.data, context.profile));
  const auto folder = database_folder(profile.folder(), database);
  return Place{std::move(profile), std::move(database), folder};
}

// The folder of a room that is there.
Result<Place> existing(const CommandContext& context, const std::string& room) {
  ATELIER_TRY(place, place_of(context, room));
  std::error_code error;
  if (std::filesystem::exists(place.folder / "data.mdb", error)) return place;
  return not_found("there is no room '" + room + "' in profile " + context.profile);
}

// A bar on a terminal; nothing for programs.
class Bar {
 public:
  Bar(std::ostream& err, const char* what) : err_(err), what_(what) {}
  ~Bar() {
    if (shown_) err_ << "\r\033[K" << std::flush;
  }
  CareProgress progress() {
    if (!os::is_terminal()) return {};
    return [this](std::uint64_t done, std::uint64_t total) {
      constexpr std::uint64_t kWidth = 30;
      const std::uint64_t filled = total ? std::min(done * kWidth / total, kWidth) : kWidth;
      err_ << '\r' << what_ << " [" << std::string(filled, '#') << std::string(kWidth - filled, ' ')
           << "] " << (total ? std::min<std::uint64_t>(done * 100 / total, 100) : 100) << " %"
           << std::flush;
      shown_ = true;
    };
  }

 private:
  std::ostream& err_;
  const char* what_;
  bool shown_ = false;
};

std::int64_t number(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

void print_json(const VerifyReport& report, std::ostream& out) {
  json::Writer line;
  line.begin_object().key("clean").raw(report.clean() ? "true" : "false");
  line.key("findings").integer(number(report.findings)).key("words").begin_array();
  for (const std::string& words : report.words) line.string(words);
  line.end_array().key("tables").begin_array();
  for (const auto& table : report.tables) {
    line.begin_object().key("name").string(table.name).key("rows").integer(number(table.rows));
    line.key("pages").integer(number(table.pages)).end_object();
  }
  line.end_array().key("file_bytes").integer(number(report.file_bytes));
  line.key("pages").integer(number(report.pages));
  line.key("free_pages").integer(number(report.free_pages));
  line.key("lost_pages").integer(number(report.lost_pages));
  line.key("left_behind").integer(number(report.left_behind));
  line.key("in_use").raw(report.in_use ? "true" : "false").end_object();
  out << line.text() << std::endl;
}

void print_words(const VerifyReport& report, const std::string& room, std::ostream& out) {
  for (const std::string& words : report.words) out << words << '\n';
  if (report.findings > report.words.size()) {
    out << "… and " << report.findings - report.words.size() << " more\n";
  }
  for (const auto& table : report.tables) {
    out << table.name << ": " << table.rows << " rows, " << table.pages << " pages\n";
  }
  out << report.pages << " pages, " << report.free_pages << " of them free";
  if (report.lost_pages) out << ", " << report.lost_pages << " that compaction gives back";
  if (report.in_use) out << " (a host has the room open; this was one moment of it)";
  out << "\n";
  if (report.left_behind) {
    out << "The bytes of " << report.left_behind
        << (report.left_behind == 1 ? " attachment were" : " attachments were")
        << " left behind or evicted: the other side has them.\n";
  }
  if (report.clean()) {
    out << "The room is whole." << std::endl;
  } else {
    out << report.findings << (report.findings == 1 ? " finding. " : " findings. ")
        << damage_advice(room) << std::endl;
  }
}

}  // namespace

std::string damage_advice(const std::string& room) {
  return "What can be done: `atelier salvage \"" + room +
         "\"` recovers what can be read; "
         "`atelier restore FILE \"" +
         room +
         "\" --replace` puts a backup into its place; "
         "`atelier salvage \"" +
         room +
         "\" --anew` begins with an empty room that syncs again. "
         "The damaged file is kept beside in each case.";
}

Error with_damage_advice(Error error, const std::string& room) {
  if (error.code == ErrorCode::kCorrupt) error.message += ". " + damage_advice(room);
  return error;
}

int run_verify(const CommandContext& context, const VerifyOptions& options, std::ostream& out,
               std::ostream& err) {
  const auto place = existing(context, options.room);
  if (!place) return fail(err, place.error());
  const auto report = [&] {
    Bar bar(err, "Checking");
    return verify_store(place->folder, bar.progress());
  }();
  if (!report) return fail(err, report.error());
  if (context.json)
    print_json(*report, out);
  else
    print_words(*report, options.room, out);
  return report->clean() ? kExitOk : kExitDamaged;
}

int run_backup(const CommandContext& context, const BackupOptions& options, std::ostream& out,
               std::ostream& err) {
  const auto place = existing(context, options.room);
  if (!place) return fail(err, place.error());
  const auto bytes = [&] {
    Bar bar(err, "Backing up");
    return backup_store(place->folder, std::filesystem::absolute(options.file), bar.progress());
  }();
  if (!bytes) return fail(err, bytes.error());
  if (context.json) {
    json::Writer line;
    line.begin_object().key("file").string(options.file.string());
    line.key("bytes").integer(number(*bytes)).end_object();
    out << line.text() << std::endl;
  } else {
    out << "'" << options.room << "' is in " << options.file.string() << " (" << *bytes
        << " bytes, checked)." << std::endl;
  }
  return kExitOk;
}

int run_restore(const CommandContext& context, const RestoreOptions& options, std::ostream& out,
                std::ostream& err) {
  const auto place = place_of(context, options.room);
  if (!place) return fail(err, place.error());
  std::filesystem::path kept;
  const Status restored = [&] {
    Bar bar(err, "Restoring");
    return restore_store(options.file, place->folder, options.replace, &kept, bar.progress());
  }();
  if (!restored) {
    Error error = restored.error();
    if (error.code == ErrorCode::kExists) {
      error.message =
          "there is a room '" + options.room +
          "' already; --replace puts the backup into its place and keeps its file beside";
    }
    return fail(err, error);
  }
  if (context.json) {
    json::Writer line;
    line.begin_object().key("room").string(options.room);
    line.key("kept").string(kept.string()).end_object();
    out << line.text() << std::endl;
  } else {
    out << "'" << options.room << "' was restored from " << options.file.string() << "."
        << (kept.empty() ? std::string() : " What it was is in " + kept.string() + ".")
        << std::endl;
  }
  return kExitOk;
}

int run_salvage(const CommandContext& context, const SalvageOptions& options, std::ostream& out,
                std::ostream& err) {
  const auto place = existing(context, options.room);
  if (!place) return fail(err, place.error());
  if (options.anew) {
    const auto kept = put_aside(place->folder);
    if (!kept) return fail(err, kept.error());
    out << "'" << options.room << "' begins anew. What it was is in " << kept->string() << "."
        << std::endl;
    return kExitOk;
  }
  const auto report = [&] {
    Bar bar(err, "Reading");
    return salvage_store(place->folder, bar.progress());
  }();
  if (!report) return fail(err, report.error());
  if (context.json) {
    json::Writer line;
    line.begin_object().key("documents").integer(number(report->documents));
    line.key("attachments").integer(number(report->attachments));
    line.key("losses").integer(number(report->losses)).key("words").begin_array();
    for (const std::string& words : report->words) line.string(words);
    line.end_array().key("kept").string(report->kept.string()).end_object();
    out << line.text() << std::endl;
  } else {
    for (const std::string& words : report->words) out << "lost: " << words << '\n';
    if (report->losses > report->words.size()) {
      out << "… and " << report->losses - report->words.size() << " more losses\n";
    }
    out << report->documents << " documents and " << report->attachments
        << " attachments were recovered. The damaged file is " << report->kept.string() << "."
        << std::endl;
  }
  return report->losses == 0 ? kExitOk : kExitDamaged;
}

namespace {

// Whoever has the profile open compacts the room; its file shrinks when that host closes it.
int ask_to_compact(const Place& place, std::ostream& out, std::ostream& err) {
  const auto url = DatabaseUrl::parse("unix:" + place.profile.control_socket().string() + ":/" +
                                      url_encode(place.database));
  if (!url) return fail(err, url.error());
  HttpRequest request;
  request.method = "POST";
  request.path = "/" + url_encode(place.database) + "/_compact";
  request.body = "{}";  // without a body no type is sent, which CouchDB asks for
  request.timeout_ms = 60'000;
  const auto reply = http_request(*url, request);
  if (!reply) return fail(err, reply.error());
  if (reply->status != 202) {
    return fail(err, {ErrorCode::kInternal,
                      "the host that has the room open answers " + std::to_string(reply->status)});
  }
  out << "The host that has the room open compacts it now; the file gives its room back to the "
         "disk "
         "when that host closes it."
      << std::endl;
  return kExitOk;
}

}  // namespace

int run_compact(const CommandContext& context, const CompactOptions& options, std::ostream& out,
                std::ostream& err) {
  const auto place = existing(context, options.room);
  if (!place) return fail(err, place.error());
  const auto held = place->profile.lock();
  if (!held && held.error().code == ErrorCode::kBusy) return ask_to_compact(*place, out, err);
  if (!held) return fail(err, held.error());
  std::error_code error;
  const auto file = place->folder / "data.mdb";
  const auto before = std::filesystem::file_size(file, error);
  {
    const auto store = Store::open(place->folder, {});
    if (!store) return fail(err, store.error());
    if (const Status done = (*store)->compact(); !done) return fail(err, done.error());
  }
  if (const Status done = compact_file(place->folder, false, true); !done) {
    return fail(err, done.error());
  }
  const auto after = std::filesystem::file_size(file, error);
  if (context.json) {
    json::Writer line;
    line.begin_object().key("bytes_before").integer(number(before));
    line.key("bytes").integer(number(after)).end_object();
    out << line.text() << std::endl;
  } else {
    out << "'" << options.room << "': " << before << " bytes before, " << after << " now."
        << std::endl;
  }
  return kExitOk;
}

}  // namespace atelier::host
