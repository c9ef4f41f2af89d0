#include "store/document_edit.h"

#include <algorithm>
#include <type_traits>

#include "base/limits.h"
#include "store/blob_table.h"
#include "store/expiry_table.h"
#include "store/forgotten_table.h"

namespace atelier {
namespace {

using lmdb::value_of;

Error conflict() {
  return {ErrorCode::kConflict, "Document update conflict."};
}

Error bad_stub(std::string_view id, std::string_view name) {
  return invalid("Invalid attachment stub in " + std::string(id) + " for " + std::string(name));
}

// Without the list that RevTree::leaves() makes: each write asks twice.
bool many_leaves(const RevTree& tree) {
  int found = 0;
  for (const RevNode& node : tree.nodes()) found += node.has_children ? 0 : 1;
  return found > 1;
}

RevNode& node_of(RevTree& tree, const RevId& rev) {
  return tree.node(tree.find(rev));
}

}  // namespace

static_assert(!std::is_copy_constructible_v<DocumentEdit>);

Result<DocumentEdit> DocumentEdit::load(WriteContext& context, std::string_view id) {
  DocumentEdit edit;
  edit.id_ = id;
  const std::string_view key = id.substr(0, kFragmentBytes);
  if (key > context.last_key) return edit;  // behind everything: new
  std::string_view row;
  Error error;
  switch (find_row(context.txn.get(), context.tables.docs, id, &row, &error)) {
    case lmdb::Lookup::kFailed:
      context.txn.fail(error);
      return error;
    case lmdb::Lookup::kMissing:
      return edit;
    case lmdb::Lookup::kFound:
      break;
  }
  edit.existed_ = true;
  edit.row_bytes_.assign(row.begin(), row.end());  // LMDB's own bytes end with the next write
  ATELIER_CHECK(record::decode_doc(
      edit.id_, std::string_view(edit.row_bytes_.data(), edit.row_bytes_.size()), &edit.old_));
  ATELIER_TRY(tree, record::tree_of(edit.id_, edit.old_));
  edit.tree_ = std::move(tree);
  return edit;
}

// --- in memory

// The revision that a local edit stands on; generation 0 for none.
Result<RevId> DocumentEdit::parent_of_edit(WriteContext& context,
                                           const DocumentWrite& write) const {
  if (tree_.empty() && context.forgets) {
    // As if its tombstone were still there: an edit without a parent continues it, and one of
    // anything else is too late.
    ATELIER_TRY(tombstone, forgotten_tombstone(context.txn.get(), context.tables, id_));
    if (tombstone && write.parent && *write.parent != *tombstone) return conflict();
    if (tombstone) return *tombstone;
  }
  if (write.parent) {
    // CouchDB takes an edit of a document that it has never seen, on top of whatever it names.
    if (tree_.empty()) return *write.parent;
    const std::int32_t node = tree_.find(*write.parent);
    if (node < 0 || !tree_.is_leaf(node)) return conflict();
    return *write.parent;
  }
  if (tree_.empty()) return RevId();
  const RevNode& winner = tree_.node(tree_.winner());
  if (!winner.deleted) return conflict();
  return winner.rev;  // re-creation continues the tombstone
}

Result<std::vector<Attachment>> DocumentEdit::attachments_of(WriteContext& context,
                                                             std::int32_t node) const {
  ATELIER_TRY(held, held_by(context, node));
  return record::decode_attachments(held.attachments);
}

// Empty for what is not kept.
Result<DocumentEdit::Held> DocumentEdit::held_by(WriteContext& context, std::int32_t node) const {
  const std::uint64_t handle = tree_.node(node).body;
  if (handle == 0) return Held();
  if (handle == record::kInlineBody) return Held{old_.attachments, old_.body};
  if (handle & kFresh) {
    const Content& content = fresh_[handle & ~kFresh];
    return Held{content.attachments, content.body};
  }
  std::string_view bytes;
  Error error;
  const auto found =
      lmdb::get(context.txn.get(), context.tables.bodies, value_of(handle), &bytes, &error);
  if (found == lmdb::Lookup::kFailed) return error;
  if (found == lmdb::Lookup::kMissing) return Held();
  ATELIER_TRY(row, record::decode_body(handle, bytes));
  return Held{row.attachments, row.body};
}

// Where a stub's blob may be: an edit's parent; for a replicated revision everything that this
// document holds here, its own ancestors first.
std::vector<std::int32_t> DocumentEdit::stub_sources(const DocumentWrite& write,
                                                     const RevId& parent) const {
  std::vector<std::int32_t> nodes;
  if (write.history.empty()) {
    if (const std::int32_t node = tree_.find(parent); node >= 0) nodes.push_back(node);
    return nodes;
  }
  for (const RevId& rev : write.history) {
    if (const std::int32_t node = tree_.find(rev); node >= 0) nodes.push_back(node);
  }
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(tree_.nodes().size()); ++i) {
    if (tree_.node(i).body && std::find(nodes.begin(), nodes.end(), i) == nodes.end()) {
      nodes.push_back(i);
    }
  }
  return nodes;
}

