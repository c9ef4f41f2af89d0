#include "plugin/plugin_library.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <exception>
#include <set>
#include <system_error>

#include "base/digest.h"
#include "base/limits.h"

namespace atelier {
namespace {

constexpr const char* kCreateName = "atelier_plugin_create";
using Create = Plugin*(Room* room, char* error, unsigned long error_bytes);

// Runs a function of the plugin. Its exception is read and gone before we return: the type of what
// it threw lives in the plugin.
template <class Fn>
Status contained(const PluginRecord& record, const Fn& fn) {
  try {
    fn();
    return ok();
  } catch (const std::exception& error) {
    return Error{ErrorCode::kInternal, record.name + ": " + error.what()};
  } catch (...) {
    return Error{ErrorCode::kInternal, record.name + " threw something that is no std::exception"};
  }
}

// <id>.<process>.<random>.so: the process tells later starts which copies nobody runs any more.
std::string copy_name(const PluginRecord& record) {
  return record.id + "." + std::to_string(os::process_id()) + "." + random_uuid().substr(0, 12) +
         ".so";
}

void sweep_copies(const std::filesystem::path& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    const auto dot = name.find('.');
    if (dot == std::string::npos || !name.ends_with(".so")) continue;
    std::int64_t process = 0;
    const auto parsed = std::from_chars(name.data() + dot + 1, name.data() + name.size(), process);
    if (parsed.ec != std::errc{} || *parsed.ptr != '.' || os::process_alive(process)) continue;
    std::filesystem::remove(entry.path(), error);
  }
}

Result<std::filesystem::path> copies_folder(const PluginLoadOptions& options) {
  std::filesystem::path folder = options.copies;
  if (folder.empty()) {
    ATELIER_TRY(runtime, os::runtime_dir());
    folder = runtime / "plugins";
  }
  ATELIER_CHECK(os::make_private_dir(folder));
  sweep_copies(folder);
  return folder;
}

FoundPlugin look_at(const std::filesystem::path& file, const PluginFingerprint& own) {
  FoundPlugin found;
  found.file = file;
  auto record = read_plugin_record(file);
  if (!record) {
    found.record.id = found.record.name = file.stem().string();
    found.problem = record.error().message;
    return found;
  }
  found.record = std::move(*record);
  if (const auto fits = check_fingerprint(found.record, own); !fits)
    found.problem = fits.error().message;
  return found;
}

}  // namespace

std::vector<FoundPlugin> find_plugins(const std::vector<std::filesystem::path>& folders,
                                      const PluginFingerprint& own) {
  std::vector<FoundPlugin> all;
  std::set<std::string> ids;
  for (const auto& folder : folders) {
    std::error_code error;
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      if (entry.path().extension() == ".so") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
      auto found = look_at(file, own);
      if (ids.insert(found.record.id).second) all.push_back(std::move(found));
    }
  }
  return all;
}

Result<std::unique_ptr<RunningPlugin>> RunningPlugin::open(const std::filesystem::path& file,
                                                           LocalRoom& room,
                                                           const PluginLoadOptions& options) {
  std::unique_ptr<RunningPlugin> plugin(new RunningPlugin());
  ATELIER_CHECK(plugin->load(file, options));
  ATELIER_CHECK(plugin->create(room));
  return plugin;
}

Status RunningPlugin::load(const std::filesystem::path& file, const PluginLoadOptions& options) {
  ATELIER_TRY(folder, copies_folder(options));
  // The copy is what is checked, so that nobody can change the file in between.
  ATELIER_TRY(record, read_plugin_record(file));
  const auto copy = folder / copy_name(record);
  std::error_code error;
  std::filesystem::copy_file(file, copy, error);
  if (error)
    return Error{ErrorCode::kDisk,
                 "cannot copy " + file.string() + " to run it: " + error.message()};
  copy_ = copy;
  ATELIER_TRY(copied, read_plugin_record(copy_));
  record_ = std::move(copied);
  ATELIER_CHECK(check_fingerprint(record_, options.own));
  auto library = os::SharedLibrary::open(copy_);
  if (!library) {
    Error failed = library.error();
    // People know the file, not its copy.
    const std::string name = copy_.string();
    if (const auto at = failed.message.find(name); at != std::string::npos)
      failed.message.replace(at, name.size(), file.filename().string());
    return failed;
  }
  library_ = std::move(*library);
  return ok();
}

Status RunningPlugin::create(LocalRoom& room) {
  auto* create = reinterpret_cast<Create*>(library_->symbol(kCreateName));
  if (!create)
    return invalid("the plugin '" + record_.id + "' lacks the function " + kCreateName +
                   ": it must be built with atelier_add_plugin()");
  room_ = room.for_plugin(record_.prefixes);
  std::array<char, kPluginErrorBytes> words{};
  const auto made =
      contained(record_, [&] { plugin_ = create(room_.get(), words.data(), words.size()); });
  if (!made) return made.error();
  words.back() = '\0';
  if (!plugin_)
    return Error{ErrorCode::kInternal, record_.name + " did not start: " + words.data()};
  return ok();
}

RunningPlugin::~RunningPlugin() {
  (void)close();
}

Status RunningPlugin::draw() {
  return contained(record_, [this] { plugin_->draw(); });
}

Status RunningPlugin::print(Console& console) {
  return contained(record_, [&] { plugin_->print(console); });
}

Result<bool> RunningPlugin::type(std::string_view line) {
  bool used = false;
  ATELIER_CHECK(contained(record_, [&] { used = plugin_->type(line); }));
  return used;
}

Status RunningPlugin::close() {
  // First the room's side is settled while the plugin's functions are still there.
  delete std::exchange(plugin_, nullptr);
  room_.reset();
  library_.reset();
  if (copy_.empty()) return ok();
  const bool mapped = os::is_mapped(copy_.filename().string());
  std::error_code ignored;
  std::filesystem::remove(copy_, ignored);
  copy_.clear();
  if (!mapped) return ok();
  return Error{ErrorCode::kBusy,
               "the plugin '" + record_.id +
                   "' cannot be taken out of memory: a thread_local object with a "
                   "destructor, or a thread of its own, keeps it there"};
}

}  // namespace atelier
