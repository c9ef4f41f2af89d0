// Goal: states have names that programs read back, and a status says all of itself in JSON.
#include <set>

#include <gtest/gtest.h>

#include "atelier/sync_status.h"

namespace atelier {
namespace {

TEST(SyncStatus, EveryStateHasANameOfItsOwnThatReadsBack) {
  std::set<std::string> names;
  for (const SyncState state : {SyncState::kNone, SyncState::kOffline, SyncState::kConnecting,
                                SyncState::kCatchingUp, SyncState::kLive, SyncState::kNeedsAuth,
                                SyncState::kRateLimited, SyncState::kStopped, SyncState::kEnded}) {
    names.insert(sync_state_name(state));
    EXPECT_EQ(sync_state_named(sync_state_name(state)), state) << sync_state_name(state);
  }
  EXPECT_EQ(names.size(), 9u);
  for (const char* bad : {"", "Live", "liv", "live ", "catching up"}) {
    EXPECT_EQ(sync_state_named(bad), SyncState::kNone) << bad;
  }
}

TEST(SyncStatus, UpstreamStandsInTheJsonWhereItIsKnown) {
  SyncStatus status;
  status.state = SyncState::kLive;
  EXPECT_EQ(sync_status_json(status).find("upstream"), std::string::npos);
  status.upstream = SyncState::kNeedsAuth;
  EXPECT_NE(sync_status_json(status).find("\"upstream\":\"needs_auth\""), std::string::npos);
}

}  // namespace
}  // namespace atelier
