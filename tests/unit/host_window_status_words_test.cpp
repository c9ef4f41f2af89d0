#include <algorithm>

#include <gtest/gtest.h>

#include "window/status_words.h"

namespace atelier::host {
namespace {

SyncStatus in_state(SyncState state) {
  SyncStatus status;
  status.state = state;
  return status;
}

std::string words(const SyncStatus& status, bool serving = false) {
  return status_in_words(status, serving, "http://127.0.0.1:17984").words;
}

TEST(StatusWordsTest, SayWhatALaypersonUnderstands) {
  EXPECT_EQ(words(in_state(SyncState::kLive)), "Live");
  EXPECT_EQ(words(in_state(SyncState::kConnecting)), "Connecting\u2026");
  EXPECT_EQ(words(in_state(SyncState::kNeedsAuth)), "Wrong user name or password");
  EXPECT_EQ(words(in_state(SyncState::kNone)), "Only on this computer");
  EXPECT_EQ(words(in_state(SyncState::kNone), true),
            "You are serving this room at http://127.0.0.1:17984");
}

TEST(StatusWordsTest, AnEndedRoomSaysWhyAndCallsItNoProblem) {
  SyncStatus status = in_state(SyncState::kEnded);
  status.last_error = "Olga ended this room.";
  EXPECT_EQ(words(status), "This room was ended");
  const auto details = status_details(status, false, "", 0);
  const auto why = std::find_if(details.begin(), details.end(),
                                [](const StatusDetail& one) { return one.name == std::string("Why"); });
  ASSERT_NE(why, details.end());
  EXPECT_EQ(why->value, "Olga ended this room.");
}

TEST(StatusWordsTest, CountWhatWaitsWhileOffline) {
  SyncStatus status = in_state(SyncState::kOffline);
  EXPECT_EQ(words(status), "Offline: you can go on");
  status.waiting = 1;
  EXPECT_EQ(words(status), "Offline: 1 change waiting");
  status.waiting = 3;
  EXPECT_EQ(words(status), "Offline: 3 changes waiting");
}

TEST(StatusWordsTest, CatchingUpTellsHowFarWhereThatIsKnown) {
  SyncStatus status = in_state(SyncState::kCatchingUp);
  status.done = 120;
  EXPECT_EQ(words(status), "Catching up\u2026");
  status.total = 500;
  EXPECT_EQ(words(status), "Catching up 120 of 500");
}

TEST(StatusWordsTest, WhatWasRefusedIsNotHiddenByLive) {
  SyncStatus status = in_state(SyncState::kLive);
  status.refused = 2;
  EXPECT_EQ(words(status), "Live, but 2 changes refused");
  EXPECT_EQ(status_in_words(status, false, "").mood, StatusMood::kWarn);
}

TEST(StatusWordsTest, ServerThatIsCutOffFromItsOwnIsToldBesideLive) {
  SyncStatus status = in_state(SyncState::kLive);
  status.upstream = SyncState::kLive;
  EXPECT_EQ(words(status), "Live");
  status.upstream = SyncState::kCatchingUp;  // does not last
  EXPECT_EQ(words(status), "Live");
  status.upstream = SyncState::kOffline;
  EXPECT_EQ(words(status), "Live, but its server is cut off");
  EXPECT_EQ(status_in_words(status, false, "").mood, StatusMood::kWarn);
  const auto details = status_details(status, false, "", 0);
  const auto of_server = std::find_if(details.begin(), details.end(), [](const StatusDetail& one) {
    return one.name == "Its own server";
  });
  ASSERT_NE(of_server, details.end());
  EXPECT_EQ(of_server->value, "Not reachable, tried again by itself");
  status.refused = 1;
  EXPECT_EQ(words(status), "Live, but 1 change refused");
}

TEST(StatusWordsTest, DetailsNameTheServerTheLastExchangeAndTheLastProblem) {
  SyncStatus status = in_state(SyncState::kOffline);
  status.peer = "http://example.org/lobby";
  status.last_error = "connection refused";
  status.last_success_ms = 1'000'000;
  status.retry_at_ms = 1'303'500;
  const auto details = status_details(status, false, "", 1'300'000);
  const auto value = [&](const std::string& name) {
    const auto found =
        std::find_if(details.begin(), details.end(), [&](auto& d) { return d.name == name; });
    return found == details.end() ? std::string() : found->value;
  };
  EXPECT_EQ(value("Syncing with"), "http://example.org/lobby");
  EXPECT_EQ(value("Last exchange"), "5 min ago");
  EXPECT_EQ(value("Next try"), "in 4 s");
  EXPECT_EQ(value("Last problem"), "connection refused");
}

}  // namespace
}  // namespace atelier::host
