#include "store/format.h"

#include <charconv>

namespace atelier::format {
namespace {

constexpr std::string_view kName = "atelier-store ";
constexpr std::string_view kKey = "format";

// Version 2 added tables; rows of version 1 are read as they are. Version 3 keeps words in segments:
// indexes of words are made anew in the background, by their version (kWordsVersion).
constexpr Migration kMigrations[] = {
    {1, "adding the tables of version 2", nullptr},
    {2, "adding the table of version 3", nullptr},
};

}  // namespace

std::string label(int version) {
  return std::string(kName) + std::to_string(version);
}

Result<int> version_of(std::string_view text) {
  if (!text.starts_with(kName)) {
    return Error(ErrorCode::kCorrupt, "this is not a store of Atelier");
  }
  text.remove_prefix(kName.size());
  int version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc{} || end != text.data() + text.size() || version < 1) {
    return Error(ErrorCode::kCorrupt, "the store's format version is damaged");
  }
  if (version > kFormatVersion) {
    return Error(ErrorCode::kUnsupported, "the store was made by a newer Atelier (format " +
                                              std::to_string(version) + "; this one reads up to " +
                                              std::to_string(kFormatVersion) + ")");
  }
  return version;
}

std::span<const Migration> migrations() {
  return kMigrations;
}

Status migrate(lmdb::WriteTxn& txn, const Tables& tables, int version,
               std::span<const Migration> steps) {
  for (const Migration& step : steps) {
    if (step.from != version) continue;
    Status done = step.run ? step.run(txn, tables) : ok();
    if (done && txn.failed()) done = txn.error();
    if (!done) {
      Error error = done.error();
      error.message = std::string("in ") + step.what + ": " + error.message;
      return error;
    }
    ++version;
  }
  if (version != kFormatVersion) {
    return Error(ErrorCode::kInternal,
                 "no step leads on from format " + std::to_string(version) + " of the store");
  }
  const std::string text = label(version);
  txn.put(tables.meta, lmdb::value_of(kKey), lmdb::value_of(std::string_view(text)));
  if (txn.failed()) return txn.error();
  return ok();
}

}  // namespace atelier::format
