// The commands that look after a room's file: verify, backup, restore, salvage, compact. They work
// on the file itself, beside a host that may have the room open (docs/care.md). Thread rule: main
// thread.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>

#include "commands.h"

namespace atelier::host {

inline constexpr int kExitDamaged = 4;  // verify found something; salvage lost something

struct VerifyOptions {
  std::string room;
};
/// Checks every page and every row. Exit codes: kExitOk, kExitDamaged with the findings on `out`,
/// kExitFailed when it could not be checked.
int run_verify(const CommandContext& context, const VerifyOptions& options, std::ostream& out,
               std::ostream& err);

struct BackupOptions {
  std::string room;
  std::filesystem::path file;
};
int run_backup(const CommandContext& context, const BackupOptions& options, std::ostream& out,
               std::ostream& err);

struct RestoreOptions {
  std::filesystem::path file;
  std::string room;
  bool replace = false;
};
int run_restore(const CommandContext& context, const RestoreOptions& options, std::ostream& out,
                std::ostream& err);

struct SalvageOptions {
  std::string room;
  bool anew = false;  // put the file aside and recover nothing: the room syncs from the beginning
};
int run_salvage(const CommandContext& context, const SalvageOptions& options, std::ostream& out,
                std::ostream& err);

struct CompactOptions {
  std::string room;
};
int run_compact(const CommandContext& context, const CompactOptions& options, std::ostream& out,
                std::ostream& err);

/// What can be done about a room whose file is damaged, in words with the commands.
std::string damage_advice(const std::string& room);
/// The error with that behind it where it says that the file is damaged.
Error with_damage_advice(Error error, const std::string& room);

}  // namespace atelier::host
