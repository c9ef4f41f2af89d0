// What reads: documents, scans, changes, blobs. Each call is one short read transaction (a blob:
// one per chunk), which never waits for the writer.
#include <algorithm>
#include <cstring>

#include "store/blob_table.h"
#include "store/forgotten_table.h"
#include "store/leaf_order.h"
#include "store/missing.h"
#include "store/store_impl.h"

namespace atelier {
namespace {

using lmdb::value_of;

Error missing() {
  return not_found("missing");
}

Error evicted() {
  return {ErrorCode::kEvicted, "evicted"};
}

std::vector<RevId> revs_of(const RevTree& tree, const std::vector<std::int32_t>& nodes) {
  std::vector<RevId> revs;
  for (const std::int32_t node : nodes) revs.push_back(tree.node(node).rev);
  return revs;
}

// Where a scan begins and ends, without its direction.
struct Range {
  std::optional<std::string> low, high;
  bool low_inclusive = true, high_inclusive = true;
};

// The first id behind all that begin with `prefix`; none when there is no such id.
std::optional<std::string> behind_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<std::uint8_t>(prefix.back()) == 0xff) prefix.pop_back();
  if (prefix.empty()) return std::nullopt;
  prefix.back() = static_cast<char>(static_cast<std::uint8_t>(prefix.back()) + 1);
  return prefix;
}

Range range_of(const ScanOptions& options) {
  Range range;
  range.low = options.descending ? options.end : options.start;
  range.high = options.descending ? options.start : options.end;
  (options.descending ? range.low_inclusive : range.high_inclusive) = options.inclusive_end;
  if (!options.prefix) return range;
  if (!range.low || *range.low < *options.prefix) {
    range.low = options.prefix;
    range.low_inclusive = true;
  }
  const auto behind = behind_prefix(*options.prefix);
  if (behind && (!range.high || *behind <= *range.high)) {
    range.high = behind;
    range.high_inclusive = false;
  }
  return range;
}

bool above_low(const Range& range, std::string_view id) {
  if (!range.low) return true;
  return range.low_inclusive ? id >= *range.low : id > *range.low;
}

bool below_high(const Range& range, std::string_view id) {
  if (!range.high) return true;
  return range.high_inclusive ? id <= *range.high : id < *range.high;
}

// Rows at the ends of a range that are not in it: one of them may be, under a key that was damaged.
// Decoding tells, since a row's checksum covers its key.
class Outside {
 public:
  bool is_whole(const IdCursor& cursor) {
    if (status_) status_ = record::decode_doc(cursor.id(), cursor.row(), &row_, false);
    return status_.has_value();
  }
  const Status& status() const { return status_; }

 private:
  record::DocRow row_;
  Status status_ = ok();
};

bool first_upwards(IdCursor& cursor, const Range& range, Outside& outside) {
  bool more = cursor.seek(range.low ? std::string_view(*range.low) : std::string_view());
  while (more && !above_low(range, cursor.id())) more = outside.is_whole(cursor) && cursor.next();
  return more;
}

bool first_downwards(IdCursor& cursor, const Range& range, Outside& outside) {
  // A seek stops at the first id that is not smaller, so at most one step back is needed.
  bool more = range.high ? cursor.seek(*range.high) || cursor.seek_last() : cursor.seek_last();
  while (more && !below_high(range, cursor.id()))
    more = outside.is_whole(cursor) && cursor.previous();
  return more;
}

// Calls `fn(id, row)` for each row in range until it returns false. Counts all rows in `rows`.
template <class Fn>
Status walk(MDB_txn* txn, const os::FileReader& file, const Tables& tables,
            const ScanOptions& options, const Fn& fn, std::uint64_t* rows = nullptr) {
  const Range range = range_of(options);
  IdCursor cursor(txn, tables.docs, file, "docs", "fragments", record::is_whole_doc);
  Outside outside;
  bool more = options.descending ? first_downwards(cursor, range, outside)
                                 : first_upwards(cursor, range, outside);
  record::DocRow row;
  while (more) {
    const std::string_view id = cursor.id();
    if (options.descending ? !above_low(range, id) : !below_high(range, id)) {
      outside.is_whole(cursor);
      break;
    }
    ATELIER_CHECK(record::decode_doc(id, cursor.row(), &row, options.bodies));
    if (rows) ++*rows;
    if ((options.deleted || !row.deleted) && !fn(id, row)) break;
    more = options.descending ? cursor.previous() : cursor.next();
  }
  ATELIER_CHECK(outside.status());
  return cursor.status();
}

