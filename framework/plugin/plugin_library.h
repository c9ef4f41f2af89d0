// Finding plugins, and one plugin running over a room: loaded, called with its exceptions
// contained, and unloaded for real.
//
// Invariants
//   1. No code of a file runs before its record was read and its fingerprint compared.
//   2. What runs is a copy under a name of its own: the file may be replaced while it runs, and a
//      second load never gets the first one's mapping.
//   3. All that the plugin gave to the room is gone before its code is unmapped.
// Thread rule: main thread.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "atelier/plugin.h"
#include "base/os/os.h"
#include "plugin/plugin_record_reader.h"
#include "room/room_impl.h"

namespace atelier {

/// A file that is a plugin, or wants to be one.
struct FoundPlugin {
  std::filesystem::path file;
  PluginRecord record;  // with a problem: what could be read of it; the id is then the file's name
  std::string problem;  // empty: it can be opened
};

/// All `*.so` of the folders, by name; of one id the first folder's. A folder that is not there has
/// none. Files are read, not run.
std::vector<FoundPlugin> find_plugins(const std::vector<std::filesystem::path>& folders,
                                      const PluginFingerprint& own);

struct PluginLoadOptions {
  PluginFingerprint own = own_fingerprint();
  std::filesystem::path copies;  // folder for the copies that run; default: the runtime folder's
};

class RunningPlugin {
 public:
  /// Loads the file and makes the plugin over the room. Errors: kInvalid and kUnsupported (see
  /// read_plugin_record and check_fingerprint), kInvalid for a library that cannot be loaded (the
  /// message names the missing symbol), kInternal with the words of what the plugin threw.
  static Result<std::unique_ptr<RunningPlugin>> open(const std::filesystem::path& file,
                                                     LocalRoom& room,
                                                     const PluginLoadOptions& options = {});
  /// Closes it; what close() would have told is not told.
  ~RunningPlugin();
  RunningPlugin(const RunningPlugin&) = delete;
  RunningPlugin& operator=(const RunningPlugin&) = delete;

  const PluginRecord& record() const { return record_; }

  /// The plugin's functions. What it throws is returned in words; whether to go on is the host's.
  Status draw();
  Status print(Console& console);
  /// Whether the plugin had a use for the line.
  Result<bool> type(std::string_view line);

  /// Saves what it wrote, destroys it and unmaps it. Errors: kBusy when its library stays mapped,
  /// with the likely reason. Afterwards only record() may be called.
  Status close();

 private:
  RunningPlugin() = default;
  Status load(const std::filesystem::path& file, const PluginLoadOptions& options);
  Status create(LocalRoom& room);

  PluginRecord record_;
  std::filesystem::path copy_;
  // In the order in which they come to be; close() goes the other way.
  std::optional<os::SharedLibrary> library_;
  std::unique_ptr<Room> room_;
  Plugin* plugin_ = nullptr;  // deleted by its own code, in close()
};

}  // namespace atelier
