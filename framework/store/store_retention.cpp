// Lifetimes, forgotten tombstones, eviction: what a store lets go of, a part at a time, so that
// others' writes go in between.
#include <algorithm>
#include <cstdlib>

#include "store/expiry_table.h"
#include "store/forgotten_table.h"
#include "store/store_impl.h"

namespace atelier {

using lmdb::value_of;

std::shared_ptr<const Retention> StoreImpl::current_retention() const {
  const std::lock_guard lock(mutex_);
  return retention_;
}

Status StoreImpl::read_retention(MDB_txn* txn) {
  std::string_view bytes;
  Error error;
  const auto found =
      lmdb::get(txn, tables_.properties, value_of(kRetentionProperty), &bytes, &error);
  if (found == lmdb::Lookup::kFailed) return error;
  if (found == lmdb::Lookup::kMissing) return ok();
  ATELIER_TRY(text, record::decode_checked(kRetentionProperty, bytes));
  ATELIER_TRY(retention, decode_retention(text));
  const std::lock_guard lock(mutex_);
  retention_ = std::make_shared<const Retention>(std::move(retention));
  return ok();
}

// Runs `part` in one write after another until it leaves the position empty. Returns the sum of
// what they counted.
Result<std::uint64_t> StoreImpl::each_part(const Part& part) {
  std::uint64_t count = 0;
  std::string position;
  do {
    std::string next;
    std::uint64_t in_part = 0;
    // A job may run again: from where it began.
    ATELIER_CHECK(run([&](WriteContext& context) -> Status {
      next = position;
      in_part = 0;
      return part(context, next, in_part);
    }));
    count += in_part;
    position = std::move(next);
  } while (!position.empty());
  return count;
}

Status StoreImpl::set_retention(Retention retention) {
  return guard([&]() -> Status {
    ATELIER_CHECK(check_retention(retention));
    const auto before = current_retention();
    if (*before == retention) return ok();
    const std::string row = record::encode_checked(kRetentionProperty, encode_retention(retention));
    const auto after = std::make_shared<const Retention>(std::move(retention));
    ATELIER_CHECK(run([&](WriteContext& context) -> Status {
      context.txn.put(tables_.properties, value_of(kRetentionProperty),
                      value_of(std::string_view(row)));
      context.retention = after;
      return ok();
    }));
    {
      const std::lock_guard lock(mutex_);
      retention_ = after;
    }
    return renew_lifetimes(*before);
  });
}

// Documents whose prefix has another lifetime than before get their time anew.
Status StoreImpl::renew_lifetimes(const Retention& before) {
  if (before.lifetimes_ms == current_retention()->lifetimes_ms) return ok();
  const auto part = [&](WriteContext& context, std::string& position, std::uint64_t&) -> Status {
    struct Renewed {
      std::string id;
      std::uint64_t sequence;
      std::optional<std::int64_t> time_ms;
    };
    std::vector<Renewed> renewed;
    {
      IdCursor cursor(context.txn.get(), tables_.docs);
      bool more = cursor.seek(position);
      position.clear();
      record::DocRow row;
      for (std::size_t seen = 0; more && seen < kCompactDocsPerCommit; more = cursor.next()) {
        ++seen;
        const std::string_view id = cursor.id();
        if (before.lifetime_of(id) == context.retention->lifetime_of(id)) continue;
        if (!record::decode_doc(id, cursor.row(), &row) || row.deleted) continue;
        renewed.push_back({std::string(id), row.sequence, expiry_time(context, id, row.body)});
      }
      if (more) position = cursor.id();
      ATELIER_CHECK(cursor.status());
    }
    for (const Renewed& one : renewed) {
      move_expiry(context, one.sequence, one.sequence, one.id, one.time_ms);
    }
    return ok();
  };
  ATELIER_CHECK(each_part(part));
  return ok();
}

Result<ExpireResult> StoreImpl::expire(const ExpireOptions& options) {
  return guard([&]() -> Result<ExpireResult> {
    const std::int64_t now_ms = clock_->wall_ms();
    if (options.trusted_ms && std::abs(now_ms - *options.trusted_ms) > kClockSkewMaxMs) {
      return Error(ErrorCode::kUnavailable,
                   "this machine's clock is too far off to say what has expired");
    }
    ExpireResult result;
    const auto part = [&](WriteContext& context, std::string& position,
                          std::uint64_t& deleted) -> Status {
      ATELIER_TRY(
          due, due_documents(context.txn.get(), tables_, now_ms, kExpireDocsPerCommit, &position));
      for (const Due& one : due) {
        if (options.may_delete && !options.may_delete(one.id)) continue;
        auto edit = DocumentEdit::load(context, one.id);
        if (context.txn.failed()) return context.txn.error();
        if (!edit || edit->tree().empty()) continue;  // damaged: verify tells
        const auto over = edit->expire(context, now_ms);
        if (!over || !*over) continue;
        edit->store(context);
        if (context.txn.failed()) return context.txn.error();
        ++deleted;
      }
      return ok();
    };
    ATELIER_TRY(deleted, each_part(part));
    result.deleted = deleted;
    ATELIER_TRY(txn, environment_->read());
    ATELIER_TRY(next_ms, next_expiry(txn.get(), tables_, now_ms));
    result.next_ms = next_ms;
    return result;
  });
}

Result<std::uint64_t> StoreImpl::forget_tombstones() {
  return guard([&]() -> Result<std::uint64_t> {
    const std::int64_t age_ms = current_retention()->tombstones_ms;
    if (age_ms == 0) return 0;
    const std::int64_t before_ms = clock_->wall_ms() - age_ms;
    return each_part(
        [&](WriteContext& context, std::string& position, std::uint64_t& forgotten) -> Status {
          MDB_txn* txn = context.txn.get();
          // What was written last has an age even if nothing follows for years.
          mark_time(context, context.state.last_sequence + 1, last_time(txn, tables_));
          if (context.txn.failed()) return context.txn.error();
          ATELIER_TRY(until, written_before(txn, tables_, before_ms));
          ATELIER_TRY(mark, forgotten_mark(txn, tables_));
          position.clear();
          std::vector<std::string> ids;
          std::uint64_t reached = until.sequence;
          {
            lmdb::Cursor cursor(txn, tables_.sequences);
            std::size_t seen = 0;
            bool more = cursor.seek_number(mark.sequence + 1);
            for (; more && cursor.number() <= until.sequence; more = cursor.move(MDB_NEXT)) {
              if (++seen > kCompactDocsPerCommit) {
                reached = cursor.number() - 1;
                position = "more";
                break;
              }
              record::SequenceRow row;
              ATELIER_CHECK(record::decode_sequence(cursor.number(), cursor.value(), &row));
              if (row.deleted) ids.emplace_back(row.id);
            }
            ATELIER_CHECK(cursor.status());
          }
          if (reached <= mark.sequence) return ok();
          for (const std::string& id : ids) {
            auto edit = DocumentEdit::load(context, id);
            if (context.txn.failed()) return context.txn.error();
            if (!edit || !edit->deleted()) continue;
            edit->forget(context);
            edit->store(context);
            if (context.txn.failed()) return context.txn.error();
            ++forgotten;
          }
          put_forgotten_mark(context, {reached, std::max(mark.time_ms, until.time_ms)});
          drop_times(context, reached);
          return ok();
        });
  });
}

Result<std::uint64_t> StoreImpl::evict(std::span<const std::string> ids, EvictWhat what) {
  return guard([&]() -> Result<std::uint64_t> {
    std::uint64_t changed = 0;
    for (std::size_t done = 0; done < ids.size(); done += kExpireDocsPerCommit) {
      const auto part = ids.subspan(done, std::min(kExpireDocsPerCommit, ids.size() - done));
      std::uint64_t in_part = 0;
      ATELIER_CHECK(run([&](WriteContext& context) -> Status {
        in_part = 0;
        for (const std::string& id : part) {
          // No document has it; and design documents are what a store works by.
          if (!check_document_id(id, partitioned_) || id.starts_with("_design/")) continue;
          auto edit = DocumentEdit::load(context, id);
          if (context.txn.failed()) return context.txn.error();
          if (!edit) continue;  // damaged: verify tells
          const auto dropped = edit->evict(context, what == EvictWhat::kBodiesAndBlobs);
          if (!dropped || !*dropped) continue;
          edit->store(context, true);
          if (context.txn.failed()) return context.txn.error();
          context.poke = true;
          ++in_part;
        }
        return ok();
      }));
      changed += in_part;
    }
    return changed;
  });
}

}  // namespace atelier
