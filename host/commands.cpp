#include "commands.h"

#include <iostream>

#include "base/json_text.h"
#include "base/limits.h"
#include "base/os/os.h"
#include "base/room_name.h"
#include "care_commands.h"
#include "http/http_peer.h"
#include "node.h"
#include "room_access.h"
#include "stopper.h"

namespace atelier::host {
namespace {

// Sends one batch and prints a line for each of its documents.
Result<std::size_t> put_batch(const RoomAccess& access, const std::vector<std::string>& documents,
                              std::ostream& out) {
  json::Writer body;
  body.begin_object().key("docs").begin_array();
  for (const auto& document : documents) body.raw(document);
  body.end_array().end_object();
  ATELIER_TRY(reply, access.request("POST", access.path("/_bulk_docs"), body.take()));
  if (reply.status != 201 && reply.status != 202) return error_of(reply, "the batch was refused");
  ATELIER_TRY(rows, json::normalize(reply.body));
  std::size_t refused = 0;
  json::for_each_element(rows, [&](std::string_view row) {
    if (json::member(row, "error")) ++refused;
    out << row << '\n';
    return true;
  });
  out.flush();
  return refused;
}

}  // namespace

int run_put(const CommandContext& context, const PutOptions& options, std::istream& in,
            std::ostream& out, std::ostream& err) {
  const auto access = access_room(context, options.room, true);
  if (!access) return fail(err, access.error());
  std::vector<std::string> batch;
  std::size_t batch_bytes = 0, refused = 0, line_number = 0;
  const auto send = [&]() -> Status {
    if (batch.empty()) return ok();
    ATELIER_TRY(count, put_batch(*access, batch, out));
    refused += count;
    batch.clear();
    batch_bytes = 0;
    return ok();
  };
  for (std::string line; std::getline(in, line);) {
    ++line_number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto document = json::normalize(line);
    Error problem;
    if (!document) problem = document.error();
    else if (json::kind_of(*document) != json::Kind::kObject) problem = invalid("a document is a JSON object");
    if (!problem.message.empty()) {
      if (auto sent = send(); !sent) return fail(err, sent.error());
      return fail(err, invalid("line " + std::to_string(line_number) + ": " + problem.message));
    }
    // A malformed document fails the batch that it is in, as in CouchDB: small batches name it better.
    batch_bytes += document->size();
    batch.push_back(*document);
    if (batch.size() >= kBatchDocsMax || batch_bytes >= kBatchBytesMax) {
      if (auto sent = send(); !sent) return fail(err, sent.error());
    }
  }
  if (auto sent = send(); !sent) return fail(err, sent.error());
  return refused == 0 ? kExitOk : kExitPartial;
}

int run_get(const CommandContext& context, const GetCommandOptions& options, std::ostream& out,
            std::ostream& err) {
  const auto access = access_room(context, options.room, false);
  if (!access) return fail(err, access.error());
  std::string id_path = url_encode(options.id);
  for (const std::string_view keep : {"_design%2F", "_local%2F"}) {
    if (id_path.starts_with(keep)) id_path.replace(keep.size() - 3, 3, "/");
  }
  const auto reply = access->request("GET", access->path("/" + id_path));
  if (!reply) return fail(err, reply.error());
  if (reply->status != 200) return fail(err, error_of(*reply, options.id));
  const auto document = json::normalize(reply->body);
  if (!document) return fail(err, document.error());
  out << *document << std::endl;
  return kExitOk;
}

int run_changes(const CommandContext& context, const ChangesOptions& options, std::ostream& out,
                std::ostream& err) {
  const auto access = access_room(context, options.room, false);
  if (!access) return fail(err, access.error());
  std::string since = options.since;
  const std::string query = std::string("/_changes?style=all_docs&limit=") +
                            std::to_string(kBatchDocsMax) + (options.docs ? "&include_docs=true" : "");
  bool wait = false;
  while (!stop_requested()) {
    const std::string path = access->path(query) + "&since=" + url_encode(since) +
                             (wait ? "&feed=longpoll&timeout=" + std::to_string(kFollowPollMs) : "");
    const auto reply = access->request("GET", path, {}, kReadTimeoutMs);
    if (!reply) return stop_requested() ? kExitOk : fail(err, reply.error());
    if (reply->status != 200) return fail(err, error_of(*reply, "changes"));
    const auto page = json::normalize(reply->body);
    if (!page) return fail(err, page.error());
    std::size_t rows = 0;
    if (const auto results = json::member(*page, "results")) {
      json::for_each_element(*results, [&](std::string_view row) {
        ++rows;
        out << row << '\n';
        return true;
      });
    }
    out.flush();
    if (!out) return kExitOk;  // whoever read us went away
    since = json::string_member(*page, "last_seq").value_or(since);
    if (rows == 0 && !options.follow) return kExitOk;
    wait = options.follow && rows < kBatchDocsMax;
    if (!options.follow && rows < kBatchDocsMax) return kExitOk;
  }
  return kExitOk;
}

Result<std::string> with_password(const std::string& text, const std::string& password_file) {
  ATELIER_TRY(url, DatabaseUrl::parse(text));
  std::string password;
  if (!password_file.empty()) {
    ATELIER_TRY(bytes, os::read_file(password_file, 64 << 10));
    password = bytes.substr(0, bytes.find_first_of("\r\n"));
  } else if (url.credentials.secret.empty()) {
    password = os::environment("ATELIER_PASSWORD").value_or("");
  }
  if (password.empty()) return text;
  if (url.credentials.user.empty())
    return invalid("a password needs a user: write the address as http://user@host:port/database");
  const auto scheme_end = text.find("://") + 3;
  // The last one before the path: a password that was written unencoded may hold one itself.
  const auto at = text.rfind('@', text.find('/', scheme_end));
  return text.substr(0, scheme_end) + url_encode(url.credentials.user) + ":" + url_encode(password) +
         text.substr(at);
}

}  // namespace atelier::host
