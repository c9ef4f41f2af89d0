// Care of a store's file from outside of the store: backup, restore, compaction, and where a
// damaged one goes. Every new file is written and synced under another name and takes its place at
// once, so that a kill at any moment leaves the old file or the new one.
//
// Beside data.mdb a store's folder may hold
//   new-<16 hex digits>.mdb   a file that is being made; left by a kill, removed at the next start
//   damaged-<time>.mdb        what salvage put aside
//   replaced-<time>.mdb       what restore put aside
//   erase.txt                 something was taken out that no page may hold any more (Erasing)
//   damaged.txt               the store was found damaged while it was in use: it stays closed
//                             until verify finds nothing, or it was salvaged, restored or put aside
// Thread rule: any thread; not in a process that has this very store open, unless said.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "store/verify.h"

namespace atelier {

std::filesystem::path damage_marker(const std::filesystem::path& folder);

/// Copies the store into the new file `to`, compacted, as it is at this moment, and checks the
/// copy; works while another process writes. Returns its size in bytes. Errors: kExists when `to`
/// is there, kCorrupt with the first finding, kFull, kDisk, kNotFound.
Result<std::uint64_t> backup_store(const std::filesystem::path& folder,
                                   const std::filesystem::path& to,
                                   const CareProgress& progress = {});

/// Makes the store in `folder` the one that was backed up, under a new name (StoreInfo::uuid), so
/// that nobody takes it for the one that went on meanwhile. What was in the folder stays beside as
/// replaced-<time>.mdb and is told in `kept`. Errors: kBusy when it is open, kExists when there is
/// one and not `replace`, kCorrupt when the backup is damaged.
Status restore_store(const std::filesystem::path& from, const std::filesystem::path& folder,
                     bool replace, std::filesystem::path* kept = nullptr,
                     const CareProgress& progress = {});

/// Gives free pages back to the disk when they are at least a quarter of the file (`always`: in any
/// case), by a copy. `locked`: the caller holds the store's lock. Errors: kBusy, kCorrupt, kFull.
Status compact_file(const std::filesystem::path& folder, bool locked, bool always);

/// How far the erasing of what was taken out is. Pages that are free, and revisions that are no
/// leaves, keep old content until the file is written anew.
enum class Erasing {
  kNone,
  kBegun,    // old revisions and words of indexes may hold it
  kIndexes,  // indexes that hold it are being dropped
  kCopy,     // free pages alone hold it: the file is written anew when the store is closed or opened
};
Erasing erasing(const std::filesystem::path& folder);
/// Kept in the folder, synced; the one mark of the store. Errors: kDisk.
Status mark_erasing(const std::filesystem::path& folder, Erasing stage);
/// For the store, with the lock held and no environment open: what kCopy asks for. What does not work
/// out leaves the file and the mark.
Status erase_free_pages(const std::filesystem::path& folder);

struct SalvageReport {
  std::uint64_t documents = 0;  // recovered, deleted ones among them
  std::uint64_t attachments = 0;
  std::uint64_t lost_pages = 0;  // pages that could not be read
  std::uint64_t stray_rows = 0;  // documents found on pages that no tree leads to
  std::uint64_t losses = 0;
  std::vector<std::string> words;  // what was lost, a sentence each; the first kVerifyFindingsMax
  std::filesystem::path kept;      // where the damaged file is now
};

/// Reads all that can be read of a damaged store, in a process of its own, into a new one that
/// takes its place under a new name; the damaged file stays beside. Peers are asked for everything
/// again: checkpoints are not taken along. Errors: kBusy, kNotFound, kCorrupt when nothing of a
/// store is in the file, kFull.
Result<SalvageReport> salvage_store(const std::filesystem::path& folder,
                                    const CareProgress& progress = {});

/// Puts the damaged file aside; the next start makes an empty store, which syncs anew. Returns
/// where it is now. Errors: kBusy, kNotFound.
Result<std::filesystem::path> put_aside(const std::filesystem::path& folder);

/// For Store::open, with the lock held: removes what a kill left.
void remove_unfinished(const std::filesystem::path& folder);

}  // namespace atelier
