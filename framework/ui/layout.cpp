// See layout.h. Thread rule: main thread.
#include "ui/layout.h"

#include <algorithm>
#include <cmath>

#include <fribidi.h>
#include <hb.h>
#include <utf8proc.h>

#include "base/limits.h"

namespace atelier::ui {
namespace {

constexpr char32_t kReplacement = 0xFFFD;
constexpr char32_t kTextSelector = 0xFE0E, kEmojiSelector = 0xFE0F, kJoiner = 0x200D;
constexpr float kTabEms = 2;        // between stops; about eight spaces
constexpr float kTabEmsMin = 0.3f;  // nearer stops are passed over: a tab is seen
constexpr std::string_view kEllipsis = "\u2026";

// One code point with all that is decided about it before shaping.
struct Unit {
  char32_t c;
  std::uint32_t byte;  // where it begins in the text
  bool starts_grapheme = true;
  bool tab = false;
  std::int32_t face = 0;
  hb_script_t script = HB_SCRIPT_COMMON;
  FriBidiLevel level = 0;
};

struct Paragraph {
  std::vector<Unit> units;
  std::vector<hb_codepoint_t> text;  // the same code points, as HarfBuzz wants them
  std::uint32_t end_byte = 0;
  bool right_to_left = false;
};

struct ShapedGlyph {
  std::int32_t face;
  std::uint32_t glyph;
  std::uint32_t unit;     // cluster: index of the unit it stands for
  float advance, dx, dy;  // ems
};

struct Run {
  std::size_t begin, end;  // units
  FriBidiLevel level;
  std::vector<ShapedGlyph> glyphs;
};

char32_t decode(std::string_view text, std::size_t& at) {
  utf8proc_int32_t c = -1;
  const auto used = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                                     static_cast<utf8proc_ssize_t>(text.size() - at), &c);
  at += used > 0 ? static_cast<std::size_t>(used) : 1;
  return used > 0 && c >= 0 ? static_cast<char32_t>(c) : kReplacement;
}

// Control characters have no picture and must not act.
char32_t printable(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) ? U' ' : c;
}

bool is_space(char32_t c) {
  return c == ' ' || c == 0x3000 || c == 0x200B || (c >= 0x2000 && c <= 0x200A && c != 0x2007);
}

std::vector<Paragraph> paragraphs_of(std::string_view text) {
  std::vector<Paragraph> paragraphs(1);
  utf8proc_int32_t grapheme_state = 0;
  char32_t previous = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<std::uint32_t>(at);
    const char32_t c = decode(text, at);
    if (c == '\n') {
      paragraphs.back().end_byte = byte;
      paragraphs.emplace_back();
      grapheme_state = 0;
      continue;
    }
    if (c == '\r') continue;
    Unit unit{printable(c), byte};
    unit.tab = c == '\t';
    auto& units = paragraphs.back().units;
    unit.starts_grapheme =
        units.empty() ||
        utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(previous),
                                         static_cast<utf8proc_int32_t>(unit.c), &grapheme_state);
    previous = unit.c;
    units.push_back(unit);
    paragraphs.back().text.push_back(unit.c);
  }
  paragraphs.back().end_byte = static_cast<std::uint32_t>(text.size());
  return paragraphs;
}

void find_levels(Paragraph& paragraph) {
  const auto count = static_cast<FriBidiStrIndex>(paragraph.units.size());
  std::vector<FriBidiChar> text(paragraph.text.begin(), paragraph.text.end());
  for (std::size_t i = 0; i < text.size(); ++i)
    if (paragraph.units[i].tab) text[i] = '\t';
  std::vector<FriBidiCharType> types(text.size());
  std::vector<FriBidiBracketType> brackets(text.size());
  std::vector<FriBidiLevel> levels(text.size());
  fribidi_get_bidi_types(text.data(), count, types.data());
  fribidi_get_bracket_types(text.data(), count, types.data(), brackets.data());
  FriBidiParType base = FRIBIDI_PAR_ON;
  if (fribidi_get_par_embedding_levels_ex(types.data(), brackets.data(), count, &base,
                                          levels.data()) == 0)
    return;  // out of memory: left to right is readable
  paragraph.right_to_left = FRIBIDI_IS_RTL(base);
  // A grapheme is never torn apart.
  for (std::size_t i = 0; i < text.size(); ++i)
    paragraph.units[i].level =
        paragraph.units[i].starts_grapheme || i == 0 ? levels[i] : paragraph.units[i - 1].level;
}

