// How the syncing is doing, in words that need no explanation. Thread rule: pure functions.
#pragma once

#include <string>
#include <vector>

#include "atelier/sync_status.h"

namespace atelier::host {

enum class StatusMood { kNeutral, kGood, kWarn, kBad };

struct StatusWords {
  std::string words;  // for the pill: "Offline: 3 messages waiting"
  StatusMood mood = StatusMood::kNeutral;
  std::string brief = {};  // where the words do not fit; empty: no shorter way to say it
};

/// `address` is where others reach the room when `serving`.
StatusWords status_in_words(const SyncStatus& status, bool serving, const std::string& address);

/// A line of the details that open on a click.
struct StatusDetail {
  std::string name, value;
};
std::vector<StatusDetail> status_details(const SyncStatus& status, bool serving,
                                         const std::string& address, std::int64_t now_ms);

}  // namespace atelier::host
