// The feed filtered in the store. A call reads a bounded number of rows into memory and ends its
// transaction, so a consumer holds nothing while it works or waits.
#include <algorithm>
#include <unordered_set>

#include "store/store_impl.h"

namespace atelier {
namespace {

// An id's row costs about as much to find as this many rows of the feed to walk.
constexpr std::uint64_t kRowsPerLookup = 8;

// What the ids of a filter come to, with what its selector says of `_id`.
struct Wanted {
  bool nothing = false;
  std::optional<std::vector<std::string>> ids;
};

Wanted wanted_by(const ChangeFilter& filter) {
  Wanted wanted;
  wanted.ids = filter.ids;
  if (filter.selector) {
    const query::IdBounds bounds = filter.selector->id_bounds();
    wanted.nothing = bounds.never;
    if (!wanted.ids && bounds.ids) wanted.ids = bounds.ids;
  }
  if (wanted.ids) {
    std::sort(wanted.ids->begin(), wanted.ids->end());
    wanted.ids->erase(std::unique(wanted.ids->begin(), wanted.ids->end()), wanted.ids->end());
    if (wanted.ids->empty()) wanted.nothing = true;
  }
  return wanted;
}

bool has_prefix(const ChangeFilter& filter, std::string_view id) {
  return !filter.prefix || id.starts_with(*filter.prefix);
}

}  // namespace

// Whether the winner is what the selector asks for.
Result<bool> StoreImpl::matches(MDB_txn* txn, const ChangeFilter& filter,
                                const record::SequenceRow& row) const {
  if (!filter.selector || filter.selector->matches_everything()) return true;
  record::DocRow doc;
  ATELIER_TRY(found, find_doc(txn, row.id, nullptr, &doc));
  if (!found) {
    return Error(ErrorCode::kCorrupt,
                 "a change names a document that is not there: " + std::string(row.id));
  }
  if (doc.evicted || !doc.has_body) return true;
  const std::string rev = doc.rev.to_string();
  ATELIER_TRY(attachments, record::decode_attachments(doc.attachments));
  const std::string attachments_text = attachments_json(attachments);
  query::DocumentView view;
  view.id = row.id;
  view.rev = rev;
  view.deleted = doc.deleted;
  view.body = doc.body;
  view.attachments = attachments_text;
  return filter.selector->matches(view);
}

// Row by row from `since`. Returns whether the end of the feed was reached.
Result<bool> StoreImpl::walk_filtered(MDB_txn* txn, const ChangeFilter& filter, std::uint64_t last,
                                      const std::function<bool(std::string_view)>& has_id,
                                      ChangeBatch* batch) const {
  lmdb::Cursor cursor(txn, tables_.sequences, follow(txn, "sequences"));
  record::SequenceRow row;
  std::size_t examined = 0, bytes = 0;
  bool more = filter.since != UINT64_MAX && cursor.seek_number(filter.since + 1);
  for (; more; more = cursor.move(MDB_NEXT)) {
    if (examined++ >= std::max<std::size_t>(filter.examined_max, 1) ||
        batch->rows.size() >= filter.limit || bytes > kChangesBatchBytesMax) {
      return false;
    }
    ATELIER_CHECK(record::decode_sequence(cursor.number(), cursor.value(), &row));
    bool wanted = has_prefix(filter, row.id) && has_id(row.id);
    if (wanted) {
      ATELIER_TRY(matching, matches(txn, filter, row));
      wanted = matching;
    }
    if (wanted) {
      ChangeRow change;
      ATELIER_CHECK(walk_changes(txn, cursor, &row, &change));
      bytes += change.id.size();
      batch->rows.push_back(std::move(change));
    }
    batch->reached = cursor.number();
  }
  ATELIER_CHECK(cursor.status());
  batch->reached = std::max(filter.since, last);
  return true;
}

// Few ids: their rows are looked up, and put in the feed's order.
Status StoreImpl::look_up_changes(MDB_txn* txn, const ChangeFilter& filter, std::uint64_t last,
                                  std::span<const std::string> ids, ChangeBatch* batch) const {
  std::vector<std::uint64_t> sequences;
  record::DocRow doc;
  for (const std::string& id : ids) {
    if (!has_prefix(filter, id)) continue;
    std::string_view bytes;
    Error error;
    if (id.empty() || id.size() > kIdBytesMax) continue;
    const auto found = find_row(txn, tables_.docs, id, &bytes, &error);
    if (found == lmdb::Lookup::kFailed) return error;
    if (found == lmdb::Lookup::kMissing) continue;
    ATELIER_CHECK(record::decode_doc(id, bytes, &doc, false));
    if (doc.sequence > filter.since) sequences.push_back(doc.sequence);
  }
  std::sort(sequences.begin(), sequences.end());
  lmdb::Cursor cursor(txn, tables_.sequences, follow(txn, "sequences"));
  record::SequenceRow row;
  for (const std::uint64_t sequence : sequences) {
    if (batch->rows.size() >= filter.limit) {
      batch->more = true;
      return ok();
    }
    if (!cursor.seek_number(sequence) || cursor.number() != sequence) {
      ATELIER_CHECK(cursor.status());
      return Error(ErrorCode::kCorrupt, "a document's change is not in the feed");
    }
    ATELIER_CHECK(record::decode_sequence(sequence, cursor.value(), &row));
    ATELIER_TRY(matching, matches(txn, filter, row));
    if (matching) {
      ChangeRow change;
      ATELIER_CHECK(walk_changes(txn, cursor, &row, &change));
      batch->rows.push_back(std::move(change));
    }
    batch->reached = sequence;
  }
  batch->reached = std::max(filter.since, last);
  return ok();
}

Result<ChangeBatch> StoreImpl::read_changes(const ChangeFilter& filter) const {
  return guard([&]() -> Result<ChangeBatch> {
    ATELIER_CHECK(check_usable(false));
    const Wanted wanted = wanted_by(filter);
    ChangeBatch batch;
    batch.reached = filter.since;
    ATELIER_TRY(txn, environment_->read());
    // Of this snapshot, which may be older than last_sequence().
    lmdb::Cursor cursor(txn.get(), tables_.sequences, follow(txn.get(), "sequences"));
    const std::uint64_t last = cursor.move(MDB_LAST) ? cursor.number() : 0;
    ATELIER_CHECK(cursor.status());
    if (wanted.nothing || filter.since >= last) {
      batch.reached = std::max(filter.since, last);
      return batch;
    }
    if (filter.limit == 0) {
      batch.more = true;
      return batch;
    }
    const bool few = wanted.ids && wanted.ids->size() <= kChangesIdsMax &&
                     wanted.ids->size() * kRowsPerLookup <= last - filter.since;
    if (few) {
      ATELIER_CHECK(look_up_changes(txn.get(), filter, last, *wanted.ids, &batch));
      return batch;
    }
    std::unordered_set<std::string_view> ids;
    if (wanted.ids) ids.insert(wanted.ids->begin(), wanted.ids->end());
    const auto has_id = [&](std::string_view id) { return !wanted.ids || ids.contains(id); };
    ATELIER_TRY(ended, walk_filtered(txn.get(), filter, last, has_id, &batch));
    batch.more = !ended;
    return batch;
  });
}

}  // namespace atelier
