// The version of a store's format: the row `format` of the table `meta`, and the steps that bring
// an older file to this version. docs/formats/store.md has the history.
//
// A change of the tables or of a row's bytes raises kFormatVersion and adds a Migration that does
// to an old file what is new. All steps of an opening run in one transaction, with the new label:
// a kill leaves the old file or the new one.
// Thread rule: pure functions; a step runs in Store::open, before anything else has the file.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "store/lmdb.h"
#include "store/tables.h"

namespace atelier::format {

inline constexpr int kFormatVersion = 3;

/// What the row `format` says for a version.
std::string label(int version);
/// Errors: kCorrupt for a label that is none, kUnsupported for a version newer than this program's.
Result<int> version_of(std::string_view text);

/// One step. Tables that are new are there already, empty; errors may be left in the transaction.
struct Migration {
  int from;          // brings a file from this version to the next
  const char* what;  // in words, for a step that fails
  Status (*run)(lmdb::WriteTxn& txn, const Tables& tables);  // null: new tables are all there is
};
/// Every step there is, by version.
std::span<const Migration> migrations();

/// Runs those of `steps` that lead from `version` to kFormatVersion and writes the new label.
/// Errors: those of a step with its words; kInternal when a step is missing.
Status migrate(lmdb::WriteTxn& txn, const Tables& tables, int version,
               std::span<const Migration> steps);

}  // namespace atelier::format