Result<Attachment> DocumentEdit::resolve_stub(WriteContext& context, const DocumentWrite& write,
                                              const AttachmentWrite& stub,
                                              const RevId& parent) const {
  // Bytes that are not here may be pointed to by an edit of our own: it says nothing new of them.
  // Who replicates a stub may have them, and is asked for them by a refusal.
  const bool takes_evicted = write.history.empty();
  for (const std::int32_t node : stub_sources(write, parent)) {
    ATELIER_TRY(held, attachments_of(context, node));
    for (Attachment& one : held) {
      if (one.name != stub.name || (one.evicted() && !takes_evicted)) continue;
      if (stub.blob && *stub.blob != one.blob) continue;
      if (!stub.digest.empty() && stub.digest != one.digest) continue;
      if (!write.history.empty()) {
        if (stub.digest.empty() && stub.revpos != one.revpos) continue;
        if (stub.revpos != 0) one.revpos = stub.revpos;
        if (!stub.content_type.empty()) one.content_type = stub.content_type;
      }
      return std::move(one);
    }
  }
  return bad_stub(write.id, stub.name);
}

// What was left behind: as the revision says; with the bytes, where this document has them.
Result<Attachment> DocumentEdit::resolve_left_behind(WriteContext& context,
                                                     const DocumentWrite& write,
                                                     const AttachmentWrite& wanted,
                                                     const RevId& parent) const {
  if (write.history.empty() || wanted.digest.empty()) return bad_stub(write.id, wanted.name);
  Attachment one;
  one.name = wanted.name;
  one.content_type = wanted.content_type.empty() ? "application/octet-stream" : wanted.content_type;
  one.revpos = wanted.revpos ? wanted.revpos : parent.generation() + 1;
  one.digest = wanted.digest;
  one.encoding = wanted.encoding;
  one.length = wanted.length;
  one.encoded_length = wanted.encoding.empty() ? 0 : wanted.encoded_length;
  for (const std::int32_t node : stub_sources(write, parent)) {
    ATELIER_TRY(held, attachments_of(context, node));
    for (const Attachment& other : held) {
      if (other.evicted() || other.digest != one.digest || other.length != one.length) continue;
      one.blob = other.blob;
      one.encoding = other.encoding;
      one.encoded_length = other.encoded_length;
      return one;
    }
  }
  return one;
}

