#include "store/missing.h"

#include "base/limits.h"
#include "store/leaf_order.h"
#include "store/record.h"

namespace atelier {
namespace {

constexpr MDB_dbi kMainTable = 1;  // LMDB's own: names of tables and their trees

// Rows of fragments do not hold the ids that their checksums cover.
bool nothing_to_tell(std::string_view, std::string_view) {
  return true;
}

Status confirm(const pages::PageFile& file, MDB_txn* txn, std::string_view id) {
  std::string prefix;
  std::string_view table = "docs";
  while (true) {
    ATELIER_TRY(tree, tree_of(txn, table));
    const bool last = id.size() < kFragmentBytes;
    ATELIER_TRY(row, file.find_checked(tree, prefix + std::string(id.substr(0, kFragmentBytes)),
                                       prefix.empty() ? record::is_whole_doc : nothing_to_tell));
    if (!row) return ok();
    if (last) return Error(ErrorCode::kCorrupt, "it is there, and was not found");
    prefix = *row;
    table = "fragments";
    id.remove_prefix(kFragmentBytes);
  }
}

}  // namespace

Status confirm_missing(const os::FileReader& file, MDB_txn* txn, std::string_view id) {
  MDB_stat stat;
  if (const int code = mdb_stat(txn, kMainTable, &stat)) {
    return lmdb::error_of(code, "reading from the store");
  }
  const auto pages =
      pages::PageFile::without_head(borrow(file), stat.ms_psize);
  const Status confirmed = confirm(pages, txn, id);
  if (confirmed) return ok();
  return Error(ErrorCode::kCorrupt,
               "looking for '" + std::string(id.substr(0, kFragmentBytes)) +
                   "', the store was found damaged: " + confirmed.error().message);
}

}  // namespace atelier
