#include "base/peer_clocks.h"

#include <algorithm>
#include <vector>

#include "base/http_date.h"

namespace atelier {

void PeerClocks::heard(std::string_view who, std::string_view date) {
  const auto seconds = parse_http_date(date);
  if (!seconds) return;
  const std::int64_t now = clock_.monotonic_ms();
  const Word word{*seconds * 1'000 + 500 - now, now};
  const std::lock_guard lock(mutex_);
  if (const auto known = words_.find(who); known != words_.end()) {
    known->second = word;
    return;
  }
  if (words_.size() >= kPeersMax) {
    words_.erase(std::min_element(words_.begin(), words_.end(), [](const auto& a, const auto& b) {
      return a.second.at_ms < b.second.at_ms;
    }));
  }
  words_.emplace(who, word);
}

std::optional<std::int64_t> PeerClocks::wall_ms() const {
  const std::int64_t now = clock_.monotonic_ms();
  std::vector<std::int64_t> ahead;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [who, word] : words_)
      if (now - word.at_ms <= kFreshMs) ahead.push_back(word.ahead_ms);
  }
  if (ahead.empty()) return std::nullopt;
  const auto middle = ahead.begin() + static_cast<std::ptrdiff_t>(ahead.size() / 2);
  std::nth_element(ahead.begin(), middle, ahead.end());
  return now + *middle;
}

PeerClocks& peer_clocks() {
  static PeerClocks clocks(system_clock());
  return clocks;
}

}  // namespace atelier