Result<std::vector<Attachment>> DocumentEdit::resolve(WriteContext& context,
                                                      const DocumentWrite& write,
                                                      const RevId& parent) const {
  std::vector<Attachment> resolved;
  for (const AttachmentWrite& wanted : write.attachments) {
    if (wanted.stub) {
      ATELIER_TRY(one, resolve_stub(context, write, wanted, parent));
      resolved.push_back(std::move(one));
      continue;
    }
    if (wanted.left_behind) {
      ATELIER_TRY(one, resolve_left_behind(context, write, wanted, parent));
      resolved.push_back(std::move(one));
      continue;
    }
    if (!wanted.blob) return invalid("the attachment '" + wanted.name + "' has no bytes");
    ATELIER_TRY(blob, find_blob(context.txn.get(), context.tables, *wanted.blob));
    if (!blob) return invalid("the bytes of the attachment '" + wanted.name + "' are not here");
    Attachment one;
    one.name = wanted.name;
    one.content_type =
        wanted.content_type.empty() ? "application/octet-stream" : wanted.content_type;
    one.revpos = wanted.revpos ? wanted.revpos : parent.generation() + 1;
    one.digest = blob->digest;
    one.blob = *wanted.blob;
    one.encoding = wanted.encoding;
    one.length = wanted.encoding.empty() ? blob->length : wanted.length;
    one.encoded_length = wanted.encoding.empty() ? 0 : blob->length;
    resolved.push_back(std::move(one));
  }
  return resolved;
}

Result<std::vector<RevId>> DocumentEdit::path_of(const PreparedWrite& prepared,
                                                 const std::vector<Attachment>& attachments,
                                                 const RevId& parent) const {
  const DocumentWrite& write = prepared.write;
  if (!write.history.empty()) return write.history;
  std::vector<RevId> path;
  if (prepared.rev && parent == write.parent.value_or(RevId())) {
    path.push_back(*prepared.rev);
  } else {
    const std::string canonical = record::canonical_attachments(attachments);
    path.push_back(make_revision({write.deleted, parent, write.body, canonical}));
  }
  if (parent) path.push_back(parent);
  return path;
}

Result<RevId> DocumentEdit::apply(WriteContext& context, const PreparedWrite& prepared,
                                  Applied* applied) {
  const DocumentWrite& write = prepared.write;
  *applied = {};
  RevId parent;
  if (write.history.empty()) {
    ATELIER_TRY(found, parent_of_edit(context, write));
    parent = std::move(found);
  } else {
    ATELIER_TRY(known, is_known(context, write.history.front()));
    if (known) {
      ATELIER_TRY(restored, restore(context, write));
      applied->changed = restored;
      applied->forgotten = tree_.find(write.history.front()) < 0;
      return write.history.front();
    }
    // What `revpos` counts from when the writer leaves it out.
    if (write.history.size() > 1) parent = write.history[1];
  }
  ATELIER_TRY(attachments, resolve(context, write, parent));
  ATELIER_TRY(path, path_of(prepared, attachments, parent));
  ATELIER_CHECK(validate(context, write, path, attachments));
  ATELIER_TRY(merged, tree_.merge(path, write.deleted));
  if (merged.result == RevTree::MergeResult::kKnown) return path.front();
  tree_.node(merged.node).body = kFresh | fresh_.size();
  fresh_.push_back({record::encode_attachments(attachments), write.body});
  fresh_revs_.push_back(path.front());
  applied->changed = true;
  return path.front();
}

std::vector<RevId> DocumentEdit::purge(std::span<const RevId> revs) {
  std::vector<RevId> purged;
  for (const std::uint64_t handle : tree_.purge(revs, &purged)) freed_.push_back(handle);
  return purged;
}

bool DocumentEdit::drop_old_bodies() {
  bool any = false;
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(tree_.nodes().size()); ++i) {
    RevNode& node = tree_.node(i);
    if (!node.has_children || node.body == 0) continue;
    freed_.push_back(std::exchange(node.body, 0));
    any = true;
  }
  return any;
}

// --- onto the disk

void DocumentEdit::refer(WriteContext& context, std::string_view attachments, bool add) {
  if (attachments.empty()) return;
  const auto list = record::decode_attachments(attachments);
  if (!list) return context.txn.fail(list.error());
  for (const Attachment& one : *list) {
    if (one.evicted()) continue;
    if (add) {
      add_reference(context, one.blob);
    } else {
      drop_reference(context, one.blob);
    }
  }
}

