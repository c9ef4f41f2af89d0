// Goal: what was acknowledged survives kill -9 at any moment, and nothing is half there. Method: a
// child writes as fast as it can (single documents, batches, groups, attachments, deletions,
// purges, compactions) and reports each acknowledgement over a pipe; it is killed at a random
// point; the store is verified as it is, opened again and compared.
#include <cstdlib>
#include <random>
#include <sys/wait.h>

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "store/store.h"
#include "store/verify.h"
#include "unit/store_tools.h"

namespace atelier::test {
namespace {

// ATELIER_KILLS: how many (25 if not set). Each block of kills has a store of its own.
constexpr int kKillsOfOneStore = 25;
constexpr std::size_t kBatch = 12;

int kills_wanted() {
  const char* text = std::getenv("ATELIER_KILLS");
  return text ? std::atoi(text) : 25;
}

std::string text_of(int number) {
  return "{\"n\":" + std::to_string(number) + ",\"t\":\"" +
         std::string(static_cast<std::size_t>(number) * 37 % 4000, 'x') + "\"}";
}

std::string blob_of(int number) {
  return std::string(1'000 + static_cast<std::size_t>(number) * 7'919 % 600'000,
                     static_cast<char>('a' + number % 26));
}

// What write number n is; the kinds take turns.
enum Kind {
  kPair,
  kBatchOfSingles,
  kGroup,
  kAttachment,
  kEdited,
  kDeleted,
  kPurged,
  kCare,
  kKinds
};

struct Writer {
  std::filesystem::path path;
  std::shared_ptr<Store> store;