bool is_regional_indicator(char32_t c) {
  return c >= 0x1F1E6 && c <= 0x1F1FF;
}

// A grapheme is drawn in colour by what it begins with, or by the selector within it.
bool grapheme_is_emoji(const std::vector<Unit>& units, std::size_t begin, std::size_t end) {
  bool emoji = is_emoji_by_default(units[begin].c) || is_regional_indicator(units[begin].c);
  for (std::size_t i = begin + 1; i < end; ++i) {
    if (units[i].c == kEmojiSelector || units[i].c == kJoiner)
      emoji = emoji || units[begin].c > 0xFF || units[i].c == kEmojiSelector;
    if (units[i].c == kTextSelector) emoji = false;
  }
  return emoji;
}

// One face a grapheme, so that marks stay on their letters; spaces go with what stands before them.
void find_faces(FontStack& stack, Paragraph& paragraph, bool bold) {
  auto& units = paragraph.units;
  std::int32_t previous = stack.face_for(' ', bold, false);
  for (std::size_t begin = 0; begin < units.size();) {
    std::size_t end = begin + 1;
    while (end < units.size() && !units[end].starts_grapheme) ++end;
    const bool emoji = grapheme_is_emoji(units, begin, end);
    std::int32_t face = stack.face_for(units[begin].c, bold, emoji);
    const bool follows = !emoji && is_space(units[begin].c) && previous != stack.emoji_face() &&
                         stack.has_glyph(previous, units[begin].c);
    if (follows) face = previous;
    for (std::size_t i = begin; i < end; ++i) units[i].face = face;
    previous = face;
    begin = end;
  }
}

void find_scripts(Paragraph& paragraph) {
  auto* functions = hb_unicode_funcs_get_default();
  hb_script_t current = HB_SCRIPT_COMMON;
  for (auto& unit : paragraph.units) {
    const hb_script_t own = hb_unicode_script(functions, unit.c);
    if (unit.starts_grapheme && own != HB_SCRIPT_COMMON && own != HB_SCRIPT_INHERITED &&
        own != HB_SCRIPT_UNKNOWN)
      current = own;
    unit.script = current;
  }
  // What stands before the first letter goes with it.
  hb_script_t first = current;
  for (const auto& unit : paragraph.units)
    if (unit.script != HB_SCRIPT_COMMON) {
      first = unit.script;
      break;
    }
  for (auto& unit : paragraph.units) {
    if (unit.script != HB_SCRIPT_COMMON) break;
    unit.script = first;
  }
}

// `line_begin` and `line_end` bound the context that letters join with.
void shape_run(FontStack& stack, const Paragraph& paragraph, std::size_t line_begin,
               std::size_t line_end, Run& run) {
  const Unit& head = paragraph.units[run.begin];
  hb_buffer_t* buffer = hb_buffer_create();
  hb_buffer_add_codepoints(
      buffer, paragraph.text.data() + line_begin, static_cast<int>(line_end - line_begin),
      static_cast<unsigned>(run.begin - line_begin), static_cast<int>(run.end - run.begin));
  hb_buffer_set_direction(buffer, (run.level & 1) ? HB_DIRECTION_RTL : HB_DIRECTION_LTR);
  hb_buffer_set_script(buffer, head.script);
  hb_buffer_set_language(buffer, hb_language_get_default());
  hb_shape(stack.shaper(head.face), buffer, nullptr, 0);
  unsigned count = 0;
  const auto* infos = hb_buffer_get_glyph_infos(buffer, &count);
  const auto* positions = hb_buffer_get_glyph_positions(buffer, &count);
  run.glyphs.reserve(count);
  for (unsigned i = 0; i < count; ++i)
    run.glyphs.push_back({head.face, infos[i].codepoint,
                          infos[i].cluster + static_cast<std::uint32_t>(line_begin),
                          static_cast<float>(positions[i].x_advance) / kUnitsPerEm,
                          static_cast<float>(positions[i].x_offset) / kUnitsPerEm,
                          static_cast<float>(positions[i].y_offset) / kUnitsPerEm});
  hb_buffer_destroy(buffer);
}

