// Goal: a power cut at any moment leaves a store that opens, verifies, and has every write that was
// acknowledged. Method: this program's own pwrite, writev, fdatasync and so on stand before the C
// library's (LMDB is a shared library and calls them by name) and record what goes to data.mdb and
// in which order. From the record, files are made as a disk may hold them after a cut: everything
// up to the last sync, and of what was written since any part, whole or torn at sectors. Each such
// file must open, verify, and hold what was acknowledged before. With syncs switched off the same
// must fail: otherwise this test would prove nothing.
//
// ATELIER_IMAGES: files made of one record (90 if not set).
#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <mutex>
#include <random>
#include <sys/stat.h>
#include <sys/uio.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "store/care.h"
#include "unit/store_tools.h"

namespace atelier::test {
namespace {

constexpr std::size_t kSectorBytes = 512;
constexpr std::size_t kPageBytes = 4'096;

struct Event {
  enum Kind { kWrite, kSync, kResize, kAcknowledged } kind = kWrite;
  std::uint64_t at = 0;  // of a write; the new length; the number acknowledged
  std::string bytes;
  bool durable = false;  // the descriptor syncs each write (O_DSYNC)
};

// What the wrapped functions share. Guarded by mutex, but for `on`.
struct Recorder {
  std::atomic<bool> on{false};
  std::mutex mutex;
  ino_t file = 0;
  std::vector<Event> events;

  bool wants(int fd) const {
    struct stat info {};
    return on && ::fstat(fd, &info) == 0 && info.st_ino == file;
  }
  void add(Event event) {
    const std::lock_guard lock(mutex);
    events.push_back(std::move(event));
  }
  void wrote(int fd, std::uint64_t at, std::string bytes) {
    add({Event::kWrite, at, std::move(bytes), (::fcntl(fd, F_GETFL) & O_DSYNC) != 0});
  }
};
Recorder recorder;

template <class Fn>
Fn real(const char* name) {
  return reinterpret_cast<Fn>(dlsym(RTLD_NEXT, name));
}

std::string joined(const iovec* parts, int count, ssize_t bytes) {
  std::string all;
  for (int i = 0; i < count; ++i) {
    all.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  }
  all.resize(static_cast<std::size_t>(std::max<ssize_t>(bytes, 0)));
  return all;
}

ssize_t record_pwrite(const char* name, int fd, const void* bytes, size_t count, off_t at) {
  static const auto function = real<ssize_t (*)(int, const void*, size_t, off_t)>(name);
  const ssize_t put = function(fd, bytes, count, at);
  if (put > 0 && recorder.wants(fd)) {
    recorder.wrote(fd, static_cast<std::uint64_t>(at),
                   std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(put)));
  }
  return put;
}

int record_sync(const char* name, int fd) {
  const auto function = real<int (*)(int)>(name);
  const int code = function(fd);
  if (code == 0 && recorder.wants(fd)) recorder.add({Event::kSync, 0, {}, false});
  return code;
}

int record_resize(const char* name, int fd, off_t length) {
  const auto function = real<int (*)(int, off_t)>(name);
  const int code = function(fd, length);
  if (code == 0 && recorder.wants(fd)) {
    recorder.add({Event::kResize, static_cast<std::uint64_t>(length), {}, false});
  }
  return code;
}

}  // namespace
}  // namespace atelier::test

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the C library's names
#define ATELIER_WRAPPED extern "C" __attribute__((visibility("default")))
ATELIER_WRAPPED ssize_t pwrite(int fd, const void* bytes, size_t count, off_t at) {
  return atelier::test::record_pwrite("pwrite", fd, bytes, count, at);
}
ATELIER_WRAPPED ssize_t pwrite64(int fd, const void* bytes, size_t count, off64_t at) {
  return atelier::test::record_pwrite("pwrite64", fd, bytes, count, at);
}
ATELIER_WRAPPED ssize_t writev(int fd, const iovec* parts, int count) {
  static const auto function = atelier::test::real<ssize_t (*)(int, const iovec*, int)>("writev");
  const bool wanted = atelier::test::recorder.wants(fd);
  const off_t at = wanted ? ::lseek(fd, 0, SEEK_CUR) : 0;
  const ssize_t put = function(fd, parts, count);
  if (put > 0 && wanted) {
    atelier::test::recorder.wrote(fd, static_cast<std::uint64_t>(at),
                                  atelier::test::joined(parts, count, put));
  }
  return put;
}
ATELIER_WRAPPED ssize_t pwritev(int fd, const iovec* parts, int count, off_t at) {
  static const auto function =
      atelier::test::real<ssize_t (*)(int, const iovec*, int, off_t)>("pwritev");
  const ssize_t put = function(fd, parts, count, at);
  if (put > 0 && atelier::test::recorder.wants(fd)) {
    atelier::test::recorder.wrote(fd, static_cast<std::uint64_t>(at),
                                  atelier::test::joined(parts, count, put));
  }
  return put;
}
ATELIER_WRAPPED int fdatasync(int fd) {
  return atelier::test::record_sync("fdatasync", fd);
}
ATELIER_WRAPPED int fsync(int fd) {
  return atelier::test::record_sync("fsync", fd);
}
ATELIER_WRAPPED int ftruncate(int fd, off_t length) {
  return atelier::test::record_resize("ftruncate", fd, length);
}
ATELIER_WRAPPED int ftruncate64(int fd, off64_t length) {
  return atelier::test::record_resize("ftruncate64", fd, length);
}
// NOLINTEND