  void must(bool done) const {
    if (!done) _exit(3);
  }
  void open() {
    store.reset();
    const auto opened = Store::open(path, {});
    must(opened.has_value());
    store = *opened;
  }
  void all(std::vector<DocumentWrite> writes, bool together) {
    WriteOptions options;
    options.all_or_nothing = together;
    for (const auto& one : store->write(std::move(writes), options)) must(one.rev.has_value());
  }
  std::vector<DocumentWrite> batch(const std::string& prefix, int n) const {
    std::vector<DocumentWrite> writes;
    for (std::size_t i = 0; i < kBatch; ++i) {
      writes.push_back(edit(prefix + std::to_string(n) + ":" + std::to_string(i), text_of(n)));
    }
    return writes;
  }
  void attach(int n) {
    auto blob = store->begin_blob();
    must(blob && (*blob)->append(blob_of(n)));
    const auto finished = (*blob)->finish();
    must(finished.has_value());
    DocumentWrite write = edit("blob:" + std::to_string(n), "{}");
    AttachmentWrite attachment;
    attachment.name = "a";
    attachment.blob = finished->blob;
    write.attachments.push_back(attachment);
    must(store->write_one(std::move(write)).has_value());
  }
  RevId one(const std::string& id, int n, std::optional<RevId> parent = {}) {
    const auto written = store->write_one(edit(id, text_of(n), std::move(parent)));
    must(written.has_value());
    return *written;
  }
  void run(int n) {
    const std::string id = std::to_string(n);
    switch (n % kKinds) {
      case kPair:
        return all({edit("left:" + id, text_of(n)), edit("right:" + id, text_of(n))}, true);
      case kBatchOfSingles:
        return all(batch("single:", n), false);
      case kGroup:
        return all(batch("group:", n), true);
      case kAttachment:
        return attach(n);
      case kEdited:
        one("edited:" + id, n, one("edited:" + id, n + 1));
        return;
      case kDeleted:
        return must(store->write_one(tombstone("gone:" + id, one("gone:" + id, n))).has_value());
      case kPurged: {
        const RevId rev = one("purged:" + id, n);
        return must(store->purge("purged:" + id, {&rev, 1}).has_value());
      }
      default:
        must(store->compact().has_value());
        if (n % 3 == 0) open();  // closing compacts the file
    }
  }
};

// Writes until it is killed, and reports each number when it was acknowledged.
[[noreturn]] void write_for_ever(const std::filesystem::path& path, int first, int report) {
  Writer writer{path, nullptr};
  writer.open();
  for (int number = first;; ++number) {
    writer.run(number);
    if (write(report, &number, sizeof number) != sizeof number) _exit(4);
  }
}

int read_acknowledged(int from, int last, int stop_after) {
  int number = 0;
  for (int count = 0; count < stop_after; ++count) {
    if (read(from, &number, sizeof number) != sizeof number) break;
    last = number;
  }
  return last;
}

// The numbers that the child of one round reported.
struct Range {
  int first = 0, last = -1;
};

Range run_until_killed(const std::filesystem::path& path, int first, std::mt19937& random) {
  int report[2];
  if (pipe(report) != 0) return {};
  const pid_t child = fork();
  if (child == 0) write_for_ever(path, first, report[1]);
  close(report[1]);
  int last = read_acknowledged(report[0], first - 1, 1 + static_cast<int>(random() % 40));
  usleep(static_cast<useconds_t>(random() % 5000));  // anywhere within a commit
  kill(child, SIGKILL);
  last = read_acknowledged(report[0], last, INT32_MAX);
  close(report[0]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself with " << WEXITSTATUS(status);
  return {first, last};
}

struct Checker {
  const Store& store;

  bool has(const std::string& id, int n) const {
    const auto document = store.get(id);
    EXPECT_TRUE(!document || document->body == text_of(n)) << id;
    return document.has_value();
  }
  std::size_t of_batch(const std::string& prefix, int n) const {
    std::size_t found = 0;
    for (std::size_t i = 0; i < kBatch; ++i) {
      found += has(prefix + std::to_string(n) + ":" + std::to_string(i), n);
    }
    return found;
  }
  bool has_blob(int n) const {
    const auto document = store.get("blob:" + std::to_string(n));
    if (!document) return false;
    std::string bytes;
    EXPECT_EQ(document->attachments.size(), 1u);
    const Status read = store.read_blob(document->attachments.at(0).blob, 0, UINT64_MAX,
                                        [&](std::string_view part) {
                                          bytes += part;
                                          return true;
                                        });
    EXPECT_TRUE(read);
    EXPECT_TRUE(bytes == blob_of(n)) << n;
    return true;
  }
  // Acknowledged: all of it is there.
  void whole(int n) const {
    const std::string id = std::to_string(n);
    switch (n % kKinds) {
      case kPair:
        EXPECT_TRUE(has("left:" + id, n) && has("right:" + id, n)) << n;
        break;
      case kBatchOfSingles:
        EXPECT_EQ(of_batch("single:", n), kBatch) << n;
        break;
      case kGroup:
        EXPECT_EQ(of_batch("group:", n), kBatch) << n;
        break;
      case kAttachment:
        EXPECT_TRUE(has_blob(n)) << n;
        break;
      case kEdited:
        EXPECT_TRUE(has("edited:" + id, n)) << n;
        break;
      case kDeleted:
        EXPECT_EQ(store.get("gone:" + id).error().message, "deleted") << n;
        break;
      case kPurged:
        EXPECT_FALSE(store.tree("purged:" + id)) << n;
        break;
      default:
        break;
    }
  }
  // In the works when the kill came: all or nothing of what was written together.
  void not_half(int n) const {
    const std::string id = std::to_string(n);
    EXPECT_EQ(has("left:" + id, n), has("right:" + id, n)) << n;
    const std::size_t group = of_batch("group:", n);
    EXPECT_TRUE(group == 0 || group == kBatch) << n << ": " << group;
    of_batch("single:", n);
    has_blob(n);
  }
};

void expect_verified(const std::filesystem::path& path) {
  const auto report = verify_store(path);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->clean()) << report->words.front();
}

TEST(StoreCrash, EveryAcknowledgedWriteIsThereAfterAKillAndNothingIsHalfThere) {
  std::mt19937 random(std::random_device{}());
  int acknowledged = 0;
  const int kills = kills_wanted();
  for (int done = 0; done < kills;) {
    TempDir dir;
    const auto path = dir.path() / "store";
    std::vector<Range> ranges;
    for (int i = 0; i < kKillsOfOneStore && done < kills; ++i, ++done) {
      const int first = ranges.empty() ? 0 : ranges.back().last + 10;
      ranges.push_back(run_until_killed(path, first, random));
      expect_verified(path);  // as the kill left it
      const auto store = Store::open(path, {});
      ASSERT_TRUE(store) << store.error().message;
      const Checker checker{**store};
      for (int n = ranges.back().first; n <= ranges.back().last; ++n) checker.whole(n);
      checker.not_half(ranges.back().last + 1);
      if (::testing::Test::HasFailure()) return;
    }
    const auto store = Store::open(path, {});
    ASSERT_TRUE(store);
    for (const Range& range : ranges) {
      for (int n = range.first; n <= range.last; ++n, ++acknowledged) Checker{**store}.whole(n);
    }
    if (::testing::Test::HasFailure()) return;
  }
  printf("%d kills, %d acknowledged writes\n", kills, acknowledged);
  EXPECT_GE(acknowledged, kills);
}

// A blob that was being written is gone after the next start, and takes no room.
TEST(StoreCrash, ABlobThatWasNotFinishedLeavesNothingBehind) {
  TempDir dir;
  int report[2];
  ASSERT_EQ(pipe(report), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto store = Store::open(dir.path() / "store", {});
    if (!store) _exit(2);
    auto blob = (*store)->begin_blob();
    if (!blob || !(*blob)->append(std::string(5 << 20, 'x')) || !(*store)->flush()) _exit(3);
    const char byte = 'y';
    if (write(report[1], &byte, 1) != 1) _exit(4);
    while (true) pause();
  }
  char byte = 0;
  close(report[1]);
  ASSERT_EQ(read(report[0], &byte, 1), 1);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(report[0]);
  const auto store = Store::open(dir.path() / "store", {});
  ASSERT_TRUE(store);
  ASSERT_TRUE((*store)->flush());
  EXPECT_LT((*store)->info().live_bytes, 1u << 20);
}

}  // namespace
}  // namespace atelier::test
