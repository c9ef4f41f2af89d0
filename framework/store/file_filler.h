// Writes a new LMDB file from rows: how backups, compacted and salvaged stores are made. Nobody
// else may have the file open. Thread rule: one thread.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "store/lmdb.h"
#include "store/page_file.h"
#include "store/verify.h"

namespace atelier {

class FileFiller {
 public:
  /// Opens or makes `file`, which may grow to `bytes_max`. Errors: those of LMDB and the disk.
  static Result<std::unique_ptr<FileFiller>> open(const std::filesystem::path& file,
                                                  std::uint64_t bytes_max);
  FileFiller(const FileFiller&) = delete;
  ~FileFiller();

  /// `flags` as LMDB's (MDB_INTEGERKEY). Errors: those of LMDB.
  Result<MDB_dbi> table(const std::string& name, unsigned flags);
  /// Keeps the first error for finish(). Large transactions are committed in parts.
  void put(MDB_dbi table, std::string_view key, std::string_view value, unsigned flags = 0);
  void erase(MDB_dbi table, std::string_view key);
  /// Valid until the next put() or erase().
  std::optional<std::string_view> get(MDB_dbi table, std::string_view key);
  /// Goes through the rows as they are in the open transaction; `row` must not write.
  Status each(MDB_dbi table, const pages::PageFile::Row& row);
  /// Commits and syncs; the end.
  Status finish();

 private:
  FileFiller(MDB_env* env, std::filesystem::path file) : env_(env), file_(std::move(file)) {}
  Status begin();
  Status commit();

  MDB_env* env_;
  const std::filesystem::path file_;
  std::optional<lmdb::WriteTxn> txn_;
  std::size_t waiting_bytes_ = 0;
  Status failed_ = ok();
};

/// All rows of all tables of `from` into the new file `to`: what is free or lost stays behind. Not
/// synced under its name: the caller puts it into place. Errors: kCorrupt when a page of `from` is
/// damaged, kFull, kDisk.
Status copy_rows(const pages::PageFile& from, FileFiller& to, const CareProgress& progress = {});

}  // namespace atelier
