// `atelier serve`: what it is given is checked before anything is opened, and what is open to whom is
// printed. Thread rule: main thread.
#include <filesystem>
#include <ostream>

#include "base/clock.h"
#include "base/http_date.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "base/os/os.h"
#include "base/room_name.h"
#include "care_commands.h"
#include "commands.h"
#include "line_writer.h"
#include "node.h"
#include "people_commands.h"
#include "progress.h"
#include "room_access.h"
#include "serve_command.h"
#include "stopper.h"

namespace atelier::host {
namespace {

constexpr std::size_t kAuthBytesMax = 64 << 10;
constexpr std::size_t kCredentialsBytesMax = 64 << 10;

Error wrong(const std::string& at, const std::string& what) { return invalid(at + ": " + what); }

Status read_jwt(std::string_view object, JwtOptions& jwt) {
  Status read = ok();
  json::for_each_member(object, [&](std::string_view name, std::string_view value) {
    const std::string at = "/jwt/" + std::string(name);
    if (name == "keys" && json::kind_of(value) == json::Kind::kObject) {
      json::for_each_member(value, [&](std::string_view key, std::string_view text) {
        const auto kind = key.substr(0, key.find(':') + 1);
        const auto secret = json::string_value(text);
        if (kind != "hmac:" && kind != "rsa:" && kind != "ec:")
          read = wrong(at, "a key is called hmac:…, rsa:… or ec:…");
        else if (!secret || secret->empty())
          read = wrong(at, "a key must be a text");
        else
          jwt.keys[std::string(key)] = *secret;
        return read.has_value();
      });
    } else if (name == "required_claims" && json::kind_of(value) == json::Kind::kArray) {
      jwt.required_claims.clear();
      json::for_each_element(value, [&](std::string_view claim) {
        const auto text = json::string_value(claim);
        if (!text) read = wrong(at, "must be a list of names");
        if (text) jwt.required_claims.push_back(*text);
        return read.has_value();
      });
    } else if ((name == "roles_claim" || name == "issuer") && json::string_value(value)) {
      (name == "issuer" ? jwt.issuer : jwt.roles_claim) = *json::string_value(value);
    } else {
      read = wrong(at, "keys, required_claims, roles_claim and issuer are known here");
    }
    return read.has_value();
  });
  return read;
}

bool is_loopback(const std::string& address) {
  return address == "::1" || address == "localhost" || address.starts_with("127.");
}

bool wants_tls(const ServeOptions& options) {
  return options.tls || !options.tls_cert.empty() || !options.tls_key.empty();
}

Status check_tls(const ServeOptions& options) {
  if (options.tls_cert.empty() != options.tls_key.empty())
    return invalid("--tls-cert and --tls-key belong together");
  if (options.plain_http && wants_tls(options))
    return invalid("--i-know-this-is-plain-http and TLS contradict each other");
  return ok();
}

/// Off loopback the names by which it is reached must be known, and somebody must have an account.
Status check_listen(const ServeOptions& options) {
  if (options.listen.empty() || is_loopback(options.listen)) return ok();
  if (!options.plain_http && !wants_tls(options))
    return Error{ErrorCode::kForbidden,
                 "without TLS whoever is on the way reads passwords and rooms: say --tls, give a "
                 "certificate with --tls-cert and --tls-key, or say --i-know-this-is-plain-http"};
  const bool any = options.listen == "0.0.0.0" || options.listen == "::";  // no name of its own
  if (any && options.hosts.empty())
    return invalid("name what others reach this server by: --host NAME");
  return ok();
}

/// What clients may compare, and what they will stumble over.
void print_certificate(const Node& node, const ServeOptions& options, std::ostream& out) {
  const auto shown = node.certificate();
  if (!shown) return;
  const std::int64_t now = system_clock().wall_ms() / 1000;
  out << "Certificate: " << node.certificate_files().certificate.string()
      << (shown->self_signed ? " (self-signed: links of atelier invite carry its fingerprint)" : "")
      << "\n  SHA-256 " << fingerprint_words(shown->sha256) << "\n  ends on "
      << http_date(shown->ends_s) << "\n";
  if (shown->ends_s <= now || shown->begins_s > now)
    out << "  It is not valid now: clients will refuse it, but for those that know its fingerprint.\n";
  for (const std::string& host : options.hosts)
    if (!shown->covers(host_without_port(host)))
      out << "  It does not name " << host_without_port(host)
          << ": clients that check names will refuse it there.\n";
}

bool has_accounts(const Node& node) {
  const auto users = node.catalog()->open("_users", false);
  if (!users) return false;
  ScanOptions scan;
  scan.prefix = "org.couchdb.user:";
  scan.limit = 1;
  const auto count = (*users)->count(scan);
  return count && *count != 0;
}

/// A line whenever it goes well again, or does not.
void print_state(const CommandContext& context, const std::string& database, const SyncStatus& status,
                 std::ostream& out) {
  const auto title = title_of_database_name(database);
  if (context.json) {
    out << "{\"room\":" + json::quoted(database) + ',' + sync_status_json(status).substr(1) << std::endl;
    return;
  }
  out << (title ? *title : database) << ": upstream " << progress_words(status) << std::endl;
}

/// What is dangerous about an upstream and can be seen before it is asked.
void warn_of_edge(const ServeOptions& options, const EdgeOptions& edge, std::ostream& err) {
  if (options.credentials.empty()) return;
  std::error_code error;
  const auto mode = std::filesystem::status(options.credentials, error).permissions();
  if (!error && (mode & std::filesystem::perms::others_read) != std::filesystem::perms::none)
    err << "atelier: " << options.credentials.filename().string()
        << " can be read by every user of this computer" << std::endl;
  const auto url = DatabaseUrl::parse(edge.server + "/room");
  if (url && !url->tls && url->socket_path.empty() && !is_loopback(url->host))
    err << "atelier: the upstream is reached without TLS: whoever is on the way reads the password"
        << std::endl;
}

void print_people(const Node& node, bool open, std::ostream& out) {
  for (const std::string& name : node.catalog()->list()) {
    if (name.starts_with('_')) continue;
    const auto store = node.catalog()->open(name, false);
    if (!store) continue;
    const auto security = (*store)->get_property("security");
    const auto title = title_of_database_name(name);
    const bool shared = open && Node::upstream_of(**store).empty();
    out << "  " << (title ? *title : name) << ": "
        << describe_people(security ? *security : std::string("{}"), shared) << "\n";
  }
}

}  // namespace

Result<EdgeOptions> read_edge(const ServeOptions& options) {
  EdgeOptions edge;
  ATELIER_TRY(url, upstream_address(options.upstream));
  edge.server = url.server();
  edge.certificate_sha256 = url.certificate_sha256;
  if (!options.credentials.empty()) {
    ATELIER_TRY(text, os::read_file(options.credentials, kCredentialsBytesMax));
    auto who = read_credentials(text);
    if (!who) return invalid(options.credentials.filename().string() + ": " + who.error().message);
    edge.credentials = std::move(*who);
  }
  edge.ca_file = options.ca_file;
  edge.prefixes = options.prefixes;
  for (const std::string& room : options.rooms) {
    ATELIER_TRY(database, database_name_of_title(room));
    edge.databases.push_back(std::move(database));
  }
  return edge;
}

Status read_auth(std::string_view text, JwtOptions& jwt, std::string& proxy_secret) {
  ATELIER_TRY(object, json::normalize(text));
  if (json::kind_of(object) != json::Kind::kObject) return wrong("/", "must be an object");
  Status read = ok();
  json::for_each_member(object, [&](std::string_view name, std::string_view value) {
    const auto secret = json::string_value(value);
    if (name == "jwt" && json::kind_of(value) == json::Kind::kObject)
      read = read_jwt(value, jwt);
    else if (name == "proxy_secret" && secret && !secret->empty())
      proxy_secret = *secret;
    else
      read = wrong("/" + std::string(name), "jwt (an object) and proxy_secret (a text) are known here");
    return read.has_value();
  });
  return read;
}

Result<NodeOptions> serve_node_options(const CommandContext& context, const ServeOptions& options) {
  ATELIER_CHECK(check_tls(options));
  ATELIER_CHECK(check_listen(options));
  NodeOptions node;
  node.data = context.data;
  node.profile = context.profile;
  node.www = options.www;
  node.allowed_origins = options.origins;
  node.allowed_hosts = options.hosts;
  if (options.port) node.port = static_cast<std::uint16_t>(*options.port);
  if (!options.listen.empty()) {
    node.address = options.listen == "localhost" ? "127.0.0.1" : options.listen;
    if (!node.port) node.port = user_share_port();
    node.accounts_only = !is_loopback(options.listen);
  }
  if (wants_tls(options)) {
    node.tls = {options.tls_cert, options.tls_key};
    node.own_certificate = options.tls_cert.empty();
    // Not this machine's shared rooms, whose hosts meet without TLS.
    if (!node.port) node.port = user_share_port();
  }
  if (!options.rules.empty()) {
    ATELIER_TRY(rules, os::read_file(options.rules, kRulesBytesMax + 1));
    if (rules.empty()) return invalid(options.rules.string() + ": is empty");
    node.rules = std::move(rules);
    node.rules_file = options.rules.filename().string();
  }
  if (!options.auth.empty()) {
    ATELIER_TRY(auth, os::read_file(options.auth, kAuthBytesMax));
    if (const Status read = read_auth(auth, node.jwt, node.proxy_secret); !read)
      return invalid(options.auth.filename().string() + ": " + read.error().message);
  }
  if (!options.upstream.empty()) {
    ATELIER_TRY(edge, read_edge(options));
    node.edge = std::move(edge);
  } else if (!options.credentials.empty() || !options.prefixes.empty() || !options.ca_file.empty()) {
    return invalid("--credentials, --prefix and --ca-file belong to --upstream");
  }
  return node;
}

int run_serve(const CommandContext& context, const ServeOptions& options, std::ostream& out,
              std::ostream& err) {
  auto node_options = serve_node_options(context, options);
  if (!node_options) return fail(err, node_options.error());
  const bool accounts_only = node_options->accounts_only;
  const bool tls = wants_tls(options);
  node_options->tls_notice = [&err](const std::string& text) {
    err << "atelier: " + text + "\n" << std::flush;
  };
  std::optional<LineWriter> log;  // ends after the node
  if (!options.log.empty()) {
    log.emplace(err);
    node_options->log = [&log](std::string line) { log->write(std::move(line)); };
  }
  std::string upstream;
  if (auto& edge = node_options->edge) {
    upstream = edge->server;
    warn_of_edge(options, *edge, err);
    edge->on_state = [&context, &out](const std::string& database, const SyncStatus& status) {
      print_state(context, database, status, out);
    };
  }
  if (accounts_only) {
    // Before a port is open: an own look at the profile.
    NodeOptions look;
    look.data = context.data;
    look.profile = context.profile;
    look.share = false;
    // A link that is made before the first start carries its fingerprint then.
    look.own_certificate = node_options->own_certificate;
    look.allowed_hosts = node_options->allowed_hosts;
    look.address = node_options->address;
    const auto node = Node::open(std::move(look));
    if (!node) return fail(err, node.error());
    if (!has_accounts(**node) && node_options->jwt.keys.empty() && node_options->proxy_secret.empty())
      return fail(err, {ErrorCode::kForbidden,
                        "nobody has an account here: make one with atelier user add NAME, or a link with "
                        "atelier invite ROOM"});
  }
  auto node = Node::open(std::move(*node_options));
  if (!node) return fail(err, node.error());
  for (const auto& room : options.rooms) {
    if (auto store = (*node)->open_store(room); !store)
      return fail(err, with_damage_advice(store.error(), room));
  }
  if ((*node)->sharer()) {
    (*node)->sharer()->set_rooms(options.rooms);
    const auto role = (*node)->sharer()->wait_decided(kConnectTimeoutMs);
    if (!role.serving) {
      return fail(err, {ErrorCode::kBusy, role.url.empty()
                                              ? "cannot serve: " + role.problem
                                              : "this machine's rooms are served at " + role.url +
                                                    " already; use --port to serve beside it"});
    }
  }
  const std::string url = (*node)->url();
  const auto token_file = (*node)->profile().folder() / "admin-token";
  if (context.json) {
    json::Writer line;
    line.begin_object().key("url").string(url).key("admin_token_file").string(token_file.string());
    if (const auto shown = (*node)->certificate())
      line.key("certificate_sha256").string(shown->sha256);
    if (!upstream.empty()) line.key("upstream").string(upstream);
    line.end_object();
    out << line.text() << std::endl;
  } else {
    out << "Serving " << url
        << (!accounts_only ? " (loopback only)\n"
            : tls          ? " (to other machines)\n"
                           : " (to other machines, without TLS)\n");
    print_certificate(**node, options, out);
    out << "Administrator: user admin, password in " << token_file.string() << "\n";
    if (!options.www.empty()) out << "Pages: " << url << "/_www/\n";
    if (!upstream.empty()) out << "Upstream: " << upstream << " (how it is: " << url << "/_edge)\n";
    out << "Who may do what" << (options.rules.empty() ? "" : ", within the rules of the file") << ":\n";
    print_people(**node, !accounts_only, out);
    out << "Ctrl-C stops." << std::endl;
  }
  (*node)->start_edge();
  wait_for_stop(-1);
  return kExitOk;
}

}  // namespace atelier::host
