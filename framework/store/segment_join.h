// Joining segments of an index of words to one, in steps that each fit into a commit. How far a
// join is stands in the row of the segment that it makes, in the commit that wrote so far: a kill
// loses nothing. The segments that are joined answer searches until all of it is there.
//
// Thread rule: the writer's thread.
#pragma once

#include <cstdint>
#include <memory>

#include "store/segments.h"
#include "store/sequence_set.h"

namespace atelier {

/// Which documents of a join still are, so that each of its steps need not look. May be lost.
struct JoinMemory {
  std::uint32_t index = 0;
  std::uint64_t segment = 0;
  SequenceSet live;
};

/// Joins what choose_segments() says to be joined, goes on with what was begun, or takes rows away
/// that are joined: about kSegmentStepBytes of work. Returns whether there is more.
/// Errors: those of the transaction, kCorrupt.
Result<bool> join_step(lmdb::WriteTxn& txn, const Tables& tables, std::uint32_t index,
                       std::shared_ptr<JoinMemory>* memory);

/// Joins small segments at once, rows and all. Returns whether join_step() has work.
Result<bool> join_small(lmdb::WriteTxn& txn, const Tables& tables, std::uint32_t index,
                        std::vector<Segment> segments);

/// Takes at most `rows_max` rows of words away whose keys begin so. Returns how many.
Result<std::size_t> erase_rows(lmdb::WriteTxn& txn, const Tables& tables,
                               std::string_view key_begins, std::size_t rows_max);

}  // namespace atelier
