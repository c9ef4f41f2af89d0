// A text's operations in the room: which documents hold them, reading those that come, writing
// what no document holds, and the snapshot that makes opening cheap.
//
// Invariants
//   1. Whatever the text knows that no document holds is written, others' operations as well: what
//      somebody wrote may follow them, and must never wait for what was not stored.
//   2. One id has one content for ever (text/batch.h), so that several who write it write the same
//      revision. A document that is well-formed is never written over.
//   3. A document counts as holding what its id says only when its body says the same.
//   4. Documents are the truth; a snapshot only saves reading them. It is made here, stays here
//      (a property of the store, which no peer can reach), was replayed before it was kept, and is
//      left alone when a document for something in it is missing.
// Thread rule: main thread; a snapshot is checked and written on the room's background thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "atelier/room.h"
#include "room/room_core.h"
#include "room/shared_text_documents.h"
#include "text/text_doc.h"

namespace atelier {

class TextLedger {
 public:
  TextLedger(std::weak_ptr<RoomCore> core, std::shared_ptr<RawCollection> raw,
             const std::string& key);

  /// The text as the documents give it, to be edited by a new agent.
  TextDoc open();

  // --- In
  /// A change of the collection: documents of this text are kept for merge_arrived().
  void on_change(const RawChange& change);
  bool has_arrived() const { return !arrived_.empty(); }
  MergeReport merge_arrived(TextDoc& doc);
  /// The monotonic time at which refused documents are read again; 0: none were.
  std::int64_t rescan_at_ms() const { return rescan_at_ms_; }
  void rescan();

  // --- Out
  const HeldOperations& held() const { return held_; }
  /// Queues documents for what is known of the agent and not held. Errors: those of the history.
  Status write_missing(TextDoc& doc, const std::string& agent);
  /// Whether what was queued is on disk.
  bool written() const { return writing_.empty(); }
  /// Agents of whom a document was given up: what it held is missing again.
  std::set<std::string> take_failed() { return std::exchange(failed_, {}); }

  // --- Snapshot
  bool wants_snapshot() const { return since_snapshot_ >= kTextSnapshotBatches; }
  /// Of a text all of which is held.
  void write_snapshot(TextDoc& doc);

 private:
  bool open_snapshot(TextDoc& doc, const std::string& agent);
  void add_document(const std::string& id, const std::string& body);
  std::optional<TextRange> range_of(const std::string& id);
  void settle(const ArrivedBatch& batch, const MergeResult& result);
  void withdraw(const RefusedBatch& batch);
  std::string snapshot_name() const;

  const std::weak_ptr<RoomCore> core_;
  const std::shared_ptr<RawCollection> raw_;
  const std::string prefix_;  // "<prefix>:<key>:"
  const std::string behind_;  // the first id that is behind all of this text

  HeldOperations held_;
  std::vector<ArrivedBatch> arrived_;
  std::map<std::string, TextRange> writing_;  // by id
  std::set<std::string> failed_;
  std::map<std::pair<std::string, std::uint32_t>, ArrivedBatch> waiting_;  // without their bytes
  std::int64_t rescan_at_ms_ = 0;
  std::size_t since_snapshot_ = 0;  // documents that the snapshot does not cover
};

}  // namespace atelier
