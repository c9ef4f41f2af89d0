// Goal: two sides agree on a position that both really reached, whatever one of them forgot.
// Method: checkpoints are made as a replication makes them, and one side is set back.
#include <gtest/gtest.h>

#include "base/json_text.h"
#include "base/limits.h"
#include "replication/checkpoint.h"

namespace atelier {
namespace {

Checkpoint advanced(const Checkpoint& before, const std::string& seq) {
  return advance_checkpoint(before, seq, {});
}

std::string resumed_at(const Checkpoint& source, const Checkpoint& target) {
  const Checkpoint common = common_checkpoint(source, target);
  return common.history.empty() ? "nothing" : common.history.front().recorded_seq;
}

/// As both sides would read it back.
Checkpoint reread(const Checkpoint& checkpoint) {
  return parse_checkpoint(checkpoint_json(checkpoint));
}

TEST(ReplicationCheckpoint, EqualSidesGoOnWhereTheyWere) {
  const Checkpoint both = advanced(advanced({}, "3-a"), "7-b");
  EXPECT_EQ(resumed_at(reread(both), reread(both)), "7-b");
}

TEST(ReplicationCheckpoint, DocumentHasWhatCouchDbsReplicatorWrites) {
  const std::string text = checkpoint_json(advanced({}, "7-b"));
  EXPECT_EQ(json::string_member(text, "source_last_seq"), "7-b");
  EXPECT_EQ(json::int_member(text, "replication_id_version"), 4);
  const auto entry = parse_checkpoint(text).history.at(0).json;
  for (const char* key :
       {"session_id", "start_time", "end_time", "start_last_seq", "end_last_seq", "recorded_seq",
        "missing_checked", "missing_found", "docs_read", "docs_written", "doc_write_failures"}) {
    EXPECT_TRUE(json::member(entry, key)) << key;
  }
}

TEST(ReplicationCheckpoint, KillBetweenTheTwoWritesFallsBackToTheOlder) {
  const Checkpoint older = advanced({}, "3-a");
  const Checkpoint newer = advanced(older, "7-b");
  EXPECT_EQ(resumed_at(reread(older), reread(newer)), "3-a");
  EXPECT_EQ(resumed_at(reread(newer), reread(older)), "3-a");
}

TEST(ReplicationCheckpoint, RestoredSideFindsAPositionItReallyReached) {
  Checkpoint now;
  std::vector<Checkpoint> at;
  for (int n = 1; n <= 2'000; ++n) {
    now = advanced(now, std::to_string(n));
    ASSERT_LE(now.history.size(), kCheckpointHistoryMax);
    at.push_back(reread(now));
  }
  for (const unsigned backup : {1999u, 1990u, 1500u, 1100u, 700u}) {
    const std::string seq = resumed_at(at.back(), at[backup - 1]);
    ASSERT_NE(seq, "nothing") << backup;
    const auto found = std::stoul(seq);
    EXPECT_LE(found, backup);
    EXPECT_GE(found + (2'000 - found) / 2 + 8, backup) << "much was thrown away";
  }
}

TEST(ReplicationCheckpoint, StrangersHaveNothingInCommon) {
  EXPECT_EQ(resumed_at(advanced({}, "3"), advanced({}, "3")), "nothing");
  EXPECT_EQ(resumed_at({}, advanced({}, "3")), "nothing");
}

TEST(ReplicationCheckpoint, GarbageIsNoCheckpoint) {
  for (const char* text : {"", "nonsense", "[]", "{\"history\":7}", "{\"history\":[7,{}]}",
                           "{\"session_id\":7,\"history\":[{\"session_id\":7}]}"}) {
    EXPECT_TRUE(parse_checkpoint(std::string(text)).history.empty()) << text;
  }
  EXPECT_TRUE(parse_checkpoint(std::nullopt).history.empty());
}

TEST(ReplicationCheckpoint, PositionsOfOtherProgramsStayOpaque) {
  const Checkpoint found = parse_checkpoint(
      "{\"history\":[{\"session_id\":\"a\",\"recorded_seq\":[5,\"x\"]},"
      "{\"session_id\":\"b\",\"recorded_seq\":12},{\"session_id\":\"c\",\"recorded_seq\":0}]}");
  ASSERT_EQ(found.history.size(), 3u);
  EXPECT_EQ(found.history[0].recorded_seq, "[5,\"x\"]");
  EXPECT_EQ(found.history[1].recorded_seq, "12");
  EXPECT_EQ(found.history[2].recorded_seq, "");
}

}  // namespace
}  // namespace atelier
