// Whether "there is no such document" can be believed. LMDB trusts its pages: one that lost
// entries, or a branch that leads astray, makes it find nothing where something is, and nothing has
// no checksum. So a document that was not found is looked for once more by page_file.h, which
// checks the pages on the way. What is found costs nothing of this. Thread rule: as the
// transaction.
#pragma once

#include <string_view>

#include "base/os/disk.h"
#include "store/lmdb.h"

namespace atelier {

/// `file` is data.mdb. Errors: kCorrupt when the document is there, or a page on the way is
/// damaged.
Status confirm_missing(const os::FileReader& file, MDB_txn* txn, std::string_view id);

}  // namespace atelier
