// A model's text in blocks that are read and laid out when they are needed: what all parts of an
// editor ask for positions, clusters, words, lines and places on screen.
//
// Invariants: 1. Between calls the blocks stand for the model's text, apart from stale ones.
// 2. After attach() no block is stale. 3. Heights are exact for blocks that were laid out once.
// Thread rule: main thread, as FontStack.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "atelier/ui_editor.h"
#include "ui/editor_blocks.h"
#include "ui/editor_layout.h"

namespace atelier::ui {

struct EditorMetrics {
  float em = 16, line_height = 20;  // pixels
  float wrap = 0;                   // 0: lines do not wrap and stand side by side
  float width = 0;                  // what is visible of a line; right-to-left text ends there
  bool operator==(const EditorMetrics&) const = default;
};

/// The visual line that a caret stands on.
struct EditorSpot {
  EditorBlocks::Found block;
  std::size_t line = 0;
  float x = 0;  // from the left of the text
};

class EditorText {
 public:
  using Place = EditorBlocks::Place;

  /// For the calls that follow, until the model changes; reads what was changed since the last
  /// time.
  void attach(TextModel& model, FontStack& fonts);
  void set_metrics(const EditorMetrics& metrics);
  const EditorMetrics& metrics() const { return metrics_; }
  void patched(std::size_t position, std::size_t erased, std::size_t inserted);
  void reset();

  EditorBlocks& blocks() { return blocks_; }
  std::size_t size() const { return blocks_.points(); }
  const BlockLayout& layout(Place at);
  /// Exact.
  float height(Place at);
  float width(Place at);
  std::u32string read(std::size_t begin, std::size_t count);
  /// Lets go what is not within the blocks that begin at `from` to `to`, when there is too much.
  void trim(std::size_t from, std::size_t to);

  char32_t at(std::size_t position);
  std::size_t cluster_before(std::size_t position);
  std::size_t cluster_after(std::size_t position);
  /// The nearest place between two clusters, at or after.
  std::size_t between_clusters(std::size_t position);
  std::size_t word_before(std::size_t position);
  std::size_t word_after(std::size_t position);
  std::pair<std::size_t, std::size_t> word_at(std::size_t position);
  /// With the "\n" at its end.
  std::pair<std::size_t, std::size_t> paragraph_at(std::size_t position);

  EditorSpot spot_of(EditorCaret caret);
  /// Where a visual line begins, from the left of the text.
  float line_x(const EditorBlocks::Found& block, std::size_t line);
  EditorCaret caret_at(const EditorBlocks::Found& block, std::size_t line, float x);
  /// The cluster at `x`.
  std::size_t under(const EditorBlocks::Found& block, std::size_t line, float x);
  /// The visual lines around one; false at the text's ends.
  bool line_below(EditorSpot& spot);
  bool line_above(EditorSpot& spot);
  /// Past one cluster on the screen, on to other lines; the text's ends hold it.
  EditorCaret step(EditorCaret caret, bool to_right);

 private:
  void read_stale();
  std::vector<EditorBlock> cut(std::u32string_view text, bool text_ends) const;
  float estimate(const EditorBlock& block) const;
  float block_x(Place at);

  TextModel* model_ = nullptr;  // between attach() and the end of the caller's work
  FontStack* fonts_ = nullptr;
  EditorMetrics metrics_;
  EditorBlocks blocks_;
  bool fresh_ = false;        // false: everything is to be read
  std::size_t laid_out_ = 0;  // layouts kept; an upper bound
  // Of at(): the block that was looked into last.
  std::size_t near_begin_ = 0;
  const BlockLayout* near_ = nullptr;
};

}  // namespace atelier::ui
