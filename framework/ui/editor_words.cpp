// EditorText: clusters, words, paragraphs, and steps of the caret. Thread rule: main thread.
#include <algorithm>

#include <utf8proc.h>

#include "ui/editor_text.h"

namespace atelier::ui {
namespace {

enum class Class { kSpace, kWord, kSign, kHiragana, kKatakana, kHan, kPart, kLineEnd };

Class class_of(char32_t c) {
  if (c == U'\n') return Class::kLineEnd;
  if (c >= 0x3041 && c <= 0x309F) return Class::kHiragana;
  if ((c >= 0x30A1 && c <= 0x30FF) || (c >= 0x31F0 && c <= 0x31FF)) return Class::kKatakana;
  if ((c >= 0x2E80 && c <= 0x2FDF) || (c >= 0x3005 && c <= 0x3007) ||
      (c >= 0x3400 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) ||
      (c >= 0x20000 && c <= 0x3FFFF))
    return Class::kHan;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_SK:  // the shades of emoji
      return Class::kPart;
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
    case UTF8PROC_CATEGORY_PC:
      return Class::kWord;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_CC:
      return Class::kSpace;
    default:
      return Class::kSign;
  }
}

}  // namespace

char32_t EditorText::at(std::size_t position) {
  if (!near_ || position < near_begin_ || position - near_begin_ >= near_->text.size()) {
    const auto found = blocks_.at_point(position);
    near_begin_ = found.begin;
    near_ = &layout(found.place);
  }
  const std::size_t inner = position - near_begin_;
  return inner < near_->text.size() ? near_->text[inner] : U'\n';
}

std::size_t EditorText::cluster_before(std::size_t position) {
  if (position == 0) return 0;
  const auto found = blocks_.at_point(position - 1);
  const BlockLayout& block = layout(found.place);
  const std::size_t inner = position - found.begin;
  // Past the block's text: over its "\n".
  return found.begin +
         (inner > block.text.size() ? block.text.size() : block.cluster_before(inner));
}

std::size_t EditorText::cluster_after(std::size_t position) {
  if (position >= size()) return size();
  const auto found = blocks_.at_point(position);
  const BlockLayout& block = layout(found.place);
  const std::size_t inner = position - found.begin;
  return found.begin + (inner >= block.text.size() ? inner + 1 : block.cluster_after(inner));
}

std::size_t EditorText::between_clusters(std::size_t position) {
  position = std::min(position, size());
  const auto found = blocks_.at_point(position);
  const std::size_t inner = position - found.begin;
  return found.begin + layout(found.place).cluster_end(inner);
}

std::size_t EditorText::word_after(std::size_t position) {
  const std::size_t end = size();
  if (position >= end) return end;
  const Class first = class_of(at(position));
  if (first == Class::kLineEnd) return position + 1;
  const auto goes_on = [&](Class c) { return c == first || c == Class::kPart; };
  if (first != Class::kSpace) do
      ++position;
    while (position < end && goes_on(class_of(at(position))));
  while (position < end && class_of(at(position)) == Class::kSpace) ++position;
  return between_clusters(position);
}

std::size_t EditorText::word_before(std::size_t position) {
  const std::size_t from = position;
  const auto before = [&] { return class_of(at(position - 1)); };
  while (position > 0 && before() == Class::kSpace) --position;
  if (position == 0) return 0;
  if (before() == Class::kLineEnd) return position == from ? position - 1 : position;
  while (position > 1 && before() == Class::kPart) --position;
  const Class last = before();
  while (position > 0 && (before() == last || before() == Class::kPart)) --position;
  const std::size_t begin = between_clusters(position);
  return begin < from ? begin : cluster_before(from);
}

std::pair<std::size_t, std::size_t> EditorText::word_at(std::size_t position) {
  const std::size_t end = size();
  position = std::min(position, end);
  const bool at_line_end = position == end || at(position) == U'\n';
  if (at_line_end && (position == 0 || at(position - 1) == U'\n')) return {position, position};
  std::size_t from = at_line_end ? position - 1 : position;
  while (from > 0 && class_of(at(from)) == Class::kPart && at(from - 1) != U'\n') --from;
  const Class middle = class_of(at(from));
  std::size_t to = from + 1;
  const auto same = [&](std::size_t p) {
    const Class c = class_of(at(p));
    return c == middle || c == Class::kPart;
  };
  while (from > 0 && same(from - 1)) --from;
  while (to < end && same(to)) ++to;
  const std::size_t begin = between_clusters(from);
  return {std::min(begin, between_clusters(to)), between_clusters(to)};
}

std::pair<std::size_t, std::size_t> EditorText::paragraph_at(std::size_t position) {
  const auto found = blocks_.at_point(std::min(position, size()));
  std::size_t begin = found.begin, end = found.begin + blocks_[found.place].points;
  for (Place at = found.place; blocks_.previous(at) && !blocks_[at].ends_line;)
    begin -= blocks_[at].points;
  for (Place at = found.place; !blocks_[at].ends_line && blocks_.next(at);)
    end += blocks_[at].points;
  return {begin, end};
}

EditorCaret EditorText::step(EditorCaret caret, bool to_right) {
  EditorSpot spot = spot_of(caret);
  for (int lines = 0; lines < 2; ++lines) {
    const BlockLayout& block = layout(spot.block.place);
    const LayoutLine& line = block.layout.lines[spot.line];
    const bool forward = to_right != line.right_to_left;
    EditorCaret inner{caret.position - spot.block.begin, caret.upstream};
    if (block.step(spot.line, inner, to_right)) {
      const bool broken =
          inner.upstream && inner.position == line.end && forward &&
          (spot.line + 1 < block.layout.lines.size() || !blocks_[spot.block.place].ends_line);
      const bool last = spot.block.begin + inner.position == size();
      return {spot.block.begin + inner.position, inner.upstream && (!broken || last)};
    }
    const std::size_t old_block = spot.block.begin;
    const bool line_was_open = !blocks_[spot.block.place].ends_line;
    if (!(forward ? line_below(spot) : line_above(spot)))
      return {forward ? size() : 0, caret.upstream && forward};
    const BlockLayout& other = layout(spot.block.place);
    const LayoutLine& reached = other.layout.lines[spot.line];
    const bool same_block = spot.block.begin == old_block;
    const bool soft =
        same_block || (forward ? line_was_open : !blocks_[spot.block.place].ends_line);
    caret = {spot.block.begin + (forward ? reached.begin : reached.end), !forward && soft};
    // Across a line's end it is one step; where a line was only broken, that was no step yet.
    if (!soft) return caret;
  }
  return caret;
}

}  // namespace atelier::ui
