// A new file of mode 0600 that has its name only when it is whole, or standard output. Thread rule:
// one thread.
#pragma once

#include <cstddef>
#include <filesystem>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/os/disk.h"

namespace atelier::host {

class ExportFile {
 public:
  /// `name` "-" is `out`. Errors: kExists when the file is there, those of the disk.
  static Result<std::unique_ptr<ExportFile>> open(const std::string& name, std::ostream& out);
  ~ExportFile();  // without finish(), nothing stays
  ExportFile(const ExportFile&) = delete;

  Status write(std::string_view bytes);
  /// What write() found first; it is kept.
  const Status& status() const { return status_; }
  /// On the disk, and under its name. Errors: kExists when somebody took the name meanwhile.
  Status finish();

 private:
  explicit ExportFile(std::ostream& out) : out_(out) {}
  Status flush();

  std::ostream& out_;
  std::filesystem::path path_, part_;  // empty: `out_`
  std::optional<os::FileWriter> file_;
  std::string buffer_;
  Status status_ = ok();
};

/// Bytes as base64 (with padding at their end), in whatever pieces they come.
class Base64Stream {
 public:
  explicit Base64Stream(ExportFile& file) : file_(file) {}
  Status write(std::string_view bytes);
  Status finish();

 private:
  ExportFile& file_;
  std::string rest_;  // at most two bytes
};

}  // namespace atelier::host
