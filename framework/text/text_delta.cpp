#include "text/text_delta.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "text/utf8.h"

namespace atelier {
namespace {

using Kind = TextDelta::Kind;
using Part = TextDelta::Part;

// Takes a row apart in pieces of any length; behind its end everything is kept.
class Parts {
 public:
  explicit Parts(const TextDelta& delta) : parts_(delta.parts()) {}

  bool at_end() const { return index_ == parts_.size(); }
  Kind kind() const { return at_end() ? Kind::kKeep : parts_[index_].kind; }
  std::size_t left() const {
    return at_end() ? std::numeric_limits<std::size_t>::max() : parts_[index_].count - offset_;
  }

  Part take(std::size_t count) {
    if (at_end()) return {Kind::kKeep, count, {}};
    const Part& part = parts_[index_];
    Part taken{part.kind, count, {}};
    if (!part.text.empty()) {
      const std::string_view rest = std::string_view(part.text).substr(byte_);
      taken.text = rest.substr(0, byte_of_point(rest, count));
      byte_ += taken.text.size();
    }
    offset_ += count;
    if (offset_ == part.count) {
      ++index_;
      offset_ = byte_ = 0;
    }
    return taken;
  }
  Part take_all() { return take(left()); }

 private:
  const std::vector<Part>& parts_;
  std::size_t index_ = 0;
  std::size_t offset_ = 0;  // code points of the part taken
  std::size_t byte_ = 0;    // same, of its text
};

}  // namespace

void TextDelta::add(Part part) {
  if (part.count == 0) return;
  // An insertion stands before an erasure at the same place: one form for one change.
  const bool swap =
      part.kind == Kind::kInsert && !parts_.empty() && parts_.back().kind == Kind::kErase;
  Part erased;
  if (swap) {
    erased = std::move(parts_.back());
    parts_.pop_back();
  }
  if (!parts_.empty() && parts_.back().kind == part.kind) {
    parts_.back().count += part.count;
    parts_.back().text += part.text;
  } else {
    parts_.push_back(std::move(part));
  }
  if (swap) parts_.push_back(std::move(erased));
}

void TextDelta::trim() {
  if (!parts_.empty() && parts_.back().kind == Kind::kKeep) parts_.pop_back();
}

TextDelta TextDelta::replace(std::size_t at, std::size_t erased, std::size_t inserted,
                             std::string_view text) {
  TextDelta delta;
  delta.keep(at);
  delta.insert(inserted, text);
  delta.erase(erased);
  return delta;
}

TextDelta compose(const TextDelta& first, const TextDelta& second) {
  TextDelta result;
  Parts a(first);
  Parts b(second);
  while (!a.at_end() || !b.at_end()) {
    if (b.kind() == Kind::kInsert) {
      result.add(b.take_all());
    } else if (a.kind() == Kind::kErase) {
      result.add(a.take_all());
    } else {
      const std::size_t count = std::min(a.left(), b.left());
      Part made = a.take(count);
      const Part then = b.take(count);
      if (then.kind == Kind::kKeep) {
        result.add(std::move(made));
      } else if (made.kind == Kind::kKeep) {
        result.add(then);
      }
    }
  }
  result.trim();
  return result;
}

TextDelta transform(const TextDelta& delta, const TextDelta& other, bool goes_first) {
  TextDelta result;
  Parts a(delta);
  Parts b(other);
  while (!a.at_end()) {
    if (a.kind() == Kind::kInsert && (goes_first || b.kind() != Kind::kInsert)) {
      result.add(a.take_all());
    } else if (b.kind() == Kind::kInsert) {
      result.keep(b.take_all().count);
    } else {
      const std::size_t count = std::min(a.left(), b.left());
      const Part mine = a.take(count);
      if (b.take(count).kind != Kind::kErase) result.add(mine);
    }
  }
  result.trim();
  return result;
}

}  // namespace atelier
