// A short text that a person edits, by code points, with undo. Thread rule: one thread at a time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace atelier::board {

/// One replacement, in code points.
struct LetterPatch {
  std::size_t position = 0, erased = 0, inserted = 0;
};

class Letters {
 public:
  explicit Letters(std::string_view text = {});

  std::string text() const;
  std::size_t size() const { return points_.size(); }
  std::size_t line_count() const { return lines_.size(); }
  std::size_t line_begin(std::size_t line) const {
    return line < lines_.size() ? lines_[line] : points_.size();
  }
  std::size_t line_of(std::size_t position) const;
  std::string slice(std::size_t position, std::size_t count) const;

  /// Positions beyond the end are the end. What would make it longer than kTextBytesMax is not
  /// done: the patch is empty then.
  LetterPatch replace(std::size_t position, std::size_t erased, std::string_view text);
  void end_undo_step() { open_step_ = false; }
  /// The patch that took place; empty when there is nothing to take back.
  LetterPatch undo();
  LetterPatch redo();

 private:
  struct Edit {
    std::size_t position;
    std::u32string erased, inserted;
  };
  LetterPatch apply(std::size_t position, std::size_t erased, const std::u32string& inserted);
  void find_lines();

  std::u32string points_;
  std::size_t bytes_ = 0;
  std::vector<std::size_t> lines_{0};
  std::vector<Edit> done_, undone_;
  bool open_step_ = false;
};

}  // namespace atelier::board
