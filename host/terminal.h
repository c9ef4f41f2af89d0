// A room in the terminal: lines go out as they are typed, and what others write comes in.
// Thread rule: main thread; a thread of its own waits for lines.
#pragma once

#include <iosfwd>
#include <string>

#include "host_node.h"

namespace atelier::host {

struct TerminalOptions {
  std::string plugin = "chat";
  std::string room = "lobby";
  std::string nickname;
  bool explain_no_display = false;  // say why there is no window
};

/// Runs until the input ends, "/quit" was typed, or the process is asked to stop. Returns the exit
/// code.
int run_terminal(HostNode& host, const TerminalOptions& options, std::istream& in, std::ostream& out,
                 std::ostream& err);

}  // namespace atelier::host
