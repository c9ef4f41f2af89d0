// See editor_text.h: the blocks and what is read of the model. Thread rule: main thread.
#include "ui/editor_text.h"

#include <algorithm>
#include <cmath>

#include "base/limits.h"

namespace atelier::ui {
namespace {

constexpr float kAverageAdvanceEm = 0.5f;                        // of prose in Latin letters
constexpr std::size_t kMergePoints = kEditorBlockPointsMax / 4;  // pieces of a line smaller than
                                                                 // this are put together again

}  // namespace

void EditorText::reset() {
  fresh_ = false;
  near_ = nullptr;
}

void EditorText::set_metrics(const EditorMetrics& metrics) {
  if (metrics == metrics_) return;
  metrics_ = metrics;
  near_ = nullptr;
  laid_out_ = 0;
  blocks_.update_all([this](EditorBlock& block) {
    block.layout.reset();
    block.measured = false;
    block.height = estimate(block);
  });
}

float EditorText::estimate(const EditorBlock& block) const {
  if (metrics_.wrap <= 0) return metrics_.line_height;
  const float wide = static_cast<float>(block.points) * metrics_.em * kAverageAdvanceEm;
  return metrics_.line_height * std::max(1.0f, std::ceil(wide / metrics_.wrap));
}

void EditorText::attach(TextModel& model, FontStack& fonts) {
  model_ = &model;
  fonts_ = &fonts;
  near_ = nullptr;
  // A model that changed without a word is read again as a whole.
  if (!fresh_ || blocks_.points() != model.size()) {
    blocks_.reset(model.size());
    laid_out_ = 0;
    fresh_ = true;
  }
  while (blocks_.stale() > 0) read_stale();
}

void EditorText::patched(std::size_t position, std::size_t erased, std::size_t inserted) {
  near_ = nullptr;
  if (!fresh_) return;
  if (position + erased > size()) return reset();
  auto from = blocks_.at_point(position);
  const auto to = blocks_.at_point(position + erased);
  // At a cut within a line, what comes may join the cluster before it.
  Place before = from.place;
  if (from.begin == position && blocks_.previous(before) && !blocks_[before].ends_line)
    from = blocks_.found(before);
  const std::size_t end = to.begin + blocks_[to.place].points;
  EditorBlock changed(static_cast<std::uint32_t>(end - from.begin - erased + inserted), false);
  changed.stale = true;
  changed.height = 0;
  for (Place at = from.place;; blocks_.next(at)) {
    changed.height += blocks_[at].height;
    if (at == to.place) break;
  }
  std::vector<EditorBlock> with;
  with.push_back(std::move(changed));
  // Words that were found across a cut.
  before = from.place;
  if (blocks_.previous(before) && !blocks_[before].ends_line)
    blocks_.update(before, [](EditorBlock& block) {
      block.searched = false;
      block.matches.reset();
    });
  blocks_.replace(from.place, to.place, std::move(with));
}

std::u32string EditorText::read(std::size_t begin, std::size_t count) {
  std::u32string text = to_points(model_->slice(begin, count));
  text.resize(count, U'\uFFFD');  // only of a model that breaks its word
  return text;
}

// Reads a run of stale blocks, and the small pieces of the same line around it.
void EditorText::read_stale() {
  auto from = blocks_.found(blocks_.first_stale());
  Place to = from.place;
  std::size_t count = blocks_[to].points;
  const auto grow = [&] {
    Place next = to;
    if (!blocks_.next(next)) return false;
    to = next;
    count += blocks_[to].points;
    return true;
  };
  for (Place next = to; blocks_.next(next) && blocks_[next].stale;) grow();
  std::u32string text = read(from.begin, count);
  const auto open = [&] { return text.empty() || text.back() != U'\n'; };
  Place next = to;
  while (open() && blocks_.next(next) &&
         (text.empty() || text.size() + blocks_[next].points < kMergePoints)) {
    const std::size_t begin = from.begin + count;
    grow();
    text += read(begin, from.begin + count - begin);
  }
  Place before = from.place;
  while (blocks_.previous(before) && !blocks_[before].ends_line &&
         text.size() + blocks_[before].points < kMergePoints) {
    from = blocks_.found(before);
    text.insert(0, read(from.begin, blocks_[before].points));
  }
  const bool text_ends = to == blocks_.last();
  blocks_.replace(from.place, to, cut(text, text_ends));
}

std::vector<EditorBlock> EditorText::cut(std::u32string_view text, bool text_ends) const {
  std::vector<EditorBlock> made;
  while (true) {
    const std::size_t end = text.find(U'\n');
    const bool ends_line = end != text.npos;
    const auto line = text.substr(0, end);
    if (!ends_line && line.empty() && !text_ends) break;
    for (const std::size_t piece : cut_line(line))
      made.emplace_back(static_cast<std::uint32_t>(piece), false);
    if (!ends_line) break;
    made.back().ends_line = true;
    ++made.back().points;
    text.remove_prefix(end + 1);
  }
  if (made.empty()) made.emplace_back();
  for (auto& block : made) block.height = estimate(block);
  return made;
}

const BlockLayout& EditorText::layout(Place at) {
  if (blocks_[at].layout) return *blocks_[at].layout;
  const std::size_t begin = blocks_.found(at).begin;
  const std::size_t count = blocks_[at].points - (blocks_[at].ends_line ? 1 : 0);
  auto made = std::make_unique<BlockLayout>(
      lay_out_block(*fonts_, read(begin, count), metrics_.em, metrics_.wrap));
  ++laid_out_;
  blocks_.update(at, [&](EditorBlock& block) {
    block.height = metrics_.line_height * static_cast<float>(made->layout.lines.size());
    block.width = made->layout.width;
    block.measured = true;
    block.layout = std::move(made);
  });
  return *blocks_[at].layout;
}

float EditorText::height(Place at) {
  if (!blocks_[at].measured) layout(at);
  return blocks_[at].height;
}

float EditorText::width(Place at) {
  if (!blocks_[at].measured) layout(at);
  return blocks_[at].width;
}

void EditorText::trim(std::size_t from, std::size_t to) {
  if (laid_out_ <= kEditorLayoutsMax) return;
  near_ = nullptr;
  laid_out_ = 0;
  std::size_t begin = 0;
  blocks_.update_all([&](EditorBlock& block) {
    if (begin < from || begin > to) block.layout.reset();
    if (block.layout) ++laid_out_;
    begin += block.points;
  });
  // A screen may need more than the limit.
  if (laid_out_ > kEditorLayoutsMax) laid_out_ = kEditorLayoutsMax / 2;
}

float EditorText::block_x(Place at) {
  if (metrics_.wrap > 0) return 0;
  float x = 0;
  for (Place before; !(before == at); blocks_.next(before)) x += width(before);
  return x;
}

float EditorText::line_x(const EditorBlocks::Found& block, std::size_t line) {
  if (metrics_.wrap <= 0 && blocks_.count() > 1) return block_x(block.place);
  const LayoutLine& where = layout(block.place).layout.lines[line];
  if (!where.right_to_left) return 0;
  return std::max(0.0f, metrics_.width - where.width);
}

EditorSpot EditorText::spot_of(EditorCaret caret) {
  EditorSpot spot;
  spot.block = blocks_.at_point(caret.position);
  if (caret.upstream && spot.block.begin == caret.position) {
    Place before = spot.block.place;
    if (blocks_.previous(before) && !blocks_[before].ends_line) spot.block = blocks_.found(before);
  }
  const BlockLayout& block = layout(spot.block.place);
  const EditorCaret inner{caret.position - spot.block.begin, caret.upstream};
  spot.line = block.line_of(inner);
  spot.x = line_x(spot.block, spot.line) + block.x_of(spot.line, inner);
  if (metrics_.wrap > 0) spot.x = std::clamp(spot.x, 0.0f, metrics_.wrap);
  return spot;
}

EditorCaret EditorText::caret_at(const EditorBlocks::Found& block, std::size_t line, float x) {
  const BlockLayout& laid = layout(block.place);
  EditorCaret caret = laid.at_x(line, x - line_x(block, line));
  caret.position += block.begin;
  return caret;
}

std::size_t EditorText::under(const EditorBlocks::Found& block, std::size_t line, float x) {
  return block.begin + layout(block.place).under_x(line, x - line_x(block, line));
}

bool EditorText::line_below(EditorSpot& spot) {
  if (spot.line + 1 < layout(spot.block.place).layout.lines.size()) {
    ++spot.line;
    return true;
  }
  Place next = spot.block.place;
  if (!blocks_.next(next)) return false;
  spot.block = blocks_.found(next);
  spot.line = 0;
  return true;
}

bool EditorText::line_above(EditorSpot& spot) {
  if (spot.line > 0) {
    --spot.line;
    return true;
  }
  Place before = spot.block.place;
  if (!blocks_.previous(before)) return false;
  spot.block = blocks_.found(before);
  spot.line = layout(before).layout.lines.size() - 1;
  return true;
}

}  // namespace atelier::ui
