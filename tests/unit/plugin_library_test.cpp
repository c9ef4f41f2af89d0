// Plugins as files: found, refused with a reason, run, contained, and taken out of memory. The
// libraries are those of tests/plugins.
#include "plugin/plugin_library.h"

#include <fstream>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/room_tools.h"

namespace atelier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TempFolder;
using testing::TestRoom;

std::filesystem::path plugin_file(const std::string& name) {
  return os::program_dir() / "plugins" / (name + ".so");
}

class Lines : public Console {
 public:
  void print(std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

class RunningPluginTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<RunningPlugin>> open(const std::string& name) {
    PluginLoadOptions options;
    options.copies = copies_.path();
    return RunningPlugin::open(plugin_file(name), *room_, options);
  }
  std::string error_of(const std::string& name) {
    auto opened = open(name);
    return opened ? "no error" : opened.error().message;
  }
  bool copies_left() const { return !std::filesystem::is_empty(copies_.path()); }
  bool any_mapped() const { return os::is_mapped(copies_.path().filename().string()); }

  TempFolder copies_;
  TestRoom room_;
};

TEST_F(RunningPluginTest, RunsOverTheRoomAndIsUnmappedWhenClosed) {
  auto opened = open("notes");
  ASSERT_TRUE(opened) << opened.error().message;
  RunningPlugin& plugin = **opened;
  EXPECT_EQ(plugin.record().name, "Notes");
  EXPECT_TRUE(any_mapped());
  ASSERT_TRUE(plugin.draw());
  EXPECT_TRUE(*plugin.type("typed"));
  EXPECT_FALSE(*plugin.type(""));
  ASSERT_TRUE(room_.pump_until_idle());
  Lines console;
  ASSERT_TRUE(plugin.print(console));
  EXPECT_THAT(console.lines, ::testing::Contains("0 drawn"));
  ASSERT_TRUE(plugin.type("last words"));  // queued, not yet written
  const auto closed = plugin.close();
  ASSERT_TRUE(closed) << closed.error().message;
  EXPECT_FALSE(any_mapped());
  EXPECT_FALSE(copies_left());
  EXPECT_EQ(room_->raw_collection("note")->size(), 3U);
  EXPECT_TRUE(room_.pump_until_idle()) << "nobody is called any more";
}

TEST_F(RunningPluginTest, ReloadsFiftyTimesWhileChangesArrive) {
  for (int i = 0; i < 50; ++i) {
    auto opened = open("notes");
    ASSERT_TRUE(opened) << opened.error().message;
    room_.write_foreign("note:" + std::to_string(i), R"({"number":1})");
    room_->pump();
    ASSERT_TRUE((*opened)->type("mine"));
    const auto closed = (*opened)->close();
    ASSERT_TRUE(closed) << closed.error().message;
    ASSERT_FALSE(any_mapped());
  }
  EXPECT_EQ(room_->raw_collection("note")->size(), 100U);
}

TEST_F(RunningPluginTest, TwoOfOneFileRunApart) {
  auto one = open("notes"), two = open("notes");
  ASSERT_TRUE(one);
  ASSERT_TRUE(two);
  ASSERT_TRUE((*one)->type("from one"));
  ASSERT_TRUE((*one)->close());
  ASSERT_TRUE((*two)->type("from two"));
  ASSERT_TRUE((*two)->close());
  EXPECT_FALSE(any_mapped());
  EXPECT_EQ(room_->raw_collection("note")->size(), 2U);
}

TEST_F(RunningPluginTest, AFailingConstructorIsToldAndLeavesNothing) {
  EXPECT_THAT(error_of("throws_at_start"), HasSubstr("no paint left"));
  EXPECT_FALSE(any_mapped());
  EXPECT_FALSE(copies_left());
}

TEST_F(RunningPluginTest, WhatItThrowsBecomesWordsAndItsLibraryStillUnloads) {
  auto opened = open("throws_in_draw");
  ASSERT_TRUE(opened) << opened.error().message;
  RunningPlugin& plugin = **opened;
  const auto drawn = plugin.draw();
  ASSERT_FALSE(drawn);
  EXPECT_EQ(drawn.error().message, "Throws: out of paint");
  Lines console;
  EXPECT_THAT(plugin.print(console).error().message, HasSubstr("no std::exception"));
  EXPECT_THAT(plugin.type("x").error().message, HasSubstr("no id of this collection"));
  room_.write_foreign("note:1", "{}");
  ASSERT_TRUE(room_.pump_until_idle());
  ASSERT_EQ(room_->problems().size(), 1U);
  EXPECT_THAT(room_->problems()[0].text, HasSubstr("out of paint"));
  const auto closed = plugin.close();
  EXPECT_TRUE(closed) << closed.error().message;
  EXPECT_FALSE(any_mapped());
}

TEST_F(RunningPluginTest, PrefixesThatWereNotDeclaredAreOutOfReach) {
  EXPECT_THAT(error_of("undeclared_prefix"), HasSubstr("did not declare the prefix 'message'"));
  EXPECT_FALSE(any_mapped());
}

TEST_F(RunningPluginTest, AnotherUserInterfaceIsRefusedByName) {
  const std::string error = error_of("other_ui");
  EXPECT_THAT(error, HasSubstr("user interface is imgui-0.1"));
  EXPECT_FALSE(any_mapped());
  EXPECT_FALSE(copies_left());
}

TEST_F(RunningPluginTest, AMissingSymbolIsNamed) {
  const std::string error = error_of("missing_symbol");
  EXPECT_THAT(error, HasSubstr("a_function_that_nobody_wrote"));
  EXPECT_THAT(error, HasSubstr("missing_symbol.so"));
  EXPECT_THAT(error, Not(HasSubstr(copies_.path().string())));
  EXPECT_FALSE(copies_left());
}

TEST_F(RunningPluginTest, ARecordWithoutTheFunctionIsRefused) {
  EXPECT_THAT(error_of("no_function"), HasSubstr("lacks the function atelier_plugin_create"));
  EXPECT_FALSE(any_mapped());
}

TEST_F(RunningPluginTest, WhatAPluginLeaksIsCutOff) {
  auto opened = open("leaks");
  ASSERT_TRUE(opened) << opened.error().message;
  const auto closed = (*opened)->close();
  EXPECT_TRUE(closed) << closed.error().message;
  EXPECT_EQ(room_.store().get("note:leaked")->body, R"({"text":"last words"})");
  room_.write_foreign("note:after", R"({"text":"x"})");
  EXPECT_TRUE(room_.pump_until_idle()) << "its callback must not run: its code is gone";
}

TEST_F(RunningPluginTest, ALibraryThatStaysInMemoryIsNoticed) {
  auto opened = open("stays_mapped");
  ASSERT_TRUE(opened) << opened.error().message;
  const auto closed = (*opened)->close();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, ErrorCode::kBusy);
  EXPECT_THAT(closed.error().message, HasSubstr("thread_local"));
}

