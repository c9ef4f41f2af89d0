#include "store/verify.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/limits.h"
#include "base/os/child.h"
#include "base/os/os.h"
#include "store/care.h"
#include "store/care_files.h"
#include "store/format.h"
#include "store/lmdb.h"
#include "store/verify_run.h"

namespace atelier {

// --- VerifyRun

const pages::Tree* VerifyRun::tree(std::string_view table) const {
  for (const pages::Table& one : tables_) {
    if (one.name == table) return &one.tree;
  }
  return nullptr;
}

std::uint64_t VerifyRun::rows(std::string_view table) const {
  const pages::Tree* found = tree(table);
  return found ? found->entries : 0;
}

void VerifyRun::each(std::string_view table, const pages::PageFile::Row& row,
                     std::string_view start) const {
  if (const pages::Tree* found = tree(table)) {
    file_.walk(*found, start, row, [](const std::string&) {});
  }
}

std::optional<std::string> VerifyRun::find(std::string_view table, std::string_view key) const {
  const pages::Tree* found = tree(table);
  return found ? file_.find(*found, key) : std::nullopt;
}

std::optional<std::string> VerifyRun::find(std::string_view table, std::uint64_t key) const {
  return find(table, lmdb::view_of(lmdb::value_of(key)));
}

std::optional<std::string> VerifyRun::find_document(std::string_view id) const {
  std::string_view table = "docs";
  std::string prefix;
  while (id.size() >= kFragmentBytes) {
    auto bucket = find(table, prefix + std::string(id.substr(0, kFragmentBytes)));
    if (!bucket) return std::nullopt;
    prefix = std::move(*bucket);
    table = "fragments";
    id.remove_prefix(kFragmentBytes);
  }
  return find(table, prefix + std::string(id));
}

namespace {

// --- in the child: what it says is lines, a letter and what follows

struct Teller {
  const os::Tell& tell;
  std::uint64_t findings = 0;
  std::uint64_t told_progress = 0;

  void found(const std::string& words) {
    if (++findings <= kVerifyFindingsMax) tell("F " + words);
  }
  void progress(std::uint64_t done, std::uint64_t total) {
    const std::uint64_t percent = total ? done * 100 / total : 100;
    if (percent == told_progress && done != total) return;
    told_progress = percent;
    tell("G " + std::to_string(done) + " " + std::to_string(total));
  }
};

bool same_table(const pages::Tree& tree, const pages::PageFile::Visited& before,
                const pages::PageFile::Visited& after) {
  return tree.branches == after.branches - before.branches &&
         tree.leaves == after.leaves - before.leaves &&
         tree.overflows == after.overflows - before.overflows &&
         tree.entries == after.entries - before.entries;
}

// Each page of each tree, and the free list: used once, in range, of the right kind, in order.
void check_pages(const pages::PageFile& file, const std::vector<pages::Table>& tables,
                 Teller& teller) {
  pages::PageFile::Visited visited;
  visited.seen.resize(
      static_cast<std::size_t>(std::min(file.meta().last_page, file.page_count()) + 1));
  std::uint64_t total = file.meta().main.leaves + file.meta().main.branches;
  for (const pages::Table& table : tables) {
    total += table.tree.leaves + table.tree.branches + table.tree.overflows;
  }
  const auto walk = [&](const std::string& name, const pages::Tree& tree) {
    const pages::PageFile::Visited before = {
        {}, visited.branches, visited.leaves, visited.overflows, visited.entries};
    bool damaged = false;
    const auto problem = [&](const std::string& words) {
      damaged = true;
      teller.found(name + ": " + words);
    };
    file.walk_pages(tree, problem, &visited);
    if (!damaged && !same_table(tree, before, visited)) {
      teller.found(name + ": its pages and rows are not as many as it says");
    }
    teller.progress(std::min(visited.branches + visited.leaves + visited.overflows, total), total);
  };
  walk("the list of tables", file.meta().main);
  for (const pages::Table& table : tables) walk(table.name, table.tree);
  const auto free = [&](const std::string& words) { teller.found("the free list: " + words); };
  const std::vector<std::uint64_t> free_pages = file.free_pages(free, &visited);
  for (const std::uint64_t page : free_pages) {
    if (page < 2 || page > file.meta().last_page) {
      free("page " + std::to_string(page) + " is outside of the file");
      continue;
    }
    if (page >= visited.seen.size()) visited.seen.resize(static_cast<std::size_t>(page) + 1);
    if (visited.seen[static_cast<std::size_t>(page)]) {
      free("page " + std::to_string(page) + " is in use, or listed twice");
    }
    visited.seen[static_cast<std::size_t>(page)] = true;
  }
  std::uint64_t lost = 0;
  for (std::uint64_t page = 2; page <= file.meta().last_page; ++page) {
    lost += page >= visited.seen.size() || !visited.seen[static_cast<std::size_t>(page)];
  }
  teller.tell("P " + std::to_string(file.meta().last_page + 1) + " " +
              std::to_string(free_pages.size()) + " " + std::to_string(lost) + " " +
              std::to_string(file.file_bytes()));
}

void check_rows(const pages::PageFile& file, const std::vector<pages::Table>& tables,
                Teller& teller) {
  VerifyRun run(file, tables, [&](const std::string& words) { teller.found(words); });
  const auto version = format::version_of(run.find("meta", "format").value_or(""));
  for (const TableCheck& check : table_checks()) {
    // An older file gets its new tables when it is opened.
    if (version && *version < check.since) continue;
    if (!run.has(check.table)) {
      teller.found(std::string("the table '") + check.table + "' is missing");
    }
  }
  for (const TableCheck& check : table_checks()) {
    if (check.run && run.has(check.table)) check.run(run);
  }
  teller.tell("B " + std::to_string(run.left_behind));
}

}  // namespace

int verify_pages(const pages::PageFile& file, const os::Tell& tell) {
  Teller teller{tell};
  const auto tables =
      file.tables([&](const std::string& words) { teller.found("the list of tables: " + words); });
  check_pages(file, tables, teller);
  for (const pages::Table& table : tables) {
    const pages::Tree& tree = table.tree;
    tell("T " + std::to_string(tree.entries) + " " +
         std::to_string(tree.branches + tree.leaves + tree.overflows) + " " + table.name);
  }
  check_rows(file, tables, teller);
  tell("N " + std::to_string(teller.findings));
  return 0;
}

namespace {

int failed(const Error& error, const os::Tell& tell) {
  tell(std::string("E ") + std::to_string(static_cast<int>(error.code)) + " " + error.message);
  return 0;
}

int verify_closed(const std::filesystem::path& path, const os::Tell& tell) {
  auto source = pages::open_file(path.string());
  if (!source) return failed(source.error(), tell);
  const auto file = pages::PageFile::open(std::move(*source));
  if (file) return verify_pages(*file, tell);
  tell("F " + file.error().message);
  tell("N 1");
  return 0;
}

int verify_in_use(const std::filesystem::path& folder, const os::Tell& tell) {
  const auto snapshot = care::open_snapshot(folder);
  return snapshot ? verify_pages(*snapshot->file, tell) : failed(snapshot.error(), tell);
}

// --- in the parent

std::vector<std::uint64_t> numbers(std::string_view text, std::size_t count) {
  std::vector<std::uint64_t> found(count, 0);
  for (std::uint64_t& one : found) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), one);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (!text.empty()) text.remove_prefix(1);
  }
  return found;
}

