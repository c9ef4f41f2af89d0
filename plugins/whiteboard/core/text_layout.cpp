#include "core/text_layout.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/board_limits.h"

namespace atelier::board {
namespace {

struct Character {
  std::uint32_t code = 0;
  std::size_t bytes = 1;
};

// The text is valid UTF-8, since documents are. What is not counts as one byte each.
Character character_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
  };
  const unsigned first = byte(0);
  if (first >= 0xF0 && at + 4 <= text.size())
    return {(first & 7) << 18 | (byte(1) & 63) << 12 | (byte(2) & 63) << 6 | (byte(3) & 63), 4};
  if (first >= 0xE0 && at + 3 <= text.size())
    return {(first & 15) << 12 | (byte(1) & 63) << 6 | (byte(2) & 63), 3};
  if (first >= 0xC0 && at + 2 <= text.size()) return {(first & 31) << 6 | (byte(1) & 63), 2};
  return {first, 1};
}

bool within(std::uint32_t code, std::uint32_t from, std::uint32_t to) {
  return code >= from && code <= to;
}

// Takes no room of its own and stays with what is before it.
bool is_mark(std::uint32_t code) {
  return within(code, 0x300, 0x36F) || within(code, 0x483, 0x489) || within(code, 0x591, 0x5BD) ||
         within(code, 0x610, 0x61A) || within(code, 0x64B, 0x65F) || within(code, 0x93A, 0x94F) ||
         within(code, 0xE31, 0xE3A) || within(code, 0x1AB0, 0x1AFF) ||
         within(code, 0x200B, 0x200F) || within(code, 0x20D0, 0x20FF) ||
         within(code, 0xFE00, 0xFE0F) || within(code, 0x1F3FB, 0x1F3FF) ||
         within(code, 0xE0100, 0xE01EF);
}

bool is_wide(std::uint32_t code) {
  return within(code, 0x1100, 0x115F) || within(code, 0x2E80, 0xA4CF) ||
         within(code, 0xAC00, 0xD7A3) || within(code, 0xF900, 0xFAFF) ||
         within(code, 0xFF00, 0xFF60) || within(code, 0x1F300, 0x1FAFF) ||
         within(code, 0x20000, 0x3FFFD);
}

// The length of a character with its marks and what a joiner ties to it.
std::size_t cluster_bytes(std::string_view text, std::size_t at) {
  std::size_t end = at + character_at(text, at).bytes;
  while (end < text.size()) {
    const Character next = character_at(text, end);
    if (!is_mark(next.code)) break;
    end += next.bytes;
    if (next.code == 0x200D && end < text.size()) end += character_at(text, end).bytes;
  }
  return std::min(end, text.size()) - at;
}

// The next piece that is kept together: a word with the spaces behind it, or one wide character.
std::size_t word_bytes(std::string_view text) {
  std::size_t end = 0;
  bool after_space = false;
  while (end < text.size()) {
    const bool space = text[end] == ' ' || text[end] == '\t';
    if (after_space && !space) break;
    const bool wide = is_wide(character_at(text, end).code);
    if (wide && end > 0) break;
    end += cluster_bytes(text, end);
    if (wide && (end >= text.size() || text[end] != ' ')) break;
    after_space = space;
  }
  return end;
}

std::string_view without_end_spaces(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

class Layout {
 public:
  Layout(double width, double size, const MeasureText& measure)
      : width_(width), size_(size), measure_(measure) {}

  void add_paragraph(std::string_view text) {
    if (width_ <= 0) return add_line(text);
    std::size_t begin = 0, end = 0;
    while (end < text.size() && !full()) {
      const std::size_t word = word_bytes(text.substr(end));
      if (fits(text.substr(begin, end + word - begin))) {
        end += word;
        continue;
      }
      if (end == begin) end += break_word(text.substr(begin, word));
      add_line(without_end_spaces(text.substr(begin, end - begin)));
      begin = end;
    }
    if (begin < text.size() || text.empty()) add_line(without_end_spaces(text.substr(begin)));
  }
  bool full() const { return block_.lines.size() >= kTextLinesMax; }

  TextBlock take() {
    block_.height = kLineHeight * size_ * static_cast<double>(block_.lines.size());
    return std::move(block_);
  }

 private:
  bool fits(std::string_view text) const {
    return measure_(without_end_spaces(text), size_) <= width_;
  }

  // As many characters of a word as fit, at least one.
  std::size_t break_word(std::string_view word) const {
    std::size_t end = cluster_bytes(word, 0);
    while (end < word.size()) {
      const std::size_t next = end + cluster_bytes(word, end);
      if (!fits(word.substr(0, next))) break;
      end = next;
    }
    return end;
  }

  void add_line(std::string_view text) {
    if (full()) return;
    block_.lines.push_back({std::string(text), measure_(text, size_)});
    block_.width = std::max(block_.width, block_.lines.back().width);
  }

  double width_, size_;
  const MeasureText& measure_;
  TextBlock block_;
};

}  // namespace

double rough_text_width(std::string_view text, double size) {
  double ems = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Character character = character_at(text, at);
    at += character.bytes;
    if (is_mark(character.code)) continue;
    if (is_wide(character.code))
      ems += 1;
    else if (within(character.code, 'A', 'Z'))
      ems += 0.64;
    else if (std::string_view(" .,:;!|'iljtf").find(static_cast<char>(character.code)) !=
                 std::string_view::npos &&
             character.code < 128)
      ems += 0.29;
    else
      ems += 0.56;
  }
  return ems * size;
}

TextBlock layout_text(std::string_view text, double width, double size,
                      const MeasureText& measure) {
  Layout layout(width, size, measure);
  while (!layout.full()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    layout.add_paragraph(text.substr(0, end));
    if (end == text.size()) break;
    text.remove_prefix(end + 1);
  }
  return layout.take();
}

TextBlock fit_text(std::string_view text, double width, double height, double& size,
                   const MeasureText& measure) {
  TextBlock block = layout_text(text, width, size, measure);
  while (block.height > height && size > kNoteFontMin) {
    size = std::max(kNoteFontMin, size * 0.85);
    block = layout_text(text, width, size, measure);
  }
  const auto room =
      static_cast<std::size_t>(std::max(1.0, std::floor(height / (size * kLineHeight))));
  if (block.lines.size() <= room) return block;
  block.lines.resize(room);
  block.lines.back().text += "\xE2\x80\xA6";
  block.height = kLineHeight * size * static_cast<double>(room);
  return block;
}

}  // namespace atelier::board
