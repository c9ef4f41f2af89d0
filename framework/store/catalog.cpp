#include "store/catalog.h"

#include <algorithm>
#include <optional>
#include <system_error>

#include "base/digest.h"
#include "base/os/os.h"
#include "base/room_name.h"
#include "store/store_impl.h"

namespace atelier {
namespace {

// Of what a database name may hold, only `/` is special to file systems; `%` is in no name.
constexpr char kSlash = '%';
// No database name begins with a dot, so what does is on its way out.
constexpr std::string_view kTrashPrefix = ".removed-";

std::string escaped(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '/', kSlash);
  return out;
}

std::string unescaped(std::string name) {
  std::replace(name.begin(), name.end(), kSlash, '/');
  return name;
}

Status check_name(std::string_view name) {
  if (is_database_name(name)) return ok();
  return invalid("'" + std::string(name) + "' is not a name that a database may have");
}

Error missing_database() {
  return not_found("Database does not exist.");
}

bool is_store(const std::filesystem::path& folder) {
  std::error_code ignored;
  return std::filesystem::exists(folder / "data.mdb", ignored);
}

}  // namespace

std::filesystem::path database_folder(const std::filesystem::path& data, std::string_view name) {
  return data / "rooms" / escaped(name);
}

struct Catalog::Subscribers : std::enable_shared_from_this<Subscribers> {
  using Fn = std::function<void(const std::string&, bool)>;
  struct Entry {
    std::recursive_mutex mutex;
    Fn fn;  // guarded by mutex
  };

  Subscription add(Fn fn) {
    auto entry = std::make_shared<Entry>();
    entry->fn = std::move(fn);
    const std::lock_guard lock(mutex);
    entries.push_back(entry);
    return Subscription([list = weak_from_this(), entry] {
      if (const auto all = list.lock()) {
        const std::lock_guard list_lock(all->mutex);
        std::erase(all->entries, entry);
      }
      Fn ended;
      const std::lock_guard entry_lock(entry->mutex);
      ended.swap(entry->fn);
    });
  }

  void tell(const std::string& name, bool created) {
    std::vector<std::shared_ptr<Entry>> all;
    {
      const std::lock_guard lock(mutex);
      all = entries;
    }
    for (const auto& entry : all) {
      const std::lock_guard lock(entry->mutex);
      const Fn fn = entry->fn;
      if (fn) fn(name, created);
    }
  }

  std::mutex mutex;
  std::vector<std::shared_ptr<Entry>> entries;  // guarded by mutex
};

Catalog::Catalog(std::filesystem::path folder, std::string holder)
    : folder_(std::move(folder)),
      holder_(std::move(holder)),
      subscribers_(std::make_shared<Subscribers>()) {
  // What a removal left behind because the process ended before the last user had let go.
  std::error_code error;
  std::vector<std::filesystem::path> trash;
  for (std::filesystem::directory_iterator at(folder_ / "rooms", error), end; !error && at != end;
       at.increment(error)) {
    if (at->path().filename().string().starts_with(kTrashPrefix)) trash.push_back(at->path());
  }
  for (const auto& path : trash) std::filesystem::remove_all(path, error);
}

std::filesystem::path Catalog::path_of(std::string_view name) const {
  return database_folder(folder_, name);
}

Result<std::shared_ptr<Store>> Catalog::open(std::string_view name, bool create, bool partitioned) {
  ATELIER_CHECK(check_name(name));
  std::shared_ptr<Store> store;
  bool made = false;
  {
    // Held while the store opens: no one may open it twice.
    const std::lock_guard lock(mutex_);
    if (const auto found = open_.find(name); found != open_.end()) return found->second;
    made = !is_store(path_of(name));
    if (made && !create) return missing_database();
    StoreOptions options;
    options.create = create;
    options.partitioned = partitioned;
    options.holder = holder_;
    ATELIER_TRY(opened, Store::open(path_of(name), options));
    store = std::move(opened);
    open_.emplace(std::string(name), store);
  }
  if (made) subscribers_->tell(std::string(name), true);
  return store;
}

Result<std::shared_ptr<Store>> Catalog::create(std::string_view name, bool partitioned) {
  ATELIER_CHECK(check_name(name));
  {
    const std::lock_guard lock(mutex_);
    if (open_.contains(name) || is_store(path_of(name))) {
      return Error(ErrorCode::kExists,
                   "The database could not be created, the file already exists.");
    }
    StoreOptions options;
    options.partitioned = partitioned;
    options.holder = holder_;
    ATELIER_TRY(opened, Store::open(path_of(name), options));
    open_.emplace(std::string(name), std::move(opened));
  }
  subscribers_->tell(std::string(name), true);
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(name);
  if (found == open_.end()) return missing_database();  // removed again meanwhile
  return found->second;
}

Status Catalog::remove(std::string_view name) {
  ATELIER_CHECK(check_name(name));
  std::shared_ptr<Store> store;  // let go behind the lock: its end may delete files
  {
    const std::lock_guard lock(mutex_);
    const auto path = path_of(name);
    const auto found = open_.find(name);
    if (found == open_.end() && !is_store(path)) return missing_database();
    std::optional<os::FileLock> held;  // another process may have it open
    if (found == open_.end()) {
      ATELIER_TRY(acquired, os::FileLock::acquire(path / "holder.lock", holder_));
      held = std::move(acquired);
    }
    const auto trash = folder_ / "rooms" / (std::string(kTrashPrefix) + random_uuid());
    std::error_code error;
    std::filesystem::rename(path, trash, error);
    if (error) {
      return Error(ErrorCode::kDisk,
                   "'" + path.string() + "' could not be removed: " + error.message());
    }
    if (found != open_.end()) {
      store = std::move(found->second);
      open_.erase(found);
      store->retire(trash);
    } else {
      std::filesystem::remove_all(trash, error);
    }
  }
  store.reset();
  subscribers_->tell(std::string(name), false);
  return ok();
}

std::vector<std::string> Catalog::list() const {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder_ / "rooms", error), end; !error && at != end;
       at.increment(error)) {
    std::string name = unescaped(at->path().filename().string());
    if (is_database_name(name) && is_store(at->path())) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> Catalog::opened() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, store] : open_) names.push_back(name);
  return names;
}

bool Catalog::exists(std::string_view name) const {
  return is_database_name(name) && is_store(path_of(name));
}

Subscription Catalog::subscribe(std::function<void(const std::string&, bool)> fn) {
  return subscribers_->add(std::move(fn));
}

}  // namespace atelier
