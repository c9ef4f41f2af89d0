// The program: reads the command line and wires the parts. Thread rule: main thread.
#include <CLI/CLI.hpp>

#include <cstring>
#include <iostream>
#include <optional>
#include <vector>

#include "app.h"
#include "base/os/os.h"
#include "care_commands.h"
#include "end_command.h"
#include "commands.h"
#include "find_commands.h"
#include "people_commands.h"
#include "person_commands.h"
#include "room_access.h"
#include "stopper.h"

namespace {

using atelier::host::AppOptions;
using atelier::host::CommandContext;

// Whoever lists processes sees our arguments: the password of an address is blanked there once it has
// been read.
void hide_passwords(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    char* scheme = std::strstr(argv[i], "://");
    if (!scheme) continue;
    for (char* c = std::strchr(argv[i], '#'); c && *c; ++c) *c = '*';  // a link's secret
    char* at = std::strrchr(scheme, '@');
    char* colon = std::strchr(scheme + 3, ':');
    if (!at || !colon || colon > at) continue;
    for (char* c = colon + 1; c < at; ++c) *c = '*';
  }
}

struct CareCommands {
  atelier::host::VerifyOptions verify;
  atelier::host::BackupOptions backup;
  atelier::host::RestoreOptions restore;
  atelier::host::SalvageOptions salvage;
  atelier::host::CompactOptions compact;
  CLI::App *verify_command = nullptr, *backup_command = nullptr, *restore_command = nullptr,
           *salvage_command = nullptr, *compact_command = nullptr;

  std::vector<CLI::App*> all() const {
    return {verify_command, backup_command, restore_command, salvage_command, compact_command};
  }
};

void add_care_commands(CLI::App& app, CareCommands& care, CommandContext& context) {
  const auto room = [](CLI::App* command, std::string& name) {
    command->add_option("room", name, "Name of the room")->required();
  };
  care.verify_command = app.add_subcommand(
      "verify", "Check a room's file: every page, every row (exit code 0: whole, 4: findings)");
  room(care.verify_command, care.verify.room);
  care.backup_command = app.add_subcommand("backup", "Copy a room into a file, also while it is in use");
  room(care.backup_command, care.backup.room);
  care.backup_command->add_option("file", care.backup.file, "The new file")->required();
  care.restore_command = app.add_subcommand("restore", "Make a room from a backup");
  care.restore_command->add_option("file", care.restore.file, "The backup")->required();
  room(care.restore_command, care.restore.room);
  care.restore_command->add_flag("--replace", care.restore.replace,
                                 "Put it into the place of a room that is there; its file is kept beside");
  care.salvage_command = app.add_subcommand(
      "salvage", "Recover what can be read of a damaged room (exit code 0: all, 4: something was lost)");
  room(care.salvage_command, care.salvage.room);
  care.salvage_command->add_flag("--anew", care.salvage.anew,
                                 "Recover nothing: put the file aside and begin with an empty room");
  care.compact_command = app.add_subcommand("compact", "Drop what is not needed and give room back to the disk");
  room(care.compact_command, care.compact.room);
  for (CLI::App* command : care.all()) command->add_flag("--json", context.json, "For programs");
}

std::optional<int> run_care_command(const CareCommands& care, const CommandContext& context) {
  using namespace atelier::host;
  if (*care.verify_command) return run_verify(context, care.verify, std::cout, std::cerr);
  if (*care.backup_command) return run_backup(context, care.backup, std::cout, std::cerr);
  if (*care.restore_command) return run_restore(context, care.restore, std::cout, std::cerr);
  if (*care.salvage_command) return run_salvage(context, care.salvage, std::cout, std::cerr);
  if (*care.compact_command) return run_compact(context, care.compact, std::cout, std::cerr);
  return std::nullopt;
}

struct FindCommands {
  atelier::host::FindCommandOptions find;
  atelier::host::SearchCommandOptions search;
  atelier::host::RetentionOptions retention;
  CLI::App *find_command = nullptr, *search_command = nullptr, *retention_command = nullptr;

  std::vector<CLI::App*> all() const { return {find_command, search_command, retention_command}; }
};

