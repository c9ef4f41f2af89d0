// `atelier` without a command: the window, or the terminal where there is no display.
// Thread rule: main thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "commands.h"

namespace atelier::host {

struct AppOptions {
  std::string plugin;         // empty: the start screen (in the terminal: chat)
  std::string room;           // empty: the start screen's choice (in the terminal: lobby)
  std::string nickname;       // empty: the remembered one
  std::string sync_url;
  std::string password_file;
  bool no_window = false;
  bool headless = false;
  bool dark = false;
  int width = 1100, height = 760;
  std::filesystem::path screenshot, script, www;
  std::vector<std::filesystem::path> plugin_folders;
};

int run_app(const CommandContext& context, const AppOptions& options);

}  // namespace atelier::host