namespace atelier::test {
namespace {

std::string text_of(int number) {
  return "{\"n\":" + std::to_string(number) + ",\"t\":\"" +
         std::string(static_cast<std::size_t>(number) * 397 % 9'000, 'x') + "\"}";
}

std::string read_bytes(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

struct Record {
  std::string before;  // the file when the record began
  std::vector<Event> events;
};

constexpr int kOperations = 24;

// Pairs that must stay together, attachments, deletions, a purge, a compaction.
void operate(Store& store, int number) {
  const std::string n = std::to_string(number);
  WriteOptions together;
  together.all_or_nothing = true;
  for (const auto& one : store.write(
           {edit("left:" + n, text_of(number)), edit("right:" + n, text_of(number))}, together)) {
    ASSERT_TRUE(one.rev) << one.rev.error().message;
  }
  if (number % 4 == 1) {
    auto blob = store.begin_blob();
    ASSERT_TRUE(blob && (*blob)->append(std::string(300'000, static_cast<char>('a' + number))));
    const auto finished = (*blob)->finish();
    ASSERT_TRUE(finished);
    DocumentWrite write = edit("blob:" + n, "{}");
    AttachmentWrite attachment;
    attachment.name = "a";
    attachment.blob = finished->blob;
    write.attachments.push_back(attachment);
    ASSERT_TRUE(store.write_one(std::move(write)));
  }
  if (number % 4 == 2) {
    ASSERT_TRUE(store.write_one(tombstone("gone:" + n, *store.write_one(edit("gone:" + n, "{}")))));
  }
  if (number % 4 == 3) {
    const RevId one = *store.write_one(edit("purged:" + n, "{}"));
    ASSERT_TRUE(store.purge("purged:" + n, {&one, 1}));
  }
  if (number % 12 != 11) return;
  ASSERT_TRUE(store.compact());
}

Record record(const std::filesystem::path& folder, bool sync) {
  Record made;
  StoreOptions options;
  options.sync = sync;
  const auto store = Store::open(folder, options);
  EXPECT_TRUE(store);
  if (!store || !(*store)->flush()) return made;
  const auto file = folder / "data.mdb";
  made.before = read_bytes(file);
  struct stat info {};
  EXPECT_EQ(::stat(file.c_str(), &info), 0);
  recorder.file = info.st_ino;
  recorder.events.clear();
  recorder.on = true;
  for (int number = 0; number < kOperations; ++number) {
    operate(**store, number);
    recorder.add({Event::kAcknowledged, static_cast<std::uint64_t>(number), {}, false});
  }
  recorder.on = false;
  made.events = std::move(recorder.events);
  return made;
}

void put(std::string& image, std::uint64_t at, std::string_view bytes) {
  if (image.size() < at + bytes.size()) image.resize(static_cast<std::size_t>(at) + bytes.size());
  std::memcpy(image.data() + at, bytes.data(), bytes.size());
}

// What becomes of a page that was not synced.
enum class Loss { kAll, kNone, kDataOnly, kHeadOnly, kRandom, kTorn, kCount };

struct Image {
  std::string bytes;
  int acknowledged = -1;  // the last number acknowledged before
};

bool survives(Loss loss, std::uint64_t at, std::mt19937& random) {
  const bool head = at < 2 * kPageBytes;
  switch (loss) {
    case Loss::kAll:
      return false;
    case Loss::kNone:
      return true;
    case Loss::kDataOnly:
      return !head;
    case Loss::kHeadOnly:
      return head;
    default:
      return random() % 2;
  }
}

// The file as it may be when the power goes after `end` events.
Image image_at(const Record& record, std::size_t end, Loss loss, std::mt19937& random) {
  Image image{record.before, -1};
  std::size_t synced = 0;
  for (std::size_t i = 0; i < end; ++i) {
    if (record.events[i].kind == Event::kSync) synced = i;
    if (record.events[i].kind == Event::kAcknowledged) {
      image.acknowledged = static_cast<int>(record.events[i].at);
    }
  }
  for (std::size_t i = 0; i < end; ++i) {
    const Event& event = record.events[i];
    if (event.kind == Event::kResize) image.bytes.resize(static_cast<std::size_t>(event.at));
    if (event.kind != Event::kWrite) continue;
    // The last write may be one that the power cut interrupts, whatever its descriptor promises.
    if (i < synced || (event.durable && i + 1 < end)) {
      put(image.bytes, event.at, event.bytes);
      continue;
    }
    const std::size_t unit = loss == Loss::kTorn ? kSectorBytes : kPageBytes;
    const std::string_view bytes = event.bytes;
    for (std::size_t from = 0; from < bytes.size();) {
      const std::size_t part =
          std::min<std::size_t>(unit - (event.at + from) % unit, bytes.size() - from);
      if (survives(loss, event.at + from, random)) {
        put(image.bytes, event.at + from, bytes.substr(from, part));
      }
      from += part;
    }
  }
  return image;
}

// What is wrong with an image; empty when nothing is.
std::string loss_of(const Image& image, const std::filesystem::path& folder) {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "data.mdb", std::ios::binary) << image.bytes;
  StoreOptions options;
  options.sync = false;
  {
    // As after a start: what a cut left at the end of the file is mended by opening.
    const auto store = Store::open(folder, options);
    if (!store) return "it does not open: " + store.error().message;
    for (int n = 0; n <= image.acknowledged + 1; ++n) {
      const std::string number = std::to_string(n);
      const auto left = (*store)->get("left:" + number), right = (*store)->get("right:" + number);
      if (left.has_value() != right.has_value()) return "half of write " + number + " is there";
      if (!left && n <= image.acknowledged) return "write " + number + " is lost";
      if (left && (left->body != text_of(n) || right->body != left->body)) {
        return "write " + number + " has another body";
      }
      if (n > image.acknowledged) continue;
      if (n % 4 == 1 && !(*store)->get("blob:" + number))
        return "attachment " + number + " is lost";
      if (n % 4 == 2 && (*store)->get("gone:" + number)) return "deletion " + number + " is lost";
      if (n % 4 == 3 && (*store)->tree("purged:" + number)) return "purge " + number + " is lost";
    }
  }
  const auto report = verify_store(folder);
  if (!report) return "it is not verified: " + report.error().message;
  return report->clean() ? "" : report->words.front();
}

struct Totals {
  int images = 0, losses = 0;
  std::string first;
};

Totals cut_everywhere(const Record& record, const std::filesystem::path& folder, int images,
                      bool stop_at_loss) {
  Totals totals;
  std::mt19937 random(11);
  const std::size_t points = record.events.size() + 1;
  const auto kinds = static_cast<std::size_t>(Loss::kCount);
  for (int i = 0; i < images; ++i) {
    // Evenly over all points, and over all kinds of loss.
    const std::size_t point =
        static_cast<std::size_t>(i) * points / static_cast<std::size_t>(images);
    const auto loss = static_cast<Loss>(static_cast<std::size_t>(i) % kinds);
    const std::string lost = loss_of(image_at(record, point, loss, random), folder);
    ++totals.images;
    if (lost.empty()) continue;
    if (totals.losses++ == 0) {
      totals.first = "after event " + std::to_string(point) + " of " + std::to_string(points) +
                     ", loss " + std::to_string(static_cast<int>(loss)) + ": " + lost;
    }
    if (stop_at_loss) break;
  }
  return totals;
}

int images_wanted() {
  const char* text = std::getenv("ATELIER_IMAGES");
  return text ? std::atoi(text) : 90;
}

TEST(StorePowerCut, WhateverIsNotSyncedMayBeLostAndNothingAcknowledgedIs) {
  TempDir dir;
  const Record made = record(dir.path() / "store", true);
  const auto count = [&](Event::Kind kind) {
    return std::count_if(made.events.begin(), made.events.end(),
                         [&](const Event& event) { return event.kind == kind; });
  };
  // The record is of the real thing: each acknowledged write was synced.
  ASSERT_GE(count(Event::kSync), kOperations);
  ASSERT_GT(count(Event::kWrite), 2 * kOperations);
  ASSERT_TRUE(std::any_of(made.events.begin(), made.events.end(), [](const Event& event) {
    return event.kind == Event::kWrite && event.durable;
  }));
  const Totals totals = cut_everywhere(made, dir.path() / "image", images_wanted(), false);
  printf("%zu events, %d images\n", made.events.size(), totals.images);
  EXPECT_EQ(totals.losses, 0) << totals.first;
}

TEST(StorePowerCut, WithoutSyncsTheSameTestFindsTheLoss) {
  TempDir dir;
  const Record made = record(dir.path() / "store", false);
  const Totals totals = cut_everywhere(made, dir.path() / "image", images_wanted(), true);
  EXPECT_GT(totals.losses, 0);
  printf("found at image %d: %s\n", totals.images, totals.first.c_str());
}

}  // namespace
}  // namespace atelier::test
