#include "atelier/sync_status.h"

namespace atelier {

const char* sync_state_name(SyncState state) {
  switch (state) {
    case SyncState::kNone:
      return "none";
    case SyncState::kOffline:
      return "offline";
    case SyncState::kConnecting:
      return "connecting";
    case SyncState::kCatchingUp:
      return "catching_up";
    case SyncState::kLive:
      return "live";
    case SyncState::kNeedsAuth:
      return "needs_auth";
    case SyncState::kRateLimited:
      return "rate_limited";
    case SyncState::kStopped:
      return "stopped";
  }
  return "none";
}

}  // namespace atelier