struct Hearer {
  const CareProgress& progress;
  VerifyReport report;
  std::optional<Error> error;
  bool finished = false;

  void hear(std::string_view line) {
    if (line.size() < 2) return;
    const std::string_view rest = line.substr(2);
    switch (line.front()) {
      case 'F':
        report.words.emplace_back(rest);
        report.findings = std::max<std::uint64_t>(report.findings, report.words.size());
        break;
      case 'G': {
        const auto values = numbers(rest, 2);
        if (progress) progress(values[0], values[1]);
        break;
      }
      case 'T': {
        const auto values = numbers(rest, 2);
        const auto name = rest.find(' ', rest.find(' ') + 1);
        report.tables.push_back({std::string(rest.substr(name + 1)), values[0], values[1]});
        break;
      }
      case 'P': {
        const auto values = numbers(rest, 4);
        report.pages = values[0];
        report.free_pages = values[1];
        report.lost_pages = values[2];
        report.file_bytes = values[3];
        break;
      }
      case 'B':
        report.left_behind = numbers(rest, 1)[0];
        break;
      case 'N':
        report.findings = numbers(rest, 1)[0];
        finished = true;
        break;
      case 'E':
        error = Error(static_cast<ErrorCode>(numbers(rest, 1)[0]),
                      std::string(rest.substr(rest.find(' ') + 1)));
        break;
      default:
        break;
    }
  }
};

Result<VerifyReport> run_verify(const std::function<int(const os::Tell&)>& work,
                                const CareProgress& progress) {
  Hearer hearer{progress, {}, {}, false};
  ATELIER_TRY(end, os::run_in_child(work, [&](std::string_view line) { hearer.hear(line); }));
  if (hearer.error) return *hearer.error;
  if (!hearer.finished) {
    ++hearer.report.findings;
    hearer.report.words.push_back("the check itself " + end.words + " before it was done");
  }
  return std::move(hearer.report);
}

}  // namespace

Result<VerifyReport> verify_store(const std::filesystem::path& folder,
                                  const CareProgress& progress) {
  const auto file = folder / "data.mdb";
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    return not_found("there is no store in '" + folder.string() + "'");
  }
  // A folder that nobody can write to needs no lock.
  const auto lock = os::FileLock::acquire(folder / "holder.lock", "a check of the store");
  const bool in_use = !lock && lock.error().code == ErrorCode::kBusy;
  auto report = run_verify(
      [&](const os::Tell& tell) {
        return in_use ? verify_in_use(folder, tell) : verify_closed(file, tell);
      },
      progress);
  if (report) report->in_use = in_use;
  // It was found damaged once, and is not: a disk that failed to answer, or a repair.
  if (report && report->clean() && !in_use) {
    std::filesystem::remove(damage_marker(folder), error);
  }
  return report;
}

Result<VerifyReport> verify_file(const std::filesystem::path& file, const CareProgress& progress) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    return not_found("there is no file '" + file.string() + "'");
  }
  return run_verify([&](const os::Tell& tell) { return verify_closed(file, tell); }, progress);
}

}  // namespace atelier
