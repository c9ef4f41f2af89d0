// The commands that ask a room: find, search, and retention. They work beside a host that has the
// room open, through its control socket. Thread rule: main thread.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "commands.h"

namespace atelier::host {

struct FindCommandOptions {
  std::string room;
  std::string selector = "{}";
  std::vector<std::string> sort;    // fields; with a '-' in front: descending
  std::vector<std::string> fields;  // empty: whole documents
  std::uint64_t limit = 100;
  bool explain = false;  // say how it would be answered instead
};
/// Documents that match a selector, a JSON object a line.
int run_find(const CommandContext& context, const FindCommandOptions& options, std::ostream& out,
             std::ostream& err);

struct SearchCommandOptions {
  std::string room;
  std::vector<std::string> words;  // all must be in a document, the last as the beginning of one
  std::uint64_t limit = 50;
};
/// What changed last first; with --json a line each with the places of the words, in bytes.
int run_search(const CommandContext& context, const SearchCommandOptions& options,
               std::ostream& out, std::ostream& err);

struct RetentionOptions {
  std::string room;
  std::optional<std::string> tombstones;  // 90d, 12h, 30m or never
  std::vector<std::string> lifetimes;     // "here:=1m"; "here:=never" takes it away
};
/// Says how long things stay in the room, and changes it where it is told to.
int run_retention(const CommandContext& context, const RetentionOptions& options, std::ostream& out,
                  std::ostream& err);

}  // namespace atelier::host
