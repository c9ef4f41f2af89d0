// What the commands about a person's name (person_commands.h) ask of whoever has the profile open,
// through its control socket. Each answer is of bounded work and size; the asker goes
// on from `next`. Thread rule: any thread.
//
//   person-find     {"room","name","from"} -> {"leaves":[{"id","rev","deleted","values",
//                   "mentions"}],"evicted","next"}; without "next" that was all
//   person-remove   {"room","name","as","from"} -> {"documents","revisions","old",
//                   "left":[{"id","reason"}],"mentioned":[id],"evicted","next"}
//   person-locals   {"room","name"} -> {"locals":[{"_id", …}]}: what is in outbox and quarantine
//                   and carries or mentions the name
//   person-finish   {"room","name"} -> {"locals": changed, "done"}; asked again until it is done
//   person-forget   {"name"} -> {}: the deleted account leaves `_users` without a trace
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "store/catalog.h"

namespace atelier::host {

/// nullopt for a command that is not one of these. Errors: kNotFound for a room that is not there,
/// kInvalid, those of the store.
std::optional<Result<std::string>> person_control(Catalog& catalog, const std::string& command,
                                                  const std::string& body);

}  // namespace atelier::host