std::uint64_t DocumentEdit::move_out(WriteContext& context, std::string_view attachments,
                                     std::string_view body) {
  const std::uint64_t handle = context.state.next_body++;
  record::encode_body(context.scratch, handle, {attachments, body});
  context.txn.put(context.tables.bodies, value_of(handle),
                  value_of(std::string_view(context.scratch)), MDB_APPEND);
  return handle;
}

// Takes the content of a row of `bodies` into memory and the row away.
bool DocumentEdit::take_in(WriteContext& context, std::uint64_t handle) {
  std::string_view bytes;
  Error error;
  const auto found =
      lmdb::get(context.txn.get(), context.tables.bodies, value_of(handle), &bytes, &error);
  if (found == lmdb::Lookup::kFailed) context.txn.fail(error);
  if (found != lmdb::Lookup::kFound) return false;
  taken_in_ = bytes;
  const auto row = record::decode_body(handle, taken_in_);
  if (!row) {
    context.txn.fail(row.error());
    return false;
  }
  inline_attachments_ = row->attachments;
  inline_body_ = row->body;
  context.txn.erase(context.tables.bodies, value_of(handle));
  return true;
}

void DocumentEdit::place_winner(WriteContext& context, RevNode& winner) {
  inline_attachments_ = {};
  inline_body_ = {};
  if (winner.body == 0) return;
  if (winner.body == record::kInlineBody) {
    inline_attachments_ = old_.attachments;
    inline_body_ = old_.body;
  } else if (winner.body & kFresh) {
    const Content& content = fresh_[winner.body & ~kFresh];
    refer(context, content.attachments, true);
    inline_attachments_ = content.attachments;
    inline_body_ = content.body;
  } else if (!take_in(context, winner.body)) {
    winner.body = 0;
    return;
  }
  winner.body = record::kInlineBody;
}

bool DocumentEdit::has_live_conflict() const {
  if (!many_leaves(tree_)) return false;
  const std::vector<std::int32_t> leaves = tree_.leaves();
  return std::count_if(leaves.begin(), leaves.end(),
                       [&](std::int32_t leaf) { return !tree_.node(leaf).deleted; }) > 1;
}

// The winner's body lies in the document's row, all others in `bodies`.
void DocumentEdit::place_bodies(WriteContext& context, std::int32_t winner) {
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(tree_.nodes().size()); ++i) {
    RevNode& node = tree_.node(i);
    if (i == winner || node.body == 0) continue;
    if (node.body == record::kInlineBody) {
      node.body = move_out(context, old_.attachments, old_.body);
    } else if (node.body & kFresh) {
      const Content& content = fresh_[node.body & ~kFresh];
      refer(context, content.attachments, true);
      node.body = move_out(context, content.attachments, content.body);
    }
  }
  place_winner(context, tree_.node(winner));
}

void DocumentEdit::release(WriteContext& context, std::uint64_t handle) {
  if (handle & kFresh) return;  // was never written
  if (handle == record::kInlineBody) return refer(context, old_.attachments, false);
  std::string_view bytes;
  Error error;
  const auto found =
      lmdb::get(context.txn.get(), context.tables.bodies, value_of(handle), &bytes, &error);
  if (found == lmdb::Lookup::kFailed) return context.txn.fail(error);
  if (found == lmdb::Lookup::kMissing) return;
  const auto row = record::decode_body(handle, bytes);
  const std::string attachments(row ? row->attachments : std::string_view());
  context.txn.erase(context.tables.bodies, value_of(handle));
  refer(context, attachments, false);
}

void DocumentEdit::count(WriteContext& context, bool exists, bool deleted) const {
  record::State& state = context.state;
  if (existed_) --(old_.deleted ? state.doc_del_count : state.doc_count);
  if (exists) ++(deleted ? state.doc_del_count : state.doc_count);
}

