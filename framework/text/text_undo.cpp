#include "text/text_undo.h"

#include <utility>

#include "base/limits.h"
#include "text/utf8.h"

namespace atelier {
namespace {

using Kind = TextDelta::Kind;

// Patches in a row as one change, without their text. By halves, so that many cost little more than
// their number.
TextDelta delta_of(std::span<const TextPatch> patches) {
  if (patches.empty()) return {};
  if (patches.size() == 1) {
    const TextPatch& patch = patches[0];
    return TextDelta::replace(patch.position, patch.erased, patch.inserted_points, {});
  }
  const std::size_t half = patches.size() / 2;
  return compose(delta_of(patches.first(half)), delta_of(patches.subspan(half)));
}

// The change that takes `delta` back, made while `rope` has not had it.
TextDelta invert(const TextDelta& delta, const Rope& rope) {
  TextDelta inverse;
  std::size_t position = 0;
  for (const TextDelta::Part& part : delta.parts()) {
    if (part.kind == Kind::kInsert) {
      inverse.erase(part.count);
      continue;
    }
    if (part.kind == Kind::kErase) {
      inverse.insert(part.count, rope.slice(position, part.count));
    } else {
      inverse.keep(part.count);
    }
    position += part.count;
  }
  return inverse;
}

}  // namespace

Status TextUndo::insert(TextDoc& doc, std::size_t position, std::string_view text) {
  return replace(doc, position, 0, text);
}

Status TextUndo::erase(TextDoc& doc, std::size_t position, std::size_t count) {
  return replace(doc, position, count, {});
}

Status TextUndo::replace(TextDoc& doc, std::size_t position, std::size_t count,
                         std::string_view text) {
  if (position > doc.text().points() || count > doc.text().points() - position) {
    return invalid("edit behind the end of the text");
  }
  const std::string erased = doc.text().slice(position, count);
  // The insertion first: it may be refused, the erasure then no longer.
  ATELIER_CHECK(doc.insert(position + count, text));
  ATELIER_CHECK(doc.erase(position, count));
  const std::size_t inserted = is_utf8(text) ? count_points(text) : 0;
  if (count + inserted > 0) record(TextDelta::replace(position, inserted, count, erased));
  return ok();
}

void TextUndo::record(TextDelta inverse) {
  redo_.clear();
  if (!group_open_ || undo_.empty()) {
    undo_.push_back({std::move(inverse), {}});
    group_open_ = true;
    if (undo_.size() > kTextUndoGroupsMax) undo_.pop_front();
    return;
  }
  settle(undo_);
  undo_.back().inverse = compose(inverse, undo_.back().inverse);
}

// Carries the last step over what others did since, and hands that on to the step before it.
void TextUndo::settle(Steps& steps) {
  Step& last = steps.back();
  if (last.others.empty()) return;
  TextDelta carried = transform(last.inverse, last.others, true);
  if (steps.size() > 1) {
    Step& before = steps[steps.size() - 2];
    before.others = compose(before.others, transform(last.others, last.inverse, false));
  }
  last.inverse = std::move(carried);
  last.others = {};
}

void TextUndo::merged(std::span<const TextPatch> patches) {
  if (patches.empty() || (undo_.empty() && redo_.empty())) return;
  const TextDelta others = delta_of(patches);
  for (Steps* steps : {&undo_, &redo_}) {
    if (!steps->empty()) steps->back().others = compose(steps->back().others, others);
  }
}

void TextUndo::clear() {
  undo_.clear();
  redo_.clear();
  group_open_ = false;
}

Result<std::span<const TextPatch>> TextUndo::undo(TextDoc& doc) {
  return take_back(doc, undo_, redo_);
}
Result<std::span<const TextPatch>> TextUndo::redo(TextDoc& doc) {
  return take_back(doc, redo_, undo_);
}

Result<std::span<const TextPatch>> TextUndo::take_back(TextDoc& doc, Steps& from, Steps& to) {
  group_open_ = false;
  patches_.clear();
  if (from.empty()) return std::span<const TextPatch>(patches_);
  settle(from);
  applied_ = from.back().inverse;
  TextDelta inverse = invert(applied_, doc.text());
  std::size_t position = 0;
  for (const TextDelta::Part& part : applied_.parts()) {
    if (part.kind == Kind::kKeep) {
      position += part.count;
    } else if (part.kind == Kind::kErase) {
      ATELIER_CHECK(doc.erase(position, part.count));
      patches_.push_back({position, part.count, 0, {}});
    } else {
      ATELIER_CHECK(doc.insert(position, part.text));
      patches_.push_back({position, 0, part.count, part.text});
      position += part.count;
    }
  }
  from.pop_back();
  to.push_back({std::move(inverse), {}});
  return std::span<const TextPatch>(patches_);
}

}  // namespace atelier
