// The text of a field, kept by the field itself: a TextModel over a std::string, with undo.
//
// Invariants: 1. points_ is what text() holds, code point by code point. 2. Undo takes back whole
// steps; an edit after an undo forgets what was taken back.
// Thread rule: main thread.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "atelier/ui_editor.h"

namespace atelier::ui {

class StringModel : public TextModel {
 public:
  using Patched =
      std::function<void(std::size_t position, std::size_t erased, std::size_t inserted, bool own)>;
  /// `patched` is told of each change, as TextEditor::patched() wants it.
  explicit StringModel(Patched patched) : patched_(std::move(patched)) {}

  /// The text became another one by other hands: told as one change where it differs. What was
  /// written before cannot be taken back then.
  void set(std::string_view text);
  const std::string& text() const { return text_; }

  std::size_t size() const override { return points_.size(); }
  std::size_t line_count() const override;
  std::size_t line_begin(std::size_t line) const override;
  std::size_t line_of(std::size_t position) const override;
  std::string slice(std::size_t position, std::size_t count) const override;
  void replace(std::size_t position, std::size_t erased, std::string_view text) override;
  void end_undo_step() override { step_open_ = false; }
  void undo() override;
  void redo() override;

 private:
  struct Change {
    std::size_t position;
    std::u32string erased, inserted;
  };
  using Step = std::vector<Change>;
  void apply(std::size_t position, std::size_t erased, std::u32string_view inserted, bool own);

  const Patched patched_;
  std::string text_;
  std::u32string points_;
  std::deque<Step> undo_, redo_;
  bool step_open_ = false;
};

}  // namespace atelier::ui