// Who saw everything saw as much as the counters say: pages that were lost leave no other trace.
Status check_total(MDB_txn* txn, const Tables& tables, std::uint64_t rows) {
  std::string_view bytes;
  Error error;
  const auto found =
      lmdb::get(txn, tables.meta, value_of(std::string_view("state")), &bytes, &error);
  if (found == lmdb::Lookup::kFailed) return error;
  ATELIER_TRY(state, record::decode_state(found == lmdb::Lookup::kFound ? bytes : ""));
  if (rows == state.doc_count + state.doc_del_count) return ok();
  return Error(ErrorCode::kCorrupt, "the store is damaged: " + std::to_string(rows) +
                                        " documents were found of " +
                                        std::to_string(state.doc_count + state.doc_del_count));
}

}  // namespace

// --- documents

// `copy` keeps the row when the caller needs it behind the transaction; may be null. `confirm`: that
// there is nothing is looked at twice, since a damaged page can hide a row.
Result<bool> StoreImpl::find_doc(MDB_txn* txn, std::string_view id, std::vector<char>* copy,
                                 record::DocRow* row, bool confirm) const {
  if (id.empty() || id.size() > kIdBytesMax) return false;
  std::string_view bytes;
  Error error;
  const auto found = find_row(txn, tables_.docs, id, &bytes, &error);
  if (found == lmdb::Lookup::kFailed) return error;
  if (found == lmdb::Lookup::kMissing) {
    if (confirm) ATELIER_CHECK(confirm_missing(*file_, txn, id));
    return false;
  }
  if (copy) {
    copy->assign(bytes.begin(), bytes.end());
    bytes = {copy->data(), copy->size()};
  }
  ATELIER_CHECK(record::decode_doc(id, bytes, row));
  return true;
}

Result<Document> StoreImpl::read_revision(MDB_txn* txn, std::string_view id,
                                          const record::DocRow& row, const RevTree& tree,
                                          std::int32_t node) const {
  const RevNode& revision = tree.node(node);
  Document document;
  document.id = id;
  document.rev = revision.rev;
  document.deleted = revision.deleted;
  document.sequence = row.sequence;
  std::string_view attachments = row.attachments;
  if (revision.body == 0) return missing();
  if (revision.body == record::kInlineBody) {
    if (row.evicted) return evicted();
    document.body = row.body;
  } else {
    std::string_view bytes;
    Error error;
    const auto found = lmdb::get(txn, tables_.bodies, value_of(revision.body), &bytes, &error);
    if (found == lmdb::Lookup::kFailed) return error;
    if (found == lmdb::Lookup::kMissing) return missing();
    ATELIER_TRY(body, record::decode_body(revision.body, bytes));
    if (record::is_evicted(body.body)) return evicted();
    document.body = body.body;
    attachments = body.attachments;
  }
  ATELIER_TRY(list, record::decode_attachments(attachments));
  document.attachments = std::move(list);
  return document;
}

namespace {

Result<Document> winner_of(std::string_view id, record::DocRow& row) {
  ATELIER_TRY(attachments, record::decode_attachments(row.attachments));
  Document document;
  document.id = id;
  document.rev = std::move(row.rev);
  document.deleted = row.deleted;
  document.body = row.body;
  document.attachments = std::move(attachments);
  document.sequence = row.sequence;
  return document;
}

}  // namespace

Result<Document> StoreImpl::get(std::string_view id, const GetOptions& options) const {
  return guard([&]() -> Result<Document> {
    ATELIER_CHECK(check_usable(false));
    ATELIER_TRY(txn, environment_->read());
    record::DocRow row;
    ATELIER_TRY(found, find_doc(txn.get(), id, nullptr, &row));
    if (!found) return missing();
    if (!options.rev && row.deleted) return not_found("deleted");
    if (!options.rev && !options.history && !options.conflicts && row.has_body && !row.evicted) {
      return winner_of(id, row);  // without its tree: the usual question
    }
    ATELIER_TRY(tree, record::tree_of(id, row));
    std::int32_t node = options.rev ? tree.find(*options.rev) : tree.winner();
    if (node < 0) return missing();
    if (options.rev && options.latest) {
      const auto leaves = tree.leaves_under(node);
      if (!leaves.empty()) node = leaves.front();
    }
    auto document = read_revision(txn.get(), id, row, tree, node);
    if (!document) return document;
    if (options.history) document->history = tree.path(node);
    if (options.conflicts) {
      document->conflicts = tree.conflicts();
      document->deleted_conflicts = tree.deleted_conflicts();
    }
    return document;
  });
}

