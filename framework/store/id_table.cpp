#include "store/id_table.h"

#include "base/limits.h"
#include "store/leaf_order.h"

namespace atelier {
namespace {

using lmdb::Lookup;
using lmdb::value_of;

constexpr std::size_t kBucketBytes = 8;

std::string bucket_key(std::uint64_t bucket, std::string_view fragment) {
  std::string key(kBucketBytes, '\0');
  for (std::size_t i = 0; i < kBucketBytes; ++i) {
    key[i] = static_cast<char>(bucket >> (8 * (kBucketBytes - 1 - i)));
  }
  key.append(fragment);
  return key;
}

std::uint64_t bucket_of(std::string_view bytes) {
  std::uint64_t bucket = 0;
  for (const char c : bytes.substr(0, kBucketBytes)) {
    bucket = (bucket << 8) | static_cast<std::uint8_t>(c);
  }
  return bucket;
}

Error damaged() {
  return {ErrorCode::kCorrupt, "the table of ids is damaged"};
}

// Where the row of an id is: the table, its key, and the keys of the buckets on the way.
struct Place {
  Lookup state = Lookup::kFound;  // of the buckets on the way
  MDB_dbi table = 0;
  std::string key;
  std::vector<std::pair<MDB_dbi, std::string>> buckets;
};

Place place_of(MDB_txn* txn, const IdTables& tables, std::string_view id, Error* error,
               lmdb::WriteTxn* make = nullptr, std::uint64_t* next_bucket = nullptr) {
  Place place;
  place.table = tables.ids;
  std::string prefix;
  std::string_view rest = id;
  while (rest.size() >= kFragmentBytes) {
    std::string key = prefix + std::string(rest.substr(0, kFragmentBytes));
    std::string_view bucket;
    place.state = lmdb::get(txn, place.table, value_of(std::string_view(key)), &bucket, error);
    if (place.state == Lookup::kMissing && make) {
      prefix = bucket_key((*next_bucket)++, {});
      make->put(place.table, value_of(std::string_view(key)), value_of(std::string_view(prefix)));
      place.state = make->failed() ? Lookup::kFailed : Lookup::kFound;
    } else if (place.state == Lookup::kFound) {
      prefix = bucket;
    }
    if (place.state != Lookup::kFound) return place;
    place.buckets.emplace_back(place.table, std::move(key));
    place.table = tables.fragments;
    rest.remove_prefix(kFragmentBytes);
  }
  place.key = prefix + std::string(rest);
  return place;
}

}  // namespace

Lookup find_row(MDB_txn* txn, const IdTables& tables, std::string_view id, std::string_view* row,
                Error* error) {
  if (id.size() < kFragmentBytes) return lmdb::get(txn, tables.ids, value_of(id), row, error);
  const Place place = place_of(txn, tables, id, error);
  if (place.state != Lookup::kFound) return place.state;
  return lmdb::get(txn, place.table, value_of(std::string_view(place.key)), row, error);
}

void put_row(lmdb::WriteTxn& txn, const IdTables& tables, std::uint64_t& next_bucket,
             std::string_view id, std::string_view row, bool append) {
  if (id.size() < kFragmentBytes) {
    txn.put(tables.ids, value_of(id), value_of(row), append ? MDB_APPEND : 0);
    return;
  }
  Error error;
  const Place place = place_of(txn.get(), tables, id, &error, &txn, &next_bucket);
  if (place.state != Lookup::kFound) return txn.fail(error);
  txn.put(place.table, value_of(std::string_view(place.key)), value_of(row));
}

void erase_row(lmdb::WriteTxn& txn, const IdTables& tables, std::string_view id) {
  Error error;
  Place place = place_of(txn.get(), tables, id, &error);
  if (place.state == Lookup::kFailed) return txn.fail(error);
  if (place.state == Lookup::kMissing) return;
  txn.erase(place.table, value_of(std::string_view(place.key)));
  std::string prefix = place.key.substr(0, place.buckets.empty() ? 0 : kBucketBytes);
  while (!place.buckets.empty() && !txn.failed()) {
    {
      lmdb::Cursor cursor(txn.get(), tables.fragments);
      if (cursor.seek(prefix) && cursor.key().substr(0, kBucketBytes) == prefix) return;
    }
    auto [table, key] = std::move(place.buckets.back());
    place.buckets.pop_back();
    txn.erase(table, value_of(std::string_view(key)));
    prefix = key.substr(0, place.buckets.empty() ? 0 : kBucketBytes);
  }
}

// --- IdCursor

IdCursor::IdCursor(MDB_txn* txn, const IdTables& tables)
    : ids_(txn, tables.ids), fragments_(txn, tables.fragments), levels_max_(tables.levels_max) {}

IdCursor::IdCursor(MDB_txn* txn, const IdTables& tables, const os::FileReader& file,
                   std::string_view ids_name, std::string_view fragments_name,
                   bool (*is_whole)(std::string_view key, std::string_view value))
    : ids_(txn, tables.ids, std::make_unique<LeafOrder>(file, txn, ids_name, is_whole)),
      fragments_(txn, tables.fragments,
                 std::make_unique<LeafOrder>(file, txn, fragments_name, nullptr)),
      levels_max_(tables.levels_max) {}

Status IdCursor::status() const {
  if (damaged_) return damaged();
  ATELIER_CHECK(ids_.status());
  return fragments_.status();
}

std::string_view IdCursor::fragment() const {
  return levels_.empty() ? ids_.key() : fragments_.key().substr(kBucketBytes);
}

bool IdCursor::in_bucket() const {
  return fragments_.key().size() >= kBucketBytes &&
         bucket_of(fragments_.key()) == levels_.back().bucket;
}

// From a row that stands for a bucket into that bucket; the cursor has not moved there yet.
bool IdCursor::descend(std::string_view part, std::string_view bucket) {
  if (bucket.size() != kBucketBytes || levels_.size() > levels_max_) {
    damaged_ = true;
    return false;
  }
  const std::size_t above = levels_.empty() ? 0 : levels_.back().id_bytes;
  const std::uint64_t number = bucket_of(bucket);
  id_.resize(above);
  id_.append(part);
  levels_.push_back({number, id_.size()});
  return true;
}

bool IdCursor::at_edge(MDB_cursor_op direction) {
  const std::uint64_t bucket = levels_.back().bucket;
  if (direction == MDB_NEXT) return fragments_.seek(bucket_key(bucket, {})) && in_bucket();
  const bool behind = fragments_.seek(bucket_key(bucket + 1, {}));
  return fragments_.move(behind ? MDB_PREV : MDB_LAST) && in_bucket();
}

// Back to the row that stands for the bucket just left.
void IdCursor::climb() {
  levels_.pop_back();
  if (levels_.empty()) return;  // `ids_` never left it
  const Level& level = levels_.back();
  const std::string key =
      bucket_key(level.bucket, std::string_view(id_).substr(level.id_bytes, kFragmentBytes));
  if (!fragments_.seek(key)) damaged_ = true;
}

// From where the cursors stand to the first row in that direction, down through buckets.
bool IdCursor::enter(MDB_cursor_op direction) {
  while (fragment().size() == kFragmentBytes) {
    if (!descend(fragment(), row())) return false;
    if (!at_edge(direction)) {
      damaged_ = true;  // there are no empty buckets
      return false;
    }
  }
  if (!levels_.empty()) {
    id_.resize(levels_.back().id_bytes);
    id_.append(fragment());
  }
  return true;
}

bool IdCursor::step(MDB_cursor_op direction) {
  while (!damaged_) {
    if (levels_.empty()) return ids_.move(direction) && enter(direction);
    if (fragments_.move(direction) && in_bucket()) return enter(direction);
    climb();
  }
  return false;
}

bool IdCursor::seek_last() {
  levels_.clear();
  return ids_.move(MDB_LAST) && enter(MDB_PREV);
}

bool IdCursor::seek(std::string_view target) {
  levels_.clear();
  std::string_view rest = target;
  if (!ids_.seek(rest.substr(0, kFragmentBytes))) return false;
  while (rest.size() >= kFragmentBytes && fragment() == rest.substr(0, kFragmentBytes)) {
    if (!descend(fragment(), row())) return false;
    rest.remove_prefix(kFragmentBytes);
    const std::string key = bucket_key(levels_.back().bucket, rest.substr(0, kFragmentBytes));
    if (!fragments_.seek(key) || !in_bucket()) {
      climb();
      return step(MDB_NEXT);
    }
  }
  return enter(MDB_NEXT);
}

}  // namespace atelier
