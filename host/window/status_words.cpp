// See status_words.h. Thread rule: pure functions.
#include "window/status_words.h"

#include "atelier/ui.h"

namespace atelier::host {
namespace {

std::string changes(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " change" : " changes");
}

StatusWords without_peer(const SyncStatus&, bool serving, const std::string& address) {
  if (!serving) return {"Only on this computer", StatusMood::kNeutral};
  return {"You are serving this room at " + address, StatusMood::kGood,
          "You are serving this room"};
}

std::string catching_up(const SyncStatus& status) {
  if (status.total == 0) return "Catching up\u2026";
  return "Catching up " + std::to_string(status.done) + " of " + std::to_string(status.total);
}

std::string state_name_for_people(SyncState state) {
  switch (state) {
    case SyncState::kNone:
      return "No server named";
    case SyncState::kOffline:
      return "Not reachable, tried again by itself";
    case SyncState::kConnecting:
      return "Connecting";
    case SyncState::kCatchingUp:
      return "Catching up";
    case SyncState::kLive:
      return "Connected, changes cross at once";
    case SyncState::kNeedsAuth:
      return "User name or password refused";
    case SyncState::kRateLimited:
      return "Asked to slow down";
    case SyncState::kStopped:
      return "Stopped";
    case SyncState::kEnded:
      return "Ended by its owner";
  }
  return "";
}

/// Of a server that passes everything on to another one: what lasts, and not each short wait.
bool is_cut_off(SyncState upstream) {
  return upstream == SyncState::kOffline || upstream == SyncState::kNeedsAuth ||
         upstream == SyncState::kRateLimited || upstream == SyncState::kStopped;
}

}  // namespace

StatusWords status_in_words(const SyncStatus& status, bool serving, const std::string& address) {
  switch (status.state) {
    case SyncState::kNone:
      return without_peer(status, serving, address);
    case SyncState::kOffline:
      if (status.waiting == 0) return {"Offline: you can go on", StatusMood::kWarn};
      return {"Offline: " + changes(status.waiting) + " waiting", StatusMood::kWarn};
    case SyncState::kConnecting:
      return {"Connecting\u2026", StatusMood::kNeutral};
    case SyncState::kCatchingUp:
      return {catching_up(status), StatusMood::kNeutral};
    case SyncState::kLive:
      if (status.refused > 0)
        return {"Live, but " + changes(status.refused) + " refused", StatusMood::kWarn};
      if (status.waiting > 0)
        return {"Live: sending " + changes(status.waiting), StatusMood::kGood};
      if (is_cut_off(status.upstream)) return {"Live, but its server is cut off", StatusMood::kWarn};
      return {"Live", StatusMood::kGood};
    case SyncState::kNeedsAuth:
      return {"Wrong user name or password", StatusMood::kBad};
    case SyncState::kRateLimited:
      return {"The server asks to slow down", StatusMood::kWarn};
    case SyncState::kStopped:
      return {"Not syncing: needs your help", StatusMood::kBad};
    case SyncState::kEnded:
      return {"This room was ended", StatusMood::kWarn};
  }
  return {};
}

std::vector<StatusDetail> status_details(const SyncStatus& status, bool serving,
                                         const std::string& address, std::int64_t now_ms) {
  std::vector<StatusDetail> details;
  const auto add = [&](const char* name, std::string value) {
    if (!value.empty()) details.push_back({name, std::move(value)});
  };
  if (serving) add("Address", address);
  if (status.state == SyncState::kNone) return details;
  add("Syncing with", status.peer);
  add("State", state_name_for_people(status.state));
  if (is_cut_off(status.upstream)) {
    add("Its own server", state_name_for_people(status.upstream));
    add("So", "What you write reaches who is at this server, and all others later");
  }
  if (status.waiting > 0) add("To be sent", changes(status.waiting));
  if (status.refused > 0) add("Refused there", changes(status.refused) + ", kept here");
  if (status.last_success_ms > 0)
    add("Last exchange", ui::relative_time(status.last_success_ms, now_ms));
  if (status.retry_at_ms > now_ms)
    add("Next try", "in " + std::to_string((status.retry_at_ms - now_ms + 999) / 1000) + " s");
  add(status.state == SyncState::kEnded ? "Why" : "Last problem", status.last_error);
  add("Note", status.notice);
  return details;
}

}  // namespace atelier::host
