#include "core/letters.h"

#include <algorithm>

#include "core/board_limits.h"

namespace atelier::board {
namespace {

constexpr std::size_t kEditsMax = 1'000;  // taken back at most

std::size_t bytes_of(char32_t c) {
  return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

std::size_t bytes_of(std::u32string_view points) {
  std::size_t bytes = 0;
  for (const char32_t c : points) bytes += bytes_of(c);
  return bytes;
}

// Editors and documents give valid UTF-8; a stray byte counts as itself.
std::u32string decoded(std::string_view text) {
  std::u32string points;
  for (std::size_t at = 0; at < text.size();) {
    const auto first = static_cast<unsigned char>(text[at]);
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
    if (length == 1 || at + length > text.size()) {
      points += first;
      ++at;
      continue;
    }
    char32_t c = first & (0xFFu >> (length + 1));
    for (std::size_t i = 1; i < length; ++i)
      c = c << 6 | (static_cast<unsigned char>(text[at + i]) & 63u);
    points += c;
    at += length;
  }
  return points;
}

std::string encoded(std::u32string_view points) {
  std::string text;
  for (const char32_t c : points) {
    const std::size_t length = bytes_of(c);
    if (length == 1) {
      text += static_cast<char>(c);
      continue;
    }
    static constexpr unsigned kLead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    text += static_cast<char>(kLead[length] | (c >> (6 * (length - 1))));
    for (std::size_t i = length - 1; i-- > 0;)
      text += static_cast<char>(0x80u | ((c >> (6 * i)) & 63u));
  }
  return text;
}

}  // namespace

Letters::Letters(std::string_view text) : points_(decoded(text)), bytes_(text.size()) {
  find_lines();
}

std::string Letters::text() const {
  return encoded(points_);
}

std::size_t Letters::line_of(std::size_t position) const {
  const auto after = std::upper_bound(lines_.begin(), lines_.end(), position);
  return static_cast<std::size_t>(after - lines_.begin()) - 1;
}

std::string Letters::slice(std::size_t position, std::size_t count) const {
  position = std::min(position, points_.size());
  return encoded(std::u32string_view(points_).substr(position, count));
}

void Letters::find_lines() {
  lines_.assign(1, 0);
  for (std::size_t i = 0; i < points_.size(); ++i)
    if (points_[i] == U'\n') lines_.push_back(i + 1);
}

LetterPatch Letters::apply(std::size_t position, std::size_t erased,
                           const std::u32string& inserted) {
  bytes_ -= bytes_of(std::u32string_view(points_).substr(position, erased));
  bytes_ += bytes_of(inserted);
  points_.replace(position, erased, inserted);
  find_lines();
  return {position, erased, inserted.size()};
}

LetterPatch Letters::replace(std::size_t position, std::size_t erased, std::string_view text) {
  position = std::min(position, points_.size());
  erased = std::min(erased, points_.size() - position);
  const std::u32string inserted = decoded(text);
  if (bytes_ + bytes_of(inserted) > kTextBytesMax + bytes_of(points_.substr(position, erased)))
    return {};
  undone_.clear();
  // Typing on is one step.
  const bool goes_on = open_step_ && !done_.empty() && erased == 0 &&
                       done_.back().position + done_.back().inserted.size() == position;
  if (goes_on)
    done_.back().inserted += inserted;
  else
    done_.push_back({position, points_.substr(position, erased), inserted});
  if (done_.size() > kEditsMax) done_.erase(done_.begin());
  open_step_ = true;
  return apply(position, erased, inserted);
}

LetterPatch Letters::undo() {
  open_step_ = false;
  if (done_.empty()) return {};
  undone_.push_back(std::move(done_.back()));
  done_.pop_back();
  const Edit& edit = undone_.back();
  return apply(edit.position, edit.inserted.size(), edit.erased);
}

LetterPatch Letters::redo() {
  open_step_ = false;
  if (undone_.empty()) return {};
  done_.push_back(std::move(undone_.back()));
  undone_.pop_back();
  const Edit& edit = done_.back();
  return apply(edit.position, edit.erased.size(), edit.inserted);
}

}  // namespace atelier::board
