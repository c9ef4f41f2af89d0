#include "atelier/sync_status.h"

#include "base/json_text.h"

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
    case SyncState::kEnded:
      return "ended";
  }
  return "none";
}

SyncState sync_state_named(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(SyncState::kEnded); ++i) {
    const auto state = static_cast<SyncState>(i);
    if (name == sync_state_name(state)) return state;
  }
  return SyncState::kNone;
}

std::string sync_status_json(const SyncStatus& status) {
  const auto number = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  json::Writer out;
  out.begin_object().key("state").string(sync_state_name(status.state));
  out.key("peer").string(status.peer);
  out.key("done").integer(number(status.done)).key("total").integer(number(status.total));
  out.key("bytes").integer(number(status.bytes)).key("per_second").number(status.per_second);
  out.key("waiting").integer(number(status.waiting));
  out.key("incoming").integer(number(status.incoming));
  out.key("refused").integer(number(status.refused));
  out.key("last_error").string(status.last_error);
  out.key("notice").string(status.notice);
  out.key("last_success_ms").integer(status.last_success_ms);
  out.key("retry_at_ms").integer(status.retry_at_ms);
  if (status.upstream != SyncState::kNone) {
    out.key("upstream").string(sync_state_name(status.upstream));
  }
  out.end_object();
  return out.take();
}

}  // namespace atelier
