// Everything that only one operating system has, behind one header. This folder alone may include
// system headers. Thread rule: functions are safe from any thread; objects belong to one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace atelier::os {

/// The folder of per-user data ($XDG_DATA_HOME or ~/.local/share) joined with `atelier`.
Result<std::filesystem::path> user_data_dir();
/// A folder for files that last as long as the login, mode 0700 and ours: $XDG_RUNTIME_DIR/atelier,
/// or a folder of the temporary directory named by the user's id. Errors: kForbidden when somebody
/// else owns it.
Result<std::filesystem::path> runtime_dir();
std::uint32_t user_id();
std::int64_t process_id();
bool process_alive(std::int64_t pid);
std::optional<std::string> environment(const char* name);

/// Creates `path` with mode 0700 (and its parents), or checks that an existing one is a folder.
Status make_private_dir(const std::filesystem::path& path);
/// Replaces `path` by a file of mode 0600 with `bytes`, atomically and synced.
Status write_private_file(const std::filesystem::path& path, std::string_view bytes);
/// Errors: kNotFound, kDisk, kTooLarge beyond `bytes_max`.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t bytes_max = 64 << 20);

/// An exclusive advisory lock on a file that also names its holder; released by the destructor and
/// by the end of the process, however it ends.
class FileLock {
 public:
  /// Errors: kBusy with the holder's words (as it gave them) when another process or another
  /// FileLock of this process holds it.
  static Result<FileLock> acquire(const std::filesystem::path& path, std::string_view holder);
  FileLock(FileLock&&) noexcept;
  FileLock& operator=(FileLock&&) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

/// The user id at the other end of a connected Unix socket; nullopt where it cannot be told.
std::optional<std::uint32_t> peer_user_id(int socket_fd);

/// The addresses of this machine but loopback, as one text: another one after a change of network.
std::string network_fingerprint();

/// What `argv[0]`, found on PATH, writes to its standard output; it inherits nothing else. Errors:
/// kNotFound when there is no such program, kUnavailable when it ends badly, kTimeout, kTooLarge.
Result<std::string> run_program(const std::vector<std::string>& argv, int timeout_ms,
                                std::size_t bytes_max);

/// Whether standard input and output are a terminal.
bool is_terminal();
/// Ignores SIGPIPE for the process (a cancelled TLS write raises it).
void ignore_broken_pipes();
/// Calls `on_stop` once, from a thread of its own, at the first SIGINT or SIGTERM. Call once, early,
/// before other threads start.
void on_termination(std::function<void()> on_stop);

/// Resident memory that is not a mapped file (RssAnon), in bytes; 0 where it cannot be told.
std::uint64_t anonymous_memory_bytes();
/// The folder of the running program's file.
std::filesystem::path program_dir();

/// A library loaded into this process, with its symbols apart from all others' (RTLD_LOCAL).
/// Unloaded by the destructor, as far as the system does it: see is_mapped().
class SharedLibrary {
 public:
  /// Errors: kInvalid in the loader's words, which name the file and what is missing.
  static Result<SharedLibrary> open(const std::filesystem::path& path);
  SharedLibrary(SharedLibrary&&) noexcept;
  SharedLibrary& operator=(SharedLibrary&&) noexcept;
  ~SharedLibrary();
  /// nullptr when there is none of that name.
  void* symbol(const char* name) const;

 private:
  explicit SharedLibrary(void* handle) : handle_(handle) {}
  void* handle_ = nullptr;
};

/// Parts of libraries that are mapped into this process and whose path contains `name`.
bool is_mapped(std::string_view name);

}  // namespace atelier::os