TEST_F(RunningPluginTest, CopiesOfProcessesThatEndedAreSwept) {
  std::ofstream(copies_.path() / "notes.999999999.abc.so") << "old";
  std::ofstream(copies_.path() / "notes.txt") << "not ours";
  auto opened = open("notes");
  ASSERT_TRUE(opened);
  EXPECT_FALSE(std::filesystem::exists(copies_.path() / "notes.999999999.abc.so"));
  EXPECT_TRUE(std::filesystem::exists(copies_.path() / "notes.txt"));
}

TEST(FindPlugins, ListsWhatRunsAndSaysWhyOthersDoNot) {
  TempFolder folder, second;
  for (const char* name : {"notes", "other_ui", "no_record"})
    std::filesystem::copy_file(plugin_file(name), folder.path() / (std::string(name) + ".so"));
  std::filesystem::copy_file(plugin_file("notes"), second.path() / "zz.so");
  std::ofstream(folder.path() / "text.so") << "only text";
  std::ofstream(folder.path() / "readme.txt") << "not a plugin";
  std::filesystem::create_directory(folder.path() / "folder.so");

  std::map<std::string, std::string> problems;
  for (const auto& found :
       find_plugins({folder.path(), second.path(), folder.path() / "none"}, own_fingerprint()))
    problems[found.file.filename().string()] = found.problem;
  ASSERT_EQ(problems.size(), 5U);
  EXPECT_EQ(problems["notes.so"], "");
  EXPECT_THAT(problems["other_ui.so"], HasSubstr("user interface"));
  EXPECT_THAT(problems["no_record.so"], HasSubstr("no plugin"));
  EXPECT_EQ(problems["text.so"], "text.so: it is not a shared library");
  EXPECT_EQ(problems["folder.so"], "folder.so: it is not a file");
}

}  // namespace
}  // namespace atelier
