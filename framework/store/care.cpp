#include "store/care.h"

#include <chrono>
#include <ctime>

#include "base/clock.h"
#include "base/digest.h"
#include "base/limits.h"
#include "base/os/disk.h"
#include "store/care_files.h"
#include "store/record.h"
#include "store/tables.h"

namespace atelier {
namespace care {
namespace {

constexpr std::string_view kNewPrefix = "new-";
constexpr std::size_t kRandomDigits = 16;
constexpr std::size_t kLineageNameBytes = 8;

}  // namespace

std::filesystem::path data_file(const std::filesystem::path& folder) {
  return folder / "data.mdb";
}

std::filesystem::path new_file(const std::filesystem::path& folder) {
  return folder / (std::string(kNewPrefix) + random_uuid().substr(0, kRandomDigits) + ".mdb");
}

std::filesystem::path kept_file(const std::filesystem::path& folder, const std::string& what) {
  const auto seconds = static_cast<std::time_t>(system_clock().wall_ms() / 1'000);
  char text[32];
  std::tm parts{};
#if defined(_WIN32)
  gmtime_s(&parts, &seconds);
#else
  gmtime_r(&seconds, &parts);
#endif
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", &parts);
  std::filesystem::path file = folder / (what + "-" + text + ".mdb");
  std::error_code ignored;
  for (int i = 2; std::filesystem::exists(file, ignored); ++i) {
    file = folder / (what + "-" + text + "-" + std::to_string(i) + ".mdb");
  }
  return file;
}

Result<std::optional<os::FileLock>> lock_store(const std::filesystem::path& folder,
                                               const char* holder) {
  auto lock = os::FileLock::acquire(folder / "holder.lock", holder);
  if (lock) return std::optional<os::FileLock>(std::move(*lock));
  if (lock.error().code == ErrorCode::kForbidden) return std::optional<os::FileLock>();
  return lock.error();
}

Status renew_identity(FileFiller& file, std::uint64_t last_sequence) {
  ATELIER_TRY(meta, file.table("meta", 0));
  ATELIER_TRY(lineages, file.table("lineages", MDB_INTEGERKEY));
  file.put(meta, "uuid", random_uuid());
  const std::uint64_t first = last_sequence + 1;
  file.put(lineages, lmdb::view_of(lmdb::value_of(first)), random_bytes(kLineageNameBytes));
  return ok();
}

Unfinished::~Unfinished() {
  std::error_code ignored;
  if (!file_.empty()) std::filesystem::remove(file_, ignored);
}

Result<Snapshot> open_snapshot(const std::filesystem::path& folder) {
  Snapshot snapshot;
  std::error_code error;
  if (!std::filesystem::exists(data_file(folder), error)) {
    return not_found("there is no store in '" + folder.string() + "'");
  }
  auto lock = lock_store(folder, "care of the store");
  if (!lock && lock.error().code != ErrorCode::kBusy) return lock.error();
  if (lock) {
    snapshot.lock = std::move(*lock);
    ATELIER_TRY(source, pages::open_file(data_file(folder).string()));
    ATELIER_TRY(file, pages::PageFile::open(std::move(source)));
    snapshot.file = std::move(file);
    return snapshot;
  }
  lmdb::EnvironmentOptions options;
  options.map_bytes = kMapBytesDefault;
  options.tables_max = kTablesMax;
  options.read_only = true;
  ATELIER_TRY(environment, lmdb::Environment::open(folder, options));
  snapshot.environment = std::move(environment);
  // The head page of the snapshot must be read before two more commits overwrite it.
  for (int attempt = 0; attempt < kSnapshotAttemptsMax; ++attempt) {
    ATELIER_TRY(txn, snapshot.environment->read());
    ATELIER_TRY(source, pages::open_file(data_file(folder).string()));
    auto file = pages::PageFile::open(std::move(source), mdb_txn_id(txn.get()));
    if (!file) continue;
    snapshot.txn.emplace(std::move(txn));
    snapshot.file = std::move(*file);
    return snapshot;
  }
  return Error(ErrorCode::kBusy, "the store is written to faster than it can be looked at");
}

}  // namespace care

namespace {

using care::data_file;
using care::Unfinished;

// A file of rows alone is smaller than the one that they came from; LMDB wants to know the most.
std::uint64_t room_for(const pages::PageFile& file) {
  return 2 * file.file_bytes() + (std::uint64_t{64} << 20);
}

Status check_copy(const std::filesystem::path& file) {
  ATELIER_TRY(report, verify_file(file));
  if (report.clean()) return ok();
  return Error(ErrorCode::kCorrupt, "the store is damaged (" + std::to_string(report.findings) +
                                        " findings; the first: " + report.words.front() + ")");
}

std::uint64_t last_sequence_of(const pages::PageFile& file) {
  for (const pages::Table& table : file.tables([](const std::string&) {})) {
    if (table.name != "meta") continue;
    const auto encoded = file.find(table.tree, "state");
    const auto state = record::decode_state(encoded.value_or(""));
    if (state) return state->last_sequence;
  }
  return 0;
}

}  // namespace

std::filesystem::path damage_marker(const std::filesystem::path& folder) {
  return folder / "damaged.txt";
}

void remove_unfinished(const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<std::filesystem::path> left;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (name.starts_with(care::kNewPrefix) && name.ends_with(".mdb")) left.push_back(at->path());
  }
  for (const auto& file : left) std::filesystem::remove(file, error);
}

Result<std::uint64_t> backup_store(const std::filesystem::path& folder,
                                   const std::filesystem::path& to, const CareProgress& progress) {
  std::error_code error;
  if (std::filesystem::exists(to, error)) {
    return Error(ErrorCode::kExists, "'" + to.string() + "' is there already");
  }
  auto temporary = to;
  temporary += "." + random_uuid().substr(0, 8) + ".part";
  Unfinished copy(temporary);
  {
    ATELIER_TRY(snapshot, care::open_snapshot(folder));
    ATELIER_TRY(filler, FileFiller::open(copy.path(), room_for(*snapshot.file)));
    ATELIER_CHECK(copy_rows(*snapshot.file, *filler, progress));
    ATELIER_CHECK(filler->finish());
  }
  ATELIER_CHECK(check_copy(copy.path()));
  // A name that came up meanwhile is somebody's: nothing is overwritten.
  std::filesystem::create_hard_link(copy.path(), to, error);
  if (error == std::errc::file_exists) {
    return Error(ErrorCode::kExists, "'" + to.string() + "' is there already");
  }
  if (error) {
    ATELIER_CHECK(os::replace_file(copy.path(), to));
    copy.done();
  }
  ATELIER_CHECK(os::sync_folder(to.parent_path()));
  return std::filesystem::file_size(to, error);
}

Status restore_store(const std::filesystem::path& from, const std::filesystem::path& folder,
                     bool replace, std::filesystem::path* kept, const CareProgress& progress) {
  std::error_code error;
  ATELIER_TRY(report, verify_file(from));
  if (!report.clean()) {
    return Error(ErrorCode::kCorrupt,
                 "'" + from.string() + "' cannot be restored: " + report.words.front());
  }
  ATELIER_CHECK(os::make_private_dir(folder));
  ATELIER_TRY(lock, care::lock_store(folder, "a restore"));
  const bool there = std::filesystem::exists(data_file(folder), error);
  if (there && !replace) {
    return Error(ErrorCode::kExists, "there is a store in '" + folder.string() + "' already");
  }
  remove_unfinished(folder);
  Unfinished copy(care::new_file(folder));
  {
    ATELIER_TRY(source, pages::open_file(from.string()));
    ATELIER_TRY(file, pages::PageFile::open(std::move(source)));
    ATELIER_TRY(filler, FileFiller::open(copy.path(), room_for(file)));
    ATELIER_CHECK(copy_rows(file, *filler, progress));
    ATELIER_CHECK(care::renew_identity(*filler, last_sequence_of(file)));
    ATELIER_CHECK(filler->finish());
  }
  const auto old = there ? care::kept_file(folder, "replaced") : std::filesystem::path();
  ATELIER_CHECK(os::replace_file(copy.path(), data_file(folder), old));
  copy.done();
  if (kept) *kept = old;
  std::filesystem::remove(damage_marker(folder), error);
  return os::sync_folder(folder.parent_path());
}

Status compact_file(const std::filesystem::path& folder, bool locked, bool always) {
  std::optional<os::FileLock> lock;
  if (!locked) {
    ATELIER_TRY(acquired, care::lock_store(folder, "a compaction"));
    lock = std::move(acquired);
  }
  ATELIER_TRY(source, pages::open_file(data_file(folder).string()));
  ATELIER_TRY(file, pages::PageFile::open(std::move(source)));
  Status damaged = ok();
  const auto free = file.free_pages([&](const std::string& words) {
    damaged = Error(ErrorCode::kCorrupt, "the store is damaged: " + words);
  });
  ATELIER_CHECK(damaged);
  if (!always && free.size() < file.page_count() / kCompactFreeShare) return ok();
  Unfinished copy(care::new_file(folder));
  ATELIER_TRY(filler, FileFiller::open(copy.path(), room_for(file)));
  ATELIER_CHECK(copy_rows(file, *filler));
  ATELIER_CHECK(filler->finish());
  filler.reset();
  ATELIER_CHECK(os::replace_file(copy.path(), data_file(folder)));
  copy.done();
  return ok();
}

namespace {

constexpr std::pair<Erasing, std::string_view> kErasingWords[] = {
    {Erasing::kBegun, "begun\n"}, {Erasing::kIndexes, "indexes\n"}, {Erasing::kCopy, "copy\n"}};
constexpr std::size_t kErasingBytesMax = 64;

std::filesystem::path erasing_mark(const std::filesystem::path& folder) {
  return folder / "erase.txt";
}

}  // namespace

Erasing erasing(const std::filesystem::path& folder) {
  const auto text = os::read_file(erasing_mark(folder), kErasingBytesMax);
  if (!text) return text.error().code == ErrorCode::kNotFound ? Erasing::kNone : Erasing::kBegun;
  for (const auto& [stage, words] : kErasingWords)
    if (*text == words) return stage;
  return Erasing::kBegun;  // torn: everything once more
}

Status mark_erasing(const std::filesystem::path& folder, Erasing stage) {
  if (erasing(folder) == stage) return ok();
  for (const auto& [one, words] : kErasingWords)
    if (one == stage) return os::write_private_file(erasing_mark(folder), words);
  std::error_code error;
  std::filesystem::remove(erasing_mark(folder), error);
  if (error) return Error(ErrorCode::kDisk, error.message());
  return os::sync_folder(folder);
}

Status erase_free_pages(const std::filesystem::path& folder) {
  if (erasing(folder) != Erasing::kCopy) return ok();
  ATELIER_CHECK(compact_file(folder, true, true));
  return mark_erasing(folder, Erasing::kNone);
}

Result<std::filesystem::path> put_aside(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::exists(data_file(folder), error)) {
    return not_found("there is no store in '" + folder.string() + "'");
  }
  ATELIER_TRY(lock, care::lock_store(folder, "somebody who puts it aside"));
  const auto kept = care::kept_file(folder, "damaged");
  ATELIER_CHECK(os::replace_file(data_file(folder), kept));
  std::filesystem::remove(damage_marker(folder), error);
  return kept;
}

}  // namespace atelier
