// Dates of HTTP, and what the clocks of others say.
#include <string>

#include <gtest/gtest.h>

#include "base/http_date.h"
#include "base/peer_clocks.h"

namespace atelier {
namespace {

constexpr std::int64_t kNow = 1'795'406'464;  // seconds: Mon, 23 Nov 2026 04:01:04 GMT

class HandTurned : public Clock {
 public:
  std::int64_t wall_ms() const override { return 0; }
  std::int64_t monotonic_ms() const override { return monotonic; }
  std::int64_t monotonic = 5'000;
};

TEST(HttpDate, IsWrittenAndRead) {
  EXPECT_EQ(http_date(kNow), "Mon, 23 Nov 2026 04:01:04 GMT");
  EXPECT_EQ(parse_http_date("Mon, 23 Nov 2026 04:01:04 GMT"), kNow);
  for (const std::int64_t seconds : {0LL, 951'782'399LL, 951'782'400LL, 4'102'444'800LL, -1LL})
    EXPECT_EQ(parse_http_date(http_date(seconds)), seconds) << http_date(seconds);
}

TEST(HttpDate, OtherTextsAreNoDates) {
  for (const char* text :
       {"", "now", "Monday, 23-Nov-26 04:01:04 GMT", "Mon Nov 23 04:01:04 2026",
        "Mon, 23 Nov 2026 04:01:04 UTC", "Mon, 23 Nov 2026 24:01:04 GMT",
        "Mon, 31 Feb 2026 04:01:04 GMT", "Mon, 23 nov 2026 04:01:04 GMT",
        "Xxx, 23 Nov 2026 04:01:04 GMT", "Mon, -3 Nov 2026 04:01:04 GMT",
        "Mon, 23 Nov 2026 04:61:04 GMT", "Mon, 23 Nov 2026 04:01:04 GMT "})
    EXPECT_FALSE(parse_http_date(text)) << text;
}

TEST(PeerClocks, NobodyWasHeard) {
  HandTurned clock;
  PeerClocks clocks(clock);
  EXPECT_FALSE(clocks.wall_ms());
  clocks.heard("10.0.0.1", "yesterday");
  EXPECT_FALSE(clocks.wall_ms());
}

TEST(PeerClocks, TheTimeGoesOnAfterAWordAndIsForgottenInTheEnd) {
  HandTurned clock;
  PeerClocks clocks(clock);
  clocks.heard("10.0.0.1", http_date(kNow));
  clock.monotonic += 60'000;
  EXPECT_EQ(clocks.wall_ms(), kNow * 1'000 + 500 + 60'000);
  clock.monotonic += PeerClocks::kFreshMs;
  EXPECT_FALSE(clocks.wall_ms());
}

TEST(PeerClocks, OneMachineHasOneVoteAndTheMedianCounts) {
  HandTurned clock;
  PeerClocks clocks(clock);
  for (int i = 0; i < 10; ++i) clocks.heard("10.0.0.9", http_date(kNow + 1'000'000 + i));
  clocks.heard("10.0.0.1", http_date(kNow));
  clocks.heard("10.0.0.2", http_date(kNow + 1));
  EXPECT_EQ(clocks.wall_ms(), (kNow + 1) * 1'000 + 500);
}

TEST(PeerClocks, OfTooManyTheOldestWordGoes) {
  HandTurned clock;
  PeerClocks clocks(clock);
  for (std::size_t i = 0; i < PeerClocks::kPeersMax; ++i) {
    clocks.heard("old " + std::to_string(i), http_date(0));
    clock.monotonic += 1;
  }
  for (std::size_t i = 0; i < PeerClocks::kPeersMax; ++i) {
    clocks.heard("new " + std::to_string(i), http_date(kNow));
    clock.monotonic += 1;
  }
  EXPECT_GE(clocks.wall_ms().value_or(0), kNow * 1'000);
}

}  // namespace
}  // namespace atelier
