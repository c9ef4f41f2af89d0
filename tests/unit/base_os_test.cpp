// Files that only their owner may read, locks that name their holder, libraries that come and go.
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/digest.h"
#include "base/os/os.h"

namespace atelier::os {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class OsTest : public ::testing::Test {
 protected:
  OsTest() : folder_(fs::temp_directory_path() / ("atelier-test-" + random_uuid())) {
    fs::create_directories(folder_);
  }
  ~OsTest() override { fs::remove_all(folder_); }
  static fs::perms mode(const fs::path& path) {
    return fs::status(path).permissions() & fs::perms::mask;
  }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  const fs::path folder_;
};

TEST_F(OsTest, PrivateFilesAreTheOwnersAndReplacedWhole) {
  const auto path = folder_ / "token";
  ASSERT_TRUE(write_private_file(path, "first and longer"));
  ASSERT_TRUE(write_private_file(path, "second"));
  EXPECT_EQ(*read_file(path), "second");
  EXPECT_EQ(mode(path), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(files(), 1U) << "no temporary file stays";
}

TEST_F(OsTest, APrivateFileOverAFolderFailsAndLeavesNothing) {
  fs::create_directory(folder_ / "taken");
  EXPECT_FALSE(write_private_file(folder_ / "taken", "x"));
  EXPECT_FALSE(write_private_file(folder_ / "none" / "file", "x"));
  EXPECT_EQ(files(), 1U);
}

TEST_F(OsTest, PrivateFoldersAreTheOwners) {
  const auto path = folder_ / "a" / "b";
  ASSERT_TRUE(make_private_dir(path));
  EXPECT_EQ(mode(path), fs::perms::owner_all);
  EXPECT_TRUE(make_private_dir(path)) << "again";
  ASSERT_TRUE(write_private_file(folder_ / "file", "x"));
  EXPECT_FALSE(make_private_dir(folder_ / "file"));
  EXPECT_FALSE(make_private_dir(folder_ / "file" / "below"));
}

TEST_F(OsTest, ReadingTellsWhatIsWrong) {
  EXPECT_EQ(read_file(folder_ / "none").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(read_file(folder_).error().code, ErrorCode::kDisk);
  ASSERT_TRUE(write_private_file(folder_ / "file", std::string(10'000, 'x')));
  EXPECT_EQ(read_file(folder_ / "file", 10'000)->size(), 10'000U);
  EXPECT_EQ(read_file(folder_ / "file", 9'999).error().code, ErrorCode::kTooLarge);
}

TEST_F(OsTest, ALockHasOneHolderAndNamesIt) {
  auto lock = FileLock::acquire(folder_ / "lock", "atelier, profile bob");
  ASSERT_TRUE(lock);
  const auto second = FileLock::acquire(folder_ / "lock", "another");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
  EXPECT_THAT(second.error().message,
              HasSubstr("atelier, profile bob (process " + std::to_string(process_id()) + ")"));
  { const FileLock moved = std::move(*lock); }
  EXPECT_TRUE(FileLock::acquire(folder_ / "lock", "next"));
}

TEST_F(OsTest, TheRuntimeFolderIsOursAlone) {
  ASSERT_EQ(::setenv("XDG_RUNTIME_DIR", folder_.c_str(), 1), 0);
  const auto made = runtime_dir();
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(*made, folder_ / "atelier");
  EXPECT_EQ(mode(*made), fs::perms::owner_all);
  fs::permissions(*made, fs::perms::group_read, fs::perm_options::add);
  EXPECT_EQ(runtime_dir().error().code, ErrorCode::kForbidden);
  fs::remove(*made);
  fs::create_directory_symlink(folder_, *made);
  EXPECT_EQ(runtime_dir().error().code, ErrorCode::kForbidden) << "a link is not followed";
}

TEST_F(OsTest, ProcessesAreTold) {
  EXPECT_TRUE(process_alive(process_id()));
  EXPECT_FALSE(process_alive(0));
  EXPECT_FALSE(process_alive(999'999'999));
  EXPECT_TRUE(fs::exists(program_dir()));
  EXPECT_GT(anonymous_memory_bytes(), 0U);
}

TEST_F(OsTest, WhatIsNoLibraryIsNotLoaded) {
  ASSERT_TRUE(write_private_file(folder_ / "text.so", "text"));
  const auto library = SharedLibrary::open(folder_ / "text.so");
  ASSERT_FALSE(library);
  EXPECT_THAT(library.error().message, HasSubstr("text.so"));
  EXPECT_FALSE(is_mapped("text.so"));
}

}  // namespace
}  // namespace atelier::os
