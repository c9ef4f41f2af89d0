// Files that a person chooses: a dialog of our own, the same on every system, and reading and
// writing whole files. Thread rule: main thread, within a frame.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "atelier/error.h"
#include "atelier/ui.h"

namespace atelier::ui {

/// Lists folders and files; asks before it gives the name of a file that is there. Begins in the
/// folder that was used last.
class ATELIER_UI_API FileDialog {
 public:
  FileDialog();
  ~FileDialog();
  FileDialog(const FileDialog&) = delete;
  FileDialog& operator=(const FileDialog&) = delete;

  /// Opens it. `title` is also the words on its button ("Export"); `name` is what is proposed.
  void ask_where_to_save(std::string title, std::string name);
  /// `endings` (".txt") are those that are listed; none: all files.
  void ask_what_to_open(std::string title, std::vector<std::string> endings);
  bool is_open() const;
  /// Call in each frame; gives the path (UTF-8) once, when one was chosen.
  std::optional<std::string> draw();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Writes the file as a whole: there is the old one or the new one, never a part. Errors: kDisk,
/// kForbidden, with the path.
ATELIER_UI_API Status write_file(const std::string& path, std::string_view bytes);
/// Errors: kNotFound, kForbidden, kTooLarge, kDisk, with the path.
ATELIER_UI_API Result<std::string> read_file(const std::string& path, std::size_t bytes_max);

}  // namespace atelier::ui
