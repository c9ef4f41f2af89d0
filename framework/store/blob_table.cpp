#include "store/blob_table.h"

#include <cstring>

#include "base/clock.h"
#include "base/limits.h"

namespace atelier {
namespace {

using lmdb::value_of;

std::string_view bytes_of(const Sha256& blob) {
  return {reinterpret_cast<const char*>(blob.data()), blob.size()};
}

void put_blob(WriteContext& context, const Sha256& blob, const record::BlobRow& row) {
  const std::string encoded = record::encode_blob(blob, row);
  context.txn.put(context.tables.blobs, value_of(bytes_of(blob)),
                  value_of(std::string_view(encoded)));
}

std::string big_endian(std::uint64_t number, std::size_t count) {
  std::string out(count, '\0');
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = static_cast<char>(number >> (8 * (count - 1 - i)));
  }
  return out;
}

void erase_blob(WriteContext& context, const Sha256& blob, std::uint64_t number) {
  erase_chunks(context, number);
  context.txn.erase(context.tables.blobs, value_of(bytes_of(blob)));
}

// A row of `staging` that should go, and what goes with it.
struct Leftover {
  std::string key;
  std::uint64_t number = 0;
};

std::vector<Leftover> leftovers(WriteContext& context, bool all_unfinished) {
  std::vector<Leftover> found;
  const std::int64_t now_ms = system_clock().wall_ms();
  lmdb::Cursor cursor(context.txn.get(), context.tables.staging);
  for (bool more = cursor.move(MDB_FIRST); more; more = cursor.move(MDB_NEXT)) {
    const std::string_view key = cursor.key();
    if (key.front() == 's' && all_unfinished && key.size() == 9) {
      std::uint64_t number = 0;
      for (const char c : key.substr(1)) number = (number << 8) | static_cast<std::uint8_t>(c);
      found.push_back({std::string(key), number});
    }
    std::int64_t since_ms = 0;
    if (key.front() != 'o' || cursor.value().size() != sizeof since_ms) continue;
    std::memcpy(&since_ms, cursor.value().data(), sizeof since_ms);
    // A clock that went back must not keep them for ever.
    if (now_ms - since_ms > kBlobUnreferencedMs || since_ms > now_ms) {
      found.push_back({std::string(key), 0});
    }
  }
  return found;
}

}  // namespace

std::string chunk_key(std::uint64_t number, std::uint32_t index) {
  return big_endian(number, 8) + big_endian(index, 4);
}

Result<std::optional<record::BlobRow>> find_blob(MDB_txn* txn, const Tables& tables,
                                                 const Sha256& blob) {
  std::string_view bytes;
  Error error;
  switch (lmdb::get(txn, tables.blobs, value_of(bytes_of(blob)), &bytes, &error)) {
    case lmdb::Lookup::kFailed:
      return error;
    case lmdb::Lookup::kMissing:
      return std::optional<record::BlobRow>();
    case lmdb::Lookup::kFound:
      break;
  }
  ATELIER_TRY(row, record::decode_blob(blob, bytes));
  return std::optional<record::BlobRow>(std::move(row));
}

void add_reference(WriteContext& context, const Sha256& blob) {
  auto row = find_blob(context.txn.get(), context.tables, blob);
  if (!row) return context.txn.fail(row.error());
  if (!*row) return context.txn.fail({ErrorCode::kInternal, "a blob went while it was taken"});
  if ((**row).references++ == 0) mark_orphan(context, blob, false);
  put_blob(context, blob, **row);
}

void drop_reference(WriteContext& context, const Sha256& blob) {
  auto row = find_blob(context.txn.get(), context.tables, blob);
  if (!row) return context.txn.fail(row.error());
  if (!*row) return;  // damaged before; there is nothing to lose
  if ((**row).references > 1) {
    --(**row).references;
    return put_blob(context, blob, **row);
  }
  erase_blob(context, blob, (**row).number);
}

void erase_chunks(WriteContext& context, std::uint64_t number) {
  for (std::uint32_t index = 0; !context.txn.failed(); ++index) {
    const std::string key = chunk_key(number, index);
    std::string_view bytes;
    Error error;
    const auto found = lmdb::get(context.txn.get(), context.tables.chunks,
                                 value_of(std::string_view(key)), &bytes, &error);
    if (found == lmdb::Lookup::kFailed) return context.txn.fail(error);
    if (found == lmdb::Lookup::kMissing) return;
    context.txn.erase(context.tables.chunks, value_of(std::string_view(key)));
  }
}

void mark_writing(WriteContext& context, std::uint64_t number, bool writing) {
  const std::string key = "s" + big_endian(number, 8);
  if (!writing) return context.txn.erase(context.tables.staging, value_of(std::string_view(key)));
  context.txn.put(context.tables.staging, value_of(std::string_view(key)),
                  value_of(std::string_view()));
}

void mark_orphan(WriteContext& context, const Sha256& blob, bool orphan) {
  std::string key = "o";
  key.append(bytes_of(blob));
  if (!orphan) return context.txn.erase(context.tables.staging, value_of(std::string_view(key)));
  const std::int64_t now_ms = system_clock().wall_ms();
  context.txn.put(
      context.tables.staging, value_of(std::string_view(key)),
      value_of(std::string_view(reinterpret_cast<const char*>(&now_ms), sizeof now_ms)));
}

Status sweep_blobs(WriteContext& context, bool all_unfinished) {
  for (const Leftover& leftover : leftovers(context, all_unfinished)) {
    if (leftover.number) erase_chunks(context, leftover.number);
    if (leftover.key.front() == 'o' && leftover.key.size() == 1 + Sha256{}.size()) {
      Sha256 blob;
      std::memcpy(blob.data(), leftover.key.data() + 1, blob.size());
      const auto row = find_blob(context.txn.get(), context.tables, blob);
      if (row && *row && (**row).references == 0) erase_blob(context, blob, (**row).number);
    }
    context.txn.erase(context.tables.staging, value_of(std::string_view(leftover.key)));
  }
  if (context.txn.failed()) return context.txn.error();
  return ok();
}

}  // namespace atelier
