// Declaring, building and dropping indexes. The background work is a chain of small jobs of the
// writer: each does one step and, when it is committed, queues the next one behind what others have
// queued meanwhile. How far a build is stands in the definition's row, in the same commit as what
// it wrote, so a kill loses nothing. Thread rule: as StoreImpl.
#include <algorithm>

#include "store/index_rows.h"
#include "store/segment_join.h"
#include "store/store_impl.h"

namespace atelier {
namespace {

using lmdb::value_of;
using State = IndexStatus::State;

const Index* find_index(const IndexSet& indexes, std::string_view name) {
  for (const IndexPtr& index : indexes) {
    if (index->state != State::kDropping && index->definition.name == name) return index.get();
  }
  return nullptr;
}

// Reads documents by the order of their last change, from where the last step ended.
Status build_step(WriteContext& context, const Index& index) {
  Index next = index;
  std::size_t changes = 0, docs = 0, bytes = 0;
  lmdb::Cursor cursor(context.txn.get(), context.tables.sequences);
  record::SequenceRow change;
  bool more = cursor.seek_number(index.built + 1);
  const auto full = [&] {
    return changes >= kIndexBuildChanges || docs >= kIndexBuildDocs || bytes >= kIndexBuildBytes;
  };
  for (; more && cursor.number() <= index.until && !full(); more = cursor.move(MDB_NEXT)) {
    next.built = cursor.number();
    ++changes;
    ATELIER_CHECK(record::decode_sequence(cursor.number(), cursor.value(), &change));
    if (change.deleted || !index.takes_id(change.id)) continue;
    std::string_view row;
    Error error;
    const auto found = find_row(context.txn.get(), context.tables.docs, change.id, &row, &error);
    if (found == lmdb::Lookup::kFailed) return error;
    record::DocRow doc;
    // A damaged document is in no index; verify tells of it, and others are found.
    if (found == lmdb::Lookup::kMissing || !record::decode_doc(change.id, row, &doc)) continue;
    if (doc.deleted || !doc.has_body || doc.evicted) continue;
    ++docs;
    bytes += doc.body.size();
    context.indexes.add(index, change.id, {doc.sequence, doc.body});
  }
  ATELIER_CHECK(cursor.status());
  if (!more || cursor.number() > index.until) {
    next.built = index.until;
    next.state = State::kReady;
  }
  context.indexes.put(context.txn, context.tables, std::move(next));
  return ok();
}

// Whether anything is left.
Result<bool> drop_values(WriteContext& context, const std::string& head) {
  std::vector<std::string> keys;
  {
    IdCursor cursor(context.txn.get(), context.tables.values);
    bool more = cursor.seek(head);
    for (; more && keys.size() < kIndexDropRows && cursor.id().starts_with(head);
         more = cursor.next()) {
      keys.emplace_back(cursor.id());
    }
    ATELIER_CHECK(cursor.status());
  }
  for (const std::string& key : keys) erase_row(context.txn, context.tables.values, key);
  return !keys.empty();
}

// Rows first, then what names them.
Result<bool> drop_words(WriteContext& context, std::uint32_t number, const std::string& head) {
  ATELIER_TRY(rows, erase_rows(context.txn, context.tables, head, kIndexDropRows));
  if (rows > 0) return true;
  ATELIER_TRY(segments, read_segments(context.txn.get(), context.tables, number));
  for (const Segment& one : segments) {
    erase_segment(context.txn, context.tables, number, one.number);
  }
  return false;
}

Status drop_step(WriteContext& context, const Index& index) {
  // What was collected for it before it was dropped, in this same transaction, must go as well.
  context.indexes.flush(context.txn, context.tables, context.state);
  std::string head;
  index_rows::put_ordered(head, index.number);
  ATELIER_TRY(left, index.is_words() ? drop_words(context, index.number, head)
                                     : drop_values(context, head));
  if (!left) context.indexes.erase(context.txn, context.tables, index.number);
  return ok();
}

std::uint32_t next_number(const IndexSet& indexes) {
  return indexes.empty() ? 1 : indexes.back()->number + 1;
}

// An index whose words were cut or kept by other rules is made anew.
Status renew(WriteContext& context, const Index& index) {
  Index next = index;
  next.number = next_number(context.indexes.indexes());
  next.state = State::kBuilding;
  next.built = 0;
  next.until = context.state.last_sequence;
  next.words_version = kWordsVersion;
  Index old = index;
  old.state = State::kDropping;
  context.indexes.put(context.txn, context.tables, std::move(old));
  context.indexes.put(context.txn, context.tables, std::move(next));
  return ok();
}

}  // namespace

Status StoreImpl::read_indexes(MDB_txn* txn) {
  auto indexes = std::make_shared<IndexSet>();
  lmdb::Cursor cursor(txn, tables_.indexes);
  for (bool more = cursor.move(MDB_FIRST); more; more = cursor.move(MDB_NEXT)) {
    ATELIER_TRY(index, decode_index(cursor.key(), cursor.value()));
    indexes->push_back(std::make_shared<const Index>(std::move(index)));
  }
  ATELIER_CHECK(cursor.status());
  indexes_.set(std::move(indexes));
  return ok();
}

// One step of joining, for the first index that has something to join.
Result<bool> join_any(WriteContext& context, IndexRegistry& registry) {
  for (const IndexPtr& index : context.indexes.indexes()) {
    if (!index->is_words() || index->is_outdated() || index->state == State::kDropping) continue;
    ATELIER_TRY(more, join_step(context.txn, context.tables, index->number, &registry.join_memory));
    if (more) return true;
  }
  return false;
}

Status StoreImpl::index_step(WriteContext& context, IndexRegistry& registry, bool* more) {
  *more = false;
  // Before more is built, so that segments do not pile up.
  if (registry.join()) {
    ATELIER_TRY(joined, join_any(context, registry));
    *more = joined;
    if (joined) return ok();
    registry.set_join(false);  // the next commit that leaves something sets it again
  }
  for (const IndexPtr& index : context.indexes.indexes()) {
    if (index->ready()) continue;
    *more = true;
    const IndexPtr kept = index;
    if (kept->state == State::kReady) return renew(context, *kept);
    if (kept->state != State::kDropping) return build_step(context, *kept);
    registry.join_memory.reset();  // the number may be given again
    return drop_step(context, *kept);
  }
  return ok();
}

Status StoreImpl::check_index(MDB_txn* txn, const Index& index) const {
  const std::string key = index_key(index.number);
  std::string_view row;
  Error error;
  const auto found = lmdb::get(txn, tables_.indexes, value_of(std::string_view(key)), &row, &error);
  if (found == lmdb::Lookup::kFailed) return error;
  if (found == lmdb::Lookup::kFound) {
    ATELIER_TRY(now, decode_index(key, row));
    if (now.ready() && now.definition == index.definition) return ok();
  }
  return Error(ErrorCode::kUnavailable,
               "the index '" + index.definition.name + "' was dropped while it was read");
}

// Any thread. One step is queued at a time.
void StoreImpl::go_on_indexing() {
  const auto unfinished = [this] {
    if (indexes_.join()) return true;
    const auto indexes = indexes_.get();
    return std::any_of(indexes->begin(), indexes->end(),
                       [](const IndexPtr& index) { return !index->ready(); });
  };
  if (!unfinished() || indexing_.exchange(true)) return;
  auto more = std::make_shared<bool>(false);
  Writer::Job job;
  job.docs = kIndexBuildDocs;
  job.bytes = kIndexBuildBytes;
  job.run = [this, more](WriteContext& context) {
    return index_step(context, indexes_, more.get());
  };
  job.done = [this, more](const Status& status) {
    indexing_ = false;
    if (status) {
      go_on_indexing();
    } else if (status.error().code != ErrorCode::kCancelled) {
      indexes_.set_problem(status.error().message);
    }
  };
  writer_->enqueue(std::move(job));
}

Result<bool> StoreImpl::create_index(const IndexDefinition& definition) {
  return guard([&]() -> Result<bool> {
    ATELIER_TRY(index, compile_index(definition));
    ATELIER_CHECK(check_usable(true));
    // Declared at each start of a program: that must not cost a commit.
    const auto same = [&](const Index* known) {
      return known && known->definition == index.definition;
    };
    if (same(find_index(*indexes_.get(), definition.name))) return false;
    bool created = false;
    ATELIER_CHECK(run([&](WriteContext& context) -> Status {
      created = false;
      const IndexSet& indexes = context.indexes.indexes();
      const Index* known = find_index(indexes, definition.name);
      if (same(known)) return ok();
      if (known) {
        return Error(ErrorCode::kExists, "there is another index with the name '" +
                                             definition.name + "': drop it first");
      }
      if (indexes.size() >= kIndexesMax) {
        return Error(ErrorCode::kTooLarge,
                     "the store has " + std::to_string(kIndexesMax) + " indexes already");
      }
      Index made = index;
      made.number = next_number(indexes);
      made.until = context.state.last_sequence;
      if (made.until == 0) made.state = State::kReady;
      made.words_version = made.is_words() ? kWordsVersion : 0;
      context.indexes.put(context.txn, context.tables, std::move(made));
      created = true;
      return ok();
    }));
    go_on_indexing();
    return created;
  });
}

Status StoreImpl::drop_index(std::string_view name) {
  return guard([&]() -> Status {
    ATELIER_CHECK(run([&](WriteContext& context) -> Status {
      const Index* known = find_index(context.indexes.indexes(), name);
      if (!known) return not_found("there is no index '" + std::string(name) + "'");
      Index dropped = *known;
      dropped.state = State::kDropping;
      context.indexes.put(context.txn, context.tables, std::move(dropped));
      return ok();
    }));
    go_on_indexing();
    return ok();
  });
}

std::vector<IndexStatus> StoreImpl::indexes() const {
  std::vector<IndexStatus> all;
  for (const IndexPtr& index : *indexes_.get()) {
    IndexStatus status;
    status.definition = index->definition;
    // One whose rows are another version's answers nothing until it is made anew.
    const bool outdated = index->state == State::kReady && !index->ready();
    status.state = outdated ? State::kBuilding : index->state;
    if (outdated) {
      status.to_build = index->until;
    } else if (index->state == State::kBuilding) {
      status.built = index->built;
      status.to_build = index->until;
    }
    status.joining = index->is_words() && indexes_.join();
    if (!index->ready() || status.joining) status.problem = indexes_.problem();
    all.push_back(std::move(status));
  }
  return all;
}

}  // namespace atelier
