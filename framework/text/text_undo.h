// Undo and redo of one's own edits in a text that others edit as well.
// Thread rule: one thread at a time, together with its text.
//
// Each step is a group of edits and is kept as the change that takes it back. When others edit in
// between, that change is carried over their edits: it erases only what was typed here, wherever
// that now is, and never a character of anyone else. Without others, undo and redo are exact.
#pragma once

#include <deque>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/text_delta.h"
#include "text/text_doc.h"

namespace atelier {

class TextUndo {
 public:
  // Own edits go through here. Errors are those of TextDoc; then nothing was recorded.
  Status insert(TextDoc& doc, std::size_t position, std::string_view text);
  Status erase(TextDoc& doc, std::size_t position, std::size_t count);
  /// Both at once: typing over a selection.
  Status replace(TextDoc& doc, std::size_t position, std::size_t count, std::string_view text);

  /// Tells what a merge made visible. Must be called for each merge, before the next edit.
  void merged(std::span<const TextPatch> patches);
  /// The next edit begins a new group: after a pause, a caret movement, a composition.
  void end_group() { group_open_ = false; }
  void clear();

  bool can_undo() const { return !undo_.empty(); }
  bool can_redo() const { return !redo_.empty(); }
  /// Takes back, or does again, one group. Answers what became visible, valid until the next call;
  /// empty when there is nothing to take back, or nothing of it is left. Errors as of an edit.
  Result<std::span<const TextPatch>> undo(TextDoc& doc);
  Result<std::span<const TextPatch>> redo(TextDoc& doc);

 private:
  struct Step {
    TextDelta inverse;  // for the text right after the step
    TextDelta others;   // what others did between this step and the next; lengths only
  };
  using Steps = std::deque<Step>;

  static void settle(Steps& steps);
  void record(TextDelta inverse);
  Result<std::span<const TextPatch>> take_back(TextDoc& doc, Steps& from, Steps& to);

  Steps undo_;
  Steps redo_;
  bool group_open_ = false;
  TextDelta applied_;  // what patches_ points into
  std::vector<TextPatch> patches_;
};

}  // namespace atelier
