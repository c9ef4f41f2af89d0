// The databases of one data folder: which there are, and each opened once per process.
// Thread rule: safe from any thread.
//
//   <folder>/rooms/<name>/             one store each; `/` in a name is written `%`
//   <folder>/rooms/.removed-<random>/  a store on its way out, while somebody still holds it
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "store/store.h"

namespace atelier {

/// The folder of a database's store in a data folder.
std::filesystem::path database_folder(const std::filesystem::path& data, std::string_view name);

class Catalog {
 public:
  /// `holder` goes into each store's lock, for whoever finds it held.
  Catalog(std::filesystem::path folder, std::string holder);

  /// The store of `name`, opened at first use. Errors: kNotFound unless `create`, kInvalid for an
  /// illegal name, and those of Store::open.
  Result<std::shared_ptr<Store>> open(std::string_view name, bool create, bool partitioned = false);
  /// Errors: kExists when it is there, kInvalid, kDisk.
  Result<std::shared_ptr<Store>> create(std::string_view name, bool partitioned = false);
  /// Makes the database unreachable at once and deletes its files when the last user has let go.
  Status remove(std::string_view name);
  /// Names, sorted.
  std::vector<std::string> list() const;
  /// Names of those that were opened here, sorted.
  std::vector<std::string> opened() const;
  bool exists(std::string_view name) const;

  /// Called after a database was created or removed, from the thread that did it; only poke.
  [[nodiscard]] Subscription subscribe(
      std::function<void(const std::string& name, bool created)> fn);

  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path path_of(std::string_view name) const;

  const std::filesystem::path folder_;
  const std::string holder_;

  struct Subscribers;
  mutable std::mutex mutex_;
  // Kept open until remove() or the end of the catalog. Guarded by mutex_.
  std::map<std::string, std::shared_ptr<Store>, std::less<>> open_;
  std::shared_ptr<Subscribers> subscribers_;  // has its own lock
};

}  // namespace atelier
