// Who is signed in: random tokens in a cookie, kept in memory, so that a restart signs everybody
// out and a sign-out is one for good. Thread rule: the server's thread.
//
// Invariants
//   1. A token is looked up by its digest, so that a lookup's time says nothing about a token.
//   2. A session is worth no more than the account it was made for: with another password or
//      without its document it is nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace atelier::server {

class Sessions {
 public:
  struct Session {
    std::string name;
    std::string account;  // a digest of what the account's password was made of
    std::string series;   // the same in all sessions that renewed one
    std::int64_t made_at = 0;
    std::int64_t ends_at = 0;
  };

  /// Begins a session; the token is the cookie's value. `now` in seconds.
  std::string begin(std::string_view name, std::string_view account, std::int64_t now) {
    return begin(name, account, {}, now);
  }
  /// The session of a token that is not over.
  const Session* find(std::string_view token, std::int64_t now) const;
  /// A token for the next half of a session whose first one is over; the old one stands for a
  /// few seconds, for requests that are on their way. Empty while there is no need.
  std::string renew(std::string_view token, std::int64_t now);
  /// It and what renewed it, or what it renewed.
  void end(std::string_view token);
  /// Whether somebody ended that series, by a sign-out; not, when its time was over.
  bool was_ended(const std::string& series) const { return ended_.contains(series); }
  /// All of one account.
  void end_all(std::string_view name);

 private:
  std::string begin(std::string_view name, std::string_view account, std::string series,
                    std::int64_t now);
  void drop_old(std::int64_t now);
  std::map<std::string, Session, std::less<>> sessions_;  // by the token's digest
  std::set<std::string> ended_;                            // series
};

}  // namespace atelier::server
