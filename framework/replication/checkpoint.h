// Checkpoints: what two sides remember of how far one direction came. Thread rule: values.
//
// The document is CouchDB's `_local` checkpoint (source: its replicator's traffic, and
// couch_replicator's comparison of histories). Ours differs in one point: every checkpoint is a
// session of its own, so that equal session ids prove equal positions. CouchDB keeps one id for a
// whole session and would trust the source's position after the target came back from a backup that
// was made within the session.
//
//   {"session_id": S, "source_last_seq": Q, "replication_id_version": 4, "history": [entry…]}
//   entry := {"session_id": S, "recorded_seq": Q, "number": n, …counts and times}, newest first
// The history is thinned by age (in checkpoints): all of the last four, then two in each doubling,
// always those whose number the larger power of two divides. What an old backup of one side holds
// is then still held by the other, at half its age's resolution.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace atelier {

struct CheckpointEntry {
  std::string session_id;
  std::string recorded_seq;  // opaque; empty: nothing yet
  std::int64_t number = 0;
  std::string json;  // the entry as it was found, for writing it again
};

struct Checkpoint {
  std::vector<CheckpointEntry> history;  // newest first; [0] is the checkpoint itself
};

/// What one checkpoint counts; for people who look at it.
struct CheckpointCounts {
  std::int64_t start_ms = 0, end_ms = 0;  // wall clock
  std::string start_seq;
  std::uint64_t checked = 0, missing = 0, read = 0, written = 0, refused = 0;
};

/// Tolerant: text that is no checkpoint of ours gives an empty history.
Checkpoint parse_checkpoint(const std::optional<std::string>& json);

/// The newest entry that both sides hold and what came before it; an empty history when there is
/// none. CouchDB's compare_replication_logs.
Checkpoint common_checkpoint(const Checkpoint& source, const Checkpoint& target);

/// Puts a new entry for `seq` on top of `before`, thinned. Returns the new checkpoint.
Checkpoint advance_checkpoint(const Checkpoint& before, const std::string& seq,
                              const CheckpointCounts& counts);

/// The `_local` document's body.
std::string checkpoint_json(const Checkpoint& checkpoint);

}  // namespace atelier