std::vector<Result<Document>> StoreImpl::open_revs(std::string_view id, std::span<const RevId> revs,
                                                   bool latest) const {
  std::vector<Result<Document>> documents;
  const auto read = [&]() -> Status {
    ATELIER_CHECK(check_usable(false));
    ATELIER_TRY(txn, environment_->read());
    record::DocRow row;
    ATELIER_TRY(found, find_doc(txn.get(), id, nullptr, &row));
    RevTree tree;
    if (found) {
      ATELIER_TRY(known, record::tree_of(id, row));
      tree = std::move(known);
    }
    std::vector<std::int32_t> given;
    const auto give = [&](std::int32_t node) {
      if (node >= 0 && std::find(given.begin(), given.end(), node) != given.end()) return;
      given.push_back(node);
      if (node < 0) {
        documents.emplace_back(missing());
        return;
      }
      auto document = read_revision(txn.get(), id, row, tree, node);
      if (document) document->history = tree.path(node);
      documents.push_back(std::move(document));
    };
    if (revs.empty()) {
      for (const std::int32_t leaf : tree.leaves()) give(leaf);
    }
    for (const RevId& rev : revs) {
      const std::int32_t node = tree.find(rev);
      if (!latest || node < 0) {
        give(node);
        continue;
      }
      for (const std::int32_t leaf : tree.leaves_under(node)) give(leaf);
    }
    return ok();
  };
  if (const Status status = guard(read); !status) {
    documents.assign(std::max<std::size_t>(revs.size(), 1), status.error());
  }
  return documents;
}

Result<RevTree> StoreImpl::tree(std::string_view id) const {
  return guard([&]() -> Result<RevTree> {
    ATELIER_CHECK(check_usable(false));
    ATELIER_TRY(txn, environment_->read());
    record::DocRow row;
    ATELIER_TRY(found, find_doc(txn.get(), id, nullptr, &row));
    if (!found) return missing();
    return record::tree_of(id, row);
  });
}

Result<RevsDiff> StoreImpl::revs_diff(std::string_view id, std::span<const RevId> revs) const {
  return guard([&]() -> Result<RevsDiff> {
    ATELIER_CHECK(check_usable(false));
    ATELIER_TRY(txn, environment_->read());
    record::DocRow row;
    // What a damaged page hides is sent once more, and costs no more than that.
    ATELIER_TRY(found, find_doc(txn.get(), id, nullptr, &row, false));
    RevTree tree;
    if (found) {
      ATELIER_TRY(known, record::tree_of(id, row));
      tree = std::move(known);
    }
    RevsDiff diff;
    const bool forgets = any_forgotten(txn.get(), tables_);
    for (RevId& rev : tree.missing(revs)) {
      if (forgets) {
        ATELIER_TRY(forgotten, is_forgotten(txn.get(), tables_, id, rev));
        if (forgotten) {
          diff.forgotten.push_back(std::move(rev));
          continue;
        }
      }
      for (RevId& ancestor : tree.possible_ancestors(rev)) {
        diff.possible_ancestors.push_back(std::move(ancestor));
      }
      diff.missing.push_back(std::move(rev));
    }
    auto& ancestors = diff.possible_ancestors;
    std::sort(ancestors.begin(), ancestors.end());
    ancestors.erase(std::unique(ancestors.begin(), ancestors.end()), ancestors.end());
    return diff;
  });
}

