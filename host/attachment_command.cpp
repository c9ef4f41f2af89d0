// `atelier attachment`: reads one, and fetches it before where its bytes were left behind. Thread
// rule: main thread.
#include <chrono>
#include <fstream>
#include <ostream>
#include <thread>

#include "base/json_text.h"
#include "base/os/os.h"
#include "commands.h"
#include "people_commands.h"
#include "progress.h"
#include "replication/left_behind.h"
#include "replication/local_peer.h"
#include "replication/replicator.h"
#include "room_access.h"
#include "secrets.h"
#include "stopper.h"

namespace atelier::host {
namespace {

constexpr int kAskEveryMs = 100;

Result<DatabaseUrl> source_of(const AttachmentOptions& options, const Store& store) {
  const std::string address = options.url.empty() ? Node::upstream_of(store) : options.url;
  if (address.empty()) {
    return Error(ErrorCode::kEvicted,
                 "the bytes of " + options.name + " were left behind; say where with --from");
  }
  ATELIER_TRY(url, address_or_link(address));
  return with_credentials(
      std::move(url), {options.auth, options.password_file, options.keyring, options.token_url});
}

/// In a store of our own.
Status bring_here(const AttachmentOptions& options, const std::shared_ptr<Store>& store,
                  ProgressLine& line) {
  ATELIER_TRY(document, store->get(options.id));
  for (const Attachment& one : document.attachments) {
    if (one.name == options.name && !one.evicted()) return ok();
  }
  ATELIER_TRY(url, source_of(options, *store));
  HttpPeerOptions http;
  http.ca_file = options.ca_file;
  const auto bring = make_bringer(store, make_http_peer_factory(url, http));
  ATELIER_CHECK(bring(options.id, options.name, [&](std::uint64_t done, std::uint64_t total) {
    line.show(blob_progress_words(options.name, done, total));
    return !stop_requested();
  }));
  return ok();
}

/// By whoever has the profile open.
Status bring_there(const AttachmentOptions& options, const RoomAccess& access, ProgressLine& line) {
  json::Writer body;
  body.begin_object().key("room").string(access.database).key("id").string(options.id);
  body.key("name").string(options.name).end_object();
  while (!stop_requested()) {
    ATELIER_TRY(text, access.control("sync-bring", body.text()));
    ATELIER_TRY(answer, json::normalize(text));
    const auto number = [&](const char* name) {
      return static_cast<std::uint64_t>(json::int_member(answer, name).value_or(0));
    };
    if (!json::bool_member(answer, "running").value_or(false)) return ok();
    line.show(blob_progress_words(options.name, number("done"), number("total")));
    std::this_thread::sleep_for(std::chrono::milliseconds(kAskEveryMs));
  }
  return Error(ErrorCode::kCancelled, "stopped");
}

Result<RevId> winner_of(const RoomAccess& access, const std::string& id) {
  ATELIER_TRY(reply, access.request("GET", access.path("/" + url_encode(id))));
  if (reply.status != 200) return error_of(reply, id);
  ATELIER_TRY(document, json::normalize(reply.body));
  return RevId::parse(json::string_member(document, "_rev").value_or(""));
}

Status write_attachment(Peer& peer, const AttachmentOptions& options, const RevId& rev,
                        std::ostream& out) {
  ATELIER_CHECK(peer.read_attachment(options.id, rev, options.name, [&](std::string_view chunk) {
    out.write(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    return static_cast<bool>(out);
  }));
  out.flush();
  return out ? ok() : Status(Error(ErrorCode::kDisk, "the attachment cannot be written"));
}

Status copy(const RoomAccess& access, const AttachmentOptions& options, std::ostream& out,
            std::ostream& err) {
  ATELIER_TRY(rev, winner_of(access, options.id));
  ProgressLine line(err, os::is_terminal());
  if (access.own) {
    ATELIER_TRY(store, access.own->catalog()->open(access.database, false));
    ATELIER_CHECK(bring_here(options, store, line));
    line.clear();
    return write_attachment(*make_local_peer(store), options, rev, out);
  }
  ATELIER_TRY(peer, make_http_peer(access.server, {}));
  ATELIER_CHECK(peer->info());
  const Status written = write_attachment(*peer, options, rev, out);
  if (written || written.error().code != ErrorCode::kEvicted) return written;
  ATELIER_CHECK(bring_there(options, access, line));
  line.clear();
  return write_attachment(*peer, options, rev, out);
}

}  // namespace

int run_attachment(const CommandContext& context, const AttachmentOptions& options,
                   std::ostream& out, std::ostream& err) {
  const auto access = access_room(context, options.room, false);
  if (!access) return fail(err, access.error());
  if (options.output.empty()) {
    const Status written = copy(*access, options, out, err);
    return written ? kExitOk : fail(err, written.error());
  }
  // Under another name until it is whole.
  const std::string part = options.output + ".part";
  std::ofstream file(part, std::ios::binary | std::ios::trunc);
  if (!file) return fail(err, Error{ErrorCode::kDisk, part + " cannot be written"});
  Status written = copy(*access, options, file, err);
  file.close();
  std::error_code moved;
  if (written) std::filesystem::rename(part, options.output, moved);
  if (written && moved) written = Error{ErrorCode::kDisk, options.output + ": " + moved.message()};
  if (written) return kExitOk;
  std::filesystem::remove(part, moved);
  return fail(err, written.error());
}

}  // namespace atelier::host
