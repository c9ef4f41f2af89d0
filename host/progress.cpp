#include "progress.h"

#include <algorithm>
#include <cstdio>
#include <ostream>

namespace atelier::host {
namespace {

constexpr int kBarCells = 20;
constexpr auto kDrawEvery = std::chrono::milliseconds(100);

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string size_in_words(std::uint64_t bytes) {
  char text[32];
  if (bytes < 1'000'000) {
    std::snprintf(text, sizeof text, "%.1f kB", static_cast<double>(bytes) / 1e3);
  } else {
    std::snprintf(text, sizeof text, "%.1f MB", static_cast<double>(bytes) / 1e6);
  }
  return text;
}

std::string bar(std::uint64_t done, std::uint64_t total) {
  const auto cells = static_cast<std::size_t>(
      std::min<std::uint64_t>(kBarCells, total == 0 ? 0 : done * kBarCells / total));
  return "[" + std::string(cells, '#') + std::string(kBarCells - cells, '.') + "]";
}

}  // namespace

std::string progress_words(const SyncStatus& status) {
  std::string words = sync_state_name(status.state);
  std::replace(words.begin(), words.end(), '_', ' ');
  if (status.state == SyncState::kCatchingUp) {
    if (status.total > 0) words += " " + bar(status.done, status.total);
    words += " " + grouped(status.done);
    if (status.total > 0) words += " of " + grouped(status.total);
    if (status.per_second >= 1) {
      words += ", " + grouped(static_cast<std::uint64_t>(status.per_second)) + "/s";
    }
    if (status.bytes > 0) words += ", " + size_in_words(status.bytes);
  }
  if (status.waiting > 0) words += ", " + grouped(status.waiting) + " to send";
  if (status.refused > 0) words += ", " + grouped(status.refused) + " refused";
  if (!status.last_error.empty()) words += ": " + status.last_error;
  if (!status.notice.empty()) words += " (" + status.notice + ")";
  if (status.upstream != SyncState::kNone && status.upstream != SyncState::kLive) {
    words += std::string(" (the server's own upstream: ") + sync_state_name(status.upstream) + ")";
  }
  return words;
}

std::string blob_progress_words(const std::string& name, std::uint64_t done, std::uint64_t total) {
  std::string words = "fetching " + name + " ";
  if (total > 0) words += bar(std::min(done, total), total) + " ";
  words += size_in_words(done);
  if (total > 0) words += " of " + size_in_words(total);
  return words;
}

void ProgressLine::show(const SyncStatus& status) {
  if (terminal_) show(progress_words(status));
}

void ProgressLine::show(const std::string& words) {
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || (drawn_ && now - drawn_at_ < kDrawEvery)) return;
  drawn_ = true;
  drawn_at_ = now;
  out_ << "\r\033[K" << words << std::flush;
}

void ProgressLine::clear() {
  if (drawn_) out_ << "\r\033[K" << std::flush;
  drawn_ = false;
}

}  // namespace atelier::host
