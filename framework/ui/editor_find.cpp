// EditorCore: finding words. What was found in a block stays until the block changes; the rest is
// searched some blocks a frame. Letters are compared by their folded, decomposed forms, so that
// case and the way that an accent is written do not matter. Thread rule: main thread.
#include <algorithm>

#include <utf8proc.h>

#include "base/limits.h"
#include "ui/editor.h"
#include "ui/state.h"

namespace atelier::ui {
namespace {

struct Folded {
  std::u32string text;
  std::vector<std::uint32_t> origin;  // for each code point, and the end: which one it came from
};

Folded folded(std::u32string_view text) {
  Folded made;
  made.text.reserve(text.size());
  made.origin.reserve(text.size() + 1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    if (c < 0x80) {
      made.text += c >= U'A' && c <= U'Z' ? c + 32 : c;
      made.origin.push_back(static_cast<std::uint32_t>(i));
      continue;
    }
    utf8proc_int32_t parts[8];
    int boundary = 0;
    const auto count = utf8proc_decompose_char(
        static_cast<utf8proc_int32_t>(c), parts, 8,
        static_cast<utf8proc_option_t>(UTF8PROC_CASEFOLD | UTF8PROC_DECOMPOSE), &boundary);
    if (count < 1 || count > 8) {
      made.text += c;
      made.origin.push_back(static_cast<std::uint32_t>(i));
      continue;
    }
    for (utf8proc_ssize_t k = 0; k < count; ++k) {
      made.text += static_cast<char32_t>(parts[k]);
      made.origin.push_back(static_cast<std::uint32_t>(i));
    }
  }
  made.origin.push_back(static_cast<std::uint32_t>(text.size()));
  return made;
}

// Whether a match may begin or end before code point `i`.
bool is_between(std::u32string_view text, std::size_t i) {
  return i == 0 || i >= text.size() ||
         utf8proc_grapheme_break(static_cast<utf8proc_int32_t>(text[i - 1]),
                                 static_cast<utf8proc_int32_t>(text[i]));
}

std::vector<BlockMatch> matches_in(std::u32string_view text, std::size_t begin_max,
                                   std::u32string_view words) {
  std::vector<BlockMatch> matches;
  const Folded hay = folded(text);
  for (std::size_t at = hay.text.find(words); at != hay.text.npos;) {
    const std::uint32_t begin = hay.origin[at], end = hay.origin[at + words.size()];
    if (begin >= begin_max) break;
    const bool whole = (at == 0 || hay.origin[at - 1] != begin) &&
                       hay.origin[at + words.size() - 1] != end && is_between(text, begin) &&
                       is_between(text, end);
    if (whole) matches.push_back({begin, end - begin});
    at = hay.text.find(words, whole ? at + words.size() : at + 1);
  }
  return matches;
}

}  // namespace

void EditorCore::find(std::string words) {
  std::u32string folded_words = folded(to_points(words)).text;
  if (folded_words == words_) return;
  words_ = std::move(folded_words);
  text_.blocks().update_all([](EditorBlock& block) {
    block.searched = false;
    block.matches.reset();
  });
}

void EditorCore::search(Place at) {
  auto& blocks = text_.blocks();
  const std::size_t begin = blocks.found(at).begin, count = blocks[at].points;
  // Where a line was cut, words may reach over the cut.
  const std::size_t beyond =
      blocks[at].ends_line ? 0 : std::min(text_.size() - begin - count, 2 * words_.size() + 8);
  const auto matches = matches_in(text_.read(begin, count + beyond), count, words_);
  blocks.update(at, [&](EditorBlock& block) {
    block.searched = true;
    block.matches.reset();
    if (!matches.empty()) block.matches = std::make_unique<std::vector<BlockMatch>>(matches);
  });
}

void EditorCore::search_some(std::size_t points) {
  auto& blocks = text_.blocks();
  if (blocks.unsearched() == 0) return;
  Place at = blocks.first_unsearched();
  std::size_t done = 0;
  do {
    if (blocks[at].searched) continue;
    done += blocks[at].points + 1;
    search(at);
  } while (done < points && blocks.next(at));
}

TextEditor::Found EditorCore::found(TextModel& model) {
  if (words_.empty()) return {};
  text_.attach(model, *state().fonts);
  search_some(kEditorSearchPoints);
  auto& blocks = text_.blocks();
  if (blocks.unsearched() > 0) redraw_in_ms(1);
  TextEditor::Found found{blocks.matches(), 0};
  const auto [begin, end] = selection();
  const auto block = blocks.at_point(begin);
  if (begin == end || !blocks[block.place].matches) return found;
  const auto& matches = *blocks[block.place].matches;
  for (std::size_t i = 0; i < matches.size(); ++i)
    if (block.begin + matches[i].begin == begin && begin + matches[i].length == end)
      found.current = blocks.matches_before(block.place) + i + 1;
  return found;
}

std::optional<std::pair<std::size_t, std::size_t>> EditorCore::match_from(std::size_t position,
                                                                          bool backward) {
  auto& blocks = text_.blocks();
  Place at = blocks.at_point(position).place;
  do {
    if (!blocks[at].searched) search(at);
    if (!blocks[at].matches) continue;
    const std::size_t begin = blocks.found(at).begin;
    const auto& matches = *blocks[at].matches;
    const auto range = [&](const BlockMatch& m) {
      return std::pair(begin + m.begin, begin + m.begin + m.length);
    };
    if (backward) {
      for (auto match = matches.rbegin(); match != matches.rend(); ++match)
        if (begin + match->begin < position) return range(*match);
    } else {
      for (const auto& match : matches)
        if (begin + match.begin >= position) return range(match);
    }
  } while (backward ? blocks.previous(at) : blocks.next(at));
  return std::nullopt;
}

void EditorCore::find_next(TextModel& model, bool backward) {
  if (words_.empty()) return;
  text_.attach(model, *state().fonts);
  const auto [begin, end] = selection();
  const bool on_match = found(model).current > 0;
  auto match = match_from(backward || !on_match ? begin : end, backward);
  if (!match) match = match_from(backward ? text_.size() + 1 : 0, backward);
  if (match) select(match->first, match->second);
}

}  // namespace atelier::ui
