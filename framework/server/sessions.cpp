#include "server/sessions.h"

#include <algorithm>
#include <utility>

#include "base/digest.h"
#include "base/limits.h"

namespace atelier::server {

namespace {

std::string key_of(std::string_view token) {
  const Sha256 digest = sha256(token);
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string base64url(std::string_view bytes) {
  std::string text = base64(bytes);
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

}  // namespace

std::string Sessions::begin(std::string_view name, std::string_view account, std::string series,
                            std::int64_t now) {
  drop_old(now);
  const std::string token = base64url(random_bytes(kSessionTokenBytes));
  if (series.empty()) series = random_uuid();
  sessions_[key_of(token)] = {std::string(name), std::string(account), std::move(series), now,
                              now + kSessionSeconds};
  return token;
}

const Sessions::Session* Sessions::find(std::string_view token, std::int64_t now) const {
  const auto found = sessions_.find(key_of(token));
  return found == sessions_.end() || found->second.ends_at <= now ? nullptr : &found->second;
}

std::string Sessions::renew(std::string_view token, std::int64_t now) {
  const auto found = sessions_.find(key_of(token));
  if (found == sessions_.end() || now < found->second.made_at + kSessionSeconds / 2) return {};
  if (found->second.ends_at <= now + kSessionGraceSeconds) return {};
  found->second.ends_at = now + kSessionGraceSeconds;
  const Session old = found->second;  // begin() may drop it
  return begin(old.name, old.account, old.series, now);
}

void Sessions::end(std::string_view token) {
  const auto found = sessions_.find(key_of(token));
  if (found == sessions_.end()) return;
  const std::string series = found->second.series;
  std::erase_if(sessions_, [&](const auto& entry) { return entry.second.series == series; });
  if (ended_.size() >= kSessionsMax) ended_.clear();
  ended_.insert(series);
}

void Sessions::end_all(std::string_view name) {
  std::erase_if(sessions_, [&](const auto& entry) { return entry.second.name == name; });
}

void Sessions::drop_old(std::int64_t now) {
  if (sessions_.size() < kSessionsMax) return;
  std::erase_if(sessions_, [&](const auto& entry) { return entry.second.ends_at <= now; });
  if (sessions_.size() < kSessionsMax) return;
  sessions_.erase(std::min_element(
      sessions_.begin(), sessions_.end(),
      [](const auto& a, const auto& b) { return a.second.ends_at < b.second.ends_at; }));
}

}  // namespace atelier::server
