// Checks a store: each page of the file, then each invariant of each table (docs/formats/store.md
// lists them). The work is done in a process of its own by a reader with bounds checks
// (page_file.h), so damage of any kind ends in a report.
//
// Works on a store that nobody has open, which is locked meanwhile, and on one that another process
// has open: then a read transaction keeps a snapshot's pages as they are.
// Thread rule: any thread; not in a process that has this very store open.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"

namespace atelier {

struct VerifyReport {
  struct Table {
    std::string name;
    std::uint64_t rows = 0;
    std::uint64_t pages = 0;
  };
  std::vector<Table> tables;
  std::uint64_t file_bytes = 0;
  std::uint64_t pages = 0;       // in use or free
  std::uint64_t free_pages = 0;  // for later writes
  std::uint64_t lost_pages = 0;  // neither: room that a compaction gives back; harmless
  std::uint64_t left_behind = 0;  // attachments that are known and whose bytes are elsewhere
  bool in_use = false;           // another process had it open
  std::uint64_t findings = 0;
  std::vector<std::string> words;  // of the first kVerifyFindingsMax findings, a sentence each

  bool clean() const { return findings == 0; }
};

/// Is told how many of all pages were looked at.
using CareProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Of the store in a folder. A damaged store is a report and no error. Errors: kNotFound, kBusy
/// when it cannot be looked at besides its holder, kForbidden, kDisk.
Result<VerifyReport> verify_store(const std::filesystem::path& folder,
                                  const CareProgress& progress = {});
/// Of a file that nobody changes, as a backup is.
Result<VerifyReport> verify_file(const std::filesystem::path& file,
                                 const CareProgress& progress = {});

}  // namespace atelier