void add_find_commands(CLI::App& app, FindCommands& commands, CommandContext& context) {
  auto& [find, search, retention, find_command, search_command, retention_command] = commands;
  find_command = app.add_subcommand("find", "Print the documents that match a selector, a JSON object a line");
  find_command->add_option("room", find.room, "Name of the room")->required();
  find_command->add_option("selector", find.selector, R"({"author":"Ada"} (docs/query.md); default: all)");
  find_command->add_option("--sort", find.sort, "Fields to sort by; a - in front: descending")->delimiter(',');
  find_command->add_option("--fields", find.fields, "Fields to print (default: whole documents)")->delimiter(',');
  find_command->add_option("--limit", find.limit, "Documents at most")->capture_default_str();
  find_command->add_flag("--explain", find.explain, "Say how it would be answered instead");
  search_command = app.add_subcommand(
      "search", "Print what holds all of some words, the last perhaps begun, newest first");
  search_command->add_option("room", search.room, "Name of the room")->required();
  search_command->add_option("words", search.words, "The words")->required();
  search_command->add_option("--limit", search.limit, "Documents at most")->capture_default_str();
  search_command->add_flag("--json", context.json, "For programs");
  retention_command = app.add_subcommand(
      "retention", "Say how long deletions and documents stay in a room, or change it");
  retention_command->add_option("room", retention.room, "Name of the room")->required();
  retention_command->add_option("--tombstones", retention.tombstones,
                                "How long deletions are remembered: 90d, 12h, 30m or never to forget any");
  retention_command->add_option("--lifetime", retention.lifetimes,
                                "How long documents live whose ids begin so: here:=1m, here:=never");
  retention_command->add_flag("--json", context.json, "For programs");
}

std::optional<int> run_find_command(const FindCommands& commands, const CommandContext& context) {
  using namespace atelier::host;
  if (*commands.find_command) return run_find(context, commands.find, std::cout, std::cerr);
  if (*commands.search_command) return run_search(context, commands.search, std::cout, std::cerr);
  if (*commands.retention_command)
    return run_retention(context, commands.retention, std::cout, std::cerr);
  return std::nullopt;
}

// The options that every command knows.
void add_common(CLI::App& app, CommandContext& context) {
  app.add_option("--data", context.data, "Folder of all profiles (default: the user's data folder)");
  app.add_option("--profile", context.profile, "Whose rooms: each profile has a folder of its own")
      ->capture_default_str();
}

void add_window_options(CLI::App& app, AppOptions& options) {
  app.add_option("plugin", options.plugin, "Plugin to open at once (chat, whiteboard, coedit); without it, a start screen");
  app.add_option("--room", options.room, "Room to open: any name");
  app.add_option("--nick", options.nickname, "The name that others see");
  app.add_option("--sync", options.sync_url,
                 "Sync with http://user:password@host:5984/database instead of with this computer's hosts");
  app.add_option("--password-file", options.password_file,
                 "File with the password for --sync (or the environment: ATELIER_PASSWORD)");
  app.add_flag("--no-window", options.no_window, "Open the room in the terminal");
  app.add_flag("--headless", options.headless, "Draw without a display, for --script and --screenshot");
  app.add_option("--screenshot", options.screenshot, "Save a picture (PNG) before the end");
  app.add_option("--script", options.script, "File of input events to play, see docs/architecture.md");
  app.add_option("--width", options.width, "Width of the window in pixels")->check(CLI::Range(320, 7680));
  app.add_option("--height", options.height, "Height of the window in pixels")->check(CLI::Range(240, 4320));
  app.add_flag("--dark", options.dark, "Dark colours");
  app.add_option("--plugins", options.plugin_folders, "Folders to look for plugins in");
  app.add_option("--www", options.www, "Folder of pages to serve under /_www/");
}

}  // namespace

