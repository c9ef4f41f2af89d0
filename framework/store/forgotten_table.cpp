#include "store/forgotten_table.h"

#include <algorithm>
#include <cstring>

#include "base/digest.h"
#include "base/limits.h"
#include "revtree/varint.h"

namespace atelier {
namespace {

using lmdb::value_of;

constexpr std::string_view kMarkKey = "forgotten";
constexpr std::size_t kHashBytes = 16;

std::string_view key_of(const std::uint64_t& number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

std::uint64_t rows_of(MDB_txn* txn, MDB_dbi table) {
  MDB_stat stat;
  return mdb_stat(txn, table, &stat) == MDB_SUCCESS ? stat.ms_entries : 0;
}

}  // namespace

// --- rows

std::string record::forgotten_key(std::string_view id, const RevId* rev) {
  std::string text(rev ? "r" : "d");
  bytes::put_text(text, id);
  if (rev) text += rev->to_string();
  const Sha256 sum = sha256(text);
  return {reinterpret_cast<const char*>(sum.data()), kHashBytes};
}

Result<RevId> record::decode_forgotten(std::string_view key, std::string_view bytes) {
  ATELIER_TRY(text, decode_checked(key, bytes));
  auto rev = RevId::parse(text);
  if (!rev) return Error(ErrorCode::kCorrupt, "a forgotten tombstone is damaged on the disk");
  return rev;
}

Result<std::int64_t> record::decode_time(std::uint64_t sequence, std::string_view bytes) {
  ATELIER_TRY(text, decode_checked(key_of(sequence), bytes));
  std::int64_t time_ms = 0;
  if (text.size() != sizeof time_ms) return Error(ErrorCode::kCorrupt, "a time is damaged");
  std::memcpy(&time_ms, text.data(), sizeof time_ms);
  return time_ms;
}

Result<ForgottenMark> record::decode_forgotten_mark(std::string_view bytes) {
  ATELIER_TRY(text, decode_checked(kMarkKey, bytes));
  bytes::Reader in(text);
  ForgottenMark mark;
  mark.sequence = in.varint();
  mark.time_ms = static_cast<std::int64_t>(in.varint());
  if (!in.ok() || !in.at_end()) return Error(ErrorCode::kCorrupt, "the store's age is damaged");
  return mark;
}

// --- forgotten

bool any_forgotten(MDB_txn* txn, const Tables& tables) {
  return rows_of(txn, tables.forgotten) > 0;
}

Result<bool> is_forgotten(MDB_txn* txn, const Tables& tables, std::string_view id,
                          const RevId& rev) {
  const std::string key = record::forgotten_key(id, &rev);
  std::string_view bytes;
  Error error;
  const auto found =
      lmdb::get(txn, tables.forgotten, value_of(std::string_view(key)), &bytes, &error);
  if (found == lmdb::Lookup::kFailed) return error;
  return found == lmdb::Lookup::kFound;
}

Result<std::optional<RevId>> forgotten_tombstone(MDB_txn* txn, const Tables& tables,
                                                 std::string_view id) {
  const std::string key = record::forgotten_key(id, nullptr);
  std::string_view bytes;
  Error error;
  const auto found =
      lmdb::get(txn, tables.forgotten, value_of(std::string_view(key)), &bytes, &error);
  if (found == lmdb::Lookup::kFailed) return error;
  if (found == lmdb::Lookup::kMissing) return std::optional<RevId>();
  ATELIER_TRY(rev, record::decode_forgotten(key, bytes));
  return std::optional<RevId>(std::move(rev));
}

void remember_hashes(WriteContext& context, std::string_view id, const RevTree& tree) {
  const auto put = [&](const std::string& key, std::string_view value) {
    context.txn.put(context.tables.forgotten, value_of(std::string_view(key)), value_of(value));
  };
  for (const RevNode& node : tree.nodes()) put(record::forgotten_key(id, &node.rev), {});
  RevId greatest = tree.node(tree.winner()).rev;
  const auto before = forgotten_tombstone(context.txn.get(), context.tables, id);
  if (!before) return context.txn.fail(before.error());
  if (*before && greatest < **before) greatest = **before;
  const std::string key = record::forgotten_key(id, nullptr);
  put(key, record::encode_checked(key, greatest.to_string()));
  context.forgets = true;
}

Result<ForgottenMark> forgotten_mark(MDB_txn* txn, const Tables& tables) {
  std::string_view bytes;
  Error error;
  const auto found = lmdb::get(txn, tables.meta, value_of(kMarkKey), &bytes, &error);
  if (found == lmdb::Lookup::kFailed) return error;
  if (found == lmdb::Lookup::kMissing) return ForgottenMark();
  return record::decode_forgotten_mark(bytes);
}

void put_forgotten_mark(WriteContext& context, const ForgottenMark& mark) {
  std::string text;
  bytes::put_varint(text, mark.sequence);
  bytes::put_varint(text, static_cast<std::uint64_t>(mark.time_ms));
  const std::string row = record::encode_checked(kMarkKey, text);
  context.txn.put(context.tables.meta, value_of(kMarkKey), value_of(std::string_view(row)));
}

// --- times

std::int64_t last_time(MDB_txn* txn, const Tables& tables) {
  lmdb::Cursor cursor(txn, tables.times);
  if (!cursor.move(MDB_LAST)) return 0;
  const auto time_ms = record::decode_time(cursor.number(), cursor.value());
  return time_ms ? *time_ms : 0;
}

std::int64_t mark_time(WriteContext& context, std::uint64_t sequence, std::int64_t last_ms) {
  const std::int64_t now_ms = context.clock->wall_ms();
  if (now_ms < last_ms + kTimeMarkMs) return 0;  // also while a clock that went back catches up
  std::string_view there;
  Error error;
  const auto found =
      lmdb::get(context.txn.get(), context.tables.times, value_of(sequence), &there, &error);
  if (found == lmdb::Lookup::kFailed) context.txn.fail(error);
  if (found != lmdb::Lookup::kMissing) return 0;  // the earlier time says more
  const std::string row = record::encode_checked(
      key_of(sequence), std::string_view(reinterpret_cast<const char*>(&now_ms), sizeof now_ms));
  context.txn.put(context.tables.times, value_of(sequence), value_of(std::string_view(row)));
  return now_ms;
}

Result<WrittenBefore> written_before(MDB_txn* txn, const Tables& tables, std::int64_t before_ms) {
  WrittenBefore found;
  lmdb::Cursor cursor(txn, tables.times);
  for (bool more = cursor.move(MDB_FIRST); more; more = cursor.move(MDB_NEXT)) {
    ATELIER_TRY(time_ms, record::decode_time(cursor.number(), cursor.value()));
    if (time_ms > before_ms) break;
    found = {cursor.number() - 1, time_ms};
  }
  ATELIER_CHECK(cursor.status());
  return found;
}

void drop_times(WriteContext& context, std::uint64_t sequence) {
  std::vector<std::uint64_t> old;
  {
    lmdb::Cursor cursor(context.txn.get(), context.tables.times);
    bool more = cursor.move(MDB_FIRST);
    for (; more && cursor.number() <= sequence; more = cursor.move(MDB_NEXT)) {
      old.push_back(cursor.number());
    }
  }
  for (const std::uint64_t number : old) context.txn.erase(context.tables.times, value_of(number));
}

}  // namespace atelier
