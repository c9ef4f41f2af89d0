// A store's file, damaged: the checks of verify and the reading of salvage live through it, and
// what salvage makes of it is whole. The input is a list of patches to a small store's file:
// page:1 offset:2 count:1 bytes, the last one cut where the input ends.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <unistd.h>

#include "store/care_files.h"
#include "store/page_file.h"
#include "store/store.h"
#include "store/verify_run.h"

using namespace atelier;

namespace {

std::string read_bytes(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::string patched(std::string file, std::string_view patches) {
  while (patches.size() > 4) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(patches[i]); };
    const std::size_t at = std::size_t{byte(0)} * 4'096 + (byte(1) | byte(2) << 8) % 4'096;
    const std::size_t count = std::min<std::size_t>(1 + byte(3) % 16, patches.size() - 4);
    if (at + count <= file.size()) std::memcpy(file.data() + at, patches.data() + 4, count);
    patches.remove_prefix(4 + count);
  }
  return file;
}

// The folder of this run, with an empty store of today in `empty`.
struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("atelier-fuzz-" + std::to_string(getpid()));
  std::string sample, empty;

  Folder() {
    std::filesystem::create_directories(path);
    sample = read_bytes(ATELIER_TESTS_FOLDER "/golden/store/format-1.mdb");
    if (!Store::open(path / "empty", {})) std::abort();
    empty = read_bytes(path / "empty" / "data.mdb");
    if (sample.empty() || empty.empty()) std::abort();
  }
  ~Folder() { std::filesystem::remove_all(path); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Folder folder;
  const std::string bytes = patched(folder.sample, {reinterpret_cast<const char*>(data), size});
  auto file = pages::PageFile::open(pages::bytes_in_memory(bytes));
  const auto quiet = [](std::string_view) {};
  if (file) verify_pages(*file, quiet);
  if (!file) file = pages::PageFile::without_head(pages::bytes_in_memory(bytes), 4'096);

  const auto to = folder.path / "salvaged.mdb";
  std::filesystem::remove(to);
  std::ofstream(to, std::ios::binary) << folder.empty;
  {
    auto filler = FileFiller::open(to, std::uint64_t{64} << 20);
    if (!filler || !care::salvage_pages(*file, **filler, quiet)) std::abort();
  }
  const auto salvaged = pages::PageFile::open(pages::bytes_in_memory(read_bytes(to)));
  if (!salvaged) std::abort();
  verify_pages(*salvaged, [](std::string_view line) {
    if (line.front() != 'F') return;
    fprintf(stderr, "the salvaged store: %.*s\n", static_cast<int>(line.size()), line.data());
    std::abort();
  });
  return 0;
}
