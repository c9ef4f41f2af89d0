// Whether a cursor of LMDB goes from leaf to leaf as its tree says. LMDB trusts its pages: one that
// lost entries, or a branch that leads astray, makes a walk leave out whole leaves and end well,
// and what is left out has no checksum. So a walk is followed here: the branches above it, read
// once more and checked (page_file.h), say which leaf is next, and each leaf is checked where it
// lies before its rows are given out. A walk pays for it once a leaf, some percent in all.
// Thread rule: as the transaction, which must be one that only reads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/os/disk.h"
#include "store/lmdb.h"
#include "store/page_file.h"

namespace atelier {

/// The file as a Source that somebody else owns.
std::unique_ptr<pages::Source> borrow(const os::FileReader& file);

/// The tree of a named table as the transaction's snapshot has it; its pages stay while the
/// transaction does. Errors: kCorrupt.
Result<pages::Tree> tree_of(MDB_txn* txn, std::string_view table);

class LeafOrder final : public lmdb::Follower {
 public:
  /// Whether a row is whole, by its checksum.
  using RowCheck = bool (*)(std::string_view key, std::string_view value);
  /// `file` is data.mdb; it must outlive this. `is_whole` may be null where rows cannot be told by
  /// themselves.
  LeafOrder(const os::FileReader& file, MDB_txn* txn, std::string_view table, RowCheck is_whole);

  Status moved(MDB_cursor_op operation, std::string_view wanted, const void* leaf) override;

 private:
  /// A branch on the way down, and which of its children is on it.
  struct Level {
    std::shared_ptr<const pages::Page> branch;
    std::size_t child;
  };
  Status open();
  Status go_to_end(bool last);
  Status go_to(std::string_view key);
  Status descend(std::uint64_t page, bool last);
  Status push(std::uint64_t page, std::shared_ptr<const pages::Page>* branch);
  /// False at the end, where it stays.
  Result<bool> step(bool forward);
  void ask_for_next(const void* leaf, bool forward) const;
  std::uint64_t leaf() const;
  /// Whether a search for `key` in the leaf that this stands on finds what it should: LMDB halves
  /// the page, so one key that is damaged leads it astray, and what is in front of the place that
  /// it finds is never looked at.
  Status check_search(std::string_view key);
  /// Whether all keys of the leaf that this stands on are smaller.
  Status expect_below(std::string_view key);

  const os::FileReader& file_;
  MDB_txn* const txn_;
  const std::string table_;
  const RowCheck is_whole_;
  std::unique_ptr<pages::PageFile> pages_;  // null before the first move
  std::size_t page_bytes_ = 0;
  pages::Tree tree_;
  std::vector<Level> way_;  // from the root to the branch above the leaf
};

}  // namespace atelier
