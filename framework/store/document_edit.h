// Changing one document: CouchDB's rules for edits and for replicated revisions, worked out in
// memory first, so that a refusal leaves no trace. Thread rule: the writer's thread alone.
#pragma once

#include <list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/document.h"
#include "store/writer.h"

namespace atelier {

/// A write whose cheap checks are done, on the caller's thread.
struct PreparedWrite {
  DocumentWrite write;       // body in normal form
  Status refused = ok();     // what those checks found
  std::optional<RevId> rev;  // of an edit without attachments on `write.parent` (or none)
};

class DocumentEdit {
 public:
  // Never copied: old_ points into row_bytes_, whose bytes stay in place when they are moved.
  DocumentEdit(const DocumentEdit&) = delete;
  DocumentEdit& operator=(const DocumentEdit&) = delete;
  DocumentEdit(DocumentEdit&&) noexcept = default;
  DocumentEdit& operator=(DocumentEdit&&) noexcept = default;

  /// Marks a handle whose body came with this edit and has no row yet.
  static constexpr std::uint64_t kFresh = std::uint64_t{1} << 63;

  /// Reads what is there. Errors: those of the transaction, kCorrupt.
  static Result<DocumentEdit> load(WriteContext& context, std::string_view id);

  struct Applied {
    bool changed = false;    // new here, or a revision that was evicted and has come back
    bool forgotten = false;  // known by its hash alone
  };
  /// Adds a revision, in memory. The bodies of `prepared` must live until store(). Returns the
  /// revision. Errors (nothing changed then): kConflict, kInvalid, those of the validator.
  Result<RevId> apply(WriteContext& context, const PreparedWrite& prepared, Applied* applied);

  /// Takes leaves away (purge). Returns those that were leaves.
  std::vector<RevId> purge(std::span<const RevId> revs);
  /// Forgets the bodies of revisions that are not leaves. Returns whether there were any.
  bool drop_old_bodies();
  /// Puts notes in the place of bodies, or takes the blobs away alone. Returns whether anything was
  /// there to drop. Errors: kCorrupt, disk.
  Result<bool> evict(WriteContext& context, bool bodies);
  /// Adds tombstones to the live leaves whose time is over at `now_ms`. Returns whether there were
  /// any.
  Result<bool> expire(WriteContext& context, std::int64_t now_ms);
  /// Takes a deleted document away but for its hashes.
  void forget(WriteContext& context);

  /// Writes everything. Errors are kept by the transaction. Returns the document's new sequence; 0
  /// when the document is gone, the old one when `keep_sequence`.
  std::uint64_t store(WriteContext& context, bool keep_sequence = false);
  /// Whether store() must give a new sequence: not for what was restored, evicted or compacted.
  bool has_new_revision() const { return !fresh_revs_.empty(); }

  const RevTree& tree() const { return tree_; }
  bool deleted() const { return !tree_.empty() && old_.deleted; }
  /// More than one leaf is not deleted.
  bool has_live_conflict() const;

 private:
  DocumentEdit() = default;

  struct Content {
    std::string attachments;  // encoded
    std::string_view body;
  };
  /// What a revision has here. Points into the row, the map or this.
  struct Held {
    std::string_view attachments;  // encoded
    std::string_view body;
  };
  Result<Held> held_by(WriteContext& context, std::int32_t node) const;
  Result<RevId> parent_of_edit(WriteContext& context, const DocumentWrite& write) const;
  Result<bool> is_known(WriteContext& context, const RevId& rev) const;
  Status validate(WriteContext& context, const DocumentWrite& write, std::span<const RevId> path,
                  std::span<const Attachment> attachments) const;
  Result<bool> restore(WriteContext& context, const DocumentWrite& write);
  Result<bool> evict_node(WriteContext& context, std::int32_t node, bool bodies);
  Result<bool> is_over(WriteContext& context, std::int32_t leaf, std::int64_t now_ms) const;
  Result<std::vector<RevId>> path_of(const PreparedWrite& prepared,
                                     const std::vector<Attachment>& attachments,
                                     const RevId& parent) const;
  Result<std::vector<Attachment>> attachments_of(WriteContext& context, std::int32_t node) const;
  Result<std::vector<Attachment>> resolve(WriteContext& context, const DocumentWrite& write,
                                          const RevId& parent) const;
  Result<Attachment> resolve_stub(WriteContext& context, const DocumentWrite& write,
                                  const AttachmentWrite& stub, const RevId& parent) const;
  Result<Attachment> resolve_left_behind(WriteContext& context, const DocumentWrite& write,
                                         const AttachmentWrite& wanted, const RevId& parent) const;
  std::vector<std::int32_t> stub_sources(const DocumentWrite& write, const RevId& parent) const;
  void release(WriteContext& context, std::uint64_t handle);
  void refer(WriteContext& context, std::string_view attachments, bool add);
  void place_bodies(WriteContext& context, std::int32_t winner);
  void place_winner(WriteContext& context, RevNode& winner);
  std::uint64_t move_out(WriteContext& context, std::string_view attachments,
                         std::string_view body);
  bool take_in(WriteContext& context, std::uint64_t handle);
  void write_row(WriteContext& context, std::int32_t winner, std::uint64_t sequence);
  void write_sequence(WriteContext& context, std::int32_t winner, std::uint64_t sequence);
  void note_expiry(WriteContext& context, std::int32_t winner, std::uint64_t sequence);
  void count(WriteContext& context, bool exists, bool deleted) const;
  void tell_indexes(WriteContext& context, const RevNode* winner, std::uint64_t sequence) const;

  std::string id_;
  bool existed_ = false;
  std::vector<char> row_bytes_;  // what old_ points into; its bytes stay in place when moved
  record::DocRow old_;
  RevTree tree_;
  std::list<std::string> owned_;  // what contents point to that nobody else keeps; rarely any, and
                                  // an empty list allocates nothing
  std::vector<Content> fresh_;    // bodies that came with apply(); handles kFresh + index
  std::vector<RevId> fresh_revs_;
  std::vector<std::uint64_t> freed_;  // handles that no revision has any more
  // The winner's content while store() runs.
  std::string_view inline_attachments_, inline_body_;
  std::string taken_in_;
};

}  // namespace atelier
