// Goal: what was acknowledged survives kill -9 at any moment, and nothing is half there. Method: a
// child writes as fast as it can and reports each acknowledgement over a pipe; it is killed at a
// random point; the store is opened again and compared.
#include <random>
#include <sys/wait.h>

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "base/json_text.h"
#include "store/store.h"
#include "unit/store_tools.h"

namespace atelier::test {
namespace {

constexpr int kRounds = 10;

std::string text_of(int number) {
  return "{\"n\":" + std::to_string(number) + ",\"t\":\"" +
         std::string(static_cast<std::size_t>(number) * 37 % 4000, 'x') + "\"}";
}

// Writes pairs of documents together and singles beside them until it is killed.
[[noreturn]] void write_for_ever(const std::filesystem::path& path, int first, int report) {
  const auto store = Store::open(path, {});
  if (!store) _exit(2);
  WriteOptions together;
  together.all_or_nothing = true;
  for (int number = first;; ++number) {
    const std::string suffix = std::to_string(number);
    const auto pair = (*store)->write(
        {edit("left:" + suffix, text_of(number)), edit("right:" + suffix, text_of(number))},
        together);
    if (!pair[0].rev || !pair[1].rev) _exit(3);
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
  int last = read_acknowledged(report[0], first - 1, 1 + static_cast<int>(random() % 60));
  usleep(static_cast<useconds_t>(random() % 3000));  // anywhere within a commit
  kill(child, SIGKILL);
  last = read_acknowledged(report[0], last, INT32_MAX);
  close(report[0]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself with " << WEXITSTATUS(status);
  return {first, last};
}

void check_whole(const Store& store, const std::vector<Range>& acknowledged) {
  std::size_t documents = 0;
  const Status scanned = store.scan({}, [&](const DocumentView& view) {
    ++documents;
    const auto number = json::int_member(view.body, "n");
    EXPECT_EQ(view.body, text_of(static_cast<int>(number.value_or(-1))));
    return true;
  });
  ASSERT_TRUE(scanned) << scanned.error().message;
  EXPECT_EQ(store.info().doc_count, documents);
  EXPECT_EQ(changes(store).size(), documents);
  std::size_t expected = 0;
  for (const Range& range : acknowledged) {
    for (int n = range.first; n <= range.last; ++n, expected += 2) {
      ASSERT_TRUE(store.get("left:" + std::to_string(n))) << n;
      ASSERT_TRUE(store.get("right:" + std::to_string(n))) << n;
    }
    // One more pair of each round may have been committed and not reported: whole or not at all.
    const std::string next = std::to_string(range.last + 1);
    const bool unreported = store.get("left:" + next).has_value();
    EXPECT_EQ(store.get("right:" + next).has_value(), unreported);
    expected += unreported ? 2 : 0;
  }
  EXPECT_EQ(documents, expected);
}

TEST(StoreCrash, EveryAcknowledgedDocumentIsThereAfterAKillAndPairsStayTogether) {
  TempDir dir;
  std::mt19937 random(std::random_device{}());
  std::vector<Range> acknowledged;
  for (int round = 0; round < kRounds; ++round) {
    const int first = acknowledged.empty() ? 0 : acknowledged.back().last + 10;
    acknowledged.push_back(run_until_killed(dir.path() / "store", first, random));
    const auto store = Store::open(dir.path() / "store", {});
    ASSERT_TRUE(store) << store.error().message;
    check_whole(**store, acknowledged);
    if (HasFatalFailure()) return;
  }
  EXPECT_GE(acknowledged.back().last, kRounds);
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
