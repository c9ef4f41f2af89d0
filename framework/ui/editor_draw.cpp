// EditorCore: what is seen. Thread rule: main thread.
#include <algorithm>
#include <cmath>

#include <imgui_internal.h>

#include "base/limits.h"
#include "ui/editor.h"
#include "ui/state.h"

namespace atelier::ui {
namespace {

constexpr std::size_t kRecordedPointsMax = 2'000;  // of a paragraph that a script may look for
constexpr float kNear = 14;                        // logical pixels: the pointer at a caret
constexpr float kFlagEm = 11;                      // small: a flag lies over another line

ImU32 tinted(ImU32 colour, float alpha) {
  return (colour & ~IM_COL32_A_MASK) | (static_cast<ImU32>(alpha * 255) << IM_COL32_A_SHIFT);
}

// A person's colour as a line or a tint on a field: the colours are made to carry white text.
ImU32 person_line(std::string_view name) {
  const ImU32 colour = person_colour(name);
  if (!theme().dark) return colour;
  const auto lighter = [colour](int shift) {
    return ((((colour >> shift) & 255) + 255) / 2) << shift;
  };
  return lighter(IM_COL32_R_SHIFT) | lighter(IM_COL32_G_SHIFT) | lighter(IM_COL32_B_SHIFT) |
         IM_COL32_A_MASK;
}

float flag_height() {
  const FontStack& fonts = *state().fonts;
  return std::round(px(kFlagEm) * (fonts.ascent() + fonts.descent()));
}

}  // namespace

// --- Which lines are seen

std::vector<EditorCore::Line> EditorCore::visible_lines() {
  std::vector<Line> lines;
  auto& blocks = text_.blocks();
  const float height = text_.metrics().line_height;
  if (frame_.options.single_line) {
    const float y = std::round((frame_.min.y + frame_.max.y - height) / 2);
    Place at = blocks.first();
    float x = frame_.text_min.x - scroll_x_ + text_.line_x(blocks.found(at), 0);
    do {
      if (x > frame_.text_max.x) break;
      const float right = x + text_.width(at);
      if (right >= frame_.text_min.x || at == blocks.last())
        lines.push_back({blocks.found(at), 0, {x, y}});
      x = right;
    } while (blocks.next(at));
    return lines;
  }
  auto found = blocks.at_point(top_point_);
  float y = std::round(frame_.text_min.y - top_offset_);
  // Lines pass under the padding.
  for (Place before = found.place; y > frame_.min.y && blocks.previous(before);) {
    y -= text_.height(before);
    found = blocks.found(before);
  }
  while (true) {
    const std::size_t count = text_.layout(found.place).layout.lines.size();
    const float hidden = std::max(0.0f, std::floor((frame_.min.y - y) / height));
    for (auto line = static_cast<std::size_t>(hidden); line < count; ++line) {
      const float line_y = y + height * static_cast<float>(line);
      if (line_y >= frame_.max.y) return lines;
      const float x = frame_.text_min.x + text_.line_x(found, line);
      lines.push_back({found, line, {x, line_y}});
    }
    y += text_.height(found.place);
    Place next = found.place;
    if (y >= frame_.max.y || !blocks.next(next)) return lines;
    found = blocks.found(next);
  }
}

std::optional<ImVec2> EditorCore::caret_place(EditorCaret caret, const std::vector<Line>& lines) {
  if (lines.empty() || caret.position < lines.front().block.begin) return std::nullopt;
  const auto& last = lines.back().block;
  if (caret.position > last.begin + text_.blocks()[last.place].points) return std::nullopt;
  const EditorSpot spot = text_.spot_of(caret);
  for (const auto& line : lines)
    if (line.block.begin == spot.block.begin && line.line == spot.line)
      return ImVec2(frame_.text_min.x - scroll_x_ + spot.x, line.at.y);
  return std::nullopt;
}

// --- Grounds below the text

void EditorCore::paint_ground() const {
  if (!frame_.options.ground) return;
  const Theme& t = theme();
  draw_panel(*ImGui::GetWindowDrawList(), frame_.min, frame_.max, t.sunken,
             focused_ ? t.accent : t.line, px(10), focused_ ? px(2) : px(1));
}

void EditorCore::paint_placeholder() const {
  const char* words = frame_.options.placeholder;
  if (!words || !*words || text_.size() > 0 || !state().composition.empty()) return;
  const float height = line_height();
  const float y = frame_.options.single_line
                      ? std::round((frame_.min.y + frame_.max.y - height) / 2)
                      : frame_.text_min.y;
  draw_text({frame_.text_min.x, y}, words, theme().ink_soft,
            {TextStyle::kBody, std::max(px(20), frame_.width()), 1});
}

// Where directions mix, a range is several rectangles.
void EditorCore::paint_range(const Line& line, std::size_t begin, std::size_t end, ImU32 colour) {
  const BlockLayout& block = text_.layout(line.block.place);
  const LayoutLine& where = block.layout.lines[line.line];
  const std::size_t line_begin = line.block.begin + where.begin;
  const std::size_t line_end = line.block.begin + where.end;
  if (end < line_begin || begin > line_end || begin == end) return;
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const float height = text_.metrics().line_height;
  const auto paint = [&](float left, float right) {
    const float x0 = std::round(line.at.x + left), x1 = std::round(line.at.x + right);
    list.AddRectFilled({x0, line.at.y}, {std::max(x1, x0 + 1), line.at.y + height}, colour);
  };
  float left = 0, right = -1;
  for (std::uint32_t i = where.first_cell; i < where.first_cell + where.cells; ++i) {
    const LayoutCell& cell = block.layout.cells[i];
    const bool within =
        line.block.begin + cell.begin >= begin && line.block.begin + cell.end <= end;
    if (within && right < left) left = cell.left;
    if (within) right = cell.right;
    if (within || right < left) continue;
    paint(left, right);
    right = left - 1;
  }
  if (right >= left) paint(left, right);
  // The "\n" too, as a narrow piece.
  const bool last = where.end == block.text.size();
  if (!last || !text_.blocks()[line.block.place].ends_line) return;
  if (begin <= line_end && end > line_end) {
    const float x = where.right_to_left ? -px(5) : where.width;
    paint(x, x + px(5));
  }
}

void EditorCore::paint_grounds(const Line& line) {
  const Theme& t = theme();
  const auto& block = text_.blocks()[line.block.place];
  if (!words_.empty() && block.matches)
    for (const auto& match : *block.matches) {
      const std::size_t begin = line.block.begin + match.begin, end = begin + match.length;
      const bool current = selection() == std::pair(begin, end);
      paint_range(line, begin, end, tinted(t.warn, current ? 0.35f : 0.22f));
    }
  for (const auto& remote : remotes_) {
    const auto [begin, end] = std::minmax(remote.caret.position, remote.caret.anchor);
    paint_range(line, begin, end, tinted(person_line(remote.caret.name), 0.22f));
  }
  const auto [begin, end] = selection();
  const bool form = frame_.options.single_line || frame_.options.enter_submits;
  if (focused_ || !form) paint_range(line, begin, end, tinted(t.accent, focused_ ? 0.30f : 0.16f));
}

// --- Carets

bool EditorCore::caret_is_lit() {
  const int still_ms = static_cast<int>((now_s() - active_s_) * 1000);
  // Scripts take pictures, which must not depend on the moment.
  if (state().options.record || still_ms >= kEditorBlinkForMs) return true;
  redraw_in_ms(std::max(1, kEditorBlinkMs - still_ms % kEditorBlinkMs));
  return still_ms / kEditorBlinkMs % 2 == 0;
}

void EditorCore::tell_input_method(ImVec2 at) const {
  ImGuiPlatformImeData& data = ImGui::GetCurrentContext()->PlatformImeData;
  data.WantVisible = data.WantTextInput = true;
  data.InputPos = {at.x - 1, at.y};
  data.InputLineHeight = text_.metrics().line_height;
  data.ViewportId = ImGui::GetMainViewport()->ID;
}

void EditorCore::paint_caret(const std::vector<Line>& lines) {
  if (!focused_) return;
  const bool lit = caret_is_lit();
  const auto at = caret_place(caret_, lines);
  if (!at) return;
  tell_input_method(*at);
  if (!state().composition.empty()) return paint_composition(*at);
  if (!lit) return;
  const float width = std::max(1.0f, std::round(px(1.5f))), x = std::round(at->x);
  ImGui::GetWindowDrawList()->AddRectFilled(
      {x, at->y + px(1)}, {x + width, at->y + text_.metrics().line_height - px(1)},
      frame_.options.ink ? frame_.options.ink : theme().ink);
}

// What is composed lies over the text, underlined, until it is part of it.
void EditorCore::paint_composition(ImVec2 at) {
  State& s = state();
  const std::string& words = s.composition;
  const float em = text_.metrics().em, bottom = at.y + text_.metrics().line_height;
  const auto caret_at = static_cast<std::size_t>(std::max(0, s.composition_caret));
  const std::string before = to_utf8(std::u32string_view(to_points(words)).substr(0, caret_at));
  const float caret_x = before.empty() ? 0 : s.layouts.get(*s.fonts, before, {em}).width;
  const Layout& layout = s.layouts.get(*s.fonts, words, {em});
  const float x = std::max(frame_.text_min.x, std::min(at.x, frame_.text_max.x - layout.width));
  const float right = x + layout.width, caret = std::round(x + caret_x);
  const ImU32 ink = theme().ink;  // readable on its own ground, whatever the text's ink is
  ImDrawList& list = *ImGui::GetWindowDrawList();
  list.AddRectFilled({x - px(1), at.y}, {right + px(2), bottom}, theme().surface);
  draw_line(list, layout, layout.lines[0], {x, at.y}, em, ink);
  record(Shown::Kind::kText, words, {x, at.y}, {right, bottom});
  list.AddRectFilled({x, bottom - px(2)}, {right, bottom - px(1)}, theme().accent);
  list.AddRectFilled({caret, at.y + px(1)}, {caret + px(1), bottom - px(1)}, ink);
}

void EditorCore::paint_remote(const Remote& remote, const std::vector<Line>& lines) {
  const auto at = caret_place({std::min(remote.caret.position, text_.size()), false}, lines);
  if (!at) return;
  const ImU32 colour = person_line(remote.caret.name);
  const float height = text_.metrics().line_height, x = std::round(at->x);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  list.AddRectFilled({x - px(0.5f), at->y}, {x + px(1.5f), at->y + height}, colour);
  const int still_ms = static_cast<int>((now_s() - remote.moved_s) * 1000);
  const ImVec2 pointer = ImGui::GetIO().MousePos;
  const bool pointed = frame_.hovered && std::abs(pointer.x - x) < px(kNear) &&
                       pointer.y > at->y - px(kNear) && pointer.y < at->y + height + px(kNear);
  const bool below = at->y - flag_height() < frame_.min.y;
  if (still_ms < kEditorFlagMs || pointed) {
    paint_flag(remote, {x, below ? at->y + height : at->y}, below);
    if (still_ms < kEditorFlagMs) redraw_in_ms(kEditorFlagMs - still_ms + 1);
    return;
  }
  list.AddRectFilled({x - px(2), at->y - px(2)}, {x + px(3), at->y + px(3)}, colour, px(1));
}

void EditorCore::paint_flag(const Remote& remote, ImVec2 at, bool below) {
  State& s = state();
  const Layout& layout =
      s.layouts.get(*s.fonts, remote.caret.name, {px(kFlagEm), true, px(140), 1});
  const float width = std::ceil(layout.width) + px(8), height = flag_height();
  const float x = std::round(std::min(at.x - px(0.5f), frame_.max.x - width - px(2)));
  const float y = std::round(below ? at.y : at.y - height);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  draw_panel(list, {x, y}, {x + width, y + height}, person_colour(remote.caret.name), 0, px(3));
  draw_line(list, layout, layout.lines[0], {x + px(4), y}, px(kFlagEm), IM_COL32_WHITE);
  record(Shown::Kind::kText, remote.caret.name, {x, y}, {x + width, y + height});
}

// --- All of it

void EditorCore::record_words(const std::vector<Line>& lines) {
  if (!state().options.record) return;
  const float height = text_.metrics().line_height;
  for (std::size_t i = 0; i < lines.size();) {
    const auto& block = lines[i].block;
    std::size_t end = i + 1;
    while (end < lines.size() && lines[end].block.begin == block.begin) ++end;
    const BlockLayout& laid = text_.layout(block.place);
    const auto& first = laid.layout.lines[lines[i].line];
    const auto& last = laid.layout.lines[lines[end - 1].line];
    const std::u32string_view all(laid.text);
    // A paragraph as a whole, so that words are found wherever lines break.
    const auto words =
        all.size() <= kRecordedPointsMax ? all : all.substr(first.begin, last.end - first.begin);
    record(Shown::Kind::kText, to_utf8(words), {frame_.text_min.x, lines[i].at.y},
           {frame_.text_max.x, lines[end - 1].at.y + height});
    i = end;
  }
}

void EditorCore::paint() {
  record(Shown::Kind::kField, visible_part(frame_.label), frame_.min, frame_.max);
  paint_ground();
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const float edge = px(3);
  // Sideways a caret needs a little more room than the text.
  ImGui::PushClipRect({frame_.text_min.x - edge, frame_.min.y + px(1)},
                      {frame_.text_max.x + edge, frame_.max.y - px(1)}, true);
  paint_placeholder();
  const auto lines = visible_lines();
  if (!words_.empty() && !lines.empty())
    for (const auto& line : lines)
      if (!text_.blocks()[line.block.place].searched) search(line.block.place);
  for (const auto& line : lines) paint_grounds(line);
  const ImU32 ink = frame_.options.ink ? frame_.options.ink : theme().ink;
  for (const auto& line : lines) {
    const Layout& layout = text_.layout(line.block.place).layout;
    draw_line(list, layout, layout.lines[line.line], line.at, text_.metrics().em, ink);
  }
  record_words(lines);
  for (const auto& remote : remotes_) paint_remote(remote, lines);
  paint_caret(lines);
  ImGui::PopClipRect();
  paint_scrollbar();
  if (!lines.empty()) text_.trim(lines.front().block.begin, lines.back().block.begin);
}

}  // namespace atelier::ui
