// Goal: damage and full disks end in a clear error, or where the process cannot go on, in a message
// that names the file and a mark for the next start; never in a wrong answer. Method: flipped bytes
// and cut files under a child that reads everything; limits and small disks under one that writes.
#include <fstream>
#include <random>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#if defined(__linux__)
#include <sched.h>
#endif

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "base/os/map_fault.h"
#include "store/care.h"
#include "unit/store_tools.h"

namespace atelier::test {
namespace {

int count_from_environment(const char* name, int usual) {
  const char* text = std::getenv(name);
  return text ? std::atoi(text) : usual;
}

// What ended a child, and what it wrote to standard error.
struct End {
  int code = -1;
  int signal = 0;
  std::string words;
};

template <class Fn>
End run(const Fn& fn) {
  int words[2];
  EXPECT_EQ(pipe(words), 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(words[1], STDERR_FILENO);
    _exit(fn());
  }
  close(words[1]);
  End end;
  char buffer[4096];
  for (ssize_t got; (got = read(words[0], buffer, sizeof buffer)) > 0;) {
    end.words.append(buffer, static_cast<std::size_t>(got));
  }
  close(words[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status))
    end.signal = WTERMSIG(status);
  else
    end.code = WEXITSTATUS(status);
  return end;
}

class StoreDamage : public StoreTest {
 protected:
  void SetUp() override {}  // each test fills its own
  std::filesystem::path folder() const { return dir_.path() / "store"; }
  std::filesystem::path file() const { return folder() / "data.mdb"; }
  static std::string text_of(int number) {
    return "{\"n\":" + std::to_string(number) + ",\"t\":\"" +
           std::string(static_cast<std::size_t>(number * 37 % 300), 'x') + "\"}";
  }
  static std::string id_of(int number) { return "d" + std::to_string(100'000 + number); }
  void fill(int count) {
    open();
    std::vector<DocumentWrite> writes;
    for (int i = 0; i < count; ++i) writes.push_back(edit(id_of(i), text_of(i)));
    for (const auto& one : store_->write(std::move(writes))) ASSERT_TRUE(one.rev);
    store_.reset();
    ASSERT_TRUE(compact_file(folder(), false, true));
  }
  std::string read_bytes() const {
    std::ifstream in(file(), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
};

TEST_F(StoreDamage, AFileThatIsCutUnderARunningStoreEndsTheProcessWithItsName) {
  fill(2'000);
  const End end = run([&] {
    const auto store = Store::open(folder(), {});
    if (!store || truncate(file().c_str(), 3 * 4096) != 0) return 1;
    (void)(*store)->scan({}, [](const DocumentView&) { return true; });
    return 2;
  });
  EXPECT_EQ(end.code, os::kMapFaultExit) << end.signal;
  EXPECT_NE(end.words.find(file().string()), std::string::npos) << end.words;
  const auto again = Store::open(folder(), {});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(again.error().message.find("salvaged"), std::string::npos);
  const auto report = salvage_store(folder());  // something may be left, and nothing goes wrong
  EXPECT_TRUE(report || report.error().code == ErrorCode::kCorrupt) << report.error().message;
}

// A fault of our own is not the file's.
TEST_F(StoreDamage, AFaultElsewhereGoesItsUsualWay) {
  fill(10);
  const End end = run([&] {
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    const auto store = Store::open(folder(), {});
    void* nothing = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *static_cast<volatile char*>(nothing) = 1;
    return 0;
  });
  EXPECT_NE(end.code, os::kMapFaultExit);
  EXPECT_NE(end.code, 0);
  EXPECT_EQ(end.words.find("damaged"), std::string::npos) << end.words;
  EXPECT_FALSE(std::filesystem::exists(damage_marker(folder())));
}

enum Answer { kAllRight = 0, kSaidSo = 10, kWrong = 11 };

// Reads everything three ways; anything but the right answer or an error is wrong.
int read_all(const std::filesystem::path& folder, int count,
             const std::function<std::string(int)>& id_of,
             const std::function<std::string(int)>& text_of) {
  StoreOptions options;
  options.create = false;
  const auto store = Store::open(folder, options);
  if (!store) return kSaidSo;
  bool said = false, wrong = false;
  int seen = 0;
  const Status scanned = (*store)->scan({}, [&](const DocumentView& view) {
    wrong = wrong || view.id != id_of(seen) || view.body != text_of(seen);
    ++seen;
    return !wrong;
  });
  said = said || !scanned;
  if (scanned && seen != count) {
    fprintf(stderr, "scan gave %d of %d\n", seen, count);
    wrong = true;
  }
  // Parts of it, upwards and downwards: no counter says how much they should give.
  for (int from = 0; from < count && !wrong; from += count / 7) {
    for (const bool descending : {false, true}) {
      ScanOptions part;
      part.start = id_of(from);
      part.descending = descending;
      part.limit = static_cast<std::size_t>(count / 3);
      const int expected = std::min(count / 3, descending ? from + 1 : count - from);
      int given = 0;
      const Status walked = (*store)->scan(part, [&](const DocumentView& view) {
        wrong = wrong || view.id != id_of(descending ? from - given : from + given);
        ++given;
        return !wrong;
      });
      said = said || !walked;
      wrong = wrong || (walked && given != expected);
      if (wrong) fprintf(stderr, "from %d: %d of %d\n", from, given, expected);
    }
  }
  for (int i = 0; i < count && !wrong; ++i) {
    const auto document = (*store)->get(id_of(i));
    if (document) {
      wrong = document->body != text_of(i);
    } else {
      if (document.error().code == ErrorCode::kNotFound) {
        fprintf(stderr, "get: %s is missing\n", id_of(i).c_str());
      }
      wrong = document.error().code == ErrorCode::kNotFound;
      said = true;
    }
  }
  int found = 0;
  const auto answer = (*store)->find({}, [&](Document& document) {
    wrong = wrong || document.id != id_of(found) || document.body != text_of(found);
    ++found;
    return !wrong;
  });
  said = said || !answer;
  if (answer && found != count) {
    fprintf(stderr, "find gave %d of %d\n", found, count);
    wrong = true;
  }
  std::size_t changes = 0;
  const Status listed = (*store)->changes(0, SIZE_MAX, [&](const ChangeRow&) {
    ++changes;
    return true;
  });
  said = said || !listed;
  if (listed && changes != static_cast<std::size_t>(count)) {
    fprintf(stderr, "changes gave %zu of %d\n", changes, count);
    wrong = true;
  }
  return wrong ? kWrong : said ? kSaidSo : kAllRight;
}

// ATELIER_FLIPS: how many.
TEST_F(StoreDamage, FlippedBytesAreNeverACrashWithoutAMessageAndNeverAWrongAnswer) {
  constexpr int kDocuments = 1'500;
  fill(kDocuments);
  const std::string bytes = read_bytes();
  const auto seed = static_cast<unsigned>(count_from_environment("ATELIER_SEED", 20));
  std::mt19937 random(seed);
  int right = 0, said = 0, ended = 0;
  const int flips = count_from_environment("ATELIER_FLIPS", 60);
  for (int i = 0; i < flips; ++i) {
    std::string flipped = bytes;
    const std::size_t at = random() % flipped.size();
    // Half of them in the first 64 bytes of a page, where the structure is.
    const std::size_t place = i % 2 ? at : at / 4096 * 4096 + at % 64;
    flipped[place] = static_cast<char>(flipped[place] ^ (1 << random() % 8));
    std::ofstream(file(), std::ios::binary | std::ios::trunc) << flipped;
    std::filesystem::remove(damage_marker(folder()));
    const End end = run([&] { return read_all(folder(), kDocuments, id_of, text_of); });
    right += end.code == kAllRight;
    said += end.code == kSaidSo;
    ended += end.code == os::kMapFaultExit;
    EXPECT_NE(end.code, kWrong) << "byte " << place << " " << end.words;
    EXPECT_EQ(end.signal, 0) << "byte " << place << " " << end.words;
    if (end.code != os::kMapFaultExit) continue;
    EXPECT_NE(end.words.find("data.mdb"), std::string::npos) << end.words;
    EXPECT_TRUE(std::filesystem::exists(damage_marker(folder())));
  }
  RecordProperty("right", right);
  RecordProperty("said", said);
  RecordProperty("ended", ended);
  printf("%d flips: %d harmless, %d errors, %d ends with a message\n", flips, right, said, ended);
  EXPECT_GT(said, 0);
}

// A key that is damaged so that the order of keys still holds leads nobody to its row: whoever looks
// for it, or ends beside it, must notice.
TEST_F(StoreDamage, ADamagedKeyThatKeepsTheOrderHidesNothing) {
  open();
  for (const char* id : {"spot-10", "spot-20", "spot-30", "spot-40"}) put(id, "{}");
  store_.reset();
  std::string bytes = read_bytes();
  for (auto at = bytes.find("spot-20"); at != std::string::npos; at = bytes.find("spot-20", at))
    bytes[at + 6] ^= 4;  // spot-24
  std::ofstream(file(), std::ios::binary | std::ios::trunc) << bytes;
  const auto store = Store::open(folder(), {});
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ((*store)->get("spot-20").error().code, ErrorCode::kCorrupt);
  EXPECT_EQ((*store)->get("spot-24").error().code, ErrorCode::kCorrupt);
  EXPECT_EQ((*store)->get("spot-35").error().code, ErrorCode::kNotFound);
  EXPECT_TRUE((*store)->get("spot-10"));
  const auto scan = [&](const char* start, const char* end, bool descending) {
    ScanOptions options;
    options.start = start;
    options.end = end;
    options.descending = descending;
    const Status done = (*store)->scan(options, [](const DocumentView&) { return true; });
    return done ? ErrorCode::kInternal : done.error().code;
  };
  EXPECT_EQ(scan("spot-10", "spot-22", false), ErrorCode::kCorrupt);
  EXPECT_EQ(scan("spot-22", "spot-10", true), ErrorCode::kCorrupt);
  EXPECT_EQ(scan("spot-20", "spot-21", false), ErrorCode::kCorrupt);
  EXPECT_EQ(scan("spot-28", "spot-40", false), ErrorCode::kCorrupt);  // may it have been 29?
  EXPECT_EQ(scan("spot-35", "spot-40", false), ErrorCode::kInternal);
}

// Writes until it is refused; then everything that was acknowledged can be read.
int write_until_full(const std::filesystem::path& folder) {
  StoreOptions options;
  options.map_bytes = std::size_t{64} << 20;
  const auto store = Store::open(folder, options);
  if (!store) return 1;
  const std::string body = "{\"t\":\"" + std::string(20'000, 'x') + "\"}";
  int written = 0;
  Status refused = ok();
  for (; written < 5'000 && refused; ++written) {
    const auto one = (*store)->write_one(edit("d" + std::to_string(written), body));
    if (!one) refused = one.error();
  }
  --written;
  if (refused) return 2;
  if (refused.error().code != ErrorCode::kFull) {
    fprintf(stderr, "%s\n", refused.error().message.c_str());
    return 7;
  }
  for (int i = 0; i < written; ++i) {
    const auto document = (*store)->get("d" + std::to_string(i));
    if (!document || document->body != body) return 3;
  }
  if ((*store)->get("d" + std::to_string(written))) return 4;
  if (changes(**store).size() != static_cast<std::size_t>(written)) return 5;
  return written > 10 ? 0 : 6;
}

TEST_F(StoreDamage, AFileThatMayNotGrowRefusesWritesAndIsReadOn) {
  const End end = run([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{std::uint64_t{3} << 20, std::uint64_t{3} << 20};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 9;
    return write_until_full(folder());
  });
  EXPECT_EQ(end.code, 0) << end.words;
  open();
  put("there is room again", "{}");
  store_.reset();
  const auto report = verify_store(folder());
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->clean()) << report->words.front();
}

TEST_F(StoreDamage, AFullMapRefusesWritesAndIsReadOn) {
  const End end = run([&] {
    StoreOptions options;
    options.map_bytes = std::size_t{2} << 20;
    const auto store = Store::open(folder(), options);
    if (!store) return 1;
    const std::string body = "{\"t\":\"" + std::string(20'000, 'x') + "\"}";
    for (int i = 0; i < 1'000; ++i) {
      const auto one = (*store)->write_one(edit("d" + std::to_string(i), body));
      if (one) continue;
      if (one.error().code != ErrorCode::kFull) return 2;
      return (*store)->get("d0") ? 0 : 3;
    }
    return 4;
  });
  EXPECT_EQ(end.code, 0);
}

#if defined(__linux__)
TEST_F(StoreDamage, AFullDiskRefusesWritesAndIsReadOn) {
  const auto disk = dir_.path() / "disk";
  std::filesystem::create_directories(disk);
  const End end = run([&] {
    if (unshare(CLONE_NEWNS) != 0) return 20;
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 20;
    if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=3m") != 0) return 20;
    return write_until_full(disk / "store");
  });
  if (end.code == 20) GTEST_SKIP() << "only an administrator may mount a small disk";
  EXPECT_EQ(end.code, 0) << end.words;
}
#endif

TEST_F(StoreDamage, AFolderThatMayOnlyBeReadIsReadAndNotWritten) {
  fill(20);
  std::filesystem::permissions(dir_.path(), std::filesystem::perms(0755));
  std::filesystem::permissions(folder(), std::filesystem::perms(0555));
  for (const char* name : {"data.mdb", "lock.mdb", "holder.lock"}) {
    std::filesystem::permissions(folder() / name, std::filesystem::perms(0444));
  }
  const End end = run([&] {
    constexpr uid_t kNobody = 65534;
    if (geteuid() == 0 && setuid(kNobody) != 0) return 1;
    const auto writing = Store::open(folder(), {});
    if (writing || writing.error().code != ErrorCode::kForbidden) return 2;
    StoreOptions options;
    options.read_only = true;
    const auto reading = Store::open(folder(), options);
    if (!reading) {
      fprintf(stderr, "%s\n", reading.error().message.c_str());
      return 3;
    }
    return ids(**reading).size() == 20 ? 0 : 4;
  });
  EXPECT_EQ(end.code, 0) << end.words;
  std::filesystem::permissions(folder(), std::filesystem::perms(0755));
}

}  // namespace
}  // namespace atelier::test
