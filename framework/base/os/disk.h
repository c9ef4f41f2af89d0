// Files that must be whole after a power cut, and reading without a map. Thread rule: functions are
// safe from any thread; a FileReader may be read by several.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>

#include "base/error.h"

namespace atelier::os {

/// Reads at any place of a file. A place that cannot be read is an answer, never a signal.
class FileReader {
 public:
  /// Errors: kNotFound, kForbidden, kDisk.
  static Result<FileReader> open(const std::filesystem::path& path);
  FileReader(FileReader&&) noexcept;
  FileReader& operator=(FileReader&&) noexcept;
  ~FileReader();
  std::uint64_t size() const;  // as it is now
  /// False when not all of the bytes are there or can be read.
  bool read(std::uint64_t offset, char* to, std::size_t count) const;

 private:
  explicit FileReader(int fd) : fd_(fd) {}
  int fd_ = -1;
};

/// A new file of mode 0600, open for writing.
class FileWriter {
 public:
  /// Errors: kExists, kForbidden, kFull, kDisk.
  static Result<FileWriter> create(const std::filesystem::path& path);
  FileWriter(FileWriter&&) noexcept;
  FileWriter& operator=(FileWriter&&) = delete;
  ~FileWriter();
  Status append(const char* bytes, std::size_t count);
  Status sync();
  int descriptor() const { return fd_; }

 private:
  FileWriter(int fd, std::filesystem::path path) : fd_(fd), path_(std::move(path)) {}
  int fd_ = -1;
  std::filesystem::path path_;
};

/// What is in the file, or which names are in the folder, is on the disk when it returns. A folder
/// that the system cannot sync is left to the system. Errors: kDisk, kFull.
Status sync_file(const std::filesystem::path& path);
Status sync_folder(const std::filesystem::path& path);
/// Makes a file that is shorter so long, never shorter, whoever else writes to it. Errors: as above.
Status grow_file(const std::filesystem::path& path, std::uint64_t bytes);
/// A copy of mode 0600 at `to`, synced; `progress` is told the bytes so far. Errors: as above.
Status copy_synced(const std::filesystem::path& from, const std::filesystem::path& to,
                 void (*progress)(void* context, std::uint64_t bytes) = nullptr,
                 void* context = nullptr);
/// Puts `from` into the place of `to` at once, and syncs the folders of both. With `keep`, what was
/// at `to` stays under that name: at no time is there nothing at `to`. Errors: kDisk, kForbidden.
Status replace_file(const std::filesystem::path& from, const std::filesystem::path& to,
                    const std::filesystem::path& keep = {});
/// Identifies the file that a path leads to, for as long as it exists; 0 when there is none.
std::uint64_t file_identity(const std::filesystem::path& path);

}  // namespace atelier::os
