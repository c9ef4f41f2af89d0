// A table of rows by document id, in the order of the ids' bytes, for ids of any legal length.
//
// LMDB's keys end at 511 bytes, ids at 7,168. An id shorter than kFragmentBytes is a key of `ids`
// as it stands. All ids that begin with the same kFragmentBytes bytes share one bucket: the row of
// those bytes holds the bucket's number, and `fragments` holds the rest of the id under that
// number, by the same rule again. So order is kept, and each step costs one more look-up per 480
// bytes of id.
//
//   ids        id                                  -> row             id shorter than 480 bytes
//              first 480 bytes                     -> bucket: 8 bytes, big-endian
//   fragments  bucket: 8, rest (less than 480)     -> row
//              bucket: 8, next 480 bytes           -> bucket: 8
//
// Thread rule: as the transaction.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/os/disk.h"
#include "store/lmdb.h"

namespace atelier {

struct IdTables {
  MDB_dbi ids = 0;
  MDB_dbi fragments = 0;
  std::size_t levels_max = kIdBytesMax / kFragmentBytes;  // buckets within buckets; more is damage
};

lmdb::Lookup find_row(MDB_txn* txn, const IdTables& tables, std::string_view id,
                      std::string_view* row, Error* error);
/// `next_bucket` is the store's counter. `append`: the caller knows that `id` is behind all others.
void put_row(lmdb::WriteTxn& txn, const IdTables& tables, std::uint64_t& next_bucket,
             std::string_view id, std::string_view row, bool append);
/// Takes buckets away that became empty.
void erase_row(lmdb::WriteTxn& txn, const IdTables& tables, std::string_view id);

class IdCursor {
 public:
  IdCursor(MDB_txn* txn, const IdTables& tables);
  /// Followed (leaf_order.h) in the tables with these names; the transaction only reads. `is_whole`
  /// is LeafOrder's, for rows of `ids`.
  IdCursor(MDB_txn* txn, const IdTables& tables, const os::FileReader& file,
           std::string_view ids_name, std::string_view fragments_name,
           bool (*is_whole)(std::string_view key, std::string_view value));

  /// To the first id that is not smaller; each returns whether there is one.
  bool seek(std::string_view id);
  bool seek_last();
  bool next() { return step(MDB_NEXT); }
  bool previous() { return step(MDB_PREV); }

  std::string_view id() const { return levels_.empty() ? ids_.key() : std::string_view(id_); }
  std::string_view row() const { return levels_.empty() ? ids_.value() : fragments_.value(); }
  Status status() const;

 private:
  struct Level {
    std::uint64_t bucket;
    std::size_t id_bytes;  // of the id that stand above this level
  };
  bool step(MDB_cursor_op direction);
  bool enter(MDB_cursor_op direction);
  bool descend(std::string_view fragment, std::string_view bucket);
  bool at_edge(MDB_cursor_op direction);
  bool in_bucket() const;
  void climb();
  std::string_view fragment() const;

  lmdb::Cursor ids_;
  lmdb::Cursor fragments_;
  const std::size_t levels_max_;
  std::vector<Level> levels_;  // empty while the row is in `ids`
  std::string id_;             // the id of a row in `fragments`
  bool damaged_ = false;
};

}  // namespace atelier
