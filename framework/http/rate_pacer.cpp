#include "http/rate_pacer.h"

#include <algorithm>

#include "base/limits.h"

namespace atelier {
namespace {

constexpr std::int64_t kWindowMs = 1'000;  // Cloudant's sliding second

}  // namespace

RequestClass request_class(std::string_view method, std::string_view path) {
  const std::string_view plain = path.substr(0, path.find('?'));
  for (const char* query : {"/_changes", "/_all_docs", "/_find"}) {
    if (plain.ends_with(query)) return RequestClass::kQuery;
  }
  if (method == "GET" || method == "HEAD") return RequestClass::kRead;
  for (const char* read : {"/_bulk_get", "/_revs_diff", "/_session"}) {
    if (plain.ends_with(read)) return RequestClass::kRead;
  }
  return RequestClass::kWrite;
}

void RatePacer::forget_old(Pace& pace, std::int64_t now_ms) const {
  while (!pace.sent_ms.empty() && pace.sent_ms.front() <= now_ms - kWindowMs) {
    pace.sent_ms.pop_front();
  }
}

std::int64_t RatePacer::wait_ms(RequestClass kind, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  Pace& pace = paces_[static_cast<std::size_t>(kind)];
  forget_old(pace, now_ms);
  if (pace.limit > 0 && pace.sent_ms.size() >= static_cast<std::size_t>(pace.limit)) {
    const std::size_t first = pace.sent_ms.size() - static_cast<std::size_t>(pace.limit);
    return std::max<std::int64_t>(pace.sent_ms[first] + kWindowMs - now_ms, 1);
  }
  // Beyond the highest limit that is kept the number does not matter.
  if (pace.sent_ms.size() > static_cast<std::size_t>(kPacedRequestsMax)) pace.sent_ms.pop_front();
  pace.sent_ms.push_back(now_ms);
  return 0;
}

void RatePacer::answered(RequestClass kind, bool limited, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  Pace& pace = paces_[static_cast<std::size_t>(kind)];
  forget_old(pace, now_ms);
  const bool settled = now_ms - pace.changed_ms >= kWindowMs || pace.changed_ms == 0;
  if (limited) {
    if (!settled && pace.limit > 0) return;  // sent before the last change
    const int now = pace.limit > 0 ? pace.limit : static_cast<int>(pace.sent_ms.size());
    pace.limit = std::max(now / 2, 1);
    pace.changed_ms = now_ms;
  } else if (pace.limit > 0 && settled) {
    pace.changed_ms = now_ms;
    if (++pace.limit > kPacedRequestsMax) pace.limit = 0;
  }
}

int RatePacer::limit(RequestClass kind) const {
  const std::lock_guard lock(mutex_);
  return paces_[static_cast<std::size_t>(kind)].limit;
}

}  // namespace atelier
