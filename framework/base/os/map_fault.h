// A fault inside a mapped file: the disk fails, the file was cut short, or what it says leads a
// library astray. Nothing can be saved then, but the process can say which file it was, and leave a
// mark for its next start.
//
// Thread rule: a MapWatch is made and ended by any thread; a Use belongs to one thread.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace atelier::os {

/// The exit code of a process that ended so (EX_IOERR of sysexits.h).
inline constexpr int kMapFaultExit = 74;

/// While it lives, a fault (SIGSEGV, SIGBUS) at an address of the map of `file`, and any fault
/// (SIGABRT and SIGFPE too) of a thread that is inside a Use, ends the process: `file` and what to
/// do are written to standard error and into the file `marker`, and the exit code is kMapFaultExit.
/// Every other fault goes to the handler that was there before.
class MapWatch {
 public:
  /// `file` must be mapped by now. Where the system does not tell maps, faults of a Use are watched
  /// alone.
  MapWatch(const std::filesystem::path& file, const std::filesystem::path& marker,
           const std::string& message);
  MapWatch(const MapWatch&) = delete;
  MapWatch& operator=(const MapWatch&) = delete;
  ~MapWatch();

  /// This thread is inside code that follows what the file says. Costs two stores.
  class Use {
   public:
    explicit Use(const MapWatch* watch);
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use();

   private:
    const void* before_;
  };

  /// Ends the process as a fault would.
  [[noreturn]] void fail() const;

  struct Slot;

 private:
  Slot* slot_ = nullptr;  // null: too many maps are watched
};

}  // namespace atelier::os