void DocumentEdit::write_row(WriteContext& context, std::int32_t winner, std::uint64_t sequence) {
  const RevNode& node = tree_.node(winner);
  record::DocRow row;
  row.rev = node.rev;
  row.deleted = node.deleted;
  row.many_leaves = many_leaves(tree_);
  row.has_body = node.body != 0;
  row.sequence = sequence;
  row.attachments = inline_attachments_;
  row.body = inline_body_;
  std::string tree;
  if (tree_.nodes().size() > 1 || node.sequence != sequence) tree = tree_.encode();
  row.tree = tree;
  record::encode_doc(context.scratch, id_, row);
  const std::string_view key = std::string_view(id_).substr(0, kFragmentBytes);
  const bool append = key > context.last_key;
  put_row(context.txn, context.tables.docs, context.state.next_bucket, id_, context.scratch,
          append);
  if (append) context.last_key = key;
}

void DocumentEdit::write_sequence(WriteContext& context, std::int32_t winner,
                                  std::uint64_t sequence) {
  const RevNode& node = tree_.node(winner);
  record::SequenceRow row;
  row.rev = node.rev;
  row.deleted = node.deleted;
  row.many_leaves = many_leaves(tree_);
  row.id = id_;
  record::encode_sequence(context.scratch, sequence, row);
  context.txn.put(context.tables.sequences, value_of(sequence),
                  value_of(std::string_view(context.scratch)), MDB_APPEND);
}

// Before old_ and the winner's content go. `winner` is null when the document is gone.
void DocumentEdit::tell_indexes(WriteContext& context, const RevNode* winner,
                                std::uint64_t sequence) const {
  if (context.indexes.indexes().empty()) return;
  const bool keeps_sequence = winner && sequence == old_.sequence;
  const IndexWriter::Winner before{old_.sequence, old_.body};
  const IndexWriter::Winner after{sequence, inline_body_};
  const bool was = existed_ && !old_.deleted && old_.has_body && !old_.evicted;
  const bool is =
      winner && !winner->deleted && winner->body != 0 && !record::is_evicted(inline_body_);
  context.indexes.changed(id_, was ? &before : nullptr, is ? &after : nullptr, keeps_sequence);
}

void DocumentEdit::note_expiry(WriteContext& context, std::int32_t winner, std::uint64_t sequence) {
  std::optional<std::int64_t> time_ms;
  if (!tree_.node(winner).deleted) time_ms = expiry_time(context, id_, inline_body_);
  move_expiry(context, existed_ ? old_.sequence : 0, sequence, id_, time_ms);
}

std::uint64_t DocumentEdit::store(WriteContext& context, bool keep_sequence) {
  for (const std::uint64_t handle :
       tree_.stem(static_cast<std::uint32_t>(context.state.revs_limit))) {
    freed_.push_back(handle);
  }
  if (existed_ && !keep_sequence) {
    context.txn.erase(context.tables.sequences, value_of(old_.sequence));
  }
  std::uint64_t sequence = 0;
  if (tree_.empty()) {
    erase_row(context.txn, context.tables.docs, id_);
    tell_indexes(context, nullptr, 0);
    if (existed_) move_expiry(context, old_.sequence, 0, id_, std::nullopt);
    count(context, false, false);
  } else {
    sequence = keep_sequence ? old_.sequence : ++context.state.last_sequence;
    for (const RevId& rev : fresh_revs_) {
      if (tree_.find(rev) >= 0) node_of(tree_, rev).sequence = sequence;
    }
    const std::int32_t winner = tree_.winner();
    place_bodies(context, winner);
    write_row(context, winner, sequence);
    if (!keep_sequence) write_sequence(context, winner, sequence);
    tell_indexes(context, &tree_.node(winner), sequence);
    if (!keep_sequence) note_expiry(context, winner, sequence);
    count(context, true, tree_.node(winner).deleted);
  }
  // Last, so that a blob which the new revision took from an old one is not let go in between.
  for (const std::uint64_t handle : freed_) release(context, handle);
  return sequence;
}

}  // namespace atelier
