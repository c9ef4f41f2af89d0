#include "store/expiry_table.h"

#include <algorithm>

#include "base/limits.h"
#include "revtree/varint.h"

namespace atelier {
namespace {

using lmdb::value_of;

constexpr std::size_t kNumberBytes = 8;

void append_number(std::string& out, std::uint64_t number) {
  for (std::size_t i = 0; i < kNumberBytes; ++i) {
    out.push_back(static_cast<char>(number >> (8 * (kNumberBytes - 1 - i))));
  }
}

std::uint64_t number_at(std::string_view bytes, std::size_t at) {
  std::uint64_t number = 0;
  for (const char c : bytes.substr(at, kNumberBytes)) {
    number = (number << 8) | static_cast<std::uint8_t>(c);
  }
  return number;
}

Error damaged() {
  return {ErrorCode::kCorrupt, "the table of lifetimes is damaged"};
}

}  // namespace

// --- rows

std::string record::expiry_time_key(std::int64_t time_ms, std::uint64_t sequence) {
  std::string key = "t";
  append_number(key, static_cast<std::uint64_t>(time_ms));
  append_number(key, sequence);
  return key;
}

std::string record::expiry_sequence_key(std::uint64_t sequence) {
  std::string key = "d";
  append_number(key, sequence);
  return key;
}

std::array<std::pair<std::string, std::string>, 2> record::encode_expiry(std::int64_t time_ms,
                                                                         std::uint64_t sequence,
                                                                         std::string_view id) {
  const std::string by_time = expiry_time_key(time_ms, sequence);
  const std::string by_sequence = expiry_sequence_key(sequence);
  std::string time;
  append_number(time, static_cast<std::uint64_t>(time_ms));
  return {{{by_time, encode_checked(by_time, id)}, {by_sequence, encode_checked(by_sequence, time)}}};
}

Result<record::ExpiryRow> record::decode_expiry(std::string_view key, std::string_view bytes) {
  const auto text = decode_checked(key, bytes);
  if (!text) return damaged();
  ExpiryRow row;
  std::uint64_t time = 0;
  if (key.starts_with('t') && key.size() == 1 + 2 * kNumberBytes) {
    row.by_time = true;
    time = number_at(key, 1);
    row.sequence = number_at(key, 1 + kNumberBytes);
    row.id = *text;
  } else if (key.starts_with('d') && key.size() == 1 + kNumberBytes &&
             text->size() == kNumberBytes) {
    row.sequence = number_at(key, 1);
    time = number_at(*text, 0);
  } else {
    return damaged();
  }
  if (time > static_cast<std::uint64_t>(kTimeMax)) return damaged();
  row.time_ms = static_cast<std::int64_t>(time);
  return row;
}

// --- keeping them

std::optional<std::int64_t> expiry_of(WriteContext& context, std::uint64_t sequence) {
  const std::string key = record::expiry_sequence_key(sequence);
  std::string_view bytes;
  Error error;
  const auto found = lmdb::get(context.txn.get(), context.tables.expiries,
                               value_of(std::string_view(key)), &bytes, &error);
  if (found == lmdb::Lookup::kFailed) context.txn.fail(error);
  if (found != lmdb::Lookup::kFound) return std::nullopt;
  const auto row = record::decode_expiry(key, bytes);
  if (!row) {
    context.txn.fail(row.error());
    return std::nullopt;
  }
  return row->time_ms;
}

void move_expiry(WriteContext& context, std::uint64_t old_sequence, std::uint64_t sequence,
                 std::string_view id, std::optional<std::int64_t> time_ms) {
  const MDB_dbi table = context.tables.expiries;
  const auto old_ms = old_sequence ? expiry_of(context, old_sequence) : std::nullopt;
  if (old_ms) {
    const std::string by_time = record::expiry_time_key(*old_ms, old_sequence);
    const std::string by_sequence = record::expiry_sequence_key(old_sequence);
    context.txn.erase(table, value_of(std::string_view(by_time)));
    context.txn.erase(table, value_of(std::string_view(by_sequence)));
  }
  if (!time_ms || sequence == 0) return;
  for (const auto& [key, row] : record::encode_expiry(*time_ms, sequence, id)) {
    context.txn.put(table, value_of(std::string_view(key)), value_of(std::string_view(row)));
  }
}

std::optional<std::int64_t> expiry_time(const WriteContext& context, std::string_view id,
                                        std::string_view body) {
  std::optional<std::int64_t> time_ms;
  if (record::is_evicted(body)) {
    if (const auto evicted = record::decode_evicted(body)) time_ms = evicted->expires_at_ms;
  } else {
    time_ms = expires_at(body);
  }
  const auto lifetime_ms =
      context.retention ? context.retention->lifetime_of(id) : std::optional<std::int64_t>();
  if (!lifetime_ms) return time_ms;
  const std::int64_t end_ms = context.clock->wall_ms() + *lifetime_ms;
  return std::min(time_ms.value_or(end_ms), end_ms);
}

// --- reading them

Result<std::vector<Due>> due_documents(MDB_txn* txn, const Tables& tables, std::int64_t now_ms,
                                       std::size_t limit, std::string* position) {
  std::vector<Due> due;
  lmdb::Cursor cursor(txn, tables.expiries);
  bool more = cursor.seek(position->empty() ? std::string_view("t") : *position);
  position->clear();
  for (; more && cursor.key().starts_with('t'); more = cursor.move(MDB_NEXT)) {
    ATELIER_TRY(row, record::decode_expiry(cursor.key(), cursor.value()));
    if (row.time_ms > now_ms) break;
    if (due.size() == limit) {
      *position = cursor.key();
      break;
    }
    due.push_back({row.time_ms, row.sequence, std::string(row.id)});
  }
  ATELIER_CHECK(cursor.status());
  return due;
}

Result<std::optional<std::int64_t>> next_expiry(MDB_txn* txn, const Tables& tables,
                                                std::int64_t now_ms) {
  lmdb::Cursor cursor(txn, tables.expiries);
  const bool there = cursor.seek(record::expiry_time_key(now_ms + 1, 0));
  ATELIER_CHECK(cursor.status());
  if (!there || !cursor.key().starts_with('t')) return std::optional<std::int64_t>();
  ATELIER_TRY(row, record::decode_expiry(cursor.key(), cursor.value()));
  return std::optional<std::int64_t>(row.time_ms);
}

}  // namespace atelier