// Calls `fn(view)` for each leaf that is wanted, best first. Returns what `fn` returned last.
template <class Fn>
Result<bool> StoreImpl::each_leaf(MDB_txn* txn, const ScanOptions& options, std::string_view id,
                                  const record::DocRow& row, const Fn& fn) const {
  ATELIER_TRY(tree, record::tree_of(id, row));
  bool winner = true;
  for (const std::int32_t leaf : tree.leaves()) {
    const RevNode& node = tree.node(leaf);
    const bool is_winner = std::exchange(winner, false);
    if (node.deleted && !options.deleted) continue;
    record::BodyRow content{row.attachments, row.body};
    if (node.body != record::kInlineBody && node.body != 0) {
      std::string_view bytes;
      Error error;
      const auto found = lmdb::get(txn, tables_.bodies, value_of(node.body), &bytes, &error);
      if (found == lmdb::Lookup::kFailed) return error;
      if (found == lmdb::Lookup::kMissing) {
        return Error(ErrorCode::kCorrupt, "a body is missing on the disk");
      }
      ATELIER_TRY(body, record::decode_body(node.body, bytes));
      content = body;
    }
    const bool is_evicted = record::is_evicted(content.body);
    DocumentView view{id,
                      node.rev,
                      node.deleted,
                      row.sequence,
                      options.bodies && !is_evicted ? content.body : std::string_view(),
                      !content.attachments.empty(),
                      row.many_leaves};
    view.evicted = is_evicted;
    view.winner = is_winner;
    if (!fn(view)) return false;
  }
  return true;
}

Status StoreImpl::scan(const ScanOptions& options,
                       const std::function<bool(const DocumentView&)>& fn) const {
  return guard([&]() -> Status {
    ATELIER_CHECK(check_usable(false));
    if (options.limit == 0) return ok();
    ATELIER_TRY(txn, environment_->read());
    std::size_t to_skip = options.skip;
    std::size_t left = options.limit;
    std::uint64_t rows = 0;
    bool whole = !options.start && !options.end && !options.prefix;
    const auto give = [&](const DocumentView& view) {
      if (to_skip > 0) {
        --to_skip;
        return true;
      }
      const bool more = fn(view) && --left > 0;
      whole = whole && more;
      return more;
    };
    Status failed = ok();
    ATELIER_CHECK(walk(
        txn.get(), *file_, tables_, options,
        [&](std::string_view id, const record::DocRow& row) {
          if (options.all_leaves && row.many_leaves) {
            const auto more = each_leaf(txn.get(), options, id, row, give);
            if (!more) failed = more.error();
            return more && *more;
          }
          DocumentView view{id,
                            row.rev,
                            row.deleted,
                            row.sequence,
                            options.bodies && !row.evicted ? row.body : std::string_view(),
                            !row.attachments.empty(),
                            row.many_leaves};
          view.evicted = row.evicted;
          return give(view);
        },
        &rows));
    ATELIER_CHECK(failed);
    return whole ? check_total(txn.get(), tables_, rows) : ok();
  });
}

Result<std::uint64_t> StoreImpl::count(const ScanOptions& options) const {
  return guard([&]() -> Result<std::uint64_t> {
    ATELIER_CHECK(check_usable(false));
    std::uint64_t number = 0;
    ScanOptions wanted = options;
    wanted.bodies = false;
    if (!options.start && !options.end && !options.prefix && !options.all_leaves) {
      const StoreInfo all = info();
      number = all.doc_count + (options.deleted ? all.doc_del_count : 0);
    } else {
      ATELIER_TRY(txn, environment_->read());
      Status failed = ok();
      const auto count_one = [&](const DocumentView&) {
        ++number;
        return true;
      };
      const auto count_row = [&](std::string_view id, const record::DocRow& row) {
        if (!options.all_leaves || !row.many_leaves) {
          ++number;
          return true;
        }
        const auto counted = each_leaf(txn.get(), wanted, id, row, count_one);
        if (!counted) failed = counted.error();
        return counted.has_value();
      };
      ATELIER_CHECK(walk(txn.get(), *file_, tables_, wanted, count_row));
      ATELIER_CHECK(failed);
    }
    number -= std::min<std::uint64_t>(number, options.skip);
    return std::min<std::uint64_t>(number, options.limit);
  });
}

