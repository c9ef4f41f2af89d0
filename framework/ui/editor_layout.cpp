// See editor_layout.h. Thread rule: main thread.
#include "ui/editor_layout.h"

#include <algorithm>

#include <utf8proc.h>

#include "base/limits.h"

namespace atelier::ui {
namespace {

constexpr float kSamePlace = 0.01f;  // pixels

const LayoutCell* cells_of(const Layout& layout, std::size_t line) {
  return layout.cells.data() + layout.lines[line].first_cell;
}

// Layouts speak of bytes.
void count_in_points(Layout& layout, std::string_view utf8) {
  std::vector<std::uint32_t> point_of(utf8.size() + 1);
  std::uint32_t points = 0;
  for (std::size_t byte = 0; byte < utf8.size(); ++byte) {
    point_of[byte] = points;
    const bool last_of_point =
        byte + 1 == utf8.size() || (static_cast<unsigned char>(utf8[byte + 1]) & 0xC0) != 0x80;
    if (last_of_point) ++points;
  }
  point_of[utf8.size()] = points;
  for (auto& line : layout.lines) {
    line.begin = point_of[line.begin];
    line.end = point_of[line.end];
  }
  for (auto& cell : layout.cells) {
    cell.begin = point_of[cell.begin];
    cell.end = point_of[cell.end];
  }
}

// What ends a line elsewhere is a blank here: each code point of the block has a cell.
char32_t within_line(char32_t c) {
  return c == '\n' || c == '\r' ? U' ' : c;
}

}  // namespace

BlockLayout lay_out_block(FontStack& stack, std::u32string text, float em_px, float wrap_px) {
  BlockLayout block;
  std::u32string shown(text);
  for (auto& c : shown) c = within_line(c);
  const std::string utf8 = to_utf8(shown);
  block.text = std::move(text);
  LayoutOptions options;
  options.em_px = em_px;
  options.wrap_px = wrap_px;
  options.cells = true;
  block.layout = layout_text(stack, utf8, options);
  count_in_points(block.layout, utf8);
  block.clusters.reserve(block.layout.cells.size() + 1);
  for (const auto& cell : block.layout.cells) block.clusters.push_back(cell.begin);
  std::sort(block.clusters.begin(), block.clusters.end());
  block.clusters.push_back(static_cast<std::uint32_t>(block.text.size()));
  return block;
}

std::size_t BlockLayout::line_of(EditorCaret caret) const {
  const auto& lines = layout.lines;
  const auto after =
      std::upper_bound(lines.begin(), lines.end(), caret.position,
                       [](std::size_t p, const LayoutLine& line) { return p < line.begin; });
  auto line = static_cast<std::size_t>(after - lines.begin());
  line = line > 0 ? line - 1 : 0;
  return caret.upstream && line > 0 && lines[line].begin == caret.position ? line - 1 : line;
}

BlockLayout::Edge BlockLayout::edge_of(std::size_t line, EditorCaret caret) const {
  const LayoutCell* cells = cells_of(layout, line);
  const LayoutCell *before = nullptr, *after = nullptr;
  for (std::uint32_t i = 0; i < layout.lines[line].cells; ++i) {
    if (cells[i].end == caret.position) before = &cells[i];
    if (cells[i].begin <= caret.position && caret.position < cells[i].end) after = &cells[i];
  }
  if (before && (caret.upstream || !after)) return {before, !before->right_to_left};
  return {after, after && after->right_to_left};
}

float BlockLayout::x_of(std::size_t line, EditorCaret caret) const {
  const Edge edge = edge_of(line, caret);
  if (!edge.cell) return layout.lines[line].right_to_left ? layout.lines[line].width : 0;
  return edge.right ? edge.cell->right : edge.cell->left;
}

EditorCaret BlockLayout::caret_at(std::size_t line, Edge edge) const {
  const bool at_end = edge.right != edge.cell->right_to_left;
  EditorCaret caret{at_end ? edge.cell->end : edge.cell->begin, at_end};
  if (!caret.upstream) return caret;
  // The beginning of what follows, where that is the same place.
  const float x = edge.right ? edge.cell->right : edge.cell->left;
  EditorCaret plain{caret.position, false};
  const bool same = line_of(plain) == line && std::abs(x_of(line, plain) - x) < kSamePlace;
  return same ? plain : caret;
}

EditorCaret BlockLayout::at_x(std::size_t line, float x) const {
  const LayoutLine& where = layout.lines[line];
  const LayoutCell* cells = cells_of(layout, line);
  if (where.cells == 0) return {where.begin, false};
  std::uint32_t i = 0;
  while (i + 1 < where.cells && x >= cells[i].right) ++i;
  return caret_at(line, {&cells[i], x > (cells[i].left + cells[i].right) / 2});
}

std::size_t BlockLayout::under_x(std::size_t line, float x) const {
  const LayoutLine& where = layout.lines[line];
  const LayoutCell* cells = cells_of(layout, line);
  if (where.cells == 0) return where.begin;
  std::uint32_t i = 0;
  while (i + 1 < where.cells && x >= cells[i].right) ++i;
  return cells[i].begin;
}

bool BlockLayout::step(std::size_t line, EditorCaret& caret, bool to_right) const {
  const Edge edge = edge_of(line, caret);
  if (!edge.cell) return false;
  const LayoutCell* cells = cells_of(layout, line);
  const auto gap = (edge.cell - cells) + (edge.right ? 1 : 0);
  if (to_right ? gap == static_cast<std::ptrdiff_t>(layout.lines[line].cells) : gap == 0)
    return false;
  caret = caret_at(line, {to_right ? cells + gap : cells + gap - 1, to_right});
  return true;
}

std::size_t BlockLayout::cluster_begin(std::size_t position) const {
  const auto after = std::upper_bound(clusters.begin(), clusters.end(), position);
  return after == clusters.begin() ? 0 : *(after - 1);
}

std::size_t BlockLayout::cluster_end(std::size_t position) const {
  const auto at = std::lower_bound(clusters.begin(), clusters.end(), position);
  return at == clusters.end() ? text.size() : *at;
}

std::size_t BlockLayout::cluster_before(std::size_t position) const {
  return position == 0 ? 0 : cluster_begin(position - 1);
}

std::size_t BlockLayout::cluster_after(std::size_t position) const {
  return cluster_end(position + 1);
}

std::vector<std::size_t> cut_line(std::u32string_view line) {
  std::vector<std::size_t> pieces;
  // Some room is left in each, so that what is typed into one does not cut it at once.
  const std::size_t wanted = kEditorBlockPointsMax * 3 / 4;
  while (line.size() > kEditorBlockPointsMax) {
    std::size_t at_cluster = 0, at_space = 0;
    utf8proc_int32_t state = 0;
    for (std::size_t i = 1; i <= wanted; ++i) {
      if (!utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(line[i - 1]),
                                            static_cast<utf8proc_int32_t>(line[i]), &state))
        continue;
      at_cluster = i;
      if (line[i - 1] == U' ') at_space = i;
    }
    std::size_t cut = at_space > wanted / 2 ? at_space : at_cluster;
    if (cut == 0) cut = wanted;  // marks upon marks
    pieces.push_back(cut);
    line.remove_prefix(cut);
  }
  pieces.push_back(line.size());
  return pieces;
}

std::u32string to_points(std::string_view utf8) {
  std::u32string points;
  points.reserve(utf8.size());
  for (std::size_t at = 0; at < utf8.size();) {
    const auto byte = static_cast<unsigned char>(utf8[at]);
    if (byte < 0x80) {
      points.push_back(byte);
      ++at;
      continue;
    }
    utf8proc_int32_t c = -1;
    const auto used = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(utf8.data()) + at,
                                       static_cast<utf8proc_ssize_t>(utf8.size() - at), &c);
    points.push_back(used > 0 && c >= 0 ? static_cast<char32_t>(c) : U'\uFFFD');
    at += used > 0 ? static_cast<std::size_t>(used) : 1;
  }
  return points;
}

std::string to_utf8(std::u32string_view points) {
  std::string utf8;
  utf8.reserve(points.size());
  for (const char32_t c : points) {
    if (c < 0x80) {
      utf8.push_back(static_cast<char>(c));
      continue;
    }
    utf8proc_uint8_t bytes[4];
    const auto count = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes);
    utf8.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count));
  }
  return utf8;
}

}  // namespace atelier::ui
