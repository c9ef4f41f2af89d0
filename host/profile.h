// A profile: the folder of one person's rooms, settings and secrets on this machine.
// Thread rule: load and save on the main thread.
//
//   <data>/<profile>/lock           who has it open
//   <data>/<profile>/admin-token    0600: the administrator's token of the embedded server
//   <data>/<profile>/settings.json  0600: nickname, recent rooms
//   <data>/<profile>/tls-…          0600: its own certificate and key (own_certificate.h)
//   <data>/<profile>/rooms/         one store a room (store/catalog.h)
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/os/os.h"

namespace atelier::host {

inline constexpr std::size_t kRecentRoomsMax = 8;  // what a start screen can show at a glance

struct Settings {
  std::string nickname;
  std::vector<std::string> recent_rooms;  // titles, newest first
  std::map<std::string, std::vector<std::string>> tabs;  // title -> ids of the plugins open there
};

class Profile {
 public:
  /// The folder of `name` below `data` (empty: the user's data folder), created when missing.
  /// Errors: kInvalid for a name that is no plain file name, kDisk, kForbidden.
  static Result<Profile> locate(const std::filesystem::path& data, const std::string& name);

  const std::string& name() const { return name_; }
  const std::filesystem::path& folder() const { return folder_; }
  /// The control socket of whoever has the profile open. In the runtime folder, because the path of a
  /// Unix socket may have 107 bytes only.
  const std::filesystem::path& control_socket() const { return control_socket_; }

  /// Errors: kBusy with the holder's words.
  Result<os::FileLock> lock() const;
  /// Made at the first call, 32 hex digits.
  Result<std::string> admin_token() const;

  Settings load_settings() const;  // defaults when missing or unreadable
  Status save_settings(const Settings& settings) const;

 private:
  std::string name_;
  std::filesystem::path folder_;
  std::filesystem::path control_socket_;
};

/// Puts `title` first among the recent rooms, or takes it out.
void remember_room(Settings& settings, const std::string& title);
void forget_room(Settings& settings, const std::string& title);

}  // namespace atelier::host