Status StoreImpl::read_blob(const Sha256& blob, std::uint64_t offset, std::uint64_t length,
                            const std::function<bool(std::string_view)>& fn) const {
  return guard([&]() -> Status {
    if (blob == Sha256{}) return evicted();
    std::string chunk;
    std::uint64_t left = length;
    while (left > 0) {
      // A transaction for each chunk: what `fn` does with it may take as long as a network does.
      ATELIER_CHECK(check_usable(false));
      {
        ATELIER_TRY(txn, environment_->read());
        ATELIER_TRY(row, find_blob(txn.get(), tables_, blob));
        if (!row) return not_found("the bytes of an attachment are not here");
        if (offset >= row->length) return ok();
        const std::string key =
            chunk_key(row->number, static_cast<std::uint32_t>(offset / kBlobChunkBytes));
        std::string_view bytes;
        Error error;
        const auto found =
            lmdb::get(txn.get(), tables_.chunks, value_of(std::string_view(key)), &bytes, &error);
        if (found == lmdb::Lookup::kFailed) return error;
        if (found == lmdb::Lookup::kMissing) {
          return Error(ErrorCode::kCorrupt, "a part of an attachment is missing on the disk");
        }
        ATELIER_TRY(checked, record::decode_checked(key, bytes));
        const std::uint64_t within = offset % kBlobChunkBytes;
        if (within >= checked.size()) {
          return Error(ErrorCode::kCorrupt, "a part of an attachment is cut short on the disk");
        }
        chunk = checked.substr(static_cast<std::size_t>(within),
                               static_cast<std::size_t>(std::min<std::uint64_t>(left, SIZE_MAX)));
      }
      offset += chunk.size();
      left -= chunk.size();
      if (!fn(chunk)) return ok();
    }
    return ok();
  });
}

// --- the sequence feed

std::unique_ptr<lmdb::Follower> StoreImpl::follow(MDB_txn* txn, const char* table) const {
  return std::make_unique<LeafOrder>(*file_, txn, table, record::is_whole_sequence);
}

// Fills `change` from the row under the cursor.
Status StoreImpl::walk_changes(MDB_txn* txn, const lmdb::Cursor& cursor, record::SequenceRow* row,
                               ChangeRow* change) const {
  change->sequence = cursor.number();
  ATELIER_CHECK(record::decode_sequence(change->sequence, cursor.value(), row));
  change->id.assign(row->id);
  change->deleted = row->deleted;
  if (!row->many_leaves) {
    change->leaves.resize(1);
    change->leaves[0] = row->rev;
    return ok();
  }
  record::DocRow doc;
  ATELIER_TRY(found, find_doc(txn, change->id, nullptr, &doc));
  if (!found) {
    return Error(ErrorCode::kCorrupt, "a change names a document that is not there: " + change->id);
  }
  ATELIER_TRY(tree, record::tree_of(change->id, doc));
  change->leaves = revs_of(tree, tree.leaves());
  return ok();
}

Status StoreImpl::changes(std::uint64_t since, std::size_t limit,
                          const std::function<bool(const ChangeRow&)>& fn) const {
  return guard([&]() -> Status {
    ATELIER_CHECK(check_usable(false));
    if (since == UINT64_MAX) return ok();
    ATELIER_TRY(txn, environment_->read());
    lmdb::Cursor cursor(txn.get(), tables_.sequences, follow(txn.get(), "sequences"));
    record::SequenceRow row;
    ChangeRow change;
    std::uint64_t rows = 0;
    bool more = cursor.seek_number(since + 1);
    for (; more && limit > 0; --limit, ++rows, more = cursor.move(MDB_NEXT)) {
      ATELIER_CHECK(walk_changes(txn.get(), cursor, &row, &change));
      if (!fn(change)) return ok();
    }
    ATELIER_CHECK(cursor.status());
    return since == 0 && !more ? check_total(txn.get(), tables_, rows) : ok();
  });
}

Status StoreImpl::changes_descending(std::size_t limit,
                                     const std::function<bool(const ChangeRow&)>& fn) const {
  return guard([&]() -> Status {
    ATELIER_CHECK(check_usable(false));
    ATELIER_TRY(txn, environment_->read());
    lmdb::Cursor cursor(txn.get(), tables_.sequences, follow(txn.get(), "sequences"));
    record::SequenceRow row;
    ChangeRow change;
    bool more = cursor.move(MDB_LAST);
    for (; more && limit > 0; --limit, more = cursor.move(MDB_PREV)) {
      ATELIER_CHECK(walk_changes(txn.get(), cursor, &row, &change));
      if (!fn(change)) return ok();
    }
    return cursor.status();
  });
}

}  // namespace atelier
