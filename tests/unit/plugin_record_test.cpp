// The reader of plugins' records meets files of every kind: whole, cut, damaged, and none at all.
#include <fstream>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/os/os.h"
#include "plugin/plugin_record_reader.h"
#include "unit/room_tools.h"

namespace atelier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TempFolder;

std::filesystem::path notes() {
  return os::program_dir() / "plugins" / "notes.so";
}

std::string text_with(const std::string& from, const std::string& to) {
  std::string text =
      "ATELIER-PLUGIN 1\nid=a-1\nname=A = B\ndescription=\nversion=1\nprefixes= note  more \n"
      "abi=1\ncompiler=c\nlibrary=l\nboost=b\nui=u\nsanitizer=none\nnew=later\n";
  text += '\0';
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST(PluginRecord, SaysWhatThePluginSaid) {
  const auto record = read_plugin_record(notes());
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->id, "notes");
  EXPECT_EQ(record->name, "Notes");
  EXPECT_EQ(record->description, "Short texts, for the tests");
  EXPECT_EQ(record->version, "1.2.3");
  EXPECT_THAT(record->prefixes, ElementsAre("note", "other"));
  EXPECT_TRUE(check_fingerprint(*record, own_fingerprint("imgui-9")));
}

TEST(PluginRecord, EachPartOfTheFingerprintIsNamedWhenItDiffers) {
  const auto own = own_fingerprint("imgui-1");
  const std::pair<const char*, std::string PluginFingerprint::*> parts[] = {
      {"plugin interface", &PluginFingerprint::abi}, {"compiler", &PluginFingerprint::compiler},
      {"C++ library", &PluginFingerprint::library},  {"Boost", &PluginFingerprint::boost},
      {"sanitizer", &PluginFingerprint::sanitizer},  {"user interface", &PluginFingerprint::ui}};
  for (const auto& [name, member] : parts) {
    PluginRecord record;
    record.id = "p";
    record.fingerprint = own;
    record.fingerprint.*member = "strange";
    const auto fits = check_fingerprint(record, own);
    ASSERT_FALSE(fits) << name;
    EXPECT_EQ(fits.error().code, ErrorCode::kUnsupported);
    EXPECT_THAT(fits.error().message, HasSubstr(std::string(name) + " is strange"));
  }
}

TEST(PluginRecord, TextIsReadByItsGrammar) {
  const auto record = parse_plugin_record(text_with("id=a-1", "id=a-1"));
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->name, "A = B");
  EXPECT_THAT(record->prefixes, ElementsAre("note", "more"));
  const auto error = [](const std::string& from, const std::string& to) {
    const auto parsed = parse_plugin_record(text_with(from, to));
    return parsed ? "no error" : parsed.error().message;
  };
  EXPECT_THAT(error("id=a-1\n", ""), HasSubstr("does not say 'id'"));
  EXPECT_THAT(error("id=a-1", "id=../a"), HasSubstr("a-z, 0-9"));
  EXPECT_THAT(error("id=a-1", "id="), HasSubstr("a-z, 0-9"));
  EXPECT_THAT(error("more", "_more"), HasSubstr("cannot name a collection"));
  EXPECT_THAT(error("version=1", "version"), HasSubstr("without '='"));
  EXPECT_THAT(error("version=1", "version=\xff"), HasSubstr("UTF-8"));
  EXPECT_THAT(error("PLUGIN 1\n", "PLUGIN 2\n"), HasSubstr("newer kind"));
  EXPECT_THAT(error("ATELIER", "atelier"), HasSubstr("damaged"));
  EXPECT_THAT(error(std::string(1, '\0'), ""), HasSubstr("no end"));
}

class DamagedFile : public ::testing::Test {
 protected:
  Result<PluginRecord> read(const std::string& bytes) {
    const auto path = folder_.path() / "file.so";
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    return read_plugin_record(path);
  }
  TempFolder folder_;
  const std::string whole_ = *os::read_file(notes());
};

TEST_F(DamagedFile, ThatIsNoLibraryIsRefusedInWords) {
  EXPECT_EQ(read("").error().message, "file.so: it is not a shared library");
  EXPECT_EQ(read("#!/bin/sh\n" + std::string(100, 'x')).error().message,
            "file.so: it is not a shared library");
  EXPECT_EQ(read("\x7f"
                 "ELF")
                .error()
                .message,
            "file.so: it is not a shared library");
  EXPECT_EQ(read_plugin_record(folder_.path() / "none.so").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(read_plugin_record(folder_.path()).error().code, ErrorCode::kInvalid);
  std::string other = whole_;
  other[4] = 1;
  EXPECT_THAT(read(other).error().message, HasSubstr("another kind of machine"));
  other = whole_;
  other[18] = 0x28;
  EXPECT_THAT(read(other).error().message, HasSubstr("another kind of machine"));
  other = whole_;
  other[16] = 2;
  EXPECT_THAT(read(other).error().message, HasSubstr("not a shared library"));
}

// The section headers stand at the end of the file, so that no part of it alone is a plugin.
TEST_F(DamagedFile, CutAnywhereIsRefused) {
  const std::size_t step = std::max<std::size_t>(1, whole_.size() / 400);
  for (std::size_t length = 0; length < whole_.size(); length += length < 80 ? 1 : step) {
    const auto record = read(whole_.substr(0, length));
    ASSERT_FALSE(record) << length;
    ASSERT_THAT(record.error().message, HasSubstr("file.so: "));
  }
}

// Goal: no offset or size in a file leads outside of it. Method: the fields that the reader follows
// get extreme values; the sanitizers watch.
TEST_F(DamagedFile, WithWildOffsetsIsReadWithinItsBounds) {
  const auto table = [&] {
    std::uint64_t offset = 0;
    for (int i = 7; i >= 0; --i)
      offset = offset << 8 | static_cast<unsigned char>(whole_[40 + static_cast<std::size_t>(i)]);
    return static_cast<std::size_t>(offset);
  }();
  std::mt19937 random(1);
  int refused = 0;
  for (int round = 0; round < 1'000; ++round) {
    std::string bytes = whole_;
    const bool in_header = random() % 3 == 0;
    const std::size_t begin = in_header ? 16 : table;
    const std::size_t span = in_header ? 48 : bytes.size() - table;
    for (int i = 0; i < 4; ++i) {
      const std::size_t at = begin + random() % span;
      const unsigned choice = random() % 3;
      for (std::size_t k = at; k < std::min(at + 8, bytes.size()); ++k)
        bytes[k] = choice == 0 ? '\xff' : choice == 1 ? '\0' : static_cast<char>(random());
    }
    refused += read(bytes) ? 0 : 1;
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace atelier