int main(int argc, char** argv) {
  atelier::os::ignore_broken_pipes();
  CLI::App app("Atelier: rooms that many people use at once");
  app.set_version_flag("--version", "atelier " ATELIER_VERSION);
  app.fallthrough();
  CommandContext context;
  add_common(app, context);
  AppOptions window;
  add_window_options(app, window);

  atelier::host::PutOptions put;
  auto* put_command = app.add_subcommand("put", "Store documents: one JSON object a line on standard input");
  put_command->add_option("room", put.room, "Name of the room")->required();

  atelier::host::GetCommandOptions get;
  auto* get_command = app.add_subcommand("get", "Print one document");
  get_command->add_option("room", get.room, "Name of the room")->required();
  get_command->add_option("id", get.id, "Id of the document")->required();

  atelier::host::ChangesOptions changes;
  bool without_docs = false;
  auto* changes_command = app.add_subcommand("changes", "Print what changed, a JSON object a line");
  changes_command->add_option("room", changes.room, "Name of the room")->required();
  changes_command->add_option("--since", changes.since, "Sequence to begin after ('now' for the end)");
  changes_command->add_flag("--follow", changes.follow, "Go on with what comes");
  changes_command->add_flag("--no-docs", without_docs, "Without the documents");

  atelier::host::SyncCommandOptions sync;
  auto* sync_command = app.add_subcommand("sync", "Exchange a room with a database of any CouchDB server");
  sync_command->add_option("room", sync.room, "Name of the room")->required();
  sync_command->add_option("url", sync.url,
                           "http://user:password@host:5984/database (https with #sha256=… behind it "
                           "pins the certificate), or the link of an invitation");
  sync_command->add_option("--auth", sync.auth, "How to prove who you are: basic, cookie, bearer, iam")
      ->check(CLI::IsMember({"none", "basic", "cookie", "bearer", "iam"}));
  sync_command->add_option("--password-file", sync.password_file,
                           "File with the password, token or API key (or the environment: "
                           "ATELIER_PASSWORD, ATELIER_TOKEN, ATELIER_API_KEY)");
  sync_command->add_flag("--keyring", sync.keyring,
                         "Take the secret from the system's keyring, by secret-tool");
  sync_command->add_option("--token-url", sync.token_url,
                           "Where an API key is exchanged for a token (default: IBM Cloud's)");
  sync_command->add_option("--ca-file", sync.ca_file, "Certificates to trust instead of the system's")
      ->check(CLI::ExistingFile);
  sync_command->add_option("--prefix", sync.prefixes, "Collections to exchange (default: all)");
  sync_command->add_option("--ids", sync.ids, "Documents to exchange, by id")->delimiter(',');
  sync_command->add_option("--selector", sync.selector,
                           "Documents to exchange, as a selector: {\"room\":\"lobby\"}");
  sync_command->add_flag("--newest-first", sync.newest_first,
                         "Bring the newest documents of each --prefix before everything else");
  sync_command->add_option("--leave-blobs-above", sync.leave_blobs_above,
                           "Leave larger attachments at the other side until they are read: 10MB");
  sync_command->add_option("--keep", sync.keep,
                           "With --live: keep so much here, newest first, and let the rest go: 30d,1GB");
  sync_command->add_flag("--status", sync.status, "Say how the room's running exchange is doing");
  sync_command->add_flag("--live", sync.live, "Stay and carry changes as they happen");
  sync_command->add_flag("--json", context.json, "For programs");

  atelier::host::AttachmentOptions attachment;
  auto* attachment_command = app.add_subcommand(
      "attachment", "Write an attachment; one that was left behind is fetched first");
  attachment_command->add_option("room", attachment.room, "Name of the room")->required();
  attachment_command->add_option("id", attachment.id, "Id of the document")->required();
  attachment_command->add_option("name", attachment.name, "Name of the attachment")->required();
  attachment_command->add_option("--output", attachment.output, "File to write (default: standard output)");
  attachment_command->add_option("--from", attachment.url,
                                 "Where to fetch it while nobody synchronises the room: "
                                 "http://user:password@host:5984/database");
  attachment_command->add_option("--auth", attachment.auth, "How to prove who you are: basic, cookie, bearer, iam")
      ->check(CLI::IsMember({"none", "basic", "cookie", "bearer", "iam"}));
  attachment_command->add_option("--password-file", attachment.password_file,
                                 "File with the password, token or API key (or the environment)");
  attachment_command->add_flag("--keyring", attachment.keyring,
                               "Take the secret from the system's keyring, by secret-tool");
  attachment_command->add_option("--token-url", attachment.token_url, "Where an API key is exchanged for a token");
  attachment_command->add_option("--ca-file", attachment.ca_file, "Certificates to trust instead of the system's")
      ->check(CLI::ExistingFile);

  atelier::host::OutboxCommandOptions outbox;
  auto* outbox_command =
      app.add_subcommand("outbox", "List the documents that the other side refuses, and why");
  outbox_command->add_option("room", outbox.room, "Name of the room")->required();
  outbox_command->add_flag("--retry", outbox.retry, "Try them again now");
  outbox_command->add_flag("--json", context.json, "For programs");

  atelier::host::ServeOptions serve;
  auto* serve_command = app.add_subcommand("serve", "Serve this profile's rooms, without a window");
  serve_command->add_option("--port", serve.port, "Port (0: any; default: the user's own, which hosts join)")
      ->check(CLI::Range(0, 65535));
  serve_command->add_option("--www", serve.www, "Folder of pages to serve under /_www/")
      ->check(CLI::ExistingDirectory);
  serve_command->add_option("--room", serve.rooms, "Rooms to make when missing");
  serve_command->add_option("--allow-origin", serve.origins,
                            "Origins whose pages may use the rooms (http://localhost:8080)");
  serve_command->add_option("--listen", serve.listen,
                            "Address to listen on (default: loopback); elsewhere accounts and TLS are needed");
  serve_command->add_option("--host", serve.hosts, "Names that others reach this server by");
  serve_command->add_flag("--i-know-this-is-plain-http", serve.plain_http,
                          "Listen elsewhere than on loopback without TLS");
  serve_command->add_flag("--tls", serve.tls,
                          "Serve https with a certificate of this profile's own, made at the first time");
  serve_command->add_option("--tls-cert", serve.tls_cert,
                            "File with a certificate and its chain (PEM): serve https with it")
      ->check(CLI::ExistingFile);
  serve_command->add_option("--tls-key", serve.tls_key, "File with its private key (PEM)")
      ->check(CLI::ExistingFile);
  serve_command->add_option("--rules", serve.rules, "File of rules for every room (TOML, docs/query.md)")
      ->check(CLI::ExistingFile);
  serve_command->add_option("--auth", serve.auth,
                            "File with keys of web tokens and a proxy's secret (JSON, docs/server.md)")
      ->check(CLI::ExistingFile);
  serve_command->add_option("--log", serve.log, "Print a line about each request on standard error: json")
      ->check(CLI::IsMember({"json"}));
  serve_command->add_option("--upstream", serve.upstream,
                            "Keep the rooms in sync with the databases of the same names at this server "
                            "(http://host:5984); with --room, those rooms alone");
  serve_command->add_option("--credentials", serve.credentials,
                            "File with who we are there (JSON, docs/server.md); visitors never see it")
      ->check(CLI::ExistingFile);
  serve_command->add_option("--prefix", serve.prefixes,
                            "Collections that are exchanged with the upstream (default: all)");
  serve_command->add_option("--ca-file", serve.ca_file,
                            "Certificates to trust at the upstream instead of the system's")
      ->check(CLI::ExistingFile);
  serve_command->add_flag("--json", context.json, "For programs");

  atelier::host::UserCommandOptions user;
  auto* user_command = app.add_subcommand("user", "Accounts of this profile's server");
  user_command->add_option("action", user.action, "add, passwd, remove or list")
      ->required()
      ->check(CLI::IsMember({"add", "passwd", "remove", "list"}));
  user_command->add_option("name", user.name, "Name of the account");
  user_command->add_option("--password-file", user.password_file,
                           "File with the password (or ATELIER_PASSWORD, or a line of standard input)");
  user_command->add_option("--role", user.roles, "Roles of a new account");
  user_command->add_flag("--json", context.json, "For programs");

  atelier::host::InviteOptions invite;
  auto* invite_command =
      app.add_subcommand("invite", "Print a link that lets somebody into a room; it is shown once");
  invite_command->add_option("room", invite.room, "Name of the room")->required();
  invite_command->add_option("--role", invite.role, "What the guest may do")
      ->check(CLI::IsMember({"reader", "writer", "moderator"}));
  invite_command->add_option("--name", invite.name, "What the guest is called");
  invite_command->add_option("--expires", invite.expires, "30m, 12h, 7d or never")->capture_default_str();
  invite_command->add_option("--url", invite.url, "Where the guest finds this server");
  invite_command->add_flag("--without-fingerprint", invite.without_fingerprint,
                           "The address is a proxy's, which has a certificate of its own");
  invite_command->add_flag("--list", invite.list, "List the invitations into the room");
  invite_command->add_option("--revoke", invite.revoke, "Name of an invitation that ends now");
  invite_command->add_flag("--json", context.json, "For programs");

  atelier::host::PersonOptions person;
  auto* person_command = app.add_subcommand(
      "person", "What this server has of a person, and their name taken out of it");
  person_command->add_option("action", person.action,
                             "export: all that carries the name, as one JSON file; remove: another word in its place")
      ->required()
      ->check(CLI::IsMember({"export", "remove"}));
  person_command->add_option("name", person.name, "The name, as it stands in documents and accounts")->required();
  person_command->add_option("--out", person.file, "The new file of an export; - is standard output");
  person_command->add_option("--as", person.as, "What stands in the place of the name")->capture_default_str();
  person_command->add_flag("--yes", person.yes, "Remove without asking");
  person_command->add_flag("--json", context.json, "For programs");

  atelier::host::EndOptions end;
  auto* end_command = app.add_subcommand(
      "end", "End a room of this server for all its members, and remove its documents here");
  end_command->add_option("room", end.room, "Name of the room")->required();
  end_command->add_option("--message", end.message, "A sentence for the members");
  end_command->add_option("--by", end.by, "Who ends it (default: the profile's own name)");
  end_command->add_flag("--keep", end.keep, "The documents stay here, for administrators");
  end_command->add_flag("--yes", end.yes, "Without asking");
  end_command->add_flag("--json", context.json, "For programs");

  std::string link;
  auto* join_command = app.add_subcommand("join", "Open the room of a link that somebody was invited with");
  join_command->add_option("link", link, "The link; - reads it from standard input")->required();

  CareCommands care;
  add_care_commands(app, care, context);
  for (auto* command : care.all()) add_common(*command, context);
  FindCommands find;
  add_find_commands(app, find, context);
  for (auto* command : find.all()) add_common(*command, context);
  for (auto* command : {put_command, get_command, changes_command, sync_command, attachment_command,
                        outbox_command, serve_command, user_command, person_command, end_command, invite_command, join_command})
    add_common(*command, context);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? atelier::host::kExitOk : atelier::host::kExitUsage;
  }
  hide_passwords(argc, argv);
  if (link == "-") std::getline(std::cin, link);
  atelier::os::on_termination([] { atelier::host::request_stop(); });

  using namespace atelier::host;
  if (*put_command) return run_put(context, put, std::cin, std::cout, std::cerr);
  if (*get_command) return run_get(context, get, std::cout, std::cerr);
  if (const auto code = run_care_command(care, context)) return *code;
  if (const auto code = run_find_command(find, context)) return *code;
  changes.docs = !without_docs;
  if (*changes_command) return run_changes(context, changes, std::cout, std::cerr);
  if (*sync_command) return run_sync(context, sync, std::cout, std::cerr);
  if (*attachment_command) return run_attachment(context, attachment, std::cout, std::cerr);
  if (*outbox_command) return run_outbox(context, outbox, std::cout, std::cerr);
  if (*serve_command) return run_serve(context, serve, std::cout, std::cerr);
  if (*user_command) return run_user(context, user, std::cin, std::cout, std::cerr);
  if (*person_command) return run_person(context, person, std::cin, std::cout, std::cerr);
  if (*end_command) return run_end(context, end, std::cin, std::cout, std::cerr);
  if (*invite_command) return run_invite(context, invite, std::cout, std::cerr);
  if (*join_command) {
    const auto address = address_of_link(link);
    if (!address) return fail(std::cerr, address.error());
    window.sync_url = *address;
  }
  return run_app(context, window);
}
