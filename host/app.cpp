#include "app.h"

#include <iostream>

#include "base/room_name.h"
#include "host_node.h"
#include "http/http_peer.h"
#include "stopper.h"
#include "terminal.h"

namespace atelier::host {
namespace {

int fail(const Error& error) {
  std::cerr << "atelier: " << error.message << std::endl;
  return kExitFailed;
}

// SDL's own word for drawing without a display.
bool asks_for_dummy() { return os::environment("SDL_VIDEODRIVER").value_or("") == "dummy"; }

bool has_display() {
  return !os::environment("DISPLAY").value_or("").empty() ||
         !os::environment("WAYLAND_DISPLAY").value_or("").empty();
}

// With --sync and no --room, the room is called like the database.
Result<HostOptions> host_options(const CommandContext& context, const AppOptions& options) {
  HostOptions host;
  host.node.data = context.data;
  host.node.profile = context.profile;
  host.nickname = options.nickname;
  host.node.www = options.www;
  if (host.node.www.empty()) host.node.www = os::environment("ATELIER_WWW").value_or("");
  host.plugin_folders = plugin_folders(options.plugin_folders);
  if (!options.room.empty()) ATELIER_CHECK(database_name_of_title(options.room));
  if (options.sync_url.empty()) return host;
  ATELIER_TRY(address, with_password(options.sync_url, options.password_file));
  ATELIER_TRY(url, DatabaseUrl::parse(address));
  host.sync_url = address;
  host.node.may_serve = false;
  host.sync_room = options.room;
  if (host.sync_room.empty()) {
    ATELIER_TRY(title, title_of_database_name(url.database));
    host.sync_room = title;
  }
  return host;
}

// Asks the window that has the profile open to come to the front.
bool raise_other(const CommandContext& context) {
  const auto profile = Profile::locate(context.data, context.profile);
  if (!profile) return false;
  const auto server = DatabaseUrl::parse("unix:" + profile->control_socket().string() + ":/-");
  if (!server) return false;
  HttpRequest request;
  request.method = "POST";
  request.path = "/_atelier/raise";
  request.body = "{}";
  request.timeout_ms = kConnectTimeoutMs;
  const auto reply = http_request(*server, request);
  return reply && reply->status == 200;
}

int run_in_terminal(HostNode& host, const HostOptions& host_options, const AppOptions& options,
                    bool explain) {
  TerminalOptions terminal;
  if (!options.plugin.empty()) terminal.plugin = options.plugin;
  if (!options.room.empty()) terminal.room = options.room;
  else if (!host_options.sync_room.empty()) terminal.room = host_options.sync_room;
  terminal.nickname = host.nickname();
  if (terminal.nickname.empty()) terminal.nickname = "someone";
  terminal.explain_no_display = explain;
  return run_terminal(host, terminal, std::cin, std::cout, std::cerr);
}

int run_in_window(HostNode& host, const HostOptions& host_options, const AppOptions& options) {
  WindowOptions window_options;
  window_options.width = options.width;
  window_options.height = options.height;
  window_options.dark = options.dark;
  window_options.headless = options.headless || asks_for_dummy();
  window_options.screenshot = options.screenshot;
  window_options.script = options.script;
  if (!options.plugin.empty()) window_options.open_plugin = options.plugin;
  if (!options.room.empty()) window_options.open_room = options.room;
  else if (!host_options.sync_room.empty()) window_options.open_room = host_options.sync_room;

  auto window = Window::create(std::move(window_options), host);
  if (!window) return fail(window.error());
  Window* shown = window->get();
  host.set_wake([shown] { shown->wake(); });
  on_stop([shown] { shown->close(); });
  if (host.node()) {
    host.node()->set_control([shown](const std::string& command,
                                     const std::string&) -> Result<std::string> {
      if (command != "raise") return not_found("no such command");
      shown->raise();
      return std::string("{\"ok\":true}");
    });
  }
  const int code = shown->run();
  on_stop({});
  if (host.node()) host.node()->set_control({});
  host.set_wake({});
  return code;
}

}  // namespace

int run_app(const CommandContext& context, const AppOptions& options) {
  auto made = host_options(context, options);
  if (!made) return fail(made.error());
  HostNode host(*made);
  const Status started = host.start();
  const bool headless = options.headless || asks_for_dummy();
  const bool terminal = options.no_window || (!headless && !has_display());
  if (!started) {
    if (!terminal && started.error().code == ErrorCode::kBusy && raise_other(context)) {
      std::cerr << "atelier: this profile is open already; its window comes to the front" << std::endl;
      return kExitOk;
    }
    if (terminal || headless) {
      Error error = started.error();
      if (error.code == ErrorCode::kBusy) error.message += "; choose another with --profile NAME";
      return fail(error);
    }
  }
  if (terminal) return run_in_terminal(host, *made, options, !options.no_window);
  return run_in_window(host, *made, options);
}

}  // namespace atelier::host
