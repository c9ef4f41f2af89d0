// The commands that look after a room's file, over a profile in a folder of the test's own. Beside a
// host that has the room open they are tested in tests/peers/care.test.mjs.
#include "care_commands.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/digest.h"
#include "base/json_text.h"
#include "store/care.h"
#include "store/catalog.h"

namespace atelier::host {
namespace {

class Care : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("atelier-care-" + random_uuid());
    std::filesystem::create_directories(folder_ / "run");
    ::setenv("XDG_RUNTIME_DIR", (folder_ / "run").c_str(), 1);
    context_.data = folder_ / "data";
    const auto store = Store::open(room(), {});
    ASSERT_TRUE(store) << store.error().message;
    for (int i = 0; i < 50; ++i) {
      DocumentWrite write;
      write.id = "message:" + std::to_string(i);
      write.body = "{\"text\":\"text " + std::to_string(i) + "\"}";
      ASSERT_TRUE((*store)->write_one(std::move(write)));
    }
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path room(const std::string& name = "lobby") const {
    return database_folder(context_.data / "default", name);
  }
  std::size_t documents(const std::string& name = "lobby") const {
    const auto store = Store::open(room(name), {});
    return store ? (*store)->info().doc_count : 0;
  }
  void damage() const {
    std::string bytes;
    {
      std::ifstream in(room() / "data.mdb", std::ios::binary);
      bytes.assign(std::istreambuf_iterator<char>(in), {});
    }
    // Every copy of it: older pages hold some.
    for (auto at = bytes.find("text 7\""); at != std::string::npos; at = bytes.find("text 7\"", at)) {
      bytes[at] ^= 1;
    }
    std::ofstream(room() / "data.mdb", std::ios::binary | std::ios::trunc) << bytes;
  }
  template <class Fn, class Options>
  int run(const Fn& fn, const Options& options) {
    out_.str("");
    err_.str("");
    return fn(context_, options, out_, err_);
  }

  std::filesystem::path folder_;
  CommandContext context_;
  std::ostringstream out_, err_;
};

TEST_F(Care, VerifySaysThatARoomIsWholeAndCountsItsRows) {
  EXPECT_EQ(run(run_verify, VerifyOptions{"lobby"}), kExitOk) << out_.str() << err_.str();
  EXPECT_NE(out_.str().find("docs: 50 rows"), std::string::npos) << out_.str();
  EXPECT_NE(out_.str().find("The room is whole."), std::string::npos);
  context_.json = true;
  EXPECT_EQ(run(run_verify, VerifyOptions{"lobby"}), kExitOk);
  const auto report = json::normalize(out_.str());
  ASSERT_TRUE(report) << out_.str();
  EXPECT_EQ(json::member(*report, "clean").value_or(""), "true");
  EXPECT_EQ(json::int_member(*report, "findings").value_or(-1), 0);
}

TEST_F(Care, ADamagedRoomIsReportedWithWhatCanBeDoneAndSalvaged) {
  damage();
  EXPECT_EQ(run(run_verify, VerifyOptions{"lobby"}), kExitDamaged);
  EXPECT_NE(out_.str().find("message:7"), std::string::npos) << out_.str();
  EXPECT_NE(out_.str().find("atelier salvage \"lobby\""), std::string::npos);
  EXPECT_EQ(run(run_backup, BackupOptions{"lobby", folder_ / "b"}), kExitFailed);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "b"));
  EXPECT_EQ(run(run_salvage, SalvageOptions{"lobby", false}), kExitDamaged) << err_.str();
  EXPECT_NE(out_.str().find("lost: the document 'message:7'"), std::string::npos) << out_.str();
  EXPECT_EQ(run(run_verify, VerifyOptions{"lobby"}), kExitOk);
  EXPECT_EQ(documents(), 49u);
}

TEST_F(Care, ABackupIsRestoredBesideTheRoomOrInItsPlace) {
  ASSERT_EQ(run(run_backup, BackupOptions{"lobby", folder_ / "backup"}), kExitOk) << err_.str();
  EXPECT_EQ(run(run_backup, BackupOptions{"lobby", folder_ / "backup"}), kExitFailed);
  EXPECT_EQ(run(run_restore, RestoreOptions{folder_ / "backup", "copy", false}), kExitOk) << err_.str();
  EXPECT_EQ(documents("copy"), 50u);
  EXPECT_EQ(run(run_restore, RestoreOptions{folder_ / "backup", "lobby", false}), kExitFailed);
  EXPECT_NE(err_.str().find("--replace"), std::string::npos);
  EXPECT_EQ(run(run_restore, RestoreOptions{folder_ / "backup", "lobby", true}), kExitOk) << err_.str();
  EXPECT_NE(out_.str().find("replaced-"), std::string::npos) << out_.str();
  EXPECT_EQ(documents(), 50u);
}

TEST_F(Care, ARoomBeginsAnewAndItsFileIsKept) {
  ASSERT_EQ(run(run_salvage, SalvageOptions{"lobby", true}), kExitOk) << err_.str();
  EXPECT_NE(out_.str().find("damaged-"), std::string::npos);
  EXPECT_EQ(documents(), 0u);
}

TEST_F(Care, CompactSaysWhatItGaveBack) {
  context_.json = true;
  ASSERT_EQ(run(run_compact, CompactOptions{"lobby"}), kExitOk) << err_.str();
  const auto line = json::normalize(out_.str());
  ASSERT_TRUE(line);
  EXPECT_LE(json::int_member(*line, "bytes").value_or(0), json::int_member(*line, "bytes_before").value_or(-1));
  EXPECT_EQ(documents(), 50u);
}

TEST_F(Care, WhatIsNotThereIsSaid) {
  EXPECT_EQ(run(run_verify, VerifyOptions{"nowhere"}), kExitFailed);
  EXPECT_NE(err_.str().find("no room 'nowhere'"), std::string::npos);
  EXPECT_EQ(run(run_salvage, SalvageOptions{"nowhere", false}), kExitFailed);
  EXPECT_EQ(run(run_compact, CompactOptions{"nowhere"}), kExitFailed);
  EXPECT_EQ(run(run_restore, RestoreOptions{folder_ / "none", "other", false}), kExitFailed);
  EXPECT_FALSE(std::filesystem::exists(room("other") / "data.mdb"));
}

}  // namespace
}  // namespace atelier::host
