// What backup, restore, compaction and salvage share. Thread rule: pure functions over the disk.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/os/child.h"
#include "base/os/os.h"
#include "store/file_filler.h"
#include "store/lmdb.h"

namespace atelier::care {

std::filesystem::path data_file(const std::filesystem::path& folder);
/// The name of a file in the making.
std::filesystem::path new_file(const std::filesystem::path& folder);
/// `<what>-<time>.mdb`, of a name that is free.
std::filesystem::path kept_file(const std::filesystem::path& folder, const std::string& what);
/// A folder that nobody may write to has no lock. Errors: kBusy.
Result<std::optional<os::FileLock>> lock_store(const std::filesystem::path& folder,
                                               const char* holder);
/// A new name for the store in the open file, and a new run behind `last_sequence`, so that its
/// sequences are told from those of whoever goes on under the old one.
Status renew_identity(FileFiller& file, std::uint64_t last_sequence);
/// Fills an empty store's file with what can be read of a damaged one; tells lines as salvage.cpp
/// hears them: `F` a loss, `G` progress, `N` what was recovered.
Status salvage_pages(const pages::PageFile& from, FileFiller& to, const os::Tell& tell);
/// Removes itself unless kept.
class Unfinished {
 public:
  explicit Unfinished(std::filesystem::path file) : file_(std::move(file)) {}
  Unfinished(const Unfinished&) = delete;
  ~Unfinished();
  const std::filesystem::path& path() const { return file_; }
  void done() { file_.clear(); }

 private:
  std::filesystem::path file_;
};

/// Pages that stay as they are while it lives: of a closed store that is locked meanwhile, or of a
/// snapshot of one that another process has open.
struct Snapshot {
  std::optional<os::FileLock> lock;
  std::unique_ptr<lmdb::Environment> environment;
  std::optional<lmdb::ReadTxn> txn;
  std::optional<pages::PageFile> file;
};
Result<Snapshot> open_snapshot(const std::filesystem::path& folder);

}  // namespace atelier::care
