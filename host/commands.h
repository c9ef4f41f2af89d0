// The commands for scripts: put, get, changes, sync, serve. Where a host has the profile open they
// work through its control socket; otherwise they open the profile themselves and speak to their own
// server through the same socket, so that there is one way in. Thread rule: main thread.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace atelier::host {

/// Exit codes of every command.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;    // the error is on standard error
inline constexpr int kExitUsage = 2;     // the command line was wrong
inline constexpr int kExitPartial = 3;   // some documents were refused; each has a line
inline constexpr int kExitEnded = 5;     // the room was ended by its owner: nothing is exchanged

struct CommandContext {
  std::filesystem::path data;
  std::string profile = "default";
  bool json = false;
};

struct PutOptions {
  std::string room;
};
/// Reads documents, one JSON object a line, from `in`; writes a JSON line for each to `out`.
int run_put(const CommandContext& context, const PutOptions& options, std::istream& in, std::ostream& out,
            std::ostream& err);

struct GetCommandOptions {
  std::string room, id;
};
int run_get(const CommandContext& context, const GetCommandOptions& options, std::ostream& out,
            std::ostream& err);

struct ChangesOptions {
  std::string room;
  std::string since = "0";
  bool follow = false;
  bool docs = true;
};
int run_changes(const CommandContext& context, const ChangesOptions& options, std::ostream& out,
                std::ostream& err);

struct SyncCommandOptions {
  std::string room;
  std::string url;             // may carry a password; never printed
  std::string auth;            // see secrets.h
  std::string password_file;   // with password, token or key
  std::string token_url;       // where API keys are exchanged
  std::string ca_file;
  bool keyring = false;
  std::vector<std::string> prefixes;  // collections; empty: all
  std::vector<std::string> ids;       // documents; empty: all
  std::string selector;               // of `_find`, as JSON; empty: all
  bool newest_first = false;          // the end of each collection before everything else
  std::string leave_blobs_above;      // a size ("10MB"): attachments of more bytes stay there
  std::string keep;                   // a window ("30d,1GB"): what stays here
  bool live = false;
  bool status = false;         // only says how a running synchronisation is doing
};
int run_sync(const CommandContext& context, const SyncCommandOptions& options, std::ostream& out,
             std::ostream& err);

struct OutboxCommandOptions {
  std::string room;
  bool retry = false;
};
/// Documents that the other side refuses, with the reasons.
int run_outbox(const CommandContext& context, const OutboxCommandOptions& options,
               std::ostream& out, std::ostream& err);

struct AttachmentOptions {
  std::string room, id, name;
  std::string output;         // a file; empty: standard output
  std::string url;            // where to fetch it, when nobody synchronises the room now
  std::string auth, password_file, token_url, ca_file;  // as for `sync`
  bool keyring = false;
};
/// Writes an attachment of a document's winner. One that was left behind is fetched first.
int run_attachment(const CommandContext& context, const AttachmentOptions& options,
                   std::ostream& out, std::ostream& err);

struct ServeOptions {
  std::optional<int> port;
  std::filesystem::path www;
  std::vector<std::string> rooms;    // made when missing
  std::vector<std::string> origins;  // allowed beside our own
  std::string listen;                // an address of this machine; empty: loopback
  std::vector<std::string> hosts;    // names that others reach it by
  bool plain_http = false;           // elsewhere than on loopback, without TLS, and knowing that
  bool tls = false;                  // with the profile's own certificate, unless files are given
  std::filesystem::path tls_cert, tls_key;  // PEM, both or neither
  std::filesystem::path rules;       // TOML, for every room
  std::filesystem::path auth;        // JSON: keys of web tokens, secret of a proxy
  std::string log;                   // "json": a line about each request on standard error
  std::string upstream;              // address of the server that the rooms are kept in sync with
  std::filesystem::path credentials;  // JSON: who we are there
  std::vector<std::string> prefixes;  // collections that are carried; empty: everything
  std::string ca_file;                // certificates to trust there; empty: the system's
};
int run_serve(const CommandContext& context, const ServeOptions& options, std::ostream& out,
              std::ostream& err);

/// `url` with the password from `password_file`, or from ATELIER_PASSWORD, where it has none itself.
/// Errors: those of reading the file; kInvalid for a bad address.
Result<std::string> with_password(const std::string& url, const std::string& password_file);

}  // namespace atelier::host
