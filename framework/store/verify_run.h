// What a check of a table works with, and the list of all checks. Whoever adds a table adds its
// check to verify_tables.cpp and its invariants to docs/formats/store.md.
// Thread rule: one thread, in the process that verifies.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/os/child.h"
#include "store/page_file.h"
#include "store/record.h"

namespace atelier {

class VerifyRun {
 public:
  VerifyRun(const pages::PageFile& file, std::vector<pages::Table> tables, pages::Problem found)
      : file_(file), tables_(std::move(tables)), found_(std::move(found)) {}

  /// A finding, in one sentence.
  void found(const std::string& words) { found_(words); }

  bool has(std::string_view table) const { return tree(table) != nullptr; }
  std::uint64_t rows(std::string_view table) const;
  /// Each row from `start` on, in order, until `row` returns false. Pages that cannot be read are
  /// passed over: they were findings before.
  void each(std::string_view table, const pages::PageFile::Row& row,
            std::string_view start = {}) const;
  std::optional<std::string> find(std::string_view table, std::string_view key) const;
  /// Same, of a table whose keys are numbers.
  std::optional<std::string> find(std::string_view table, std::uint64_t key) const;
  /// The row of a document, wherever its id is kept.
  std::optional<std::string> find_document(std::string_view id) const;

  // What checks leave for those behind them in the list.
  record::State state;
  std::uint64_t documents = 0, deleted_documents = 0;
  std::vector<std::uint64_t> bodies;             // keys of `bodies` that trees name
  std::uint64_t left_behind = 0;                 // attachments whose bytes are elsewhere
  std::map<Sha256, std::uint64_t> references;    // attachments in kept revisions, by blob
  std::map<std::uint64_t, Sha256> blob_numbers;  // of finished blobs
  std::map<std::uint64_t, std::uint64_t> blob_lengths;

 private:
  const pages::Tree* tree(std::string_view table) const;

  const pages::PageFile& file_;
  const std::vector<pages::Table> tables_;
  const pages::Problem found_;
};

struct TableCheck {
  const char* table;  // must be there
  void (*run)(VerifyRun& run);
  int since = 1;  // the format that brought the table
};
/// Of the indexes' tables (verify_indexes.cpp).
void check_indexes(VerifyRun& run);

/// In the order in which they run.
std::span<const TableCheck> table_checks();

/// Checks all pages and all tables; tells lines as verify.cpp hears them: `F` finding, `G`
/// progress, `T` table, `P` pages, `B` attachments left behind, `N` number of findings.
int verify_pages(const pages::PageFile& file, const os::Tell& tell);

}  // namespace atelier
