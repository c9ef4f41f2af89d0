// Undo and redo of one's own actions. Others go on drawing meanwhile: undo takes back only what is
// still as this person left it, field by field.
//
//   - An edit: each field that still has the value that was set gets the one it had before.
//   - A creation: the shape goes, unless somebody changed it since.
//   - A deletion: the shape comes back as it was when it went, unless it is there.
// An action of which nothing can be taken back is skipped for the one before it.
// Thread rule: one thread at a time.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "core/edits.h"

namespace atelier::board {

class History {
 public:
  /// Remembers writes as one action. Call before they are applied to the board.
  void record(const Board& board, const Writes& writes);

  /// Until end_group() all that is recorded is one action, such as a drag of many steps.
  void begin_group();
  void end_group();

  struct Undone {
    Writes writes;            // empty: there was nothing to do
    std::size_t skipped = 0;  // actions that others' changes have overtaken
  };
  /// What to write, which the caller applies and does not record.
  Undone undo(const Board& board) { return take_back(board, undo_, redo_); }
  Undone redo(const Board& board) { return take_back(board, redo_, undo_); }
  bool can_undo() const { return !undo_.empty(); }
  bool can_redo() const { return !redo_.empty(); }

 private:
  struct Step {
    Write::Kind kind;
    std::string id;
    std::string body;      // created with it, or deleted with it
    Fields before, after;  // of an edit, in the same order
    std::size_t bytes() const;
  };
  using Action = std::vector<Step>;
  using Actions = std::deque<Action>;
  class Overlay;

  Undone take_back(const Board& board, Actions& from, Actions& to);
  static bool take_back(const Step& step, Overlay& overlay, Action& inverse);
  static Step step_of(const std::string& body, const Write& write);
  static bool join(Step& last, const Step& next);
  void trim();

  Actions undo_, redo_;
  int group_depth_ = 0;
  bool group_has_action_ = false;
  std::size_t undo_bytes_ = 0;
};

}  // namespace atelier::board
