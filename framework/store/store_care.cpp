// Care of a store: counters, compaction, purge.
#include <algorithm>
#include <system_error>

#include "store/blob_table.h"
#include "store/forgotten_table.h"
#include "store/store_impl.h"

namespace atelier {

StoreInfo StoreImpl::info() const {
  StoreInfo info;
  info.uuid = uuid_;
  info.partitioned = partitioned_;
  info.created_ms = created_ms_;
  if (!check_usable(false)) return info;
  auto txn = environment_->read();
  if (!txn) return info;
  std::string_view bytes;
  Error error;
  const auto found = lmdb::get(txn->get(), tables_.meta, lmdb::value_of(std::string_view("state")),
                               &bytes, &error);
  if (found == lmdb::Lookup::kFound) {
    if (const auto state = record::decode_state(bytes)) {
      info.doc_count = state->doc_count;
      info.doc_del_count = state->doc_del_count;
      info.last_sequence = state->last_sequence;
      info.purge_sequence = state->purge_sequence;
    }
  }
  if (const auto mark = forgotten_mark(txn->get(), tables_)) {
    info.forgotten_sequence = mark->sequence;
    info.forgotten_ms = mark->time_ms;
  }
  info.live_bytes = environment_->live_bytes(txn->get(), tables_.all());
  std::error_code ignored;
  const auto size = std::filesystem::file_size(path_ / "data.mdb", ignored);
  info.file_bytes = ignored ? 0 : size;
  return info;
}

Result<std::vector<RevId>> StoreImpl::purge(std::string_view id, std::span<const RevId> revs) {
  return guard([&]() -> Result<std::vector<RevId>> {
    ATELIER_CHECK(check_document_id(id, partitioned_));
    std::vector<RevId> purged;
    ATELIER_CHECK(run([&](WriteContext& context) -> Status {
      ATELIER_TRY(edit, DocumentEdit::load(context, id));
      purged = edit.purge(revs);
      if (purged.empty()) return ok();
      edit.store(context);
      ++context.state.purge_sequence;
      return ok();
    }));
    return purged;
  });
}

// A part at a time, so that others' writes go in between.
Status StoreImpl::compact_documents() {
  std::string next;  // where the next part begins
  bool more = true;
  while (more) {
    std::string reached;
    ATELIER_CHECK(run([&](WriteContext& context) -> Status {
      std::vector<std::string> ids;
      {
        IdCursor cursor(context.txn.get(), tables_.docs);
        record::DocRow row;
        std::size_t looked_at = 0;
        more = cursor.seek(next);
        for (; more && looked_at < kCompactDocsPerCommit; more = cursor.next(), ++looked_at) {
          const bool readable =
              record::decode_doc(cursor.id(), cursor.row(), &row, false).has_value();
          if (readable && !row.tree.empty()) ids.emplace_back(cursor.id());
        }
        if (more) reached = cursor.id();
        ATELIER_CHECK(cursor.status());
      }
      for (const std::string& id : ids) {
        auto edit = DocumentEdit::load(context, id);
        if (edit && edit->drop_old_bodies()) edit->store(context, true);
      }
      return ok();
    }));
    next = std::move(reached);
  }
  return ok();
}

Status StoreImpl::compact() {
  return guard([&]() -> Status {
    ATELIER_CHECK(compact_documents());
    compact_at_end_ = true;
    return run([](WriteContext& context) { return sweep_blobs(context, false); });
  });
}

}  // namespace atelier
