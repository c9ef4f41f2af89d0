// What the commands about a person (person_commands.h) share: asking the profile's server and
// reading its answers. Thread rule: main thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "commands.h"
#include "person_commands.h"
#include "room_access.h"

namespace atelier::host {

inline constexpr std::array<std::string_view, 4> kPeopleGroups = {"admins", "moderators", "members",
                                                                  "readers"};

/// A document of a room, named by its database.
struct DocumentPlace {
  std::string room, id, reason;
};

/// "3 documents", "1 document".
std::string some(std::uint64_t count, const std::string& what);
std::string title_of(const std::string& room);
std::string room_path(const std::string& room, const std::string& rest);
/// Databases that are no system's own.
Result<std::vector<std::string>> rooms_of(const RoomAccess& access);
/// The document of the account; nullopt when there is none.
Result<std::optional<std::string>> account_of(const RoomAccess& access, const std::string& name);
/// Whether a list of JSON has that string.
bool lists(std::string_view list, std::string_view name);

/// A question of person_questions.h.
Result<std::string> ask_about(const RoomAccess& access, const char* command,
                              const std::string& room, const std::string& name,
                              const std::string& from = {}, const std::string& as = {});
/// Asks for page after page. Errors: those of `fn`; kCancelled when the process is asked to stop.
Status each_page(const RoomAccess& access, const char* command, const std::string& room,
                 const std::string& name, const std::string& as,
                 const std::function<Status(const std::string& page)>& fn);

/// Files beside the stores that hold old content, in words.
std::vector<std::string> kept_copies(const CommandContext& context);

/// The two actions of run_person().
int run_person_export(const CommandContext& context, const PersonOptions& options,
                      std::ostream& out, std::ostream& err);
int run_person_remove(const CommandContext& context, const PersonOptions& options, std::istream& in,
                      std::ostream& out, std::ostream& err);

}  // namespace atelier::host