std::vector<Run> shape(FontStack& stack, const Paragraph& paragraph, std::size_t begin,
                       std::size_t end) {
  std::vector<Run> runs;
  const auto& units = paragraph.units;
  for (std::size_t i = begin; i < end;) {
    Run run{i, i + 1, units[i].level, {}};
    while (run.end < end && units[run.end].level == run.level &&
           units[run.end].face == units[i].face && units[run.end].script == units[i].script &&
           units[run.end].tab == units[i].tab)
      ++run.end;
    shape_run(stack, paragraph, begin, end, run);
    i = run.end;
    runs.push_back(std::move(run));
  }
  return runs;
}

// Width of each unit in ems; of a ligature, the whole of it at its first unit.
std::vector<float> advances_of(const std::vector<Run>& runs, std::size_t count) {
  std::vector<float> advances(count, 0);
  for (const auto& run : runs)
    for (const auto& glyph : run.glyphs) advances[glyph.unit] += glyph.advance;
  return advances;
}

// From the pen to the next stop.
float tab_advance(float pen_em) {
  const float to_stop = kTabEms - std::fmod(std::max(0.0f, pen_em), kTabEms);
  return to_stop < kTabEmsMin ? to_stop + kTabEms : to_stop;
}

float width_of(const Paragraph& paragraph, const std::vector<float>& advances) {
  float width = 0;
  for (std::size_t i = 0; i < advances.size(); ++i)
    width += paragraph.units[i].tab ? tab_advance(width) : advances[i];
  return width;
}

bool is_ideographic(char32_t c) {
  return (c >= 0x2E80 && c <= 0x9FFF) || (c >= 0xAC00 && c <= 0xD7A3) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFF00 && c <= 0xFFEF) ||
         (c >= 0x20000 && c <= 0x3FFFF) || is_emoji_by_default(c);
}

// Punctuation that may not stand at the beginning or at the end of a line (kinsoku, in brief).
bool not_at_line_begin(char32_t c) {
  constexpr std::u32string_view kClosing =
      U"、。，．・：；？！」』）】〕〉》ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ)]}!?.,:;%";
  return kClosing.find(c) != kClosing.npos;
}
bool not_at_line_end(char32_t c) {
  constexpr std::u32string_view kOpening = U"「『（【〔〈《([{";
  return kOpening.find(c) != kOpening.npos;
}

// Whether a line may end before unit `i`.
bool may_break_before(const std::vector<Unit>& units, std::size_t i) {
  if (!units[i].starts_grapheme || is_space(units[i].c)) return false;
  const char32_t before = units[i - 1].c, after = units[i].c;
  if (is_space(before)) return true;
  if (not_at_line_begin(after) || not_at_line_end(before)) return false;
  if (before == '-' || before == 0x2010 || before == 0x2013 || before == 0x2014 || before == '/')
    return i >= 2 && !is_space(units[i - 2].c) && units[i - 2].c != '/' && after != '/';
  return is_ideographic(before) || is_ideographic(after);
}

