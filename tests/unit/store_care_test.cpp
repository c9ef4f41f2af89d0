// Goal: backups, restored, compacted and salvaged stores hold what they must, under names that
// nobody mistakes, and a kill leaves the old file or the new one. Method: children that write or
// are killed meanwhile; each page of a small store destroyed in turn.
#include <atomic>
#include <fstream>
#include <map>
#include <random>
#include <sys/wait.h>
#include <thread>

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "base/json_text.h"
#include "store/care.h"
#include "unit/store_sample.h"

namespace atelier::test {
namespace {

class StoreCare : public StoreTest {
 protected:
  std::filesystem::path folder() const { return dir_.path() / "store"; }
  std::filesystem::path file() const { return folder() / "data.mdb"; }
  std::filesystem::path backup() const { return dir_.path() / "backup.atelier"; }
  void fill() {
    fill_sample(*store_);
    ASSERT_TRUE(store_->flush());
  }
  static void expect_clean(const std::filesystem::path& store) {
    const auto report = verify_store(store);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(report->clean()) << report->words.front();
  }
  // Each id with its revision.
  std::string dump_ids() const {
    std::string out;
    const Status scanned = store_->scan({}, [&](const DocumentView& view) {
      out += std::string(view.id) + " " + view.rev.to_string() + "\n";
      return true;
    });
    EXPECT_TRUE(scanned);
    return out;
  }
  // Runs in a child that is killed after `us` microseconds, unless it ends before.
  template <class Fn>
  static void run_and_kill(unsigned us, const Fn& fn) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      fn();
      _exit(0);
    }
    usleep(us);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
};

TEST_F(StoreCare, ABackupRestoredHoldsEverythingUnderANewName) {
  fill();
  const std::string before = dump(*store_), uuid = store_->info().uuid;
  const std::uint64_t last = store_->last_sequence();
  const std::string seen = store_->sequence_text(last);
  store_.reset();
  const auto bytes = backup_store(folder(), backup());
  ASSERT_TRUE(bytes) << bytes.error().message;
  EXPECT_EQ(*bytes, std::filesystem::file_size(backup()));
  EXPECT_EQ(backup_store(folder(), backup()).error().code, ErrorCode::kExists);
  open();
  put("after:1", "{}");
  put("after:2", "{}");
  const std::string later = store_->sequence_text(store_->last_sequence());
  store_.reset();

  EXPECT_EQ(restore_store(backup(), folder(), false).error().code, ErrorCode::kExists);
  std::filesystem::path kept;
  ASSERT_TRUE(restore_store(backup(), folder(), true, &kept));
  EXPECT_TRUE(std::filesystem::exists(kept));
  expect_clean(folder());
  open();
  EXPECT_EQ(dump(*store_), before);
  EXPECT_NE(store_->info().uuid, uuid);
  // Who had seen as much goes on from there; who saw a run that the backup knows nothing of, anew.
  EXPECT_EQ(store_->parse_sequence(seen).value(), last);
  EXPECT_EQ(store_->parse_sequence(later).value(), 0u);
  put("other:1", "{}");
  put("other:2", "{}");
  EXPECT_EQ(store_->parse_sequence(later).value(), 0u);
  EXPECT_NE(store_->sequence_text(last + 2), later);
}

TEST_F(StoreCare, ABackupThatIsDamagedOrNoneIsRefusedAndNothingIsTouched) {
  fill();
  store_.reset();
  ASSERT_TRUE(backup_store(folder(), backup()));
  std::string bytes;
  {
    std::ifstream in(backup(), std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  bytes[bytes.find("hello")] ^= 1;
  std::ofstream(backup(), std::ios::binary | std::ios::trunc) << bytes;
  const auto before = std::filesystem::last_write_time(file());
  const Status refused = restore_store(backup(), folder(), true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(std::filesystem::last_write_time(file()), before);
  std::ofstream(backup(), std::ios::trunc) << "a diary";
  EXPECT_FALSE(restore_store(backup(), dir_.path() / "other", false));
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "other" / "data.mdb"));
  EXPECT_EQ(restore_store(dir_.path() / "none", folder(), true).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(backup_store(dir_.path() / "none", dir_.path() / "x").error().code,
            ErrorCode::kNotFound);
}

TEST_F(StoreCare, ABackupOfAStoreThatIsWrittenToIsOneMomentOfIt) {
  store_.reset();
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    StoreOptions options;
    options.sync = false;
    const auto store = Store::open(folder(), options);
    if (!store) _exit(2);
    WriteOptions together;
    together.all_or_nothing = true;
    for (int i = 0; i < 20'000; ++i) {  // bounded, should the test end early
      const std::string n = std::to_string(i);
      (*store)->write({edit("left:" + n, "{}"), edit("right:" + n, "{}")}, together);
      if (i == 50 && write(ready[1], "x", 1) != 1) break;
    }
    _exit(1);
  }
  close(ready[1]);  // so that a child that ends early is seen and not waited for
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  for (int i = 0; i < 1; ++i) {
    const auto to = dir_.path() / ("backup" + std::to_string(i));
    ASSERT_TRUE(backup_store(folder(), to));
    const auto other = dir_.path() / ("restored" + std::to_string(i));
    ASSERT_TRUE(restore_store(to, other, false));
    const auto restored = Store::open(other, {});
    ASSERT_TRUE(restored);
    const auto all = ids(**restored);
    EXPECT_GE(all.size(), 100u);
    EXPECT_EQ(all.size() % 2, 0u);
    EXPECT_EQ(restore_store(to, folder(), true).error().code, ErrorCode::kBusy);
    EXPECT_EQ(salvage_store(folder()).error().code, ErrorCode::kBusy);
    EXPECT_EQ(compact_file(folder(), false, true).error().code, ErrorCode::kBusy);
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ready[0]);
}

TEST_F(StoreCare, CompactionGivesRoomBackWhenTheStoreIsClosed) {
  std::vector<DocumentWrite> writes;
  for (int i = 0; i < 300; ++i) {
    writes.push_back(edit("d" + std::to_string(i), "{\"t\":\"" + std::string(3'000, 'x') + "\"}"));
  }
  std::vector<RevId> revs;
  for (const auto& one : store_->write(std::move(writes))) revs.push_back(*one.rev);
  for (int i = 10; i < 300; ++i) {
    const RevId& one = revs[static_cast<std::size_t>(i)];
    ASSERT_TRUE(store_->purge("d" + std::to_string(i), {&one, 1}));
  }
  const auto before = std::filesystem::file_size(file());
  const std::string all = dump_ids();
  ASSERT_TRUE(store_->compact());
  EXPECT_EQ(std::filesystem::file_size(file()), before);
  store_.reset();
  EXPECT_LT(std::filesystem::file_size(file()), before / 4);
  expect_clean(folder());
  open();
  EXPECT_EQ(dump_ids(), all);
  put("d10", "{}");
}

TEST_F(StoreCare, AKillDuringCompactionOrRestoreLeavesAWholeStore) {
  std::vector<DocumentWrite> writes;
  for (int i = 0; i < 2'000; ++i) {
    writes.push_back(edit("d" + std::to_string(i), "{\"t\":\"" + std::string(300, 'x') + "\"}"));
  }
  store_->write(std::move(writes));
  const std::string all = dump_ids();
  store_.reset();
  ASSERT_TRUE(backup_store(folder(), backup()));
  std::mt19937 random(3);
  for (int round = 0; round < 16; ++round) {
    run_and_kill(random() % 40'000, [&] {
      if (round % 2)
        (void)compact_file(folder(), false, true);
      else
        (void)restore_store(backup(), folder(), true);
    });
    expect_clean(folder());
    open();
    ASSERT_EQ(dump_ids(), all);
    put("still:" + std::to_string(round), "{}");
    const auto still = store_->get("still:" + std::to_string(round));
    ASSERT_TRUE(store_->purge(still->id, {&still->rev, 1}));
    store_.reset();
    for (const auto& entry : std::filesystem::directory_iterator(folder())) {
      EXPECT_FALSE(entry.path().filename().string().starts_with("new-")) << entry.path();
    }
  }
}

TEST_F(StoreCare, WritersGoOnDuringACompaction) {
  std::atomic<int> written{0};
  std::thread writer([&] {
    for (int i = 0; i < 300; ++i) {
      const RevId first = put("w" + std::to_string(i), "{\"n\":1}");
      put("w" + std::to_string(i), "{\"n\":2}", first);
      ++written;
    }
  });
  while (written < 300) ASSERT_TRUE(store_->compact());
  writer.join();
  ASSERT_TRUE(store_->compact());
  EXPECT_EQ(ids(*store_).size(), 300u);
  store_.reset();
  expect_clean(folder());
}

// --- salvage

TEST_F(StoreCare, SalvageOfAWholeStoreLosesNothingButItsName) {
  fill();
  const std::string before = dump(*store_), uuid = store_->info().uuid;
  const std::string name = store_->sequence_text(3);
  ASSERT_TRUE(store_->put_local("pouch", "{\"session_id\":\"x\",\"history\":[]}"));
  store_.reset();
  const auto report = salvage_store(folder());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->losses, 0u) << report->words.front();
  EXPECT_EQ(report->documents, 9u);
  EXPECT_EQ(report->attachments, 1u);
  EXPECT_TRUE(std::filesystem::exists(report->kept));
  expect_clean(folder());
  open();
  EXPECT_EQ(dump(*store_), before);  // the checkpoint is not in it
  EXPECT_NE(store_->info().uuid, uuid);
  EXPECT_EQ(store_->parse_sequence(name).value(), 0u);  // everybody begins anew
  EXPECT_EQ(std::filesystem::file_size(report->kept) > 0, true);
}

TEST_F(StoreCare, WhateverPageIsDestroyedTheRestIsSalvagedAndTheLossIsTold) {
  fill();
  std::map<std::string, std::string> bodies;
  for (const std::string& id : ids(*store_)) bodies[id] = body(id);
  store_.reset();
  std::string bytes;
  {
    std::ifstream in(file(), std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  std::size_t best = 0;
  for (std::size_t page = 0; page < bytes.size() / 4096; ++page) {
    std::string damaged = bytes;
    std::fill_n(damaged.begin() + static_cast<std::ptrdiff_t>(page * 4096), 4096, '\xAA');
    std::ofstream(file(), std::ios::binary | std::ios::trunc) << damaged;
    const auto report = salvage_store(folder());
    if (!report) {  // all documents of so small a store are on one page
      EXPECT_EQ(report.error().code, ErrorCode::kCorrupt) << report.error().message;
      continue;
    }
    expect_clean(folder());
    open();
    std::size_t found = 0;
    for (const std::string& id : ids(*store_)) {
      ASSERT_TRUE(bodies.contains(id)) << id;
      EXPECT_EQ(body(id), bodies[id]) << id << " page " << page;
      ++found;
    }
    best = std::max(best, found);
    EXPECT_TRUE(found == bodies.size() || report->losses > 0);
    store_.reset();
    std::filesystem::remove(report->kept);
  }
  EXPECT_EQ(best, bodies.size());
}

TEST_F(StoreCare, DocumentsAreFoundWithoutTheRootsThatLedToThem) {
  std::vector<DocumentWrite> writes;
  for (int i = 0; i < 1'000; ++i) writes.push_back(edit("d" + std::to_string(i), "{\"n\":1}"));
  store_->write(std::move(writes));
  store_.reset();
  {
    std::fstream out(file(), std::ios::binary | std::ios::in | std::ios::out);
    const std::string nothing(2 * 4096, '\0');
    out.write(nothing.data(), static_cast<std::streamsize>(nothing.size()));
  }
  EXPECT_FALSE(Store::open(folder(), {}));
  const auto report = salvage_store(folder());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->documents, 1'000u);
  EXPECT_EQ(report->stray_rows, 1'000u);
  open();
  EXPECT_EQ(ids(*store_).size(), 1'000u);
}

TEST_F(StoreCare, WhatIsNoStoreIsNotSalvaged) {
  store_.reset();
  std::ofstream(file(), std::ios::trunc) << std::string(50'000, 'd');
  const auto report = salvage_store(folder());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(std::filesystem::file_size(file()), 50'000u);
  EXPECT_EQ(salvage_store(dir_.path() / "none").error().code, ErrorCode::kNotFound);
}

TEST_F(StoreCare, AStoreThatWasFoundDamagedStaysClosedUntilItWasSeenTo) {
  fill();
  store_.reset();
  const auto mark = [&] { std::ofstream(damage_marker(folder())) << "damaged"; };
  mark();
  const auto opened = Store::open(folder(), {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(opened.error().message.find("damaged"), std::string::npos);
  expect_clean(folder());  // and the mark goes
  open();
  store_.reset();
  mark();
  ASSERT_TRUE(salvage_store(folder()));
  open();
  store_.reset();
  mark();
  const auto aside = put_aside(folder());
  ASSERT_TRUE(aside);
  EXPECT_TRUE(std::filesystem::exists(*aside));
  open();
  EXPECT_TRUE(ids(*store_).empty());
}

}  // namespace
}  // namespace atelier::test
