// What a person does to shapes, as writes of documents. A write changes single fields of whatever
// the document is when it is made, so that others' changes stay. Thread rule: pure functions and
// values.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/board.h"
#include "core/order.h"

namespace atelier::board {

struct Write {
  enum class Kind { kCreate, kEdit, kRemove };
  Kind kind = Kind::kEdit;
  std::string id;
  std::string body;  // kCreate
  Fields fields;     // kEdit
};
using Writes = std::vector<Write>;
using Ids = std::set<std::string>;

/// The body after a create or an edit: what RawCollection::write() asks for. `body` is empty where
/// there is no document; nullopt leaves all as it is (somebody deleted what should be edited).
std::optional<std::string> body_after(std::string_view body, const Write& write);
/// Makes the write on the board at once, before it comes back as a change.
Dirty apply(Board& board, const Write& write);

Write create(const std::string& id, const Shape& shape);
Writes remove(const Board& board, const Ids& ids);
Writes move(const Board& board, const Ids& ids, Vec by);
/// Stretches the selection from box `from` to box `to`.
Writes resize(const Board& board, const Ids& ids, const Box& from, const Box& to);
/// Sets the same fields of all.
Writes restyle(const Board& board, const Ids& ids, const Fields& fields);

/// Copies on top of everything, in their order among each other, with groups of their own.
struct CopyTo {
  Vec offset;
  std::string author;
  std::int64_t now_ms = 0;
  std::function<std::string()> make_id;  // of a document
};
Writes duplicate(const Board& board, const Ids& ids, const CopyTo& to, Jitter& jitter);

Writes to_front(const Board& board, const Ids& ids, Jitter& jitter);
Writes to_back(const Board& board, const Ids& ids, Jitter& jitter);
/// Over the next shape that it overlaps and that is not chosen as well; one step. Nothing when
/// there is none.
Writes forward(const Board& board, const Ids& ids, Jitter& jitter);
Writes backward(const Board& board, const Ids& ids, Jitter& jitter);

}  // namespace atelier::board