// The end of the line that begins at `begin`, in units: the last place to break that fits; within a
// word where the word alone is too long; always at least one grapheme.
std::size_t line_end(const Paragraph& paragraph, const std::vector<float>& advances,
                     std::size_t begin, float width_em) {
  const auto& units = paragraph.units;
  float used = 0, spaces = 0;
  std::size_t at_word = begin, at_grapheme = begin;
  for (std::size_t i = begin; i < units.size(); ++i) {
    if (i > begin && may_break_before(units, i)) at_word = i;
    if (i > begin && units[i].starts_grapheme) at_grapheme = i;
    const bool space = is_space(units[i].c);
    const float advance = units[i].tab ? tab_advance(used) : advances[i];
    spaces = space ? spaces + advance : 0;
    used += advance;
    if (used - spaces <= width_em) continue;
    if (at_word > begin) return at_word;
    if (at_grapheme > begin) return at_grapheme;
  }
  return units.size();
}

// Rule L2 of UAX 9: from the highest level down to the lowest odd one, runs are reversed.
void order_visually(std::vector<Run>& runs) {
  FriBidiLevel highest = 0;
  for (const auto& run : runs) highest = std::max(highest, run.level);
  for (FriBidiLevel level = highest; level > 0; --level)
    for (std::size_t i = 0; i < runs.size();) {
      std::size_t end = i;
      while (end < runs.size() && runs[end].level >= level) ++end;
      std::reverse(runs.begin() + static_cast<std::ptrdiff_t>(i),
                   runs.begin() + static_cast<std::ptrdiff_t>(end));
      i = std::max(end, i + 1);
    }
}

// Spaces at the end of a line have the paragraph's direction (rule L1) and no width.
std::size_t without_trailing_spaces(const Paragraph& paragraph, std::size_t begin,
                                    std::size_t end) {
  while (end > begin && is_space(paragraph.units[end - 1].c)) --end;
  return end;
}

std::uint32_t byte_of(const Paragraph& paragraph, std::size_t unit) {
  return unit < paragraph.units.size() ? paragraph.units[unit].byte : paragraph.end_byte;
}

// One cell for each grapheme of units [begin, end), which share the width between two pens.
void add_cells(Layout& layout, const Paragraph& paragraph, const Run& run, std::size_t begin,
               std::size_t end, float left, float right) {
  std::vector<std::size_t> starts = {begin};
  for (std::size_t i = begin + 1; i < end; ++i)
    if (paragraph.units[i].starts_grapheme) starts.push_back(i);
  const bool reversed = (run.level & 1) != 0;
  const float each = (right - left) / static_cast<float>(starts.size());
  for (std::size_t k = 0; k < starts.size(); ++k) {
    const std::size_t i = reversed ? starts.size() - 1 - k : k;
    const std::size_t next = i + 1 < starts.size() ? starts[i + 1] : end;
    const float x = left + each * static_cast<float>(k);
    layout.cells.push_back(
        {byte_of(paragraph, starts[i]), byte_of(paragraph, next), x, x + each, reversed});
  }
}

