// Every operation of a text in the order in which this replica met them, as run-length columns.
// Thread rule: one thread at a time.
//
// An operation inserts or erases one code point; its place in this order is its local version (Lv).
// Runs hold what people do: type on, delete on (forward), and backspace (backward).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace atelier::text_crdt {

using Lv = std::uint32_t;
inline constexpr Lv kNoLv = 0xffff'ffff;

enum class OpKind : std::uint8_t {
  kInsert = 0,
  kErase = 1,          // every operation erases at `position`
  kEraseBackward = 2,  // the first erases at the end of the range, the last at `position`
};

/// A run, or a part of one. Positions are those of the text as its author saw it.
struct Op {
  Lv lv = 0;
  std::uint32_t length = 0;    // operations, which are code points
  std::uint32_t position = 0;  // of the lowest code point that it touches
  OpKind kind = OpKind::kInsert;
  std::string_view content;  // of an insertion; into the log: valid until it changes
};

class OpLog {
 public:
  explicit OpLog(Lv begin = 0) : begin_(begin), end_(begin) {}

  Lv begin() const { return begin_; }
  Lv end() const { return end_; }
  std::size_t runs() const { return runs_.size(); }
  std::size_t content_bytes() const { return content_.size(); }
  const char* content_data() const { return content_.data(); }

  void push(OpKind kind, std::uint32_t position, std::uint32_t length, std::string_view content);
  /// An erasure of a range at once, which may go on a run in either direction.
  void push_erase(std::uint32_t position, std::uint32_t length) {
    push(erases_backward_to(position + length) ? OpKind::kEraseBackward : OpKind::kErase, position,
         length, {});
  }
  /// Forgets everything from `end` on.
  void truncate(Lv end);
  /// Puts what came before in front; `older` must end where this begins.
  void prepend(OpLog&& older);

  /// Calls visit(Op) for all of [begin, end), split where runs end; stops and answers false when it
  /// does. `visit` must not change the log.
  template <class Visit>
  bool each(Lv begin, Lv end, Visit&& visit) const {
    for (std::size_t i = begin < end ? index_of(begin) : 0; begin < end; ++i) {
      const Lv stop = run_end(i) < end ? run_end(i) : end;
      if (!visit(part(i, begin, stop))) return false;
      begin = stop;
    }
    return true;
  }

  void reserve(std::size_t runs, std::size_t content_bytes) {
    runs_.reserve(runs);
    content_.reserve(content_bytes);
  }
  std::size_t memory() const { return runs_.capacity() * sizeof(Run) + content_.capacity(); }

 private:
  struct Run {
    Lv lv;
    std::uint32_t position;
    std::uint32_t content;  // where its content begins; content_'s size then, if it has none
    OpKind kind;
  };

  std::size_t index_of(Lv lv) const;
  bool erases_backward_to(std::uint32_t position) const {
    return !runs_.empty() && runs_.back().position == position &&
           (runs_.back().kind == OpKind::kEraseBackward ||
            (runs_.back().kind == OpKind::kErase && end_ - runs_.back().lv == 1));
  }
  Lv run_end(std::size_t i) const { return i + 1 < runs_.size() ? runs_[i + 1].lv : end_; }
  std::size_t content_end(std::size_t i) const {
    return i + 1 < runs_.size() ? runs_[i + 1].content : content_.size();
  }
  Op part(std::size_t i, Lv begin, Lv end) const;
  bool extend(OpKind kind, std::uint32_t position, std::uint32_t length);

  Lv begin_;
  Lv end_;
  std::vector<Run> runs_;
  std::string content_;
};

/// Whether an erasure at `position` can go on a run of kind `run_kind`, `run_length` long, whose
/// lowest position is `run_position`; and as what.
bool erase_continues(OpKind run_kind, std::uint32_t run_position, std::uint32_t run_length,
                     OpKind kind, std::uint32_t position, std::uint32_t length, OpKind& joined);

}  // namespace atelier::text_crdt
