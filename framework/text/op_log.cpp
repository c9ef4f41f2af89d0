#include "text/op_log.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "text/utf8.h"

namespace atelier::text_crdt {

bool erase_continues(OpKind run_kind, std::uint32_t run_position, std::uint32_t run_length,
                     OpKind kind, std::uint32_t position, std::uint32_t length, OpKind& joined) {
  const auto fits = [&](OpKind wanted) {
    return (run_kind == wanted || run_length == 1) && (kind == wanted || length == 1);
  };
  if (position == run_position && fits(OpKind::kErase)) {
    joined = OpKind::kErase;
    return true;
  }
  if (position + length == run_position && fits(OpKind::kEraseBackward)) {
    joined = OpKind::kEraseBackward;
    return true;
  }
  return false;
}

bool OpLog::extend(OpKind kind, std::uint32_t position, std::uint32_t length) {
  if (runs_.empty()) return false;
  Run& last = runs_.back();
  const std::uint32_t last_length = end_ - last.lv;
  if (kind == OpKind::kInsert) {
    return last.kind == OpKind::kInsert && position == last.position + last_length;
  }
  if (last.kind == OpKind::kInsert) return false;
  if (!erase_continues(last.kind, last.position, last_length, kind, position, length, last.kind)) {
    return false;
  }
  last.position = std::min(last.position, position);
  return true;
}

void OpLog::push(OpKind kind, std::uint32_t position, std::uint32_t length,
                 std::string_view content) {
  if (!extend(kind, position, length)) {
    runs_.push_back({end_, position, static_cast<std::uint32_t>(content_.size()), kind});
  }
  content_.append(content);
  end_ += length;
}

void OpLog::truncate(Lv end) {
  while (!runs_.empty() && runs_.back().lv >= end) {
    content_.resize(runs_.back().content);
    end_ = runs_.back().lv;
    runs_.pop_back();
  }
  if (runs_.empty() || end_ <= end) {
    end_ = std::max(end, begin_);
    return;
  }
  const std::size_t i = runs_.size() - 1;
  const Op kept = part(i, runs_[i].lv, end);
  runs_[i].position = kept.position;
  content_.resize(runs_[i].content + kept.content.size());
  end_ = end;
}

void OpLog::prepend(OpLog&& older) {
  assert(older.end_ == begin_);
  const auto shift = static_cast<std::uint32_t>(older.content_.size());
  older.runs_.reserve(older.runs_.size() + runs_.size());
  for (Run run : runs_) {
    run.content += shift;
    older.runs_.push_back(run);
  }
  older.content_ += content_;
  older.end_ = end_;
  *this = std::move(older);
}

std::size_t OpLog::index_of(Lv lv) const {
  assert(lv >= begin_ && lv < end_);
  if (lv >= runs_.back().lv) return runs_.size() - 1;
  const auto after = std::upper_bound(runs_.begin(), runs_.end(), lv,
                                      [](Lv value, const Run& run) { return value < run.lv; });
  return static_cast<std::size_t>(after - runs_.begin()) - 1;
}

Op OpLog::part(std::size_t i, Lv begin, Lv end) const {
  const Run& run = runs_[i];
  const std::uint32_t skipped = begin - run.lv;
  const std::uint32_t left_out = run_end(i) - end;
  Op op{begin, end - begin, run.position, run.kind, {}};
  if (run.kind == OpKind::kEraseBackward) op.position += left_out;
  if (run.kind != OpKind::kInsert) return op;
  op.position += skipped;
  op.content = std::string_view(content_).substr(run.content, content_end(i) - run.content);
  if (op.content.size() == run_end(i) - run.lv) {  // one byte each
    op.content = op.content.substr(skipped, op.length);
  } else if (skipped != 0 || left_out != 0) {
    op.content.remove_prefix(byte_of_point(op.content, skipped));
    op.content = op.content.substr(0, byte_of_point(op.content, op.length));
  }
  return op;
}

}  // namespace atelier::text_crdt