// A grapheme that the shaper made of several clusters (emoji that its font cannot join).
void join_cells(Layout& layout, const Paragraph& paragraph, const Run& run, std::size_t first) {
  const auto starts = [&](std::uint32_t byte) {
    const auto unit =
        std::lower_bound(paragraph.units.begin() + static_cast<std::ptrdiff_t>(run.begin),
                         paragraph.units.begin() + static_cast<std::ptrdiff_t>(run.end), byte,
                         [](const Unit& u, std::uint32_t b) { return u.byte < b; });
    return unit == paragraph.units.end() || unit->starts_grapheme;
  };
  auto& cells = layout.cells;
  for (std::size_t i = first; i + 1 < cells.size();) {
    LayoutCell& a = cells[i];
    const LayoutCell& b = cells[i + 1];
    const bool joined = (a.end == b.begin && !starts(b.begin)) ||  // left to right
                        (b.end == a.begin && !starts(a.begin));
    if (!joined) {
      ++i;
      continue;
    }
    a = {std::min(a.begin, b.begin), std::max(a.end, b.end), a.left, b.right, a.right_to_left};
    cells.erase(cells.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  }
}

// `pens` are the left edges of the run's glyphs, and the right edge of the last.
void place_cells(Layout& layout, const Paragraph& paragraph, const Run& run,
                 const std::vector<float>& pens) {
  const std::size_t first = layout.cells.size(), count = run.glyphs.size();
  const bool reversed = (run.level & 1) != 0;
  std::size_t before = run.end;  // right to left: the cluster that was placed last
  for (std::size_t i = 0; i < count;) {
    std::size_t next = i + 1;
    while (next < count && run.glyphs[next].unit == run.glyphs[i].unit) ++next;
    const std::size_t begin = run.glyphs[i].unit;
    const std::size_t end = reversed ? before : next < count ? run.glyphs[next].unit : run.end;
    if (end > begin) add_cells(layout, paragraph, run, begin, end, pens[i], pens[next]);
    before = begin;
    i = next;
  }
  join_cells(layout, paragraph, run, first);
}

void place_line(Layout& layout, const Paragraph& paragraph, std::vector<Run> runs,
                const LayoutOptions& options) {
  order_visually(runs);
  const float em_px = options.em_px;
  LayoutLine& line = layout.lines.back();
  line.first = static_cast<std::uint32_t>(layout.glyphs.size());
  line.first_cell = static_cast<std::uint32_t>(layout.cells.size());
  float pen = 0;
  std::vector<float> pens;
  for (const auto& run : runs) {
    pens.assign(1, pen * em_px);
    for (const auto& glyph : run.glyphs) {
      layout.glyphs.push_back(
          {glyph.face, glyph.glyph, (pen + glyph.dx) * em_px, -glyph.dy * em_px});
      pen += paragraph.units[glyph.unit].tab ? tab_advance(pen) : glyph.advance;
      pens.push_back(pen * em_px);
    }
    if (options.cells) place_cells(layout, paragraph, run, pens);
  }
  line.count = static_cast<std::uint32_t>(layout.glyphs.size()) - line.first;
  line.cells = static_cast<std::uint32_t>(layout.cells.size()) - line.first_cell;
  line.width = pen * em_px;
  layout.width = std::max(layout.width, line.width);
}

// Carets stand between the spaces at a line's end too; they lie beyond its width.
void place_hanging(Layout& layout, const Paragraph& paragraph, const std::vector<float>& advances,
                   std::size_t begin, std::size_t end, float em_px) {
  LayoutLine& line = layout.lines.back();
  float pen = line.right_to_left ? 0 : line.width;
  for (std::size_t i = begin; i < end;) {
    std::size_t next = i + 1;
    while (next < end && !paragraph.units[next].starts_grapheme) ++next;
    const float width =
        (paragraph.units[i].tab ? tab_advance(std::abs(pen) / em_px) : advances[i]) * em_px;
    LayoutCell cell{byte_of(paragraph, i), byte_of(paragraph, next), pen, pen + width, false};
    if (line.right_to_left) cell = {cell.begin, cell.end, pen - width, pen, true};
    pen = line.right_to_left ? pen - width : pen + width;
    const auto at =
        line.right_to_left ? layout.cells.begin() + line.first_cell : layout.cells.end();
    layout.cells.insert(at, cell);
    ++line.cells;
    i = next;
  }
}

void add_paragraph(FontStack& stack, Paragraph& paragraph, const LayoutOptions& options,
                   Layout& layout) {
  const auto& units = paragraph.units;
  auto runs = shape(stack, paragraph, 0, units.size());
  const auto advances = advances_of(runs, units.size());
  const float total = width_of(paragraph, advances);
  const float width_em = options.wrap_px / options.em_px + 1e-3f;
  const bool one_line = options.wrap_px <= 0 || total <= width_em;
  std::size_t begin = 0;
  do {
    const std::size_t end =
        one_line ? units.size() : line_end(paragraph, advances, begin, width_em);
    const bool whole = begin == 0 && end == units.size();
    const std::size_t visible =
        whole && one_line ? end : without_trailing_spaces(paragraph, begin, end);
    LayoutLine line;
    line.begin = begin < units.size() ? units[begin].byte : paragraph.end_byte;
    line.end = end < units.size() ? units[end].byte : paragraph.end_byte;
    line.right_to_left = paragraph.right_to_left;
    layout.lines.push_back(line);
    place_line(layout, paragraph,
               whole && one_line ? std::move(runs) : shape(stack, paragraph, begin, visible),
               options);
    if (options.cells) place_hanging(layout, paragraph, advances, visible, end, options.em_px);
    begin = end;
  } while (begin < units.size());
}

Layout lay_out_all(FontStack& stack, std::string_view text, const LayoutOptions& options) {
  Layout layout;
  for (auto& paragraph : paragraphs_of(text)) {
    if (!paragraph.units.empty()) {
      find_levels(paragraph);
      find_faces(stack, paragraph, options.bold);
      find_scripts(paragraph);
    }
    add_paragraph(stack, paragraph, options, layout);
    if (options.lines_max > 0 && static_cast<int>(layout.lines.size()) > options.lines_max) break;
  }
  for (auto& line : layout.lines)
    if (line.right_to_left) line.x = layout.width - line.width;
  return layout;
}

// The longest beginning of `text` that fits into the lines with "…" after it.
Layout lay_out_cut(FontStack& stack, std::string_view text, const LayoutOptions& options,
                   std::size_t upper) {
  std::vector<std::size_t> ends = {0};  // of graphemes
  while (ends.back() < upper) ends.push_back(next_grapheme(text, ends.back()));
  std::size_t low = 0,
              high = ends.size() - 1;  // low fits (or nothing does), what is above high not
  Layout best;
  const auto attempt = [&](std::size_t graphemes) {
    std::string shown(text.substr(0, ends[graphemes]));
    while (!shown.empty() && (shown.back() == ' ' || shown.back() == '\n')) shown.pop_back();
    return lay_out_all(stack, shown.append(kEllipsis), options);
  };
  best = attempt(0);
  while (low < high) {
    const std::size_t middle = (low + high + 1) / 2;
    Layout tried = attempt(middle);
    const bool fits = static_cast<int>(tried.lines.size()) <= options.lines_max &&
                      (options.wrap_px <= 0 || tried.width <= options.wrap_px + 0.5f);
    if (fits) {
      low = middle;
      best = std::move(tried);
    } else {
      high = middle - 1;
    }
  }
  best.cut = true;
  return best;
}

}  // namespace

std::size_t next_grapheme(std::string_view text, std::size_t at) {
  if (at >= text.size()) return text.size();
  utf8proc_int32_t state = 0;
  char32_t previous = decode(text, at);
  while (at < text.size()) {
    std::size_t after = at;
    const char32_t next = decode(text, after);
    if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(previous),
                                         static_cast<utf8proc_int32_t>(next), &state))
      return at;
    previous = next;
    at = after;
  }
  return text.size();
}

Layout layout_text(FontStack& stack, std::string_view text, const LayoutOptions& options) {
  if (text.size() > kTextLayoutBytesMax) {
    std::size_t end = kTextLayoutBytesMax - kEllipsis.size();
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return layout_text(stack, std::string(text.substr(0, end)).append(kEllipsis), options);
  }
  Layout layout = lay_out_all(stack, text, options);
  if (options.lines_max <= 0 || static_cast<int>(layout.lines.size()) <= options.lines_max)
    return layout;
  const auto last = static_cast<std::size_t>(options.lines_max) - 1;
  return lay_out_cut(stack, text, options, layout.lines[last].end);
}

}  // namespace atelier::ui
